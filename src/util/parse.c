/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/parse.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

int parse_u64(const char *s, size_t n, uint64_t *ret)
{
	bool over = false;
	uint64_t v = 0;

	if (n == 0)
		return -EBADMSG;

	/* A wrong character counts more than a large number, wherever it stands. */
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return -EBADMSG;
		over |= __builtin_mul_overflow(v, 10U, &v);
		over |= __builtin_add_overflow(v, (unsigned)(s[i] - '0'), &v);
	}
	if (over)
		return -ERANGE;

	*ret = v;
	return 0;
}

int parse_u32(const char *s, size_t n, uint32_t *ret)
{
	uint64_t v;
	int r;

	r = parse_u64(s, n, &v);
	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;

	*ret = (uint32_t)v;
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit *find_unit(const struct unit *units, size_t n_units, const char *s,
				    size_t n)
{
	for (size_t i = 0; i < n_units; i++)
		if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
			return &units[i];
	return NULL;
}

int parse_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{"", 1},
		{"B", 1},
		{"K", UINT64_C(1) << 10},
		{"M", UINT64_C(1) << 20},
		{"G", UINT64_C(1) << 30},
		{"T", UINT64_C(1) << 40},
		{"KiB", UINT64_C(1) << 10},
		{"MiB", UINT64_C(1) << 20},
		{"GiB", UINT64_C(1) << 30},
		{"TiB", UINT64_C(1) << 40},
		{"kB", UINT64_C(1000)},
		{"MB", UINT64_C(1000000)},
		{"GB", UINT64_C(1000000000)},
		{"TB", UINT64_C(1000000000000)},
	};
	size_t digits = strspn(s, "0123456789");
	const char *rest = skip_blanks(s + digits);
	const struct unit *unit;
	uint64_t v;
	int r;

	unit = find_unit(units, ELEMENTS(units), rest, strlen(rest));
	if (!unit || (!*rest && rest != s + digits))
		return -EBADMSG;
	r = parse_u64(s, digits, &v);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(v, unit->factor, &v))
		return -ERANGE;

	*ret_bytes = v;
	return 0;
}

int parse_rate(const char *s, uint64_t *ret_bytes_per_sec)
{
	static const char per[] = "/s";
	size_t n = strlen(s);
	char size[64];

	if (n > strlen(per) && strcmp(s + n - strlen(per), per) == 0)
		n -= strlen(per);
	if (n >= sizeof(size))
		return -EBADMSG;
	memcpy(size, s, n);
	size[n] = '\0';
	return parse_size(size, ret_bytes_per_sec);
}

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define WEEK   (7 * DAY)
#define MONTH  (UINT64_C(2629800) * USEC_PER_SEC)
#define YEAR   (UINT64_C(31557600) * USEC_PER_SEC)

static const struct unit span_units[] = {
	{"", USEC_PER_SEC},
	{"us", 1},
	{"usec", 1},
	{"ms", USEC_PER_MSEC},
	{"msec", USEC_PER_MSEC},
	{"s", USEC_PER_SEC},
	{"sec", USEC_PER_SEC},
	{"second", USEC_PER_SEC},
	{"seconds", USEC_PER_SEC},
	{"m", MINUTE},
	{"min", MINUTE},
	{"minute", MINUTE},
	{"minutes", MINUTE},
	{"h", HOUR},
	{"hr", HOUR},
	{"hour", HOUR},
	{"hours", HOUR},
	{"d", DAY},
	{"day", DAY},
	{"days", DAY},
	{"w", WEEK},
	{"week", WEEK},
	{"weeks", WEEK},
	{"M", MONTH},
	{"month", MONTH},
	{"months", MONTH},
	{"y", YEAR},
	{"year", YEAR},
	{"years", YEAR},
};

/* One "NUMBER[.FRACTION] [UNIT]" of a span; *ps is moved behind it. */
static int parse_span_part(const char **ps, uint64_t *ret_usec)
{
	const char *s = *ps, *fraction = NULL, *word;
	size_t digits = strspn(s, "0123456789"), n_fraction = 0, n_word = 0;
	const struct unit *unit;
	uint64_t v, scale;
	int r;

	r = parse_u64(s, digits, &v);
	if (r == -EBADMSG)
		return r;
	if (s[digits] == '.') {
		fraction = s + digits + 1;
		n_fraction = strspn(fraction, "0123456789");
		if (n_fraction == 0)
			return -EBADMSG;
	}

	word = skip_blanks(fraction ? fraction + n_fraction : s + digits);
	while (word[n_word] && !is_digit(word[n_word]) && !strchr(" \t", word[n_word]))
		n_word++;
	unit = find_unit(span_units, ELEMENTS(span_units), word, n_word);
	if (!unit)
		return -EBADMSG;
	*ps = word + n_word;
	if (r < 0 || __builtin_mul_overflow(v, unit->factor, &v))
		return -ERANGE;

	scale = unit->factor;
	for (size_t i = 0; i < n_fraction && scale > 0; i++) {
		scale /= 10;
		if (__builtin_add_overflow(v, (uint64_t)(fraction[i] - '0') * scale, &v))
			return -ERANGE;
	}
	*ret_usec = v;
	return 0;
}

int parse_span(const char *s, uint64_t *ret_usec)
{
	bool over = false;
	uint64_t sum = 0;

	do {
		uint64_t part = 0;
		int r = parse_span_part(&s, &part);

		if (r == -EBADMSG)
			return r;
		over |= r < 0 || __builtin_add_overflow(sum, part, &sum);
		if (*s && !*skip_blanks(s))
			return -EBADMSG;
		s = skip_blanks(s);
	} while (*s);
	if (over)
		return -ERANGE;

	*ret_usec = sum;
	return 0;
}

char *format_size(char *buf, size_t n, uint64_t bytes)
{
	static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	uint64_t unit = 1024, tenths = 0;
	size_t i = 0;

	if (bytes < 1024) {
		(void)snprintf(buf, n, "%u B",
			       (unsigned)bytes); /* cut if the caller's is short */
		return buf;
	}
	for (;; i++, unit <<= 10) {
		tenths = bytes / unit * 10 + (bytes % unit * 10 + unit / 2) / unit;
		/* Compared after rounding, or there would be a "1024.0 KiB". */
		if (tenths < 10240 || i + 1 == ELEMENTS(names))
			break;
	}
	(void)snprintf(buf, n, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10),
		       names[i]);
	return buf;
}

char *format_span(char *buf, size_t n, uint64_t usec)
{
	static const struct {
		uint64_t usec;
		const char *name;
	} units[] = {{DAY, "d"}, {HOUR, "h"}, {MINUTE, "min"}, {USEC_PER_SEC, "s"}};
	uint64_t big, rest;
	size_t i = 0;

	if (usec == USEC_INFINITY)
		(void)snprintf(buf, n, "forever");
	else if (usec == 0)
		(void)snprintf(buf, n, "0 s");
	else if (usec < USEC_PER_MSEC)
		(void)snprintf(buf, n, "%u us", (unsigned)usec);
	else if (usec < USEC_PER_SEC)
		(void)snprintf(buf, n, "%u ms", (unsigned)(usec / USEC_PER_MSEC));
	else if (usec < 10 * USEC_PER_SEC)
		(void)snprintf(buf, n, "%u.%u s", (unsigned)(usec / USEC_PER_SEC),
			       (unsigned)(usec % USEC_PER_SEC / 100000));
	if (usec == USEC_INFINITY || usec < 10 * USEC_PER_SEC)
		return buf;

	while (usec < units[i].usec)
		i++;
	big = usec / units[i].usec;
	rest = i + 1 < ELEMENTS(units) ? usec % units[i].usec / units[i + 1].usec : 0;
	if (rest > 0)
		(void)snprintf(buf, n, "%llu %s %llu %s", (unsigned long long)big,
			       units[i].name, (unsigned long long)rest, units[i + 1].name);
	else
		(void)snprintf(buf, n, "%llu %s", (unsigned long long)big, units[i].name);
	return buf;
}

void format_hex(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *u = p;

	for (size_t i = 0; i < n; i++) {
		*out++ = digits[u[i] >> 4];
		*out++ = digits[u[i] & 15];
	}
	*out = '\0';
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int parse_hex(const char *s, size_t n, void *out)
{
	unsigned char *u = out;

	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(s[2 * i]), low = high < 0 ? -1 : hex_digit(s[2 * i + 1]);

		if (low < 0)
			return -EBADMSG;
		u[i] = (unsigned char)(high << 4 | low);
	}
	return 0;
}
