/* SPDX-License-Identifier: Apache-2.0 */
/* What folders.rewrite makes of a name: s/RE/REPLACEMENT/flags. */
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>

#include "pattern_internal.h"

struct rewrite {
	struct expression e;
	char *replacement; /* as PCRE2 has it: ${1}, $$ */
	bool all;
};

/* A part of an element, between delimiters. */
struct part {
	const char *s;
	size_t n;
};

static int wrong_as(char *wrong, const char *why)
{
	(void)snprintf(wrong, PATTERN_WRONG_MAX, "%s", why);
	return -EINVAL;
}

static char closing(char open)
{
	static const char pairs[] = "(){}[]<>";
	const char *p = open ? strchr(pairs, open) : NULL;

	return p && (p - pairs) % 2 == 0 ? p[1] : open;
}

/* The part that begins at s and its end, the delimiter: NULL without one. Brackets of the kind
 * that are delimiters may stand in it in pairs. */
static const char *part_end(const char *s, char open, char close)
{
	size_t depth = 0;

	for (; *s; s++) {
		if (*s == '\\' && s[1])
			s++;
		else if (*s == close && depth-- == 0)
			return s;
		else if (*s == open && open != close)
			depth++;
	}
	return NULL;
}

/* "s", delimiter, part, delimiter, part, delimiter, flags. */
static int split(const char *text, struct part *re, struct part *to, const char **flags,
		 char *wrong)
{
	char open = text[0] == 's' ? text[1] : '\0', close = closing(open);
	const char *end;

	if (open <= ' ' || open == '\\' || open >= 0x7f || (open >= '0' && open <= '9') ||
	    (open >= 'A' && open <= 'Z') || (open >= 'a' && open <= 'z'))
		return wrong_as(wrong,
				"is no substitution; write \"s/EXPRESSION/REPLACEMENT/\", "
				"with any sign for the slashes");
	re->s = text + 2;
	end = part_end(re->s, open, close);
	if (end) {
		re->n = (size_t)(end - re->s);
		to->s = end + 1;
		if (open != close) /* s{a}{b}: the second has its own pair */
			to->s = *to->s == open ? to->s + 1 : NULL;
		end = to->s ? part_end(to->s, open, close) : NULL;
	}
	if (!end)
		return wrong_as(wrong, "has no end; write \"s/EXPRESSION/REPLACEMENT/\", with "
				       "the same sign in all three places");
	to->n = (size_t)(end - to->s);
	*flags = end + 1;
	return 0;
}

static int read_flags(const char *flags, struct rewrite *w, uint32_t *options, char *wrong)
{
	for (; *flags; flags++) {
		switch (*flags) {
		case 'g':
			w->all = true;
			break;
		case 'i':
			*options |= PCRE2_CASELESS;
			break;
		case 'x':
			*options |= PCRE2_EXTENDED;
			break;
		default:
			return wrong_as(wrong, "ends in a flag that is not known; write g (all "
					       "matches), i (without case), x (blanks do not "
					       "count), or none");
		}
	}
	return 0;
}

/* ---- the replacement ---- */

static bool is_word(char c, bool digits)
{
	return (c >= '0' && c <= '9') ||
	       (!digits && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'));
}

/* `$1`, `${1}`, `$name`, `${name}` stay as they are. Its octets, 0: it names no group. */
static size_t group_length(const struct expression *e, const char *s, size_t n)
{
	bool brace = n > 1 && s[1] == '{';
	size_t from = brace ? 2 : 1, i = from;
	bool digits = i < n && s[i] >= '0' && s[i] <= '9';
	uint32_t groups = 0, number = 0;
	char name[64];

	for (; i < n && is_word(s[i], digits); i++)
		number = MIN_OF(number, UINT16_MAX) * 10 + (uint32_t)(s[i] - '0');
	if (i == from || i - from >= sizeof(name) || (brace && (i == n || s[i] != '}')))
		return 0;
	memcpy(name, s + from, i - from);
	name[i - from] = '\0';
	(void)pcre2_pattern_info(e->code, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (digits ? number > groups
		   : pcre2_substring_number_from_name(e->code, (PCRE2_SPTR)name) ==
			     PCRE2_ERROR_NOSUBSTRING)
		return 0;
	return i + brace;
}

/* `\1`: a group; a backslash before what is no letter or digit: that sign itself. 0, -EINVAL,
 * -ENOMEM. */
static int add_escape(const struct expression *e, char c, struct buf *out)
{
	const char group[] = {'$', c, '\0'};

	if (c >= '0' && c <= '9')
		return group_length(e, group, 2) ? buf_addf(out, "${%c}", c) : -EINVAL;
	if (c == '\0' || is_word(c, false))
		return -EINVAL;
	return c == '$' ? buf_adds(out, "$$") : buf_addc(out, c);
}

static int translate(const struct expression *e, const struct part *to, struct buf *out,
		     char *wrong)
{
	int r = 0;

	for (size_t i = 0; i < to->n && r == 0; i++) {
		const char *s = to->s + i;
		size_t left = to->n - i, n = 1;

		if (*s == '\\') {
			r = add_escape(e, left > 1 ? s[1] : '\0', out);
			n = 2;
		} else if (*s == '$') {
			n = group_length(e, s, left);
			r = n > 0 ? buf_add(out, s, n) : -EINVAL;
		} else {
			r = buf_addc(out, *s);
		}
		i += n - 1;
	}
	if (r == -EINVAL)
		return wrong_as(wrong, "names a group in its replacement that its expression "
				       "does not have; write \\1 or $1 for what the first ( ) "
				       "found, and \\\\ or \\$ for the signs themselves");
	return r;
}

/* ---- */

int rewrite_new(const char *text, struct rewrite **ret, char wrong[static PATTERN_WRONG_MAX])
{
	_cleanup_(rewrite_freep) struct rewrite *w = calloc(1, sizeof(*w));
	_cleanup_(buf_done) struct buf replacement = {0};
	const char *flags = NULL;
	struct part re, to;
	uint32_t options = 0;
	int r;

	if (!w)
		return -ENOMEM;
	r = split(text, &re, &to, &flags, wrong);
	if (r == 0)
		r = read_flags(flags, w, &options, wrong);
	if (r == 0)
		r = expression_new(text, re.s, re.n, options, &w->e, wrong);
	if (r == 0)
		r = translate(&w->e, &to, &replacement, wrong);
	if (r < 0)
		return r;
	w->replacement = buf_take(&replacement);
	if (!w->replacement)
		return -ENOMEM;
	*ret = STEAL(w);
	return 0;
}

struct rewrite *rewrite_free(struct rewrite *w)
{
	if (!w)
		return NULL;
	expression_done(&w->e);
	free(w->replacement);
	free(w);
	return NULL;
}

int rewrite_apply(const struct rewrite *w, const char *name, struct buf *out)
{
	uint32_t options = PCRE2_SUBSTITUTE_UNSET_EMPTY | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH |
			   (w->all ? PCRE2_SUBSTITUTE_GLOBAL : 0);
	PCRE2_UCHAR to[PATTERN_NAME_MAX + 1];
	PCRE2_SIZE n = sizeof(to);
	int r;

	if (strlen(name) > PATTERN_NAME_MAX)
		return -E2BIG;
	r = pcre2_substitute(w->e.code, (PCRE2_SPTR)name, strlen(name), 0, options, w->e.found,
			     w->e.limits, (PCRE2_SPTR)w->replacement, PCRE2_ZERO_TERMINATED, to,
			     &n);
	if (r == PCRE2_ERROR_NOMEMORY && n != PCRE2_UNSET)
		return -ENAMETOOLONG;
	if (r <= 0)
		return r < 0 ? expression_code(r) : 0;
	r = buf_add(out, to, n);
	return r < 0 ? r : 1;
}
