/* SPDX-License-Identifier: Apache-2.0 */
#include "history_internal.h"

#include <mailmig/fs.h>
#include <mailmig/text.h>

/* 1: runs. 2: run_folders too; of the runs of version 1 nothing is known of the folders. 3:
 * accounts too; of an account without a row nothing is remembered. */
#define SCHEMA_VERSION 4
#define KEPT_ASIDE     3
#define TEXT(x)        TEXT_OF(x)
#define TEXT_OF(x)     #x

/* How long a reader (an administrator's sqlite3) may hold us up: the loop stands still so long.
 */
#define BUSY_TIMEOUT_MSEC 1000

static const char sql_open[] = "PRAGMA trusted_schema = OFF;"
			       "PRAGMA cell_size_check = ON;"
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA synchronous = NORMAL;"
			       "PRAGMA journal_size_limit = 1048576;";

static const char sql_schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS runs ("
	" id TEXT PRIMARY KEY NOT NULL, account TEXT NOT NULL, job TEXT NOT NULL,"
	" started INTEGER NOT NULL, finished INTEGER, result TEXT NOT NULL,"
	" exit_code INTEGER NOT NULL DEFAULT 0, copied INTEGER NOT NULL DEFAULT 0,"
	" present INTEGER NOT NULL DEFAULT 0, skipped INTEGER NOT NULL DEFAULT 0,"
	" failed INTEGER NOT NULL DEFAULT 0, flags_updated INTEGER NOT NULL DEFAULT 0,"
	" deleted INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,"
	" total_messages INTEGER NOT NULL DEFAULT 0, total_bytes INTEGER NOT NULL DEFAULT 0,"
	" round_trips INTEGER NOT NULL DEFAULT 0, errors TEXT NOT NULL DEFAULT '[]',"
	" skipped_by TEXT NOT NULL DEFAULT ''"
	") STRICT;"
	"CREATE INDEX IF NOT EXISTS runs_by_account ON runs (account, started, id);"
	"CREATE TABLE IF NOT EXISTS run_folders ("
	" account TEXT PRIMARY KEY NOT NULL, run TEXT NOT NULL,"
	" left_out INTEGER NOT NULL, folders TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE IF NOT EXISTS accounts ("
	" account TEXT PRIMARY KEY NOT NULL, paused INTEGER NOT NULL,"
	" asked INTEGER NOT NULL, since INTEGER NOT NULL, told INTEGER NOT NULL"
	") STRICT;"
	"PRAGMA user_version = " TEXT(SCHEMA_VERSION) ";"
						      "COMMIT;";

/* From version 1, 2 or 3; the tables that those lack are added as to a new file. */
static const char sql_upgrade[] = "BEGIN IMMEDIATE;"
				  "ALTER TABLE runs ADD COLUMN skipped_by "
				  "TEXT NOT NULL DEFAULT '';"
				  "PRAGMA user_version = 4;"
				  "COMMIT;";

/* Names every column: a table of another shape shows itself here, not at the end of a run. */
static const char sql_probe[] = "SELECT id, account, job, started, finished, result, "
				"exit_code, copied, present, skipped, "
				"failed, flags_updated, deleted, bytes, total_messages, "
				"total_bytes, round_trips, errors, skipped_by "
				"FROM runs LIMIT 1;"
				"SELECT account, run, left_out, folders "
				"FROM run_folders LIMIT 1;"
				"SELECT account, paused, asked, since, told "
				"FROM accounts LIMIT 1";

bool history_db_is_corrupt(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB;
}

void history_db_close(struct history *h)
{
	(void)sqlite3_close_v2(h->db); /* cannot fail with this form; NULL is fine */
	h->db = NULL;
}

/* The one integer of a pragma. */
static int pragma_int(sqlite3 *db, const char *sql, int *ret)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE ? SQLITE_ERROR : rc;
	*ret = sqlite3_column_int(st, 0);
	return SQLITE_OK;
}

static int check_pages(sqlite3 *db)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	const unsigned char *verdict;
	int rc;

	rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return rc;
	verdict = sqlite3_column_text(st, 0);
	return verdict && text_ieq((const char *)verdict, "ok") ? SQLITE_OK : SQLITE_CORRUPT;
}

static int set_up(sqlite3 *db)
{
	int version = 0, rc;

	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, BUSY_TIMEOUT_MSEC);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

	rc = sqlite3_exec(db, sql_open, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return rc;

	rc = check_pages(db);
	if (rc != SQLITE_OK)
		return rc;

	rc = pragma_int(db, "PRAGMA user_version", &version);
	if (rc != SQLITE_OK)
		return rc;

	/* A later version's file is left alone: going back must not cost the history. */
	if (version > SCHEMA_VERSION)
		return SQLITE_MISMATCH;

	if (version > 0 && version < 4)
		rc = sqlite3_exec(db, sql_upgrade, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql_schema, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, sql_probe, NULL, NULL, NULL);
	return rc == SQLITE_ERROR ? SQLITE_NOTADB
				  : rc; /* SQL that does not fit: not our file */
}

int history_db_ensure(struct history *h)
{
	int rc;

	if (h->db)
		return SQLITE_OK;

	rc = sqlite3_open_v2(h->path, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc == SQLITE_OK)
		rc = set_up(h->db);
	if (rc != SQLITE_OK)
		history_db_close(h);
	return rc;
}

int history_db_set_aside(struct history *h)
{
	/* A log left behind would be taken for the new file's. */
	static const char *const parts[] = {"", "-wal", "-shm", "-journal", NULL};
	char *to = NULL;
	int r;

	history_db_close(h);
	r = fs_set_aside(h->path, parts, KEPT_ASIDE, &to);
	if (r < 0)
		return r;
	free(h->set_aside);
	h->set_aside = to;
	return 0;
}
