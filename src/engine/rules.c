/* SPDX-License-Identifier: Apache-2.0 */
/* Under which rules a folder was done: with other ones all of it is looked at again, though
 * nothing has changed in it. Pure. */
#include "engine_internal.h"
#include <mailmig/text.h>
#include <string.h>

/* Each rule that is set counts with its name, so that a later version's new rules leave the
 * number as it is where they are not used. */
static void add_text(uint64_t *h, const char *rule, const char *value)
{
	*h = text_hash(*h, rule, strlen(rule) + 1);
	*h = text_hash(*h, value, strlen(value) + 1);
}

static void add_list(uint64_t *h, const char *rule, const struct text_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		add_text(h, rule, l->v[i]);
}

uint64_t folder_rules_hash(const struct job *j)
{
	static const char *const modes[] = {
		[FLAGS_MERGE] = NULL, [FLAGS_ORIGIN] = "origin", [FLAGS_FIRST] = "first"};
	uint64_t h = TEXT_HASH_SEED;

	if (modes[j->flags.mode])
		add_text(&h, "flags.mode", modes[j->flags.mode]);
	add_list(&h, "flags.drop", &j->flags.drop);
	add_list(&h, "flags.rename", &j->flags.rename);
	if (j->propagate_deletes)
		add_text(&h, "propagate_deletes", "");
	if (j->recopy_deleted)
		add_text(&h, "recopy_deleted", "");
	return h == TEXT_HASH_SEED ? 0 : h; /* 0: no rule at all, as before there were any */
}
