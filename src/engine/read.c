/* SPDX-License-Identifier: Apache-2.0 */
/* Reading many messages of one side, whatever number. */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>

#include "folder_work.h"

#define SET_MEMBERS_MAX 500
#define SET_OCTETS_MAX  3000
#define READS_MAX       4 /* commands in flight */

int read_origin_next(struct folder_work *w, struct message *m, struct mm_err *reterr)
{
	const struct flag_rules *rules = &w->lane->engine->job->flags;
	_cleanup_(buf_done) struct buf flags = {0};
	int r;

	r = store_read_next(w->lane->origin, m, reterr);
	if (r <= 0 || !m->flags || !*m->flags || rules->drop.n + rules->rename.n == 0)
		return r;
	if (flags_apply_rules(rules, m->flags, &flags) < 0 ||
	    text_set(&m->flags, buf_str(&flags)) < 0) {
		message_done(m);
		return mm_err_oom(reterr);
	}
	return r;
}

static int next(struct folder_work *w, struct store *s, struct message *m,
		struct mm_err *reterr)
{
	return s == w->lane->origin ? read_origin_next(w, m, reterr)
				    : store_read_next(s, m, reterr);
}

int read_each(struct folder_work *w, struct store *s, const struct seqset *uids, unsigned want,
	      message_fn fn, void *userdata, struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset left = {0};
	int r = 0;

	for (size_t i = 0; i < uids->n; i++)
		if (seqset_add(&left, uids->r[i].first, uids->r[i].last) < 0)
			return mm_err_oom(reterr);

	while (r == 0 && (left.n > 0 || store_reads(s) > 0)) {
		struct message m = {0};

		while (r == 0 && left.n > 0 && store_reads(s) < READS_MAX) {
			_cleanup_(seqset_done) struct seqset part = {0};

			if (seqset_take(&left, SET_MEMBERS_MAX, SET_OCTETS_MAX, &part) < 0)
				return mm_err_oom(reterr);
			r = store_read_set(s, &part, want, reterr);
		}
		while (r == 0 && (r = next(w, s, &m, reterr)) > 0) {
			r = seqset_contains(uids, m.uid) ? fn(userdata, &m, reterr) : 0;
			message_done(&m);
		}
		if (r == 0 && engine_cancelled(w->lane->engine))
			r = engine_cancel_error(reterr);
	}
	return r;
}

int keep_message(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct match_item *it = match_add(userdata);

	if (!it)
		return mm_err_oom(reterr);
	it->uid = m->uid;
	it->size = m->size;
	it->fingerprint = m->fingerprint;
	it->id = m->witness.id;
	it->rest = m->witness.rest;
	it->says = m->witness.says;
	it->certain = m->witness.certain;
	it->date = message_date(m->date);
	it->flags = STEAL(m->flags);
	return 0;
}

static int keep_digest(void *userdata, struct message *m, struct mm_err *reterr)
{
	struct match_item *it = match_find(userdata, m->uid);

	if (it) {
		memcpy(it->digest, m->digest, sizeof(it->digest));
		memcpy(it->text, m->text, sizeof(it->text));
		it->has_digest = true;
	}
	return 0;
}

int read_digests(struct folder_work *w, struct store *s, struct match_list *l, unsigned more,
		 struct mm_err *reterr)
{
	_cleanup_(seqset_done) struct seqset uids = {0};

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].doubtful && !l->v[i].has_digest &&
		    seqset_add(&uids, l->v[i].uid, l->v[i].uid) < 0)
			return mm_err_oom(reterr);
	return read_each(w, s, &uids, STORE_WANT_DIGEST | more, keep_digest, l, reterr);
}
