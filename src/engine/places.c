/* SPDX-License-Identifier: Apache-2.0 */
/* Several origin folders may go to one destination. Each has rows of its own; who owns a
 * message there is asked of all of them (state_owns), and only one of them is worked on at a
 * time: first those with uploads in doubt, which no other one must take for its own. */
#include <mailmig/text.h>
#include <string.h>

#include "folder_work.h"

static int by_destination(const void *pa, const void *pb)
{
	const struct pair *a = *(struct pair *const *)pa, *b = *(struct pair *const *)pb;
	int r = strcmp(a->destination_raw, b->destination_raw);

	return r ? r : (a > b) - (a < b);
}

int pairs_group(struct pair *v, size_t n)
{
	struct pair **order = calloc(n ? n : 1, sizeof(*order)), *first = NULL;
	size_t named = 0;

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		v[i].first = &v[i];
		v[i].map.shared = false;
		if (v[i].destination_raw && v[i].place != PAIR_DONE)
			order[named++] = &v[i];
	}
	if (named > 1)
		qsort(order, named, sizeof(struct pair *), by_destination);
	for (size_t i = 0; i < named; i++) {
		struct pair *p = order[i];

		if (first && strcmp(first->destination_raw, p->destination_raw) == 0) {
			p->first = first;
			p->map.shared = first->map.shared = true;
			first->subscribe = first->subscribe || p->subscribe;
		} else {
			first = p;
		}
	}
	free(order);
	return 0;
}

void pair_set_doubt(struct pair *p, bool in_doubt)
{
	in_doubt = in_doubt && p->map.shared;
	if (in_doubt == p->in_doubt)
		return;
	p->in_doubt = in_doubt;
	if (in_doubt)
		p->first->n_in_doubt++;
	else
		p->first->n_in_doubt--;
}

bool pair_is_free(const struct pair *p)
{
	return !p->first->busy && (p->in_doubt || p->first->n_in_doubt == 0);
}

void pairs_renewed(struct engine *e, const struct pair *p, uint32_t uidvalidity)
{
	for (size_t i = 0; i < e->n_pairs; i++) {
		struct state_folder *sf = &e->pairs[i].sf;

		if (e->pairs[i].first != p->first || sf->dest_uidvalidity == 0)
			continue;
		sf->dest_uidvalidity = uidvalidity;
		sf->dest_seen = 0;
		sf->dest_modseq = 0;
		sf->dest_messages = 0;
		sf->complete = false;
	}
}

/* ---- doubts of others ---- */

static int keep_doubt(void *userdata, const struct state_row *row)
{
	struct match_item *it;

	if (!row->has_fingerprint)
		return 0;
	it = match_add(userdata);
	if (!it)
		return -ENOMEM;
	it->uid = row->watermark;
	it->fingerprint = row->fingerprint;
	return 0;
}

int read_doubts(struct folder_work *w, struct match_list *to, struct mm_err *reterr)
{
	_cleanup_(freep) int64_t *ids = NULL;
	struct state *s = w->lane->engine->state;
	size_t n = 0;
	int r;

	r = state_same_place(s, w->pair->sf.id, &ids, &n, reterr);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (ids[i] == w->pair->sf.id)
			continue;
		r = state_each(s, ids[i], ROW_INTENT, keep_doubt, to, reterr);
		if (r == 0)
			r = state_each(s, state_aside(ids[i]), ROW_INTENT, keep_doubt, to,
				       reterr);
		if (r == -ENOMEM)
			mm_err_oom(reterr);
	}
	return r;
}

static bool is_doubtful(const struct match_item *c, const struct match_list *doubts)
{
	for (size_t i = 0; i < doubts->n; i++)
		if (c->uid >= doubts->v[i].uid &&
		    fingerprint_equal(&c->fingerprint, &doubts->v[i].fingerprint))
			return true;
	return false;
}

void drop_doubtful(struct match_list *candidates, const struct match_list *doubts)
{
	size_t kept = 0;

	for (size_t i = 0; doubts->n > 0 && i < candidates->n; i++) {
		struct match_item *c = &candidates->v[i];

		if (is_doubtful(c, doubts)) {
			free(c->flags);
			free(c->reason);
		} else {
			candidates->v[kept++] = *c;
		}
	}
	if (doubts->n > 0)
		candidates->n = kept;
}
