/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of connections that takes folders from the queue until none is left. */
#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>

#include "engine_internal.h"

bool engine_cancelled(const struct engine *e)
{
	return atomic_load(&e->cancel);
}

int engine_cancel_error(struct mm_err *reterr)
{
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -ECANCELED, "cancelled");
	return mm_err_class(reterr, MM_CLASS_CANCELLED,
			    "the next run continues where this one ended");
}

int engine_trouble(struct engine *e, const char *folder, uint32_t uid,
		   const struct mm_err *what, struct mm_err *reterr)
{
	bool too_many;

	(void)pthread_mutex_lock(&e->lock);
	/* Without memory for the list the error is still told and counted. */
	(void)run_summary_add_error(e->summary, folder, uid, what->cls, what->text,
				    what->advice);
	if (e->hooks->trouble)
		e->hooks->trouble(e->hooks->userdata, folder, uid, what);
	too_many = ++e->n_errors > e->job->max_errors;
	(void)pthread_mutex_unlock(&e->lock);
	if (!too_many)
		return 0;
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EOVERFLOW,
		   "more than %u errors in one run", e->job->max_errors);
	return mm_err_class(reterr, MM_CLASS_OTHER,
			    "see the errors above; limits.max_errors raises the limit");
}

void engine_note(struct engine *e, int level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)pthread_mutex_lock(&e->lock);
	if (e->hooks->note)
		e->hooks->note(e->hooks->userdata, level, text);
	(void)pthread_mutex_unlock(&e->lock);
}

/* ---- connections ---- */

/* Wait until the first lane has got so far on both sides. */
static int await_first(struct engine *e, const unsigned *sides)
{
	int r;

	(void)pthread_mutex_lock(&e->lock);
	while (*sides < 2 && !e->ending && !engine_cancelled(e))
		(void)pthread_cond_wait(&e->changed, &e->lock);
	r = *sides < 2 ? -ECANCELED : 0;
	(void)pthread_mutex_unlock(&e->lock);
	return r;
}

static void tell_others(struct engine *e, unsigned *sides)
{
	(void)pthread_mutex_lock(&e->lock);
	++*sides;
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
}

static int first_is_connected(void *userdata)
{
	struct engine *e = userdata;

	tell_others(e, &e->connected);
	return 0;
}

int lane_init(struct lane *l, struct engine *e, size_t number, struct mm_err *reterr)
{
	l->engine = e;
	l->number = number;
	if (store_link_new(e->pool, e->cancel_fd, &l->link) < 0)
		return mm_err_oom(reterr);
	if (number == 0)
		store_link_before_login(l->link, first_is_connected, e);
	return 0;
}

/* The dry run's destination is told of the folders that an earlier connection seemed to make.
 */
static int make_dry(struct lane *l)
{
	struct store *dry = NULL;
	int r;

	r = store_new_dry(l->destination, &dry);
	if (r < 0)
		return r;
	l->destination = dry;
	for (size_t i = 0; r == 0 && i < l->engine->n_pairs; i++) {
		const struct pair *p = &l->engine->pairs[i];
		struct store_make m = {.raw = p->destination_raw, .create = true};

		if (!p->exists && p->destination_raw)
			r = store_make_folders(dry, &m, 1, NULL);
	}
	return r;
}

static int make_stores(struct lane *l, struct mm_err *reterr)
{
	const struct engine *e = l->engine;
	int r;

	r = store_new(&e->job->origin, e->origin_secret, "origin", e->job->match, l->link,
		      &l->origin);
	if (r == 0)
		r = store_new(&e->job->destination, e->destination_secret, "destination",
			      e->job->match, l->link, &l->destination);
	if (r == 0 && e->job->dry_run)
		r = make_dry(l);
	return r < 0 ? mm_err_oom(reterr) : 0;
}

/* One side's opening, so that both can go on at the same time. */
struct opening {
	struct engine *engine;
	struct store *store;
	bool with_size;
	struct folder_list *list; /* NULL: only open */
	int result;
	struct mm_err error;
};

static void *open_side(void *userdata)
{
	struct opening *o = userdata;

	o->result = store_open(o->store, &o->error);
	if (o->result == 0)
		tell_others(o->engine, &o->engine->logins);
	if (o->result == 0 && o->list)
		o->result = store_list(o->store, o->with_size, o->list, &o->error);
	return NULL;
}

int lane_open_and_list(struct lane *l, struct folder_list *origin,
		       struct folder_list *destination, struct mm_err *reterr)
{
	struct opening o = {.engine = l->engine, .with_size = true, .list = origin};
	struct opening d = {.engine = l->engine, .list = destination};
	pthread_t thread;
	int r;

	r = make_stores(l, reterr);
	if (r < 0)
		return r;
	o.store = l->origin;
	d.store = l->destination;
	/* Each side stands alone until both are there. Without a second thread they follow. */
	if (pthread_create(&thread, NULL, open_side, &o) == 0) {
		(void)open_side(&d);
		(void)pthread_join(thread, NULL);
	} else {
		(void)open_side(&o);
		(void)open_side(&d);
	}
	if (o.result < 0 || d.result < 0) {
		*reterr = o.result < 0 ? o.error : d.error;
		return o.result < 0 ? o.result : d.result;
	}
	if (store_join(l->origin) < 0 || store_join(l->destination) < 0)
		return mm_err_oom(reterr);
	return 0;
}

int lane_open(struct lane *l, struct mm_err *reterr)
{
	return lane_open_and_list(l, NULL, NULL, reterr);
}

static int await_first_login(void *userdata)
{
	struct engine *e = userdata;

	return await_first(e, &e->logins);
}

/* The first lane comes before all others: where a server allows only one connection it has it,
 * and a wrong password is tried once. */
void lane_open_early(struct lane *l)
{
	struct mm_err err;

	if (await_first(l->engine, &l->engine->connected) < 0)
		return;
	store_link_before_login(l->link, await_first_login, l->engine);
	if (lane_open(l, &err) < 0)
		lane_close(l);
	store_link_before_login(l->link, NULL, NULL);
}

static void close_store(struct lane *l, struct store **s)
{
	if (*s)
		l->round_trips += store_round_trips(*s);
	*s = store_free(*s);
}

void lane_close(struct lane *l)
{
	close_store(l, &l->origin);
	close_store(l, &l->destination);
}

/* ---- queue ---- */

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
		bool taken = false;

		for (size_t i = 0; i < n; i++) {
			struct pair *p = &e->pairs[i];

			taken = taken || p->place == PAIR_TAKEN;
			if (p->place != PAIR_QUEUED)
				continue;
			if (p->not_before_usec > now)
				soonest = MIN_OF(soonest, p->not_before_usec);
			else if (!found || p->origin_status.bytes > found->origin_status.bytes)
				found = p;
		}
		if (found) {
			found->place = PAIR_TAKEN;
			e->folder = found->origin;
			e->phase = "syncing";
		} else if (soonest != USEC_INFINITY) {
			struct timespec until;

			e->phase = taken ? e->phase : "waiting";
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
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
}

static void end_job(struct lane *l, const struct mm_err *err)
{
	struct engine *e = l->engine;

	(void)pthread_mutex_lock(&e->lock);
	e->ending = true;
	atomic_store(&e->cancel, true); /* the other lanes stop at their next message border */
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
	l->result = err->code;
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

static enum verdict judge(struct lane *l, struct pair *p, bool in_folder,
			  const struct mm_err *err)
{
	struct engine *e = l->engine;
	uint64_t progress = atomic_load(&e->done) + atomic_load(&e->bytes_done);

	l->failures = progress == l->progress_mark ? l->failures + 1 : 1;
	l->progress_mark = progress;
	if (!in_folder || err->scope != MM_SCOPE_STORE || err->retry == MM_RETRY_NEVER)
		return trouble_judge(err, l->failures, e->job->retry_attempts);

	p->failures = p->copied == p->failures_mark ? p->failures + 1 : 1;
	p->failures_mark = p->copied;
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

/* After a trouble: what becomes of the folder; !in_folder: it was the connecting that failed.
 * Returns false when this lane ends. */
static bool after_trouble(struct lane *l, struct pair *p, bool in_folder,
			  const struct mm_err *err)
{
	struct engine *e = l->engine;

	switch (judge(l, p, in_folder, err)) {
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
		if (r < 0 && l->number > 0) {
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
