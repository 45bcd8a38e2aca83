/* SPDX-License-Identifier: Apache-2.0 */
/* Intents: uploads whose answer never came. They are looked for, and what is not there is
 * waited for before it is sent again. */
#include <mailmig/clock.h>
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "folder_work.h"

struct intents {
	struct match_list items;
	uint32_t lowest; /* watermark */
};

static int keep_intent(void *userdata, const struct state_row *row)
{
	struct intents *in = userdata;
	struct match_item *it = match_add(&in->items);

	if (!it)
		return -ENOMEM;
	it->uid = row->uid;
	it->size = row->size;
	it->fingerprint = row->fingerprint;
	it->due = row->held_under == HELD_FLAG_DUE;
	it->has_digest = row->has_digest;
	memcpy(it->digest, row->digest, sizeof(it->digest));
	it->flags = text_dup(row->flags);
	it->reason = row->reason ? text_dup(row->reason) : NULL;
	if (!it->flags || (row->reason && !it->reason))
		return -ENOMEM;
	in->lowest = MIN_OF(in->lowest, row->watermark);
	return 0;
}

static int keep_date(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct match_item *it = match_find(userdata, m->uid);

	if (it)
		it->date = message_date(m->date);
	return 0;
}

static size_t count_rewritten(const struct match_list *items)
{
	size_t n = 0;

	for (size_t i = 0; i < items->n; i++)
		n += items->v[i].partner && items->v[i].how == MATCHED_REWRITTEN;
	return n;
}

/* Does this destination change messages? So it was seen before, or just now. */
static int is_rewriting(struct folder_work *w, const struct match_list *items,
			struct mm_err *reterr)
{
	uint64_t n = 0;
	int r = state_count(w->lane->engine->state, w->pair->sf.id, ROW_ALTERED, &n, reterr);

	n += atomic_load(&w->lane->engine->rewriting);
	n += count_rewritten(items);
	return r < 0 ? r : n > 0;
}

static bool all_found(const struct match_list *items)
{
	for (size_t i = 0; i < items->n; i++)
		if (!items->v[i].partner)
			return false;
	return true;
}

static int read_dates(struct folder_work *w, struct match_list *items, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset left = {0};

	for (size_t i = 0; i < items->n; i++)
		if (!items->v[i].partner &&
		    seqset_add(&left, items->v[i].uid, items->v[i].uid) < 0)
			return mm_err_oom(reterr);
	return read_each(w, w->lane->origin, &left, STORE_WANT_DATE, keep_date, items, reterr);
}

/* What is not there with its own text may be there with another, where the server changes
 * messages: with the same header; or, since such servers also change the header, with the date
 * that it was given. Only a server that is known to change messages changes their size, too
 * (Cyrus writes an X for each octet of 8 bits in a header, and is not known for it when that
 * was its first message). Sent again it would be doubled for certain. */
static int match_rewritten(struct folder_work *w, struct match_list *items,
			   struct match_list *destination, struct mm_err *reterr)
{
	int r;

	match_by_header(items, destination);
	if (all_found(items) || all_found(destination))
		return 0;
	r = read_dates(w, items, reterr);
	if (r < 0)
		return r;
	match_by_date_and_size(items, destination);
	r = is_rewriting(w, items, reterr);
	if (r > 0)
		match_by_date(items, destination);
	return r < 0 ? r : 0;
}

static void tell_rewritten(const struct folder_work *w, const struct match_list *items)
{
	size_t n = count_rewritten(items);

	if (n == 0)
		return;
	atomic_store(&w->lane->engine->rewriting, true);
	engine_note(w->lane->engine, LOG_WARNING,
		    "folder \"%s\": %zu messages of a broken session are there, changed "
		    "by the destination; they are not sent again",
		    w->pair->destination, n);
}

uint64_t uncertain_left(uint64_t since, uint64_t now, uint64_t wait)
{
	/* Started anew since then: at least as long ago as that. */
	uint64_t passed = now >= since ? now - since : now;

	return passed < wait ? wait - passed : 0;
}

/* The worker was killed, or could write nothing more: its uploads may have gone on until just
 * now. */
static int end_session(struct folder_work *w, struct mm_err *reterr)
{
	if (w->pair->sf.uncertain_usec)
		return 0;
	w->pair->sf.uncertain_usec = clock_boot_usec();
	return save_folder(w, reterr);
}

/* An intent that was not found: to be waited for, or to be sent again. */
static int reopen(struct folder_work *w, const struct match_list *items, struct mm_err *reterr)
{
	struct engine *e = w->lane->engine;
	uint64_t left;
	int r;

	if (all_found(items))
		return 0;
	r = end_session(w, reterr);
	if (r < 0)
		return r;
	left = uncertain_left(w->pair->sf.uncertain_usec, clock_boot_usec(),
			      e->job->uncertain_wait_usec);
	if (left > 0) {
		for (size_t i = 0; i < items->n; i++)
			w->uncertain += items->v[i].partner == 0;
		w->pair->not_before_usec = clock_deadline(left);
		return 0;
	}
	r = state_begin(e->state, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < items->n; i++) {
		if (items->v[i].partner)
			continue;
		r = state_delete(e->state, w->pair->sf.id, items->v[i].uid, reterr);
		if (r == 0 && seqset_add(&w->fresh, items->v[i].uid, items->v[i].uid) < 0)
			r = mm_err_oom(reterr);
	}
	return state_end(e->state, r, reterr);
}

/* An upload that was found: its flags may have changed at the origin since. */
static int settle_intent(struct folder_work *w, const struct match_item *it,
			 struct mm_err *reterr)
{
	const struct match_item *now = match_find(&w->intent_flags, it->uid);

	if (!it->partner)
		return 0;
	if (seqset_add(&w->known, it->uid, it->uid) < 0)
		return mm_err_oom(reterr);
	if (!now || strcmp(now->flags, it->flags) == 0)
		return 0;
	if (it->due && flags_has(now->flags, "\\Flagged"))
		return flag_changes_add_flagged(w, it->uid, it->partner, it->flags, reterr);
	return flag_changes_add(w,
				&(struct flag_change){.uid = it->uid,
						      .dest_uid = it->partner,
						      .base = it->flags,
						      .now = now->flags},
				reterr);
}

static int match_intents(struct folder_work *w, struct match_list *items, uint32_t lowest,
			 struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list destination = {0};
	int r;

	r = read_candidates(w, lowest,
			    STORE_WANT_SIZE | STORE_WANT_FINGERPRINT | STORE_WANT_DATE,
			    &destination, reterr);
	if (r < 0)
		return r;
	match_by_fingerprint(items, &destination, MATCH_DOUBT);
	r = read_digests(w, w->lane->destination, &destination, 0, reterr);
	if (r < 0)
		return r;
	match_by_digest(items, &destination);
	return match_rewritten(w, items, &destination, reterr);
}

int adopt_intents(struct folder_work *w, struct mm_err *reterr)
{
	struct intents in = {.lowest = UINT32_MAX};
	int r;

	r = state_each(w->lane->engine->state, w->pair->sf.id, ROW_INTENT, keep_intent, &in,
		       reterr);
	if (r == -ENOMEM)
		mm_err_oom(reterr);
	if (r == 0 && in.items.n > 0) {
		r = match_intents(w, &in.items, in.lowest, reterr);
		if (r == 0)
			r = bind_all(w, &in.items, true, reterr);
		if (r == 0) {
			tell_rewritten(w, &in.items);
			r = reopen(w, &in.items, reterr);
		}
		for (size_t i = 0; r == 0 && i < in.items.n; i++)
			r = settle_intent(w, &in.items.v[i], reterr);
	}
	match_done(&in.items);
	return r;
}
