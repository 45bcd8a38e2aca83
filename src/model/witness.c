/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/fingerprint.h>
#include <mailmig/text.h>
#include <mailmig/witness.h>
#include <openssl/evp.h>
#include <strings.h>

#include "header_field.h"

static const struct {
	const char *name;
	unsigned match;
	char mark;
} fields[] = {
	{"Message-ID", MATCH_MESSAGE_ID, 'm'},
	{"Date", MATCH_DATE, 'd'},
	{"From", MATCH_FROM, 'f'},
	{"Subject", MATCH_SUBJECT, 's'},
	{"Received", MATCH_RECEIVED, 'r'},
};

int witness_fields(unsigned match, struct buf *out)
{
	bool first = true;

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		if (!(match & fields[i].match))
			continue;
		if (buf_addf(out, "%s%s", first ? "" : " ", fields[i].name) < 0)
			return -ENOMEM;
		first = false;
	}
	return 0;
}

/* ---- encoded words (RFC 2047) ---- */

/* In these all that is not ASCII has the eighth bit, so that it becomes '?' whatever it is. A
 * word in any other is one '?' as a whole. */
static bool is_above_ascii(const char *charset, size_t n)
{
	static const char *const known[] = {"utf-8",   "us-ascii", "iso-8859-", "windows-125",
					    "cp125",   "koi8-",    "euc-",      "gb2312",
					    "unknown", "macintosh"};

	for (size_t i = 0; i < ELEMENTS(known); i++)
		if (n >= strlen(known[i]) &&
		    strncasecmp(charset, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

/* RFC 2047 allows 75 octets; programs that do not fold write much longer ones. */
#define CHARSET_MAX 60
#define WORD_MAX    2000

/* One word from "=?" on. */
struct word {
	const char *charset, *text, *end; /* text up to end - 2 */
	size_t charset_n;
	bool base64;
};

static bool take_word(const char *p, const char *end, struct word *ret)
{
	const char *q;

	if (end - p < 8 || p[0] != '=' || p[1] != '?')
		return false;
	end = MIN_OF(end, p + WORD_MAX);
	q = memchr(p + 2, '?', MIN_OF((size_t)(end - p - 2), (size_t)CHARSET_MAX));
	if (!q || end - q < 5 || q[2] != '?' || !strchr("bBqQ", q[1]))
		return false;
	*ret = (struct word){.charset = p + 2,
			     .charset_n = (size_t)(q - p - 2),
			     .base64 = q[1] == 'b' || q[1] == 'B',
			     .text = q + 3};
	for (q += 3; q + 1 < end && !is_blank(*q); q++) {
		if (q[0] != '?' || q[1] != '=')
			continue;
		ret->end = q + 2;
		return true;
	}
	return false;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int base64_digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* ---- the plain form of a value ---- */

struct plain {
	char *start, *out;
	bool blank;
};

static void put(struct plain *o, char c)
{
	if (is_blank(c)) {
		o->blank = true;
		return;
	}
	if (c == '"' || c == '\\')
		return;
	if ((unsigned char)c > 127 || c == '\0')
		c = '?';
	if (o->blank && o->out > o->start)
		*o->out++ = ' ';
	else if (c == '?' && o->out > o->start && o->out[-1] == '?')
		return;
	*o->out++ = c;
	o->blank = false;
}

static void put_base64(struct plain *o, const struct word *w)
{
	unsigned bits = 0, n = 0;

	for (const char *p = w->text; p < w->end - 2; p++) {
		int digit = base64_digit(*p);

		if (digit < 0)
			continue;
		bits = bits << 6 | (unsigned)digit;
		n += 6;
		if (n < 8)
			continue;
		n -= 8;
		put(o, (char)(bits >> n & 0xff));
	}
}

static void put_word(struct plain *o, const struct word *w)
{
	if (!is_above_ascii(w->charset, w->charset_n)) {
		put(o, '?');
		return;
	}
	if (w->base64) {
		put_base64(o, w);
		return;
	}
	for (const char *p = w->text; p < w->end - 2; p++) {
		bool coded = *p == '=' && w->end - 2 - p > 2 && hex_digit(p[1]) >= 0 &&
			     hex_digit(p[2]) >= 0;

		put(o, coded       ? (char)(hex_digit(p[1]) << 4 | hex_digit(p[2]))
		       : *p == '_' ? ' '
				   : *p);
		p += coded ? 2 : 0;
	}
}

/* Never longer than the value itself: there is room. */
static void add_value(struct buf *b, const char *p, const char *end)
{
	struct plain o = {.start = b->p + b->len, .out = b->p + b->len};
	bool after_word = false;
	struct word w;

	while (p < end) {
		const char *q = p;

		while (q < end && is_blank(*q))
			q++;
		if (take_word(q, end, &w)) {
			/* Blanks between two encoded words only separate them. */
			if (q > p && !after_word)
				put(&o, ' ');
			put_word(&o, &w);
			p = w.end;
			after_word = true;
			continue;
		}
		put(&o, *p++);
		after_word = after_word && q > p;
	}
	*o.out = '\0';
	b->len = (size_t)(o.out - b->p);
}

/* ---- the whole ---- */

/* All fields of one name, as in a fingerprint. 1: one of them says something; 0; -ENOMEM. */
static int add_fields(struct buf *b, const char *p, const char *end, const char *name,
		      char mark)
{
	const char *field;
	size_t n;
	int said = 0;

	while (next_field(&p, end, &field, &n)) {
		const char *value = field_value(field, n, name);
		size_t before;

		if (!value)
			continue;
		if (buf_reserve(b, n + 2) < 0)
			return -ENOMEM;
		(void)buf_addc(b, mark); /* there is room */
		before = b->len;
		add_value(b, value, field + n);
		said = said || b->len > before;
		(void)buf_addc(b, '\n');
	}
	return said;
}

static int number_of(struct buf *text, uint64_t *ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(buf_str(text), text->len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	memcpy(ret, digest, sizeof(*ret));
	buf_reset(text);
	return 0;
}

int witness_header(const char *header, size_t n, unsigned match, struct witness *ret)
{
	_cleanup_(buf_done) struct buf text = {0};
	struct witness w = {0};
	unsigned said = 0;
	const char *end;
	int r;

	if (n == 0)
		header = "";
	end = header + MIN_OF(n, (size_t)FINGERPRINT_HEADER_MAX);
	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		if (!(match & fields[i].match))
			continue;
		r = add_fields(&text, header, end, fields[i].name, fields[i].mark);
		if (r > 0)
			said |= fields[i].match;
		if (r >= 0 && fields[i].match == MATCH_MESSAGE_ID)
			r = number_of(&text, &w.id);
		if (r < 0)
			return r;
	}
	r = number_of(&text, &w.rest);
	if (r < 0)
		return r;
	if (!(said & MATCH_MESSAGE_ID))
		w.id = 0;
	w.says = said & ~(unsigned)MATCH_MESSAGE_ID;
	w.certain = match & MATCH_MESSAGE_ID ? w.id != 0
					     : (said & MATCH_RECEIVED) ||
						       ((said & MATCH_DATE) &&
							(said & (MATCH_FROM | MATCH_SUBJECT)));
	*ret = w;
	return 0;
}
