/* SPDX-License-Identifier: Apache-2.0 */
/* The destination's side of flags: what it changed by itself, where the origin's win, and what
 * it cannot keep. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "refused.h"

/* ---- what it cannot keep ---- */

void flag_work_done(struct flag_work *f)
{
	buf_done(&f->unkept.told);
	buf_done(&f->unkept.before);
	buf_done(&f->unkept.silent);
	buf_done(&f->unkept.refused);
	seqset_done(&f->compared);
	seqset_done(&f->later);
	flag_changes_free(f->changes);
	*f = (struct flag_work){0};
}

static int recall(struct folder_work *w, struct mm_err *reterr)
{
	struct unkept *u = &w->flags.unkept;
	int r;

	if (u->recalled)
		return 0;
	r = state_unkept_get(w->lane->engine->state, w->pair->sf.id, &u->told, &u->silent,
			     reterr);
	if (r < 0)
		return r;
	if (buf_adds(&u->before, buf_str(&u->told)) < 0)
		return mm_err_oom(reterr);
	u->recalled = true;
	if (!w->lane->engine->job->retry_held || u->silent.len == 0)
		return 0;
	buf_reset(&u->silent);
	u->changed = true;
	return 0;
}

/* to = to | flags. 1: some of them are news. */
static int unite(struct buf *to, const char *flags)
{
	_cleanup_(buf_done) struct buf all = {0};
	bool news;

	if (flags_union(buf_str(to), flags, &all) < 0)
		return -ENOMEM;
	news = all.len > to->len;
	buf_reset(to);
	return buf_adds(to, buf_str(&all)) < 0 ? -ENOMEM : news;
}

int unkept_add(struct folder_work *w, const char *flags, bool silent, struct mm_err *reterr)
{
	struct unkept *u = &w->flags.unkept;
	int r = recall(w, reterr);

	if (r < 0)
		return r;
	r = unite(&u->told, flags);
	u->changed = u->changed || r > 0;
	if (r >= 0 && silent)
		r = unite(&u->silent, flags);
	u->changed = u->changed || r > 0;
	return r < 0 ? mm_err_oom(reterr) : 0;
}

/* One that stands alone is the one: the next message comes without it. */
int unkept_refused(struct folder_work *w, const char *keywords, struct mm_err *reterr)
{
	if (!strchr(keywords, ' ') && unite(&w->flags.unkept.refused, keywords) < 0)
		return mm_err_oom(reterr);
	return unkept_add(w, keywords, false, reterr);
}

int unkept_filter(struct folder_work *w, const char *flags, struct buf *kept,
		  struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf permitted = {0}, lost = {0}, taken = {0}, none = {0};
	int r = 0;

	if (!*flags)
		return 0;
	if (flags_permit(flags, w->destination.permanent_flags, &permitted, &lost) < 0)
		return mm_err_oom(reterr);
	if (lost.len > 0)
		r = unkept_add(w, lost.p, false, reterr);
	if (r == 0 && w->lane->engine->job->flags.mode == FLAGS_ORIGIN)
		r = recall(w, reterr);
	if (r < 0)
		return r;
	r = flags_diff(buf_str(&w->flags.unkept.refused), buf_str(&permitted), &taken, &none);
	buf_reset(&none);
	if (r == 0)
		r = flags_diff(buf_str(&w->flags.unkept.silent), buf_str(&taken), kept, &none);
	return r < 0 ? mm_err_oom(reterr) : 0;
}

static int write_down(struct folder_work *w)
{
	struct state *s = w->lane->engine->state;
	struct mm_err ignored; /* told again then; who needs the state will tell its trouble */
	int r = state_begin(s, &ignored);

	if (r < 0)
		return r;
	r = state_unkept_put(s, w->pair->sf.id, buf_str(&w->flags.unkept.told),
			     buf_str(&w->flags.unkept.silent), &ignored);
	return state_end(s, r, &ignored);
}

void flags_tell(struct folder_work *w)
{
	_cleanup_(buf_done) struct buf news = {0}, none = {0};
	struct unkept *u = &w->flags.unkept;

	if (w->flags.refused > 0)
		engine_note(w->lane->engine, LOG_NOTICE,
			    "folder \"%s\": the destination refused other flags of %llu "
			    "message%s before; not tried again (mailmigctl run --retry-held "
			    "does)",
			    w->pair->origin, (unsigned long long)w->flags.refused,
			    w->flags.refused == 1 ? "" : "s");
	if (!u->changed)
		return;
	if (flags_diff(buf_str(&u->before), buf_str(&u->told), &news, &none) == 0 &&
	    news.len > 0)
		engine_note(w->lane->engine, LOG_NOTICE,
			    "folder \"%s\": the destination cannot keep these flags: %s",
			    w->pair->destination, news.p);
	(void)write_down(w);
}

/* ---- what changed at the origin ---- */

/* Was just this change of flags refused, by a server that is still the same? */
static bool is_refused_change(struct folder_work *w, const struct state_row *row,
			      const struct message *m)
{
	if (!held_is_same(w->lane->engine, w->pair, row) || !row->held_what ||
	    strcmp(row->held_what, m->flags) != 0)
		return false;
	w->flags.refused++;
	return true;
}

int flags_sort(struct folder_work *w, const struct message *m, const struct state_row *row,
	       struct mm_err *reterr)
{
	bool first = w->lane->engine->job->flags.mode == FLAGS_FIRST;
	bool due = row->held_under == HELD_FLAG_DUE;
	struct flag_change c = {.uid = m->uid,
				.dest_uid = row->dest_uid,
				.base = row->flags,
				.now = m->flags,
				.late = due};

	if (due && first) {
		if (flags_has(m->flags, "\\Flagged"))
			return flag_changes_add_flagged(w, m->uid, row->dest_uid, row->flags,
							reterr);
		c.now = row->flags; /* it has it no more: nothing is due */
	}
	if (!due && (strcmp(row->flags, m->flags) == 0 || is_refused_change(w, row, m)))
		return 0;
	return flag_changes_add(w, &c, reterr);
}

/* ---- what was changed there ---- */

uint64_t flags_mark_recalled(const struct folder_work *w)
{
	const struct state_folder *sf = &w->pair->sf;
	const struct folder_status *d = &w->destination.status;

	return sf->complete && w->destination.marks && d->uidvalidity == sf->dest_uidvalidity &&
			       d->modseq >= sf->dest_modseq
		       ? sf->dest_modseq
		       : 0;
}

/* From before our own changes: those are looked at once more, a stranger's not never. */
uint64_t flags_mark(const struct folder_work *w)
{
	bool matters = w->lane->engine->job->flags.mode == FLAGS_ORIGIN;

	return matters && w->destination.marks ? w->destination.status.modseq : 0;
}

/* Is a message, with these flags there, other than it should be? 1; 0; -errno. */
static int differs(struct folder_work *w, const struct message *m, struct buf *strings,
		   struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf add = {0}, take = {0}, kept = {0}, bound = {0},
				       none = {0};
	struct engine *e = w->lane->engine;
	struct state_row row;
	int r;

	r = state_get_dest(e->state, w->pair->sf.id, m->uid, &row, strings, reterr);
	if (r <= 0)
		return r; /* nobody's, or another folder's */
	if ((row.state != ROW_STORED && row.state != ROW_ALTERED) ||
	    (row.held_what && held_is_same(e, w->pair, &row)))
		return 0; /* what was refused is refused again */
	if (flags_decide(FLAGS_ORIGIN, row.flags, row.flags, m->flags, &add, &take) < 0)
		return mm_err_oom(reterr);
	r = unkept_filter(w, buf_str(&add), &kept, reterr);
	if (r < 0)
		return r;
	if (flags_permit(buf_str(&take), w->destination.permanent_flags, &bound, &none) < 0)
		return mm_err_oom(reterr);
	return kept.len + bound.len > 0;
}

/* Messages to be made as at the origin. Only their UIDs are kept: the folder may be large. */
static int look_back(struct folder_work *w, struct seqset *ret, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf strings = {0};
	struct store *d = w->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(d, 1, 0, STORE_WANT_FLAGS, w->flags.dest_since, reterr);
	while (r == 0 && (r = store_read_next(d, &m, reterr)) > 0) {
		r = seqset_contains(&w->flags.compared, m.uid)
			    ? 0
			    : differs(w, &m, &strings, reterr);
		if (r > 0)
			r = seqset_add(ret, m.uid, m.uid) < 0 ? mm_err_oom(reterr) : 0;
		message_done(&m);
		if (r == 0)
			r = engine_border(w->lane->engine, reterr);
	}
	return r;
}

int flags_bring_back(struct folder_work *w, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	_cleanup_(buf_done) struct buf strings = {0};
	struct engine *e = w->lane->engine;
	const struct folder_status *d = &w->destination.status;
	int r;

	if (e->job->flags.mode != FLAGS_ORIGIN || w->eager || d->messages == 0 ||
	    (w->flags.dest_since && w->flags.dest_since == d->modseq))
		return 0;
	r = look_back(w, &uids, reterr);
	for (uint64_t i = 0, n = seqset_count(&uids); r == 0 && i < n; i++) {
		uint32_t uid = seqset_nth(&uids, i);
		struct state_row row;

		r = state_get_dest(e->state, w->pair->sf.id, uid, &row, &strings, reterr);
		if (r > 0)
			r = flag_changes_add(w,
					     &(struct flag_change){.uid = row.uid,
								   .dest_uid = uid,
								   .base = row.flags,
								   .now = row.flags},
					     reterr);
	}
	return r < 0 ? r : flag_changes_send(w, reterr);
}
