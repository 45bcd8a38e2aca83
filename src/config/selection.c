/* SPDX-License-Identifier: Apache-2.0 */
/* The rules about which messages are copied: what a text may say, and which contradict. */
#include "config_internal.h"
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <string.h>
#include <strings.h>

const char *rule_day(const char *s)
{
	int64_t ignored;

	return clock_parse_day(s, &ignored) == 0
		       ? NULL
		       : "is no day; write YEAR-MONTH-DAY, such as \"2024-12-31\"";
}

/* The end of a quoted string that begins at s, or NULL. */
static const char *end_of_quoted(const char *s)
{
	for (s++; *s && *s != '"'; s++)
		if (*s == '\\' && !*++s)
			return NULL;
	return *s ? s : NULL;
}

static bool begins_with(const char *s, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(s, word, n) == 0 && (s[n] == ' ' || s[n] == '\0' || s[n] == '(');
}

/* It becomes a part of a command (RFC 9051 §6.4.4): nothing in it may end that, or begin
 * another. What the words mean is the server's affair. */
const char *rule_search(const char *s)
{
	int depth = 0;

	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "contains a line break or another control character; remove it";
	if (*s == ' ' || s[strlen(s) - 1] == ' ')
		return "begins or ends with a blank; remove it";
	if (begins_with(s, "CHARSET") || begins_with(s, "RETURN"))
		return "begins with what is added where it is needed; write the search keys "
		       "alone";
	for (; *s; s++) {
		if (*s == '{')
			return "contains a literal; write the text in quotes";
		if (*s == ' ' && s[1] == ' ')
			return "has two blanks in a row; write one";
		if (*s == '"') {
			s = end_of_quoted(s);
			if (!s)
				return "has a quote without end; close it";
		}
		depth += (*s == '(') - (*s == ')');
		if (depth < 0)
			return "closes a parenthesis that was not opened; remove it";
	}
	return depth > 0 ? "has a parenthesis without end; close it" : NULL;
}

/* ---- contradictions ---- */

struct rule_value {
	const config_setting_t *setting; /* NULL: not given, or wrong in itself */
	int64_t v;
};

static int parse_rule(const struct key *k, const char *text, int64_t *ret)
{
	uint64_t v = 0;
	int r = -EINVAL;

	if (k->type == KEY_STRING)
		return clock_parse_day(text, ret);
	if (k->type == KEY_SPAN)
		r = parse_span(text, &v);
	else if (k->type == KEY_SIZE)
		r = parse_size(text, &v);
	if (r < 0 || v > INT64_MAX)
		return -EINVAL;
	*ret = (int64_t)v;
	return 0;
}

static struct rule_value value_of(const config_setting_t *messages, const char *name)
{
	const char *text = setting_text(messages, name);
	struct rule_value ret = {0};

	if (text && parse_rule(key_find(&keys_messages, name), text, &ret.v) == 0)
		ret.setting = config_setting_get_member(messages, name);
	return ret;
}

void rules_messages(struct check *c, const config_setting_t *group)
{
	/* No message passes unless low is below high, or not above it. */
	static const struct {
		const char *low, *high;
		bool may_be_equal;
		const char *lower, *higher;
	} pairs[] = {
		{"min_age", "max_age", false, "a smaller", "a larger"},
		{"since", "before", false, "an earlier", "a later"},
		{"min_size", "max_size", true, "a smaller", "a larger"},
	};
	const config_setting_t *messages = config_setting_get_member(group, "messages");

	if (!messages || !config_setting_is_group(messages))
		return;
	for (size_t i = 0; i < ELEMENTS(pairs); i++) {
		struct rule_value low = value_of(messages, pairs[i].low);
		struct rule_value high = value_of(messages, pairs[i].high);

		if (!low.setting || !high.setting || low.v < high.v ||
		    (low.v == high.v && pairs[i].may_be_equal))
			continue;
		check_complain(c, high.setting,
			       "messages.%s contradicts messages.%s (%s:%u): no message would "
			       "be copied; write %s %s or %s %s",
			       pairs[i].high, pairs[i].low,
			       cfg_setting_file(c->file, low.setting),
			       config_setting_source_line(low.setting), pairs[i].higher,
			       pairs[i].high, pairs[i].lower, pairs[i].low);
	}
}
