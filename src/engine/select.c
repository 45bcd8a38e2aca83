/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of a folder are copied (messages.*). What a rule says is decided by ourselves,
 * to the second and the octet, for each message that has no row yet; once begun, a message is
 * followed whatever the rules say later.
 *
 * A server is asked twice. `search` only it can answer. And of a large folder it tells which
 * messages are certainly too old or too young by their day, so that they need not be listed.
 * Only what it names is left out for that: an answer that lacks some, or none at all, costs a
 * longer listing and no message. */
#include <mailmig/message.h>
#include <mailmig/text.h>
#include <string.h>

#include "folder_work.h"

/* Below it the listing (some 100 octets for each) takes no longer than the round trip more. */
#define NARROW_MESSAGES 500
/* Pieces of the listing: more of them do not go into one command. */
#define NARROW_RANGES 200
/* UIDs that one answer may name: each takes 11 octets at most of a line that has 1 MiB. */
#define SEARCH_UIDS 80000
/* Questions in flight. */
#define SEARCHES_MAX   16
#define LISTING_OCTETS 3000
#define LISTINGS_MAX   4

enum question {
	ASK_OLD,
	ASK_YOUNG,
	ASK_FOUND,
	ASK_N,
};

/* ---- questions ---- */

/* How many commands one question takes. */
static uint64_t windows(const struct folder_work *w)
{
	const struct folder_status *o = &w->pair->origin_status;

	if (o->known && o->messages <= SEARCH_UIDS)
		return 1;
	return o->uidnext > 1 ? (o->uidnext - 2) / SEARCH_UIDS + 1 : 1;
}

static bool may_narrow(const struct folder_work *w)
{
	const struct engine *e = w->lane->engine;
	const struct pair *p = w->pair;

	return !p->recounted && !e->job->propagate_deletes && p->origin_status.known &&
	       p->origin_status.messages >= NARROW_MESSAGES && windows(w) <= SEARCHES_MAX / 2 &&
	       (selection_old_before_day(&e->select) || selection_young_since_day(&e->select));
}

static bool is_asked(const struct folder_work *w, enum question q)
{
	const struct selection *s = &w->lane->engine->select;

	switch (q) {
	case ASK_OLD:
		return w->narrowed && selection_old_before_day(s);
	case ASK_YOUNG:
		return w->narrowed && selection_young_since_day(s);
	default:
		return s->search;
	}
}

/* The i-th command; false when there are no more. */
static bool nth_search(const struct folder_work *w, uint64_t i, enum question *ret_q,
		       struct store_search *ret)
{
	const struct selection *s = &w->lane->engine->select;
	uint64_t n = windows(w);

	for (enum question q = 0; q < ASK_N; q++) {
		if (!is_asked(w, q))
			continue;
		if (i >= n) {
			i -= n;
			continue;
		}
		*ret_q = q;
		*ret = (struct store_search){
			.before_day = q == ASK_OLD ? selection_old_before_day(s) : 0,
			.since_day = q == ASK_YOUNG ? selection_young_since_day(s) : 0,
			.raw = q == ASK_FOUND ? s->search : NULL,
		};
		if (n > 1) {
			ret->first = (uint32_t)(i * SEARCH_UIDS + 1);
			ret->last = (uint32_t)MIN_OF((i + 1) * SEARCH_UIDS, UINT32_MAX);
		}
		/* What came since the folder was counted. */
		if (i + 1 == n)
			ret->last = 0;
		return true;
	}
	return false;
}

static int ask(struct folder_work *w, uint64_t *asked, uint64_t answered, struct mm_err *reterr)
{
	struct store_search what;
	enum question q;
	int r = 0;

	while (r == 0 && *asked - answered < SEARCHES_MAX && nth_search(w, *asked, &q, &what)) {
		r = store_search_begin(w->lane->origin, &what, reterr);
		(*asked)++;
	}
	return r;
}

int select_begin(struct folder_work *w, struct mm_err *reterr)
{
	w->narrowed = may_narrow(w);
	return ask(w, &w->select.asked, 0, reterr);
}

/* ---- answers ---- */

/* What the server names as outside must be there: before UIDNEXT, and not more than there is.
 */
static bool is_plausible(const struct folder_work *w, const struct seqset *out)
{
	const struct folder_status *o = &w->origin.status;

	return o->uidnext > 1 && seqset_count(out) <= o->messages &&
	       (out->n == 0 || out->r[out->n - 1].last < o->uidnext);
}

static void list_all(struct folder_work *w)
{
	w->narrowed = false;
	seqset_reset(&w->select.out[SKIP_TOO_OLD]);
	seqset_reset(&w->select.out[SKIP_TOO_YOUNG]);
}

int select_end(struct folder_work *w, struct mm_err *reterr)
{
	struct seqset *const to[ASK_N] = {&w->select.out[SKIP_TOO_OLD],
					  &w->select.out[SKIP_TOO_YOUNG], &w->select.found};
	bool refused = false;
	struct store_search what;
	enum question q;

	for (uint64_t i = 0; nth_search(w, i, &q, &what); i++) {
		struct mm_err err = {0};
		int r;

		r = ask(w, &w->select.asked, i, reterr);
		if (r < 0)
			return r;
		r = store_search_end(w->lane->origin, to[q], &err);
		if (r < 0 && (q == ASK_FOUND || err.scope != MM_SCOPE_FOLDER)) {
			*reterr = err;
			return r;
		}
		refused = refused || r < 0;
	}
	if (refused)
		list_all(w);
	return 0;
}

/* ---- the listing ---- */

static int keep_uid(void *userdata, const struct state_row *row)
{
	return seqset_add(userdata, row->uid, row->uid);
}

/* All that is not left out, and what was begun before and is followed. */
static int narrow(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset all = {0}, out = {0}, rows = {0}, old = {0},
					     young = {0}, both = {0};
	int r;

	r = state_each(w->lane->engine->state, w->pair->sf.id, -1, keep_uid, &rows, reterr);
	if (r < 0)
		return r == -ENOMEM ? mm_err_oom(reterr) : r;
	if (seqset_unite(&both, &rows) < 0 ||
	    seqset_unite(&both, &w->select.out[SKIP_TOO_OLD]) < 0 ||
	    seqset_subtract(&w->select.out[SKIP_TOO_OLD], &rows, &old) < 0 ||
	    seqset_subtract(&w->select.out[SKIP_TOO_YOUNG], &both, &young) < 0 ||
	    seqset_unite(&out, &old) < 0 || seqset_unite(&out, &young) < 0)
		return mm_err_oom(reterr);
	if (!is_plausible(w, &out)) {
		list_all(w);
		return 0;
	}
	if (seqset_add(&all, 1, w->origin.status.uidnext - 1) < 0 ||
	    seqset_subtract(&all, &out, &w->select.listing) < 0)
		return mm_err_oom(reterr);
	if (w->select.listing.n > NARROW_RANGES) {
		seqset_reset(&w->select.listing);
		list_all(w);
		return 0;
	}
	w->select.unlisted = seqset_count(&out);
	seqset_done(&w->select.out[SKIP_TOO_OLD]);
	seqset_done(&w->select.out[SKIP_TOO_YOUNG]);
	w->select.out[SKIP_TOO_OLD] = old;
	w->select.out[SKIP_TOO_YOUNG] = young;
	old = young = (struct seqset){0};
	return 0;
}

int select_listing(struct folder_work *w, struct mm_err *reterr)
{
	return w->narrowed ? narrow(w, reterr) : 0;
}

int select_read(struct folder_work *w, unsigned want, struct mm_err *reterr)
{
	struct store *o = w->lane->origin;
	int r = 0;

	while (r == 0 && w->select.listing.n > 0 && store_reads(o) < LISTINGS_MAX) {
		_cleanup_(seqset_done) struct seqset part = {0};

		if (seqset_take(&w->select.listing, UINT64_MAX, LISTING_OCTETS, &part) < 0)
			return mm_err_oom(reterr);
		r = store_read_set(o, &part, want, reterr);
	}
	return r;
}

int select_check(struct folder_work *w, struct mm_err *reterr)
{
	const struct pair *p = w->pair;
	uint64_t told = seqset_count(&w->told) + w->select.unlisted;

	if (!w->narrowed || told == w->origin.status.messages)
		return 0;
	mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -EAGAIN,
		   "%s: folder \"%s\" has %u messages, SEARCH and FETCH tell of %llu",
		   store_label(w->lane->origin), p->origin, w->origin.status.messages,
		   (unsigned long long)told);
	return mm_err_class(reterr, MM_CLASS_PROTOCOL, "the next run looks again");
}

/* ---- deciding, counting ---- */

int folder_leave_out(struct folder_work *w, enum skip_reason why, uint32_t uid,
		     struct mm_err *reterr)
{
	return seqset_add(&w->select.out[why], uid, uid) < 0 ? mm_err_oom(reterr) : 0;
}

/* Of all mail what is in no other folder. What was copied from there once stays known, whatever
 * labels it gets. */
static int by_labels(const struct folder_work *w, const struct message *m)
{
	const struct label_set *labels = w->pair->labels;

	return labels && m->labels && labels_elsewhere(labels, m->labels) ? SKIP_OTHER_FOLDER
									  : SELECTION_TAKE;
}

int select_message(struct folder_work *w, const struct message *m)
{
	const struct selection *s = &w->lane->engine->select;
	int64_t date;
	int why;

	if (!s->active)
		return by_labels(w, m);
	date = selection_by_date(s) ? message_date(m->date) : MESSAGE_NO_DATE;
	why = selection_decide(s, date, m->size,
			       !s->search || seqset_contains(&w->select.found, m->uid));
	if (why == SKIP_TOO_YOUNG)
		w->select.ripens = MIN_OF(w->select.ripens, selection_ripens(s, date));
	return why == SELECTION_TAKE ? by_labels(w, m) : why;
}

void select_count(struct folder_work *w)
{
	struct pair *p = w->pair;

	for (size_t i = 0; i < SKIP_N; i++) {
		uint64_t n = seqset_count(&w->select.out[i]);

		p->skipped_by[i] += n;
		p->skipped += n;
	}
}

void select_recall(struct pair *p)
{
	p->skipped = 0;
	for (size_t i = 0; i < SKIP_N; i++) {
		p->skipped_by[i] = p->sf.skipped[i];
		p->skipped += p->skipped_by[i];
	}
}

void select_done(struct select_work *s)
{
	seqset_done(&s->found);
	seqset_done(&s->listing);
	for (size_t i = 0; i < SKIP_N; i++)
		seqset_done(&s->out[i]);
	*s = (struct select_work){0};
}
