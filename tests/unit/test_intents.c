/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/folder_work.h>

#include "unit.h"

#define S USEC_PER_SEC

static void test_uncertain_left(void **state)
{
	static const struct {
		uint64_t since, now, left;
	} rows[] = {
		{1000 * S, 1000 * S, 120 * S},
		{1000 * S, 1030 * S, 90 * S},
		{1000 * S, 1120 * S, 0},
		{1000 * S, 9000 * S, 0},
		/* Another boot: all of it, but for the time since that. */
		{1000 * S, 20 * S, 100 * S},
		{1000 * S, 500 * S, 0},
		{UINT64_MAX, 20 * S, 100 * S},
		{1, 121 * S, 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(uncertain_left(rows[i].since, rows[i].now, 120 * S),
				 rows[i].left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_uncertain_left)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
