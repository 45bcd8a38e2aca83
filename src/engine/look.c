/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the messages of a batch among what came since its watermark and nobody owns: where
 * the server tells no UIDs, or tells wrong ones. By the fields of the header and the size, in
 * the order of the batch; where only the size differs, the whole text decides later. */
#include <string.h>

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

/* Destination messages with UID in [from, last] (last 0: no end) that no row owns and, with a
 * batch, no message of this transfer has. */
static int read_unowned(struct transfer *t, const struct batch *b, uint32_t from, uint32_t last,
			struct match_list *to, struct mm_err *reterr)
{
	struct store *d = t->work->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(d, MAX_OF(from, 1), last, STORE_WANT_SIZE | STORE_WANT_FINGERPRINT,
			     0, reterr);
	while (r == 0 && (r = store_read_next(d, &m, reterr)) > 0) {
		struct match_item *it;

		/* "n:*" always answers with the last message (RFC 9051 §6.4.9). */
		r = m.uid < from || (b && transfer_is_claimed(t, b, m.uid));
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

/* A NO proves nothing: the message may have come in the form that was sent before. */
static struct match_item *find_either(const struct match_list *there, struct item *it,
				      bool any_size)
{
	struct match_item *c = find(there, &it->message, any_size);

	if (c || !it->original.has_digest)
		return c;
	c = find(there, &it->original, false);
	if (c) {
		it->repairs = 0;
		it->message.size = it->original.size;
		it->message.fingerprint = it->original.fingerprint;
		memcpy(it->message.digest, it->original.digest, MESSAGE_DIGEST_OCTETS);
	}
	return c;
}

static void pair_up(struct batch *b, const struct match_list *there, bool any_size)
{
	for (size_t i = 0; i < b->n; i++) {
		struct item *it = &b->v[i];
		struct match_item *c;

		if (it->state != ROW_INTENT || it->dest_uid)
			continue;
		c = find_either(there, it, any_size);
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

	r = read_unowned(t, b, b->watermark, 0, &there, reterr);
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
	r = read_unowned(t, b, 1, 0, &there, reterr);
	if (r < 0)
		return r;
	pair_up(b, &there, false);
	if (!has_missing(b))
		t->work->watermark = 1; /* it was none; what is found raises it */
	return 0;
}

/* ---- what was there before ---- */

static int read_before(struct transfer *t, struct mm_err *reterr)
{
	const struct folder_work *w = t->work;
	uint32_t from = MAX_OF(w->pair->sf.dest_seen, 1), end = w->destination.status.uidnext;

	t->before_is_read = true;
	return end > from ? read_unowned(t, NULL, from, end - 1, &t->before, reterr) : 0;
}

static int note_before(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct item *it = userdata;

	if (memcmp(it->message.digest, m->digest, MESSAGE_DIGEST_OCTETS) == 0) {
		it->dest_uid = m->uid;
		it->theirs = true;
		it->found = true;
		it->found_size = it->message.size;
	}
	return 0;
}

int transfer_look_before(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	struct match_item *c;
	int r = t->before_is_read ? 0 : read_before(t, reterr);

	while (r == 0 && !it->found && (c = find(&t->before, &it->message, false))) {
		_cleanup_(seqset_done) struct seqset uid = {0};

		c->partner = it->message.uid; /* asked once */
		if (seqset_add(&uid, c->uid, c->uid) < 0)
			return mm_err_oom(reterr);
		r = read_each(t->work, t->work->lane->destination, &uid, STORE_WANT_DIGEST,
			      note_before, it, reterr);
	}
	return r;
}
