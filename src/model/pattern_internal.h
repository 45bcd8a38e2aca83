/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_PATTERN_INTERNAL_H
#define MODEL_PATTERN_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <mailmig/pattern.h>
#include <pcre2.h>

/* Octets of a name that expressions are tried on, and of what a rewriting makes of it. */
#define PATTERN_NAME_MAX 4096

struct expression {
	pcre2_code *code;
	pcre2_match_data *found;
	pcre2_match_context *limits;
};

/* s, n: the expression, which stands somewhere in the element `text`. 0; -EINVAL: wrong says
 * why; -ENOMEM. */
int expression_new(const char *text, const char *s, size_t n, uint32_t options,
		   struct expression *ret, char wrong[static PATTERN_WRONG_MAX]);
void expression_done(struct expression *e);
/* -errno of a negative result of a search; 0: no match. */
int expression_code(int pcre2_error);
/* Characters of UTF-8. */
size_t expression_characters(const char *s, size_t n);

#endif
