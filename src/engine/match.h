/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MATCH_H
#define ENGINE_MATCH_H

#include <mailmig/fingerprint.h>
#include <mailmig/message.h>

/* Which messages of two sides are the same: see match.c. Pure. */

struct match_item {
	uint32_t uid;
	uint64_t size;
	struct fingerprint fingerprint;
	bool has_digest;
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	uint32_t partner; /* uid on the other side; 0: none */
	bool doubtful;    /* only the whole content can tell */
	char *flags;      /* the destination's, where they matter; owned */
	char *base;       /* adopted: those of `flags` that were there; NULL: all; owned */
	char *reason; /* of an intent that is no message of the origin: how it was repaired */
	uint32_t dest_uid; /* of a row, where items are rows */
	int64_t date;      /* INTERNALDATE, where it matters (message_date()) */
	bool rewritten;    /* the partner is the same message with another text */
};
struct match_list {
	struct match_item *v;
	size_t n, cap;
};
struct match_item *match_add(struct match_list *l);
void match_done(struct match_list *l);
/* What an equal fingerprint is worth that is unique on both sides. */
enum match_trust {
	MATCH_DOUBT,      /* nothing: only the whole content decides */
	MATCH_TRUST,      /* the messages are equal */
	MATCH_TRUST_SIZE, /* they are if the sizes are: both were told by the same server */
};
/* Pair what is certain; mark as doubtful what equal fingerprints alone cannot decide. */
void match_by_fingerprint(struct match_list *a, struct match_list *b, enum match_trust trust);
/* In the order of UIDs. */
void match_sort(struct match_list *l);
/* By uid in a list sorted by it, as the two above leave it; or NULL. */
struct match_item *match_find(struct match_list *l, uint32_t uid);
/* Pair doubtful items with equal digests, one to one, in ascending order, those with equal
 * flags first. */
void match_by_digest(struct match_list *a, struct match_list *b);
/* The same for what is left, where a server changes messages when it stores them: by header,
 * if that has a Message-ID; by INTERNALDATE and size; by INTERNALDATE. */
void match_by_header(struct match_list *a, struct match_list *b);
void match_by_date_and_size(struct match_list *a, struct match_list *b);
void match_by_date(struct match_list *a, struct match_list *b);

#endif
