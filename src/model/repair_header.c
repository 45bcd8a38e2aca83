/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a message that is against the rules: words with 8-bit octets are encoded
 * (RFC 2047), long lines folded. */
#include <limits.h>
#include <mailmig/text.h>
#include <openssl/evp.h>
#include <string.h>

#include "repair_internal.h"

/* Octets that fit into one encoded word of 75 (RFC 2047 §2), by base64 in fours and threes. */
#define WORD_OCTETS_UTF8 45
#define WORD_OCTETS_8BIT 42

static bool is_8bit(char c)
{
	return (unsigned char)c > 127;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool has_8bit(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (is_8bit(p[i]))
			return true;
	return false;
}

/* ---- encoded words ---- */

static int add_word(struct buf *out, const char *charset, const char *p, size_t n)
{
	unsigned char base64[4 * ((WORD_OCTETS_UTF8 + 2) / 3) + 1];

	(void)EVP_EncodeBlock(base64, (const unsigned char *)p, (int)n);
	return buf_addf(out, "=?%s?B?%s?=", charset, (const char *)base64);
}

/* As many encoded words as it takes, folded. A line end among the octets is one of folding. */
static int add_words(struct buf *out, const char *p, size_t n)
{
	_cleanup_(buf_done) struct buf plain = {0};
	bool utf8 = text_is_utf8(p, n);
	size_t most = utf8 ? WORD_OCTETS_UTF8 : WORD_OCTETS_8BIT;

	for (size_t i = 0; i < n; i++)
		if (p[i] != '\r' && p[i] != '\n' && buf_addc(&plain, p[i]) < 0)
			return -ENOMEM;
	for (size_t at = 0; at < plain.len;) {
		size_t k = MIN_OF(plain.len - at, most);

		while (utf8 && at + k < plain.len &&
		       ((unsigned char)plain.p[at + k] & 0xc0) == 0x80)
			k--;
		if ((at > 0 && buf_adds(out, "\r\n ") < 0) ||
		    add_word(out, utf8 ? "UTF-8" : "UNKNOWN-8BIT", plain.p + at, k) < 0)
			return -ENOMEM;
		at += k;
	}
	return 0;
}

/* A quoted string from p[0] to its end: how long it is. Without an end: 0. */
static size_t quoted_length(const char *p, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (p[i] == '\\')
			i++;
		else if (p[i] == '"')
			return i + 1;
	}
	return 0;
}

/* An encoded word stands in the place of a quoted string, not inside; as the value of a
 * parameter (name="...") it is not understood without the quotes. */
static int add_quoted(struct buf *out, const char *p, size_t n, bool parameter)
{
	_cleanup_(buf_done) struct buf text = {0};
	int r = 0;

	if (!has_8bit(p, n))
		return buf_add(out, p, n);
	for (size_t i = 1; i + 1 < n && r == 0; i++) {
		if (p[i] == '\\' && i + 2 < n)
			i++;
		r = buf_addc(&text, p[i]);
	}
	if (r == 0 && parameter)
		r = buf_addc(out, '"');
	if (r == 0)
		r = add_words(out, buf_str(&text), text.len);
	if (r == 0 && parameter)
		r = buf_addc(out, '"');
	return r;
}

/* Fields whose value is text and nothing else: no comments, no quotes. */
static bool is_text_field(const char *name, size_t n)
{
	return text_ieqn(name, n, "Subject") || text_ieqn(name, n, "Comments") ||
	       text_ieqn(name, n, "Content-Description") || (n > 2 && text_ieqn(name, 2, "X-"));
}

/* Where the run of words ends that begins at p, which holds 8-bit octets: blanks between two
 * encoded words are not seen, so that words side by side are encoded together. */
static size_t run_length(const char *p, size_t n, const char *specials)
{
	size_t end = 0;

	for (size_t i = 0; i < n;) {
		size_t word = i;

		while (word < n && is_blank(p[word]))
			word++;
		i = word;
		while (i < n && !is_blank(p[i]) && !strchr(specials, p[i]))
			i++;
		if (i == word || !has_8bit(p + word, i - word))
			break;
		end = i;
	}
	return end;
}

static int encode_value(const char *p, size_t n, bool text, struct buf *out)
{
	const char *specials = text ? "" : "()<>[]:;,=\"";
	int r = 0;

	for (size_t i = 0; i < n && r == 0;) {
		size_t k = 0;

		if (!text && p[i] == '"')
			k = quoted_length(p + i, n - i);
		if (k > 0) {
			r = add_quoted(out, p + i, k, i > 0 && p[i - 1] == '=');
		} else if (!is_blank(p[i]) && (k = run_length(p + i, n - i, specials)) > 0) {
			r = add_words(out, p + i, k);
		} else {
			/* A word without any, or an octet that stands for itself. */
			for (k = 1; i + k < n && !is_blank(p[i]) && !is_blank(p[i + k]) &&
				    !strchr(specials, p[i]) && !strchr(specials, p[i + k]);)
				k++;
			r = buf_add(out, p + i, k);
		}
		i += k;
	}
	return r;
}

/* ---- folding ---- */

/* Where a line is broken: before a blank, with something to see before and after it. Without
 * one: anywhere, and a blank has to be put in. */
static size_t fold_at(const char *p, size_t n, size_t room, bool *ret_blank)
{
	size_t first = 0;

	while (first < n && is_blank(p[first]))
		first++;
	for (size_t i = MIN_OF(n - 1, room); i > first; i--)
		if (is_blank(p[i])) {
			*ret_blank = true;
			return i;
		}
	*ret_blank = false;
	return room;
}

static int add_folded(struct buf *out, const char *p, size_t n)
{
	size_t room = REPAIR_LINE_MAX;

	while (n > room && n > 1 && is_blank(p[n - 1]))
		n--;
	while (n > room) {
		bool blank;
		size_t k = fold_at(p, n, room, &blank);

		if (buf_add(out, p, k) < 0 || buf_adds(out, blank ? "\r\n" : "\r\n ") < 0)
			return -ENOMEM;
		p += k;
		n -= k;
		room = blank ? REPAIR_LINE_MAX : REPAIR_LINE_MAX - 1;
	}
	return buf_add(out, p, n);
}

static int fold_lines(const char *p, size_t n, struct buf *out)
{
	int r = 0;

	while (n > 0 && r == 0) {
		const char *lf = memchr(p, '\n', n);
		size_t line = lf ? (size_t)(lf - p) + 1 : n, text = line;

		while (text > 0 && (p[text - 1] == '\n' || p[text - 1] == '\r'))
			text--;
		r = add_folded(out, p, text);
		if (r == 0)
			r = buf_add(out, p + text, line - text);
		p += line;
		n -= line;
	}
	return r;
}

/* ---- fields ---- */

/* One field with its folded lines. What has no name is a value all the same. */
static int encode_field(const char *p, size_t n, struct buf *out)
{
	const char *colon = memchr(p, ':', n);
	size_t name = colon ? (size_t)(colon - p) : 0;
	int r;

	if (!has_8bit(p, n))
		return buf_add(out, p, n);
	if (name == 0 || has_8bit(p, name))
		return encode_value(p, n, true, out);
	r = buf_add(out, p, name + 1);
	return r < 0 ? r
		     : encode_value(p + name + 1, n - name - 1, is_text_field(p, name), out);
}

static size_t field_length(const char *p, size_t n)
{
	size_t k = 0;

	do {
		const char *lf = memchr(p + k, '\n', n - k);

		k = lf ? (size_t)(lf - p) + 1 : n;
	} while (k < n && (p[k] == ' ' || p[k] == '\t'));
	return k;
}

int repair_header(const char *header, size_t n, unsigned repairs, struct buf *out)
{
	_cleanup_(buf_done) struct buf encoded = {0};

	while (n > 0 && repairs & REPAIR_HEADER_8BIT) {
		size_t k = field_length(header, n);

		if (encode_field(header, k, &encoded) < 0)
			return -ENOMEM;
		header += k;
		n -= k;
	}
	if (buf_add(&encoded, header, n) < 0)
		return -ENOMEM;
	return fold_lines(buf_str(&encoded), encoded.len,
			  out); /* encoding makes lines longer */
}

/* ---- what is a header ---- */

void repair_field_octet(struct field *f, char c)
{
	static const char separator[] = "From "; /* of a mailbox file, on the first line */
	bool is_blank = c == ' ' || c == '\t';

	if (f->colon || f->goes_on)
		return;
	if (!f->begun && is_blank)
		f->goes_on = f->any;
	if (f->from < strlen(separator) && c == separator[f->from])
		f->goes_on = ++f->from == strlen(separator) && !f->any;
	else
		f->from = UINT_MAX;
	if (c == ':' && f->begun)
		f->colon = true;
	else if (is_blank && f->begun)
		f->blank = true;
	else if (f->blank || c == ':' || c < '!' || c > '~')
		f->wrong = true;
	f->begun = true;
}

bool repair_field_end(struct field *f)
{
	bool good = !f->begun || f->goes_on || (f->colon && !f->wrong);

	*f = (struct field){.any = true};
	return good;
}

size_t repair_header_size(const char *header, size_t n)
{
	struct field f = {0};
	size_t start = 0;

	for (size_t i = 0; i < n; i++) {
		bool cr = header[i] == '\r';

		if (header[i] == '\n') {
			if (!repair_field_end(&f))
				return start;
			start = i + 1;
		} else if (!cr || i + 1 == n || header[i + 1] != '\n') {
			repair_field_octet(&f, cr ? ' ' : header[i]);
		}
	}
	return repair_field_end(&f) ? n : start;
}
