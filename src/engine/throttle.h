/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_THROTTLE_H
#define ENGINE_THROTTLE_H

#include <mailmig/error.h>
#include <mailmig/limiter.h>

#include "daily.h"

/* Waiting because somebody asked for it: a server that throttles the account, or a budget of
 * the configuration that is used up. */

struct engine;

/* Ways that octets go: of the origin, then of the destination. */
enum { WAY_DOWN, WAY_UP, WAY_DESTINATION, WAYS = 2 * WAY_DESTINATION };

struct way {
	struct daily daily;
	uint64_t counted;   /* of what the limiter has counted */
	uint64_t unwritten; /* of that, what the state does not know yet */
};

/* Part of the engine; but for the limiters, which never change, under its lock. */
struct throttle {
	struct limiter *limiters[2];     /* of each side */
	struct way ways[WAYS];           /* counted where there is a limit */
	bool untidy;                     /* the state has slots that are of no more use */
	uint64_t paused_until_usec;      /* monotonic: a server wants all lanes to wait */
	uint64_t paused_until_wall_usec; /* the same for people */
	uint64_t refused_until_usec;     /* wall clock: what it said last */
	unsigned pauses;                 /* in a row, without progress */
	uint64_t pause_mark;
	char refusal[256]; /* what ended the run; "": nothing of the kind */
};

int throttle_init(struct engine *e); /* 0 or -ENOMEM */
void throttle_done(struct engine *e);
/* What earlier runs moved and were told. -EAGAIN: it is not time yet. */
int throttle_begin(struct engine *e, struct mm_err *reterr);
/* A server said that the account has to wait (class throttled). 0: all lanes wait, go on; else
 * that is too long for a run, and err says when the next one goes on. */
int throttle_wait(struct engine *e, struct mm_err *err);
/* May a lane that has to stop reading still send what it has? */
bool throttle_may_send(struct engine *e);
/* Until then, or until the run is cancelled. */
void throttle_sleep(struct engine *e);
/* In a transaction: what was moved since the last one. */
int throttle_write(struct engine *e, struct mm_err *reterr);
/* The run has ended, with this trouble if its code is not 0. */
void throttle_end(struct engine *e, const struct mm_err *err);
/* Between two messages: may this lane go on? Else the run is cancelled (scope job), all lanes
 * wait (scope store) or a budget is used up (scope job). */
int engine_border(struct engine *e, struct mm_err *reterr);
/* The rest has to wait, and what is on its way still has an answer. */
static inline bool ends_sending(const struct mm_err *e)
{
	return e->cls == MM_CLASS_QUOTA || e->cls == MM_CLASS_THROTTLED;
}

#endif
