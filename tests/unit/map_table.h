/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEST_MAP_TABLE_H
#define MAILMIG_TEST_MAP_TABLE_H

/* Which folder goes where: rules and both sides' folders in, the whole map out as text. */

#include <engine/engine_internal.h>
#include <mailmig/text.h>

#include "unit.h"

#define LIST_MAX 12

/* A side in the server's order: a name, then marks behind a bar: a role, "~" for \Noselect, "-"
 * for not subscribed, "?" for a name that is none. */
struct table_row {
	struct {
		const char *include[4], *exclude[4], *map[6], *rewrite[4];
		const char *into;
		bool no_automap, subscribed_only;
	} rules;
	const char *origin[LIST_MAX], *destination[LIST_MAX];
	struct map_known known[4];
	bool exchange, caseless;
	/* "ORIGIN -> DESTINATION (rule)": behind it "+ \Role" where it is made with a role, "="
	 * where it is there, "&" where it is shared; "ORIGIN x why", "ORIGIN ! error" and
	 * "# warning". */
	const char *map;
};

static inline void add_all(struct text_list *l, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n && v[i]; i++)
		assert_int_equal(text_list_add(l, v[i]), 0);
}

static inline void make(struct folder_list *l, const char *const *v)
{
	for (size_t i = 0; i < LIST_MAX && v[i]; i++) {
		const char *bar = strchr(v[i], '|'), *mark = bar ? bar + 1 : "";
		struct folder *f = folder_list_add(l);

		assert_non_null(f);
		f->name = bar ? text_dupn(v[i], (size_t)(bar - v[i])) : text_dup(v[i]);
		f->raw = text_fmt("raw %s", f->name);
		f->delim = '/';
		f->subscribed = *mark != '-';
		f->noselect = *mark == '~';
		f->unusable = *mark == '?';
		f->role = strchr(mark, '\\') ? text_dup(strchr(mark, '\\')) : NULL;
	}
	folder_list_sort(l);
}

static inline int tell(struct buf *out, const struct map *m)
{
	int r = 0;

	for (size_t i = 0; i < m->n_pairs && r == 0; i++) {
		const struct pair *p = &m->pairs[i];

		if (p->error.code) {
			assert_int_equal(p->place, PAIR_DONE);
			assert_true(p->error.advice[0]);
			r = buf_addf(out, "%s ! %s\n", p->origin, p->error.text);
			continue;
		}
		assert_int_equal(p->place, PAIR_QUEUED);
		assert_true(!p->exists == !p->destination_raw);
		r = buf_addf(out, "%s -> %s (%s)%s%s%s%s\n", p->origin, p->destination,
			     p->map.by, p->map.role ? " + " : "", role_name(p->map.role),
			     p->exists ? " =" : "", p->map.shared ? " &" : "");
	}
	for (size_t i = 0; i < m->n_omitted && r == 0; i++)
		r = buf_addf(out, "%s x %s\n", m->omitted[i].origin, m->omitted[i].by);
	for (size_t i = 0; i < m->notes.n && r == 0; i++)
		r = buf_addf(out, "# %s\n", m->notes.v[i]);
	return r;
}

static inline void check_row(const struct table_row *row)
{
	_cleanup_(folder_list_done) struct folder_list origin = {0}, destination = {0};
	_cleanup_(buf_done) struct buf out = {0};
	_cleanup_(map_done) struct map m = {0};
	const struct engine_sides sides = {.origin = &origin,
					   .destination = &destination,
					   .origin_not_mail = row->exchange,
					   .destination_ignores_case = row->caseless};
	struct folder_rules rules = {.automap = !row->rules.no_automap,
				     .subscribed_only = row->rules.subscribed_only,
				     .into = (char *)(uintptr_t)row->rules.into, /* only read */
				     .subscribe = true};
	size_t n_known = 0;

	make(&origin, row->origin);
	make(&destination, row->destination);
	add_all(&rules.include, row->rules.include, ELEMENTS(row->rules.include));
	add_all(&rules.exclude, row->rules.exclude, ELEMENTS(row->rules.exclude));
	add_all(&rules.map, row->rules.map, ELEMENTS(row->rules.map));
	add_all(&rules.rewrite, row->rules.rewrite, ELEMENTS(row->rules.rewrite));
	while (n_known < ELEMENTS(row->known) && row->known[n_known].origin_raw)
		n_known++;
	assert_int_equal(map_folders(&rules, &sides, row->known, n_known, &m), 0);
	assert_int_equal(tell(&out, &m), 0);
	assert_string_equal(buf_str(&out), row->map);
	text_list_done(&rules.include);
	text_list_done(&rules.exclude);
	text_list_done(&rules.map);
	text_list_done(&rules.rewrite);
}

static inline void check_rows(const struct table_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i]);
}

#define SAME(name) name " -> " name " (same name)\n"

#endif
