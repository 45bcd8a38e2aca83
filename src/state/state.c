/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/crash_point.h>
#include <mailmig/text.h>
#include <string.h>

#include "state_internal.h"

static const char *advice_for(const struct state *s, int r)
{
	if (r == -ENOSPC)
		return "free space on that file system; nothing is lost, the next run "
		       "continues";
	if (r == -ENOMEM)
		return MM_ADVICE_MEMORY;
	if (s->db && (sqlite3_extended_errcode(s->db) & 0xff) == SQLITE_BUSY)
		return "another program has it open: wait for it, or see who (fuser -v FILE)";
	if (s->aside)
		return "check that disk; the next run recognises anew what is at the "
		       "destination";
	return "check that disk, its room (df, df -i) and permissions; nothing is lost, the "
	       "next run continues";
}

/* Of the file system, when it was that; else 0. (Where a file cannot be made it is of SQLite's
 * second attempt.) */
static int system_error(struct state *s)
{
	bool told = (sqlite3_extended_errcode(s->db) & 0xff) == SQLITE_IOERR;

	return told ? sqlite3_system_errno(s->db) : 0;
}

int state_failed(struct state *s, const char *what, struct mm_err *reterr)
{
	int code = sqlite3_extended_errcode(s->db), error = system_error(s);
	bool full = code == SQLITE_FULL || error == ENOSPC || error == EDQUOT || error == EFBIG;
	bool no_memory = code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM;
	int r = full ? -ENOSPC : no_memory ? -ENOMEM : -EIO;

	/* Not before the next run, should that fail too. */
	if (state_file_is_damaged(s) && !s->dry && !s->aside)
		(void)state_file_set_aside(s, &s->aside);
	s->failed = true;
	if (s->aside)
		mm_err_set(&s->failure, MM_SCOPE_JOB, MM_RETRY_LATER, r,
			   "state %s: cannot %s: the file is damaged and is set aside as %s",
			   s->path, what, s->aside);
	else
		mm_err_set(&s->failure, MM_SCOPE_JOB, MM_RETRY_LATER, r,
			   "state %s: cannot %s: %s%s%s", s->path, what, sqlite3_errmsg(s->db),
			   error ? ": " : "", error ? strerror(error) : "");
	mm_err_class(&s->failure, MM_CLASS_LOCAL, "%s", advice_for(s, r));
	if (reterr)
		*reterr = s->failure;
	return r;
}

/* Handles that failed once are never used again: what they hold is not known. */
static int usable(struct state *s, struct mm_err *reterr)
{
	if (!s->failed)
		return 0;
	if (reterr)
		*reterr = s->failure;
	return s->failure.code;
}

/* Run a prepared statement that returns no row. */
static int run(struct state *s, enum statement which, const char *what, struct mm_err *reterr)
{
	int rc = sqlite3_step(s->st[which]);

	(void)sqlite3_reset(s->st[which]); /* repeats step's error */
	return rc == SQLITE_DONE ? 0 : state_failed(s, what, reterr);
}

/* ---- transactions ---- */

int state_begin(struct state *s, struct mm_err *reterr)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0 && !s->dry &&
	    (sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	     (!s->wrote && state_file_begin_writing(s) < 0)))
		r = state_failed(s, "begin a transaction", reterr);
	if (r < 0)
		(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_commit(struct state *s, struct mm_err *reterr)
{
	int r;

	CRASH_POINT("before", "commit");
	r = usable(s, reterr);
	if (r == 0 && !s->dry && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = state_failed(s, "commit", reterr);
	CRASH_POINT("after", "commit");
	s->wrote = s->wrote || r == 0;
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

void state_rollback(struct state *s)
{
	if (!s->dry)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL,
				   NULL); /* nothing was kept anyway */
	(void)pthread_mutex_unlock(&s->lock);
}

int state_end(struct state *s, int r, struct mm_err *reterr)
{
	if (r == 0)
		return state_commit(s, reterr);
	state_rollback(s);
	return r;
}

/* ---- folders ---- */

static int folder_read(struct state *s, const char *origin, const char *destination,
		       struct state_folder *ret, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_FOLDER_GET];
	int rc;

	(void)sqlite3_bind_text(st, 1, origin, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, destination, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = (struct state_folder){
			.id = sqlite3_column_int64(st, 0),
			.origin_uidvalidity = (uint32_t)sqlite3_column_int64(st, 1),
			.origin_uidnext = (uint32_t)sqlite3_column_int64(st, 2),
			.origin_modseq = (uint64_t)sqlite3_column_int64(st, 3),
			.origin_messages = (uint32_t)sqlite3_column_int64(st, 4),
			.dest_uidvalidity = (uint32_t)sqlite3_column_int64(st, 5),
			.dest_seen = (uint32_t)sqlite3_column_int64(st, 6),
			.uncertain_usec = (uint64_t)sqlite3_column_int64(st, 7),
			.complete = sqlite3_column_int(st, 8) != 0,
			.dest_modseq = (uint64_t)sqlite3_column_int64(st, 9),
			.dest_messages = (uint32_t)sqlite3_column_int64(st, 10),
			.rules = (uint64_t)sqlite3_column_int64(st, 11),
			.ripens = sqlite3_column_int64(st, 13),
		};
	if (rc == SQLITE_ROW)
		skips_from_text((const char *)sqlite3_column_text(st, 12), ret->skipped);
	(void)sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return state_failed(s, "read a folder", reterr);
	return rc == SQLITE_ROW;
}

static int folder_add(struct state *s, const char *origin, const char *destination,
		      struct state_folder *ret, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_FOLDER_ADD];
	int r;

	r = state_begin(s, reterr);
	if (r < 0)
		return r;
	(void)sqlite3_bind_text(st, 1, origin, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, destination, -1, SQLITE_STATIC);
	r = run(s, ST_FOLDER_ADD, "add a folder", reterr);
	if (r == 0)
		*ret = (struct state_folder){.id = sqlite3_last_insert_rowid(s->db)};
	return state_end(s, r, reterr);
}

int state_folder_get(struct state *s, const char *origin, const char *destination,
		     struct state_folder *ret, struct mm_err *reterr)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0)
		r = folder_read(s, origin, destination, ret, reterr);
	if (r == 0)
		r = folder_add(s, origin, destination, ret, reterr);
	(void)pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : 0;
}

int state_folder_put(struct state *s, const struct state_folder *f, struct mm_err *reterr)
{
	char skipped[SKIPS_TEXT_MAX];
	sqlite3_stmt *st = s->st[ST_FOLDER_PUT];

	(void)sqlite3_bind_int64(st, 1, f->id);
	(void)sqlite3_bind_int64(st, 2, f->origin_uidvalidity);
	(void)sqlite3_bind_int64(st, 3, f->origin_uidnext);
	(void)sqlite3_bind_int64(st, 4, (sqlite3_int64)f->origin_modseq);
	(void)sqlite3_bind_int64(st, 5, f->origin_messages);
	(void)sqlite3_bind_int64(st, 6, f->dest_uidvalidity);
	(void)sqlite3_bind_int64(st, 7, f->dest_seen);
	(void)sqlite3_bind_int64(st, 8, (sqlite3_int64)f->uncertain_usec);
	(void)sqlite3_bind_int(st, 9, f->complete);
	(void)sqlite3_bind_int64(st, 10, (sqlite3_int64)f->dest_modseq);
	(void)sqlite3_bind_int64(st, 11, f->dest_messages);
	(void)sqlite3_bind_int64(st, 12, (sqlite3_int64)f->rules);
	(void)sqlite3_bind_text(st, 13, skips_to_text(f->skipped, skipped), -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 14, f->ripens);
	return run(s, ST_FOLDER_PUT, "write a folder", reterr);
}

/* ---- messages ---- */

/* The fingerprint's octets and whether there is a Message-ID, as one blob. */
#define FINGERPRINT_BLOB (FINGERPRINT_OCTETS + 1)

int state_put(struct state *s, int64_t folder, const struct state_row *row,
	      struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_PUT];
	uint8_t fp[FINGERPRINT_BLOB];

	memcpy(fp, row->fingerprint.id, FINGERPRINT_OCTETS);
	fp[FINGERPRINT_OCTETS] = row->fingerprint.has_message_id;
	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_int64(st, 2, row->uid);
	(void)sqlite3_bind_int(st, 3, (int)row->state);
	(void)sqlite3_bind_int64(st, 4, (sqlite3_int64)row->size);
	if (row->has_digest)
		(void)sqlite3_bind_blob(st, 5, row->digest, sizeof(row->digest), SQLITE_STATIC);
	else
		(void)sqlite3_bind_null(st, 5);
	if (row->has_fingerprint)
		(void)sqlite3_bind_blob(st, 6, fp, sizeof(fp), SQLITE_STATIC);
	else
		(void)sqlite3_bind_null(st, 6);
	(void)sqlite3_bind_text(st, 7, row->flags ? row->flags : "", -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 8, row->uidvalidity);
	(void)sqlite3_bind_int64(st, 9, row->watermark);
	(void)sqlite3_bind_int64(st, 10, row->dest_uid);
	(void)sqlite3_bind_int64(st, 11, row->attempts);
	(void)sqlite3_bind_text(st, 12, row->reason, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 13, (sqlite3_int64)row->held_under);
	(void)sqlite3_bind_text(st, 14, row->held_what, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 15, row->ours);
	return run(s, ST_PUT, "write a message", reterr);
}

int state_settle(struct state *s, int64_t folder, uint32_t uid, enum row_state state,
		 uint32_t dest_uid, uint32_t attempts, const char *reason,
		 struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_SETTLE];

	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_int64(st, 2, uid);
	(void)sqlite3_bind_int(st, 3, (int)state);
	(void)sqlite3_bind_int64(st, 4, dest_uid);
	(void)sqlite3_bind_int64(st, 5, attempts);
	(void)sqlite3_bind_text(st, 6, reason, -1, SQLITE_STATIC);
	return run(s, ST_SETTLE, "write a message", reterr);
}

int state_set_flags(struct state *s, int64_t folder, uint32_t uid, const char *flags,
		    struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_SET_FLAGS];

	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_int64(st, 2, uid);
	(void)sqlite3_bind_text(st, 3, flags, -1, SQLITE_STATIC);
	return run(s, ST_SET_FLAGS, "write flags", reterr);
}

int state_refuse_flags(struct state *s, int64_t folder, uint32_t uid, uint64_t held_under,
		       const char *flags, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_REFUSE_FLAGS];

	(void)sqlite3_bind_int64(st, 1, folder);
	(void)sqlite3_bind_int64(st, 2, uid);
	(void)sqlite3_bind_int64(st, 3, (sqlite3_int64)held_under);
	(void)sqlite3_bind_text(st, 4, flags, -1, SQLITE_STATIC);
	return run(s, ST_REFUSE_FLAGS, "write flags", reterr);
}

int state_delete(struct state *s, int64_t folder, uint32_t uid, struct mm_err *reterr)
{
	(void)sqlite3_bind_int64(s->st[ST_DELETE], 1, folder);
	(void)sqlite3_bind_int64(s->st[ST_DELETE], 2, uid);
	return run(s, ST_DELETE, "forget a message", reterr);
}

int state_delete_all(struct state *s, int64_t folder, struct mm_err *reterr)
{
	(void)sqlite3_bind_int64(s->st[ST_DELETE_ALL], 1, folder);
	return run(s, ST_DELETE_ALL, "forget a folder", reterr);
}

/* Strings point into the statement and live until it is reset. -ENOMEM: SQLite had no memory
 * to end one with its NUL. */
static int row_read(sqlite3_stmt *st, struct state_row *ret)
{
	struct state_row row = {
		.uid = (uint32_t)sqlite3_column_int64(st, 0),
		.state = (enum row_state)sqlite3_column_int(st, 1),
		.size = (uint64_t)sqlite3_column_int64(st, 2),
		.flags = (const char *)sqlite3_column_text(st, 5),
		.uidvalidity = (uint32_t)sqlite3_column_int64(st, 6),
		.watermark = (uint32_t)sqlite3_column_int64(st, 7),
		.dest_uid = (uint32_t)sqlite3_column_int64(st, 8),
		.attempts = (uint32_t)sqlite3_column_int64(st, 9),
		.reason = (const char *)sqlite3_column_text(st, 10),
		.held_under = (uint64_t)sqlite3_column_int64(st, 11),
		.held_what = (const char *)sqlite3_column_text(st, 12),
		.ours = sqlite3_column_int(st, 13) != 0,
	};

	if (sqlite3_column_bytes(st, 3) == MESSAGE_DIGEST_OCTETS) {
		memcpy(row.digest, sqlite3_column_blob(st, 3), MESSAGE_DIGEST_OCTETS);
		row.has_digest = true;
	}
	if (sqlite3_column_bytes(st, 4) == FINGERPRINT_BLOB) {
		const uint8_t *fp = sqlite3_column_blob(st, 4);

		memcpy(row.fingerprint.id, fp, FINGERPRINT_OCTETS);
		row.fingerprint.has_message_id = fp[FINGERPRINT_OCTETS] != 0;
		row.has_fingerprint = true;
	}
	if (!row.flags || (!row.reason && sqlite3_column_type(st, 10) != SQLITE_NULL) ||
	    (!row.held_what && sqlite3_column_type(st, 12) != SQLITE_NULL))
		return -ENOMEM;
	*ret = row;
	return 0;
}

/* The row outlives its statement: its strings are taken along, or left behind. */
static int keep_strings(struct state_row *row, struct buf *strings)
{
	const char *flags = row->flags, *what = row->held_what;
	size_t n = flags ? strlen(flags) : 0;

	row->flags = row->reason = row->held_what = NULL;
	if (!strings)
		return 1;
	buf_reset(strings);
	if (buf_add(strings, flags ? flags : "", n + 1) < 0 ||
	    (what && buf_adds(strings, what) < 0))
		return -ENOMEM;
	row->flags = strings->p;
	row->held_what = what ? strings->p + n + 1 : NULL;
	return 1;
}

static int get(struct state *s, enum statement which, int64_t folder, uint32_t uid,
	       struct state_row *ret, struct buf *strings, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[which];
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0) {
		int rc;

		(void)sqlite3_bind_int64(st, 1, folder);
		(void)sqlite3_bind_int64(st, 2, uid);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			r = row_read(st, ret);
			if (r == 0)
				r = keep_strings(ret, strings);
		} else if (rc != SQLITE_DONE) {
			r = state_failed(s, "read a message", reterr);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r == -ENOMEM ? mm_err_oom(reterr) : r;
}

int state_get(struct state *s, int64_t folder, uint32_t uid, struct state_row *ret,
	      struct buf *strings, struct mm_err *reterr)
{
	return get(s, ST_GET, folder, uid, ret, strings, reterr);
}

int state_get_dest(struct state *s, int64_t folder, uint32_t dest_uid, struct state_row *ret,
		   struct buf *strings, struct mm_err *reterr)
{
	return get(s, ST_GET_DEST, folder, dest_uid, ret, strings, reterr);
}

/* One number: the first column of the first row, or `none`. */
static int number(struct state *s, enum statement which, int64_t a, int64_t b, uint64_t none,
		  uint64_t *ret, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[which];
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0) {
		int rc;

		(void)sqlite3_bind_int64(st, 1, a);
		(void)sqlite3_bind_int64(st, 2, b);
		rc = sqlite3_step(st);
		*ret = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(st, 0) : none;
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			r = state_failed(s, "read", reterr);
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_owns(struct state *s, int64_t folder, uint32_t dest_uid, struct mm_err *reterr)
{
	uint64_t n = 0;
	int r = number(s, ST_OWNS, folder, dest_uid, 0, &n, reterr);

	return r < 0 ? r : n > 0;
}

bool state_is_new(struct state *s)
{
	uint64_t n = 1;
	struct mm_err ignored; /* a trouble will be told by those that need the data */

	return number(s, ST_FOLDERS, 0, 0, 0, &n, &ignored) == 0 && n == 0;
}

int state_count(struct state *s, int64_t folder, enum row_state state, uint64_t *ret,
		struct mm_err *reterr)
{
	return number(s, ST_COUNT, folder, (int64_t)state, 0, ret, reterr);
}

int state_count_held(struct state *s, int64_t folder, uint64_t other_than, uint64_t *ret,
		     struct mm_err *reterr)
{
	return number(s, ST_COUNT_HELD, folder, (int64_t)other_than, 0, ret, reterr);
}

int state_count_settled(struct state *s, int64_t folder, uint64_t *ret_messages,
			uint64_t *ret_bytes, struct mm_err *reterr)
{
	int r = number(s, ST_COUNT_SETTLED, folder, 0, 0, ret_messages, reterr);

	return r < 0 ? r : number(s, ST_SUM_SETTLED, folder, 0, 0, ret_bytes, reterr);
}

int state_each(struct state *s, int64_t folder, int state, state_row_fn fn, void *userdata,
	       struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[state < 0             ? ST_EACH
				 : state == ROW_STORED ? ST_EACH_STATE
						       : ST_EACH_OPEN];
	int r, rc;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0) {
		(void)sqlite3_bind_int64(st, 1, folder);
		if (state >= 0)
			(void)sqlite3_bind_int(st, 2, state);
		while (r >= 0 && (rc = sqlite3_step(st)) != SQLITE_DONE) {
			struct state_row row;

			if (rc != SQLITE_ROW) {
				r = state_failed(s, "read messages", reterr);
				break;
			}
			r = row_read(st, &row);
			if (r == 0)
				r = fn(userdata, &row);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : 0;
}

/* ---- for traffic.c ---- */

int state_usable(struct state *s, struct mm_err *reterr)
{
	return usable(s, reterr);
}

int state_run(struct state *s, enum statement which, const char *what, struct mm_err *reterr)
{
	return run(s, which, what, reterr);
}
