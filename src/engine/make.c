/* SPDX-License-Identifier: Apache-2.0 */
/* Making the folders that are missing at the destination. What it refuses may be there under
 * another spelling of its name (case ignored), or be accepted under a name that is escaped; the
 * state remembers where the folder went. */
#include <mailmig/folder_fit.h>
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>

#include "places.h"

#define OTHER_NAMES 5 /* of folder_other_name() */

/* One folder that is to be made or subscribed: the first of the pairs that go there. */
struct wanted {
	struct pair *pair;
	struct store_make make;
	struct mm_err refusal; /* of the name that was wanted */
	char *name, *raw;      /* the one that is tried instead */
	bool settled;
};

struct making {
	struct lane *lane;
	struct wanted *v;
	size_t n;
	struct folder_list
		there; /* at the destination, read again when something was refused */
};

static void making_done(struct making *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].name);
		free(m->v[i].raw);
	}
	free(m->v);
	folder_list_done(&m->there);
}

/* ---- what is wanted ---- */

static void refuse_missing(struct pair *p)
{
	p->place = PAIR_DONE;
	mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -ENOENT,
		   "folder \"%s\" does not exist at the destination", p->destination);
	mm_err_class(&p->error, MM_CLASS_REFUSED,
		     "create it there, or set folders.create = true");
}

static void want(struct making *m, struct pair *p)
{
	const char *role = p->map.role ? role_name(p->map.role) : NULL;

	m->v[m->n++] = (struct wanted){.pair = p,
				       .make = {.raw = p->destination_raw,
						.role = role,
						.create = !p->exists,
						.subscribe = p->subscribe}};
}

static void collect(struct making *m)
{
	struct engine *e = m->lane->engine;

	for (size_t i = 0; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];

		if (p->place == PAIR_DONE || (p->exists && !p->subscribe))
			continue;
		if (!p->exists && !e->job->folders.create)
			refuse_missing(p);
		else if (p->first == p)
			want(m, p);
	}
}

/* ---- under another name ---- */

/* The folder gets the name under which the destination has it or made it, and so do all others
 * that go there. */
static int rename_pairs(struct making *m, struct pair *first, const char *name, const char *raw,
			const char *why, struct mm_err *reterr)
{
	struct engine *e = m->lane->engine;

	engine_note(e, LOG_NOTICE, "folder \"%s\" goes to \"%s\": the destination %s \"%s\"",
		    first->origin, name, why, first->destination);
	for (size_t i = 0; i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];

		if (p->first != first || p->place == PAIR_DONE)
			continue;
		if (text_set(&p->destination, name) < 0 ||
		    text_set(&p->destination_raw, raw) < 0)
			return mm_err_oom(reterr);
		p->renamed = true;
	}
	return 0;
}

/* There is such a folder by now, or it is known in other letters. */
static const struct folder *find_there(const struct making *m, const char *name, bool any_case)
{
	for (size_t i = 0; i < m->there.n; i++) {
		const struct folder *f = &m->there.v[i];

		if (!f->unusable &&
		    (any_case ? strcasecmp(f->name, name) == 0 : strcmp(f->name, name) == 0))
			return f;
	}
	return NULL;
}

static int take_folder(struct making *m, struct wanted *w, const struct folder *f,
		       const char *why, struct mm_err *reterr)
{
	int r = 0;

	w->settled = true;
	if (strcmp(f->raw, w->pair->destination_raw) != 0)
		r = rename_pairs(m, w->pair, f->name, f->raw, why, reterr);
	for (size_t i = 0; r == 0 && i < m->lane->engine->n_pairs; i++) {
		struct pair *p = &m->lane->engine->pairs[i];

		if (p->first != w->pair)
			continue;
		p->exists = true;
		p->destination_status = f->status;
	}
	return r;
}

/* What the server says exists, and was not listed: is it there in other letters, or a level
 * without mail that can have none? */
static int look_again(struct making *m, struct mm_err *reterr)
{
	bool needed = false;
	int r = 0;

	for (size_t i = 0; i < m->n; i++)
		needed = needed || !m->v[i].settled;
	if (!needed)
		return 0;
	r = store_list(m->lane->destination, false, &m->there, reterr);
	for (size_t i = 0; r == 0 && i < m->n; i++) {
		struct wanted *w = &m->v[i];
		const char *name = w->pair->destination;
		const struct folder *f;

		if (w->settled)
			continue;
		f = find_there(m, name, false);
		if (!f && w->make.existed)
			f = find_there(m, name, true);
		if (f && !f->noselect)
			r = take_folder(m, w, f, "knows it in these letters, not as", reterr);
		else if (!f && w->make.existed)
			w->settled = true; /* it does not show it */
		else if (w->make.existed)
			mm_err_set(&w->refusal, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EREMOTEIO,
				   "%s: folder \"%s\" is there and can hold no messages",
				   store_label(m->lane->destination), name);
	}
	return r;
}

/* The n-th other name of a folder: one that was not tried, or is there already. 1: it is to be
 * made; 0: none, or nothing to be made. */
static int other_name(struct making *m, struct wanted *w, unsigned n, struct mm_err *reterr)
{
	const struct folder *f = find_there(m, w->pair->destination, false);
	_cleanup_(freep) char *base =
		text_fmt("%s%s", w->pair->destination, f && f->noselect ? "/" : "");
	_cleanup_(buf_done) struct buf name = {0}, raw = {0};
	struct store_features features;

	store_features(m->lane->destination, &features);
	if (!base || folder_other_name(base, n, features.separator, &name) < 0 ||
	    store_local_name(m->lane->destination, buf_str(&name), &raw) < 0)
		return mm_err_oom(reterr);
	if (strcmp(buf_str(&raw), w->pair->destination_raw) == 0 ||
	    (w->raw && strcmp(buf_str(&raw), w->raw) == 0) || name.p[name.len - 1] == '/')
		return 0;
	if (text_set(&w->name, name.p) < 0 || text_set(&w->raw, buf_str(&raw)) < 0)
		return mm_err_oom(reterr);
	f = find_there(m, w->name, false);
	if (f && !f->noselect)
		return take_folder(m, w, f, "refuses the name", reterr);
	return 1;
}

/* All that is refused is tried under its n-th other name, at once. */
static int try_others(struct making *m, unsigned n, struct mm_err *reterr)
{
	struct store_make *v = calloc(m->n + 1, sizeof(*v));
	struct wanted **which = calloc(m->n + 1, sizeof(struct wanted *));
	size_t tried = 0;
	int r = v && which ? 0 : mm_err_oom(reterr);

	for (size_t i = 0; r == 0 && i < m->n; i++) {
		struct wanted *w = &m->v[i];

		if (w->settled)
			continue;
		r = other_name(m, w, n, reterr);
		if (r > 0) {
			which[tried] = w;
			v[tried] = w->make;
			v[tried++].raw = w->raw;
		}
		r = MIN_OF(r, 0);
	}
	if (r == 0 && tried > 0)
		r = store_make_folders(m->lane->destination, v, tried, reterr);
	for (size_t i = 0; r == 0 && i < tried; i++) {
		if (v[i].error.code)
			continue;
		which[i]->settled = true;
		r = rename_pairs(m, which[i]->pair, which[i]->name, which[i]->raw,
				 "refuses the name", reterr);
	}
	free(v);
	free(which);
	return r;
}

/* ---- the whole ---- */

/* What the server said to the names that were wanted. */
static int judge(struct making *m, const struct store_make *v, struct mm_err *reterr)
{
	for (size_t i = 0; i < m->n; i++) {
		struct wanted *w = &m->v[i];

		w->make.existed = v[i].existed;
		w->refusal = v[i].error;
		w->settled = w->refusal.code == 0 && !w->make.existed;
		if (w->refusal.code && w->refusal.scope >= MM_SCOPE_STORE) {
			*reterr = w->refusal;
			return w->refusal.code;
		}
	}
	return 0;
}

static void give_up(struct making *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct wanted *w = &m->v[i];

		for (size_t k = 0; !w->settled && k < m->lane->engine->n_pairs; k++) {
			struct pair *p = &m->lane->engine->pairs[k];

			if (p->first != w->pair || p->place == PAIR_DONE)
				continue;
			p->error = w->refusal;
			p->place = PAIR_DONE;
		}
	}
}

static int make_all(struct making *m, struct mm_err *reterr)
{
	struct store_make *v = calloc(m->n + 1, sizeof(*v));
	int r = v ? 0 : mm_err_oom(reterr);

	for (size_t i = 0; r == 0 && i < m->n; i++)
		v[i] = m->v[i].make;
	if (r == 0 && m->n > 0)
		r = store_make_folders(m->lane->destination, v, m->n, reterr);
	if (r == 0)
		r = judge(m, v, reterr);
	free(v);
	if (r == 0)
		r = look_again(m, reterr);
	for (unsigned n = 0; r == 0 && n < OTHER_NAMES; n++)
		r = try_others(m, n, reterr);
	if (r == 0)
		give_up(m);
	return r;
}

int make_missing(struct lane *l, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	_cleanup_(making_done) struct making m = {.lane = l};

	m.v = calloc(e->n_pairs + 1, sizeof(*m.v));
	if (!m.v)
		return mm_err_oom(reterr);
	collect(&m);
	return make_all(&m, reterr);
}
