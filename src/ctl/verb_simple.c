/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/clock.h>
#include <string.h>

static int cancel_one(struct ctl *c, const char *name)
{
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:s}", "account", name);
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};

	if (!p) {
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "the name \"%s\" is not UTF-8", name);
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl status lists the names");
		return trouble_report(&err);
	}
	if (ctl_call(c, CONTROL_INTERFACE ".Cancel", p, &reply, &err) < 0)
		return trouble_report(&err);
	if (reply.error)
		return trouble_reply(&reply);

	if (ctl_has(&c->args, OPT_JSON))
		ctl_print_json(c, reply.parameters);
	else if (!ctl_has(&c->args, OPT_QUIET))
		fprintf(c->term.out, "%s: the run ends at the next message border\n", name);
	return CTL_EXIT_OK;
}

int verb_cancel(struct ctl *c)
{
	int code = CTL_EXIT_OK;

	for (size_t i = 0; i < c->args.n_names; i++) {
		int one = cancel_one(c, c->args.names[i]);

		code = MAX_OF(code, one);
	}
	return code;
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
	return CTL_EXIT_OK;
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
