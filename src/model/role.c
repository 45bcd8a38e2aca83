/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/role.h>
#include <mailmig/text.h>

static const char *const names[ROLE_N] = {
	[ROLE_NONE] = "",
	[ROLE_ALL] = "\\All",
	[ROLE_ARCHIVE] = "\\Archive",
	[ROLE_DRAFTS] = "\\Drafts",
	[ROLE_FLAGGED] = "\\Flagged",
	[ROLE_IMPORTANT] = "\\Important",
	[ROLE_JUNK] = "\\Junk",
	[ROLE_SENT] = "\\Sent",
	[ROLE_TRASH] = "\\Trash",
};

/* XLIST's own, from before RFC 6154. */
static const struct {
	const char *word;
	enum folder_role role;
} older[] = {
	{"\\AllMail", ROLE_ALL},
	{"\\Spam", ROLE_JUNK},
	{"\\Starred", ROLE_FLAGGED},
};

const char *role_name(enum folder_role r)
{
	return names[r];
}

enum folder_role role_parse(const char *word)
{
	for (size_t i = ROLE_NONE + 1; i < ROLE_N; i++)
		if (text_ieq(word, names[i]))
			return (enum folder_role)i;
	for (size_t i = 0; i < ELEMENTS(older); i++)
		if (text_ieq(word, older[i].word))
			return older[i].role;
	return ROLE_NONE;
}
