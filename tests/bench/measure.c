/* SPDX-License-Identifier: Apache-2.0 */

/* Runs a program and tells what it cost.
 *
 *   measure FILE PROGRAM [ARGUMENT…]   appends one line of JSON to FILE
 *   mailmig-worker [ARGUMENT…]         (under that name) does the same with mailmig-worker.real
 *                                      and the file `cost` in the directory it lies in: the
 *                                      daemon then starts it as its worker
 *
 * {"seconds", "cpu_seconds", "rss_kib", "status"}: the program's own wall clock, user and
 * system time and peak resident memory, its awaited children included. A program that is
 * started by Python inherits Python's peak in ru_maxrss; one started from here does not have
 * that trouble. Exits as the program did. */

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <mailmig/base.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/jsonio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static volatile sig_atomic_t child_pid;

static int fail(const char *what)
{
	fprintf(stderr, "measure: %s: %m\n", what);
	return 125;
}

static void pass_on(int sig)
{
	if (child_pid > 0)
		(void)kill(child_pid, sig); /* gone already is fine */
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / USEC_PER_SEC;
}

static int record(const char *path, double wall, const struct rusage *u, int status)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(freep) char *text = NULL;
	_cleanup_(closep) int fd = -1;

	o = json_pack("{s:f, s:f, s:I, s:i}", "seconds", wall, "cpu_seconds",
		      seconds(&u->ru_utime) + seconds(&u->ru_stime), "rss_kib",
		      (json_int_t)u->ru_maxrss, "status", status);
	text = o ? json_dumps(o, JSON_REAL_PRECISION(6)) : NULL;
	if (!text)
		return -ENOMEM;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || dprintf(fd, "%s\n", text) < 0)
		return fail(path);

	return 0;
}

static int run(const char *path, char **argv)
{
	uint64_t start = clock_usec();
	struct rusage usage;
	sigset_t ours, before;
	int status = 0;
	pid_t pid;

	/* A signal that comes before we know the child would be lost. */
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	if (sigprocmask(SIG_BLOCK, &ours, &before) < 0)
		return fail("signals");

	pid = fork();
	if (pid < 0)
		return fail("fork");

	if (pid == 0) {
		/* Whoever kills us means the program. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* fails for a bad signal only */
		(void)sigprocmask(SIG_SETMASK, &before,
				  NULL); /* fails for bad arguments only */
		execv(argv[0], argv);
		_exit(fail(argv[0]));
	}

	child_pid = pid;
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	(void)close_range(STDERR_FILENO + 1, ~0U, 0); /* its peers wait for its end, not ours */
	while (wait4(pid, &status, 0, &usage) < 0) {
		if (errno != EINTR)
			return fail("wait");
	}

	if (record(path, (double)(clock_usec() - start) / USEC_PER_SEC, &usage,
		   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)) != 0)
		return 125;

	if (WIFSIGNALED(status)) {
		(void)signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status)); /* one that does not kill us: the line below */
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = pass_on};
	char dir[PATH_MAX - 64], program[PATH_MAX], path[PATH_MAX];

	(void)sigaction(SIGTERM, &action, NULL); /* valid arguments: cannot fail */
	(void)sigaction(SIGINT, &action, NULL);

	if (strcmp(basename(argv[0]), "mailmig-worker") != 0) {
		if (argc < 3) {
			fputs("usage: measure FILE PROGRAM [ARGUMENT...]\n", stderr);
			return 125;
		}
		return run(argv[1], argv + 2);
	}

	if (fs_program_dir(dir, sizeof(dir)) < 0)
		return fail("own directory");

	snprintf(program, sizeof(program), "%s/mailmig-worker.real", dir);
	snprintf(path, sizeof(path), "%s/cost", dir);
	argv[0] = program;
	return run(path, argv);
}
