/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEXT_H
#define MAILMIG_TEXT_H

#include <mailmig/base.h>

/* Copy n octets of foreign text into dst (size octets, NUL-ended), in valid UTF-8: control
 * characters and octets that are not UTF-8 (RFC 3629) become '?', what does not fit is cut at a
 * character and ends in "...". Returns dst. */
char *text_clean(char *dst, size_t size, const char *src, size_t n);

/* True for valid UTF-8 without NUL, overlong forms or surrogates. */
bool text_is_utf8(const char *s, size_t n);

/* True for a name that may be a file's and a unit's: [A-Za-z0-9_.@-], 1 to 64 of them, neither
 * "." nor "..". */
bool text_is_name(const char *s);

/* Columns on a terminal, by wcwidth over UTF-8; invalid octets count one. */
size_t text_width(const char *s);

/* Case-insensitive comparison of ASCII letters, as protocol keywords want it. */
bool text_ieq(const char *a, const char *b);
bool text_ieqn(const char *a, size_t n, const char *b);

/* A number for octets (FNV-1a), going on from that of others or TEXT_HASH_SEED. Not for what an
 * enemy chooses. */
#define TEXT_HASH_SEED UINT64_C(14695981039346656037)
uint64_t text_hash(uint64_t hash, const void *p, size_t n);

/* strdup and printf-into-new-memory that return NULL without memory. */
char *text_dup(const char *s);
char *text_dupn(const char *s, size_t n);
char *text_fmt(const char *fmt, ...) _printf_(1, 2);

/* Texts in order, all owned. */
struct text_list {
	char **v;
	size_t n;
};
int text_list_add(struct text_list *l, const char *s); /* a copy; 0 or -ENOMEM */
void text_list_done(struct text_list *l);

/* Replace an owned string by a copy of s (NULL frees). 0 or -ENOMEM. */
int text_set(char **p, const char *s);

#endif
