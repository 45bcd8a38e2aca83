/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>

#define GAP        2
#define BAR_MIN    10
#define BAR_MAX    30
#define FOLDER_MIN 12

char *throttled_until(char *buf, size_t n, const json_t *o)
{
	char when[CLOCK_LOCAL_MAX];
	uint64_t until;

	*buf = '\0';
	if (clock_parse_rfc3339(member_str(o, "until"), &until) == 0)
		(void)snprintf(buf, n, "throttled until %s",
			       clock_local(until, clock_wall_usec(), when, sizeof(when)));
	return buf;
}

void progress_from_json(struct progress *p, const json_t *o)
{
	*p = (struct progress){
		.phase = member_str(o, "phase"),
		.folder = member_str(o, "folder"),
		.done = member_u64(o, "done"),
		.total = member_u64(o, "total"),
		.bytes_done = member_u64(o, "bytes_done"),
		.bytes_total = member_u64(o, "bytes_total"),
		.rate = member_u64(o, "rate"),
		.eta_seconds = UINT64_MAX,
		.n_runs = 1,
	};
	/* 0 is said before anything is known, and when nothing is left to wait for. */
	if (member_u64(o, "eta_seconds") > 0)
		p->eta_seconds = member_u64(o, "eta_seconds");
	(void)throttled_until(p->throttled, sizeof(p->throttled), o);
}

/* 0 to 1; negative when nothing is known. */
static double fraction(const struct progress *p)
{
	uint64_t done = p->bytes_total ? p->bytes_done : p->done;
	uint64_t total = p->bytes_total ? p->bytes_total : p->total;

	if (total == 0)
		return -1;
	return done >= total ? 1 : (double)done / (double)total;
}

int progress_percent(const struct progress *p)
{
	double f = fraction(p);

	return f < 0 ? -1 : (int)(f * 100);
}

void progress_bar(FILE *f, const struct progress *p, size_t cells, const struct look *l)
{
	double known = MAX_OF(fraction(p), 0);
	size_t full = (size_t)((double)cells * known);

	fputc('[', f);
	fputs(colour_on(l, COLOUR_GOOD), f);
	for (size_t i = 0; i < full; i++)
		fputs(l->utf8 ? "█" : "#", f);
	fputs(colour_off(l, COLOUR_GOOD), f);
	for (size_t i = full; i < cells; i++)
		fputs(l->utf8 ? "░" : ".", f);
	fputc(']', f);
}

/* "48/190 MiB": both in the unit of the larger. */
static void put_sizes(char *out, size_t n, uint64_t done, uint64_t total)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double unit = 1;
	size_t i = 0;

	for (; (double)total / unit >= 1024 && i + 1 < ELEMENTS(units); i++)
		unit *= 1024;
	(void)snprintf(out, n, "%.*f/%.*f %s",
		       i > 0 && (double)total / unit<100, (double)done / unit, i> 0 &&
			       (double)total / unit < 100,
		       (double)total / unit, units[i]);
}

enum item {
	ITEM_ELAPSED,
	ITEM_BAR,
	ITEM_PERCENT,
	ITEM_MESSAGES,
	ITEM_BYTES,
	ITEM_RATE,
	ITEM_ETA,
	ITEM_FOLDER,
	N_ITEMS,
};

/* What goes first when the line is too long. The percentage always stays. */
static const enum item dropped[] = {ITEM_ELAPSED, ITEM_BYTES, ITEM_BAR,     ITEM_FOLDER,
				    ITEM_RATE,    ITEM_ETA,   ITEM_MESSAGES};

struct items {
	char text[N_ITEMS][160]; /* "" when there is nothing to say */
	size_t width[N_ITEMS];
};

static void set_item(struct items *it, enum item i, size_t width)
{
	it->width[i] = it->text[i][0] ? (width ? width : text_width(it->text[i])) : 0;
}

static void fill_items(struct items *it, const struct progress *p)
{
	const size_t n = sizeof(it->text[0]);
	char tmp[64];

	(void)snprintf(it->text[ITEM_ELAPSED], n, "[%s]",
		       when_clock(tmp, sizeof(tmp), p->elapsed_usec / USEC_PER_SEC));
	if (progress_percent(p) >= 0) {
		(void)snprintf(it->text[ITEM_BAR], n,
			       "bar"); /* drawn when its width is known */
		(void)snprintf(it->text[ITEM_PERCENT], n, "%3d%%", progress_percent(p));
	} else {
		(void)text_clean(it->text[ITEM_PERCENT], n, p->phase, strlen(p->phase));
	}
	if (p->total > 0)
		(void)snprintf(it->text[ITEM_MESSAGES], n, "%llu/%llu messages",
			       (unsigned long long)p->done, (unsigned long long)p->total);
	if (p->bytes_total > 0)
		put_sizes(it->text[ITEM_BYTES], n, p->bytes_done, p->bytes_total);
	if (*p->throttled) {
		(void)snprintf(it->text[ITEM_RATE], n, "%s", p->throttled);
	} else {
		if (p->rate > 0)
			(void)snprintf(it->text[ITEM_RATE], n, "%s/s",
				       format_size(tmp, sizeof(tmp), p->rate));
		if (p->eta_seconds != UINT64_MAX)
			(void)snprintf(it->text[ITEM_ETA], n, "ETA %s",
				       when_clock(tmp, sizeof(tmp), p->eta_seconds));
	}
	if (p->n_runs > 1)
		(void)snprintf(it->text[ITEM_FOLDER], n, "%u runs", p->n_runs);
	else
		(void)text_clean(it->text[ITEM_FOLDER], n, p->folder, strlen(p->folder));

	for (int i = 0; i < N_ITEMS; i++)
		set_item(it, (enum item)i, 0);
	set_item(it, ITEM_BAR, BAR_MIN + 2);
	set_item(it, ITEM_FOLDER, MIN_OF(it->width[ITEM_FOLDER], FOLDER_MIN));
}

static size_t total_width(const struct items *it)
{
	size_t total = 0;

	for (int i = 0; i < N_ITEMS; i++)
		if (it->width[i] > 0)
			total += it->width[i] + (total > 0 ? GAP : 0);
	return total;
}

static void fit_items(struct items *it, size_t limit)
{
	char *messages = it->text[ITEM_MESSAGES];
	size_t spare, folder;

	if (total_width(it) > limit && *messages) {
		*strchrnul(messages, ' ') = '\0'; /* without the word */
		set_item(it, ITEM_MESSAGES, 0);
	}
	for (size_t i = 0; i < ELEMENTS(dropped) && total_width(it) > limit; i++)
		it->width[dropped[i]] = 0;

	/* What is left goes to the folder's name, then to the bar. */
	spare = limit - MIN_OF(limit, total_width(it));
	if (it->width[ITEM_FOLDER] > 0) {
		folder = text_width(it->text[ITEM_FOLDER]);
		folder = MIN_OF(folder - it->width[ITEM_FOLDER], spare);
		it->width[ITEM_FOLDER] += folder;
		spare -= folder;
	}
	if (it->width[ITEM_BAR] > 0)
		it->width[ITEM_BAR] += MIN_OF(spare, BAR_MAX - BAR_MIN);
}

void progress_line(FILE *f, const struct progress *p, const struct look *l)
{
	size_t limit = l->columns > 1 ? l->columns - 1 : 79; /* the last column would wrap */
	struct items it = {0};
	char fitted[256];
	bool first = true;

	fill_items(&it, p);
	fit_items(&it, limit);

	for (int i = 0; i < N_ITEMS; i++) {
		if (it.width[i] == 0)
			continue;
		if (!first)
			put_blanks(f, GAP);
		first = false;
		if (i == ITEM_BAR)
			progress_bar(f, p, it.width[i] - 2, l);
		else
			fputs(fit_text(fitted, sizeof(fitted), it.text[i],
				       MIN_OF(it.width[i], limit), l),
			      f);
	}
}

void progress_words(FILE *f, const struct progress *p)
{
	const char *sep = "";
	char tmp[64];

	if (p->total > 0) {
		fprintf(f, "%llu/%llu messages", (unsigned long long)p->done,
			(unsigned long long)p->total);
		sep = ", ";
	}
	if (p->bytes_total > 0) {
		put_sizes(tmp, sizeof(tmp), p->bytes_done, p->bytes_total);
		fprintf(f, "%s%s", sep, tmp);
		sep = ", ";
	}
	if (*p->throttled) {
		fprintf(f, "%s%s", sep, p->throttled);
		return;
	}
	if (p->rate > 0) {
		fprintf(f, "%s%s/s", sep, format_size(tmp, sizeof(tmp), p->rate));
		sep = ", ";
	}
	if (p->eta_seconds != UINT64_MAX && p->total > 0) {
		fprintf(f, "%sabout %s", sep,
			when_span(tmp, sizeof(tmp), p->eta_seconds * USEC_PER_SEC));
		sep = ", ";
	}
	if (*p->folder) {
		fputs(sep, f);
		put_clean(f, p->folder);
	} else if (!*sep) {
		put_clean(f, *p->phase ? p->phase : "starting");
	}
}
