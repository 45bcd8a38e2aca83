/* SPDX-License-Identifier: Apache-2.0 */
/* The face of all stores: dispatch, and what is the same for every kind. */
#include <stdio.h>

#include "store_internal.h"

int store_link_new(struct spool_pool *pool, int cancel_fd, struct store_link **ret)
{
	struct store_link *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->cancel_fd = cancel_fd;
	l->pool = pool;
	*ret = l;
	return 0;
}

struct store_link *store_link_free(struct store_link *l)
{
	free(l);
	return NULL;
}

void store_link_before_login(struct store_link *l, int (*fn)(void *userdata), void *userdata)
{
	l->before_login = fn;
	l->userdata = userdata;
}

int store_new(const struct endpoint *endpoint, const struct secret *secret, const char *side,
	      unsigned match, struct store_link *link, struct limiter *limiter,
	      struct store **ret)
{
	if (endpoint->kind != ENDPOINT_IMAP)
		return -EINVAL;
	return imap_store_new(endpoint, secret, side, match, link, limiter, ret);
}

struct store *store_free(struct store *s)
{
	if (s)
		s->ops->free(s);
	return NULL;
}

int store_open(struct store *s, struct mm_err *reterr)
{
	return s->ops->open(s, reterr);
}

int store_join(struct store *s)
{
	return s->ops->join(s);
}

void store_features(const struct store *s, struct store_features *ret)
{
	*ret = (struct store_features){0};
	s->ops->features(s, ret);
}

uint64_t store_round_trips(const struct store *s)
{
	return s->ops->round_trips(s);
}

bool store_usable(const struct store *s)
{
	return s->ops->usable(s);
}

const char *store_label(const struct store *s)
{
	return s->ops->label(s);
}

int store_list(struct store *s, bool with_size, struct folder_list *ret, struct mm_err *reterr)
{
	return s->ops->list(s, with_size, ret, reterr);
}

int store_local_name(const struct store *s, const char *canonical, struct buf *raw)
{
	return s->ops->local_name(s, canonical, raw);
}

int store_make_folders(struct store *s, struct store_make *v, size_t n, struct mm_err *reterr)
{
	return s->ops->make_folders(s, v, n, reterr);
}

int store_room(struct store *s, const char *raw, struct store_room *ret, struct mm_err *reterr)
{
	*ret = (struct store_room){.bytes = UINT64_MAX, .messages = UINT64_MAX};
	return s->ops->room(s, raw, ret, reterr);
}

void store_folder_done(struct store_folder *f)
{
	free(f->permanent_flags);
	*f = (struct store_folder){0};
}

int store_enter_begin(struct store *s, const char *raw, bool write, struct mm_err *reterr)
{
	return s->ops->enter_begin(s, raw, write, reterr);
}

int store_enter_end(struct store *s, struct store_folder *ret, struct mm_err *reterr)
{
	return s->ops->enter_end(s, ret, reterr);
}

int store_read_range(struct store *s, uint32_t first, uint32_t last, unsigned want,
		     uint64_t changed_since, struct mm_err *reterr)
{
	char set[32];

	if (last == 0)
		snprintf(set, sizeof(set), "%u:*", first);
	else
		snprintf(set, sizeof(set), "%u:%u", first, last);
	return s->ops->read(s, set, want, changed_since, reterr);
}

int store_read_set(struct store *s, const struct seqset *set, unsigned want,
		   struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf text = {0};

	if (seqset_format(set, &text) < 0)
		return mm_err_oom(reterr);
	return s->ops->read(s, buf_str(&text), want, 0, reterr);
}

int store_read_next(struct store *s, struct message *ret, struct mm_err *reterr)
{
	return s->ops->read_next(s, ret, reterr);
}

size_t store_reads(const struct store *s)
{
	return s->ops->reads(s);
}

int store_search_begin(struct store *s, const struct store_search *what, struct mm_err *reterr)
{
	return s->ops->search_begin(s, what, reterr);
}

int store_search_end(struct store *s, struct seqset *found, struct mm_err *reterr)
{
	return s->ops->search_end(s, found, reterr);
}

void store_put_done(struct store_put *p)
{
	seqset_done(&p->uids);
	*p = (struct store_put){0};
}

int store_put_begin(struct store *s, const char *raw, const struct message *v, size_t n,
		    struct mm_err *reterr)
{
	return s->ops->put_begin(s, raw, v, n, reterr);
}

int store_put_end(struct store *s, struct store_put *ret, struct mm_err *reterr)
{
	return s->ops->put_end(s, ret, reterr);
}

int store_sizes_begin(struct store *s, const struct seqset *set, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf text = {0};

	if (seqset_format(set, &text) < 0)
		return mm_err_oom(reterr);
	return s->ops->sizes_begin(s, buf_str(&text), reterr);
}

int store_sizes_end(struct store *s, store_size_fn fn, void *userdata, struct mm_err *reterr)
{
	return s->ops->sizes_end(s, fn, userdata, reterr);
}

int store_flags_begin(struct store *s, const struct seqset *set, bool add, const char *flags,
		      struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf text = {0};

	if (seqset_format(set, &text) < 0)
		return mm_err_oom(reterr);
	return s->ops->flags_begin(s, buf_str(&text), add, flags, reterr);
}

int store_flags_end(struct store *s, struct mm_err *reterr)
{
	return s->ops->flags_end(s, reterr);
}

int store_remove(struct store *s, const struct seqset *set, struct mm_err *reterr)
{
	_cleanup_(buf_done) struct buf text = {0};

	if (seqset_format(set, &text) < 0)
		return mm_err_oom(reterr);
	return s->ops->remove(s, buf_str(&text), reterr);
}
