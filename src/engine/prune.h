/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PRUNE_H
#define ENGINE_PRUNE_H

/* What was deleted on one side, and what becomes of it on the other. */

#include "folder_work.h"

/* ---- prune.c: what is deleted at the origin ---- */
/* The origin was listed, since a mark (0: all of it): note what is gone from it. */
int prune_note(struct folder_work *w, uint64_t since, struct mm_err *reterr);
/* All folders are copied: delete what is due. Uses lane 0. */
int prune(struct engine *e, struct mm_err *reterr);

/* ---- recopy.c: what was deleted at the destination ---- */
/* With recopy_deleted: may something be gone from the pair's destination, as it is now? */
bool recopy_is_due(const struct engine *e, const struct pair *p,
		   const struct folder_status *destination);
/* Forget the rows of what is gone there: it is new then. Both folders are entered, and the
 * origin is being listed, since a mark (0: all of it). */
int recopy_forget(struct folder_work *w, uint64_t since, struct mm_err *reterr);

#endif
