/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_CRASH_POINT_H
#define MAILMIG_CRASH_POINT_H

/* For tests/crash: the moments between which a run changes something that outlives it. Every
 * commit of the state, every command handed to a connection and every tagged reply has one.
 *
 * Nothing in a usual build. With -DMAILMIG_CRASH_POINTS (`make crash-worker`) they are counted,
 * over all threads, and the process ends itself by SIGKILL at the n-th:
 *
 * MAILMIG_CRASH_AT:  n, from 1; not there or 0: never.
 * MAILMIG_CRASH_LOG: a file that gets a line for each point, the last one too: "sent APPEND".
 */

#ifdef MAILMIG_CRASH_POINTS
void crash_point(const char *when, const char *what);
#define CRASH_POINT(when, what) crash_point(when, what)
#else
#define CRASH_POINT(when, what) ((void)0)
#endif

#endif
