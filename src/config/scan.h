/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include <mailmig/base.h>

/* scan.c: the words of a file, as libconfig's grammar has them. */

enum token_kind {
	TOKEN_END,
	TOKEN_NAME, /* true and false too */
	TOKEN_NUMBER,
	TOKEN_STRING,  /* p, n: with its quotes */
	TOKEN_INCLUDE, /* p, n: the file name without quotes */
	TOKEN_PUNCT,
	TOKEN_BAD,         /* a character that has no place outside of strings and comments */
	TOKEN_OPEN_STRING, /* never closed; line: where it begins */
	TOKEN_OPEN_COMMENT,
};

struct token {
	enum token_kind kind;
	const char *p;
	size_t n;
	unsigned line;
};

struct scanner {
	const char *p;
	const char *end;
	unsigned line;
	bool line_start; /* nothing but blanks in this line yet */
};

void scan_init(struct scanner *s, const char *text, size_t n);
void scan_next(struct scanner *s, struct token *ret);
bool token_is(const struct token *t, char punct);

/* True for a number that libconfig would cut to 32 bits without a word. */
bool token_number_is_cut(const struct token *t);
/* True for what begins like a number and is none: 10M, 5min. */
bool token_number_is_bad(const struct token *t);

#endif
