/* SPDX-License-Identifier: Apache-2.0 */
/* Which folder of a mailbox is for what. */
#include <string.h>

#include "role_internal.h"

#define LANGUAGES_MAX 128

/* In the order in which they are believed. */
enum pass {
	PASS_NAME,  /* the name means one role */
	PASS_OTHER, /* it means several, and other folders have the others */
	PASS_GUESS,
	PASS_N,
};

struct finder {
	const struct folder_list *l;
	struct role_found *found;
	struct role_meaning *meanings;
	size_t *order;   /* indices in the order of the server's list */
	unsigned filled; /* a set of roles */
};

size_t gmail_prefix(const char *name)
{
	static const char *const prefixes[] = {"[Gmail]/", "[Google Mail]/"};

	for (size_t i = 0; i < ELEMENTS(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return strlen(prefixes[i]);
	return 0;
}

static int by_order(const void *a, const void *b, void *userdata)
{
	const struct folder_list *l = userdata;
	size_t x = l->v[*(const size_t *)a].order, y = l->v[*(const size_t *)b].order;

	return x < y ? -1 : x > y;
}

static void take(struct finder *f, size_t i, enum folder_role role, enum role_by by)
{
	f->found[i] = (struct role_found){.role = role, .by = by};
	f->filled |= 1u << role;
}

static int find_flags(struct finder *f, const char *side, struct text_list *notes)
{
	const struct folder *first[ROLE_N] = {0};
	bool told[ROLE_N] = {0};

	for (size_t k = 0; k < f->l->n; k++) {
		const struct folder *o = &f->l->v[f->order[k]];
		enum folder_role role =
			o->role && !o->unusable ? role_parse(o->role) : ROLE_NONE;
		_cleanup_(freep) char *note = NULL;

		if (role == ROLE_NONE || strcmp(o->name, "INBOX") == 0)
			continue;
		if (!first[role]) {
			take(f, f->order[k], role, ROLE_BY_FLAG);
			first[role] = o;
		} else if (!told[role]) {
			note = text_fmt(
				"the %s marks more than one folder as %s: \"%s\", \"%s\"; "
				"the first is taken",
				side, role_name(role), first[role]->name, o->name);
			if (!note || text_list_add(notes, note) < 0)
				return -ENOMEM;
			told[role] = true;
		}
	}
	return 0;
}

/* Names count at the top level, and only of folders of which the server says nothing. */
static int read_names(struct finder *f, const struct role_table *t)
{
	int r = 0;

	for (size_t i = 0; i < f->l->n && r == 0; i++) {
		const struct folder *o = &f->l->v[i];
		const char *name = o->name + gmail_prefix(o->name);

		if (!o->unusable && f->found[i].role == ROLE_NONE && !strchr(name, '/') &&
		    strcmp(o->name, "INBOX") != 0)
			r = role_mean(t, name, &f->meanings[i]);
	}
	return r;
}

/* The role that a meaning gives in this pass, of those not filled. */
static enum folder_role role_in(const struct role_meaning *m, enum pass pass, unsigned filled)
{
	unsigned roles = pass == PASS_GUESS ? m->weak : m->roles, left = roles & ~filled;
	bool one = roles && !(roles & (roles - 1));

	if (pass == PASS_OTHER ? one : !one)
		return ROLE_NONE;
	for (int role = ROLE_NONE + 1; role < ROLE_N; role++)
		if (left == 1u << role)
			return (enum folder_role)role;
	return ROLE_NONE;
}

/* The best attested name first, among equal ones the server's order. */
static void find_names(struct finder *f, enum pass pass)
{
	enum role_by by = pass == PASS_GUESS ? ROLE_BY_GUESS : ROLE_BY_NAME;

	for (;;) {
		enum folder_role best_role = ROLE_NONE;
		size_t best = 0;

		for (size_t k = 0; k < f->l->n; k++) {
			size_t i = f->order[k];
			enum folder_role role =
				f->found[i].role == ROLE_NONE
					? role_in(&f->meanings[i], pass, f->filled)
					: ROLE_NONE;

			if (role != ROLE_NONE &&
			    (best_role == ROLE_NONE ||
			     f->meanings[i].rank < f->meanings[best].rank)) {
				best_role = role;
				best = i;
			}
		}
		if (best_role == ROLE_NONE)
			return;
		take(f, best, best_role, by);
	}
}

int roles_find(const struct role_table *t, const struct folder_list *l, const char *side,
	       struct role_found *ret, struct text_list *notes)
{
	_cleanup_(freep) struct role_meaning *meanings = calloc(l->n + 1, sizeof(*meanings));
	_cleanup_(freep) size_t *order = calloc(l->n + 1, sizeof(*order));
	struct finder f = {.l = l, .found = ret, .meanings = meanings, .order = order};
	int r;

	if (!meanings || !order)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		ret[i] = (struct role_found){0};
		order[i] = i;
	}
	qsort_r(order, l->n, sizeof(*order), by_order, (void *)(uintptr_t)l); /* only read */
	r = find_flags(&f, side, notes);
	if (r == 0)
		r = read_names(&f, t);
	for (int pass = 0; r == 0 && pass < PASS_N; pass++)
		find_names(&f, (enum pass)pass);
	return r;
}

int role_is_not_mail(const struct role_table *t, const char *top_level_name)
{
	struct role_meaning m;
	int r;

	r = role_mean(t, top_level_name, &m);
	return r < 0 ? r : m.not_mail;
}

/* ---- the language of a mailbox ---- */

struct votes {
	struct {
		const char *language;
		unsigned n;
	} v[LANGUAGES_MAX];
	size_t n;
};

static void vote(struct votes *votes, const char *language)
{
	size_t i = 0;

	while (i < votes->n && strcmp(votes->v[i].language, language) != 0)
		i++;
	if (i == LANGUAGES_MAX)
		return;
	if (i == votes->n)
		votes->v[votes->n++].language = language;
	votes->v[i].n++;
}

static int vote_for(struct votes *votes, const struct role_table *t, const char *name,
		    enum folder_role role)
{
	const char *slash = strrchr(name, '/');
	_cleanup_(freep) char *folded = NULL;
	const struct role_entry *e = NULL;
	size_t n;
	int r;

	r = role_fold(slash ? slash + 1 : name, &folded);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	n = role_table_look(t, folded, &e);
	for (size_t i = 0; i < n; i++)
		if (e[i].role == role)
			vote(votes, e[i].row->language);
	return 0;
}

/* The one with most votes, if it is one. */
static const char *elected(const struct votes *votes)
{
	const char *best = NULL;
	unsigned most = 0;

	for (size_t i = 0; i < votes->n; i++) {
		if (votes->v[i].n == most)
			best = NULL;
		if (votes->v[i].n > most) {
			most = votes->v[i].n;
			best = votes->v[i].language;
		}
	}
	return best;
}

int roles_call(const struct role_table *t, const struct folder_list *l,
	       const struct role_found *found, enum folder_role role, const char **ret)
{
	struct votes votes = {0};
	const char *language;
	int r = 0;

	for (size_t i = 0; i < l->n && r == 0; i++)
		if (found[i].role != ROLE_NONE && found[i].by != ROLE_BY_GUESS)
			r = vote_for(&votes, t, l->v[i].name, found[i].role);
	if (r < 0)
		return r;
	language = elected(&votes);
	for (size_t i = 0; language && i < role_n_rows; i++) {
		if (strcmp(role_rows[i].language, language) == 0 &&
		    strcmp(role_rows[i].what, role_name(role)) == 0) {
			*ret = role_rows[i].name;
			return 1;
		}
	}
	return 0;
}
