/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

/* An account on line 2 that is right but for `keys`. */
static void write_account(struct fixture *f, const char *keys)
{
	_cleanup_(freep) char *text = text_fmt(
		"servers = ( { name = \"s\"; host = \"h\"; } );\n"
		"accounts = ( { name = \"x\"; "
		"origin = { server = \"s\"; user = \"a\"; password_file = \"/p\"; }; "
		"destination = { server = \"s\"; user = \"b\"; password_file = \"/p\"; }; "
		"%s } );\n",
		keys);

	fixture_write(f, "m.conf", text);
}

static void test_right(void **state)
{
	static const struct {
		const char *keys;
		bool propagate, recopy;
		uint32_t percent, messages;
	} rows[] = {
		{"", false, false, 10, 50},
		{"propagate_deletes = true;", true, false, 10, 50},
		{"recopy_deleted = true;", false, true, 10, 50},
		{"absence_max = \"10% 50\";", false, false, 10, 50},
		{"absence_max = \"7  3%\";", false, false, 3, 7},
		{"absence_max = \"25%\";", false, false, 25, UINT32_MAX},
		{"absence_max = \"200\";", false, false, 100, 200},
		{"absence_max = \"0\"; propagate_deletes = true; recopy_deleted = true;", true,
		 true, 100, 0},
		{"absence_max = \"4294967295\";", false, false, 100, UINT32_MAX},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct fixture *f = *state;
		const struct job *j;

		write_account(f, rows[i].keys);
		fixture_expect(f, "");
		j = &config_find_account(f->config, "x")->job;
		assert_int_equal(j->propagate_deletes, rows[i].propagate);
		assert_int_equal(j->recopy_deleted, rows[i].recopy);
		assert_int_equal(j->absence_percent, rows[i].percent);
		assert_int_equal(j->absence_messages, rows[i].messages);
	}
}

static void test_wrong(void **state)
{
#define LIMIT(value)                                                                           \
	{                                                                                      \
		"absence_max = \"" value "\";",                                                \
			"m.conf:2: absence_max = \"" value                                     \
			"\" is neither a part nor a number of messages; "                      \
			"write \"10%\", \"50\", or both: \"10% 50\"\n"                         \
	}
	static const struct {
		const char *keys, *expected;
	} rows[] = {
		{"propagate_deletes = 1; recopy_deleted = \"yes\";",
		 "m.conf:2: propagate_deletes is a number; write true or false, without "
		 "quotes\n"
		 "m.conf:2: recopy_deleted is a text; write true or false, without quotes\n"},
		{"absence_max = 50;",
		 "m.conf:2: absence_max is a number; write a text in quotes\n"},
		LIMIT("101%"),
		LIMIT("10 %"),
		LIMIT("10% 20%"),
		LIMIT("10 20"),
		LIMIT("10%50"),
		LIMIT("10%, 50"),
		LIMIT("-1"),
		LIMIT("%"),
		LIMIT("4294967296"),
		LIMIT(" "),
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		write_account(*state, rows[i].keys);
		fixture_expect(*state, rows[i].expected);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_right), TEST(test_wrong)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
