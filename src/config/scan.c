/* SPDX-License-Identifier: Apache-2.0 */
#include "scan.h"
#include "config_internal.h"
#include <limits.h>
#include <string.h>

/* libconfig reads a comment without an end as the end of the file, and the second piece of a
 * string without an end too ("a" "b); it cuts numbers to 32 bits, ends strings at \x00 and
 * leaves the process when it includes a directory: all without a word. So the same text is
 * looked through here before. */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_name(char c)
{
	return is_alpha(c) || is_digit(c) || c == '-' || c == '_' || c == '*';
}

void scan_init(struct scanner *s, const char *text, size_t n)
{
	*s = (struct scanner){.p = text, .end = text + n, .line = 1, .line_start = true};
}

static bool ahead(const struct scanner *s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s->end - s->p) >= n && memcmp(s->p, what, n) == 0;
}

static void skip_line(struct scanner *s)
{
	while (s->p < s->end && *s->p != '\n')
		s->p++;
}

/* Past the comment; false when it has no end. */
static bool skip_comment(struct scanner *s)
{
	for (s->p += 2; s->p < s->end; s->p++) {
		if (ahead(s, "*/")) {
			s->p += 2;
			return true;
		}
		if (*s->p == '\n')
			s->line++;
	}
	return false;
}

/* Blanks and comments. False for a comment without an end; `ret` says where it begins. */
static bool skip_blank(struct scanner *s, struct token *ret)
{
	while (s->p < s->end) {
		if (*s->p == '\n') {
			s->line++;
			s->line_start = true;
			s->p++;
		} else if (*s->p == ' ' || *s->p == '\t' || *s->p == '\r' || *s->p == '\f') {
			s->p++;
		} else if (*s->p == '#' || ahead(s, "//")) {
			skip_line(s);
		} else if (ahead(s, "/*")) {
			*ret = (struct token){
				.kind = TOKEN_OPEN_COMMENT, .p = s->p, .line = s->line};
			if (!skip_comment(s))
				return false;
		} else {
			return true;
		}
	}
	return true;
}

static void scan_string(struct scanner *s, struct token *t)
{
	t->kind = TOKEN_OPEN_STRING;
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			t->kind = TOKEN_STRING;
			return;
		}
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		if (*s->p == '\n')
			s->line++;
	}
}

/* Loosely: what begins like a number up to where the word ends. */
static void scan_number(struct scanner *s)
{
	for (s->p++; s->p < s->end; s->p++) {
		bool exponent =
			(*s->p == '+' || *s->p == '-') && (s->p[-1] == 'e' || s->p[-1] == 'E');

		if (!is_digit(*s->p) && !is_alpha(*s->p) && *s->p != '.' && !exponent)
			return;
	}
}

/* @include "FILE", only as the first thing in a line. */
static bool scan_include(struct scanner *s, struct token *t)
{
	const char *p = s->p + strlen("@include"), *end;

	if (!ahead(s, "@include") || p == s->end || (*p != ' ' && *p != '\t'))
		return false;
	while (p < s->end && (*p == ' ' || *p == '\t'))
		p++;
	if (p == s->end || *p != '"')
		return false;

	p++;
	end = p;
	while (end < s->end && *end != '"' && *end != '\n')
		end++;
	if (end == s->end || *end != '"')
		return false;

	*t = (struct token){
		.kind = TOKEN_INCLUDE, .p = p, .n = (size_t)(end - p), .line = s->line};
	s->p = end + 1;
	return true;
}

void scan_next(struct scanner *s, struct token *ret)
{
	bool first;

	if (!skip_blank(s, ret))
		return;

	first = s->line_start;
	s->line_start = false;
	*ret = (struct token){.kind = TOKEN_END, .p = s->p, .line = s->line};
	if (s->p == s->end || (first && scan_include(s, ret)))
		return;

	if (*s->p == '"') {
		scan_string(s, ret);
	} else if (is_digit(*s->p) || (strchr("+-.", *s->p) && *s->p && s->p + 1 < s->end &&
				       (is_digit(s->p[1]) || s->p[1] == '.'))) {
		ret->kind = TOKEN_NUMBER;
		scan_number(s);
	} else if (is_alpha(*s->p) || *s->p == '*') {
		ret->kind = TOKEN_NAME;
		while (s->p < s->end && is_name(*s->p))
			s->p++;
	} else {
		ret->kind = *s->p && strchr("=:;,(){}[]", *s->p) ? TOKEN_PUNCT : TOKEN_BAD;
		s->p++;
	}
	ret->n = (size_t)(s->p - ret->p);
}

bool token_is(const struct token *t, char punct)
{
	return t->kind == TOKEN_PUNCT && *t->p == punct;
}

/* The digits of a whole number: their value (at most UINT64_MAX) and what follows them. */
static uint64_t whole_number(const struct token *t, const char **ret_rest)
{
	const char *p = t->p, *end = t->p + t->n;
	uint64_t v = 0;
	unsigned base = 10;

	if (p < end && (*p == '+' || *p == '-'))
		p++;
	if (end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}

	for (; p < end; p++) {
		unsigned digit = is_digit(*p) ? (unsigned)(*p - '0')
					      : (unsigned)((*p | 0x20) - 'a') + 10;

		if (digit >= base || (!is_digit(*p) && !is_alpha(*p)))
			break;
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			v = UINT64_MAX;
	}
	*ret_rest = p;
	return v;
}

bool token_number_is_cut(const struct token *t)
{
	const char *rest, *end = t->p + t->n;
	uint64_t v = whole_number(t, &rest);

	if (rest == end)
		return v > INT_MAX;
	if (*rest == 'L')
		return v > INT64_MAX;
	return false;
}

bool token_number_is_bad(const struct token *t)
{
	const char *rest, *end = t->p + t->n;

	(void)whole_number(t, &rest);
	if ((*t->p == '+' || *t->p == '-') &&
	    (memchr(t->p, 'x', t->n) || memchr(t->p, 'X', t->n)))
		return true; /* hexadecimal numbers go without a sign */
	for (int i = 0; i < 2 && rest < end && *rest == 'L'; i++)
		rest++;
	if (rest == end)
		return false;
	if (*rest != '.' && *rest != 'e' && *rest != 'E')
		return true;

	for (rest++; rest < end; rest++) {
		if (!is_digit(*rest) && !strchr("eE+-", *rest))
			return true;
	}
	return false;
}
