/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

/* Schedules as config_load() takes and refuses them; tests/integration/test_generator.py has
 * the other way of reading them. systemd-analyze is a script here. */

static const char script[] = "#!/bin/sh\n"
			     "for text; do case \"$text\" in bad*)\n"
			     "  echo \"Failed to parse '$text'\" >&2; status=1;;\n"
			     "esac; done\n"
			     "exit ${status-0}\n";

static void have_tool(struct fixture *f, const char *name)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", f->dir, name);

	fixture_write(f, name, script);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(setenv("PATH", f->dir, 1), 0);
}

#define ACCOUNT(name, schedule)                                                                \
	"{ name = \"" name "\"; schedule = \"" schedule "\"; origin = { server = \"s\"; user " \
	"= \"a\"; password_file = \"/p\"; }; destination = { server = \"s\"; user = \"b\"; "   \
	"password_file = \"/p\"; }; }"
#define SERVER "servers = ( { name = \"s\"; host = \"h\"; } );\n"

#define NEITHER                                                                                \
	" is neither a time span nor a calendar expression; try it with systemd-analyze "      \
	"calendar\n"
#define NO_SCHEDULE                                                                            \
	" is no schedule; write a time span such as \"10min\", or a calendar expression such " \
	"as \"Mon..Fri 22:00\"\n"

static void test_good(void **state)
{
	struct fixture *f = *state;

	have_tool(f, "systemd-analyze");
	fixture_write(f, "m.conf",
		      SERVER "accounts = (\n" ACCOUNT("x", "10min") ",\n" ACCOUNT(
			      "y", "Mon..Fri 22:00") ",\n" ACCOUNT("z", "good 1") ");\n");
	fixture_expect(f, "");
	assert_string_equal(config_find_account(f->config, "z")->schedule, "good 1");
	assert_int_equal(f->config->n_unchecked_schedules, 0);
}

/* Each with its line, also where an expression stands twice. */
static void test_bad(void **state)
{
	struct fixture *f = *state;

	have_tool(f, "systemd-analyze");
	fixture_write(
		f, "m.conf",
		SERVER
		"accounts = (\n" ACCOUNT("a", "bad 2") ",\n" ACCOUNT("b", "good") ",\n" ACCOUNT(
			"c",
			"bad 1") ",\n" ACCOUNT("d",
					       "bad 2") ",\n" ACCOUNT("e",
								      "0") ",\n" ACCOUNT("f",
											 "%") ");\n");
	fixture_expect(f, "m.conf:3: schedule = \"bad 2\"" NEITHER
			  "m.conf:5: schedule = \"bad 1\"" NEITHER
			  "m.conf:6: schedule = \"bad 2\"" NEITHER
			  "m.conf:7: schedule = \"0\" is out of range; write \"1s\" to "
			  "\"3650d\"\n"
			  "m.conf:8: schedule = \"%\"" NO_SCHEDULE);
}

/* Nobody can tell: they are taken, and counted. */
static void test_without_the_tool(void **state)
{
	struct fixture *f = *state;

	have_tool(f, "another-tool");
	fixture_write(f, "m.conf",
		      SERVER "accounts = (\n" ACCOUNT("a", "bad 2") ",\n" ACCOUNT(
			      "b", "good") ",\n" ACCOUNT("c", "daily") ");\n");
	fixture_expect(f, "");
	assert_int_equal(f->config->n_unchecked_schedules, 2);
}

/* More than fits on one command line. */
static void test_many(void **state)
{
	struct fixture *f = *state;
	_cleanup_(buf_done) struct buf text = {}, expected = {};

	have_tool(f, "systemd-analyze");
	assert_int_equal(buf_adds(&text, SERVER "accounts = (\n"), 0);
	for (unsigned i = 0; i < 3000; i++) {
		const char *word = i % 1000 == 999 ? "bad" : "good";

		assert_int_equal(buf_addf(&text,
					  "{ name = \"n%u\"; schedule = \"%s %0100u\"; origin "
					  "= { server = \"s\"; user = \"a\"; password_file = "
					  "\"/p\"; }; destination = { server = \"s\"; user = "
					  "\"b\"; password_file = \"/p\"; }; }%s\n",
					  i, word, i, i < 2999 ? "," : ");"),
				 0);
	}
	fixture_write(f, "m.conf", buf_str(&text));
	for (unsigned i = 999; i < 3000; i += 1000)
		assert_int_equal(buf_addf(&expected,
					  "m.conf:%u: schedule = \"bad %.72s...\"" NEITHER,
					  i + 3,
					  "0000000000000000000000000000000000000000000"
					  "0000000000000000000000000000000000000000000"),
				 0);
	fixture_expect(f, buf_str(&expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_good, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_bad, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_without_the_tool, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(test_many, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
