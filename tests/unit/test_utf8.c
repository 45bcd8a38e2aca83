/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/utf8.h"
#include "unit.h"

static struct spool_pool *pool;

static int setup(void **state)
{
	if (unit_dir_setup(state) < 0)
		return -1;
	return spool_pool_new(4 * 1024 * 1024, unit_dir, 0, &pool);
}

static int teardown(void **state)
{
	spool_pool_free(pool);
	return unit_dir_teardown(state);
}

/* On the wire in UTF-8, and as the state knows it. */
static void test_names(void **state)
{
	static const struct {
		const char *wire, *raw;
		bool matters;
	} rows[] = {
		{"INBOX", "INBOX", false},
		{"Entwürfe", "Entw&APw-rfe", true},
		{"日本語", "&ZeVnLIqe-", true},
		{"R&D", "R&-D", true},
		{"a\tb", "a&AAk-b", true},
		{"\xf0\x9f\x91\x8b", "&2D3cSw-", true},
		/* a name that looks like the other form is one in this form */
		{"Entw&APw-rfe", "Entw&-APw-rfe", true},
		{"&", "&-", true},
		/* no UTF-8: as it is */
		{"caf\xe9", "caf\xe9", false},
		{"\xc3", "\xc3", false},
		{"a&\xff", "a&\xff", true},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf raw = {0}, wire = {0};

		print_message("%s\n", rows[i].raw);
		assert_int_equal(utf8_to_raw(rows[i].wire, strlen(rows[i].wire), &raw), 0);
		assert_string_equal(buf_str(&raw), rows[i].raw);
		assert_int_equal(utf8_from_raw(rows[i].raw, &wire), 0);
		assert_string_equal(buf_str(&wire), rows[i].wire);
		assert_int_equal(utf8_matters(rows[i].raw), rows[i].matters);
		/* What has the same form on both has no need to wait. */
		if (!rows[i].matters)
			assert_string_equal(rows[i].wire, rows[i].raw);
	}
}

/* A name of a server without UTF8=ACCEPT that is no modified UTF-7 is kept; one that offers it
 * later calls the folder something else. */
static void test_illegal_utf7(void **state)
{
	static const char *const names[] = {"&Jjo", "&AGE-", "a&", "&AOQ", "&AOQ-&APY-"};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		_cleanup_(buf_done) struct buf wire = {0};

		assert_int_equal(utf8_from_raw(names[i], &wire), 0);
		assert_string_equal(buf_str(&wire), names[i]);
	}
}

static int judge(const char *text, size_t n, size_t before, char fill)
{
	_cleanup_(spool_unrefp) struct spool *body = NULL;
	char *padding = malloc(before + 1);
	int r;

	assert_non_null(padding);
	memset(padding, fill, before);
	for (size_t i = 79; i < before; i += 80)
		padding[i] = '\n';
	assert_int_equal(spool_new(pool, before + n, &body), 0);
	assert_int_equal(spool_write(body, padding, before), 0);
	assert_int_equal(spool_write(body, text, n), 0);
	r = utf8_header(body);
	free(padding);
	return r;
}

static void test_header(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{"", 0},
		{"Subject: x\r\n\r\nö", 0},
		{"Subject: ö\r\n\r\nx", 1},
		{"Subject: ö\n\nx", 1},
		{"Subject: x\n\nö", 0},
		{"\r\nSubject: ö\r\n", 0},
		{"\nSubject: ö\r\n", 0},
		{"Subject: ö", 1},
		{"Subject: \xe9\r\n\r\nx", 0},          /* Latin-1 is no UTF-8 */
		{"Subject: ö\r\nTo: \xe9\r\n\r\nx", 0}, /* all of it is, or it is none */
		{"Subject: ö\r\nTo: x\r\n\r\n\xe9", 1},
		{"Subject: x\r\n ö\r\n\r\n", 1},
		{"Subject: x\r\r\n\r\nö", 0},
		{"Subject: x\r\n\r\r\nTo: ö\r\n\r\n", 1}, /* CR alone is no blank line */
	};
	/* Where the two looks at a header end, and around. */
	static const size_t sizes[] = {0,      80,     4000,  4080, 4095 / 80 * 80,
				       262080, 262144, 300000};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(judge(rows[i].text, strlen(rows[i].text), 0, 'x'),
				 rows[i].result);
	}
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		static const char text[] = "Subject: ööö\r\n\r\n", latin[] = "\xe9\n\n";
		bool seen = sizes[i] < 256 * 1024 - 60;

		for (size_t more = 0; more < 20; more++) {
			assert_int_equal(judge(text, strlen(text), sizes[i] + more, 'x'), seen);
			assert_int_equal(judge(latin, strlen(latin), sizes[i] + more, 'x'), 0);
		}
		/* A piece that ends within a character is judged by its lines. */
		assert_int_equal(judge("\n\n", 2, 0, 'x'), 0);
	}
}

/* A long header of nothing but two-octet characters: cut anywhere, it is UTF-8. */
static void test_cut(void **state)
{
	for (size_t shift = 0; shift < 3; shift++) {
		_cleanup_(spool_unrefp) struct spool *body = NULL;
		enum { LINES = 4000 };
		char line[81];

		assert_int_equal(spool_new(pool, LINES * 81 + shift, &body), 0);
		assert_int_equal(spool_write(body, "abc", shift), 0);
		for (size_t i = 0; i < 80; i += 2)
			memcpy(line + i, "ö", 2);
		line[80] = '\n';
		for (int i = 0; i < LINES; i++)
			assert_int_equal(spool_write(body, line, sizeof(line)), 0);
		assert_int_equal(utf8_header(body), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_illegal_utf7),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
