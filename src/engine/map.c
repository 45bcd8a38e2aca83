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

int map_folders(const struct folder_list *origin, const struct folder_list *destination,
		bool subscribe, struct pair **ret, size_t *ret_n)
{
	struct pair *pairs = calloc(origin->n ? origin->n : 1, sizeof(*pairs));
	size_t n = 0;

	if (!pairs)
		return -ENOMEM;
	*ret = pairs; /* the caller frees what is half built */
	for (size_t i = 0; i < origin->n; i++) {
		if (origin->v[i].noselect)
			continue;
		*ret_n = ++n;
		if (fill(&pairs[n - 1], &origin->v[i], destination, subscribe) < 0)
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
		seqset_done(&v[i].gone);
	}
	free(v);
}

/* The i-th pair, which the one before it may stand in the way of. */
static const char *why_not(const struct pair *p, size_t i)
{
	if (p->place == PAIR_DONE)
		return "has a name that nobody can ask for";
	return i > 0 && strcmp(p->destination, p[-1].destination) == 0
		       ? "goes where another folder goes already"
		       : NULL;
}

int engine_map(const struct job *job, const struct folder_list *origin,
	       const struct folder_list *destination,
	       void (*each)(void *userdata, const struct engine_place *p), void *userdata)
{
	struct pair *pairs = NULL;
	size_t n = 0;
	int r;

	r = map_folders(origin, destination, job->folders.subscribe, &pairs, &n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct pair *p = &pairs[i];
		const struct engine_place place = {
			.origin = p->origin,
			.destination = p->destination,
			.at_origin = &p->origin_status,
			.at_destination = p->exists ? &p->destination_status : NULL,
			.refused = why_not(p, i),
		};

		each(userdata, &place);
	}
	pairs_free(pairs, n);
	return r;
}
