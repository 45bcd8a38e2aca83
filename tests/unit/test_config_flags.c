/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

#define ORIGIN      "origin = { server = \"s\"; user = \"a\"; password_file = \"/p\"; }; "
#define DESTINATION "destination = { server = \"s\"; user = \"b\"; password_file = \"/p\"; }; "
/* Line 2: an account that is right but for `body`. */
#define ACCOUNT(body)                                                                          \
	"servers = ( { name = \"s\"; host = \"h\"; } );\naccounts = ( { name = \"x\"; " ORIGIN \
		DESTINATION body " } );\n"

static void test_wrong(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{ACCOUNT("flags = { mode = \"mine\"; };"),
		 "m.conf:2: flags.mode = \"mine\" is not known; write one of \"merge\", "
		 "\"origin\", \"first\"\n"},
		{ACCOUNT("flags = { drop = [ \"\\\\Seen\", \"x\", \"\\\\RECENT\", "
			 "\"\\\\Sent\", "
			 "\"a b\", \"\" ]; };"),
		 "m.conf:2: flags.drop = \"\\RECENT\" is a flag that never travels; remove "
		 "it\n"
		 "m.conf:2: flags.drop = \"\\Sent\" is no flag that travels; write "
		 "\\\\Seen, \\\\Answered, \\\\Flagged, \\\\Draft or a keyword\n"
		 "m.conf:2: flags.drop = \"a b\" is no keyword; write up to 200 characters of "
		 "ASCII without blanks and ( ) { % * \" \\\n"
		 "m.conf:2: flags.drop is empty; write a value, or remove the key\n"},
		{ACCOUNT("flags = { rename = ( (\"a\", \"\\\\Deleted\"), (\"b\"), \"c\", "
			 "(\"*\", \"d\") ); };"),
		 "m.conf:2: flags.rename = \"\\Deleted\" is a flag that never travels; "
		 "remove it\n"
		 "m.conf:2: flags.rename contains something that is no pair; write a list of "
		 "pairs: ( (\"A\", \"B\"), (\"C\", \"D\") )\n"
		 "m.conf:2: flags.rename contains something that is no pair; write a list of "
		 "pairs: ( (\"A\", \"B\"), (\"C\", \"D\") )\n"
		 "m.conf:2: flags.rename = \"*\" is no keyword; write up to 200 characters of "
		 "ASCII without blanks and ( ) { % * \" \\\n"},
		{ACCOUNT("flags = { drop = [ \"X\" ];\nrename = ( (\"a\", \"b\"),\n(\"A\", "
			 "\"c\"),\n(\"x\", \"b\"),\n(\"b\", \"a\") ); };"),
		 "m.conf:4: flags.rename has \"A\" twice on the left; keep one of the two\n"
		 "m.conf:5: flags.rename renames \"x\", which flags.drop leaves out; remove "
		 "one "
		 "of the two\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		fixture_write(*state, "m.conf", rows[i].text);
		fixture_expect(*state, rows[i].expected);
	}
}

/* A group's rules are those of an account. */
static void test_group(void **state)
{
	fixture_write(
		*state, "m.conf",
		"servers = ( { name = \"s\"; host = \"h\"; } );\ngroups = ( { name = \"g\"; "
		"accounts_file = \"g.csv\"; origin = { server = \"s\"; };\n"
		"destination = { server = \"s\"; };\n"
		"flags = { rename = ( (\"a\", \"b\"), (\"A\", \"c\") ); }; } );\n");
	fixture_write(*state, "g.csv",
		      "origin_user,origin_password,destination_user,destination_password\n"
		      "a,p,b,q\n");
	fixture_chmod(*state, "g.csv", 0640);
	fixture_expect(*state,
		       "m.conf:4: flags.rename has \"A\" twice on the left; keep one of "
		       "the two\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_wrong),
		TEST(test_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
