/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/state.h>
#include <mailmig/text.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "unit.h"

#define DB "accounts/a@b.db"

static struct state *open_state(bool dry, bool *aside)
{
	struct mm_err err = {0};
	struct state *s = NULL;

	if (state_open(unit_dir, "a@b", dry, &s, aside, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static struct state_folder folder(struct state *s, const char *origin)
{
	struct state_folder f = {0};

	assert_int_equal(state_folder_get(s, origin, "there", &f, NULL), 0);
	assert_true(f.id > 0);
	return f;
}

static struct state_row row_of(uint32_t uid, enum row_state state)
{
	struct state_row row = {
		.uid = uid,
		.state = state,
		.size = 1234567890123,
		.has_digest = true,
		.has_fingerprint = true,
		.fingerprint.has_message_id = uid % 2,
		.flags = "\\Seen kw",
		.uidvalidity = 4294967295,
		.watermark = uid + 1,
		.dest_uid = state == ROW_STORED ? uid + 1000 : 0,
		.attempts = 1,
	};

	memset(row.digest, (int)uid, sizeof(row.digest));
	memset(row.fingerprint.id, (int)uid + 1, sizeof(row.fingerprint.id));
	return row;
}

static void put(struct state *s, int64_t id, uint32_t uid, enum row_state state)
{
	struct state_row row = row_of(uid, state);

	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_put(s, id, &row, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
}

static void assert_row(const struct state_row *got, const struct state_row *expected)
{
	assert_int_equal(got->uid, expected->uid);
	assert_int_equal(got->state, expected->state);
	assert_int_equal(got->size, expected->size);
	assert_int_equal(got->has_digest, expected->has_digest);
	if (expected->has_digest)
		assert_memory_equal(got->digest, expected->digest, sizeof(got->digest));
	assert_int_equal(got->has_fingerprint, expected->has_fingerprint);
	if (expected->has_fingerprint) {
		assert_memory_equal(got->fingerprint.id, expected->fingerprint.id,
				    FINGERPRINT_OCTETS);
		assert_int_equal(got->fingerprint.has_message_id,
				 expected->fingerprint.has_message_id);
	}
	assert_string_equal(got->flags, expected->flags);
	assert_int_equal(got->uidvalidity, expected->uidvalidity);
	assert_int_equal(got->watermark, expected->watermark);
	assert_int_equal(got->dest_uid, expected->dest_uid);
	assert_int_equal(got->attempts, expected->attempts);
}

/* All octets of a file of the state directory; NULL when there is none. */
static char *content(const char *name, size_t *n)
{
	FILE *f = fopen(unit_path(name), "re");
	char *p;

	*n = 0;
	if (!f)
		return NULL;
	p = calloc(1, 1 << 20);
	assert_non_null(p);
	*n = fread(p, 1, 1 << 20, f);
	(void)fclose(f);
	return p;
}

/* ---- rows ---- */

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

static void test_owns_and_count(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id, other = folder(s, "y").id;
	uint64_t n;

	put(s, id, 1, ROW_STORED);
	put(s, id, 2, ROW_INTENT);
	put(s, id, 3, ROW_INTENT);
	assert_int_equal(state_owns(s, id, 1001, NULL), 1);
	assert_int_equal(state_owns(s, id, 1002, NULL), 0);
	assert_int_equal(state_owns(s, id, 0, NULL), 0); /* that of the intents: none */
	assert_int_equal(state_owns(s, other, 1001, NULL), 0);
	assert_int_equal(state_count(s, id, ROW_INTENT, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(state_count(s, id, ROW_HELD, &n, NULL), 0);
	assert_int_equal(n, 0);
	assert_int_equal(state_count(s, other, ROW_STORED, &n, NULL), 0);
	assert_int_equal(n, 0);
	state_close(s);
}

struct walk {
	uint32_t uids[8];
	size_t n, stop_after;
};

static int step(void *userdata, const struct state_row *row)
{
	struct walk *w = userdata;

	assert_string_equal(row->flags, "\\Seen kw");
	w->uids[w->n++] = row->uid;
	return w->n == w->stop_after ? -EINTR : 0;
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
				  .complete = true};
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
		assert_int_equal(state_open(unit_dir, "a@b", dry, &second, NULL, &err), -EBUSY);
		assert_null(second);
		assert_int_equal(err.scope, MM_SCOPE_JOB);
		assert_int_equal(err.cls, MM_CLASS_LOCAL);
		assert_non_null(strstr(err.text, "a@b"));
	}
	assert_int_equal(state_open(unit_dir, "other", false, &other, NULL, &err), 0);
	state_close(other);
	state_close(s);
	s = open_state(false, NULL);
	state_close(s);
}

/* How many files of the state are set aside. */
static size_t set_aside(void)
{
	size_t n = 0;
	FILE *f;
	char command[128], line[256];

	(void)snprintf(command, sizeof(command), "ls %s/accounts", unit_dir);
	f = popen(command, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, ".damaged-") != NULL;
	(void)pclose(f);
	return n;
}

static void overwrite(const char *p, size_t n, off_t at)
{
	_cleanup_(closep) int fd = open(unit_path(DB), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, n, at), n);
}

static void check_set_aside(void)
{
	struct state_row got;
	struct state *s;
	bool aside = false;

	s = open_state(false, &aside);
	assert_true(aside);
	assert_int_equal(set_aside(), 1);
	assert_int_equal(state_get(s, folder(s, "x").id, 1, &got, NULL, NULL), 0);
	put(s, folder(s, "x").id, 1, ROW_STORED);
	state_close(s);
	aside = false;
	s = open_state(false, &aside);
	assert_false(aside);
	state_close(s);
}

static void make_one(void)
{
	struct state *s = open_state(false, NULL);

	put(s, folder(s, "x").id, 1, ROW_STORED);
	state_close(s);
}

static void test_no_database(void **state)
{
	static const char text[] = "this is a letter to a friend, and no database at all\n";
	char block[8192];

	make_one();
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = text[i % (sizeof(text) - 1)];
	overwrite(block, sizeof(block), 0);
	check_set_aside();
}

static void test_zeros(void **state)
{
	char block[8192] = {0};

	make_one();
	overwrite(block, sizeof(block), 0);
	check_set_aside();
}

static void test_schema_damaged(void **state)
{
	char block[3900];

	make_one();
	memset(block, 0xa5, sizeof(block));
	overwrite(block, sizeof(block), 100); /* the header stays */
	check_set_aside();
}

/* Damage that only shows when the row is read: nothing is believed, and it is said what to do.
 */
static void test_page_damaged(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = folder(s, "x").id;
	struct mm_err err = {0};
	struct state_row got;
	struct walk all = {.stop_after = 1};
	char block[4096];
	size_t n;
	int r;

	assert_int_equal(state_begin(s, NULL), 0);
	for (uint32_t uid = 1; uid <= 500; uid++) {
		struct state_row row = row_of(uid, ROW_STORED);

		assert_int_equal(state_put(s, id, &row, NULL), 0);
	}
	assert_int_equal(state_commit(s, NULL), 0);
	state_close(s);
	free(content(DB, &n));
	memset(block, 0x5a, sizeof(block));
	for (off_t at = 8 * 4096; at + 4096 <= (off_t)n; at += 4096)
		overwrite(block, sizeof(block), at);

	s = open_state(false, NULL);
	for (uint32_t uid = 1; (r = state_get(s, id, uid, &got, NULL, &err)) == 1; uid++)
		assert_int_equal(got.dest_uid, uid + 1000);
	assert_true(r < 0);
	assert_int_equal(err.scope, MM_SCOPE_JOB);
	assert_non_null(strstr(err.advice, "move it away"));
	assert_true(state_each(s, id, -1, step, &all, &err) < 0);
	assert_int_equal(all.n, 0);
	state_close(s);
}

static void test_of_somebody_else(void **state)
{
	sqlite3 *db;

	make_one();
	assert_int_equal(sqlite3_open(unit_path(DB), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA application_id = 7", NULL, NULL, NULL),
			 SQLITE_OK);
	(void)sqlite3_close(db);
	check_set_aside();
}

static void test_dry_and_damaged(void **state)
{
	struct state *s;
	bool aside = false;
	size_t n;
	char *p;

	make_one();
	overwrite("rubbish, rubbish", 16, 0);
	s = open_state(true, &aside);
	assert_true(aside);
	put(s, folder(s, "x").id, 1, ROW_STORED);
	state_close(s);
	assert_int_equal(set_aside(), 0);
	p = content(DB, &n);
	assert_memory_equal(p, "rubbish, rubbish", 16);
	free(p);
}

/* Rows until the file may not grow any more: the commit fails, and from then on all does; what
 * was committed before is there. In a process of its own, since the limit stays. */
static int fill_up(void)
{
	struct rlimit limit = {512 * 1024, 512 * 1024};
	struct mm_err err = {0};
	struct state *s = NULL;
	struct state_folder f = {0};
	uint32_t uid = 0;
	int r = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (state_open(unit_dir, "a@b", false, &s, NULL, &err) < 0 ||
	    state_folder_get(s, "x", "there", &f, &err) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	while (r == 0 && uid < 100000) {
		struct state_row row = row_of(++uid, ROW_STORED);

		r = state_begin(s, &err);
		if (r < 0)
			break;
		r = state_put(s, f.id, &row, &err);
		if (r < 0)
			state_rollback(s);
		else
			r = state_commit(s, &err);
	}
	if (r == 0 || err.scope != MM_SCOPE_JOB || err.cls != MM_CLASS_LOCAL || !*err.advice)
		return 2;
	if (state_begin(s, &err) == 0 || err.cls != MM_CLASS_LOCAL)
		return 3; /* poisoned */
	if (state_folder_get(s, "x", "there", &f, NULL) == 0)
		return 4;
	if (state_owns(s, f.id, 1001, NULL) >= 0)
		return 5;
	state_close(s);
	return uid > 20 ? 0 : 6;
}

static void test_disk_full(void **state)
{
	struct state_row got;
	struct state *s;
	pid_t pid = fork();
	int status, r;
	uint32_t uid = 1;
	int64_t id;

	if (pid == 0)
		_exit(fill_up());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);

	s = open_state(false, NULL);
	id = folder(s, "x").id;
	while ((r = state_get(s, id, uid, &got, NULL, NULL)) == 1)
		uid++;
	assert_int_equal(r, 0);
	assert_true(uid > 20);
	put(s, id, uid, ROW_STORED);
	state_close(s);
}

static void test_directory_not_writable(void **state)
{
	struct mm_err err = {0};
	struct state *s = NULL;

	(void)unit_file("file", "x", 1, 0600);
	assert_true(state_open(unit_path("file"), "a", false, &s, NULL, &err) < 0);
	assert_null(s);
	assert_int_equal(err.cls, MM_CLASS_LOCAL);
	assert_true(*err.text && *err.advice);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, unit_dir_setup, unit_dir_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows_survive),
		TEST(test_put_replaces),
		TEST(test_settle),
		TEST(test_flags_and_deletion),
		TEST(test_owns_and_count),
		TEST(test_each),
		TEST(test_folders),
		TEST(test_rollback),
		TEST(test_closed_in_a_transaction),
		TEST(test_killed),
		TEST(test_dry_writes_nothing),
		TEST(test_dry_without_a_state),
		TEST(test_second_opener),
		TEST(test_no_database),
		TEST(test_zeros),
		TEST(test_schema_damaged),
		TEST(test_page_damaged),
		TEST(test_of_somebody_else),
		TEST(test_dry_and_damaged),
		TEST(test_disk_full),
		TEST(test_directory_not_writable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
