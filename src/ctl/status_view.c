/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/clock.h>
#include <string.h>

enum column {
	COLUMN_ACCOUNT,
	COLUMN_MODE,
	COLUMN_STATE,
	COLUMN_LAST,
	COLUMN_RESULT,
	COLUMN_NEXT,
	COLUMN_COPIED,
	COLUMN_ERRORS,
	N_COLUMNS,
};

static const struct table_column columns[N_COLUMNS] = {
	[COLUMN_ACCOUNT] = {"ACCOUNT", false, true},
	[COLUMN_MODE] = {"MODE", false, false},
	[COLUMN_STATE] = {"STATE", false, false},
	[COLUMN_LAST] = {"LAST RUN", false, true},
	[COLUMN_RESULT] = {"RESULT", false, true},
	[COLUMN_NEXT] = {"NEXT RUN", false, true},
	[COLUMN_COPIED] = {"COPIED/TOTAL", true, false},
	[COLUMN_ERRORS] = {"ERRORS", true, false},
};

static bool is_running(const json_t *account)
{
	return json_is_object(json_object_get(account, "progress")) ||
	       strcmp(member_str(account, "state"), "running") == 0;
}

static uint64_t n_errors(const json_t *account)
{
	const json_t *last = json_object_get(account, "last_run");
	uint64_t failed = member_u64(last, "failed");
	size_t n = json_array_size(json_object_get(last, "errors"));

	/* That it has to wait is none. */
	return failed > 0 ? failed : n - MIN_OF(n, status_throttle(account) ? 1U : 0U);
}

const json_t *status_throttle(const json_t *account)
{
	const json_t *last = json_object_get(account, "last_run"), *e;
	size_t i;

	if (strcmp(member_str(last, "result"), "throttled") != 0)
		return NULL;
	json_array_foreach(json_object_get(last, "errors"), i, e)
	{
		if (*member_str(e, "until"))
			return e;
	}
	return NULL;
}

const char *status_attention(const json_t *account)
{
	const char *result = member_str(json_object_get(account, "last_run"), "result");

	if (is_running(account) || strcmp(member_str(account, "state"), "queued") == 0)
		return NULL; /* what the last run left is being looked after */
	if (strcmp(member_str(account, "state"), "paused") == 0)
		return NULL; /* somebody knows */
	if (strcmp(result, "failed") == 0 || strcmp(result, "interrupted") == 0)
		return result;
	if (strcmp(member_str(account, "state"), "failed") == 0)
		return "failed";
	if (strcmp(result, "partial") == 0)
		return result;
	if (strcmp(result, "throttled") == 0 && n_errors(account) > 0)
		return "partial";
	return NULL;
}

const char *status_stopped_timer(const json_t *account)
{
	const char *state = member_str(json_object_get(account, "timer"), "state");

	return strcmp(state, "elapsed") == 0 || strcmp(state, "failed") == 0 ? state : NULL;
}

static void running_result(FILE *f, const json_t *account)
{
	const json_t *o = json_object_get(account, "progress");
	struct progress p;
	char tmp[32];
	int percent;

	progress_from_json(&p, o);
	percent = progress_percent(&p);
	if (percent >= 0)
		fprintf(f, "%d%%", percent);
	else
		put_clean(f, *p.throttled ? p.throttled : *p.phase ? p.phase : "starting");
	if (*p.throttled && percent >= 0)
		fprintf(f, ", %s", p.throttled);
	if (*p.throttled)
		return;
	if (p.eta_seconds != UINT64_MAX && percent >= 0)
		fprintf(f, ", about %s",
			when_span(tmp, sizeof(tmp), p.eta_seconds * USEC_PER_SEC));
}

void status_result(FILE *f, const json_t *account)
{
	const json_t *last = json_object_get(account, "last_run");
	const json_t *first = json_array_get(json_object_get(last, "errors"), 0);
	const char *result = member_str(last, "result");
	uint64_t flags = member_u64(last, "flags_updated"), failed = member_u64(last, "failed");

	if (is_running(account)) {
		running_result(f, account);
		return;
	}
	if (!*result)
		return;
	if (status_throttle(account)) {
		char until[64];

		fputs(throttled_until(until, sizeof(until), status_throttle(account)), f);
		return;
	}

	if (strcmp(result, "ok") != 0) {
		put_clean(f, result);
		if (strcmp(result, "partial") == 0 && failed > 0)
			fprintf(f, ", %" PRIu64 " failed", failed);
		else if (first && *member_str(first, "class"))
			fprintf(f, ": %s", member_str(first, "class"));
		return;
	}
	if (member_u64(last, "copied") == 0 && flags == 0) {
		fputs("ok, nothing new", f);
		return;
	}
	fprintf(f, "ok, %" PRIu64 " copied", member_u64(last, "copied"));
	if (flags > 0)
		fprintf(f, ", %" PRIu64 " flags", flags);
}

/* Of the messages at the origin, how many are at the destination. After a run without trouble
 * that is all of them, also when it looked at none because nothing had changed. */
static void put_copied(char *buf, size_t n, const json_t *account)
{
	const json_t *last = json_object_get(account, "last_run");
	const json_t *progress = json_object_get(account, "progress");
	uint64_t total = member_u64(json_object_get(account, "totals"), "messages");
	uint64_t done = member_u64(last, "copied") + member_u64(last, "present");

	if (json_is_object(progress) && member_u64(progress, "total") > 0) {
		total = member_u64(progress, "total");
		done = member_u64(progress, "done");
	} else if (total == 0) {
		(void)snprintf(buf, n, "-");
		return;
	} else if (done == 0 && member_u64(last, "total_messages") == 0 &&
		   *member_str(last, "result") &&
		   strcmp(member_str(last, "result"), "ok") != 0) {
		/* It ended before it looked; the total is of a run before it. */
		(void)snprintf(buf, n, "?/%" PRIu64, total);
		return;
	} else if (strcmp(member_str(last, "result"), "ok") == 0 &&
		   member_u64(last, "skipped") == 0) {
		done = total;
	}
	(void)snprintf(buf, n, "%" PRIu64 "/%" PRIu64, done, total);
}

static void put_when(char *buf, size_t n, const char *rfc3339, uint64_t now, const char *none)
{
	uint64_t t;

	if (clock_parse_rfc3339(rfc3339, &t) == 0)
		(void)when_local(buf, n, t, now);
	else
		(void)snprintf(buf, n, "%s", none);
}

static const char *shown_state(const json_t *account)
{
	const json_t *enabled = json_object_get(account, "enabled");

	if (json_is_false(enabled) && !is_running(account))
		return "disabled";
	return member_str(account, "state");
}

static int add_account(struct table *t, const struct look *l, const json_t *a, uint64_t now)
{
	const char *attention = status_attention(a);
	bool failing = attention && strcmp(attention, "partial") != 0;
	enum colour colour = failing ? COLOUR_BAD : attention ? COLOUR_WARN : COLOUR_GOOD;
	enum colour colours[N_COLUMNS] = {[COLUMN_RESULT] = attention ? colour : COLOUR_NONE};
	char last[48], next[48], copied[48], errors[24] = "-";
	_cleanup_(freep) char *result = NULL;
	const char *cells[N_COLUMNS] = {0};
	size_t n = 0;
	FILE *f = open_memstream(&result, &n);

	if (!f)
		return -ENOMEM;
	status_result(f, a);
	if (fclose(f) != 0)
		return -ENOMEM;

	put_when(last, sizeof(last), member_str(json_object_get(a, "last_run"), "finished"),
		 now, "never");
	if (is_running(a))
		(void)snprintf(last, sizeof(last), "now");
	put_when(next, sizeof(next), member_str(json_object_get(a, "timer"), "next"), now,
		 status_stopped_timer(a) ? status_stopped_timer(a) : "-");
	put_copied(copied, sizeof(copied), a);
	if (n_errors(a) > 0)
		(void)snprintf(errors, sizeof(errors), "%" PRIu64, n_errors(a));

	cells[COLUMN_ACCOUNT] = member_str(a, "name");
	cells[COLUMN_MODE] = member_str(a, "mode");
	cells[COLUMN_STATE] = shown_state(a);
	cells[COLUMN_LAST] = last;
	cells[COLUMN_RESULT] = result;
	cells[COLUMN_NEXT] = next;
	cells[COLUMN_COPIED] = copied;
	cells[COLUMN_ERRORS] = errors;
	if (attention)
		return table_add(t, l->utf8 ? "▲" : "!", colour, cells, colours);
	return table_add(t, is_running(a) ? (l->utf8 ? "●" : "*") : NULL, colour, cells,
			 colours);
}

static void put_heading(FILE *f, const struct look *l, const json_t *status, uint64_t now)
{
	const json_t *daemon = json_object_get(status, "daemon"), *a;
	const json_t *accounts = json_object_get(status, "accounts");
	size_t n = json_array_size(accounts), attention = 0, i;
	uint64_t since, running = member_u64(daemon, "jobs_running");
	uint64_t queued = member_u64(daemon, "jobs_queued");
	char when[48], span[32];

	json_array_foreach(accounts, i, a) attention += status_attention(a) != NULL;

	fprintf(f, "%smailmigd ", colour_on(l, COLOUR_BOLD));
	put_clean(f, member_str(status, "version"));
	fputs(colour_off(l, COLOUR_BOLD), f);
	if (clock_parse_rfc3339(member_str(daemon, "since"), &since) == 0)
		fprintf(f, "  running since %s (%s)",
			when_local(when, sizeof(when), since, now),
			when_span(span, sizeof(span), now > since ? now - since : 0));
	fprintf(f, "   %zu account%s", n, PLURAL(n));
	if (running > 0)
		fprintf(f, ", %" PRIu64 " running", running);
	if (queued > 0)
		fprintf(f, ", %" PRIu64 " queued", queued);
	if (attention > 0)
		fprintf(f, ", %s%zu need%s attention%s", colour_on(l, COLOUR_WARN), attention,
			attention == 1 ? "s" : "", colour_off(l, COLOUR_WARN));
	fputc('\n', f);
}

static void put_attention(FILE *f, const struct look *l, const json_t *a)
{
	const json_t *errors = json_object_get(json_object_get(a, "last_run"), "errors");
	const json_t *e = json_array_get(errors, 0);
	size_t n = json_array_size(errors);

	fputc('\n', f);
	put_clean(f, member_str(a, "name"));
	fputs(":\n", f);
	if (e)
		run_view_error(f, l, member_str(e, "folder"), (uint32_t)member_u64(e, "uid"),
			       member_str(e, "text"), member_str(e, "advice"));
	else
		run_view_error(f, l, NULL, 0, "the last run failed",
			       "see the journal: "
			       "journalctl -u mailmigd");
	if (n > 1) {
		fprintf(f, "  and %zu more error%s: mailmigctl status ", n - 1, PLURAL(n - 1));
		put_clean(f, member_str(a, "name"));
		fputc('\n', f);
	}
}

static void put_stopped_timers(FILE *f, const json_t *accounts)
{
	const json_t *a;
	size_t i;

	json_array_foreach(accounts, i, a)
	{
		if (!status_stopped_timer(a))
			continue;
		fputs("\nnot all timers will start a run: mailmigctl timers\n", f);
		return;
	}
}

int status_view_table(FILE *f, const struct look *l, const json_t *status, uint64_t now_usec,
		      bool attention_only)
{
	_cleanup_(table_freep) struct table *t = NULL;
	const json_t *accounts = json_object_get(status, "accounts"), *a;
	size_t i, rows = 0;
	int r;

	r = table_new(&t, columns, N_COLUMNS);
	if (r < 0)
		return r;

	for (int attention = 1; attention >= 0; attention--) {
		json_array_foreach(accounts, i, a)
		{
			if ((status_attention(a) != NULL) != attention)
				continue;
			if (attention_only && !attention)
				continue;
			r = add_account(t, l, a, now_usec);
			if (r < 0)
				return r;
			rows++;
		}
	}

	if (!attention_only)
		put_heading(f, l, status, now_usec);
	if (rows > 0) {
		fputs(attention_only ? "" : "\n", f);
		table_print(t, f, l);
	} else if (!attention_only) {
		fputs("\nno accounts are configured; write one into /etc/mailmig.conf, then "
		      "mailmigctl reload\n",
		      f);
	}
	json_array_foreach(accounts, i, a) if (status_attention(a)) put_attention(f, l, a);
	put_stopped_timers(f, accounts);
	return 0;
}
