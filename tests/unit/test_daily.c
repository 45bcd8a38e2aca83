/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/daily.h>

#include "unit.h"

#define MIN_USEC (60 * USEC_PER_SEC)
#define HOUR     (60 * MIN_USEC)
#define DAY      (24 * HOUR)
#define NOON     (UINT64_C(20000) * DAY + 12 * HOUR)

static void add(struct daily *b, uint64_t at, uint64_t octets)
{
	daily_add(b, at, daily_slot(at), octets);
}

static void test_rolls(void **state)
{
	struct daily b = {.limit_bytes = 1000};
	uint64_t until = 7;

	assert_int_equal(daily_used(&b, NOON), 0);
	assert_false(daily_spent(&b, NOON, &until));
	add(&b, NOON, 400);
	add(&b, NOON + HOUR, 500);
	assert_int_equal(daily_used(&b, NOON + HOUR), 900);
	assert_false(daily_spent(&b, NOON + 2 * HOUR, &until));
	assert_int_equal(until, 7);
	add(&b, NOON + 2 * HOUR, 100);
	assert_true(daily_spent(&b, NOON + 2 * HOUR, &until));
	/* when the first 400 are a day old, their slot included */
	assert_int_equal(until, NOON + DAY + 10 * MIN_USEC);
	assert_int_equal(daily_used(&b, until - 1), 1000);
	assert_false(daily_spent(&b, until, &until));
	assert_int_equal(daily_used(&b, until), 600);
	assert_int_equal(daily_used(&b, NOON + 25 * HOUR + 10 * MIN_USEC), 100);
	assert_int_equal(daily_used(&b, NOON + 27 * HOUR), 0);
}

/* It goes on when there is something to go on with. */
static void test_a_tenth(void **state)
{
	struct daily b = {.limit_bytes = 1000};
	uint64_t until = 0;

	add(&b, NOON, 50);
	add(&b, NOON + HOUR, 50);
	add(&b, NOON + 2 * HOUR, 1);
	add(&b, NOON + 3 * HOUR, 10000);
	assert_true(daily_spent(&b, NOON + 3 * HOUR, &until));
	assert_int_equal(until, NOON + 3 * HOUR + DAY + 10 * MIN_USEC);

	b = (struct daily){.limit_bytes = 1000};
	add(&b, NOON, 50);
	add(&b, NOON + HOUR, 50);
	add(&b, NOON + 2 * HOUR, 900);
	assert_true(daily_spent(&b, NOON + 3 * HOUR, &until));
	/* 50 are too little */
	assert_int_equal(until, NOON + HOUR + DAY + 10 * MIN_USEC);
}

/* Never longer than a day and the slot in which it was, whatever the clock does. */
static void test_clock(void **state)
{
	struct daily b = {.limit_bytes = 10};
	uint64_t until = 0;

	add(&b, NOON, 10);
	/* back by a year */
	assert_true(daily_spent(&b, NOON - 365 * DAY, &until));
	assert_int_equal(until, NOON - 365 * DAY + DAY + 10 * MIN_USEC);
	assert_int_equal(daily_used(&b, NOON - 364 * DAY + 10 * MIN_USEC), 0);
	/* and forth by one: all is forgotten */
	add(&b, NOON, 10);
	assert_int_equal(daily_used(&b, NOON + 365 * DAY), 0);
	/* slots of a file from the future, and from long ago */
	daily_add(&b, NOON, daily_slot(NOON + 99 * DAY), 5);
	daily_add(&b, NOON, INT64_MAX, 5);
	daily_add(&b, NOON, daily_slot(NOON - 2 * DAY), 1000);
	daily_add(&b, NOON, 0, 1000);
	daily_add(&b, NOON, -5, 1000);
	assert_int_equal(daily_used(&b, NOON), 10);
	assert_true(daily_spent(&b, NOON, &until));
	assert_int_equal(until, NOON + DAY + 10 * MIN_USEC);
	/* at the beginning of time */
	b = (struct daily){.limit_bytes = 10};
	add(&b, 0, 10);
	assert_true(daily_spent(&b, 1, &until));
	assert_int_equal(until, DAY + 10 * MIN_USEC);
}

/* Of a file that somebody wrote to. */
static void test_large(void **state)
{
	struct daily b = {.limit_bytes = UINT64_MAX};
	uint64_t until = 0;

	add(&b, NOON, UINT64_MAX);
	add(&b, NOON, 5);
	add(&b, NOON + HOUR, 5);
	assert_true(daily_used(&b, NOON + HOUR) == UINT64_MAX);
	assert_true(daily_spent(&b, NOON + HOUR, &until));
	assert_int_equal(until, NOON + DAY + 10 * MIN_USEC);
	b.limit_bytes = 0; /* none */
	assert_false(daily_spent(&b, NOON + HOUR, &until));
	b = (struct daily){.limit_bytes = 1}; /* too small to have a tenth */
	add(&b, NOON, 1);
	assert_true(daily_spent(&b, NOON, &until));
	assert_false(daily_spent(&b, until, &until));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rolls),
		cmocka_unit_test(test_a_tenth),
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
