/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <mailmig/engine.h>
#include <mailmig/folder.h>
#include <mailmig/selection.h>
#include <mailmig/seqset.h>
#include <mailmig/state.h>
#include <mailmig/store.h>
#include <pthread.h>
#include <stdatomic.h>

#include "absence.h"
#include "flagsync.h"
#include "labels.h"
#include "map.h"
#include "match.h"
#include "select.h"
#include "throttle.h"

/* Memory for bodies on their way, over all lanes; larger ones pass through a file. */
#define SPOOL_MEMORY (10 * 1024 * 1024)
#define LANES_MAX    16

/* One origin folder and where its messages go. */
struct pair {
	char *origin, *destination;         /* canonical */
	char *origin_raw, *destination_raw; /* the servers' own */
	struct folder_status origin_status, destination_status;
	struct map_result map; /* why it goes there */
	bool exists;           /* at the destination, before the run */
	bool subscribe;        /* wanted at the destination and not so yet */
	char *note;            /* what a person should know of that; or NULL */
	/* The first of the pairs with this destination, which all of them point to: never are
	 * two of them worked on at once. */
	struct pair *first;
	bool busy;           /* of the first: one of them is being worked on */
	bool in_doubt;       /* uploads of it may be there that nobody has found yet, */
	unsigned n_in_doubt; /* of the first: so many of them; the others wait for these */
	bool renamed;        /* the destination has refused the name that the rules gave it */
	struct state_folder sf;
	bool unchanged;
	bool crowded;   /* somebody else fills the destination too: no haste */
	bool recounted; /* a listing was too short and has been asked for again */
	bool estimated; /* its share of the progress is known */
	const struct label_set *labels; /* all mail: what has none of these; else NULL */

	enum { PAIR_QUEUED, PAIR_TAKEN, PAIR_DONE } place;
	/* Monotonic: an uncertain upload may still appear, or a session broke in this folder.
	 */
	uint64_t not_before_usec;
	unsigned failures; /* sessions that broke in it in a row, without progress */
	uint64_t progress; /* messages and flags written down */
	uint64_t failures_mark;
	struct mm_err error; /* code 0: fine */

	uint64_t circumstances; /* under which the destination refuses, as a number */
	uint64_t held_rows;     /* for which something was refused by an earlier run */
	uint64_t held; /* of those failed: remembered, and not tried again for nothing */

	uint64_t listed, copied, present, skipped, failed, flags_updated, bytes;
	uint64_t skipped_by[SKIP_N]; /* their sum is `skipped` */
	struct absence absence;      /* what is to be deleted at the destination */
};

/* A pair of connections with its thread. */
struct lane {
	struct engine *engine;
	size_t number;
	pthread_t thread;
	bool started;
	bool early; /* began before the survey was done */
	struct store_link *link;
	struct store *origin, *destination;
	uint64_t round_trips; /* of stores already closed */
	unsigned failures;    /* in a row, without progress */
	uint64_t progress_mark;
	int result;
	struct mm_err error;
};

struct engine {
	const struct job *job;
	const struct secret *origin_secret, *destination_secret;
	const struct engine_hooks *hooks;
	struct state *state;
	uint64_t rules; /* folder_rules_hash() of the job */
	char *spool_dir;
	struct spool_pool *pool; /* bodies of all lanes */
	int cancel_fd;           /* eventfd: every wait ends */

	struct pair *pairs;
	size_t n_pairs;
	size_t n_listed;             /* folders of the origin, with those that are no pair's */
	struct map_omitted *omitted; /* folders that the rules leave out */
	size_t n_omitted;
	struct label_set labels; /* that the pairs copy, where the origin has labels */
	struct lane lanes[LANES_MAX];
	size_t n_lanes;

	pthread_mutex_t lock; /* queue, hooks, errors, phase */
	pthread_cond_t changed;
	_Atomic bool cancel;
	_Atomic bool rewriting;  /* the destination changed a message in this run */
	_Atomic bool renumbered; /* UIDs of a folder lost their meaning in it */
	_Atomic bool braked;     /* too much is gone: a person has to confirm it */
	unsigned connected;      /* sides to which the first lane is connected */
	unsigned logins;         /* sides that were logged in to */
	bool surveyed;           /* the queue is filled: lanes that connected early may begin */
	bool ending;             /* the job is over for all lanes */
	struct run_summary *summary;
	const char *phase;
	const char *folder;
	struct throttle throttle;
	uint64_t n_errors;
	struct selection select;     /* which messages, seen from the beginning of this run */
	int64_t started_sec;         /* wall clock */
	struct store_room plan_room; /* dry run with such rules: what the destination takes */
	struct mm_err lack;          /* dry run: it does not fit; code 0: it does */

	_Atomic uint64_t done, total, bytes_done, bytes_total;
	_Atomic uint64_t progress; /* of all pairs */
};

/* ---- trouble.c: the one judge ---- */

enum verdict {
	VERDICT_GO_ON, /* count the message as failed */
	VERDICT_END_FOLDER,
	VERDICT_RECONNECT,
	VERDICT_END_JOB,
};
enum verdict trouble_judge(const struct mm_err *e, unsigned failures_in_a_row,
			   uint32_t attempts);
/* How long to wait before the n-th attempt (from 1). */
uint64_t trouble_delay_usec(unsigned failures_in_a_row, uint64_t max_usec);

/* ---- rules.c: pure ---- */

/* A number for all rules of the account that decide what becomes of a folder's messages and
 * their flags; 0: there are none. */
uint64_t folder_rules_hash(const struct job *j);
/* The same for one pair: with the labels that decide, too. */
uint64_t pair_rules(const struct engine *e, const struct pair *p);

/* ---- survey.c ---- */
/* Connect the lane and fill the queue; a connection that breaks is opened again. */
int survey(struct lane *l, struct mm_err *reterr);

/* ---- lane.c ---- */
int lane_init(struct lane *l, struct engine *e, size_t number, struct mm_err *reterr);
int lane_open(struct lane *l, struct mm_err *reterr); /* both sides, at the same time */
/* Connect before there is work; without success the lane tries again when there is. */
void lane_open_early(struct lane *l);
/* The first lane begins anew: the others wait for it again. */
void lanes_hold(struct engine *e);
/* The same and each side's list of folders. */
int lane_open_and_list(struct lane *l, struct folder_list *origin,
		       struct folder_list *destination, struct mm_err *reterr);
void lane_close(struct lane *l);
bool engine_cancelled(const struct engine *e);
int engine_cancel_error(struct mm_err *reterr);
/* Count and tell a trouble with a message or folder. -EOVERFLOW (described in reterr) past
 * max_errors. */
int engine_trouble(struct engine *e, const char *folder, uint32_t uid,
		   const struct mm_err *what, struct mm_err *reterr);
/* The same for what was told before by another run: it counts towards no limit. */
void engine_tell(struct engine *e, const char *folder, uint32_t uid, const struct mm_err *what);
void engine_note(struct engine *e, int level, const char *fmt, ...) _printf_(3, 4);

/* ---- work.c ---- */
int lane_work(struct lane *l); /* take pairs until none is left; result also in l */
/* After a trouble before there are pairs. 0: the lane is closed, its pause is over, open it
 * anew; else the code of what ends the run, described in err. */
int lane_try_again(struct lane *l, struct mm_err *err);

#endif
