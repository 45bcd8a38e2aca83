/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WORKER_INTERNAL_H
#define WORKER_INTERNAL_H

#include <mailmig/buf.h>
#include <mailmig/engine.h>
#include <mailmig/event.h>
#include <mailmig/job.h>
#include <mailmig/secret.h>

/* Writes events to the parent. */
struct reporter {
	int fd;
	const struct job *job;
	uint64_t begun_usec;
	/* for the rate: what was done a while ago */
	uint64_t mark_usec, mark_bytes;
	double rate;
};

int report_progress(struct reporter *r, struct engine *e);
int report_done(struct reporter *r, const struct run_summary *s);
int report_config_errors(int fd, char *const *lines, size_t n);
void reporter_hooks(struct reporter *r, struct engine_hooks *ret);

/* run.c: resolve the secrets and run the job to its end, or until the parent or a signal says
 * stop. said: what the parent said already (or NULL). Returns the exit code. */
int worker_run(const struct job *job, int fd, struct buf *said);
/* The secret of one end, from wherever it is kept. 0 or -errno, described (class config). */
int worker_resolve(const struct job *job, const struct endpoint *e, const char *side,
		   struct secret **ret, struct mm_err *reterr);

/* check.c: look at what a run of the job would need, tell each thing as an event, change
 * nothing. A job without account: what all of them need. Returns the exit code. */
int worker_check(const struct job *job, int fd);

#endif
