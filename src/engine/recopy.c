/* SPDX-License-Identifier: Apache-2.0 */
/* recopy_deleted: what was deleted at the destination is copied again. It is missed there by
 * number first, so that a folder in which nothing is gone costs nothing; then all of it is
 * listed, the brake of absence.c is asked, and what is missing is looked for once more. Its
 * rows are forgotten and all of the destination counts as unknown: what is there after all is
 * recognised, not doubled. */
#include <mailmig/text.h>
#include <syslog.h>

#include "prune.h"

struct missing {
	const struct folder_work *w;
	struct seqset there;     /* destination UIDs that were listed */
	struct seqset gone;      /* origin UIDs of copies that were not */
	struct seqset gone_uids; /* their own */
	uint64_t known;
	bool seen; /* one of them, when it was looked for */
};

static void missing_done(struct missing *m)
{
	seqset_done(&m->there);
	seqset_done(&m->gone);
	seqset_done(&m->gone_uids);
}

bool recopy_is_due(const struct engine *e, const struct pair *p,
		   const struct folder_status *destination)
{
	const struct state_folder *sf = &p->sf;

	return e->job->recopy_deleted && sf->dest_uidvalidity != 0 &&
	       (sf->rules != pair_rules(e, p) ||
		absence_may_be(sf->dest_messages, sf->dest_seen, destination));
}

static int list_destination(struct folder_work *w, struct seqset *there, struct mm_err *reterr)
{
	struct store *d = w->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(d, 1, 0, STORE_WANT_FLAGS, 0, reterr);
	while (r == 0 && (r = store_read_next(d, &m, reterr)) > 0) {
		r = seqset_add(there, m.uid, m.uid) < 0 ? mm_err_oom(reterr) : 0;
		/* Where SELECT tells no UIDNEXT (Courier). */
		w->watermark = MAX_OF(w->watermark, m.uid + 1);
		message_done(&m);
		if (r == 0)
			r = engine_border(w->lane->engine, reterr);
	}
	return r;
}

static int note_row(void *userdata, const struct state_row *row)
{
	struct missing *m = userdata;

	if ((row->state != ROW_STORED && row->state != ROW_ALTERED) || !row->dest_uid)
		return 0;
	m->known++;
	if (seqset_contains(&m->there, row->dest_uid))
		return 0;
	return seqset_add(&m->gone, row->uid, row->uid) < 0 ||
			       seqset_add(&m->gone_uids, row->dest_uid, row->dest_uid) < 0
		       ? -ENOMEM
		       : 0;
}

static int note_seen(void *userdata, struct message *m, struct mm_err *reterr)
{
	*(bool *)userdata = true;
	return 0;
}

/* The folder is opened anew, and what is missing asked for by its UIDs. */
static int look_again(struct folder_work *w, struct missing *m, struct mm_err *reterr)
{
	struct store *d = w->lane->destination;
	struct store_folder now = {0};
	int r;

	r = store_enter_begin(d, w->pair->destination_raw, true, reterr);
	if (r == 0)
		r = store_enter_end(d, &now, reterr);
	if (r < 0)
		return r;
	m->seen = now.status.uidvalidity != w->destination.status.uidvalidity;
	store_folder_done(&now);
	return read_each(w, d, &m->gone_uids, STORE_WANT_FLAGS, note_seen, &m->seen, reterr);
}

static int forget_rows(struct folder_work *w, const struct missing *m, struct mm_err *reterr)
{
	struct state *s = w->lane->engine->state;
	struct state_folder *sf = &w->pair->sf;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < m->gone.n; i++)
		for (uint64_t uid = m->gone.r[i].first; r == 0 && uid <= m->gone.r[i].last;
		     uid++)
			r = state_delete(s, sf->id, (uint32_t)uid, reterr);
	sf->dest_seen = 0;
	sf->complete = false;
	if (r == 0)
		r = state_folder_put(s, sf, reterr);
	return state_end(s, r, reterr);
}

/* Too much is gone: that is a person's to say. */
static void tell_braked(struct folder_work *w, const struct absence_view *v)
{
	struct engine *e = w->lane->engine;
	struct mm_err err = {0};

	mm_err_set(&err, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EPERM,
		   "%llu of %llu messages are gone at the destination; they were not copied "
		   "again",
		   (unsigned long long)v->gone, (unsigned long long)v->known);
	mm_err_class(&err, MM_CLASS_SAFETY,
		     "if that is right: mailmigctl run --confirm-deletes %s", e->job->account);
	atomic_store(&e->braked, true);
	engine_tell(e, w->pair->origin, 0, &err);
}

static int judge(struct folder_work *w, struct missing *m, struct mm_err *reterr)
{
	const struct absence_view v = {.known = m->known,
				       .gone = seqset_count(&m->gone),
				       .present = seqset_count(&m->there)};
	enum absence_verdict verdict = absence_judge(w->lane->engine->job, &v);
	int r;

	if (verdict == ABSENCE_NONE)
		return 0;
	if (absence_is_braked(verdict)) {
		w->incomplete = w->dest_doubt = true;
		tell_braked(w, &v);
		return 0;
	}
	r = look_again(w, m, reterr);
	if (r < 0)
		return r;
	if (m->seen) {
		w->incomplete = w->dest_doubt = true;
		engine_note(w->lane->engine, LOG_WARNING,
			    "folder \"%s\": the destination did not list messages that it has; "
			    "nothing is copied again",
			    w->pair->destination);
		return 0;
	}
	engine_note(w->lane->engine, LOG_NOTICE,
		    "folder \"%s\": %llu messages were deleted at the destination and are "
		    "copied again where the origin has them",
		    w->pair->destination, (unsigned long long)v.gone);
	return forget_rows(w, m, reterr);
}

int recopy_forget(struct folder_work *w, uint64_t since, struct mm_err *reterr)
{
	_cleanup_(missing_done) struct missing m = {.w = w};
	struct engine *e = w->lane->engine;
	int r;

	if (w->eager || !recopy_is_due(e, w->pair, &w->destination.status))
		return 0;
	if (since != 0) { /* just now: the next run asks the origin for all of it */
		w->incomplete = w->dest_doubt = true;
		return 0;
	}
	r = list_destination(w, &m.there, reterr);
	if (r == 0)
		r = folder_check_listing(w, false, seqset_count(&m.there), reterr);
	if (r < 0)
		return r;
	r = state_each(e->state, w->pair->sf.id, -1, note_row, &m, reterr);
	if (r < 0)
		return r == -ENOMEM ? mm_err_oom(reterr) : r;
	return judge(w, &m, reterr);
}
