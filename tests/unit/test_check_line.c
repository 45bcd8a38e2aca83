/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/event.h>

#include "unit.h"

static const char *string_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void test_line(void **state)
{
	const struct check_line l = {.result = CHECK_FAIL,
				     .side = "origin",
				     .item = "login",
				     .exit_code = 5,
				     .text = "a\x01"
					     "b\xff",
				     .advice = "chmod 0640 x\n"};
	json_t *o = check_line_to_json(&l);

	assert_non_null(o);
	assert_string_equal(string_of(o, "event"), "check");
	assert_string_equal(string_of(o, "side"), "origin");
	assert_string_equal(string_of(o, "item"), "login");
	assert_string_equal(string_of(o, "result"), "fail");
	assert_int_equal(json_integer_value(json_object_get(o, "exit_code")), 5);
	assert_string_equal(string_of(o, "text"), "a?b?");
	assert_string_equal(string_of(o, "advice"), "chmod 0640 x?");
	json_decref(o);
}

static void test_no_side(void **state)
{
	const struct check_line l = {.result = CHECK_WARN, .item = "disk"};
	json_t *o = check_line_to_json(&l);

	assert_true(json_is_null(json_object_get(o, "side")));
	assert_string_equal(string_of(o, "result"), "warn");
	assert_string_equal(string_of(o, "advice"), "");
	json_decref(o);
	assert_string_equal(check_result_name(CHECK_OK), "ok");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_no_side),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
