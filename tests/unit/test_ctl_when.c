/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"
#include <mailmig/clock.h>
#include <time.h>

static uint64_t at(const char *s)
{
	uint64_t t = 0;

	assert_int_equal(clock_parse_rfc3339(s, &t), 0);
	return t;
}

static void test_local(void **state)
{
	static const struct {
		const char *zone, *when, *now, *text;
	} rows[] = {
		{"UTC", "2026-11-20T18:31:02Z", "2026-11-20T19:00:00Z", "today 18:31"},
		{"UTC", "2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z", "today 00:00"},
		{"UTC", "2026-11-19T23:59:59Z", "2026-11-20T00:00:00Z", "yesterday 23:59"},
		{"UTC", "2026-11-18T23:59:59Z", "2026-11-20T00:00:00Z", "2026-11-18 23:59"},
		{"UTC", "2026-11-21T03:04:00Z", "2026-11-20T19:00:00Z", "tomorrow 03:04"},
		{"UTC", "2027-01-01T00:00:00Z", "2026-12-31T23:00:00Z", "tomorrow 00:00"},
		{"UTC", "2028-02-29T12:00:00Z", "2028-03-01T12:00:00Z", "yesterday 12:00"},
		/* The day is the one of the place, not of UTC. */
		{"XYZ-5:30", "2026-11-20T18:29:00Z", "2026-11-20T19:00:00Z", "yesterday 23:59"},
		{"XYZ-5:30", "2026-11-20T18:31:00Z", "2026-11-20T19:00:00Z", "today 00:01"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		char buf[48];

		assert_int_equal(setenv("TZ", rows[i].zone, 1), 0);
		tzset();
		assert_string_equal(
			when_local(buf, sizeof(buf), at(rows[i].when), at(rows[i].now)),
			rows[i].text);
	}
}

static void test_span(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {
		{0, "0 s"},       {1, "1 s"},         {119, "119 s"},
		{120, "2 min"},   {7199, "119 min"},  {7200, "2 h"},
		{172799, "47 h"}, {172800, "2 days"}, {345600, "4 days"},
	};
	char buf[48];

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(when_span(buf, sizeof(buf), rows[i].seconds * USEC_PER_SEC),
				    rows[i].text);
	assert_string_equal(when_span(buf, sizeof(buf), 250 * USEC_PER_MSEC), "250 ms");
}

static void test_length(void **state)
{
	char buf[48];

	assert_string_equal(when_length(buf, sizeof(buf), 6 * USEC_PER_SEC), "6 s");
	assert_string_equal(when_length(buf, sizeof(buf), 0), "less than 1 s");
	assert_string_equal(when_length(buf, sizeof(buf), 850 * USEC_PER_MSEC), "850 ms");
	assert_string_equal(when_length(buf, sizeof(buf), 192 * USEC_PER_SEC), "3 min 12 s");
}

static void test_clock(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {{0, "0:00"},          {4, "0:04"},       {65, "1:05"},
		    {3599, "59:59"},      {3600, "1:00:00"}, {11045, "3:04:05"},
		    {360000, "100:00:00"}};
	char buf[48];

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(when_clock(buf, sizeof(buf), rows[i].seconds),
				    rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_span),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
