/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include <mailmig/buf.h>
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <string.h>

/* What a message must leave free for its frame ("parameters", "continues"). */
#define FRAME_MAX 256

/* Octets of the members about folders without the folders themselves. */
#define FOLDERS_FRAME_MAX 64

static json_t *time_or_null(uint64_t wall_usec)
{
	char buf[32];

	return wall_usec ? json_string(clock_rfc3339(wall_usec, buf, sizeof(buf)))
			 : json_null();
}

static bool is_failing(const struct record *record)
{
	return record->last.id && summary_is_bad(&record->last);
}

static const char *state_name(const struct record *record, const struct run *r)
{
	if (r)
		return r->state == RUN_RUNNING ? "running" : "queued";
	if (record->note.paused_usec)
		return "paused";
	if (!record->last.id)
		return "never-run";
	return is_failing(record) ? "failed" : "idle";
}

/* What systemd says of the account's, or its group's; without systemd, what it would: nothing
 * is enabled. */
static json_t *timer_to_json(const struct daemon *d, const char *account, const char *schedule)
{
	const struct bus_timer *t = bus_timers_find(&d->timers.known, account);

	return json_pack("{s:b, s:o, s:s?, s:s?}", "enabled", t && t->enabled, "next",
			 time_or_null(t ? t->next_usec : 0), "state", t ? t->state : NULL,
			 "schedule", schedule);
}

static json_t *account_to_json(const struct daemon *d, const struct config_account *a,
			       const struct record *record, const struct run *r)
{
	return json_pack(
		"{s:s, s:s?, s:s, s:b, s:b, s:b, s:s, s:o, s:o, s:o, s:o, s:{s:I, s:I}, "
		"s:o}",
		"name", a->name, "group", a->group, "mode", job_kind_name(a->job.kind),
		"enabled", a->enabled, "paused", record->note.paused_usec != 0, "removed",
		false, "state", state_name(record, r), "run",
		r ? json_string(r->id) : json_null(), "timer",
		timer_to_json(d, config_account_unit(a), a->schedule), "last_run",
		record->last.id ? run_summary_to_json(&record->last) : json_null(),
		"last_success", time_or_null(record->last_success_usec), "totals", "messages",
		(json_int_t)record->total_messages, "bytes", (json_int_t)record->total_bytes,
		"progress", r && r->progress ? json_incref(r->progress) : json_null());
}

/* Of an account that was taken out of the configuration while r was running. */
static json_t *removed_to_json(const struct daemon *d, const struct run *r)
{
	const struct config_account gone = {.name = r->account};
	const struct record nothing = {0};
	_cleanup_(json_decrefp) json_t *o = account_to_json(d, &gone, &nothing, r);

	if (!o || json_object_set_new(o, "mode", json_string(r->summary.job)) < 0 ||
	    json_object_set_new(o, "removed", json_true()) < 0)
		return NULL;
	return STEAL(o);
}

static bool is_wanted(const struct config_account *a, const json_t *names)
{
	if (json_array_size(names) == 0)
		return true;
	for (size_t i = 0; i < json_array_size(names); i++)
		if (config_account_is(a, json_string_value(json_array_get(names, i))))
			return true;
	return false;
}

static void count_runs(const struct daemon *d, size_t *ret_running, size_t *ret_queued)
{
	*ret_running = *ret_queued = 0;
	for (const struct run *r = d->runs; r; r = r->next)
		(*(r->state == RUN_RUNNING ? ret_running : ret_queued))++;
}

/* Octets of a message as it would travel. */
static size_t measure(const json_t *o)
{
	return json_dumpb(o, NULL, 0, JSON_COMPACT);
}

void status_fit(json_t *message, json_t *summaries)
{
	if (measure(message) <= JSONIO_MESSAGE_MAX - FRAME_MAX)
		return;
	for (size_t i = 0; i < json_array_size(summaries); i++) {
		json_t *errors = json_object_get(json_array_get(summaries, i), "errors");

		if (errors)
			(void)json_array_clear(errors);
	}
}

/* All accounts with a hundred errors each are too much for one message: those who want them ask
 * for the account. */
static int fit_accounts(json_t *status, const json_t *accounts)
{
	_cleanup_(json_decrefp) json_t *last_runs = json_array();

	if (!last_runs)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		json_t *last = json_object_get(json_array_get(accounts, i), "last_run");

		if (json_is_object(last) && json_array_append(last_runs, last) < 0)
			return -ENOMEM;
	}
	status_fit(status, last_runs);
	return 0;
}

/* The folders of an account's last run, as it told them; NULL without memory. */
static json_t *last_folders(struct daemon *d, const struct record *record,
			    uint64_t *ret_left_out)
{
	_cleanup_(json_decrefp) json_t *list = NULL;
	_cleanup_(freep) char *owned = NULL;
	struct run_folders f = record->folders;

	if (!record->unsaved) {
		(void)history_folders(d->history, record->last.account, record->last.id, &f);
		owned = f.json;
	}
	if (f.json)
		list = json_loads(f.json, 0, NULL);
	*ret_left_out = f.left_out;
	return json_is_array(list) ? STEAL(list) : json_array();
}

/* Put them into `last`, as many as `room` octets of a message hold. 0 or -ENOMEM. */
static int put_folders(struct daemon *d, const struct record *record, json_t *last,
		       size_t *room)
{
	uint64_t left_out = 0;
	_cleanup_(json_decrefp) json_t *all = last_folders(d, record, &left_out);
	_cleanup_(json_decrefp) json_t *list = json_array();

	if (!all || !list)
		return -ENOMEM;

	*room -= FOLDERS_FRAME_MAX;
	for (size_t i = 0; i < json_array_size(all); i++) {
		json_t *folder = json_array_get(all, i);
		size_t size = measure(folder) + 1;

		if (size > *room) {
			left_out += json_array_size(all) - i;
			break;
		}
		*room -= size;
		if (json_array_append(list, folder) < 0)
			return -ENOMEM;
	}
	if (json_object_set(last, "folders", list) < 0 ||
	    json_object_set_new(last, "folders_left_out", json_integer((json_int_t)left_out)) <
		    0)
		return -ENOMEM;
	return 0;
}

/* Accounts for which there is no room at all go without the member. */
static int add_folders(struct daemon *d, const json_t *status, const json_t *accounts)
{
	size_t used = measure(status) + FRAME_MAX;
	size_t room = used < JSONIO_MESSAGE_MAX ? JSONIO_MESSAGE_MAX - used : 0;

	for (size_t i = 0; i < json_array_size(accounts) && room > FOLDERS_FRAME_MAX; i++) {
		const json_t *a = json_array_get(accounts, i);
		const char *name = json_string_value(json_object_get(a, "name"));
		json_t *last = json_object_get(a, "last_run");

		if (json_is_object(last) &&
		    put_folders(d, daemon_record(d, name), last, &room) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_accounts(struct daemon *d, const json_t *names, json_t *accounts)
{
	for (size_t i = 0; i < d->config->n_accounts; i++) {
		const struct config_account *a = &d->config->accounts[i];

		if (is_wanted(a, names) &&
		    json_array_append_new(accounts,
					  account_to_json(d, a, &d->records[i],
							  daemon_find_run(d, a->name))) < 0)
			return -ENOMEM;
	}
	for (const struct run *r = d->runs; r; r = r->next) {
		const struct config_account gone = {.name = r->account};

		if (!config_find_account(d->config, r->account) && is_wanted(&gone, names) &&
		    json_array_append_new(accounts, removed_to_json(d, r)) < 0)
			return -ENOMEM;
	}
	return 0;
}

json_t *status_to_json(struct daemon *d, const json_t *names)
{
	_cleanup_(json_decrefp) json_t *accounts = json_array();
	_cleanup_(json_decrefp) json_t *status = NULL;
	size_t n_running, n_queued;

	if (!accounts || add_accounts(d, names, accounts) < 0)
		return NULL;

	count_runs(d, &n_running, &n_queued);
	status = json_pack("{s:s, s:{s:i, s:o, s:I, s:I}, s:O}", "version", MAILMIG_VERSION,
			   "daemon", "pid", (int)getpid(), "since", time_or_null(d->since_usec),
			   "jobs_running", (json_int_t)n_running, "jobs_queued",
			   (json_int_t)n_queued, "accounts", accounts);
	if (!status || fit_accounts(status, accounts) < 0)
		return NULL;
	if (json_array_size(names) > 0 && add_folders(d, status, accounts) < 0)
		return NULL;
	return STEAL(status);
}

char *status_text(struct daemon *d)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t n_running, n_queued, n_idle = 0, n_paused = 0, n_failing = 0;

	count_runs(d, &n_running, &n_queued);
	for (size_t i = 0; i < d->config->n_accounts; i++) {
		const struct record *record = &d->records[i];
		bool paused = record->note.paused_usec != 0;

		n_failing += is_failing(record) && !paused;
		if (daemon_find_run(d, d->config->accounts[i].name))
			continue;
		n_paused += paused;
		n_idle += !paused;
	}

	if (d->draining)
		(void)buf_adds(&b, "stopping; ");
	if (d->config->n_accounts == 0 && !d->runs)
		(void)buf_adds(&b, "no accounts configured; see mailmig.conf(5)");
	else
		(void)buf_addf(&b, "%zu running, %zu queued, %zu idle", n_running, n_queued,
			       n_idle);
	if (n_paused > 0)
		(void)buf_addf(&b, ", %zu paused", n_paused);
	if (n_failing > 0)
		(void)buf_addf(&b, "; %zu failing", n_failing);
	return buf_take(&b);
}
