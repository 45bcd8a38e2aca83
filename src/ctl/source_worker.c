/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <fcntl.h>
#include <limits.h>
#include <mailmig/buf.h>
#include <mailmig/fs.h>
#include <mailmig/jsonio.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define READ_SIZE (64 * 1024)
#define EVENT_FD  3

extern char **environ;

struct worker_source {
	struct source base;
	pid_t pid;
	int fd;    /* events in, {"cancel":true} out */
	int pidfd; /* its end, also when a child of it still holds the socket */
	int epfd;
	struct buf in;
	bool eof;
	bool exited;
	bool killed;    /* by us */
	bool explained; /* its own last word was read: "done" or "config" */
	json_t *config_errors;
	siginfo_t status;
};

static int worker_fd(const struct source *s)
{
	return ((const struct worker_source *)s)->epfd;
}

static void look_for_end(struct worker_source *w)
{
	siginfo_t info = {0};

	if (w->exited)
		return;
	if (waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG) == 0 &&
	    info.si_pid == w->pid) {
		w->exited = true;
		w->status = info;
	}
}

/* Whatever lies in the socket. 0, or -errno. */
static int fill(struct worker_source *w)
{
	ssize_t n;
	int r;

	r = buf_reserve(&w->in, READ_SIZE);
	if (r < 0)
		return r;

	n = recv(w->fd, w->in.p + w->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n > 0) {
		w->in.len += (size_t)n;
		w->in.p[w->in.len] = '\0';
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;

	/* End of the stream: from here on only the end of the process is waited for. */
	w->eof = true;
	(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	return 0;
}

static void remember(struct worker_source *w, json_t *o)
{
	const char *what = member_str(o, "event");

	if (strcmp(what, "done") == 0)
		w->explained = true;
	if (strcmp(what, "config") == 0 && !w->config_errors) {
		w->explained = true;
		w->config_errors = json_incref(json_object_get(o, "errors"));
	}
}

static int worker_take(struct source *s, json_t **ret, struct mm_err *reterr)
{
	struct worker_source *w = (struct worker_source *)s;
	bool exited = false;
	int r;

	do {
		_cleanup_(json_decrefp) json_t *o = NULL;

		r = jsonio_take(&w->in, &o);
		if (r > 0) {
			remember(w, o);
			*ret = STEAL(o);
			return 1;
		}
		if (r < 0) {
			(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r,
					 "mailmig-worker sent what is not an event");
			(void)mm_err_class(
				reterr, MM_CLASS_LOCAL,
				"mailmigctl and mailmig-worker must be of one version");
			return r;
		}

		/* In this order: what it wrote before its end is in the socket by then. */
		look_for_end(w);
		exited = w->exited;
		r = w->eof ? 0 : fill(w);
		if (r < 0)
			return mm_err_oom(reterr);
	} while (r > 0);

	return exited ? -ENODATA : 0;
}

static int worker_cancel(struct source *s, const char *account, struct mm_err *reterr)
{
	struct worker_source *w = (struct worker_source *)s;
	_cleanup_(json_decrefp) json_t *o = json_pack("{s:b}", "cancel", 1);

	if (!o)
		return mm_err_oom(reterr);
	(void)jsonio_write(w->fd, o); /* when it is gone there is nothing to cancel */
	return 0;
}

static void worker_kill(struct source *s)
{
	struct worker_source *w = (struct worker_source *)s;

	w->killed = true;
	if (!w->exited)
		(void)kill(w->pid, SIGKILL); /* ours and not waited for: the id is its own */
}

static int worker_finish(struct source *s)
{
	struct worker_source *w = (struct worker_source *)s;
	int status = w->status.si_status;
	bool exited = w->status.si_code == CLD_EXITED;

	if (w->config_errors)
		return trouble_config(w->config_errors);
	if (exited && w->explained)
		return status <= CTL_EXIT_LOCAL ? status : CTL_EXIT_LOCAL;
	if (w->killed) {
		fputs("mailmigctl: the run was killed; what was copied stays, the next run "
		      "goes on "
		      "from there\n",
		      stderr);
		return CTL_EXIT_CANCELLED;
	}

	if (exited)
		fprintf(stderr,
			"mailmigctl: mailmig-worker ended without a result, with code %d\n",
			status);
	else
		fprintf(stderr, "mailmigctl: mailmig-worker was ended by signal %d (%s)\n",
			status, strsignal(status));
	fputs("  what was copied stays; run it again, it goes on from there\n", stderr);
	return exited && status > 0 && status <= CTL_EXIT_LOCAL ? status : CTL_EXIT_LOCAL;
}

static void worker_free(struct source *s)
{
	struct worker_source *w = (struct worker_source *)s;

	/* Left early: it may end cleanly, and sees by the closed socket that nobody listens. */
	closep(&w->fd);
	if (w->pid > 0 && !w->exited)
		(void)waitid(P_PID, (id_t)w->pid, &w->status, WEXITED);
	closep(&w->pidfd);
	closep(&w->epfd);
	buf_done(&w->in);
	json_decref(w->config_errors);
	free(w);
}

static const struct source_ops worker_ops = {
	.fd = worker_fd,
	.take = worker_take,
	.cancel = worker_cancel,
	.kill = worker_kill,
	.finish = worker_finish,
	.free = worker_free,
};

/* Beside this program (a build directory), or where it is installed. */
static int find_worker(char *path, size_t n, struct mm_err *reterr)
{
	char dir[PATH_MAX];

	if (fs_program_dir(dir, sizeof(dir)) == 0 &&
	    (size_t)snprintf(path, n, "%s/mailmig-worker", dir) < n && access(path, X_OK) == 0)
		return 0;
	(void)snprintf(path, n, "%s/mailmig-worker", MAILMIG_LIBEXECDIR);
	if (access(path, X_OK) == 0)
		return 0;

	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -ENOENT,
			 "cannot find mailmig-worker, neither in %s nor beside mailmigctl",
			 MAILMIG_LIBEXECDIR);
	(void)mm_err_class(reterr, MM_CLASS_LOCAL, "install mailmig completely");
	return -ENOENT;
}

/* In a process group of its own, so that Ctrl-C reaches us alone and we can ask it to end; our
 * blocked signals are not its. Only events go where output goes. */
static int spawn_worker(const char *path, char *const *argv, int fd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -r;
	}

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
						      POSIX_SPAWN_SETSIGDEF);
	(void)posix_spawnattr_setpgroup(&attr, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &all);

	r = posix_spawn_file_actions_adddup2(&actions, fd, EVENT_FD);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
						     O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, &attr, argv, environ);

	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int watch(struct worker_source *w)
{
	struct epoll_event e = {.events = EPOLLIN};

	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epfd < 0)
		return -errno;
	w->pidfd = pidfd_open(w->pid, 0); /* closed at exec by itself */
	if (w->pidfd < 0)
		return -errno;
	if (epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->fd, &e) < 0 ||
	    epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->pidfd, &e) < 0)
		return -errno;
	return 0;
}

/* posix_spawn() takes arguments as char * and does not change them. */
static int start(struct worker_source *w, char *const *argv, const char *path)
{
	_cleanup_(closep) int theirs = -1;
	int pair[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	w->fd = pair[0];
	theirs = pair[1];

	r = spawn_worker(path, argv, theirs, &w->pid);
	return r < 0 ? r : watch(w);
}

static int new_source(char *const *argv, struct source **ret, struct mm_err *reterr)
{
	_cleanup_(source_freep) struct source *s = NULL;
	struct worker_source *w;
	char path[PATH_MAX + 32];
	int r;

	r = find_worker(path, sizeof(path), reterr);
	if (r < 0)
		return r;

	w = calloc(1, sizeof(*w));
	if (!w)
		return mm_err_oom(reterr);
	w->base.ops = &worker_ops;
	w->fd = w->epfd = w->pidfd = -1;
	s = &w->base;

	r = start(w, argv, path);
	if (r < 0) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r, "cannot start %s: %s",
				 path, strerror(-r));
		(void)mm_err_class(reterr, MM_CLASS_LOCAL,
				   "see that the file can be executed and ulimit allows it");
		return r;
	}
	*ret = STEAL(s);
	return 0;
}

/* What every worker of ours is told first. Returns how many arguments. */
static int begin_argv(char **argv, struct ctl *c)
{
	const char *config = c->args.values[OPT_CONFIG];
	int n = 0;

	argv[n++] = (char *)"mailmig-worker";
	if (config) {
		argv[n++] = (char *)"--config";
		argv[n++] = (char *)config;
	}
	return n;
}

int source_worker_new(struct ctl *c, const char *account, bool dry_run, struct source **ret,
		      struct mm_err *reterr)
{
	char *argv[10 + JOB_ASKS_N] = {NULL};
	int n = begin_argv(argv, c);

	argv[n++] = (char *)"--account";
	argv[n++] = (char *)account;
	argv[n++] = (char *)"--event-fd";
	argv[n++] = (char *)"3";
	if (dry_run)
		argv[n++] = (char *)"--dry-run";
	for (unsigned i = 0; i < JOB_ASKS_N; i++)
		if (ctl_has(&c->args, OPT_ASKS + i))
			argv[n++] = (char *)job_asks[i].option;
	return new_source(argv, ret, reterr);
}

int source_check_new(struct ctl *c, struct source **ret, struct mm_err *reterr)
{
	_cleanup_(freep) char **argv = calloc(c->args.n_names + 10, sizeof(*argv));
	int n;

	if (!argv)
		return mm_err_oom(reterr);
	n = begin_argv(argv, c);
	argv[n++] = (char *)"--check";
	argv[n++] = (char *)"--event-fd";
	argv[n++] = (char *)"3";
	argv[n++] = (char *)"--";
	for (size_t i = 0; i < c->args.n_names; i++)
		argv[n++] = (char *)c->args.names[i];
	return new_source(argv, ret, reterr);
}
