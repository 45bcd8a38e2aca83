/* SPDX-License-Identifier: Apache-2.0 */
#include "schedules.h"
#include <fcntl.h>
#include <mailmig/clock.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

/* libsystemd has no parser of calendar expressions, its tool has. */

#define TOOL        "systemd-analyze"
#define TIMEOUT     (5 * USEC_PER_SEC)
#define BATCH_MAX   (64 * 1024) /* octets of arguments; the kernel takes 128 KiB at least */
#define ANSWERS_MAX (1024 * 1024)

static int spawn_tool(char *const argv[], int err, pid_t *ret_pid)
{
	/* Whatever the caller's environment says of logging, the answers are in its errors. */
	static char *const env[] = {(char *)"LC_ALL=C", (char *)"SYSTEMD_LOG_LEVEL=err",
				    (char *)"SYSTEMD_LOG_TARGET=console", NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	sigemptyset(&none);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attr) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -ENOMEM;
	}
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
						     O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	if (r == 0)
		r = posix_spawnattr_setsigmask(&attr, &none);
	if (r == 0)
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (r == 0)
		r = posix_spawnp(ret_pid, TOOL, &actions, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* All it says until it closes its end. 0, -ETIMEDOUT, -EFBIG, -errno. */
static int read_answers(int fd, struct buf *ret)
{
	uint64_t deadline = clock_deadline(TIMEOUT);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	char chunk[4096];
	ssize_t n;
	int r;

	for (;;) {
		r = poll(&p, 1, clock_poll_msec(deadline));
		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? r : read(fd, chunk, sizeof(chunk));
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (ret->len + (size_t)n > ANSWERS_MAX)
			return -EFBIG;
		r = buf_add(ret, chunk, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* Its exit status and what it wrote to standard error. 0 or -errno. */
static int run_tool(char *const argv[], struct buf *ret, int *ret_status)
{
	_cleanup_(closep) int out = -1;
	_cleanup_(closep) int in = -1;
	pid_t pid, ended;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	out = fds[0];
	in = fds[1];
	r = spawn_tool(argv, in, &pid);
	if (r < 0)
		return r;

	closep(&in);
	in = -1;
	r = read_answers(out, ret);
	if (r < 0)
		(void)kill(pid, SIGKILL); /* it is ours until waited for */
	do
		ended = waitpid(pid, ret_status, 0);
	while (ended < 0 && errno == EINTR);
	if (r == 0 && ended < 0)
		r = -errno;
	return r;
}

/* It names each bad one, and no expression has a quote in it. */
static bool is_named(const struct buf *answers, const char *text)
{
	char quoted[SCHEDULE_TEXT_MAX + 3];
	int n = snprintf(quoted, sizeof(quoted), "'%s'", text);

	return n > 0 && memmem(buf_str(answers), answers->len, quoted, (size_t)n);
}

static int ask_batch(const char *const *texts, size_t n, bool *ret_bad)
{
	_cleanup_(freep) char **argv = calloc(n + 4, sizeof(*argv));
	_cleanup_(buf_done) struct buf answers = {};
	bool named = false;
	int status = 0, r;

	if (!argv)
		return -ENOMEM;
	argv[0] = (char *)TOOL;
	argv[1] = (char *)"calendar";
	argv[2] = (char *)"--";
	for (size_t i = 0; i < n; i++)
		argv[3 + i] = (char *)texts[i];

	r = run_tool(argv, &answers, &status);
	if (r < 0)
		return r;
	if (status == 0)
		return 0;

	for (size_t i = 0; i < n; i++) {
		ret_bad[i] = is_named(&answers, texts[i]);
		named |= ret_bad[i];
	}
	return named ? 0 : -EIO; /* it failed at something else */
}

int ask_systemd(const char *const *texts, size_t n, bool *ret_bad)
{
	int r = 0;

	for (size_t begin = 0, end = 0; end < n && r == 0; begin = end) {
		for (size_t octets = 0; end < n && octets < BATCH_MAX; end++)
			octets += strlen(texts[end]) + 1 + sizeof(char *);
		r = ask_batch(texts + begin, end - begin, ret_bad + begin);
	}
	return r;
}
