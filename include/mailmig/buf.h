/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_BUF_H
#define MAILMIG_BUF_H

#include <mailmig/base.h>

/* A growing run of octets, always followed by a NUL that is not counted, so that a buffer of
 * text can be used as a string. Zero-initialised is empty. */
struct buf {
	char *p; /* NULL when nothing was ever added */
	size_t len;
	size_t cap;
	bool secret; /* what it held is wiped wherever it was: when it moves, goes or is done */
};

/* All return 0 or -ENOMEM; on failure the content is as before. */
int buf_add(struct buf *b, const void *p, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) _printf_(2, 3);

/* Room for n more octets (and the NUL) without another allocation. */
int buf_reserve(struct buf *b, size_t n);

/* Drop the first n octets (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* Empty it and keep the memory. */
void buf_reset(struct buf *b);

/* Empty it and free the memory. */
void buf_done(struct buf *b);

/* The content as an owned string; the buffer is empty afterwards. NULL without memory. */
char *buf_take(struct buf *b);

/* "" instead of NULL. */
static inline const char *buf_str(const struct buf *b)
{
	return b->p ? b->p : "";
}

#endif
