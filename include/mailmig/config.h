/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_CONFIG_H
#define MAILMIG_CONFIG_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/job.h>
#include <mailmig/schedule.h>

/* /etc/mailmig.conf and accounts.d, read, checked and turned into jobs (interface.md, section
 * 2; mailmig.conf(5)). */

#define CONFIG_DEFAULT_PATH     "/etc/mailmig.conf"
#define CONFIG_ACCOUNT_NAME_MAX 64

struct config_server {
	char *name;
	struct endpoint endpoint; /* all but the user's parts; `secret` is admin_user's */
};

struct config_account {
	char *name;  /* of a member: GROUP/NAME */
	char *group; /* or NULL */
	bool enabled;
	char *schedule; /* as written, or NULL */
	struct job job; /* complete but for run_id and dry_run */
	char *file;     /* where the account was defined */
	unsigned line;
};

struct config {
	char *path;
	char *state_dir;
	char *socket;
	uint32_t max_jobs;
	bool stop_on_error; /* on_error = "stop" */
	int log_level;
	char *notify_command; /* or NULL */
	uint64_t notify_after_usec;
	struct config_server *servers;
	size_t n_servers;
	struct config_account *accounts; /* in the order of the files */
	size_t n_accounts;
	const struct config_account **by_name; /* the same, sorted */
	/* Schedules that only systemd can tell from nonsense, and it was not there to be asked:
	 * taken as they are. */
	size_t n_unchecked_schedules;
};

/* One complaint: "FILE:LINE: what is wrong; what would be right". */
struct config_errors {
	char **lines;
	size_t n;
};

/* Read and check. path NULL: CONFIG_DEFAULT_PATH. All errors are collected; with one or more
 * the call fails with -EINVAL and *ret is not set. Other results: 0; -ENOMEM. A file that
 * cannot be read is an error line like any other. */
int config_load(const char *path, struct config **ret, struct config_errors *errors);
struct config *config_free(struct config *c);
DEFINE_CLEANUP(struct config *, config_free)
void config_errors_done(struct config_errors *e);

/* What the units of an account or a group that is not disabled need to know. */
struct config_timer {
	char *name;
	char *file;          /* absolute; where it was defined */
	char *schedule_text; /* a good one; NULL: none, or none that is known to be good */
	struct schedule schedule;
	char *credentials[2]; /* names of password_credential */
	size_t n_credentials;
};

struct config_timers {
	struct config_timer *v; /* in the order of the files, each name once */
	size_t n;
	size_t n_unchecked_schedules; /* as in struct config, but not taken */
};

/* Read that alone, for the generator. Where no configuration would be in force because of an
 * error, here all is told that can be told: 0 with complaints in *errors, those of files and
 * schedules only. An accounts.d is read as beside CONFIG_DEFAULT_PATH. Also -ENOMEM. */
int config_load_timers(const char *path, struct config_timers *ret,
		       struct config_errors *errors);
void config_timers_done(struct config_timers *t);

/* NULL when there is none of that name. Borrowed from c. */
const struct config_account *config_find_account(const struct config *c, const char *name);

/* The same, or the first member of the group of that name. The members of a group follow each
 * other in `accounts`. */
const struct config_account *config_find(const struct config *c, const char *name);

/* Is `name` the account's, or that of its group? */
bool config_account_is(const struct config_account *a, const char *name);

/* NAME of its mailmig@NAME units: a group has one timer for all its members. */
static inline const char *config_account_unit(const struct config_account *a)
{
	return a->group ? a->group : a->name;
}

/* [A-Za-z0-9_.@-], 1 to 64 of them, neither "." nor "..". */
bool config_account_name_ok(const char *name);

#endif
