/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CHECK_INTERNAL_H
#define CHECK_INTERNAL_H

#include <jansson.h>
#include <mailmig/config.h>
#include <mailmig/event.h>
#include <mailmig/folder.h>
#include <mailmig/imap.h>
#include <mailmig/job.h>
#include <mailmig/secret.h>

/* The checks of `mailmigctl check`. check.c: lines, and the order of things; check_side.c: one
 * server; check_advice.c: the command that mends a trouble; check_plan.c: both servers
 * together; check_local.c: what needs no network; check_offline.c: a whole configuration
 * without network. */

/* Lines found so far, in order. Belongs to one thread. Without memory a line is missing and the
 * exit code still right. */
struct checks {
	json_t *lines;
	int exit_code; /* the worst */
};

int checks_init(struct checks *c); /* 0 or -ENOMEM */
void checks_done(struct checks *c);

/* Begin a line: all members but the advice. */
void check_begin(struct check_line *l, enum check_result result, const char *side,
		 const char *item, const char *fmt, ...) _printf_(5, 6);
/* A part of the advice: the parts are joined as they are. */
void check_advise(struct check_line *l, const char *fmt, ...) _printf_(2, 3);
/* exit_code: of a line that fails. */
void check_end(struct checks *c, struct check_line *l, int exit_code);

/* All is well with something. */
void check_fine(struct checks *c, const char *side, const char *item, const char *fmt, ...)
	_printf_(4, 5);

/* ---- check_side.c ---- */

/* One end of a job, and what was learned of it. */
struct check_side {
	const char *side;
	const struct job *job;
	const struct endpoint *endpoint;
	bool is_destination;
	struct checks checks;
	bool listed; /* folders is complete, with marks and sizes where the server tells them */
	bool sized;
	bool labels; /* its folders are labels (Gmail) */
	struct folder_list folders;
	enum folder_server server; /* of which kind */
	uint64_t messages, bytes;
	bool has_quota;
	struct imap_quota quota;
};

/* Secret, name, connection, TLS, login, capabilities, folders and quota of one end; the first
 * fault ends it, so that a dead server costs its time-out once. */
void check_side_run(struct check_side *s);
void check_side_done(struct check_side *s);

/* Add up the sizes of messages in folders whose server has no STATUS=SIZE (RFC 8438). 0; 1: too
 * many messages to ask for each; -errno: the session broke. */
int check_measure(struct imap *c, struct folder_list *folders, struct mm_err *reterr);

/* ---- check_advice.c ---- */

/* A line that fails because of a trouble: its text, its advice and the command. */
void check_trouble(struct checks *c, const struct job *job, const struct endpoint *e,
		   const char *side, const char *item, const struct mm_err *err);
/* Where the secret is: a file, or the key that says it. */
const char *check_secret_name(const struct endpoint *e);
/* How the server's certificate is looked at from a shell. */
void check_advise_certificate(struct check_line *l, const struct endpoint *e);

/* ---- check_plan.c ---- */

/* The map of the folders, and the quota against what is to be copied. */
void check_plan(struct checks *c, const struct job *job, const struct check_side *origin,
		const struct check_side *destination);

/* ---- check_local.c ---- */

void check_disk(struct checks *c, const struct job *job);
/* The state directory and what lies in it. */
void check_state_dir(struct checks *c, const struct job *job);

/* ---- check_offline.c ---- */

/* A configuration and all of it that can be tried without network: those accounts, or all.
 * Events go to fd. Returns the exit code. */
int check_offline(const char *config, char *const *names, size_t n_names, int fd);

/* Write the lines as events of an account, "" for none. */
void checks_send(struct checks *c, int fd, const char *account, const char *run_id);

#endif
