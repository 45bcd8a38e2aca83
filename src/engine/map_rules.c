/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a map, made ready once: patterns, roles on both sides, and where each role of
 * the origin has its place. */
#include <mailmig/text.h>
#include <string.h>

#include "map_internal.h"

/* ---- patterns and texts ---- */

static int compile_selectors(const struct text_list *from, struct selector **to)
{
	char wrong[PATTERN_WRONG_MAX];
	int r = 0;

	for (size_t i = 0; i < from->n && r == 0; i++)
		r = selector_new(from->v[i], &to[i], wrong);
	return r;
}

/* They were checked with the configuration. */
static int compile(struct mapper *m)
{
	const struct folder_rules *r = m->rules;
	char wrong[PATTERN_WRONG_MAX];
	int e;

	m->include = calloc(r->include.n + 1, sizeof(*m->include));
	m->exclude = calloc(r->exclude.n + 1, sizeof(*m->exclude));
	m->rewrite = calloc(r->rewrite.n + 1, sizeof(*m->rewrite));
	m->map_used = calloc(r->map.n + 1, sizeof(*m->map_used));
	if (!m->include || !m->exclude || !m->rewrite || !m->map_used)
		return -ENOMEM;
	e = compile_selectors(&r->include, m->include);
	if (e == 0)
		e = compile_selectors(&r->exclude, m->exclude);
	for (size_t i = 0; i < r->rewrite.n && e == 0; i++)
		e = rewrite_new(r->rewrite.v[i], &m->rewrite[i], wrong);
	return e;
}

/* INBOX in any case is INBOX. NULL without memory. */
static char *canonical(const char *name)
{
	_cleanup_(buf_done) struct buf out = {0};

	return folder_name_canonical(name, '/', "", &out) < 0 ? NULL : buf_take(&out);
}

static int take_texts(struct mapper *m)
{
	for (size_t i = 0; i < m->rules->map.n; i++) {
		_cleanup_(freep) char *name = canonical(m->rules->map.v[i]);

		if (!name || text_list_add(&m->map, name) < 0)
			return -ENOMEM;
	}
	if (m->rules->into) {
		m->into = canonical(m->rules->into);
		if (!m->into)
			return -ENOMEM;
	}
	return 0;
}

/* ---- earlier runs ---- */

static int by_raw(const void *a, const void *b)
{
	return strcmp((*(const struct map_known *const *)a)->origin_raw,
		      (*(const struct map_known *const *)b)->origin_raw);
}

static int take_known(struct mapper *m, const struct map_known *known, size_t n)
{
	m->known = calloc(n + 1, sizeof(struct map_known *));
	if (!m->known)
		return -ENOMEM;
	for (m->n_known = 0; m->n_known < n; m->n_known++)
		m->known[m->n_known] = &known[m->n_known];
	qsort(m->known, n, sizeof(struct map_known *), by_raw);
	return 0;
}

const char *mapper_known(const struct mapper *m, const char *origin_raw, const char *basis)
{
	const struct map_known key = {.origin_raw = origin_raw}, *pkey = &key;
	const struct map_known **found =
		bsearch(&pkey, m->known, m->n_known, sizeof(struct map_known *), by_raw);

	return found && strcmp((*found)->basis, basis) == 0 ? (*found)->destination : NULL;
}

/* ---- what is at the destination ---- */

static int by_key(const void *a, const void *b)
{
	const struct map_there *x = a, *y = b;

	return strcmp(x->key, y->key);
}

int mapper_key(const struct mapper *m, const char *name, char **ret)
{
	int r = -EILSEQ;

	if (m->sides->destination_ignores_case)
		r = folder_name_caseless(name, ret);
	if (r == -EILSEQ) { /* or not UTF-8: then it is what it is */
		*ret = text_dup(name);
		r = *ret ? 0 : -ENOMEM;
	}
	return r;
}

static int take_there(struct mapper *m)
{
	const struct folder_list *l = m->sides->destination;

	m->there = calloc(l->n + 1, sizeof(*m->there));
	if (!m->there)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		m->there[i].folder = &l->v[i];
		if (mapper_key(m, l->v[i].name, &m->there[i].key) < 0)
			return -ENOMEM;
		m->n_there++;
	}
	qsort(m->there, m->n_there, sizeof(*m->there), by_key);
	return 0;
}

static int look(const struct mapper *m, const char *name, const struct folder **ret)
{
	_cleanup_(freep) char *key = NULL;
	const struct map_there *found;
	int r;

	r = mapper_key(m, name, &key);
	if (r < 0)
		return r;
	found = bsearch(&(struct map_there){.key = key}, m->there, m->n_there,
			sizeof(*m->there), by_key);
	*ret = found ? found->folder : NULL;
	return 0;
}

int mapper_there(const struct mapper *m, char **name, const struct folder **ret)
{
	int r;

	r = look(m, *name, ret);
	if (r < 0 || !m->sides->destination_ignores_case)
		return r;
	/* The nearest folder above that is there gives its spelling to all below it. */
	for (char *end = *name + strlen(*name); end; end = memrchr(*name, '/', end - *name)) {
		const struct folder *above = NULL;
		char was = *end;

		*end = '\0';
		r = look(m, *name, &above);
		*end = was;
		if (r < 0)
			return r;
		if (above) {
			char *spelled = text_fmt("%s%s", above->name, end);

			if (!spelled)
				return -ENOMEM;
			free(*name);
			*name = spelled;
			return 0;
		}
	}
	return 0;
}

/* ---- roles ---- */

ssize_t mapper_role(const struct mapper *m, const char *name, size_t *ret_octets)
{
	_cleanup_(freep) char *prefix = text_dup(name);
	const struct folder_list *l = m->sides->origin;

	for (char *end = prefix ? prefix + strlen(prefix) : NULL; end;
	     end = memrchr(prefix, '/', (size_t)(end - prefix))) {
		const struct folder *f;

		*end = '\0';
		f = folder_list_find(l, prefix);
		if (f && m->origin_roles[f - l->v].role != ROLE_NONE) {
			*ret_octets = (size_t)(end - prefix);
			return f - l->v;
		}
	}
	return prefix ? -1 : -ENOMEM;
}

/* Roles that a server can be asked to give; the others are views of mail that lies elsewhere.
 */
static bool is_made(enum folder_role role)
{
	return role != ROLE_ALL && role != ROLE_FLAGGED;
}

/* The destination's folder of a role. Names are no evidence against the very same name: of
 * "Drafts" and "Entwürfe" on both sides none has to move. */
static const char *role_there(const struct mapper *m, enum folder_role role, const char *name)
{
	const struct folder_list *there = m->sides->destination;
	const struct folder *same = folder_list_find(there, name);

	for (size_t i = 0; i < there->n; i++) {
		if (m->destination_roles[i].role != role)
			continue;
		return same && m->destination_roles[i].by != ROLE_BY_FLAG ? same->name
									  : there->v[i].name;
	}
	return NULL;
}

/* Where the origin's folder of a role has its place. */
static int find_target(struct mapper *m, size_t i)
{
	const struct folder *f = &m->sides->origin->v[i];
	enum folder_role role = m->origin_roles[i].role;
	bool guess = m->origin_roles[i].by == ROLE_BY_GUESS;
	const char *own = f->name + (m->ungmail ? gmail_prefix(f->name) : 0);
	const char *known = mapper_known(m, f->raw, MAP_BASIS_AUTOMAP);
	const char *name = role_there(m, role, own);
	int r = 0;

	m->makes[role] = !name && !guess && is_made(role);
	if (!name && !guess)
		r = roles_call(m->names, m->sides->destination, m->destination_roles, role,
			       &name);
	if (r < 0)
		return r;
	if (!name)
		name = own;
	/* A role that moved moves no mail, nor the folders below it. */
	m->kept[role] = known && strcmp(known, name) != 0;
	m->makes[role] = m->makes[role] && !m->kept[role];
	return text_set(&m->targets[role], m->kept[role] ? known : name);
}

static bool is_gmail(const struct folder_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (gmail_prefix(l->v[i].name) > 0)
			return true;
	return false;
}

static int find_roles(struct mapper *m, struct text_list *notes)
{
	const struct folder_list *o = m->sides->origin, *d = m->sides->destination;
	int r;

	m->origin_roles = calloc(o->n + 1, sizeof(*m->origin_roles));
	m->destination_roles = calloc(d->n + 1, sizeof(*m->destination_roles));
	if (!m->origin_roles || !m->destination_roles)
		return -ENOMEM;
	r = role_table_new(&m->names);
	if (r == 0)
		r = roles_find(m->names, o, "origin", m->origin_roles, notes);
	if (r == 0)
		r = roles_find(m->names, d, "destination", m->destination_roles, notes);
	m->ungmail = !is_gmail(d);
	for (size_t i = 0; r == 0 && i < o->n; i++)
		if (m->origin_roles[i].role != ROLE_NONE)
			r = find_target(m, i);
	return r;
}

/* ---- */

int mapper_init(struct mapper *m, const struct folder_rules *rules,
		const struct engine_sides *sides, const struct map_known *known, size_t n,
		struct text_list *notes)
{
	int r;

	*m = (struct mapper){.rules = rules, .sides = sides};
	m->automap = rules->automap && !rules->into;
	r = compile(m);
	if (r == 0)
		r = take_texts(m);
	if (r == 0)
		r = take_known(m, known, n);
	if (r == 0)
		r = take_there(m);
	if (r == 0)
		r = find_roles(m, notes);
	return r;
}

void mapper_done(struct mapper *m)
{
	for (size_t i = 0; m->include && i < m->rules->include.n; i++)
		selector_free(m->include[i]);
	for (size_t i = 0; m->exclude && i < m->rules->exclude.n; i++)
		selector_free(m->exclude[i]);
	for (size_t i = 0; m->rewrite && i < m->rules->rewrite.n; i++)
		rewrite_free(m->rewrite[i]);
	for (size_t i = 0; i < m->n_there; i++)
		free(m->there[i].key);
	for (size_t i = 0; i < ROLE_N; i++)
		free(m->targets[i]);
	free(m->include);
	free(m->exclude);
	free(m->rewrite);
	free(m->map_used);
	free(m->known);
	free(m->there);
	free(m->origin_roles);
	free(m->destination_roles);
	role_table_free(m->names);
	text_list_done(&m->map);
	free(m->into);
}
