/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>

/* mailmigctl log: journalctl with the match for the account. It knows pagers, times, colours
 * and who may read what; nothing here could do it better. */

#define ARGUMENTS_MAX 12

/* Does the daemon know the account? Without a daemon its log is of the more use: not asked
 * then. 0, or the exit code of the refusal. */
static int check_name(struct ctl *c, const char *name)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:[s]}", "accounts", name);
	struct mm_err err = {0};
	const json_t *status;

	if (!p) {
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "the name \"%s\" is not UTF-8", name);
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl status lists the names");
		return trouble_report(&err);
	}
	if (ctl_call(c, CONTROL_INTERFACE ".Status", p, &reply, &err) < 0) {
		(void)trouble_report(&err);
		fputs("  what is in the journal follows\n", stderr);
		return 0;
	}
	if (reply.error)
		return trouble_reply(&reply);
	status = json_object_get(reply.parameters, "status");
	if (strcmp(member_str(json_array_get(json_object_get(status, "accounts"), 0), "group"),
		   name) != 0)
		return 0;

	(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
			 "%s is a group: its entries are those of its accounts", name);
	(void)mm_err_class(&err, MM_CLASS_USAGE,
			   "name a member: mailmigctl log %s/NAME; or the runs of its timer: "
			   "journalctl -u mailmig@%s",
			   name, name);
	return trouble_report(&err);
}

static int bad_lines(const char *value)
{
	struct mm_err err = {0};

	(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
			 "'--lines %s' is not a number", value);
	(void)mm_err_class(&err, MM_CLASS_USAGE, "write it like -n 20");
	return trouble_report(&err);
}

static int cannot_show(int code)
{
	struct mm_err err = {0};

	(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, code, "cannot run journalctl: %s",
			 strerror(-code));
	(void)mm_err_class(&err, MM_CLASS_LOCAL,
			   "without systemd mailmigd writes its log to standard error: look "
			   "where that goes");
	return trouble_report(&err);
}

int verb_log(struct ctl *c)
{
	const char *name = c->args.names[0], *lines = c->args.values[OPT_LINES];
	const char *argv[ARGUMENTS_MAX] = {"journalctl"};
	_cleanup_(freep) char *match = text_fmt("MAILMIG_ACCOUNT=%s", name);
	uint32_t number;
	size_t n = 1;
	int code;

	if (!match)
		return cannot_show(-ENOMEM);
	if (lines && parse_u32(lines, strlen(lines), &number) < 0)
		return bad_lines(lines);
	code = check_name(c, name);
	if (code != 0)
		return code;

	argv[n++] = match;
	if (ctl_has(&c->args, OPT_FOLLOW))
		argv[n++] = "--follow";
	if (lines) {
		argv[n++] = "--lines";
		argv[n++] = lines;
	}
	if (c->args.verbose > 0)
		argv[n++] = "--catalog";
	if (ctl_has(&c->args, OPT_JSON))
		argv[n++] = "--output=json";

	(void)fflush(NULL);
	(void)execvp(argv[0], (char *const *)argv);
	return cannot_show(-errno);
}
