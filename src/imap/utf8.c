/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <mailmig/text.h>
#include <string.h>

#include "utf7.h"

/* Longer headers are judged by their beginning. */
#define HEADER_MAX (256 * 1024)

int utf8_to_raw(const char *wire, size_t n, struct buf *raw)
{
	int r = utf7_encode(wire, n, raw);

	return r == -EBADMSG ? buf_add(raw, wire, n) : r;
}

int utf8_from_raw(const char *raw, struct buf *wire)
{
	size_t n = strlen(raw);
	int r = utf7_decode(raw, n, wire);

	return r == -EBADMSG ? buf_add(wire, raw, n) : r;
}

bool utf8_matters(const char *raw)
{
	return strchr(raw, '&') != NULL;
}

/* Where the blank line begins that ends the header; n when it is not there. */
static size_t header_length(const char *p, size_t n)
{
	const char *line = p, *end = p + n;

	while (line < end) {
		const char *lf = memchr(line, '\n', (size_t)(end - line));

		if (lf == line || (lf == line + 1 && *line == '\r'))
			return (size_t)(line - p);
		if (!lf)
			break;
		line = lf + 1;
	}
	return n;
}

/* Of a piece that ends within the header, whole lines. */
static size_t whole_lines(const char *p, size_t n)
{
	const char *lf = memrchr(p, '\n', n);

	return lf ? (size_t)(lf - p) : 0;
}

static bool is_wide(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)p[i] > 127)
			return text_is_utf8(p, n);
	return false;
}

int utf8_header(const struct spool *body)
{
	_cleanup_(freep) char *more = NULL;
	char first[4096];
	const char *p = first;
	ssize_t n = spool_read_at(body, 0, first, sizeof(first));
	size_t len;

	if (n < 0)
		return (int)n;
	len = header_length(first, (size_t)n);
	if (len == sizeof(first)) {
		more = malloc(HEADER_MAX);
		if (!more)
			return -ENOMEM;
		n = spool_read_at(body, 0, more, HEADER_MAX);
		if (n < 0)
			return (int)n;
		len = header_length(more, (size_t)n);
		p = more;
	}
	if (len == (size_t)n && (uint64_t)n < spool_size(body))
		len = whole_lines(p, len);
	return is_wide(p, len);
}
