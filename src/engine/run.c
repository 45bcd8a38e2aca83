/* SPDX-License-Identifier: Apache-2.0 */
/* The whole of a run: space, state, survey, lanes, summary. */
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>

#include "prune.h"
#include "refused.h"

int engine_new(const struct job *job, const struct secret *origin,
	       const struct secret *destination, const struct engine_hooks *hooks,
	       struct engine **ret)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof(*e));
	pthread_condattr_t attr;

	if (!e)
		return -ENOMEM;
	e->job = job;
	e->origin_secret = origin;
	e->destination_secret = destination;
	e->hooks = hooks;
	e->rules = folder_rules_hash(job);
	e->phase = "connecting";
	e->plan_room = (struct store_room){.bytes = UINT64_MAX, .messages = UINT64_MAX};
	(void)pthread_mutex_init(&e->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&e->changed, &attr);
	(void)pthread_condattr_destroy(&attr);
	e->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	e->spool_dir = text_fmt("%s/spool", job->state_dir);
	if (e->cancel_fd < 0 || !e->spool_dir || throttle_init(e) < 0 ||
	    spool_pool_new(SPOOL_MEMORY, e->spool_dir, job->min_free_bytes, &e->pool) < 0)
		return -ENOMEM;
	*ret = STEAL(e);
	return 0;
}

struct engine *engine_free(struct engine *e)
{
	if (!e)
		return NULL;

	for (size_t i = 0; i < LANES_MAX; i++) {
		lane_close(&e->lanes[i]);
		store_link_free(e->lanes[i].link);
	}
	pairs_free(e->pairs, e->n_pairs);
	label_set_done(&e->labels);
	map_omitted_free(e->omitted, e->n_omitted);
	throttle_done(e);
	state_close(e->state);
	spool_pool_free(e->pool);
	free(e->spool_dir);
	closep(&e->cancel_fd);
	(void)pthread_mutex_destroy(&e->lock);
	(void)pthread_cond_destroy(&e->changed);
	free(e);
	return NULL;
}

void engine_cancel(struct engine *e)
{
	atomic_store(&e->cancel, true);
	(void)pthread_mutex_lock(&e->lock);
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
}

void engine_abort(struct engine *e)
{
	engine_cancel(e);
	(void)eventfd_write(e->cancel_fd, 1); /* full is as good: it is readable then */
}

void engine_progress(struct engine *e, struct engine_progress *ret)
{
	*ret = (struct engine_progress){
		.total = atomic_load(&e->total),
		.bytes_done = atomic_load(&e->bytes_done),
		.bytes_total = atomic_load(&e->bytes_total),
	};
	ret->done = MIN_OF(atomic_load(&e->done), ret->total);
	ret->bytes_total = MAX_OF(ret->bytes_total, ret->bytes_done);
	(void)pthread_mutex_lock(&e->lock);
	ret->phase = e->phase;
	if (strcmp(e->phase, "throttled") == 0)
		ret->until_usec = e->throttle.paused_until_wall_usec;
	snprintf(ret->folder, sizeof(ret->folder), "%s", e->folder ? e->folder : "");
	(void)pthread_mutex_unlock(&e->lock);
}

static void set_phase(struct engine *e, const char *phase)
{
	(void)pthread_mutex_lock(&e->lock);
	e->phase = phase;
	(void)pthread_mutex_unlock(&e->lock);
}

/* ---- lanes ---- */

static uint32_t lanes_allowed(const struct engine *e)
{
	const struct job *j = e->job;
	uint32_t n = MIN_OF(j->connections, LANES_MAX);

	if (j->origin.max_connections)
		n = MIN_OF(n, j->origin.max_connections);
	if (j->destination.max_connections)
		n = MIN_OF(n, j->destination.max_connections);
	return n;
}

static uint32_t lanes_useful(const struct engine *e)
{
	uint32_t work = 0;

	for (size_t i = 0; i < e->n_pairs; i++)
		work += e->pairs[i].place == PAIR_QUEUED;
	return MIN_OF(lanes_allowed(e), work);
}

static void *lane_main(void *userdata)
{
	struct lane *l = userdata;

	if (l->early)
		lane_open_early(l);
	(void)lane_work(l); /* the result is in the lane */
	lane_close(l);
	return NULL;
}

/* Lanes beside the first one. Fewer are only slower. */
static void start_lanes(struct engine *e, uint32_t n)
{
	for (uint32_t i = (uint32_t)e->n_lanes; i < n; i++) {
		struct lane *l = &e->lanes[i];
		struct mm_err err;

		if (lane_init(l, e, i, &err) < 0)
			return;
		e->n_lanes = i + 1;
		l->early = !e->surveyed;
		if (pthread_create(&l->thread, NULL, lane_main, l) != 0)
			return;
		l->started = true;
	}
}

/* The queue is filled, or will never be. */
static void release_lanes(struct engine *e, bool ending)
{
	(void)pthread_mutex_lock(&e->lock);
	e->surveyed = true;
	e->ending = e->ending || ending;
	(void)pthread_cond_broadcast(&e->changed);
	(void)pthread_mutex_unlock(&e->lock);
}

static void join_lanes(struct engine *e)
{
	for (size_t i = 1; i < e->n_lanes; i++) {
		if (e->lanes[i].started)
			(void)pthread_join(e->lanes[i].thread, NULL);
		e->lanes[i].started = false;
	}
}

static int work(struct engine *e, struct mm_err *reterr)
{
	uint32_t n;
	int r = 0;

	n = lanes_useful(e); /* before the early ones take from the queue */
	release_lanes(e, false);
	start_lanes(e, n);
	(void)lane_work(&e->lanes[0]);
	join_lanes(e);
	/* A lane that could not connect gave its folder back, perhaps when this one had ended.
	 */
	(void)lane_work(&e->lanes[0]);
	for (size_t i = 0; i < e->n_lanes; i++) {
		struct lane *l = &e->lanes[i];

		/* The first real trouble counts: the others only followed it. */
		if (l->result < 0 && (r == 0 || r == -ECANCELED)) {
			r = l->result;
			*reterr = l->error;
		}
	}
	return r;
}

/* ---- beginning ---- */

static int check_space(const struct engine *e, struct mm_err *reterr)
{
	char have[32], need[32];
	uint64_t free_bytes = 0;
	int r;

	r = fs_mkdir_p(e->spool_dir, 0700);
	if (r == 0)
		r = fs_free_bytes(e->spool_dir, &free_bytes);
	if (r < 0) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r, "cannot use %s: %s",
			   e->spool_dir, strerror(-r));
		return mm_err_class(reterr, MM_CLASS_LOCAL,
				    "check that the state directory is writable");
	}
	if (free_bytes >= e->job->min_free_bytes)
		return 0;
	format_size(have, sizeof(have), free_bytes);
	format_size(need, sizeof(need), e->job->min_free_bytes);
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -ENOSPC,
		   "only %s free on the file system of %s, min_free is %s", have,
		   e->job->state_dir, need);
	return mm_err_class(reterr, MM_CLASS_SAFETY, "free space there, or lower min_free");
}

/* Whose mailboxes: not by which name or port their servers are reached today, but a state is
 * never taken for that of other ones, in which nothing is yet. */
static char *mailboxes(const struct job *j)
{
	return text_fmt("%s@%s %s@%s", j->origin.user, j->origin.host, j->destination.user,
			j->destination.host);
}

static void tell_set_aside(struct engine *e, const char *note)
{
	static const char advice[] = "what is at the destination is recognised anew; look at "
				     "the old file or remove it";

	engine_note(e, LOG_WARNING, "%s; %s", note, advice);
	/* No trouble of a message, and nothing has failed for it. */
	(void)run_summary_add_error(e->summary, NULL, 0, MM_CLASS_LOCAL, note, advice);
}

static int open_state(struct engine *e, struct mm_err *reterr)
{
	_cleanup_(freep) char *between = mailboxes(e->job), *note = NULL;
	int r;

	if (!between)
		return mm_err_oom(reterr);
	r = state_open(e->job->state_dir, e->job->account, between, e->job->dry_run, &e->state,
		       &note, reterr);
	if (note)
		tell_set_aside(e, note);
	return r;
}

static int begin(struct engine *e, struct mm_err *reterr)
{
	int r;

	r = check_space(e, reterr);
	if (r == 0)
		r = open_state(e, reterr);
	if (r < 0)
		return r;
	r = throttle_begin(e, reterr);
	if (r < 0)
		return r;
	r = lane_init(&e->lanes[0], e, 0, reterr);
	if (r < 0)
		return r;
	e->n_lanes = 1;
	/* A mailbox never seen before will need all lanes: they connect while it is listed. */
	if (!e->job->dry_run && state_is_new(e->state))
		start_lanes(e, lanes_allowed(e));
	return survey(&e->lanes[0], reterr);
}

/* ---- end ---- */

static void report_folder(struct engine *e, const struct pair *p)
{
	struct engine_folder f = {
		.origin = p->origin,
		.destination = p->destination,
		.messages = p->listed,
		.copied = p->copied,
		.present = p->present,
		.skipped = p->skipped,
		.skipped_by = p->skipped_by,
		.failed = p->failed,
		.flags_updated = p->flags_updated,
		.deleted = p->absence.deleted,
		.bytes = p->bytes,
		.bytes_total = p->origin_status.bytes,
		.created = !p->exists,
		.unchanged = p->unchanged,
		.error = p->error.code ? p->error.text : NULL,
	};

	if (e->hooks->folder)
		e->hooks->folder(e->hooks->userdata, &f);
}

/* Folders with nothing to do are in step already; those that could not even be made have
 * failed. */
static int settle_pairs(struct engine *e, struct mm_err *reterr)
{
	int r = 0;

	for (size_t i = 0; i < e->n_pairs && r == 0; i++) {
		struct pair *p = &e->pairs[i];

		if (p->place == PAIR_DONE) {
			struct mm_err enough;

			p->listed = p->failed = p->origin_status.messages;
			/* Too many of them end the run when the next trouble is told. */
			(void)engine_trouble(e, p->origin, 0, &p->error, &enough);
		} else if (p->unchanged) {
			p->place = PAIR_DONE;
			p->listed = p->present = p->origin_status.messages;
			select_recall(p);
			atomic_fetch_add(&e->done, p->listed);
			if (p->held_rows > 0)
				r = held_tell(e, p, NULL, reterr);
			p->present -= MIN_OF(p->present, p->failed + p->skipped);
		}
	}
	return r;
}

static void sum_up(struct engine *e, struct run_summary *s)
{
	for (size_t i = 0; i < e->n_pairs; i++) {
		const struct pair *p = &e->pairs[i];

		s->copied += p->copied;
		s->present += p->present;
		s->skipped += p->skipped;
		for (size_t k = 0; k < SKIP_N; k++)
			s->skipped_by[k] += p->skipped_by[k];
		s->failed += p->failed;
		s->flags_updated += p->flags_updated;
		s->deleted += p->absence.deleted;
		s->bytes += p->bytes;
		report_folder(e, p);
	}
	for (size_t i = 0; i < e->n_lanes; i++) {
		lane_close(&e->lanes[i]);
		s->round_trips += e->lanes[i].round_trips;
	}
}

/* What ended the run may have been told of one message already. */
static bool is_told(const struct run_summary *s, const char *text)
{
	for (size_t i = 0; i < s->n_errors; i++)
		if (strcmp(s->errors[i].text, text) == 0)
			return true;
	return false;
}

static void conclude(struct engine *e, struct run_summary *s, int r, struct mm_err *err)
{
	if (r == -ECANCELED) {
		s->result = RUN_CANCELLED;
		s->exit_code = mm_class_exit_code(MM_CLASS_CANCELLED);
	} else if (r < 0) {
		bool throttled = err->cls == MM_CLASS_THROTTLED;

		s->result = throttled ? RUN_THROTTLED : RUN_FAILED;
		s->exit_code = mm_class_exit_code(err->cls);
		if (err->cls == MM_CLASS_QUOTA && r != -EDQUOT)
			room_advise(e, err);
		if (throttled)
			(void)run_summary_add_throttle(s, err->text, err->advice,
						       clock_wall_usec() +
							       err->retry_after_usec);
		else if (!is_told(s, err->text))
			(void)run_summary_add_error(s, NULL, 0, err->cls, err->text,
						    err->advice);
	} else if (atomic_load(&e->braked)) { /* what was copied stays */
		s->result = RUN_FAILED;
		s->exit_code = mm_class_exit_code(MM_CLASS_SAFETY);
	} else if (e->n_errors > 0 || s->failed > 0) {
		s->result = RUN_PARTIAL;
		s->exit_code = 1;
	} else {
		s->result = RUN_OK;
		s->exit_code = 0;
	}
}

int engine_run(struct engine *e, struct run_summary *s, struct mm_err *reterr)
{
	struct mm_err err = {0};
	int r;

	e->summary = s;
	e->started_sec = (int64_t)(clock_wall_usec() / USEC_PER_SEC);
	selection_init(&e->select, &e->job->messages, clock_wall_usec());
	s->dry_run = e->job->dry_run;
	set_phase(e, "listing");
	r = begin(e, &err);
	if (r == 0)
		r = settle_pairs(e, &err);
	if (r == 0)
		r = work(e, &err);
	if (r == 0)
		room_check_plan(e);
	if (r == 0 && e->lack.code) {
		err = e->lack;
		r = err.code;
	}
	if (r == 0)
		r = prune(e, &err);
	release_lanes(e, true);
	join_lanes(e);
	if (r < 0 && engine_cancelled(e) && err.cls == MM_CLASS_CANCELLED)
		r = -ECANCELED;
	throttle_end(e, &err);
	set_phase(e, "done");
	sum_up(e, s);
	conclude(e, s, r, &err);
	if (reterr)
		*reterr = err;
	return r;
}
