/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting because somebody asked for it: a server that throttles the account, or a budget of
 * the configuration that is used up. Short waits happen inside the run; a longer one ends it,
 * and the next run does not even connect before its time. */
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "engine_internal.h"

/* A run that waits has a place among max_jobs that others could use. */
#define WAIT_MAX (600 * USEC_PER_SEC)
/* Nothing remembered keeps a run from asking again for longer than this. */
#define REMEMBERED_MAX (3600 * USEC_PER_SEC)

#define ADVICE_BUDGET                                                                          \
	"nothing is lost: the next run after that time goes on; the server's entry in the "    \
	"configuration has the limit"

static const struct endpoint *endpoint_of(const struct engine *e, size_t way)
{
	return way < WAY_DESTINATION ? &e->job->origin : &e->job->destination;
}

int throttle_init(struct engine *e)
{
	for (size_t i = 0; i < WAYS; i++) {
		const struct endpoint *end = endpoint_of(e, i);
		bool up = i % 2 == WAY_UP;

		e->throttle.ways[i].daily.limit_bytes =
			up ? end->daily_upload : end->daily_download;
	}
	if (limiter_new(e->job->origin.max_rate, &e->throttle.limiters[0]) < 0)
		return -ENOMEM;
	return limiter_new(e->job->destination.max_rate, &e->throttle.limiters[1]);
}

void throttle_done(struct engine *e)
{
	limiter_free(e->throttle.limiters[0]);
	limiter_free(e->throttle.limiters[1]);
}

/* Describe that the run ends until then. */
static int not_before(struct mm_err *reterr, uint64_t until_usec, const char *why,
		      const char *advice)
{
	uint64_t now = clock_wall_usec();
	char when[CLOCK_LOCAL_MAX];
	int r;

	r = mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EAGAIN, "%.400s: goes on at %s",
		       why, clock_local(until_usec, now, when, sizeof(when)));
	(void)mm_err_class(reterr, MM_CLASS_THROTTLED, "%s", advice);
	if (reterr)
		reterr->retry_after_usec = until_usec > now ? until_usec - now : 1;
	return r;
}

/* ---- budgets ---- */

/* What was moved since the last look goes into the present. With e->lock. */
static void count_moved(struct engine *e, uint64_t now)
{
	for (size_t i = 0; i < WAYS; i++) {
		struct limiter *l = e->throttle.limiters[i / 2];
		struct way *w = &e->throttle.ways[i];
		uint64_t all;

		if (w->daily.limit_bytes == 0)
			continue;
		all = i % 2 == WAY_UP ? limiter_sent(l) : limiter_received(l);
		daily_add(&w->daily, now, daily_slot(now), all - w->counted);
		w->unwritten += all - w->counted;
		w->counted = all;
	}
}

static int spent(const struct engine *e, size_t way, uint64_t until, struct mm_err *reterr)
{
	const struct endpoint *end = endpoint_of(e, way);
	char size[32], why[256];

	(void)snprintf(why, sizeof(why), "%s of %s of server \"%s\" is used up",
		       way % 2 == WAY_UP ? "daily_upload" : "daily_download",
		       format_size(size, sizeof(size), e->throttle.ways[way].daily.limit_bytes),
		       end->server ? end->server : end->host);
	return not_before(reterr, until, why, ADVICE_BUDGET);
}

static int check_budgets(struct engine *e, struct mm_err *reterr)
{
	uint64_t now = clock_wall_usec(), until = 0;
	size_t which = WAYS;

	(void)pthread_mutex_lock(&e->lock);
	count_moved(e, now);
	for (size_t i = 0; i < WAYS; i++) {
		uint64_t u;

		if (daily_spent(&e->throttle.ways[i].daily, now, &u) && u > until) {
			until = u;
			which = i;
		}
	}
	(void)pthread_mutex_unlock(&e->lock);
	return which < WAYS ? spent(e, which, until, reterr) : 0;
}

static void take_slot(void *userdata, int64_t slot, unsigned way, uint64_t octets)
{
	struct engine *e = userdata;
	uint64_t now = clock_wall_usec();

	if (slot > daily_slot(now) || slot < daily_slot(now) - DAILY_SLOTS)
		e->throttle.untidy = true;
	if (way >= WAYS)
		return;
	daily_add(&e->throttle.ways[way].daily, now, slot, octets);
	if (slot > daily_slot(now))
		e->throttle.ways[way].unwritten += octets;
}

int throttle_write(struct engine *e, struct mm_err *reterr)
{
	uint64_t now = clock_wall_usec(), octets[WAYS];
	int r = 0;

	(void)pthread_mutex_lock(&e->lock);
	count_moved(e, now);
	for (size_t i = 0; i < WAYS; i++) {
		octets[i] = e->throttle.ways[i].unwritten;
		e->throttle.ways[i].unwritten = 0;
	}
	(void)pthread_mutex_unlock(&e->lock);
	for (size_t i = 0; r == 0 && i < WAYS; i++)
		if (octets[i] > 0)
			r = state_traffic_add(e->state, daily_slot(now), (unsigned)i, octets[i],
					      reterr);
	return r;
}

/* What lies too far back is of no more use; what lies ahead counts as of now, and so it is
 * written down. */
static int tidy(struct engine *e, struct mm_err *reterr)
{
	int64_t now = daily_slot(clock_wall_usec());
	int r;

	r = state_begin(e->state, reterr);
	if (r < 0)
		return r;
	r = state_traffic_keep(e->state, now - DAILY_SLOTS, now, reterr);
	if (r == 0)
		r = throttle_write(e, reterr);
	return state_end(e->state, r, reterr);
}

/* ---- pauses ---- */

static int check_pause(struct engine *e, struct mm_err *reterr)
{
	uint64_t until = 0, now = clock_wall_usec();
	char why[256];
	int r;

	r = state_pause_get(e->state, &until, why, sizeof(why), reterr);
	/* Further away than any that is written: the clock was set back. */
	if (r <= 0 || until <= now || until - now > REMEMBERED_MAX)
		return r < 0 ? r : 0;
	return not_before(reterr, until, why,
			  "nothing is lost: the next run after that time goes on");
}

int throttle_begin(struct engine *e, struct mm_err *reterr)
{
	int r;

	r = check_pause(e, reterr);
	if (r == 0)
		r = state_traffic_each(e->state, take_slot, e, reterr);
	if (r == 0 && e->throttle.untidy)
		r = tidy(e, reterr);
	if (r == 0)
		r = check_budgets(e, reterr);
	return r;
}

/* With e->lock: a longer wait each time that one brought nothing. */
static uint64_t lengthen(struct engine *e, uint64_t asked)
{
	uint64_t progress = atomic_load(&e->done) + atomic_load(&e->bytes_done);

	e->throttle.pauses = progress == e->throttle.pause_mark ? e->throttle.pauses + 1 : 1;
	e->throttle.pause_mark = progress;
	for (unsigned i = 1; i < e->throttle.pauses && asked < REMEMBERED_MAX; i++)
		asked *= 2;
	return MIN_OF(asked, REMEMBERED_MAX);
}

int throttle_wait(struct engine *e, struct mm_err *err)
{
	uint64_t wait = err->retry_after_usec, now = clock_usec();
	char span[32];

	if (err->retry_after_usec == 0)
		return 0; /* all wait already */
	(void)pthread_mutex_lock(&e->lock);
	/* What others were told while all wait is the same thing. */
	if (e->throttle.paused_until_usec <= now)
		wait = lengthen(e, wait);
	e->throttle.refused_until_usec = clock_wall_usec() + wait;
	if (wait <= WAIT_MAX && now + wait > e->throttle.paused_until_usec) {
		e->throttle.paused_until_usec = now + wait;
		e->throttle.paused_until_wall_usec = e->throttle.refused_until_usec;
	}
	(void)pthread_mutex_unlock(&e->lock);
	if (wait <= WAIT_MAX) {
		engine_note(e, LOG_NOTICE, "%s; waiting %s", err->text,
			    format_span(span, sizeof(span), wait));
		return 0;
	}
	(void)snprintf(e->throttle.refusal, sizeof(e->throttle.refusal), "%.*s",
		       (int)sizeof(e->throttle.refusal) - 1, err->text);
	return not_before(err, e->throttle.refused_until_usec, e->throttle.refusal,
			  "nothing is lost: the next run after that time goes on");
}

bool throttle_may_send(struct engine *e)
{
	uint64_t until;
	bool may;

	(void)pthread_mutex_lock(&e->lock);
	may = e->throttle.paused_until_usec <= clock_usec() &&
	      !daily_spent(&e->throttle.ways[WAY_DESTINATION + WAY_UP].daily, clock_wall_usec(),
			   &until);
	(void)pthread_mutex_unlock(&e->lock);
	return may;
}

void throttle_sleep(struct engine *e)
{
	const char *phase;

	(void)pthread_mutex_lock(&e->lock);
	phase = e->phase;
	while (!engine_cancelled(e) && clock_usec() < e->throttle.paused_until_usec) {
		uint64_t until = e->throttle.paused_until_usec;
		struct timespec ts = {.tv_sec = (time_t)(until / USEC_PER_SEC),
				      .tv_nsec = (long)(until % USEC_PER_SEC) * 1000};

		e->phase = "throttled";
		(void)pthread_cond_timedwait(&e->changed, &e->lock, &ts);
	}
	e->phase = phase;
	(void)pthread_mutex_unlock(&e->lock);
}

int engine_border(struct engine *e, struct mm_err *reterr)
{
	uint64_t until;

	if (engine_cancelled(e))
		return engine_cancel_error(reterr);
	(void)pthread_mutex_lock(&e->lock);
	until = e->throttle.paused_until_usec;
	(void)pthread_mutex_unlock(&e->lock);
	if (until > clock_usec()) {
		mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_LATER, -EAGAIN,
			   "another connection was told to wait");
		(void)mm_err_class(reterr, MM_CLASS_THROTTLED, "%s", "it goes on by itself");
		return -EAGAIN;
	}
	return check_budgets(e, reterr);
}

static bool has_limits(const struct engine *e)
{
	for (size_t i = 0; i < WAYS; i++)
		if (e->throttle.ways[i].daily.limit_bytes > 0)
			return true;
	return false;
}

void throttle_end(struct engine *e, const struct mm_err *err)
{
	struct mm_err ignored; /* the run has its result; what was not written is little */
	bool pause = err->cls == MM_CLASS_THROTTLED && *e->throttle.refusal;
	int r;

	if (!e->state || (!pause && !has_limits(e)) || state_begin(e->state, &ignored) < 0)
		return;
	r = throttle_write(e, &ignored);
	if (r == 0 && pause)
		r = state_pause_set(e->state, e->throttle.refused_until_usec,
				    e->throttle.refusal, &ignored);
	(void)state_end(e->state, r, &ignored);
}
