/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_CLOCK_H
#define MAILMIG_CLOCK_H

#include <mailmig/base.h>

/* Monotonic microseconds: for deadlines and durations. */
uint64_t clock_usec(void);

/* Microseconds since this machine started, its sleep included: it can be compared over
 * processes, and nobody can set it. */
uint64_t clock_boot_usec(void);

/* Microseconds since 1970, for people and records only; never for deciding what is lost. */
uint64_t clock_wall_usec(void);

/* "2026-11-20T17:31:02Z" (RFC 3339, UTC) into buf (at least 21). Returns buf. */
char *clock_rfc3339(uint64_t wall_usec, char *buf, size_t n);

/* The reverse, of exactly that form. 0 or -EBADMSG. */
int clock_parse_rfc3339(const char *s, uint64_t *ret_wall_usec);

/* The first second of a day "2026-11-20" in local time, since 1970 in UTC; years from 1970 on.
 * 0 or -EBADMSG. */
int clock_parse_day(const char *s, int64_t *ret_sec);

/* For people, in local time: "14:05", on another day than `now` "2026-11-21 14:05", into buf
 * (at least CLOCK_LOCAL_MAX). Returns buf. */
#define CLOCK_LOCAL_MAX 32
char *clock_local(uint64_t wall_usec, uint64_t now_usec, char *buf, size_t n);

/* now + span, saturating. */
uint64_t clock_deadline(uint64_t span_usec);

/* Milliseconds until a deadline as poll(2) takes them: -1 for USEC_INFINITY, 0 when passed. */
int clock_poll_msec(uint64_t deadline_usec);

#endif
