/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

static const struct table_column columns[] = {
	{"NAME", false, true}, {"N", true, false}, {"NOTE", false, true}};

static const char *print(const struct table *t, const struct look *l)
{
	table_print(t, capture(), l);
	return captured();
}

static void add(struct table *t, const char *mark, const char *name, const char *n,
		const char *note)
{
	const char *cells[] = {name, n, note};

	assert_int_equal(table_add(t, mark, COLOUR_NONE, cells, NULL), 0);
}

static void test_columns(void **state)
{
	_cleanup_(table_freep) struct table *t = NULL;

	assert_int_equal(table_new(&t, columns, ELEMENTS(columns)), 0);
	add(t, NULL, "alice", "7", "fine");
	add(t, "!", "日本語", "1200", NULL);
	add(t, NULL, "bad\033[1m\n", NULL, "");
	assert_string_equal(print(t, &pipe_look), "  NAME         N  NOTE\n"
						  "  alice        7  fine\n"
						  "! 日本語    1200\n"
						  "  bad?[1m?\n");
}

static void test_empty(void **state)
{
	_cleanup_(table_freep) struct table *t = NULL;

	assert_int_equal(table_new(&t, columns, ELEMENTS(columns)), 0);
	assert_string_equal(print(t, &pipe_look), "  NAME  N  NOTE\n");
}

static void test_narrow(void **state)
{
	_cleanup_(table_freep) struct table *t = NULL;
	static const struct look ascii = {.columns = 30}, utf8 = {.columns = 30, .utf8 = true};

	assert_int_equal(table_new(&t, columns, ELEMENTS(columns)), 0);
	add(t, NULL, "a-very-long-name@example.org", "123", "日本語日本語日本語日本語");
	assert_true(widest_line(print(t, &ascii)) <= 30);
	assert_non_null(strstr(capture_text, "\n  a-very"));
	assert_non_null(strstr(capture_text, ".."));
	assert_true(widest_line(print(t, &utf8)) <= 30);
	assert_non_null(strstr(capture_text, "…"));
	assert_true(widest_line(print(t, &pipe_look)) > 50);
}

static void test_colour_does_not_count(void **state)
{
	_cleanup_(table_freep) struct table *t = NULL;
	static const enum colour colours[] = {COLOUR_BAD, COLOUR_NONE, COLOUR_NONE};
	static const struct look coloured = {.colour = true};
	const char *cells[] = {"x", "1", "y"};

	assert_int_equal(table_new(&t, columns, ELEMENTS(columns)), 0);
	assert_int_equal(table_add(t, "!", COLOUR_WARN, cells, colours), 0);
	assert_string_equal(print(t, &coloured),
			    "  \033[1mNAME\033[0m  \033[1mN\033[0m  \033[1mNOTE\033[0m\n"
			    "\033[33m!\033[0m \033[1;31mx\033[0m     1  y\n");
}

static void test_many_rows(void **state)
{
	_cleanup_(table_freep) struct table *t = NULL;
	size_t n = 0;

	assert_int_equal(table_new(&t, columns, ELEMENTS(columns)), 0);
	for (unsigned i = 0; i < 1000; i++)
		add(t, NULL, "x", "1", "y");
	for (const char *p = print(t, &pipe_look); *p; p++)
		n += *p == '\n';
	assert_int_equal(n, 1001);
}

static void test_fit_text(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		bool utf8;
		const char *fitted;
	} rows[] = {
		{"abc", 3, false, "abc"},
		{"abcd", 3, false, "a.."},
		{"abcd", 3, true, "ab…"},
		{"日本語", 6, true, "日本語"},
		{"日本語", 5, true, "日本…"},
		{"日本語", 4, true, "日…"},
		{"日本語", 2, true, "…"},
		{"abc", 1, true, "…"},
		{"abc", 1, false, "a"},
		{"abc", 0, true, ""},
		{"", 5, true, ""},
		{"a\tb", 5, true, "a?b"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct look l = {.utf8 = rows[i].utf8};
		char out[64];

		assert_string_equal(
			fit_text(out, sizeof(out), rows[i].text, rows[i].columns, &l),
			rows[i].fitted);
	}
}

static void test_wrapped(void **state)
{
	static const struct look narrow = {.columns = 20};

	put_wrapped(capture(), &narrow, 4, "one two three four five");
	assert_string_equal(captured(), "one two three\n    four five\n");
	put_wrapped(capture(), &pipe_look, 4, "one two three four five");
	assert_string_equal(captured(), "one two three four five\n");
	put_wrapped(capture(), &narrow, 4, "a-word-that-is-wider-than-the-terminal b");
	assert_string_equal(captured(), "a-word-that-is-wider-than-the-terminal\n    b\n");
	put_wrapped(capture(), &narrow, 4, "");
	assert_string_equal(captured(), "\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),   cmocka_unit_test(test_empty),
		cmocka_unit_test(test_narrow),    cmocka_unit_test(test_colour_does_not_count),
		cmocka_unit_test(test_many_rows), cmocka_unit_test(test_fit_text),
		cmocka_unit_test(test_wrapped),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
