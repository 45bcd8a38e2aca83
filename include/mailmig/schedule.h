/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SCHEDULE_H
#define MAILMIG_SCHEDULE_H

#include <mailmig/base.h>

/* When an account runs by itself: a time span after the end of its last run ("10min"), or a
 * calendar expression ("Mon..Fri 22:00"), both as systemd.time(7) has them. */

#define SCHEDULE_TEXT_MAX 128 /* octets; the longest sensible expression has about 60 */
#define SCHEDULE_SPAN_MIN (1 * USEC_PER_SEC)
#define SCHEDULE_SPAN_MAX (UINT64_C(3650) * 86400 * USEC_PER_SEC)

enum schedule_kind {
	SCHEDULE_SPAN,
	SCHEDULE_CALENDAR, /* systemd takes it, for certain */
	SCHEDULE_UNSURE,   /* a calendar expression or nothing: only systemd can tell */
};

struct schedule {
	enum schedule_kind kind;
	uint64_t span_usec; /* of SCHEDULE_SPAN */
};

/* A calendar expression for certain is a shorthand ("daily", "Hourly") or at least one of:
 * weekdays ("Mon", "mon,Wed..Fri"), a date ("*-*-1", "*-1,7-15"), a time ("22:00", "*:0/15",
 * "6..20/2:30:00"); "UTC" may follow. An unsure one has only characters that a calendar
 * expression, and a line of a unit file, may have.
 *
 * 0; -EBADMSG for what is neither a span nor ever a calendar expression; -ERANGE for a span
 * outside of SCHEDULE_SPAN_MIN to SCHEDULE_SPAN_MAX. */
int schedule_parse(const char *s, struct schedule *ret);

#endif
