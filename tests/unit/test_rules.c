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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_flags)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
