/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_NOTE_H
#define DAEMON_NOTE_H

#include "run.h"

/* What is remembered of accounts (note.c), and the command that tells of failing ones
 * (notify.c).
 */

struct daemon;
struct record;

/* notify.command: one at a time. */
struct notify {
	pid_t pid;     /* 0: not running */
	char *account; /* for which it runs */
	bool killed;
	sd_event_source *child_exit, *timeout, *due;
};

/* ---- note.c ---- */

/* Read what is remembered of an account, unless that is done already. */
void note_read(struct record *r, struct history *h, const char *account);

bool account_is_paused(struct daemon *d, const struct config_account *a);

/* Pause or go on, on the disk when the call returns. A run of it ends at the next message
 * border. 0; -EIO: it is in force, but will not outlive the daemon; described. */
int account_pause(struct daemon *d, const char *account, bool pause, struct mm_err *reterr);

/* Remember the runs of the newest request, among those of *runs, until they end: the end of the
 * daemon before that lets the next one take them up. */
void note_runs_asked(struct daemon *d, struct run *const *runs, size_t n);

/* A run that is no dry one ended. */
void note_run_ended(const struct run *r, const struct run_summary *s);

/* notify.command was run for the account. */
void note_told(struct daemon *d, struct record *record);

/* The file was lost: all of it is to be written. */
void note_write_again(struct daemon *d);

/* Write what could not be written when it happened. */
void note_save_unsaved(struct daemon *d);

/* At the start: queue the runs that the end of the daemon before had interrupted. */
void daemon_take_up_runs(struct daemon *d);

/* Failed, and not only because somebody stopped it. */
bool summary_is_bad(const struct run_summary *s);

/* ---- notify.c ---- */

/* Run notify.command for the next account that it is time for, or wait until it is. */
void notify_check(struct daemon *d);

/* Is the command running? */
bool notify_is_busy(const struct daemon *d);
void notify_kill(struct daemon *d);
void notify_done(struct daemon *d);

#endif
