/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "check.h"
#include "messages.h"
#include "worker_event.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Entries a run may have its worker write to the journal: a worker gone mad must not fill it.
 */
#define LOG_EVENTS_MAX 1000

#define GOES_ON "nothing is lost: it goes on when mailmigd is back"

struct run *run_free(struct run *r)
{
	struct daemon *d;

	if (!r)
		return NULL;

	d = r->daemon;
	if (r->prev)
		r->prev->next = r->next;
	else if (d->runs == r)
		d->runs = r->next;
	if (r->next)
		r->next->prev = r->prev;
	else if (d->runs_tail == r)
		d->runs_tail = r->prev;

	worker_done(r);
	if (r->credentials_fd > 0)
		(void)close(r->credentials_fd);
	run_summary_done(&r->summary);
	json_decref(r->progress);
	folder_log_done(&r->folders);
	free(r->account);
	for (size_t i = 0; i < ELEMENTS(r->server); i++) {
		free(r->server[i]);
		free(r->ends[i].host);
		free(r->ends[i].server);
	}
	free(r->trouble);
	free(r);
	return NULL;
}

struct run *daemon_find_run(struct daemon *d, const char *account)
{
	for (struct run *r = d->runs; r; r = r->next)
		if (strcmp(r->account, account) == 0)
			return r;
	return NULL;
}

int run_new(struct daemon *d, const struct config_account *a, bool dry_run, uint64_t batch,
	    bool fail_fast, struct run **ret)
{
	struct run *r = calloc(1, sizeof(*r));
	int q;

	if (!r)
		return -ENOMEM;

	r->daemon = d;
	r->fd = -1;
	r->prev = d->runs_tail;
	if (r->prev)
		r->prev->next = r;
	else
		d->runs = r;
	d->runs_tail = r;

	r->dry_run = dry_run;
	r->batch = batch;
	r->fail_fast = fail_fast;
	q = text_set(&r->account, a->name);
	if (q >= 0)
		q = text_set(&r->summary.job, job_kind_name(a->job.kind));
	if (q >= 0)
		q = run_id_new(r->id);
	if (q < 0) {
		(void)run_free(r);
		return q;
	}

	*ret = r;
	daemon_schedule_soon(d);
	return 0;
}

void run_set_trouble(struct run *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (r->trouble)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->trouble = text_dup(text); /* without memory the report is poorer, no more */
}

void daemon_report_history(struct daemon *d, int result, const struct mm_err *err)
{
	_cleanup_(freep) char *set_aside = history_take_set_aside(d->history);
	struct mm_log_fields f = {.message_id = MESSAGE_HISTORY_BROKEN};

	if (set_aside) {
		mm_log(LOG_ERR, &f,
		       "the run history was corrupt: kept as %s, a new one was begun",
		       set_aside);
		note_write_again(d);
	}

	f.message_id = MESSAGE_HISTORY_NOT_KEPT;
	if (result < 0 && !d->history_trouble)
		mm_log(LOG_ERR, &f, "%s, going on without", err->text);
	if (result >= 0 && d->history_trouble)
		mm_log(LOG_NOTICE, NULL, "the run history is written again");
	d->history_trouble = result < 0;
}

/* Without memory the journal entries name no server. */
static void note_end(struct run_end *end, const struct endpoint *e)
{
	(void)text_set(&end->host, e->host);
	(void)text_set(&end->server, e->server ? e->server : e->host);
}

void run_start(struct run *r, const struct config_account *a, const struct queue_entry *e,
	       uint32_t lanes)
{
	struct mm_log_fields f = {.message_id = MESSAGE_RUN_STARTED,
				  .account = r->account,
				  .run = r->id,
				  .job = r->summary.job};
	struct job job = a->job; /* shallow: lent to worker_start() */
	struct mm_err err = {0};
	int q;

	r->state = RUN_RUNNING;
	r->started_usec = clock_wall_usec();
	for (size_t i = 0; i < ELEMENTS(r->server); i++) {
		r->connections[i] = e->need[i].connections;
		if (text_set(&r->server[i], e->need[i].server) < 0)
			r->connections[i] = 0;
	}

	note_end(&r->ends[0], &a->job.origin);
	note_end(&r->ends[1], &a->job.destination);

	if (!r->dry_run) {
		q = history_begin(r->daemon->history, r->id, r->account, r->summary.job,
				  r->started_usec, &err);
		daemon_report_history(r->daemon, q, &err);
	}

	job.state_dir = r->daemon->state_dir;
	job.run_id = r->id;
	job.dry_run = r->dry_run;
	job_ask(&job, r->asked);
	job.connections = lanes;
	q = worker_start(r, &job, &err);
	if (q < 0) {
		run_set_trouble(r, "%s", err.text);
		run_finish(r);
		return;
	}
	mm_log(LOG_INFO, &f, "%s: %srun started", r->account, r->dry_run ? "dry " : "");
}

void run_cancel(struct run *r, const char *why)
{
	r->cancelled = true;
	if (r->state == RUN_QUEUED) {
		run_set_trouble(r, "%s", why);
		run_finish(r);
		return;
	}
	worker_cancel(r, r->daemon->cancel_grace_usec);
}

/* ---- what the worker says ---- */

static const char *member(const json_t *event, const char *key)
{
	const char *s = json_string_value(json_object_get(event, key));

	return s ? s : "";
}

/* May the run have another entry in the journal? */
static bool may_log(struct run *r, const struct mm_log_fields *f)
{
	if (r->n_log++ == LOG_EVENTS_MAX)
		mm_log(LOG_WARNING, f, "%s: more entries of this run are left out", r->account);
	return r->n_log <= LOG_EVENTS_MAX;
}

static void handle_log(struct run *r, const json_t *event)
{
	const struct mm_log_fields f = {
		.account = r->account,
		.run = r->id,
		.job = r->summary.job,
		.server = worker_event_server(r->ends, member(event, "text"))};
	int level = worker_event_log_level(event);

	if (level <= mm_log_level() && may_log(r, &f))
		mm_log(level, &f, "%s: %s", r->account, member(event, "text"));
}

/* A message (or, with uid 0, a folder) that was not done as asked. */
static void handle_message(struct run *r, const json_t *event)
{
	json_int_t uid = json_integer_value(json_object_get(event, "uid"));
	const char *folder = member(event, "folder"), *advice = member(event, "advice");
	const struct mm_log_fields f = {
		.message_id = MESSAGE_NOT_COPIED,
		.account = r->account,
		.run = r->id,
		.job = r->summary.job,
		.folder = *folder ? folder : NULL,
		.uid = uid > 0 && uid <= UINT32_MAX ? (uint32_t)uid : 0,
		.server = worker_event_server(r->ends, member(event, "text")),
		.result = member(event, "result"),
	};
	char where[32] = "";

	if (f.uid)
		(void)snprintf(where, sizeof(where), " uid %" PRIu32, f.uid);
	if (may_log(r, &f))
		mm_log(LOG_WARNING, &f, "%s: %s%s: %s%s%s", r->account, folder, where,
		       member(event, "text"), *advice ? "; " : "", advice);
}

static int handle_done(struct run *r, const json_t *event)
{
	struct run_summary s = {0};
	int q;

	q = run_summary_from_json(&s, event);
	if (q < 0)
		return q;
	if (s.result == RUN_INTERRUPTED) /* that is ours to say */
		s.result = RUN_FAILED;
	free(s.job);
	s.job = STEAL(r->summary.job);
	run_summary_done(&r->summary);
	r->summary = s;
	r->done = true;
	return 0;
}

int run_handle_event(struct run *r, json_t *event, size_t size)
{
	json_t *progress;
	int kind;

	if (r->done)
		return 0; /* nothing counts after the result */

	kind = worker_event_check(event, size, r->account, r->id);
	switch (kind) {
	case WORKER_EVENT_DONE:
		return handle_done(r, event); /* followers get it when the worker has left */
	case WORKER_EVENT_LOG:
		handle_log(r, event);
		break;
	case WORKER_EVENT_MESSAGE:
		handle_message(r, event);
		break;
	case WORKER_EVENT_FOLDER:
		if (!r->dry_run)
			folder_log_add(&r->folders, event);
		break;
	case WORKER_EVENT_PROGRESS:
		progress = worker_event_progress(event);
		if (progress) {
			json_decref(r->progress);
			r->progress = progress;
		}
		break;
	default:
		if (kind < 0)
			return kind;
		break;
	}
	follow_event(r, event, kind == WORKER_EVENT_PROGRESS);
	return 0;
}

/* ---- its result ---- */

static void result_without_done(struct run *r, struct run_summary *s)
{
	const char *text = r->trouble ? r->trouble : "the run ended without a reason";
	const char *advice = "nothing is lost: the next run goes on where this one stopped";

	if (r->stopped) {
		s->result = RUN_INTERRUPTED;
		s->exit_code = EXIT_CODE_CANCEL;
		advice = GOES_ON;
	} else if (r->cancelled) {
		s->result = RUN_CANCELLED;
		s->exit_code = EXIT_CODE_CANCEL;
	} else if (r->child_exit) {
		s->result = RUN_INTERRUPTED;
		s->exit_code = EXIT_CODE_LOCAL;
	} else {
		s->result = RUN_FAILED;
		s->exit_code = EXIT_CODE_LOCAL;
	}
	/* Without memory the summary has no error; the journal has the text. */
	(void)run_summary_add_error(s, NULL, 0,
				    r->cancelled ? MM_CLASS_CANCELLED : MM_CLASS_LOCAL, text,
				    r->started_usec || r->stopped ? advice : "");
}

/* It ended at a message border because the daemon ends: nobody had wanted that. */
static void result_of_stop(struct run_summary *s)
{
	run_summary_drop_errors(s);
	s->result = RUN_INTERRUPTED;
	s->exit_code = EXIT_CODE_CANCEL;
	(void)run_summary_add_error(s, NULL, 0, MM_CLASS_CANCELLED,
				    "mailmigd was stopped during the run", GOES_ON);
}

static void log_result(const struct run *r, const struct run_summary *s)
{
	static const struct kind {
		const char *message_id;
		int level;
		const char *words;
	} kinds[] = {
		[RUN_OK] = {MESSAGE_RUN_OK, LOG_INFO, "done"},
		[RUN_PARTIAL] = {MESSAGE_RUN_PARTIAL, LOG_WARNING, "done, not all messages"},
		[RUN_FAILED] = {MESSAGE_RUN_FAILED, LOG_ERR, "failed"},
		[RUN_THROTTLED] = {MESSAGE_RUN_THROTTLED, LOG_NOTICE, "has to wait"},
		[RUN_CANCELLED] = {MESSAGE_RUN_CANCELLED, LOG_NOTICE, "cancelled"},
		[RUN_INTERRUPTED] = {MESSAGE_RUN_INTERRUPTED, LOG_ERR, "interrupted"},
	};
	static const struct kind stopped = {MESSAGE_RUN_STOPPED, LOG_NOTICE, "interrupted"};
	const struct kind *k =
		r->stopped && s->result == RUN_INTERRUPTED ? &stopped : &kinds[s->result];
	bool failed = s->result != RUN_OK && s->n_errors > 0;
	const struct mm_log_fields f = {
		.message_id = k->message_id,
		.account = r->account,
		.run = r->id,
		.job = s->job,
		.server = failed ? worker_event_server(r->ends, s->errors[0].text) : NULL,
		.result = run_result_name(s->result)};
	char size[32], span[32], skipped[SKIPS_TEXT_MAX];

	mm_log(k->level, &f,
	       "%s: %srun %s: %" PRIu64 " copied (%s), %" PRIu64 " present, %" PRIu64
	       " skipped%s, %" PRIu64 " failed, %" PRIu64 " flags changed in %s%s%s",
	       r->account, r->dry_run ? "dry " : "", k->words, s->copied,
	       format_size(size, sizeof(size), s->bytes), s->present, s->skipped,
	       skips_to_words(s->skipped_by, skipped), s->failed, s->flags_updated,
	       format_span(span, sizeof(span), s->finished_usec - s->started_usec),
	       failed ? "; " : "", failed ? s->errors[0].text : "");
}

/* In memory only until the history has them: a thousand accounts of as many folders are not
 * little. Takes them over. */
static void keep_folders(struct record *record, struct run_folders *folders)
{
	free(record->folders.json);
	record->folders = *folders;
	*folders = (struct run_folders){0};
}

/* Write the last run of an account, when that could not be done when it ended. */
static void save_last(struct daemon *d, struct record *record)
{
	struct mm_err err;

	if (!record->unsaved ||
	    history_finish(d->history, &record->last, &record->folders, &err) < 0)
		return;
	record->unsaved = false;
	keep_folders(record, &(struct run_folders){0});
}

/* Into the history. 0 or -EIO; *folders is the caller's. */
static int write_result(struct run *r, const struct run_summary *s, struct run_folders *folders)
{
	struct daemon *d = r->daemon;
	struct record *record = daemon_record(d, r->account);
	struct mm_err err = {0};
	int q;

	if (record)
		save_last(d, record); /* before this one: the folders of the newest are kept */
	folder_log_take(&r->folders, folders);
	q = history_finish(d->history, s, folders, &err);
	daemon_report_history(d, q, &err);
	if (q < 0)
		return q;

	for (size_t i = 0; i < d->config->n_accounts; i++)
		save_last(d, &d->records[i]);
	note_save_unsaved(d);
	return 0;
}

/* Into memory; written: what write_result() said. Takes both over. */
static void keep_result(struct run *r, struct run_summary *s, struct run_folders *folders,
			int written)
{
	struct daemon *d = r->daemon;
	struct record *record = daemon_record(d, r->account);

	if (record) {
		run_summary_done(&record->last);
		record->last = *s;
		*s = (struct run_summary){0};
		record->unsaved = written < 0;
		keep_folders(record, record->unsaved ? folders : &(struct run_folders){0});
		if (run_summary_listed(&record->last)) {
			record->total_messages = record->last.total_messages;
			record->total_bytes = record->last.total_bytes;
		}
		if (record->last.result == RUN_OK)
			record->last_success_usec = record->last.finished_usec;
	}
	free(folders->json);
}

static void take_back_batch(struct daemon *d, uint64_t batch)
{
	for (struct run *r = d->runs, *next; r; r = next) {
		next = r->next;
		if (r->batch == batch && r->state == RUN_QUEUED)
			run_cancel(r, "not started: an earlier run of the same request failed");
	}
}

void run_finish(struct run *r)
{
	_cleanup_(run_summary_done) struct run_summary s = {0};
	struct daemon *d = r->daemon;
	struct run_folders folders = {0};
	bool stop = r->fail_fast, record;
	uint64_t batch = r->batch;
	int written = 0;

	if (r->check) {
		check_finish(r);
		return;
	}
	s = r->summary;
	r->summary = (struct run_summary){0};
	s.finished_usec = clock_wall_usec();
	s.started_usec = r->started_usec ? r->started_usec : s.finished_usec;
	s.finished_usec = MAX_OF(s.finished_usec, s.started_usec);
	s.dry_run = r->dry_run;
	if (!r->done)
		result_without_done(r, &s);
	else if (r->stopped && s.result == RUN_CANCELLED)
		result_of_stop(&s);
	stop = stop && summary_is_bad(&s);

	/* The names are ours, whatever the worker called itself. */
	if (text_set(&s.id, r->id) < 0 || text_set(&s.account, r->account) < 0) {
		free(s.id);
		s.id = NULL;
	}

	log_result(r, &s);
	record = r->started_usec && !r->dry_run && s.id;
	if (record)
		written = write_result(r, &s, &folders);
	if (!r->dry_run)
		note_run_ended(r, &s);
	follow_run_ended(r, &s); /* who hears of it can rely on it */
	if (record)
		keep_result(r, &s, &folders, written);
	(void)run_free(r);
	if (stop)
		take_back_batch(d, batch);
	daemon_schedule_soon(d);
}
