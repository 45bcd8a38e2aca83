/* SPDX-License-Identifier: Apache-2.0 */
/* What there is on both sides, what has changed since the last run, and the folders that are
 * missing. Costs one listing of each side, at the same time. */
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "refused.h"

/* Nothing new at the origin, nothing left from last time, and the destination still the same.
 */
static bool is_unchanged(const struct engine *e, const struct pair *p)
{
	const struct folder_status *o = &p->origin_status, *d = &p->destination_status;
	const struct state_folder *sf = &p->sf;

	/* Where the origin's flags win, those of the destination must be the same, too. */
	if (e->job->flags.mode == FLAGS_ORIGIN && (!d->modseq || d->modseq != sf->dest_modseq))
		return false;
	return sf->complete && sf->rules == e->rules && o->known && o->modseq != 0 &&
	       o->modseq == sf->origin_modseq && o->uidvalidity == sf->origin_uidvalidity &&
	       o->uidnext == sf->origin_uidnext && o->messages == sf->origin_messages &&
	       p->exists && p->destination_status.known &&
	       p->destination_status.uidvalidity == sf->dest_uidvalidity &&
	       p->destination_status.uidnext >= sf->dest_seen;
}

/* Two folders of one name in the origin's list would be copied into each other. */
static int check_distinct(struct engine *e)
{
	for (size_t i = 1; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];

		if (strcmp(p->destination, e->pairs[i - 1].destination) != 0)
			continue;
		p->place = PAIR_DONE;
		mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EEXIST,
			   "origin folder \"%s\" has the same name as another one", p->origin);
		mm_err_class(&p->error, MM_CLASS_REFUSED, "rename one of them at the origin");
	}
	return 0;
}

static int make_missing(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	struct store_make *v = calloc(e->n_pairs ? e->n_pairs : 1, sizeof(*v));
	size_t *which = calloc(e->n_pairs ? e->n_pairs : 1, sizeof(*which));
	size_t n = 0;
	int r = v && which ? 0 : mm_err_oom(reterr);

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];

		if (p->place == PAIR_DONE || (p->exists && !p->subscribe))
			continue;
		if (!p->exists && !e->job->folders.create) {
			p->place = PAIR_DONE;
			mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -ENOENT,
				   "folder \"%s\" does not exist at the destination",
				   p->destination);
			mm_err_class(&p->error, MM_CLASS_REFUSED,
				     "create it there, or set folders.create = true");
			continue;
		}
		which[n] = i;
		v[n++] = (struct store_make){.raw = p->destination_raw,
					     .create = !p->exists,
					     .subscribe = p->subscribe};
	}
	if (r == 0 && n > 0)
		r = store_make_folders(l->destination, v, n, reterr);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct pair *p = &e->pairs[which[i]];

		if (v[i].error.code == 0)
			continue;
		p->error = v[i].error;
		p->place = PAIR_DONE;
		if (v[i].error.scope >= MM_SCOPE_STORE) {
			*reterr = v[i].error;
			r = v[i].error.code;
		}
	}
	free(v);
	free(which);
	return r;
}

static int name_pair(struct lane *l, struct pair *p, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf raw = {0};
	int r;

	if (p->destination_raw)
		return 0;
	r = store_local_name(l->destination, p->destination, &raw);
	if (r == 0)
		p->destination_raw = buf_take(&raw);
	if (r == -EBADMSG) {
		p->destination_raw = text_dup(p->origin_raw);
		p->place = PAIR_DONE;
		mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, r,
			   "folder name \"%s\" has no form at the destination", p->origin);
		mm_err_class(&p->error, MM_CLASS_REFUSED, "rename the folder at the origin");
	}
	return p->destination_raw ? 0 : mm_err_oom(reterr);
}

static int remember(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;

	for (size_t i = 0; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];
		int r;

		e->total += p->origin_status.messages;
		e->summary->total_messages += p->origin_status.messages;
		e->summary->total_bytes += p->origin_status.bytes;
		if (p->place == PAIR_DONE)
			continue;
		r = name_pair(l, p, reterr);
		if (r < 0)
			return r;
		r = state_folder_get(e->state, p->origin_raw, p->destination_raw, &p->sf,
				     reterr);
		if (r < 0)
			return r;
		r = held_recall(l, p, reterr);
		if (r == 0)
			r = is_unchanged(e, p) ? held_is_quiet(e, p, reterr) : 0;
		if (r < 0)
			return r;
		p->unchanged = r > 0;
		if (!p->unchanged)
			e->bytes_total += p->origin_status.bytes;
	}
	return 0;
}

static int look(struct lane *l, struct mm_err *reterr)
{
	_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
	const struct engine_sides sides = {.origin = &origin, .destination = &destination};
	_cleanup_(map_done) struct map map = {0};
	struct engine *e = l->engine;
	int r;

	r = lane_open_and_list(l, &origin, &destination, reterr);
	if (r < 0)
		return r;
	if (origin.n == 0) {
		/* Absence is never evidence: every mailbox has an INBOX. */
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -ENOENT,
			   "%s: the server lists no folder at all", store_label(l->origin));
		return mm_err_class(
			reterr, MM_CLASS_PROTOCOL,
			"see whether the mailbox exists: log in with a mail program");
	}
	r = map_folders(&e->job->folders, &sides, NULL, 0, &map);
	if (r < 0)
		return mm_err_oom(reterr);
	for (size_t i = 0; i < map.notes.n; i++)
		engine_note(e, LOG_WARNING, "%s", map.notes.v[i]);
	e->pairs = STEAL(map.pairs);
	e->n_pairs = map.n_pairs;
	map.n_pairs = 0;
	r = check_distinct(e);
	if (r == 0)
		r = remember(l, reterr);
	if (r == 0)
		r = room_check(l, reterr);
	if (r == 0)
		r = make_missing(l, reterr);
	return r;
}

/* Nothing of a look that broke off is kept. */
static void forget(struct engine *e)
{
	pairs_free(e->pairs, e->n_pairs);
	e->pairs = NULL;
	e->n_pairs = 0;
	e->total = e->bytes_total = 0;
	e->summary->total_messages = e->summary->total_bytes = 0;
	lanes_hold(e);
}

int survey(struct lane *l, struct mm_err *reterr)
{
	int r;

	while ((r = look(l, reterr)) < 0) {
		r = lane_try_again(l, reterr);
		if (r < 0)
			return r;
		forget(l->engine);
	}
	l->failures = 0;
	return 0;
}
