/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/parse.h>
#include <mailmig/schedule.h>
#include <mailmig/text.h>
#include <string.h>

/* libsystemd has no parser of calendar expressions. This one knows the forms that people write;
 * whatever it takes systemd takes too, not the other way round. */

static const char *const shorthands[] = {
	"minutely", "hourly",   "daily",        "weekly",        "monthly",
	"yearly",   "annually", "semiannually", "semi-annually", "quarterly",
};

/* From Monday, as systemd counts; a range must not go backwards. */
static const char *const weekdays[][2] = {
	{"Mon", "Monday"}, {"Tue", "Tuesday"},  {"Wed", "Wednesday"}, {"Thu", "Thursday"},
	{"Fri", "Friday"}, {"Sat", "Saturday"}, {"Sun", "Sunday"},
};

struct word {
	const char *p;
	size_t n;
};

static bool word_is(struct word w, const char *s)
{
	return strlen(s) == w.n && text_ieqn(w.p, w.n, s);
}

/* Cut off what stands before the first `separator`; false when there is none. */
static bool cut(struct word *rest, const char *separator, struct word *ret)
{
	const char *found = memmem(rest->p, rest->n, separator, strlen(separator));
	size_t n;

	if (!found)
		return false;

	n = (size_t)(found - rest->p);
	*ret = (struct word){rest->p, n};
	n += strlen(separator);
	rest->p += n;
	rest->n -= n;
	return true;
}

static bool is_shorthand(struct word w)
{
	for (size_t i = 0; i < ELEMENTS(shorthands); i++)
		if (word_is(w, shorthands[i]))
			return true;
	return false;
}

/* ---- weekdays ---- */

/* 0 for Monday; -1 for no weekday. */
static int weekday(struct word w)
{
	for (size_t i = 0; i < ELEMENTS(weekdays); i++)
		if (word_is(w, weekdays[i][0]) || word_is(w, weekdays[i][1]))
			return (int)i;
	return -1;
}

static bool is_weekday_range(struct word w)
{
	struct word first = w;
	bool range = cut(&w, "..", &first);

	return weekday(first) >= 0 && (!range || weekday(first) <= weekday(w));
}

static bool is_weekdays(struct word w)
{
	struct word one;

	while (cut(&w, ",", &one))
		if (!is_weekday_range(one))
			return false;
	return is_weekday_range(w);
}

/* ---- numbers ---- */

static bool number(struct word w, uint32_t low, uint32_t high, uint32_t *ret)
{
	return w.n <= 2 && parse_u32(w.p, w.n, ret) == 0 && *ret >= low && *ret <= high;
}

/* "7", "7..9", "0/15", "6..20/2": a step must hit at least one number more. */
static bool is_number_range(struct word w, uint32_t low, uint32_t high)
{
	uint32_t first, last = high, step = 1;
	struct word text = w, head;
	bool stepped, range;

	stepped = cut(&w, "/", &text);
	if (stepped && !number(w, 1, high, &step))
		return false;
	head = text;
	range = cut(&text, "..", &head);
	if (!number(head, low, high, &first))
		return false;
	if (range && (!number(text, low, high, &last) || last <= first))
		return false;
	return !stepped || first + step <= last;
}

/* A list of such, or "*". */
static bool is_numbers(struct word w, uint32_t low, uint32_t high)
{
	struct word one;

	if (w.n == 1 && *w.p == '*')
		return true;
	while (cut(&w, ",", &one))
		if (!is_number_range(one, low, high))
			return false;
	return is_number_range(w, low, high);
}

/* ---- date and time ---- */

/* YEAR-MONTH-DAY or MONTH-DAY; the year is "*": any other ends one day, and with it the runs.
 */
static bool is_date(struct word w)
{
	struct word first, month;

	if (!cut(&w, "-", &first))
		return false;
	if (!cut(&w, "-", &month))
		return is_numbers(first, 1, 12) && is_numbers(w, 1, 31);
	return first.n == 1 && *first.p == '*' && is_numbers(month, 1, 12) &&
	       is_numbers(w, 1, 31);
}

/* HOUR:MINUTE or HOUR:MINUTE:SECOND. */
static bool is_time(struct word w)
{
	struct word hour, minute;

	if (!cut(&w, ":", &hour))
		return false;
	if (cut(&w, ":", &minute) && !is_numbers(minute, 0, 59))
		return false;
	return is_numbers(hour, 0, 23) && is_numbers(w, 0, 59);
}

/* ---- all of it ---- */

/* The next word of s; false at the end. Systemd wants a single blank before UTC: an empty word
 * between two blanks is nothing that is known. */
static bool next_word(const char **s, struct word *ret)
{
	if (!**s)
		return false;

	*ret = (struct word){*s, strcspn(*s, " ")};
	*s += ret->n;
	*s += **s == ' ';
	return true;
}

static bool is_calendar(const char *s)
{
	bool (*const parts[])(struct word) = {is_weekdays, is_date, is_time};
	struct word w;
	bool more = next_word(&s, &w);
	size_t n_parts = 0;

	if (more && is_shorthand(w)) {
		n_parts = 1;
		more = next_word(&s, &w);
	} else {
		for (size_t i = 0; i < ELEMENTS(parts) && more; i++) {
			if (!parts[i](w))
				continue;
			n_parts++;
			more = next_word(&s, &w);
		}
	}
	if (more && n_parts > 0 && w.n == 3 && memcmp(w.p, "UTC", 3) == 0)
		more = next_word(&s, &w);
	return n_parts > 0 && !more;
}

/* Neither quotes nor '%', '\\', '#', ';' nor control characters: they mean something in a unit
 * file. Those of time zones are among the legal ones. */
static bool has_legal_characters(const char *s)
{
	static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789 *,-./:~+_";
	size_t n = strlen(s);

	return n > 0 && n <= SCHEDULE_TEXT_MAX && strspn(s, legal) == n && *s != ' ' &&
	       s[n - 1] != ' ';
}

int schedule_parse(const char *s, struct schedule *ret)
{
	uint64_t usec = 0;
	int r;

	if (!has_legal_characters(s))
		return -EBADMSG;

	r = parse_span(s, &usec);
	if (r == -ERANGE || (r == 0 && (usec < SCHEDULE_SPAN_MIN || usec > SCHEDULE_SPAN_MAX)))
		return -ERANGE;
	if (r == 0)
		*ret = (struct schedule){SCHEDULE_SPAN, usec};
	else
		*ret = (struct schedule){is_calendar(s) ? SCHEDULE_CALENDAR : SCHEDULE_UNSURE,
					 0};
	return 0;
}
