/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_BASE_H
#define MAILMIG_BASE_H

/* What every file of the project may use: cleanup attributes, ownership hand-over, sizes. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MAILMIG_VERSION
#define MAILMIG_VERSION "0.1.0"
#endif

#define _cleanup_(f)   __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_       __attribute__((unused))
#define ELEMENTS(a)    (sizeof(a) / sizeof((a)[0]))
#define MIN_OF(a, b)   ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b)   ((a) > (b) ? (a) : (b))
#define USEC_PER_SEC   UINT64_C(1000000)
#define USEC_PER_MSEC  UINT64_C(1000)
#define USEC_INFINITY  UINT64_MAX

/* Hand an owned pointer on: its value, leaving NULL behind for the cleanup attribute. */
#define STEAL(p)                                                                               \
	({                                                                                     \
		__typeof__(p) _stolen = (p);                                                   \
		(p) = NULL;                                                                    \
		_stolen;                                                                       \
	})

/* The same for a descriptor: leaves -1 behind. */
#define STEAL_FD(fd)                                                                           \
	({                                                                                     \
		int _stolen_fd = (fd);                                                         \
		(fd) = -1;                                                                     \
		_stolen_fd;                                                                    \
	})

/* Defines NAMEp() for use with _cleanup_ from a NAME() that takes a pointer. */
#define DEFINE_CLEANUP(type, name)                                                             \
	static inline void name##p(type *p)                                                    \
	{                                                                                      \
		if (*p)                                                                        \
			name(*p);                                                              \
	}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing to do about it: the data was synced or is lost */
	errno = saved;
}

#endif
