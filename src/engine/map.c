/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder goes where. Pure: lists in, pairs out. */
#include <mailmig/text.h>
#include <string.h>

#include "engine_internal.h"

static int fill(struct pair *p, const struct folder *f, const struct folder_list *destination,
		bool subscribe)
{
	const struct folder *d = folder_list_find(destination, f->name);

	p->origin = text_dup(f->name);
	p->destination = text_dup(f->name);
	p->origin_raw = text_dup(f->raw);
	p->origin_status = f->status;
	p->exists = d && !d->noselect;
	if (d && !d->noselect) {
		p->destination_raw = text_dup(d->raw);
		p->destination_status = d->status;
	}
	/* What we make is subscribed, so that people see it; what was there is only if it is at
	 * the origin. */
	p->subscribe = subscribe && (p->exists ? f->subscribed && !d->subscribed : true);
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
