/* SPDX-License-Identifier: Apache-2.0 */
/* Which folders are meant: elements of folders.include and folders.exclude. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>

#include "pattern_internal.h"

struct selector {
	enum { BY_ROLE, BY_GLOB, BY_EXPRESSION } by;
	enum folder_role role;
	char *glob;
	struct expression e;
};

static int selector_expression(const char *text, struct selector *s, char *wrong)
{
	const char *end = strrchr(text, '/');
	uint32_t options = 0;

	if (end == text || (strcmp(end + 1, "") != 0 && strcmp(end + 1, "i") != 0)) {
		(void)snprintf(wrong, PATTERN_WRONG_MAX,
			       "begins with a slash, as no folder does; write /EXPRESSION/ or "
			       "/EXPRESSION/i");
		return -EINVAL;
	}
	if (end[1] == 'i')
		options |= PCRE2_CASELESS;
	s->by = BY_EXPRESSION;
	return expression_new(text, text + 1, (size_t)(end - text) - 1, options, &s->e, wrong);
}

static int selector_role(const char *text, struct selector *s, char *wrong)
{
	size_t used = 0;

	s->by = BY_ROLE;
	s->role = role_parse(text);
	if (s->role != ROLE_NONE && text_ieq(text, role_name(s->role)))
		return 0;
	used = (size_t)snprintf(wrong, PATTERN_WRONG_MAX, "is no role; write one of");
	for (int r = ROLE_NONE + 1; r < ROLE_N; r++)
		used += (size_t)snprintf(wrong + used, PATTERN_WRONG_MAX - used, "%s \"\\%s\"",
					 r > ROLE_NONE + 1 ? "," : "",
					 role_name((enum folder_role)r));
	(void)snprintf(wrong + used, PATTERN_WRONG_MAX - used, ", or \"INBOX\"");
	return -EINVAL;
}

/* INBOX in any case is one folder. */
static int selector_glob(const char *text, struct selector *s)
{
	_cleanup_(buf_done) struct buf name = {0};

	s->by = BY_GLOB;
	if (folder_name_canonical(text, '/', "", &name) < 0)
		return -ENOMEM;
	s->glob = buf_take(&name);
	return s->glob ? 0 : -ENOMEM;
}

int selector_new(const char *text, struct selector **ret, char wrong[static PATTERN_WRONG_MAX])
{
	_cleanup_(selector_freep) struct selector *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	if (text[0] == '/')
		r = selector_expression(text, s, wrong);
	else if (text[0] == '\\')
		r = selector_role(text, s, wrong);
	else
		r = selector_glob(text, s);
	if (r < 0)
		return r;
	*ret = STEAL(s);
	return 0;
}

struct selector *selector_free(struct selector *s)
{
	if (!s)
		return NULL;
	expression_done(&s->e);
	free(s->glob);
	free(s);
	return NULL;
}

static const char *next_character(const char *s)
{
	do {
		s++;
	} while (((unsigned char)*s & 0xc0) == 0x80);
	return s;
}

/* Goes back to the last star only: the time is bounded by the product of the lengths. */
static bool glob_matches(const char *glob, const char *s)
{
	const char *star = NULL, *from = NULL;

	while (*s) {
		if (*glob == '*') {
			star = glob++;
			from = s;
		} else if (*glob == '?') {
			glob++;
			s = next_character(s);
		} else if (*glob == *s) {
			glob++;
			s++;
		} else if (star) {
			glob = star + 1;
			s = from = next_character(from);
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

int selector_matches(const struct selector *s, const char *name, enum folder_role role)
{
	size_t n = strlen(name);
	int r;

	switch (s->by) {
	case BY_ROLE:
		return s->role == role;
	case BY_GLOB:
		return glob_matches(s->glob, name);
	default:
		break;
	}
	if (n > PATTERN_NAME_MAX)
		return -E2BIG;
	r = pcre2_match(s->e.code, (PCRE2_SPTR)name, n, 0, 0, s->e.found, s->e.limits);
	return r > 0 ? 1 : expression_code(r);
}

bool selector_names(const struct selector *s, const char *name)
{
	return s->by == BY_GLOB && strcmp(s->glob, name) == 0;
}
