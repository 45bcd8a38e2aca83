/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/folder.h>
#include <mailmig/text.h>
#include <string.h>

struct folder *folder_list_add(struct folder_list *l)
{
	struct folder *v;
	size_t cap;

	if (l->n == l->cap) {
		cap = MAX_OF(l->cap * 2, (size_t)16);
		v = reallocarray(l->v, cap, sizeof(*v));
		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}

	l->v[l->n] = (struct folder){.order = l->n};
	return &l->v[l->n++];
}

void folder_list_done(struct folder_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].name);
		free(l->v[i].raw);
		free(l->v[i].role);
	}
	free(l->v);
	*l = (struct folder_list){0};
}

static int by_name(const void *pa, const void *pb)
{
	const struct folder *a = pa, *b = pb;
	const char *x = a->name ? a->name : "", *y = b->name ? b->name : "";
	bool x_inbox = strcmp(x, "INBOX") == 0, y_inbox = strcmp(y, "INBOX") == 0;

	if (x_inbox != y_inbox)
		return x_inbox ? -1 : 1;
	return strcmp(x, y);
}

void folder_list_sort(struct folder_list *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
}

struct folder *folder_list_find(const struct folder_list *l, const char *canonical)
{
	const struct folder key = {.name = (char *)(uintptr_t)canonical}; /* only read */

	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_name) : NULL;
}
