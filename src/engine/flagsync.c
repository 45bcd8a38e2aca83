/* SPDX-License-Identifier: Apache-2.0 */
/* Changed flags: the origin's changes are carried over, the destination's own are kept.
 * Messages with the same change travel in one command. The change is stored first and
 * remembered after: doing it twice is harmless. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>

#include "engine_internal.h"

#define CHANGES_MAX    2000 /* kept before they are sent */
#define STORES_MAX     16   /* commands in flight */
#define SET_OCTETS_MAX 3000 /* of one command's UID set */

struct change {
	uint32_t uid, dest_uid;
	char *added, *removed, *now;
};

struct flag_changes {
	struct change *v;
	size_t n;
	bool refused; /* one of the commands on their way was */
};

static void change_done(struct change *c)
{
	free(c->added);
	free(c->removed);
	free(c->now);
}

struct flag_changes *flag_changes_free(struct flag_changes *f)
{
	if (!f)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		change_done(&f->v[i]);
	free(f->v);
	free(f);
	return NULL;
}

int flag_changes_add(struct folder_work *w, uint32_t uid, uint32_t dest_uid, const char *old,
		     const char *now, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf added = {0}, removed = {0}, kept = {0}, lost = {0};
	struct flag_changes *f = w->flags;
	struct change *c;

	if (!f) {
		f = w->flags = calloc(1, sizeof(*f));
		if (f)
			f->v = calloc(CHANGES_MAX, sizeof(*f->v));
		if (!f || !f->v)
			return mm_err_oom(reterr);
	}
	if (flags_diff(old, now, &added, &removed) < 0 ||
	    flags_permit(buf_str(&added), w->destination.permanent_flags, &kept, &lost) < 0)
		return mm_err_oom(reterr);

	c = &f->v[f->n];
	*c = (struct change){.uid = uid,
			     .dest_uid = dest_uid,
			     .added = text_dup(buf_str(&kept)),
			     .removed = text_dup(buf_str(&removed)),
			     .now = text_dup(now)};
	f->n++;
	if (!c->added || !c->removed || !c->now)
		return mm_err_oom(reterr);
	return f->n == CHANGES_MAX ? flag_changes_send(w, reterr) : 0;
}

static int by_change(const void *x, const void *y)
{
	const struct change *a = x, *b = y;
	int r = strcmp(a->added, b->added);

	if (r == 0)
		r = strcmp(a->removed, b->removed);
	if (r == 0)
		r = a->dest_uid < b->dest_uid ? -1 : a->dest_uid > b->dest_uid;
	return r;
}

/* A STORE that the server refuses is a trouble of the folder; the next run tries again. */
static int settle_one(struct folder_work *w, size_t *in_flight, struct mm_err *reterr)
{
	struct mm_err e = {0};
	int r;

	(*in_flight)--;
	r = store_flags_end(w->lane->destination, &e);
	if (r < 0 && e.scope < MM_SCOPE_STORE) {
		w->flags->refused = w->incomplete = true;
		return engine_trouble(w->lane->engine, w->pair->origin, 0, &e, reterr);
	}
	if (r < 0 && reterr)
		*reterr = e;
	return r;
}

static int send_set(struct folder_work *w, struct seqset *uids, bool add, const char *flags,
		    size_t *in_flight, struct mm_err *reterr)
{
	int r = 0;

	while (r == 0 && *flags && uids->n > 0) {
		_cleanup_(seqset_done) struct seqset part = {0};

		if (*in_flight == STORES_MAX)
			r = settle_one(w, in_flight, reterr);
		if (r == 0 && seqset_take(uids, UINT32_MAX, SET_OCTETS_MAX, &part) < 0)
			r = mm_err_oom(reterr);
		if (r == 0)
			r = store_flags_begin(w->lane->destination, &part, add, flags, reterr);
		if (r == 0)
			++*in_flight;
	}
	return r;
}

/* All changes of one kind, from v[0] to v[n - 1]. */
static int send_group(struct folder_work *w, const struct change *v, size_t n,
		      size_t *in_flight, struct mm_err *reterr)
{
	for (int add = 0; add < 2; add++) {
		_cleanup_(seqset_done) struct seqset uids = {0};
		int r;

		for (size_t i = 0; i < n; i++)
			if (seqset_add(&uids, v[i].dest_uid, v[i].dest_uid) < 0)
				return mm_err_oom(reterr);
		r = send_set(w, &uids, add, add ? v->added : v->removed, in_flight, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int remember_flags(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags;
	struct state *s = w->lane->engine->state;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; i < f->n; i++) {
		r = state_set_flags(s, w->pair->sf.id, f->v[i].uid, f->v[i].now, reterr);
		if (r < 0) {
			state_rollback(s);
			return r;
		}
	}
	return state_commit(s, reterr);
}

int flag_changes_send(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags;
	size_t in_flight = 0;
	int r = 0;

	if (!f || f->n == 0)
		return 0;
	qsort(f->v, f->n, sizeof(*f->v), by_change);
	for (size_t i = 0, j; r == 0 && i < f->n; i = j) {
		for (j = i + 1; j < f->n && strcmp(f->v[i].added, f->v[j].added) == 0 &&
				strcmp(f->v[i].removed, f->v[j].removed) == 0;)
			j++;
		r = send_group(w, &f->v[i], j - i, &in_flight, reterr);
	}
	while (r == 0 && in_flight > 0)
		r = settle_one(w, &in_flight, reterr);
	if (r < 0)
		return r;

	if (!f->refused)
		r = remember_flags(w, reterr);
	if (r < 0)
		return r;
	note_progress(w, f->n);
	for (size_t i = 0; i < f->n; i++) {
		w->pair->flags_updated += !f->refused && (*f->v[i].added || *f->v[i].removed);
		change_done(&f->v[i]);
	}
	f->n = 0;
	f->refused = false;
	return 0;
}
