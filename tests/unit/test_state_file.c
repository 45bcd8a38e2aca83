/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are none of ours, damaged, or cannot be written. */
#include "state_fixture.h"

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

/* The file of an earlier version, as that wrote it. */
static void make_version_1(void)
{
	static const char sql[] =
		"CREATE TABLE folder (id INTEGER PRIMARY KEY, origin TEXT NOT NULL,"
		" destination TEXT NOT NULL, origin_uidvalidity INTEGER NOT NULL DEFAULT 0,"
		" origin_uidnext INTEGER NOT NULL DEFAULT 0,"
		" origin_modseq INTEGER NOT NULL DEFAULT 0,"
		" origin_messages INTEGER NOT NULL DEFAULT 0,"
		" dest_uidvalidity INTEGER NOT NULL DEFAULT 0,"
		" dest_seen INTEGER NOT NULL DEFAULT 0,"
		" uncertain_usec INTEGER NOT NULL DEFAULT 0,"
		" complete INTEGER NOT NULL DEFAULT 0, UNIQUE (origin, destination)) STRICT;"
		"CREATE TABLE message (folder INTEGER NOT NULL, uid INTEGER NOT NULL,"
		" state INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB, fingerprint BLOB,"
		" flags TEXT NOT NULL, dest_uidvalidity INTEGER NOT NULL,"
		" watermark INTEGER NOT NULL, dest_uid INTEGER NOT NULL,"
		" attempts INTEGER NOT NULL, reason TEXT,"
		" PRIMARY KEY (folder, uid)) STRICT, WITHOUT ROWID;"
		"CREATE INDEX message_dest ON message (folder, dest_uid) WHERE dest_uid > 0;"
		"CREATE INDEX message_state ON message (folder, state) WHERE state <> 2;"
		"PRAGMA application_id = 1835886951; PRAGMA user_version = 1;"
		"INSERT INTO folder (origin, destination, dest_seen) VALUES ('x', 'there', 5);"
		"INSERT INTO message VALUES (1, 7, 2, 99, NULL, NULL, '\\Seen', 3, 4, 1007, 1,"
		" NULL);";
	sqlite3 *db;

	make_one(); /* for the directory */
	assert_int_equal(unlink(unit_path(DB)), 0);
	assert_int_equal(sqlite3_open(unit_path(DB), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static void test_earlier_version(void **state)
{
	struct state_row got;
	struct state *s;
	bool aside = false;
	char *before, *after;
	size_t n, m;

	make_version_1();
	before = content(DB, &n);
	for (int dry = 1; dry >= 0; dry--) { /* a dry run leaves the file as it is */
		struct state_folder f;

		s = open_state(dry, &aside);
		assert_false(aside);
		f = folder(s, "x");
		assert_int_equal(f.dest_seen, 5);
		assert_int_equal(state_get(s, f.id, 7, &got, NULL, NULL), 1);
		assert_int_equal(got.dest_uid, 1007);
		assert_int_equal(got.held_under, 0);
		put(s, f.id, 8, ROW_STORED);
		state_close(s);
		after = content(DB, &m);
		/* All but what the header tells of the kind of journal. */
		if (dry)
			assert_memory_equal(after + 100, before + 100, n - 100);
		free(after);
	}
	free(before);
	s = open_state(false, &aside);
	assert_false(aside);
	assert_int_equal(state_get(s, folder(s, "x").id, 8, &got, NULL, NULL), 1);
	state_close(s);
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
	if (state_open(unit_dir, "a@b", MAILBOXES, false, &s, NULL, &err) < 0 ||
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
	assert_true(state_open(unit_path("file"), "a", MAILBOXES, false, &s, NULL, &err) < 0);
	assert_null(s);
	assert_int_equal(err.cls, MM_CLASS_LOCAL);
	assert_true(*err.text && *err.advice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_no_database),
		TEST(test_zeros),
		TEST(test_schema_damaged),
		TEST(test_of_somebody_else),
		TEST(test_dry_and_damaged),
		TEST(test_disk_full),
		TEST(test_directory_not_writable),
		TEST(test_earlier_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
