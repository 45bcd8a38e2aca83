/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/skip.h>
#include <string.h>

#include "unit.h"

static void test_there_and_back(void **state)
{
	uint64_t counts[SKIP_N] = {[SKIP_TOO_OLD] = 3, [SKIP_TOO_LARGE] = UINT64_MAX};
	uint64_t back[SKIP_N];
	char text[SKIPS_TEXT_MAX];

	assert_string_equal(skips_to_text(counts, text),
			    "too-old=3 too-large=18446744073709551615");
	skips_from_text(text, back);
	assert_memory_equal(counts, back, sizeof(counts));

	for (size_t i = 0; i < SKIP_N; i++)
		counts[i] = UINT64_MAX;
	skips_from_text(skips_to_text(counts, text), back);
	assert_memory_equal(counts, back, sizeof(counts));
	assert_true(strlen(text) < SKIPS_TEXT_MAX - 20);
}

static void test_foreign_text(void **state)
{
	static const char *const rows[] = {"",         "too-old",     "too-old=", "too-old=x",
					   "=3",       "too-older=3", "  ",       "too-old=-1",
					   "too-ol=3", "gone =3"};
	uint64_t none[SKIP_N] = {0}, counts[SKIP_N];

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		skips_from_text(rows[i], counts);
		assert_memory_equal(counts, none, sizeof(none));
	}
	skips_from_text(NULL, counts);
	assert_memory_equal(counts, none, sizeof(none));
	skips_from_text(" later=9  gone=2 ", counts);
	assert_int_equal(counts[SKIP_GONE], 2);
}

static void test_names(void **state)
{
	for (size_t i = 0; i < SKIP_N; i++) {
		assert_non_null(skip_name((enum skip_reason)i));
		assert_non_null(skip_words((enum skip_reason)i));
	}
}

static void test_json(void **state)
{
	static const char *const foreign[] = {"{}", "[]", "7",
					      "{\"too-old\":-1,\"gone\":\"2\",\"x\":3}"};
	uint64_t counts[SKIP_N] = {[SKIP_TOO_OLD] = 8, [SKIP_TOO_LARGE] = 4};
	uint64_t none[SKIP_N] = {0}, back[SKIP_N];
	json_t *o = skips_to_json(counts);
	char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);

	assert_string_equal(text, "{\"too-old\":8,\"too-large\":4}");
	skips_from_json(o, back);
	assert_memory_equal(counts, back, sizeof(counts));
	free(text);
	json_decref(o);
	for (size_t i = 0; i < ELEMENTS(foreign); i++) {
		o = json_loads(foreign[i], JSON_DECODE_ANY, NULL);
		skips_from_json(o, back);
		assert_memory_equal(back, none, sizeof(none));
		json_decref(o);
	}
	skips_from_json(NULL, back);
	assert_memory_equal(back, none, sizeof(none));
}

static void test_words_of_many(void **state)
{
	uint64_t counts[SKIP_N] = {0};
	char text[SKIPS_TEXT_MAX];

	assert_string_equal(skips_to_words(counts, text), "");
	counts[SKIP_TOO_OLD] = 8;
	assert_string_equal(skips_to_words(counts, text), " (8 too old)");
	counts[SKIP_TOO_LARGE] = 4;
	assert_string_equal(skips_to_words(counts, text), " (8 too old, 4 too large)");
	for (size_t i = 0; i < SKIP_N; i++)
		counts[i] = UINT64_MAX;
	(void)skips_to_words(counts, text);
	assert_true(strlen(text) < SKIPS_TEXT_MAX - 20);
	assert_true(text[strlen(text) - 1] == ')');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_foreign_text),
		cmocka_unit_test(test_names),          cmocka_unit_test(test_json),
		cmocka_unit_test(test_words_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
