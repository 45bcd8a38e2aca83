/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_INTERNAL_H
#define DAEMON_INTERNAL_H

#include "note.h"
#include "run.h"
#include "timers.h"
#include <mailmig/config.h>
#include <mailmig/history.h>
#include <mailmig/varlink_server.h>
#include <systemd/sd-event.h>

/* mailmigd: one thread, one loop. main.c: options, signals, start and end; listen.c: the
 * control socket; config.c: load and reload; schedule.c: what runs when; run.c: one run from
 * the queue to its result; worker.c: its process and the talk with it; follow.c: clients that
 * watch runs; note.c: what is remembered of accounts; notify.c: the command that tells of
 * failing ones; timers.c: what systemd knows; control.c: the methods; status.c: what is told
 * about it all. */

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

/* After a kill of the daemon its workers end at their next message border, at the latest when
 * they break off; so long an account whose state is locked waits for that. */
#define ORPHAN_GRACE (20 * USEC_PER_SEC)

/* A worker may wait in silence as long as its job allows and this much more. */
#define SILENCE_MARGIN (10 * 60 * USEC_PER_SEC)

struct daemon;

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
	struct account_note note;
	bool note_read;             /* what was written before is in `note` */
	bool unsaved;               /* `last` is not in the history yet */
	bool note_unsaved;          /* nor is `note` */
	struct run_folders folders; /* of `last`, while it is unsaved */
};

struct daemon {
	sd_event *event;
	const char *config_path; /* NULL: the default */
	struct config *config;
	struct record *records; /* one for each account of config, same order */
	char *worker_path;
	char *state_dir;     /* locked at the start: a reload does not change it */
	uint64_t since_usec; /* wall clock */
	uint64_t orphans_until_usec;
	uint64_t cancel_grace_usec;
	struct history *history;
	bool history_trouble; /* reported; said again only after it worked in between */

	char *socket_path;
	bool socket_ours; /* made here, so removed here */
	int listen_fd;
	int lock_fd;        /* of the state directory */
	int socket_lock_fd; /* of the socket's path; -1: systemd has the socket */
	struct varlink_server *server;
	struct varlink_info info;
	bool has_group;
	gid_t group;

	struct run *runs, *runs_tail;
	struct run *checks; /* in the order of asking */
	struct follow *follows;
	uint64_t last_batch;
	sd_event_source *schedule_source, *held_timer;
	struct notify notify;
	struct timers timers;
	char *status_text; /* last one told to systemd */
	bool draining;
	sd_event_source *drain_timer, *drain_limit;
};

/* ---- main.c ---- */

/* Arm a one-shot timer, made when there is none yet. `usec` from now. 0 or -errno. */
int daemon_set_timer(struct daemon *d, sd_event_source **s, uint64_t usec,
		     sd_event_time_handler_t handler, void *userdata);

/* ---- config.c ---- */

/* Load at start, or again: all or nothing. 0; -EINVAL with the complaints; -ENOMEM. */
int daemon_load_config(struct daemon *d, struct config_errors *errors);

/* SIGHUP and the method Reload: load, tell systemd and the journal. */
int daemon_reload(struct daemon *d, struct config_errors *errors);

/* Warn of schedules that nobody could check. */
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

/* ---- follow.c ---- */

/* Watch the runs on behalf of a call that wants more. 0 or -ENOMEM. */
int follow_new(struct daemon *d, struct varlink_call *call, struct run **runs, size_t n);
void follow_event(struct run *r, json_t *event, bool may_be_left_out);
void follow_run_ended(struct run *r, const struct run_summary *s);
struct follow *follow_free(struct follow *f);

/* ---- control.c ---- */

extern const struct varlink_interface control_interface;

/* ---- secrets.c ---- */

void secrets_set(struct varlink_call *call, const json_t *parameters, void *userdata);
void secrets_list(struct varlink_call *call, const json_t *parameters, void *userdata);
void secrets_remove(struct varlink_call *call, const json_t *parameters, void *userdata);

/* ---- status.c ---- */

/* The object of `status --json`: all accounts, or those named, then with the folders of their
 * last runs. NULL without memory. */
json_t *status_to_json(struct daemon *d, const json_t *names);

/* "2 running, 1 queued, 14 idle; 1 failing"; owned, NULL without memory. */
char *status_text(struct daemon *d);

/* Cut the lists of errors out of an array of summaries when the message would be too large. */
void status_fit(json_t *message, json_t *summaries);

#endif
