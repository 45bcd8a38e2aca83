/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

#define START UINT64_C(1763658000000000)

static struct run_summary sample(void)
{
	return (struct run_summary){
		.id = (char *)"01BOB",
		.account = (char *)"bob",
		.job = (char *)"sync",
		.started_usec = START,
		.finished_usec = START + 10 * USEC_PER_SEC,
		.result = RUN_OK,
		.copied = 18,
		.present = 1182,
		.flags_updated = 2,
		.bytes = 1600000,
		.total_messages = 1200,
		.total_bytes = 199229440,
	};
}

static const char *summary(const struct run_summary *s, const struct reasons *reasons)
{
	run_view_summary(capture(), &pipe_look, s, reasons, false);
	return captured();
}

static void test_done(void **state)
{
	struct run_summary s = sample();

	assert_string_equal(summary(&s, NULL),
			    "bob: done in 10 s (run 01BOB)\n"
			    "  copied                 18  1.5 MiB, 156.3 KiB/s\n"
			    "  already there        1182\n"
			    "  skipped                 0\n"
			    "  failed                  0\n"
			    "  flags updated           2\n"
			    "  at the origin        1200  190.0 MiB\n");
	s.dry_run = true;
	assert_string_equal(
		summary(&s, NULL),
		"bob: plan in 10 s, nothing was changed on either side (run 01BOB)\n"
		"  would copy             18  1.5 MiB\n"
		"  already there        1182\n"
		"  skipped                 0\n"
		"  failed                  0\n"
		"  would set flags         2\n"
		"  at the origin        1200  190.0 MiB\n");
}

static void test_no_rate_out_of_nothing(void **state)
{
	struct run_summary s = sample();

	s.finished_usec = s.started_usec + USEC_PER_SEC;
	assert_non_null(strstr(summary(&s, NULL), "done in 1 s "));
	assert_null(strstr(capture_text, "/s"));
	s.finished_usec = s.started_usec;
	assert_non_null(strstr(summary(&s, NULL), "done in less than 1 s"));
	s.finished_usec = s.started_usec - USEC_PER_SEC; /* a clock that was set back */
	assert_non_null(strstr(summary(&s, NULL), "done in less than 1 s"));
	s.started_usec = 0;
	assert_non_null(strstr(summary(&s, NULL), "bob: done (run"));
}

static void test_measured_time(void **state)
{
	static const struct {
		uint64_t told_sec, measured_msec, duration_msec;
	} rows[] = {
		{1, 1300, 1300}, {0, 850, 850},      {2, 1001, 1001},
		{1, 2000, 1000}, /* we came later, or waited for its turn: not the run's */
		{10, 12, 10000}, {10, 90000, 10000},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct run_summary s = sample();

		s.finished_usec = s.started_usec + rows[i].told_sec * USEC_PER_SEC;
		run_view_refine(&s, rows[i].measured_msec * USEC_PER_MSEC);
		assert_int_equal(s.finished_usec - s.started_usec,
				 rows[i].duration_msec * USEC_PER_MSEC);
	}
}

static void test_short_run_that_was_measured(void **state)
{
	struct run_summary s = sample();

	s.finished_usec = s.started_usec + 500 * USEC_PER_MSEC;
	assert_non_null(strstr(summary(&s, NULL), "bob: done in 500 ms (run"));
	assert_non_null(strstr(capture_text, "1.5 MiB, 3.1 MiB/s\n"));
}

static void test_reasons(void **state)
{
	struct run_summary s = sample();
	struct reasons r = {0};

	s.result = RUN_PARTIAL;
	s.exit_code = 1;
	s.failed = 5;
	s.skipped = 12;
	s.skipped_by[SKIP_TOO_OLD] = 8;
	s.skipped_by[SKIP_TOO_LARGE] = 4;
	r.failed[MM_CLASS_TOO_LARGE] = 3;
	r.failed[MM_CLASS_REFUSED] = 1;
	assert_non_null(strstr(summary(&s, &r),
			       "  failed                  5  "
			       "(1 refused by the server, 3 too large, 1 more)\n"));
	assert_non_null(strstr(capture_text,
			       "  skipped                12  (8 too old, 4 too large)\n"));
	assert_non_null(strstr(capture_text, "bob: done, but not everything in 10 s"));
	r.failed[MM_CLASS_TOO_LARGE] = 9; /* reported at each of several attempts */
	assert_non_null(strstr(summary(&s, &r), "  failed                  5\n"));
}

static void test_reasons_are_counted_from_events(void **state)
{
	static const char *const events[] = {
		"{\"uid\":7,\"result\":\"failed\",\"class\":\"too-large\"}",
		"{\"uid\":7,\"result\":\"failed\",\"class\":\"too-large\"}",
		"{\"uid\":7,\"result\":\"skipped\",\"class\":\"refused\"}",
		"{\"uid\":7,\"result\":\"failed\",\"class\":\"no such class\"}",
		"{\"uid\":7,\"result\":\"failed\"}",
		"{\"uid\":7,\"result\":\"copied\",\"class\":\"refused\"}",
		"{\"result\":\"failed\",\"class\":\"too-large\"}", /* of a folder */
		"{}",
	};
	struct reasons r = {0};

	for (size_t i = 0; i < ELEMENTS(events); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(events[i]);

		reasons_count(&r, o);
	}
	assert_int_equal(r.failed[MM_CLASS_TOO_LARGE], 2);
	assert_int_equal(r.failed[MM_CLASS_OTHER], 2);
	assert_int_equal(r.failed[MM_CLASS_REFUSED], 0);
	for (int c = 0; c <= MM_CLASS_LOCAL; c++)
		assert_true(strlen(reason_words((enum mm_class)c)) > 0);
}

static void test_errors(void **state)
{
	struct run_error errors[] = {
		{(char *)"INBOX", 8812, MM_CLASS_TOO_LARGE, (char *)"61 MB are too much",
		 (char *)"leave it out", 0},
		{(char *)"Sent", 0, MM_CLASS_REFUSED, (char *)"cannot be created", (char *)"",
		 0},
		{NULL, 0, MM_CLASS_LOGIN, (char *)"login\033 refused", (char *)"mend it", 0},
	};
	struct run_summary s = sample();

	s.result = RUN_FAILED;
	s.exit_code = 5;
	s.copied = s.present = s.flags_updated = s.bytes = s.total_messages = 0;
	s.errors = errors;
	s.n_errors = ELEMENTS(errors);
	/* Nothing was listed: no buckets of nothing. */
	assert_string_equal(summary(&s, NULL), "bob: failed after 10 s (run 01BOB)\n"
					       "  INBOX uid 8812: 61 MB are too much\n"
					       "      leave it out\n"
					       "  Sent: cannot be created\n"
					       "  login? refused\n"
					       "    mend it\n");
}

static void test_the_end_of_many_errors_is_said(void **state)
{
	struct run_summary s = sample();
	struct run_error errors[RUN_ERRORS_MAX];

	for (size_t i = 0; i < ELEMENTS(errors); i++)
		errors[i] = (struct run_error){(char *)"X", 1,    MM_CLASS_OTHER,
					       (char *)"t", NULL, 0};
	s.errors = errors;
	s.n_errors = ELEMENTS(errors);
	s.failed = 3000;
	assert_non_null(strstr(summary(&s, NULL), "these are the first 100 errors"));
}

static void test_quiet(void **state)
{
	struct run_summary s = sample();

	run_view_summary(capture(), &pipe_look, &s, NULL, true);
	assert_string_equal(captured(), "");
	s.exit_code = 1;
	run_view_summary(capture(), &pipe_look, &s, NULL, true);
	assert_true(strlen(captured()) > 0);
}

static void test_results(void **state)
{
	static const struct {
		enum run_result result;
		const char *text;
	} rows[] = {
		{RUN_OK, "bob: done in"},
		{RUN_PARTIAL, "bob: done, but not everything in"},
		{RUN_FAILED, "bob: failed after"},
		{RUN_CANCELLED, "bob: cancelled after"},
		{RUN_INTERRUPTED, "bob: interrupted after"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct run_summary s = sample();

		s.result = rows[i].result;
		assert_memory_equal(summary(&s, NULL), rows[i].text, strlen(rows[i].text));
	}
}

static void test_folder_line(void **state)
{
	static const struct {
		const char *event, *line;
	} rows[] = {
		{"{\"folder\":\"INBOX\",\"destination\":\"INBOX\",\"copied\":2,\"bytes\":2048}",
		 "INBOX: 2 copied (2.0 KiB)\n"},
		{"{\"folder\":\"Sent\",\"destination\":\"Sent "
		 "Items\",\"copied\":0,\"present\":7,"
		 "\"skipped\":1,\"skipped_by\":{\"too-old\":1},\"failed\":2,\"flags_updated\":"
		 "3,\"created\":true}",
		 "Sent -> Sent Items: 0 copied, 7 already there, 1 skipped (1 too old), 2 "
		 "failed, 3 flags "
		 "updated, created\n"},
		{"{\"folder\":\"Sent\",\"copied\":0,\"result\":\"failed\",\"text\":\"no\"}",
		 "Sent: 0 copied; no\n"},
		{"{}", ": 0 copied\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(rows[i].event);

		run_view_folder(capture(), o);
		assert_string_equal(captured(), rows[i].line);
	}
}

static void test_message_line(void **state)
{
	static const struct {
		const char *event, *line;
	} rows[] = {
		{"{\"folder\":\"INBOX\",\"uid\":7,\"result\":\"failed\",\"text\":\"no\"}",
		 "INBOX uid 7: failed: no\n"},
		{"{\"folder\":\"INBOX\",\"uid\":0,\"result\":\"failed\"}", "INBOX: failed\n"},
		{"{\"folder\":null,\"result\":\"failed\",\"text\":\"no\"}", "failed: no\n"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(rows[i].event);

		run_view_message(capture(), o);
		assert_string_equal(captured(), rows[i].line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_no_rate_out_of_nothing),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_measured_time),
		cmocka_unit_test(test_short_run_that_was_measured),
		cmocka_unit_test(test_reasons_are_counted_from_events),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_the_end_of_many_errors_is_said),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_folder_line),
		cmocka_unit_test(test_message_line),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
