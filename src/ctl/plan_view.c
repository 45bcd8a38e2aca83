/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/parse.h>
#include <stdarg.h>
#include <string.h>

#define NOTE_MAX 200

enum column {
	COLUMN_ORIGIN,
	COLUMN_ARROW,
	COLUMN_DESTINATION,
	COLUMN_MESSAGES,
	COLUMN_COPY,
	COLUMN_BYTES,
	COLUMN_FLAGS,
	COLUMN_RULE,
	N_COLUMNS,
};

static const struct table_column columns[N_COLUMNS] = {
	[COLUMN_ORIGIN] = {"ORIGIN", false, true},
	[COLUMN_ARROW] = {"", false, false},
	[COLUMN_DESTINATION] = {"DESTINATION", false, true},
	[COLUMN_MESSAGES] = {"MESSAGES", true, false},
	[COLUMN_COPY] = {"TO COPY", true, false},
	[COLUMN_BYTES] = {"BYTES", true, false},
	[COLUMN_FLAGS] = {"FLAGS", true, false},
	[COLUMN_RULE] = {"BY RULE", false, true},
};

static void number(char *buf, size_t n, const json_t *event, const char *key)
{
	/* What the event does not say is left open, not shown as nothing. */
	if (json_is_number(json_object_get(event, key)))
		(void)snprintf(buf, n, "%" PRIu64, member_u64(event, key));
	else
		(void)snprintf(buf, n, "-");
}

/* One remark more. */
static void _printf_(4, 5)
	remark(char *buf, size_t n, const char *separator, const char *fmt, ...)
{
	size_t used = strlen(buf);
	va_list ap;

	used += (size_t)snprintf(buf + used, n - used, "%s", used ? separator : "");
	va_start(ap, fmt);
	if (used < n)
		(void)vsnprintf(buf + used, n - used, fmt, ap);
	va_end(ap);
}

/* By which rule, and what else is to be said of it; or what went wrong. */
static enum colour put_rule(char *buf, size_t n, const json_t *event)
{
	const char *result = member_str(event, "result"), *text = member_str(event, "text");
	const char *rule = member_str(event, "rule"), *note = member_str(event, "note");
	uint64_t skipped = member_u64(event, "skipped"), gone = member_u64(event, "deleted");
	char why[SKIPS_TEXT_MAX];

	if (*result && strcmp(result, "ok") != 0) {
		(void)snprintf(buf, n, "%s%s%.*s%s%s", result, *text ? ": " : "", NOTE_MAX,
			       text, *rule ? ", " : "", rule);
		return strcmp(result, "skipped") == 0 ? COLOUR_NONE : COLOUR_WARN;
	}
	(void)snprintf(buf, n, "%s", rule);
	if (member_bool(event, "created"))
		remark(buf, n, ", ", "will be created");
	if (skipped > 0)
		remark(buf, n, ", ", "%" PRIu64 " skipped%s", skipped, event_skips(event, why));
	if (gone > 0)
		remark(buf, n, ", ", "%" PRIu64 " to be deleted", gone);
	if (*note)
		remark(buf, n, "; ", "%s", note);
	return *note || gone || member_bool(event, "created") ? COLOUR_WARN : COLOUR_NONE;
}

static int add_folder(struct table *t, const struct look *l, const json_t *event)
{
	enum colour colours[N_COLUMNS] = {COLOUR_NONE};
	const char *cells[N_COLUMNS] = {0};
	char messages[24], copy[24], bytes[32], flags[24];
	char rule[3 * NOTE_MAX + 2 * SKIPS_TEXT_MAX] = "";

	number(messages, sizeof(messages), event, "messages");
	number(copy, sizeof(copy), event, "copied");
	number(flags, sizeof(flags), event, "flags_updated");
	if (json_is_number(json_object_get(event, "bytes")))
		(void)format_size(bytes, sizeof(bytes), member_u64(event, "bytes"));
	else
		(void)snprintf(bytes, sizeof(bytes), "-");
	colours[COLUMN_RULE] = put_rule(rule, sizeof(rule), event);

	cells[COLUMN_ORIGIN] = member_str(event, "folder");
	cells[COLUMN_ARROW] = l->utf8 ? "→" : "->";
	cells[COLUMN_DESTINATION] = member_str(event, "destination");
	if (!*cells[COLUMN_DESTINATION])
		cells[COLUMN_ARROW] = "";
	cells[COLUMN_MESSAGES] = messages;
	cells[COLUMN_COPY] = copy;
	cells[COLUMN_BYTES] = bytes;
	cells[COLUMN_FLAGS] = flags;
	cells[COLUMN_RULE] = rule;
	return table_add(t, NULL, COLOUR_NONE, cells, colours);
}

int plan_view(FILE *f, const struct look *l, const json_t *folder_events)
{
	_cleanup_(table_freep) struct table *t = NULL;
	size_t i, n = json_array_size(folder_events);
	const json_t *event;
	int r;

	r = table_new(&t, columns, N_COLUMNS);
	if (r < 0)
		return r;

	json_array_foreach(folder_events, i, event)
	{
		r = add_folder(t, l, event);
		if (r < 0)
			return r;
	}
	if (n > 0)
		table_print(t, f, l);
	return 0;
}
