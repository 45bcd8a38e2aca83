/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/history.h>

#include "history_internal.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <string.h>

#define COLUMNS                                                                                \
	"id, account, job, started, finished, result, exit_code, copied, present, skipped, "   \
	"failed, flags_updated, deleted, bytes, total_messages, total_bytes, round_trips, "    \
	"errors, skipped_by"

/* run_summary_listed() */
#define LISTED "(total_messages > 0 OR result IN ('ok', 'partial'))"

static const char sql_begin[] =
	"INSERT OR REPLACE INTO runs (id, account, job, started, result) "
	"VALUES (?1, ?2, ?3, ?4, 'running')";

static const char sql_finish[] = "INSERT OR REPLACE INTO runs (" COLUMNS ") "
				 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, "
				 "?13, ?14, ?15, ?16, ?17, ?18, ?19)";

static const char sql_finish_folders[] =
	"INSERT OR REPLACE INTO run_folders (account, run, left_out, folders) "
	"VALUES (?1, ?2, ?3, ?4)";

/* A row is written anew when its run ends: rowid is the order of the ends, whatever the clock
 * said. */
static const char sql_prune[] =
	"DELETE FROM runs WHERE account = ?1 AND result <> 'running' "
	"AND id NOT IN (SELECT id FROM runs WHERE account = ?1 AND result <> 'running' "
	"ORDER BY rowid DESC LIMIT ?2) "
	"AND id NOT IN (SELECT id FROM runs WHERE account = ?1 AND result = 'ok' "
	"ORDER BY rowid DESC LIMIT 1) "
	"AND id NOT IN (SELECT id FROM runs WHERE account = ?1 AND " LISTED
	" ORDER BY rowid DESC LIMIT 1)";

static const char sql_list[] = "SELECT " COLUMNS " FROM runs "
			       "WHERE account = ?1 AND result <> 'running' "
			       "ORDER BY rowid DESC LIMIT ?2";

static const char sql_last_success[] = "SELECT finished FROM runs "
				       "WHERE account = ?1 AND result = 'ok' "
				       "ORDER BY rowid DESC LIMIT 1";

static const char sql_totals[] =
	"SELECT total_messages, total_bytes FROM runs "
	"WHERE account = ?1 AND result <> 'running' AND " LISTED " ORDER BY rowid DESC LIMIT 1";

static const char sql_folders[] = "SELECT left_out, folders FROM run_folders "
				  "WHERE account = ?1 AND run = ?2";

static const char sql_interrupt[] =
	"UPDATE runs SET result = 'interrupted', exit_code = 10, finished = ?1, errors = ?2 "
	"WHERE result = 'running'";

static const char interrupted_errors[] =
	"[{\"class\":\"other\",\"text\":\"mailmigd ended before the run did\","
	"\"advice\":\"nothing is lost: the next run goes on where this one stopped\"}]";

int history_with_db(struct history *h, history_work_fn work, void *arg, const char *what,
		    struct mm_err *reterr)
{
	int rc = SQLITE_OK;

	for (int attempt = 0; attempt < 2; attempt++) {
		rc = history_db_ensure(h);
		if (rc == SQLITE_OK)
			rc = work(h->db, arg);
		if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
			return 0;
		if (!history_db_is_corrupt(rc) || history_db_set_aside(h) < 0)
			break;
	}

	(void)mm_err_set(reterr, MM_SCOPE_NONE, MM_RETRY_LATER, -EIO, "cannot %s in %s: %s",
			 what, h->path,
			 rc == SQLITE_MISMATCH ? "it is of a later version of mailmig"
			 : h->db               ? sqlite3_errmsg(h->db)
					       : sqlite3_errstr(rc));
	(void)mm_err_class(
		reterr, MM_CLASS_LOCAL,
		"runs go on; check free space and permissions of the state directory");
	return -EIO;
}

int history_run_statement(sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int interrupt_running(sqlite3 *db, void *arg)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_interrupt, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_int64(st, 1, (sqlite3_int64)clock_wall_usec());
	(void)sqlite3_bind_text(st, 2, interrupted_errors, -1, SQLITE_STATIC);
	return history_run_statement(st);
}

int history_open(const char *state_dir, struct history **ret, struct mm_err *reterr)
{
	_cleanup_(history_freep) struct history *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->path = text_fmt("%s/%s", state_dir, HISTORY_FILE);
	if (!h->path)
		return -ENOMEM;

	*reterr = (struct mm_err){0};
	(void)history_with_db(h, interrupt_running, NULL, "begin the history", reterr);
	*ret = STEAL(h);
	return 0;
}

struct history *history_free(struct history *h)
{
	if (!h)
		return NULL;

	history_db_close(h);
	free(h->path);
	free(h->set_aside);
	free(h);
	return NULL;
}

char *history_take_set_aside(struct history *h)
{
	return STEAL(h->set_aside);
}

struct begin_arg {
	const char *id, *account, *job;
	uint64_t started_usec;
};

static int do_begin(sqlite3 *db, void *arg)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	const struct begin_arg *a = arg;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_begin, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	/* A failed bind leaves NULL, which the schema refuses. */
	(void)sqlite3_bind_text(st, 1, a->id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, a->account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 3, a->job, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 4, (sqlite3_int64)a->started_usec);
	return history_run_statement(st);
}

int history_begin(struct history *h, const char *id, const char *account, const char *job,
		  uint64_t started_usec, struct mm_err *reterr)
{
	struct begin_arg a = {id, account, job, started_usec};

	return history_with_db(h, do_begin, &a, "record a run", reterr);
}

struct finish_arg {
	const struct run_summary *s;
	const struct run_folders *folders; /* or NULL */
	char *errors;                      /* JSON */
};

static int insert_finished(sqlite3 *db, const struct finish_arg *a)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	const struct run_summary *s = a->s;
	char skipped[SKIPS_TEXT_MAX];
	const uint64_t counters[] = {
		s->copied,  s->present, s->skipped,        s->failed,      s->flags_updated,
		s->deleted, s->bytes,   s->total_messages, s->total_bytes, s->round_trips};
	int rc;

	rc = sqlite3_prepare_v2(db, sql_finish, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, s->id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, s->account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 3, s->job, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 4, (sqlite3_int64)s->started_usec);
	(void)sqlite3_bind_int64(st, 5, (sqlite3_int64)s->finished_usec);
	(void)sqlite3_bind_text(st, 6, run_result_name(s->result), -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 7, s->exit_code);
	for (size_t i = 0; i < ELEMENTS(counters); i++)
		(void)sqlite3_bind_int64(st, 8 + (int)i, (sqlite3_int64)counters[i]);
	(void)sqlite3_bind_text(st, 18, a->errors, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 19, skips_to_text(s->skipped_by, skipped), -1,
				SQLITE_STATIC);
	return history_run_statement(st);
}

/* In place of those of the run before: they would fill the disk, and nobody asks for them. */
static int replace_folders(sqlite3 *db, const struct finish_arg *a)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	const char *json = a->folders ? a->folders->json : NULL;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_finish_folders, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, a->s->account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(st, 2, a->s->id, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 3, a->folders ? (sqlite3_int64)a->folders->left_out : 0);
	(void)sqlite3_bind_text(st, 4, json ? json : "[]", -1, SQLITE_STATIC);
	return history_run_statement(st);
}

static int prune(sqlite3 *db, const char *account)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db, sql_prune, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int(st, 2, HISTORY_RUNS_KEPT);
	return history_run_statement(st);
}

static int do_finish(sqlite3 *db, void *arg)
{
	const struct finish_arg *a = arg;
	int rc;

	rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return rc;

	rc = insert_finished(db, a);
	if (rc == SQLITE_OK)
		rc = replace_folders(db, a);
	if (rc == SQLITE_OK)
		rc = prune(db, a->s->account);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc != SQLITE_OK) /* SQLite may have rolled back by itself already */
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int history_finish(struct history *h, const struct run_summary *s,
		   const struct run_folders *folders, struct mm_err *reterr)
{
	_cleanup_(freep) char *errors = history_errors_to_text(s);
	struct finish_arg a = {s, folders, errors};

	if (!errors) {
		(void)mm_err_oom(reterr);
		return -EIO;
	}
	return history_with_db(h, do_finish, &a, "record the end of a run", reterr);
}

/* A text column as an owned string; "" for NULL. */
static char *column_dup(sqlite3_stmt *st, int column)
{
	const unsigned char *s = sqlite3_column_text(st, column);

	return text_dup(s ? (const char *)s : "");
}

static int summary_from_row(sqlite3_stmt *st, struct run_summary *s)
{
	uint64_t *const counters[] = {&s->copied,     &s->present,        &s->skipped,
				      &s->failed,     &s->flags_updated,  &s->deleted,
				      &s->bytes,      &s->total_messages, &s->total_bytes,
				      &s->round_trips};
	const char *result = (const char *)sqlite3_column_text(st, 5);

	s->id = column_dup(st, 0);
	s->account = column_dup(st, 1);
	s->job = column_dup(st, 2);
	if (!s->id || !s->account || !s->job)
		return -ENOMEM;

	s->started_usec = (uint64_t)sqlite3_column_int64(st, 3);
	s->finished_usec = (uint64_t)sqlite3_column_int64(st, 4);
	if (!result || run_result_from_name(result, &s->result) < 0)
		s->result = RUN_FAILED; /* written by a later version */
	s->exit_code = sqlite3_column_int(st, 6);
	for (size_t i = 0; i < ELEMENTS(counters); i++)
		*counters[i] = (uint64_t)sqlite3_column_int64(st, 7 + (int)i);
	skips_from_text((const char *)sqlite3_column_text(st, 18), s->skipped_by);
	return history_errors_from_text((const char *)sqlite3_column_text(st, 17), s);
}

struct list_arg {
	const char *account;
	uint32_t limit;
	int (*each)(struct run_summary *s, void *userdata);
	void *userdata;
	int result;   /* of each() */
	size_t given; /* a second attempt must not give the first rows again */
};

static int do_list(sqlite3 *db, void *arg)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	struct list_arg *a = arg;
	int rc;

	if (a->given > 0)
		return SQLITE_OK;
	rc = sqlite3_prepare_v2(db, sql_list, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, a->account, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(st, 2, a->limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		_cleanup_(run_summary_done) struct run_summary s = {0};

		a->result = summary_from_row(st, &s);
		if (a->result >= 0)
			a->result = a->each(&s, a->userdata);
		if (a->result < 0)
			return SQLITE_OK;
		a->given++;
	}
	return rc;
}

int history_list(struct history *h, const char *account, uint32_t limit,
		 int (*each)(struct run_summary *s, void *userdata), void *userdata,
		 struct mm_err *reterr)
{
	struct list_arg a = {
		.account = account, .limit = limit, .each = each, .userdata = userdata};
	int r;

	r = history_with_db(h, do_list, &a, "read the runs", reterr);
	return r < 0 ? r : MIN_OF(a.result, 0);
}

static int keep_one(struct run_summary *s, void *userdata)
{
	struct run_summary *to = userdata;

	*to = *s;
	*s = (struct run_summary){0};
	return 0;
}

int history_last_run(struct history *h, const char *account, struct run_summary *ret)
{
	struct mm_err ignored;

	if (history_list(h, account, 1, keep_one, ret, &ignored) < 0)
		return 0;
	return ret->id ? 1 : 0;
}

/* A question about one account with an answer of one row. */
struct ask_arg {
	const char *sql;
	const char *account;
	const char *id;   /* second parameter, or NULL */
	int64_t value[2]; /* integers of the row */
	char *text;       /* its last column, when that is one */
};

static int do_ask(sqlite3 *db, void *arg)
{
	_cleanup_(stmt_finalizep) sqlite3_stmt *st = NULL;
	struct ask_arg *a = arg;
	int rc;

	rc = sqlite3_prepare_v2(db, a->sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;

	(void)sqlite3_bind_text(st, 1, a->account, -1, SQLITE_STATIC);
	if (a->id)
		(void)sqlite3_bind_text(st, 2, a->id, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc != SQLITE_ROW)
		return rc;

	for (int i = 0; i < sqlite3_column_count(st); i++)
		if (sqlite3_column_type(st, i) != SQLITE_TEXT)
			a->value[i] = sqlite3_column_int64(st, i);
		else
			a->text = column_dup(st, i);
	return rc;
}

uint64_t history_last_success(struct history *h, const char *account)
{
	struct ask_arg a = {.sql = sql_last_success, .account = account};
	struct mm_err ignored;

	(void)history_with_db(h, do_ask, &a, "read the runs", &ignored);
	return (uint64_t)a.value[0];
}

void history_totals(struct history *h, const char *account, uint64_t *ret_messages,
		    uint64_t *ret_bytes)
{
	struct ask_arg a = {.sql = sql_totals, .account = account};
	struct mm_err ignored;

	(void)history_with_db(h, do_ask, &a, "read the runs", &ignored);
	*ret_messages = (uint64_t)a.value[0];
	*ret_bytes = (uint64_t)a.value[1];
}

int history_folders(struct history *h, const char *account, const char *id,
		    struct run_folders *ret)
{
	struct ask_arg a = {.sql = sql_folders, .account = account, .id = id};
	struct mm_err ignored;

	(void)history_with_db(h, do_ask, &a, "read the folders of a run", &ignored);
	if (!a.text)
		return 0;
	ret->json = a.text;
	ret->left_out = (uint64_t)a.value[0];
	return 1;
}
