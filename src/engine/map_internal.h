/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MAP_INTERNAL_H
#define ENGINE_MAP_INTERNAL_H

#include <mailmig/pattern.h>

#include "engine_internal.h"

/* The basis of what the configuration leaves to the roles and the names themselves. */
#define MAP_BASIS_AUTOMAP "automap"

/* A folder of the destination. */
struct map_there {
	char *key; /* its name, without case where the destination ignores that */
	const struct folder *folder;
};

/* What is worked out once for all folders of a map. */
struct mapper {
	const struct folder_rules *rules;
	const struct engine_sides *sides;
	const struct map_known **known; /* by origin_raw */
	size_t n_known;
	struct role_table *names;
	struct role_found *origin_roles, *destination_roles; /* one for each folder listed */

	struct selector **include, **exclude;
	struct rewrite **rewrite;
	struct text_list map; /* canonical: INBOX in capitals */
	char *into;
	bool *map_used;

	bool automap;            /* what no other rule decides */
	bool ungmail;            /* the origin is Gmail, and the destination is not */
	char *targets[ROLE_N];   /* of the origin's folder that has the role */
	bool kept[ROLE_N];       /* that is where an earlier run has put it */
	bool makes[ROLE_N];      /* nothing is there that has the role */
	struct map_there *there; /* by key */
	size_t n_there;
};

/* ---- map_rules.c: what rules there are ---- */
/* Compile the rules and find the roles. m is to be emptied in any case. 0,
 * -EINVAL: a pattern is wrong; -ENOMEM. */
int mapper_init(struct mapper *m, const struct folder_rules *rules,
		const struct engine_sides *sides, const struct map_known *known, size_t n,
		struct text_list *notes);
void mapper_done(struct mapper *m);
/* Where the folder has been copied to on this basis; or NULL. */
const char *mapper_known(const struct mapper *m, const char *origin_raw, const char *basis);
/* The role that a folder has or lies in: the index of the origin's folder that has it, and the
 * octets of its name; -1: none; -ENOMEM. */
ssize_t mapper_role(const struct mapper *m, const char *name, size_t *ret_octets);
/* Under which a name is one folder of the destination; owned. 0 or -ENOMEM. */
int mapper_key(const struct mapper *m, const char *name, char **ret);
/* The folder of a name at the destination; NULL: none. name is rewritten in the destination's
 * own way where that is known. 0 or -ENOMEM. */
int mapper_there(const struct mapper *m, char **name, const struct folder **ret);

/* ---- map_decide.c: what they say of one folder ---- */
/* Is the folder left out? 1: yes (why, by); 0; -ENOMEM. A rule that cannot be applied is an
 * error of the folder. */
int mapper_omits(const struct mapper *m, const struct folder *f, enum engine_omit *why,
		 char **by, struct mm_err *error);
/* p->destination and p->map (but shared); its errors likewise. 0 or -ENOMEM. */
int mapper_decides(struct mapper *m, const struct folder *f, struct pair *p);

#endif
