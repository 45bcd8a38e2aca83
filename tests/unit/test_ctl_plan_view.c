/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

static const char *plan(const char *events, const struct look *l)
{
	_cleanup_(json_decrefp) json_t *o = json_of(events);

	assert_int_equal(plan_view(capture(), l, o), 0);
	return captured();
}

static void test_table(void **state)
{
	static const char events[] =
		"[{\"folder\":\"INBOX\",\"destination\":\"INBOX\",\"messages\":1200,\"copied\":"
		"12,\"bytes\":1468006,\"flags_updated\":2,\"created\":false,"
		"\"rule\":\"same name\",\"result\":\"ok\"},"
		"{\"folder\":\"Entwürfe\",\"destination\":\"Drafts\",\"messages\":6,\"copied\":"
		"6,\"bytes\":0,\"flags_updated\":0,\"created\":true,"
		"\"rule\":\"automap \\\\Drafts (name)\",\"result\":\"ok\"},"
		"{\"folder\":\"A\",\"destination\":\"A%2F\",\"messages\":1,\"copied\":0,"
		"\"bytes\":0,\"flags_updated\":0,\"created\":false,\"rule\":\"map\","
		"\"note\":\"another folder goes there, too\",\"result\":\"ok\"}]";

	assert_string_equal(
		plan(events, &pipe_look),
		"  ORIGIN        DESTINATION  MESSAGES  TO COPY    BYTES  FLAGS  BY RULE\n"
		"  INBOX     ->  INBOX            1200       12  1.4 MiB      2  same name\n"
		"  Entwürfe  ->  Drafts              6        6      0 B      0  "
		"automap \\Drafts (name), will be created\n"
		"  A         ->  A%2F                1        0      0 B      0  "
		"map; another folder goes there, too\n");
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

	assert_string_equal(
		plan(events, &pipe_look),
		"  ORIGIN      DESTINATION  MESSAGES  TO COPY  BYTES  FLAGS  BY RULE\n"
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
		"  ORIGIN    DESTINATION  MESSAGES  TO COPY  BYTES  FLAGS  BY RULE\n"
		"  Spam                          -        -      -      -  skipped\n");
	/* Of a worker that tells no rule. */
	assert_non_null(strstr(plan("[{\"folder\":\"B\",\"destination\":\"B\",\"note\":\"x\","
				    "\"result\":\"ok\"}]",
				    &pipe_look),
			       "      -  x\n"));
}

/* The whole map: what stays as it is, what is left out, what went wrong. */
static void test_all_folders(void **state)
{
	static const char mixed[] =
		"[{\"folder\":\"A\",\"destination\":\"A\",\"rule\":\"same name\","
		"\"unchanged\":true,\"result\":\"ok\"},"
		"{\"folder\":\"B\",\"destination\":\"B\",\"rule\":\"map\",\"result\":\"failed\""
		",\"text\":\"no\"},"
		"{\"folder\":\"C\",\"destination\":null,\"messages\":7,\"rule\":"
		"\"exclude \\\\Junk\",\"result\":\"skipped\",\"text\":\"left out\"},"
		"{\"folder\":\"D\",\"destination\":\"D\",\"rule\":\"map\",\"deleted\":3,"
		"\"note\":\"x\",\"result\":\"ok\"}]";

	plan(mixed, &pipe_look);
	assert_non_null(strstr(capture_text, "  A       ->  A"));
	assert_non_null(strstr(capture_text, "      -  same name\n"));
	assert_non_null(strstr(capture_text, "  failed: no, map\n"));
	assert_non_null(strstr(capture_text, "  map, 3 to be deleted; x\n"));
	assert_non_null(strstr(capture_text, " 7        -      -      -  skipped: left out, "
					     "exclude \\Junk\n"));
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
		cmocka_unit_test(test_all_folders),
		cmocka_unit_test(test_fits),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
