/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of a file is believed that is not as it was written: changed octets, octets of
 * another time, a log of another file. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "state_fixture.h"

#define ROWS 600
#define WAL  DB "-wal"

static void make_many(uint32_t n)
{
	struct state *s = open_state(false, NULL);
	struct state_folder f = folder(s, "x");

	assert_int_equal(state_begin(s, NULL), 0);
	for (uint32_t uid = 1; uid <= n; uid++) {
		struct state_row row = row_of(uid, ROW_STORED);

		assert_int_equal(state_put(s, f.id, &row, NULL), 0);
	}
	f.dest_seen = 5000;
	f.complete = true;
	f.origin_modseq = 77;
	assert_int_equal(state_folder_put(s, &f, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	state_close(s);
}

static void write_file(const char *name, const void *p, size_t n)
{
	_cleanup_(closep) int fd =
		open(unit_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
}

static void overwrite(const char *name, const void *p, size_t n, off_t at)
{
	_cleanup_(closep) int fd = open(unit_path(name), O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, p, n, at), n);
}

/* Was it set aside? The state is as it was, or empty. */
static bool is_refused(uint32_t rows)
{
	bool aside = false;
	struct state *s = open_state(false, &aside);
	struct state_folder f = folder(s, "x");
	struct state_row got;

	for (uint32_t uid = 1; uid <= rows; uid++) {
		struct state_row expected = row_of(uid, ROW_STORED);

		assert_int_equal(state_get(s, f.id, uid, &got, NULL, NULL), aside ? 0 : 1);
		if (!aside) {
			expected.flags = got.flags = "";
			assert_row(&got, &expected);
			assert_int_equal(state_owns(s, f.id, uid + 1000, NULL), 1);
		}
	}
	assert_int_equal(f.dest_seen, aside ? 0 : 5000);
	state_close(s);
	return aside;
}

static size_t count_aside(void)
{
	char command[256], line[64] = "";
	FILE *f;

	(void)snprintf(command, sizeof(command),
		       "ls %s/accounts | grep -c 'damaged-[^-]*-[^-]*-[^-]*$'", unit_dir);
	f = popen(command, "re");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	(void)pclose(f);
	return (size_t)(line[0] - '0');
}

/* A different place each time, over all of the file. */
static uint64_t next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 17;
}

static void test_changed_octets(void **state)
{
	uint64_t seed = 42;
	char *good, *bad;
	size_t n, m;

	make_many(ROWS);
	good = content(DB, &n);
	assert_true(n > 20 * 4096);
	for (unsigned i = 0; i < 60; i++) {
		uint64_t at = next(&seed) % n, len = i % 3 == 0 ? 1 : 1 + next(&seed) % 5000;

		write_file(DB, good, n);
		bad = content(DB, &m);
		assert_int_equal(m, n);
		for (uint64_t k = at; k < MIN_OF(at + len, n); k++)
			bad[k] = i % 3 == 0   ? (char)(bad[k] ^ (1 << next(&seed) % 8))
				 : i % 3 == 1 ? 0
					      : (char)next(&seed);
		if (memcmp(good, bad, n) != 0) {
			write_file(DB, bad, n);
			if (!is_refused(ROWS))
				fail_msg("%u: %llu octets at %llu", i, (unsigned long long)len,
					 (unsigned long long)at);
		}
		free(bad);
	}
	assert_int_equal(count_aside(), 3); /* the newest */
	write_file(DB, good, n);
	assert_false(is_refused(ROWS));
	free(good);
}

static void test_pages_exchanged(void **state)
{
	char *p, page[4096];
	size_t n;

	make_many(ROWS);
	p = content(DB, &n);
	memcpy(page, p + 8 * 4096, sizeof(page));
	memcpy(p + 8 * 4096, p + 9 * 4096, sizeof(page));
	memcpy(p + 9 * 4096, page, sizeof(page));
	write_file(DB, p, n);
	assert_true(is_refused(ROWS));
	free(p);
}

static void test_cut_short(void **state)
{
	uint64_t seed = 7;
	size_t n;
	char *p;

	make_many(ROWS);
	p = content(DB, &n);
	for (unsigned i = 0; i < 40; i++) {
		size_t len = i < 5   ? i * 25 + 1
			     : i % 2 ? (1 + next(&seed) % (n / 4096 - 1)) * 4096
				     : 1 + next(&seed) % (n - 1);

		write_file(DB, p, len);
		assert_int_equal(is_refused(ROWS), true);
	}
	free(p);
}

/* The page cache has it right, the disk not: it shows when the page is read. */
static void test_changed_later(void **state)
{
	struct mm_err err = {0};
	struct state_row got;
	char zeros[4096] = {0};
	struct state *s;
	int64_t id;
	int fd, r = 1;
	size_t n;

	make_many(ROWS * 10);
	s = open_state(false, NULL);
	id = folder(s, "x").id;
	free(content(DB, &n));
	fd = open(unit_path(DB), O_WRONLY | O_CLOEXEC);
	for (off_t at = 20 * 4096; at < (off_t)n; at += 4096)
		assert_int_equal(pwrite(fd, zeros, 1, at + 2000), 1); /* one octet */
	/* No close of another descriptor before: it would take SQLite's locks along. */
	for (uint32_t uid = 1; r == 1 && uid <= ROWS * 10; uid++)
		r = state_get(s, id, uid, &got, NULL, &err);
	assert_true(r < 0);
	assert_int_equal(err.scope, MM_SCOPE_JOB);
	assert_int_equal(err.cls, MM_CLASS_LOCAL);
	assert_non_null(strstr(err.text, "damaged and is set aside as "));
	assert_int_equal(access(strstr(err.text, "aside as ") + 9, F_OK), 0);
	assert_true(state_begin(s, NULL) < 0);
	(void)close(fd);
	state_close(s);
	assert_int_equal(count_aside(), 1);
	assert_true(access(unit_path(DB), F_OK) < 0);
}

/* A run that is killed: what is written is in the log, or by half in the file. */
static void killed(uint32_t first, uint32_t n, bool checkpoint)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct state *s = open_state(false, NULL);
		int64_t id = folder(s, "x").id;

		for (uint32_t uid = first; uid < first + n; uid++)
			put(s, id, uid, ROW_STORED);
		if (checkpoint) {
			sqlite3 *db = *(sqlite3 **)s; /* the first member */

			(void)sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE,
							NULL, NULL);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void check_rows(uint32_t from, uint32_t to, int found)
{
	bool aside = true;
	struct state *s = open_state(false, &aside);
	int64_t id = folder(s, "x").id;
	struct state_row got;

	assert_false(aside);
	for (uint32_t uid = from; uid <= to; uid++)
		assert_int_equal(state_get(s, id, uid, &got, NULL, NULL), found);
	state_close(s);
}

static void test_killed(void **state)
{
	for (int checkpoint = 0; checkpoint < 2; checkpoint++) {
		uint32_t first = ROWS + 1 + 20 * (uint32_t)checkpoint;

		if (!checkpoint)
			make_many(ROWS);
		killed(first, 10, checkpoint);
		killed(first + 10, 10, checkpoint);
		check_rows(1, first + 19, 1);
	}
}

/* Without its log the file is an older one; where some of the log was in it, nothing that it
 * says of a folder as a whole is believed. */
static void test_log_lost(void **state)
{
	struct state *s;

	make_many(ROWS);
	killed(ROWS + 1, 10, false);
	assert_int_equal(unlink(unit_path(WAL)), 0);
	assert_false(is_refused(ROWS));
	check_rows(ROWS + 1, ROWS + 10, 0);

	killed(ROWS + 1, 10, true);
	assert_int_equal(unlink(unit_path(WAL)), 0);
	for (int i = 0; i < 2; i++) { /* and so in a later run */
		struct state_folder f;

		s = open_state(i == 0, NULL);
		f = folder(s, "x");
		assert_int_equal(f.dest_seen, 0);
		assert_int_equal(f.origin_modseq, 0);
		assert_false(f.complete);
		state_close(s);
	}
	check_rows(1, ROWS, 1);
}

/* A page of an earlier time has a right checksum. Where the last run did not end well there may
 * be such ones: tables and indexes have to agree, or nothing is believed. */
static void test_page_of_another_time(void **state)
{
	char *old, *new;
	size_t n, m, found = 0;

	make_many(ROWS);
	old = content(DB, &n);
	killed(ROWS + 1, 40, true);
	new = content(DB, &m);
	for (size_t at = 4096; at < MIN_OF(n, m); at += 4096) {
		struct state_row got;
		struct state *s;
		bool aside;
		int64_t id;

		if (memcmp(old + at, new + at, 4096) == 0)
			continue;
		(void)unlink(unit_path(WAL));
		write_file(DB, new, m);
		overwrite(DB, old + at, 4096, (off_t)at);
		s = open_state(false, &aside);
		found += aside;
		id = folder(s, "x").id;
		for (uint32_t uid = 1; uid <= ROWS + 40; uid++)
			assert_int_equal(state_get(s, id, uid, &got, NULL, NULL),
					 state_owns(s, id, uid + 1000, NULL));
		state_close(s);
	}
	assert_true(found >= 2);
	free(old);
	free(new);
}

/* A file that came back from a backup, beside a log that was there. */
static void test_log_of_another(void **state)
{
	char *old;
	size_t n;

	for (int later = 0; later < 2; later++) {
		make_many(ROWS);
		old = content(DB, &n);
		if (later)
			make_many(ROWS); /* another writing */
		killed(ROWS + 1, 10, false);
		write_file(DB, old, n);
		free(old);
		if (later)
			assert_true(is_refused(ROWS));
		else /* it is the very file that the log belongs to */
			check_rows(1, ROWS + 10, 1);
		(void)unlink(unit_path(DB));
	}
}

static void test_log_damaged(void **state)
{
	char *db, *wal;
	size_t n, m;
	uint64_t seed = 3;

	make_many(ROWS);
	killed(ROWS + 1, 30, false);
	db = content(DB, &n);
	wal = content(WAL, &m);
	assert_true(m > 30 * 4096);
	for (unsigned i = 0; i < 40; i++) {
		char *bad = malloc(m);
		struct state_row got;
		struct state *s;
		bool aside;
		int found = 1;

		memcpy(bad, wal, m);
		for (uint64_t at = next(&seed) % m, end = at + 1 + i * 200; at < MIN_OF(end, m);
		     at++)
			bad[at] ^= (char)(1 + next(&seed) % 255);
		write_file(DB, db, n);
		write_file(WAL, bad, i % 5 ? m : next(&seed) % m);
		free(bad);
		/* Some of the last is lost, the rest is there. */
		s = open_state(false, &aside);
		assert_false(aside);
		for (uint32_t uid = 1; uid <= ROWS + 30; uid++) {
			int r = state_get(s, folder(s, "x").id, uid, &got, NULL, NULL);

			assert_true(r >= 0 && r <= found && (r == 1 || uid > ROWS));
			found = r;
		}
		state_close(s);
	}
	free(db);
	free(wal);
}

static void test_of_other_mailboxes(void **state)
{
	struct state *s;
	bool aside;

	make_many(10);
	s = open_for("u@old w@new", true, &aside); /* a dry run says so, and does nothing */
	assert_true(aside);
	state_close(s);
	assert_false(is_refused(10));
	s = open_for("u@old w@new", false, &aside);
	assert_true(aside);
	assert_int_equal(folder(s, "x").dest_seen, 0);
	state_close(s);
	assert_int_equal(rename(unit_path(DB), unit_path("accounts/c.db")), 0);
	assert_int_equal(state_open(unit_dir, "c", "u@old w@new", false, &s, NULL, NULL), 0);
	assert_int_equal(folder(s, "x").dest_seen, 0);
	state_close(s);
	assert_int_equal(count_aside(), 2);
}

static void test_no_file(void **state)
{
	static const char *const names[] = {DB, WAL};

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		for (int link = 0; link < 2; link++) {
			make_many(ROWS);
			(void)unlink(unit_path(names[i]));
			if (link)
				assert_int_equal(symlink("/dev/null", unit_path(names[i])), 0);
			else
				assert_int_equal(mkdir(unit_path(names[i]), 0700), 0);
			assert_true(is_refused(ROWS));
			(void)unlink(unit_path(DB));
		}
	}
}

/* What may not be read is not damaged: it stays where it is. */
static void test_not_ours_to_read(void **state)
{
	struct mm_err err = {0};
	struct state *s = NULL;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	make_many(10);
	assert_int_equal(chmod(unit_path(DB), 0600), 0);
	assert_int_equal(chown(unit_dir, 65534, 65534), 0);
	assert_int_equal(chown(unit_path("accounts"), 65534, 65534), 0);
	assert_int_equal(chown(unit_path("accounts/a@b.lock"), 65534, 65534), 0);
	pid = fork();
	if (pid == 0) {
		if (setuid(65534) < 0 ||
		    state_open(unit_dir, "a@b", MAILBOXES, false, &s, NULL, &err) != -EACCES ||
		    err.cls != MM_CLASS_LOCAL || !strstr(err.advice, "permissions"))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(count_aside(), 0);
	assert_false(is_refused(10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_changed_octets),
		TEST(test_pages_exchanged),
		TEST(test_cut_short),
		TEST(test_changed_later),
		TEST(test_killed),
		TEST(test_log_lost),
		TEST(test_log_of_another),
		TEST(test_log_damaged),
		TEST(test_no_file),
		TEST(test_of_other_mailboxes),
		TEST(test_page_of_another_time),
		TEST(test_not_ours_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
