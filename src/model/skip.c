/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <mailmig/parse.h>
#include <mailmig/skip.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *words;
} reasons[SKIP_N] = {
	[SKIP_NOT_FOUND] = {"not-found", "not found by messages.search"},
	[SKIP_TOO_OLD] = {"too-old", "too old"},
	[SKIP_TOO_YOUNG] = {"too-young", "too young"},
	[SKIP_TOO_SMALL] = {"too-small", "too small"},
	[SKIP_TOO_LARGE] = {"too-large", "too large"},
	[SKIP_OTHER_FOLDER] = {"other-folder", "in another folder"},
	[SKIP_GONE] = {"gone", "deleted meanwhile"},
};

const char *skip_name(enum skip_reason r)
{
	return reasons[r].name;
}

const char *skip_words(enum skip_reason r)
{
	return reasons[r].words;
}

char *skips_to_text(const uint64_t counts[static SKIP_N], char buf[static SKIPS_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < SKIP_N; i++)
		if (counts[i] > 0)
			n += (size_t)snprintf(buf + n, SKIPS_TEXT_MAX - n, "%s%s=%" PRIu64,
					      n ? " " : "", reasons[i].name, counts[i]);
	return buf;
}

static void take(const char *s, size_t n, uint64_t counts[static SKIP_N])
{
	for (size_t i = 0; i < SKIP_N; i++) {
		size_t len = strlen(reasons[i].name);

		if (n > len && s[len] == '=' && memcmp(s, reasons[i].name, len) == 0)
			(void)parse_u64(s + len + 1, n - len - 1, &counts[i]); /* or nothing */
	}
}

void skips_from_text(const char *s, uint64_t counts[static SKIP_N])
{
	memset(counts, 0, SKIP_N * sizeof(*counts));
	while (s && *s) {
		size_t n = strcspn(s, " ");

		take(s, n, counts);
		s += n + strspn(s + n, " ");
	}
}

json_t *skips_to_json(const uint64_t counts[static SKIP_N])
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	for (size_t i = 0; o && i < SKIP_N; i++)
		if (counts[i] > 0 &&
		    json_object_set_new(o, reasons[i].name,
					json_integer((json_int_t)counts[i])) < 0)
			return NULL;
	return STEAL(o);
}

void skips_from_json(const json_t *o, uint64_t counts[static SKIP_N])
{
	for (size_t i = 0; i < SKIP_N; i++) {
		json_int_t n = json_integer_value(json_object_get(o, reasons[i].name));

		counts[i] = n > 0 ? (uint64_t)n : 0;
	}
}

char *skips_to_words(const uint64_t counts[static SKIP_N], char buf[static SKIPS_TEXT_MAX])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < SKIP_N; i++)
		if (counts[i] > 0)
			n += (size_t)snprintf(buf + n, SKIPS_TEXT_MAX - n, "%s%" PRIu64 " %s",
					      n ? ", " : " (", counts[i], reasons[i].words);
	if (n > 0)
		(void)snprintf(buf + n, SKIPS_TEXT_MAX - n, ")");
	return buf;
}
