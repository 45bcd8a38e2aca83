/* SPDX-License-Identifier: Apache-2.0 */
/* A mailbox on an IMAP server. */
#include <mailmig/imap.h>
#include <mailmig/text.h>

#include "store_internal.h"

struct imap_store {
	struct store head;
	struct imap *imap;
	const struct endpoint *endpoint;
	const struct secret *secret;
	char *side;
	unsigned match;
	struct store_link *link;
	struct limiter *limiter;
	struct pump own; /* until the store joins its link */
};

_Static_assert((int)STORE_WANT_FLAGS == (int)IMAP_WANT_FLAGS &&
		       (int)STORE_WANT_SIZE == (int)IMAP_WANT_SIZE &&
		       (int)STORE_WANT_DATE == (int)IMAP_WANT_DATE &&
		       (int)STORE_WANT_FINGERPRINT == (int)IMAP_WANT_FINGERPRINT &&
		       (int)STORE_WANT_DIGEST == (int)IMAP_WANT_DIGEST &&
		       (int)STORE_WANT_BODY == (int)IMAP_WANT_BODY &&
		       (int)STORE_WANT_WITNESS == (int)IMAP_WANT_WITNESS &&
		       (int)STORE_WANT_TEXT == (int)IMAP_WANT_TEXT &&
		       (int)STORE_WANT_LABELS == (int)IMAP_WANT_LABELS,
	       "the two sets of wants are handed through");

static struct imap_store *self(const struct store *s)
{
	return (struct imap_store *)s;
}

static int do_open(struct store *s, struct mm_err *reterr)
{
	struct imap_store *is = self(s);
	struct imap_options o = {
		.side = is->side,
		.endpoint = is->endpoint,
		.secret = is->secret,
		.pump = &is->own,
		.pool = is->link->pool,
		.match = is->match,
		.cancel_fd = is->link->cancel_fd,
		.limiter = is->limiter,
		.no_compress = is->link->no_compress,
		.before_login = is->link->before_login,
		.userdata = is->link->userdata,
	};

	return imap_open(&o, &is->imap, reterr);
}

static int do_join(struct store *s)
{
	return imap_use_pump(self(s)->imap, &self(s)->link->pump);
}

static void do_free(struct store *s)
{
	struct imap_store *is = self(s);

	if (is->imap && imap_garbled(is->imap))
		is->link->no_compress = true;
	imap_close(is->imap);
	free(is->side);
	free(is);
}

static void do_features(const struct store *s, struct store_features *ret)
{
	const struct imap *c = self(s)->imap;
	unsigned caps = imap_caps(c);

	ret->tells_uids = caps & IMAP_CAP_UIDPLUS;
	ret->batches = caps & IMAP_CAP_MULTIAPPEND;
	ret->marks = caps & IMAP_CAP_CONDSTORE;
	ret->labels = caps & IMAP_CAP_GMAIL;
	ret->merges = caps & IMAP_CAP_GMAIL;
	ret->flagged_later = imap_quirks(c) & IMAP_QUIRK_FLAGGED_LATER;
	ret->size_limit = imap_append_limit(c);
	ret->caps_hash = imap_caps_hash(c);
	ret->server = imap_server(c);
	ret->separator = imap_separator(c);
	ret->makes_roles = caps & IMAP_CAP_CREATE_SPECIAL_USE;
}

static uint64_t do_round_trips(const struct store *s)
{
	return self(s)->imap ? imap_round_trips(self(s)->imap) : 0;
}

static const char *do_label(const struct store *s)
{
	return self(s)->imap ? imap_label(self(s)->imap) : self(s)->side;
}

static bool do_usable(const struct store *s)
{
	return self(s)->imap && imap_usable(self(s)->imap);
}

static int do_list(struct store *s, bool with_size, struct folder_list *ret,
		   struct mm_err *reterr)
{
	return imap_list(self(s)->imap, with_size, ret, reterr);
}

static int do_local_name(const struct store *s, const char *canonical, struct buf *raw)
{
	return imap_local_name(self(s)->imap, canonical, raw);
}

static int do_make_folders(struct store *s, struct store_make *v, size_t n,
			   struct mm_err *reterr)
{
	struct imap_make *m = calloc(n ? n : 1, sizeof(*m));
	int r;

	if (!m)
		return mm_err_oom(reterr);
	for (size_t i = 0; i < n; i++)
		m[i] = (struct imap_make){.raw = v[i].raw,
					  .role = v[i].role,
					  .create = v[i].create,
					  .subscribe = v[i].subscribe};
	r = imap_make_folders(self(s)->imap, m, n, reterr);
	for (size_t i = 0; i < n; i++) {
		v[i].existed = m[i].existed;
		v[i].error = m[i].error;
	}
	free(m);
	return r;
}

static uint64_t left(bool limited, uint64_t used, uint64_t limit)
{
	if (!limited)
		return UINT64_MAX;
	return used < limit ? limit - used : 0;
}

static int do_room(struct store *s, const char *raw, struct store_room *ret,
		   struct mm_err *reterr)
{
	struct imap *c = self(s)->imap;
	struct imap_quota q;
	int r;

	if (!(imap_caps(c) & IMAP_CAP_QUOTA))
		return 0;
	r = imap_quota(c, raw, &q, reterr);
	if (r < 0) /* a quota that is not told limits nothing */
		return reterr->scope >= MM_SCOPE_STORE ? r : 0;
	ret->bytes = left(q.has_storage, q.storage_used, q.storage_limit);
	ret->messages = left(q.has_messages, q.messages_used, q.messages_limit);
	return 0;
}

static int do_enter_begin(struct store *s, const char *raw, bool write, struct mm_err *reterr)
{
	return imap_select_begin(self(s)->imap, raw, !write, reterr);
}

static int do_enter_end(struct store *s, struct store_folder *ret, struct mm_err *reterr)
{
	struct imap_mailbox box = {0};
	int r;

	r = imap_select_end(self(s)->imap, &box, reterr);
	if (r < 0)
		return r;
	*ret = (struct store_folder){
		.status = box.status,
		.permanent_flags = STEAL(box.permanent_flags),
		.read_only = box.read_only,
		.uids_last = !box.uid_not_sticky && box.status.uidvalidity,
		.marks = box.status.modseq && !box.no_modseq,
	};
	return 0;
}

static int do_read(struct store *s, const char *set, unsigned want, uint64_t changed_since,
		   struct mm_err *reterr)
{
	return imap_fetch_begin(self(s)->imap, set, want, changed_since, reterr);
}

static int do_read_next(struct store *s, struct message *ret, struct mm_err *reterr)
{
	return imap_fetch_next(self(s)->imap, ret, reterr);
}

static size_t do_reads(const struct store *s)
{
	return imap_fetches(self(s)->imap);
}

static int do_search_begin(struct store *s, const struct store_search *what,
			   struct mm_err *reterr)
{
	struct imap_search search = {.first = what->first,
				     .last = what->last,
				     .before_day = what->before_day,
				     .since_day = what->since_day,
				     .raw = what->raw};

	return imap_search_begin(self(s)->imap, &search, reterr);
}

static int do_search_end(struct store *s, struct seqset *found, struct mm_err *reterr)
{
	return imap_search_end(self(s)->imap, found, reterr);
}

static int do_put_begin(struct store *s, const char *raw, const struct message *v, size_t n,
			struct mm_err *reterr)
{
	return imap_append_begin(self(s)->imap, raw, v, n, reterr);
}

static int do_put_end(struct store *s, struct store_put *ret, struct mm_err *reterr)
{
	struct imap_append_result a = {0};
	int r;

	r = imap_append_end(self(s)->imap, &a, reterr);
	if (r < 0)
		return r;
	*ret = (struct store_put){
		.stored = a.outcome == IMAP_APPEND_STORED,
		.uidvalidity = a.uidvalidity,
		.uids = a.uids,
		.no_folder = a.try_create,
		.error = a.error,
	};
	return 0;
}

static int do_sizes_begin(struct store *s, const char *set, struct mm_err *reterr)
{
	return imap_sizes_begin(self(s)->imap, set, reterr);
}

static int do_sizes_end(struct store *s, store_size_fn fn, void *userdata,
			struct mm_err *reterr)
{
	return imap_sizes_end(self(s)->imap, fn, userdata, reterr);
}

static int do_flags_begin(struct store *s, const char *set, bool add, const char *flags,
			  struct mm_err *reterr)
{
	return imap_flags_begin(self(s)->imap, set, add, flags, reterr);
}

static int do_flags_end(struct store *s, struct mm_err *reterr)
{
	return imap_flags_end(self(s)->imap, reterr);
}

static int do_remove(struct store *s, const char *set, struct mm_err *reterr)
{
	return imap_remove(self(s)->imap, set, reterr);
}

static const struct store_ops imap_store_ops = {
	.open = do_open,
	.join = do_join,
	.free = do_free,
	.features = do_features,
	.round_trips = do_round_trips,
	.label = do_label,
	.usable = do_usable,
	.list = do_list,
	.local_name = do_local_name,
	.make_folders = do_make_folders,
	.room = do_room,
	.enter_begin = do_enter_begin,
	.enter_end = do_enter_end,
	.read = do_read,
	.read_next = do_read_next,
	.reads = do_reads,
	.search_begin = do_search_begin,
	.search_end = do_search_end,
	.put_begin = do_put_begin,
	.put_end = do_put_end,
	.sizes_begin = do_sizes_begin,
	.sizes_end = do_sizes_end,
	.flags_begin = do_flags_begin,
	.flags_end = do_flags_end,
	.remove = do_remove,
};

int imap_store_new(const struct endpoint *endpoint, const struct secret *secret,
		   const char *side, unsigned match, struct store_link *link,
		   struct limiter *limiter, struct store **ret)
{
	struct imap_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->head.ops = &imap_store_ops;
	s->endpoint = endpoint;
	s->secret = secret;
	s->match = match;
	s->link = link;
	s->limiter = limiter;
	s->side = text_dup(side);
	if (!s->side) {
		free(s);
		return -ENOMEM;
	}
	*ret = &s->head;
	return 0;
}
