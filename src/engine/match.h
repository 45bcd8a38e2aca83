/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MATCH_H
#define ENGINE_MATCH_H

#include <mailmig/fingerprint.h>
#include <mailmig/message.h>
#include <mailmig/witness.h>

/* Which messages of two sides are the same: see match.c. Pure. */

/* By what a partner was found. */
enum match_how {
	MATCHED_HEADER,    /* witnesses that fit no other message */
	MATCHED_CONTENT,   /* every octet */
	MATCHED_TEXT,      /* the text, under a header that is not quite the same */
	MATCHED_REWRITTEN, /* an upload in doubt that the server has changed */
	MATCHED_N,
};

/* There is one for each message of a folder: kept small. */
struct match_item {
	uint64_t size;
	int64_t date; /* INTERNALDATE, where it matters (message_date()) */
	char *flags;  /* the destination's, where they matter; owned */
	char *base;   /* adopted: those of `flags` that were there; NULL: all; owned */
	char *reason; /* of an intent that is no message of the origin: how it was repaired */
	uint64_t id, rest; /* struct witness, where a message is none that the state knows */
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	uint8_t text[MESSAGE_TEXT_OCTETS]; /* with the digest, where it matters */
	struct fingerprint fingerprint;
	bool says : 1, certain : 1; /* struct witness */
	bool has_digest : 1;
	bool doubtful : 1; /* only the whole content can tell */
	bool due : 1;      /* an intent: HELD_FLAG_DUE */
	uint8_t how;       /* enum match_how, with a partner */
	uint32_t uid;
	uint32_t partner;  /* uid on the other side; 0: none */
	uint32_t dest_uid; /* of a row, where items are rows */
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
/* The same for messages that the state does not know, by the witnesses of the configuration
 * (enum match_by). Doubtful is also what looks like a message of the other side with another
 * header. */
void match_by_witness(struct match_list *a, struct match_list *b, unsigned match);
/* Then, after match_by_digest(), what a tool or a server has changed: the same text under a
 * header of which enough is the same; and where a header names one message, of which there are
 * several on a side, all of one text, as many as both sides have. */
void match_changed(struct match_list *a, struct match_list *b, unsigned match);
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
