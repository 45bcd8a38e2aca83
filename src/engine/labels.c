/* SPDX-License-Identifier: Apache-2.0 */
#include "labels.h"

#include <string.h>
#include <strings.h>

#include "engine_internal.h"

static enum folder_role role_of(const struct folder *f)
{
	return f && f->role ? role_parse(f->role) : ROLE_NONE;
}

bool labels_omit(const struct engine_sides *sides, const struct folder_rules *rules,
		 const struct folder *f)
{
	enum folder_role role = role_of(f);

	return sides->origin_labels && rules->include.n == 0 &&
	       (role == ROLE_FLAGGED || role == ROLE_IMPORTANT);
}

void label_set_done(struct label_set *s)
{
	text_list_done(&s->names);
	*s = (struct label_set){0};
}

static int cmp_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static const struct folder *find_raw(const struct folder_list *l, const char *raw)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].raw, raw) == 0)
			return &l->v[i];
	return NULL;
}

/* Labels of the system have other names than their folders. */
static int add_pair(struct label_set *s, const struct pair *p, const struct folder *f)
{
	if (strcasecmp(p->origin_raw, "INBOX") == 0)
		s->inbox = true;
	s->roles |= 1U << role_of(f);
	return text_list_add(&s->names, p->origin_raw);
}

static int say(struct pair *p)
{
	char *by = text_fmt("%s%sonly what is in no other folder here",
			    p->map.by ? p->map.by : "", p->map.by ? "; " : "");

	if (!by)
		return -ENOMEM;
	free(p->map.by);
	p->map.by = by;
	return 0;
}

int labels_plan(const struct engine_sides *sides, struct map *m, struct label_set *ret,
		size_t *ret_all)
{
	int r = 0;

	*ret_all = m->n_pairs;
	for (size_t i = 0; sides->origin_labels && r == 0 && i < m->n_pairs; i++) {
		const struct pair *p = &m->pairs[i];
		const struct folder *f = find_raw(sides->origin, p->origin_raw);

		if (role_of(f) == ROLE_ALL)
			*ret_all = i;
		else if (p->place != PAIR_DONE) /* else nobody copies it */
			r = add_pair(ret, p, f);
	}
	if (ret->names.n > 1)
		qsort(ret->names.v, ret->names.n, sizeof(*ret->names.v), cmp_names);
	if (r == 0 && *ret_all < m->n_pairs && ret->names.n > 0)
		r = say(&m->pairs[*ret_all]);
	return r;
}

/* \Inbox, \Sent and so on: the words of special-use, and two others. */
static bool has_system(const struct label_set *s, const char *label)
{
	enum folder_role role;

	if (strcasecmp(label, "\\Inbox") == 0)
		return s->inbox;
	role = strcasecmp(label, "\\Draft") == 0 ? ROLE_DRAFTS : role_parse(label);
	return role != ROLE_NONE && role != ROLE_ALL && (s->roles & 1U << role);
}

static bool has_name(const struct label_set *s, const char *label)
{
	return s->names.n > 0 &&
	       bsearch(&label, s->names.v, s->names.n, sizeof(*s->names.v), cmp_names) != NULL;
}

bool labels_elsewhere(const struct label_set *s, const char *labels)
{
	while (*labels) {
		size_t n = strcspn(labels, "\n");
		char label[1024];

		/* Longer than any folder's name: it is none of them. */
		if (n < sizeof(label)) {
			memcpy(label, labels, n);
			label[n] = '\0';
			if (*label == '\\' ? has_system(s, label) : has_name(s, label))
				return true;
		}
		labels += n + (labels[n] == '\n');
	}
	return false;
}

uint64_t label_set_hash(const struct label_set *s)
{
	uint64_t h = text_hash(TEXT_HASH_SEED, &s->roles, sizeof(s->roles));

	h = text_hash(h, &s->inbox, sizeof(s->inbox));
	for (size_t i = 0; i < s->names.n; i++)
		h = text_hash(h, s->names.v[i], strlen(s->names.v[i]) + 1);
	return h ? h : 1;
}
