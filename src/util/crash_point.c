/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/crash_point.h>

#ifdef MAILMIG_CRASH_POINTS

#include <fcntl.h>
#include <mailmig/base.h>
#include <mailmig/parse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The lock makes the number of a point its line in the log. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool begun;
static uint32_t kill_at, passed;
static int log_fd = -1;

static void begin(void)
{
	const char *at = getenv("MAILMIG_CRASH_AT"), *log = getenv("MAILMIG_CRASH_LOG");

	begun = true;
	if (at && parse_u32(at, strlen(at), &kill_at) < 0)
		abort();
	if (log)
		log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void crash_point(const char *when, const char *what)
{
	(void)pthread_mutex_lock(&lock);
	if (!begun)
		begin();
	if (log_fd >= 0)
		(void)dprintf(log_fd, "%s %s\n", when, what); /* the test misses the line */
	if (++passed == kill_at)
		(void)kill(getpid(), SIGKILL);
	(void)pthread_mutex_unlock(&lock);
}

#endif
