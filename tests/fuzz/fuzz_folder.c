/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <mailmig/folder.h>
#include <mailmig/text.h>

/* Input: delimiter, prefix without its delimiter, newline, name. "0" stands for no delimiter.
 */

static bool is_hex_or_percent(char c)
{
	return c == '%' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

static bool begins_with_inbox(const char *name)
{
	return text_ieqn(name, strcspn(name, "/"), "INBOX");
}

/* Any canonical name -> local -> the same canonical name. */
static void there_and_back(char *name, char delim, const char *prefix)
{
	_cleanup_(buf_done) struct buf local = {0}, back = {0};

	if (begins_with_inbox(name))
		memcpy(name, "INBOX", 5);
	REQUIRE(folder_name_local(name, delim, prefix, &local) == 0);
	REQUIRE(folder_name_canonical(buf_str(&local), delim, prefix, &back) == 0);
	REQUIRE(is_hex_or_percent(delim) || strcmp(buf_str(&back), name) == 0);
}

/* Any local name -> canonical -> the same local name, but for the spelling of INBOX. */
static void back_and_there(const char *name, char delim)
{
	_cleanup_(buf_done) struct buf canonical = {0}, local = {0};

	REQUIRE(folder_name_canonical(name, delim, "", &canonical) == 0);
	REQUIRE(folder_name_local(buf_str(&canonical), delim, "", &local) == 0);
	REQUIRE(is_hex_or_percent(delim) || begins_with_inbox(buf_str(&canonical)) ||
		strcmp(buf_str(&local), name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(freep) char *prefix = NULL, *name = NULL;
	const char *s = (const char *)data, *newline;
	char delim;

	if (n == 0)
		return 0;
	delim = *s == '0' ? '\0' : *s;
	newline = memchr(s + 1, '\n', n - 1);
	if (!newline)
		return 0;

	name = strndup(newline + 1, n - (size_t)(newline + 1 - s));
	REQUIRE(name);
	/* A prefix ends in the delimiter; without one there is none. */
	if (asprintf(&prefix, "%.*s%c", (int)(newline - s - 1), s + 1, delim) < 0)
		abort();
	if (delim == '\0' || newline == s + 1)
		*prefix = '\0';

	back_and_there(name, delim);
	there_and_back(name, delim, prefix);
	return 0;
}
