/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a batch that was sent. The server's OK names candidates; only what is then
 * found under its UID counts. A NO proves nothing: it is looked too, and what is not there goes
 * again, one by one, so that a bad message costs only itself (ladder.c). */
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "transfer_internal.h"

/* ---- looking ---- */

static void note_size(void *userdata, uint32_t uid, uint64_t size)
{
	struct batch *b = userdata;

	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].dest_uid == uid && !b->v[i].found) {
			b->v[i].found = true;
			b->v[i].found_size = size;
			return;
		}
	}
}

static int note_digest(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct batch *b = userdata;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].dest_uid == m->uid &&
		    memcmp(b->v[i].message.digest, m->digest, MESSAGE_DIGEST_OCTETS) == 0)
			b->v[i].state = ROW_STORED;
	return 0;
}

/* Messages found with another size: the server may count differently, or have changed them. */
static int check_altered(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset odd = {0};
	size_t altered = 0;
	int r;

	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].state == ROW_ALTERED && b->v[i].repairs == 0 &&
		    seqset_add(&odd, b->v[i].dest_uid, b->v[i].dest_uid) < 0)
			return mm_err_oom(reterr);
	if (odd.n == 0)
		return 0;
	r = read_each(t->work, t->work->lane->destination, &odd, STORE_WANT_DIGEST, note_digest,
		      b, reterr);
	for (size_t i = 0; i < b->n; i++)
		altered += b->v[i].state == ROW_ALTERED && b->v[i].repairs == 0;
	if (r == 0 && altered > 0)
		atomic_store(&t->engine->rewriting, true);
	if (r == 0 && altered > 0 && !t->told_altered) {
		t->told_altered = true;
		engine_note(
			t->engine, LOG_WARNING,
			"folder \"%s\": the destination changes messages when it stores them",
			t->work->pair->destination);
	}
	return r;
}

/* A destination that keeps equal messages once (Gmail) has it already: as one that was found
 * there. 1; 0; -errno. */
static int is_merged(struct transfer *t, const struct item *it, struct mm_err *reterr)
{
	const uint8_t *digest = it->message.digest;

	if (!t->features.merges)
		return 0;
	for (const struct batch *b = t->checked; b; b = b->next)
		for (size_t i = 0; i < b->n; i++)
			if (b->v[i].found &&
			    memcmp(b->v[i].message.digest, digest, MESSAGE_DIGEST_OCTETS) == 0)
				return 1;
	return state_has_copy(t->engine->state, t->work->pair->sf.id, digest, reterr);
}

static int merge(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	t->merged++;
	it->merged = true;
	it->state = ROW_STORED;
	it->dest_uid = 0;
	return text_set(&it->reason, "the destination keeps equal messages once") < 0
		       ? mm_err_oom(reterr)
		       : 0;
}

/* Confirmed by the server and not there: tried once more by a later run, then given up. */
static int not_found(struct transfer *t, const struct batch *b, struct item *it,
		     struct mm_err *reterr)
{
	struct mm_err e = {0};

	it->attempts++;
	it->state = it->attempts < ATTEMPTS_MAX ? ROW_NEW : ROW_HELD;
	it->dest_uid = 0;
	note_unfound(t->work, b->watermark);
	mm_err_set(&e, MM_SCOPE_MESSAGE, MM_RETRY_LATER, -ENOENT,
		   "%s: the server confirmed the message but does not have it",
		   store_label(t->work->lane->destination));
	mm_err_class(&e, MM_CLASS_PROTOCOL,
		     "the next run tries again; the origin still has it");
	t->work->pair->failed++;
	if (text_set(&it->reason, e.text) < 0)
		return mm_err_oom(reterr);
	return engine_trouble(t->engine, t->work->pair->origin, it->message.uid, &e, reterr);
}

/* Found by a header without Message-ID, and with another text: that is another message. */
static int drop_wrong_guesses(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->n; i++) {
		struct item *it = &b->v[i];

		if (it->state == ROW_ALTERED && it->guessed &&
		    !it->message.fingerprint.has_message_id)
			r = not_found(t, b, it, reterr);
	}
	return r;
}

static int conclude(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	struct folder_work *w = t->work;
	int r = transfer_look_below(t, b, reterr);

	b->next = t->checked; /* written down even if the rest fails */
	t->checked = b;
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		struct item *it = &b->v[i];

		if (it->state != ROW_INTENT)
			continue;
		if (it->found) {
			bool same = it->found_size == it->message.size && it->repairs == 0;

			it->state = same ? ROW_STORED : ROW_ALTERED;
			w->watermark = MAX_OF(w->watermark, it->dest_uid + 1);
			if (it->repairs)
				ladder_tell_repaired(t, it);
			continue;
		}
		r = is_merged(t, it, reterr);
		if (r >= 0)
			r = r > 0 ? merge(t, it, reterr) : not_found(t, b, it, reterr);
	}
	if (r == 0)
		r = check_altered(t, b, reterr);
	return r < 0 ? r : drop_wrong_guesses(t, b, reterr);
}

/* It has a UID, as the server says. */
static bool is_unseen(const struct item *it)
{
	return it->state == ROW_INTENT && it->dest_uid && !it->found;
}

static bool has_unseen(const struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (is_unseen(&b->v[i]))
			return true;
	return false;
}

/* One UID that is wrong makes all of them doubtful: forget what the server told, and look. */
static int distrust(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->v[i].state != ROW_INTENT)
			continue;
		b->v[i].dest_uid = 0;
		b->v[i].found = false;
	}
	return transfer_look(t, b, reterr);
}

/* Ask for the sizes of what has a UID and was not seen yet. */
static int look(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	struct batch **last = &t->checking;

	while (*last)
		last = &(*last)->next;
	*last = b;
	t->n_checking++;
	for (size_t i = 0; i < b->n; i++)
		if (is_unseen(&b->v[i]) &&
		    seqset_add(&uids, b->v[i].dest_uid, b->v[i].dest_uid) < 0)
			return mm_err_oom(reterr);
	return store_sizes_begin(t->work->lane->destination, &uids, reterr);
}

/* Take the result of looking for the oldest batch. A server that is busy with the next ones may
 * not show all of it at once (Dovecot): it is looked again. */
static int end_check(struct transfer *t, struct mm_err *reterr)
{
	struct batch *b = t->checking;
	bool last = ++b->looks >= LOOKS_MAX;
	int r;

	r = store_sizes_end(t->work->lane->destination, note_size, b, reterr);
	if (r == 0 && last && has_unseen(b))
		r = distrust(t, b, reterr);
	if (r < 0)
		return r;
	t->checking = b->next;
	t->n_checking--;
	b->next = NULL;
	if (last || !has_unseen(b))
		return conclude(t, b, reterr);
	return look(t, b, reterr);
}

/* Several looks are on their way at once: a server far away must not slow the sending down. */
static int begin_check(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	int r;

	/* The octets are not needed any more, and their memory is. */
	for (size_t i = 0; i < b->n; i++)
		item_drop_bodies(&b->v[i]);
	if (!has_unseen(b))
		return conclude(t, b, reterr);
	r = look(t, b, reterr);
	while (r == 0 && t->n_checking > t->checks)
		r = end_check(t, reterr);
	return r;
}

/* ---- answers ---- */

/* UIDs told by the server, if they can be true: news, and nobody else's. 1: taken; 0; -errno.
 */
int transfer_take_uids(struct transfer *t, struct batch *b, size_t first, size_t n,
		       const struct store_put *put, struct mm_err *reterr)
{
	if (put->uidvalidity != t->work->destination.status.uidvalidity ||
	    seqset_count(&put->uids) != n || put->uids.r[0].first < b->watermark)
		return 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t uid = seqset_nth(&put->uids, i);
		int r = transfer_is_claimed(t, b, uid);

		if (r == 0)
			r = state_owns(t->engine->state, t->work->pair->sf.id, uid, reterr);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	for (size_t i = 0; i < n; i++)
		b->v[first + i].dest_uid = seqset_nth(&put->uids, i);
	return 1;
}

/* Nothing more is sent, but what is on its way has an answer all the same. */
static bool ends_transfer(const struct transfer *t, const struct mm_err *err)
{
	return ends_sending(err) || t->closed;
}

int transfer_settle(struct transfer *t, struct mm_err *reterr)
{
	struct batch *b = t->first;
	size_t puts = t->features.batches ? 1 : b->n;
	size_t each = t->features.batches ? b->n : 1;
	bool must_look = false, refused = false, no_folder = false;
	struct mm_err refusal = {0};
	int r = 0;

	t->first = b->next;
	if (!t->first)
		t->last = NULL;
	b->next = NULL;
	t->in_flight--;
	t->in_flight_bytes -= b->bytes;

	for (size_t i = 0; r == 0 && i < puts; i++) {
		struct store_put put = {0};

		r = store_put_end(t->work->lane->destination, &put, reterr);
		if (r == 0 && !put.stored) {
			refused = true;
			no_folder = no_folder || put.no_folder;
			refusal = put.error;
		} else if (r == 0) {
			r = transfer_take_uids(t, b, i * each, each, &put, reterr);
			must_look = must_look || r == 0;
			r = r < 0 ? r : 0;
		}
		store_put_done(&put);
	}
	if (r == 0 && refused)
		r = ladder_climb(t, b, no_folder, &refusal, reterr);
	else if (r == 0 && must_look)
		r = transfer_look(t, b, reterr);
	if (r < 0 && (reterr->cls == MM_CLASS_QUOTA || t->closed || b->put_off)) {
		struct mm_err late = {0};

		/* No more is taken: what was stored before counts, the rest was looked for. */
		for (size_t i = 0; i < b->n; i++)
			if (b->v[i].state == ROW_INTENT && !b->v[i].dest_uid)
				b->v[i].state = ROW_NEW;
		(void)begin_check(t, b, &late);
		return r;
	}
	if (r < 0) {
		/* Rows stay as intents: the next pass looks for them. */
		batch_free(b);
		return r;
	}
	return begin_check(t, b, reterr);
}

int transfer_settle_all(struct transfer *t, struct mm_err *reterr)
{
	struct mm_err later = {0}, *err = reterr;
	int r = 0, first = 0;

	while (t->first && (r == 0 || ends_transfer(t, err))) {
		err = first == 0 ? reterr : &later;
		r = transfer_settle(t, err);
		first = first == 0 ? r : first;
	}
	if (r < 0 && !ends_transfer(t, err))
		return first;
	err = first == 0 ? reterr : &later;
	r = 0;
	while (r == 0 && t->checking)
		r = end_check(t, err);
	if (r == 0)
		r = transfer_commit(t, NULL, err);
	return first < 0 ? first : r;
}
