/* SPDX-License-Identifier: Apache-2.0 */
/* When two names of folders are the same for people. */
#include <mailmig/buf.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "role_internal.h"

/* What folding leaves apart. The lower case of a Turkish I is ı, of İ it is i; elsewhere i is
 * that of I, and İ becomes i and a dot: names come in both cases and in both manners. */
static const struct {
	const char *from, *to;
} alike[] = {
	{"\u200e", ""},   {"\u200f", ""}, /* direction of text */
	{"i\u0307", "i"}, {"\u0131", "i"}, {"\u2019", "'"},
};

static int fold(const char *name, uninorm_t form, char **ret)
{
	size_t n = strlen(name) + 1;
	uint8_t *s;

	if (!text_is_utf8(name, n - 1))
		return -EILSEQ;
	s = u8_casefold((const uint8_t *)name, n, NULL, form, NULL, &n);
	if (!s)
		return -ENOMEM;
	*ret = (char *)s;
	return 0;
}

int folder_name_caseless(const char *name, char **ret)
{
	return fold(name, UNINORM_NFC, ret);
}

static int add_squeezed(struct buf *out, const char *s, size_t n)
{
	bool blank = n == 1 && (*s == ' ' || *s == '\t');

	if (blank && (out->len == 0 || out->p[out->len - 1] == ' '))
		return 0;
	return blank ? buf_addc(out, ' ') : buf_add(out, s, n);
}

int role_fold(const char *name, char **ret)
{
	_cleanup_(buf_done) struct buf out = {0};
	_cleanup_(freep) char *folded = NULL;
	int r;

	r = fold(name, UNINORM_NFKC, &folded);
	for (const char *s = folded; r == 0 && *s;) {
		size_t i = 0, n = 0;

		while (i < ELEMENTS(alike) &&
		       strncmp(s, alike[i].from, n = strlen(alike[i].from)) != 0)
			i++;
		r = i < ELEMENTS(alike) ? buf_adds(&out, alike[i].to)
					: add_squeezed(&out, s, 1);
		s += i < ELEMENTS(alike) ? n : 1;
	}
	if (r < 0)
		return r;
	if (out.len > 0 && out.p[out.len - 1] == ' ')
		out.p[--out.len] = '\0';
	*ret = buf_take(&out);
	return *ret ? 0 : -ENOMEM;
}
