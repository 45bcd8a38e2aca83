/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_REFUSED_H
#define ENGINE_REFUSED_H

/* What the destination refuses, and what becomes of it between runs. */

#include "folder_work.h"

/* ---- held.c: what the destination refused is not tried again for nothing ---- */
/* Learn under which circumstances the pair's destination refuses, and whether an earlier run
 * met refusals in it. 0 or -errno. */
int held_recall(struct lane *l, struct pair *p, struct mm_err *reterr);
/* Nothing speaks against leaving a folder alone in which nothing else is to be done. 1; 0;
 * -errno. */
int held_is_quiet(struct engine *e, const struct pair *p, struct mm_err *reterr);
/* Was it refused under just these circumstances? */
bool held_is_same(const struct engine *e, const struct pair *p, const struct state_row *row);
/* Count and tell what is held: of all its rows, or of those of some origin UIDs. */
int held_tell(struct engine *e, struct pair *p, const struct seqset *uids,
	      struct mm_err *reterr);
/* The words for a person: what of a message that was refused is kept where. */
void held_advise(const struct engine *e, const uint8_t *digest, struct mm_err *err);
/* A message that this folder cannot take for its size: written down without being fetched. */
int held_too_large(struct folder_work *w, const struct message *m, uint64_t limit,
		   struct mm_err *reterr);

/* ---- room.c: what is to be copied, and the destination's quota ---- */
/* Ends the run before it begins where it does not fit for certain. */
int room_check(struct lane *l, struct mm_err *reterr);
/* At the end of a dry run, of what it would copy when rules choose: e->lack. */
void room_check_plan(struct engine *e);
/* A run ended for lack of room: how much is left to copy. */
void room_advise(struct engine *e, struct mm_err *err);

#endif
