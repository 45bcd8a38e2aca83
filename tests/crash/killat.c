/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a worker: counts the calls by which it changes anything outside itself, hears
 * of it or waits for it, and ends it by SIGKILL right before the n-th.
 *
 * KILLAT_N:   the n-th call, from 1; 0: none.
 * KILLAT_LOG: a file that gets a line for each call: its name, what its descriptor is (a file's
 *             path, "tcp", "socket"), and the printable beginning of what is written or sent.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SHOWN 200

/* The lock makes the number of a call its line in the log. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long calls, kill_at;
static int log_fd = -1;

__attribute__((constructor)) static void begin(void)
{
	const char *n = getenv("KILLAT_N"), *path = getenv("KILLAT_LOG");

	kill_at = n ? strtoul(n, NULL, 10) : 0;
	if (path)
		log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void describe(int fd, char *to, size_t size)
{
	char link[64];
	int domain = 0;
	socklen_t len = sizeof(domain);
	ssize_t n;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0) {
		snprintf(to, size, "%s", domain == AF_UNIX ? "socket" : "tcp");
		return;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, to, size - 1);
	to[n > 0 ? n : 0] = '\0';
}

static void note(const char *name, int fd, const char *p, size_t n)
{
	char line[4096 + SHOWN + 64], what[4096] = "";
	size_t len;

	if (fd >= 0)
		describe(fd, what, sizeof(what));
	len = (size_t)snprintf(line, sizeof(line), "%s %s ", name, what);
	for (size_t i = 0; p && i < n && i < SHOWN; i++)
		line[len++] = p[i] > ' ' && p[i] < 0x7f ? p[i] : ' ';
	line[len++] = '\n';
	(void)!syscall(SYS_write, log_fd, line, len); /* not counted itself */
}

static void count(const char *name, int fd, const void *p, size_t n)
{
	pthread_mutex_lock(&lock);
	if (log_fd >= 0)
		note(name, fd, p, n);
	if (++calls == kill_at)
		kill(getpid(), SIGKILL);
	pthread_mutex_unlock(&lock);
}

/* A call of the C library by its parameters: fd, p, n are what the log shows of them. */
#define COUNTED(type, name, parameters, fd, p, n, ...)                                         \
	type name parameters                                                                   \
	{                                                                                      \
		static type(*real) parameters;                                                 \
                                                                                               \
		if (!real)                                                                     \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                    \
		count(#name, fd, p, n);                                                        \
		return real(__VA_ARGS__);                                                      \
	}

COUNTED(int, fsync, (int fd), fd, NULL, 0, fd)
COUNTED(int, fdatasync, (int fd), fd, NULL, 0, fd)
COUNTED(ssize_t, write, (int fd, const void *p, size_t n), fd, p, n, fd, p, n)
COUNTED(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), fd, NULL, 0, fd, p, n, at)
COUNTED(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), fd, NULL, 0, fd, p, n,
	at)
COUNTED(ssize_t, writev, (int fd, const struct iovec *v, int n), fd, NULL, 0, fd, v, n)
COUNTED(ssize_t, send, (int fd, const void *p, size_t n, int flags), fd, p, n, fd, p, n, flags)
COUNTED(ssize_t, sendto,
	(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len),
	fd, p, n, fd, p, n, flags, to, len)
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, NULL, 0, fd, m,
	flags)
COUNTED(ssize_t, recv, (int fd, void *p, size_t n, int flags), fd, NULL, 0, fd, p, n, flags)
COUNTED(int, poll, (struct pollfd * fds, nfds_t n, int msec), -1, NULL, 0, fds, n, msec)
