/* SPDX-License-Identifier: Apache-2.0 */
/* What names of folders mean. */
#include <string.h>

#include "role_internal.h"

/* No folder of a role has a longer name: what a server lists may have any length. */
#define NAME_OCTETS_MAX 255

struct role_table {
	struct role_entry *v; /* by folded */
	size_t n;
};

static int by_folded(const void *a, const void *b)
{
	return strcmp(((const struct role_entry *)a)->folded,
		      ((const struct role_entry *)b)->folded);
}

static int fill(struct role_entry *e, const struct role_row *row, const struct role_row *last,
		unsigned last_rank)
{
	size_t n = strlen(row->what);
	char what[16];

	e->row = row;
	e->weak = row->what[n - 1] == '?';
	memcpy(what, row->what, MIN_OF(n + 1, sizeof(what)));
	what[MIN_OF(n - e->weak, sizeof(what) - 1)] = '\0';
	e->role = role_parse(what);
	if (last && strcmp(row->language, last->language) == 0 &&
	    strncmp(row->what, last->what, n - e->weak) == 0)
		e->rank = last_rank + 1;
	return role_fold(row->name, &e->folded);
}

int role_table_new(struct role_table **ret)
{
	_cleanup_(role_table_freep) struct role_table *t = calloc(1, sizeof(*t));
	int r = 0;

	if (!t)
		return -ENOMEM;
	t->v = calloc(role_n_rows, sizeof(*t->v));
	if (!t->v)
		return -ENOMEM;
	for (size_t i = 0; i < role_n_rows; i++) {
		r = fill(&t->v[t->n++], &role_rows[i], i > 0 ? &role_rows[i - 1] : NULL,
			 i > 0 ? t->v[i - 1].rank : 0);
		if (r < 0)
			return r;
	}
	qsort(t->v, t->n, sizeof(*t->v), by_folded);
	*ret = STEAL(t);
	return 0;
}

struct role_table *role_table_free(struct role_table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].folded);
	free(t->v);
	free(t);
	return NULL;
}

size_t role_table_look(const struct role_table *t, const char *folded,
		       const struct role_entry **ret)
{
	size_t low = 0, high = t->n, n = 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(t->v[middle].folded, folded) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + n < t->n && strcmp(t->v[low + n].folded, folded) == 0)
		n++;
	*ret = &t->v[low];
	return n;
}

static bool is_noun(const struct role_table *t, const char *word)
{
	const struct role_entry *e = NULL;
	size_t n = role_table_look(t, word, &e);

	for (size_t i = 0; i < n; i++)
		if (strcmp(e[i].row->what, "noun") == 0)
			return true;
	return false;
}

/* The one word of a folded name that is left when its nouns are gone; NULL: none, or several.
 * Takes the name to pieces. */
static const char *one_word(const struct role_table *t, char *folded)
{
	const char *left = NULL, *word;
	char *rest = NULL;

	for (word = strtok_r(folded, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (is_noun(t, word))
			continue;
		if (left)
			return NULL;
		left = word;
	}
	return left;
}

static unsigned roles_of(const struct role_entry *e, size_t n, bool weak, unsigned *ret_rank)
{
	unsigned roles = 0;

	for (size_t i = 0; i < n; i++) {
		if (e[i].role == ROLE_NONE || e[i].weak != weak)
			continue;
		roles |= 1u << e[i].role;
		*ret_rank = MIN_OF(*ret_rank, e[i].rank);
	}
	return roles;
}

int role_mean(const struct role_table *t, const char *name, struct role_meaning *ret)
{
	_cleanup_(freep) char *folded = NULL;
	const struct role_entry *e = NULL;
	const char *word;
	size_t n;
	int r;

	*ret = (struct role_meaning){.rank = UINT32_MAX};
	if (strlen(name) > NAME_OCTETS_MAX)
		return 0;
	r = role_fold(name, &folded);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	n = role_table_look(t, folded, &e);
	ret->roles = roles_of(e, n, false, &ret->rank);
	ret->weak = roles_of(e, n, true, &ret->rank);
	for (size_t i = 0; i < n; i++)
		ret->not_mail |= strcmp(e[i].row->what, "other") == 0;
	if (n > 0)
		return 0;
	word = one_word(t, folded);
	if (word) {
		n = role_table_look(t, word, &e);
		ret->weak = roles_of(e, n, false, &ret->rank);
	}
	return 0;
}
