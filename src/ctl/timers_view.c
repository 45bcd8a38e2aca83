/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include "ctl_timers.h"
#include <mailmig/clock.h>
#include <stdarg.h>
#include <string.h>

/* What `timers` tells: the accounts of the daemon and the timers of systemd, laid side by side.
 */

enum column {
	COLUMN_ACCOUNT,
	COLUMN_SCHEDULE,
	COLUMN_TIMER,
	COLUMN_NEXT,
	COLUMN_LAST,
	COLUMN_RESULT,
	N_COLUMNS,
};

static const struct table_column columns[N_COLUMNS] = {
	[COLUMN_ACCOUNT] = {"ACCOUNT", false, true},
	[COLUMN_SCHEDULE] = {"SCHEDULE", false, true},
	[COLUMN_TIMER] = {"TIMER", false, false},
	[COLUMN_NEXT] = {"NEXT RUN", false, false},
	[COLUMN_LAST] = {"LAST RUN", false, true},
	[COLUMN_RESULT] = {"RESULT", false, true},
};

/* ---- judging ---- */

struct trouble {
	char text[256];
	char advice[256];
};

_printf_(2, 3) static void say(char *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out, sizeof(((struct trouble *)0)->text), fmt, ap); /* for reading */
	va_end(ap);
}

/* Names that a shell takes as they are; systemd-escape(1) makes others. */
static const char *quote(const char *name)
{
	return strchr(name, '\\') ? "'" : "";
}

/* A timer that does not do what its owner thinks. The order matters: what does not belong is
 * not worth mending. */
static bool find_trouble(const json_t *account, const struct bus_timer *t, struct trouble *ret)
{
	const char *n = t->account, *q = quote(t->account);

	if (!account) {
		say(ret->text, "mailmig@%s.timer is there, but no account \"%s\"", n, n);
		say(ret->advice, "mailmigctl disable %s%s%s", q, n, q);
	} else if (json_is_false(json_object_get(account, "enabled"))) {
		say(ret->text, "mailmig@%s.timer is there, but the account is switched off", n);
		say(ret->advice, "mailmigctl disable %s        or take enabled = false away",
		    n);
	} else if (strcmp(t->load, "masked") == 0) {
		say(ret->text, "mailmig@%s.timer is masked: it cannot start", n);
		say(ret->advice, "systemctl unmask mailmig@%s.timer", n);
	} else if (strcmp(t->load, "loaded") != 0) {
		say(ret->text, "systemd cannot load mailmig@%s.timer: %s", n, t->load);
		say(ret->advice,
		    "mend what systemctl status mailmig@%s.timer shows, then: "
		    "mailmigctl enable %s",
		    n, n);
	} else if (strcmp(t->state, "failed") == 0) {
		say(ret->text, "mailmig@%s.timer failed: it starts no run", n);
		say(ret->advice, "systemctl restart mailmig@%s.timer", n);
	} else if (strcmp(t->state, "elapsed") == 0) {
		say(ret->text, "mailmig@%s.timer has elapsed: it starts no run any more", n);
		say(ret->advice, "systemctl restart mailmig@%s.timer", n);
	} else if (strcmp(t->state, "dead") == 0) {
		say(ret->text, "mailmig@%s.timer is enabled, but was not started", n);
		say(ret->advice, "mailmigctl enable %s", n);
	} else {
		return false;
	}
	return true;
}

/* ---- the joint list ---- */

static bool is_state(const json_t *entry, const char *state)
{
	return strcmp(member_str(entry, "state"), state) == 0;
}

static json_t *time_or_null(uint64_t wall_usec)
{
	char buf[32];

	return wall_usec ? json_string(clock_rfc3339(wall_usec, buf, sizeof(buf)))
			 : json_null();
}

/* Of the run itself `status` tells all. */
static json_t *last_run_of(const json_t *account)
{
	static const char *const members[] = {"id", "started", "finished", "result",
					      "exit_code"};
	const json_t *last = json_object_get(account, "last_run");
	json_t *o;

	if (!json_is_object(last))
		return json_null();
	o = json_object();
	for (size_t i = 0; o && i < ELEMENTS(members); i++)
		(void)json_object_set(o, members[i], json_object_get(last, members[i]));
	return o;
}

json_t *timer_to_json(const char *account, const struct bus_timer *t)
{
	char unit[300];

	(void)snprintf(unit, sizeof(unit), "mailmig@%s.timer", account);
	return json_pack("{s:s, s:s, s:b, s:s?, s:o}", "account", account, "unit", unit,
			 "enabled", t && t->enabled, "timer", t ? t->state : NULL, "next",
			 time_or_null(t ? t->next_usec : 0));
}

static json_t *entry_new(const char *name, const json_t *account, const struct bus_timer *t)
{
	_cleanup_(json_decrefp) json_t *more = NULL;
	struct trouble trouble = {0};
	bool bad = t && find_trouble(account, t, &trouble);
	const json_t *timer = json_object_get(account, "timer");
	json_t *o = timer_to_json(name, t);

	more = json_pack("{s:s?, s:s?, s:o, s:s?, s:s?}", "schedule",
			 json_string_value(json_object_get(timer, "schedule")), "state",
			 json_string_value(json_object_get(account, "state")), "last_run",
			 last_run_of(account), "trouble", bad ? trouble.text : NULL, "advice",
			 bad ? trouble.advice : NULL);
	if (!o || !more || json_object_update(o, more) < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Which of two members speaks for the group: one that runs, else the one whose last run ended
 * worse, else that which ended later. */
static bool speaks_before(const json_t *a, const json_t *b)
{
	const json_t *last_a = json_object_get(a, "last_run"),
		     *last_b = json_object_get(b, "last_run");
	uint64_t code_a = member_u64(last_a, "exit_code"),
		 code_b = member_u64(last_b, "exit_code");

	if (is_state(a, "running") != is_state(b, "running"))
		return is_state(a, "running");
	if (code_a != code_b)
		return code_a > code_b;
	return strcmp(member_str(last_a, "finished"), member_str(last_b, "finished")) > 0;
}

/* The account, or the member that speaks for the group. */
static const json_t *find_account(const json_t *accounts, const char *name)
{
	const json_t *a, *found = NULL;
	size_t i;

	json_array_foreach(accounts, i, a)
	{
		if (strcmp(member_str(a, "name"), name) == 0)
			return a;
		if (strcmp(member_str(a, "group"), name) == 0 &&
		    (!found || speaks_before(a, found)))
			found = a;
	}
	return found;
}

json_t *timers_join(const json_t *accounts, const struct bus_timers *timers)
{
	_cleanup_(json_decrefp) json_t *list = json_array();
	const char *group = "";
	const json_t *a;
	size_t i;

	json_array_foreach(accounts, i, a)
	{
		const char *name = member_str(a, "name"), *of = member_str(a, "group");
		bool first = strcmp(of, group) != 0;

		group = of;
		if (*of && !first)
			continue; /* one entry for them all */
		if (*of) {
			name = of;
			a = find_account(accounts, of);
		}
		if (json_array_append_new(
			    list, entry_new(name, a, bus_timers_find(timers, name))) < 0)
			return NULL;
	}
	for (i = 0; i < timers->n; i++) {
		const struct bus_timer *t = &timers->list[i];

		if (find_account(accounts, t->account))
			continue;
		if (json_array_append_new(list, entry_new(t->account, NULL, t)) < 0)
			return NULL;
	}
	return STEAL(list);
}

/* ---- the table ---- */

static const char *timer_word(const json_t *entry)
{
	const char *timer = member_str(entry, "timer");

	if (!*timer)
		return "disabled";
	if (strcmp(timer, "waiting") == 0 || strcmp(timer, "running") == 0)
		return member_bool(entry, "enabled") ? "enabled" : "until reboot";
	return timer;
}

static void put_when(char *buf, size_t n, const char *rfc3339, uint64_t now, const char *none)
{
	uint64_t t;

	if (clock_parse_rfc3339(rfc3339, &t) == 0)
		(void)when_local(buf, n, t, now);
	else
		(void)snprintf(buf, n, "%s", none);
}

static int add_entry(struct table *table, const struct look *l, const json_t *entry,
		     const json_t *account, uint64_t now)
{
	bool bad = *member_str(entry, "trouble"), running = is_state(entry, "running");
	const char *schedule = member_str(entry, "schedule");
	enum colour colours[N_COLUMNS] = {[COLUMN_TIMER] = bad ? COLOUR_WARN : COLOUR_NONE};
	const char *cells[N_COLUMNS] = {0};
	_cleanup_(freep) char *result = NULL;
	char last[48], next[48];
	size_t n = 0;
	FILE *f = open_memstream(&result, &n);

	if (!f)
		return -ENOMEM;
	if (account)
		status_result(f, account);
	if (fclose(f) != 0)
		return -ENOMEM;

	put_when(last, sizeof(last), member_str(json_object_get(entry, "last_run"), "finished"),
		 now, account ? "never" : "-");
	put_when(next, sizeof(next), member_str(entry, "next"), now, "-");
	if (running)
		(void)snprintf(last, sizeof(last), "now");
	if (running || is_state(entry, "queued"))
		(void)snprintf(next, sizeof(next), "%s", member_str(entry, "state"));

	cells[COLUMN_ACCOUNT] = member_str(entry, "account");
	cells[COLUMN_SCHEDULE] = *schedule ? schedule : "-";
	cells[COLUMN_TIMER] = timer_word(entry);
	cells[COLUMN_NEXT] = next;
	cells[COLUMN_LAST] = last;
	cells[COLUMN_RESULT] = result;
	if (bad)
		return table_add(table, l->utf8 ? "▲" : "!", COLOUR_WARN, cells, colours);
	return table_add(table, running ? (l->utf8 ? "●" : "*") : NULL, COLOUR_GOOD, cells,
			 colours);
}

static void put_troubles(FILE *f, const json_t *list)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(list, i, entry)
	{
		if (!*member_str(entry, "trouble"))
			continue;
		fputc('\n', f);
		put_clean(f, member_str(entry, "trouble"));
		fputs("\n  ", f);
		put_clean(f, member_str(entry, "advice"));
		fputc('\n', f);
	}
}

int timers_view(FILE *f, const struct look *l, const json_t *list, const json_t *accounts,
		uint64_t now_usec)
{
	_cleanup_(table_freep) struct table *t = NULL;
	const json_t *entry;
	size_t i;
	int r;

	if (json_array_size(list) == 0) {
		fputs("no accounts are configured, and there is no timer\n", f);
		return 0;
	}
	r = table_new(&t, columns, N_COLUMNS);
	if (r < 0)
		return r;
	for (int bad = 1; bad >= 0; bad--) {
		json_array_foreach(list, i, entry)
		{
			if (*member_str(entry, "trouble") ? !bad : bad)
				continue;
			r = add_entry(t, l, entry,
				      find_account(accounts, member_str(entry, "account")),
				      now_usec);
			if (r < 0)
				return r;
		}
	}
	table_print(t, f, l);
	put_troubles(f, list);
	return 0;
}
