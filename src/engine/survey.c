/* SPDX-License-Identifier: Apache-2.0 */
/* What there is on both sides, what has changed since the last run, and the folders that are
 * missing. Costs one listing of each side, at the same time. */
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "known.h"
#include "prune.h"
#include "refused.h"

/* Nothing new at the origin, nothing left from last time, and the destination still the same.
 */
static bool is_unchanged(const struct engine *e, const struct pair *p)
{
	const struct folder_status *o = &p->origin_status, *d = &p->destination_status;
	const struct state_folder *sf = &p->sf;

	/* Other rules, or a message that was too young and is no more. */
	if (sf->rules != pair_rules(e, p) || (sf->ripens && e->started_sec >= sf->ripens))
		return false;
	/* Where the origin's flags win, those of the destination must be the same, too. */
	if (e->job->flags.mode == FLAGS_ORIGIN && (!d->modseq || d->modseq != sf->dest_modseq))
		return false;
	return sf->complete && o->known && o->modseq != 0 && o->modseq == sf->origin_modseq &&
	       o->uidvalidity == sf->origin_uidvalidity && o->uidnext == sf->origin_uidnext &&
	       o->messages == sf->origin_messages && p->exists && p->destination_status.known &&
	       p->destination_status.uidvalidity == sf->dest_uidvalidity &&
	       p->destination_status.uidnext >= sf->dest_seen &&
	       !recopy_is_due(e, p, &p->destination_status);
}

int pair_note(struct pair *p, const char *fmt, ...)
{
	char text[300], *all;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut: it is for reading */
	va_end(ap);
	all = text_fmt("%s%s%s", p->note ? p->note : "", p->note ? "; " : "", text);
	if (!all)
		return -ENOMEM;
	free(p->note);
	p->note = all;
	return 0;
}

/* A name that this server is known to refuse gets the form in which it takes it. */
static int fit_pair(struct pair *p, enum folder_server server, const struct folder_list *there)
{
	_cleanup_(buf_done) struct buf name = {0};
	const struct folder *f;
	int r;

	if (p->exists || p->place == PAIR_DONE)
		return 0;
	r = folder_fit(p->destination, server, there, &name);
	if (r <= 0)
		return r;
	r = pair_note(p, "the destination would refuse \"%s\"", p->destination);
	if (r == 0)
		r = text_set(&p->destination, buf_str(&name));
	f = r == 0 ? folder_list_find(there, p->destination) : NULL;
	if (!f || f->noselect || f->unusable)
		return r;
	p->exists = true;
	p->destination_status = f->status;
	return text_set(&p->destination_raw, f->raw);
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

static int name_pairs(struct lane *l, const struct folder_list *there, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	struct store_features f;

	store_features(l->destination, &f);
	for (size_t i = 0; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];
		int r = fit_pair(p, f.server, there) < 0 ? mm_err_oom(reterr) : 0;

		if (r == 0 && p->place != PAIR_DONE)
			r = name_pair(l, p, reterr);
		if (r < 0)
			return r;
	}
	return pairs_group(e->pairs, e->n_pairs) < 0 ? mm_err_oom(reterr) : 0;
}

/* What earlier runs have written down of a pair. */
static int recall(struct lane *l, struct pair *p, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	int r;

	r = state_folder_get(e->state, p->origin_raw, p->destination_raw, &p->sf, reterr);
	if (r == 0)
		r = held_recall(l, p, reterr);
	if (r == 0)
		r = is_unchanged(e, p) ? held_is_quiet(e, p, reterr) : 0;
	if (r < 0)
		return r;
	p->unchanged = r > 0;
	return 0;
}

static int recall_all(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];

		e->total += p->origin_status.messages;
		e->summary->total_messages += p->origin_status.messages;
		e->summary->total_bytes += p->origin_status.bytes;
		if (p->place == PAIR_DONE)
			continue;
		r = recall(l, p, reterr);
		if (!p->unchanged)
			e->bytes_total += p->origin_status.bytes;
	}
	return r;
}

/* Which of those that share a destination have something to find there first. */
static int find_doubts(struct engine *e, struct mm_err *reterr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];
		uint64_t n = 0;

		if (!p->map.shared || p->place == PAIR_DONE)
			continue;
		r = state_count(e->state, p->sf.id, ROW_INTENT, &n, reterr);
		pair_set_doubt(p, n > 0);
	}
	return r;
}

/* Folders that could be made only under another name. */
static int recall_renamed(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		if (!e->pairs[i].renamed || e->pairs[i].place == PAIR_DONE)
			continue;
		any = true;
		r = recall(l, &e->pairs[i], reterr);
	}
	if (r == 0 && any && pairs_group(e->pairs, e->n_pairs) < 0)
		r = mm_err_oom(reterr);
	return r;
}

/* Which folder goes where, by the rules and by what earlier runs did. */
static int map(struct lane *l, const struct folder_list *origin,
	       const struct folder_list *destination, struct known *known,
	       struct mm_err *reterr)
{
	struct engine_sides sides = {.origin = origin, .destination = destination};
	_cleanup_(map_done) struct map map = {0};
	struct engine *e = l->engine;
	struct store_features f;
	size_t all = 0;
	int r;

	store_features(l->origin, &f);
	sides.origin_not_mail = f.server == FOLDER_SERVER_EXCHANGE;
	sides.origin_labels = f.labels;
	store_features(l->destination, &f);
	sides.destination_ignores_case = folder_server_ignores_case(f.server);
	r = known_read(e, destination, known, reterr);
	if (r < 0)
		return r;
	r = map_folders(&e->job->folders, &sides, known->for_map, known->n_for_map, &map);
	if (r == -EINVAL) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r,
			   "a rule of folders.include, exclude or rewrite is wrong");
		return mm_err_class(reterr, MM_CLASS_CONFIG, "mailmigd --check tells which");
	}
	if (r == 0)
		r = labels_plan(&sides, &map, &e->labels, &all);
	if (r < 0)
		return mm_err_oom(reterr);
	/* Without another folder it is only a folder. */
	if (all < map.n_pairs && e->labels.names.n > 0)
		map.pairs[all].labels = &e->labels;
	for (size_t i = 0; i < map.notes.n; i++)
		engine_note(e, LOG_WARNING, "%s", map.notes.v[i]);
	e->pairs = STEAL(map.pairs);
	e->n_pairs = map.n_pairs;
	map.n_pairs = 0;
	e->omitted = STEAL(map.omitted);
	e->n_omitted = map.n_omitted;
	map.n_omitted = 0;
	r = name_pairs(l, destination, reterr);
	if (r == 0)
		r = known_check(e, known, reterr);
	return r;
}

static int look(struct lane *l, struct mm_err *reterr)
{
	_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
	_cleanup_(known_done) struct known known = {0};
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
	e->n_listed = origin.n;
	r = map(l, &origin, &destination, &known, reterr);
	if (r == 0)
		r = recall_all(l, reterr);
	if (r == 0)
		r = room_check(l, reterr);
	if (r == 0)
		r = known_write(e, &known, false, reterr);
	if (r == 0)
		r = make_missing(l, reterr);
	if (r == 0)
		r = recall_renamed(l, reterr);
	if (r == 0)
		r = known_write(e, &known, true, reterr);
	if (r == 0)
		r = find_doubts(e, reterr);
	return r;
}

/* Nothing of a look that broke off is kept. */
static void forget(struct engine *e)
{
	pairs_free(e->pairs, e->n_pairs);
	label_set_done(&e->labels);
	e->pairs = NULL;
	e->n_pairs = 0;
	map_omitted_free(e->omitted, e->n_omitted);
	e->omitted = NULL;
	e->n_omitted = 0;
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
