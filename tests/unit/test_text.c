/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/text.h>

static void test_clean(void **state)
{
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
		{"", 10, ""},
		{"plain", 10, "plain"},
		{"a\tb\nc\x7f\x1b", 10, "a?b?c??"},
		{"\xc2\x80\xc2\x9f\xc2\xa0", 10, "??\xc2\xa0"},      /* C1, then a space */
		{"\xe2\x80\xa8\xe2\x80\xae\xe2\x81\xa6", 10, "???"}, /* lines, directions */
		{"\xe2\x80\xa7", 10, "\xe2\x80\xa7"},
		{"\xff\xfe", 10, "??"},
		{"\xc3", 10, "?"},
		{"\xc3x", 10, "?x"},
		{"\xc0\xaf", 10, "??"},           /* overlong */
		{"\xed\xa0\x80", 10, "???"},      /* a surrogate */
		{"\xf4\x90\x80\x80", 10, "????"}, /* past the end of Unicode */
		{"\xf0\x9f\x93\xa7", 10, "\xf0\x9f\x93\xa7"},
		{"123456789", 10, "123456789"},
		{"1234567890", 10, "123456..."},
		{"12345\xc3\xa9z890", 10, "12345..."},
		{"1234\xc3\xa9z7890", 10, "1234\xc3\xa9..."},
		{"\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7\xf0\x9f\x93\xa7", 10, "\xf0\x9f\x93\xa7..."},
		{"abcd", 4, "..."},
		{"abc", 4, "abc"},
		{"abc", 3, ".."},
		{"ab", 1, ""},
	};
	char buf[16];

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		memset(buf, 'X', sizeof(buf));
		assert_ptr_equal(text_clean(buf, rows[i].size, rows[i].in, strlen(rows[i].in)),
				 buf);
		assert_string_equal(buf, rows[i].out);
		assert_int_equal(buf[rows[i].size], 'X');
	}

	memset(buf, 'X', sizeof(buf));
	text_clean(buf, 0, "abc", 3);
	assert_int_equal(buf[0], 'X');
	text_clean(buf, sizeof(buf), "a\0b", 3);
	assert_string_equal(buf, "a?b");
	/* Cut by its length, though the rest is in memory. */
	text_clean(buf, sizeof(buf), "\xc3\xa9", 1);
	assert_string_equal(buf, "?");
}

static void test_is_utf8(void **state)
{
	static const char *const good[] = {"",
					   "abc",
					   "\x01",
					   "\xc2\x80",
					   "\xdf\xbf",
					   "\xe0\xa0\x80",
					   "\xed\x9f\xbf",
					   "\xee\x80\x80",
					   "\xf0\x90\x80\x80",
					   "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2z",
		"\xe0\x9f\xbf",
		"\xe0\xa0",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"ab\xf0\x9f\x93",
	};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(text_is_utf8(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(text_is_utf8(bad[i], strlen(bad[i])));
	assert_false(text_is_utf8("a\0b", 3));
	assert_false(text_is_utf8("\xc3\xa9", 1));
}

static void test_width(void **state)
{
	static const struct {
		const char *in;
		size_t width;
	} rows[] = {
		{"", 0},
		{"abc", 3},
		{"Entw\xc3\xbcrfe", 8},
		{"\xe5\x8f\x97\xe4\xbf\xa1", 4}, /* two CJK characters */
		{"e\xcc\x81", 1},                /* a combining accent */
		{"\xff\xff", 2},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(text_width(rows[i].in), rows[i].width);
}

static void test_ieq(void **state)
{
	assert_true(text_ieq("", ""));
	assert_true(text_ieq("INBOX", "inBox"));
	assert_false(text_ieq("INBOX", "INBO"));
	assert_false(text_ieq("INBO", "INBOX"));
	assert_false(text_ieq("@", "`")); /* next to the letters */
	assert_false(text_ieq("[", "{"));
	assert_false(text_ieq("\xc3\x89", "\xc3\xa9")); /* not ASCII: as it is */
	assert_true(text_ieqn("OKxyz", 2, "ok"));
	assert_false(text_ieqn("OKxyz", 3, "ok"));
	assert_false(text_ieqn("OK", 1, "ok"));
	assert_true(text_ieqn("x", 0, ""));
	assert_false(text_ieqn("ok\0", 3, "ok"));
}

static void test_copies(void **state)
{
	_cleanup_(freep) char *a = text_dup("abc"), *b = text_dupn("abc", 2),
			      *c = text_dupn(NULL, 0), *d = text_fmt("%d-%s", 7, "x"),
			      *e = text_dupn("a\0b", 3);

	assert_string_equal(a, "abc");
	assert_string_equal(b, "ab");
	assert_string_equal(c, "");
	assert_string_equal(d, "7-x");
	assert_memory_equal(e, "a\0b", 4);
	assert_null(text_dupn("a", SIZE_MAX));
}

static void test_set(void **state)
{
	_cleanup_(freep) char *p = NULL;

	assert_int_equal(text_set(&p, "one"), 0);
	assert_string_equal(p, "one");
	assert_int_equal(text_set(&p, "two"), 0);
	assert_string_equal(p, "two");
	/* Of itself, too. */
	assert_int_equal(text_set(&p, p + 1), 0);
	assert_string_equal(p, "wo");
	assert_int_equal(text_set(&p, NULL), 0);
	assert_null(p);
}

static void test_is_name(void **state)
{
	static const char *const good[] = {"a", "A.z_0-9@b", "...", "-", "bob@example.org"};
	static const char *const bad[] = {"", ".", "..", "a/b", "a b", "a\n", "a~", "\xc3\xa4"};
	char longest[66];

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(text_is_name(good[i]));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(text_is_name(bad[i]));
	memset(longest, 'x', sizeof(longest));
	longest[65] = '\0';
	assert_false(text_is_name(longest));
	longest[64] = '\0';
	assert_true(text_is_name(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_name), cmocka_unit_test(test_clean),
		cmocka_unit_test(test_is_utf8), cmocka_unit_test(test_width),
		cmocka_unit_test(test_ieq),     cmocka_unit_test(test_copies),
		cmocka_unit_test(test_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
