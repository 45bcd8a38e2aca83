/* SPDX-License-Identifier: Apache-2.0 */
/* The engine works in a thread of its own; this one tells the parent how it goes and listens
 * for "cancel", signals, and the parent's end. */
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/log.h>
#include <mailmig/secret.h>
#include <mailmig/text.h>
#include <mailmig/vault.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "worker_internal.h"

#define PROGRESS_USEC (500 * USEC_PER_MSEC)
/* After this a cancelled run waits for no server any more: the daemon must be gone in 20 s. */
#define CANCEL_GRACE_USEC (10 * USEC_PER_SEC)
#define COMMAND_MAX       4096 /* of the parent's words after the job */

struct worker {
	const struct job *job;
	struct engine *engine;
	struct reporter reporter;
	struct engine_hooks hooks;
	struct run_summary summary;
	struct mm_err error;
	int fd;
	int done_fd;
	int signal_fd;
	bool parent_gone;
	struct buf in;
	uint64_t abort_usec; /* 0: not cancelled */
};

static void *engine_thread(void *userdata)
{
	struct worker *w = userdata;

	(void)engine_run(w->engine, &w->summary, &w->error); /* all of it is in the summary */
	(void)eventfd_write(w->done_fd, 1);
	return NULL;
}

static void cancel(struct worker *w)
{
	if (w->abort_usec)
		return;
	w->abort_usec = clock_deadline(CANCEL_GRACE_USEC);
	engine_cancel(w->engine);
}

static void on_signal(struct worker *w)
{
	struct signalfd_siginfo si;

	if (read(w->signal_fd, &si, sizeof(si)) == sizeof(si))
		cancel(w);
}

static void obey(struct worker *w)
{
	json_t *o = NULL;

	while (jsonio_take(&w->in, &o) == 1) {
		if (json_is_true(json_object_get(o, "cancel")))
			cancel(w);
		json_decref(o);
	}
}

/* The parent says {"cancel":true}, or is gone: then nobody would hear the end of this run, and
 * the next daemon must find the account free. */
static void on_parent(struct worker *w)
{
	char octets[512];
	ssize_t n = read(w->fd, octets, sizeof(octets));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0 || buf_add(&w->in, octets, (size_t)n) < 0 || w->in.len > COMMAND_MAX) {
		w->parent_gone = true;
		cancel(w);
		return;
	}
	obey(w);
}

static void loop(struct worker *w)
{
	uint64_t next = clock_deadline(PROGRESS_USEC / 5);

	obey(w);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = w->done_fd, .events = POLLIN},
			{.fd = w->signal_fd, .events = POLLIN},
			{.fd = w->parent_gone ? -1 : w->fd, .events = POLLIN},
		};
		uint64_t until = w->abort_usec ? MIN_OF(next, w->abort_usec) : next;

		if (poll(fds, ELEMENTS(fds), clock_poll_msec(until)) < 0 && errno != EINTR)
			return;
		if (fds[0].revents)
			return;
		if (fds[1].revents)
			on_signal(w);
		if (fds[2].revents)
			on_parent(w);
		if (w->abort_usec && clock_usec() >= w->abort_usec) {
			engine_abort(w->engine);
			w->abort_usec = USEC_INFINITY;
		}
		if (clock_usec() >= next) {
			(void)report_progress(&w->reporter, w->engine);
			next = clock_deadline(PROGRESS_USEC);
		}
	}
}

/* ---- secrets ---- */

static int resolve_credential(const char *account, const char *name, struct secret **ret,
			      struct mm_err *reterr)
{
	int r = secret_from_credential(name, ret, reterr);

	if (r == -ENOENT)
		(void)mm_err_class(
			reterr, MM_CLASS_CONFIG,
			"put it into /etc/credstore.encrypted (systemd-creds encrypt "
			"--name=%s), then: systemctl start mailmig@%s.service",
			name, account);
	return r;
}

int worker_resolve(const struct job *job, const struct endpoint *e, const char *side,
		   struct secret **ret, struct mm_err *reterr)
{
	switch (e->secret.kind) {
	case SECRET_FILE:
		return secret_from_file(e->secret.value, ret, reterr);
	case SECRET_COMMAND:
		return secret_from_command(e->secret.value, ret, reterr);
	case SECRET_INLINE:
		if (secret_new(e->secret.value, strlen(e->secret.value), ret) == 0)
			return 0;
		return mm_err_oom(reterr);
	case SECRET_CREDENTIAL:
		return resolve_credential(job->account, e->secret.value, ret, reterr);
	case SECRET_STORED:
		return vault_get(job->state_dir, e->secret.value, ret, reterr);
	case SECRET_NONE:
		break;
	}
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -ENOKEY, "no secret for the %s", side);
	return mm_err_class(reterr, MM_CLASS_CONFIG, "give it a password_file");
}

static int signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run_engine(struct worker *w)
{
	_cleanup_(secret_freep) struct secret *origin = NULL, *destination = NULL;
	pthread_t thread;
	int r;

	r = worker_resolve(w->job, &w->job->origin, "origin", &origin, &w->error);
	if (r == 0)
		r = worker_resolve(w->job, &w->job->destination, "destination", &destination,
				   &w->error);
	if (r == 0 && engine_new(w->job, origin, destination, &w->hooks, &w->engine) < 0)
		r = mm_err_oom(&w->error);
	if (r == 0 && pthread_create(&thread, NULL, engine_thread, w) != 0)
		r = mm_err_oom(&w->error);
	if (r < 0) {
		w->summary.result = RUN_FAILED;
		w->summary.exit_code = mm_class_exit_code(w->error.cls);
		(void)run_summary_add_error(&w->summary, NULL, 0, w->error.cls, w->error.text,
					    w->error.advice);
		return r;
	}
	loop(w);
	(void)pthread_join(thread, NULL);
	(void)report_progress(&w->reporter, w->engine);
	w->engine = engine_free(w->engine);
	return 0;
}

int worker_run(const struct job *job, int fd, struct buf *said)
{
	struct worker w = {
		.job = job, .fd = fd, .reporter = {.fd = fd, .job = job}, .done_fd = -1};
	int exit_code;

	if (said) {
		w.in = *said;
		*said = (struct buf){0};
	}
	w.summary.id = text_dup(job->run_id ? job->run_id : "");
	w.summary.account = text_dup(job->account);
	w.summary.job = text_dup(job_kind_name(job->kind));
	w.summary.dry_run = job->dry_run;
	w.summary.started_usec = clock_wall_usec();
	reporter_hooks(&w.reporter, &w.hooks);
	w.done_fd = eventfd(0, EFD_CLOEXEC);
	w.signal_fd = signals();
	if (w.done_fd < 0 || w.signal_fd < 0)
		return mm_class_exit_code(MM_CLASS_LOCAL);

	(void)run_engine(&w);
	/* The clock may have been set back since. */
	w.summary.finished_usec = MAX_OF(clock_wall_usec(), w.summary.started_usec);
	exit_code = w.summary.exit_code;
	if (report_done(&w.reporter, &w.summary) < 0) /* nobody listens, or no memory for it */
		mm_log(LOG_ERR, NULL, "the result of this run could not be told: %s",
		       w.error.code ? w.error.text : run_result_name(w.summary.result));
	run_summary_done(&w.summary);
	buf_done(&w.in);
	closep(&w.done_fd);
	closep(&w.signal_fd);
	return exit_code;
}
