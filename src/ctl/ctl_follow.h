/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_FOLLOW_H
#define CTL_FOLLOW_H

#include "ctl_internal.h"

/* ---- following runs (board.c, follow.c, follow_print.c, source_*.c) ---- */

/* What is known of one run that is followed. */
struct board_run {
	char *account;
	json_t *progress; /* the last such event, or NULL */
	json_t *folders;  /* array of the "folder" events */
	struct reasons reasons;
	uint64_t seen_usec; /* when we first heard of it; 0: not yet */
	bool done;
	bool cancel_asked;
};

struct board {
	struct board_run *runs;
	size_t n_runs;
};

/* Take the news of an event. 0 and its run in *ret (valid until the next call; NULL for an
 * event that is not of a run, or of a later version); -ENOMEM. */
int board_event(struct board *b, const json_t *event, struct board_run **ret);

/* The run of an account, made when there was none. 0 or -ENOMEM. */
int board_find(struct board *b, const char *account, struct board_run **ret);

/* All runs together; strings live until the next board_event(). */
void board_progress(const struct board *b, struct progress *ret);
void board_done(struct board *b);

/* Where events come from: the daemon, or a worker of our own. */
struct source;

struct source_ops {
	/* Readable when there may be something to take. */
	int (*fd)(const struct source *s);
	/* Without waiting. 1: *ret is an object, owned by the caller; 0: nothing yet; -ENODATA:
	 * the end; other -errno: described. An object is an event, or {"runs":[…]} or
	 * {"summaries":[…]} of the daemon. */
	int (*take)(struct source *s, json_t **ret, struct mm_err *reterr);
	/* Ask for the end of an account's run at the next message border; the events go on
	 * until it ended. 0 or -errno. */
	int (*cancel)(struct source *s, const char *account, struct mm_err *reterr);
	/* End it now, whatever is lost. NULL: cannot, the run is not ours. */
	void (*kill)(struct source *s);
	/* After the end: say what went wrong besides the runs; returns the exit code. */
	int (*finish)(struct source *s);
	void (*free)(struct source *s);
};

struct source {
	const struct source_ops *ops;
};

static inline void source_freep(struct source **s)
{
	if (*s)
		(*s)->ops->free(*s);
}

/* One followed command. */
struct follow {
	struct ctl *c;
	struct source *source;
	struct board board;
	bool plan;       /* a dry run: with the folder table */
	bool cancelling; /* asked to end, by a signal */
	bool redraw;     /* the live line is behind */
	unsigned n_interrupts;
	struct { /* of the runs that have ended */
		unsigned n, n_ok;
		uint64_t copied, present, skipped, failed;
	} total;
	uint64_t started_usec;
	uint64_t drawn_usec;  /* when the live line was drawn */
	uint64_t spoken_usec; /* when progress was last told to a pipe */
	uint64_t status_usec; /* and to systemd */
	uint64_t speak_every_usec;
};

/* Print one object of a source. 0 or -ENOMEM. */
int follow_print(struct follow *w, const json_t *o);

/* Draw or print progress if it is time for it. Returns when to be called again: a clock_usec().
 */
uint64_t follow_show_progress(struct follow *w, uint64_t now_usec);

/* Block the signals that follow_run() takes care of, before a source is opened, so that none is
 * lost. 0 and a signalfd in *ret, or -errno. */
int follow_signals(int *ret_fd, struct mm_err *reterr);

/* Print what a source tells until its end. account: whose run it is, when that is certain
 * before the first event; NULL: the source tells, and nothing can be cancelled before. Returns
 * the exit code. */
int follow_run(struct ctl *c, struct source *s, int signal_fd, bool plan, const char *account);

/* A Run call to the daemon, sent with "more". 0 or -errno. */
int source_daemon_new(struct ctl *c, const json_t *parameters, struct source **ret,
		      struct mm_err *reterr);

/* Its last answer, all NULL before there is one; borrowed. */
const struct varlink_reply *source_daemon_last(const struct source *s);

/* The same for one account or group on behalf of mailmig@NAME.service: a daemon that goes away
 * is waited for, and the runs joined again. account: borrowed. 0 or -errno. */
int source_unit_new(struct ctl *c, const char *account, json_t *parameters, struct source **ret,
		    struct mm_err *reterr);

/* A worker of our own for one account. 0 or -errno. */
int source_worker_new(struct ctl *c, const char *account, bool dry_run, struct source **ret,
		      struct mm_err *reterr);

/* A worker of our own that looks at the configuration and the accounts of the command line
 * without network: "check" events, then "done". 0 or -errno. */
int source_check_new(struct ctl *c, struct source **ret, struct mm_err *reterr);

#endif
