/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration and what can be tried of it without network and without the daemon. */
#include <grp.h>
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/text.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check_internal.h"
#include "worker_internal.h"

/* The complaints name file and line, and what would be right. */
static void tell_errors(struct checks *c, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const char *right = strstr(errors->lines[i], "; ");
		struct check_line l;

		check_begin(&l, CHECK_FAIL, NULL, "configuration", "%.*s",
			    (int)(right ? right - errors->lines[i]
					: (ssize_t)strlen(errors->lines[i])),
			    errors->lines[i]);
		check_advise(&l, "%s%sthen: mailmigctl reload", right ? right + 2 : "",
			     right ? ", " : "correct it, ");
		check_end(c, &l, mm_class_exit_code(MM_CLASS_CONFIG));
	}
}

/* Who looks as root would be let into every file: whether the service is, is the question. The
 * owner of the state directory is who it runs as. 0 or -errno. */
static int become_service(const char *state_dir)
{
	const struct passwd *p;
	struct stat st;

	if (geteuid() != 0 || stat(state_dir, &st) < 0 || st.st_uid == 0)
		return 0;
	p = getpwuid(st.st_uid);
	if (!p)
		return 0;
	if (initgroups(p->pw_name, p->pw_gid) < 0 ||
	    setresgid(p->pw_gid, p->pw_gid, p->pw_gid) < 0 ||
	    setresuid(p->pw_uid, p->pw_uid, p->pw_uid) < 0)
		return -errno;
	return 0;
}

static void check_readable(struct checks *c, const char *path)
{
	struct check_line l;

	if (access(path, R_OK) == 0)
		return;
	check_begin(&l, CHECK_FAIL, NULL, "configuration", "the service cannot read %s: %s",
		    path, strerror(errno));
	check_advise(&l, "chown root:mailmig %s && chmod 0640 %s", path, path);
	check_end(c, &l, mm_class_exit_code(MM_CLASS_CONFIG));
}

/* A command may need the network, and do who knows what; a credential is the service's alone.
 */
static void check_secret(struct checks *c, const struct job *job, const struct endpoint *e,
			 const char *side)
{
	_cleanup_(secret_freep) struct secret *secret = NULL;
	struct mm_err err = {0};

	if (e->secret.kind == SECRET_COMMAND || e->secret.kind == SECRET_CREDENTIAL)
		check_fine(c, side, "secret", "%s, not tried here", check_secret_name(e));
	else if (worker_resolve(job, e, side, &secret, &err) < 0)
		check_trouble(c, job, e, side, "secret", &err);
	else
		check_fine(c, side, "secret", "%s", check_secret_name(e));
}

static void check_account(struct checks *c, const struct config_account *a)
{
	struct check_line l;

	if (!a->enabled) {
		check_begin(&l, CHECK_WARN, NULL, "account", "switched off (%s:%u)", a->file,
			    a->line);
		check_advise(&l, "set enabled = true, then: mailmigctl reload");
		check_end(c, &l, 0);
	}
	if (a->schedule)
		check_fine(c, NULL, "schedule", "%s", a->schedule);
	check_secret(c, &a->job, &a->job.origin, "origin");
	check_secret(c, &a->job, &a->job.destination, "destination");
}

static bool is_wanted(const struct config_account *a, char *const *names, size_t n_names)
{
	for (size_t i = 0; i < n_names; i++)
		if (config_account_is(a, names[i]))
			return true;
	return n_names == 0;
}

static void check_unknown(struct checks *c, const struct config *config, const char *name)
{
	struct check_line l;

	if (config_find(config, name))
		return;
	check_begin(&l, CHECK_FAIL, NULL, "account", "there is no account \"%s\" in %s", name,
		    config->path);
	check_advise(&l, "write it there; the names it has: mailmigctl check --offline");
	check_end(c, &l, mm_class_exit_code(MM_CLASS_CONFIG));
}

/* Everything but the accounts themselves. */
static void check_service(struct checks *c, const struct config *config)
{
	struct job job; /* all of it borrowed */

	job_init(&job);
	job.account = (char *)"";
	job.state_dir = config->state_dir;
	if (config->n_accounts > 0)
		job.min_free_bytes = config->accounts[0].job.min_free_bytes;
	check_fine(c, NULL, "configuration", "%s: %zu server%s, %zu account%s", config->path,
		   config->n_servers, config->n_servers == 1 ? "" : "s", config->n_accounts,
		   config->n_accounts == 1 ? "" : "s");
	check_state_dir(c, &job);
	check_disk(c, &job);
}

static void check_config(struct checks *c, const struct config *config, char *const *names,
			 size_t n_names, int fd)
{
	check_service(c, config);
	if (become_service(config->state_dir) < 0)
		c->exit_code = mm_class_exit_code(MM_CLASS_LOCAL);
	check_readable(c, config->path);
	for (size_t i = 0; i < n_names; i++)
		check_unknown(c, config, names[i]);
	checks_send(c, fd, "", "");
	for (size_t i = 0; i < config->n_accounts; i++) {
		const struct config_account *a = &config->accounts[i];

		if (!is_wanted(a, names, n_names))
			continue;
		check_account(c, a);
		checks_send(c, fd, a->name, "");
	}
}

int check_offline(const char *path, char *const *names, size_t n_names, int fd)
{
	_cleanup_(config_freep) struct config *config = NULL;
	_cleanup_(json_decrefp) json_t *done = NULL;
	struct config_errors errors = {0};
	struct checks c;

	(void)signal(SIGPIPE, SIG_IGN);
	if (checks_init(&c) < 0)
		return mm_class_exit_code(MM_CLASS_LOCAL);
	if (config_load(path, &config, &errors) < 0) {
		tell_errors(&c, &errors);
		c.exit_code = MAX_OF(c.exit_code, mm_class_exit_code(MM_CLASS_CONFIG));
		checks_send(&c, fd, "", "");
	} else {
		check_config(&c, config, names, n_names, fd);
	}
	config_errors_done(&errors);
	done = json_pack("{s:s, s:i}", "event", "done", "exit_code", c.exit_code);
	if (done)
		(void)jsonio_write(fd, done); /* nobody listens: the exit code still tells */
	checks_done(&c);
	return c.exit_code;
}
