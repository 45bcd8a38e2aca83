/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

static const struct look narrow = {.columns = 60, .utf8 = true};
static const struct look coloured = {.columns = 100, .utf8 = true, .colour = true};

static const char ok[] = "{\"account\":\"alice\",\"side\":\"origin\",\"item\":\"name\","
			 "\"result\":\"ok\",\"text\":\"imap.example is 192.0.2.1\","
			 "\"advice\":\"\"}";
static const char bad[] = "{\"account\":\"\",\"side\":null,\"item\":\"disk\","
			  "\"result\":\"fail\",\"text\":\"1 MiB free\\u001b[2J\","
			  "\"advice\":\"free some more of it: du -xh /var/lib/mailmig\"}";

static const char *line(const char *event, const struct look *l)
{
	_cleanup_(json_decrefp) json_t *o = json_of(event);

	check_view_line(capture(), l, o);
	return captured();
}

static void test_pipe(void **state)
{
	assert_string_equal(line(ok, &pipe_look),
			    "ok alice origin name: imap.example is 192.0.2.1\n");
	assert_string_equal(line(bad, &pipe_look),
			    "FAIL - disk: 1 MiB free?[2J; free some more of it: du -xh "
			    "/var/lib/mailmig\n");
	assert_string_equal(line("{}", &pipe_look), " - : \n");
}

static void test_terminal(void **state)
{
	assert_string_equal(line(ok, &narrow),
			    "  ok    origin name               imap.example is 192.0.2.1\n");
	assert_string_equal(line(bad, &narrow),
			    "  FAIL  disk                      1 MiB free?[2J\n"
			    "                                  free some more of it: du\n"
			    "                                  -xh /var/lib/mailmig\n");
	assert_true(strncmp(line(bad, &coloured), "  \033[1;31mFAIL\033[0m  disk  ", 24) == 0);
	assert_true(strncmp(line(ok, &coloured), "  \033[32mok  \033[0m  origin", 22) == 0);
}

static void test_frame(void **state)
{
	static const struct {
		unsigned warnings, faults;
		const char *text;
	} rows[] = {{0, 0, "all is well\n"},
		    {1, 0, "0 faults, 1 warning\n"},
		    {2, 1, "1 fault, 2 warnings\n"}};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		check_view_end(capture(), &narrow, rows[i].warnings, rows[i].faults);
		assert_string_equal(captured(), rows[i].text);
	}
	check_view_heading(capture(), &narrow, "alice");
	assert_string_equal(captured(), "alice\n");
	check_view_heading(capture(), &narrow, "");
	assert_string_equal(captured(), "The service\n");

	/* A pipe has the account in every line. */
	check_view_heading(capture(), &pipe_look, "alice");
	assert_string_equal(captured(), "");
	check_view_end(capture(), &pipe_look, 1, 1);
	assert_string_equal(captured(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_pipe, capture_teardown),
		cmocka_unit_test_teardown(test_terminal, capture_teardown),
		cmocka_unit_test_teardown(test_frame, capture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
