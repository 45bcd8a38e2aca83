/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include "ctl_timers.h"
#include <inttypes.h>
#include <mailmig/clock.h>
#include <string.h>

/* A call about one account that answers little. 0, or the exit code of the trouble. */
static int call_for(struct ctl *c, const char *method, const char *name,
		    struct varlink_reply *reply)
{
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:s}", "account", name);
	struct mm_err err = {0};

	if (!p) {
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "the name \"%s\" is not UTF-8", name);
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl status lists the names");
		return trouble_report(&err);
	}
	if (ctl_call(c, method, p, reply, &err) < 0)
		return trouble_report(&err);
	return CTL_EXIT_OK;
}

/* Call it for each name and say what it did; `ending` when the answer says that a run has to
 * end first. The highest code counts. */
static int for_each_name(struct ctl *c, const char *method, const char *words,
			 const char *ending)
{
	int code = CTL_EXIT_OK;

	for (size_t i = 0; i < c->args.n_names; i++) {
		_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
		const char *name = c->args.names[i];
		int one = call_for(c, method, name, &reply);

		if (one == CTL_EXIT_OK && reply.error)
			one = trouble_reply(&reply);
		else if (one == CTL_EXIT_OK && ctl_has(&c->args, OPT_JSON))
			ctl_print_json(c, reply.parameters);
		else if (one == CTL_EXIT_OK && !ctl_has(&c->args, OPT_QUIET))
			fprintf(c->term.out, "%s: %s\n", name,
				json_is_true(json_object_get(reply.parameters, "ending"))
					? ending
					: words);
		code = MAX_OF(code, one);
	}
	return code;
}

int verb_cancel(struct ctl *c)
{
	return for_each_name(c, CONTROL_INTERFACE ".Cancel",
			     "the run ends at the next message border", "");
}

int verb_pause(struct ctl *c)
{
	return for_each_name(c, CONTROL_INTERFACE ".Pause", "paused",
			     "paused; its run ends at the next message border");
}

int verb_resume(struct ctl *c)
{
	return for_each_name(c, CONTROL_INTERFACE ".Resume", "goes on with its next run", "");
}

int verb_reload(struct ctl *c)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};
	uint64_t n;

	if (ctl_call(c, CONTROL_INTERFACE ".Reload", NULL, &reply, &err) < 0)
		return trouble_report(&err);
	if (reply.error) {
		int code = trouble_reply(&reply);

		if (code == CTL_EXIT_CONFIG)
			fputs("  nothing was changed: mailmigd goes on with the configuration "
			      "it has\n",
			      stderr);
		return code;
	}

	n = member_u64(reply.parameters, "accounts");
	if (ctl_has(&c->args, OPT_JSON))
		ctl_print_json(c, reply.parameters);
	else if (!ctl_has(&c->args, OPT_QUIET))
		fprintf(c->term.out,
			"the new configuration is in force: %" PRIu64 " account%s\n", n,
			PLURAL(n));
	return reload_timers(c);
}

static void print_version(struct ctl *c, const json_t *daemon)
{
	char when[48];
	uint64_t since;
	FILE *f = c->term.out;

	fprintf(f, "mailmigctl %s\n", MAILMIG_VERSION);
	if (!daemon)
		return;

	fputs("mailmigd ", f);
	put_clean(f, member_str(daemon, "version"));
	fprintf(f, "  pid %" PRIu64, member_u64(daemon, "pid"));
	if (clock_parse_rfc3339(member_str(daemon, "since"), &since) == 0)
		fprintf(f, ", running since %s",
			when_local(when, sizeof(when), since, clock_wall_usec()));
	fputc('\n', f);
}

int verb_version(struct ctl *c)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *o = NULL;
	struct mm_err err = {0};
	int r = ctl_call(c, CONTROL_INTERFACE ".Version", NULL, &reply, &err);
	const json_t *daemon = r < 0 || reply.error ? NULL : reply.parameters;

	if (ctl_has(&c->args, OPT_JSON)) {
		o = json_pack("{s:s, s:O?}", "mailmigctl", MAILMIG_VERSION, "mailmigd", daemon);
		if (o)
			ctl_print_json(c, o);
	} else {
		print_version(c, daemon);
	}
	(void)fflush(c->term.out); /* before what goes to standard error */
	if (r < 0)
		return trouble_report(&err);
	return reply.error ? trouble_reply(&reply) : CTL_EXIT_OK;
}

int verb_help(struct ctl *c)
{
	const struct ctl_verb *v = NULL;
	struct mm_err err = {0};

	if (c->args.n_names == 0) {
		ctl_help_program(c->term.out);
		return CTL_EXIT_OK;
	}

	v = ctl_find_verb(c->args.names[0]);
	if (!v) {
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 ctl_is_later(c->args.names[0]) ? "'%s' is not in this version"
								: "there is no verb '%s'",
				 c->args.names[0]);
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl --help lists the verbs");
		return trouble_report(&err);
	}
	ctl_help_verb(c->term.out, v);
	return CTL_EXIT_OK;
}
