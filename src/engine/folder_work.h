/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FOLDER_WORK_H
#define ENGINE_FOLDER_WORK_H

#include "engine_internal.h"
#include "places.h"

/* ---- folder.c ---- */
/* Bring one pair into step. 1: done but for uploads whose outcome is not yet certain
 * (not_before_usec is set). */
int folder_sync(struct lane *l, struct pair *p, struct mm_err *reterr);

/* What the steps of one folder share. */
struct folder_work {
	struct lane *lane;
	struct pair *pair;
	struct store_folder origin, destination;
	bool eager; /* all bodies were asked for at once: the pair is new and its destination
		       empty */
	struct seqset fresh;    /* origin UIDs to copy */
	struct seqset known;    /* origin UIDs that are at the destination */
	uint64_t fresh_bytes;   /* dry run: their sizes */
	uint64_t copied_before; /* pair->copied when this pass began */
	uint32_t watermark;     /* destination UIDs from here on are news */
	uint64_t uncertain;     /* intents that could not be settled */
	struct seqset told;     /* origin UIDs that were listed */
	struct seqset given_up; /* of those: looked for once more, and not sent again */
	uint32_t unfound;       /* lowest watermark of an upload that was not found; 0: none */
	bool incomplete;        /* the next run has to look at all of it again */
	bool narrowed;          /* not all of the origin's messages were asked for */
	struct select_work select;
	bool dest_doubt; /* messages seem to be gone from the destination */
	struct flag_work flags;
	struct match_list intent_flags; /* flags that messages in doubt have now */
};

/* Something of the pair is written down for good: an attempt was not in vain. */
void note_progress(struct folder_work *w, uint64_t n);
/* Octets of a message that the destination's folder takes; 0: no limit is told. */
uint64_t folder_size_limit(const struct folder_work *w);
/* Write down what is remembered of the pair (pair->sf). */
int save_folder(struct folder_work *w, struct mm_err *reterr);

/* ---- list.c ---- */
/* What is asked of each message, enum store_want. */
unsigned folder_scan_wants(const struct folder_work *w);
/* Look at each message that is listed. */
int list_origin(struct folder_work *w, struct mm_err *reterr);
/* What was looked for once more and is not there. */
int drop_given_up(struct folder_work *w, struct mm_err *reterr);
/* One origin message as it was listed: new, known, changed, or left open by an earlier run. */
int folder_sort(struct folder_work *w, const struct message *m, struct buf *strings,
		uint64_t limit, struct mm_err *reterr);
/* Were as many messages listed as the server announced? If not it is asked once more (-EAGAIN):
 * somebody may have deleted some. Then it is a trouble of the folder. */
int folder_check_listing(struct folder_work *w, bool origin, uint64_t told,
			 struct mm_err *reterr);
/* An upload that was put at or above this watermark was not found. */
void note_unfound(struct folder_work *w, uint32_t watermark);

/* ---- read.c ---- */
/* store_read_next() of the origin, with the flags as the account's rules make them. */
int read_origin_next(struct folder_work *w, struct message *m, struct mm_err *reterr);
/* Read the messages of a set in commands of bearable length; fn gets each that belongs to it
 * and may take members of m over. */
typedef int (*message_fn)(void *userdata, struct message *m, struct mm_err *reterr);
int read_each(struct folder_work *w, struct store *s, const struct seqset *uids, unsigned want,
	      message_fn fn, void *userdata, struct mm_err *reterr);
/* A message_fn: the message becomes an item of a match_list. */
int keep_message(void *userdata, struct message *m, struct mm_err *reterr);
/* Digests of the doubtful items of a side that have none yet, and `more` of enum store_want. */
int read_digests(struct folder_work *w, struct store *s, struct match_list *l, unsigned more,
		 struct mm_err *reterr);

/* ---- adopt.c: messages that are there already ---- */
/* Destination messages from UID `from` on that no row owns, with `want` of enum store_want. */
int read_candidates(struct folder_work *w, uint32_t from, unsigned want, struct match_list *to,
		    struct mm_err *reterr);
/* Write down what became of the origin messages that have a partner. ours: we put it there. */
int bind_all(struct folder_work *w, const struct match_list *o, bool ours,
	     struct mm_err *reterr);
int adopt_fresh(struct folder_work *w, struct mm_err *reterr);
/* Messages with a partner, all of them in `bound`, are no longer to be copied. */
void drop_fresh(struct folder_work *w, const struct match_list *o, struct seqset *bound);

/* ---- intents.c ---- */
int adopt_intents(struct folder_work *w, struct mm_err *reterr);
/* How long an upload without an answer may still appear: the session ended at `since`, it is
 * `now` (both clock_boot_usec(), perhaps of another boot). */
uint64_t uncertain_left(uint64_t since, uint64_t now, uint64_t wait);

/* ---- renumber.c: UIDs that have lost their meaning ---- */
int renumber_origin(struct folder_work *w, struct mm_err *reterr);
int renumber_destination(struct folder_work *w, struct mm_err *reterr);
/* Messages to be copied that are old ones under new UIDs take their rows back. */
int renumber_recall(struct folder_work *w, struct mm_err *reterr);

/* ---- transfer.c ---- */
#define TRANSFER_WANTS (STORE_WANT_FLAGS | STORE_WANT_DATE | STORE_WANT_SIZE | STORE_WANT_BODY)
#define ATTEMPTS_MAX   2 /* uploads confirmed and not found, before a person must look */
int transfer(struct folder_work *w, struct mm_err *reterr);

#endif
