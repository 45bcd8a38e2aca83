/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/folder_work.h>
#include <mailmig/text.h>

#include "unit.h"

static void test_group(void **state)
{
	/* destination, and the number of the first that goes there */
	static const struct {
		const char *raw;
		bool done, subscribe;
		size_t first;
		bool shared, subscribes;
	} rows[] = {
		{"X", false, false, 0, true, true},  {"a", false, false, 1, false, false},
		{"X", false, true, 0, true, true},   {NULL, true, false, 3, false, false},
		{"x", false, true, 4, false, true},  {"X", true, false, 5, false, false},
		{"X", false, false, 0, true, false},
	};
	struct pair v[ELEMENTS(rows)] = {0};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		v[i].destination_raw = (char *)(uintptr_t)rows[i].raw;
		v[i].place = rows[i].done ? PAIR_DONE : PAIR_QUEUED;
		v[i].subscribe = rows[i].subscribe;
	}
	/* Done again it is the same. */
	for (int again = 0; again < 2; again++) {
		assert_int_equal(pairs_group(v, ELEMENTS(rows)), 0);
		for (size_t i = 0; i < ELEMENTS(rows); i++) {
			assert_ptr_equal(v[i].first, &v[rows[i].first]);
			assert_int_equal(v[i].map.shared, rows[i].shared);
			assert_int_equal(v[i].subscribe, rows[i].subscribes);
		}
	}
	assert_int_equal(pairs_group(v, 0), 0);
}

/* One at a time, and those in doubt first. */
static void test_turns(void **state)
{
	struct pair v[3] = {{.destination_raw = (char *)(uintptr_t) "X"},
			    {.destination_raw = (char *)(uintptr_t) "X"},
			    {.destination_raw = (char *)(uintptr_t) "Y"}};

	assert_int_equal(pairs_group(v, 3), 0);
	assert_true(pair_is_free(&v[0]) && pair_is_free(&v[1]) && pair_is_free(&v[2]));
	v[1].first->busy = true;
	assert_false(pair_is_free(&v[0]) || pair_is_free(&v[1]));
	assert_true(pair_is_free(&v[2]));
	v[1].first->busy = false;

	pair_set_doubt(&v[1], true);
	pair_set_doubt(&v[1], true);
	assert_false(pair_is_free(&v[0]));
	assert_true(pair_is_free(&v[1]));
	pair_set_doubt(&v[0], true);
	assert_true(pair_is_free(&v[0]));
	pair_set_doubt(&v[1], false);
	pair_set_doubt(&v[0], false);
	pair_set_doubt(&v[0], false);
	assert_true(pair_is_free(&v[0]) && pair_is_free(&v[1]));
	/* Alone there is nobody to wait. */
	pair_set_doubt(&v[2], true);
	assert_false(v[2].in_doubt);
}

static struct match_item *item(struct match_list *l, uint32_t uid, uint8_t id)
{
	struct match_item *it = match_add(l);

	assert_non_null(it);
	it->uid = uid;
	it->fingerprint.id[0] = id;
	it->fingerprint.has_message_id = true;
	it->flags = text_dup("\\Seen");
	return it;
}

/* What another folder's upload may be is nobody else's. */
static void test_doubts(void **state)
{
	struct match_list candidates = {0}, doubts = {0};

	item(&candidates, 10, 1);
	item(&candidates, 20, 1);
	item(&candidates, 21, 2);
	item(&candidates, 30, 3);
	drop_doubtful(&candidates, &doubts);
	assert_int_equal(candidates.n, 4);

	item(&doubts, 20, 1); /* put at 20 or above */
	item(&doubts, 31, 3);
	item(&doubts, 5, 9);
	drop_doubtful(&candidates, &doubts);
	assert_int_equal(candidates.n, 3);
	assert_int_equal(candidates.v[0].uid, 10);
	assert_int_equal(candidates.v[1].uid, 21);
	assert_int_equal(candidates.v[2].uid, 30);
	match_done(&candidates);
	match_done(&doubts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_doubts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
