/* SPDX-License-Identifier: Apache-2.0 */
#include "framer.h"

#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>

void imap_framer_done(struct imap_framer *f)
{
	buf_done(&f->line);
}

/* Lines whose text is for people have no literals, whatever they end in. */
static bool may_have_literal(const char *line, size_t n)
{
	static const char *const prose[] = {"OK", "NO", "BAD", "BYE", "PREAUTH"};

	if (n < 2 || memcmp(line, "* ", 2) != 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(prose); i++) {
		size_t len = strlen(prose[i]);

		if (n >= len + 2 && strncasecmp(line + 2, prose[i], len) == 0 &&
		    (n == len + 2 || line[len + 2] == ' '))
			return false;
	}
	return true;
}

/* A literal announced at the end of the text from `from` on: 1 and its size and where its '{'
 * is; 0 when there is none. */
static int find_literal(const struct buf *b, size_t from, uint64_t *ret_size, size_t *ret_at)
{
	size_t end = b->len;
	size_t i;

	if (end <= from || b->p[end - 1] != '}' || !may_have_literal(b->p, b->len))
		return 0;
	end--;
	if (end > from && b->p[end - 1] == '+')
		end--;
	for (i = end; i > from && b->p[i - 1] >= '0' && b->p[i - 1] <= '9'; i--)
		;
	if (i == end || i == from || b->p[i - 1] != '{')
		return 0;
	if (parse_u64(b->p + i, end - i, ret_size) < 0)
		return -EPROTO;
	*ret_at = i - 1;
	return 1;
}

/* True when a literal at this place of the line is a message body. */
static bool is_body(const struct buf *b, size_t at)
{
	static const char item[] = "BODY[] ";
	const size_t len = sizeof(item) - 1;
	size_t i = 2;

	if (at > 0 && b->p[at - 1] == '~') /* literal8 (RFC 3516) */
		at--;
	if (at < len || strncasecmp(b->p + at - len, item, len) != 0)
		return false;
	while (i < at && b->p[i] >= '0' && b->p[i] <= '9')
		i++;
	return i > 2 && at - i > 7 && strncasecmp(b->p + i, " FETCH ", 7) == 0;
}

/* A line of text is complete (its LF was seen and is not in the buffer). */
static int end_of_text(struct imap_framer *f)
{
	uint64_t size = 0;
	size_t at = 0;
	int r;

	if (f->line.len > f->scanned && f->line.p[f->line.len - 1] == '\r')
		f->line.p[--f->line.len] = '\0';

	r = find_literal(&f->line, f->scanned, &size, &at);
	if (r < 0)
		return r;
	if (r == 0) {
		f->ended = true;
		return IMAP_EVENT_RESPONSE;
	}

	if (is_body(&f->line, at)) {
		if (size > IMAP_BODY_MAX)
			return -EMSGSIZE;
		if (f->body_seen)
			return -EPROTO;
		if (at > 0 && f->line.p[at - 1] == '~')
			at--;
		f->line.len = at;
		r = buf_addc(&f->line, IMAP_EXTERNAL);
		if (r < 0)
			return r;
		f->body_seen = true;
		f->body_size = f->left = size;
		f->scanned = f->line.len;
		f->state = FRAMER_BODY;
		return IMAP_EVENT_BODY;
	}

	if (size > IMAP_LINE_MAX || f->line.len + size > IMAP_LINE_MAX)
		return -EMSGSIZE;
	f->left = size;
	f->state = FRAMER_LITERAL;
	r = buf_add(&f->line, "\r\n", 2);
	f->scanned = f->line.len;
	return r < 0 ? r : IMAP_EVENT_MORE;
}

/* Text up to and with the next LF. */
static int push_text(struct imap_framer *f, const uint8_t *in, size_t n, size_t *used)
{
	const uint8_t *lf = memchr(in, '\n', n);
	size_t take = lf ? (size_t)(lf - in) : n;
	size_t from = f->line.len;

	if (f->line.len + take > IMAP_LINE_MAX)
		return -EMSGSIZE;
	if (buf_add(&f->line, in, take) < 0)
		return -ENOMEM;
	*used += lf ? take + 1 : take;

	/* In text these two are illegal, and ours: the mark of a body, and the end of a string.
	 */
	for (char *p = f->line.p + from, *end = f->line.p + f->line.len; p < end; p++)
		if (*p == IMAP_EXTERNAL || *p == '\0')
			*p = '?';
	return lf ? end_of_text(f) : IMAP_EVENT_MORE;
}

bool imap_framer_midway(const struct imap_framer *f)
{
	return f->state != FRAMER_LINE || (f->line.len > 0 && !f->ended);
}

int imap_framer_push(struct imap_framer *f, const uint8_t *in, size_t n, size_t *used)
{
	*used = 0;
	if (f->ended) {
		buf_reset(&f->line);
		f->scanned = 0;
		f->ended = f->body_seen = false;
	}

	for (;;) {
		size_t left = n - *used;
		size_t take = (size_t)MIN_OF((uint64_t)left, f->left);
		int r;

		if (f->state != FRAMER_LINE && f->left == 0) {
			bool body = f->state == FRAMER_BODY;

			f->state = FRAMER_LINE;
			if (body)
				return IMAP_EVENT_BODY_END;
			continue;
		}
		if (left == 0)
			return IMAP_EVENT_MORE;

		switch (f->state) {
		case FRAMER_LINE:
			r = push_text(f, in + *used, left, used);
			if (r != IMAP_EVENT_MORE)
				return r;
			break;
		case FRAMER_LITERAL:
			if (buf_add(&f->line, in + *used, take) < 0)
				return -ENOMEM;
			f->left -= take;
			*used += take;
			f->scanned = f->line.len;
			break;
		case FRAMER_BODY:
			f->data = in + *used;
			f->n = take;
			f->left -= take;
			*used += take;
			return IMAP_EVENT_DATA;
		}
	}
}
