/* SPDX-License-Identifier: Apache-2.0 */
/* What became of a batch that was sent. The server's OK names candidates; only what is then
 * found under its UID counts. A NO proves nothing: it is looked too, and what is not there goes
 * again, one by one, so that a bad message costs only itself. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "transfer_internal.h"

#define ATTEMPTS_MAX                                                                           \
	2 /* uploads that were confirmed and not found, before a person must look */

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
		if (b->v[i].state == ROW_ALTERED &&
		    seqset_add(&odd, b->v[i].dest_uid, b->v[i].dest_uid) < 0)
			return mm_err_oom(reterr);
	if (odd.n == 0)
		return 0;
	r = read_each(t->work, t->work->lane->destination, &odd, STORE_WANT_DIGEST, note_digest,
		      b, reterr);
	for (size_t i = 0; i < b->n; i++)
		altered += b->v[i].state == ROW_ALTERED;
	if (r == 0 && altered > 0 && !t->told_altered) {
		t->told_altered = true;
		engine_note(
			t->engine, LOG_WARNING,
			"folder \"%s\": the destination changes messages when it stores them",
			t->work->pair->destination);
	}
	return r;
}

/* Confirmed by the server and not there: tried once more by a later run, then given up. */
static int not_found(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	struct mm_err e = {0};

	it->attempts++;
	it->state = it->attempts < ATTEMPTS_MAX ? ROW_NEW : ROW_HELD;
	it->dest_uid = 0;
	mm_err_set(&e, MM_SCOPE_MESSAGE, MM_RETRY_LATER, -ENOENT,
		   "%s: the server confirmed the message but does not have it",
		   store_label(t->work->lane->destination));
	mm_err_class(&e, MM_CLASS_PROTOCOL,
		     "the next run tries again; the origin still has it");
	snprintf(it->reason, sizeof(it->reason), "%.*s", (int)sizeof(it->reason) - 1, e.text);
	t->work->pair->failed++;
	return engine_trouble(t->engine, t->work->pair->origin, it->message.uid, &e, reterr);
}

static int conclude(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	int r;

	for (size_t i = 0; i < b->n; i++) {
		struct item *it = &b->v[i];

		/* The octets are not needed any more, and their memory is. */
		it->message.body = spool_unref(it->message.body);
		if (it->state != ROW_INTENT)
			continue;
		if (!it->found) {
			r = not_found(t, it, reterr);
			if (r < 0)
				return r;
			continue;
		}
		it->state = it->found_size == it->message.size ? ROW_STORED : ROW_ALTERED;
	}
	r = check_altered(t, b, reterr);
	b->next = t->checked;
	t->checked = b;
	return r;
}

/* Take the result of looking for the batch before. */
static int end_check(struct transfer *t, struct mm_err *reterr)
{
	struct batch *b = t->checking;
	int r;

	if (!b)
		return 0;
	r = store_sizes_end(t->work->lane->destination, note_size, b, reterr);
	if (r < 0)
		return r;
	t->checking = NULL;
	return conclude(t, b, reterr);
}

static int begin_check(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};
	int r;

	r = end_check(t, reterr);
	if (r < 0) {
		batch_free(b);
		return r;
	}
	for (size_t i = 0; i < b->n; i++)
		if (b->v[i].dest_uid && b->v[i].state == ROW_INTENT &&
		    seqset_add(&uids, b->v[i].dest_uid, b->v[i].dest_uid) < 0)
			r = mm_err_oom(reterr);
	if (r == 0 && uids.n == 0)
		return conclude(t, b, reterr);
	t->checking = b;
	return r < 0 ? r : store_sizes_begin(t->work->lane->destination, &uids, reterr);
}

/* Find messages of a batch among what came since its watermark and nobody owns: by fingerprint
 * and size, in the order of the batch. */

static int look(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	_cleanup_(match_done) struct match_list there = {0};
	struct store *d = t->work->lane->destination;
	struct message m = {0};
	int r;

	r = store_read_range(d, MAX_OF(b->watermark, 1), 0,
			     STORE_WANT_SIZE | STORE_WANT_FINGERPRINT, 0, reterr);
	while (r == 0 && (r = store_read_next(d, &m, NULL, reterr)) > 0) {
		struct match_item *it;

		r = m.uid < b->watermark
			    ? 1
			    : state_owns(t->engine->state, t->work->pair->sf.id, m.uid, reterr);
		if (r == 0) {
			it = match_add(&there);
			r = it ? 0 : mm_err_oom(reterr);
			if (it)
				*it = (struct match_item){.uid = m.uid,
							  .size = m.size,
							  .fingerprint = m.fingerprint};
			t->work->watermark = MAX_OF(t->work->watermark, m.uid + 1);
		}
		message_done(&m);
		r = r < 0 ? r : 0;
	}
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		struct item *it = &b->v[i];

		for (size_t j = 0; j < there.n && it->state == ROW_INTENT && !it->found; j++) {
			struct match_item *c = &there.v[j];

			if (c->partner || c->size != it->message.size ||
			    !fingerprint_equal(&c->fingerprint, &it->message.fingerprint))
				continue;
			c->partner = it->message.uid;
			it->dest_uid = c->uid;
			it->found = true;
			it->found_size = c->size;
		}
	}
	return r;
}

/* ---- answers ---- */

/* UIDs told by the server, if they can be true. */
static bool take_uids(struct transfer *t, struct batch *b, size_t first, size_t n,
		      const struct store_put *put)
{
	if (put->uidvalidity != t->work->destination.status.uidvalidity ||
	    seqset_count(&put->uids) != n || put->uids.r[0].first < b->watermark)
		return false;
	for (size_t i = 0; i < n; i++)
		b->v[first + i].dest_uid = seqset_nth(&put->uids, i);
	t->work->watermark = MAX_OF(t->work->watermark, b->v[first + n - 1].dest_uid + 1);
	return true;
}

/* Refused, looked for and not there: given up for this run. */
static int hold(struct transfer *t, struct item *it, const struct mm_err *e,
		struct mm_err *reterr)
{
	it->state = e->scope == MM_SCOPE_MESSAGE ? ROW_HELD : ROW_NEW;
	snprintf(it->reason, sizeof(it->reason), "%.*s", (int)sizeof(it->reason) - 1, e->text);
	t->work->pair->failed++;
	return engine_trouble(t->engine, t->work->pair->origin, it->message.uid, e, reterr);
}

static int make_folder(struct transfer *t, struct mm_err *reterr)
{
	struct store_make m = {.raw = t->work->pair->destination_raw,
			       .create = true,
			       .subscribe = t->work->pair->subscribe};
	int r;

	r = store_make_folders(t->work->lane->destination, &m, 1, reterr);
	if (r < 0)
		return r;
	if (m.error.code && reterr)
		*reterr = m.error;
	return m.error.code;
}

/* Send one message alone and take its answer. */
static int retry_one(struct transfer *t, struct batch *b, size_t i, struct mm_err *reterr)
{
	struct store *d = t->work->lane->destination;
	struct message m = item_to_send(&b->v[i]);
	struct store_put put = {0};
	int r;

	r = store_put_begin(d, t->work->pair->destination_raw, &m, 1, reterr);
	if (r == 0)
		r = store_put_end(d, &put, reterr);
	if (r < 0)
		return r;
	if (!put.stored)
		r = hold(t, &b->v[i], &put.error, reterr);
	else if (!take_uids(t, b, i, 1, &put))
		r = look(t, b, reterr);
	if (r == 0 && !put.stored && put.error.scope == MM_SCOPE_JOB) {
		*reterr =
			put.error; /* no more room: every other message would be refused too */
		r = put.error.code;
	}
	store_put_done(&put);
	return r;
}

/* A batch that was refused, in whole or in part. All other batches are settled first, so that
 * what is found belongs to this one. */
static int after_refusal(struct transfer *t, struct batch *b, bool no_folder,
			 struct mm_err *reterr)
{
	bool alone = b->n == 1 && !no_folder;
	int r;

	r = transfer_settle_all(t, reterr);
	if (r == 0 && no_folder)
		r = make_folder(t, reterr);
	else if (r == 0)
		r = look(t, b, reterr);
	for (size_t i = 0; r == 0 && i < b->n && !alone; i++)
		if (b->v[i].state == ROW_INTENT && !b->v[i].dest_uid)
			r = retry_one(t, b, i, reterr);
	return r;
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

	for (size_t i = 0; r == 0 && i < puts; i++) {
		struct store_put put = {0};

		r = store_put_end(t->work->lane->destination, &put, reterr);
		if (r == 0 && !put.stored) {
			refused = true;
			no_folder = no_folder || put.no_folder;
			refusal = put.error;
		} else if (r == 0 && !take_uids(t, b, i * each, each, &put)) {
			must_look = true;
		}
		store_put_done(&put);
	}
	if (r == 0 && refused)
		r = after_refusal(t, b, no_folder, reterr);
	else if (r == 0 && must_look)
		r = look(t, b, reterr);
	if (r == 0 && refused && b->n == 1 && b->v[0].state == ROW_INTENT &&
	    !b->v[0].dest_uid) {
		r = hold(t, &b->v[0], &refusal, reterr);
		if (r == 0 && refusal.scope == MM_SCOPE_JOB) {
			*reterr = refusal;
			r = refusal.code;
		}
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
	int r = 0;

	while (r == 0 && t->first)
		r = transfer_settle(t, reterr);
	if (r == 0)
		r = end_check(t, reterr);
	if (r == 0)
		r = transfer_commit(t, NULL, reterr);
	return r;
}
