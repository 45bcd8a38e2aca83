/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FLAGSYNC_H
#define ENGINE_FLAGSYNC_H

/* What becomes of flags, in one pass over a pair of folders. */

#include <mailmig/buf.h>
#include <mailmig/message.h>
#include <mailmig/seqset.h>
#include <mailmig/state.h>

struct folder_work;

/* A row's held_under, where nothing was refused but \Flagged has still to be set, which belongs
 * to the copy and not to what changed since. */
#define HELD_FLAG_DUE 1

/* What the destination's folder cannot keep (canonical texts). */
struct unkept {
	struct buf told;    /* a person was told of these, by this run or before; */
	struct buf before;  /* by earlier ones alone */
	struct buf silent;  /* it took these without a word */
	struct buf refused; /* a message was refused with this one, and taken without it */
	bool recalled, changed;
};

struct flag_work {
	struct flag_changes *changes;
	struct unkept unkept;
	uint64_t dest_since;    /* flags there are known up to this mark; 0: of no message */
	struct seqset compared; /* destination UIDs whose flags were looked at */
	struct seqset later;    /* origin UIDs to be \Flagged when they are there */
	uint64_t refused;       /* changes that were refused before */
};
void flag_work_done(struct flag_work *f);

/* ---- flagsync.c: changes, and how they are stored ---- */

struct flag_change {
	uint32_t uid, dest_uid;
	const char *base;  /* the origin's flags that were carried over last */
	const char *now;   /* and those it has */
	const char *there; /* the destination's; NULL: not known */
	bool late;         /* belongs to the copy: whatever the mode, and not counted */
};
/* What follows from it for the destination, by flags.mode. Sent when many have come together:
 * nothing may be read from the destination meanwhile. */
int flag_changes_add(struct folder_work *w, const struct flag_change *c, struct mm_err *reterr);
int flag_changes_send(struct folder_work *w, struct mm_err *reterr);
/* The message's \Flagged, which has to be set after its copy is there. */
int flag_changes_add_flagged(struct folder_work *w, uint32_t uid, uint32_t dest_uid,
			     const char *base, struct mm_err *reterr);
/* For all messages of `later` that were copied. */
int flag_changes_flagged(struct folder_work *w, struct mm_err *reterr);
struct flag_changes *flag_changes_free(struct flag_changes *f);

/* ---- flagback.c: what is known of a message's flags, and of the destination's ---- */

/* A message that has a copy, as it was listed. */
int flags_sort(struct folder_work *w, const struct message *m, const struct state_row *row,
	       struct mm_err *reterr);
/* Tell, once, what is news of flags that cannot be kept, and write it down. */
void flags_tell(struct folder_work *w);
/* flags.mode "origin": what was changed at the destination since the last run. */
int flags_bring_back(struct folder_work *w, struct mm_err *reterr);
/* The marks of the destination: as it was entered, and to be remembered. */
uint64_t flags_mark_recalled(const struct folder_work *w);
uint64_t flags_mark(const struct folder_work *w);

/* What of `flags` the folder can keep, into kept (empty); the rest will be told. */
int unkept_filter(struct folder_work *w, const char *flags, struct buf *kept,
		  struct mm_err *reterr);
/* A message was taken without these keywords, and refused with them. */
int unkept_refused(struct folder_work *w, const char *keywords, struct mm_err *reterr);
/* These were refused, or (silent) accepted and not kept. */
int unkept_add(struct folder_work *w, const char *flags, bool silent, struct mm_err *reterr);

#endif
