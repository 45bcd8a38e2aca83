/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/parse.h>
#include <string.h>

#define ROWS_MAX        40 /* on a terminal: a screen, and the errors after it still in sight */
#define NAME_MAX_OCTETS 500 /* of a cell with two names */
#define NOTE_MAX_OCTETS 320

enum column {
	COLUMN_FOLDER,
	COLUMN_MESSAGES,
	COLUMN_COPIED,
	COLUMN_PRESENT,
	COLUMN_FAILED,
	COLUMN_SIZE,
	COLUMN_NOTE,
	N_COLUMNS,
};

static const struct table_column columns[N_COLUMNS] = {
	[COLUMN_FOLDER] = {"FOLDER", false, true},
	[COLUMN_MESSAGES] = {"MESSAGES", true, false},
	[COLUMN_COPIED] = {"COPIED", true, false},
	[COLUMN_PRESENT] = {"THERE", true, false},
	[COLUMN_FAILED] = {"FAILED", true, false},
	[COLUMN_SIZE] = {"SIZE", true, false},
	[COLUMN_NOTE] = {"", false, true},
};

static bool has_errors(const json_t *folder)
{
	const char *result = member_str(folder, "result");

	return member_u64(folder, "failed") > 0 || (*result && strcmp(result, "ok") != 0);
}

static void put_size(char *buf, size_t n, const json_t *folder)
{
	uint64_t total = member_u64(folder, "bytes_total");

	/* Not every server tells how large a folder is. */
	if (total == 0 && member_u64(folder, "messages") > 0)
		(void)snprintf(buf, n, "-");
	else
		(void)format_size(buf, n, total);
}

static void put_note(char *buf, size_t n, const json_t *folder)
{
	const char *result = member_str(folder, "result"), *text = member_str(folder, "text");
	char skipped[SKIPS_TEXT_MAX];

	*buf = '\0';
	if (*result && strcmp(result, "ok") != 0)
		(void)snprintf(buf, n, "%s%s%s", result, *text ? ": " : "", text);
	else if (member_u64(folder, "skipped") > 0)
		(void)snprintf(buf, n, "%" PRIu64 " skipped%s", member_u64(folder, "skipped"),
			       event_skips(folder, skipped));
	else if (member_u64(folder, "deleted") > 0)
		(void)snprintf(buf, n, "%" PRIu64 " deleted", member_u64(folder, "deleted"));
}

static int add_folder(struct table *t, const struct look *l, const json_t *folder)
{
	static const char *const keys[] = {[COLUMN_MESSAGES] = "messages",
					   [COLUMN_COPIED] = "copied",
					   [COLUMN_PRESENT] = "present",
					   [COLUMN_FAILED] = "failed"};
	const char *from = member_str(folder, "folder"),
		   *to = member_str(folder, "destination");
	enum colour colour = has_errors(folder) ? COLOUR_BAD : COLOUR_NONE;
	const enum colour colours[N_COLUMNS] = {
		[COLUMN_FAILED] = colour, [COLUMN_NOTE] = colour};
	char name[NAME_MAX_OCTETS], size[32], note[NOTE_MAX_OCTETS],
		numbers[ELEMENTS(keys)][24];
	const char *cells[N_COLUMNS] = {name};

	(void)snprintf(name, sizeof(name), "%s", from);
	if (*to && strcmp(from, to) != 0)
		(void)snprintf(name, sizeof(name), "%s %s %s", from, l->utf8 ? "→" : "->", to);
	for (size_t i = COLUMN_MESSAGES; i < ELEMENTS(keys); i++) {
		(void)snprintf(numbers[i], sizeof(numbers[i]), "%" PRIu64,
			       member_u64(folder, keys[i]));
		cells[i] = numbers[i];
	}
	put_size(size, sizeof(size), folder);
	put_note(note, sizeof(note), folder);
	cells[COLUMN_SIZE] = size;
	cells[COLUMN_NOTE] = note;
	return table_add(t, has_errors(folder) ? (l->utf8 ? "▲" : "!") : NULL, colour, cells,
			 colours);
}

int folder_view(FILE *f, const struct look *l, const json_t *folders, uint64_t left_out,
		bool all)
{
	_cleanup_(table_freep) struct table *t = NULL;
	size_t n = json_array_size(folders), rows = 0, i;
	bool limited = l->columns > 0 && !all;
	const json_t *folder;
	int r;

	if (n == 0)
		return 0;
	r = table_new(&t, columns, N_COLUMNS);
	if (r < 0)
		return r;

	for (int errors = 1; errors >= 0; errors--) {
		json_array_foreach(folders, i, folder)
		{
			if (has_errors(folder) != errors || (limited && rows == ROWS_MAX))
				continue;
			r = add_folder(t, l, folder);
			if (r < 0)
				return r;
			rows++;
		}
	}

	table_print(t, f, l);
	if (rows < n)
		fprintf(f, "  and %zu more, -v shows them\n", n - rows);
	if (left_out > 0)
		fprintf(f, "  and %" PRIu64 " more, of which no counts were kept\n", left_out);
	return 0;
}
