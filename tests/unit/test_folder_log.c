/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "daemon/folder_log.c"
#include "daemon/worker_event.c"

static void add(struct folder_log *l, const char *name)
{
	_cleanup_(json_decrefp) json_t *event =
		json_pack("{s:s, s:s}", "event", "folder", "folder", name);

	assert_non_null(event);
	folder_log_add(l, event);
}

static json_t *take(struct folder_log *l, uint64_t *ret_left_out)
{
	struct run_folders f = {0};
	json_t *o;

	folder_log_take(l, &f);
	assert_non_null(f.json);
	assert_true(strlen(f.json) <= FOLDER_LOG_OCTETS_MAX);
	o = json_loads(f.json, 0, NULL);
	assert_true(json_is_array(o));
	*ret_left_out = f.left_out;
	free(f.json);

	/* Ready for another. */
	assert_null(l->text.p);
	assert_int_equal(l->n, 0);
	assert_int_equal(l->left_out, 0);
	return o;
}

static void test_none(void **state)
{
	struct folder_log l = {0};
	struct run_folders f = {.left_out = 9};

	folder_log_take(&l, &f);
	assert_null(f.json);
	assert_int_equal(f.left_out, 0);
}

static void test_in_order(void **state)
{
	static const char *const names[] = {"INBOX", "\xc3\x84 \"quoted\"", "Z"};
	_cleanup_(json_decrefp) json_t *o = NULL;
	struct folder_log l = {0};
	uint64_t left_out;

	for (size_t i = 0; i < ELEMENTS(names); i++)
		add(&l, names[i]);
	o = take(&l, &left_out);
	assert_int_equal(left_out, 0);
	assert_int_equal(json_array_size(o), ELEMENTS(names));
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		const json_t *f = json_array_get(o, i);

		assert_string_equal(json_string_value(json_object_get(f, "folder")), names[i]);
		assert_null(json_object_get(f, "event"));
	}
}

static void test_number_is_limited(void **state)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	struct folder_log l = {0};
	uint64_t left_out;

	for (unsigned i = 0; i < FOLDER_LOG_MAX + 7; i++)
		add(&l, "x");
	o = take(&l, &left_out);
	assert_int_equal(json_array_size(o), FOLDER_LOG_MAX);
	assert_int_equal(left_out, 7);
}

static void test_size_is_limited(void **state)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	struct folder_log l = {0};
	uint64_t left_out;
	char name[501];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (unsigned i = 0; i < FOLDER_LOG_MAX; i++)
		add(&l, name);
	add(&l, "small");
	o = take(&l, &left_out);
	assert_true(json_array_size(o) > 1000 && json_array_size(o) < FOLDER_LOG_MAX);
	assert_int_equal(json_array_size(o) + left_out, FOLDER_LOG_MAX + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_number_is_limited),
		cmocka_unit_test(test_size_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
