/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/log.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define JOB_FD         3
#define CREDENTIALS_FD 4
#define EXEC_FAILED    127
#define READ_SIZE      (64 * 1024)
#define DRAIN_READS                                                                            \
	64 /* what a dead worker left in the socket: far more than the kernel holds */

/* ---- the child, between fork() and exec ---- */

static _Noreturn void become_worker(const char *path, int fd, int credentials_fd, pid_t parent)
{
	static const char *const ours[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
					   "LISTEN_FDS",    "LISTEN_PID",    "LISTEN_FDNAMES"};
	const struct rlimit no_core = {0}; /* a dump would hold passwords */
	sigset_t none;

	/* Of its own group: Ctrl-C in the daemon's terminal is the daemon's to handle. */
	(void)setpgid(0, 0);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		_exit(EXEC_FAILED); /* the daemon is gone already */

	(void)sigemptyset(&none);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)signal(SIGXFSZ, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < ELEMENTS(ours); i++)
		(void)unsetenv(ours[i]);

	credentials_fd = MAX_OF(credentials_fd, 0); /* 0: there are none */
	/* First out of the way of the two numbers. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, CREDENTIALS_FD + 1);
	if (credentials_fd > 0)
		credentials_fd = fcntl(credentials_fd, F_DUPFD_CLOEXEC, CREDENTIALS_FD + 1);
	if (fd < 0 || credentials_fd < 0 || dup2(fd, JOB_FD) < 0 ||
	    (credentials_fd > 0 && dup2(credentials_fd, CREDENTIALS_FD) < 0))
		_exit(EXEC_FAILED);
	fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0 ||
	    close_range(JOB_FD + 1 + (credentials_fd > 0), ~0U, 0) < 0)
		_exit(EXEC_FAILED);

	if (credentials_fd > 0)
		(void)execl(path, "mailmig-worker", "--job-fd", "3", "--credentials-fd", "4",
			    (char *)NULL);
	else
		(void)execl(path, "mailmig-worker", "--job-fd", "3", (char *)NULL);
	_exit(EXEC_FAILED);
}

/* ---- its output ---- */

static int on_kill_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct run *r = userdata;

	if (!r->done)
		run_set_trouble(r,
				"the worker did not end when it was asked to and was killed");
	worker_kill(r);
	return 0;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct run *r = userdata;

	run_set_trouble(r, "the worker said nothing for too long and was ended");
	worker_cancel(r, LEAVE_GRACE);
	return 0;
}

void worker_kill(struct run *r)
{
	if (r->pid > 0 && !r->killed)
		(void)kill(r->pid, SIGKILL); /* our child, not waited for: the pid is its own */
	r->killed = true;
}

/* No more talk with it: only its end is waited for. */
static void hang_up(struct run *r)
{
	r->io = sd_event_source_disable_unref(r->io);
	r->silence_timer = sd_event_source_disable_unref(r->silence_timer);
	closep(&r->fd);
	r->fd = -1;
}

static int take_events(struct run *r)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *event = NULL;
		size_t before = r->in.len;
		int q;

		q = jsonio_take(&r->in, &event);
		if (q <= 0)
			return q;
		q = run_handle_event(r, event, before - r->in.len);
		if (q < 0)
			return q;
	}
}

/* 1: something came; 0: nothing now; -ECONNRESET: it closed; other: nonsense or no memory. */
static int read_events(struct run *r)
{
	ssize_t n;
	int q;

	q = buf_reserve(&r->in, READ_SIZE);
	if (q < 0)
		return q;

	n = recv(r->fd, r->in.p + r->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -ECONNRESET;
	if (n == 0)
		return -ECONNRESET;
	r->in.len += (size_t)n;
	r->in.p[r->in.len] = '\0';

	q = take_events(r);
	return q < 0 ? q : 1;
}

static void send_out(struct run *r)
{
	while (r->out.len > 0) {
		ssize_t n = send(r->fd, r->out.p, r->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) { /* reading will tell the rest */
			buf_reset(&r->out);
			return;
		}
		buf_consume(&r->out, (size_t)n);
	}
}

static void misbehaved(struct run *r, int code)
{
	run_set_trouble(r, "the worker sent %s and was killed",
			code == -ENOMEM ? "more than memory allows"
					: "something that is not an event");
	worker_kill(r);
	hang_up(r);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct run *r = userdata;
	int q = 0;

	if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR))
		q = read_events(r);
	if (q == -ECONNRESET) {
		hang_up(r);
		(void)daemon_set_timer(r->daemon, &r->kill_timer, LEAVE_GRACE, on_kill_timer,
				       r);
		return 0;
	}
	if (q < 0) {
		misbehaved(r, q);
		return 0;
	}

	if (q > 0 && r->done) {
		r->silence_timer = sd_event_source_disable_unref(r->silence_timer);
		(void)daemon_set_timer(r->daemon, &r->kill_timer, LEAVE_GRACE, on_kill_timer,
				       r);
	} else if (q > 0) {
		(void)daemon_set_timer(r->daemon, &r->silence_timer, r->silence_usec,
				       on_silence, r);
	}
	send_out(r);
	(void)sd_event_source_set_io_events(r->io, EPOLLIN | (r->out.len > 0 ? EPOLLOUT : 0));
	return 0;
}

/* ---- its end ---- */

static void describe_exit(struct run *r, const siginfo_t *si)
{
	if (si->si_code == CLD_EXITED && si->si_status == EXEC_FAILED)
		run_set_trouble(r, "the worker could not be started (%s, status %d)",
				r->daemon->worker_path, EXEC_FAILED);
	else if (si->si_code == CLD_EXITED)
		run_set_trouble(r, "the worker ended with status %d before it gave a result",
				si->si_status);
	else
		run_set_trouble(r, "the worker was ended by signal %d (SIG%s)", si->si_status,
				sigabbrev_np(si->si_status) ?: "?");
}

static int on_child_exit(sd_event_source *source, const siginfo_t *si, void *userdata)
{
	struct run *r = userdata;

	/* Its last words are still in the socket. */
	for (unsigned i = 0; r->fd >= 0 && i < DRAIN_READS; i++) {
		int q = read_events(r);

		if (q < 0 && q != -ECONNRESET)
			misbehaved(r, q);
		if (q <= 0)
			break;
	}

	r->pid = 0;
	if (!r->done)
		describe_exit(r, si);
	else if (si->si_code != CLD_EXITED)
		mm_log(LOG_WARNING, NULL,
		       "%s: the worker had finished, then was ended by signal %d (SIG%s)",
		       r->account, si->si_status, sigabbrev_np(si->si_status) ?: "?");
	run_finish(r);
	return 0;
}

void worker_cancel(struct run *r, uint64_t grace_usec)
{
	static const char cancel[] = "{\"cancel\":true}";

	if (r->fd >= 0 && buf_add(&r->out, cancel, sizeof(cancel)) == 0) { /* with its NUL */
		send_out(r);
		(void)sd_event_source_set_io_events(r->io,
						    EPOLLIN | (r->out.len > 0 ? EPOLLOUT : 0));
	}
	if (daemon_set_timer(r->daemon, &r->kill_timer, grace_usec, on_kill_timer, r) < 0)
		worker_kill(r);
}

/* ---- its start ---- */

static uint64_t longest_silence(const struct job *j)
{
	uint64_t day = 24 * 3600 * USEC_PER_SEC;

	return SILENCE_MARGIN + MIN_OF(j->retry_max_delay_usec, day) +
	       MIN_OF(j->uncertain_wait_usec, day) + MIN_OF(j->origin.timeout_usec, day) +
	       MIN_OF(j->destination.timeout_usec, day);
}

static int watch(struct run *r)
{
	sd_event *event = r->daemon->event;
	int q;

	q = sd_event_add_child(event, &r->child_exit, r->pid, WEXITED, on_child_exit, r);
	if (q < 0)
		return q;
	q = sd_event_add_io(event, &r->io, r->fd, EPOLLIN | EPOLLOUT, on_io, r);
	if (q < 0)
		return q;
	return daemon_set_timer(r->daemon, &r->silence_timer, r->silence_usec, on_silence, r);
}

static int local_fault(struct mm_err *reterr, int code, const char *what)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
			 "the worker could not be started: %s: %s", what, strerror(-code));
	(void)mm_err_class(reterr, MM_CLASS_LOCAL,
			   "see the limits of mailmigd.service on tasks, memory and files");
	return code;
}

int worker_start(struct run *r, const struct job *job, struct mm_err *reterr)
{
	_cleanup_(json_decrefp) json_t *o = job_to_json(job);
	_cleanup_(closep) int theirs = -1;
	pid_t parent = getpid();
	int fds[2], q;

	r->out.secret = true; /* the job may hold a password */
	if (!o || jsonio_put(&r->out, o) < 0)
		return mm_err_oom(reterr);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return local_fault(reterr, -errno, "socketpair");
	r->fd = fds[0];
	theirs = fds[1];
	r->silence_usec = longest_silence(job);

	r->pid = fork();
	if (r->pid < 0) {
		q = -errno;
		r->pid = 0;
		return local_fault(reterr, q, "fork");
	}
	if (r->pid == 0)
		become_worker(r->daemon->worker_path, theirs, r->credentials_fd, parent);

	q = watch(r);
	if (q < 0)
		return local_fault(reterr, q, "event loop");
	return 0;
}

void worker_done(struct run *r)
{
	if (r->pid > 0) { /* only when the loop could not watch it, or is at its end */
		worker_kill(r);
		(void)waitpid(r->pid, NULL, WNOHANG);
	}
	hang_up(r);
	r->child_exit = sd_event_source_disable_unref(r->child_exit);
	r->kill_timer = sd_event_source_disable_unref(r->kill_timer);
	buf_done(&r->out);
	buf_done(&r->in);
}
