/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing an account's state: lock, file, prepared statements. */
#include <fcntl.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <string.h>
#include <sys/file.h>

#include "state_internal.h"

#define ROW_COLUMNS                                                                            \
	"uid, state, size, digest, fingerprint, flags, dest_uidvalidity, watermark, "          \
	"dest_uid, "                                                                           \
	"attempts, reason, held_under, held_what, ours"

/* All that ever went where the folder ?1 goes, set aside or not. */
#define THERE "destination = (SELECT destination FROM folder WHERE id = abs(?1))"

#define ADVICE_DIRECTORY "check that the state directory is writable and has room"

static const char *const statements[ST_N] = {
	[ST_FOLDERS] = "SELECT count(*) FROM folder",
	[ST_FOLDER_GET] =
		"SELECT id, origin_uidvalidity, origin_uidnext, origin_modseq, "
		"origin_messages, dest_uidvalidity, dest_seen, uncertain_usec, complete, "
		"dest_modseq, dest_messages, rules, skipped, ripens "
		"FROM folder WHERE origin = ?1 AND destination = ?2",
	[ST_FOLDER_ADD] = "INSERT INTO folder (origin, destination) VALUES (?1, ?2)",
	[ST_FOLDER_PUT] = "UPDATE folder SET origin_uidvalidity = ?2, origin_uidnext = ?3, "
			  "origin_modseq = ?4, origin_messages = ?5, dest_uidvalidity = ?6, "
			  "dest_seen = ?7, uncertain_usec = ?8, complete = ?9, "
			  "dest_modseq = ?10, dest_messages = ?11, rules = ?12, skipped = ?13, "
			  "ripens = ?14 "
			  "WHERE id = ?1",
	[ST_PAIRS] = "SELECT id, origin, destination, basis, name, retired, "
		     "origin_uidvalidity <> 0 "
		     "FROM folder ORDER BY origin, id",
	[ST_PLACE] = "UPDATE folder SET basis = ?2, name = ?3, retired = 0 WHERE id = ?1",
	[ST_RETIRE_OTHERS] = "UPDATE folder SET retired = 1 WHERE id <> ?1 AND retired = 0 AND "
			     "origin = (SELECT origin FROM folder WHERE id = ?1)",
	[ST_DEST_IDS] = "SELECT id FROM folder WHERE " THERE " ORDER BY id",
	[ST_DEST_STALE] = "SELECT max(dest_uidvalidity) FROM folder WHERE " THERE
			  " AND dest_uidvalidity <> 0 AND "
			  "(dest_uidvalidity <> ?2 OR (?3 <> 0 AND dest_seen > ?3))",
	[ST_DEST_RENEW] = "UPDATE folder SET dest_uidvalidity = ?2, dest_seen = 0, "
			  "dest_modseq = 0, dest_messages = 0, complete = 0 "
			  "WHERE " THERE " AND dest_uidvalidity <> 0",
	[ST_PUT] =
		"INSERT OR REPLACE INTO message (folder, " ROW_COLUMNS
		") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
	[ST_SETTLE] =
		"UPDATE message SET state = ?3, dest_uid = ?4, attempts = ?5, reason = ?6 "
		"WHERE folder = ?1 AND uid = ?2",
	[ST_SET_FLAGS] = "UPDATE message SET flags = ?3, held_under = 0, held_what = NULL "
			 "WHERE folder = ?1 AND uid = ?2",
	[ST_REFUSE_FLAGS] = "UPDATE message SET held_under = ?3, held_what = ?4 "
			    "WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE] = "DELETE FROM message WHERE folder = ?1 AND uid = ?2",
	[ST_DELETE_ALL] = "DELETE FROM message WHERE folder = ?1",
	[ST_GET] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 AND uid = ?2",
	[ST_GET_DEST] = "SELECT " ROW_COLUMNS " FROM message INDEXED BY message_dest "
			"WHERE folder = ?1 AND dest_uid BETWEEN ?2 AND ?2 AND dest_uid > 0",
	[ST_UNKEPT_GET] = "SELECT told, unkept FROM folder WHERE id = ?1",
	[ST_UNKEPT_PUT] = "UPDATE folder SET told = ?2, unkept = ?3 WHERE id = ?1",
	/* With "=" in place of BETWEEN the index is searched for "> 0" alone, which is all of
	 * the folder. */
	[ST_OWNS] = "SELECT 1 FROM folder AS f CROSS JOIN message AS m WHERE " THERE
		    " AND m.folder IN (f.id, -f.id) AND m.dest_uid BETWEEN ?2 AND ?2 "
		    "AND m.dest_uid > 0 LIMIT 1",
	[ST_COUNT] = "SELECT count(*) FROM message INDEXED BY message_state "
		     "WHERE folder = ?1 AND state = ?2 AND state <> 2",
	[ST_COUNT_HELD] = "SELECT count(*) FROM message INDEXED BY message_held "
			  "WHERE folder = ?1 AND held_under <> 0 AND held_under <> ?2",
	[ST_COUNT_SETTLED] = "SELECT count(*) FROM message "
			     "WHERE folder = ?1 AND state IN (2, 3, 4)",
	[ST_SUM_SETTLED] = "SELECT coalesce(sum(size), 0) FROM message "
			   "WHERE folder = ?1 AND state IN (2, 3, 4)",
	[ST_EACH] = "SELECT " ROW_COLUMNS " FROM message WHERE folder = ?1 ORDER BY uid",
	[ST_EACH_STATE] = "SELECT " ROW_COLUMNS
			  " FROM message WHERE folder = ?1 AND state = ?2 ORDER BY uid",
	[ST_EACH_OPEN] = "SELECT " ROW_COLUMNS " FROM message INDEXED BY message_state "
			 "WHERE folder = ?1 AND state = ?2 AND state <> 2 ORDER BY uid",
	[ST_TRAFFIC_ADD] = "INSERT INTO traffic (slot, way, octets) VALUES (?1, ?2, ?3) "
			   "ON CONFLICT (slot, way) DO UPDATE SET octets = "
			   "min(octets + excluded.octets, 4611686018427387903)",
	[ST_TRAFFIC_EACH] = "SELECT slot, way, octets FROM traffic",
	[ST_TRAFFIC_KEEP] = "DELETE FROM traffic WHERE slot NOT BETWEEN ?1 AND ?2",
	[ST_PAUSE_SET] =
		"INSERT OR REPLACE INTO pause (id, until_usec, text) VALUES (1, ?1, ?2)",
	[ST_PAUSE_GET] = "SELECT until_usec, text FROM pause",
};

static int take_lock(struct state *s, const char *path, const char *account,
		     struct mm_err *reterr)
{
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -errno, "cannot open %s: %s",
			   path, strerror(errno));
		return mm_err_class(reterr, MM_CLASS_LOCAL, ADVICE_DIRECTORY);
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

int state_prepare(struct state *s)
{
	for (int i = 0; i < ST_N; i++)
		if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->st[i], NULL) != SQLITE_OK)
			return -EIO;
	return 0;
}

int state_open(const char *state_dir, const char *account, const char *mailboxes, bool dry,
	       struct state **ret, char **ret_note, struct mm_err *reterr)
{
	_cleanup_(freep) char *note = NULL;
	_cleanup_(state_closep) struct state *s = NULL;
	_cleanup_(freep) char *dir = NULL, *lock = NULL;
	pthread_mutexattr_t attr;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return mm_err_oom(reterr);
	s->lock_fd = -1;
	s->dry = dry;
	s->account = account;
	s->mailboxes = mailboxes;
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
		return mm_err_class(reterr, MM_CLASS_LOCAL, ADVICE_DIRECTORY);
	}
	r = take_lock(s, lock, account, reterr);
	if (r < 0)
		return r;
	r = state_file_open(s, &note, reterr);
	if (r < 0)
		return r;
	if (ret_note)
		*ret_note = STEAL(note);
	*ret = STEAL(s);
	return 0;
}

struct state *state_close(struct state *s)
{
	if (!s)
		return NULL;

	state_file_close(s);
	closep(&s->lock_fd);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s->aside);
	free(s);
	return NULL;
}
