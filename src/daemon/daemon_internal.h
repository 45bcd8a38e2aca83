/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_INTERNAL_H
#define DAEMON_INTERNAL_H

#include "folder_log.h"
#include "queue.h"
#include "run_id.h"
#include "worker_event.h"
#include <mailmig/buf.h>
#include <mailmig/config.h>
#include <mailmig/event.h>
#include <mailmig/history.h>
#include <mailmig/varlink_server.h>
#include <systemd/sd-event.h>

/* mailmigd: one thread, one loop. main.c: options, signals, start and end; listen.c: the
 * control socket; config.c: load and reload; schedule.c: what runs when; run.c: one run from
 * the queue to its result; worker.c: its process and the talk with it; follow.c: clients that
 * watch runs; control.c: the methods; status.c: what is told about it all. */

#define EXIT_CODE_USAGE  2
#define EXIT_CODE_CONFIG 3
#define EXIT_CODE_CANCEL 9
#define EXIT_CODE_LOCAL  10

/* A cancelled worker ends at the next message border; one message may be large and a line slow.
 */
#define CANCEL_GRACE (60 * USEC_PER_SEC)

/* On SIGTERM: workers have so long, and the daemon itself leaves within 20 s whatever they do.
 */
#define DRAIN_GRACE (15 * USEC_PER_SEC)
#define DRAIN_LIMIT (19 * USEC_PER_SEC)

/* A worker that has said "done" or closed its channel has so long to leave. */
#define LEAVE_GRACE (10 * USEC_PER_SEC)

/* A worker may wait in silence as long as its job allows and this much more. */
#define SILENCE_MARGIN (10 * 60 * USEC_PER_SEC)

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
	struct buf in, out;
	unsigned n_log; /* entries the worker had written to the journal */
	bool cancelled; /* somebody asked for the end */
	bool killed;    /* by us */
	bool done;      /* the worker gave its result: `summary` is it */
	struct run_summary summary;
	char *trouble;             /* why there will be no result, or NULL */
	json_t *progress;          /* newest, as in a status answer; or NULL */
	struct folder_log folders; /* of a real run */
};

/* A client that waits for the end of one or more runs. */
struct follow {
	struct daemon *daemon;
	struct follow *prev, *next;
	struct varlink_call *call;
	struct run **runs; /* not ended yet */
	size_t n_runs;
	json_t *summaries;
	int exit_code;
};

/* What is known of an account of the configuration beyond its configuration. */
struct record {
	struct run_summary last; /* id NULL: never ran */
	uint64_t last_success_usec;
	uint64_t total_messages; /* of the newest run that listed them */
	uint64_t total_bytes;
	bool unsaved;               /* `last` is not in the history yet */
	struct run_folders folders; /* of `last`, while it is unsaved */
};

struct daemon {
	sd_event *event;
	const char *config_path; /* NULL: the default */
	struct config *config;
	struct record *records; /* one for each account of config, same order */
	char *worker_path;
	uint64_t since_usec; /* wall clock */
	uint64_t cancel_grace_usec;
	struct history *history;
	bool history_trouble; /* reported; said again only after it worked in between */

	char *socket_path;
	bool socket_ours; /* made here, so removed here */
	int listen_fd;
	int lock_fd;
	struct varlink_server *server;
	struct varlink_info info;
	bool has_group;
	gid_t group;

	struct run *runs, *runs_tail;
	struct follow *follows;
	uint64_t last_batch;
	sd_event_source *schedule_source;
	char *status_text; /* last one told to systemd */
	bool draining;
	sd_event_source *drain_timer, *drain_limit;
};

/* ---- config.c ---- */

/* Load at start, or again: all or nothing. 0; -EINVAL with the complaints; -ENOMEM. */
int daemon_load_config(struct daemon *d, struct config_errors *errors);

/* SIGHUP and the method Reload: load, tell systemd and the journal. */
int daemon_reload(struct daemon *d, struct config_errors *errors);

/* Say that schedules are read and not followed yet, where there are any. */
void daemon_note_schedules(const struct config *c);

/* As many clients as accounts and descriptors want. */
void daemon_set_connection_limit(struct daemon *d);

/* Fill an empty record with what the history has of the account. */
void record_read(struct record *r, struct history *h, const char *account);
void record_done(struct record *r);

/* The record of an account of the configuration, or NULL. */
struct record *daemon_record(struct daemon *d, const char *account);

/* ---- listen.c ---- */

/* The socket given by systemd, or one of our own. 0 or -errno, described. */
int daemon_listen(struct daemon *d, struct mm_err *reterr);

/* One daemon for each state directory. 0 or -errno, described. */
int daemon_lock(struct daemon *d, struct mm_err *reterr);

/* ---- schedule.c ---- */

/* Look, when the handlers at work have returned, for runs to start, and tell systemd. */
void daemon_schedule_soon(struct daemon *d);
int daemon_schedule_init(struct daemon *d);

/* End everything and leave the loop when all workers are gone. A second call does not wait. */
void daemon_drain(struct daemon *d);

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

struct run *daemon_find_run(struct daemon *d, const char *account);
struct run *run_free(struct run *r);

/* ---- worker.c ---- */

/* Start the process and hand it the job. 0 or -errno, described. */
int worker_start(struct run *r, const struct job *job, struct mm_err *reterr);

/* Ask it to end; after grace_usec it is killed. A second call may shorten the time. */
void worker_cancel(struct run *r, uint64_t grace_usec);
void worker_kill(struct run *r);
void worker_done(struct run *r);

/* ---- follow.c ---- */

/* Watch the runs on behalf of a call that wants more. 0 or -ENOMEM. */
int follow_new(struct daemon *d, struct varlink_call *call, struct run **runs, size_t n);
void follow_event(struct run *r, json_t *event, bool may_be_left_out);
void follow_run_ended(struct run *r, const struct run_summary *s);
struct follow *follow_free(struct follow *f);

/* ---- control.c ---- */

extern const struct varlink_interface control_interface;

/* ---- status.c ---- */

/* The object of `status --json`: all accounts, or those named, then with the folders of their
 * last runs. NULL without memory. */
json_t *status_to_json(struct daemon *d, const json_t *names);

/* "2 running, 1 queued, 14 idle; 1 failing"; owned, NULL without memory. */
char *status_text(const struct daemon *d);

/* Cut the lists of errors out of an array of summaries when the message would be too large. */
void status_fit(json_t *message, json_t *summaries);

#endif
