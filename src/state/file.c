/* SPDX-License-Identifier: Apache-2.0 */
/* The database file: what it must be before a word of it is believed, how it comes to be, and
 * what happens to one that is none of ours. */
#include <mailmig/crash_point.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>

#include "schema.h"
#include "state_internal.h"

#define KEPT_ASIDE 3

/* The file's version and, above it, how often it was written to: odd as long as a run does.
 * That is in the first page, so it can be told apart what the file has and what its log has. */
#define VERSION_MASK  0xff
#define WRITINGS_UNIT 0x100
#define WRITINGS_MASK 0x7fffff

static int sql(struct state *s, const char *text)
{
	return sqlite3_exec(s->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

static int sql_owned(struct state *s, char *text)
{
	int r = text ? sql(s, text) : -ENOMEM;

	sqlite3_free(text);
	return r;
}

static int set_version(struct state *s, uint32_t writings)
{
	return sql_owned(
		s, sqlite3_mprintf("PRAGMA user_version = %u",
				   (writings & WRITINGS_MASK) * WRITINGS_UNIT | STATE_VERSION));
}

int state_file_begin_writing(struct state *s)
{
	return set_version(s, s->writings | 1);
}

/* Without it the next run looks more closely, no more. */
static void end_writing(struct state *s)
{
	if (!s->wrote || s->failed || s->dry)
		return;
	CRASH_POINT("before", "end of writing");
	(void)set_version(s, (s->writings | 1) + 1);
	CRASH_POINT("after", "end of writing");
}

static int open_db(struct state *s, const char *path)
{
	static const char setup[] = "PRAGMA busy_timeout = 5000; PRAGMA trusted_schema = OFF;"
				    "PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON;"
				    /* One worker, one handle: no shared memory needed. */
				    "PRAGMA locking_mode = EXCLUSIVE; PRAGMA mmap_size = 0;"
				    "PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;";
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	int reserve = STATE_SUM_OCTETS;
	char size[40];

	if (sqlite3_open_v2(path, &s->db, flags, state_vfs()) != SQLITE_OK)
		return s->db ? -EIO : -ENOMEM; /* none: not even for the handle */
	(void)snprintf(size, sizeof(size), "PRAGMA page_size = %d", STATE_PAGE_OCTETS);
	sqlite3_extended_result_codes(s->db, 1);
	if (sql(s, size) < 0 || sql(s, setup) < 0)
		return -EIO;
	/* After the size of a page, which would undo it. */
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
	return sql(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
}

/* The first column of the one row. */
static int ask(struct state *s, const char *text, int *ret)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(s->db, text, -1, &st, NULL) != SQLITE_OK)
		return -EIO;
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*ret = sqlite3_column_int(st, 0);
	(void)sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -EIO;
}

/* The file's version, 0: empty. -EIO: unreadable; -EPROTO: somebody else's or of a later
 * version. */
static int identify(struct state *s, const struct state_rest *rest)
{
	int id = 0, version = 0, tables = 0;

	if (ask(s, "PRAGMA application_id", &id) < 0 ||
	    ask(s, "PRAGMA user_version", &version) < 0 ||
	    ask(s, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return -EIO;
	s->writings = (uint32_t)version / WRITINGS_UNIT & WRITINGS_MASK;
	version &= VERSION_MASK;
	if (tables == 0 && (rest->size == 0 || rest->has_sums))
		return 0;
	if (id != STATE_APPLICATION_ID || version < 1 || version > STATE_VERSION)
		return -EPROTO;
	/* Only the first version had no sums. */
	return version == 1 || rest->has_sums ? version : -EPROTO;
}

/* A log goes on where its file ended: it is of the writing after that. One that is not belongs
 * to another file, such as one that was there before a backup came back. */
static int check_log(const struct state *s, const struct state_rest *rest)
{
	uint32_t at_rest = rest->user_version / WRITINGS_UNIT & WRITINGS_MASK;
	uint32_t ahead = (s->writings - at_rest) & WRITINGS_MASK;

	return rest->size == 0 || ahead <= (at_rest & 1 ? 1U : 2U) ? 0 : -EPROTO;
}

/* Does SQLite find all of it in order, indexes and tables equal? */
static int check_order(struct state *s)
{
	int in_order = 0;
	int r = ask(s, "SELECT integrity_check = 'ok' FROM pragma_integrity_check(1)",
		    &in_order);

	return r < 0 ? r : in_order ? 0 : -EPROTO;
}

/* The last writing did not end as it should, and some of it may be in the file and some not:
 * messages are where they are said to be, but what is said of all of a folder may be of another
 * time. Without that, everything is looked at again. */
static int forget_marks(struct state *s)
{
	return sql(s, "UPDATE folder SET dest_seen = 0, origin_modseq = 0, complete = 0");
}

/* What an unclean end or a person's hand may have left. */
static int check_past(struct state *s, const struct state_rest *rest)
{
	bool unclean = s->writings & 1;
	int r;

	if (!rest->has_wal && !unclean)
		return 0;
	r = check_log(s, rest);
	return r < 0 ? r : check_order(s);
}

/* The file of a version without sums gets them: it is written anew as a whole, from the first
 * page on, which tells of them. */
static int add_sums(struct state *s)
{
	return sql(s, "PRAGMA cache_spill = OFF; PRAGMA journal_mode = DELETE; VACUUM;"
		      "PRAGMA journal_mode = WAL; PRAGMA cache_spill = ON;");
}

static int create_or_upgrade(struct state *s, int version)
{
	static const char *const steps[STATE_VERSION] = {
		[1] = STATE_UPGRADE_1, [2] = STATE_UPGRADE_2};
	int r = 0;

	if (version == 0)
		r = sql(s, STATE_SCHEMA);
	for (int from = version; r == 0 && version > 0 && from < STATE_VERSION; from++)
		r = sql(s, steps[from]);
	/* Before version 2 nobody asked. */
	if (r == 0 && version < 2)
		r = sql_owned(s, sqlite3_mprintf("INSERT INTO owner VALUES (%Q, %Q)",
						 s->account, s->mailboxes));
	return r == 0 ? set_version(s, s->writings | 1) : r;
}

/* Bring an older or empty file to this version, in one transaction: that of all the run where
 * it is a dry one. */
static int upgrade(struct state *s, int version, bool distrust)
{
	int r = 0;

	if (version == STATE_VERSION && !distrust && !s->dry)
		return 0;
	if (version == 1 && !s->dry)
		r = add_sums(s);
	if (r == 0)
		r = sql(s, "BEGIN");
	if (r == 0 && version < STATE_VERSION)
		r = create_or_upgrade(s, version);
	if (r == 0 && distrust)
		r = forget_marks(s);
	if (r < 0 || s->dry)
		return r;
	CRASH_POINT("before", "schema");
	s->wrote = true;
	r = sql(s, "COMMIT");
	CRASH_POINT("after", "schema");
	return r;
}

/* Is it the state of this account, between these mailboxes? */
static int check_owner(struct state *s)
{
	char *text = sqlite3_mprintf(
		"SELECT count(*) FROM owner WHERE account = %Q AND mailboxes = %Q", s->account,
		s->mailboxes);
	int n = 0, r = text ? ask(s, text, &n) : -ENOMEM;

	sqlite3_free(text);
	return r < 0 ? r : n == 1 ? 0 : -ESTALE;
}

static int open_and_check(struct state *s, const char *path)
{
	_cleanup_(freep) char *wal = text_fmt("%s-wal", path);
	struct state_rest rest = {0};
	int r, version = 0;

	if (!wal)
		return -ENOMEM;
	r = state_look_at_rest(path, wal, &rest);
	if (r < 0)
		return r;
	r = open_db(s, path);
	if (r == 0)
		r = version = identify(s, &rest);
	if (r > 0)
		r = check_past(s, &rest);
	if (r == 0)
		r = upgrade(s, version, version > 0 && (s->writings & 1));
	if (r == 0)
		r = check_owner(s);
	if (r == 0)
		r = state_prepare(s);
	/* SQL that does not fit: tables of somebody else. */
	return r < 0 && s->db && (sqlite3_extended_errcode(s->db) & 0xff) == SQLITE_ERROR
		       ? -EPROTO
		       : r;
}

bool state_file_is_damaged(const struct state *s)
{
	switch (s->db ? sqlite3_extended_errcode(s->db) : SQLITE_OK) {
	case SQLITE_IOERR_DATA: /* a checksum is wrong */
	case SQLITE_IOERR_SHORT_READ:
	/* An index did not have what its table has. */
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
	case SQLITE_NOTADB:
		return true;
	default:
		return s->db && (sqlite3_extended_errcode(s->db) & 0xff) == SQLITE_CORRUPT;
	}
}

void state_file_close(struct state *s)
{
	if (!s->db)
		return;
	if (s->dry)
		(void)sql(s, "ROLLBACK"); /* that is its purpose */
	end_writing(s);
	for (int i = 0; i < ST_N; i++) {
		(void)sqlite3_finalize(s->st[i]); /* repeats an error that was told */
		s->st[i] = NULL;
	}
	/* After a failure the file is left as it is: the next run knows what to believe. */
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, s->failed ? 1 : 0,
				NULL);
	(void)sqlite3_close(s->db); /* no statement is left */
	s->db = NULL;
}

/* What is no state of ours must not be lost either: a person may want to look at it. */
int state_file_set_aside(const struct state *s, char **ret_to)
{
	static const char *const parts[] = {"", "-wal", "-shm", "-journal", NULL};

	return fs_set_aside(s->path, parts, KEPT_ASIDE, ret_to);
}

/* Make room for a new file; in a dry run it is left where it is. */
static int replace(struct state *s, const char *why, char **ret_note, struct mm_err *reterr)
{
	_cleanup_(freep) char *to = NULL;
	int r = s->dry ? 0 : state_file_set_aside(s, &to);

	if (r < 0) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
			   "state %s %s and cannot be set aside: %s", s->path, why,
			   strerror(-r));
		return mm_err_class(reterr, MM_CLASS_LOCAL,
				    "check that the state directory is writable and has room");
	}
	if (!ret_note)
		return 0;
	free(*ret_note);
	*ret_note = to ? text_fmt("state %s %s and is set aside as %s", s->path, why, to)
		       : text_fmt("state %s %s; a real run sets it aside", s->path, why);
	return *ret_note ? 0 : mm_err_oom(reterr);
}

static int failed_to_open(struct state *s, int r, struct mm_err *reterr)
{
	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	if (s->db)
		return state_failed(s, "open the database", reterr);
	mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r, "cannot read state %s: %s", s->path,
		   strerror(-r));
	return mm_err_class(reterr, MM_CLASS_LOCAL,
			    "check that disk, and the file's owner and permissions");
}

int state_file_open(struct state *s, char **ret_note, struct mm_err *reterr)
{
	bool fresh = s->dry && access(s->path, F_OK) < 0;
	int r;

	r = open_and_check(s, fresh ? ":memory:" : s->path);
	if (r == -EPROTO || r == -ESTALE || (r < 0 && state_file_is_damaged(s))) {
		const char *why = r == -ESTALE ? "is of other mailboxes" : "is damaged";

		s->failed = true; /* nothing more is written to it */
		state_file_close(s);
		s->failed = s->wrote = false;
		s->writings = 0;
		r = replace(s, why, ret_note, reterr);
		if (r < 0)
			return r;
		r = open_and_check(s, s->dry ? ":memory:" : s->path);
	}
	return r < 0 ? failed_to_open(s, r, reterr) : 0;
}
