/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <mailmig/buf.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BUF_MIN 64

/* realloc() would leave a copy of the content behind. */
static char *move_secret(const struct buf *b, size_t cap)
{
	char *p = malloc(cap);

	if (!p || !b->p)
		return p;
	memcpy(p, b->p, b->len);
	explicit_bzero(b->p, b->cap);
	free(b->p);
	return p;
}

int buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (n >= SIZE_MAX / 2 - b->len)
		return -ENOMEM;
	need = b->len + n + 1;
	if (need <= b->cap)
		return 0;

	/* Doubling keeps the cost of many small additions linear. */
	cap = MAX_OF(b->cap * 2, (size_t)BUF_MIN);
	cap = MAX_OF(cap, need);
	p = b->secret ? move_secret(b, cap) : realloc(b->p, cap);
	if (!p)
		return -ENOMEM;

	p[b->len] = '\0';
	b->p = p;
	b->cap = cap;
	return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
	int r;

	r = buf_reserve(b, n);
	if (r < 0)
		return r;

	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
	return 0;
}

int buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;

	r = buf_reserve(b, (size_t)n);
	if (r < 0)
		return r;

	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

void buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);

	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n + 1);
	b->len -= n;
	if (b->secret)
		explicit_bzero(b->p + b->len + 1, n);
}

void buf_reset(struct buf *b)
{
	if (b->secret && b->p)
		explicit_bzero(b->p, b->cap);
	b->len = 0;
	if (b->p)
		b->p[0] = '\0';
}

void buf_done(struct buf *b)
{
	if (b->secret && b->p)
		explicit_bzero(b->p, b->cap);
	free(b->p);
	*b = (struct buf){.secret = b->secret};
}

char *buf_take(struct buf *b)
{
	char *p;

	if (buf_reserve(b, 0) < 0)
		return NULL;
	p = b->p;
	*b = (struct buf){0};
	return p;
}
