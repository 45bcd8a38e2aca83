/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <string.h>

static int usage(const char *text, const char *advice)
{
	struct mm_err err = {0};

	(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL, "%s", text);
	(void)mm_err_class(&err, MM_CLASS_USAGE, "%s", advice);
	return trouble_report(&err);
}

static json_t *run_parameters(const struct ctl_args *a, bool dry_run)
{
	_cleanup_(json_decrefp) json_t *o = ctl_names(a);

	if (!o)
		return NULL;
	if (ctl_has(a, OPT_ALL) && json_object_set_new(o, "all", json_true()) < 0)
		return NULL;
	if (dry_run && json_object_set_new(o, "dry_run", json_true()) < 0)
		return NULL;
	for (unsigned i = 0; i < JOB_ASKS_N; i++)
		if (ctl_has(a, OPT_ASKS + i) &&
		    json_object_set_new(o, job_asks[i].member, json_true()) < 0)
			return NULL;
	if (ctl_has(a, OPT_FAIL_FAST) && json_object_set_new(o, "fail_fast", json_true()) < 0)
		return NULL;
	return STEAL(o);
}

static int queue(struct ctl *c, const json_t *parameters)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};
	const json_t *run;
	size_t i;

	if (ctl_call(c, CONTROL_INTERFACE ".Run", parameters, &reply, &err) < 0)
		return trouble_report(&err);
	if (reply.error)
		return trouble_reply(&reply);

	if (ctl_has(&c->args, OPT_JSON)) {
		ctl_print_json(c, reply.parameters);
		return CTL_EXIT_OK;
	}
	if (ctl_has(&c->args, OPT_QUIET))
		return CTL_EXIT_OK;
	json_array_foreach(json_object_get(reply.parameters, "runs"), i, run)
	{
		put_clean(c->term.out, member_str(run, "account"));
		fputs(": queued, run ", c->term.out);
		put_clean(c->term.out, member_str(run, "run"));
		fputc('\n', c->term.out);
	}
	return CTL_EXIT_OK;
}

static int follow_daemon(struct ctl *c, const json_t *parameters, int signal_fd, bool dry_run)
{
	_cleanup_(source_freep) struct source *s = NULL;
	struct mm_err err = {0};

	if (source_daemon_new(c, parameters, &s, &err) < 0)
		return trouble_report(&err);
	return follow_run(c, s, signal_fd, dry_run, NULL);
}

static int follow_unit(struct ctl *c, json_t *parameters, int signal_fd, bool dry_run)
{
	_cleanup_(source_freep) struct source *s = NULL;
	const char *account = c->args.names[0];
	struct mm_err err = {0};

	if (source_unit_new(c, account, parameters, &s, &err) < 0)
		return trouble_report(&err);
	return follow_run(c, s, signal_fd, dry_run, account);
}

/* One worker after the other; the highest code counts, as with the daemon. */
static int follow_workers(struct ctl *c, int signal_fd, bool dry_run)
{
	int code = CTL_EXIT_OK;

	for (size_t i = 0; i < c->args.n_names; i++) {
		_cleanup_(source_freep) struct source *s = NULL;
		struct mm_err err = {0};
		int one;

		if (source_worker_new(c, c->args.names[i], dry_run, &s, &err) < 0)
			one = trouble_report(&err);
		else
			one = follow_run(c, s, signal_fd, dry_run, c->args.names[i]);
		code = MAX_OF(code, one);
		/* Who asks for the end does not ask for the next one. */
		if (one == CTL_EXIT_CANCELLED || (one != 0 && ctl_has(&c->args, OPT_FAIL_FAST)))
			break;
	}
	return code;
}

static int run_or_plan(struct ctl *c, bool dry_run)
{
	_cleanup_(json_decrefp) json_t *parameters = run_parameters(&c->args, dry_run);
	_cleanup_(closep) int signal_fd = -1;
	struct mm_err err = {0};

	if (!parameters)
		return usage("a name is not UTF-8", "mailmigctl status lists the names");
	if (ctl_has(&c->args, OPT_NO_WAIT))
		return queue(c, parameters);

	if (follow_signals(&signal_fd, &err) < 0)
		return trouble_report(&err);
	if (ctl_has(&c->args, OPT_LOCAL))
		return follow_workers(c, signal_fd, dry_run);
	if (ctl_has(&c->args, OPT_FROM_UNIT))
		return follow_unit(c, parameters, signal_fd, dry_run);
	return follow_daemon(c, parameters, signal_fd, dry_run);
}

int verb_run(struct ctl *c)
{
	bool local = ctl_has(&c->args, OPT_LOCAL), dry = ctl_has(&c->args, OPT_DRY_RUN);

	if (local && ctl_has(&c->args, OPT_ALL))
		return usage(
			"--all is not for --local: the accounts are known to mailmigd only",
			"name the accounts: mailmigctl run --local NAME...");
	if (local && ctl_has(&c->args, OPT_NO_WAIT))
		return usage("--no-wait is not for --local: the run ends with mailmigctl",
			     "leave out one of them");
	if (ctl_has(&c->args, OPT_FROM_UNIT) &&
	    (local || ctl_has(&c->args, OPT_NO_WAIT) || c->args.n_names != 1))
		return usage("--from-unit is for one account or group, and not with --local or "
			     "--no-wait",
			     "it is what mailmig@NAME.service calls");
	return run_or_plan(c, dry);
}

/* A plan is read folder by folder: of one account. The daemon knows which names are groups;
 * whatever else it says it says again when it is asked for the plan. */
static bool is_group(struct ctl *c, const char *name)
{
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:[s]}", "accounts", name);
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};
	const json_t *status;

	if (!p || ctl_call(c, CONTROL_INTERFACE ".Status", p, &reply, &err) < 0 || reply.error)
		return false;
	status = json_object_get(reply.parameters, "status");
	return strcmp(member_str(json_array_get(json_object_get(status, "accounts"), 0),
				 "group"),
		      name) == 0;
}

int verb_plan(struct ctl *c)
{
	if (!ctl_has(&c->args, OPT_LOCAL) && is_group(c, c->args.names[0]))
		return usage("a plan is of one account, and this is a group",
			     "name a member: mailmigctl plan GROUP/NAME");
	return run_or_plan(c, true);
}
