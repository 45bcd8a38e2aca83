/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <string.h>

#define LEFT_COLUMN   18
#define OPTION_COLUMN 17

static void option_line(FILE *f, const struct ctl_option_row *row)
{
	char left[64];

	(void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->value ? " " : "",
		       row->value ? row->value : "");
	fprintf(f, "  %c%c %-*s %s\n", row->letter ? '-' : ' ', row->letter ? row->letter : ' ',
		OPTION_COLUMN, left, row->help);
}

static void options(FILE *f, const char *title, unsigned mask)
{
	bool first = true;

	for (int o = 0; o < OPT_MAX_; o++) {
		if (!(mask & OPT_BIT(o)) || !ctl_option_rows[o].help)
			continue;
		if (first)
			fprintf(f, "\n%s\n", title);
		first = false;
		option_line(f, &ctl_option_rows[o]);
	}
}

/* Not with printf: its widths count octets. */
static void verb_line(FILE *f, const struct ctl_verb *v)
{
	size_t used = strlen(v->name);

	fprintf(f, "  %s", v->name);
	put_blanks(f, used < LEFT_COLUMN ? LEFT_COLUMN - used : 1);
	fprintf(f, "%s\n", v->help);
}

void ctl_help_program(FILE *f)
{
	fputs("Usage: mailmigctl [OPTION...] [VERB [NAME...]]\n\n"
	      "Control the mail migration service mailmigd(8). Without a verb: status.\n\n"
	      "Verbs:\n",
	      f);
	for (size_t i = 0; i < ctl_n_verbs; i++)
		verb_line(f, &ctl_verbs[i]);

	options(f, "Options, before or after the verb:", OPT_GLOBALS);
	fputs("\nExit codes: 0 done, 1 done but something failed, 2 usage, 3 configuration,\n"
	      "4 no daemon or not permitted, 5 login refused, 6 server unreachable or TLS "
	      "refused,\n"
	      "8 refused for safety, 9 cancelled or timed out, 10 local fault.\n"
	      "\nThe socket is $MAILMIG_SOCKET, else " CTL_DEFAULT_SOCKET ".\n"
	      "mailmigctl VERB --help tells more about a verb; see also mailmigctl(1).\n",
	      f);
}

void ctl_help_verb(FILE *f, const struct ctl_verb *v)
{
	fprintf(f, "Usage: mailmigctl [OPTION...] %s%s%s\n\n%s\n", v->name,
		*v->synopsis ? " " : "", v->synopsis, v->help);
	if (v->more)
		fprintf(f, "\n%s\n", v->more);
	options(f, "Options of this verb:", v->options);
	options(f, "Options of every verb:", OPT_GLOBALS);
}
