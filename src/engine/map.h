/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_MAP_H
#define ENGINE_MAP_H

#include <mailmig/engine.h>
#include <mailmig/role.h>
#include <mailmig/text.h>

/* Which folder goes where. Pure: lists and rules in, pairs out. */

struct pair;

/* Where an origin folder has been copied to by earlier runs. */
struct map_known {
	const char *origin_raw;
	const char *destination; /* canonical */
	const char *basis;       /* map_result.basis of then */
};

/* By what a folder got its destination. */
struct map_result {
	enum engine_rule rule;
	char *by; /* the same for people: "rewrite 2", "automap \Sent (name)" */
	/* What the configuration alone, without looking at what the servers list, makes of the
	 * origin's name: "map Sent Items", "automap". While it stays the same, the folder stays
	 * where it is. */
	char *basis;
	bool guess;            /* the role was guessed from a part of the name */
	enum folder_role role; /* to create the destination with, if it does not exist */
	bool shared;           /* another origin folder goes to the very same destination */
};

/* A folder that the selection leaves out. */
struct map_omitted {
	char *origin; /* canonical */
	char *by;     /* why, for people: "exclude \Junk" */
	enum engine_omit why;
	struct folder_status status;
};

struct map {
	struct pair *pairs; /* in the order of the origin's list */
	size_t n_pairs;
	struct map_omitted *omitted; /* likewise */
	size_t n_omitted;
	/* Warnings for people: a folders.map that fits nothing, a role given twice, folders
	 * that meet. */
	struct text_list notes;
};

/* Each folder of the origin that can hold messages becomes a pair or is omitted. Fills of a
 * pair: origin, destination, origin_raw, status, exists, destination_raw where it exists,
 * subscribe and map. What cannot be done has PAIR_DONE and an error. Pairs of one destination
 * have equal `destination` strings, also where the destination ignores case.
 *
 * known: borrowed, in any order. A folder stays at its known place as long as its basis stays
 * the same; map.rule is then ENGINE_RULE_KEPT. Else it goes where the rules say: the caller
 * compares. 0; -EINVAL: the check of a configuration would refuse the rules; -ENOMEM. *ret is
 * to be emptied in any case. */
int map_folders(const struct folder_rules *rules, const struct engine_sides *sides,
		const struct map_known *known, size_t n_known, struct map *ret);
void map_done(struct map *m);
void pairs_free(struct pair *v, size_t n);
void map_omitted_free(struct map_omitted *v, size_t n);

#endif
