/* SPDX-License-Identifier: Apache-2.0 */
/* Under which rules a folder was done: with other ones all of it is looked at again, though
 * nothing has changed in it. Pure. */
#include "engine_internal.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <stdio.h>
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

static void add_number(uint64_t *h, const char *rule, uint64_t v)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, v);
	if (v > 0)
		add_text(h, rule, text);
}

/* By the moment at which it begins: the machine may be told to live in another zone. */
static void add_day(uint64_t *h, const char *rule, const char *day)
{
	char text[24];
	int64_t sec;

	if (!day || clock_parse_day(day, &sec) < 0)
		return;
	(void)snprintf(text, sizeof(text), "%" PRId64, sec);
	add_text(h, rule, text);
}

static void add_messages(uint64_t *h, const struct message_rules *m)
{
	add_number(h, "messages.max_age", m->max_age_usec);
	add_number(h, "messages.min_age", m->min_age_usec);
	add_day(h, "messages.since", m->since);
	add_day(h, "messages.before", m->before);
	add_number(h, "messages.min_size", m->min_size);
	add_number(h, "messages.max_size", m->max_size);
	if (m->search)
		add_text(h, "messages.search", m->search);
}

uint64_t folder_rules_hash(const struct job *j)
{
	static const char *const modes[] = {
		[FLAGS_MERGE] = NULL, [FLAGS_ORIGIN] = "origin", [FLAGS_FIRST] = "first"};
	uint64_t h = TEXT_HASH_SEED;

	add_messages(&h, &j->messages);
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

uint64_t pair_rules(const struct engine *e, const struct pair *p)
{
	uint64_t labels = p->labels ? label_set_hash(p->labels) : 0;

	return labels ? text_hash(e->rules, &labels, sizeof(labels)) : e->rules;
}
