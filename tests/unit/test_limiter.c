/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/limiter.h>

#include "unit.h"

#define T0 (1000 * USEC_PER_SEC)

static void test_no_limit(void **state)
{
	struct limiter *l = NULL;

	assert_int_equal(limiter_new(0, &l), 0);
	limiter_moved(l, T0, UINT64_C(1) << 40, 7);
	assert_int_equal(limiter_not_before(l), 0);
	assert_true(limiter_piece(l) == SIZE_MAX);
	assert_int_equal(limiter_received(l), UINT64_C(1) << 40);
	assert_int_equal(limiter_sent(l), 7);
	assert_null(limiter_free(l));

	assert_int_equal(limiter_not_before(NULL), 0);
	assert_true(limiter_piece(NULL) == SIZE_MAX);
	limiter_moved(NULL, T0, 1, 1);
	assert_null(limiter_free(NULL));
}

/* Move pieces as soon as it is allowed for ten seconds: what came is what may. */
static void test_rate(void **state)
{
	static const uint64_t rates[] = {100, 1000, 65536, 2 << 20, UINT64_C(1) << 33};

	for (size_t i = 0; i < ELEMENTS(rates); i++) {
		struct limiter *l = NULL;
		uint64_t now = T0, moved = 0;

		assert_int_equal(limiter_new(rates[i], &l), 0);
		while (now < T0 + 100 * USEC_PER_SEC) {
			size_t n = limiter_piece(l);

			limiter_moved(l, now, n / 2, n - n / 2);
			moved += n;
			now = MAX_OF(now, limiter_not_before(l));
		}
		assert_true(moved * 95 / 100 <= rates[i] * 100 + limiter_piece(l));
		assert_true(moved >= rates[i] * 95);
		limiter_free(l);
	}
}

/* Idle time is no credit, beyond a moment. */
static void test_idle(void **state)
{
	struct limiter *l = NULL;

	assert_int_equal(limiter_new(1000, &l), 0);
	limiter_moved(l, T0, 1000, 0);
	assert_int_equal(limiter_not_before(l), T0 + 900 * USEC_PER_MSEC);
	limiter_moved(l, 2 * T0, 0, 1000);
	assert_int_equal(limiter_not_before(l), 2 * T0 + 900 * USEC_PER_MSEC);
	/* and what is too much at once is waited for */
	limiter_moved(l, 2 * T0, 0, 10000);
	assert_int_equal(limiter_not_before(l), 2 * T0 + 10900 * USEC_PER_MSEC);
	/* soon after the start of the machine */
	limiter_free(l);
	assert_int_equal(limiter_new(1000, &l), 0);
	limiter_moved(l, 5, 1000, 0);
	assert_int_equal(limiter_not_before(l), USEC_PER_SEC);
	limiter_free(l);
}

/* Compression changes what a day has seen, and not the rate. */
static void test_spared(void **state)
{
	struct limiter *l = NULL;

	assert_int_equal(limiter_new(1000, &l), 0);
	limiter_moved(l, T0, 500, 100);
	limiter_spared(l, 300, 20);
	assert_int_equal(limiter_not_before(l), T0 + 500 * USEC_PER_MSEC);
	assert_int_equal(limiter_received(l), 800);
	assert_int_equal(limiter_sent(l), 120);
	limiter_spared(NULL, 1, 1);
	limiter_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
