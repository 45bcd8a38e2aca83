/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <locale.h>
#include <signal.h>

static const char *find_socket(const struct ctl_args *a)
{
	const char *env = getenv("MAILMIG_SOCKET");

	if (a->values[OPT_SOCKET])
		return a->values[OPT_SOCKET];
	return env && *env ? env : CTL_DEFAULT_SOCKET;
}

static int dispatch(struct ctl *c)
{
	if (ctl_has(&c->args, OPT_COMPLETE))
		return ctl_complete(c, c->args.values[OPT_COMPLETE]);
	if (ctl_has(&c->args, OPT_VERSION)) {
		fprintf(c->term.out, "mailmigctl %s\n", MAILMIG_VERSION);
		return CTL_EXIT_OK;
	}
	return c->args.verb->run(c);
}

static int run(struct ctl *c, int argc, char **argv)
{
	struct mm_err err = {0};
	int code;

	if (ctl_args_parse(&c->args, argc, argv, &err) < 0)
		return trouble_report(&err);

	c->socket = find_socket(&c->args);
	term_init(&c->term, ctl_has(&c->args, OPT_NO_COLOR));
	if (ctl_has(&c->args, OPT_HELP)) {
		if (c->args.verb_named)
			ctl_help_verb(c->term.out, c->args.verb);
		else
			ctl_help_program(c->term.out);
		code = CTL_EXIT_OK;
	} else {
		code = dispatch(c);
	}

	/* What nobody could read was not done, whatever the daemon says. */
	if (fflush(c->term.out) != 0 || ferror(c->term.out)) {
		fprintf(stderr, "mailmigctl: cannot write to standard output\n");
		code = MAX_OF(code, CTL_EXIT_LOCAL);
	}
	return code;
}

int main(int argc, char **argv)
{
	struct ctl c = {0};
	int code;

	/* Numbers and messages stay as they are; only the width of characters is the locale's.
	 */
	(void)setlocale(LC_CTYPE, "");
	(void)signal(SIGPIPE, SIG_IGN); /* a write says it */
	secret_guard_process();
	code = run(&c, argc, argv);
	ctl_args_done(&c.args);
	return code;
}
