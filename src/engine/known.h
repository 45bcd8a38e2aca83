/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KNOWN_H
#define ENGINE_KNOWN_H

#include "engine_internal.h"

/* Where folders went in earlier runs (known.c). */

struct known_pair {
	int64_t id; /* of its record */
	char *origin_raw, *destination_raw;
	char *basis; /* "": of a version without rules */
	char *name;  /* of the destination, for people */
	bool retired, begun;
	bool placed; /* chosen for good, and perhaps not made yet */
};

struct known {
	struct known_pair *v; /* by origin, then age */
	size_t n, cap;
	struct map_known *for_map; /* what map_folders() is told */
	size_t n_for_map;
};

void known_done(struct known *k);
/* destination: borrowed as long as for_map is used. */
int known_read(struct engine *e, const struct folder_list *destination, struct known *ret,
	       struct mm_err *reterr);
/* The record by which the folder was copied last, or NULL. */
const struct known_pair *known_find(const struct known *k, const char *origin_raw);

enum known_verdict {
	KNOWN_SAME,  /* it goes where it went, or was never copied */
	KNOWN_GONE,  /* that folder is not there any more; no rule has changed */
	KNOWN_MOVED, /* the configuration sends it elsewhere */
};
/* Pure. ret: the record it is compared with. */
enum known_verdict known_judge(const struct known *k, const struct folder_rules *rules,
			       const struct pair *p, const struct known_pair **ret);
/* Folders that the configuration has moved end the run, unless that is confirmed. */
int known_check(struct engine *e, const struct known *k, struct mm_err *reterr);
/* Remember where all pairs go, before anything is made there; or those alone that had to be
 * made under another name. */
int known_write(struct engine *e, const struct known *k, bool renamed, struct mm_err *reterr);

#endif
