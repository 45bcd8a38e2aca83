/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_REPLIES_H
#define IMAP_REPLIES_H

#include <mailmig/base.h>

/* What the refusals of servers mean: a table of their texts, since providers say in words what
 * RFC 5530 has codes for, and mean other things by the same code. Pure. */

/* Where it was said. */
enum reply_place {
	REPLY_TO_LOGIN = 1 << 0,
	REPLY_TO_WRITING = 1 << 1, /* APPEND, CREATE, STORE */
	REPLY_TO_READING = 1 << 2, /* FETCH */
	REPLY_TO_OTHERS = 1 << 3,  /* all other commands */
	REPLY_GREETING = 1 << 4,   /* turned away at the door */
	REPLY_BYE = 1 << 5,
	REPLY_TO_DONE = 1 << 6, /* a tagged OK */
};

enum reply_meaning {
	REPLY_PLAIN,       /* nothing beyond the refusal itself */
	REPLY_THROTTLED,   /* the account has to wait, on all connections */
	REPLY_SLOWER,      /* done; but the next command should wait a little */
	REPLY_CONNECTIONS, /* too many at once */
	REPLY_BUSY,        /* not just now, or not this one */
	REPLY_FULL,        /* no room in the mailbox */
	REPLY_TOO_LARGE,   /* this message */
	REPLY_OPERATOR,    /* only the server's operator can mend it */
};

struct reply_row {
	unsigned places;  /* enum reply_place */
	const char *text; /* in the reply, case ignored; with a "[" at its beginning only */
	enum reply_meaning meaning;
	uint64_t wait_usec; /* throttled: the first wait */
	uint64_t unit_usec; /* a number after the text is the wait, in this unit; 0: none is */
};

extern const struct reply_row reply_table[];
extern const size_t reply_table_n;

/* No server makes us wait longer before we ask it again. */
#define REPLY_WAIT_MAX (3600 * USEC_PER_SEC)

/* The first row that fits a reply's text (with its code); NULL: none does. ret_wait_usec (or
 * NULL): the row's, or what the text says, 1 ms to REPLY_WAIT_MAX. */
const struct reply_row *reply_find(enum reply_place place, const char *text,
				   uint64_t *ret_wait_usec);

/* Its meaning; REPLY_PLAIN without a row. */
enum reply_meaning reply_meaning(enum reply_place place, const char *text,
				 uint64_t *ret_wait_usec);

#endif
