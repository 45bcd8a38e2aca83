/* SPDX-License-Identifier: Apache-2.0 */
#include "access.h"

#include <grp.h>

bool access_allowed(const struct varlink_peer *peer, uid_t own_uid, bool has_group, gid_t group)
{
	if (peer->uid == 0 || peer->uid == own_uid)
		return true;
	if (!has_group)
		return false;
	if (peer->gid == group)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

bool access_find_group(gid_t *ret)
{
	const struct group *g = getgrnam(ACCESS_GROUP);

	if (!g)
		return false;
	*ret = g->gr_gid;
	return true;
}
