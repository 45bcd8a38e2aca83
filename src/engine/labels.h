/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LABELS_H
#define ENGINE_LABELS_H

#include <mailmig/engine.h>
#include <mailmig/folder.h>
#include <mailmig/role.h>
#include <mailmig/text.h>

/* An origin whose folders are labels (Gmail): one message is in each folder whose label it has
 * and in the folder of all mail besides. It is copied into each of those folders; all mail is
 * then the place of the rest. Pure. */

struct map;

/* A folder that is only a view of messages in others: \Flagged and \Important, unless
 * folders.include names what is wanted. */
bool labels_omit(const struct engine_sides *sides, const struct folder_rules *rules,
		 const struct folder *f);

/* The labels whose folders a run copies. */
struct label_set {
	struct text_list names; /* the server's own, in ascending order */
	unsigned roles;         /* of folders that have a label of the system; bits */
	bool inbox;
};
void label_set_done(struct label_set *s);

/* Fill a set (empty before) with the folders that become pairs, and tell which pair is that of
 * all mail: its index, or n where there is none, or no labels. map.by of that pair then says
 * what becomes of it. 0 or -ENOMEM. */
int labels_plan(const struct engine_sides *sides, struct map *m, struct label_set *ret,
		size_t *ret_all);

/* labels: of one message, each ended by LF. Is it in a folder of the set? */
bool labels_elsewhere(const struct label_set *s, const char *labels);

/* A number for the set: messages that were left out for it are looked at again when it is
 * another. Never 0. */
uint64_t label_set_hash(const struct label_set *s);

#endif
