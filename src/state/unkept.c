/* SPDX-License-Identifier: Apache-2.0 */
/* Flags that a destination's folder cannot keep: so that nobody is told twice, and nothing is
 * set in vain in each run. */
#include <string.h>

#include "state_internal.h"

static int take(sqlite3_stmt *st, int column, struct buf *to)
{
	const char *text = (const char *)sqlite3_column_text(st, column);

	return buf_adds(to, text ? text : "");
}

int state_unkept_get(struct state *s, int64_t folder, struct buf *told, struct buf *unkept,
		     struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_UNKEPT_GET];
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	if (r == 0) {
		int rc;

		(void)sqlite3_bind_int64(st, 1, folder);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW && (take(st, 0, told) < 0 || take(st, 1, unkept) < 0))
			r = mm_err_oom(reterr);
		else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			r = state_failed(s, "read a folder", reterr);
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_unkept_put(struct state *s, int64_t folder, const char *told, const char *unkept,
		     struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_UNKEPT_PUT];

	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_text(st, 2, told, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 3, unkept, -1, SQLITE_STATIC);
	return state_run(s, ST_UNKEPT_PUT, "write a folder", reterr);
}
