/* SPDX-License-Identifier: Apache-2.0 */
#include "parse.h"

#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>

#include "framer.h"

void imap_skip_blanks(struct imap_cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

bool imap_take_char(struct imap_cursor *c, char ch)
{
	if (c->p >= c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

bool imap_str_is(const struct imap_str *s, const char *word)
{
	return s->p && text_ieqn(s->p, s->n, word);
}

struct imap_str imap_take_word(struct imap_cursor *c, bool brackets)
{
	struct imap_str s = {.p = c->p};
	bool bracket = false;

	while (c->p < c->end) {
		char ch = *c->p;

		if (ch == '[' && brackets)
			bracket = true;
		else if (ch == ']')
			bracket = false;
		else if (!bracket &&
			 (ch == ' ' || ch == '(' || ch == ')' || ch == IMAP_EXTERNAL))
			break;
		c->p++;
	}
	s.n = (size_t)(c->p - s.p);
	return s;
}

static int take_quoted(struct imap_cursor *c, struct buf *scratch, struct imap_str *ret)
{
	const char *start = ++c->p;
	const char *q = start;
	size_t at;

	/* Without escapes the octets can be used where they are. */
	while (q < c->end && *q != '"' && *q != '\\')
		q++;
	if (q < c->end && *q == '"') {
		*ret = (struct imap_str){.p = start, .n = (size_t)(q - start)};
		c->p = q + 1;
		return 0;
	}

	/* Room for all now: the pointer must not move while later strings are added. */
	if (buf_reserve(scratch, (size_t)(c->end - start)) < 0)
		return -ENOMEM;
	at = scratch->len;
	for (q = start; q < c->end && *q != '"'; q++) {
		if (*q == '\\' && q + 1 < c->end)
			q++;
		if (buf_addc(scratch, *q) < 0)
			return -ENOMEM;
	}
	if (q >= c->end)
		return -EPROTO;
	*ret = (struct imap_str){.p = scratch->p + at, .n = scratch->len - at};
	c->p = q + 1;
	return 0;
}

static int take_literal(struct imap_cursor *c, struct imap_str *ret)
{
	const char *q = ++c->p;
	uint64_t n;

	while (q < c->end && *q >= '0' && *q <= '9')
		q++;
	if (parse_u64(c->p, (size_t)(q - c->p), &n) < 0)
		return -EPROTO;
	if (q < c->end && *q == '+')
		q++;
	if (c->end - q < 3 || memcmp(q, "}\r\n", 3) != 0 || n > (uint64_t)(c->end - q - 3))
		return -EPROTO;
	*ret = (struct imap_str){.p = q + 3, .n = (size_t)n};
	c->p = q + 3 + n;
	return 0;
}

int imap_take_string(struct imap_cursor *c, struct buf *scratch, struct imap_str *ret)
{
	struct imap_str s;

	if (c->p >= c->end)
		return -EPROTO;
	if (*c->p == '"')
		return take_quoted(c, scratch, ret);
	if (*c->p == '~' && c->p + 1 < c->end && c->p[1] == '{')
		c->p++;
	if (*c->p == '{')
		return take_literal(c, ret);
	if (*c->p == IMAP_EXTERNAL) {
		c->p++;
		*ret = (struct imap_str){.p = NULL, .external = true};
		return 0;
	}

	s = imap_take_word(c, false);
	if (s.n == 0)
		return -EPROTO;
	if (imap_str_is(&s, "NIL"))
		s = (struct imap_str){.p = NULL};
	*ret = s;
	return 0;
}

int imap_take_u64(struct imap_cursor *c, uint64_t *ret)
{
	const char *q = c->p;

	while (q < c->end && *q >= '0' && *q <= '9')
		q++;
	if (parse_u64(c->p, (size_t)(q - c->p), ret) < 0)
		return -EPROTO;
	c->p = q;
	return 0;
}

int imap_take_u32(struct imap_cursor *c, uint32_t *ret)
{
	uint64_t v;

	if (imap_take_u64(c, &v) < 0 || v > UINT32_MAX)
		return -EPROTO;
	*ret = (uint32_t)v;
	return 0;
}

int imap_take_flag_list(struct imap_cursor *c, struct imap_str *ret)
{
	const char *start;

	if (!imap_take_char(c, '('))
		return -EPROTO;
	start = c->p;
	while (c->p < c->end && *c->p != ')')
		c->p++;
	*ret = (struct imap_str){.p = start, .n = (size_t)(c->p - start)};
	return imap_take_char(c, ')') ? 0 : -EPROTO;
}

int imap_skip_value(struct imap_cursor *c)
{
	_cleanup_(buf_done) struct buf scratch = {0};
	unsigned depth = 0;

	do {
		struct imap_str s;
		int r;

		imap_skip_blanks(c);
		if (imap_take_char(c, '(')) {
			if (++depth > IMAP_NESTING_MAX)
				return -EPROTO;
			continue;
		}
		if (depth > 0 && imap_take_char(c, ')')) {
			depth--;
			continue;
		}
		buf_reset(&scratch);
		r = imap_take_string(c, &scratch, &s);
		if (r < 0)
			return r;
	} while (depth > 0);
	return 0;
}

static enum imap_status status_of(const struct imap_str *word)
{
	static const struct {
		const char *word;
		enum imap_status status;
	} table[] = {
		{"OK", IMAP_OK},   {"NO", IMAP_NO},           {"BAD", IMAP_BAD},
		{"BYE", IMAP_BYE}, {"PREAUTH", IMAP_PREAUTH},
	};

	for (size_t i = 0; i < ELEMENTS(table); i++)
		if (imap_str_is(word, table[i].word))
			return table[i].status;
	return IMAP_NONE;
}

/* "[CODE args] text": the code may hold a quoted "]" only in BADCHARSET, whose arguments nobody
 * reads.
 */
static void take_code(struct imap_resp *r)
{
	const char *q;

	if (r->rest.p >= r->rest.end || *r->rest.p != '[')
		return;
	q = memchr(r->rest.p, ']', (size_t)(r->rest.end - r->rest.p));
	if (!q)
		return;
	r->code = (struct imap_str){.p = r->rest.p + 1, .n = (size_t)(q - r->rest.p - 1)};
	r->rest.p = q + 1;
	imap_skip_blanks(&r->rest);
}

int imap_parse_response(const struct buf *line, struct imap_resp *ret)
{
	struct imap_resp r = {0};
	struct imap_cursor c = {.p = buf_str(line)};
	uint64_t number;

	c.end = c.p + line->len;
	if (c.p < c.end && *c.p == '+') {
		c.p++;
		imap_skip_blanks(&c);
		r.kind = IMAP_CONTINUATION;
		r.rest = c;
		*ret = r;
		return 0;
	}

	r.tag = imap_take_word(&c, false);
	if (r.tag.n == 0 || !imap_take_char(&c, ' '))
		return -EPROTO;
	r.kind = r.tag.n == 1 && *r.tag.p == '*' ? IMAP_UNTAGGED : IMAP_TAGGED;
	imap_skip_blanks(&c);
	r.word = imap_take_word(&c, false);
	if (r.word.n == 0)
		return -EPROTO;
	if (r.kind == IMAP_UNTAGGED && parse_u64(r.word.p, r.word.n, &number) == 0) {
		if (number > UINT32_MAX)
			return -EPROTO;
		r.has_number = true;
		r.number = (uint32_t)number;
		imap_skip_blanks(&c);
		r.word = imap_take_word(&c, false);
		if (r.word.n == 0)
			return -EPROTO;
	}
	imap_skip_blanks(&c);
	r.rest = c;

	r.status = r.has_number ? IMAP_NONE : status_of(&r.word);
	if (r.status != IMAP_NONE)
		take_code(&r);
	else if (r.kind == IMAP_TAGGED)
		return -EPROTO;
	*ret = r;
	return 0;
}

bool imap_code_is(const struct imap_resp *r, const char *word, struct imap_cursor *ret_rest)
{
	size_t n = strlen(word);
	struct imap_cursor c;

	if (!r->code.p || r->code.n < n || strncasecmp(r->code.p, word, n) != 0)
		return false;
	if (r->code.n > n && r->code.p[n] != ' ')
		return false;
	c = (struct imap_cursor){.p = r->code.p + n, .end = r->code.p + r->code.n};
	imap_skip_blanks(&c);
	if (ret_rest)
		*ret_rest = c;
	return true;
}
