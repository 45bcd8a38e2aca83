/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_DAILY_H
#define ENGINE_DAILY_H

#include <mailmig/base.h>

/* How many octets went one way in the last 24 hours, in slots of ten minutes of wall-clock
 * time. Pure. A slot leaves as a whole, when the youngest octet in it may be a day old. */

#define DAILY_SLOT_USEC (600 * USEC_PER_SEC)
#define DAILY_SLOTS     144 /* beside the one that is being filled: a day */

struct daily {
	uint64_t limit_bytes;             /* 0: none */
	int64_t newest;                   /* slot: wall clock / DAILY_SLOT_USEC */
	uint64_t octets[DAILY_SLOTS + 1]; /* the newest first */
};

int64_t daily_slot(uint64_t wall_usec);

/* Octets of a slot. What lies more than a day back is forgotten; what seems to come (a clock
 * was set back) counts as of now: it will go in a day at the latest. */
void daily_add(struct daily *b, uint64_t now_usec, int64_t slot, uint64_t octets);

/* Of the last 24 hours, saturating. */
uint64_t daily_used(struct daily *b, uint64_t now_usec);

/* Is the limit reached? Then *ret_until_usec (wall clock, at most 24 hours and a slot away) is
 * when a tenth of it is free again: less would be used up in no time. */
bool daily_spent(struct daily *b, uint64_t now_usec, uint64_t *ret_until_usec);

#endif
