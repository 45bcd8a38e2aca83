/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "daemon/run_id.c"

static void test_format(void **state)
{
	static const uint8_t zero[10],
		ones[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	char id[RUN_ID_LENGTH + 1];

	run_id_format(0, zero, id);
	assert_string_equal(id, "00000000000000000000000000");
	run_id_format(UINT64_MAX, ones, id);
	assert_string_equal(id, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
	run_id_format(1, zero, id);
	assert_string_equal(id, "00000000010000000000000000");
	/* The example of the ULID specification. */
	run_id_format(UINT64_C(1469922850259), zero, id);
	assert_memory_equal(id, "01ARZ3NDEK", 10);
}

static void test_sorted_and_different(void **state)
{
	char before[RUN_ID_LENGTH + 1] = "", id[RUN_ID_LENGTH + 1];

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(run_id_new(id), 0);
		assert_int_equal(strlen(id), RUN_ID_LENGTH);
		assert_true(strcmp(before, id) < 0);
		memcpy(before, id, sizeof(id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_sorted_and_different),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
