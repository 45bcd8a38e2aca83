/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/text.h>
#include <string.h>

#define GAP          2
#define FLEXIBLE_MIN 8 /* a name cut shorter is of no use */
#define CELL_MAX     512

struct cell {
	char *text;
	enum colour colour;
};

struct row {
	char mark[8];
	enum colour mark_colour;
	struct cell *cells;
};

struct table {
	const struct table_column *columns;
	size_t n_columns;
	struct row *rows;
	size_t n_rows;
	size_t cap;
};

int table_new(struct table **ret, const struct table_column *columns, size_t n_columns)
{
	struct table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;

	t->columns = columns;
	t->n_columns = n_columns;
	*ret = t;
	return 0;
}

static void row_done(const struct table *t, struct row *row)
{
	for (size_t i = 0; row->cells && i < t->n_columns; i++)
		free(row->cells[i].text);
	free(row->cells);
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;

	for (size_t i = 0; i < t->n_rows; i++)
		row_done(t, &t->rows[i]);
	free(t->rows);
	free(t);
	return NULL;
}

static int grow(struct table *t)
{
	size_t cap = t->cap ? t->cap * 2 : 16;
	struct row *rows;

	if (t->n_rows < t->cap)
		return 0;

	rows = reallocarray(t->rows, cap, sizeof(*rows));
	if (!rows)
		return -ENOMEM;

	t->rows = rows;
	t->cap = cap;
	return 0;
}

int table_add(struct table *t, const char *mark, enum colour mark_colour,
	      const char *const *cells, const enum colour *colours)
{
	struct row row = {.mark_colour = mark_colour};
	int r;

	r = grow(t);
	if (r < 0)
		return r;

	row.cells = calloc(t->n_columns, sizeof(*row.cells));
	if (!row.cells)
		return -ENOMEM;

	(void)snprintf(row.mark, sizeof(row.mark), "%s", mark ? mark : "");
	for (size_t i = 0; i < t->n_columns; i++) {
		char clean[CELL_MAX];
		const char *s = cells[i] ? cells[i] : "";

		row.cells[i].text = text_dup(text_clean(clean, sizeof(clean), s, strlen(s)));
		row.cells[i].colour = colours ? colours[i] : COLOUR_NONE;
		if (!row.cells[i].text) {
			row_done(t, &row);
			return -ENOMEM;
		}
	}
	t->rows[t->n_rows++] = row;
	return 0;
}

static size_t natural_width(const struct table *t, size_t column)
{
	size_t width = text_width(t->columns[column].title);

	for (size_t i = 0; i < t->n_rows; i++)
		width = MAX_OF(width, text_width(t->rows[i].cells[column].text));
	return width;
}

/* The widest flexible column gives one column after the other, until the table fits. */
static void shrink(const struct table *t, size_t *widths, size_t limit)
{
	for (;;) {
		size_t total = GAP, widest = SIZE_MAX;

		for (size_t i = 0; i < t->n_columns; i++) {
			total += widths[i] + (i > 0 ? GAP : 0);
			if (t->columns[i].flexible && widths[i] > FLEXIBLE_MIN &&
			    (widest == SIZE_MAX || widths[i] > widths[widest]))
				widest = i;
		}
		if (total <= limit || widest == SIZE_MAX)
			return;
		widths[widest]--;
	}
}

static void put_cell(FILE *f, const struct look *l, const struct table_column *c, size_t width,
		     bool last, const char *text, enum colour colour)
{
	char fitted[CELL_MAX + 8];
	size_t used;

	(void)fit_text(fitted, sizeof(fitted), text, width, l);
	used = text_width(fitted);
	if (c->right)
		put_blanks(f, width - used);
	fprintf(f, "%s%s%s", colour_on(l, colour), fitted, colour_off(l, colour));
	if (!c->right && !last)
		put_blanks(f, width - used);
}

static void put_row(const struct table *t, FILE *f, const struct look *l, const size_t *widths,
		    const struct row *row)
{
	size_t last = t->n_columns - 1;

	if (row && *row->mark)
		fprintf(f, "%s%s%s ", colour_on(l, row->mark_colour), row->mark,
			colour_off(l, row->mark_colour));
	else
		put_blanks(f, GAP);

	/* Nothing is padded after the last cell that has something in it. */
	while (last > 0 && !*(row ? row->cells[last].text : t->columns[last].title))
		last--;
	for (size_t i = 0; i <= last; i++) {
		if (i > 0)
			put_blanks(f, GAP);
		put_cell(f, l, &t->columns[i], widths[i], i == last,
			 row ? row->cells[i].text : t->columns[i].title,
			 row ? row->cells[i].colour : COLOUR_BOLD);
	}
	fputc('\n', f);
}

void table_print(const struct table *t, FILE *f, const struct look *l)
{
	_cleanup_(freep) size_t *widths = calloc(t->n_columns, sizeof(*widths));

	if (!widths)
		return;

	for (size_t i = 0; i < t->n_columns; i++)
		widths[i] = natural_width(t, i);
	if (l->columns > 0)
		shrink(t, widths, l->columns);

	put_row(t, f, l, widths, NULL);
	for (size_t i = 0; i < t->n_rows; i++)
		put_row(t, f, l, widths, &t->rows[i]);
}
