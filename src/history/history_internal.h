/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HISTORY_INTERNAL_H
#define HISTORY_INTERNAL_H

#include <mailmig/event.h>
#include <sqlite3.h>

/* history.c: what is recorded and asked; database.c: the file, its schema and what to do with a
 * broken one; errors.c: the column of errors. */

struct history {
	char *path;
	sqlite3 *db; /* NULL while not usable */
	char *set_aside;
};

static inline void stmt_finalizep(sqlite3_stmt **st)
{
	(void)sqlite3_finalize(*st); /* repeats the error of the step, which was seen */
}

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
