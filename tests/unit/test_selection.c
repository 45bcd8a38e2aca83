/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/message.h>
#include <mailmig/selection.h>
#include <stdlib.h>
#include <time.h>

#include "unit.h"

#define TAKE SELECTION_TAKE
#define SEC  USEC_PER_SEC
#define DAY  (86400 * USEC_PER_SEC)
#define YEAR (UINT64_C(31557600) * USEC_PER_SEC) /* as parse_span() has it: 365.25 days */

/* Without a database of zones. */
#define BERLIN     "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK   "EST5EDT,M3.2.0,M11.1.0"
#define KOLKATA    "IST-5:30"
#define KIRITIMATI "<+14>-14"
#define SAO_PAULO  "<-03>3<-02>,M10.3.0/0,M2.3.0/0" /* 2017: forward at midnight */

static void set_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static int decide(const struct message_rules *rules, const char *now, const char *date,
		  uint64_t size, bool found)
{
	struct selection s;

	selection_init(&s, rules, (uint64_t)message_date(now) * USEC_PER_SEC);
	return selection_decide(&s, message_date(date), size, found);
}

/* ---- dates ---- */

static void test_dates(void **state)
{
	static const struct {
		struct message_rules rules;
		const char *now, *date;
		int expected;
	} rows[] = {
#define NOW "20-Nov-2026 12:00:00 +0000"
		/* no rule */
		{{0}, NOW, "01-Jan-1970 00:00:00 +0000", TAKE},
		{{0}, NOW, "01-Jan-2199 00:00:00 +0000", TAKE},
		{{0}, NOW, "", TAKE},
		/* max_age: what is exactly as old is taken */
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 12:00:00 +0000", TAKE},
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 11:59:59 +0000", SKIP_TOO_OLD},
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 12:00:01 +0000", TAKE},
		{{.max_age_usec = DAY}, NOW, "01-Jan-2199 00:00:00 +0000", TAKE},
		{{.max_age_usec = SEC}, NOW, "20-Nov-2026 11:59:59 +0000", TAKE},
		{{.max_age_usec = SEC}, NOW, "20-Nov-2026 11:59:58 +0000", SKIP_TOO_OLD},
		/* the same moment in other zones */
		{{.max_age_usec = DAY}, NOW, "20-Nov-2026 02:00:00 +1400", TAKE},
		{{.max_age_usec = DAY}, NOW, "20-Nov-2026 01:59:59 +1400", SKIP_TOO_OLD},
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 00:00:00 -1200", TAKE},
		{{.max_age_usec = DAY}, NOW, "18-Nov-2026 23:59:59 -1200", SKIP_TOO_OLD},
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 17:30:00 +0530", TAKE},
		{{.max_age_usec = DAY}, NOW, "19-Nov-2026 17:29:59 +0530", SKIP_TOO_OLD},
		/* a year has 365.25 days, whichever it is */
		{{.max_age_usec = YEAR},
		 "01-Mar-2025 12:00:00 +0000",
		 "01-Mar-2024 06:00:00 +0000",
		 TAKE},
		{{.max_age_usec = YEAR},
		 "01-Mar-2025 12:00:00 +0000",
		 "01-Mar-2024 05:59:59 +0000",
		 SKIP_TOO_OLD},
		{{.max_age_usec = YEAR},
		 "01-Mar-2024 12:00:00 +0000",
		 "02-Mar-2023 06:00:00 +0000",
		 TAKE},
		{{.max_age_usec = YEAR},
		 "01-Mar-2024 12:00:00 +0000",
		 "02-Mar-2023 05:59:59 +0000",
		 SKIP_TOO_OLD},
		{{.max_age_usec = 4 * YEAR},
		 "29-Feb-2024 12:00:00 +0000",
		 "29-Feb-2020 12:00:00 +0000",
		 TAKE},
		{{.max_age_usec = 4 * YEAR},
		 "29-Feb-2024 12:00:00 +0000",
		 "29-Feb-2020 11:59:59 +0000",
		 SKIP_TOO_OLD},
		/* min_age */
		{{.min_age_usec = DAY}, NOW, "19-Nov-2026 12:00:00 +0000", TAKE},
		{{.min_age_usec = DAY}, NOW, "19-Nov-2026 12:00:01 +0000", SKIP_TOO_YOUNG},
		{{.min_age_usec = DAY}, NOW, "01-Jan-2199 00:00:00 +0000", SKIP_TOO_YOUNG},
		{{.min_age_usec = DAY}, NOW, "01-Jan-1980 00:00:00 +0000", TAKE},
		/* since, before: of days in UTC here */
		{{.since = (char *)"2026-11-01"}, NOW, "01-Nov-2026 00:00:00 +0000", TAKE},
		{{.since = (char *)"2026-11-01"},
		 NOW,
		 "31-Oct-2026 23:59:59 +0000",
		 SKIP_TOO_OLD},
		{{.since = (char *)"2026-11-01"},
		 NOW,
		 "01-Nov-2026 00:59:59 +0100",
		 SKIP_TOO_OLD},
		{{.since = (char *)"2026-11-01"}, NOW, "31-Oct-2026 19:00:00 -0500", TAKE},
		{{.before = (char *)"2026-11-01"}, NOW, "31-Oct-2026 23:59:59 +0000", TAKE},
		{{.before = (char *)"2026-11-01"},
		 NOW,
		 "01-Nov-2026 00:00:00 +0000",
		 SKIP_TOO_YOUNG},
		{{.before = (char *)"2026-11-01"}, NOW, "01-Nov-2026 00:30:00 +0100", TAKE},
		/* together: the nearer one counts */
		{{.max_age_usec = 30 * DAY, .since = (char *)"2026-11-01"},
		 NOW,
		 "31-Oct-2026 12:00:00 +0000",
		 SKIP_TOO_OLD},
		{{.max_age_usec = DAY, .since = (char *)"2026-11-01"},
		 NOW,
		 "02-Nov-2026 12:00:00 +0000",
		 SKIP_TOO_OLD},
		{{.min_age_usec = DAY, .before = (char *)"2026-11-01"},
		 NOW,
		 "02-Nov-2026 12:00:00 +0000",
		 SKIP_TOO_YOUNG},
		{{.min_age_usec = 30 * DAY, .before = (char *)"2026-11-01"},
		 NOW,
		 "31-Oct-2026 12:00:00 +0000",
		 SKIP_TOO_YOUNG},
		/* what nobody can read is not kept back for its age */
		{{.max_age_usec = DAY, .min_age_usec = SEC}, NOW, "", TAKE},
		{{.since = (char *)"2026-11-01", .before = (char *)"2026-11-02"},
		 NOW,
		 "yesterday",
		 TAKE},
#undef NOW
	};

	set_zone("UTC");
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		print_message("%zu: %s\n", i, rows[i].date);
		assert_int_equal(decide(&rows[i].rules, rows[i].now, rows[i].date, 1, true),
				 rows[i].expected);
	}
}

/* A day is that of the machine, and clocks that go forward or back are those of the zone. */
static void test_zones(void **state)
{
	static const struct {
		const char *zone, *since, *first; /* the day's first second */
	} rows[] = {
		{"UTC", "2026-03-29", "29-Mar-2026 00:00:00 +0000"},
		{BERLIN, "2026-03-29", "29-Mar-2026 00:00:00 +0100"},
		{BERLIN, "2026-03-30", "30-Mar-2026 00:00:00 +0200"},
		{NEW_YORK, "2024-02-29", "29-Feb-2024 00:00:00 -0500"},
		{KOLKATA, "2024-12-31", "31-Dec-2024 00:00:00 +0530"},
		{KIRITIMATI, "2025-01-01", "01-Jan-2025 00:00:00 +1400"},
		{SAO_PAULO, "2017-10-15", "15-Oct-2017 01:00:00 -0200"},
		{"UTC", "1970-01-01", "01-Jan-1970 00:00:00 +0000"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct message_rules since = {.since = (char *)rows[i].since};
		struct message_rules before = {.before = (char *)rows[i].since};
		int64_t first = message_date(rows[i].first);
		struct selection s;

		print_message("%s %s\n", rows[i].zone, rows[i].since);
		set_zone(rows[i].zone);
		selection_init(&s, &since, 0);
		assert_true(s.oldest == first);
		assert_int_equal(selection_decide(&s, first, 1, true), TAKE);
		assert_int_equal(selection_decide(&s, first - 1, 1, true), SKIP_TOO_OLD);
		selection_init(&s, &before, 0);
		assert_int_equal(selection_decide(&s, first, 1, true), SKIP_TOO_YOUNG);
		assert_int_equal(selection_decide(&s, first - 1, 1, true), TAKE);
	}
	set_zone("UTC");
}

/* ---- sizes, search, order ---- */

static void test_sizes(void **state)
{
	static const struct {
		uint64_t min, max, size;
		int expected;
	} rows[] = {
		{0, 0, 0, TAKE},
		{0, 0, UINT64_MAX, TAKE},
		{0, 1000, 999, TAKE},
		{0, 1000, 1000, TAKE}, /* the largest that is copied */
		{0, 1000, 1001, SKIP_TOO_LARGE},
		{1000, 0, 1000, TAKE},
		{1000, 0, 999, SKIP_TOO_SMALL},
		{1000, 1000, 1000, TAKE},
		{1000, 1000, 999, SKIP_TOO_SMALL},
		{1000, 1000, 1001, SKIP_TOO_LARGE},
		{1, 0, 0, SKIP_TOO_SMALL},
		{0, UINT64_C(36700160), UINT64_C(36700161), SKIP_TOO_LARGE},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct message_rules r = {.min_size = rows[i].min, .max_size = rows[i].max};

		print_message("%zu\n", i);
		assert_int_equal(
			decide(&r, "20-Nov-2026 12:00:00 +0000", "", rows[i].size, true),
			rows[i].expected);
	}
}

/* Each message has one reason: the first that holds. */
static void test_order(void **state)
{
	static const struct message_rules rules = {
		.max_age_usec = 30 * DAY,
		.min_age_usec = DAY,
		.min_size = 10,
		.max_size = 20,
		.search = (char *)"UNSEEN",
	};
	static const struct {
		const char *date;
		uint64_t size;
		bool found;
		int expected;
	} rows[] = {
		{"01-Nov-2026 00:00:00 +0000", 15, true, TAKE},
		{"01-Nov-2026 00:00:00 +0000", 15, false, SKIP_NOT_FOUND},
		{"01-Nov-1999 00:00:00 +0000", 5, false, SKIP_NOT_FOUND},
		{"01-Nov-1999 00:00:00 +0000", 5, true, SKIP_TOO_OLD},
		{"01-Nov-1999 00:00:00 +0000", 25, true, SKIP_TOO_OLD},
		{"20-Nov-2026 11:00:00 +0000", 25, true, SKIP_TOO_YOUNG},
		{"01-Nov-2026 00:00:00 +0000", 5, true, SKIP_TOO_SMALL},
		{"01-Nov-2026 00:00:00 +0000", 25, true, SKIP_TOO_LARGE},
		{"", 25, true, SKIP_TOO_LARGE},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(decide(&rules, "20-Nov-2026 12:00:00 +0000", rows[i].date,
					rows[i].size, rows[i].found),
				 rows[i].expected);
}

static void test_what_is_looked_at(void **state)
{
	static const struct {
		struct message_rules rules;
		bool active, date, size, ages;
	} rows[] = {
		{{0}, false, false, false, false},
		{{.max_age_usec = 1}, true, true, false, false},
		{{.min_age_usec = SEC}, true, true, false, false},
		{{.since = (char *)"2020-01-01"}, true, true, false, false},
		{{.before = (char *)"2020-01-01"}, true, true, false, false},
		{{.min_size = 1}, true, false, true, false},
		{{.max_size = 1}, true, false, true, false},
		{{.search = (char *)"SEEN"}, true, false, false, false},
		{{.search = (char *)"SEEN older 60"}, true, false, false, true},
		{{.search = (char *)"YOUNGER 60"}, true, false, false, false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct selection s;

		selection_init(&s, &rows[i].rules, 0);
		assert_int_equal(s.active, rows[i].active);
		assert_int_equal(selection_by_date(&s), rows[i].date);
		assert_int_equal(selection_by_size(&s), rows[i].size);
		assert_int_equal(s.search_ages, rows[i].ages);
	}
}

static void test_ripening(void **state)
{
	const struct message_rules rules = {.min_age_usec = 7 * DAY,
					    .before = (char *)"2026-11-25"};
	int64_t now = message_date("20-Nov-2026 12:00:00 +0000");
	int64_t date = message_date("18-Nov-2026 10:00:00 +0000"), ripe;
	struct selection s;

	set_zone("UTC");
	selection_init(&s, &rules, (uint64_t)now * USEC_PER_SEC);
	assert_int_equal(selection_decide(&s, date, 1, true), SKIP_TOO_YOUNG);
	ripe = selection_ripens(&s, date);
	assert_true(ripe == message_date("25-Nov-2026 10:00:00 +0000"));
	selection_init(&s, &rules, (uint64_t)(ripe - 1) * USEC_PER_SEC);
	assert_int_equal(selection_decide(&s, date, 1, true), SKIP_TOO_YOUNG);
	selection_init(&s, &rules, (uint64_t)ripe * USEC_PER_SEC);
	assert_int_equal(selection_decide(&s, date, 1, true), TAKE);
	/* What came on the last day or later will never be taken. */
	date = message_date("25-Nov-2026 00:00:00 +0000");
	assert_true(selection_ripens(&s, date) == INT64_MAX);
}

/* ---- days for a search ---- */

/* As a server sees it: the day that it shows, whatever the zone. */
static int64_t shown_day(int64_t moment, int64_t zone_sec)
{
	int64_t local = moment + zone_sec;

	return local / 86400 - (local % 86400 < 0);
}

/* In no zone does the search name a message that our own check would take; and it names all but
 * those of three days. */
static void test_days(void **state)
{
	static const char *const limits[] = {
		"20-Nov-2026 00:00:00 +0000", "20-Nov-2026 00:00:01 +0000",
		"20-Nov-2026 12:34:56 +0000", "20-Nov-2026 23:59:59 +0000",
		"01-Mar-2024 00:00:00 +0000",
	};

	for (size_t i = 0; i < ELEMENTS(limits); i++) {
		int64_t limit = message_date(limits[i]);
		const struct selection s = {.oldest = limit, .newest = INT64_MAX, .end = limit};
		int64_t old = selection_old_before_day(&s),
			young = selection_young_since_day(&s);

		for (int64_t zone = -86399; zone <= 86399; zone += 853) {
			assert_true(shown_day(limit, zone) >= old);
			assert_true(shown_day(limit - 1, zone) < young);
			assert_true(shown_day(limit - 3 * 86400, zone) < old);
			assert_true(shown_day(limit + 3 * 86400, zone) >= young);
		}
	}
}

static void test_no_days(void **state)
{
	static const struct message_rules rules[] = {
		{0},
		{.min_age_usec = DAY}, /* not for `end` */
		{.max_size = 1},
		{.max_age_usec = 100 * YEAR}, /* before there were dates */
	};

	for (size_t i = 0; i < ELEMENTS(rules); i++) {
		struct selection s;

		selection_init(&s, &rules[i], UINT64_C(1795201500) * USEC_PER_SEC);
		assert_int_equal(selection_old_before_day(&s), 0);
		assert_int_equal(selection_young_since_day(&s), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_what_is_looked_at),
		cmocka_unit_test(test_ripening),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_no_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
