/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/error.h>
#include <mailmig/text.h>

static void test_set_fills_everything(void **state)
{
	struct mm_err e = {.cls = MM_CLASS_LOGIN, .advice = "old"};

	assert_int_equal(
		mm_err_set(&e, MM_SCOPE_FOLDER, MM_RETRY_NOW, -EIO, "%s: uid %d", "INBOX", 7),
		-EIO);
	assert_int_equal(e.scope, MM_SCOPE_FOLDER);
	assert_int_equal(e.retry, MM_RETRY_NOW);
	assert_int_equal(e.code, -EIO);
	assert_string_equal(e.text, "INBOX: uid 7");
	/* Nothing of the description before it is left. */
	assert_int_equal(e.cls, MM_CLASS_OTHER);
	assert_string_equal(e.advice, "");

	assert_int_equal(mm_err_class(&e, MM_CLASS_QUOTA, "free %d MB", 3), -EIO);
	assert_int_equal(e.cls, MM_CLASS_QUOTA);
	assert_string_equal(e.advice, "free 3 MB");
	assert_string_equal(e.text, "INBOX: uid 7");
}

static void test_without_error(void **state)
{
	assert_int_equal(mm_err_set(NULL, MM_SCOPE_JOB, MM_RETRY_NEVER, -EPERM, "x"), -EPERM);
	assert_int_equal(mm_err_class(NULL, MM_CLASS_LOGIN, "x"), 0);
	assert_int_equal(mm_err_oom(NULL), -ENOMEM);
}

static void test_text_is_cleaned(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"a\r\nb\tc", "a??b?c"},
		{"\x1b[31mred", "?[31mred"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
		{"caf\xe9", "caf?"},
	};
	struct mm_err e;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		mm_err_set(&e, MM_SCOPE_JOB, MM_RETRY_NEVER, -EIO, "%s", rows[i].in);
		assert_string_equal(e.text, rows[i].out);
		mm_err_class(&e, MM_CLASS_OTHER, "%s", rows[i].in);
		assert_string_equal(e.advice, rows[i].out);
	}
}

static void test_long_text_is_cut_at_a_character(void **state)
{
	char text[4001];
	struct mm_err e;

	for (size_t i = 0; i < 4000; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[4000] = '\0';
	mm_err_set(&e, MM_SCOPE_JOB, MM_RETRY_NEVER, -EIO, "x%s", text);
	mm_err_class(&e, MM_CLASS_OTHER, "%s", text);
	assert_true(strlen(e.text) >= sizeof(e.text) - 3);
	assert_true(strlen(e.advice) >= sizeof(e.advice) - 3);
	assert_true(text_is_utf8(e.text, strlen(e.text)));
	assert_true(text_is_utf8(e.advice, strlen(e.advice)));
	assert_string_equal(e.text + strlen(e.text) - 3, "...");
}

static void test_text_may_quote_itself(void **state)
{
	struct mm_err e;

	mm_err_set(&e, MM_SCOPE_JOB, MM_RETRY_NEVER, -EIO, "inner");
	mm_err_set(&e, MM_SCOPE_JOB, MM_RETRY_NEVER, -EIO, "outer: %s", e.text);
	assert_string_equal(e.text, "outer: inner");
}

static void test_oom(void **state)
{
	struct mm_err e;

	assert_int_equal(mm_err_oom(&e), -ENOMEM);
	assert_int_equal(e.code, -ENOMEM);
	assert_int_equal(e.scope, MM_SCOPE_JOB);
	assert_int_equal(e.cls, MM_CLASS_LOCAL);
}

static void test_classes(void **state)
{
	static const struct {
		enum mm_class cls;
		const char *name;
		int exit_code;
	} rows[] = {
		{MM_CLASS_OTHER, "other", 1},         {MM_CLASS_USAGE, "usage", 2},
		{MM_CLASS_CONFIG, "config", 3},       {MM_CLASS_PERMISSION, "permission", 4},
		{MM_CLASS_LOGIN, "login", 5},         {MM_CLASS_CONNECT, "connect", 6},
		{MM_CLASS_PROTOCOL, "protocol", 6},   {MM_CLASS_REFUSED, "refused", 1},
		{MM_CLASS_QUOTA, "quota", 8},         {MM_CLASS_TOO_LARGE, "too-large", 1},
		{MM_CLASS_SAFETY, "safety", 8},       {MM_CLASS_CANCELLED, "cancelled", 9},
		{MM_CLASS_TIMEOUT, "timeout", 9},     {MM_CLASS_LOCAL, "local", 10},
		{MM_CLASS_THROTTLED, "throttled", 1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_string_equal(mm_class_name(rows[i].cls), rows[i].name);
		assert_int_equal(mm_class_from_name(rows[i].name), rows[i].cls);
		assert_int_equal(mm_class_exit_code(rows[i].cls), rows[i].exit_code);
	}
	assert_int_equal(mm_class_from_name("Login"), MM_CLASS_OTHER);
	assert_int_equal(mm_class_from_name(""), MM_CLASS_OTHER);
	assert_string_equal(mm_class_name((enum mm_class)99), "other");
	assert_int_equal(mm_class_exit_code((enum mm_class)99), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_fills_everything),
		cmocka_unit_test(test_without_error),
		cmocka_unit_test(test_text_is_cleaned),
		cmocka_unit_test(test_long_text_is_cut_at_a_character),
		cmocka_unit_test(test_text_may_quote_itself),
		cmocka_unit_test(test_oom),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
