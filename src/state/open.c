/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing an account's state: lock, file, schema, prepared statements. */
#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/crash_point.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "schema.h"
#include "state_internal.h"

#define ROW_COLUMNS                                                                            \
	"uid, state, size, digest, fingerprint, flags, dest_uidvalidity, watermark, "          \
	"dest_uid, "                                                                           \
	"attempts, reason"

static const char *const statements[ST_N] = {
	[ST_FOLDERS] = "SELECT count(*) FROM folder",
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
	[ST_SETTLE] =
		"UPDATE message SET state = ?3, dest_uid = ?4, attempts = ?5, reason = ?6 "
		"WHERE folder = ?1 AND uid = ?2",
	[ST_SET_FLAGS] = "UPDATE message SET flags = ?3 WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE] = "DELETE FROM message WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE_ALL] = "DELETE FROM message WHERE folder = ?1",
	[ST_GET] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 AND uid = ?2",
	/* With "=" in place of BETWEEN the index is searched for "> 0" alone, which is all of
	 * the folder. */
	[ST_OWNS] = "SELECT 1 FROM message WHERE folder = ?1 AND dest_uid BETWEEN ?2 AND ?2 "
		    "AND dest_uid > 0",
	[ST_COUNT] = "SELECT count(*) FROM message INDEXED BY message_state "
		     "WHERE folder = ?1 AND state = ?2 AND state <> 2",
	[ST_EACH] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 ORDER BY uid",
	[ST_EACH_STATE] = "SELECT " ROW_COLUMNS
			  " FROM message WHERE folder = ?1 AND state = ?2 ORDER BY uid",
	[ST_EACH_OPEN] = "SELECT " ROW_COLUMNS " FROM message INDEXED BY message_state "
			 "WHERE folder = ?1 AND state = ?2 AND state <> 2 ORDER BY uid",
};

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
	return mm_err_class(reterr, MM_CLASS_LOCAL,
			    "wait for it, or end it: mailmigctl cancel %s, or Ctrl-C at "
			    "its \"run --local\"",
			    account);
}

static int sql(struct state *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int open_db(struct state *s, const char *path)
{
	static const char setup[] = "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;"
				    "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
				    /* One worker, one handle: no shared memory needed. */
				    "PRAGMA locking_mode = EXCLUSIVE;"
				    "PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;

	if (sqlite3_open_v2(path, &s->db, flags, NULL) != SQLITE_OK)
		return -EIO;
	sqlite3_extended_result_codes(s->db, 1);
	if (sql(s, setup) < 0)
		return -EIO;
	return sql(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
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

/* The file's version, 0: empty. -EIO: unreadable; -EPROTO: somebody else's or of a later
 * version.
 */
static int identify(struct state *s)
{
	int id = 0, version = 0, tables = 0;

	if (pragma(s, "PRAGMA application_id", &id) < 0 ||
	    pragma(s, "PRAGMA user_version", &version) < 0 ||
	    pragma(s, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return -EIO;
	if (tables == 0)
		return 0;
	return id == STATE_APPLICATION_ID && version > 0 && version <= STATE_VERSION ? version
										     : -EPROTO;
}

/* Bring an older or empty file to this version, in one transaction: that of all the run where
 * it is a dry one. */
static int upgrade(struct state *s, int version)
{
	static const char *const steps[STATE_VERSION] = {[1] = STATE_UPGRADE_1};
	int r;

	if (version == STATE_VERSION && !s->dry)
		return 0;
	r = sql(s, "BEGIN");
	if (r == 0 && version == 0)
		r = sql(s, STATE_SCHEMA);
	else
		for (int from = version; r == 0 && from < STATE_VERSION; from++)
			r = sql(s, steps[from]);
	CRASH_POINT("before", "schema");
	if (r == 0 && !s->dry)
		r = sql(s, "COMMIT");
	CRASH_POINT("after", "schema");
	return r;
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
	if (r >= 0)
		r = upgrade(s, r);
	if (r < 0)
		return r;
	return prepare(s);
}

static bool is_damaged(struct state *s, int r)
{
	int code = s->db ? sqlite3_extended_errcode(s->db) & 0xff : SQLITE_OK;

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
		return state_failed(s, "open the database", reterr);
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

	s->path = text_fmt("%s/accounts/%s.db", state_dir, account);
	/* A member of a group, GROUP/NAME, is in a directory of its group. */
	dir = s->path ? text_dupn(s->path, (size_t)(strrchr(s->path, '/') - s->path)) : NULL;
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
