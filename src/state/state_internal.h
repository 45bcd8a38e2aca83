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
	ST_EACH_OPEN, /* of a state other than stored: few rows among many */
	ST_N,
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

/* Describe the database's trouble; the handle is of no more use. */
int state_failed(struct state *s, const char *what, struct mm_err *reterr);

#endif
