/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_HISTORY_H
#define MAILMIG_HISTORY_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/event.h>

/* What ran when and how it went, and what is remembered of each account: mailmig.db in the
 * state directory, written by the daemon alone. It is a record for people. What is at which
 * side is not in it and no promise about mail rests on it, so its loss is never fatal: a
 * corrupt file is set aside and a fresh one begun, and while the disk is full or the file
 * cannot be opened the daemon goes on without. Every call tries again. */

#define HISTORY_FILE         "mailmig.db"
#define HISTORY_RUNS_KEPT    200 /* newest, of each account */
#define HISTORY_LIST_DEFAULT 20

struct history;

/* Open or create state_dir/mailmig.db and turn runs that were left "running" into
 * "interrupted". 0, also when the file is not usable now: then *reterr says why and its code is
 * not 0. -ENOMEM: *ret is not set. */
int history_open(const char *state_dir, struct history **ret, struct mm_err *reterr);
struct history *history_free(struct history *h);
DEFINE_CLEANUP(struct history *, history_free)

/* A run started. 0 or -EIO with the reason in reterr. */
int history_begin(struct history *h, const char *id, const char *account, const char *job,
		  uint64_t started_usec, struct mm_err *reterr);

/* What a run told of its folders. They are kept of the newest run of each account only. */
struct run_folders {
	char *json;        /* an array of objects, as text; NULL: nothing was told */
	uint64_t left_out; /* folders that were told, but are not in it */
};

/* It ended (or was never recorded as begun: then all of it is written now). folders may be
 * NULL. Older runs of the account go when there are more than HISTORY_RUNS_KEPT; the newest
 * success and the newest that history_totals() wants always stay. 0 or -EIO with the reason in
 * reterr. */
int history_finish(struct history *h, const struct run_summary *s,
		   const struct run_folders *folders, struct mm_err *reterr);

/* Of two runs the newer is the one that ended later, whatever the clock said. */

/* The newest ended run of an account into an empty summary: 1; 0: none, or not readable. */
int history_last_run(struct history *h, const char *account, struct run_summary *ret);

/* The folders of an account's run `id`, when that is its newest: 1, and ret->json is the
 * caller's to free; 0: none are kept, or not readable. */
int history_folders(struct history *h, const char *account, const char *id,
		    struct run_folders *ret);

/* What the newest run that came as far as listing the origin counted there; 0 and 0: none did.
 */
void history_totals(struct history *h, const char *account, uint64_t *ret_messages,
		    uint64_t *ret_bytes);

/* What is remembered of an account beside its runs. */
struct account_note {
	uint64_t paused_usec; /* wall clock: paused since; 0: it is not */
	uint64_t since_usec; /* end of the newest good run ("ok" or "partial"); before the first
				one, start of the first that failed; 0: neither */
	uint64_t told_usec;  /* notify.command ran since then; 0: it did not */
	uint32_t asked;      /* > 0: a run was asked for and has not ended; starts of the daemon
				that have taken it up, and one */
};

/* All 0 when nothing is. 0; -EIO: not readable now, *ret is not set. */
int history_read_note(struct history *h, const char *account, struct account_note *ret);

/* durable: it is on the disk when the call returns. 0 or -EIO with the reason in reterr. */
int history_write_note(struct history *h, const char *account, const struct account_note *note,
		       bool durable, struct mm_err *reterr);

/* No run is asked for any more, of any account. 0 or -EIO with the reason in reterr. */
int history_forget_asked(struct history *h, struct mm_err *reterr);

/* When the account's newest run with result "ok" ended, wall clock; 0: never. */
uint64_t history_last_success(struct history *h, const char *account);

/* The newest ended runs of an account, newest first, at most `limit`. Each is given to `each`
 * and freed afterwards (its content may be moved out); a negative value ends the listing and is
 * returned. 0 or -errno. */
int history_list(struct history *h, const char *account, uint32_t limit,
		 int (*each)(struct run_summary *s, void *userdata), void *userdata,
		 struct mm_err *reterr);

/* The file that a corrupt database was renamed to since the last call, owned; or NULL. */
char *history_take_set_aside(struct history *h);

#endif
