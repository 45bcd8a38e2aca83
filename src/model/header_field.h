/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_HEADER_FIELD_H
#define MODEL_HEADER_FIELD_H

/* Walking over the fields of a header. */

#include <mailmig/text.h>
#include <string.h>

/* The next field with its folded lines; p is moved past it. False at the end of the header. */
static inline bool next_field(const char **p, const char *end, const char **ret, size_t *ret_n)
{
	const char *start = *p, *q = start;

	if (q == end || *q == '\n' || (*q == '\r' && q + 1 < end && q[1] == '\n'))
		return false;

	do {
		const char *lf = memchr(q, '\n', (size_t)(end - q));

		q = lf ? lf + 1 : end;
	} while (q < end && (*q == ' ' || *q == '\t'));

	*p = q;
	*ret = start;
	*ret_n = (size_t)(q - start);
	return true;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the value of a field of this name begins, or NULL when it has another name. Blanks
 * before the colon are old but legal (RFC 5322 §4.5). */
static inline const char *field_value(const char *field, size_t n, const char *name)
{
	const char *colon = memchr(field, ':', n);
	size_t len;

	if (!colon)
		return NULL;

	len = (size_t)(colon - field);
	while (len > 0 && is_blank(field[len - 1]))
		len--;
	return text_ieqn(field, len, name) ? colon + 1 : NULL;
}

#endif
