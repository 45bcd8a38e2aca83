/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include "scan.h"
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HINT_DEPTH_MAX 32 /* deeper nesting has no use in our files: no hint then */

/* libconfig says "syntax error" and a line, no more. This walks the words by the same grammar
 * and puts the first thing that breaks it into a sentence. */

enum expect {
	EXPECT_KEY, /* or the end of the group */
	EXPECT_EQUALS,
	EXPECT_VALUE,
	EXPECT_ELEMENT,   /* of a list, or its end */
	EXPECT_ELEMENT_2, /* of a list, after a comma */
	EXPECT_AFTER,     /* whatever may follow a value */
};

struct walk {
	enum expect expect;
	struct token open[HINT_DEPTH_MAX];
	size_t depth;
	bool after_string; /* two strings in a row are one */
	char *buf;
	size_t size;
	unsigned *line;
};

static int fault(struct walk *w, unsigned line, const char *fmt, ...) _printf_(3, 4);

static int fault(struct walk *w, unsigned line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(w->buf, w->size, fmt, ap);
	va_end(ap);
	*w->line = line;
	return 1;
}

static bool in_list(const struct walk *w)
{
	return w->depth > 0 && *w->open[w->depth - 1].p != '{';
}

static char closer_of(char open)
{
	return open == '{' ? '}' : open == '(' ? ')' : ']';
}

static bool is_closer(const struct token *t)
{
	return token_is(t, '}') || token_is(t, ')') || token_is(t, ']');
}

static int step_close(struct walk *w, const struct token *t)
{
	const struct token *open;

	if (w->depth == 0)
		return fault(w, t->line, "a '%c' closes nothing; remove it", *t->p);

	open = &w->open[w->depth - 1];
	if (*t->p != closer_of(*open->p))
		return fault(w, t->line, "the '%c' of line %u ends in '%c'; write '%c' first",
			     *open->p, open->line, *t->p, closer_of(*open->p));
	if (w->expect == EXPECT_ELEMENT_2)
		return fault(w, t->line, "a ',' after the last element; remove it");

	w->depth--;
	w->expect = EXPECT_AFTER;
	w->after_string = false;
	return 0;
}

static int step_open(struct walk *w, const struct token *t)
{
	if (w->depth == HINT_DEPTH_MAX)
		return fault(w, t->line, "too many open brackets; close some");

	w->open[w->depth++] = *t;
	w->expect = *t->p == '{' ? EXPECT_KEY : EXPECT_ELEMENT;
	return 0;
}

static int step_key(struct walk *w, const struct token *t)
{
	if (t->kind == TOKEN_NAME) {
		w->expect = EXPECT_EQUALS;
		return 0;
	}
	if (is_closer(t))
		return step_close(w, t);
	if (token_is(t, ';') || token_is(t, ','))
		return fault(w, t->line, "a '%c' too many; remove it", *t->p);
	if (token_is(t, '{') || token_is(t, '(') || token_is(t, '['))
		return fault(w, t->line, "a '%c' without a key; write KEY = before it", *t->p);
	return fault(w, t->line, "a value without a key; write KEY = before it");
}

static int step_value(struct walk *w, const struct token *t)
{
	if (token_is(t, '{') || token_is(t, '(') || token_is(t, '['))
		return step_open(w, t);
	if (t->kind == TOKEN_NAME && !text_ieqn(t->p, t->n, "true") &&
	    !text_ieqn(t->p, t->n, "false"))
		return fault(w, t->line,
			     "a text without quotes; write it in quotes (only true, false and "
			     "numbers go without)");
	if (t->kind == TOKEN_NUMBER && token_number_is_bad(t))
		return fault(w, t->line,
			     "a number with a unit; write it in quotes, such as \"10M\"");
	if (t->kind == TOKEN_PUNCT && w->expect == EXPECT_VALUE)
		return fault(w, t->line, "no value after the '='; write one");
	if (is_closer(t))
		return step_close(w, t);
	if (t->kind == TOKEN_PUNCT)
		return fault(w, t->line, "a '%c' where an element should be; remove it", *t->p);
	w->after_string = t->kind == TOKEN_STRING;
	w->expect = EXPECT_AFTER;
	return 0;
}

static int step_after(struct walk *w, const struct token *t)
{
	if (w->after_string && t->kind == TOKEN_STRING)
		return 0;
	if (is_closer(t))
		return step_close(w, t);

	if (in_list(w)) {
		if (!token_is(t, ','))
			return fault(w, t->line,
				     "no ',' between two elements of a list; write one");
		w->expect = EXPECT_ELEMENT_2;
		return 0;
	}

	if (t->kind == TOKEN_NAME)
		return step_key(w, t);
	if (!token_is(t, ';') && !token_is(t, ','))
		return fault(w, t->line, "no ';' after a value; write one");
	w->expect = EXPECT_KEY;
	return 0;
}

static int step(struct walk *w, const struct token *t)
{
	switch (w->expect) {
	case EXPECT_KEY:
		return step_key(w, t);
	case EXPECT_EQUALS:
		if (!token_is(t, '=') && !token_is(t, ':'))
			return fault(w, t->line, "no '=' after a key; write KEY = VALUE");
		w->expect = EXPECT_VALUE;
		return 0;
	case EXPECT_VALUE:
	case EXPECT_ELEMENT:
	case EXPECT_ELEMENT_2:
		return step_value(w, t);
	case EXPECT_AFTER:
		break;
	}
	return step_after(w, t);
}

static int step_end(struct walk *w, const struct token *t)
{
	const struct token *open;

	if (w->depth > 0) {
		open = &w->open[w->depth - 1];
		return fault(w, open->line, "a '%c' is never closed; write '%c'", *open->p,
			     closer_of(*open->p));
	}
	if (w->expect == EXPECT_EQUALS || w->expect == EXPECT_VALUE)
		return fault(w, t->line, "the file ends within a setting; complete it");
	return -1;
}

static int step_bad(struct walk *w, const struct token *t, const char *text, size_t n)
{
	if (t->kind == TOKEN_OPEN_STRING)
		return fault(w, t->line, "a text is never closed; write '\"' at its end");
	if (t->kind == TOKEN_OPEN_COMMENT)
		return fault(w, t->line, "a comment is never closed; write '*/' at its end");
	if (t->p == text && n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		return fault(w, t->line,
			     "the file begins with a byte order mark; save it without");
	return fault(w, t->line,
		     "a character has no meaning here; write texts in quotes, and keys "
		     "in letters, digits, '_'");
}

bool hint_syntax(const char *text, size_t n, char *buf, size_t size, unsigned *ret_line)
{
	struct walk w = {.expect = EXPECT_KEY, .buf = buf, .size = size, .line = ret_line};
	unsigned long_string = 0, long_string_end = 0;
	struct scanner s;
	struct token t;
	int r = 0;

	scan_init(&s, text, n);
	while (r == 0) {
		scan_next(&s, &t);
		if (t.kind == TOKEN_STRING && s.line > t.line) {
			long_string = t.line;
			long_string_end = s.line;
		}

		if (t.kind == TOKEN_END)
			r = step_end(&w, &t);
		else if (t.kind == TOKEN_BAD || t.kind == TOKEN_OPEN_STRING ||
			 t.kind == TOKEN_OPEN_COMMENT)
			r = step_bad(&w, &t, text, n);
		else if (t.kind != TOKEN_INCLUDE)
			r = step(&w, &t);
		else if (w.expect != EXPECT_KEY && (w.expect != EXPECT_AFTER || in_list(&w)))
			r = -1; /* elements of a list, or what else is in there */
	}

	/* A forgotten quote turns everything up to the next one into text, and the grammar
	 * breaks right behind that. */
	if (r > 0 && *ret_line == long_string_end)
		(void)fault(&w, long_string,
			    "a text goes over the end of its line; write '\"' at its end");
	return r > 0;
}
