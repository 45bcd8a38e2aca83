/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/repair.h>

#define POOL (1024 * 1024)

static struct spool_pool *pool;

static int setup(void **state)
{
	int r = unit_dir_setup(state);

	return r < 0 ? r : spool_pool_new(POOL, unit_dir, 0, &pool);
}

static int teardown(void **state)
{
	pool = spool_pool_free(pool);
	return unit_dir_teardown(state);
}

static struct spool *spool_of(const char *p, size_t n)
{
	struct spool *s;

	assert_int_equal(spool_new(pool, n, &s), 0);
	assert_int_equal(spool_write(s, p, n), 0);
	return s;
}

static unsigned look(const char *p, size_t n)
{
	_cleanup_(spool_unrefp) struct spool *s = spool_of(p, n);
	unsigned found;

	assert_int_equal(repair_look(s, &found), 0);
	return found;
}

/* The octets after these repairs, the caller's. */
static char *mend(const char *p, size_t n, unsigned repairs, size_t *ret_n)
{
	_cleanup_(spool_unrefp) struct spool *s = spool_of(p, n), *out = NULL;
	char *octets;

	assert_int_equal(repair_message(s, repairs, pool, &out), 0);
	*ret_n = spool_size(out);
	octets = calloc(1, *ret_n + 1);
	assert_non_null(octets);
	assert_int_equal(spool_read_at(out, 0, octets, *ret_n), *ret_n);
	return octets;
}

/* ---- what a message becomes ---- */

#define OCTETS(s) (s), sizeof(s) - 1

static void test_table(void **state)
{
	static const struct {
		const char *in;
		size_t in_n;
		unsigned found;
		const char *out;
	} rows[] = {
		{OCTETS(""), 0, ""},
		{OCTETS("A: b\r\n\r\nbody\r\n"), 0, "A: b\r\n\r\nbody\r\n"},
		{OCTETS("A: b\r\n\r\nno end"), 0, "A: b\r\n\r\nno end"},
		{OCTETS("A: b\r\n\r\n8 bit is \xc3\xa4 and \xff here\r\n"), 0,
		 "A: b\r\n\r\n8 bit is \xc3\xa4 and \xff here\r\n"},
		/* Line ends. */
		{OCTETS("A: b\n\nbody\n"), REPAIR_LINE_ENDS, "A: b\r\n\r\nbody\r\n"},
		{OCTETS("A: b\r\n\r\none\ntwo\r\n"), REPAIR_LINE_ENDS,
		 "A: b\r\n\r\none\r\ntwo\r\n"},
		{OCTETS("A: b\r\n\r\none\rtwo\r\n"), REPAIR_LINE_ENDS,
		 "A: b\r\n\r\none\r\ntwo\r\n"},
		{OCTETS("A: b\r\n\r\none\r\r\ntwo\r"), REPAIR_LINE_ENDS,
		 "A: b\r\n\r\none\r\ntwo\r\n"},
		{OCTETS("Subject: a\rBcc: x\r\n\r\nbody\r\n"), REPAIR_LINE_ENDS,
		 "Subject: a Bcc: x\r\n\r\nbody\r\n"},
		/* NUL. */
		{OCTETS("A: b\0c\r\n\r\n\0bo\0dy\0\r\n"), REPAIR_NUL, "A: bc\r\n\r\nbody\r\n"},
		{OCTETS("A: b\r\0\n\0\n\0x"), REPAIR_NUL | REPAIR_LINE_ENDS, "A: b\r\n\r\nx"},
		/* 8-bit octets in the header. */
		{OCTETS("Subject: Gr\xc3\xbc\xc3\x9f"
			"e\r\n\r\n"),
		 REPAIR_HEADER_8BIT, "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\n"},
		{OCTETS("Subject: Gr\xfc\xdf\r\n\r\n"), REPAIR_HEADER_8BIT,
		 "Subject: =?UNKNOWN-8BIT?B?R3L83w==?=\r\n\r\n"},
		/* Words side by side, also over a fold, go together: "ü ü". */
		{OCTETS("Subject: a \xc3\xbc\r\n \xc3\xbc b\r\n\r\n"), REPAIR_HEADER_8BIT,
		 "Subject: a =?UTF-8?B?w7wgw7w=?= b\r\n\r\n"},
		{OCTETS("From: J\xc3\xbcrgen M <a@b>\r\n\r\n"), REPAIR_HEADER_8BIT,
		 "From: =?UTF-8?B?SsO8cmdlbg==?= M <a@b>\r\n\r\n"},
		{OCTETS("From: \"M, J\xc3\xbcrgen\" <a@b>\r\n\r\n"), REPAIR_HEADER_8BIT,
		 "From: =?UTF-8?B?TSwgSsO8cmdlbg==?= <a@b>\r\n\r\n"},
		{OCTETS("From: a@b (\xc3\xbc)\r\n\r\n"), REPAIR_HEADER_8BIT,
		 "From: a@b (=?UTF-8?B?w7w=?=)\r\n\r\n"},
		{OCTETS("Content-Type: a/b;\r\n name=\"\xc3\xbc.txt\"\r\n\r\n"),
		 REPAIR_HEADER_8BIT,
		 "Content-Type: a/b;\r\n name=\"=?UTF-8?B?w7wudHh0?=\"\r\n\r\n"},
		/* A header that is none, at all or from some line on. */
		{OCTETS("no header at all"), REPAIR_HEADER_FORM, "\r\nno header at all"},
		{OCTETS("A: b\r\nno field\r\nC: d\r\n\r\nbody\r\n"), REPAIR_HEADER_FORM,
		 "A: b\r\n\r\nno field\r\nC: d\r\n\r\nbody\r\n"},
		{OCTETS(": no name\r\n\r\nx\r\n"), REPAIR_HEADER_FORM,
		 "\r\n: no name\r\n\r\nx\r\n"},
		{OCTETS(" goes on with nothing\r\n\r\n"), REPAIR_HEADER_FORM,
		 "\r\n goes on with nothing\r\n\r\n"},
		{OCTETS("two words: x\r\n\r\n"), REPAIR_HEADER_FORM,
		 "\r\ntwo words: x\r\n\r\n"},
		{OCTETS("Subject: no line end"), REPAIR_HEADER_FORM,
		 "Subject: no line end\r\n"},
		{OCTETS("x"), REPAIR_HEADER_FORM, "\r\nx"},
		{OCTETS("From: \"\xc3\xbc <a@b>\r\nN\xc3\xbc: x\r\n\xc3\xbc"),
		 REPAIR_HEADER_8BIT | REPAIR_HEADER_FORM,
		 "From: \"=?UTF-8?B?w7w=?= <a@b>\r\n\r\nN\xc3\xbc: x\r\n\xc3\xbc"},
		{OCTETS("no header, \xc3\xbc\n"),
		 REPAIR_LINE_ENDS | REPAIR_HEADER_8BIT | REPAIR_HEADER_FORM,
		 "\r\nno header, \xc3\xbc\r\n"},
		/* And what is none, by the letter or not. */
		{OCTETS("A: b\r\n goes on\r\n\tand on\r\nC : d\r\nE:\r\n\r\nno field\r\n"), 0,
		 "A: b\r\n goes on\r\n\tand on\r\nC : d\r\nE:\r\n\r\nno field\r\n"},
		{OCTETS("From someone Mon Jan  1 00:00:00 2001\r\nA: b\r\n\r\n"), 0,
		 "From someone Mon Jan  1 00:00:00 2001\r\nA: b\r\n\r\n"},
		{OCTETS("A: b\r\nFrom someone\r\n\r\n"), REPAIR_HEADER_FORM,
		 "A: b\r\n\r\nFrom someone\r\n\r\n"},
		{OCTETS("A: only a header\r\n"), 0, "A: only a header\r\n"},
		/* Everything at once. */
		{OCTETS("Subject: \xc3\xbc\0\nA: b\n\nx\n"),
		 REPAIR_LINE_ENDS | REPAIR_NUL | REPAIR_HEADER_8BIT,
		 "Subject: =?UTF-8?B?w7w=?=\r\nA: b\r\n\r\nx\r\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		size_t n;
		_cleanup_(freep) char *out = mend(rows[i].in, rows[i].in_n, rows[i].found, &n);

		assert_int_equal(look(rows[i].in, rows[i].in_n), rows[i].found);
		assert_string_equal(out, rows[i].out);
		assert_int_equal(n, strlen(rows[i].out));
		assert_int_equal(look(out, n), 0);
	}
}

/* One repair more each time, and only what was asked for. */
static void test_single_repairs(void **state)
{
	static const char in[] = "A: \xc3\xbc\n\nb\0\n";
	static const struct {
		unsigned repairs;
		const char *out;
		size_t n;
	} rows[] = {
		{0, in, sizeof(in) - 1},
		{REPAIR_LINE_ENDS, OCTETS("A: \xc3\xbc\r\n\r\nb\0\r\n")},
		{REPAIR_NUL, OCTETS("A: \xc3\xbc\n\nb\n")},
		{REPAIR_LINE_ENDS | REPAIR_NUL, OCTETS("A: \xc3\xbc\r\n\r\nb\r\n")},
		{REPAIR_HEADER_8BIT, OCTETS("A: =?UTF-8?B?w7w=?=\n\nb\0\n")},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		size_t n;
		_cleanup_(freep) char *out = mend(in, sizeof(in) - 1, rows[i].repairs, &n);

		assert_int_equal(n, rows[i].n);
		assert_memory_equal(out, rows[i].out, n);
	}
}

/* ---- long lines ---- */

static size_t longest_line(const char *p, size_t n)
{
	size_t longest = 0, line = 0;

	for (size_t i = 0; i < n; i++) {
		line = p[i] == '\n' ? 0 : line + (p[i] != '\r');
		longest = MAX_OF(longest, line);
	}
	return longest;
}

/* before, n times c, after: the lines of the result, without their ends, joined. */
static void check_long(const char *before, char c, size_t times, const char *after,
		       unsigned found, size_t lines)
{
	size_t n_before = strlen(before), n = n_before + times + strlen(after), n_out;
	_cleanup_(freep) char *in = malloc(n + 1), *out = NULL;

	assert_non_null(in);
	memcpy(in, before, n_before);
	memset(in + n_before, c, times);
	memcpy(in + n_before + times, after, strlen(after) + 1);
	assert_int_equal(look(in, n), found);
	out = mend(in, n, found, &n_out);
	assert_int_equal(look(out, n_out), 0);
	if (found) {
		assert_true(longest_line(out, n_out) <= REPAIR_LINE_MAX);
		assert_true(n_out >= n);
	}
	for (size_t i = 0; i < n_out; i++)
		lines -= out[i] == '\n';
	assert_int_equal(lines, 0);
}

static void test_long_lines(void **state)
{
	const unsigned l = REPAIR_LONG_LINES;

	check_long("A: b\r\n\r\n", 'x', 998, "\r\n", 0, 3);
	check_long("A: b\r\n\r\n", 'x', 999, "\r\n", l, 4);
	check_long("A: b\r\n\r\n", 'x', 998, "", 0, 2);
	check_long("A: b\r\n\r\n", 'x', 2 * 998 + 1, "", l, 4);
	check_long("A: b\r\n\r\n", ' ', 3000, "\r\n", l, 6);
	check_long("A: b\r\n\r\none two ", 'x', 995, "\r\n", l, 4);
	check_long("A: ", 'x', 995, "\r\n\r\n", 0, 2);
	check_long("A: ", 'x', 996, "\r\n\r\n", l, 3);
	check_long("A: ", 'x', 995 + 997, "\r\n\r\n", l, 4);
	check_long("A: b ", 'x', 4000, " c\r\n\r\n", l, 7);
	/* Not where somebody vouched for the octets; the header is another matter. */
	check_long("Content-Type: Multipart/Signed\r\n\r\n", 'x', 3000, "\r\n", 0, 3);
	check_long("A: b\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n", 'x', 5000, "\r\n", 0, 4);
	check_long("Content-Type: multipart/signed; a=", 'x', 1000, "\r\n\r\nb", l, 4);
}

static void test_body_at_blank(void **state)
{
	char in[2100] = "A: b\r\n\r\n";
	size_t n, at = strlen(in);
	_cleanup_(freep) char *out = NULL;

	memset(in + at, 'x', 1200);
	in[at + 500] = ' ';
	out = mend(in, at + 1200, REPAIR_LONG_LINES, &n);
	assert_int_equal(n, at + 1200 + 2);
	assert_memory_equal(out + at + 499, "x \r\nx", 5);
}

/* A character of several octets stays whole. */
static void test_body_characters(void **state)
{
	for (size_t shift = 0; shift < 4; shift++) {
		_cleanup_(buf_done) struct buf in = {0};
		_cleanup_(freep) char *out = NULL;
		size_t n;

		assert_int_equal(buf_adds(&in, "A: b\r\n\r\n"), 0);
		for (size_t i = 0; i < shift; i++)
			assert_int_equal(buf_addc(&in, 'x'), 0);
		for (size_t i = 0; i < 600; i++)
			assert_int_equal(buf_adds(&in, "\xf0\x9f\x98\x80"), 0);
		out = mend(in.p, in.len, REPAIR_LONG_LINES, &n);
		assert_int_equal(look(out, n), 0);
		for (const char *p = strstr(out, "\r\n\r\n") + 4; *p; p++)
			if (*p == '\r')
				assert_true(p[2] == '\xf0' || p[2] == '\0');
	}
}

/* Beyond its limit a header is not held: what needs that is not offered. */
static void test_huge_header(void **state)
{
	size_t n = REPAIR_HEADER_MAX + 5000, n_out;
	_cleanup_(freep) char *in = malloc(n), *out = NULL;

	assert_non_null(in);
	memset(in, '\xfc', n);
	in[0] = 'A';
	in[1] = ':';
	in[n - 1] = '\n';
	assert_int_equal(look(in, n), REPAIR_LINE_ENDS);
	out = mend(in, n, REPAIR_LINE_ENDS, &n_out);
	assert_int_equal(n_out, n + 1);
	assert_memory_equal(out, in, n - 1);
}

static void test_names(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	assert_int_equal(repair_names(0, &b), 0);
	assert_string_equal(buf_str(&b), "");
	assert_int_equal(repair_names(REPAIR_NUL | REPAIR_LONG_LINES, &b), 0);
	assert_string_equal(buf_str(&b), "NUL octets, overlong lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),           cmocka_unit_test(test_single_repairs),
		cmocka_unit_test(test_long_lines),      cmocka_unit_test(test_body_at_blank),
		cmocka_unit_test(test_body_characters), cmocka_unit_test(test_huge_header),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
