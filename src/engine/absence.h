/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ABSENCE_H
#define ENGINE_ABSENCE_H

#include <mailmig/folder.h>
#include <mailmig/job.h>
#include <mailmig/seqset.h>
#include <mailmig/state.h>

/* What follows when messages that were there are no longer told: see absence.c. Pure. */

/* Can anything be gone from a folder that had so many messages when all UIDs below uidnext were
 * known? False only when it is certain that nothing is. */
bool absence_may_be(uint32_t messages, uint32_t uidnext, const struct folder_status *now);

/* What a row of a folder says when all of the origin's messages are known. */
enum absence_row {
	ABSENCE_OF_NO_ACCOUNT, /* nothing of it is at the destination for certain */
	ABSENCE_PRESENT,       /* the origin has it */
	ABSENCE_LEFT, /* gone at the origin; the destination's is not, or not as it was, from us
		       */
	ABSENCE_DUE,  /* gone at the origin; the destination's is ours */
};
enum absence_row absence_row(const struct state_row *row, bool listed);

/* Of one folder of one side. */
struct absence_view {
	uint64_t known;   /* messages that were there */
	uint64_t gone;    /* of those, no longer */
	uint64_t present; /* that the side lists now, known or not */
};

enum absence_verdict {
	ABSENCE_NONE,     /* nothing is gone */
	ABSENCE_BELIEVED, /* what is gone is gone */
	/* Not before a person has said so: */
	ABSENCE_EMPTY, /* the folder seems to have nothing at all */
	ABSENCE_SHARE, /* too large a part of it */
	ABSENCE_MANY,  /* too many messages */
};
static inline bool absence_is_braked(enum absence_verdict v)
{
	return v >= ABSENCE_EMPTY;
}

/* So many may be gone from a folder whatever part of it they are. */
#define ABSENCE_FEW 5

enum absence_verdict absence_judge(const struct job *j, const struct absence_view *v);
/* The same of a whole run: n messages are gone in all its folders together. */
enum absence_verdict absence_judge_run(const struct job *j, uint64_t n);

/* How a run went before anything is deleted. */
struct absence_run {
	uint64_t troubles; /* told, of messages or folders */
	uint64_t failed;   /* messages that are not at the destination */
	bool renumbered;   /* UIDs of a folder lost their meaning */
	bool shifting;     /* folders have come or gone, or have news, since they were copied */
};
/* Why nothing is deleted in this run, as the end of a sentence; NULL: nothing speaks against
 * it. */
const char *absence_obstacle(const struct absence_run *run);

/* A folder of the origin when it was listed, and when it is looked at again. */
struct absence_look {
	uint32_t uidvalidity, uidnext;
	uint64_t listed; /* messages */
};
/* Is what was listed then still all there is, but for news? seen: of the messages that are
 * gone, those that were told now. */
bool absence_is_confirmed(const struct absence_look *then, const struct folder_status *now,
			  uint64_t seen);

/* Of one folder, from its listing to its deletions (prune.c). */
struct absence {
	struct seqset gone; /* origin UIDs whose copies are to be deleted */
	struct absence_view view;
	uint64_t left; /* messages that are gone and whose copies stay */
	struct absence_look look;
	bool complete_but;      /* nothing else is left to do in the folder */
	struct seqset removing; /* destination UIDs whose removal was asked for in this run */
	uint64_t deleted;
};

#endif
