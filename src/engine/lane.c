/* SPDX-License-Identifier: Apache-2.0 */
/* A pair of connections: how it comes to be and ends; what all of them share. */
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>

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

void engine_tell(struct engine *e, const char *folder, uint32_t uid, const struct mm_err *what)
{
	(void)pthread_mutex_lock(&e->lock);
	(void)run_summary_add_error(e->summary, folder, uid, what->cls, what->text,
				    what->advice); /* without memory it is still told */
	if (e->hooks->trouble)
		e->hooks->trouble(e->hooks->userdata, folder, uid, what);
	(void)pthread_mutex_unlock(&e->lock);
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

void lanes_hold(struct engine *e)
{
	(void)pthread_mutex_lock(&e->lock);
	e->connected = e->logins = 0;
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
		      e->throttle.limiters[0], &l->origin);
	if (r == 0)
		r = store_new(&e->job->destination, e->destination_secret, "destination",
			      e->job->match, l->link, e->throttle.limiters[1], &l->destination);
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

/* Of two failures the one that no second attempt can mend: a wrong password is tried once. */
static const struct opening *failed_side(const struct opening *a, const struct opening *b)
{
	if (a->result == 0 || (b->result < 0 && a->error.retry != MM_RETRY_NEVER &&
			       b->error.retry == MM_RETRY_NEVER))
		return b;
	return a;
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
		const struct opening *failed = failed_side(&o, &d);

		*reterr = failed->error;
		return failed->result;
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
