/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the messages of a batch among what came since its watermark and nobody owns: where
 * the server tells no UIDs, or tells wrong ones. By the fields of the header and the size, in
 * the order of the batch; where only the size differs, the whole text decides later. */
#include "transfer_internal.h"

bool transfer_is_claimed(const struct transfer *t, const struct batch *b, uint32_t uid)
{
	const struct batch *const lists[] = {t->checked, t->checking, t->first, b};

	for (size_t l = 0; l < ELEMENTS(lists); l++)
		for (const struct batch *x = lists[l]; x; x = x->next)
			for (size_t i = 0; i < x->n; i++)
				if (x->v[i].dest_uid == uid)
					return true;
	return false;
}

static int read_unowned(struct transfer *t, const struct batch *b, uint32_t from,
			struct match_list *to, struct mm_err *reterr)
{
	struct store *d = t->work->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(d, MAX_OF(from, 1), 0, STORE_WANT_SIZE | STORE_WANT_FINGERPRINT, 0,
			     reterr);
	while (r == 0 && (r = store_read_next(d, &m, NULL, reterr)) > 0) {
		struct match_item *it;

		/* "n:*" always answers with the last message (RFC 9051 §6.4.9). */
		r = m.uid < from || transfer_is_claimed(t, b, m.uid);
		if (r == 0)
			r = state_owns(t->engine->state, t->work->pair->sf.id, m.uid, reterr);
		if (r == 0) {
			it = match_add(to);
			r = it ? 0 : mm_err_oom(reterr);
			if (it)
				*it = (struct match_item){.uid = m.uid,
							  .size = m.size,
							  .fingerprint = m.fingerprint};
		}
		message_done(&m);
		r = r < 0 ? r : 0;
	}
	return r;
}

static struct match_item *find(const struct match_list *there, const struct message *m,
			       bool any_size)
{
	for (size_t i = 0; i < there->n; i++) {
		struct match_item *c = &there->v[i];

		if (!c->partner && (any_size || c->size == m->size) &&
		    fingerprint_equal(&c->fingerprint, &m->fingerprint))
			return c;
	}
	return NULL;
}

static void pair_up(struct batch *b, const struct match_list *there, bool any_size)
{
	for (size_t i = 0; i < b->n; i++) {
		struct item *it = &b->v[i];
		struct match_item *c;

		if (it->state != ROW_INTENT || it->dest_uid)
			continue;
		c = find(there, &it->message, any_size);
		if (!c)
			continue;
		c->partner = it->message.uid;
		it->dest_uid = c->uid;
		it->found = true;
		it->found_size = c->size;
		it->guessed = any_size;
	}
}

static bool has_missing(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].state == ROW_INTENT && !b->v[i].dest_uid)
			return true;
	return false;
}

int transfer_look(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list there = {0};
	int r;

	r = read_unowned(t, b, b->watermark, &there, reterr);
	for (int any_size = 0; r == 0 && any_size < 2; any_size++)
		pair_up(b, &there, any_size);
	return r;
}

int transfer_look_below(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list there = {0};
	int r;

	if (b->watermark <= 1 || !has_missing(b))
		return 0;
	r = read_unowned(t, b, 1, &there, reterr);
	if (r < 0)
		return r;
	pair_up(b, &there, false);
	if (!has_missing(b))
		t->work->watermark = 1; /* it was none; what is found raises it */
	return 0;
}
