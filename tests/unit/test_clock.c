/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <limits.h>
#include <mailmig/clock.h>
#include <time.h>

static void test_clocks_run(void **state)
{
	uint64_t a = clock_usec(), b = clock_usec();

	assert_true(a > 0 && b >= a);
	/* Microseconds since 1970: between 2020 and 2200. */
	assert_true(clock_wall_usec() > UINT64_C(1577836800) * USEC_PER_SEC);
	assert_true(clock_wall_usec() < UINT64_C(7258118400) * USEC_PER_SEC);
}

static const struct {
	uint64_t sec;
	const char *text;
} times[] = {
	{0, "1970-01-01T00:00:00Z"},
	{951782400, "2000-02-29T00:00:00Z"},
	{1795195862, "2026-11-20T17:31:02Z"},
	{4294967296, "2106-02-07T06:28:16Z"},
	{253402300799, "9999-12-31T23:59:59Z"},
};

static void test_rfc3339(void **state)
{
	char buf[21];

	for (size_t i = 0; i < ELEMENTS(times); i++) {
		uint64_t usec = 1;

		assert_ptr_equal(
			clock_rfc3339(times[i].sec * USEC_PER_SEC + 999999, buf, sizeof(buf)),
			buf);
		assert_string_equal(buf, times[i].text);
		assert_int_equal(clock_parse_rfc3339(buf, &usec), 0);
		assert_true(usec == times[i].sec * USEC_PER_SEC);
	}

	/* No room: nothing rather than half a time. */
	assert_string_equal(clock_rfc3339(0, buf, 20), "");
}

static void test_rfc3339_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-11-20",
		"2026-11-20T17:31:02",
		"2026-11-20T17:31:02z",
		"2026-11-20 17:31:02Z",
		"2026-11-20T17:31:02Z ",
		" 2026-11-20T17:31:02Z",
		"2026-11-20T17:31:02.5Z",
		"2026-11-20T17:31:02+01:00",
		"2026-13-20T17:31:02Z",
		"2026-00-20T17:31:02Z",
		"2026-02-29T17:31:02Z",
		"2026-11-31T17:31:02Z",
		"2026-11-00T17:31:02Z",
		"2026-11-20T24:00:00Z",
		"2026-11-20T17:60:02Z",
		"2026-11-20T17:31:60Z",
		"1969-12-31T23:59:59Z",
		"+026-11-20T17:31:02Z",
		"2026-1a-20T17:31:02Z",
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		uint64_t usec = 12345;

		assert_int_equal(clock_parse_rfc3339(bad[i], &usec), -EBADMSG);
		assert_true(usec == 12345);
	}
}

static void test_deadline(void **state)
{
	uint64_t before = clock_usec(), d = clock_deadline(5 * USEC_PER_SEC);

	assert_true(d >= before + 5 * USEC_PER_SEC);
	assert_true(d <= clock_usec() + 5 * USEC_PER_SEC);
	assert_true(clock_deadline(USEC_INFINITY) == USEC_INFINITY);
	assert_true(clock_deadline(USEC_INFINITY - 1) == USEC_INFINITY);
}

static void test_local(void **state)
{
	const uint64_t t = UINT64_C(1795201500) * USEC_PER_SEC; /* 2026-11-20 19:05 UTC */
	char buf[CLOCK_LOCAL_MAX];

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	assert_string_equal(clock_local(t, t - USEC_PER_SEC, buf, sizeof(buf)), "19:05");
	assert_string_equal(clock_local(t, t + 5 * 3600 * USEC_PER_SEC, buf, sizeof(buf)),
			    "2026-11-20 19:05");
	assert_string_equal(clock_local(t, t - 365 * 86400 * USEC_PER_SEC, buf, sizeof(buf)),
			    "2026-11-20 19:05");
	assert_int_equal(setenv("TZ", "UTC-5", 1), 0);
	tzset();
	assert_string_equal(clock_local(t, t, buf, sizeof(buf)), "00:05");
}

/* Of zones and their changes: test_selection.c. */
static void test_day(void **state)
{
	static const char *const bad[] = {"",
					  "2026-02-29",
					  "2026-13-01",
					  "2026-1-1",
					  "2026-11-20 ",
					  "20-Nov-2026",
					  "2026/11/20",
					  "1969-12-31",
					  "2026-11-2x",
					  "2026-11-20T",
					  "yesterday"};
	int64_t sec = 12345;

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		print_message("\"%s\"\n", bad[i]);
		assert_int_equal(clock_parse_day(bad[i], &sec), -EBADMSG);
		assert_true(sec == 12345);
	}
	assert_int_equal(clock_parse_day("2024-02-29", &sec), 0);
	assert_true(sec == 1709164800);
	assert_int_equal(clock_parse_day("9999-12-31", &sec), 0);
	assert_true(sec == INT64_C(253402214400));
}

static void test_poll_msec(void **state)
{
	int msec;

	assert_int_equal(clock_poll_msec(USEC_INFINITY), -1);
	assert_int_equal(clock_poll_msec(0), 0);
	assert_int_equal(clock_poll_msec(clock_usec()), 0);
	assert_int_equal(clock_poll_msec(USEC_INFINITY - 1), INT_MAX);

	msec = clock_poll_msec(clock_usec() + 60 * USEC_PER_SEC);
	assert_in_range(msec, 50000, 60000);
	/* A part of a millisecond is waited for, not polled away. */
	msec = clock_poll_msec(clock_usec() + 10 * USEC_PER_SEC + 1);
	assert_in_range(msec, 9000, 10001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_run),
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_rfc3339_refuses),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_day),
		cmocka_unit_test(test_poll_msec),
		cmocka_unit_test(test_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
