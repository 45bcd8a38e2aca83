/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_INTERNAL_H
#define CTL_INTERNAL_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/event.h>
#include <mailmig/job.h>
#include <mailmig/secret.h>
#include <mailmig/varlink.h>
#include <stdio.h>

#include "ctl_view.h"

/* mailmigctl: a language of verbs and options as tables, one file for each verb, and what is
 * printed as functions from plain data to a stream (ctl_view.h). Following a run: ctl_follow.h.
 */

#define CTL_DEFAULT_SOCKET "/run/mailmig/control"

/* The exit codes of the contract that no error class stands for. */
enum ctl_exit {
	CTL_EXIT_OK = 0,
	CTL_EXIT_SOME_FAILED = 1,
	CTL_EXIT_USAGE = 2,
	CTL_EXIT_CONFIG = 3,
	CTL_EXIT_NO_DAEMON = 4,
	CTL_EXIT_REFUSED = 8,
	CTL_EXIT_CANCELLED = 9,
	CTL_EXIT_LOCAL = 10,
};

/* ---- options and verbs (options.c, verbs.c, help.c) ---- */

enum ctl_option {
	OPT_SOCKET,
	OPT_CONFIG,
	OPT_JSON,
	OPT_NO_COLOR,
	OPT_QUIET,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
	OPT_COMPLETE,
	OPT_ALL,
	OPT_DRY_RUN,
	OPT_NO_WAIT,
	OPT_FAIL_FAST,
	OPT_ASKS, /* JOB_ASKS_N of them, in the order of job_asks[] */
	OPT_RETRY_HELD = OPT_ASKS,
	OPT_CONFIRM_DELETES,
	OPT_CONFIRM_MAPPING,
	OPT_LOCAL,
	OPT_FROM_UNIT,
	OPT_FOLLOW,
	OPT_LINES,
	OPT_OFFLINE,
	OPT_MAX_,
};

#define OPT_BIT(o)   (1u << (o))
#define OPT_ALL_ASKS (OPT_BIT(OPT_ASKS + JOB_ASKS_N) - OPT_BIT(OPT_ASKS))
#define OPT_GLOBALS  (OPT_BIT(OPT_ALL) - 1)

struct ctl_option_row {
	const char *name;  /* without the dashes */
	char letter;       /* 0: none */
	const char *value; /* what --help calls its value; NULL: takes none */
	const char *help;  /* NULL: not shown */
};

/* In the order of enum ctl_option. */
extern const struct ctl_option_row ctl_option_rows[OPT_MAX_];

struct ctl;

struct ctl_verb {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *help;     /* one line */
	const char *more;     /* further lines of `VERB --help`; may be NULL */
	unsigned options;     /* OPT_BIT()s besides the global ones */
	unsigned min_names;   /* --all counts as a name */
	unsigned max_names;
	int (*run)(struct ctl *c); /* the exit code */
};

extern const struct ctl_verb ctl_verbs[];
extern const size_t ctl_n_verbs;

/* NULL when there is none. */
const struct ctl_verb *ctl_find_verb(const char *name);

/* True for a verb or an option (with its dashes) that a later version will have. */
bool ctl_is_later(const char *word);

/* The word of `words` that was most probably meant, or NULL. */
const char *ctl_nearest(const char *word, const char *const *words, size_t n);

/* What the command line said. Strings are borrowed from argv. */
struct ctl_args {
	const struct ctl_verb *verb;
	bool verb_named; /* false: `status` by default */
	unsigned given;  /* OPT_BIT()s */
	unsigned verbose;
	const char *values[OPT_MAX_];
	const char **names; /* owned array */
	size_t n_names;
};

static inline bool ctl_has(const struct ctl_args *a, enum ctl_option o)
{
	return a->given & OPT_BIT(o);
}

/* Read a command line; options may stand before or after the verb, "--" ends them. No verb is
 * `status`. With --help, --version or --complete the number of names is not checked.
 * 0; -EINVAL (class usage) when it is not of the language; -ENOMEM. */
int ctl_args_parse(struct ctl_args *a, int argc, char *const *argv, struct mm_err *reterr);
void ctl_args_done(struct ctl_args *a);

void ctl_help_program(FILE *f);
void ctl_help_verb(FILE *f, const struct ctl_verb *v);

/* Words for the shells' completion: "verbs", "options VERB", "accounts". Quiet on any trouble.
 */
int ctl_complete(struct ctl *c, const char *what);

/* ---- trouble (trouble.c) ---- */

/* "mailmigctl: TEXT", and the advice on a line of its own, to standard error. Returns the exit
 * code of the error's class. */
int trouble_report(const struct mm_err *e);

/* The same for an error answer of the daemon. */
int trouble_reply(const struct varlink_reply *reply);

/* Every line of a configuration's errors. Returns CTL_EXIT_CONFIG. */
int trouble_config(const json_t *lines);

/* ---- the program ---- */

struct ctl {
	struct ctl_args args;
	struct term term;
	const char *socket;
};

/* Connect. 0 or -errno. */
int ctl_connect(struct ctl *c, struct varlink_client **ret, struct mm_err *reterr);

/* {"accounts": [the names given]}; the caller's. NULL: out of memory, or one is not UTF-8. */
json_t *ctl_names(const struct ctl_args *a);

/* One call with one answer (call.c). 0: *reply is the caller's, and may hold an error;
 * -errno: described. */
int ctl_call(struct ctl *c, const char *method, const json_t *parameters,
	     struct varlink_reply *reply, struct mm_err *reterr);

/* Print a JSON value: indented on a terminal, one line on a pipe. */
void ctl_print_json(struct ctl *c, const json_t *o);

/* ---- secrets (ask.c, credential.c) ---- */

#define CTL_SECRET_MAX (16 * 1024) /* what mailmigd stores */

/* From a prompt on the terminal (twice, without echo), or all of standard input. `name` is for
 * the prompt. 0 or -errno, described. */
int ask_secret(const char *name, struct secret **ret, struct mm_err *reterr);

/* The directory of systemd credentials that this process was given: it goes with a request to
 * run, and the worker reads there. The caller's to close; -1: there is none. */
int credentials_open(void);

int verb_status(struct ctl *c);
int verb_run(struct ctl *c);
int verb_plan(struct ctl *c);
int verb_check(struct ctl *c);
int verb_cancel(struct ctl *c);
int verb_pause(struct ctl *c);
int verb_resume(struct ctl *c);
int verb_log(struct ctl *c);
int verb_enable(struct ctl *c);
int verb_disable(struct ctl *c);
int verb_timers(struct ctl *c);
int verb_secret(struct ctl *c);
int verb_reload(struct ctl *c);
int verb_version(struct ctl *c);
int verb_help(struct ctl *c);

#endif
