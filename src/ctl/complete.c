/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <string.h>

/* Words for the completion of shells: it asks the program, so it is never behind it. Each line
 * is a word, a tab and its help. */

static void put_options(FILE *f, unsigned mask)
{
	for (int o = 0; o < OPT_MAX_; o++)
		if ((mask & OPT_BIT(o)) && ctl_option_rows[o].help)
			fprintf(f, "--%s\t%s\n", ctl_option_rows[o].name,
				ctl_option_rows[o].help);
}

static void put_accounts(struct ctl *c)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	const json_t *accounts, *a;
	const char *group = "";
	struct mm_err err = {0};
	size_t i;

	if (ctl_call(c, CONTROL_INTERFACE ".Status", NULL, &reply, &err) < 0 || reply.error)
		return; /* no words is all that can be said to a shell */

	accounts = json_object_get(json_object_get(reply.parameters, "status"), "accounts");
	json_array_foreach(accounts, i, a)
	{
		if (strcmp(member_str(a, "group"), group) != 0) {
			group = member_str(a, "group");
			put_clean(c->term.out, group);
			fputs(*group ? "\ta group\n" : "", c->term.out);
		}
		put_clean(c->term.out, member_str(a, "name"));
		fprintf(c->term.out, "\t%s, ", member_str(a, "mode"));
		put_clean(c->term.out, member_str(a, "state"));
		fputc('\n', c->term.out);
	}
}

/* What follows the verb "secret": its words, and the secrets there are. */
static void put_secrets(struct ctl *c)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};
	const json_t *s;
	size_t i;

	fputs("set\tstore a secret\nlist\tnames and dates\nremove\tremove secrets\n",
	      c->term.out);
	if (ctl_call(c, CONTROL_INTERFACE ".SecretList", NULL, &reply, &err) < 0 || reply.error)
		return;
	json_array_foreach(json_object_get(reply.parameters, "secrets"), i, s)
	{
		put_clean(c->term.out, member_str(s, "name"));
		fputs("\ta stored secret\n", c->term.out);
	}
}

int ctl_complete(struct ctl *c, const char *what)
{
	FILE *f = c->term.out;

	if (strcmp(what, "verbs") == 0)
		for (size_t i = 0; i < ctl_n_verbs; i++)
			fprintf(f, "%s\t%s\n", ctl_verbs[i].name, ctl_verbs[i].help);
	else if (strcmp(what, "options") == 0)
		put_options(f, OPT_GLOBALS | c->args.verb->options);
	else if (strcmp(what, "accounts") == 0 && c->args.verb->run == verb_secret)
		put_secrets(c);
	else if (strcmp(what, "accounts") == 0 && c->args.verb->max_names > 0)
		put_accounts(c);
	return CTL_EXIT_OK;
}
