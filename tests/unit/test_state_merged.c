/* SPDX-License-Identifier: Apache-2.0 */
/* Equal messages of which the destination keeps one. */
#include "state_fixture.h"

/* The row of a message with this text, under a UID there or 0. */
static void put_row(struct state *s, int64_t id, uint32_t uid, enum row_state of, char text,
		    uint32_t dest_uid)
{
	struct state_row row = row_of(uid, of);

	memset(row.digest, text, sizeof(row.digest));
	row.dest_uid = dest_uid;
	row.reason = dest_uid ? NULL : "merged";
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
}

static int has_copy(struct state *s, int64_t id, char text)
{
	uint8_t digest[MESSAGE_DIGEST_OCTETS];

	memset(digest, text, sizeof(digest));
	return state_has_copy(s, id, digest, NULL);
}

static int hand_over(struct state *s, int64_t id, char text, uint32_t dest_uid)
{
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	int r;

	memset(digest, text, sizeof(digest));
	assert_int_equal(state_begin(s, NULL), 0);
	r = state_hand_over(s, id, digest, dest_uid, NULL);
	assert_int_equal(state_commit(s, NULL), 0);
	return r;
}

static uint32_t dest_uid_of(struct state *s, int64_t id, uint32_t uid)
{
	struct state_row row;

	assert_int_equal(state_get(s, id, uid, &row, NULL, NULL), 1);
	return row.dest_uid;
}

static void test_has_copy(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t a = folder(s, "a").id, b = folder(s, "b").id;
	struct state_folder other = {0};

	assert_int_equal(has_copy(s, a, 'x'), 0);
	put_row(s, a, 1, ROW_STORED, 'x', 0);
	put_row(s, a, 2, ROW_INTENT, 'x', 0);
	assert_int_equal(has_copy(s, a, 'x'), 0);
	put_row(s, a, 3, ROW_STORED, 'x', 7);
	assert_int_equal(has_copy(s, a, 'x'), 1);
	assert_int_equal(has_copy(s, a, 'y'), 0);
	/* Of another folder that goes to the same place, and of one set aside. */
	assert_int_equal(has_copy(s, b, 'x'), 1);
	put_row(s, state_aside(b), 1, ROW_STORED, 'y', 8);
	assert_int_equal(has_copy(s, a, 'y'), 1);
	/* Not of one that goes elsewhere. */
	assert_int_equal(state_folder_get(s, "a", "elsewhere", &other, NULL), 0);
	assert_int_equal(has_copy(s, other.id, 'x'), 0);
	state_close(s);
}

static void test_hand_over(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t a = folder(s, "a").id, b = folder(s, "b").id;

	put_row(s, a, 1, ROW_STORED, 'x', 7);
	assert_int_equal(hand_over(s, a, 'x', 7), 0);
	put_row(s, a, 2, ROW_STORED, 'y', 0);
	put_row(s, a, 3, ROW_INTENT, 'x', 0);
	put_row(s, b, 9, ROW_STORED, 'x', 0);
	assert_int_equal(hand_over(s, a, 'x', 7), 0);
	put_row(s, a, 4, ROW_STORED, 'x', 0);
	put_row(s, a, 5, ROW_STORED, 'x', 0);
	assert_int_equal(hand_over(s, a, 'x', 7), 1);
	assert_int_equal(dest_uid_of(s, a, 4), 7);
	assert_int_equal(dest_uid_of(s, a, 5), 0);
	assert_int_equal(dest_uid_of(s, a, 2), 0);
	assert_int_equal(dest_uid_of(s, a, 3), 0);
	assert_int_equal(dest_uid_of(s, b, 9), 0);
	assert_int_equal(hand_over(s, a, 'x', 7), 1);
	assert_int_equal(hand_over(s, a, 'x', 7), 0);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_has_copy, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_hand_over, unit_dir_setup,
						unit_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
