/* SPDX-License-Identifier: Apache-2.0 */
/* What was moved lately, and how long a server wants to be left alone: kept over restarts. */
#include <mailmig/text.h>
#include <string.h>

#include "state_internal.h"

int state_traffic_add(struct state *s, int64_t slot, unsigned way, uint64_t octets,
		      struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_TRAFFIC_ADD];

	(void)sqlite3_bind_int64(st, 1, slot);
	(void)sqlite3_bind_int64(st, 2, way);
	(void)sqlite3_bind_int64(st, 3, (sqlite3_int64)MIN_OF(octets, (uint64_t)INT64_MAX / 2));
	return state_run(s, ST_TRAFFIC_ADD, "write what was moved", reterr);
}

int state_traffic_each(struct state *s, state_traffic_fn fn, void *userdata,
		       struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_TRAFFIC_EACH];
	int r, rc;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	while (r == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		if (rc != SQLITE_ROW)
			r = state_failed(s, "read what was moved", reterr);
		else
			fn(userdata, sqlite3_column_int64(st, 0),
			   (unsigned)sqlite3_column_int64(st, 1),
			   (uint64_t)MAX_OF(sqlite3_column_int64(st, 2), 0));
	}
	(void)sqlite3_reset(st);
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_traffic_keep(struct state *s, int64_t first, int64_t last, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_TRAFFIC_KEEP];

	(void)sqlite3_bind_int64(st, 1, first);
	(void)sqlite3_bind_int64(st, 2, last);
	return state_run(s, ST_TRAFFIC_KEEP, "forget what was moved", reterr);
}

int state_pause_set(struct state *s, uint64_t until_usec, const char *text,
		    struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_PAUSE_SET];

	(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)until_usec);
	(void)sqlite3_bind_text(st, 2, text, -1, SQLITE_STATIC);
	return state_run(s, ST_PAUSE_SET, "write a pause", reterr);
}

int state_pause_get(struct state *s, uint64_t *ret_until_usec, char *text, size_t n,
		    struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_PAUSE_GET];
	int r, rc;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	if (r == 0) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			const char *said = (const char *)sqlite3_column_text(st, 1);

			*ret_until_usec = (uint64_t)MAX_OF(sqlite3_column_int64(st, 0), 0);
			(void)text_clean(text, n, said ? said : "", said ? strlen(said) : 0);
			r = 1;
		} else if (rc != SQLITE_DONE) {
			r = state_failed(s, "read a pause", reterr);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}
