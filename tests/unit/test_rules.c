/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>

#include "unit.h"

/* Every rule makes another number, and none makes none. */
static void test_flags(void **state)
{
	static const char *const lists[][3] = {{"a"},      {"b"},  {"a", "b"},
					       {"b", "a"}, {"ab"}, {"A"}};
	uint64_t seen[32] = {0};
	size_t n = 1; /* 0: none */
	struct job j;

	job_init(&j);
	assert_int_equal(folder_rules_hash(&j), 0);
	for (int mode = FLAGS_ORIGIN; mode <= FLAGS_FIRST; mode++) {
		j.flags.mode = (enum flags_mode)mode;
		seen[n++] = folder_rules_hash(&j);
	}
	j.flags.mode = FLAGS_MERGE;
	for (size_t i = 0; i < 2 * ELEMENTS(lists); i++) {
		struct text_list *l = i % 2 ? &j.flags.drop : &j.flags.rename;

		*l = (struct text_list){.v = (char **)(uintptr_t)lists[i / 2], .n = 1};
		l->n += lists[i / 2][1] != NULL;
		seen[n++] = folder_rules_hash(&j);
		assert_int_equal(folder_rules_hash(&j), seen[n - 1]);
		*l = (struct text_list){0};
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = i + 1; k < n; k++)
			assert_true(seen[i] != seen[k]);
	job_done(&j);
}

static void test_messages(void **state)
{
	static const struct message_rules rows[] = {
		{.max_age_usec = 86400},
		{.min_age_usec = 86400},
		{.since = (char *)"2024-01-01"},
		{.before = (char *)"2024-01-01"},
		{.min_size = 86400},
		{.max_size = 86400},
		{.search = (char *)"86400"},
		{.search = (char *)"86401"},
		{.max_size = 86401},
		{.since = (char *)"2024-01-02"},
		{.min_size = 86400, .max_size = 86400},
	};
	uint64_t seen[ELEMENTS(rows) + 1] = {0};
	struct job j;

	job_init(&j);
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		j.messages = rows[i];
		seen[i + 1] = folder_rules_hash(&j);
		for (size_t k = 0; k <= i; k++)
			assert_true(seen[i + 1] != seen[k]);
	}
	/* A day that begins at another moment is another rule. */
	j.messages = rows[2];
	assert_int_equal(setenv("TZ", "CET-1", 1), 0);
	assert_true(folder_rules_hash(&j) != seen[3]);
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	assert_true(folder_rules_hash(&j) == seen[3]);
	j.messages = (struct message_rules){0};
	job_done(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_flags),
					   cmocka_unit_test(test_messages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
