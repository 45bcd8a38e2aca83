/* SPDX-License-Identifier: Apache-2.0 */
#include "state_fixture.h"

struct seen {
	size_t n;
	uint64_t octets[2];
	int64_t slot;
};

static void see(void *userdata, int64_t slot, unsigned way, uint64_t octets)
{
	struct seen *seen = userdata;

	seen->n++;
	seen->octets[way % 2] += octets;
	seen->slot = slot;
}

static struct seen look(struct state *s)
{
	struct seen seen = {0};

	assert_int_equal(state_traffic_each(s, see, &seen, NULL), 0);
	return seen;
}

static void add(struct state *s, int64_t slot, unsigned way, uint64_t octets, bool commit)
{
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_traffic_add(s, slot, way, octets, NULL), 0);
	if (commit)
		assert_int_equal(state_commit(s, NULL), 0);
	else
		state_rollback(s);
}

static void test_traffic(void **state)
{
	struct state *s = open_state(false, NULL);
	struct seen seen;

	assert_int_equal(look(s).n, 0);
	add(s, 7, 0, 100, true);
	add(s, 7, 0, 11, true);
	add(s, 7, 0, 5000, false);
	add(s, 7, 1, 3, true);
	state_close(s);
	s = open_state(false, NULL);
	seen = look(s);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.octets[0], 111);
	assert_int_equal(seen.octets[1], 3);
	assert_int_equal(seen.slot, 7);
	/* more than any number holds */
	add(s, 7, 0, UINT64_MAX, true);
	add(s, 7, 0, UINT64_MAX, true);
	assert_true(look(s).octets[0] > INT64_MAX / 4);

	add(s, 9, 1, 1, true);
	add(s, 12, 1, 1, true);
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_traffic_keep(s, 8, 11, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	seen = look(s);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.slot, 9);
	state_close(s);
}

static void test_pause(void **state)
{
	struct state *s = open_state(false, NULL);
	uint64_t until = 5;
	char text[10];

	assert_int_equal(state_pause_get(s, &until, text, sizeof(text), NULL), 0);
	for (uint64_t t = 1; t < 3; t++) {
		assert_int_equal(state_begin(s, NULL), 0);
		assert_int_equal(
			state_pause_set(s, t << 50, t == 1 ? "no" : "not now, please", NULL),
			0);
		assert_int_equal(state_commit(s, NULL), 0);
	}
	state_close(s);
	s = open_state(false, NULL);
	assert_int_equal(state_pause_get(s, &until, text, sizeof(text), NULL), 1);
	assert_true(until == UINT64_C(2) << 50);
	assert_string_equal(text, "not no...");
	state_close(s);
}

/* A dry run remembers nothing. */
static void test_dry(void **state)
{
	struct state *s = open_state(false, NULL);

	state_close(s);
	s = open_state(true, NULL);
	add(s, 7, 0, 100, true);
	assert_int_equal(look(s).n, 1);
	state_close(s);
	s = open_state(false, NULL);
	assert_int_equal(look(s).n, 0);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_traffic),
		TEST(test_pause),
		TEST(test_dry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
