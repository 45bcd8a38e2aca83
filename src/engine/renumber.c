/* SPDX-License-Identifier: Apache-2.0 */
/* UIDs that have lost their meaning, on either side: the folder has another UIDVALIDITY. What
 * is remembered of its messages stays true, only not under which UID; which is which is found
 * out by content.
 *
 * Origin: all rows are set aside, in one transaction and before anything is looked at. Messages
 * that seem new are compared with them, now and in every later pass (the folder may be filled
 * again slowly, or a message may come back), and take over what was known of their equal: the
 * copy, the flags seen last, an upload in doubt.
 *
 * Destination: rows are given the new UIDs of their copies, in one transaction after all of the
 * folder was read; a message without a copy is to be copied. Rows of other origin folders that
 * went there, too, take part, or one of them would take what is another's. */
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "folder_work.h"

/* ---- rows in memory ---- */

struct old_row {
	int64_t folder; /* the pair's, or where its rows are set aside */
	struct state_row row;
	char *flags, *reason, *held_what; /* what row points to */
};

struct old_rows {
	struct old_row *v;
	size_t n, cap;
	int64_t folder; /* being read */
};

static void old_rows_done(struct old_rows *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].flags);
		free(l->v[i].reason);
		free(l->v[i].held_what);
	}
	free(l->v);
	*l = (struct old_rows){0};
}

static int keep_row(void *userdata, const struct state_row *row)
{
	struct old_rows *l = userdata;
	struct old_row *o;

	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct old_row *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->cap = cap;
	}
	o = &l->v[l->n++];
	*o = (struct old_row){.folder = l->folder, .row = *row};
	o->row.flags = o->row.reason = o->row.held_what = NULL; /* theirs end with this call */
	if (text_set(&o->flags, row->flags ? row->flags : "") < 0 ||
	    text_set(&o->reason, row->reason) < 0 ||
	    text_set(&o->held_what, row->held_what) < 0)
		return -ENOMEM;
	o->row.flags = o->flags;
	o->row.reason = o->reason;
	o->row.held_what = o->held_what;
	return 0;
}

static int read_rows(struct folder_work *w, int64_t folder, struct old_rows *to,
		     struct mm_err *reterr)
{
	int r;

	to->folder = folder;
	r = state_each(w->lane->engine->state, folder, -1, keep_row, to, reterr);
	return r == -ENOMEM ? mm_err_oom(reterr) : r;
}

/* An item for each row (uid: its number, from 1) that `fits`. */
static int to_items(const struct old_rows *rows, bool (*fits)(const struct state_row *),
		    struct match_list *to, struct mm_err *reterr)
{
	for (size_t i = 0; i < rows->n; i++) {
		const struct state_row *row = &rows->v[i].row;
		struct match_item *it;

		if (!row->has_fingerprint || (fits && !fits(row)))
			continue;
		it = match_add(to);
		if (!it)
			return mm_err_oom(reterr);
		it->uid = (uint32_t)(i + 1);
		it->size = row->size;
		it->fingerprint = row->fingerprint;
		it->has_digest = row->has_digest;
		memcpy(it->digest, row->digest, sizeof(it->digest));
		it->dest_uid = row->dest_uid;
		it->flags = text_dup(row->flags);
		if (!it->flags)
			return mm_err_oom(reterr);
	}
	return 0;
}

/* ---- the origin has new UIDs ---- */

static int set_aside(struct folder_work *w, const struct old_rows *rows, struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	int64_t id = w->pair->sf.id, aside = state_aside(id);
	uint32_t n = 0;
	int r = 0;

	for (size_t i = 0; i < rows->n; i++)
		if (rows->v[i].folder == aside)
			n = MAX_OF(n, rows->v[i].row.uid);
	for (size_t i = 0; r == 0 && i < rows->n; i++) {
		struct state_row row = rows->v[i].row;

		if (rows->v[i].folder == aside)
			continue;
		row.uid = ++n;
		r = state_put(s, aside, &row, reterr);
	}
	return r < 0 ? r : state_delete_all(s, id, reterr);
}

int renumber_origin(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(old_rows_done) struct old_rows rows = {0};
	struct state *s = w->lane->engine->state;
	struct state_folder *sf = &w->pair->sf;
	int r;

	r = read_rows(w, state_aside(sf->id), &rows, reterr);
	if (r == 0)
		r = read_rows(w, sf->id, &rows, reterr);
	if (r == 0)
		r = state_begin(s, reterr);
	if (r < 0)
		return r;
	sf->origin_uidvalidity = w->origin.status.uidvalidity;
	sf->origin_uidnext = 0;
	sf->origin_modseq = 0;
	sf->complete = false;
	r = set_aside(w, &rows, reterr);
	if (r == 0)
		r = state_folder_put(s, sf, reterr);
	return state_end(s, r, reterr);
}

/* ---- messages that come back under another UID ---- */

/* Rows of messages that were adopted have no digest: their copy has the same. */
static int complete_digests(struct folder_work *w, struct match_list *rows,
			    struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list copies = {0};
	int r;

	for (size_t i = 0; i < rows->n; i++) {
		struct match_item *it;

		if (!rows->v[i].doubtful || rows->v[i].has_digest || !rows->v[i].dest_uid)
			continue;
		it = match_add(&copies);
		if (!it)
			return mm_err_oom(reterr);
		it->uid = rows->v[i].dest_uid;
		it->doubtful = true;
	}
	match_sort(&copies);
	r = read_digests(w, w->lane->destination, &copies, 0, reterr);
	for (size_t i = 0; r == 0 && i < rows->n; i++) {
		struct match_item *it = &rows->v[i];
		const struct match_item *copy = match_find(&copies, it->dest_uid);

		if (!copy || !copy->has_digest)
			continue;
		memcpy(it->digest, copy->digest, sizeof(it->digest));
		it->has_digest = true;
	}
	return r;
}

/* Rows go back to the messages that have a partner. */
static int take_back(struct folder_work *w, const struct match_list *fresh,
		     const struct old_rows *rows, struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	int64_t id = w->pair->sf.id;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < fresh->n; i++) {
		struct state_row row;

		if (!fresh->v[i].partner)
			continue;
		row = rows->v[fresh->v[i].partner - 1].row;
		r = state_delete(s, state_aside(id), row.uid, reterr);
		row.uid = fresh->v[i].uid;
		if (r == 0)
			r = state_put(s, id, &row, reterr);
	}
	return state_end(s, r, reterr);
}

/* What a row tells of them holds again: known, changed, in doubt. */
static int sort_again(struct folder_work *w, const struct match_list *fresh,
		      struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset back = {0};
	_cleanup_(buf_done) struct buf strings = {0};
	int r = 0;

	for (size_t i = 0; i < fresh->n; i++)
		if (fresh->v[i].partner &&
		    seqset_add(&back, fresh->v[i].uid, fresh->v[i].uid) < 0)
			return mm_err_oom(reterr);
	drop_fresh(w, fresh, &back);
	for (size_t i = 0; i < SKIP_N; i++) {
		struct seqset left = {0};

		if (seqset_subtract(&w->select.out[i], &back, &left) < 0) {
			seqset_done(&left);
			return mm_err_oom(reterr);
		}
		seqset_done(&w->select.out[i]);
		w->select.out[i] = left;
	}
	for (size_t i = 0; r == 0 && i < fresh->n; i++) {
		const struct match_item *it = &fresh->v[i];
		const struct message m = {.uid = it->uid, .flags = it->flags, .size = it->size};

		if (it->partner)
			r = folder_sort(w, &m, &strings, folder_size_limit(w), reterr);
	}
	match_sort(&w->intent_flags);
	return r;
}

/* Which messages may have rows that were set aside: new ones, and in the first pass after that
 * what the rules leave out, too: they may have been copied before they grew too old. */
static int to_seek(const struct folder_work *w, struct seqset *ret, struct mm_err *reterr)
{
	int r = seqset_unite(ret, &w->fresh);

	for (size_t i = 0; r == 0 && !w->select.was_complete && i < SKIP_N; i++)
		r = seqset_unite(ret, &w->select.out[i]);
	return r < 0 ? mm_err_oom(reterr) : 0;
}

int renumber_recall(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list fresh = {0}, old = {0};
	_cleanup_(old_rows_done) struct old_rows rows = {0};
	_cleanup_(seqset_done) struct seqset seek = {0};
	int r;

	r = to_seek(w, &seek, reterr);
	if (r < 0 || seek.n == 0)
		return r;
	r = read_rows(w, state_aside(w->pair->sf.id), &rows, reterr);
	if (r == 0)
		r = to_items(&rows, NULL, &old, reterr);
	if (r < 0 || old.n == 0)
		return r;
	r = read_each(w, w->lane->origin, &seek,
		      STORE_WANT_FLAGS | STORE_WANT_SIZE | STORE_WANT_FINGERPRINT, keep_message,
		      &fresh, reterr);
	if (r < 0)
		return r;
	/* Two versions of a draft have one Message-ID: the same server says the same size. */
	match_by_fingerprint(&fresh, &old, MATCH_TRUST_SIZE);
	r = read_digests(w, w->lane->origin, &fresh, 0, reterr);
	if (r == 0)
		r = complete_digests(w, &old, reterr);
	if (r < 0)
		return r;
	match_by_digest(&fresh, &old);
	r = take_back(w, &fresh, &rows, reterr);
	return r < 0 ? r : sort_again(w, &fresh, reterr);
}

/* ---- the destination has new UIDs ---- */

static bool has_copy(const struct state_row *row)
{
	return row->state == ROW_STORED || row->state == ROW_ALTERED;
}

/* All that the destination has. What is announced and not listed must not seem to be gone. */
static int read_copies(struct folder_work *w, struct match_list *to, struct mm_err *reterr)
{
	struct store *d = w->lane->destination;
	_cleanup_(seqset_done) struct seqset told = {0};
	struct message m = {0};
	int r;

	if (w->destination.status.messages == 0)
		return 0;
	r = store_read_range(d, 1, 0,
			     STORE_WANT_FLAGS | STORE_WANT_SIZE | STORE_WANT_FINGERPRINT, 0,
			     reterr);
	while (r == 0 && (r = store_read_next(d, &m, reterr)) > 0) {
		bool again = seqset_contains(&told, m.uid);

		r = seqset_add(&told, m.uid, m.uid) < 0 ? mm_err_oom(reterr) : 0;
		if (r == 0 && !again)
			r = keep_message(to, &m, reterr);
		message_done(&m);
		if (r == 0 && engine_cancelled(w->lane->engine))
			r = engine_cancel_error(reterr);
	}
	if (r == 0)
		r = folder_check_listing(w, false, seqset_count(&told), reterr);
	return r;
}

static int match_copies(struct folder_work *w, const struct old_rows *rows,
			struct match_list *old, struct match_list *copies,
			struct mm_err *reterr)
{
	int r;

	r = to_items(rows, has_copy, old, reterr);
	if (r == 0)
		r = read_copies(w, copies, reterr);
	if (r < 0)
		return r;
	match_by_fingerprint(old, copies, MATCH_TRUST);
	r = read_digests(w, w->lane->destination, copies, 0, reterr);
	if (r < 0)
		return r;
	match_by_digest(old, copies);
	return 0;
}

static int rewrite(struct folder_work *w, const struct old_row *o, const struct match_item *it,
		   struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	struct state_row row = o->row;

	if (row.state == ROW_STORED && (!it || !it->partner))
		return state_delete(s, o->folder, row.uid, reterr);
	/* One that the destination has changed is looked for as an upload in doubt is. */
	if (row.state == ROW_ALTERED && (!it || !it->partner)) {
		atomic_store(&w->lane->engine->rewriting, true);
		row.state = ROW_INTENT;
	}
	row.uidvalidity = w->destination.status.uidvalidity;
	row.dest_uid = it ? it->partner : 0;
	row.watermark = 1; /* what is in doubt may be anywhere */
	return state_put(s, o->folder, &row, reterr);
}

/* The rows of all folders that go there, set aside or not. */
static int read_all_rows(struct folder_work *w, struct old_rows *to, struct mm_err *reterr)
{
	_cleanup_(freep) int64_t *ids = NULL;
	size_t n = 0;
	int r;

	r = state_same_place(w->lane->engine->state, w->pair->sf.id, &ids, &n, reterr);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = read_rows(w, ids[i], to, reterr);
		if (r == 0)
			r = read_rows(w, state_aside(ids[i]), to, reterr);
	}
	return r;
}

int renumber_destination(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list old = {0}, copies = {0};
	_cleanup_(old_rows_done) struct old_rows rows = {0};
	struct state *s = w->lane->engine->state;
	struct state_folder *sf = &w->pair->sf;
	int r;

	r = read_all_rows(w, &rows, reterr);
	if (r == 0)
		r = match_copies(w, &rows, &old, &copies, reterr);
	if (r == 0)
		r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < rows.n; i++)
		r = rewrite(w, &rows.v[i], match_find(&old, (uint32_t)(i + 1)), reterr);
	sf->dest_uidvalidity = w->destination.status.uidvalidity;
	sf->dest_seen = 0;
	sf->complete = false;
	if (r == 0)
		r = state_folder_put(s, sf, reterr);
	if (r == 0)
		r = state_renew(s, sf->id, sf->dest_uidvalidity, reterr);
	r = state_end(s, r, reterr);
	if (r == 0)
		pairs_renewed(w->lane->engine, w->pair, sf->dest_uidvalidity);
	return r;
}
