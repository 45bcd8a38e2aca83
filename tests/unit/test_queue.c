/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "daemon/queue.c"

static struct job job_between(char *origin, uint32_t origin_max, char *destination,
			      uint32_t destination_max, uint32_t connections)
{
	return (struct job){
		.origin = {.server = origin, .max_connections = origin_max},
		.destination = {.server = destination, .max_connections = destination_max},
		.connections = connections,
	};
}

static void test_lanes(void **state)
{
	char a[] = "a", b[] = "b", a2[] = "a";
	static const struct {
		uint32_t origin_max, destination_max, wish, lanes, lanes_same;
	} t[] = {
		{0, 0, 4, 4, 4}, {2, 0, 4, 2, 1}, {0, 3, 4, 3, 1}, {8, 8, 4, 4, 4},
		{5, 5, 4, 4, 2}, {1, 1, 4, 1, 1}, {0, 0, 0, 1, 1},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		struct job j =
			job_between(a, t[i].origin_max, b, t[i].destination_max, t[i].wish);

		assert_int_equal(queue_lanes(&j), t[i].lanes);
		j = job_between(a, t[i].origin_max, a2, t[i].destination_max, t[i].wish);
		assert_int_equal(queue_lanes(&j), t[i].lanes_same);
	}
}

static void test_entry(void **state)
{
	char a[] = "a", b[] = "b", a2[] = "a";
	struct job j = job_between(a, 6, b, 9, 4);
	struct queue_entry e;

	queue_entry_init(&e, &j, 3);
	assert_false(e.running);
	assert_string_equal(e.need[0].server, "a");
	assert_int_equal(e.need[0].connections, 3);
	assert_int_equal(e.need[0].limit, 6);
	assert_string_equal(e.need[1].server, "b");
	assert_int_equal(e.need[1].connections, 3);
	assert_int_equal(e.need[1].limit, 9);

	j = job_between(a, 6, a2, 6, 4);
	queue_entry_init(&e, &j, 3);
	assert_int_equal(e.need[0].connections, 6);
	assert_null(e.need[1].server);
}

#define RUNNING(s0, n0, s1, n1)                                                                \
	{                                                                                      \
		true, {{s0, n0, 0}, {s1, n1, 0}}, false                                        \
	}
#define WAITING(s0, n0, l0, s1, n1, l1)                                                        \
	{                                                                                      \
		false, {{s0, n0, l0}, {s1, n1, l1}}, false                                     \
	}

static void test_pick(void **state)
{
	static const struct {
		const char *what;
		uint32_t max_jobs;
		ssize_t pick;
		size_t n;
		struct queue_entry e[5];
	} t[] = {
		{"nothing waits", 8, -1, 0, {{0}}},
		{"the first one",
		 8,
		 0,
		 2,
		 {WAITING("a", 4, 0, "b", 4, 0), WAITING("a", 4, 0, "b", 4, 0)}},
		{"what runs is not started again",
		 8,
		 1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 0, "b", 4, 0)}},
		{"no more than max_jobs",
		 1,
		 -1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("c", 4, 0, "d", 4, 0)}},
		{"max_jobs 0 starts nothing", 0, -1, 1, {WAITING("c", 4, 0, "d", 4, 0)}},
		{"room to the last connection",
		 8,
		 1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 8, "c", 4, 0)}},
		{"one too many at the origin",
		 8,
		 -1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 7, "c", 4, 0)}},
		{"one too many at the destination",
		 8,
		 -1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("c", 4, 0, "b", 4, 7)}},
		{"the other end counts as well",
		 8,
		 -1,
		 2,
		 {RUNNING("a", 4, "b", 4), WAITING("b", 4, 7, "c", 4, 0)}},
		{"elsewhere there is room",
		 8,
		 2,
		 3,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 7, "c", 4, 0),
		  WAITING("d", 4, 4, "c", 4, 0)}},
		{"a small one does not overtake at the full server",
		 8,
		 -1,
		 3,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 7, "c", 4, 0),
		  WAITING("a", 1, 7, "d", 1, 0)}},
		{"but at the server that is not the reason",
		 8,
		 2,
		 3,
		 {RUNNING("a", 4, "b", 4), WAITING("a", 4, 7, "c", 4, 9),
		  WAITING("d", 4, 0, "c", 4, 9)}},
		{"more than the limit, alone", 8, 0, 1, {WAITING("a", 2, 1, NULL, 0, 0)}},
		{"more than the limit, not alone",
		 8,
		 -1,
		 2,
		 {RUNNING("a", 1, "b", 1), WAITING("a", 2, 1, NULL, 0, 0)}},
		{"sums do not wrap",
		 8,
		 -1,
		 3,
		 {RUNNING("a", UINT32_MAX, NULL, 0), RUNNING("a", 2, NULL, 0),
		  WAITING("a", 2, 5, NULL, 0, 0)}},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++)
		if (queue_pick(t[i].e, t[i].n, t[i].max_jobs) != t[i].pick)
			fail_msg("%s", t[i].what);
}

/* It waits for something else: others pass it, also at its server. */
static void test_held(void **state)
{
	struct queue_entry e[] = {WAITING("a", 2, 2, NULL, 0, 0),
				  WAITING("a", 2, 2, NULL, 0, 0)};

	e[0].held = true;
	assert_int_equal(queue_pick(e, 2, 8), 1);
	e[1].held = true;
	assert_int_equal(queue_pick(e, 2, 8), -1);
	e[0].held = false;
	assert_int_equal(queue_pick(e, 2, 8), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_entry),
		cmocka_unit_test(test_pick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
