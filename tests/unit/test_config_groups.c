/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

/* groups and their accounts_file. */

#define SERVERS                                                                                \
	"servers = ( { name = \"o\"; host = \"o\"; }, { name = \"d\"; host = \"d\"; },\n"      \
	"  { name = \"admin\"; host = \"a\"; admin_user = \"root\"; password_file = \"p\"; } " \
	");\n"
#define GROUP(more)                                                                            \
	SERVERS "groups = ( { name = \"g\"; accounts_file = \"g.csv\";\n"                      \
		"  origin = { server = \"o\"; }; destination = { server = \"d\"; }; " more     \
		"} );\n"
#define HEADER "origin_user,origin_password,destination_user,destination_password"

static void write_csv(struct fixture *f, const char *text, size_t n)
{
	fixture_write_octets(f, "g.csv", text, n);
	fixture_chmod(f, "g.csv", 0640);
}

static void test_members(void **state)
{
	static const char csv[] = "\xef\xbb\xbf"
				  "name,destination_password," HEADER "\r\n";
	static const char rows[] = HEADER ",name\r\n"
					  "anna,\"a \"\"b\"\", c\",anna@new,pa,\r\n"
					  "\r\n"
					  "\"b d\",\"two\nlines\",bob@new,pb,bob\r\n";
	struct fixture *f = *state;
	const struct config_account *a;

	fixture_write(f, "m.conf",
		      GROUP("schedule = \"1h\"; enabled = false; limits = { connections = 2; };"
			    " folders = { create = false; };"
			    " flags = { mode = \"origin\"; rename = ( (\"a\", \"b\") ); };"));
	write_csv(f, csv, strlen(csv));
	fixture_expect(f,
		       "g.csv:1: column \"destination_password\" is there twice; keep one of "
		       "the two\n");

	write_csv(f, rows, strlen(rows));
	fixture_expect(f, "");
	assert_int_equal(f->config->n_accounts, 2);
	a = config_find_account(f->config, "g/anna");
	assert_ptr_equal(a, &f->config->accounts[0]);
	assert_ptr_equal(config_find(f->config, "g"), a);
	assert_null(config_find_account(f->config, "g"));
	assert_string_equal(a->group, "g");
	assert_string_equal(config_account_unit(a), "g");
	assert_string_equal(a->schedule, "1h");
	assert_false(a->enabled);
	assert_string_equal(a->job.account, "g/anna");
	assert_int_equal(a->job.connections, 2);
	assert_false(a->job.folders.create);
	assert_int_equal(a->job.flags.mode, FLAGS_ORIGIN);
	assert_int_equal(a->job.flags.rename.n, 2);
	assert_string_equal(a->job.origin.host, "o");
	assert_string_equal(a->job.origin.user, "anna");
	assert_int_equal(a->job.origin.secret.kind, SECRET_INLINE);
	assert_string_equal(a->job.origin.secret.value, "a \"b\", c");
	assert_string_equal(a->job.destination.user, "anna@new");
	assert_string_equal(a->job.destination.secret.value, "pa");
	assert_int_equal(a->line, 2);
	assert_non_null(strstr(a->file, "/g.csv"));

	a = config_find_account(f->config, "g/bob");
	assert_string_equal(a->job.origin.user, "b d");
	assert_string_equal(a->job.origin.secret.value, "two\nlines");
	assert_int_equal(a->line, 4);
}

/* Where an admin logs in for all, nobody has a password. */
static void test_admin(void **state)
{
	static const char csv[] = "origin_user,origin_password,destination_user\nx,p,x\n";
	static const char more[] = HEADER "\nx,p,x,q\n";
	struct fixture *f = *state;

	fixture_write(f, "m.conf",
		      SERVERS
		      "groups = ( { name = \"g\"; accounts_file = \"g.csv\"; origin = { "
		      "server = \"o\"; }; destination = { server = \"admin\"; }; } );\n");
	write_csv(f, csv, strlen(csv));
	fixture_expect(f, "");
	assert_int_equal(f->config->accounts[0].job.destination.secret.kind, SECRET_FILE);
	assert_string_equal(f->config->accounts[0].job.destination.admin_user, "root");
	write_csv(f, more, strlen(more));
	fixture_expect(f, "g.csv:2: destination_password is of no use: the server logs in with "
			  "its admin_user; remove it\n");
}

static void test_file_errors(void **state)
{
	static const char nul[] = HEADER "\na,\0,b,p\n";
#define BEGIN "begin the file with the line: " HEADER "\n"
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"", "g.csv:1: the file is empty; " BEGIN},
		{HEADER "\n", "g.csv:1: the file has no members; write a line for each\n"},
		{" {\"a\": 1}",
		 "g.csv:1: a quote in the middle of a value; put the whole value in "
		 "quotes, and write each quote in it twice\n"},
		{"{ }\n", "g.csv:1: JSON is not in this version; write CSV, and " BEGIN},
		{"h;u;p;h2;u2;p2\n",
		 "g.csv:1: lines with ';' are not in this version; write CSV "
		 "with ',', and " BEGIN},
		{"origin_user,origin_pasword\n",
		 "g.csv:1: unknown column \"origin_pasword\"; did you mean "
		 "\"origin_password\"?\n"
		 "g.csv:1: there is no column destination_user; " BEGIN
		 "g.csv:1: there is no column origin_password; " BEGIN
		 "g.csv:1: there is no column destination_password; " BEGIN},
		{HEADER ",schedule,what is this\n",
		 "g.csv:1: column \"schedule\": keys of accounts are not in this version; "
		 "write it "
		 "into the group, for all its members\n"
		 "g.csv:1: unknown column \"what is this\"; mailmig.conf(5) has those of an "
		 "accounts_file\n"},
		{HEADER "\na,b,c\na,b,c,d,e\n,b,c,\n",
		 "g.csv:2: the line has 3 values, the header 4; write all of them, an empty "
		 "one "
		 "too\n"
		 "g.csv:3: the line has 5 values, the header 4; put a value with ',' in "
		 "quotes\n"
		 "g.csv:4: origin_user is empty; write one\n"
		 "g.csv:4: destination_password is empty; write one\n"},
		{HEADER ",name\na b,p,c,p,\nx,p,y,p,x/y\n",
		 "g.csv:2: origin_user = \"a b\" cannot be the member's name; add a column "
		 "name, "
		 "with 1 to 64 of A-Z a-z 0-9 _ . @ -\n"
		 "g.csv:3: name = \"x/y\" is no name; use 1 to 64 of A-Z a-z 0-9 _ . @ - (and "
		 "not "
		 "\".\" or \"..\" alone)\n"},
		{HEADER "\na,p,b,p\n\"x\ny\",p,b,p\nc,\xff,b,p\na,p,b,p\n\"d",
		 "g.csv:3: origin_user = \"x?y\" contains a line break; remove it\n"
		 "g.csv:5: origin_password is not UTF-8; put it into a password_file\n"
		 "g.csv:6: member \"a\" is there already (line 2); give it another name, in a "
		 "column name\n"
		 "g.csv:7: a quote is opened here and never closed; close it\n"},
	};

	fixture_write(*state, "m.conf", GROUP(""));
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		write_csv(*state, rows[i].text, strlen(rows[i].text));
		fixture_expect(*state, rows[i].expected);
	}
	write_csv(*state, nul, sizeof(nul) - 1);
	fixture_expect(*state,
		       "g.csv:2: the file contains a NUL octet; write it as text in UTF-8\n");
}

static void test_long_value(void **state)
{
	_cleanup_(buf_done) struct buf b = {};

	fixture_write(*state, "m.conf", GROUP(""));
	assert_int_equal(buf_adds(&b, HEADER "\na,"), 0);
	for (size_t i = 0; i < 4096 + 1; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(buf_adds(&b, ",b,p\n"), 0);
	write_csv(*state, buf_str(&b), b.len);
	fixture_expect(*state,
		       "g.csv:2: origin_password is too long; write up to 4096 octets\n");
}

static void test_entry_errors(void **state)
{
	static const char csv[] = HEADER "\na,p,a,p\n";
	struct fixture *f = *state;

	write_csv(f, csv, strlen(csv));
	fixture_write(f, "m.conf",
		      SERVERS
		      "accounts = ( { name = \"g\";\n"
		      "  origin = { server = \"o\"; user = \"a\"; password_file = \"p\"; };\n"
		      "  destination = { server = \"d\"; user = \"a\"; password_file = "
		      "\"p\"; }; } );\n"
		      "groups = (\n"
		      "{ name = \"g\"; accounts_file = \"g.csv\"; origin = { server = "
		      "\"o\"; };\n"
		      " destination = { server = \"d\"; user = \"u\"; password_stored = "
		      "\"x\"; }; },\n"
		      "{ name = \"x.db\"; accounts_file = \"no\"; origin = { server = "
		      "\"o\"; };\n"
		      " destination = { server = \"p\"; }; schedule = \"\"; },\n"
		      "{ name = \"h\"; accounts_file = \"g.csv\"; origin = { server = "
		      "\"o\"; };\n"
		      " destination = { server = \"o\"; }; } );\n");
	fixture_expect(
		f,
		"m.conf:7: group \"g\" is there already (m.conf:3); give it another name\n"
		"m.conf:8: destination.user in a group; it is each member's own: column "
		"destination_user of the accounts_file\n"
		"m.conf:8: destination.password_stored in a group; it is each member's own: "
		"column "
		"destination_password of the accounts_file\n"
		"m.conf:9: name = \"x.db\" may be that of a state file; name the group without "
		"\".db\" and \".lock\"\n"
		"m.conf:9: accounts_file \"no\" cannot be read: No such file or directory; "
		"create "
		"it, or name another file\n"
		"m.conf:10: schedule is empty; write a value, or remove the key\n"
		"m.conf:10: destination.server = \"p\" is not in servers; did you mean \"d\"?\n"
		"g.csv:2: origin and destination are the same mailbox; name another user or "
		"server\n");

	fixture_write(f, "m.conf", GROUP(""));
	fixture_chmod(f, "g.csv", 0644);
	fixture_expect(f, "m.conf:3: accounts_file: secret file g.csv can be read by everyone; "
			  "chmod 0640 g.csv\n");
}

/* The time is for the slowest machine; where each member looked through all it is minutes. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	_cleanup_(buf_done) struct buf b = {};

	fixture_write(f, "m.conf", GROUP(""));
	assert_int_equal(buf_adds(&b, HEADER "\n"), 0);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(buf_addf(&b, "user%d@old.example,secret-%d,user%d,new-%d\n", i,
					  i, i, i),
				 0);
	write_csv(f, buf_str(&b), b.len);
	fixture_expect(f, "");
	assert_int_equal(f->config->n_accounts, 5000);
	assert_ptr_equal(config_find_account(f->config, "g/user4999@old.example"),
			 &f->config->accounts[4999]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_members),    TEST(test_admin),        TEST(test_file_errors),
		TEST(test_long_value), TEST(test_entry_errors), TEST(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
