/* SPDX-License-Identifier: Apache-2.0 */
/* What the destination refused once is not tried again in each run: it would only refuse it
 * again. Its row keeps a number for the circumstances; when those are others it is tried, or
 * when a person says so. It counts as failed as long as it is not there. */
#include <mailmig/quarantine.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "refused.h"

static uint64_t hash_text(uint64_t h, const char *s)
{
	return text_hash(h, s ? s : "", s ? strlen(s) + 1 : 1);
}

/* Which server it is and whose mailbox, what it says that it can, and what we would try. */
static uint64_t circumstances(const struct job *j, const struct store_features *f,
			      uint64_t size_limit)
{
	const struct endpoint *d = &j->destination;
	uint64_t h = TEXT_HASH_SEED;

	h = hash_text(h, d->host);
	h = text_hash(h, &d->port, sizeof(d->port));
	h = hash_text(h, d->user);
	h = text_hash(h, &f->caps_hash, sizeof(f->caps_hash));
	h = text_hash(h, &size_limit, sizeof(size_limit));
	h = hash_text(h, MAILMIG_VERSION);
	h = text_hash(h, &j->repair, sizeof(j->repair));
	return h ? h : 1;
}

int held_recall(struct lane *l, struct pair *p, struct mm_err *reterr)
{
	struct engine *e = l->engine;
	struct store_features f;

	store_features(l->destination, &f);
	p->circumstances = circumstances(e->job, &f, p->destination_status.append_limit);
	return state_count_held(e->state, p->sf.id, 0, &p->held_rows, reterr);
}

int held_is_quiet(struct engine *e, const struct pair *p, struct mm_err *reterr)
{
	uint64_t others = 0;
	int r;

	if (p->held_rows == 0)
		return 1;
	/* A person may have put there by hand what was refused. */
	if (e->job->retry_held || p->destination_status.uidnext > p->sf.dest_seen)
		return 0;
	r = state_count_held(e->state, p->sf.id, p->circumstances, &others, reterr);
	return r < 0 ? r : others == 0;
}

bool held_is_same(const struct engine *e, const struct pair *p, const struct state_row *row)
{
	return row->held_under != 0 && row->held_under == p->circumstances &&
	       !e->job->retry_held;
}

void held_advise(const struct engine *e, const uint8_t *digest, struct mm_err *err)
{
	const struct job *j = e->job;
	_cleanup_(freep) char *path =
		digest ? quarantine_find(j->state_dir, j->account, digest) : NULL;

	if (path)
		mm_err_class(err, err->cls, "kept in %s; again: mailmigctl run --retry-held %s",
			     path, j->account);
	else
		mm_err_class(err, err->cls,
			     "when the cause is gone: mailmigctl run --retry-held %s",
			     j->account);
}

/* ---- telling ---- */

struct told {
	uint32_t uid;
	bool has_digest;
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	enum mm_class cls;
	char *reason;
};

struct telling {
	const struct engine *engine;
	const struct pair *pair;
	const struct seqset *uids;
	struct told *v;
	size_t n, cap;
};

static int keep_row(void *userdata, const struct state_row *row)
{
	struct telling *t = userdata;
	struct told *told;

	if (!held_is_same(t->engine, t->pair, row) ||
	    (t->uids && !seqset_contains(t->uids, row->uid)))
		return 0;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct told *v = reallocarray(t->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		t->v = v;
		t->cap = cap;
	}
	told = &t->v[t->n];
	*told = (struct told){.uid = row->uid,
			      .has_digest = row->has_digest,
			      .cls = mm_class_from_name(row->held_what ? row->held_what : ""),
			      .reason = text_dup(row->reason ? row->reason : "")};
	memcpy(told->digest, row->digest, sizeof(told->digest));
	t->n++;
	return told->reason ? 0 : -ENOMEM;
}

int held_tell(struct engine *e, struct pair *p, const struct seqset *uids,
	      struct mm_err *reterr)
{
	struct telling t = {.engine = e, .pair = p, .uids = uids};
	int r;

	r = state_each(e->state, p->sf.id, ROW_HELD, keep_row, &t, reterr);
	if (r == -ENOMEM)
		mm_err_oom(reterr);
	for (size_t i = 0; i < t.n; i++) {
		struct mm_err err = {0};

		mm_err_set(&err, MM_SCOPE_MESSAGE, MM_RETRY_NEVER, -EREMOTEIO, "%s",
			   t.v[i].reason ? t.v[i].reason : "");
		err.cls = t.v[i].cls;
		held_advise(e, t.v[i].has_digest ? t.v[i].digest : NULL, &err);
		if (r == 0) {
			p->failed++;
			p->held++;
			engine_tell(e, p->origin, t.v[i].uid, &err);
		}
		free(t.v[i].reason);
	}
	free(t.v);
	return r;
}

/* ---- too large ---- */

int held_too_large(struct folder_work *w, const struct message *m, uint64_t limit,
		   struct mm_err *reterr)
{
	struct engine *e = w->lane->engine;
	struct pair *p = w->pair;
	struct mm_err err = {0};
	struct state_row row = {
		.uid = m->uid,
		.state = ROW_HELD,
		.size = m->size,
		.flags = m->flags,
		.uidvalidity = w->destination.status.uidvalidity,
		.reason = err.text,
		.held_under = p->circumstances,
		.held_what = mm_class_name(MM_CLASS_TOO_LARGE),
	};
	int r;

	mm_err_set(&err, MM_SCOPE_MESSAGE, MM_RETRY_NEVER, -EMSGSIZE,
		   "message of %llu octets is over the destination's limit of %llu",
		   (unsigned long long)m->size, (unsigned long long)limit);
	mm_err_class(&err, MM_CLASS_TOO_LARGE,
		     "have the limit raised, or copy it by hand; it stays at the origin");
	r = state_begin(e->state, reterr);
	if (r < 0)
		return r;
	r = state_put(e->state, p->sf.id, &row, reterr);
	r = state_end(e->state, r, reterr);
	if (r < 0)
		return r;
	p->failed++;
	p->held++;
	return engine_trouble(e, p->origin, m->uid, &err, reterr);
}
