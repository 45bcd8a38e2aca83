/* SPDX-License-Identifier: Apache-2.0 */
/* What a lane does: take folders from the queue until none is left, and what follows from a
 * trouble with one of them. */
#include <mailmig/clock.h>
#include <syslog.h>

#include "folder_work.h"

/* ---- the queue ---- */

/* The next folder that is ready, waiting for one that is not yet if there is no other. NULL:
 * none is left, or the job ends. */
static struct pair *take(struct lane *l)
{
	struct engine *e = l->engine;
	struct pair *found = NULL;

	(void)pthread_mutex_lock(&e->lock);
	while (!found && !e->ending && !engine_cancelled(e)) {
		size_t n = e->surveyed ? e->n_pairs : 0;
		uint64_t now = clock_usec(), soonest = USEC_INFINITY;
		bool taken = false, paused;

		for (size_t i = 0; i < n; i++) {
			struct pair *p = &e->pairs[i];

			taken = taken || p->place == PAIR_TAKEN;
			if (p->place != PAIR_QUEUED || !pair_is_free(p))
				continue;
			if (p->not_before_usec > now)
				soonest = MIN_OF(soonest, p->not_before_usec);
			else if (!found || p->origin_status.bytes > found->origin_status.bytes)
				found = p;
		}
		paused = e->throttle.paused_until_usec > now &&
			 (found || soonest != USEC_INFINITY);
		if (paused) {
			found = NULL;
			soonest = e->throttle.paused_until_usec;
		}
		if (found) {
			found->place = PAIR_TAKEN;
			found->first->busy = true;
			e->folder = found->origin;
			e->phase = "syncing";
		} else if (soonest != USEC_INFINITY) {
			struct timespec until;

			e->phase = paused ? "throttled" : taken ? e->phase : "waiting";
			until = (struct timespec){.tv_sec = (time_t)(soonest / USEC_PER_SEC),
						  .tv_nsec = (long)(soonest % USEC_PER_SEC) *
							     1000};
			(void)pthread_cond_timedwait(&e->changed, &e->lock, &until);
		} else if (!e->surveyed) {
			(void)pthread_cond_wait(&e->changed, &e->lock);
		} else {
			break;
		}
	}
	(void)pthread_mutex_unlock(&e->lock);
	return found;
}

static void give_back(struct lane *l, struct pair *p, bool done)
{
	struct engine *e = l->engine;

	(void)pthread_mutex_lock(&e->lock);
	p->place = done ? PAIR_DONE : PAIR_QUEUED;
	p->first->busy = false;
	pair_set_doubt(p, !done);
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
}

/* ---- trouble ---- */

static void end_job(struct lane *l, const struct mm_err *err)
{
	struct engine *e = l->engine;
	bool first;

	(void)pthread_mutex_lock(&e->lock);
	first = !e->ending;
	e->ending = true;
	atomic_store(&e->cancel, true); /* the other lanes stop at their next message border */
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
	/* The first trouble is told: those of the other lanes follow from it. */
	l->result = first ? err->code : engine_cancel_error(&l->error);
	if (first)
		l->error = *err;
}

/* Wait before connecting again; ends early when the run is cancelled. */
static void back_off(struct lane *l)
{
	struct engine *e = l->engine;
	uint64_t until =
		clock_deadline(trouble_delay_usec(l->failures, e->job->retry_max_delay_usec));
	struct timespec ts = {.tv_sec = (time_t)(until / USEC_PER_SEC),
			      .tv_nsec = (long)(until % USEC_PER_SEC) * 1000};

	(void)pthread_mutex_lock(&e->lock);
	while (!engine_cancelled(e) && clock_usec() < until)
		(void)pthread_cond_timedwait(&e->changed, &e->lock, &ts);
	(void)pthread_mutex_unlock(&e->lock);
}

/* Sessions broke in this folder as often as may be, and in another all went well: it is not
 * the connection. */
static bool is_the_folder(struct lane *l, const struct pair *p)
{
	struct engine *e = l->engine;
	bool found = false;

	if (p->failures < e->job->retry_attempts)
		return false;
	(void)pthread_mutex_lock(&e->lock);
	for (size_t i = 0; i < e->n_pairs && !found; i++)
		found = e->pairs[i].place == PAIR_DONE && e->pairs[i].error.code == 0;
	(void)pthread_mutex_unlock(&e->lock);
	return found;
}

/* p: NULL where it was the connecting or listing that failed. */
static enum verdict judge(struct lane *l, struct pair *p, const struct mm_err *err)
{
	struct engine *e = l->engine;
	uint64_t progress = atomic_load(&e->progress);

	l->failures = progress == l->progress_mark ? l->failures + 1 : 1;
	l->progress_mark = progress;
	if (!p || err->scope != MM_SCOPE_STORE || err->retry == MM_RETRY_NEVER)
		return trouble_judge(err, l->failures, e->job->retry_attempts);

	p->failures = p->progress == p->failures_mark ? p->failures + 1 : 1;
	p->failures_mark = p->progress;
	if (is_the_folder(l, p))
		return VERDICT_END_FOLDER;
	return trouble_judge(err, p->failures, e->job->retry_attempts);
}

/* False when this lane ends. */
static bool end_folder(struct lane *l, struct pair *p, const struct mm_err *err)
{
	struct mm_err ending;
	int r;

	p->error = *err;
	p->listed = MAX_OF(p->listed, p->origin_status.messages);
	p->failed = p->listed - MIN_OF(p->listed, p->copied + p->skipped);
	p->present = 0;
	r = engine_trouble(l->engine, p->origin, 0, err, &ending);
	give_back(l, p, true);
	if (r < 0) {
		end_job(l, &ending);
		return false;
	}
	/* Commands of this folder may still be in flight: no other folder must take their
	 * answers for its own. */
	lane_close(l);
	return true;
}

/* Somebody asked us to wait: that is no failure. False when it is too long for this run. */
static bool wait_as_asked(struct lane *l, struct pair *p, const struct mm_err *err)
{
	struct mm_err ending = *err;
	bool goes_on = throttle_wait(l->engine, &ending) == 0;

	lane_close(l);
	give_back(l, p, false);
	if (!goes_on)
		end_job(l, &ending);
	return goes_on;
}

int lane_try_again(struct lane *l, struct mm_err *err)
{
	struct engine *e = l->engine;

	if (err->cls == MM_CLASS_THROTTLED && err->scope == MM_SCOPE_STORE) {
		lane_close(l);
		if (throttle_wait(e, err) < 0)
			return err->code;
		throttle_sleep(e);
		return engine_cancelled(e) ? engine_cancel_error(err) : 0;
	}
	if (judge(l, NULL, err) != VERDICT_RECONNECT)
		return err->code;
	engine_note(e, LOG_WARNING, "%s; connecting again", err->text);
	lane_close(l);
	back_off(l);
	return engine_cancelled(e) ? engine_cancel_error(err) : 0;
}

/* After a trouble: what becomes of the folder; !in_folder: it was the connecting that failed.
 * Returns false when this lane ends. */
static bool after_trouble(struct lane *l, struct pair *p, bool in_folder,
			  const struct mm_err *err)
{
	struct engine *e = l->engine;

	if (err->cls == MM_CLASS_THROTTLED && err->scope == MM_SCOPE_STORE)
		return wait_as_asked(l, p, err);
	switch (judge(l, in_folder ? p : NULL, err)) {
	case VERDICT_GO_ON:
	case VERDICT_END_FOLDER:
		return end_folder(l, p, err);
	case VERDICT_RECONNECT:
		engine_note(e, LOG_WARNING, "%s; connecting again", err->text);
		lane_close(l);
		/* Other folders first: perhaps only this one breaks the session. */
		if (in_folder)
			p->not_before_usec = clock_deadline(
				trouble_delay_usec(p->failures, e->job->retry_max_delay_usec));
		give_back(l, p, false);
		if (!in_folder || l->failures > 1)
			back_off(l);
		return true;
	case VERDICT_END_JOB:
		break;
	}
	give_back(l, p, false);
	end_job(l, err);
	return false;
}

int lane_work(struct lane *l)
{
	struct engine *e = l->engine;
	struct pair *p;

	while ((p = take(l)) != NULL) {
		struct mm_err err = {0};
		bool in_folder = false;
		int r = 0;

		if (!l->origin || !l->destination)
			r = lane_open(l, &err);
		if (r < 0 && l->number > 0 && err.cls != MM_CLASS_THROTTLED) {
			/* Perhaps the server allows no more connections: the others go on. */
			engine_note(e, LOG_NOTICE, "going on with fewer connections: %s",
				    err.text);
			lane_close(l);
			give_back(l, p, false);
			return 0;
		}
		if (r < 0) {
			lane_close(l);
		} else {
			in_folder = true;
			r = folder_sync(l, p, &err);
		}
		if (r >= 0)
			give_back(l, p, r == 0);
		else if (!after_trouble(l, p, in_folder, &err))
			break;
	}
	if (engine_cancelled(e) && l->result == 0) {
		l->result = -ECANCELED;
		engine_cancel_error(&l->error);
	}
	return l->result;
}
