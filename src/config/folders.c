/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <mailmig/folder.h>
#include <mailmig/pattern.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>

/* What the keys of folders may say. */

#define RULE_MEMORY "cannot be checked; " MM_ADVICE_MEMORY

/* PCRE2 has the words for what is wrong with an expression. */
static _Thread_local char wrong[PATTERN_WRONG_MAX];

const char *rule_selector(const char *s)
{
	_cleanup_(selector_freep) struct selector *made = NULL;
	int r = selector_new(s, &made, wrong);

	if (r == -EINVAL)
		return wrong;
	return r < 0 ? RULE_MEMORY : NULL;
}

const char *rule_rewrite(const char *s)
{
	_cleanup_(rewrite_freep) struct rewrite *made = NULL;
	int r = rewrite_new(s, &made, wrong);

	if (r == -EINVAL)
		return wrong;
	return r < 0 ? RULE_MEMORY : NULL;
}

const char *rule_folder(const char *s)
{
	const char *why = folder_name_wrong(s);

	if (role_parse(s) != ROLE_NONE)
		return "is a role; write the name of a folder";
	if (!why)
		return NULL;
	(void)snprintf(wrong, sizeof(wrong),
		       "%s; write the name of a folder, with a slash between its levels: "
		       "\"A/B\"",
		       why);
	return wrong;
}

/* The left side of the i-th pair of folders.map; NULL: there is none. */
static const config_setting_t *left_side(const config_setting_t *map, int i)
{
	const config_setting_t *pair = config_setting_get_elem(map, (unsigned)i);
	const config_setting_t *left = NULL;

	if (config_setting_is_list(pair) || config_setting_is_array(pair))
		left = config_setting_get_elem(pair, 0);
	return left && config_setting_type(left) == CONFIG_TYPE_STRING ? left : NULL;
}

static bool same_folder(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || (text_ieq(a, "INBOX") && text_ieq(b, "INBOX"));
}

static void rule_map_twice(struct check *c, const config_setting_t *map)
{
	for (int i = 1; i < config_setting_length(map); i++) {
		const config_setting_t *s = left_side(map, i);
		bool twice = false;
		char buf[CONFIG_SHOWN_MAX];

		for (int k = 0; s && k < i && !twice; k++) {
			const config_setting_t *before = left_side(map, k);

			twice = before && same_folder(config_setting_get_string(before),
						      config_setting_get_string(s));
		}
		if (twice)
			check_complain(
				c, s,
				"folders.map sends \"%s\" to two places; keep one of the "
				"two",
				shown(buf, config_setting_get_string(s)));
	}
}

void rules_folders(struct check *c, const config_setting_t *entry)
{
	const config_setting_t *folders = config_setting_get_member(entry, "folders");
	const config_setting_t *map = folders && config_setting_is_group(folders)
					      ? config_setting_get_member(folders, "map")
					      : NULL;

	if (map && config_setting_is_list(map))
		rule_map_twice(c, map);
}
