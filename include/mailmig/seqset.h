/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SEQSET_H
#define MAILMIG_SEQSET_H

#include <mailmig/base.h>
#include <mailmig/buf.h>

/* A set of UIDs as sorted, disjoint, non-adjacent ranges (RFC 9051 §9, sequence-set). Costs
 * what its ranges cost, never what its members would. UID 0 does not exist. Zero-initialised is
 * empty. */
struct seqrange {
	uint32_t first, last; /* both included */
};

struct seqset {
	struct seqrange *r;
	size_t n;
	size_t cap;
};

void seqset_done(struct seqset *s);
void seqset_reset(struct seqset *s);
/* 1 <= first <= last. Appending in ascending order is O(1). 0 or -ENOMEM. */
int seqset_add(struct seqset *s, uint32_t first, uint32_t last);
/* Members of a that are not in b, into the empty set `ret`. 0 or -ENOMEM. */
int seqset_subtract(const struct seqset *a, const struct seqset *b, struct seqset *ret);
/* Members of `from` as well. 0 or -ENOMEM. */
int seqset_unite(struct seqset *s, const struct seqset *from);
bool seqset_contains(const struct seqset *s, uint32_t uid);
uint64_t seqset_count(const struct seqset *s);
/* The i-th smallest member (from 0), 0 when there is none. */
uint32_t seqset_nth(const struct seqset *s, uint64_t i);

/* Take the lowest members out of `from` into the empty set `into`: at most max_members, and so
 * that seqset_format(into) needs at most max_octets. 0 or -ENOMEM; both sets are as before on
 * failure. At least one member moves when `from` is not empty. */
int seqset_take(struct seqset *from, uint64_t max_members, size_t max_octets,
		struct seqset *into);

/* "1:3,7,9:12" appended to b. 0 or -ENOMEM. An empty set appends nothing. */
int seqset_format(const struct seqset *s, struct buf *b);

/* Parse n octets; "*" and 0 are refused; a range may be the wrong way round (5:3). Elements may
 * come in any order and overlap. ret NULL: only check; else what it held before is replaced on
 * success. 0, -EBADMSG, -ENOMEM, -EMSGSIZE when it has more than SEQSET_RANGES_MAX elements. */
#define SEQSET_RANGES_MAX 100000
int seqset_parse(const char *s, size_t n, struct seqset *ret);

#endif
