/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder goes where, as it is remembered, and what folders that go to one place share. */
#include <string.h>

#include "state_internal.h"

/* Strings of a row, or NULL where SQLite had no memory for one. */
static const char *text_at(sqlite3_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(st, column);
}

static int each_pair(struct state *s, sqlite3_stmt *st, state_pair_fn fn, void *userdata,
		     struct mm_err *reterr)
{
	int r = 0, rc;

	while (r >= 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		struct state_pair p;

		if (rc != SQLITE_ROW)
			return state_failed(s, "read the folders", reterr);
		p = (struct state_pair){.id = sqlite3_column_int64(st, 0),
					.origin = text_at(st, 1),
					.destination = text_at(st, 2),
					.basis = text_at(st, 3),
					.name = text_at(st, 4),
					.retired = sqlite3_column_int(st, 5) != 0,
					.begun = sqlite3_column_int(st, 6) != 0};
		r = p.origin && p.destination && p.basis && p.name ? fn(userdata, &p) : -ENOMEM;
	}
	return r < 0 ? r : 0;
}

int state_pairs(struct state *s, state_pair_fn fn, void *userdata, struct mm_err *reterr)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	if (r == 0)
		r = each_pair(s, s->st[ST_PAIRS], fn, userdata, reterr);
	(void)sqlite3_reset(s->st[ST_PAIRS]);
	(void)pthread_mutex_unlock(&s->lock);
	return r == -ENOMEM ? mm_err_oom(reterr) : r;
}

int state_place(struct state *s, int64_t folder, const char *basis, const char *name,
		struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_PLACE];
	int r;

	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_text(st, 2, basis, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 3, name, -1, SQLITE_STATIC);
	r = state_run(s, ST_PLACE, "write a folder", reterr);
	(void)sqlite3_bind_int64(s->st[ST_RETIRE_OTHERS], 1, folder);
	return r < 0 ? r : state_run(s, ST_RETIRE_OTHERS, "retire a folder", reterr);
}

int state_same_place(struct state *s, int64_t folder, int64_t **ret, size_t *ret_n,
		     struct mm_err *reterr)
{
	_cleanup_(freep) int64_t *v = NULL;
	sqlite3_stmt *st = s->st[ST_DEST_IDS];
	size_t n = 0;
	int r, rc;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	if (r == 0)
		(void)sqlite3_bind_int64(st, 1, folder);
	while (r == 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
		int64_t *more;

		if (rc != SQLITE_ROW) {
			r = state_failed(s, "read the folders", reterr);
			break;
		}
		more = reallocarray(v, n + 1, sizeof(*v)); /* they are two or three */
		if (!more) {
			r = mm_err_oom(reterr);
			break;
		}
		v = more;
		v[n++] = sqlite3_column_int64(st, 0);
	}
	(void)sqlite3_reset(st);
	(void)pthread_mutex_unlock(&s->lock);
	if (r < 0)
		return r;
	*ret = STEAL(v);
	*ret_n = n;
	return 0;
}

int state_is_stale(struct state *s, int64_t folder, uint32_t uidvalidity, uint32_t uidnext,
		   uint32_t *ret_was, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_DEST_STALE];
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = state_usable(s, reterr);
	if (r == 0) {
		int rc;

		(void)sqlite3_bind_int64(st, 1, folder);
		(void)sqlite3_bind_int64(st, 2, uidvalidity);
		(void)sqlite3_bind_int64(st, 3, uidnext);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			*ret_was = (uint32_t)sqlite3_column_int64(st, 0);
			r = *ret_was != 0;
		} else {
			r = state_failed(s, "read the folders", reterr);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_renew(struct state *s, int64_t folder, uint32_t uidvalidity, struct mm_err *reterr)
{
	(void)sqlite3_bind_int64(s->st[ST_DEST_RENEW], 1, folder);
	(void)sqlite3_bind_int64(s->st[ST_DEST_RENEW], 2, uidvalidity);
	return state_run(s, ST_DEST_RENEW, "write a folder", reterr);
}
