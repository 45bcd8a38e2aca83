/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/text.h>

#include "engine_internal.h"

uint64_t folder_rules_hash(const struct job *j)
{
	uint64_t h = TEXT_HASH_SEED;

	h = text_hash(h, &j->propagate_deletes, sizeof(j->propagate_deletes));
	h = text_hash(h, &j->recopy_deleted, sizeof(j->recopy_deleted));
	h >>= 1; /* fits the state's signed numbers */
	return h ? h : 1;
}
