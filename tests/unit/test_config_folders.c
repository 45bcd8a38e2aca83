/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

/* What folders = { ... } may say; expected are all complaints, exactly. */

/* Line 2: an account that is right but for `text`. */
#define FOLDERS(text)                                                                          \
	"servers = ( { name = \"s\"; host = \"h\"; } );\n"                                     \
	"accounts = ( { name = \"x\"; origin = { server = \"s\"; user = \"a\"; "               \
	"password_file = \"/p\"; }; destination = { server = \"s\"; user = \"b\"; "            \
	"password_file = \"/p\"; }; folders = { " text " }; } );\n"

static void test_folders(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{FOLDERS("include = [ \"Work/*\", \"\\\\Sent\" ]; exclude = ( "
			 "\"/^Old\\\\//i\", \"INBOX\" ); automap = true; map = ( "
			 "(\"A\", \"B\"), [\"C\", \"B\"] ); rewrite = [ "
			 "\"s#^Lists/#Archive/Lists/#\", \"s{(a)}{$1\\\\1}gi\" ]; into = "
			 "\"Old/mail\"; subscribed_only = true;"),
		 ""},
		{FOLDERS("include = [ ]; exclude = [ ]; map = ( ); rewrite = [ ];"), ""},
		{FOLDERS("exclude = \"Junk\";"),
		 "m.conf:2: folders.exclude is a text; write a list of texts: [ \"A\", \"B\" "
		 "]\n"},
		{FOLDERS("exclude = [ \"Junk\",\n\"\" ];"),
		 "m.conf:3: folders.exclude is empty; write a value, or remove the key\n"},
		{FOLDERS("exclude = [ \"a\",\n\"/a(b/\",\n\"/x/i\" ]; include = "
			 "[\n\"\\\\Spam\" "
			 "];"),
		 "m.conf:3: folders.exclude = \"/a(b/\" has an expression with an error: "
		 "missing closing parenthesis, at character 5; see pcre2pattern(3)\n"
		 "m.conf:5: folders.include = \"\\Spam\" is no role; write one of "
		 "\"\\\\All\", \"\\\\Archive\", \"\\\\Drafts\", \"\\\\Flagged\", "
		 "\"\\\\Important\", \"\\\\Junk\", \"\\\\Sent\", \"\\\\Trash\", or "
		 "\"INBOX\"\n"},
		{FOLDERS("include = [ \"/Lists\" ];"),
		 "m.conf:2: folders.include = \"/Lists\" begins with a slash, as no folder "
		 "does; write /EXPRESSION/ or /EXPRESSION/i\n"},
		{FOLDERS("rewrite = [ \"s/a/b/\",\n\"s/(a/b/\",\n\"tr/a/b/\",\n\"s/a/$1/\" ];"),
		 "m.conf:3: folders.rewrite = \"s/(a/b/\" has an expression with an error: "
		 "missing closing parenthesis, at character 5; see pcre2pattern(3)\n"
		 "m.conf:4: folders.rewrite = \"tr/a/b/\" is no substitution; write "
		 "\"s/EXPRESSION/REPLACEMENT/\", with any sign for the slashes\n"
		 "m.conf:5: folders.rewrite = \"s/a/$1/\" names a group in its replacement "
		 "that its expression does not have; write \\1 or $1 for what the first ( ) "
		 "found, and \\\\ or \\$ for the signs themselves\n"},
		{FOLDERS("map = ( (\"A\", \"B\"),\n(\"A\", \"C\"),\n(\"inbox\", \"X\"), "
			 "(\"B\", \"D\"),\n(\"INBOX\", \"Y\") );"),
		 "m.conf:3: folders.map sends \"A\" to two places; keep one of the two\n"
		 "m.conf:5: folders.map sends \"INBOX\" to two places; keep one of the two\n"},
		{FOLDERS("map = ( (\"A/\", \"/B\"),\n(\"\\\\Sent\", \"a//b\"),\n(\"x\", "
			 "\"\") );"),
		 "m.conf:2: folders.map = \"A/\" ends in a slash; write the name of a folder, "
		 "with a slash between its levels: \"A/B\"\n"
		 "m.conf:2: folders.map = \"/B\" begins with a slash; write the name of a "
		 "folder, with a slash between its levels: \"A/B\"\n"
		 "m.conf:3: folders.map = \"\\Sent\" is a role; write the name of a folder\n"
		 "m.conf:3: folders.map = \"a//b\" has two slashes in a row; write the name of "
		 "a folder, with a slash between its levels: \"A/B\"\n"
		 "m.conf:4: folders.map is empty; write a value, or remove the key\n"},
		{FOLDERS("map = ( \"A\", \"B\" );"),
		 "m.conf:2: folders.map contains something that is no pair; write a list of "
		 "pairs: ( (\"A\", \"B\"), (\"C\", \"D\") )\n"
		 "m.conf:2: folders.map contains something that is no pair; write a list of "
		 "pairs: ( (\"A\", \"B\"), (\"C\", \"D\") )\n"},
		{FOLDERS("into = \"\";"),
		 "m.conf:2: folders.into is empty; write a value, or remove the key\n"},
		{FOLDERS("into = \"Old/\";"),
		 "m.conf:2: folders.into = \"Old/\" ends in a slash; write the name of a "
		 "folder, with a slash between its levels: \"A/B\"\n"},
		{FOLDERS("into = \"a\\x01\";"),
		 "m.conf:2: folders.into = \"a?\" has a control character; write the name of a "
		 "folder, with a slash between its levels: \"A/B\"\n"},
		{FOLDERS("automap = \"no\";"),
		 "m.conf:2: folders.automap is a text; write true or false, without quotes\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		fixture_write(*state, "m.conf", rows[i].text);
		fixture_expect(*state, rows[i].expected);
	}
}

static void test_values(void **state)
{
	struct fixture *f = *state;
	const struct folder_rules *r;

	fixture_write(f, "m.conf",
		      FOLDERS("include = [ \"*\" ]; exclude = [ \"\\\\Junk\", \"/x/\" ]; "
			      "automap = false; map = ( (\"a\", \"b\"), [\"c\", \"d\"] ); "
			      "rewrite = [ \"s/a/\\\\0/\" ]; into = \"Old\"; subscribed_only = "
			      "true;"));
	fixture_expect(f, "");
	r = &f->config->accounts[0].job.folders;
	assert_false(r->automap);
	assert_true(r->subscribed_only);
	assert_int_equal(r->include.n, 1);
	assert_string_equal(r->include.v[0], "*");
	assert_int_equal(r->exclude.n, 2);
	assert_string_equal(r->exclude.v[0], "\\Junk");
	assert_int_equal(r->map.n, 4);
	assert_string_equal(r->map.v[3], "d");
	assert_int_equal(r->rewrite.n, 1);
	assert_string_equal(r->rewrite.v[0], "s/a/\\0/");
	assert_string_equal(r->into, "Old");
}

/* What a group says is that of its members, and of nobody else. */
static void test_group(void **state)
{
	static const char csv[] = "origin_user,origin_password,destination_user,"
				  "destination_password\nanna,x,anna@new,y\nbob,x,bob@new,y\n";
	struct fixture *f = *state;

	fixture_write(
		f, "m.conf",
		"servers = ( { name = \"s\"; host = \"h\"; }, { name = \"t\"; host = "
		"\"i\"; } );\n"
		"groups = ( { name = \"g\"; accounts_file = \"g.csv\"; origin = { server = "
		"\"s\"; }; destination = { server = \"t\"; };\n"
		"folders = { exclude = [ \"\\\\Junk\" ]; into = \"Old\"; map = ( (\"a\", "
		"\"b\") ); }; } );\n");
	fixture_write(f, "g.csv", csv);
	fixture_chmod(f, "g.csv", 0640);
	fixture_expect(f, "");
	assert_int_equal(f->config->n_accounts, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct folder_rules *r = &f->config->accounts[i].job.folders;

		assert_string_equal(r->exclude.v[0], "\\Junk");
		assert_string_equal(r->into, "Old");
		assert_int_equal(r->map.n, 2);
		assert_true(r->automap);
	}

	fixture_write(
		f, "m.conf",
		"servers = ( { name = \"s\"; host = \"h\"; }, { name = \"t\"; host = "
		"\"i\"; } );\n"
		"groups = ( { name = \"g\"; accounts_file = \"g.csv\"; origin = { server = "
		"\"s\"; }; destination = { server = \"t\"; };\n"
		"folders = { map = ( (\"a\", \"b\"),\n(\"a\", \"c\") ); }; } );\n");
	fixture_expect(f, "m.conf:4: folders.map sends \"a\" to two places; keep one of the "
			  "two\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folders, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_values, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_group, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
