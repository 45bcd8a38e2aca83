/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SELECT_H
#define ENGINE_SELECT_H

#include <mailmig/error.h>
#include <mailmig/message.h>
#include <mailmig/selection.h>
#include <mailmig/seqset.h>

/* Which messages of a folder are copied: messages.* and labels. */

struct folder_work;
struct pair;

/* Of one folder in work. */
struct select_work {
	struct seqset found;       /* origin UIDs that messages.search found */
	struct seqset out[SKIP_N]; /* origin UIDs that are left out, by reason */
	uint64_t unlisted;         /* that many */
	struct seqset listing; /* narrowed: origin UIDs to be listed, and not asked for yet */
	int64_t ripens;        /* when the first is old enough; INT64_MAX: none */
	bool was_complete;     /* when the pass began */
	uint64_t asked;        /* searches begun */
};
void select_done(struct select_work *s);

/* This message of the origin is not copied; it is counted under the reason. */
int folder_leave_out(struct folder_work *w, enum skip_reason why, uint32_t uid,
		     struct mm_err *reterr);

/* Ask the origin's server about its messages, behind the command that enters the folder:
 * select.asked so many times. */
int select_begin(struct folder_work *w, struct mm_err *reterr);
/* Take the answers. A listing that was asked for behind them could come before them (Dovecot
 * does both at once). */
int select_end(struct folder_work *w, struct mm_err *reterr);
/* What has to be listed of the folder as it was entered, when its rows belong to its UIDs; then
 * go on asking for that. */
int select_listing(struct folder_work *w, struct mm_err *reterr);
int select_read(struct folder_work *w, unsigned want, struct mm_err *reterr);
/* Is all of the folder listed or known to be left out? Else -EAGAIN: list all of it. */
int select_check(struct folder_work *w, struct mm_err *reterr);
/* SELECTION_TAKE or enum skip_reason. */
int select_message(struct folder_work *w, const struct message *m);
/* Messages of a folder that was not looked at, and of one that was. */
void select_recall(struct pair *p);
void select_count(struct folder_work *w);

#endif
