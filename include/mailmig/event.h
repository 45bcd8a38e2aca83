/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_EVENT_H
#define MAILMIG_EVENT_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/skip.h>

/* What a worker reports while it runs and when it is done: plain data and its JSON form, which
 * is the same on the worker's socket, in the control protocol and in `run --json`:
 *
 *   {"event":"progress","account":…,"run":…,"phase":…,"folder":…,"done":…,"total":…,
 *    "bytes_done":…,"bytes_total":…,"rate":…,"eta_seconds":…,"until":…}
 *                                   (until: null, or in phase "throttled" when it goes on)
 *   {"event":"folder","account":…,"run":…,"folder":…,"destination":…,"messages":…,"copied":…,
 *    "present":…,"skipped":…,"skipped_by":{…},"failed":…,"flags_updated":…,"deleted":…,
 *    "bytes":…,"created":…,"result":…}                    (skipped_by: reason and number)
 *   {"event":"message","account":…,"run":…,"folder":…,"uid":…,"result":…,"class":…,"text":…,
 *    "advice":…}                                       (only messages that were not done as
 * asked)
 *   {"event":"log","level":…,"text":…}
 *   {"event":"check","account":…,"run":…,"side":…,"item":…,"result":…,"exit_code":…,"text":…,
 *    "advice":…}                                       (of a check, one for each thing)
 *   {"event":"done","account":…,"run":…, …}           (the object of `last_run`)
 *
 * From parent to worker there are the job, and then {"cancel":true}. */

enum run_result {
	RUN_OK,
	RUN_PARTIAL, /* done, but some messages or folders failed */
	RUN_FAILED,
	RUN_CANCELLED,
	RUN_THROTTLED, /* the rest has to wait: a limit of a provider or of the configuration */
	RUN_INTERRUPTED, /* the worker went away without a word */
};

/* "ok", "partial", "failed", "cancelled", "throttled", "interrupted" */
const char *run_result_name(enum run_result r);
int run_result_from_name(const char *name, enum run_result *ret); /* 0 or -EINVAL */

/* One error of a run. text and advice as in struct mm_err; folder and uid may be NULL and 0. */
struct run_error {
	char *folder;
	uint32_t uid;
	enum mm_class cls;
	char *text;
	char *advice;
	uint64_t until_usec; /* throttled: the wall-clock time at which it goes on; 0: not told
			      */
};

/* How a run went. Every listed message is in exactly one of copied, present, skipped, failed.
 */
struct run_summary {
	char *id;
	char *account;
	char *job; /* "sync" */
	bool dry_run;
	uint64_t started_usec; /* wall clock */
	uint64_t finished_usec;
	enum run_result result;
	int exit_code;
	uint64_t copied;
	uint64_t present;
	uint64_t skipped;
	uint64_t skipped_by[SKIP_N]; /* their sum is `skipped` */
	uint64_t failed;
	uint64_t flags_updated;
	uint64_t deleted;
	uint64_t bytes;          /* of the messages copied */
	uint64_t total_messages; /* at the origin, of the folders in the job */
	uint64_t total_bytes;
	uint64_t round_trips;     /* waits for an answer, over all connections */
	struct run_error *errors; /* at most RUN_ERRORS_MAX, the first ones */
	size_t n_errors;
};

#define RUN_ERRORS_MAX 100

void run_summary_done(struct run_summary *s);

/* Did it come as far as listing the origin? Else its totals say nothing. */
bool run_summary_listed(const struct run_summary *s);

/* Forget all its errors. */
void run_summary_drop_errors(struct run_summary *s);

/* Add a copy of an error; past RUN_ERRORS_MAX it is dropped (0). 0 or -ENOMEM. */
int run_summary_add_error(struct run_summary *s, const char *folder, uint32_t uid,
			  enum mm_class cls, const char *text, const char *advice);

/* The same, of a run that ended since it has to wait until then. */
int run_summary_add_throttle(struct run_summary *s, const char *text, const char *advice,
			     uint64_t until_usec);

/* When it may go on; 0: it did not end for that. */
uint64_t run_summary_until(const struct run_summary *s);

/* The object of `last_run`, with "account", "dry_run", "skipped_by", "total_messages",
 * "total_bytes" and "round_trips" after the members of the contract. Times of 0 and what is
 * NULL are null. A new reference, or NULL without memory. */
json_t *run_summary_to_json(const struct run_summary *s);

/* Fill an empty summary; other members are ignored, those of the contract must be there (but
 * times, account and folder may be null). On failure it is empty again. 0, -EBADMSG, -ENOMEM.
 */
int run_summary_from_json(struct run_summary *s, const json_t *o);

/* One line of a check: how a thing is that runs need, and what mends it. */
enum check_result {
	CHECK_OK,
	CHECK_WARN,
	CHECK_FAIL,
};

struct check_line {
	enum check_result result;
	const char *side; /* "origin", "destination" or NULL */
	const char *item; /* "login" */
	int exit_code;    /* that a run would end with; 0: it would not */
	char text[512];
	char advice[512]; /* with the command; empty when all is well */
};

/* "ok", "warn", "fail" */
const char *check_result_name(enum check_result r);

/* The "check" event without account and run: a new reference, or NULL without memory. Text and
 * advice are cleaned. */
json_t *check_line_to_json(const struct check_line *l);

#endif
