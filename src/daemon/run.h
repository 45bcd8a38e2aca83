/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_RUN_H
#define DAEMON_RUN_H

#include "folder_log.h"
#include "queue.h"
#include "run_id.h"
#include "worker_event.h"
#include <mailmig/buf.h>
#include <mailmig/config.h>
#include <mailmig/event.h>
#include <systemd/sd-event.h>

/* A run from the queue to its result (run.c), and its process (worker.c). */

struct daemon;

enum run_state {
	RUN_QUEUED,
	RUN_RUNNING,
};

/* One run of an account, queued or running. */
struct run {
	struct daemon *daemon;
	struct run *prev, *next; /* in the order of asking */
	char id[RUN_ID_LENGTH + 1];
	char *account;
	bool dry_run;
	unsigned asked; /* of job_asks[] */
	bool check;     /* not a run: in daemon.checks */
	uint64_t batch; /* the request it came from */
	bool fail_fast; /* its failure takes back what is still queued of the same request */
	enum run_state state;
	uint64_t started_usec; /* wall clock; 0 while queued */
	char *server[2];       /* where a running one has connections, and how many */
	uint32_t connections[2];
	struct run_end ends[2]; /* origin and destination of a running one */

	pid_t pid;
	int fd;
	sd_event_source *io, *child_exit, *kill_timer, *silence_timer;
	uint64_t silence_usec; /* longest time without an event */
	int credentials_fd;    /* a directory that came with the request; <= 0: none */
	struct buf in, out;
	unsigned n_log; /* entries the worker had written to the journal */
	bool cancelled; /* somebody asked for the end */
	bool stopped;   /* by the end of the daemon: it is taken up again */
	bool killed;    /* by us */
	bool done;      /* the worker gave its result: `summary` is it */
	struct run_summary summary;
	char *trouble;             /* why there will be no result, or NULL */
	json_t *progress;          /* newest, as in a status answer; or NULL */
	struct folder_log folders; /* of a real run */
};

/* ---- run.c ---- */

/* Queue a run. 0 or -errno. */
int run_new(struct daemon *d, const struct config_account *a, bool dry_run, uint64_t batch,
	    bool fail_fast, struct run **ret);

/* Start the worker with what queue_entry_init() found. Whatever goes wrong becomes the run's
 * result. */
void run_start(struct run *r, const struct config_account *a, const struct queue_entry *e,
	       uint32_t lanes);

/* End it at the next message border; a queued one ends now. `why` is for its report. */
void run_cancel(struct run *r, const char *why);

/* The worker is gone, or never came: make the result, record it and tell everybody. r->trouble
 * says why when there was no "done". Frees the run. */
void run_finish(struct run *r);

/* An event of the worker, of `size` octets. 0; or -errno: it is not one, and the worker has to
 * go. */
int run_handle_event(struct run *r, json_t *event, size_t size);

/* Set r->trouble unless there is one already: the first reason is the true one. */
void run_set_trouble(struct run *r, const char *fmt, ...) _printf_(2, 3);

/* Tell the journal of trouble with the history, once, and of its end. result: of a write. */
void daemon_report_history(struct daemon *d, int result, const struct mm_err *err);

struct run *daemon_find_run(struct daemon *d, const char *account);
struct run *run_free(struct run *r);

/* ---- worker.c ---- */

/* Start the process and hand it the job. 0 or -errno, described. */
int worker_start(struct run *r, const struct job *job, struct mm_err *reterr);

/* Ask it to end; after grace_usec it is killed. A second call may shorten the time. */
void worker_cancel(struct run *r, uint64_t grace_usec);
void worker_kill(struct run *r);
void worker_done(struct run *r);

#endif
