/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

/* Asking for a secret at a terminal, without echo. */

#define LINE_SIZE 4096 /* the longest line a terminal gives */

/* A line, when one comes before a signal does. 0; -EINTR; -EMSGSIZE; -ENODATA: the end. */
static int wait_line(int signal_fd, char *line, size_t size, size_t *ret)
{
	struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			     {.fd = signal_fd, .events = POLLIN}};
	ssize_t n;

	if (poll(p, ELEMENTS(p), -1) < 0 || p[1].revents)
		return -EINTR;
	n = read(STDIN_FILENO, line, size);
	if (n < 0)
		return -errno;
	if (n == 0 || line[n - 1] != '\n')
		return n == 0 ? -ENODATA : -EMSGSIZE;
	*ret = (size_t)n - 1;
	return 0;
}

/* The signals that would leave the terminal without echo stay blocked meanwhile: they wait, and
 * do their work when it is as it was. */
static int read_line(const char *prompt, const char *name, struct secret **ret)
{
	struct termios before, quiet;
	char line[LINE_SIZE];
	sigset_t set, old;
	size_t n = 0;
	int fd, r;

	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return -errno;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ICANON | ECHONL;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	(void)sigaddset(&set, SIGTSTP);
	(void)sigprocmask(SIG_BLOCK, &set, &old);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	r = fd < 0 || tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) < 0 ? -errno : 0;
	if (r == 0) {
		fprintf(stderr, "%s%s: ", prompt, name);
		r = wait_line(fd, line, sizeof(line), &n);
	}
	if (r == 0)
		r = secret_new(line, n, ret);
	explicit_bzero(line, sizeof(line));
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	closep(&fd);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}

static bool are_same(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

static int ask_twice(const char *name, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *first = NULL, *second = NULL;
	int r;

	r = read_line("Secret for ", name, &first);
	if (r == 0)
		r = read_line("Again for ", name, &second);
	if (r < 0)
		return r;
	if (first->len == 0)
		return -ENODATA;
	if (!are_same(first, second))
		return -EINVAL;
	*ret = STEAL(first);
	return 0;
}

int ask_secret(const char *name, struct secret **ret, struct mm_err *reterr)
{
	bool terminal = isatty(STDIN_FILENO);
	const char *what;
	int r;

	r = terminal ? ask_twice(name, ret) : secret_from_fd(STDIN_FILENO, ret);
	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return mm_err_oom(reterr);

	what = r == -EINVAL    ? "the two are not the same"
	       : r == -ENODATA ? "there is no secret"
			       : strerror(-r);
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r, "%s: %s; nothing was stored",
			 terminal ? "the prompt" : "standard input", what);
	(void)mm_err_class(reterr, r == -EINTR ? MM_CLASS_CANCELLED : MM_CLASS_USAGE,
			   "type it at the prompt, or: mailmigctl secret set %s <FILE", name);
	return r;
}
