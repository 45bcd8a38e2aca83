/* SPDX-License-Identifier: Apache-2.0 */
/* Where folders went in earlier runs, against where they would go now. A folder that has been
 * copied is not copied to another place just because a word in the configuration has changed:
 * a person has to say that this is meant. */
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "known.h"
#include "places.h"

#define MOVED_TOLD_MAX 20 /* folders that are named one by one */

void known_done(struct known *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].origin_raw);
		free(k->v[i].destination_raw);
		free(k->v[i].basis);
		free(k->v[i].name);
	}
	free(k->v);
	free(k->for_map);
	*k = (struct known){0};
}

/* ---- reading ---- */

static int keep(void *userdata, const struct state_pair *p)
{
	struct known *k = userdata;
	struct known_pair *v;

	if (k->n == k->cap) {
		size_t cap = k->cap ? 2 * k->cap : 64;

		v = reallocarray(k->v, cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		k->v = v;
		k->cap = cap;
	}
	v = &k->v[k->n++];
	*v = (struct known_pair){.id = p->id,
				 .retired = p->retired,
				 .begun = p->begun,
				 .placed = *p->name != '\0'};
	v->origin_raw = text_dup(p->origin);
	v->destination_raw = text_dup(p->destination);
	v->basis = text_dup(p->basis);
	v->name = text_dup(*p->name ? p->name : p->destination);
	return v->origin_raw && v->destination_raw && v->basis && v->name ? 0 : -ENOMEM;
}

/* The first record of this origin, or where it would be. */
static size_t find_first(const struct known *k, const char *origin_raw)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(k->v[middle].origin_raw, origin_raw) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The newest one that counts. begun: only such as may have copied something. */
static const struct known_pair *find_last(const struct known *k, const char *origin_raw,
					  bool begun)
{
	const struct known_pair *last = NULL;

	for (size_t i = find_first(k, origin_raw);
	     i < k->n && strcmp(k->v[i].origin_raw, origin_raw) == 0; i++)
		if (!k->v[i].retired && (k->v[i].begun || (!begun && k->v[i].placed)))
			last = &k->v[i];
	return last;
}

const struct known_pair *known_find(const struct known *k, const char *origin_raw)
{
	return find_last(k, origin_raw, true);
}

static int by_raw(const void *pa, const void *pb)
{
	const struct folder *a = *(const struct folder *const *)pa;
	const struct folder *b = *(const struct folder *const *)pb;

	return strcmp(a->raw, b->raw);
}

/* The folders of a list that can be asked for, by the server's own name. */
static const struct folder **index_by_raw(const struct folder_list *l, size_t *ret_n)
{
	const struct folder **v = calloc(l->n + 1, sizeof(const struct folder *));
	size_t n = 0;

	for (size_t i = 0; v && i < l->n; i++)
		if (!l->v[i].noselect && !l->v[i].unusable)
			v[n++] = &l->v[i];
	if (n > 1)
		qsort(v, n, sizeof(const struct folder *), by_raw);
	*ret_n = n;
	return v;
}

/* Before there were rules a folder went where it would go without any. */
static const char *basis_of(const struct known_pair *k, const struct folder_rules *rules)
{
	return *k->basis ? k->basis : rules->automap ? "automap" : "same";
}

/* The name of a place that is still one: a folder that is gone is none. What was chosen and not
 * begun stays chosen, or a run that ended in between would choose otherwise, by what it had
 * made itself. */
static const char *place_of(const struct known_pair *k, const struct folder **there, size_t n)
{
	const struct folder key = {.raw = k->destination_raw}, *pkey = &key;
	const struct folder **f =
		n ? bsearch(&pkey, there, n, sizeof(const struct folder *), by_raw) : NULL;

	if (f)
		return (*f)->name;
	return k->placed && !k->begun ? k->name : NULL;
}

/* What the map is told: the last place of each folder. */
static int tell_map(struct known *k, const struct folder_rules *rules,
		    const struct folder_list *destination)
{
	size_t n_there = 0;
	const struct folder **there = index_by_raw(destination, &n_there);

	k->for_map = calloc(k->n + 1, sizeof(*k->for_map));
	for (size_t i = 0; there && k->for_map && i < k->n; i++) {
		const struct known_pair *v = &k->v[i];
		const char *name = v == find_last(k, v->origin_raw, false)
					   ? place_of(v, there, n_there)
					   : NULL;

		if (name)
			k->for_map[k->n_for_map++] =
				(struct map_known){.origin_raw = v->origin_raw,
						   .destination = name,
						   .basis = basis_of(v, rules)};
	}
	free(there);
	return there && k->for_map ? 0 : -ENOMEM;
}

int known_read(struct engine *e, const struct folder_list *destination, struct known *ret,
	       struct mm_err *reterr)
{
	int r = state_pairs(e->state, keep, ret, reterr);

	if (r == 0 && tell_map(ret, &e->job->folders, destination) < 0)
		r = mm_err_oom(reterr);
	return r;
}

/* ---- comparing ---- */

enum known_verdict known_judge(const struct known *k, const struct folder_rules *rules,
			       const struct pair *p, const struct known_pair **ret)
{
	*ret = known_find(k, p->origin_raw);
	if (!*ret || strcmp((*ret)->destination_raw, p->destination_raw) == 0)
		return KNOWN_SAME;
	return strcmp(basis_of(*ret, rules), p->map.basis ? p->map.basis : "") == 0
		       ? KNOWN_GONE
		       : KNOWN_MOVED;
}

static int tell_moved(struct engine *e, struct pair *p, const struct known_pair *was,
		      bool confirmed, struct mm_err *reterr)
{
	uint64_t messages = 0, bytes = 0;
	struct mm_err err = {0};
	int r = state_count_settled(e->state, was->id, &messages, &bytes, reterr);

	if (r < 0)
		return r;
	if (confirmed) {
		engine_note(e, LOG_NOTICE,
			    "folder \"%s\" went to \"%s\" (%llu messages), from now on to "
			    "\"%s\"",
			    p->origin, was->name, (unsigned long long)messages, p->destination);
		return 0;
	}
	if (pair_note(p, "went to \"%s\" (%llu messages)", was->name,
		      (unsigned long long)messages) < 0)
		return mm_err_oom(reterr);
	mm_err_set(&err, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EPERM,
		   "went to \"%s\" (%llu messages), would go to \"%s\" (%s)", was->name,
		   (unsigned long long)messages, p->destination,
		   p->map.by ? p->map.by : "same name");
	mm_err_class(&err, MM_CLASS_SAFETY, "%s", "");
	engine_tell(e, p->origin, 0, &err);
	return 0;
}

/* Told at the end of a plan, else now. */
static int refuse(struct engine *e, size_t n, struct mm_err *reterr)
{
	struct mm_err err = {0};

	mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EPERM,
		   "by the configuration %zu folder%s would go elsewhere than before", n,
		   n == 1 ? "" : "s");
	mm_err_class(
		&err, MM_CLASS_SAFETY,
		"if that is meant: mailmigctl run --confirm-mapping %s (all their messages "
		"are copied to the new place, those at the old one stay); else take the "
		"change of \"folders\" back",
		e->job->account);
	if (e->job->dry_run) {
		e->lack = err;
		return 0;
	}
	*reterr = err;
	return err.code;
}

int known_check(struct engine *e, const struct known *k, struct mm_err *reterr)
{
	bool confirmed = e->job->confirm_mapping;
	size_t moved = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		struct pair *p = &e->pairs[i];
		const struct known_pair *was;
		enum known_verdict v;

		if (p->place == PAIR_DONE)
			continue;
		v = known_judge(k, &e->job->folders, p, &was);
		if (v == KNOWN_GONE) {
			engine_note(
				e, LOG_NOTICE,
				"folder \"%s\" went to \"%s\", which is not there any more: "
				"now to \"%s\"",
				p->origin, was->name, p->destination);
		} else if (v == KNOWN_MOVED && ++moved <= MOVED_TOLD_MAX) {
			r = tell_moved(e, p, was, confirmed, reterr);
		}
	}
	return r < 0 || moved == 0 || confirmed ? r : refuse(e, moved, reterr);
}

/* ---- writing down ---- */

/* Is just this remembered of the folder, and nothing else? */
static bool is_placed(const struct known *k, const struct pair *p)
{
	bool found = false;

	for (size_t i = find_first(k, p->origin_raw);
	     i < k->n && strcmp(k->v[i].origin_raw, p->origin_raw) == 0; i++) {
		const struct known_pair *v = &k->v[i];

		if (v->id != p->sf.id && !v->retired)
			return false;
		if (v->id == p->sf.id)
			found = !v->retired &&
				strcmp(v->basis, p->map.basis ? p->map.basis : "") == 0;
	}
	return found;
}

int known_write(struct engine *e, const struct known *k, bool renamed, struct mm_err *reterr)
{
	bool begun = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < e->n_pairs; i++) {
		const struct pair *p = &e->pairs[i];

		if (p->place == PAIR_DONE || (renamed ? !p->renamed : is_placed(k, p)))
			continue;
		if (!begun)
			r = state_begin(e->state, reterr);
		if (r < 0)
			return r;
		begun = true;
		r = state_place(e->state, p->sf.id, p->map.basis ? p->map.basis : "",
				p->destination, reterr);
	}
	return begun ? state_end(e->state, r, reterr) : r;
}
