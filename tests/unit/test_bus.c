/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/bus.h>
#include <mailmig/clock.h>

/* What needs no systemd; the rest is tried with a real manager in tests/integration. */

#define HOUR (3600 * USEC_PER_SEC)

static void test_next_elapse(void **state)
{
	static const struct {
		uint64_t realtime, monotonic, next;
	} rows[] = {
		{0, 0, 0},
		{USEC_INFINITY, USEC_INFINITY, 0},
		{USEC_INFINITY, 0, 0},
		{500 * HOUR, 0, 500 * HOUR},
		{500 * HOUR, USEC_INFINITY, 500 * HOUR},
		/* An hour from now, and one that should have been an hour ago. */
		{0, 11 * HOUR, 101 * HOUR},
		{USEC_INFINITY, 9 * HOUR, 99 * HOUR},
		/* The first of both. */
		{500 * HOUR, 11 * HOUR, 101 * HOUR},
		{100 * HOUR + 1, 11 * HOUR, 100 * HOUR + 1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(bus_next_elapse(rows[i].realtime, rows[i].monotonic,
						 100 * HOUR, 10 * HOUR),
				 rows[i].next);
}

static void test_find_and_copy(void **state)
{
	struct bus_timer list[] = {
		{.account = (char *)"alice",
		 .load = (char *)"loaded",
		 .state = (char *)"waiting",
		 .enabled = true,
		 .next_usec = 7,
		 .last_usec = 5},
		{.account = (char *)"bob", .load = (char *)"masked", .state = (char *)"dead"}};
	const struct bus_timers timers = {list, ELEMENTS(list)};
	_cleanup_(bus_timers_done) struct bus_timers copy = {0};
	const struct bus_timer *t;

	assert_ptr_equal(bus_timers_find(&timers, "bob"), &list[1]);
	assert_null(bus_timers_find(&timers, "carol"));
	assert_null(bus_timers_find(&copy, "alice"));

	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(bus_timers_copy(&timers, &copy), 0);
		assert_int_equal(copy.n, 2);
		t = bus_timers_find(&copy, "alice");
		assert_ptr_not_equal(t->account, list[0].account);
		assert_string_equal(t->load, "loaded");
		assert_string_equal(t->state, "waiting");
		assert_true(t->enabled);
		assert_int_equal(t->next_usec, 7);
		assert_int_equal(t->last_usec, 5);
	}
	assert_string_equal(bus_timers_find(&copy, "bob")->load, "masked");
}

static void test_nowhere(void **state)
{
	struct bus *bus = NULL;
	struct mm_err err = {0};

	assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/mailmig", 1),
			 0);
	assert_true(bus_open(&bus, &err) < 0);
	assert_null(bus);
	assert_int_equal(err.cls, MM_CLASS_PERMISSION);
	assert_non_null(strstr(err.text, "cannot reach systemd"));
	assert_true(*err.advice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_elapse),
		cmocka_unit_test(test_find_and_copy),
		cmocka_unit_test(test_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
