/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/pattern.h>
#include <stdio.h>
#include <string.h>

#include "pattern_internal.h"

/* Steps of one search, and as deep; a pattern that needs more was written by mistake. */
#define STEPS_MAX 100000
/* Memory of a search, in KiB. */
#define HEAP_MAX 1024

void expression_done(struct expression *e)
{
	pcre2_match_context_free(e->limits);
	pcre2_match_data_free(e->found);
	pcre2_code_free(e->code);
	*e = (struct expression){0};
}

size_t expression_characters(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

int expression_new(const char *text, const char *s, size_t n, uint32_t options,
		   struct expression *ret, char wrong[static PATTERN_WRONG_MAX])
{
	_cleanup_(expression_done) struct expression e = {0};
	unsigned char why[PATTERN_WRONG_MAX / 2];
	size_t at = 0;
	int code = 0;

	e.code = pcre2_compile((PCRE2_SPTR)s, n,
			       options | PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code,
			       &at, NULL);
	if (!e.code && code == PCRE2_ERROR_HEAP_FAILED)
		return -ENOMEM;
	if (!e.code) {
		(void)pcre2_get_error_message(code, why, sizeof(why));
		(void)snprintf(wrong, PATTERN_WRONG_MAX,
			       "has an expression with an error: %s, at character %zu; see "
			       "pcre2pattern(3)",
			       (const char *)why,
			       expression_characters(text, (size_t)(s - text) + MIN_OF(at, n)) +
				       1);
		return -EINVAL;
	}
	e.found = pcre2_match_data_create_from_pattern(e.code, NULL);
	e.limits = pcre2_match_context_create(NULL);
	if (!e.found || !e.limits)
		return -ENOMEM;
	(void)pcre2_set_match_limit(e.limits, STEPS_MAX);
	(void)pcre2_set_depth_limit(e.limits, STEPS_MAX);
	(void)pcre2_set_heap_limit(e.limits, HEAP_MAX);
	*ret = e;
	e = (struct expression){0};
	return 0;
}

int expression_code(int pcre2_error)
{
	switch (pcre2_error) {
	case PCRE2_ERROR_NOMATCH:
		return 0;
	case PCRE2_ERROR_NOMEMORY:
		return -ENOMEM;
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
		return -ELOOP;
	default: /* those of UTF-8, of which there are many */
		return pcre2_error <= PCRE2_ERROR_UTF8_ERR1 &&
				       pcre2_error >= PCRE2_ERROR_UTF8_ERR21
			       ? -EILSEQ
			       : -EINVAL;
	}
}

const char *pattern_trouble(int r)
{
	switch (r) {
	case -E2BIG:
		return "cannot be tried on so long a name";
	case -ELOOP:
		return "needs too many steps on this name";
	case -EILSEQ:
		return "cannot be tried on a name that is not UTF-8";
	case -ENAMETOOLONG:
		return "makes too long a name of it";
	default:
		return "cannot be tried on this name";
	}
}
