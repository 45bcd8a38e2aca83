/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <string.h>

#define NAMES_SHOWN 20

static void advise(const char *advice)
{
	if (!*advice)
		return;
	fputs("  ", stderr);
	put_clean(stderr, advice);
	fputc('\n', stderr);
}

static int say(int exit_code, const char *advice, const char *before, const char *name,
	       const char *after)
{
	fprintf(stderr, "mailmigctl: %s", before);
	put_clean(stderr, name);
	fprintf(stderr, "%s\n", after);
	advise(advice);
	return exit_code;
}

int trouble_report(const struct mm_err *e)
{
	(void)say(0, e->advice, "", e->text, "");
	return mm_class_exit_code(e->cls);
}

int trouble_config(const json_t *lines)
{
	const json_t *line;
	size_t i;

	json_array_foreach(lines, i, line)
	{
		put_clean(stderr, json_is_string(line) ? json_string_value(line) : "?");
		fputc('\n', stderr);
	}
	fprintf(stderr, "mailmigctl: the configuration has %zu error%s\n",
		json_array_size(lines), PLURAL(json_array_size(lines)));
	return CTL_EXIT_CONFIG;
}

static int no_such_account(const json_t *p)
{
	const json_t *have = json_object_get(p, "have"), *name;
	const char *sep = "  there are: ";
	size_t i;

	(void)say(0, "", "there is no account \"", member_str(p, "account"),
		  "\" in the configuration");
	json_array_foreach(have, i, name)
	{
		if (i == NAMES_SHOWN) {
			fprintf(stderr, " and %zu more; see mailmigctl status",
				json_array_size(have) - i);
			break;
		}
		fputs(sep, stderr);
		put_clean(stderr, json_is_string(name) ? json_string_value(name) : "?");
		sep = ", ";
	}
	if (json_array_size(have) == 0)
		fputs("  there is none at all; write one into /etc/mailmig.conf, then "
		      "mailmigctl reload",
		      stderr);
	fputc('\n', stderr);
	return CTL_EXIT_CONFIG;
}

static int already_running(const json_t *p)
{
	char advice[512];

	(void)snprintf(advice, sizeof(advice),
		       "see it with: mailmigctl status %s    end it with: mailmigctl cancel %s",
		       member_str(p, "account"), member_str(p, "account"));
	return say(CTL_EXIT_REFUSED, advice, "account ", member_str(p, "account"),
		   " has a run already");
}

static int paused(const json_t *p)
{
	char advice[256];

	(void)snprintf(advice, sizeof(advice), "have it go on with: mailmigctl resume %s",
		       member_str(p, "account"));
	return say(CTL_EXIT_REFUSED, advice, "account ", member_str(p, "account"),
		   " is paused");
}

static int permission_denied(const json_t *p)
{
	fprintf(stderr,
		"mailmigctl: uid %" PRIu64
		" may not control mailmigd, only root and group mailmig\n"
		"  join the group:  sudo adduser USER mailmig        then log in again\n",
		member_u64(p, "uid"));
	return CTL_EXIT_NO_DAEMON;
}

static int secret_in_use(const json_t *p)
{
	const json_t *users = json_object_get(p, "used_by");
	char advice[256];

	(void)snprintf(advice, sizeof(advice),
		       "%zu account%s it, %s first: take password_stored = \"%s\" out of the "
		       "configuration, then mailmigctl reload",
		       json_array_size(users), json_array_size(users) == 1 ? " uses" : "s use",
		       json_string_value(json_array_get(users, 0)) ?: "?",
		       member_str(p, "name"));
	return say(CTL_EXIT_REFUSED, advice, "the secret ", member_str(p, "name"),
		   " is in use and was not removed");
}

static int failed(const json_t *p)
{
	uint64_t code = member_u64(p, "exit_code");
	const char *text = member_str(p, "text");

	(void)say(0, member_str(p, "advice"), "", *text ? text : "mailmigd could not do it",
		  "");
	return code > 0 && code <= CTL_EXIT_LOCAL ? (int)code : CTL_EXIT_LOCAL;
}

int trouble_reply(const struct varlink_reply *reply)
{
	const json_t *p = reply->parameters;
	const char *name = reply->error;
	size_t n = strlen(CONTROL_INTERFACE);

	if (strncmp(name, CONTROL_INTERFACE ".", n + 1) != 0)
		return say(CTL_EXIT_NO_DAEMON,
			   "mailmigctl and mailmigd may be of different versions; after an "
			   "upgrade: systemctl restart mailmigd",
			   "mailmigd does not understand the request: ", name, "");

	name += n + 1;
	if (strcmp(name, "NoSuchAccount") == 0)
		return no_such_account(p);
	if (strcmp(name, "AccountDisabled") == 0)
		return say(CTL_EXIT_CONFIG,
			   "set enabled = true in its configuration, then mailmigctl reload",
			   "account ", member_str(p, "account"), " is switched off");
	if (strcmp(name, "AccountPaused") == 0)
		return paused(p);
	if (strcmp(name, "AlreadyRunning") == 0)
		return already_running(p);
	if (strcmp(name, "NotRunning") == 0)
		return say(CTL_EXIT_OK, "", "nothing is running for ", member_str(p, "account"),
			   "");
	if (strcmp(name, "SecretInUse") == 0)
		return secret_in_use(p);
	if (strcmp(name, "ConfigInvalid") == 0)
		return trouble_config(json_object_get(p, "errors"));
	if (strcmp(name, "PermissionDenied") == 0)
		return permission_denied(p);
	if (strcmp(name, "NotInThisVersion") == 0)
		return say(CTL_EXIT_USAGE, "", "not in this version: ", member_str(p, "what"),
			   "");
	if (strcmp(name, "Failed") == 0)
		return failed(p);
	return say(CTL_EXIT_NO_DAEMON, "see journalctl -u mailmigd -n 20",
		   "mailmigd answered with an unknown error: ", name, "");
}
