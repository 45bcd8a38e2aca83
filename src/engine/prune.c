/* SPDX-License-Identifier: Apache-2.0 */
/* propagate_deletes: what is gone at the origin is deleted at the destination, if we put it
 * there. This is the only code that removes anything. What is due is noted folder by folder
 * while they are listed; the deleting comes after all of them are copied, since a message that
 * was moved is in its new place by then. It is done in new sessions, which see both sides anew:
 * a message is removed when the origin still does not have it, and the destination has under
 * its UID just the octets that we put there. Killed anywhere the next run finds the same, or a
 * row whose two messages are gone, which is forgotten. */
#include <mailmig/log.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "prune.h"

/* So many are removed by one command, and one transaction. */
#define CHUNK_MESSAGES 200
#define CHUNK_OCTETS   2000

/* ---- what is gone ---- */

struct noting {
	const struct folder_work *work;
	struct pair *pair;
};

static int note_row(void *userdata, const struct state_row *row)
{
	const struct noting *n = userdata;
	struct pair *p = n->pair;

	switch (absence_row(row, seqset_contains(&n->work->told, row->uid))) {
	case ABSENCE_DUE:
		p->absence.view.gone++;
		p->absence.view.known++;
		return seqset_add(&p->absence.gone, row->uid, row->uid);
	case ABSENCE_PRESENT: /* what has just come says nothing of what was there */
		p->absence.view.known += !seqset_contains(&n->work->fresh, row->uid);
		break;
	case ABSENCE_LEFT:
		p->absence.left++;
		break;
	case ABSENCE_OF_NO_ACCOUNT:
		break;
	}
	return 0;
}

int prune_note(struct folder_work *w, uint64_t since, struct mm_err *reterr)
{
	const struct folder_status *now = &w->origin.status;
	struct engine *e = w->lane->engine;
	struct pair *p = w->pair;
	struct noting n = {.work = w, .pair = p};
	uint64_t told = seqset_count(&w->told);
	int r;

	seqset_reset(&p->absence.gone);
	p->absence.view = (struct absence_view){.present = told};
	p->absence.left = 0;
	/* Where two folders of the origin meet absence in one says nothing. */
	if (!e->job->propagate_deletes || w->eager || p->map.shared)
		return 0;
	if (since != 0 || w->narrowed || told < now->messages) {
		w->incomplete =
			w->incomplete || told < now->messages ||
			absence_may_be(p->sf.origin_messages, p->sf.origin_uidnext, now);
		return 0;
	}
	p->absence.look = (struct absence_look){
		.uidvalidity = now->uidvalidity, .uidnext = now->uidnext, .listed = told};
	r = state_each(e->state, p->sf.id, -1, note_row, &n, reterr);
	if (r < 0)
		return r == -ENOMEM ? mm_err_oom(reterr) : r;
	if (p->absence.left > 0)
		engine_note(e, LOG_INFO,
			    "folder \"%s\": %llu messages are gone at the origin and stay: "
			    "mailmig did not put them there, or the server changed them",
			    p->destination, (unsigned long long)p->absence.left);
	return 0;
}

/* ---- the brake ---- */

static void tell_braked(struct engine *e, const char *folder, const char *text)
{
	struct mm_err err = {0};

	mm_err_set(&err, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EPERM, "%s", text);
	mm_err_class(&err, MM_CLASS_SAFETY,
		     "if that is right: mailmigctl run --confirm-deletes %s", e->job->account);
	atomic_store(&e->braked, true);
	engine_tell(e, folder, 0, &err);
}

static void tell_folder(struct engine *e, const struct pair *p, enum absence_verdict v)
{
	unsigned long long gone = p->absence.view.gone, known = p->absence.view.known;
	char text[200];

	if (v == ABSENCE_EMPTY)
		(void)snprintf(text, sizeof(text),
			       "the folder is empty at the origin and had %llu message%s; "
			       "nothing was deleted",
			       known, known == 1 ? "" : "s");
	else
		(void)snprintf(text, sizeof(text),
			       "%llu of %llu messages are gone at the origin; nothing was "
			       "deleted",
			       gone, known);
	tell_braked(e, p->origin, text);
}

/* One folder that seems to have lost too much says that the origin is not what it was: then
 * nothing is deleted in any. */
static void brake(struct engine *e)
{
	uint64_t gone = 0, folders = 0;
	char text[200];

	for (size_t i = 0; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];
		enum absence_verdict v = absence_judge(e->job, &p->absence.view);

		gone += p->absence.view.gone;
		folders += p->absence.view.gone > 0;
		if (absence_is_braked(v))
			tell_folder(e, p, v);
	}
	if (atomic_load(&e->braked) || !absence_is_braked(absence_judge_run(e->job, gone)))
		return;
	(void)snprintf(text, sizeof(text),
		       "%llu messages in %llu folders are gone at the origin; nothing was "
		       "deleted",
		       (unsigned long long)gone, (unsigned long long)folders);
	tell_braked(e, NULL, text);
}

/* ---- both sides anew ---- */

static const struct folder *find_raw(const struct folder_list *l, const char *raw)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].raw, raw) == 0)
			return &l->v[i];
	return NULL;
}

/* Has the origin news that this run has not copied? One of them may be a message that is gone
 * elsewhere. */
static bool is_shifting(const struct engine *e, const struct folder_list *origin)
{
	if (origin->n != e->n_listed)
		return true;
	for (size_t i = 0; i < e->n_pairs; i++) {
		const struct pair *p = &e->pairs[i];
		const struct folder *f = find_raw(origin, p->origin_raw);

		if (!f || !f->status.known ||
		    f->status.uidvalidity != p->origin_status.uidvalidity ||
		    f->status.uidnext > MAX_OF(p->origin_status.uidnext, p->sf.origin_uidnext))
			return true;
	}
	return false;
}

static int open_anew(struct lane *l, struct absence_run *run, struct mm_err *reterr)
{
	_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
	int r;

	lane_close(l);
	r = lane_open_and_list(l, &origin, &destination, reterr);
	if (r == 0)
		run->shifting = is_shifting(l->engine, &origin);
	return r;
}

/* ---- one folder ---- */

struct due {
	uint32_t uid, dest_uid;
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	bool there, same; /* at the destination; with our octets */
	bool still;       /* after it was removed */
	bool asked;       /* it was in an earlier session of this run */
};

struct chunk {
	struct due v[CHUNK_MESSAGES];
	size_t n;
	uint64_t seen; /* messages that the origin has after all */
	bool marked;   /* they cannot be removed singly */
};

static int note_seen(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct chunk *c = userdata;

	c->seen++;
	return 0;
}

static struct due *find_due(struct chunk *c, uint32_t dest_uid)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].dest_uid == dest_uid)
			return &c->v[i];
	return NULL;
}

static int note_copy(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct due *d = find_due(userdata, m->uid);

	if (d) {
		d->there = true;
		d->same = memcmp(d->digest, m->digest, sizeof(d->digest)) == 0;
	}
	return 0;
}

static int note_still(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct due *d = find_due(userdata, m->uid);

	if (d)
		d->still = true;
	return 0;
}

/* What the state has of them; those of an earlier chunk that was cut off are forgotten. */
static int recall(struct folder_work *w, const struct seqset *uids, struct chunk *c,
		  struct mm_err *reterr)
{
	for (uint64_t i = 0, n = seqset_count(uids); i < n; i++) {
		struct state_row row;
		int r = state_get(w->lane->engine->state, w->pair->sf.id, seqset_nth(uids, i),
				  &row, NULL, reterr);

		if (r < 0)
			return r;
		if (r == 0 || absence_row(&row, false) != ABSENCE_DUE ||
		    row.uidvalidity != w->destination.status.uidvalidity)
			continue;
		c->v[c->n] = (struct due){
			.uid = row.uid,
			.dest_uid = row.dest_uid,
			.asked = seqset_contains(&w->pair->absence.removing, row.dest_uid)};
		memcpy(c->v[c->n++].digest, row.digest, sizeof(row.digest));
	}
	return 0;
}

/* 0 or -ENOMEM. */
static int pick(const struct chunk *c, bool same, struct seqset *ret)
{
	for (size_t i = 0; i < c->n; i++)
		if ((!same || c->v[i].same) &&
		    seqset_add(ret, c->v[i].dest_uid, c->v[i].dest_uid) < 0)
			return -ENOMEM;
	return 0;
}

/* The origin does not have them; what does the destination have? */
static int look(struct folder_work *w, const struct seqset *uids, struct chunk *c,
		struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset copies = {0};
	const struct lane *l = w->lane;
	int r;

	r = read_each(w, l->origin, uids, STORE_WANT_FLAGS, note_seen, c, reterr);
	if (r < 0)
		return r;
	if (!absence_is_confirmed(&w->pair->absence.look, &w->origin.status, c->seen)) {
		mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -EPROTO,
			   "%s: folder \"%s\" has messages that were not listed before; "
			   "nothing is deleted for it",
			   store_label(l->origin), w->pair->origin);
		return mm_err_class(reterr, MM_CLASS_PROTOCOL,
				    "the next run looks again; if it says so again, tell the "
				    "server's operator");
	}
	r = recall(w, uids, c, reterr);
	if (r == 0 && pick(c, false, &copies) < 0)
		r = mm_err_oom(reterr);
	if (r == 0)
		r = read_each(w, l->destination, &copies, STORE_WANT_DIGEST, note_copy, c,
			      reterr);
	return r;
}

static int removal(struct folder_work *w, struct chunk *c, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset ours = {0};
	_cleanup_(buf_done) struct buf text = {0};
	struct store *d = w->lane->destination;
	int r;

	if (pick(c, true, &ours) < 0 || seqset_format(&ours, &text) < 0)
		return mm_err_oom(reterr);
	if (ours.n == 0)
		return 0;
	mm_debug("%s: folder \"%s\": UIDs %s are to be removed", store_label(d),
		 w->pair->destination, buf_str(&text));
	for (size_t i = 0; i < ours.n; i++)
		if (seqset_add(&w->pair->absence.removing, ours.r[i].first, ours.r[i].last) < 0)
			return mm_err_oom(reterr);
	r = store_remove(d, &ours, reterr);
	if (r < 0)
		return r;
	c->marked = r > 0;
	return read_each(w, d, &ours, STORE_WANT_FLAGS, note_still, c, reterr);
}

/* One transaction: nobody knows any more what is gone on both sides. What is at the destination
 * with other octets than ours stays there, and is nobody's. */
static int forget(struct folder_work *w, const struct chunk *c, bool last,
		  struct mm_err *reterr)
{
	struct engine *e = w->lane->engine;
	struct state_folder sf = w->pair->sf;
	uint32_t removed = 0;
	bool all = true;
	int r;

	r = state_begin(e->state, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		const struct due *d = &c->v[i];

		if (d->same && d->still && !c->marked) {
			all = false;
			continue;
		}
		removed += d->there ? d->same && !d->still : d->asked;
		r = state_delete(e->state, sf.id, d->uid, reterr);
	}
	sf.dest_messages -= MIN_OF(sf.dest_messages, removed);
	sf.complete = last && all && w->pair->absence.complete_but;
	if (r == 0)
		r = state_folder_put(e->state, &sf, reterr);
	if (r == 0)
		r = throttle_write(e, reterr);
	r = state_end(e->state, r, reterr);
	if (r == 0)
		w->pair->sf = sf;
	return r;
}

struct told {
	uint64_t deleted, others, still;
	bool marked;
};

static void count(struct folder_work *w, const struct chunk *c, struct told *t)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct due *d = &c->v[i];

		t->deleted += d->there ? d->same && (!d->still || c->marked) : d->asked;
		t->still += d->same && d->still && !c->marked;
		t->others += d->there && !d->same;
	}
	t->marked = t->marked || c->marked;
	note_progress(w, c->n);
}

static int tell(struct folder_work *w, const struct told *t, struct mm_err *reterr)
{
	const char *label = store_label(w->lane->destination), *name = w->pair->destination;
	struct engine *e = w->lane->engine;

	w->pair->absence.deleted += t->deleted;
	if (t->deleted > 0 && t->marked)
		engine_note(e, LOG_WARNING,
			    "folder \"%s\": %llu messages are gone at the origin; they are "
			    "marked as deleted and still there: %s cannot remove single "
			    "messages (no UIDPLUS), a mail program's \"expunge\" removes them",
			    name, (unsigned long long)t->deleted, label);
	else if (t->deleted > 0)
		engine_note(e, LOG_NOTICE,
			    "folder \"%s\": %llu messages are gone at the origin and were "
			    "deleted",
			    name, (unsigned long long)t->deleted);
	if (t->others > 0)
		engine_note(e, LOG_WARNING,
			    "folder \"%s\": %llu messages are gone at the origin; they stay, "
			    "since they are no longer as mailmig put them there",
			    name, (unsigned long long)t->others);
	if (t->still == 0)
		return 0;
	mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -EPROTO,
		   "%s: the server confirmed the removal of %llu messages in \"%s\" and still "
		   "has them",
		   label, (unsigned long long)t->still, name);
	return mm_err_class(reterr, MM_CLASS_PROTOCOL, "the next run tries again");
}

/* The destination is the one in which the rows' UIDs mean something. */
static int check_destination(const struct folder_work *w, struct mm_err *reterr)
{
	const struct folder_status *now = &w->destination.status;
	const struct state_folder *sf = &w->pair->sf;

	if (now->uidvalidity == sf->dest_uidvalidity && !w->destination.read_only &&
	    (now->uidnext == 0 || now->uidnext >= sf->dest_seen))
		return 0;
	mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -ESTALE,
		   "%s: folder \"%s\" is not what it was; nothing is deleted in it",
		   store_label(w->lane->destination), w->pair->destination);
	return mm_err_class(reterr, MM_CLASS_REFUSED, "the next run looks again");
}

static int enter(struct folder_work *w, struct mm_err *reterr)
{
	struct lane *l = w->lane;
	int r;

	r = store_enter_begin(l->destination, w->pair->destination_raw, true, reterr);
	if (r == 0)
		r = store_enter_begin(l->origin, w->pair->origin_raw, false, reterr);
	if (r == 0)
		r = store_enter_end(l->destination, &w->destination, reterr);
	if (r == 0)
		r = store_enter_end(l->origin, &w->origin, reterr);
	return r < 0 ? r : check_destination(w, reterr);
}

static int prune_folder(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset left = {0};
	struct told told = {0};
	struct mm_err ignored;
	int r;

	for (size_t i = 0; i < w->pair->absence.gone.n; i++)
		if (seqset_add(&left, w->pair->absence.gone.r[i].first,
			       w->pair->absence.gone.r[i].last) < 0)
			return mm_err_oom(reterr);
	r = enter(w, reterr);
	while (r == 0 && left.n > 0) {
		_cleanup_(seqset_done) struct seqset part = {0};
		struct chunk c = {0};

		if (seqset_take(&left, CHUNK_MESSAGES, CHUNK_OCTETS, &part) < 0)
			r = mm_err_oom(reterr);
		if (r == 0)
			r = engine_border(w->lane->engine, reterr);
		if (r == 0)
			r = look(w, &part, &c, reterr);
		if (r == 0)
			r = removal(w, &c, reterr);
		if (r == 0)
			r = forget(w, &c, left.n == 0, reterr);
		if (r == 0)
			count(w, &c, &told);
	}
	/* What was removed before a trouble is told all the same. */
	if (r < 0)
		(void)tell(w, &told, &ignored);
	return r < 0 ? r : tell(w, &told, reterr);
}

/* ---- all of them ---- */

static void set_folder(struct engine *e, const struct pair *p)
{
	(void)pthread_mutex_lock(&e->lock);
	e->phase = "deleting";
	e->folder = p->origin;
	(void)pthread_mutex_unlock(&e->lock);
}

/* A trouble of one folder costs only that: its rows stay, and the next run looks again. */
static int prune_pair(struct lane *l, struct pair *p, struct mm_err *reterr)
{
	struct folder_work w = {.lane = l, .pair = p};
	struct mm_err err = {0};
	int r = 0;

	set_folder(l->engine, p);
	if (!l->origin || !l->destination)
		r = lane_open(l, &err);
	if (r == 0)
		r = prune_folder(&w, &err);
	store_folder_done(&w.origin);
	store_folder_done(&w.destination);
	if (r < 0 && err.scope > MM_SCOPE_FOLDER) {
		*reterr = err;
		return r;
	}
	seqset_reset(&p->absence.gone);
	if (r == 0)
		return 0;
	lane_close(l); /* commands of this folder may still be in flight */
	return engine_trouble(l->engine, p->origin, 0, &err, reterr);
}

static int prune_pairs(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++)
		while (e->pairs[i].absence.gone.n > 0 &&
		       (r = prune_pair(l, &e->pairs[i], reterr)) < 0) {
			r = lane_try_again(l, reterr);
			if (r < 0)
				return r;
		}
	return r;
}

static void tell_obstacle(struct engine *e, uint64_t gone, const char *why)
{
	engine_note(e, LOG_WARNING,
		    "%llu messages are gone at the origin and were not deleted at the "
		    "destination: %s",
		    (unsigned long long)gone, why);
}

/* A dry run: so many would be. */
static void count_gone(struct engine *e)
{
	for (size_t i = 0; i < e->n_pairs; i++)
		e->pairs[i].absence.deleted = e->pairs[i].absence.view.gone;
}

int prune(struct engine *e, struct mm_err *reterr)
{
	struct absence_run run = {.troubles = e->n_errors,
				  .renumbered = atomic_load(&e->renumbered)};
	struct lane *l = &e->lanes[0];
	uint64_t gone = 0;
	int r;

	for (size_t i = 0; i < e->n_pairs; i++) {
		gone += e->pairs[i].absence.view.gone;
		run.failed += e->pairs[i].failed;
	}
	if (gone == 0)
		return 0;
	if (absence_obstacle(&run)) {
		tell_obstacle(e, gone, absence_obstacle(&run));
		return 0;
	}
	brake(e);
	if (e->job->dry_run)
		count_gone(e);
	if (atomic_load(&e->braked) || e->job->dry_run)
		return 0;
	l->failures = 0;
	while ((r = open_anew(l, &run, reterr)) < 0)
		if (lane_try_again(l, reterr) < 0)
			return reterr->code;
	if (absence_obstacle(&run)) {
		tell_obstacle(e, gone, absence_obstacle(&run));
		return 0;
	}
	return prune_pairs(l, reterr);
}
