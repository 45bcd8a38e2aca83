/* SPDX-License-Identifier: Apache-2.0 */
#include <config/config_internal.h>

#include "config_fixture.h"

#define SERVER      "servers = ( { name = \"s\"; host = \"h\"; } );\n" /* line 1 */
#define ORIGIN      "origin = { server = \"s\"; user = \"a\"; password_file = \"/p\"; }; "
#define DESTINATION "destination = { server = \"s\"; user = \"b\"; password_file = \"/p\"; }; "
/* Line 2: an account that is right but for `body`. */
#define ACCOUNT(body) SERVER "accounts = ( { name = \"x\"; " ORIGIN DESTINATION body " } );\n"

#define MESSAGES(rules) ACCOUNT("messages = { " rules " };")

static void test_messages(void **state)
{
	static const struct row rows[] = {
		{MESSAGES("max_age = \"5y\"; min_age = \"1d\"; since = \"2020-02-29\"; "
			  "before = \"2020-03-01\"; min_size = \"1\"; max_size = \"1\"; "
			  "search = \"OR (FROM \\\"a \\\\\\\" b\\\") NOT SUBJECT \\\"{1} "
			  "(\\\"\";"),
		 ""},
		{MESSAGES("max_age = \"0\";"),
		 "m.conf:2: messages.max_age = \"0\" is out of range; write \"1s\" to "
		 "\"73000d\"\n"},
		{MESSAGES("max_age = \"old\";"),
		 "m.conf:2: messages.max_age = \"old\" is no time span; write a number with a "
		 "unit, such as \"5min\"\n"},
		{MESSAGES("since = \"2026-02-29\";"),
		 "m.conf:2: messages.since = \"2026-02-29\" is no day; write YEAR-MONTH-DAY, "
		 "such as \"2024-12-31\"\n"},
		{MESSAGES("before = \"1-Feb-2026\";"),
		 "m.conf:2: messages.before = \"1-Feb-2026\" is no day; write YEAR-MONTH-DAY, "
		 "such as \"2024-12-31\"\n"},
		{MESSAGES("max_size = \"0\";"),
		 "m.conf:2: messages.max_size = \"0\" is too small; write \"1\" or more\n"},
		{MESSAGES("max_size = \"much\";"),
		 "m.conf:2: messages.max_size = \"much\" is no size; write a whole number with "
		 "a unit, such as \"64MiB\"\n"},
		{MESSAGES("max_agee = \"1d\";"),
		 "m.conf:2: unknown key \"messages.max_agee\"; did you mean \"max_age\"?\n"},
		/* contradictions */
		{MESSAGES("min_size = \"2\"; max_size = \"1\";"),
		 "m.conf:2: messages.max_size contradicts messages.min_size (m.conf:2): no "
		 "message would be copied; write a larger max_size or a smaller min_size\n"},
		{MESSAGES("min_age = \"2d\"; max_age = \"48h\";"),
		 "m.conf:2: messages.max_age contradicts messages.min_age (m.conf:2): no "
		 "message would be copied; write a larger max_age or a smaller min_age\n"},
		{MESSAGES("before = \"2020-01-01\"; since = \"2020-01-01\";"),
		 "m.conf:2: messages.before contradicts messages.since (m.conf:2): no message "
		 "would be copied; write a later before or an earlier since\n"},
		{MESSAGES("before = \"2020-01-01\"; since = \"x\";"),
		 "m.conf:2: messages.since = \"x\" is no day; write YEAR-MONTH-DAY, such as "
		 "\"2024-12-31\"\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_search(void **state)
{
	static const struct {
		const char *key, *wrong; /* NULL: nothing */
	} rows[] = {
		{"UNSEEN", NULL},
		{"FROM \"a b\"", NULL},
		{"OR (SEEN) (FLAGGED (DELETED))", NULL},
		{"SUBJECT \"Gr\xc3\xbc\xc3\x9f"
		 "e\"",
		 NULL},
		{"SUBJECT \"(\" FROM \")\"", NULL},
		{"SUBJECT \"a \\\" b\"", NULL},
		{"KEYWORD charset", NULL},
		{"", "is empty"},
		{" UNSEEN", "begins or ends with a blank"},
		{"UNSEEN ", "begins or ends with a blank"},
		{"UNSEEN  SEEN", "two blanks"},
		{"UNSEEN\r\nA1 DELETE INBOX", "line break"},
		{"UNSEEN\nA1 DELETE INBOX", "line break"},
		{"SUBJECT \"a\r\nb\"", "line break"},
		{"UNSEEN\t", "control character"},
		{"SUBJECT {3}", "literal"},
		{"SUBJECT {3+}", "literal"},
		{"SUBJECT ~{3}", "literal"},
		{"SUBJECT \"a", "quote without end"},
		{"SUBJECT \"a\\\"", "quote without end"},
		{"SUBJECT \"a\\", "quote without end"},
		{"OR (SEEN", "parenthesis without end"},
		{"SEEN)", "was not opened"},
		{"SEEN) (UNSEEN", "was not opened"},
		{"CHARSET UTF-8 SEEN", "added where it is needed"},
		{"charset", "added where it is needed"},
		{"RETURN (ALL) SEEN", "added where it is needed"},
		{"RETURN(ALL) SEEN", "added where it is needed"},
		{"SUBJECT \"\xff\"", "not UTF-8"},
	};
	const struct key *k = key_find(&keys_messages, "search");

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *wrong = text_wrong(k, rows[i].key);

		print_message("%s\n", rows[i].key);
		if (!rows[i].wrong)
			assert_null(wrong);
		else
			assert_non_null(wrong && strstr(wrong, rows[i].wrong) ? wrong : NULL);
	}
}

/* Of a group they hold for all its members. */
static void test_group(void **state)
{
	fixture_write(*state, "a.csv",
		      "origin_user,origin_password,destination_user,"
		      "destination_password\nu,p,v,q\n");
	fixture_chmod(*state, "a.csv", 0600);
	fixture_write(*state, "m.conf",
		      "servers = ( { name = \"s\"; host = \"h\"; } );\n"
		      "groups = ( { name = \"g\"; accounts_file = \"a.csv\";\n"
		      "  origin = { server = \"s\"; }; destination = { server = \"s\"; };\n"
		      "  messages = { min_size = \"2KiB\";\n"
		      "    max_size = \"1KiB\"; }; } );\n");
	fixture_expect(*state,
		       "m.conf:5: messages.max_size contradicts messages.min_size (m.conf:4): "
		       "no message would be copied; write a larger max_size or a smaller "
		       "min_size\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_messages),
		TEST(test_group),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
