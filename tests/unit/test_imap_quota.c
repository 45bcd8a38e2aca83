/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/framer.h"
#include "imap/parse.h"
#include "unit.h"

static int parse(const char *text, struct imap_quota_root *ret)
{
	_cleanup_(buf_done) struct buf scratch = {0};
	struct imap_framer f = {0};
	struct imap_resp r;
	char line[512];
	int n = snprintf(line, sizeof(line), "* QUOTA %s\r\n", text), ev, result;
	size_t at = 0;

	do {
		size_t used = 0;

		ev = imap_framer_push(&f, (const uint8_t *)line + at, (size_t)n - at, &used);
		at += used;
	} while (ev > IMAP_EVENT_RESPONSE);
	assert_int_equal(ev, IMAP_EVENT_RESPONSE);
	assert_int_equal(imap_parse_response(&f.line, &r), 0);
	result = imap_parse_quota(&r, &scratch, ret);
	imap_framer_done(&f);
	return result;
}

static void test_quota(void **state)
{
	static const struct {
		const char *in;
		struct imap_quota_root out;
	} rows[] = {
		{"\"\" (STORAGE 10 512)", {true, false, 10, 512, 0, 0}},
		{"\"User quota\" (STORAGE 10 512 MESSAGE 5 100)",
		 {true, true, 10, 512, 5, 100}},
		{"root (message 5 100)", {false, true, 0, 0, 5, 100}},
		{"{4}\r\nroot (STORAGE 0 18446744073709551615)",
		 {true, false, 0, UINT64_MAX, 0, 0}},
		{"x ()", {false, false, 0, 0, 0, 0}},
		{"x (ANNOTATION-STORAGE 1 2 MAILBOX 3 4)", {false, false, 0, 0, 0, 0}},
		{"x ( STORAGE  1  2 )", {true, false, 1, 2, 0, 0}},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_quota_root q;

		print_message("%s\n", rows[i].in);
		assert_int_equal(parse(rows[i].in, &q), 0);
		assert_int_equal(q.has_storage, rows[i].out.has_storage);
		assert_int_equal(q.has_messages, rows[i].out.has_messages);
		assert_int_equal(q.storage_used, rows[i].out.storage_used);
		assert_int_equal(q.storage_limit, rows[i].out.storage_limit);
		assert_int_equal(q.messages_used, rows[i].out.messages_used);
		assert_int_equal(q.messages_limit, rows[i].out.messages_limit);
	}
}

static void test_no_quota(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"x (",
		"x (STORAGE",
		"x (STORAGE 1",
		"x (STORAGE 1 2",
		"x (STORAGE 1)",
		"x (STORAGE -1 2)",
		"x (STORAGE 1 99999999999999999999)",
		"x (STORAGE (1 2))",
		"(STORAGE 1 2)",
		"x STORAGE 1 2",
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		struct imap_quota_root q;

		print_message("%s\n", bad[i]);
		assert_int_equal(parse(bad[i], &q), -EPROTO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_no_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
