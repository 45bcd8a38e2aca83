/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>

#include "unit.h"

static void test_judge(void **state)
{
	static const struct {
		enum mm_scope scope;
		enum mm_retry retry;
		unsigned failures;
		uint32_t attempts;
		enum verdict verdict;
	} rows[] = {
		{MM_SCOPE_NONE, MM_RETRY_NOW, 9, 1, VERDICT_GO_ON},
		{MM_SCOPE_MESSAGE, MM_RETRY_NEVER, 9, 1, VERDICT_GO_ON},
		{MM_SCOPE_FOLDER, MM_RETRY_NOW, 9, 1, VERDICT_END_FOLDER},
		{MM_SCOPE_FOLDER, MM_RETRY_NEVER, 0, 5, VERDICT_END_FOLDER},
		{MM_SCOPE_STORE, MM_RETRY_NOW, 1, 5, VERDICT_RECONNECT},
		{MM_SCOPE_STORE, MM_RETRY_LATER, 4, 5, VERDICT_RECONNECT},
		{MM_SCOPE_STORE, MM_RETRY_NOW, 5, 5, VERDICT_END_JOB},
		{MM_SCOPE_STORE, MM_RETRY_NOW, 6, 5, VERDICT_END_JOB},
		{MM_SCOPE_STORE, MM_RETRY_NEVER, 1, 5, VERDICT_END_JOB},
		{MM_SCOPE_STORE, MM_RETRY_NOW, 1, 1, VERDICT_END_JOB},
		{MM_SCOPE_JOB, MM_RETRY_NOW, 1, 5, VERDICT_END_JOB},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct mm_err e = {.scope = rows[i].scope, .retry = rows[i].retry};

		assert_int_equal(trouble_judge(&e, rows[i].failures, rows[i].attempts),
				 rows[i].verdict);
	}
}

static void test_delay(void **state)
{
	const uint64_t second = USEC_PER_SEC;

	assert_int_equal(trouble_delay_usec(1, 300 * second), second / 2);
	assert_int_equal(trouble_delay_usec(2, 300 * second), second);
	assert_int_equal(trouble_delay_usec(3, 300 * second), 2 * second);
	assert_int_equal(trouble_delay_usec(5, 300 * second), 8 * second);
	assert_int_equal(trouble_delay_usec(50, 300 * second), 300 * second);
	assert_int_equal(trouble_delay_usec(4000000000u, 300 * second), 300 * second);
	assert_int_equal(trouble_delay_usec(4, second / 4), second / 4);
	assert_int_equal(trouble_delay_usec(1, 0), 0);
	assert_true(trouble_delay_usec(200, USEC_INFINITY) == USEC_INFINITY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
