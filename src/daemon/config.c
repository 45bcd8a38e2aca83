/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "messages.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

/* Descriptors the daemon needs beside its clients: two for each worker and a few more. */
#define RESERVED_FDS 64

/* Errors of a rejected configuration that go to the journal. */
#define COMPLAINTS_LOGGED 50

void record_read(struct record *r, struct history *h, const char *account)
{
	(void)history_last_run(h, account, &r->last);
	r->last_success_usec = history_last_success(h, account);
	history_totals(h, account, &r->total_messages, &r->total_bytes);
	note_read(r, h, account);
}

void record_done(struct record *r)
{
	run_summary_done(&r->last);
	free(r->folders.json);
}

static size_t index_of(const struct config *c, const char *account)
{
	const struct config_account *a = c ? config_find_account(c, account) : NULL;

	return a ? (size_t)(a - c->accounts) : SIZE_MAX;
}

struct record *daemon_record(struct daemon *d, const char *account)
{
	size_t i = index_of(d->config, account);

	return i == SIZE_MAX ? NULL : &d->records[i];
}

/* Records for the accounts of a new configuration: those known move over, others are read. */
static int make_records(struct daemon *d, const struct config *c, struct record **ret)
{
	struct record *records = calloc(MAX_OF(c->n_accounts, 1U), sizeof(*records));

	if (!records)
		return -ENOMEM;

	for (size_t i = 0; i < c->n_accounts; i++) {
		struct record *old = daemon_record(d, c->accounts[i].name);

		if (old) {
			records[i] = *old;
			*old = (struct record){0};
		} else if (d->history) {
			record_read(&records[i], d->history, c->accounts[i].name);
		}
	}
	*ret = records;
	return 0;
}

/* Each account may have a waiting client of its own (its timer's), and some more come by. */
void daemon_set_connection_limit(struct daemon *d)
{
	struct rlimit limit = {0};
	size_t wanted = VARLINK_CONNECTIONS_MAX + d->config->n_accounts;

	if (!d->server)
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
		uint64_t taken = RESERVED_FDS + 2 * (uint64_t)d->config->max_jobs;
		uint64_t room = limit.rlim_cur > taken ? limit.rlim_cur - taken : 0;

		wanted = (size_t)MIN_OF((uint64_t)wanted, room);
	}
	varlink_server_set_limit(d->server, MAX_OF(wanted, (size_t)VARLINK_CONNECTIONS_MAX));
}

static void warn_about_fixed_keys(const struct config *old, const struct config *new)
{
	if (strcmp(old->state_dir, new->state_dir) != 0)
		mm_log(LOG_WARNING, NULL,
		       "state_dir changed to %s: in force after a restart of mailmigd",
		       new->state_dir);
	if (strcmp(old->socket, new->socket) != 0)
		mm_log(LOG_WARNING, NULL,
		       "socket changed to %s: in force after a restart of mailmigd",
		       new->socket);
}

int daemon_load_config(struct daemon *d, struct config_errors *errors)
{
	_cleanup_(config_freep) struct config *c = NULL;
	struct record *records = NULL;
	int r;

	r = config_load(d->config_path, &c, errors);
	if (r < 0)
		return r;

	r = make_records(d, c, &records);
	if (r < 0)
		return r;

	if (d->config) {
		warn_about_fixed_keys(d->config, c);
		for (size_t i = 0; i < d->config->n_accounts; i++)
			record_done(&d->records[i]);
	}
	free(d->records);
	(void)config_free(d->config);
	d->records = records;
	d->config = STEAL(c);

	mm_log_set_level(d->config->log_level);
	daemon_set_connection_limit(d);
	return 0;
}

/* What waits for an account that is gone or switched off does not run. */
static void drop_orphans(struct daemon *d)
{
	for (struct run *run = d->runs, *next; run; run = next) {
		const struct config_account *a = config_find_account(d->config, run->account);

		next = run->next;
		if (run->state == RUN_QUEUED && (!a || !a->enabled))
			run_cancel(run, "the account was taken out of the configuration before "
					"the run started");
	}
}

void daemon_note_schedules(const struct config *c)
{
	size_t n = c->n_unchecked_schedules;

	if (n > 0)
		mm_log(LOG_WARNING, NULL,
		       "%zu schedule%s could not be checked, as systemd-analyze is missing or "
		       "failed; if one is wrong, its timer keeps the schedule at night",
		       n, n == 1 ? "" : "s");
}

int daemon_reload(struct daemon *d, struct config_errors *errors)
{
	struct mm_log_fields f = {.message_id = MESSAGE_CONFIG_REJECTED};
	int r;

	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_usec());

	r = daemon_load_config(d, errors);
	if (r < 0) {
		for (size_t i = 0; i < MIN_OF(errors->n, (size_t)COMPLAINTS_LOGGED); i++)
			mm_log(LOG_ERR, &f, "%s", errors->lines[i]);
		mm_log(LOG_ERR, &f, "configuration rejected, the one before stays in force: %s",
		       errors->n == 0                  ? strerror(-r)
		       : errors->n > COMPLAINTS_LOGGED ? "see all with mailmigd --check"
						       : "see the errors above");
	} else {
		f.message_id = MESSAGE_CONFIG_LOADED;
		mm_log(LOG_INFO, &f, "configuration loaded again: %zu account%s",
		       d->config->n_accounts, d->config->n_accounts == 1 ? "" : "s");
		daemon_note_schedules(d->config);
		drop_orphans(d);
	}

	(void)sd_notify(0, "READY=1");
	daemon_schedule_soon(d);
	return r;
}
