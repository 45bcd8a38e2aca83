/* SPDX-License-Identifier: Apache-2.0 */
/* One pair of folders: look at both, tell what is new, what is known and what has changed,
 * settle what an earlier run left open, copy, remember. The order of writes is that of
 * exactly-once: no message is sent before its intent is on the disk, none is called stored
 * before it was found. */
#include <string.h>
#include <syslog.h>

#include "prune.h"
#include "refused.h"

/* ---- opening ---- */

/* What is remembered no longer says which message is which. A UIDNEXT that goes back with the
 * same UIDVALIDITY is a server that was set back to an older copy: it gives UIDs again. */
static bool is_another(const struct folder_status *now, uint32_t uidvalidity, uint32_t uidnext)
{
	return uidvalidity != 0 && (now->uidvalidity != uidvalidity ||
				    (now->uidnext != 0 && now->uidnext < uidnext));
}

static bool is_renumbered(const struct folder_work *w)
{
	const struct state_folder *sf = &w->pair->sf;

	return is_another(&w->origin.status, sf->origin_uidvalidity, sf->origin_uidnext);
}

/* The same of the destination, for any of the folders that go there: 1, and the number that it
 * had. */
static int is_replaced(const struct folder_work *w, uint32_t *ret_was, struct mm_err *reterr)
{
	const struct folder_status *d = &w->destination.status;

	return state_is_stale(w->lane->engine->state, w->pair->sf.id, d->uidvalidity,
			      d->uidnext, ret_was, reterr);
}

/* Only what changed, when the last pass left nothing open and the marks can be believed. */
static uint64_t since_mark(const struct engine *e, const struct pair *p)
{
	const struct state_folder *sf = &p->sf;
	const struct folder_status *o = &p->origin_status;

	/* Of messages left out no row tells: they are counted by a listing of all. */
	if (!sf->complete || sf->rules != pair_rules(e, p) || e->select.active || p->labels ||
	    p->held_rows > 0 || !sf->origin_modseq || o->modseq < sf->origin_modseq ||
	    o->uidvalidity != sf->origin_uidvalidity || o->uidnext < sf->origin_uidnext)
		return 0;
	/* Where something is missing all has to be known. */
	if (e->job->propagate_deletes &&
	    absence_may_be(sf->origin_messages, sf->origin_uidnext, o))
		return 0;
	if (recopy_is_due(e, p, &p->destination_status))
		return 0;
	return sf->origin_modseq;
}

/* Of the server, or of the folder. 0: none told. */
uint64_t folder_size_limit(const struct folder_work *w)
{
	uint64_t own = w->pair->destination_status.append_limit;
	struct store_features f;

	store_features(w->lane->destination, &f);
	return f.size_limit && own ? MIN_OF(f.size_limit, own) : MAX_OF(f.size_limit, own);
}

/* A pair never seen before with nothing at the destination: every message will be copied, so
 * the bodies are asked for at once, without a listing before. */
static bool may_be_eager(const struct folder_work *w)
{
	const struct pair *p = w->pair;
	struct store_features f;

	store_features(w->lane->destination, &f);
	return p->sf.origin_uidvalidity == 0 && p->origin_status.messages > 0 && !p->crowded &&
	       !p->labels && !p->map.shared && !f.discards && !folder_size_limit(w) &&
	       !w->lane->engine->select.active &&
	       (!p->exists ||
		(p->destination_status.known && p->destination_status.messages == 0));
}

/* There is something at the destination after all: begin again without haste. */
static int not_eager(struct folder_work *w, struct mm_err *reterr)
{
	w->pair->crowded = true;
	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, -EAGAIN,
		   "%s: folder \"%s\" is being filled by somebody else",
		   store_label(w->lane->destination), w->pair->destination);
	return mm_err_class(reterr, MM_CLASS_OTHER, "the next run looks again");
}

/* Enter both folders and ask for the listing in the same breath. */
static int enter(struct folder_work *w, uint64_t since, struct mm_err *reterr)
{
	struct lane *l = w->lane;
	struct pair *p = w->pair;
	int r;

	r = store_enter_begin(l->destination, p->destination_raw, true, reterr);
	if (r == 0)
		r = store_enter_begin(l->origin, p->origin_raw, false, reterr);
	if (r == 0)
		r = select_begin(w, reterr);
	w->eager = may_be_eager(w);
	if (r == 0 && !w->select.asked)
		r = store_read_range(l->origin, 1, 0,
				     w->eager ? TRANSFER_WANTS : folder_scan_wants(w), since,
				     reterr);
	/* New messages are news whatever their mod-sequence: none is missed for a mark that ran
	 * ahead. */
	if (r == 0 && since && p->sf.origin_uidnext)
		r = store_read_range(l->origin, p->sf.origin_uidnext, 0, folder_scan_wants(w),
				     0, reterr);
	if (r == 0)
		r = store_enter_end(l->destination, &w->destination, reterr);
	if (r == 0)
		r = store_enter_end(l->origin, &w->origin, reterr);
	if (r == 0)
		r = select_end(w, reterr);
	if (r == 0 && w->select.asked && !w->narrowed)
		r = store_read_range(l->origin, 1, 0, folder_scan_wants(w), 0, reterr);
	if (r < 0)
		return r;
	if (w->destination.read_only && !l->engine->job->dry_run) {
		mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_LATER, -EROFS,
			   "%s: folder \"%s\" is read-only", store_label(l->destination),
			   p->destination);
		return mm_err_class(reterr, MM_CLASS_REFUSED,
				    "check the rights of this account there");
	}
	if (!w->origin.uids_last || !w->destination.uids_last) {
		bool origin = !w->origin.uids_last;

		mm_err_set(reterr, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -ENOTSUP,
			   "%s: folder \"%s\" has no lasting UIDs",
			   store_label(origin ? l->origin : l->destination), p->origin);
		return mm_err_class(reterr, MM_CLASS_REFUSED,
				    "this server cannot be synced safely in this version");
	}
	w->watermark = w->destination.status.uidnext;
	w->flags.dest_since = flags_mark_recalled(w);
	return 0;
}

/* Drop what is still coming from a listing that is of no use. */
static int drain(struct folder_work *w, struct mm_err *reterr)
{
	struct store *o = w->lane->origin;
	int r = 0;

	while (r == 0 && store_reads(o) > 0) {
		struct message m = {0};

		while ((r = store_read_next(o, &m, reterr)) > 0)
			message_done(&m);
	}
	return r;
}

/* ---- one pass ---- */

static void tell_renumbered(struct folder_work *w, const char *side, const char *folder,
			    uint32_t was, uint32_t is)
{
	engine_note(w->lane->engine, LOG_NOTICE,
		    was == is
			    ? "UIDs of %s folder \"%s\" have begun anew: messages are matched "
			      "anew"
			    : "UIDVALIDITY of %s folder \"%s\" changed from %u to %u: messages "
			      "are matched anew",
		    side, folder, was, is);
}

/* A side has new UIDs: find out which message is which, before anything else. */
static int rebind(struct folder_work *w, struct mm_err *reterr)
{
	struct pair *p = w->pair;
	bool renumbered = is_renumbered(w);
	uint32_t was = 0;
	int r, replaced = is_replaced(w, &was, reterr);

	if (replaced < 0 || (!renumbered && !replaced))
		return replaced;
	atomic_store(&w->lane->engine->renumbered, true);
	r = drain(w, reterr);
	w->select.was_complete = false;
	if (r == 0 && renumbered) {
		tell_renumbered(w, "origin", p->origin, p->sf.origin_uidvalidity,
				w->origin.status.uidvalidity);
		r = renumber_origin(w, reterr);
	}
	if (r == 0 && replaced) {
		tell_renumbered(w, "destination", p->destination, was,
				w->destination.status.uidvalidity);
		r = renumber_destination(w, reterr);
	}
	if (r == 0 && !w->narrowed)
		r = store_read_range(w->lane->origin, 1, 0, folder_scan_wants(w), 0, reterr);
	return r;
}

/* What this pass will move, for the progress. */
static void estimate(struct folder_work *w, bool everything)
{
	struct engine *e = w->lane->engine;
	const struct folder_status *o = &w->pair->origin_status;
	uint64_t fresh = w->eager ? o->messages : seqset_count(&w->fresh);
	uint64_t bytes = folder_scan_wants(w) & STORE_WANT_SIZE
				 ? w->fresh_bytes
				 : o->bytes / MAX_OF(o->messages, 1) * fresh;

	if (w->pair->estimated)
		return; /* an earlier pass did it */
	w->pair->estimated = true;
	if (!everything || fresh < o->messages)
		atomic_fetch_add(&e->bytes_total,
				 bytes - o->bytes); /* wraps to a subtraction */
	atomic_fetch_add(&e->done, o->messages > fresh ? o->messages - fresh : 0);
}

void note_progress(struct folder_work *w, uint64_t n)
{
	w->pair->progress += n;
	atomic_fetch_add(&w->lane->engine->progress, n);
}

int save_folder(struct folder_work *w, struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	r = state_folder_put(s, &w->pair->sf, reterr);
	if (r == 0)
		r = throttle_write(w->lane->engine, reterr);
	return state_end(s, r, reterr);
}

static int remember(struct folder_work *w, struct mm_err *reterr)
{
	const struct engine *e = w->lane->engine;
	struct pair *p = w->pair;
	struct state_folder *sf = &p->sf;

	sf->origin_uidvalidity = w->origin.status.uidvalidity;
	sf->origin_uidnext = w->origin.status.uidnext;
	sf->origin_modseq = w->origin.marks ? w->origin.status.modseq : 0;
	sf->origin_messages = w->origin.status.messages;
	sf->dest_uidvalidity = w->destination.status.uidvalidity;
	sf->dest_modseq = flags_mark(w);
	if (w->uncertain == 0) {
		/* What was not found is looked for again: not beyond where it may be. */
		uint32_t seen = MIN_OF(w->watermark, w->unfound ? w->unfound : UINT32_MAX);

		sf->dest_seen = MAX_OF(sf->dest_seen, seen);
	}
	sf->dest_messages = w->dest_doubt ? UINT32_MAX /* looked at again */
					  : w->destination.status.messages +
						    (uint32_t)(p->copied - w->copied_before);
	sf->rules = pair_rules(e, p);
	sf->ripens = w->select.ripens == INT64_MAX ? 0 : w->select.ripens;
	memcpy(sf->skipped, p->skipped_by, sizeof(sf->skipped));
	/* What is held has its rows, and what the rules left out is a number: neither needs a
	 * listing to be remembered. */
	p->absence.complete_but = w->uncertain == 0 && p->failed == p->held &&
				  p->skipped_by[SKIP_GONE] == 0 && !w->incomplete &&
				  !(e->select.search_ages && p->skipped_by[SKIP_NOT_FOUND] > 0);
	sf->complete = p->absence.complete_but && p->absence.gone.n == 0;
	return save_folder(w, reterr);
}

/* The UIDVALIDITYs are written down before the first message, so that a run that is cut off is
 * not taken for a folder never seen. */
static int remember_beginning(struct folder_work *w, struct mm_err *reterr)
{
	struct state_folder *sf = &w->pair->sf;

	if (sf->origin_uidvalidity == w->origin.status.uidvalidity &&
	    sf->dest_uidvalidity == w->destination.status.uidvalidity && !sf->complete)
		return 0;
	sf->origin_uidvalidity = w->origin.status.uidvalidity;
	sf->dest_uidvalidity = w->destination.status.uidvalidity;
	sf->complete = false;
	return save_folder(w, reterr);
}

static int pass(struct folder_work *w, uint64_t since, struct mm_err *reterr)
{
	struct pair *p = w->pair;
	int r;

	r = enter(w, since, reterr);
	if (r == 0)
		r = rebind(w, reterr);
	if (r == 0)
		r = select_listing(w, reterr);
	if (r == 0 && w->eager && w->destination.status.messages > 0)
		r = not_eager(w, reterr);
	if (r == 0)
		r = recopy_forget(w, since, reterr);
	if (r == 0 && !w->eager)
		r = list_origin(w, reterr);
	if (r == 0)
		r = select_check(w, reterr);
	if (r == 0 && since == 0 && !w->eager)
		r = folder_check_listing(w, true, seqset_count(&w->told) + w->select.unlisted,
					 reterr);
	if (r == 0 && (w->eager || w->fresh.n > 0 || !p->sf.complete))
		r = remember_beginning(w, reterr);
	if (r == 0)
		r = renumber_recall(w, reterr);
	if (r == 0)
		r = adopt_intents(w, reterr);
	if (r == 0)
		r = adopt_fresh(w, reterr);
	if (r == 0)
		r = drop_given_up(w, reterr);
	if (r < 0)
		return r;

	select_count(w);
	estimate(w, since == 0);
	p->listed = w->origin.status.messages;
	r = flag_changes_send(w, reterr);
	if (r == 0)
		r = flags_bring_back(w, reterr);
	if (r == 0)
		r = transfer(w, reterr);
	if (r == 0)
		r = flag_changes_flagged(w, reterr);
	/* What the server has and did not send is asked for by a pass with a listing. */
	if (r == 0 && w->eager && seqset_count(&w->told) < w->origin.status.messages)
		w->incomplete = p->crowded = true;
	if (r == 0)
		r = prune_note(w, since, reterr);
	if (r == 0)
		r = remember(w, reterr);
	return r;
}

/* Every listed message is in one bucket: what is neither copied, failed nor skipped was there.
 */
static void count(struct folder_work *w, bool ended)
{
	struct pair *p = w->pair;
	uint64_t other = p->copied + p->failed + p->skipped + w->uncertain;
	uint64_t known = seqset_count(&w->known);

	if (ended)
		p->present = p->listed > other ? p->listed - other : 0;
	else /* only what is known for certain */
		p->present = known > w->copied_before ? known - w->copied_before : 0;
}

static int sync_once(struct lane *l, struct pair *p, uint64_t since, struct mm_err *reterr)
{
	struct folder_work w = {
		.lane = l,
		.pair = p,
		.copied_before = p->copied,
		.select = {.was_complete = p->sf.complete, .ripens = INT64_MAX}};
	int r;

	p->failed = p->skipped = p->held = 0;
	memset(p->skipped_by, 0, sizeof(p->skipped_by));
	p->error = (struct mm_err){0};
	r = pass(&w, since, reterr);
	count(&w, r == 0);
	flags_tell(&w);
	if (r < 0 && reterr->cls == MM_CLASS_QUOTA) /* for all of them there is no room */
		p->failed = p->listed - MIN_OF(p->listed, p->copied + p->present + p->skipped);
	seqset_done(&w.fresh);
	seqset_done(&w.known);
	seqset_done(&w.told);
	seqset_done(&w.given_up);
	select_done(&w.select);
	store_folder_done(&w.origin);
	store_folder_done(&w.destination);
	flag_work_done(&w.flags);
	match_done(&w.intent_flags);
	if (r < 0)
		return r;
	return w.uncertain > 0 ? 1 : 0;
}

int folder_sync(struct lane *l, struct pair *p, struct mm_err *reterr)
{
	bool crowded = p->crowded;
	int r;

	r = sync_once(l, p, since_mark(l->engine, p), reterr);
	if (r == -EAGAIN && reterr->scope == MM_SCOPE_FOLDER && !p->recounted) {
		p->recounted = true;
		r = sync_once(l, p, 0, reterr);
	}
	if (r == 0 && p->crowded && !crowded)
		r = sync_once(l, p, 0, reterr);
	return r;
}
