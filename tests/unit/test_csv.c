/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mailmig/buf.h>
#include <mailmig/text.h>
#include <string.h>

#include "config/csv.h"

#define FIELDS 4

/* The rows as text: "LINE:[a][b]\n", or the trouble's name and line. The text is on the heap
 * and exactly as large as it is, for the sanitizers. */
static char *read_all(const char *text)
{
	static const char *const names[] = {
		[CSV_OPEN_QUOTE] = "open", [CSV_STRAY_QUOTE] = "stray", [CSV_BAD_CR] = "cr"};
	_cleanup_(freep) char *copy = text_dup(text);
	_cleanup_(buf_done) struct buf b = {};
	char *fields[FIELDS];
	enum csv_result what;
	unsigned line;
	struct csv c;
	size_t n;

	assert_int_equal(buf_adds(&b, ""), 0);
	csv_init(&c, copy, strlen(copy));
	while ((what = csv_row(&c, fields, FIELDS, &n, &line)) != CSV_END) {
		assert_true(b.len < 10000); /* it comes to an end */
		assert_int_equal(buf_addf(&b, "%u:", line), 0);
		if (what != CSV_ROW)
			assert_int_equal(buf_adds(&b, names[what]), 0);
		for (size_t i = 0; what == CSV_ROW && i < MIN_OF(n, (size_t)FIELDS); i++)
			assert_int_equal(buf_addf(&b, "[%s]", fields[i]), 0);
		if (what == CSV_ROW && n > FIELDS)
			assert_int_equal(buf_addf(&b, "%zu", n), 0);
		assert_int_equal(buf_addc(&b, '\n'), 0);
	}
	return buf_take(&b);
}

static void test_rows(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", ""},
		{"\n\r\n\n", ""},
		{"\xef\xbb\xbf", ""},
		{"\xef\xbb\xbf"
		 "a,b\n",
		 "1:[a][b]\n"},
		{"a,b\nc,d", "1:[a][b]\n2:[c][d]\n"},
		{"a,b\r\n\r\nc,d\r\n", "1:[a][b]\n3:[c][d]\n"},
		{",\n", "1:[][]\n"},
		{"a,\n,b\n", "1:[a][]\n2:[][b]\n"},
		{" a , b \n", "1:[ a ][ b ]\n"},
		{"\"a\",\"\",\"b,c\"\n", "1:[a][][b,c]\n"},
		{"\"say \"\"x\"\"\",\"\"\"\"\n", "1:[say \"x\"][\"]\n"},
		{"\"a\r\nb\",c\nd\n", "1:[a\r\nb][c]\n3:[d]\n"},
		{"\"a\rb\"\n", "1:[a\rb]\n"},
		{"\"a\"", "1:[a]\n"},
		{"\"a\",", "1:[a][]\n"},
		{"a,b,c,d,e,f\n", "1:[a][b][c][d]6\n"},
		{"a;b\n", "1:[a;b]\n"},
		/* what is no CSV */
		{"a\"b\nc\n", "1:stray\n2:[c]\n"},
		{"x,\"a\"b\nc\n", "1:stray\n2:[c]\n"},
		{"\"a\" ,b\nc\n", "1:stray\n2:[c]\n"},
		{"a\rb\nc\n", "1:cr\n2:[c]\n"},
		{"a\r", "1:cr\n"},
		{"a\nb,\"c\nd\n", "1:[a]\n2:open\n"},
		{"\"", "1:open\n"},
		{"\"a\"\"", "1:open\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(freep) char *got = read_all(rows[i].text);

		assert_string_equal(got, rows[i].expected);
	}
}

/* Whatever is cut off at its end is read without harm. */
static void test_cut(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "a,\"b\"\"c\r\nd\",e\r\n\"f\"g\r\nh\ri\n\"j";

	for (size_t n = 0; n < sizeof(text); n++) {
		_cleanup_(freep) char *cut = text_dupn(text, n);
		_cleanup_(freep) char *got = read_all(cut);

		assert_non_null(got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
