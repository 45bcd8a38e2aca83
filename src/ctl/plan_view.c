/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/parse.h>
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
	COLUMN_NOTE,
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
	[COLUMN_NOTE] = {"", false, true},
};

static void number(char *buf, size_t n, const json_t *event, const char *key)
{
	/* What the event does not say is left open, not shown as nothing. */
	if (json_is_number(json_object_get(event, key)))
		(void)snprintf(buf, n, "%" PRIu64, member_u64(event, key));
	else
		(void)snprintf(buf, n, "-");
}

static int add_folder(struct table *t, const struct look *l, const json_t *event)
{
	static const enum colour colours[N_COLUMNS] = {[COLUMN_NOTE] = COLOUR_WARN};
	const char *result = member_str(event, "result"), *text = member_str(event, "text");
	const char *cells[N_COLUMNS] = {0};
	char messages[24], copy[24], bytes[32], flags[24],
		note[NOTE_MAX + SKIPS_TEXT_MAX + 64] = "";
	char skipped[SKIPS_TEXT_MAX + 32] = "", why[SKIPS_TEXT_MAX];

	if (member_u64(event, "skipped") > 0)
		(void)snprintf(skipped, sizeof(skipped), "%" PRIu64 " skipped%s",
			       member_u64(event, "skipped"), event_skips(event, why));
	number(messages, sizeof(messages), event, "messages");
	number(copy, sizeof(copy), event, "copied");
	number(flags, sizeof(flags), event, "flags_updated");
	if (json_is_number(json_object_get(event, "bytes")))
		(void)format_size(bytes, sizeof(bytes), member_u64(event, "bytes"));
	else
		(void)snprintf(bytes, sizeof(bytes), "-");

	if (*result && strcmp(result, "ok") != 0)
		(void)snprintf(note, sizeof(note), "%s%s%.*s", result, *text ? ": " : "",
			       NOTE_MAX, text);
	else
		(void)snprintf(note, sizeof(note), "%s%s%s",
			       member_bool(event, "created") ? "will be created" : "",
			       member_bool(event, "created") && *skipped ? ", " : "", skipped);

	cells[COLUMN_ORIGIN] = member_str(event, "folder");
	cells[COLUMN_ARROW] = l->utf8 ? "→" : "->";
	cells[COLUMN_DESTINATION] = member_str(event, "destination");
	if (!*cells[COLUMN_DESTINATION])
		cells[COLUMN_ARROW] = "";
	cells[COLUMN_MESSAGES] = messages;
	cells[COLUMN_COPY] = copy;
	cells[COLUMN_BYTES] = bytes;
	cells[COLUMN_FLAGS] = flags;
	cells[COLUMN_NOTE] = note;
	return table_add(t, NULL, COLOUR_NONE, cells, colours);
}

/* Looked at, and nothing to do. */
static bool is_idle(const json_t *event)
{
	return strcmp(member_str(event, "result"), "ok") == 0 &&
	       !member_bool(event, "created") && member_u64(event, "copied") == 0 &&
	       member_u64(event, "flags_updated") == 0 && member_u64(event, "skipped") == 0 &&
	       member_u64(event, "failed") == 0 && member_u64(event, "deleted") == 0;
}

int plan_view(FILE *f, const struct look *l, const json_t *folder_events, bool all)
{
	_cleanup_(table_freep) struct table *t = NULL;
	size_t i, n_idle = 0, n = json_array_size(folder_events);
	const json_t *event;
	int r;

	r = table_new(&t, columns, N_COLUMNS);
	if (r < 0)
		return r;

	json_array_foreach(folder_events, i, event)
	{
		if (!all && is_idle(event)) {
			n_idle++;
			continue;
		}
		r = add_folder(t, l, event);
		if (r < 0)
			return r;
	}
	if (n_idle < n)
		table_print(t, f, l);
	if (n_idle > 0)
		fprintf(f, "  %zu %sfolder%s: nothing to do\n", n_idle,
			n_idle < n ? "other " : "", PLURAL(n_idle));
	return 0;
}
