/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>

#include "unit.h"

/* Fewer messages than UIDs given since leave room for: only then something may be gone. */
static void test_may_be(void **state)
{
	static const struct {
		uint32_t messages, uidnext;
		struct folder_status now;
		bool may;
	} rows[] = {
		{10, 11, {.messages = 10, .uidnext = 11, .known = true}, false},
		{10, 11, {.messages = 13, .uidnext = 14, .known = true}, false},
		{10, 11, {.messages = 9, .uidnext = 11, .known = true}, true},
		/* one has come and one has gone */
		{10, 11, {.messages = 10, .uidnext = 12, .known = true}, true},
		/* a UID that no message has: nobody knows */
		{10, 11, {.messages = 12, .uidnext = 14, .known = true}, true},
		{10, 11, {.messages = 20, .uidnext = 14, .known = true}, false},
		{0, 1, {.messages = 0, .uidnext = 1, .known = true}, false},
		{0, 1, {.messages = 5, .uidnext = 6, .known = true}, false},
		{10, 11, {.messages = 0, .uidnext = 11, .known = true}, true},
		/* numbers that cannot be compared */
		{10, 11, {.messages = 10, .uidnext = 11, .known = false}, true},
		{10, 0, {.messages = 10, .uidnext = 11, .known = true}, true},
		{10, 11, {.messages = 10, .uidnext = 0, .known = true}, true},
		{10, 11, {.messages = 10, .uidnext = 9, .known = true}, true},
		{UINT32_MAX, 2, {.messages = 5, .uidnext = UINT32_MAX, .known = true}, true},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(
			absence_may_be(rows[i].messages, rows[i].uidnext, &rows[i].now),
			rows[i].may);
}

static void test_row(void **state)
{
	static const struct {
		struct state_row row;
		bool listed;
		enum absence_row is;
	} rows[] = {
#define OURS .ours = true, .has_digest = true, .dest_uid = 7
		{{.state = ROW_STORED, OURS}, false, ABSENCE_DUE},
		{{.state = ROW_STORED, OURS}, true, ABSENCE_PRESENT},
		/* found at the destination, or of a version that did not remember */
		{{.state = ROW_STORED, .has_digest = true, .dest_uid = 7}, false, ABSENCE_LEFT},
		{{.state = ROW_STORED, .has_digest = true, .dest_uid = 7},
		 true,
		 ABSENCE_PRESENT},
		/* nobody could tell that it is still ours */
		{{.state = ROW_STORED, .ours = true, .dest_uid = 7}, false, ABSENCE_LEFT},
		{{.state = ROW_STORED, .ours = true, .has_digest = true}, false, ABSENCE_LEFT},
		/* with other octets than those that were sent */
		{{.state = ROW_ALTERED, OURS}, false, ABSENCE_LEFT},
		{{.state = ROW_ALTERED, OURS}, true, ABSENCE_PRESENT},
		/* not there, or not known to be */
		{{.state = ROW_NEW, OURS}, false, ABSENCE_OF_NO_ACCOUNT},
		{{.state = ROW_INTENT, OURS}, false, ABSENCE_OF_NO_ACCOUNT},
		{{.state = ROW_HELD, OURS}, false, ABSENCE_OF_NO_ACCOUNT},
		{{.state = ROW_INTENT, OURS}, true, ABSENCE_OF_NO_ACCOUNT},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(absence_row(&rows[i].row, rows[i].listed), rows[i].is);
}

/* The table of mailmig.conf(5). */
static void test_judge(void **state)
{
	static const struct {
		uint32_t percent, messages;
		bool confirmed;
		struct absence_view view; /* known, gone, present */
		enum absence_verdict verdict;
	} rows[] = {
		/* the default */
		{10, 50, false, {200, 0, 200}, ABSENCE_NONE},
		{10, 50, false, {0, 0, 0}, ABSENCE_NONE},
		{10, 50, false, {200, 20, 180}, ABSENCE_BELIEVED},
		{10, 50, false, {200, 21, 179}, ABSENCE_SHARE},
		{10, 50, false, {199, 19, 180}, ABSENCE_BELIEVED},
		{10, 50, false, {199, 20, 179}, ABSENCE_SHARE},
		{10, 50, false, {10000, 50, 9950}, ABSENCE_BELIEVED},
		{10, 50, false, {10000, 51, 9949}, ABSENCE_MANY},
		/* a few of a small folder */
		{10, 50, false, {5, 4, 1}, ABSENCE_BELIEVED},
		{10, 50, false, {6, 5, 1}, ABSENCE_BELIEVED},
		{10, 50, false, {20, 5, 15}, ABSENCE_BELIEVED},
		{10, 50, false, {20, 6, 14}, ABSENCE_SHARE},
		{10, 50, false, {60, 6, 54}, ABSENCE_BELIEVED},
		{10, 50, false, {60, 7, 53}, ABSENCE_SHARE},
		/* all of it */
		{10, 50, false, {1, 1, 0}, ABSENCE_EMPTY},
		{100, UINT32_MAX, false, {1, 1, 0}, ABSENCE_EMPTY},
		{10, 50, false, {5, 5, 0}, ABSENCE_EMPTY},
		{10, 50, false, {1, 1, 1}, ABSENCE_BELIEVED},
		{10, 50, false, {3, 3, 7}, ABSENCE_BELIEVED},
		/* one of the two alone */
		{10, UINT32_MAX, false, {10000, 1000, 9000}, ABSENCE_BELIEVED},
		{10, UINT32_MAX, false, {10000, 1001, 8999}, ABSENCE_SHARE},
		{100, 50, false, {51, 50, 1}, ABSENCE_BELIEVED},
		{100, 50, false, {52, 51, 1}, ABSENCE_MANY},
		{100, 3, false, {10, 4, 6}, ABSENCE_MANY},
		/* none at all */
		{0, 50, false, {200, 1, 199}, ABSENCE_SHARE},
		{100, 0, false, {200, 1, 199}, ABSENCE_MANY},
		/* a person knows better */
		{10, 50, true, {200, 200, 0}, ABSENCE_BELIEVED},
		{0, 0, true, {200, 21, 179}, ABSENCE_BELIEVED},
		{10, 50, true, {200, 0, 200}, ABSENCE_NONE},
		/* no overflow */
		{10, UINT32_MAX, false, {UINT64_MAX, UINT64_MAX / 10, 1}, ABSENCE_BELIEVED},
		{10, UINT32_MAX, false, {UINT64_MAX, UINT64_MAX / 2, 1}, ABSENCE_SHARE},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct job j = {.absence_percent = rows[i].percent,
				      .absence_messages = rows[i].messages,
				      .confirm_deletes = rows[i].confirmed};

		assert_int_equal(absence_judge(&j, &rows[i].view), rows[i].verdict);
	}
	assert_false(absence_is_braked(ABSENCE_NONE));
	assert_false(absence_is_braked(ABSENCE_BELIEVED));
	assert_true(absence_is_braked(ABSENCE_EMPTY));
	assert_true(absence_is_braked(ABSENCE_SHARE));
	assert_true(absence_is_braked(ABSENCE_MANY));
}

static void test_judge_run(void **state)
{
	static const struct {
		uint32_t messages;
		bool confirmed;
		uint64_t n;
		enum absence_verdict verdict;
	} rows[] = {
		{50, false, 0, ABSENCE_NONE},
		{50, false, 50, ABSENCE_BELIEVED},
		{50, false, 51, ABSENCE_MANY},
		{50, true, 51, ABSENCE_BELIEVED},
		{0, false, 1, ABSENCE_MANY},
		{UINT32_MAX, false, UINT64_MAX, ABSENCE_BELIEVED},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct job j = {.absence_messages = rows[i].messages,
				      .confirm_deletes = rows[i].confirmed};

		assert_int_equal(absence_judge_run(&j, rows[i].n), rows[i].verdict);
	}
}

static void test_obstacle(void **state)
{
	static const struct {
		struct absence_run run;
		const char *why;
	} rows[] = {
		{{0}, NULL},
		{{.troubles = 1}, "not everything went well"},
		{{.failed = 1}, "not everything went well"},
		{{.renumbered = true}, "other UIDs"},
		{{.shifting = true}, "changed since"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *why = absence_obstacle(&rows[i].run);

		assert_int_equal(why != NULL, rows[i].why != NULL);
		if (why)
			assert_non_null(strstr(why, rows[i].why));
	}
}

/* The second look at a folder that had 10 messages when one of them was missed. */
static void test_confirmed(void **state)
{
	static const struct absence_look then = {
		.uidvalidity = 3, .uidnext = 100, .listed = 10};
	static const struct {
		uint32_t uidvalidity, uidnext, messages;
		uint64_t seen;
		bool confirmed;
	} rows[] = {
		{3, 100, 10, 0, true},  {3, 100, 8, 0, true},   /* more have gone: for the next
								   run */
		{3, 101, 11, 0, true},  {3, 100, 10, 1, false}, /* it is there */
		{4, 100, 10, 0, false},                         /* another folder */
		{3, 99, 10, 0, false},                          /* an older one */
		{3, 100, 11, 0, false},                         /* it had more than it listed */
		{3, 101, 12, 0, false}, {3, 0, 10, 0, true},    {3, 0, 11, 0, false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct folder_status now = {.uidvalidity = rows[i].uidvalidity,
						  .uidnext = rows[i].uidnext,
						  .messages = rows[i].messages};

		assert_int_equal(absence_is_confirmed(&then, &now, rows[i].seen),
				 rows[i].confirmed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_may_be),   cmocka_unit_test(test_row),
		cmocka_unit_test(test_judge),    cmocka_unit_test(test_judge_run),
		cmocka_unit_test(test_obstacle), cmocka_unit_test(test_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
