/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "messages.h"
#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* notify.command: once for each account and each time in which it has no good run for longer
 * than notify.after_failed_for. One command at a time: a server that is down takes many
 * accounts with it. */

#define NOTIFY_TIMEOUT (60 * USEC_PER_SEC)
#define NOTIFY_RETRY   (60 * USEC_PER_SEC)   /* after it could not be started */
#define NOTIFY_LOOK    (3600 * USEC_PER_SEC) /* at the least: clocks are set, machines sleep */

static uint64_t timeout_usec(void)
{
	const char *env = getenv("MAILMIG_NOTIFY_TIMEOUT"); /* for tests: a time span */
	uint64_t usec;

	return env && parse_span(env, &usec) == 0 ? usec : NOTIFY_TIMEOUT;
}

/* ---- its process ---- */

/* The variables of the command, and nothing of our own: what systemd gave to us is ours. */
struct environment {
	char *vars[7]; /* owned, up to NULL */
};

static void environment_done(struct environment *e)
{
	for (size_t i = 0; i < ELEMENTS(e->vars); i++)
		free(e->vars[i]);
}

static int environment_init(struct environment *e, const struct record *record)
{
	const struct run_summary *last = &record->last;
	const struct run_error *error = last->n_errors > 0 ? &last->errors[0] : NULL;
	bool advice = error && *error->advice;
	char since[32] = "";
	size_t n = 0;

	if (record->last_success_usec)
		(void)clock_rfc3339(record->last_success_usec, since, sizeof(since));

	e->vars[n++] = text_dup("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
				"/sbin:/bin");
	e->vars[n++] = text_fmt("MAILMIG_ACCOUNT=%s", last->account);
	e->vars[n++] = text_fmt("MAILMIG_RUN=%s", last->id);
	e->vars[n++] = text_fmt("MAILMIG_RESULT=%s", run_result_name(last->result));
	e->vars[n++] = text_fmt("MAILMIG_LAST_SUCCESS=%s", since);
	e->vars[n++] = text_fmt("MAILMIG_TEXT=%s%s%s", error ? error->text : "",
				advice ? "; " : "", advice ? error->advice : "");
	for (size_t i = 0; i < n; i++)
		if (!e->vars[i])
			return -ENOMEM;
	return 0;
}

static _Noreturn void become_command(const char *command, struct environment *e)
{
	const char *const argv[] = {"/bin/sh", "-c", command, NULL};
	sigset_t none;
	int fd;

	/* Of its own group: at the deadline what it started goes with it. */
	(void)setpgid(0, 0);
	(void)sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);

	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		_exit(127);
	(void)execve(argv[0], (char *const *)argv, e->vars);
	_exit(127);
}

void notify_kill(struct daemon *d)
{
	struct notify *n = &d->notify;

	if (n->pid > 0 && !n->killed) {
		(void)kill(-n->pid, SIGKILL); /* the group, if it got as far as having one */
		(void)kill(n->pid, SIGKILL);
		n->killed = true;
	}
}

static void forget_command(struct notify *n)
{
	n->child_exit = sd_event_source_disable_unref(n->child_exit);
	n->timeout = sd_event_source_disable_unref(n->timeout);
	n->pid = 0;
	free(n->account);
	n->account = NULL;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	notify_kill(userdata);
	return 0;
}

static int on_exit_of_command(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct daemon *d = userdata;
	struct notify *n = &d->notify;
	const struct mm_log_fields f = {.message_id = MESSAGE_NOTIFY_FAILED,
					.account = n->account};

	if (n->killed)
		mm_log(LOG_ERR, &f, "%s: notify.command did not end in time and was killed",
		       n->account);
	else if (si->si_code != CLD_EXITED)
		mm_log(LOG_ERR, &f, "%s: notify.command was ended by signal %d", n->account,
		       si->si_status);
	else if (si->si_status != 0)
		mm_log(LOG_ERR, &f, "%s: notify.command failed with exit status %d", n->account,
		       si->si_status);
	forget_command(n);
	daemon_schedule_soon(d); /* for the next one */
	return 0;
}

static int start_command(struct daemon *d, const struct record *record)
{
	_cleanup_(environment_done) struct environment e = {0};
	struct notify *n = &d->notify;
	int r;

	r = environment_init(&e, record);
	if (r < 0)
		return r;
	r = text_set(&n->account, record->last.account);
	if (r < 0)
		return r;

	n->killed = false;
	n->pid = fork();
	if (n->pid == 0)
		become_command(d->config->notify_command, &e);
	if (n->pid < 0) {
		n->pid = 0;
		return -errno;
	}

	r = sd_event_add_child(d->event, &n->child_exit, n->pid, WEXITED, on_exit_of_command,
			       d);
	if (r >= 0)
		r = daemon_set_timer(d, &n->timeout, timeout_usec(), on_timeout, d);
	if (r < 0)
		notify_done(d);
	return MIN_OF(r, 0);
}

/* ---- when ---- */

/* The wall clock's time for it; USEC_INFINITY: never, as things are. */
static uint64_t due_usec(const struct daemon *d, size_t i)
{
	const struct record *record = &d->records[i];

	if (!d->config->notify_command || !d->config->accounts[i].enabled ||
	    record->note.paused_usec || record->note.told_usec ||
	    record->note.since_usec == 0 || !record->last.id || !summary_is_bad(&record->last))
		return USEC_INFINITY;
	return record->note.since_usec + d->config->notify_after_usec;
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	notify_check(userdata);
	return 0;
}

static void tell(struct daemon *d, struct record *record)
{
	struct mm_log_fields f = {.message_id = MESSAGE_NOTIFIED,
				  .account = record->last.account,
				  .run = record->last.id,
				  .result = run_result_name(record->last.result)};
	char since[32];
	int r;

	r = start_command(d, record);
	if (r < 0) {
		f.message_id = MESSAGE_NOTIFY_FAILED;
		mm_log(LOG_ERR, &f, "%s: notify.command cannot be started: %s", f.account,
		       strerror(-r));
		(void)daemon_set_timer(d, &d->notify.due, NOTIFY_RETRY, on_due, d);
		return;
	}
	mm_log(LOG_WARNING, &f, "%s: no good run since %s, running notify.command", f.account,
	       clock_rfc3339(record->note.since_usec, since, sizeof(since)));
	note_told(d, record);
}

void notify_check(struct daemon *d)
{
	uint64_t now = clock_wall_usec(), next = USEC_INFINITY;

	if (d->draining || notify_is_busy(d))
		return;
	for (size_t i = 0; i < d->config->n_accounts; i++) {
		struct account_note *note = &d->records[i].note;
		uint64_t due;

		note->since_usec = MIN_OF(note->since_usec, now); /* the clock was set back */
		due = due_usec(d, i);

		if (due <= now) {
			tell(d, &d->records[i]);
			return;
		}
		next = MIN_OF(next, due);
	}
	if (next != USEC_INFINITY)
		(void)daemon_set_timer(d, &d->notify.due, MIN_OF(next - now, NOTIFY_LOOK),
				       on_due, d);
}

bool notify_is_busy(const struct daemon *d)
{
	return d->notify.pid > 0;
}

void notify_done(struct daemon *d)
{
	notify_kill(d);
	if (d->notify.pid > 0)
		(void)waitpid(d->notify.pid, NULL, WNOHANG);
	forget_command(&d->notify);
	d->notify.due = sd_event_source_disable_unref(d->notify.due);
}
