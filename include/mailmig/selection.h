/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SELECTION_H
#define MAILMIG_SELECTION_H

#include <mailmig/job.h>
#include <mailmig/skip.h>

/* Which messages a run takes: the rules of the configuration (messages.*) at the moment at
 * which the run began. Pure. Moments are seconds since 1970, as message_date() has them. */
struct selection {
	bool active;                 /* there is a rule at all */
	int64_t since;               /* arrived before it: too old; INT64_MIN: none */
	int64_t oldest;              /* the same, with max_age */
	int64_t newest;              /* arrived after it: too young; INT64_MAX: none */
	int64_t end;                 /* arrived then or later: too young; INT64_MAX: none */
	uint64_t min_age_sec;        /* newest is so long before the run; 0: none */
	uint64_t min_size, max_size; /* both included; 0: none */
	const char *search;          /* borrowed from the rules; NULL: none */
	bool search_ages;            /* what it finds may change by the passing of time */
};

/* A day begins at midnight in the local time of the machine, as in systemd's calendar
 * expressions; a message that is exactly as old as a limit is taken. */
void selection_init(struct selection *s, const struct message_rules *r, uint64_t now_usec);

/* Is the arrival date, is the size looked at? */
bool selection_by_date(const struct selection *s);
bool selection_by_size(const struct selection *s);

/* One message: SELECTION_TAKE, or the enum skip_reason for which it is left out. date:
 * MESSAGE_NO_DATE is taken whatever its age, for nobody knows it. found: by `search`; true
 * without one. */
#define SELECTION_TAKE (-1)
int selection_decide(const struct selection *s, int64_t date, uint64_t size, bool found);

/* The moment from which a message left out as too young would be taken; INT64_MAX: never. */
int64_t selection_ripens(const struct selection *s, int64_t date);

/* Days (since 1970) for a search at a server, which compares the date that it shows,
 * disregarding time and zone (RFC 9051 §6.4.4): what arrived before the first is too old, what
 * arrived on the second or later is too young for `end`, in whatever zone the server shows it.
 * 0: there is none. */
int64_t selection_old_before_day(const struct selection *s);
int64_t selection_young_since_day(const struct selection *s);

#endif
