/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HISTORY_INTERNAL_H
#define HISTORY_INTERNAL_H

#include <mailmig/error.h>
#include <mailmig/event.h>
#include <sqlite3.h>

/* history.c: what is recorded and asked of runs; notes.c: of accounts; database.c: the file,
 * its schema and what to do with a broken one; errors.c: the column of errors. */

struct history {
	char *path;
	sqlite3 *db; /* NULL while not usable */
	char *set_aside;
};

static inline void stmt_finalizep(sqlite3_stmt **st)
{
	(void)sqlite3_finalize(*st); /* repeats the error of the step, which was seen */
}

/* One attempt at a piece of work on the open database; returns an SQLite result. */
typedef int (*history_work_fn)(sqlite3 *db, void *arg);

/* Do the work; on a corrupt file once more with a fresh one. 0 or -EIO, described with `what`.
 */
int history_with_db(struct history *h, history_work_fn work, void *arg, const char *what,
		    struct mm_err *reterr);

/* Step a statement that gives no rows. An SQLite result. */
int history_run_statement(sqlite3_stmt *st);

/* Open the database unless it is open. An SQLite result. */
int history_db_ensure(struct history *h);
void history_db_close(struct history *h);

bool history_db_is_corrupt(int rc);

/* Close and rename it, with its journal. 0 or -errno. */
int history_db_set_aside(struct history *h);

/* The errors of a run as a JSON array; owned, NULL without memory. */
char *history_errors_to_text(const struct run_summary *s);

/* And back; text that is not ours counts as none. 0 or -ENOMEM. */
int history_errors_from_text(const char *text, struct run_summary *s);

#endif
