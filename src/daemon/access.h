/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

#include <mailmig/base.h>
#include <mailmig/varlink_server.h>

#define ACCESS_GROUP "mailmig"

/* Who may do everything: root, our own user, members of the group (has_group: it exists) by
 * their primary or any supplementary group. Pure. */
bool access_allowed(const struct varlink_peer *peer, uid_t own_uid, bool has_group,
		    gid_t group);

/* The group's number. False when there is none of that name. */
bool access_find_group(gid_t *ret);

#endif
