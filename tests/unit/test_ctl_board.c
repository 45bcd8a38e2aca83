/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_follow.h"
#include "ctl_capture.h"

static struct board_run *take(struct board *b, const char *text)
{
	_cleanup_(json_decrefp) json_t *event = json_of(text);
	struct board_run *run;

	assert_int_equal(board_event(b, event, &run), 0);
	return run;
}

static void test_progress_of_several_runs_adds_up(void **state)
{
	struct board b = {0};
	struct progress p;

	board_progress(&b, &p);
	assert_true(p.n_runs == 0 && p.total == 0 && p.eta_seconds == UINT64_MAX);

	(void)take(&b, "{\"event\":\"progress\",\"account\":\"a\",\"folder\":\"X\",\"done\":1,"
		       "\"total\":10,\"bytes_done\":5,\"bytes_total\":50,\"rate\":7,"
		       "\"eta_seconds\":3}");
	board_progress(&b, &p);
	assert_int_equal(p.n_runs, 1);
	assert_string_equal(p.folder, "X");

	(void)take(&b, "{\"event\":\"progress\",\"account\":\"b\",\"folder\":\"Y\",\"done\":2,"
		       "\"total\":20,\"bytes_done\":6,\"bytes_total\":60,\"rate\":8,"
		       "\"eta_seconds\":2}");
	(void)take(&b, "{\"event\":\"progress\",\"account\":\"a\",\"folder\":\"X\",\"done\":4,"
		       "\"total\":10,\"bytes_done\":20,\"bytes_total\":50,\"rate\":9,"
		       "\"eta_seconds\":null}");
	board_progress(&b, &p);
	assert_true(p.n_runs == 2 && p.done == 6 && p.total == 30);
	assert_true(p.bytes_done == 26 && p.bytes_total == 110);
	assert_true(p.rate == 17 && p.eta_seconds == 2);

	/* One is done: what it did counts, its rate does not. */
	assert_true(take(&b, "{\"event\":\"done\",\"account\":\"a\"}")->done);
	board_progress(&b, &p);
	assert_true(p.n_runs == 1 && p.total == 30 && p.rate == 8);
	assert_string_equal(p.folder, "Y");
	board_done(&b);
}

static void test_a_run_before_its_first_event(void **state)
{
	struct board b = {0};
	struct board_run *run, *again;
	struct progress p;

	assert_int_equal(board_find(&b, "a", &run), 0);
	assert_int_equal(board_find(&b, "a", &again), 0);
	assert_ptr_equal(run, again);
	board_progress(&b, &p);
	assert_int_equal(p.n_runs, 1);
	assert_string_equal(p.phase, "waiting to start");
	board_done(&b);
}

static void test_events_are_kept_by_account(void **state)
{
	struct board b = {0};
	struct board_run *run;

	(void)take(&b, "{\"event\":\"folder\",\"account\":\"a\",\"folder\":\"X\"}");
	(void)take(&b, "{\"event\":\"folder\",\"account\":\"b\",\"folder\":\"Y\"}");
	run = take(&b, "{\"event\":\"folder\",\"account\":\"a\",\"folder\":\"Z\"}");
	assert_int_equal(json_array_size(run->folders), 2);
	run = take(&b,
		   "{\"event\":\"message\",\"account\":\"a\",\"uid\":1,\"result\":\"failed\","
		   "\"class\":\"too-large\"}");
	assert_int_equal(run->reasons.failed[MM_CLASS_TOO_LARGE], 1);
	assert_null(take(&b, "{\"event\":\"log\",\"text\":\"x\"}"));
	assert_null(take(&b, "{\"event\":\"of-a-later-version\",\"account\":\"c\"}"));
	assert_int_equal(b.n_runs, 2);
	board_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_progress_of_several_runs_adds_up),
		cmocka_unit_test(test_a_run_before_its_first_event),
		cmocka_unit_test(test_events_are_kept_by_account),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
