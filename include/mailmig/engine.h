/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_ENGINE_H
#define MAILMIG_ENGINE_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/event.h>
#include <mailmig/folder.h>
#include <mailmig/job.h>
#include <mailmig/secret.h>

/* One run of one job: survey, map, diff, match, transfer, between two stores, with the state as
 * memory. Threads of its own (lanes); the caller's thread is the first of them. */

struct engine;

/* What became of one folder. Borrowed during the call. */
struct engine_folder {
	const char *origin;      /* canonical */
	const char *destination; /* canonical */
	uint64_t messages, copied, present, skipped, failed, flags_updated, deleted, bytes;
	const uint64_t *skipped_by; /* SKIP_N: their sum is `skipped` */
	uint64_t bytes_total;       /* at the origin, 0: not told */
	bool created;
	bool unchanged;    /* nothing to look at since the last run */
	const char *error; /* NULL: fine */
};

/* Called from any lane, one call at a time. */
struct engine_hooks {
	void *userdata;
	void (*folder)(void *userdata, const struct engine_folder *f);
	void (*trouble)(void *userdata, const char *folder, uint32_t uid,
			const struct mm_err *e);
	void (*note)(void *userdata, int level, const char *text); /* worth a log entry */
};

struct engine_progress {
	const char *phase; /* "connecting", "listing", "syncing", "deleting", "waiting",
			      "throttled", "done" */
	char folder[256];  /* one of those in work */
	uint64_t done, total;
	uint64_t until_usec; /* throttled: the wall-clock time at which it goes on; else 0 */
	uint64_t bytes_done, bytes_total; /* of messages to copy; total 0: not known */
};

/* By which rule a folder goes where it goes. */
enum engine_rule {
	ENGINE_RULE_SAME, /* the same name */
	ENGINE_RULE_MAP,
	ENGINE_RULE_REWRITE,
	ENGINE_RULE_AUTOMAP,
	ENGINE_RULE_INTO, /* the same name, below folders.into */
	ENGINE_RULE_KEPT, /* where an earlier run has put it */
};

/* Why a folder is left out. */
enum engine_omit {
	ENGINE_OMIT_NOT, /* it is not */
	ENGINE_OMIT_NOT_INCLUDED,
	ENGINE_OMIT_EXCLUDED,
	ENGINE_OMIT_NOT_SUBSCRIBED,
	ENGINE_OMIT_NOT_MAIL, /* a calendar and the like */
	ENGINE_OMIT_VIEW,     /* its messages are in other folders, too (Gmail) */
};

/* What there is on both sides. Lists are sorted and borrowed. */
struct engine_sides {
	const struct folder_list *origin, *destination;
	bool origin_labels;   /* its folders are labels: a message may be in several (Gmail) */
	bool origin_not_mail; /* it lists calendars and the like, as Exchange does */
	bool destination_ignores_case; /* "a" and "A" are one folder there */
};

/* Where a folder of the origin would go. Borrowed during the call. */
struct engine_place {
	const char *origin, *destination; /* canonical; the latter NULL: left out */
	const char *by;                   /* by which rule, for people */
	enum engine_omit omit;
	bool shared; /* another folder goes there, too */
	bool rest;   /* only what is in no other folder */
	const struct folder_status *at_origin;
	const struct folder_status *at_destination; /* NULL: it would be made */
	const struct mm_err *refused;               /* why it would not be copied; or NULL */
};

/* The map of folders that a run would have, out of the lists of both sides; an account's very
 * first run, for what earlier runs have decided is not looked at. Pure. note: for each warning.
 * 0, -ENOMEM, or -EINVAL for rules that a check of the configuration refuses. */
int engine_map(const struct job *job, const struct engine_sides *sides,
	       void (*each)(void *userdata, const struct engine_place *p),
	       void (*note)(void *userdata, const char *text), void *userdata);

/* job, hooks and secrets are borrowed until engine_free(). 0 or -ENOMEM. */
int engine_new(const struct job *job, const struct secret *origin,
	       const struct secret *destination, const struct engine_hooks *hooks,
	       struct engine **ret);
struct engine *engine_free(struct engine *e);
DEFINE_CLEANUP(struct engine *, engine_free)

/* Run to the end. Fills counters, errors, result and exit code of `s` (id, account and times
 * are the caller's). 0 when the run came to its end, whatever it found; else the negative code
 * of what ended it, described in reterr and also among s->errors. */
int engine_run(struct engine *e, struct run_summary *s, struct mm_err *reterr);

/* From any thread, any time during the run. */
void engine_progress(struct engine *e, struct engine_progress *ret);
/* Stop at the next message border. */
void engine_cancel(struct engine *e);
/* The same, without waiting for any server: what is on its way stays uncertain, and the next
 * run looks for it. */
void engine_abort(struct engine *e);

#endif
