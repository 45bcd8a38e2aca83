/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Checks: short runs beside the queue, which change nothing and are remembered by nobody. They
 * wait for no run and no run waits for them; a worker does the looking, here is added what only
 * the daemon knows. */

#define CHECKS_AT_ONCE 4

static int code_of(enum mm_class cls)
{
	return mm_class_exit_code(cls);
}

_printf_(4, 5) static void describe(struct check_line *l, enum check_result result,
				    const char *item, const char *fmt, ...)
{
	va_list ap;

	*l = (struct check_line){.result = result, .item = item};
	va_start(ap, fmt);
	(void)vsnprintf(l->text, sizeof(l->text), fmt, ap); /* cut: it is for reading */
	va_end(ap);
}

_printf_(2, 3) static void advise(struct check_line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->advice, sizeof(l->advice), fmt, ap);
	va_end(ap);
}

/* ---- lines of our own ---- */

/* The event for an account, "" for none; NULL without memory. */
static json_t *event_of(const struct check_line *l, const char *account, const char *run_id)
{
	_cleanup_(json_decrefp) json_t *event = check_line_to_json(l);

	if (!event || json_object_set_new(event, "account", json_string(account)) < 0 ||
	    json_object_set_new(event, "run", json_string(run_id)) < 0)
		return NULL;
	return STEAL(event);
}

static void tell(struct varlink_call *call, const struct check_line *l)
{
	varlink_call_notify(call, json_pack("{s:o}", "event", event_of(l, "", "")));
}

/* The complaints name file and line, and what would be right. */
static void tell_errors(struct varlink_call *call, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const char *line = errors->lines[i], *right = strstr(line, "; ");
		struct check_line l;

		describe(&l, CHECK_FAIL, "configuration", "%.*s",
			 (int)(right ? right - line : (ssize_t)strlen(line)), line);
		advise(&l, "%s, then: mailmigctl reload", right ? right + 2 : "correct it");
		l.exit_code = code_of(MM_CLASS_CONFIG);
		tell(call, &l);
	}
}

static bool is_same(const struct config_account *a, const struct config_account *b)
{
	_cleanup_(json_decrefp) json_t *ja = job_to_json(&a->job), *jb = job_to_json(&b->job);

	return ja && jb && json_equal(ja, jb) && a->enabled == b->enabled &&
	       strcmp(a->schedule ? a->schedule : "", b->schedule ? b->schedule : "") == 0;
}

/* Accounts that a reload would change, add or take away. */
static size_t count_differences(const struct config *ours, const struct config *theirs)
{
	size_t n = 0;

	for (size_t i = 0; i < theirs->n_accounts; i++) {
		const struct config_account *a =
			config_find_account(ours, theirs->accounts[i].name);

		n += !a || !is_same(a, &theirs->accounts[i]);
	}
	for (size_t i = 0; i < ours->n_accounts; i++)
		n += !config_find_account(theirs, ours->accounts[i].name);
	return n;
}

/* The file as it is now, beside what is in force. */
static void tell_config(const struct daemon *d, struct varlink_call *call)
{
	_cleanup_(config_errors_done) struct config_errors errors = {0};
	_cleanup_(config_freep) struct config *c = NULL;
	struct check_line l;
	size_t n;

	if (config_load(d->config_path, &c, &errors) < 0) {
		tell_errors(call, &errors);
		return;
	}
	n = count_differences(d->config, c);
	describe(&l, n > 0 ? CHECK_WARN : CHECK_OK, "configuration",
		 "%s: %zu server%s, %zu account%s", c->path, c->n_servers,
		 c->n_servers == 1 ? "" : "s", c->n_accounts, c->n_accounts == 1 ? "" : "s");
	if (n > 0) {
		size_t used = strlen(l.text);

		(void)snprintf(l.text + used, sizeof(l.text) - used,
			       "; %zu of them not as mailmigd has it", n);
		advise(&l, "have it read the file: mailmigctl reload");
	}
	tell(call, &l);
}

static void tell_daemon(const struct daemon *d, struct varlink_call *call)
{
	char since[32];
	struct check_line l;

	describe(&l, CHECK_OK, "daemon", "mailmigd %s, pid %d, since %s", MAILMIG_VERSION,
		 (int)getpid(), clock_rfc3339(d->since_usec, since, sizeof(since)));
	tell(call, &l);
}

void check_tell_service(const struct daemon *d, struct varlink_call *call)
{
	tell_config(d, call);
	tell_daemon(d, call);
}

/* ---- lines about an account ---- */

/* How old the last good run is; what is there to be done about it. */
static void describe_runs(const struct record *record, const char *account,
			  struct check_line *l)
{
	uint64_t now = clock_wall_usec(), last = record->last_success_usec;
	bool good = record->last.id && record->last.result == RUN_OK;
	char age[32] = "";

	if (last)
		(void)format_span(age, sizeof(age), now > last ? now - last : 0);
	if (!record->last.id) {
		describe(l, CHECK_WARN, "last good run", "none, it never ran");
		advise(l, "mailmigctl run %s", account);
	} else if (good) {
		describe(l, CHECK_OK, "last good run", "%s ago", age);
	} else {
		describe(l, CHECK_WARN, "last good run", "%s%s, the newest run: %s",
			 last ? age : "none", last ? " ago" : "",
			 run_result_name(record->last.result));
		advise(l, "see why: mailmigctl status %s", account);
	}
}

/* What systemd does with the account's schedule. */
static void describe_timer(const struct bus_timer *t, const struct config_account *a,
			   struct check_line *l)
{
	bool started = t && t->enabled && strcmp(t->state, "dead") != 0;
	const char *unit = config_account_unit(a);
	char next[32];

	if (!started) {
		describe(l, CHECK_WARN, "timer",
			 "schedule is \"%s\", but mailmig@%s.timer is not enabled", a->schedule,
			 unit);
		advise(l, "mailmigctl enable %s", unit);
	} else if (strcmp(t->state, "failed") == 0 || strcmp(t->state, "elapsed") == 0) {
		describe(l, CHECK_WARN, "timer", "mailmig@%s.timer has %s: it starts no run",
			 unit, t->state);
		advise(l, "systemctl restart mailmig@%s.timer", unit);
	} else {
		describe(l, CHECK_OK, "timer", "schedule \"%s\", next run %s", a->schedule,
			 t->next_usec ? clock_rfc3339(t->next_usec, next, sizeof(next))
				      : "when this one ended");
	}
}

static void tell_of(struct run *r, const struct check_line *l)
{
	_cleanup_(json_decrefp) json_t *event = event_of(l, r->account, r->id);

	follow_event(r, event, false);
}

static void tell_account(struct run *r)
{
	const struct config_account *a = config_find_account(r->daemon->config, r->account);
	const struct record *record = daemon_record(r->daemon, r->account);
	const struct timers *timers = &r->daemon->timers;
	struct check_line l;

	if (!a || !record)
		return;
	if (a->schedule && timers->bus && !timers->broken) { /* else there is no systemd here */
		describe_timer(bus_timers_find(&timers->known, config_account_unit(a)), a, &l);
		tell_of(r, &l);
	}
	if (record->note.paused_usec) {
		describe(&l, CHECK_WARN, "paused", "no run starts");
		advise(&l, "mailmigctl resume %s", a->name);
		tell_of(r, &l);
	}
	describe_runs(record, a->name, &l);
	tell_of(r, &l);
}

/* The worker gave no result. */
static void tell_trouble(struct run *r, struct run_summary *s)
{
	struct check_line l;

	s->result = RUN_FAILED;
	s->exit_code = EXIT_CODE_LOCAL;
	describe(&l, CHECK_FAIL, "worker", "%s",
		 r->trouble ? r->trouble : "the check ended without a reason");
	advise(&l, "journalctl -u mailmigd -n 20");
	l.exit_code = EXIT_CODE_LOCAL;
	tell_of(r, &l);
}

/* ---- life ---- */

int check_new(struct daemon *d, const char *account, struct run **ret)
{
	struct run *r = calloc(1, sizeof(*r)), *last = d->checks;
	int q;

	if (!r)
		return -ENOMEM;
	r->daemon = d;
	r->fd = -1;
	r->check = true;
	r->dry_run = true;
	q = text_set(&r->account, account);
	if (q >= 0)
		q = text_set(&r->summary.job, job_kind_name(JOB_CHECK));
	if (q >= 0)
		q = run_id_new(r->id);
	if (q < 0) {
		(void)run_free(r);
		return q;
	}

	while (last && last->next)
		last = last->next;
	r->prev = last;
	if (last)
		last->next = r;
	else
		d->checks = r;
	*ret = r;
	return 0;
}

static void forget(struct run *r)
{
	if (r->daemon->checks == r)
		r->daemon->checks = r->next;
	(void)run_free(r);
}

/* What an account's worker is told; the one of no account looks at what all need. Shallow: its
 * strings are the configuration's and the daemon's. */
static bool make_job(const struct daemon *d, const struct run *r, struct job *job)
{
	const struct config_account *a = config_find_account(d->config, r->account);

	if (!*r->account) {
		job_init(job);
		if (d->config->n_accounts > 0)
			job->min_free_bytes = d->config->accounts[0].job.min_free_bytes;
		job->account = r->account;
		job->log_level = d->config->log_level;
	} else if (a) {
		*job = a->job;
	} else {
		return false;
	}
	job->kind = JOB_CHECK;
	job->run_id = (char *)r->id;
	job->state_dir = d->state_dir;
	job->connections = 1;
	return true;
}

static void finish(struct run *r)
{
	_cleanup_(run_summary_done) struct run_summary s = r->summary;

	r->summary = (struct run_summary){0};
	s.finished_usec = clock_wall_usec();
	s.started_usec = r->started_usec ? r->started_usec : s.finished_usec;
	if (!r->done)
		tell_trouble(r, &s);
	/* The names are ours, whatever the worker called itself. */
	if (text_set(&s.id, r->id) < 0 || text_set(&s.account, r->account) < 0) {
		free(s.id);
		s.id = NULL;
	}
	tell_account(r);
	follow_run_ended(r, &s);
	forget(r);
}

static void start(struct run *r)
{
	struct mm_err err = {0};
	struct job job;

	r->state = RUN_RUNNING;
	r->started_usec = clock_wall_usec();
	if (!make_job(r->daemon, r, &job))
		run_set_trouble(r, "the account went away with a reload");
	else if (worker_start(r, &job, &err) < 0)
		run_set_trouble(r, "%s", err.text);
	else
		return;
	finish(r);
}

static bool is_followed(const struct run *r)
{
	for (const struct follow *f = r->daemon->follows; f; f = f->next)
		for (size_t i = 0; i < f->n_runs; i++)
			if (f->runs[i] == r)
				return true;
	return false;
}

static struct run *next_to_start(struct daemon *d)
{
	struct run *waiting = NULL;
	size_t n_running = 0;

	for (struct run *r = d->checks; r; r = r->next) {
		if (r->state == RUN_RUNNING)
			n_running++;
		else if (!waiting)
			waiting = r;
	}
	return n_running < CHECKS_AT_ONCE ? waiting : NULL;
}

void checks_start(struct daemon *d)
{
	struct run *r;

	while (!d->draining && (r = next_to_start(d))) {
		if (is_followed(r))
			start(r);
		else /* nobody waits for the answer any more */
			forget(r);
	}
}

void check_finish(struct run *r)
{
	struct daemon *d = r->daemon;

	finish(r);
	checks_start(d);
	daemon_schedule_soon(d); /* the end of the daemon may have waited for it */
}

void checks_stop(struct daemon *d)
{
	for (struct run *r = d->checks, *next; r; r = next) {
		next = r->next;
		run_set_trouble(r, "mailmigd was stopped");
		if (r->state == RUN_RUNNING)
			worker_kill(r);
		else
			finish(r);
	}
}

void checks_drop(struct daemon *d)
{
	while (d->checks) /* only those whose process would not die */
		forget(d->checks);
}
