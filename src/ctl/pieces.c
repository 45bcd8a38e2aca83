/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/text.h>
#include <string.h>

#define PIECE_MAX                                                                              \
	1024 /* of one text on one line; folder names are limited to less by servers */

void put_clean(FILE *f, const char *s)
{
	char piece[PIECE_MAX];

	fputs(text_clean(piece, sizeof(piece), s, strlen(s)), f);
}

void put_blanks(FILE *f, size_t n)
{
	while (n-- > 0)
		fputc(' ', f);
}

static size_t char_length(const char *s)
{
	size_t n = 1;

	while ((s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Octets of the beginning of s that fit in `columns`. */
static size_t fitting(const char *s, size_t columns)
{
	size_t len = 0, width = 0;

	while (s[len]) {
		size_t n = char_length(s + len);
		char one[8] = "";

		if (n < sizeof(one))
			memcpy(one, s + len, n);
		width += text_width(one);
		if (width > columns)
			break;
		len += n;
	}
	return len;
}

char *fit_text(char *out, size_t size, const char *s, size_t columns, const struct look *l)
{
	const char *dots = l->utf8 ? "…" : "..";
	size_t dots_width = l->utf8 ? 1 : 2;
	size_t len;

	(void)text_clean(out, size, s, strlen(s));
	if (text_width(out) <= columns)
		return out;

	if (columns < dots_width) {
		dots = "";
		dots_width = 0;
	}
	len = fitting(out, columns - dots_width);
	if (len + strlen(dots) >= size)
		dots = "";
	memcpy(out + len, dots, strlen(dots) + 1);
	return out;
}

void put_wrapped(FILE *f, const struct look *l, size_t indent, const char *s)
{
	char piece[PIECE_MAX];
	size_t column = indent;
	const char *p = text_clean(piece, sizeof(piece), s, strlen(s));

	while (*p) {
		size_t n = strcspn(p, " ");
		char word[PIECE_MAX];
		size_t width;

		memcpy(word, p, n);
		word[n] = '\0';
		width = text_width(word);
		if (column > indent && l->columns > 0 && column + 1 + width > l->columns) {
			fputc('\n', f);
			put_blanks(f, indent);
			column = indent;
		} else if (p > piece) {
			fputc(' ', f);
			column++;
		}
		fputs(word, f);
		column += width;
		p += n;
		p += *p == ' ';
	}
	fputc('\n', f);
}

const char *member_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

uint64_t member_u64(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (json_is_integer(v) && json_integer_value(v) > 0)
		return (uint64_t)json_integer_value(v);
	if (json_is_real(v) && json_real_value(v) > 0 && json_real_value(v) < 1e18)
		return (uint64_t)json_real_value(v);
	return 0;
}

bool member_bool(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}
