/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder goes where. Pure: lists in, pairs out. */
#include <mailmig/text.h>
#include <string.h>

#include "engine_internal.h"

/* It is there, and nobody can ask for it. */
static void refuse(struct pair *p, const struct folder *f)
{
	p->place = PAIR_DONE;
	mm_err_set(&p->error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EBADMSG,
		   "the origin lists a folder whose name is none: \"%s\"", f->name);
	mm_err_class(&p->error, MM_CLASS_REFUSED, "rename the folder at the origin");
}

static int fill(struct pair *p, const struct folder *f, const struct folder_list *destination,
		bool subscribe)
{
	const struct folder *d = folder_list_find(destination, f->name);
	bool there = d && !d->noselect && !d->unusable;

	p->origin = text_dup(f->name);
	p->destination = text_dup(f->name);
	p->origin_raw = text_dup(f->raw);
	p->origin_status = f->status;
	p->exists = there;
	if (there) {
		p->destination_raw = text_dup(d->raw);
		p->destination_status = d->status;
	}
	/* What we make is subscribed, so that people see it; what was there is only if it is at
	 * the origin. */
	p->subscribe = subscribe && (p->exists ? f->subscribed && !d->subscribed : true);
	if (f->unusable)
		refuse(p, f);
	if (!p->origin || !p->destination || !p->origin_raw ||
	    (p->exists && !p->destination_raw))
		return -ENOMEM;
	return 0;
}

int map_folders(const struct folder_rules *rules, const struct engine_sides *sides,
		const struct map_known *known, size_t n_known, struct map *ret)
{
	const struct folder_list *origin = sides->origin;

	ret->pairs = calloc(origin->n ? origin->n : 1, sizeof(*ret->pairs));
	if (!ret->pairs)
		return -ENOMEM;
	for (size_t i = 0; i < origin->n; i++) {
		if (origin->v[i].noselect)
			continue;
		if (fill(&ret->pairs[ret->n_pairs++], &origin->v[i], sides->destination,
			 rules->subscribe) < 0)
			return -ENOMEM;
	}
	return 0;
}

void pairs_free(struct pair *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].origin);
		free(v[i].destination);
		free(v[i].origin_raw);
		free(v[i].destination_raw);
		free(v[i].map.by);
		free(v[i].map.basis);
	}
	free(v);
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->n_omitted; i++) {
		free(m->omitted[i].origin);
		free(m->omitted[i].by);
	}
	free(m->omitted);
	pairs_free(m->pairs, m->n_pairs);
	text_list_done(&m->notes);
	*m = (struct map){0};
}

/* The i-th pair, which the one before it may stand in the way of. */
static const char *why_not(const struct pair *v, size_t i)
{
	const struct pair *p = &v[i];

	if (p->place == PAIR_DONE)
		return "has a name that nobody can ask for";
	return i > 0 && strcmp(p->destination, p[-1].destination) == 0
		       ? "goes where another folder goes already"
		       : NULL;
}

int engine_map(const struct job *job, const struct engine_sides *sides,
	       void (*each)(void *userdata, const struct engine_place *p),
	       void (*note)(void *userdata, const char *text), void *userdata)
{
	_cleanup_(map_done) struct map m = {0};
	int r;

	r = map_folders(&job->folders, sides, NULL, 0, &m);
	if (r < 0)
		return r;
	for (size_t i = 0; i < m.n_pairs; i++) {
		const struct pair *p = &m.pairs[i];
		const struct engine_place place = {
			.origin = p->origin,
			.destination = p->destination,
			.by = p->map.by,
			.shared = p->map.shared,
			.at_origin = &p->origin_status,
			.at_destination = p->exists ? &p->destination_status : NULL,
			.refused = why_not(m.pairs, i),
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
