/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <mailmig/schedule.h>
#include <stdio.h>
#include <string.h>

static void test_spans(void **state)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} rows[] = {
		{"10min", 600 * USEC_PER_SEC},
		{"1h 30min", 5400 * USEC_PER_SEC},
		{"1s", USEC_PER_SEC},
		{"90", 90 * USEC_PER_SEC},
		{"2 weeks", 1209600 * USEC_PER_SEC},
		{"3650d", SCHEDULE_SPAN_MAX},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct schedule s = {};

		assert_int_equal(schedule_parse(rows[i].text, &s), 0);
		assert_int_equal(s.kind, SCHEDULE_SPAN);
		assert_int_equal(s.span_usec, rows[i].usec);
	}
}

static void test_spans_out_of_range(void **state)
{
	static const char *const texts[] = {"0", "0s", "999ms", "3651d", "99999999999999y"};

	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_int_equal(schedule_parse(texts[i], &(struct schedule){}), -ERANGE);
}

static void expect_kind(const char *text, enum schedule_kind kind)
{
	struct schedule s = {};

	if (schedule_parse(text, &s) != 0 || s.kind != kind || s.span_usec != 0)
		fail_msg("\"%s\"", text);
}

/* tests/integration/test_generator.py asks systemd about such as these. */
static void test_calendars(void **state)
{
	static const char *const texts[] = {
		"minutely",
		"hourly",
		"daily",
		"Weekly",
		"MONTHLY",
		"yearly",
		"annually",
		"quarterly",
		"semiannually",
		"semi-annually",
		"hourly UTC",
		"22:00",
		"7:5",
		"22:00:30",
		"*:0/15",
		"*:*",
		"*:*:0/10",
		"0:0/59",
		"6..20/2:30:00",
		"8,12,16:00",
		"22:00 UTC",
		"Mon",
		"mon..fri",
		"Monday,wed..Sunday",
		"Mon..Mon",
		"Sat,Sun 4:00",
		"Mon..Fri 22:00",
		"Mon..Fri 22:00 UTC",
		"*-*-1",
		"1-15",
		"*-1,7-15 3:00",
		"*-*-1..7 3:00",
		"Sun *-*-1..7 3:00",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++)
		expect_kind(texts[i], SCHEDULE_CALENDAR);
}

/* Whether good or not is systemd's to say. */
static void test_unsure(void **state)
{
	static const char *const texts[] = {
		"every tuesday",
		"10 fortnights",
		"22:00 Europe/Berlin",
		"2030-01-01",
		"24:00",
		"*:60",
		"*:*/15",
		"0:0/60",
		"0:0/0",
		"0:50/10",
		"5..3:00",
		"3..3:00",
		"0:5..9/5",
		"Sat..Tue",
		"Mon,",
		"Mon, Tue",
		"Monn",
		"Mon..",
		"..Mon",
		"22:00 Mon",
		"-",
		":",
		"1:2:3:4",
		"1:",
		":1",
		"*",
		"*-13-1",
		"*-*-32",
		"*-*-0",
		"*-*-*-*",
		"*-*~1",
		"hourly daily",
		"hourly 22:00",
		"22:00  UTC",
		"Mon  22:00",
		"22:00 utc x",
		"UTC",
		"1e3",
		"007:00",
		"+1",
		"1,:00",
		",1:00",
		"*,1:00",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++)
		expect_kind(texts[i], SCHEDULE_UNSURE);
}

static void test_never(void **state)
{
	static const char *const texts[] = {
		"",         " ",        " 10min",
		"10min ",   "hourly\n", "hourly\nExecStart=/bin/sh",
		"10min\t",  "%i",       "\"hourly\"",
		"'hourly'", "hourly\\", "hourly;",
		"#",        "@0",       "H\303\244",
		"$HOME",    "a=b",      "(1)",
		"\001",     "\177",     "`x`",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++)
		if (schedule_parse(texts[i], &(struct schedule){}) != -EBADMSG)
			fail_msg("\"%s\"", texts[i]);
}

static void test_length(void **state)
{
	char text[SCHEDULE_TEXT_MAX + 2];

	memset(text, 'x', sizeof(text));
	text[SCHEDULE_TEXT_MAX + 1] = '\0';
	assert_int_equal(schedule_parse(text, &(struct schedule){}), -EBADMSG);
	text[SCHEDULE_TEXT_MAX] = '\0';
	expect_kind(text, SCHEDULE_UNSURE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans),     cmocka_unit_test(test_spans_out_of_range),
		cmocka_unit_test(test_calendars), cmocka_unit_test(test_unsure),
		cmocka_unit_test(test_never),     cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
