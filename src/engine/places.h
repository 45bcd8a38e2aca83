/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_PLACES_H
#define ENGINE_PLACES_H

#include "engine_internal.h"

struct folder_work;

/* Where folders go at the destination. */

/* Another sentence of a pair's note. 0 or -ENOMEM. */
int pair_note(struct pair *p, const char *fmt, ...) _printf_(2, 3);

/* ---- places.c: what pairs of one destination share ---- */
/* Set `first` and map.shared of all pairs that have a destination_raw. 0 or -ENOMEM. */
int pairs_group(struct pair *v, size_t n);
/* Uploads of a pair have come into doubt, or are settled. */
void pair_set_doubt(struct pair *p, bool in_doubt);
/* May it be worked on now, as far as the others are concerned? */
bool pair_is_free(const struct pair *p);
/* The destination has other UIDs from now on, for all of its pairs. */
void pairs_renewed(struct engine *e, const struct pair *p, uint32_t uidvalidity);
/* Uploads to this destination that are in doubt, of other pairs: as items whose uid is their
 * watermark. */
int read_doubts(struct folder_work *w, struct match_list *to, struct mm_err *reterr);
/* Take out of the candidates what may be such an upload. Pure. */
void drop_doubtful(struct match_list *candidates, const struct match_list *doubts);

/* ---- make.c ---- */
/* Make the destination folders that are missing, under another name where the destination
 * refuses the one that is wanted. */
int make_missing(struct lane *l, struct mm_err *reterr);

#endif
