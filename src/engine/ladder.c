/* SPDX-License-Identifier: Apache-2.0 */
/* What follows a refusal. A NO proves nothing, so that what was refused is looked for first,
 * each time; then it goes again, message by message, since one bad message makes the server
 * refuse a whole batch: as it is, without its keywords, then with the smallest repair that
 * applies, one more each time. Each form has its intent on the disk before it is sent: killed
 * in between, the next run looks for just these octets. What is refused to the end is held, and
 * its octets are kept for a person. */
#include <mailmig/quarantine.h>
#include <mailmig/repair.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#include "refused.h"
#include "transfer_internal.h"

/* ---- words ---- */

int ladder_repair_text(const struct item *it, struct buf *out)
{
	if (it->repairs == 0)
		return 0;
	return buf_adds(out, "repaired: ") < 0 ? -ENOMEM : repair_names(it->repairs, out);
}

static const struct message *as_at_origin(const struct item *it)
{
	return it->original.has_digest ? &it->original : &it->message;
}

void ladder_tell_repaired(struct transfer *t, const struct item *it)
{
	const struct job *j = t->engine->job;
	_cleanup_(freep) char *path =
		quarantine_find(j->state_dir, j->account, as_at_origin(it)->digest);
	_cleanup_(buf_done) struct buf text = {0};

	(void)ladder_repair_text(it, &text); /* without memory it has fewer words */
	engine_note(t->engine, LOG_WARNING,
		    "folder \"%s\", message %u: the destination refuses it as it is; it is "
		    "there %s; its own octets are kept in %s",
		    t->work->pair->origin, it->message.uid, text.len ? text.p : "repaired",
		    path ? path : "the quarantine");
}

/* ---- giving up ---- */

static int keep_original(struct transfer *t, const struct item *it, const char *reason,
			 struct mm_err *reterr)
{
	struct message m = *as_at_origin(it);
	_cleanup_(buf_done) struct buf tried = {0};
	struct mm_err failed;
	struct quarantine q = {
		.state_dir = t->engine->job->state_dir,
		.account = t->engine->job->account,
		.min_free_bytes = t->engine->job->min_free_bytes,
		.folder = t->work->pair->origin,
		.uidvalidity = t->work->origin.status.uidvalidity,
		.message = &m,
		.reason = reason,
	};
	int r;

	m.uid = it->message.uid;
	m.flags = it->message.flags;
	memcpy(m.date, it->message.date, sizeof(m.date));
	(void)ladder_repair_text(it, &tried); /* the reason says most */
	q.tried = buf_str(&tried);
	r = quarantine_put(&q, &failed);
	if (r < 0)
		*reterr = failed; /* the reason may be in it */
	return r;
}

/* Refused, looked for and not there. What will be refused again is held; with what it was, for
 * a person to look at, unless only its size is the matter. */
static int give_up(struct transfer *t, struct item *it, const struct mm_err *e,
		   struct mm_err *reterr)
{
	struct mm_err err = *e;

	if (err.retry == MM_RETRY_NEVER && err.cls != MM_CLASS_TOO_LARGE)
		(void)keep_original(t, it, e->text, &err); /* it says why not */
	it->state = ROW_NEW;
	if (err.retry == MM_RETRY_NEVER) {
		it->state = ROW_HELD;
		it->refused = true;
		it->held = err.cls;
		t->work->pair->held++;
		held_advise(t->engine,
			    err.cls == MM_CLASS_TOO_LARGE ? NULL : as_at_origin(it)->digest,
			    &err);
	}
	t->work->pair->failed++;
	if (text_set(&it->reason, err.text) < 0)
		return mm_err_oom(reterr);
	return engine_trouble(t->engine, t->work->pair->origin, it->message.uid, &err, reterr);
}

/* The server wants to be left alone: nothing more is sent now. What is there already counts; if
 * that cannot be told, it stays in doubt. */
static int put_off(struct transfer *t, struct batch *b, const struct mm_err *refusal,
		   struct mm_err *reterr)
{
	struct mm_err late = {0};
	int code = refusal->code;

	t->put_off = true;
	b->put_off = transfer_look(t, b, &late) == 0;
	*reterr = *refusal;
	return code;
}

/* ---- rungs ---- */

/* Where keywords begin in canonical flags: behind the system flags. NULL: there are none. */
static const char *keywords(const struct item *it)
{
	const char *s = item_to_send(it).flags;

	while (s && *s == '\\')
		s = strchr(s, ' ') ? strchr(s, ' ') + 1 : NULL;
	return s && *s ? s : NULL;
}

/* A message must not be lost for its keywords: the next attempt goes without them. */
static bool drop_keywords(struct item *it)
{
	const char *flags = item_to_send(it).flags, *from = keywords(it);
	_cleanup_(freep) char *kept = NULL, *dropped = NULL;

	if (!from)
		return false;
	kept = text_dupn(flags, from > flags ? (size_t)(from - flags - 1) : 0);
	dropped = text_dup(from);
	if (!kept || !dropped)
		return false;
	free(it->kept_flags);
	it->kept_flags = STEAL(kept);
	free(it->dropped);
	it->dropped = STEAL(dropped);
	return true;
}

/* Keywords that a message like this was refused for. */
static int leave_off(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf kept = {0};
	int r;

	if (t->work->flags.unkept.refused.len == 0 || !keywords(it))
		return 0;
	r = unkept_filter(t->work, item_to_send(it).flags, &kept, reterr);
	if (r == 0 && text_set(&it->kept_flags, buf_str(&kept)) < 0)
		r = mm_err_oom(reterr);
	return r;
}

/* The message in hand becomes its original with these repairs. */
static int set_repaired(struct transfer *t, struct item *it, unsigned repairs)
{
	_cleanup_(spool_unrefp) struct spool *body = NULL;
	struct message *m = &it->message, new = {0};
	int r;

	r = repair_message(as_at_origin(it)->body, repairs, t->engine->pool, &body);
	if (r == 0)
		r = message_digest(body, new.digest);
	if (r == 0)
		r = fingerprint_body(body, &new.fingerprint);
	if (r < 0)
		return r;
	if (!it->original.has_digest) {
		it->original = (struct message){.size = m->size,
						.has_digest = true,
						.has_fingerprint = true,
						.fingerprint = m->fingerprint,
						.body = m->body};
		memcpy(it->original.digest, m->digest, sizeof(m->digest));
		m->body = NULL;
	}
	spool_unref(m->body);
	m->body = STEAL(body);
	m->size = spool_size(m->body);
	m->fingerprint = new.fingerprint;
	memcpy(m->digest, new.digest, sizeof(m->digest));
	it->repairs = repairs;
	return 0;
}

/* The next repair, one more than those before. 1: there is one; 0: none is left. */
static int repair_more(struct transfer *t, struct item *it, struct mm_err *reterr)
{
	unsigned left, next;
	int r = 0;

	if (!it->looked)
		r = repair_look(it->message.body, &it->wrong);
	it->looked = true;
	left = it->wrong & ~it->repairs;
	next = left & (~left + 1U); /* the lowest one: they are in their order */
	if (r == 0 && next)
		r = set_repaired(t, it, it->repairs | next);
	if (r == 0)
		return next != 0;
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r, "cannot repair a message: %s",
		   strerror(-r));
	return mm_err_class(reterr, MM_CLASS_LOCAL, "free space in the state directory");
}

/* Another form of a message that was refused. 1: there is one, and it may be sent (or was
 * found); 0: there is none, *refusal tells; -errno. */
static int next_form(struct transfer *t, struct batch *b, struct item *it,
		     struct mm_err *refusal, struct mm_err *reterr)
{
	int r;

	if (refusal->scope != MM_SCOPE_MESSAGE || refusal->retry != MM_RETRY_NEVER)
		return 0;
	if (drop_keywords(it)) /* a limit may be one of keywords, too */
		return 1;
	if (!t->engine->job->repair || refusal->cls == MM_CLASS_TOO_LARGE)
		return 0;
	r = repair_more(t, it, reterr);
	if (r <= 0)
		return r;
	/* Nothing is altered before its own octets are safe. */
	if (keep_original(t, it, refusal->text, refusal) < 0)
		return 0;
	r = transfer_look_before(t, it, reterr);
	if (r == 0)
		r = transfer_intend(t, b, it, reterr);
	return r < 0 ? r : 1;
}

/* Send one message alone and take its answer. 1: it is there, or has to be looked for by its
 * UID; 0: refused, and not there. */
static int send_alone(struct transfer *t, struct batch *b, size_t i, struct mm_err *refusal,
		      struct mm_err *reterr)
{
	struct store *d = t->work->lane->destination;
	struct message m = item_to_send(&b->v[i]);
	struct store_put put = {0};
	bool stored;
	int r;

	if (b->v[i].found)
		return 1;
	r = store_put_begin(d, t->work->pair->destination_raw, &m, 1, reterr);
	if (r == 0)
		r = store_put_end(d, &put, reterr);
	if (r < 0)
		return r;
	stored = put.stored;
	r = stored ? transfer_take_uids(t, b, i, 1, &put, reterr) : 0;
	*refusal = put.error;
	store_put_done(&put);
	if (!stored && refusal->cls == MM_CLASS_THROTTLED)
		return 0; /* it is looked for when it is put off */
	if (r == 0)
		r = transfer_look(t, b, reterr);
	return r < 0 ? r : stored || b->v[i].dest_uid != 0;
}

/* first: it was refused in a command of its own already; the same again brings the same. */
static int climb(struct transfer *t, struct batch *b, size_t i, const struct mm_err *first,
		 struct mm_err *reterr)
{
	struct item *it = &b->v[i];
	struct mm_err refusal = {0};
	int r = 0;

	if (first)
		refusal = *first;
	else if ((r = leave_off(t, it, reterr)) == 0)
		r = send_alone(t, b, i, &refusal, reterr);
	while (r == 0 && (r = next_form(t, b, it, &refusal, reterr)) > 0)
		r = send_alone(t, b, i, &refusal, reterr);
	if (r > 0) /* it is there */
		return it->dropped && it->repairs == 0
			       ? unkept_refused(t->work, it->dropped, reterr)
			       : 0;
	if (r < 0)
		return r;
	if (refusal.cls == MM_CLASS_THROTTLED)
		return put_off(t, b, &refusal, reterr);
	if (refusal.scope == MM_SCOPE_MESSAGE)
		return give_up(t, it, &refusal, reterr);
	/* Every other message would be refused too. */
	t->closed = true;
	*reterr = refusal;
	return refusal.code;
}

/* ---- the whole ---- */

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

/* All other batches are settled first, so that what is found belongs to this one. */
int ladder_climb(struct transfer *t, struct batch *b, bool no_folder,
		 const struct mm_err *refusal, struct mm_err *reterr)
{
	bool alone = b->n == 1 && !no_folder;
	int r;

	r = transfer_settle_all(t, reterr);
	if (refusal->cls == MM_CLASS_THROTTLED && (r == 0 || reterr->cls == MM_CLASS_THROTTLED))
		return put_off(t, b, refusal, reterr);
	if (refusal->scope > MM_SCOPE_MESSAGE && refusal->cls != MM_CLASS_QUOTA && !no_folder)
		t->closed = true; /* for lack of room a smaller one may still fit */
	if (r == 0 && no_folder)
		r = make_folder(t, reterr);
	else if (r == 0)
		r = transfer_look(t, b, reterr);
	for (size_t i = 0; r == 0 && i < b->n; i++) {
		if (b->v[i].state != ROW_INTENT || b->v[i].dest_uid)
			continue;
		if (!t->closed) {
			r = climb(t, b, i, alone ? refusal : NULL, reterr);
		} else {
			*reterr = *refusal; /* nothing more is sent */
			r = refusal->code;
		}
	}
	return r;
}
