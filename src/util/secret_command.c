/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <mailmig/clock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "secret_internal.h"

#define COMMAND_TIMEOUT (30 * USEC_PER_SEC)

extern char **environ;

struct child {
	pid_t pid; /* 0: none; leader of a process group of its own */
	int pidfd;
	int out; /* its standard output */
};

static int child_wait(struct child *c, int *ret_status)
{
	pid_t pid;

	do
		pid = waitpid(c->pid, ret_status, 0);
	while (pid < 0 && errno == EINTR);
	c->pid = 0;
	return pid < 0 ? -errno : 0;
}

static void child_done(struct child *c)
{
	int status;

	if (c->pid > 0) {
		/* The whole group: the shell may have started the one that hangs. */
		(void)kill(-c->pid, SIGKILL); /* gone already: just as well */
		(void)child_wait(c, &status);
	}
	closep(&c->pidfd);
	closep(&c->out);
}

static int spawn_shell(const char *command, int out, pid_t *ret_pid)
{
	const char *argv[] = {"/bin/sh", "-c", command, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, pipe_signal;
	int r;

	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);

	/* With glibc none of these fails but for want of memory, and then the spawn does too.
	 */
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawnattr_setpgroup(&attr, 0);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP |
							    POSIX_SPAWN_SETSIGMASK |
							    POSIX_SPAWN_SETSIGDEF);
	if (r == 0)
		r = posix_spawn(ret_pid, argv[0], &actions, &attr, (char **)argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int child_start(struct child *c, const char *command)
{
	_cleanup_(closep) int in = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	c->out = fds[0];
	in = fds[1];
	if (fcntl(c->out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;

	r = spawn_shell(command, in, &c->pid);
	if (r < 0) {
		c->pid = 0;
		return r;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

/* Read until the command has ended. Its end counts, not that of the pipe: what it left running
 * in the background may keep that open. 0, -ETIMEDOUT, -EFBIG, -errno. */
static int child_read(struct child *c, uint64_t deadline, struct secret_buf *b)
{
	bool ended = false;

	while (!ended) {
		struct pollfd p[] = {{.fd = c->pidfd, .events = POLLIN},
				     {.fd = c->out, .events = POLLIN}};
		int r;

		r = poll(p, ELEMENTS(p), clock_poll_msec(deadline));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		if (r == 0)
			return -ETIMEDOUT;

		/* Noted before reading: all it ever wrote is then in the pipe. */
		ended = p[0].revents != 0;
		r = c->out < 0 ? -EAGAIN : secret_buf_read_all(b, c->out);
		if (r < 0 && r != -EAGAIN)
			return r;
		if (r == 0) {
			closep(&c->out);
			c->out = -1;
		}
	}
	return 0;
}

/* The first word of a command, when it is plainly a program's name; the rest may hold a secret.
 */
static const char *program_name(const char *command, char *buf, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./-";
	size_t k = strspn(command, plain);

	if (k == 0 || (command[k] && command[k] != ' '))
		return "password command";
	(void)snprintf(buf, n, "password command \"%.*s\"", (int)MIN_OF(k, (size_t)100),
		       command);
	return buf;
}

static int refuse(struct mm_err *e, int code, const char *name, const char *what)
{
	(void)mm_err_set(e, MM_SCOPE_JOB, MM_RETRY_NEVER, code, "%s %s", name, what);
	(void)mm_err_class(e, MM_CLASS_CONFIG,
			   "run it by hand as the service's user: it must print the password "
			   "and nothing else, without asking");
	return code;
}

static int refuse_status(struct mm_err *e, const char *name, int status)
{
	char what[64];

	if (WIFSIGNALED(status))
		(void)snprintf(what, sizeof(what), "was ended by signal %d", WTERMSIG(status));
	else
		(void)snprintf(what, sizeof(what), "failed with exit status %d",
			       WEXITSTATUS(status));
	return refuse(e, -EINVAL, name, what);
}

int secret_command_run(const char *command, uint64_t timeout_usec, struct secret **ret,
		       struct mm_err *reterr)
{
	_cleanup_(secret_buf_wipe) struct secret_buf *b = calloc(1, sizeof(*b));
	_cleanup_(child_done) struct child c = {.pidfd = -1, .out = -1};
	char name_buf[160], what[64];
	const char *name = program_name(command, name_buf, sizeof(name_buf));
	int status = 0, r;

	if (!b)
		return mm_err_oom(reterr);
	r = child_start(&c, command);
	if (r < 0) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "%s cannot be started: %s", name, strerror(-r));
		(void)mm_err_class(reterr, MM_CLASS_LOCAL,
				   "look for a limit on processes or descriptors");
		return r;
	}

	r = child_read(&c, clock_deadline(timeout_usec), b);
	if (r == -ETIMEDOUT) {
		(void)snprintf(what, sizeof(what), "did not end within %u s",
			       (unsigned)(timeout_usec / USEC_PER_SEC));
		return refuse(reterr, r, name, what);
	}
	if (r == -EFBIG)
		return refuse(reterr, r, name, "prints more than 64 KiB");
	if (r < 0)
		return refuse(reterr, r, name, "cannot be read");

	r = child_wait(&c, &status);
	if (r < 0)
		return refuse(reterr, r, name,
			      "was taken away before its exit status was read");
	if (status != 0)
		return refuse_status(reterr, name, status);

	r = secret_buf_finish(b, ret);
	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	if (r == -EFBIG)
		return refuse(reterr, r, name, "prints more than 64 KiB");
	return r < 0 ? refuse(reterr, r, name, "printed nothing") : 0;
}

int secret_from_command(const char *command, struct secret **ret, struct mm_err *reterr)
{
	return secret_command_run(command, COMMAND_TIMEOUT, ret, reterr);
}
