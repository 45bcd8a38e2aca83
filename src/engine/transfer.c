/* SPDX-License-Identifier: Apache-2.0 */
/* Copying: read ahead from the origin, batch, write the intent down, put, look, write down what
 * is stored. Several batches are on their way at once; the order within the folder is kept. */
#include <mailmig/clock.h>
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "transfer_internal.h"

/* ---- batches ---- */

struct batch *batch_free(struct batch *b)
{
	if (!b)
		return NULL;
	for (size_t i = 0; i < b->n; i++) {
		message_done(&b->v[i].message);
		message_done(&b->v[i].original);
		free(b->v[i].kept_flags);
		free(b->v[i].dropped);
		free(b->v[i].base_flags);
		free(b->v[i].reason);
	}
	free(b);
	return NULL;
}

static struct batch *batch_new(struct transfer *t)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (b)
		b->watermark = t->work->watermark;
	return b;
}

static bool batch_is_full(const struct transfer *t, const struct batch *b)
{
	return b->n == t->batch_messages || b->bytes >= BATCH_BYTES;
}

/* ---- writing down ---- */

static int put_row(struct transfer *t, const struct batch *b, const struct item *it,
		   enum row_state state, struct mm_err *reterr)
{
	/* What is sent is what will be looked for; what was settled is known as it is at the
	 * origin. */
	const struct message *m =
		state != ROW_INTENT && it->original.has_digest ? &it->original : &it->message;
	_cleanup_(buf_done) struct buf repair = {0};
	struct state_row row = {
		.uid = it->message.uid,
		.state = state,
		.size = m->size,
		.has_digest = true,
		.has_fingerprint = true,
		.fingerprint = m->fingerprint,
		.flags = it->origin_flags,
		.uidvalidity = t->work->destination.status.uidvalidity,
		.watermark = b->watermark,
		.dest_uid = it->dest_uid,
		.attempts = it->attempts,
		.reason = it->reason,
		.ours = !it->theirs && !(it->guessed && state == ROW_ALTERED),
	};

	if (it->base_flags && t->engine->job->flags.mode == FLAGS_FIRST)
		row.held_under = HELD_FLAG_DUE; /* no later run would find it changed */
	if (ladder_repair_text(it, &repair) < 0)
		return mm_err_oom(reterr);
	if (repair.len > 0 && (state == ROW_INTENT || state == ROW_ALTERED))
		row.reason = repair.p;
	if (state == ROW_HELD && it->refused) {
		row.held_under = t->work->pair->circumstances;
		row.held_what = mm_class_name(it->held);
	}
	memcpy(row.digest, m->digest, sizeof(row.digest));
	return state_put(t->engine->state, t->work->pair->sf.id, &row, reterr);
}

static int settle_row(struct transfer *t, const struct batch *b, const struct item *it,
		      struct mm_err *reterr)
{
	if (it->refused || it->original.has_digest || it->guessed)
		return put_row(t, b, it, it->state, reterr);
	return state_settle(t->engine->state, t->work->pair->sf.id, it->message.uid, it->state,
			    it->dest_uid, it->attempts, it->reason, reterr);
}

static void count_batch(struct transfer *t, const struct batch *b)
{
	struct pair *p = t->work->pair;

	for (size_t i = 0; i < b->n; i++) {
		const struct item *it = &b->v[i];

		if (it->state != ROW_STORED && it->state != ROW_ALTERED)
			continue;
		p->copied++;
		note_progress(t->work, 1);
		p->bytes += it->message.size;
		atomic_fetch_add(&t->engine->done, 1);
		atomic_fetch_add(&t->engine->bytes_done, it->message.size);
	}
}

/* One transaction: what was found stored since the last one, and the intents of a new batch.
 * Only after it may the batch be sent, and only after it is anything counted as copied. */
int transfer_commit(struct transfer *t, struct batch *intent, struct mm_err *reterr)
{
	struct state_folder *sf = &t->work->pair->sf;
	struct state *s = t->engine->state;
	struct batch *b;
	int r;

	if (!intent && !t->checked)
		return 0;
	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	for (b = t->checked; r == 0 && b; b = b->next)
		for (size_t i = 0; r == 0 && i < b->n; i++)
			r = settle_row(t, b, &b->v[i], reterr);
	for (size_t i = 0; r == 0 && intent && i < intent->n; i++)
		r = put_row(t, intent, &intent->v[i], ROW_INTENT, reterr);
	/* From now on, until note_end(), something may be on its way. */
	if (r == 0 && intent && sf->uncertain_usec) {
		sf->uncertain_usec = 0;
		r = state_folder_put(s, sf, reterr);
	}
	if (r == 0)
		r = throttle_write(t->engine, reterr);
	r = state_end(s, r, reterr);
	if (r < 0)
		return r;

	while (t->checked) {
		b = t->checked;
		t->checked = b->next;
		count_batch(t, b);
		batch_free(b);
	}
	return 0;
}

/* Its batch has said already that something may be on its way. */
int transfer_intend(struct transfer *t, const struct batch *b, const struct item *it,
		    struct mm_err *reterr)
{
	struct state *s = t->engine->state;
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	r = put_row(t, b, it, ROW_INTENT, reterr);
	return state_end(s, r, reterr);
}

/* ---- sending ---- */

struct message item_to_send(const struct item *it)
{
	struct message m = it->message; /* borrowed: nothing of it is freed */

	if (it->kept_flags)
		m.flags = it->kept_flags;
	return m;
}

static int send(struct transfer *t, struct batch *b, struct mm_err *reterr)
{
	struct store *d = t->work->lane->destination;
	struct message v[BATCH_MESSAGES_MAX];
	int r = 0;

	for (size_t i = 0; i < b->n; i++)
		v[i] = item_to_send(&b->v[i]);
	if (t->features.batches)
		return store_put_begin(d, t->work->pair->destination_raw, v, b->n, reterr);
	for (size_t i = 0; r == 0 && i < b->n; i++)
		r = store_put_begin(d, t->work->pair->destination_raw, &v[i], 1, reterr);
	return r;
}

static int submit(struct transfer *t, struct mm_err *reterr)
{
	struct batch *b = t->filling;
	int r;

	if (!b || b->n == 0)
		return 0;
	b->watermark = t->work->watermark;
	r = transfer_commit(t, b, reterr);
	if (r < 0)
		return r;
	t->filling = NULL;
	if (t->last)
		t->last->next = b;
	else
		t->first = b;
	t->last = b;
	t->in_flight++;
	t->in_flight_bytes += b->bytes;
	t->sent = true;
	r = send(t, b, reterr);
	while (r == 0 && (t->in_flight > t->window ||
			  (t->in_flight > 1 && t->in_flight_bytes > WINDOW_BYTES)))
		r = transfer_settle(t, reterr);
	return r;
}

/* ---- receiving ---- */

/* s without \Flagged, into out (empty). */
static int without_flagged(const char *s, struct buf *out)
{
	_cleanup_(buf_done) struct buf none = {0};

	return flags_diff("\\Flagged", s, out, &none);
}

/* \Flagged is set when the message is there; until then it counts as not carried over. */
static int put_off_flagged(struct transfer *t, struct item *it, struct buf *kept,
			   struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf base = {0}, less = {0};

	if (without_flagged(it->message.flags, &base) < 0 ||
	    without_flagged(buf_str(kept), &less) < 0 ||
	    text_set(&it->base_flags, buf_str(&base)) < 0 ||
	    seqset_add(&t->work->flags.later, it->message.uid, it->message.uid) < 0)
		return mm_err_oom(reterr);
	buf_done(kept);
	*kept = less;
	less = (struct buf){0};
	it->origin_flags = it->base_flags;
	return 0;
}

/* What of the flags the destination's folder can hold. */
static int permit_flags(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf kept = {0};
	int r;

	it->origin_flags = it->message.flags;
	r = unkept_filter(t->work, it->message.flags, &kept, reterr);
	if (r == 0 && t->features.flagged_later && flags_has(buf_str(&kept), "\\Flagged"))
		r = put_off_flagged(t, it, &kept, reterr);
	if (r < 0 || kept.len == strlen(it->message.flags))
		return r;
	return text_set(&it->kept_flags, buf_str(&kept)) < 0 ? mm_err_oom(reterr) : 0;
}

/* How often this message was confirmed and not found before. */
static int recall_attempts(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	struct state_row row;
	int r = state_get(t->engine->state, t->work->pair->sf.id, it->message.uid, &row, NULL,
			  reterr);

	if (r == 1)
		it->attempts = row.attempts;
	return r < 0 ? r : 0;
}

static int add_message(struct transfer *t, struct message *m, struct mm_err *reterr)
{
	struct item *it;
	int r;

	if (t->work->eager && (seqset_add(&t->work->fresh, m->uid, m->uid) < 0 ||
			       seqset_add(&t->work->told, m->uid, m->uid) < 0)) {
		message_done(m);
		return mm_err_oom(reterr);
	}
	if (!seqset_contains(&t->work->fresh, m->uid) || seqset_contains(&t->got, m->uid)) {
		message_done(m);
		return 0; /* not asked for, or told twice */
	}
	if (!t->filling)
		t->filling = batch_new(t);
	if (!t->filling || seqset_add(&t->got, m->uid, m->uid) < 0) {
		message_done(m);
		return mm_err_oom(reterr);
	}
	it = &t->filling->v[t->filling->n++];
	*it = (struct item){.message = *m, .state = ROW_INTENT};
	t->filling->bytes += m->size;
	r = permit_flags(t, it, reterr);
	if (r == 0 && t->retries > 0)
		r = recall_attempts(t, it, reterr);
	if (r < 0)
		return r;
	return batch_is_full(t, t->filling) ? submit(t, reterr) : 0;
}

static int read_ahead(struct transfer *t, struct mm_err *reterr)
{
	struct store *o = t->work->lane->origin;
	int r = 0;

	while (r == 0 && t->left.n > 0 && store_reads(o) < READS_MAX) {
		_cleanup_(seqset_done) struct seqset part = {0};

		if (seqset_take(&t->left, READ_MEMBERS, READ_OCTETS, &part) < 0)
			return mm_err_oom(reterr);
		r = store_read_set(o, &part, TRANSFER_WANTS, reterr);
	}
	return r;
}

/* The next message. A reading that the server refuses ends there: perhaps for one of its
 * messages alone. */
static int next_message(struct transfer *t, struct message *ret, struct mm_err *reterr)
{
	int r = read_origin_next(t->work, ret, reterr);

	if (r < 0 && reterr->scope == MM_SCOPE_FOLDER) {
		t->refusal = *reterr;
		return 0;
	}
	return r;
}

/* Read until nothing is asked for any more, and pass on what comes. */
static int take_all(struct transfer *t, struct mm_err *reterr)
{
	struct message m = {0};
	int r = 0;

	while (r == 0 && (r = next_message(t, &m, reterr)) > 0) {
		r = add_message(t, &m, reterr);
		if (r < 0)
			return r;
		r = engine_border(t->engine, reterr);
	}
	return r;
}

/* The server refused to give it, alone too. */
static int refused_alone(struct transfer *t, uint32_t uid, struct mm_err *reterr)
{
	t->refusal.scope = MM_SCOPE_MESSAGE;
	t->work->pair->failed++;
	if (seqset_add(&t->got, uid, uid) < 0)
		return mm_err_oom(reterr);
	return engine_trouble(t->engine, t->work->pair->origin, uid, &t->refusal, reterr);
}

/* What did not come with others is asked for alone. When the server gives none of the first
 * few, it is the folder. */
static int copy_singly(struct transfer *t, struct mm_err *reterr)
{
	const struct seqset *fresh = &t->work->fresh;
	struct mm_err folder = t->refusal;
	uint64_t given = 0, refused = 0;
	int r = 0;

	for (uint64_t i = 0, n = seqset_count(fresh); r == 0 && i < n; i++) {
		_cleanup_(seqset_done) struct seqset one = {0};
		uint32_t uid = seqset_nth(fresh, i);

		if (seqset_contains(&t->got, uid))
			continue;
		if (given == 0 && refused == SINGLES_REFUSED_MAX) {
			*reterr = folder;
			return folder.code;
		}
		if (seqset_add(&one, uid, uid) < 0)
			return mm_err_oom(reterr);
		t->refusal = (struct mm_err){0};
		r = store_read_set(t->work->lane->origin, &one, TRANSFER_WANTS, reterr);
		if (r == 0)
			r = take_all(t, reterr);
		if (r == 0 && t->refusal.code) {
			refused++;
			r = refused_alone(t, uid, reterr);
		} else {
			given++;
		}
	}
	return r;
}

static int copy_all(struct transfer *t, struct mm_err *reterr)
{
	struct store *o = t->work->lane->origin;
	int r = 0;

	while (r == 0 && (t->left.n > 0 || store_reads(o) > 0)) {
		r = read_ahead(t, reterr);
		if (r == 0)
			r = take_all(t, reterr);
	}
	if (r == 0 && t->refusal.code && !t->work->eager)
		r = copy_singly(t, reterr);
	if (r == 0)
		r = submit(t, reterr);
	return r;
}

/* ---- what was listed and did not come ---- */

static int keep_uid(void *userdata, struct message *m, struct mm_err *reterr)
{
	return seqset_add(userdata, m->uid, m->uid) < 0 ? mm_err_oom(reterr) : 0;
}

/* Many at once have one cause (somebody deletes the folder): a line for all of them, or they
 * would use up the errors that a run may have. */
static int tell_unreadable(struct transfer *t, const struct seqset *there,
			   struct mm_err *reterr)
{
	struct pair *p = t->work->pair;
	const char *label = store_label(t->work->lane->origin);
	uint64_t n = seqset_count(there);
	struct mm_err e = {0};
	int r = 0;

	p->failed += n;
	if (n > UNREADABLE_MAX) {
		mm_err_set(&e, MM_SCOPE_FOLDER, MM_RETRY_LATER, -ENODATA,
			   "%s: the server lists %llu messages but does not give their text",
			   label, (unsigned long long)n);
		mm_err_class(&e, MM_CLASS_REFUSED,
			     "see whether the folder is still there; the next run tries again");
		return engine_trouble(t->engine, p->origin, 0, &e, reterr);
	}
	mm_err_set(&e, MM_SCOPE_MESSAGE, MM_RETRY_LATER, -ENODATA,
		   "%s: the server lists the message but does not give its text", label);
	mm_err_class(&e, MM_CLASS_REFUSED, "see whether a mail program can open it");
	for (uint64_t i = 0; r == 0 && i < n; i++)
		r = engine_trouble(t->engine, p->origin, seqset_nth(there, i), &e, reterr);
	return r;
}

static int explain_missing(struct transfer *t, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset missing = {0}, there = {0};
	struct folder_work *w = t->work;
	uint64_t gone;
	int r;

	for (size_t i = 0; i < w->fresh.n; i++)
		for (uint64_t uid = w->fresh.r[i].first; uid <= w->fresh.r[i].last; uid++)
			if (!seqset_contains(&t->got, (uint32_t)uid) &&
			    seqset_add(&missing, (uint32_t)uid, (uint32_t)uid) < 0)
				return mm_err_oom(reterr);
	if (missing.n == 0)
		return 0;
	r = read_each(w, w->lane->origin, &missing, STORE_WANT_FLAGS, keep_uid, &there, reterr);
	gone = seqset_count(&missing) - seqset_count(&there);
	w->pair->skipped_by[SKIP_GONE] += gone;
	w->pair->skipped += gone;
	return r < 0 ? r : tell_unreadable(t, &there, reterr);
}

/* ---- the whole ---- */

static int init(struct transfer *t, struct folder_work *w, struct mm_err *reterr)
{
	*t = (struct transfer){
		.work = w, .engine = w->lane->engine, .doubt_usec = w->pair->sf.uncertain_usec};
	store_features(w->lane->destination, &t->features);
	/* The more often the session broke, the less is at stake. */
	t->batch_messages = t->features.batches ? BATCH_MESSAGES_MAX : SINGLES_MAX;
	t->batch_messages >>= MIN_OF(BATCH_SHRINK * w->pair->failures, 31U);
	t->batch_messages = MAX_OF(t->batch_messages, (size_t)1);
	/* Without UIDs in the answer what was stored is found by looking, batch by batch. */
	t->checks = t->features.batches ? CHECKS_MAX : CHECKS_SINGLES;
	if (t->features.tells_uids)
		t->window = t->features.batches ? WINDOW_BATCHES : WINDOW_SINGLES;
	for (size_t i = 0; i < w->fresh.n; i++)
		if (seqset_add(&t->left, w->fresh.r[i].first, w->fresh.r[i].last) < 0)
			return mm_err_oom(reterr);
	return state_count(t->engine->state, w->pair->sf.id, ROW_NEW, &t->retries, reterr);
}

static void done(struct transfer *t)
{
	struct batch *b;

	batch_free(t->filling);
	while ((b = t->first) != NULL) {
		t->first = b->next;
		batch_free(b);
	}
	while ((b = t->checked) != NULL) {
		t->checked = b->next;
		batch_free(b);
	}
	while ((b = t->checking) != NULL) {
		t->checking = b->next;
		batch_free(b);
	}
	match_done(&t->before);
	seqset_done(&t->left);
	seqset_done(&t->got);
}

/* After r < 0 batches may be on their way: from now on their messages may still appear at the
 * destination for a while. Else all are settled, and only older doubts are left. */
static void note_end(struct transfer *t, int r)
{
	struct mm_err ignored; /* it stays 0, and the wait begins with the next look */

	t->work->pair->sf.uncertain_usec = r < 0 ? clock_boot_usec() : t->doubt_usec;
	if (r < 0)
		(void)save_folder(t->work, &ignored);
}

/* Reading has ended, with r: can the destination still bring to its end what is on its way? */
static bool may_settle(const struct transfer *t, int r, const struct mm_err *err)
{
	return r == 0 || r == -ECANCELED || err->cls == MM_CLASS_QUOTA || t->closed ||
	       ((err->scope == MM_SCOPE_STORE || err->cls == MM_CLASS_THROTTLED) &&
		store_usable(t->work->lane->destination));
}

/* The origin broke, or nothing more may be read: what came from it whole need not come again.
 */
static bool may_send(const struct transfer *t, const struct mm_err *err)
{
	if (err->cls == MM_CLASS_THROTTLED)
		return !t->put_off && throttle_may_send(t->engine);
	return err->scope == MM_SCOPE_STORE;
}

static int settle_rest(struct transfer *t, int r, struct mm_err *reterr)
{
	struct mm_err late = {0};
	int q = 0;

	if (r < 0 && may_send(t, reterr))
		q = submit(t, &late);
	if (q == 0)
		q = transfer_settle_all(t, r == 0 ? reterr : &late);
	return r < 0 ? r : q;
}

int transfer(struct folder_work *w, struct mm_err *reterr)
{
	struct transfer t;
	int r;

	if (w->fresh.n == 0 && !w->eager)
		return 0;
	r = init(&t, w, reterr);
	if (r == 0 && t.features.discards) {
		w->pair->copied = seqset_count(&w->fresh);
		w->pair->bytes = w->fresh_bytes;
		atomic_fetch_add(&t.engine->done, w->pair->copied);
	} else if (r == 0) {
		r = copy_all(&t, reterr);
		if (may_settle(&t, r, reterr)) {
			r = settle_rest(&t, r, reterr);
		} else {
			/* What was found before the failure counts; the failure is what is
			 * told. */
			struct mm_err late = {0};

			(void)transfer_commit(&t, NULL, &late);
		}
		/* The batch whose answer did not come is in no list any more. */
		if (t.sent)
			note_end(&t, r);
		if (r == 0)
			r = explain_missing(&t, reterr);
	}
	done(&t);
	return r;
}
