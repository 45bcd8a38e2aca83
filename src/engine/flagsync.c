/* SPDX-License-Identifier: Apache-2.0 */
/* Changed flags: what flags.mode makes of them (flags_decide()) is stored at the destination.
 * Messages with the same change travel in one command. The change is stored first and
 * remembered after: doing it twice is harmless. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>

#include "folder_work.h"

#define CHANGES_MAX    2000 /* kept before they are sent */
#define STORES_MAX     16   /* commands in flight */
#define SET_OCTETS_MAX 3000 /* of one command's UID set */

struct change {
	uint32_t uid, dest_uid;
	char *base, *now, *there; /* as in struct flag_change */
	char *added, *removed;    /* what follows */
	bool late;
	bool gone;    /* the destination has the message no more */
	bool refused; /* the destination does not take it, or not all of it */
	bool later;   /* it does not just now */
};

/* Changes that are the same and travel in one command, or a few. */
struct group {
	struct change *v;
	size_t n;
	bool again; /* without keywords: the rest was refused */
};

struct flag_changes {
	struct change *v;
	size_t n;
	struct group in_flight[STORES_MAX]; /* one for each command; ring, oldest first */
	size_t first, n_in_flight;
};

static void change_done(struct change *c)
{
	free(c->base);
	free(c->now);
	free(c->there);
	free(c->added);
	free(c->removed);
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

int flag_changes_add(struct folder_work *w, const struct flag_change *x, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	struct change *c;

	if (w->lane->engine->job->flags.mode == FLAGS_FIRST && !x->late)
		return 0; /* the base stays what was carried over last */
	if (!f) {
		f = w->flags.changes = calloc(1, sizeof(*f));
		if (f)
			f->v = calloc(CHANGES_MAX, sizeof(*f->v));
		if (!f || !f->v)
			return mm_err_oom(reterr);
	}
	c = &f->v[f->n];
	*c = (struct change){.uid = x->uid,
			     .dest_uid = x->dest_uid,
			     .base = text_dup(x->base),
			     .now = text_dup(x->now),
			     .there = x->there ? text_dup(x->there) : NULL,
			     .late = x->late};
	f->n++;
	if (!c->base || !c->now || (x->there && !c->there))
		return mm_err_oom(reterr);
	return f->n == CHANGES_MAX ? flag_changes_send(w, reterr) : 0;
}

/* ---- deciding ---- */

static int by_dest_uid(const void *x, const void *y)
{
	const struct change *a = x, *b = y;

	return a->dest_uid < b->dest_uid ? -1 : a->dest_uid > b->dest_uid;
}

static struct change *find(struct flag_changes *f, uint32_t dest_uid)
{
	const struct change key = {.dest_uid = dest_uid};

	return bsearch(&key, f->v, f->n, sizeof(*f->v), by_dest_uid);
}

static int note_there(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct change *c = find(userdata, m->uid);

	if (!c || c->there)
		return 0;
	c->there = STEAL(m->flags);
	c->gone = false;
	return c->there ? 0 : mm_err_oom(reterr);
}

/* Where the origin's flags win, those of the destination have to be known. */
static int look_there(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	struct flag_changes *f = w->flags.changes;

	if (w->lane->engine->job->flags.mode != FLAGS_ORIGIN)
		return 0;
	qsort(f->v, f->n, sizeof(*f->v), by_dest_uid);
	for (size_t i = 0; i < f->n; i++) {
		struct change *c = &f->v[i];

		if (seqset_add(&w->flags.compared, c->dest_uid, c->dest_uid) < 0)
			return mm_err_oom(reterr);
		if (c->there || c->late)
			continue;
		c->gone = true;
		if (seqset_add(&uids, c->dest_uid, c->dest_uid) < 0)
			return mm_err_oom(reterr);
	}
	return read_each(w, w->lane->destination, &uids, STORE_WANT_FLAGS, note_there, f,
			 reterr);
}

static int decide(struct folder_work *w, struct change *c, struct mm_err *reterr)
{
	enum flags_mode mode = c->late ? FLAGS_MERGE : w->lane->engine->job->flags.mode;
	_cleanup_(buf_done) struct buf add = {0}, take = {0}, kept = {0}, bound = {0},
				       none = {0};
	int r;

	if (!c->gone && flags_decide(mode, c->base, c->now, c->there, &add, &take) < 0)
		return mm_err_oom(reterr);
	r = unkept_filter(w, buf_str(&add), &kept, reterr);
	if (r < 0)
		return r;
	/* What it cannot keep it does not have either. */
	if (flags_permit(buf_str(&take), w->destination.permanent_flags, &bound, &none) < 0)
		return mm_err_oom(reterr);
	c->added = text_dup(buf_str(&kept));
	c->removed = text_dup(buf_str(&bound));
	return c->added && c->removed ? 0 : mm_err_oom(reterr);
}

static int decide_all(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	int r = look_there(w, reterr);

	for (size_t i = 0; r == 0 && i < f->n; i++)
		r = decide(w, &f->v[i], reterr);
	return r;
}

/* ---- sending ---- */

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

static int send_group(struct folder_work *w, const struct group *g, struct mm_err *reterr);

/* The system flags of canonical ones: they come first. */
static size_t system_length(const char *flags)
{
	size_t n = 0;

	while (flags[n] == '\\') {
		n += strcspn(flags + n, " ");
		n += flags[n] == ' ';
	}
	return n;
}

static bool has_keywords(const char *flags)
{
	return flags[system_length(flags)] != '\0';
}

/* A STORE that the server refuses is a trouble of the folder. For a keyword that it cannot hold
 * no other flag must be lost. */
static int after_refusal(struct folder_work *w, const struct group *g, const struct mm_err *e,
			 struct mm_err *reterr)
{
	struct group again = {.v = g->v, .n = g->n, .again = true};
	bool known = g->v->refused;
	bool keywords = has_keywords(g->v->added) || has_keywords(g->v->removed);
	bool others = system_length(g->v->added) + system_length(g->v->removed) > 0;
	int r = 0;

	for (size_t i = 0; i < g->n; i++) {
		g->v[i].refused = true;
		g->v[i].later = g->v[i].later || e->retry != MM_RETRY_NEVER;
		w->incomplete = w->incomplete || g->v[i].later;
	}
	if (!known)
		r = engine_trouble(w->lane->engine, w->pair->origin, 0, e, reterr);
	if (r == 0 && !known && keywords && others)
		r = send_group(w, &again, reterr);
	return r;
}

static int settle_one(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	struct group g = f->in_flight[f->first];
	struct mm_err e = {0};
	int r;

	f->first = (f->first + 1) % STORES_MAX;
	f->n_in_flight--;
	r = store_flags_end(w->lane->destination, &e);
	if (r < 0 && e.scope < MM_SCOPE_STORE)
		return after_refusal(w, &g, &e, reterr);
	if (r < 0 && reterr)
		*reterr = e;
	return r;
}

static int send_set(struct folder_work *w, const struct group *g, bool add, const char *flags,
		    struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	struct flag_changes *f = w->flags.changes;
	int r = 0;

	for (size_t i = 0; i < g->n; i++)
		if (seqset_add(&uids, g->v[i].dest_uid, g->v[i].dest_uid) < 0)
			return mm_err_oom(reterr);
	while (r == 0 && *flags && uids.n > 0) {
		_cleanup_(seqset_done) struct seqset part = {0};

		while (r == 0 && f->n_in_flight == STORES_MAX)
			r = settle_one(w, reterr);
		if (r == 0 && seqset_take(&uids, UINT32_MAX, SET_OCTETS_MAX, &part) < 0)
			r = mm_err_oom(reterr);
		if (r == 0)
			r = store_flags_begin(w->lane->destination, &part, add, flags, reterr);
		if (r == 0)
			f->in_flight[(f->first + f->n_in_flight++) % STORES_MAX] = *g;
	}
	return r;
}

static int send_group(struct folder_work *w, const struct group *g, struct mm_err *reterr)
{
	for (int add = 0; add < 2; add++) {
		const char *all = add ? g->v->added : g->v->removed;
		size_t n = g->again ? system_length(all) : strlen(all);
		_cleanup_(freep) char *flags =
			text_dupn(all, n > 0 && all[n - 1] == ' ' ? n - 1 : n);
		int r = flags ? send_set(w, g, add, flags, reterr) : mm_err_oom(reterr);

		if (r < 0)
			return r;
	}
	return 0;
}

static int remember_flags(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	struct state *s = w->lane->engine->state;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		const struct change *c = &f->v[i];

		if (c->later)
			continue;
		/* What was refused is sent again when it is another, or the server is. */
		r = c->refused ? state_refuse_flags(s, w->pair->sf.id, c->uid,
						    w->pair->circumstances, c->now, reterr)
			       : state_set_flags(s, w->pair->sf.id, c->uid, c->now, reterr);
	}
	return state_end(s, r, reterr);
}

/* Flags that were taken and are not there: in the next run the destination would seem to have
 * been changed again. */
static int note_unkept(void *userdata, struct message *m, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf missing = {0}, others = {0};
	struct folder_work *w = userdata;
	const struct change *c = find(w->flags.changes, m->uid);

	if (!c || !m->flags)
		return 0;
	if (flags_diff(m->flags, c->added, &missing, &others) < 0)
		return mm_err_oom(reterr);
	return missing.len > 0 ? unkept_add(w, missing.p, true, reterr) : 0;
}

static int look_what_stayed(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	struct flag_changes *f = w->flags.changes;
	struct store_features features;

	store_features(w->lane->destination, &features);
	if (w->lane->engine->job->flags.mode != FLAGS_ORIGIN || features.discards)
		return 0;
	qsort(f->v, f->n, sizeof(*f->v), by_dest_uid);
	for (size_t i = 0; i < f->n; i++)
		if (*f->v[i].added && !f->v[i].refused &&
		    seqset_add(&uids, f->v[i].dest_uid, f->v[i].dest_uid) < 0)
			return mm_err_oom(reterr);
	return read_each(w, w->lane->destination, &uids, STORE_WANT_FLAGS, note_unkept, w,
			 reterr);
}

static int send_all(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	int r = 0;

	qsort(f->v, f->n, sizeof(*f->v), by_change);
	for (size_t i = 0, j; r == 0 && i < f->n; i = j) {
		for (j = i + 1; j < f->n && strcmp(f->v[i].added, f->v[j].added) == 0 &&
				strcmp(f->v[i].removed, f->v[j].removed) == 0;)
			j++;
		r = send_group(w, &(struct group){.v = &f->v[i], .n = j - i}, reterr);
	}
	while (r == 0 && f->n_in_flight > 0)
		r = settle_one(w, reterr);
	return r;
}

int flag_changes_send(struct folder_work *w, struct mm_err *reterr)
{
	struct flag_changes *f = w->flags.changes;
	int r;

	if (!f || f->n == 0)
		return 0;
	r = decide_all(w, reterr);
	if (r == 0)
		r = send_all(w, reterr);
	if (r == 0)
		r = look_what_stayed(w, reterr);
	if (r == 0)
		r = remember_flags(w, reterr);
	if (r < 0)
		return r;
	note_progress(w, f->n);
	for (size_t i = 0; i < f->n; i++) {
		struct change *c = &f->v[i];

		w->pair->flags_updated += !c->refused && !c->late && (*c->added || *c->removed);
		change_done(c);
	}
	f->n = 0;
	return 0;
}

/* ---- \Flagged after the copy ---- */

int flag_changes_add_flagged(struct folder_work *w, uint32_t uid, uint32_t dest_uid,
			     const char *base, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf now = {0};

	if (flags_union(base, "\\Flagged", &now) < 0)
		return mm_err_oom(reterr);
	return flag_changes_add(w,
				&(struct flag_change){.uid = uid,
						      .dest_uid = dest_uid,
						      .base = base,
						      .now = buf_str(&now),
						      .late = true},
				reterr);
}

int flag_changes_flagged(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf strings = {0};
	int r = 0;

	for (uint64_t i = 0, n = seqset_count(&w->flags.later); r == 0 && i < n; i++) {
		uint32_t uid = seqset_nth(&w->flags.later, i);
		struct state_row row;

		r = state_get(w->lane->engine->state, w->pair->sf.id, uid, &row, &strings,
			      reterr);
		if (r > 0)
			r = row.dest_uid ? flag_changes_add_flagged(w, uid, row.dest_uid,
								    row.flags, reterr)
					 : 0;
	}
	return r < 0 ? r : flag_changes_send(w, reterr);
}
