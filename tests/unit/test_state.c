/* SPDX-License-Identifier: Apache-2.0 */
#include "state_fixture.h"

static void test_rows_survive(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct state_row rows[] = {row_of(1, ROW_NEW), row_of(2, ROW_INTENT),
				   row_of(3, ROW_STORED), row_of(4, ROW_ALTERED),
				   row_of(4294967295, ROW_HELD)};
	struct buf strings = {0};
	struct state_row got;

	rows[0].has_digest = false;
	rows[1].has_fingerprint = false;
	rows[3].flags = "";
	rows[4].size = INT64_MAX;
	assert_int_equal(state_begin(s, NULL), 0);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(state_put(s, id, &rows[i], NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	state_close(s);

	s = open_state(false, NULL);
	assert_int_equal(folder(s, "x").id, id);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_int_equal(state_get(s, id, rows[i].uid, &got, &strings, NULL), 1);
		assert_row(&got, &rows[i]);
	}
	assert_int_equal(state_get(s, id, 99, &got, &strings, NULL), 0);
	assert_int_equal(state_get(s, id + 1, 1, &got, &strings, NULL), 0);
	buf_done(&strings);
	state_close(s);
}

static void test_put_replaces(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct state_row got;
	uint64_t n;

	put(s, id, 7, ROW_INTENT);
	put(s, id, 7, ROW_STORED);
	assert_int_equal(state_get(s, id, 7, &got, NULL, NULL), 1);
	assert_int_equal(got.state, ROW_STORED);
	assert_int_equal(state_count(s, id, ROW_INTENT, &n, NULL), 0);
	assert_int_equal(n, 0);
	state_close(s);
}

static void test_settle(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct buf strings = {0};
	struct state_row got, expected = row_of(7, ROW_INTENT);

	put(s, id, 7, ROW_INTENT);
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_settle(s, id, 7, ROW_STORED, 55, 2, "why", NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	expected.state = ROW_STORED;
	expected.dest_uid = 55;
	expected.attempts = 2;
	assert_int_equal(state_get(s, id, 7, &got, &strings, NULL), 1);
	assert_row(&got, &expected);
	buf_done(&strings);
	state_close(s);
}

static void test_flags_and_deletion(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;
	struct buf strings = {0};
	struct state_row got;

	assert_int_not_equal(id, other);
	for (uint32_t uid = 1; uid <= 3; uid++) {
		put(s, id, uid, ROW_STORED);
		put(s, other, uid, ROW_STORED);
	}
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_set_flags(s, id, 2, "\\Flagged", NULL), 0);
	assert_int_equal(state_delete(s, id, 1, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	assert_int_equal(state_get(s, id, 1, &got, &strings, NULL), 0);
	assert_int_equal(state_get(s, id, 2, &got, &strings, NULL), 1);
	assert_string_equal(got.flags, "\\Flagged");
	assert_int_equal(got.dest_uid, 1002);
	assert_int_equal(state_get(s, other, 1, &got, &strings, NULL), 1);

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_delete_all(s, id, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	assert_int_equal(state_get(s, id, 2, &got, &strings, NULL), 0);
	assert_int_equal(state_get(s, other, 2, &got, &strings, NULL), 1);
	buf_done(&strings);
	state_close(s);
}

static uint64_t count_held(struct state *s, int64_t id, uint64_t other_than)
{
	uint64_t n;

	assert_int_equal(state_count_held(s, id, other_than, &n, NULL), 0);
	return n;
}

/* What was refused, and under which circumstances. */
static void test_held(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;
	struct state_row row = row_of(1, ROW_HELD), got;
	struct buf strings = {0};

	row.ours = true;
	row.held_under = UINT64_MAX - 1; /* all of its bits are kept */
	row.held_what = "too-large";
	row.flags = "";
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	put(s, id, 2, ROW_STORED);
	put(s, id, 3, ROW_HELD); /* for another reason */
	put(s, other, 1, ROW_STORED);
	state_close(s);

	s = open_state(false, NULL);
	assert_int_equal(state_get(s, id, 1, &got, &strings, NULL), 1);
	assert_row(&got, &row);
	assert_true(got.held_under == UINT64_MAX - 1);
	assert_true(got.ours);
	assert_string_equal(got.held_what, "too-large");
	assert_int_equal(count_held(s, id, 0), 1);
	assert_int_equal(count_held(s, id, UINT64_MAX - 1), 0);
	assert_int_equal(count_held(s, id, 1), 1);
	assert_int_equal(count_held(s, other, 0), 0);

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_refuse_flags(s, id, 2, 77, "\\Seen nope", NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	assert_int_equal(state_get(s, id, 2, &got, &strings, NULL), 1);
	assert_int_equal(got.state, ROW_STORED);
	assert_string_equal(got.flags, "\\Seen kw");
	assert_string_equal(got.held_what, "\\Seen nope");
	assert_int_equal(count_held(s, id, 77), 1);

	/* What is written anew is refused no more. */
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_set_flags(s, id, 2, "nope", NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	put(s, id, 1, ROW_INTENT);
	assert_int_equal(count_held(s, id, 0), 0);
	assert_int_equal(state_get(s, id, 1, &got, &strings, NULL), 1);
	assert_null(got.held_what);
	buf_done(&strings);
	state_close(s);
}

static void test_unkept(void **state)
{
	_cleanup_(buf_done) struct buf told = {0}, unkept = {0}, none = {0};
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;

	assert_int_equal(state_unkept_get(s, id, &told, &unkept, NULL), 0);
	assert_int_equal(told.len + unkept.len, 0);
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_unkept_put(s, id, "a b", "b", NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	state_close(s);

	s = open_state(false, NULL);
	assert_int_equal(state_unkept_get(s, id, &told, &unkept, NULL), 0);
	assert_string_equal(buf_str(&told), "a b");
	assert_string_equal(buf_str(&unkept), "b");
	assert_int_equal(state_unkept_get(s, other, &none, &none, NULL), 0);
	assert_int_equal(none.len, 0);
	state_close(s);
}

static void test_get_dest(void **state)
{
	_cleanup_(buf_done) struct buf strings = {0};
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;
	struct state_row got;

	put(s, id, 7, ROW_STORED); /* as 1007 there */
	put(s, id, 8, ROW_NEW);
	put(s, other, 9, ROW_STORED);
	assert_int_equal(state_get_dest(s, id, 1007, &got, &strings, NULL), 1);
	assert_int_equal(got.uid, 7);
	assert_string_equal(got.flags, "\\Seen kw");
	assert_int_equal(state_get_dest(s, id, 1009, &got, &strings, NULL), 0);
	assert_int_equal(state_get_dest(s, id, 7, &got, &strings, NULL), 0);
	assert_int_equal(state_get_dest(s, id, 0, &got, &strings, NULL), 0);
	state_close(s);
}

static void test_count_settled(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	uint64_t n, bytes;

	assert_int_equal(state_count_settled(s, id, &n, &bytes, NULL), 0);
	assert_int_equal(n + bytes, 0);
	for (uint32_t i = ROW_NEW; i <= ROW_HELD; i++)
		put(s, id, i + 1, (enum row_state)i);
	put(s, folder(s, "y").id, 1, ROW_STORED);
	assert_int_equal(state_count_settled(s, id, &n, &bytes, NULL), 0);
	assert_int_equal(n, 3); /* stored, altered, held */
	assert_int_equal(bytes, 3 * UINT64_C(1234567890123));
	state_close(s);
}

static void test_owns_and_count(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;
	struct state_folder elsewhere;
	uint64_t n;

	put(s, id, 1, ROW_STORED);
	put(s, id, 2, ROW_INTENT);
	put(s, id, 3, ROW_INTENT);
	assert_int_equal(state_owns(s, id, 1001, NULL), 1);
	assert_int_equal(state_owns(s, id, 1002, NULL), 0);
	assert_int_equal(state_owns(s, id, 0, NULL), 0); /* that of the intents: none */
	/* Of whichever folder that goes there, and of none that goes elsewhere. */
	assert_int_equal(state_owns(s, other, 1001, NULL), 1);
	assert_int_equal(state_folder_get(s, "x", "elsewhere", &elsewhere, NULL), 0);
	assert_int_equal(state_owns(s, elsewhere.id, 1001, NULL), 0);
	/* A row that is set aside owns its copy too. */
	assert_int_equal(state_owns(s, state_aside(id), 1001, NULL), 1);
	assert_int_equal(state_count(s, id, ROW_INTENT, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(state_count(s, id, ROW_HELD, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_count(s, other, ROW_HELD, &n, NULL), 0);
	assert_int_equal(n, 0);
	state_close(s);
}

static void test_each(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct walk all = {0}, intents = {0}, cut = {.stop_after = 2};

	put(s, id, 9, ROW_STORED);
	put(s, id, 2, ROW_INTENT);
	put(s, id, 5, ROW_INTENT);
	assert_int_equal(state_each(s, id, -1, step, &all, NULL), 0);
	assert_int_equal(all.n, 3);
	assert_int_equal(all.uids[0], 2);
	assert_int_equal(all.uids[2], 9);
	assert_int_equal(state_each(s, id, ROW_INTENT, step, &intents, NULL), 0);
	assert_int_equal(intents.n, 2);
	assert_int_equal(intents.uids[1], 5);
	assert_int_equal(state_each(s, id, -1, step, &cut, NULL), -EINTR);
	assert_int_equal(cut.n, 2);
	/* and the walk that was left can begin again */
	all.n = 0;
	assert_int_equal(state_each(s, id, -1, step, &all, NULL), 0);
	assert_int_equal(all.n, 3);
	state_close(s);
}

/* ---- folders ---- */

static void test_folders(void **state)
{
	struct state *s = open_state(false, NULL);
	struct state_folder a = folder(s, "caf\xe9"), b, got;

	assert_int_equal(a.origin_uidvalidity, 0);
	assert_int_equal(a.dest_seen, 0);
	assert_false(a.complete);
	assert_int_equal(state_folder_get(s, "caf\xe9", "elsewhere", &b, NULL), 0);
	assert_int_not_equal(a.id, b.id);

	a = (struct state_folder){.id = a.id,
				  .origin_uidvalidity = 4294967295,
				  .origin_uidnext = 4294967295,
				  .origin_modseq = INT64_MAX,
				  .origin_messages = 3,
				  .dest_uidvalidity = 4,
				  .dest_seen = 5,
				  .uncertain_usec = 6,
				  .complete = true,
				  .rules = UINT64_MAX - 1,
				  .dest_modseq = INT64_MAX,
				  .dest_messages = 4294967295,
				  .skipped = {[SKIP_TOO_OLD] = 7, [SKIP_GONE] = 8}};
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_folder_put(s, &a, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	state_close(s);

	s = open_state(false, NULL);
	got = folder(s, "caf\xe9");
	assert_int_equal(got.id, a.id);
	assert_int_equal(got.origin_uidvalidity, a.origin_uidvalidity);
	assert_int_equal(got.origin_uidnext, a.origin_uidnext);
	assert_int_equal(got.origin_modseq, a.origin_modseq);
	assert_int_equal(got.origin_messages, a.origin_messages);
	assert_int_equal(got.dest_uidvalidity, a.dest_uidvalidity);
	assert_int_equal(got.dest_seen, a.dest_seen);
	assert_int_equal(got.uncertain_usec, a.uncertain_usec);
	assert_int_equal(got.complete, a.complete);
	assert_true(got.rules == a.rules);
	assert_int_equal(got.dest_modseq, a.dest_modseq);
	assert_int_equal(got.dest_messages, a.dest_messages);
	assert_memory_equal(got.skipped, a.skipped, sizeof(a.skipped));
	state_close(s);
}

/* ---- what must not last ---- */

static void test_rollback(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct state_row row = row_of(1, ROW_STORED), got;

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	state_rollback(s);
	assert_int_equal(state_get(s, id, 1, &got, NULL, NULL), 0);
	put(s, id, 1, ROW_STORED); /* the handle is as good as before */
	state_close(s);
}

static void test_closed_in_a_transaction(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct state_row row = row_of(1, ROW_STORED), got;

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	state_close(s);
	s = open_state(false, NULL);
	assert_int_equal(state_get(s, id, 1, &got, NULL, NULL), 0);
	state_close(s);
}

/* A process that ends between begin and commit, and one that ends after. */
static void test_killed(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct state_row got;

	state_close(s);
	for (int commit = 0; commit < 2; commit++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			struct state_row row = row_of(5, ROW_INTENT);

			s = open_state(false, NULL);
			(void)state_begin(s, NULL);
			(void)state_put(s, id, &row, NULL);
			if (commit)
				(void)state_commit(s, NULL);
			(void)kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		s = open_state(false, NULL);
		assert_int_equal(state_get(s, id, 5, &got, NULL, NULL), commit);
		state_close(s);
	}
}

static void test_dry_writes_nothing(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	size_t before_n, after_n;
	char *before, *after;
	struct state_row got;
	bool aside = false;

	put(s, id, 1, ROW_STORED);
	state_close(s);
	before = content(DB, &before_n);
	assert_non_null(before);

	s = open_state(true, &aside);
	assert_false(aside);
	assert_int_equal(state_get(s, id, 1, &got, NULL, NULL), 1);
	put(s, id, 2, ROW_STORED);
	put(s, folder(s, "new").id, 3, ROW_STORED);
	assert_int_equal(state_get(s, id, 2, &got, NULL, NULL), 1); /* for this run */
	state_close(s);

	after = content(DB, &after_n);
	assert_int_equal(after_n, before_n);
	assert_memory_equal(before, after, before_n);
	free(before);
	free(after);
	s = open_state(false, NULL);
	assert_int_equal(state_get(s, id, 2, &got, NULL, NULL), 0);
	state_close(s);
}

static void test_dry_without_a_state(void **state)
{
	struct state *s = open_state(true, NULL);
	size_t n;

	put(s, folder(s, "x").id, 1, ROW_STORED);
	state_close(s);
	assert_null(content(DB, &n));
	assert_null(content(DB "-wal", &n));
}

/* ---- trouble ---- */

static void test_second_opener(void **state)
{
	struct state *s = open_state(false, NULL), *second = NULL, *other = NULL;
	struct mm_err err = {0};

	for (int dry = 0; dry < 2; dry++) {
		assert_int_equal(
			state_open(unit_dir, "a@b", MAILBOXES, dry, &second, NULL, &err),
			-EBUSY);
		assert_null(second);
		assert_int_equal(err.scope, MM_SCOPE_JOB);
		assert_int_equal(err.cls, MM_CLASS_LOCAL);
		assert_non_null(strstr(err.text, "a@b"));
	}
	assert_int_equal(state_open(unit_dir, "other", MAILBOXES, false, &other, NULL, &err),
			 0);
	state_close(other);
	state_close(s);
	s = open_state(false, NULL);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows_survive),
		TEST(test_put_replaces),
		TEST(test_settle),
		TEST(test_flags_and_deletion),
		TEST(test_held),
		TEST(test_count_settled),
		TEST(test_unkept),
		TEST(test_get_dest),
		TEST(test_owns_and_count),
		TEST(test_each),
		TEST(test_folders),
		TEST(test_rollback),
		TEST(test_closed_in_a_transaction),
		TEST(test_killed),
		TEST(test_dry_writes_nothing),
		TEST(test_dry_without_a_state),
		TEST(test_second_opener),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
