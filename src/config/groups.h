/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_GROUPS_H
#define CONFIG_GROUPS_H

#include "config_internal.h"

/* Groups: entries whose accounts stand in a file of their own, one a line (groups.c; the lines
 * themselves: csv.c). */

#define RULE_ITSELF "origin and destination are the same mailbox; name another user or server"

enum side {
	ORIGIN,
	DESTINATION,
	N_SIDES,
};

/* One line; its strings are in the text of the file. */
struct member {
	const char *name;
	const char *user[N_SIDES];
	const char *password[N_SIDES]; /* NULL: the server's admin_user logs in */
	unsigned line;
};

struct cfg_group {
	const config_setting_t *entry;
	struct buf text; /* wiped at the end */
	struct member *members;
	size_t n_members;
};

/* What the group's entry says about its members. */
struct member_rules {
	bool password[N_SIDES]; /* each needs one */
	bool same_server;       /* the two users must differ */
};

/* Read the file of a group and check it: what is wrong is complained about. 0 or -ENOMEM. */
int groups_add(struct check *c, const config_setting_t *entry,
	       const struct member_rules *rules);
void groups_done(struct cfg *cfg);

/* NULL: it could not be read. Borrowed. */
const struct cfg_group *groups_find(const struct cfg *cfg, const config_setting_t *entry);

/* rules.c. 0 or -ENOMEM; the rest are complaints. */
int rules_group(struct check *c, const config_setting_t *entry, const struct name_index *names,
		const struct name_index *servers);

#endif
