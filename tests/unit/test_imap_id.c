/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/parse.h>

#include "imap_respond.h"
#include "unit.h"

static void test_id(void **state)
{
	static const struct {
		const char *in, *name;
		int result;
	} rows[] = {
		{"NIL", NULL, 0},
		{"nil", NULL, 0},
		{"()", NULL, 0},
		{"(\"name\" \"Dovecot\")", "Dovecot", 0},
		{"(\"vendor\" \"x\" \"NAME\" \"a \\\"b\\\"\" \"version\" \"1\")", "a \"b\"", 0},
		{"(\"name\" {3}\r\na)b \"version\" NIL)", "a)b", 0},
		{"(\"name\" NIL)", NULL, 0},
		{"( \"name\"  \"x\" )", "x", 0},
		{"(\"a\" \"name\" \"b\" \"c\")", NULL, 0},
		{"", NULL, -EPROTO},
		{"(", NULL, -EPROTO},
		{"(\"name\")", NULL, -EPROTO},
		{"(\"name\" \"x\"", NULL, -EPROTO},
		{"(\"name\" (\"x\"))", NULL, -EPROTO},
		{"\"name\" \"x\"", NULL, -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct buf scratch = {0};
		struct imap_resp r;
		struct imap_id id;
		char line[256];
		int n = snprintf(line, sizeof(line), "* ID %s\r\n", rows[i].in);

		print_message("%s", line);
		assert_int_equal(respond(&f, line, (size_t)n, &r), 0);
		assert_int_equal(imap_parse_id(&r, &scratch, &id), rows[i].result);
		if (rows[i].result == 0 && rows[i].name)
			assert_str(&id.name, rows[i].name);
		else if (rows[i].result == 0)
			assert_null(id.name.p);
		buf_done(&scratch);
		imap_framer_done(&f);
	}
}

/* Thirty pairs are read (RFC 2971), whatever follows them. */
static void test_id_of_many(void **state)
{
	for (size_t before = 28; before <= 31; before++) {
		struct imap_framer f = {0};
		struct buf scratch = {0}, line = {0};
		struct imap_resp r;
		struct imap_id id;

		assert_int_equal(buf_adds(&line, "* ID ("), 0);
		for (size_t i = 0; i < before; i++)
			assert_int_equal(buf_adds(&line, "\"x\" \"y\" "), 0);
		assert_int_equal(buf_adds(&line, "\"name\" \"n\" "), 0);
		for (size_t i = 0; i < 1000; i++)
			assert_int_equal(buf_adds(&line, "\"x\" \"y\" "), 0);
		assert_int_equal(buf_adds(&line, ")\r\n"), 0);
		assert_int_equal(respond(&f, line.p, line.len, &r), 0);
		assert_int_equal(imap_parse_id(&r, &scratch, &id), 0);
		assert_int_equal(id.name.n, before < 30 ? 1 : 0);
		buf_done(&line);
		buf_done(&scratch);
		imap_framer_done(&f);
	}
}

/* ---- sets ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_id_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
