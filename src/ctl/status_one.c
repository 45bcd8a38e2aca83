/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <string.h>

#define LABEL_WIDTH 13
#define BAR_CELLS   20
#define RUNS_SHOWN  10

static void label(FILE *f, const char *s)
{
	fprintf(f, "%*s ", LABEL_WIDTH, s);
}

static void put_time(FILE *f, const json_t *o, const char *key, uint64_t now, const char *none)
{
	char buf[48];
	uint64_t t;

	if (clock_parse_rfc3339(member_str(o, key), &t) == 0)
		fputs(when_local(buf, sizeof(buf), t, now), f);
	else
		fputs(none, f);
}

static void put_state(FILE *f, const struct look *l, const json_t *a)
{
	const char *attention = status_attention(a);
	enum colour colour = !attention ? COLOUR_GOOD : COLOUR_WARN;

	if (attention && strcmp(attention, "partial") != 0)
		colour = COLOUR_BAD;
	if (l->utf8)
		fprintf(f, "%s%s%s ", colour_on(l, colour), attention ? "▲" : "●",
			colour_off(l, colour));
	fputs(colour_on(l, COLOUR_BOLD), f);
	put_clean(f, member_str(a, "name"));
	fputs(colour_off(l, COLOUR_BOLD), f);
	if (*member_str(a, "group")) {
		fputs(" of ", f);
		put_clean(f, member_str(a, "group"));
	}
	fputs(": ", f);
	put_clean(f, member_str(a, "mode"));
	if (json_is_true(json_object_get(a, "removed")))
		fputs(", taken out of the configuration", f);
	else if (json_is_false(json_object_get(a, "enabled")))
		fputs(", switched off (enabled = false)", f);
	fputc('\n', f);

	label(f, "State:");
	put_clean(f, member_str(a, "state"));
	if (json_is_true(json_object_get(a, "paused"))) {
		if (strcmp(member_str(a, "state"), "paused") != 0)
			fputs(", and paused after that", f);
		fputs("; end the pause with: mailmigctl resume ", f);
		put_clean(f, member_str(a, "name"));
	}
	fputc('\n', f);
}

static void put_progress(FILE *f, const struct look *l, const json_t *a)
{
	const json_t *o = json_object_get(a, "progress");
	struct progress p;

	if (!json_is_object(o))
		return;

	progress_from_json(&p, o);
	label(f, "Progress:");
	if (progress_percent(&p) >= 0) {
		progress_bar(f, &p, BAR_CELLS, l);
		fprintf(f, " %d%%  ", progress_percent(&p));
	} else if (*p.phase) {
		put_clean(f, p.phase);
		fputs("  ", f);
	}
	progress_words(f, &p);
	fputc('\n', f);
}

/* A timer that is off is not spoken of: many accounts are run by hand, or by other means. */
static void put_timer(FILE *f, const json_t *a, uint64_t now)
{
	const json_t *timer = json_object_get(a, "timer");
	const char *group = member_str(a, "group");

	if (!member_bool(timer, "enabled") && !status_stopped_timer(a))
		return;

	label(f, "Timer:");
	fputs("mailmig@", f);
	put_clean(f, *group ? group : member_str(a, "name"));
	if (status_stopped_timer(a)) {
		fprintf(f, ".timer, %s: it will not start another run; see mailmigctl timers\n",
			status_stopped_timer(a));
		return;
	}
	fputs(".timer, enabled, next ", f);
	put_time(f, timer, "next", now, "run not known");
	fputc('\n', f);
}

static uint64_t run_usec(const json_t *run)
{
	uint64_t from, to;

	if (clock_parse_rfc3339(member_str(run, "started"), &from) < 0 ||
	    clock_parse_rfc3339(member_str(run, "finished"), &to) < 0 || to < from)
		return 0;
	return to - from;
}

/* "4 copied (12 KiB), 1208 already there, 0 skipped, 0 failed, 2 flags updated" */
static void put_counts(FILE *f, const json_t *run)
{
	char size[32], skipped[SKIPS_TEXT_MAX];

	fprintf(f, "%" PRIu64 " copied", member_u64(run, "copied"));
	if (member_u64(run, "copied") > 0)
		fprintf(f, " (%s)", format_size(size, sizeof(size), member_u64(run, "bytes")));
	fprintf(f,
		", %" PRIu64 " already there, %" PRIu64 " skipped%s, %" PRIu64
		" failed, %" PRIu64 " flags updated",
		member_u64(run, "present"), member_u64(run, "skipped"),
		event_skips(run, skipped), member_u64(run, "failed"),
		member_u64(run, "flags_updated"));
	if (member_u64(run, "deleted") > 0)
		fprintf(f, ", %" PRIu64 " deleted", member_u64(run, "deleted"));
}

static void put_last(FILE *f, const json_t *a, uint64_t now)
{
	const json_t *last = json_object_get(a, "last_run");
	char span[32], until[64];

	label(f, "Last run:");
	if (!json_is_object(last)) {
		fputs("never\n", f);
		return;
	}
	put_time(f, last, "finished", now, "?");
	fputs("  ", f);
	if (status_throttle(a))
		fputs(throttled_until(until, sizeof(until), status_throttle(a)), f);
	else
		put_clean(f, member_str(last, "result"));
	if (run_usec(last) > 0)
		fprintf(f, " in %s", when_length(span, sizeof(span), run_usec(last)));
	if (*member_str(last, "id")) {
		fputs("  (run ", f);
		put_clean(f, member_str(last, "id"));
		fputc(')', f);
	}
	fputc('\n', f);
	label(f, "");
	put_counts(f, last);
	fputc('\n', f);

	if (status_throttle(a)) {
		label(f, "");
		put_clean(f, member_str(status_throttle(a), "text"));
		fputc('\n', f);
	}

	label(f, "Last success:");
	put_time(f, a, "last_success", now, "never");
	fputc('\n', f);
}

static void put_totals(FILE *f, const json_t *a)
{
	const json_t *totals = json_object_get(a, "totals");
	char size[32];

	if (!json_is_object(totals) || member_u64(totals, "messages") == 0)
		return;
	label(f, "Total:");
	fprintf(f, "%" PRIu64 " message%s, %s\n", member_u64(totals, "messages"),
		PLURAL(member_u64(totals, "messages")),
		format_size(size, sizeof(size), member_u64(totals, "bytes")));
}

static void put_errors(FILE *f, const struct look *l, const json_t *a)
{
	const json_t *errors = json_object_get(json_object_get(a, "last_run"), "errors"), *e;
	size_t i;

	if (json_array_size(errors) == (status_throttle(a) ? 1U : 0U))
		return;

	fputs("\nErrors of the last run:\n", f);
	json_array_foreach(errors, i, e) if (e != status_throttle(a))
		run_view_error(f, l, member_str(e, "folder"), (uint32_t)member_u64(e, "uid"),
			       member_str(e, "text"), member_str(e, "advice"));
}

static void put_runs(FILE *f, const json_t *runs, uint64_t now)
{
	const json_t *run;
	char span[32];
	size_t i;

	if (json_array_size(runs) < 2)
		return; /* the only one stands above */

	fputs("\nRuns:\n", f);
	json_array_foreach(runs, i, run)
	{
		if (i == RUNS_SHOWN)
			break;
		fputs("  ", f);
		put_time(f, run, "started", now, "?");
		fputs("  ", f);
		put_clean(f, member_str(run, "result"));
		if (member_bool(run, "dry_run"))
			fputs(" (dry run)", f);
		fprintf(f, " in %s: ", when_length(span, sizeof(span), run_usec(run)));
		put_counts(f, run);
		fputc('\n', f);
	}
}

static int put_folders(FILE *f, const struct look *l, const json_t *a, bool all)
{
	const json_t *last = json_object_get(a, "last_run");
	const json_t *folders = json_object_get(last, "folders");

	if (json_array_size(folders) == 0)
		return 0;

	fputs("\nFolders of the last run:\n", f);
	return folder_view(f, l, folders, member_u64(last, "folders_left_out"), all);
}

int status_view_account(FILE *f, const struct look *l, const json_t *account,
			const json_t *runs, uint64_t now_usec, bool all)
{
	int r;

	put_state(f, l, account);
	put_progress(f, l, account);
	put_timer(f, account, now_usec);
	put_last(f, account, now_usec);
	put_totals(f, account);
	r = put_folders(f, l, account, all);
	if (r < 0)
		return r;
	put_errors(f, l, account);
	put_runs(f, runs, now_usec);
	return 0;
}
