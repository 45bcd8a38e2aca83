/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATE_INTERNAL_H
#define STATE_INTERNAL_H

#include <mailmig/state.h>
#include <pthread.h>
#include <sqlite3.h>

enum statement {
	ST_FOLDERS,
	ST_FOLDER_GET,
	ST_FOLDER_ADD,
	ST_FOLDER_PUT,
	ST_PAIRS,
	ST_PLACE,
	ST_RETIRE_OTHERS,
	ST_DEST_IDS,
	ST_DEST_STALE,
	ST_DEST_RENEW,
	ST_PUT,
	ST_SETTLE,
	ST_SET_FLAGS,
	ST_DELETE,
	ST_DELETE_ALL,
	ST_GET,
	ST_GET_DEST,
	ST_UNKEPT_GET,
	ST_UNKEPT_PUT,
	ST_OWNS,
	ST_COUNT,
	ST_COUNT_HELD,
	ST_COUNT_SETTLED,
	ST_SUM_SETTLED,
	ST_REFUSE_FLAGS,
	ST_EACH,
	ST_EACH_STATE,
	ST_EACH_OPEN, /* of a state other than stored: few rows among many */
	ST_TRAFFIC_ADD,
	ST_TRAFFIC_EACH,
	ST_TRAFFIC_KEEP,
	ST_PAUSE_SET,
	ST_PAUSE_GET,
	ST_N,
};

/* Each page of the file ends with a checksum (pages.c). */
#define STATE_PAGE_OCTETS 4096
#define STATE_SUM_OCTETS  8

struct state {
	sqlite3 *db;
	sqlite3_stmt *st[ST_N];
	pthread_mutex_t lock;
	int lock_fd;
	char *path;
	const char *account, *mailboxes; /* while it is opened */
	uint32_t writings;               /* of earlier runs; odd: the last did not end well */
	bool wrote;                      /* so did this one */
	bool dry;
	bool failed;
	struct mm_err failure; /* why */
	char *aside;           /* where the file went when it showed to be damaged */
};

/* ---- pages.c ---- */

/* The name of the VFS that keeps the checksums. */
const char *state_vfs(void);

/* A file before SQLite has touched it. */
struct state_rest {
	uint64_t size; /* 0: there is none */
	uint32_t pages;
	bool has_sums;
	uint32_t user_version;
	bool has_wal;
};
/* Look at it, at all of it where no log is to replace anything. 0; -EPROTO: it is damaged or no
 * file; -errno. */
int state_look_at_rest(const char *path, const char *wal, struct state_rest *ret);

/* ---- file.c ---- */

/* Open or create the file, or set it aside and begin a new one (state_open). */
int state_file_open(struct state *s, char **ret_note, struct mm_err *reterr);
/* In the first transaction of a run: the file says that it is being written. */
int state_file_begin_writing(struct state *s);
void state_file_close(struct state *s);
/* The last error was one of the file, and not of its disk. */
bool state_file_is_damaged(const struct state *s);
int state_file_set_aside(const struct state *s, char **ret_to);

/* ---- open.c ---- */

/* The statements, of which each names what it needs of the file. 0 or -EIO. */
int state_prepare(struct state *s);

/* ---- state.c ---- */

/* Describe the database's trouble; the handle is of no more use. */
int state_failed(struct state *s, const char *what, struct mm_err *reterr);
/* Handles that failed once are never used again: what they hold is not known. */
int state_usable(struct state *s, struct mm_err *reterr);
/* Run a prepared statement that returns no row. */
int state_run(struct state *s, enum statement which, const char *what, struct mm_err *reterr);

#endif
