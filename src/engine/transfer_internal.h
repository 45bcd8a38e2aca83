/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TRANSFER_INTERNAL_H
#define TRANSFER_INTERNAL_H

#include "folder_work.h"

/* One batch: an fsync and, with MULTIAPPEND, a command each. Larger ones bring little, and
 * memory for three of them is needed per lane. */
#define BATCH_MESSAGES_MAX 100
#define BATCH_BYTES        (512 * 1024)
#define SINGLES_MAX        20 /* messages of a batch where each is a command of its own */
#define BATCH_SHRINK       3  /* bits, for each session in a row that broke without progress */
#define WINDOW_BATCHES     4  /* sent and unanswered while the next one fills */
/* Where each message is a command, a session allows fewer at once (IMAP_WINDOW_MAX, counted
 * from the oldest one that was not taken yet). */
#define WINDOW_SINGLES 1
#define CHECKS_SINGLES 1

#define WINDOW_BYTES (1536 * 1024)

#define LOOKS_MAX  3 /* before the server's word for a UID is doubted */
#define CHECKS_MAX 6 /* looks on their way; no memory for bodies is needed by them */

#define UNREADABLE_MAX 5 /* messages without text that are told one by one */

/* Reading ahead. */
#define READS_MAX           2
#define READ_MEMBERS        200
#define READ_OCTETS         1500
#define SINGLES_REFUSED_MAX 5 /* messages asked for alone: before it is the folder */

/* One message of a batch and what became of it. */
struct item {
	struct message message;
	const char *origin_flags; /* all of them: message.flags; or base_flags */
	char *dropped;            /* keywords that the last attempt went without; owned */
	char *base_flags;         /* without \Flagged, where that is set afterwards; owned */
	char *kept_flags; /* those the destination can hold, where that is fewer; owned */
	enum row_state state;
	uint32_t dest_uid;
	uint64_t found_size; /* 0: not found */
	bool found;
	bool guessed; /* found by its header alone: the size is another */
	bool theirs;  /* what was found was there before, or may be somebody else's */
	uint32_t attempts;
	char *reason; /* what went wrong with it; owned; NULL: nothing */

	/* Where it was refused: what was tried. */
	struct message original; /* body, size, digest and header as the origin has them, where
				    message is a repaired form; else without body */
	bool looked;             /* at what is wrong with it */
	unsigned wrong, repairs; /* enum repair: what applies, what was done */
	enum mm_class held;      /* ROW_HELD: the class of the refusal */
	bool refused;            /* as long as it is held */
	bool merged;             /* the destination keeps it as an equal one */
};

struct batch {
	struct batch *next;
	struct item v[BATCH_MESSAGES_MAX];
	size_t n;
	uint64_t bytes;
	uint32_t watermark;
	unsigned looks;
	bool put_off; /* what was not found is as if it had never been sent */
};

struct transfer {
	struct folder_work *work;
	struct engine *engine;
	struct store_features features;
	size_t batch_messages;
	size_t window;
	size_t checks;

	struct seqset left;    /* not yet asked for */
	struct seqset got;     /* received */
	struct mm_err refusal; /* of a reading; code 0: none */
	uint64_t retries;      /* messages that an earlier run tried in vain */
	uint64_t doubt_usec;   /* uncertain_usec of earlier sessions */
	bool sent;    /* something was: its outcome may be uncertain when the session ends */
	bool put_off; /* the destination wants to be left alone */
	bool told_altered;
	uint64_t merged; /* messages that the destination keeps as equal ones */
	bool closed;     /* the folder takes no message at all */

	struct batch *filling;
	struct batch *first, *last; /* sent, in order */
	size_t in_flight;
	uint64_t in_flight_bytes;
	struct batch *checking; /* stored, as the server says; being looked for; oldest first */
	size_t n_checking;
	struct batch *checked; /* looked for; to be written down */

	struct match_list before; /* at the destination before this transfer, and nobody's */
	bool before_is_read;
};

static inline void item_drop_bodies(struct item *it)
{
	it->message.body = spool_unref(it->message.body);
	it->original.body = spool_unref(it->original.body);
}

struct batch *batch_free(struct batch *b);
/* The message with the flags it is sent with; borrowed from the item. */
struct message item_to_send(const struct item *it);

/* Write down what was checked, and the intents of a batch (or NULL). */
int transfer_commit(struct transfer *t, struct batch *intent, struct mm_err *reterr);

/* Write down the intent of one message that is sent again in another form. */
int transfer_intend(struct transfer *t, const struct batch *b, const struct item *it,
		    struct mm_err *reterr);

/* ---- look.c ---- */
/* Find the messages of a batch that have no UID yet. */
int transfer_look(struct transfer *t, struct batch *b, struct mm_err *reterr);
/* The same for what a server has confirmed and is not there: a UIDNEXT that was too high puts
 * it below the watermark. */
int transfer_look_below(struct transfer *t, struct batch *b, struct mm_err *reterr);
/* Does a message of this transfer, not written down yet, have this UID? */
bool transfer_is_claimed(const struct transfer *t, const struct batch *b, uint32_t uid);

/* Find the repaired form of a message among what was there before. */
int transfer_look_before(struct transfer *t, struct item *it, struct mm_err *reterr);

/* ---- ladder.c ---- */
/* What follows the refusal of a batch, in whole or in part: nothing more than it is looked for
 * and sent again, message by message. */
int ladder_climb(struct transfer *t, struct batch *b, bool no_folder,
		 const struct mm_err *refusal, struct mm_err *reterr);
/* "repaired: ...", or "" for a message as the origin has it. Into out (empty). 0 or -ENOMEM. */
int ladder_repair_text(const struct item *it, struct buf *out);
/* It is there in a repaired form: told, with the place of its original octets. */
void ladder_tell_repaired(struct transfer *t, const struct item *it);

/* ---- settle.c ---- */
/* UIDs told by the server for n messages from the first on, if they can be true: news, and
 * nobody else's. 1: taken; 0; -errno. */
int transfer_take_uids(struct transfer *t, struct batch *b, size_t first, size_t n,
		       const struct store_put *put, struct mm_err *reterr);
/* Take the answer to the oldest batch and begin to look for its messages. */
int transfer_settle(struct transfer *t, struct mm_err *reterr);
/* All batches, to the last commit. */
int transfer_settle_all(struct transfer *t, struct mm_err *reterr);

#endif
