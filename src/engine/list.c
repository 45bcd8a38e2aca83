/* SPDX-License-Identifier: Apache-2.0 */
/* What a folder of the origin holds: each message is new, known, changed, left out, or was left
 * open by an earlier run. */
#include <mailmig/text.h>

#include "refused.h"

unsigned folder_scan_wants(const struct folder_work *w)
{
	const struct selection *s = &w->lane->engine->select;
	unsigned want = STORE_WANT_FLAGS;
	struct store_features f;

	store_features(w->lane->destination, &f);
	if (f.discards || folder_size_limit(w) || selection_by_size(s))
		want |= STORE_WANT_SIZE;
	if (w->pair->labels)
		want |= STORE_WANT_LABELS;
	return selection_by_date(s) ? want | STORE_WANT_DATE : want;
}

/* The flags of a message in doubt, for when it is found. */
static int note_intent(struct folder_work *w, const struct message *m, struct mm_err *reterr)
{
	struct match_item *it = match_add(&w->intent_flags);

	if (!it)
		return mm_err_oom(reterr);
	it->uid = m->uid;
	it->flags = text_dup(m->flags);
	return it->flags ? 0 : mm_err_oom(reterr);
}

/* has_row: of a message that the destination refused; its trouble is over. */
static int leave_out(struct folder_work *w, const struct message *m, bool has_row,
		     enum skip_reason why, struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	int r;

	r = folder_leave_out(w, why, m->uid, reterr);
	if (r < 0 || !has_row)
		return r;
	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	return state_end(s, state_delete(s, w->pair->sf.id, m->uid, reterr), reterr);
}

int folder_sort(struct folder_work *w, const struct message *m, struct buf *strings,
		uint64_t limit, struct mm_err *reterr)
{
	struct engine *e = w->lane->engine;
	struct state_row row;
	int r;

	r = state_get(e->state, w->pair->sf.id, m->uid, &row, strings, reterr);
	if (r < 0)
		return r;
	if (r == 1 && (row.state == ROW_STORED || row.state == ROW_ALTERED)) {
		if (seqset_add(&w->known, m->uid, m->uid) < 0)
			return mm_err_oom(reterr);
		return row.dest_uid ? flags_sort(w, m, &row, reterr) : 0;
	}
	if (r == 1 && row.state == ROW_INTENT)
		return note_intent(w, m, reterr); /* settled by adopt_intents() */
	/* What was refused may be left out now: it has not been copied. */
	if (r == 0 || (row.state == ROW_HELD && row.held_under)) {
		int why = select_message(w, m);

		if (why != SELECTION_TAKE)
			return leave_out(w, m, r == 1, (enum skip_reason)why, reterr);
	}
	/* Looked for once more, and not sent again. */
	if (r == 1 && row.state == ROW_HELD &&
	    (row.attempts >= ATTEMPTS_MAX || held_is_same(e, w->pair, &row)) &&
	    seqset_add(&w->given_up, m->uid, m->uid) < 0)
		return mm_err_oom(reterr);

	if (limit && m->size > limit && !seqset_contains(&w->given_up, m->uid))
		return held_too_large(w, m, limit, reterr);
	if (seqset_add(&w->fresh, m->uid, m->uid) < 0)
		return mm_err_oom(reterr);
	w->fresh_bytes += m->size;
	return 0;
}

/* Else it was told twice, or without being asked for. */
static bool is_listed(const struct folder_work *w, uint32_t uid)
{
	return !seqset_contains(&w->told, uid) &&
	       (!w->narrowed || (!seqset_contains(&w->select.out[SKIP_TOO_OLD], uid) &&
				 !seqset_contains(&w->select.out[SKIP_TOO_YOUNG], uid)));
}

int list_origin(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf strings = {0};
	struct store *o = w->lane->origin;
	uint64_t limit = folder_size_limit(w);
	int r = 0;

	while (r == 0 && (w->select.listing.n > 0 || store_reads(o) > 0)) {
		struct message m = {0};

		r = select_read(w, folder_scan_wants(w), reterr);
		while (r == 0 && (r = read_origin_next(w, &m, reterr)) > 0) {
			r = 0;
			if (is_listed(w, m.uid))
				r = seqset_add(&w->told, m.uid, m.uid) < 0
					    ? mm_err_oom(reterr)
					    : folder_sort(w, &m, &strings, limit, reterr);
			message_done(&m);
			if (r == 0)
				r = engine_border(w->lane->engine, reterr);
		}
	}
	match_sort(&w->intent_flags);
	return r;
}

int folder_check_listing(struct folder_work *w, bool origin, uint64_t told,
			 struct mm_err *reterr)
{
	const struct store_folder *f = origin ? &w->origin : &w->destination;
	struct pair *p = w->pair;
	uint64_t said = f->status.messages;
	struct mm_err err = {0};

	if (told >= said)
		return 0;
	mm_err_set(&err, MM_SCOPE_FOLDER, MM_RETRY_LATER, p->recounted ? -EPROTO : -EAGAIN,
		   "%s: the server says that folder \"%s\" has %llu messages and lists %llu",
		   store_label(origin ? w->lane->origin : w->lane->destination),
		   origin ? p->origin : p->destination, (unsigned long long)said,
		   (unsigned long long)told);
	mm_err_class(&err, MM_CLASS_REFUSED,
		     "if the next run says so again, see whether a mail program shows them");
	/* Absence is no evidence: what was announced and not listed has failed, it is not
	 * there. What is there goes on, but for a destination of which not all is known. */
	if (p->recounted && origin) {
		p->failed += said - told;
		return engine_trouble(w->lane->engine, p->origin, 0, &err, reterr);
	}
	if (reterr)
		*reterr = err;
	return err.code;
}

void note_unfound(struct folder_work *w, uint32_t watermark)
{
	w->unfound = MIN_OF(w->unfound ? w->unfound : UINT32_MAX, MAX_OF(watermark, 1));
}

/* Uploads that were confirmed and never found: a person has to look, or to copy them by hand.
 */
static int tell_unfound(struct folder_work *w, uint32_t uid, const struct state_row *row,
			struct mm_err *reterr)
{
	struct mm_err err = {0};

	note_unfound(w, row->watermark);
	w->pair->failed++;
	mm_err_set(&err, MM_SCOPE_MESSAGE, MM_RETRY_NEVER, -ENOENT,
		   "%s: the server confirmed the message %d times and never had it",
		   store_label(w->lane->destination), ATTEMPTS_MAX);
	mm_err_class(&err, MM_CLASS_PROTOCOL,
		     "see whether a filter takes it away there; copied by hand, it will "
		     "be recognised");
	return engine_trouble(w->lane->engine, w->pair->origin, uid, &err, reterr);
}

int drop_given_up(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset refused = {0};
	struct seqset left = {0};
	int r = 0;

	if (w->given_up.n == 0)
		return 0;
	for (uint64_t i = 0, n = seqset_count(&w->fresh); r == 0 && i < n; i++) {
		uint32_t uid = seqset_nth(&w->fresh, i);
		struct state_row row = {.watermark = 1};
		struct seqset *to = seqset_contains(&w->given_up, uid) ? &refused : &left;

		if (to == &refused) {
			r = state_get(w->lane->engine->state, w->pair->sf.id, uid, &row, NULL,
				      reterr);
			to = r < 0 || row.held_under ? to : NULL;
		}
		if (r >= 0 && !to)
			r = tell_unfound(w, uid, &row, reterr);
		else if (r >= 0)
			r = seqset_add(to, uid, uid) < 0 ? mm_err_oom(reterr) : 0;
	}
	if (r == 0 && refused.n > 0)
		r = held_tell(w->lane->engine, w->pair, &refused, reterr);
	seqset_done(&w->fresh);
	w->fresh = left;
	return r;
}
