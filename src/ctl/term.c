/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <langinfo.h>
#include <mailmig/parse.h>
#include <string.h>
#include <sys/ioctl.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN     20 /* below it a terminal lies, or nothing helps */
#define COLUMNS_MAX     1000

const char *colour_on(const struct look *l, enum colour c)
{
	static const char *const codes[COLOUR_MAX_] = {
		[COLOUR_NONE] = "",         [COLOUR_GOOD] = "\033[32m",
		[COLOUR_WARN] = "\033[33m", [COLOUR_BAD] = "\033[1;31m",
		[COLOUR_DIM] = "\033[2m",   [COLOUR_BOLD] = "\033[1m",
	};

	return l->colour ? codes[c] : "";
}

const char *colour_off(const struct look *l, enum colour c)
{
	return l->colour && c != COLOUR_NONE ? "\033[0m" : "";
}

void term_resize(struct term *t)
{
	struct winsize w = {0};
	const char *env = getenv("COLUMNS");
	uint32_t n = 0;

	if (ioctl(fileno(t->out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		n = w.ws_col;
	else if (!env || parse_u32(env, strlen(env), &n) < 0)
		n = COLUMNS_DEFAULT;
	t->look.columns = MAX_OF(COLUMNS_MIN, MIN_OF(n, COLUMNS_MAX));
}

void term_init(struct term *t, bool no_color)
{
	const char *no = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	bool dumb = !kind || !*kind || strcmp(kind, "dumb") == 0;

	*t = (struct term){.out = stdout};
	t->look.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	if (!isatty(fileno(t->out)))
		return;

	t->live = !dumb;
	t->look.colour = !dumb && !no_color && !(no && *no);
	term_resize(t);
}

void term_line(struct term *t, const char *line)
{
	if (!t->live || (!line && !t->line_shown))
		return;

	/* The new line over the old one, then what sticks out of the old one: no flicker. */
	fprintf(t->out, "\r%s\033[K", line ? line : "");
	t->line_shown = line;
	(void)fflush(t->out); /* an error stays in the stream, and is looked at in the end */
}
