/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/history.h>

#include "history_internal.h"

/* What is remembered of an account beside its runs: one row each. */

static const char sql_read[] = "SELECT paused, asked, since, told FROM accounts "
			       "WHERE account = ?1";

static const char sql_write[] =
	"INSERT OR REPLACE INTO accounts (account, paused, asked, since, told) "
	"VALUES (?1, ?2, ?3, ?4, ?5)";

static const char sql_forget_asked[] = "UPDATE accounts SET asked = 0 WHERE asked <> 0";

struct note_arg {
	const char *account;
	struct account_note note;
	bool durable;
};

static int do_read(sqlite3 *db, void *arg)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	struct note_arg *a = arg;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_read, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, a->account, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return rc;

	a->note.paused_usec = (uint64_t)sqlite3_column_int64(st, 0);
	a->note.asked = (uint32_t)sqlite3_column_int(st, 1);
	a->note.since_usec = (uint64_t)sqlite3_column_int64(st, 2);
	a->note.told_usec = (uint64_t)sqlite3_column_int64(st, 3);
	return rc;
}

int history_read_note(struct history *h, const char *account, struct account_note *ret)
{
	struct note_arg a = {.account = account};
	struct mm_err ignored;

	if (history_with_db(h, do_read, &a, "read what is remembered", &ignored) < 0)
		return -EIO;
	*ret = a.note;
	return 0;
}

static int write_row(sqlite3 *db, const struct note_arg *a)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_write, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, a->account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, (sqlite3_int64)a->note.paused_usec);
	(void)sqlite3_bind_int64(st, 3, a->note.asked);
	(void)sqlite3_bind_int64(st, 4, (sqlite3_int64)a->note.since_usec);
	(void)sqlite3_bind_int64(st, 5, (sqlite3_int64)a->note.told_usec);
	return history_run_statement(st);
}

static int do_write(sqlite3 *db, void *arg)
{
	const struct note_arg *a = arg;
	int rc;

	/* A WAL is synced at its checkpoints only, unless told otherwise. */
	if (a->durable)
		(void)sqlite3_exec(db, "PRAGMA synchronous = FULL", NULL, NULL, NULL);
	rc = write_row(db, a);
	if (a->durable)
		(void)sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL);
	return rc;
}

int history_write_note(struct history *h, const char *account, const struct account_note *note,
		       bool durable, struct mm_err *reterr)
{
	struct note_arg a = {.account = account, .note = *note, .durable = durable};

	return history_with_db(h, do_write, &a, "record what is remembered of an account",
			       reterr);
}

static int do_forget_asked(sqlite3 *db, void *arg)
{
	return sqlite3_exec(db, sql_forget_asked, NULL, NULL, NULL);
}

int history_forget_asked(struct history *h, struct mm_err *reterr)
{
	return history_with_db(h, do_forget_asked, NULL, "forget the runs asked for", reterr);
}
