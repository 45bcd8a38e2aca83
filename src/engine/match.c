/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of two sides are the same. Pure: no I/O.
 *
 * A fingerprint (Message-ID, Date, From, Subject) proposes, and is believed where nothing
 * speaks against it: there is a Message-ID, and it occurs once on each side (a server that
 * rewrites messages changes their size, so that is no witness). Everything else is decided by
 * the digest of the whole content. */
#include <string.h>

#include "engine_internal.h"

struct match_item *match_add(struct match_list *l)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		struct match_item *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct match_item){.date = MESSAGE_NO_DATE};
	return &l->v[l->n++];
}

void match_done(struct match_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].flags);
		free(l->v[i].base);
		free(l->v[i].reason);
	}
	free(l->v);
	*l = (struct match_list){0};
}

typedef int (*item_cmp)(const struct match_item *a, const struct match_item *b);

static int cmp_fingerprint(const struct match_item *a, const struct match_item *b)
{
	return memcmp(a->fingerprint.id, b->fingerprint.id, FINGERPRINT_OCTETS);
}

static int cmp_digest(const struct match_item *a, const struct match_item *b)
{
	return memcmp(a->digest, b->digest, MESSAGE_DIGEST_OCTETS);
}

static int cmp_date(const struct match_item *a, const struct match_item *b)
{
	return a->date < b->date ? -1 : a->date > b->date;
}

static int cmp_date_size(const struct match_item *a, const struct match_item *b)
{
	int r = cmp_date(a, b);

	return r ? r : (a->size > b->size) - (a->size < b->size);
}

static int cmp_uid(const struct match_item *a, const struct match_item *b)
{
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

static int cmp_digest_flags(const struct match_item *a, const struct match_item *b)
{
	int r = cmp_digest(a, b);

	return r ? r : strcmp(a->flags ? a->flags : "", b->flags ? b->flags : "");
}

static int by_fingerprint(const void *x, const void *y)
{
	int r = cmp_fingerprint(x, y);

	return r ? r : cmp_uid(x, y);
}

static int by_digest(const void *x, const void *y)
{
	int r = cmp_digest_flags(x, y);

	return r ? r : cmp_uid(x, y);
}

static int by_date(const void *x, const void *y)
{
	int r = cmp_date(x, y);

	return r ? r : cmp_uid(x, y);
}

static int by_date_size(const void *x, const void *y)
{
	int r = cmp_date_size(x, y);

	return r ? r : cmp_uid(x, y);
}

static int by_uid(const void *x, const void *y)
{
	return cmp_uid(x, y);
}

static void sort(struct match_list *l, int (*order)(const void *, const void *))
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), order);
}

/* Length of the run of items equal to v[i]. */
static size_t run_length(const struct match_list *l, size_t i, item_cmp cmp)
{
	size_t j = i + 1;

	while (j < l->n && cmp(&l->v[i], &l->v[j]) == 0)
		j++;
	return j - i;
}

static void pair_up(struct match_item *a, struct match_item *b)
{
	a->partner = b->uid;
	b->partner = a->uid;
	a->doubtful = b->doubtful = false;
}

static void decide_group(struct match_item *a, size_t na, struct match_item *b, size_t nb,
			 enum match_trust trust)
{
	bool certain = trust != MATCH_DOUBT && na == 1 && nb == 1 &&
		       a->fingerprint.has_message_id && !(a->has_digest && b->has_digest) &&
		       (trust != MATCH_TRUST_SIZE || a->size == b->size);

	if (certain) {
		pair_up(a, b);
		return;
	}
	for (size_t i = 0; i < na; i++)
		a[i].doubtful = true;
	for (size_t i = 0; i < nb; i++)
		b[i].doubtful = true;
}

void match_by_fingerprint(struct match_list *a, struct match_list *b, enum match_trust trust)
{
	sort(a, by_fingerprint);
	sort(b, by_fingerprint);
	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		int c = cmp_fingerprint(&a->v[i], &b->v[j]);
		size_t na = run_length(a, i, cmp_fingerprint);
		size_t nb = run_length(b, j, cmp_fingerprint);

		if (c == 0)
			decide_group(&a->v[i], na, &b->v[j], nb, trust);
		if (c <= 0)
			i += na;
		if (c >= 0)
			j += nb;
	}
	sort(a, by_uid);
	sort(b, by_uid);
}

/* Pair items that are open and equal, one to one, in ascending order. */
static void pair_open(struct match_list *a, struct match_list *b,
		      int (*order)(const void *, const void *), item_cmp cmp,
		      bool (*is_open)(const struct match_item *m), bool rewritten)
{
	sort(a, order);
	sort(b, order);
	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		int c;

		if (!is_open(&a->v[i])) {
			i++;
			continue;
		}
		if (!is_open(&b->v[j])) {
			j++;
			continue;
		}
		c = cmp(&a->v[i], &b->v[j]);
		if (c == 0) {
			a->v[i].rewritten = rewritten;
			pair_up(&a->v[i++], &b->v[j++]);
		} else if (c < 0) {
			i++;
		} else {
			j++;
		}
	}
	sort(a, by_uid);
	sort(b, by_uid);
}

static bool is_doubtful(const struct match_item *m)
{
	return m->doubtful && m->has_digest && m->partner == 0;
}

static bool is_left_with_id(const struct match_item *m)
{
	return m->partner == 0 && m->fingerprint.has_message_id;
}

static bool is_left_with_date(const struct match_item *m)
{
	return m->partner == 0 && m->date != MESSAGE_NO_DATE;
}

void match_by_digest(struct match_list *a, struct match_list *b)
{
	pair_open(a, b, by_digest, cmp_digest_flags, is_doubtful, false);
	pair_open(a, b, by_digest, cmp_digest, is_doubtful, false);
}

void match_by_header(struct match_list *a, struct match_list *b)
{
	pair_open(a, b, by_fingerprint, cmp_fingerprint, is_left_with_id, true);
}

void match_by_date_and_size(struct match_list *a, struct match_list *b)
{
	pair_open(a, b, by_date_size, cmp_date_size, is_left_with_date, true);
}

void match_by_date(struct match_list *a, struct match_list *b)
{
	pair_open(a, b, by_date, cmp_date, is_left_with_date, true);
}

void match_sort(struct match_list *l)
{
	sort(l, by_uid);
}

struct match_item *match_find(struct match_list *l, uint32_t uid)
{
	for (size_t lo = 0, hi = l->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].uid == uid)
			return &l->v[mid];
		if (l->v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
