/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "messages.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <string.h>

/* What is remembered of accounts beyond their runs: that they are paused, that a run was asked
 * for, since when none was good. */

/* A run that takes the daemon down with it each time is left to its timer or to a person. */
#define TAKE_UP_MAX 3

void note_read(struct record *r, struct history *h, const char *account)
{
	struct account_note was;

	if (r->note_read || history_read_note(h, account, &was) < 0)
		return;
	r->note_read = true;

	/* It was not readable before, and there is news since: neither may cost the other. */
	if (r->note.paused_usec == 0)
		r->note.paused_usec = was.paused_usec;
	if (r->note.told_usec == 0 && r->note.since_usec == 0)
		r->note.told_usec = was.told_usec;
	if (r->note.asked == 0)
		r->note.asked = was.asked;
	r->note.since_usec = MAX_OF(r->note.since_usec, was.since_usec);
	if (r->note.since_usec == 0) /* written by a version that did not keep it */
		r->note.since_usec = r->last_success_usec;
}

bool account_is_paused(struct daemon *d, const struct config_account *a)
{
	struct record *record = &d->records[a - d->config->accounts];

	note_read(record, d->history, a->name);
	return record->note.paused_usec != 0;
}

static int write_note(struct daemon *d, const char *account, const struct account_note *note,
		      bool durable, struct mm_err *reterr)
{
	struct record *record = daemon_record(d, account);
	int r;

	if (record)
		note_read(record, d->history, account);
	r = history_write_note(d->history, account, note, durable, reterr);
	daemon_report_history(d, r, reterr);
	if (record)
		record->note_unsaved = r < 0;
	return r;
}

void note_write_again(struct daemon *d)
{
	for (size_t i = 0; i < d->config->n_accounts; i++)
		d->records[i].note_unsaved = true;
}

void note_save_unsaved(struct daemon *d)
{
	struct mm_err err;

	for (size_t i = 0; i < d->config->n_accounts; i++) {
		struct record *record = &d->records[i];

		if (record->note_unsaved)
			record->note_unsaved =
				history_write_note(d->history, d->config->accounts[i].name,
						   &record->note, false, &err) < 0;
	}
}

int account_pause(struct daemon *d, const char *account, bool pause, struct mm_err *reterr)
{
	const struct mm_log_fields f = {.message_id = pause ? MESSAGE_PAUSED : MESSAGE_RESUMED,
					.account = account};
	struct record *record = daemon_record(d, account);
	struct run *r = daemon_find_run(d, account);
	int q;

	note_read(record, d->history, account);
	if (pause == (record->note.paused_usec != 0) && !record->note_unsaved)
		return 0;

	record->note.paused_usec = pause ? clock_wall_usec() : 0;
	q = write_note(d, account, &record->note, true, reterr);
	mm_log(LOG_NOTICE, &f, "%s: %s", account, pause ? "paused" : "resumed");
	if (pause && r && !r->dry_run)
		run_cancel(r, "the account was paused before the run started");
	daemon_schedule_soon(d);
	return q;
}

bool summary_is_bad(const struct run_summary *s)
{
	return s->result == RUN_FAILED ||
	       (s->result == RUN_INTERRUPTED && s->exit_code != EXIT_CODE_CANCEL);
}

static void note_asked(struct daemon *d, const char *account, uint32_t n)
{
	struct record *record = daemon_record(d, account);
	struct mm_err err = {0};

	record->note.asked = n;
	(void)write_note(d, account, &record->note, false, &err);
}

void note_runs_asked(struct daemon *d, struct run *const *runs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* Without the credentials of its client it would fail: the client asks again.
		 */
		if (!runs[i]->dry_run && runs[i]->credentials_fd > 0)
			note_asked(d, runs[i]->account, 0);
		else if (!runs[i]->dry_run && runs[i]->batch == d->last_batch)
			note_asked(d, runs[i]->account, 1);
	}
}

void note_run_ended(const struct run *r, const struct run_summary *s)
{
	struct daemon *d = r->daemon;
	struct record *record = daemon_record(d, r->account);
	struct account_note gone = {0}; /* of an account that is out of the configuration */
	struct account_note *note = record ? &record->note : &gone;
	struct mm_err err = {0};

	if (!record && history_read_note(d->history, r->account, &gone) < 0)
		return; /* rather than to forget all the rest */
	if (record)
		note_read(record, d->history, r->account);

	note->asked = r->stopped && s->result == RUN_INTERRUPTED && r->credentials_fd <= 0;
	if (r->started_usec && (s->result == RUN_OK || s->result == RUN_PARTIAL)) {
		note->since_usec = s->finished_usec;
		note->told_usec = 0;
	} else if (r->started_usec && summary_is_bad(s) && note->since_usec == 0) {
		note->since_usec = s->started_usec;
	}
	(void)write_note(d, r->account, note, false, &err);
}

void note_told(struct daemon *d, struct record *record)
{
	struct mm_err err = {0};

	record->note.told_usec = clock_wall_usec();
	(void)write_note(d, record->last.account, &record->note, true, &err);
}

static void take_up(struct daemon *d, const struct config_account *a, uint32_t asked)
{
	struct mm_log_fields f = {.message_id = MESSAGE_RUN_TAKEN_UP, .account = a->name};
	struct run *r = NULL;

	if (asked > TAKE_UP_MAX) {
		mm_log(LOG_WARNING, &f,
		       "%s: its run was taken up %d times and mailmigd ended each time, not "
		       "again",
		       a->name, TAKE_UP_MAX);
		return;
	}
	if (run_new(d, a, false, ++d->last_batch, false, &r) < 0) {
		mm_log(LOG_ERR, &f, "%s: no memory to take up its run again", a->name);
		return;
	}
	f.run = r->id;
	mm_log(LOG_NOTICE, &f, "%s: the run that the end of mailmigd interrupted is taken up",
	       a->name);
	note_asked(d, a->name, asked + 1);
}

void daemon_take_up_runs(struct daemon *d)
{
	struct mm_err err = {0};

	/* Also of accounts that are not configured any more: they may come back much later. */
	(void)history_forget_asked(d->history, &err);

	for (size_t i = 0; i < d->config->n_accounts; i++) {
		struct account_note *note = &d->records[i].note;
		uint32_t asked = note->asked;

		note->asked = 0;
		if (asked > 0 && note->paused_usec == 0 && d->config->accounts[i].enabled)
			take_up(d, &d->config->accounts[i], asked);
	}
}
