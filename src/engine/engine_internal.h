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

struct folder_work;

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
/* Another sentence of a pair's note. 0 or -ENOMEM. */
int pair_note(struct pair *p, const char *fmt, ...) _printf_(2, 3);

/* ---- places.c: what pairs of one destination share ---- */
/* Set `first` and map.shared of all pairs that have a destination_raw. 0 or -ENOMEM. */
int pairs_group(struct pair *v, size_t n);
/* Uploads of a pair have come into doubt, or are settled. */
void pair_set_doubt(struct pair *p, bool in_doubt);
/* May it be worked on now, as far as the others are concerned? */
bool pair_is_free(const struct pair *p);
/* The destination has other UIDs from now on, for all of its pairs. */
void pairs_renewed(struct engine *e, const struct pair *p, uint32_t uidvalidity);
/* Uploads to this destination that are in doubt, of other pairs: as items whose uid is their
 * watermark. */
int read_doubts(struct folder_work *w, struct match_list *to, struct mm_err *reterr);
/* Take out of the candidates what may be such an upload. Pure. */
void drop_doubtful(struct match_list *candidates, const struct match_list *doubts);

/* ---- make.c ---- */
/* Make the destination folders that are missing, under another name where the destination
 * refuses the one that is wanted. */
int make_missing(struct lane *l, struct mm_err *reterr);

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

/* ---- folder.c ---- */
/* Bring one pair into step. 1: done but for uploads whose outcome is not yet certain
 * (not_before_usec is set). */
int folder_sync(struct lane *l, struct pair *p, struct mm_err *reterr);

/* What the steps of one folder share. */
struct folder_work {
	struct lane *lane;
	struct pair *pair;
	struct store_folder origin, destination;
	bool eager; /* all bodies were asked for at once: the pair is new and its destination
		       empty */
	struct seqset fresh;    /* origin UIDs to copy */
	struct seqset known;    /* origin UIDs that are at the destination */
	uint64_t fresh_bytes;   /* dry run: their sizes */
	uint64_t copied_before; /* pair->copied when this pass began */
	uint32_t watermark;     /* destination UIDs from here on are news */
	uint64_t uncertain;     /* intents that could not be settled */
	struct seqset told;     /* origin UIDs that were listed */
	struct seqset given_up; /* of those: looked for once more, and not sent again */
	uint32_t unfound;       /* lowest watermark of an upload that was not found; 0: none */
	bool incomplete;        /* the next run has to look at all of it again */
	bool narrowed;          /* not all of the origin's messages were asked for */
	struct select_work select;
	bool dest_doubt;        /* messages seem to be gone from the destination */
	struct flag_work flags;
	struct match_list intent_flags; /* flags that messages in doubt have now */
};

/* Something of the pair is written down for good: an attempt was not in vain. */
void note_progress(struct folder_work *w, uint64_t n);
/* Octets of a message that the destination's folder takes; 0: no limit is told. */
uint64_t folder_size_limit(const struct folder_work *w);
/* One origin message as it was listed: new, known, changed, or left open by an earlier run. */
int folder_sort(struct folder_work *w, const struct message *m, struct buf *strings,
		uint64_t limit, struct mm_err *reterr);
/* Were as many messages listed as the server announced? If not it is asked once more (-EAGAIN):
 * somebody may have deleted some. Then it is a trouble of the folder. */
int folder_check_listing(struct folder_work *w, bool origin, uint64_t told,
			 struct mm_err *reterr);
/* Write down what is remembered of the pair (pair->sf). */
int save_folder(struct folder_work *w, struct mm_err *reterr);

/* ---- read.c ---- */
/* store_read_next() of the origin, with the flags as the account's rules make them. */
int read_origin_next(struct folder_work *w, struct message *m, struct mm_err *reterr);
/* Read the messages of a set in commands of bearable length; fn gets each that belongs to it
 * and may take members of m over. */
typedef int (*message_fn)(void *userdata, struct message *m, struct mm_err *reterr);
int read_each(struct folder_work *w, struct store *s, const struct seqset *uids, unsigned want,
	      message_fn fn, void *userdata, struct mm_err *reterr);
/* A message_fn: the message becomes an item of a match_list. */
int keep_message(void *userdata, struct message *m, struct mm_err *reterr);
/* Digests of the doubtful items of a side that have none yet, and `more` of enum store_want. */
int read_digests(struct folder_work *w, struct store *s, struct match_list *l, unsigned more,
		 struct mm_err *reterr);

/* ---- adopt.c: messages that are there already ---- */
/* Destination messages from UID `from` on that no row owns, with `want` of enum store_want. */
int read_candidates(struct folder_work *w, uint32_t from, unsigned want, struct match_list *to,
		    struct mm_err *reterr);
/* Write down what became of the origin messages that have a partner. ours: we put it there. */
int bind_all(struct folder_work *w, const struct match_list *o, bool ours,
	     struct mm_err *reterr);
int adopt_fresh(struct folder_work *w, struct mm_err *reterr);
/* Messages with a partner, all of them in `bound`, are no longer to be copied. */
void drop_fresh(struct folder_work *w, const struct match_list *o, struct seqset *bound);

/* ---- intents.c ---- */
int adopt_intents(struct folder_work *w, struct mm_err *reterr);
/* How long an upload without an answer may still appear: the session ended at `since`, it is
 * `now` (both clock_boot_usec(), perhaps of another boot). */
uint64_t uncertain_left(uint64_t since, uint64_t now, uint64_t wait);

/* ---- renumber.c: UIDs that have lost their meaning ---- */
int renumber_origin(struct folder_work *w, struct mm_err *reterr);
int renumber_destination(struct folder_work *w, struct mm_err *reterr);
/* Messages to be copied that are old ones under new UIDs take their rows back. */
int renumber_recall(struct folder_work *w, struct mm_err *reterr);

/* ---- transfer.c ---- */
#define TRANSFER_WANTS (STORE_WANT_FLAGS | STORE_WANT_DATE | STORE_WANT_SIZE | STORE_WANT_BODY)
#define ATTEMPTS_MAX   2 /* uploads confirmed and not found, before a person must look */
/* An upload that was put at or above this watermark was not found. */
void note_unfound(struct folder_work *w, uint32_t watermark);
int transfer(struct folder_work *w, struct mm_err *reterr);

#endif
