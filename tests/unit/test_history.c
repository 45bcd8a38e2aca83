/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <mailmig/buf.h>
#include <mailmig/history.h>
#include <sqlite3.h>

static struct history *open_ok(void)
{
	struct history *h = NULL;
	struct mm_err err;

	assert_int_equal(history_open(unit_dir, &h, &err), 0);
	if (err.code != 0)
		fail_msg("%s", err.text);
	return h;
}

/* A result; strings are borrowed, so no run_summary_done(). */
static struct run_summary summary(const char *id, const char *account, uint64_t started_usec,
				  enum run_result result)
{
	return (struct run_summary){
		.id = (char *)id,
		.account = (char *)account,
		.job = (char *)"sync",
		.started_usec = started_usec,
		.finished_usec = started_usec + 5,
		.result = result,
	};
}

static void finish(struct history *h, const char *id, const char *account,
		   uint64_t started_usec, enum run_result result)
{
	struct run_summary s = summary(id, account, started_usec, result);

	assert_int_equal(history_finish(h, &s, NULL, NULL), 0);
}

static int64_t sql(const char *text)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int64_t v = -1;

	assert_int_equal(sqlite3_open(unit_path(HISTORY_FILE), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static void test_empty(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	_cleanup_(run_summary_done) struct run_summary s = {0};

	assert_int_equal(history_last_run(h, "alice", &s), 0);
	assert_null(s.id);
	assert_int_equal(history_last_success(h, "alice"), 0);
	assert_int_equal(sql("PRAGMA user_version"), 4);
}

static void test_round_trip(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	_cleanup_(run_summary_done) struct run_summary s = {0}, back = {0};

	s.id = strdup("01");
	s.account = strdup("alice");
	s.job = strdup("sync");
	s.started_usec = 1700000000000000;
	s.finished_usec = 1700000001000000;
	s.result = RUN_PARTIAL;
	s.exit_code = 1;
	s.copied = 1;
	s.present = 2;
	s.skipped = 3;
	s.skipped_by[SKIP_TOO_OLD] = 2;
	s.skipped_by[SKIP_TOO_LARGE] = 1;
	s.failed = 4;
	s.flags_updated = 5;
	s.deleted = 6;
	s.bytes = UINT64_C(1) << 40;
	s.total_messages = 7;
	s.total_bytes = 8;
	s.round_trips = 9;
	assert_int_equal(run_summary_add_error(&s, "Gel\xc3\xb6scht \"x\"", UINT32_MAX,
					       MM_CLASS_QUOTA, "full", "more"),
			 0);
	assert_int_equal(run_summary_add_error(&s, NULL, 0, MM_CLASS_LOCAL, "disk", ""), 0);

	assert_int_equal(history_begin(h, "01", "alice", "sync", s.started_usec, NULL), 0);
	assert_int_equal(history_last_run(h, "alice", &back), 0); /* it is running */
	assert_int_equal(history_finish(h, &s, NULL, NULL), 0);
	assert_int_equal(sql("SELECT count(*) FROM runs"), 1);

	assert_int_equal(history_last_run(h, "alice", &back), 1);
	assert_memory_equal(back.skipped_by, s.skipped_by, sizeof(s.skipped_by));
	assert_string_equal(back.id, "01");
	assert_string_equal(back.account, "alice");
	assert_string_equal(back.job, "sync");
	assert_int_equal(back.started_usec, s.started_usec);
	assert_int_equal(back.finished_usec, s.finished_usec);
	assert_int_equal(back.result, RUN_PARTIAL);
	assert_int_equal(back.exit_code, 1);
	assert_memory_equal(&back.copied, &s.copied, 10 * sizeof(uint64_t));
	assert_int_equal(back.n_errors, 2);
	assert_string_equal(back.errors[0].folder, "Gel\xc3\xb6scht \"x\"");
	assert_int_equal(back.errors[0].uid, UINT32_MAX);
	assert_int_equal(back.errors[0].cls, MM_CLASS_QUOTA);
	assert_string_equal(back.errors[0].text, "full");
	assert_string_equal(back.errors[0].advice, "more");
	assert_null(back.errors[1].folder);
	assert_int_equal(back.errors[1].uid, 0);
}

static int collect(struct run_summary *s, void *userdata)
{
	(void)buf_addf(userdata, "%s ", s->id); /* a failure shows in the comparison */
	return strcmp(s->id, "stop") == 0 ? -ECANCELED : 0;
}

/* By their ends: the clock may have been set back in between. */
static void test_order_and_limit(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	_cleanup_(buf_done) struct buf ids = {0};

	finish(h, "e", "alice", 20, RUN_OK);
	finish(h, "a", "alice", 10, RUN_FAILED);
	finish(h, "d", "alice", 30, RUN_FAILED);
	finish(h, "c", "alice", 30, RUN_CANCELLED);
	finish(h, "x", "bob", 40, RUN_OK);
	assert_int_equal(history_begin(h, "y", "alice", "sync", 50, NULL), 0);

	assert_int_equal(history_list(h, "alice", 10, collect, &ids, NULL), 0);
	assert_string_equal(buf_str(&ids), "c d a e ");
	buf_reset(&ids);
	assert_int_equal(history_list(h, "alice", 2, collect, &ids, NULL), 0);
	assert_string_equal(buf_str(&ids), "c d ");
	assert_int_equal(history_last_success(h, "alice"), 25);

	finish(h, "stop", "alice", 60, RUN_OK);
	buf_reset(&ids);
	assert_int_equal(history_list(h, "alice", 10, collect, &ids, NULL), -ECANCELED);
	assert_string_equal(buf_str(&ids), "stop ");
}

static void test_running_becomes_interrupted(void **state)
{
	struct history *h = open_ok();
	_cleanup_(run_summary_done) struct run_summary s = {0};

	finish(h, "a", "alice", 10, RUN_OK);
	assert_int_equal(history_begin(h, "b", "alice", "sync", 20, NULL), 0);
	(void)history_free(h);

	h = open_ok();
	assert_int_equal(history_last_run(h, "alice", &s), 1);
	(void)history_free(h);
	assert_string_equal(s.id, "b");
	assert_int_equal(s.result, RUN_INTERRUPTED);
	assert_int_equal(s.exit_code, 10);
	assert_true(s.finished_usec > s.started_usec);
	assert_int_equal(s.n_errors, 1);
	assert_int_equal(sql("SELECT count(*) FROM runs WHERE result = 'running'"), 0);
	assert_int_equal(sql("SELECT count(*) FROM runs WHERE result = 'ok'"), 1);
}

static void test_finish_without_begin(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	_cleanup_(run_summary_done) struct run_summary s = {0};

	finish(h, "a", "alice", 10, RUN_OK);
	assert_int_equal(history_last_run(h, "alice", &s), 1);
	assert_string_equal(s.id, "a");
}

static void test_prune(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	char id[16];

	finish(h, "first", "alice", 1, RUN_OK);
	finish(h, "other", "bob", 1, RUN_FAILED);
	for (unsigned i = 0; i < HISTORY_RUNS_KEPT + 20; i++) {
		(void)snprintf(id, sizeof(id), "%05u", i);
		finish(h, id, "alice", 1000 + i, RUN_FAILED);
	}
	assert_int_equal(sql("SELECT count(*) FROM runs WHERE account = 'alice'"),
			 HISTORY_RUNS_KEPT + 1); /* and the only success */
	assert_int_equal(sql("SELECT count(*) FROM runs WHERE account = 'bob'"), 1);
	assert_int_equal(sql("SELECT min(started) FROM runs WHERE result = 'failed' "
			     "AND account = 'alice'"),
			 1020);
	assert_int_equal(history_last_success(h, "alice"), 6);
}

static void test_corrupt_is_set_aside(void **state)
{
	static const struct {
		const char *what, *content, *statement;
	} t[] = {
		{"text", "this is no database, and it is long enough to be looked at closely",
		 NULL},
		{"other tables", NULL, "CREATE TABLE runs (x)"},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(freep) char *aside = NULL;
		struct history *h;

		(void)unlink(unit_path(HISTORY_FILE));
		if (t[i].content)
			(void)unit_file(HISTORY_FILE, t[i].content, strlen(t[i].content), 0600);
		else
			(void)sql(t[i].statement);

		h = open_ok();
		aside = history_take_set_aside(h);
		if (!aside)
			fail_msg("%s", t[i].what);
		assert_int_equal(access(aside, F_OK), 0);
		assert_null(history_take_set_aside(h));
		finish(h, "a", "alice", 10, RUN_OK);
		assert_int_equal(history_last_success(h, "alice"), 15);
		(void)history_free(h);
		assert_int_equal(unlink(aside), 0);
	}
}

/* Damage that shows only while the daemon runs. */
static void test_corrupt_while_open(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	_cleanup_(freep) char *aside = NULL;
	_cleanup_(closep) int fd = -1;
	char junk[4096];

	for (unsigned i = 0; i < 50; i++) {
		char id[16];

		(void)snprintf(id, sizeof(id), "%05u", i);
		finish(h, id, "alice", i, RUN_OK);
	}
	(void)sql("PRAGMA wal_checkpoint(TRUNCATE)");
	memset(junk, 0xa5, sizeof(junk));
	fd = open(unit_path(HISTORY_FILE), O_WRONLY | O_CLOEXEC);
	for (off_t page = 1; page < 8; page++)
		assert_int_equal(pwrite(fd, junk, sizeof(junk), page * 4096), sizeof(junk));
	/* The daemon's own cache would hide it. */
	(void)sql("PRAGMA user_version = 2");

	finish(h, "new", "alice", 100, RUN_OK);
	aside = history_take_set_aside(h);
	assert_non_null(aside);
	assert_int_equal(sql("SELECT count(*) FROM runs"), 1);
}

static void test_later_version_is_left_alone(void **state)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct mm_err err;
	struct run_summary s = summary("a", "alice", 10, RUN_OK);

	(void)sql("PRAGMA user_version = 5");
	assert_int_equal(history_open(unit_dir, &h, &err), 0);
	assert_int_equal(err.code, -EIO);
	assert_non_null(strstr(err.text, "later version"));
	assert_int_equal(history_finish(h, &s, NULL, &err), -EIO);
	assert_null(history_take_set_aside(h));
	assert_int_equal(sql("PRAGMA user_version"), 5);
}

static void finish_folders(struct history *h, const char *id, uint64_t started_usec,
			   const char *json, uint64_t left_out)
{
	struct run_summary s = summary(id, "alice", started_usec, RUN_OK);
	struct run_folders f = {(char *)json, left_out};

	assert_int_equal(history_finish(h, &s, &f, NULL), 0);
}

static void expect_folders(struct history *h, const char *account, const char *id,
			   const char *json, uint64_t left_out)
{
	struct run_folders f = {0};

	assert_int_equal(history_folders(h, account, id, &f), 1);
	assert_string_equal(f.json, json);
	assert_int_equal(f.left_out, left_out);
	free(f.json);
}

static void test_folders_of_the_newest_run(void **state)
{
	struct history *h = open_ok();
	struct run_folders f = {0};

	assert_int_equal(history_folders(h, "alice", "a", &f), 0);
	finish_folders(h, "a", 10, "[{\"folder\":\"\xc3\xa4\"}]", 3);
	expect_folders(h, "alice", "a", "[{\"folder\":\"\xc3\xa4\"}]", 3);
	assert_int_equal(history_folders(h, "bob", "a", &f), 0);
	assert_int_equal(history_folders(h, "alice", "b", &f), 0);

	(void)history_free(h);
	h = open_ok();
	expect_folders(h, "alice", "a", "[{\"folder\":\"\xc3\xa4\"}]", 3);

	finish_folders(h, "b", 20, "[1]", 0);
	finish(h, "x", "bob", 20, RUN_OK);
	expect_folders(h, "alice", "b", "[1]", 0);
	expect_folders(h, "bob", "x", "[]", 0);
	assert_int_equal(history_folders(h, "alice", "a", &f), 0);
	assert_null(f.json);
	finish(h, "c", "alice", 30, RUN_FAILED); /* it told nothing */
	expect_folders(h, "alice", "c", "[]", 0);
	assert_int_equal(sql("SELECT count(*) FROM run_folders"), 2);
	(void)history_free(h);
}

static void finish_totals(struct history *h, const char *id, uint64_t started_usec,
			  enum run_result result, uint64_t messages)
{
	struct run_summary s = summary(id, "alice", started_usec, result);

	s.total_messages = messages;
	s.total_bytes = messages * 10;
	assert_int_equal(history_finish(h, &s, NULL, NULL), 0);
}

static void expect_totals(struct history *h, const char *account, uint64_t messages)
{
	uint64_t n = 99, bytes = 99;

	history_totals(h, account, &n, &bytes);
	assert_int_equal(n, messages);
	assert_int_equal(bytes, messages * 10);
}

/* A run that failed before it listed says nothing of the mailbox; one that found it empty does.
 */
static void test_totals_are_of_a_run_that_listed(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	char id[16];

	expect_totals(h, "alice", 0);
	finish_totals(h, "a", 10, RUN_OK, 50);
	finish_totals(h, "b", 20, RUN_FAILED, 0);
	expect_totals(h, "alice", 50);
	expect_totals(h, "bob", 0);
	finish_totals(h, "c", 30, RUN_FAILED, 60);
	finish_totals(h, "d", 40, RUN_CANCELLED, 0);
	expect_totals(h, "alice", 60);

	for (unsigned i = 0; i < HISTORY_RUNS_KEPT + 5; i++) {
		(void)snprintf(id, sizeof(id), "%05u", i);
		finish_totals(h, id, 1000 + i, RUN_FAILED, 0);
	}
	expect_totals(h, "alice", 60); /* of a run that is kept for it */
	assert_int_equal(sql("SELECT count(*) FROM runs"), HISTORY_RUNS_KEPT + 2);

	finish_totals(h, "e", 5000, RUN_OK, 0);
	assert_int_equal(history_begin(h, "f", "alice", "sync", 6000, NULL), 0);
	expect_totals(h, "alice", 0);
}

/* What version 1 wrote, to the letter. */
static const char version_1[] =
	"CREATE TABLE runs ("
	" id TEXT PRIMARY KEY NOT NULL, account TEXT NOT NULL, job TEXT NOT NULL,"
	" started INTEGER NOT NULL, finished INTEGER, result TEXT NOT NULL,"
	" exit_code INTEGER NOT NULL DEFAULT 0, copied INTEGER NOT NULL DEFAULT 0,"
	" present INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,"
	" failed INTEGER NOT NULL DEFAULT 0, flags_updated INTEGER NOT NULL DEFAULT 0,"
	" deleted INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,"
	" total_messages INTEGER NOT NULL DEFAULT 0, total_bytes INTEGER NOT NULL DEFAULT 0,"
	" round_trips INTEGER NOT NULL DEFAULT 0, errors TEXT NOT NULL DEFAULT '[]'"
	") STRICT";

static void test_version_1_is_taken_over(void **state)
{
	_cleanup_(run_summary_done) struct run_summary s = {0};
	_cleanup_(buf_done) struct buf ids = {0};
	struct run_folders f = {0};
	struct history *h;

	(void)sql(version_1);
	(void)sql("CREATE INDEX runs_by_account ON runs (account, started, id)");
	(void)sql("INSERT INTO runs (id, account, job, started, finished, result, copied, "
		  "total_messages, total_bytes) VALUES "
		  "('old', 'alice', 'sync', 10, 15, 'ok', 4, 50, 500), "
		  "('new', 'alice', 'sync', 20, 25, 'failed', 0, 0, 0)");
	(void)sql("PRAGMA user_version = 1");

	h = open_ok();
	assert_null(history_take_set_aside(h));
	assert_int_equal(sql("PRAGMA user_version"), 4);
	assert_int_equal(history_list(h, "alice", 10, collect, &ids, NULL), 0);
	assert_string_equal(buf_str(&ids), "new old ");
	assert_int_equal(history_last_run(h, "alice", &s), 1);
	assert_int_equal(s.result, RUN_FAILED);
	assert_int_equal(history_last_success(h, "alice"), 15);
	expect_totals(h, "alice", 50);
	assert_int_equal(history_folders(h, "alice", "new", &f), 0);
	finish_folders(h, "next", 30, "[{}]", 0);
	expect_folders(h, "alice", "next", "[{}]", 0);
	assert_int_equal(sql("SELECT count(*) FROM runs"), 3);
	(void)history_free(h);
}

/* What version 2 added to that. */
static const char version_2[] = "CREATE TABLE run_folders ("
				" account TEXT PRIMARY KEY NOT NULL, run TEXT NOT NULL,"
				" left_out INTEGER NOT NULL, folders TEXT NOT NULL"
				") STRICT";

static void test_version_2_is_taken_over(void **state)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct account_note note = {.asked = 9};

	(void)sql(version_1);
	(void)sql("CREATE INDEX runs_by_account ON runs (account, started, id)");
	(void)sql(version_2);
	(void)sql("INSERT INTO runs (id, account, job, started, finished, result) VALUES "
		  "('a', 'alice', 'sync', 10, 15, 'ok'), ('b', 'alice', 'sync', 20, NULL, "
		  "'running')");
	(void)sql("INSERT INTO run_folders VALUES ('alice', 'a', 2, '[{}]')");
	(void)sql("PRAGMA user_version = 2");

	h = open_ok();
	assert_null(history_take_set_aside(h));
	assert_int_equal(sql("PRAGMA user_version"), 4);
	assert_int_equal(history_last_success(h, "alice"), 15);
	expect_folders(h, "alice", "a", "[{}]", 2);
	history_read_note(h, "alice", &note);
	assert_int_equal(note.asked, 0);
	assert_int_equal(note.paused_usec, 0);
	note.paused_usec = 30;
	assert_int_equal(history_write_note(h, "alice", &note, true, NULL), 0);
	assert_int_equal(sql("SELECT paused FROM accounts"), 30);
}

static void test_notes(void **state)
{
	_cleanup_(history_freep) struct history *h = open_ok();
	const struct account_note note = {UINT64_C(1) << 52, 2, 3, 4};
	const struct account_note other = {.since_usec = 7};
	struct account_note back = {1, 1, 1, 1};

	history_read_note(h, "alice", &back);
	assert_memory_equal(&back, &(struct account_note){0}, sizeof(back));

	assert_int_equal(history_write_note(h, "alice", &note, true, NULL), 0);
	assert_int_equal(history_write_note(h, "bob", &other, false, NULL), 0);
	history_read_note(h, "alice", &back);
	assert_int_equal(back.paused_usec, note.paused_usec);
	assert_int_equal(back.since_usec, 2);
	assert_int_equal(back.told_usec, 3);
	assert_int_equal(back.asked, 4);

	assert_int_equal(history_forget_asked(h, NULL), 0);
	history_read_note(h, "alice", &back);
	assert_int_equal(back.asked, 0);
	assert_int_equal(back.told_usec, 3);
	history_read_note(h, "bob", &back);
	assert_int_equal(back.since_usec, 7);
}

static void test_comes_back(void **state)
{
	_cleanup_(history_freep) struct history *h = NULL;
	struct run_summary s = summary("a", "alice", 10, RUN_OK);
	struct mm_err err;

	assert_int_equal(mkdir(unit_path(HISTORY_FILE), 0700), 0); /* nothing SQLite can open */
	assert_int_equal(history_open(unit_dir, &h, &err), 0);
	assert_int_equal(err.code, -EIO);
	assert_int_equal(history_finish(h, &s, NULL, &err), -EIO);
	assert_true(*err.text != '\0' && *err.advice != '\0');
	assert_int_equal(history_last_success(h, "alice"), 0);

	assert_int_equal(rmdir(unit_path(HISTORY_FILE)), 0);
	assert_int_equal(history_finish(h, &s, NULL, &err), 0);
	assert_int_equal(history_last_success(h, "alice"), 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_empty, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_round_trip, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_order_and_limit, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_running_becomes_interrupted,
						unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_finish_without_begin, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_prune, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_corrupt_is_set_aside, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_corrupt_while_open, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_later_version_is_left_alone,
						unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_folders_of_the_newest_run, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_totals_are_of_a_run_that_listed,
						unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_version_1_is_taken_over, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_version_2_is_taken_over, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_notes, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_comes_back, unit_dir_setup,
						unit_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
