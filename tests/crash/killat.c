/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a worker: counts the calls by which it changes anything outside itself, hears
 * of it or waits for it, and ends it by SIGKILL right before the n-th.
 *
 * KILLAT_N:     the n-th call, from 1; 0: none, only count.
 * KILLAT_COUNT: a file that gets the number of calls, as text, when the worker ends by itself.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic unsigned long calls;
static unsigned long kill_at;

__attribute__((constructor)) static void begin(void)
{
	const char *n = getenv("KILLAT_N");

	kill_at = n ? strtoul(n, NULL, 10) : 0;
}

__attribute__((destructor)) static void end(void)
{
	const char *path = getenv("KILLAT_COUNT");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (f) {
		fprintf(f, "%lu\n", atomic_load(&calls));
		fclose(f);
	}
}

static void count(void)
{
	if (atomic_fetch_add(&calls, 1) + 1 == kill_at)
		kill(getpid(), SIGKILL);
}

#define COUNTED(type, name, parameters, ...)                                                   \
	type name parameters                                                                   \
	{                                                                                      \
		static type(*real) parameters;                                                 \
                                                                                               \
		if (!real)                                                                     \
			real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                    \
		count();                                                                       \
		return real(__VA_ARGS__);                                                      \
	}

COUNTED(int, fsync, (int fd), fd)
COUNTED(int, fdatasync, (int fd), fd)
COUNTED(ssize_t, write, (int fd, const void *p, size_t n), fd, p, n)
COUNTED(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), fd, p, n, at)
COUNTED(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), fd, p, n, at)
COUNTED(ssize_t, writev, (int fd, const struct iovec *v, int n), fd, v, n)
COUNTED(ssize_t, send, (int fd, const void *p, size_t n, int flags), fd, p, n, flags)
COUNTED(ssize_t, sendto,
	(int fd, const void *p, size_t n, int flags, const struct sockaddr *to, socklen_t len),
	fd, p, n, flags, to, len)
COUNTED(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m, flags)
COUNTED(ssize_t, recv, (int fd, void *p, size_t n, int flags), fd, p, n, flags)
COUNTED(int, poll, (struct pollfd * fds, nfds_t n, int msec), fds, n, msec)
