/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <string.h>

#define INDENT     2
#define ITEM_WIDTH 24 /* "destination capabilities" */
#define WORD_WIDTH 4

static enum colour colour_of(const char *result)
{
	if (strcmp(result, "ok") == 0)
		return COLOUR_GOOD;
	return strcmp(result, "warn") == 0 ? COLOUR_WARN : COLOUR_BAD;
}

static const char *word_of(const char *result)
{
	return strcmp(result, "fail") == 0 ? "FAIL" : result;
}

/* "origin login", or the item alone. */
static void put_item(char *buf, size_t n, const json_t *event)
{
	const char *side = member_str(event, "side");

	(void)snprintf(buf, n, "%s%s%s", side, *side ? " " : "", member_str(event, "item"));
}

static void for_people(FILE *f, const struct look *l, const json_t *event)
{
	const size_t indent = INDENT + WORD_WIDTH + 2 + ITEM_WIDTH + 2;
	const char *result = member_str(event, "result"), *advice = member_str(event, "advice");
	char item[64];

	put_item(item, sizeof(item), event);
	put_blanks(f, INDENT);
	fprintf(f, "%s%-*s%s  %-*s  ", colour_on(l, colour_of(result)), WORD_WIDTH,
		word_of(result), colour_off(l, colour_of(result)), ITEM_WIDTH, item);
	put_wrapped(f, l, indent, member_str(event, "text"));
	if (!*advice)
		return;
	put_blanks(f, indent);
	put_wrapped(f, l, indent, advice);
}

static void for_programs(FILE *f, const json_t *event)
{
	const char *account = member_str(event, "account"),
		   *advice = member_str(event, "advice");
	char item[64];

	put_item(item, sizeof(item), event);
	put_clean(f, word_of(member_str(event, "result")));
	fputc(' ', f);
	put_clean(f, *account ? account : "-");
	fputc(' ', f);
	put_clean(f, item);
	fputs(": ", f);
	put_clean(f, member_str(event, "text"));
	if (*advice) {
		fputs("; ", f);
		put_clean(f, advice);
	}
	fputc('\n', f);
}

void check_view_heading(FILE *f, const struct look *l, const char *account)
{
	if (l->columns == 0)
		return; /* there the account stands in every line */
	fputs(colour_on(l, COLOUR_BOLD), f);
	put_clean(f, *account ? account : "The service");
	fprintf(f, "%s\n", colour_off(l, COLOUR_BOLD));
}

void check_view_line(FILE *f, const struct look *l, const json_t *event)
{
	if (l->columns > 0)
		for_people(f, l, event);
	else
		for_programs(f, event);
}

void check_view_end(FILE *f, const struct look *l, unsigned n_warnings, unsigned n_faults)
{
	enum colour c = n_faults > 0 ? COLOUR_BAD : n_warnings > 0 ? COLOUR_WARN : COLOUR_GOOD;

	if (l->columns == 0)
		return;
	fputs(colour_on(l, c), f);
	if (n_faults + n_warnings == 0)
		fputs("all is well", f);
	else
		fprintf(f, "%u fault%s, %u warning%s", n_faults, PLURAL(n_faults), n_warnings,
			PLURAL(n_warnings));
	fprintf(f, "%s\n", colour_off(l, c));
}
