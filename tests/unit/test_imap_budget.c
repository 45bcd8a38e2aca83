/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/budget.h>

#include "unit.h"

#define TIMEOUT (2 * USEC_PER_SEC)

static struct imap_budget fresh(uint64_t held)
{
	return (struct imap_budget){.timeout_usec = TIMEOUT, .held = held};
}

/* How many responses of so many octets pass. */
static uint64_t passed(struct imap_budget *b, uint64_t octets)
{
	uint64_t n = 0;

	while (imap_budget_response(b, octets) == IMAP_GO_ON)
		n++;
	return n;
}

static void test_flood_of_lines(void **state)
{
	struct imap_budget b = fresh(0);

	assert_int_equal(passed(&b, 10), IMAP_RESPONSES_BASE);
	assert_int_equal(imap_budget_response(&b, 10), IMAP_TOO_MUCH); /* and stays so */
	imap_budget_answered(&b);
	b.held = 1000;
	assert_int_equal(passed(&b, 10), IMAP_RESPONSES_BASE + 1000 * IMAP_RESPONSES_HELD);
}

static void test_flood_of_octets(void **state)
{
	struct imap_budget b = fresh(100);

	assert_int_equal(passed(&b, 1024 * 1024), 32 + 1); /* 100 messages: 1.6 MiB more */
	imap_budget_answered(&b);
	assert_int_equal(imap_budget_body(&b, IMAP_OCTETS_BASE, false), IMAP_GO_ON);
	assert_int_equal(imap_budget_body(&b, 16 * 1024 * 100 + 1, false), IMAP_TOO_MUCH);
	imap_budget_answered(&b);
	assert_int_equal(imap_budget_body(&b, UINT64_C(1) << 40, true), IMAP_GO_ON);
}

static void test_endless_command(void **state)
{
	struct imap_budget b = fresh(0);

	/* Each line that says nothing comes in time; the answer does not. */
	for (unsigned i = 0; i < IMAP_COMMAND_WAITS; i++) {
		assert_int_equal(imap_budget_waited(&b, TIMEOUT, 0, false), IMAP_GO_ON);
		assert_int_equal(imap_budget_response(&b, 20), IMAP_GO_ON);
	}
	assert_int_equal(imap_budget_waited(&b, 1, 0, false), IMAP_TOO_SLOW);
	imap_budget_answered(&b);
	assert_int_equal(imap_budget_waited(&b, TIMEOUT, 0, false), IMAP_GO_ON);
}

static void test_slow_listing(void **state)
{
	struct imap_budget b = fresh(10000);

	/* A message a second is bearable, for however long. */
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(imap_budget_waited(&b, USEC_PER_SEC, 0, true), IMAP_GO_ON);
		assert_int_equal(imap_budget_response(&b, 100), IMAP_GO_ON);
		imap_budget_told(&b);
	}
}

static void test_dripping_line(void **state)
{
	struct imap_budget b = fresh(10000);

	assert_int_equal(imap_budget_waited(&b, IMAP_RESPONSE_WAITS * TIMEOUT, 0, true),
			 IMAP_GO_ON);
	assert_int_equal(imap_budget_waited(&b, 1, 0, true), IMAP_TOO_SLOW);

	/* Waiting before a line begins is not its time. */
	b = fresh(0);
	assert_int_equal(imap_budget_waited(&b, 5 * TIMEOUT, 0, false), IMAP_GO_ON);
	assert_int_equal(imap_budget_waited(&b, TIMEOUT, 0, true), IMAP_GO_ON);
	assert_int_equal(imap_budget_response(&b, 100), IMAP_GO_ON);
	assert_int_equal(imap_budget_waited(&b, 3 * TIMEOUT, 0, true), IMAP_GO_ON);
}

/* Seconds until a body is given up that comes at so many octets a second; 0: never. */
static unsigned body_at(unsigned rate, bool wanted)
{
	struct imap_budget b = fresh(1);

	for (unsigned t = 1; t < 100000; t++) {
		if (imap_budget_waited(&b, USEC_PER_SEC, 0, true) != IMAP_GO_ON)
			return t;
		if (imap_budget_body(&b, rate, wanted) != IMAP_GO_ON)
			return t;
	}
	return 0;
}

static void test_dripping_body(void **state)
{
	assert_int_equal(body_at(1, true), 7);
	assert_in_range(body_at(IMAP_RATE_MIN / 2, true), 12, 14);
	assert_int_equal(body_at(IMAP_RATE_MIN, true), 0);
	assert_int_equal(body_at(IMAP_RATE_MIN, false), 7);
}

/* The same for octets of ours that the server takes. */
static unsigned taken_at(unsigned rate)
{
	struct imap_budget b = fresh(1);

	for (unsigned t = 1; t < 100000; t++)
		if (imap_budget_waited(&b, USEC_PER_SEC, rate, false) != IMAP_GO_ON)
			return t;
	return 0;
}

static void test_slow_reader(void **state)
{
	assert_int_equal(taken_at(0), 21);
	assert_in_range(taken_at(IMAP_RATE_MIN / 2), 40, 42);
	assert_int_equal(taken_at(IMAP_RATE_MIN), 0);
}

/* What came fast is no credit for what comes slowly. */
static void test_nothing_in_advance(void **state)
{
	struct imap_budget b = fresh(1);

	assert_int_equal(imap_budget_waited(&b, 1, 100 * 1024 * 1024, false), IMAP_GO_ON);
	assert_int_equal(imap_budget_body(&b, 100 * 1024 * 1024, true), IMAP_GO_ON);
	imap_budget_told(&b);
	assert_int_equal(imap_budget_waited(&b, IMAP_COMMAND_WAITS * TIMEOUT, 0, false),
			 IMAP_GO_ON);
	assert_int_equal(imap_budget_waited(&b, 1, 0, false), IMAP_TOO_SLOW);

	/* A connection that stalls now and then is not slow. */
	b = fresh(1);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(imap_budget_waited(&b, TIMEOUT - 1, 0, true), IMAP_GO_ON);
		assert_int_equal(imap_budget_body(&b, 10 * IMAP_RATE_MIN, true), IMAP_GO_ON);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flood_of_lines),
		cmocka_unit_test(test_flood_of_octets),
		cmocka_unit_test(test_endless_command),
		cmocka_unit_test(test_slow_listing),
		cmocka_unit_test(test_dripping_line),
		cmocka_unit_test(test_dripping_body),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_nothing_in_advance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
