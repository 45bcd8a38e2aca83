/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are at the destination already, though the state does not know them under this
 * UID: placed by another tool, by a run whose state was lost, or by an upload whose answer
 * never came. They are found by looking, never assumed. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "folder_work.h"

/* ---- reading ---- */

int read_candidates(struct folder_work *w, uint32_t from, unsigned want, struct match_list *to,
		    struct mm_err *reterr)
{
	struct engine *e = w->lane->engine;
	struct store *s = w->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(s, MAX_OF(from, 1), 0, want, 0, reterr);
	if (r < 0)
		return r;
	while ((r = store_read_next(s, &m, reterr)) > 0) {
		/* "n:*" always answers with the last message (RFC 9051 §6.4.9). */
		r = m.uid < from ? 1 : state_owns(e->state, w->pair->sf.id, m.uid, reterr);
		if (r == 0) {
			w->watermark = MAX_OF(w->watermark, m.uid + 1);
			r = keep_message(to, &m, reterr);
		}
		message_done(&m);
		if (r < 0)
			return r;
		if (engine_cancelled(e))
			return engine_cancel_error(reterr);
	}
	return r;
}

/* ---- binding ---- */

/* A row for an origin message that was found at the destination. */
static int bind(struct folder_work *w, const struct match_item *o, bool ours,
		struct mm_err *reterr)
{
	struct state_row row = {
		.uid = o->uid,
		.state = o->how == MATCHED_REWRITTEN || o->reason ? ROW_ALTERED : ROW_STORED,
		.size = o->size,
		.has_digest = o->has_digest,
		.has_fingerprint = true,
		.fingerprint = o->fingerprint,
		.flags = o->base ? o->base : o->flags,
		.uidvalidity = w->destination.status.uidvalidity,
		.dest_uid = o->partner,
		.reason = o->reason,
		.held_under = o->due ? HELD_FLAG_DUE : 0,
		.ours = ours && o->how != MATCHED_REWRITTEN,
	};

	memcpy(row.digest, o->digest, sizeof(row.digest));
	return state_put(w->lane->engine->state, w->pair->sf.id, &row, reterr);
}

int bind_all(struct folder_work *w, const struct match_list *o, bool ours,
	     struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	uint64_t n = 0;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < o->n; i++) {
		r = o->v[i].partner ? bind(w, &o->v[i], ours, reterr) : 0;
		n += o->v[i].partner != 0;
	}
	r = state_end(s, r, reterr);
	if (r == 0)
		note_progress(w, n);
	return r;
}

/* Without a common past it is as if the origin had had what both have, and got the rest since:
 * the destination's own never become flags of the origin, or a later run would take them away.
 * Written down from the first: the rest may never be carried over. */
static int set_base(struct match_item *o, struct match_list *d, struct mm_err *reterr)
{
	const struct match_item *there = match_find(d, o->partner);
	_cleanup_(buf_done) struct buf missing = {0}, extra = {0}, common = {0}, none = {0};

	if (!there || !there->flags || !o->flags)
		return 0;
	if (flags_diff(there->flags, o->flags, &missing, &extra) < 0)
		return mm_err_oom(reterr);
	if (missing.len == 0)
		return 0;
	if (flags_diff(buf_str(&missing), o->flags, &common, &none) < 0 ||
	    text_set(&o->base, buf_str(&common)) < 0)
		return mm_err_oom(reterr);
	return 0;
}

/* What the destination lacks is carried over. */
static int unite_flags(struct folder_work *w, const struct match_item *o, struct match_list *d,
		       struct mm_err *reterr)
{
	const struct match_item *there = match_find(d, o->partner);

	if (!o->base || !there)
		return 0;
	return flag_changes_add(w,
				&(struct flag_change){.uid = o->uid,
						      .dest_uid = o->partner,
						      .base = o->base,
						      .now = o->flags,
						      .there = there->flags},
				reterr);
}

void drop_fresh(struct folder_work *w, const struct match_list *o, struct seqset *bound)
{
	struct seqset left = {0};
	bool complete = true;

	for (size_t i = 0; i < w->fresh.n; i++) {
		for (uint64_t uid = w->fresh.r[i].first; uid <= w->fresh.r[i].last; uid++)
			if (!seqset_contains(bound, (uint32_t)uid))
				complete =
					seqset_add(&left, (uint32_t)uid, (uint32_t)uid) == 0 &&
					complete;
	}
	for (size_t i = 0; i < o->n; i++)
		if (o->v[i].partner)
			w->fresh_bytes -= MIN_OF(w->fresh_bytes, o->v[i].size);
	if (!complete) {
		seqset_done(
			&left); /* without memory nothing is dropped: looked at again later */
		return;
	}
	seqset_done(&w->fresh);
	w->fresh = left;
}

static int take_matched(struct folder_work *w, struct match_list *o, struct match_list *d,
			struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset bound = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < o->n; i++)
		if (o->v[i].partner)
			r = set_base(&o->v[i], d, reterr);
	if (r == 0)
		r = bind_all(w, o, false, reterr);
	for (size_t i = 0; r == 0 && i < o->n; i++) {
		if (!o->v[i].partner)
			continue;
		if (seqset_add(&bound, o->v[i].uid, o->v[i].uid) < 0 ||
		    seqset_add(&w->known, o->v[i].uid, o->v[i].uid) < 0)
			return mm_err_oom(reterr);
		r = unite_flags(w, &o->v[i], d, reterr);
	}
	if (r == 0)
		drop_fresh(w, o, &bound);
	return r;
}

static int match_both(struct folder_work *w, struct match_list *o, struct match_list *d,
		      struct mm_err *reterr)
{
	unsigned match = w->lane->engine->job->match;
	int r;

	/* A message and its like in another folder that goes there, too (sent to oneself), have
	 * one header and one text: which of them is there tells the content alone. */
	if (w->pair->map.shared)
		match |= MATCH_BODY;
	match_by_witness(o, d, match);
	r = read_digests(w, w->lane->origin, o, STORE_WANT_TEXT, reterr);
	if (r == 0)
		r = read_digests(w, w->lane->destination, d, STORE_WANT_TEXT, reterr);
	if (r < 0)
		return r;
	match_by_digest(o, d);
	match_changed(o, d, match);
	return 0;
}

/* How many were recognised, and by what. */
static void tell_matched(const struct folder_work *w, const struct match_list *o)
{
	size_t n[MATCHED_N] = {0}, all = 0;

	for (size_t i = 0; i < o->n; i++) {
		n[o->v[i].how] += o->v[i].partner != 0;
		all += o->v[i].partner != 0;
	}
	if (all > 0)
		engine_note(
			w->lane->engine, LOG_INFO,
			"folder \"%s\": of %zu messages %zu are there already: %zu by their "
			"header, %zu by their content, %zu by their text under a changed "
			"header",
			w->pair->destination, o->n, all, n[MATCHED_HEADER], n[MATCHED_CONTENT],
			n[MATCHED_TEXT]);
}

/* The first UID at the destination that nobody told us of. Another folder that goes there, too,
 * may have put many there since this one has looked: none of them is read. 1: there may be one;
 * 0; -errno. */
static int first_unknown(const struct folder_work *w, uint32_t *ret, struct mm_err *reterr)
{
	const struct folder_status *d = &w->destination.status;
	struct state *s = w->lane->engine->state;
	uint32_t seen = w->pair->sf.dest_seen, uid = MAX_OF(seen, 1);
	int r = 1;

	while (d->messages > 0 && uid < d->uidnext &&
	       (r = state_owns(s, w->pair->sf.id, uid, reterr)) > 0)
		uid++;
	uid = uid == 1 ? seen : uid;
	*ret = uid;
	return r < 0 ? r : d->messages > 0 && (!d->uidnext || d->uidnext > uid);
}

/* What is at the destination from a UID on, by what the configuration asks for. What is not
 * known by its row may be an upload of another folder that nobody has found yet: it is left to
 * that one. */
static int read_strangers(struct folder_work *w, uint32_t from, struct match_list *to,
			  struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list doubts = {0};
	unsigned want = STORE_WANT_FLAGS | STORE_WANT_WITNESS;
	int r = read_doubts(w, &doubts, reterr);

	if (w->lane->engine->job->match & MATCH_SIZE) /* else it is nobody's business */
		want |= STORE_WANT_SIZE;
	if (doubts.n > 0)
		want |= STORE_WANT_FINGERPRINT;
	if (r == 0)
		r = read_candidates(w, from, want, to, reterr);
	if (r == 0)
		drop_doubtful(to, &doubts);
	return r;
}

int adopt_fresh(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list origin = {0}, destination = {0};
	uint32_t from = 0;
	int r;

	r = w->fresh.n == 0 ? 0 : first_unknown(w, &from, reterr);
	if (r <= 0)
		return r;
	r = read_strangers(w, from, &destination, reterr);
	if (r < 0 || destination.n == 0)
		return r;
	/* The fingerprint is for the state. */
	r = read_each(w, w->lane->origin, &w->fresh,
		      STORE_WANT_FLAGS | STORE_WANT_SIZE | STORE_WANT_FINGERPRINT |
			      STORE_WANT_WITNESS,
		      keep_message, &origin, reterr);
	if (r == 0)
		r = match_both(w, &origin, &destination, reterr);
	if (r == 0)
		r = take_matched(w, &origin, &destination, reterr);
	if (r == 0)
		tell_matched(w, &origin);
	return r;
}
