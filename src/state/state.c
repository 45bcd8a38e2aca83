/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/state.h>
#include <mailmig/text.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "schema.h"

enum statement {
	ST_FOLDER_GET,
	ST_FOLDER_ADD,
	ST_FOLDER_PUT,
	ST_PUT,
	ST_SETTLE,
	ST_SET_FLAGS,
	ST_DELETE,
	ST_DELETE_ALL,
	ST_GET,
	ST_OWNS,
	ST_COUNT,
	ST_EACH,
	ST_EACH_STATE,
	ST_N,
};

#define ROW_COLUMNS                                                                            \
	"uid, state, size, digest, fingerprint, flags, dest_uidvalidity, watermark, "          \
	"dest_uid, "                                                                           \
	"attempts, reason"

static const char *const statements[ST_N] = {
	[ST_FOLDER_GET] =
		"SELECT id, origin_uidvalidity, origin_uidnext, origin_modseq, "
		"origin_messages, dest_uidvalidity, dest_seen, uncertain_usec, complete "
		"FROM folder WHERE origin = ?1 AND destination = ?2",
	[ST_FOLDER_ADD] = "INSERT INTO folder (origin, destination) VALUES (?1, ?2)",
	[ST_FOLDER_PUT] = "UPDATE folder SET origin_uidvalidity = ?2, origin_uidnext = ?3, "
			  "origin_modseq = ?4, origin_messages = ?5, dest_uidvalidity = ?6, "
			  "dest_seen = ?7, uncertain_usec = ?8, complete = ?9 WHERE id = ?1",
	[ST_PUT] = "INSERT OR REPLACE INTO message (folder, " ROW_COLUMNS
		   ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
	[ST_SETTLE] = "UPDATE message SET state = ?3, dest_uid = ?4, attempts = ?5, reason = ?6 "
		      "WHERE folder = ?1 AND uid = ?2",
	[ST_SET_FLAGS] = "UPDATE message SET flags = ?3 WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE] = "DELETE FROM message WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE_ALL] = "DELETE FROM message WHERE folder = ?1",
	[ST_GET] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 AND uid = ?2",
	[ST_OWNS] =
		"SELECT 1 FROM message WHERE folder = ?1 AND dest_uid = ?2 AND dest_uid > 0",
	[ST_COUNT] = "SELECT count(*) FROM message WHERE folder = ?1 AND state = ?2",
	[ST_EACH] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 ORDER BY uid",
	[ST_EACH_STATE] = "SELECT " ROW_COLUMNS
			  " FROM message WHERE folder = ?1 AND state = ?2 ORDER BY uid",
};

struct state {
	sqlite3 *db;
	sqlite3_stmt *st[ST_N];
	pthread_mutex_t lock;
	int lock_fd;
	char *path;
	bool dry;
	bool failed;
};

static int failed(struct state *s, const char *what, struct mm_err *reterr)
{
	int code = sqlite3_extended_errcode(s->db);
	bool full = (code & 0xff) == SQLITE_FULL || code == SQLITE_IOERR_WRITE;

	s->failed = true;
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, full ? -ENOSPC : -EIO,
		   "state %s: cannot %s: %s", s->path, what, sqlite3_errmsg(s->db));
	return mm_err_class(
		reterr, MM_CLASS_LOCAL, "%s",
		full ? "free space on that file system; nothing is lost, the next run "
		       "continues"
		     : "check that disk and its permissions; nothing is lost, the next "
		       "run continues");
}

/* Handles that failed once are never used again: what they hold is not known. */
static int usable(struct state *s, struct mm_err *reterr)
{
	if (!s->failed)
		return 0;
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EIO,
		   "state %s failed earlier in this run", s->path);
	return mm_err_class(reterr, MM_CLASS_LOCAL, "see the first error of the run");
}

/* Run a prepared statement that returns no row. */
static int run(struct state *s, enum statement which, const char *what, struct mm_err *reterr)
{
	int rc = sqlite3_step(s->st[which]);

	(void)sqlite3_reset(s->st[which]); /* repeats step's error */
	return rc == SQLITE_DONE ? 0 : failed(s, what, reterr);
}

/* ---- opening ---- */

static int take_lock(struct state *s, const char *path, const char *account,
		     struct mm_err *reterr)
{
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -errno, "cannot open %s: %s",
			   path, strerror(errno));
		return mm_err_class(reterr, MM_CLASS_LOCAL,
				    "check that the state directory is writable");
	}
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EBUSY,
		   "another run of \"%s\" is going on (%s is locked)", account, path);
	return mm_err_class(reterr, MM_CLASS_LOCAL, "wait for it, or: mailmigctl cancel %s",
			    account);
}

static int open_db(struct state *s, const char *path)
{
	static const char setup[] = "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;"
				    "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
				    /* One worker, one handle: no shared memory needed. */
				    "PRAGMA locking_mode = EXCLUSIVE;"
				    "PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_extended_result_codes(s->db, 1);
	if (sqlite3_exec(s->db, setup, NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	if (sqlite3_exec(s->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", NULL,
			 NULL, NULL) != SQLITE_OK)
		return -EIO;
	return 0;
}

static int pragma(struct state *s, const char *sql, int *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) != SQLITE_OK)
		return -EIO;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -EIO;
}

/* 0: ours; 1: empty; -EIO: unreadable; -EPROTO: somebody else's or of a later version. */
static int identify(struct state *s)
{
	int id = 0, version = 0, tables = 0;

	if (pragma(s, "PRAGMA application_id", &id) < 0 ||
	    pragma(s, "PRAGMA user_version", &version) < 0 ||
	    pragma(s, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return -EIO;
	if (tables == 0)
		return 1;
	return id == STATE_APPLICATION_ID && version == STATE_VERSION ? 0 : -EPROTO;
}

static int prepare(struct state *s)
{
	for (int i = 0; i < ST_N; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->st[i], NULL) != SQLITE_OK)
			return -EIO;
	return 0;
}

static void close_db(struct state *s)
{
	for (int i = 0; i < ST_N; i++) {
		(void)sqlite3_finalize(s->st[i]); /* repeats an error that was told */
		s->st[i] = NULL;
	}
	(void)sqlite3_close(s->db); /* no statement is left */
	s->db = NULL;
}

/* Open, identify, create what is missing. */
static int open_and_check(struct state *s, const char *path)
{
	int r;

	r = open_db(s, path);
	if (r < 0)
		return r;
	r = identify(s);
	if (r == 1)
		r = sqlite3_exec(s->db, "BEGIN;" STATE_SCHEMA "COMMIT;", NULL, NULL, NULL) ==
				    SQLITE_OK
			    ? 0
			    : -EIO;
	if (r < 0)
		return r;
	return prepare(s);
}

static bool is_damaged(struct state *s, int r)
{
	int code = s->db ? sqlite3_errcode(s->db) : SQLITE_OK;

	return r == -EPROTO || code == SQLITE_NOTADB || code == SQLITE_CORRUPT;
}

/* What is no state of ours must not be lost either: a person may want to look at it. */
static int set_aside(const char *path)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	uint64_t now = clock_wall_usec() / USEC_PER_SEC;

	for (size_t i = 0; i < ELEMENTS(parts); i++) {
		_cleanup_(freep) char *from = text_fmt("%s%s", path, parts[i]);
		_cleanup_(freep) char *to =
			text_fmt("%s.damaged-%llu%s", path, (unsigned long long)now, parts[i]);

		if (!from || !to)
			return -ENOMEM;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

static int open_file(struct state *s, bool *ret_set_aside, struct mm_err *reterr)
{
	bool fresh = s->dry && access(s->path, F_OK) < 0;
	const char *path = fresh ? ":memory:" : s->path;
	int r;

	r = open_and_check(s, path);
	if (r < 0 && is_damaged(s, r)) {
		close_db(s);
		if (s->dry) {
			path = ":memory:";
		} else if (set_aside(path) < 0) {
			mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EIO,
				   "state %s is damaged and cannot be renamed", s->path);
			return mm_err_class(reterr, MM_CLASS_LOCAL,
					    "move the file away and run again");
		}
		if (ret_set_aside)
			*ret_set_aside = true;
		r = open_and_check(s, path);
	}
	if (r < 0)
		return failed(s, "open the database", reterr);
	if (s->dry && sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, "begin", reterr);
	return 0;
}

int state_open(const char *state_dir, const char *account, bool dry, struct state **ret,
	       bool *ret_set_aside, struct mm_err *reterr)
{
	_cleanup_(state_closep) struct state *s = NULL;
	_cleanup_(freep) char *dir = NULL, *lock = NULL;
	pthread_mutexattr_t attr;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return mm_err_oom(reterr);
	s->lock_fd = -1;
	s->dry = dry;
	(void)pthread_mutexattr_init(&attr);
	(void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	(void)pthread_mutex_init(&s->lock, &attr);
	(void)pthread_mutexattr_destroy(&attr);

	dir = text_fmt("%s/accounts", state_dir);
	s->path = text_fmt("%s/accounts/%s.db", state_dir, account);
	lock = text_fmt("%s/accounts/%s.lock", state_dir, account);
	if (!dir || !s->path || !lock)
		return mm_err_oom(reterr);

	r = fs_mkdir_p(dir, 0700);
	if (r < 0) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r, "cannot create %s: %s", dir,
			   strerror(-r));
		return mm_err_class(reterr, MM_CLASS_LOCAL,
				    "check that the state directory is writable");
	}
	r = take_lock(s, lock, account, reterr);
	if (r < 0)
		return r;
	r = open_file(s, ret_set_aside, reterr);
	if (r < 0)
		return r;
	*ret = STEAL(s);
	return 0;
}

struct state *state_close(struct state *s)
{
	if (!s)
		return NULL;

	if (s->db && s->dry)
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL,
				   NULL); /* that is its purpose */
	if (s->db)
		close_db(s);
	closep(&s->lock_fd);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
	return NULL;
}

/* ---- transactions ---- */

int state_begin(struct state *s, struct mm_err *reterr)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0 && !s->dry &&
	    sqlite3_exec(s->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		r = failed(s, "begin a transaction", reterr);
	if (r < 0)
		(void)pthread_mutex_unlock(&s->lock);
	return r;
}

int state_commit(struct state *s, struct mm_err *reterr)
{
	int r;

	r = usable(s, reterr);
	if (r == 0 && !s->dry && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = failed(s, "commit", reterr);
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
		};
	(void)sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return failed(s, "read a folder", reterr);
	return rc == SQLITE_ROW;
}

int state_folder_get(struct state *s, const char *origin, const char *destination,
		     struct state_folder *ret, struct mm_err *reterr)
{
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0)
		r = folder_read(s, origin, destination, ret, reterr);
	if (r == 0) {
		sqlite3_stmt *st = s->st[ST_FOLDER_ADD];

		(void)sqlite3_bind_text(st, 1, origin, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(st, 2, destination, -1, SQLITE_STATIC);
		r = run(s, ST_FOLDER_ADD, "add a folder", reterr);
		if (r == 0)
			*ret = (struct state_folder){.id = sqlite3_last_insert_rowid(s->db)};
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : 0;
}

int state_folder_put(struct state *s, const struct state_folder *f, struct mm_err *reterr)
{
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
	return run(s, ST_PUT, "write a message", reterr);
}

int state_settle(struct state *s, int64_t folder, uint32_t uid, enum row_state state,
		 uint32_t dest_uid, uint32_t attempts, const char *reason, struct mm_err *reterr)
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

/* Strings point into the statement and live until it is reset. */
static void row_read(sqlite3_stmt *st, struct state_row *ret)
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
	*ret = row;
}

int state_get(struct state *s, int64_t folder, uint32_t uid, struct state_row *ret,
	      struct buf *strings, struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[ST_GET];
	int r;

	(void)pthread_mutex_lock(&s->lock);
	r = usable(s, reterr);
	if (r == 0) {
		int rc;

		(void)sqlite3_bind_int64(st, 1, folder);
		(void)sqlite3_bind_int64(st, 2, uid);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			row_read(st, ret);
			r = 1;
			if (strings) {
				buf_reset(strings);
				r = buf_adds(strings, ret->flags ? ret->flags : "") < 0
					    ? -ENOMEM
					    : 1;
			}
			ret->flags = strings ? buf_str(strings) : NULL;
			ret->reason = NULL;
		} else if (rc != SQLITE_DONE) {
			r = failed(s, "read a message", reterr);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r == -ENOMEM ? mm_err_oom(reterr) : r;
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
			r = failed(s, "read", reterr);
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

int state_count(struct state *s, int64_t folder, enum row_state state, uint64_t *ret,
		struct mm_err *reterr)
{
	return number(s, ST_COUNT, folder, (int64_t)state, 0, ret, reterr);
}

int state_each(struct state *s, int64_t folder, int state, state_row_fn fn, void *userdata,
	       struct mm_err *reterr)
{
	sqlite3_stmt *st = s->st[state < 0 ? ST_EACH : ST_EACH_STATE];
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
				r = failed(s, "read messages", reterr);
				break;
			}
			row_read(st, &row);
			r = fn(userdata, &row);
		}
		(void)sqlite3_reset(st);
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r < 0 ? r : 0;
}
