/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder goes where. Pure: lists in, pairs out. */
#include <mailmig/text.h>
#include <string.h>

#include "map_internal.h"

/* It is there, and nobody can ask for it. */
static void refuse_nameless(struct pair *p, const struct folder *f)
{
	mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EBADMSG,
		   "the origin lists a folder whose name is none: \"%s\"", f->name);
	mm_err_class(&p->error, MM_CLASS_REFUSED, "rename the folder at the origin");
}

/* Two folders of one name in the origin's list would be copied into each other. */
/* Servers part levels by what they like, and one may even be a letter. */
static void refuse_levels(struct pair *p)
{
	mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EINVAL,
		   "folder \"%s\" would go to \"%s\", which is no name for a folder: it %s",
		   p->origin, p->destination, folder_levels_wrong(p->destination));
	mm_err_class(&p->error, MM_CLASS_REFUSED,
		     "rename the folder at the origin, or give it a place by folders.map");
}

static void refuse_namesake(struct pair *p)
{
	mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EEXIST,
		   "origin folder \"%s\" has the same name as another one", p->origin);
	mm_err_class(&p->error, MM_CLASS_REFUSED, "rename one of them at the origin");
}

static int omit(struct map *map, const struct folder *f, enum engine_omit why, char *by)
{
	struct map_omitted *o = &map->omitted[map->n_omitted++];

	o->why = why;
	o->by = by;
	o->status = f->status;
	o->origin = text_dup(f->name);
	return o->origin ? 0 : -ENOMEM;
}

static int fill(struct mapper *m, struct pair *p, const struct folder *f)
{
	const struct folder *d = NULL;
	bool there;

	p->origin = text_dup(f->name);
	p->origin_raw = text_dup(f->raw);
	p->origin_status = f->status;
	if (!p->origin || !p->origin_raw || mapper_decides(m, f, p) < 0 ||
	    mapper_there(m, &p->destination, &d) < 0)
		return -ENOMEM;

	there = d && !d->noselect && !d->unusable;
	p->exists = there;
	if (there) {
		p->destination_raw = text_dup(d->raw);
		p->destination_status = d->status;
		p->map.role = ROLE_NONE; /* it is as it is */
	}
	/* What we make is subscribed, so that people see it; what was there is only if it is at
	 * the origin. */
	p->subscribe =
		m->rules->subscribe && (p->exists ? f->subscribed && !d->subscribed : true);
	if (f->unusable)
		refuse_nameless(p, f);
	else if (p->error.code == 0 && folder_levels_wrong(p->destination))
		refuse_levels(p);
	return there && !p->destination_raw ? -ENOMEM : 0;
}

static int map_one(struct mapper *m, const struct folder *f, struct map *map)
{
	struct pair *last = map->n_pairs > 0 ? &map->pairs[map->n_pairs - 1] : NULL;
	struct pair *p = &map->pairs[map->n_pairs];
	enum engine_omit why = ENGINE_OMIT_NOT;
	char *by = NULL;
	int r;

	r = mapper_omits(m, f, &why, &by, &p->error);
	if (r != 0)
		return r < 0 ? r : omit(map, f, why, by);
	map->n_pairs++;
	r = fill(m, p, f);
	if (r == 0 && last && strcmp(last->origin, p->origin) == 0)
		refuse_namesake(p);
	if (p->error.code)
		p->place = PAIR_DONE;
	return r;
}

/* ---- folders that meet ---- */

/* Where a pair's messages go. */
struct goal {
	char *key; /* without case where that does not count */
	struct pair *pair;
};

static int by_goal(const void *a, const void *b)
{
	const struct goal *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r != 0 ? r : (x->pair > y->pair) - (x->pair < y->pair);
}

static int warn(struct map *map, char *text)
{
	int r = text ? text_list_add(&map->notes, text) : -ENOMEM;

	free(text);
	return r;
}

/* Pairs of one destination: the first one's spelling is that of all. */
static int share(struct map *map, const struct goal *v, size_t n)
{
	const struct pair *first = v[0].pair;

	for (size_t i = 0; i < n; i++) {
		v[i].pair->map.shared = true;
		if (i > 0 && text_set(&v[i].pair->destination, first->destination) < 0)
			return -ENOMEM;
	}
	if (n == 2)
		return warn(map,
			    text_fmt("the origin's folders \"%s\" and \"%s\" go to one "
				     "folder: \"%s\"",
				     first->origin, v[1].pair->origin, first->destination));
	return warn(map, text_fmt("%zu of the origin's folders, \"%s\" and others, go to one "
				  "folder: \"%s\"",
				  n, first->origin, first->destination));
}

static int share_all(struct map *map, const struct goal *v, size_t n)
{
	int r = 0;

	for (size_t i = 0, same; i < n && r == 0; i += same) {
		same = 1;
		while (i + same < n && strcmp(v[i].key, v[i + same].key) == 0)
			same++;
		if (same > 1)
			r = share(map, v + i, same);
	}
	return r;
}

static int find_shared(const struct mapper *m, struct map *map)
{
	struct goal *v = calloc(map->n_pairs + 1, sizeof(*v));
	size_t n = 0;
	int r = v ? 0 : -ENOMEM;

	for (size_t i = 0; i < map->n_pairs && r == 0; i++) {
		v[n].pair = &map->pairs[i];
		if (v[n].pair->place == PAIR_DONE)
			continue;
		r = mapper_key(m, v[n].pair->destination, &v[n].key);
		n += r == 0;
	}
	if (r == 0 && n > 0) {
		qsort(v, n, sizeof(*v), by_goal);
		r = share_all(map, v, n);
	}
	for (size_t i = 0; i < n; i++)
		free(v[i].key);
	free(v);
	return r;
}

/* ---- all of it ---- */

static int note_unused(struct mapper *m, struct map *map)
{
	int r = 0;

	for (size_t i = 0; i + 1 < m->map.n && r == 0; i += 2)
		if (!m->map_used[i])
			r = warn(map,
				 text_fmt("folders.map: the origin has no folder \"%s\" to "
					  "be copied",
					  m->map.v[i]));
	return r;
}

int map_folders(const struct folder_rules *rules, const struct engine_sides *sides,
		const struct map_known *known, size_t n_known, struct map *ret)
{
	_cleanup_(mapper_done) struct mapper m = {0};
	const struct folder_list *origin = sides->origin;
	int r;

	ret->pairs = calloc(origin->n + 1, sizeof(*ret->pairs));
	ret->omitted = calloc(origin->n + 1, sizeof(*ret->omitted));
	if (!ret->pairs || !ret->omitted)
		return -ENOMEM;
	r = mapper_init(&m, rules, sides, known, n_known, &ret->notes);
	for (size_t i = 0; i < origin->n && r == 0; i++)
		if (!origin->v[i].noselect)
			r = map_one(&m, &origin->v[i], ret);
	if (r == 0)
		r = find_shared(&m, ret);
	return r < 0 ? r : note_unused(&m, ret);
}

void pairs_free(struct pair *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].origin);
		free(v[i].destination);
		free(v[i].origin_raw);
		free(v[i].destination_raw);
		seqset_done(&v[i].absence.gone);
		seqset_done(&v[i].absence.removing);
		free(v[i].map.by);
		free(v[i].map.basis);
		free(v[i].note);
	}
	free(v);
}

void map_omitted_free(struct map_omitted *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].origin);
		free(v[i].by);
	}
	free(v);
}

void map_done(struct map *m)
{
	map_omitted_free(m->omitted, m->n_omitted);
	pairs_free(m->pairs, m->n_pairs);
	text_list_done(&m->notes);
	*m = (struct map){0};
}

int engine_map(const struct job *job, const struct engine_sides *sides,
	       void (*each)(void *userdata, const struct engine_place *p),
	       void (*note)(void *userdata, const char *text), void *userdata)
{
	_cleanup_(label_set_done) struct label_set labels = {0};
	_cleanup_(map_done) struct map m = {0};
	size_t all = 0;
	int r;

	r = map_folders(&job->folders, sides, NULL, 0, &m);
	if (r == 0)
		r = labels_plan(sides, &m, &labels, &all);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m.n_pairs; i++) {
		const struct pair *p = &m.pairs[i];
		const struct engine_place place = {
			.origin = p->origin,
			.destination = p->destination,
			.by = p->map.by,
			.shared = p->map.shared,
			.rest = i == all && labels.names.n > 0,
			.at_origin = &p->origin_status,
			.at_destination = p->exists ? &p->destination_status : NULL,
			.refused = p->error.code ? &p->error : NULL,
		};

		each(userdata, &place);
	}
	for (size_t i = 0; i < m.n_omitted; i++) {
		const struct map_omitted *o = &m.omitted[i];

		each(userdata, &(struct engine_place){.origin = o->origin,
						      .by = o->by,
						      .omit = o->why,
						      .at_origin = &o->status});
	}
	for (size_t i = 0; i < m.notes.n; i++)
		note(userdata, m.notes.v[i]);
	return 0;
}
