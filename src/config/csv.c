/* SPDX-License-Identifier: Apache-2.0 */
#include "csv.h"
#include <string.h>

#define BOM "\xef\xbb\xbf"

void csv_init(struct csv *c, char *text, size_t n)
{
	size_t skip = n >= 3 && memcmp(text, BOM, 3) == 0 ? 3 : 0;

	*c = (struct csv){.p = text + skip, .end = text + n, .line = 1};
}

static bool at_line_end(const char *p)
{
	return *p == '\n' || (*p == '\r' && p[1] == '\n');
}

/* In front of a line end: behind it. */
static void pass_line_end(struct csv *c)
{
	c->p += *c->p == '\r' ? 2 : 1;
	c->line++;
}

static enum csv_result fail(struct csv *c, enum csv_result why, unsigned *ret_line)
{
	char *lf = memchr(c->p, '\n', (size_t)(c->end - c->p));

	*ret_line = c->line;
	c->p = lf ? lf + 1 : c->end;
	c->line++;
	return why;
}

/* Behind the opening quote. Two quotes are one, line breaks are part of it. The field moves to
 * the left as its quotes go; *ret_end is where it ends. */
static enum csv_result quoted_field(struct csv *c, char **ret_end, unsigned *ret_line)
{
	unsigned opened = c->line;
	char *to = c->p;

	for (; c->p < c->end; c->p++) {
		if (*c->p == '"' && *++c->p != '"') {
			*ret_end = to;
			return CSV_ROW;
		}
		c->line += *c->p == '\n';
		*to++ = *c->p;
	}
	*ret_line = opened;
	return CSV_OPEN_QUOTE;
}

static enum csv_result field(struct csv *c, char **ret, char **ret_end, unsigned *ret_line)
{
	enum csv_result r;

	if (*c->p == '"') {
		*ret = ++c->p;
		r = quoted_field(c, ret_end, ret_line);
		if (r != CSV_ROW)
			return r;
	} else {
		*ret = c->p;
		c->p += strcspn(c->p, ",\"\r\n");
		*ret_end = c->p;
	}
	if (c->p == c->end || *c->p == ',' || at_line_end(c->p))
		return CSV_ROW;
	return fail(c, *c->p == '\r' ? CSV_BAD_CR : CSV_STRAY_QUOTE, ret_line);
}

enum csv_result csv_row(struct csv *c, char **fields, size_t max, size_t *ret_n,
			unsigned *ret_line)
{
	size_t n = 0;
	bool more;

	while (c->p < c->end && at_line_end(c->p))
		pass_line_end(c);
	if (c->p == c->end)
		return CSV_END;

	*ret_line = c->line;
	do {
		char *begin, *end;
		enum csv_result r = field(c, &begin, &end, ret_line);

		if (r != CSV_ROW)
			return r;
		more = c->p < c->end && *c->p == ',';
		if (more)
			c->p++;
		else if (c->p < c->end)
			pass_line_end(c);
		*end = '\0'; /* what stood there has been looked at */
		if (n < max)
			fields[n] = begin;
		n++;
	} while (more);
	*ret_n = n;
	return CSV_ROW;
}
