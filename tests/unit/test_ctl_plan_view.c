/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

static const char *plan_all(const char *events, const struct look *l, bool all)
{
	_cleanup_(json_decrefp) json_t *o = json_of(events);

	assert_int_equal(plan_view(capture(), l, o, all), 0);
	return captured();
}

static const char *plan(const char *events, const struct look *l)
{
	return plan_all(events, l, false);
}

static void test_table(void **state)
{
	static const char events[] =
		"[{\"folder\":\"INBOX\",\"destination\":\"INBOX\",\"messages\":1200,\"copied\":"
		"12,"
		"\"bytes\":1468006,\"flags_updated\":2,\"created\":false,\"result\":\"ok\"},"
		"{\"folder\":\"Entwürfe\",\"destination\":\"Drafts\",\"messages\":6,\"copied\":"
		"6,"
		"\"bytes\":0,\"flags_updated\":0,\"created\":true,\"result\":\"ok\"}]";

	assert_string_equal(plan(events, &pipe_look),
			    "  ORIGIN        DESTINATION  MESSAGES  TO COPY    BYTES  FLAGS\n"
			    "  INBOX     ->  INBOX            1200       12  1.4 MiB      2\n"
			    "  Entwürfe  ->  Drafts              6        6      0 B      0  "
			    "will be created\n");
	assert_non_null(strstr(plan(events, &utf8_look), "Entwürfe  →  Drafts"));
}

static void test_skipped(void **state)
{
	static const char events[] =
		"[{\"folder\":\"Old\",\"destination\":\"Old\",\"messages\":12,\"copied\":0,"
		"\"bytes\":0,\"flags_updated\":0,\"created\":true,\"skipped\":12,"
		"\"skipped_by\":{\"too-old\":8,\"too-large\":4},\"result\":\"ok\"},"
		"{\"folder\":\"In\",\"destination\":\"In\",\"messages\":2,\"copied\":1,"
		"\"bytes\":7,\"flags_updated\":0,\"skipped\":1,"
		"\"skipped_by\":{\"gone\":1},\"result\":\"ok\"}]";

	assert_string_equal(plan(events, &pipe_look),
			    "  ORIGIN      DESTINATION  MESSAGES  TO COPY  BYTES  FLAGS\n"
			    "  Old     ->  Old                12        0    0 B      0  "
			    "will be created, 12 skipped (8 too old, 4 too large)\n"
			    "  In      ->  In                  2        1    7 B      0  "
			    "1 skipped (1 deleted meanwhile)\n");
}

static void test_nothing_is_invented(void **state)
{
	assert_string_equal(plan("[]", &pipe_look), "");
	assert_string_equal(
		plan("[{\"folder\":\"Spam\",\"result\":\"skipped\"}]", &pipe_look),
		"  ORIGIN    DESTINATION  MESSAGES  TO COPY  BYTES  FLAGS\n"
		"  Spam                          -        -      -      -  skipped\n");
}

static void test_idle_folders_are_counted(void **state)
{
	static const char idle[] = "[{\"folder\":\"A\",\"destination\":\"A\",\"messages\":7,"
				   "\"copied\":0,\"present\":7,"
				   "\"flags_updated\":0,\"unchanged\":true,\"result\":\"ok\"},"
				   "{\"folder\":\"B\",\"destination\":\"B\",\"messages\":7,"
				   "\"copied\":0,\"present\":7,"
				   "\"flags_updated\":0,\"result\":\"ok\"}]";
	static const char mixed[] =
		"[{\"folder\":\"A\",\"destination\":\"A\",\"result\":\"ok\"},"
		"{\"folder\":\"B\",\"destination\":\"B\",\"result\":\"failed\",\"text\":\"no\"}"
		","
		"{\"folder\":\"C\",\"destination\":\"C\",\"result\":\"ok\",\"flags_updated\":1}"
		","
		"{\"folder\":\"D\",\"destination\":\"D\",\"result\":\"ok\",\"failed\":1},"
		"{\"folder\":\"E\",\"destination\":\"E\",\"result\":\"ok\",\"deleted\":3}]";

	assert_string_equal(plan(idle, &pipe_look), "  2 folders: nothing to do\n");
	assert_non_null(strstr(plan_all(idle, &pipe_look, true), "\n  B       ->  B"));
	assert_null(strstr(plan(mixed, &pipe_look), "  A "));
	assert_non_null(strstr(capture_text, "failed: no\n"));
	assert_non_null(strstr(capture_text, "  C       ->  C"));
	assert_non_null(strstr(capture_text, "  D       ->  D"));
	assert_non_null(strstr(capture_text, "3 to be deleted\n"));
	assert_non_null(strstr(capture_text, "\n  1 other folder: nothing to do\n"));
}

static void test_fits(void **state)
{
	static const char events[] =
		"[{\"folder\":\"Archiv/Übersicht/日本語/und noch viel tiefer/und tiefer\","
		"\"destination\":\"Archive/Overview/日本語/und noch viel tiefer/und tiefer\","
		"\"messages\":12000000,\"copied\":12000000,\"bytes\":99999999999,"
		"\"flags_updated\":12000000,\"created\":true,\"result\":\"ok\"}]";
	static const size_t widths[] = {80, 100, 200};

	for (size_t i = 0; i < ELEMENTS(widths); i++) {
		const struct look l = {.columns = widths[i], .utf8 = true, .colour = i % 2};

		assert_true(widest_line(plan(events, &l)) <= widths[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_nothing_is_invented),
		cmocka_unit_test(test_idle_folders_are_counted),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
