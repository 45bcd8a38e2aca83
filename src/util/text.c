/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <mailmig/text.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define ELLIPSIS     "..."
#define ELLIPSIS_LEN (sizeof(ELLIPSIS) - 1)

/* Octets of the character at s (1 to 4) and its code point; 0 when it is not UTF-8. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *ret)
{
	uint32_t cp, min;
	size_t len;

	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret = s[0];
		return 1;
	}

	if ((s[0] & 0xe0) == 0xc0) {
		len = 2, min = 0x80, cp = s[0] & 0x1f;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3, min = 0x800, cp = s[0] & 0x0f;
	} else if ((s[0] & 0xf8) == 0xf0) {
		len = 4, min = 0x10000, cp = s[0] & 0x07;
	} else {
		return 0;
	}
	if (len > n)
		return 0;

	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		cp = cp << 6 | (s[i] & 0x3f);
	}
	if (cp < min || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		return 0;

	*ret = cp;
	return len;
}

/* What may not reach a terminal or a log: C0, DEL, C1, line separators and the marks that turn
 * the direction of the text around them. */
static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x2028 && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

char *text_clean(char *dst, size_t size, const char *src, size_t n)
{
	const unsigned char *s = (const unsigned char *)src;
	size_t len = 0, cut = 0;

	if (size == 0)
		return dst;

	while (n > 0) {
		uint32_t cp = 0;
		size_t k = decode(s, n, &cp);
		bool bad = k == 0 || is_control(cp);
		size_t out = bad ? 1 : k;

		if (len + out >= size) {
			len = cut;
			for (size_t i = 0; i < ELLIPSIS_LEN && len + 1 < size; i++)
				dst[len++] = ELLIPSIS[i];
			break;
		}
		if (bad)
			dst[len] = '?';
		else
			memcpy(dst + len, s, k);
		len += out;
		if (len + ELLIPSIS_LEN < size)
			cut = len;

		k = k ? k : 1;
		s += k;
		n -= k;
	}

	dst[len] = '\0';
	return dst;
}

bool text_is_name(const char *s)
{
	static const char legal[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-";
	size_t n = strlen(s);

	if (n == 0 || n > 64 || strspn(s, legal) != n)
		return false;
	return strcmp(s, ".") != 0 && strcmp(s, "..") != 0;
}

bool text_is_utf8(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;

	while (n > 0) {
		uint32_t cp = 0;
		size_t k = decode(u, n, &cp);

		if (k == 0 || cp == 0)
			return false;
		u += k;
		n -= k;
	}
	return true;
}

static locale_t utf8_locale;

static void make_utf8_locale(void)
{
	utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

size_t text_width(const char *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const unsigned char *u = (const unsigned char *)s;
	locale_t old = (locale_t)0;
	size_t n = strlen(s), width = 0;

	/* wcwidth() knows no more than ASCII in the C locale, and the programs stay in it. */
	(void)pthread_once(&once, make_utf8_locale); /* cannot fail with valid arguments */
	if (utf8_locale)
		old = uselocale(utf8_locale);

	while (n > 0) {
		uint32_t cp = 0;
		size_t k = decode(u, n, &cp);
		int w = k ? wcwidth((wchar_t)cp) : 1;

		width += w < 0 ? 1 : (size_t)w;
		k = k ? k : 1;
		u += k;
		n -= k;
	}

	if (old)
		(void)uselocale(old); /* it was in use: valid */
	return width;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool text_ieq(const char *a, const char *b)
{
	return text_ieqn(a, strlen(a), b);
}

bool text_ieqn(const char *a, size_t n, const char *b)
{
	for (size_t i = 0; i < n; i++)
		if (!b[i] || lower(a[i]) != lower(b[i]))
			return false;
	return b[n] == '\0';
}

char *text_dup(const char *s)
{
	return strdup(s);
}

char *text_dupn(const char *s, size_t n)
{
	char *p = n == SIZE_MAX ? NULL : malloc(n + 1);

	if (!p)
		return NULL;
	if (n > 0)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

char *text_fmt(const char *fmt, ...)
{
	char *p = NULL;
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(&p, fmt, ap);
	va_end(ap);
	return r < 0 ? NULL : p;
}

int text_list_add(struct text_list *l, const char *s)
{
	char **v = reallocarray(l->v, l->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	l->v = v;
	v[l->n] = text_dup(s);
	if (!v[l->n])
		return -ENOMEM;
	l->n++;
	return 0;
}

void text_list_done(struct text_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct text_list){0};
}

int text_set(char **p, const char *s)
{
	char *copy = NULL;

	if (s) {
		copy = text_dup(s);
		if (!copy)
			return -ENOMEM;
	}
	free(*p);
	*p = copy;
	return 0;
}

uint64_t text_hash(uint64_t hash, const void *p, size_t n)
{
	const uint8_t *u = p;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ u[i]) * UINT64_C(1099511628211);
	return hash;
}
