/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_TIMERS_H
#define DAEMON_TIMERS_H

#include <jansson.h>
#include <mailmig/bus.h>
#include <mailmig/varlink_server.h>

/* What systemd knows of our timers, for the status. It is asked when somebody wants to know, in
 * the loop, and nobody waits long: without systemd, or when it does not answer, there are no
 * timers. */

struct daemon;
struct timers_wait;

/* Answers the call, or keeps it. */
typedef void (*timers_then)(struct daemon *d, struct varlink_call *call, const json_t *names);

struct timers {
	struct bus *bus;
	struct bus_timers known;
	uint64_t known_until_usec; /* clock_usec() until which `known` is good enough */
	bool asking;
	uint64_t asked_usec;
	bool broken; /* the bus is of no more use */
	struct timers_wait *waiting;
	sd_event_source *patience;
};

/* Call `then` when the timers are known as they are now: at once, or in a moment. names: may be
 * NULL; a reference is kept. */
void timers_refresh(struct daemon *d, struct varlink_call *call, const json_t *names,
		    timers_then then);

void timers_done(struct timers *t);

#endif
