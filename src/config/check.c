/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include <mailmig/text.h>
#include <string.h>

/* A table of keys against what is written. `later`: the whole group is not in this version and
 * that was said already; only what would be wrong in any version is worth another line. */
static void check_group(struct check *c, const config_setting_t *group,
			const struct key_table *t, const char *prefix, bool later);

/* Where else the key has a meaning, for "it belongs in ...". */
static const char *find_home(const struct key_table *not_here, const char *name)
{
	for (size_t i = 0; i < keys_n_all; i++) {
		const struct key *k =
			keys_all[i] == not_here ? NULL : key_find(keys_all[i], name);

		if (k && keys_all[i] != &keys_group)
			return keys_all[i]->what;
	}
	return NULL;
}

static void complain_unknown(struct check *c, const config_setting_t *s,
			     const struct key_table *t, const char *full)
{
	const char *name = config_setting_name(s), *home;
	char buf[CONFIG_SHOWN_MAX];
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < t->n; i++)
		nearest_try(&near, t->rows[i].name);
	for (size_t i = 0; t == &keys_group && i < keys_account.n; i++)
		nearest_try(&near, keys_account.rows[i].name);

	home = find_home(t, name);
	shown(buf, full);
	if (near.best && (!home || near.distance == 1))
		check_complain(c, s, "unknown key \"%s\"; did you mean \"%s\"?", buf,
			       near.best);
	else if (home)
		check_complain(c, s, "unknown key \"%s\" in %s; it belongs in %s", buf, t->what,
			       home);
	else
		check_complain(c, s, "unknown key \"%s\"; mailmig.conf(5) has the keys of %s",
			       buf, t->what);
}

static void check_entries(struct check *c, const config_setting_t *list, const struct key *k,
			  const char *name, bool later)
{
	int n = config_setting_length(list);

	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(list, (unsigned)i);

		if (config_setting_is_group(e))
			check_group(c, e, k->keys, "", later);
		else
			check_complain(c, e,
				       "%s contains something that is no group; write "
				       "( { KEY = VALUE; }, { KEY = VALUE; } )",
				       name);
	}
}

static bool is_global_place(const struct check *c, const struct key_table *t,
			    const struct key *k)
{
	return c->file->is_main || t != &keys_global || k->type == KEY_ENTRIES;
}

static void check_member(struct check *c, const config_setting_t *s, const struct key_table *t,
			 const char *name, bool later)
{
	const struct key *k = key_find(t, config_setting_name(s));

	if (!k) {
		complain_unknown(c, s, t, name);
		return;
	}
	if (!is_global_place(c, t, k)) {
		check_complain(c, s, "%s belongs in the main file; move it to %s", name,
			       c->cfg->files[0]->path);
		return;
	}

	if (k->status == KEY_LATER && !later) {
		check_complain(c, s, "%s: not in this version; remove it", name);
		later = true;
	} else if (k->status == KEY_FALSE_ONLY && !later &&
		   config_setting_type(s) == CONFIG_TYPE_BOOL && config_setting_get_bool(s)) {
		check_complain(c, s,
			       "%s = true: not in this version; write false, or remove it",
			       name);
	}

	if (!later)
		check_value(c, s, k, name);

	if (k->type == KEY_GROUP && config_setting_is_group(s))
		check_group(c, s, k->keys, name, later);
	else if (k->type == KEY_ENTRIES && config_setting_is_list(s))
		check_entries(c, s, k, name, later);
}

static void check_group(struct check *c, const config_setting_t *group,
			const struct key_table *t, const char *prefix, bool later)
{
	int n = config_setting_length(group);

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		_cleanup_(freep) char *name =
			text_fmt("%s%s%s", prefix, *prefix ? "." : "", config_setting_name(s));

		if (name)
			check_member(c, s, t, name, later);
		else
			c->cfg->complaints.oom = true;
	}
}

/* ---- entries by name ---- */

static int add_ref(struct name_index *i, const struct cfg_file *f,
		   const config_setting_t *entry)
{
	const char *name = setting_text(entry, "name");
	struct name_ref *v;

	if (!name)
		return 0;

	v = reallocarray(i->v, i->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	i->v = v;
	v[i->n] = (struct name_ref){.name = name, .entry = entry, .file = f, .seq = i->n};
	i->n++;
	return 0;
}

static int compare_refs(const void *pa, const void *pb)
{
	const struct name_ref *a = pa, *b = pb;
	int r = strcmp(a->name, b->name);

	return r ? r : a->seq < b->seq ? -1 : a->seq > b->seq;
}

int name_index_make(const struct cfg *cfg, const char *list, struct name_index *ret)
{
	_cleanup_(name_index_done) struct name_index index = {};
	const config_setting_t *e;

	for (size_t f = 0; f < cfg->n_files; f++) {
		const struct cfg_file *file = cfg->files[f];

		for (int i = 0; (e = list ? cfg_entry(file, list, i) : cfg_runnable(file, i));
		     i++) {
			int r = add_ref(&index, file, e);

			if (r < 0)
				return r;
		}
	}
	if (index.n > 0)
		qsort(index.v, index.n, sizeof(*index.v), compare_refs);

	*ret = index;
	index = (struct name_index){};
	return 0;
}

/* The first of that name in the order of the files. */
const struct name_ref *name_index_find(const struct name_index *i, const char *name)
{
	size_t low = 0, high = i->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(i->v[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < i->n && strcmp(i->v[low].name, name) == 0 ? &i->v[low] : NULL;
}

void name_index_done(struct name_index *i)
{
	free(i->v);
	*i = (struct name_index){};
}

/* ---- all of it ---- */

const char *setting_text(const config_setting_t *group, const char *name)
{
	const config_setting_t *s =
		config_setting_is_group(group) ? config_setting_get_member(group, name) : NULL;

	return s && config_setting_type(s) == CONFIG_TYPE_STRING ? config_setting_get_string(s)
								 : NULL;
}

bool setting_is_true(const config_setting_t *group, const char *name)
{
	const config_setting_t *s = config_setting_get_member(group, name);

	return s && config_setting_type(s) == CONFIG_TYPE_BOOL && config_setting_get_bool(s);
}

static void check_notify(struct check *c, const config_setting_t *root)
{
	const config_setting_t *notify = config_setting_get_member(root, "notify");

	if (notify && config_setting_is_group(notify) &&
	    !config_setting_get_member(notify, "command"))
		check_complain(c, notify, "notify has no command; add command = \"PROGRAM\"");
}

int cfg_check(struct cfg *cfg)
{
	_cleanup_(name_index_done) struct name_index servers = {}, names = {};
	const config_setting_t *e;
	int r;

	r = name_index_make(cfg, "servers", &servers);
	if (r == 0)
		r = name_index_make(cfg, NULL, &names);
	if (r < 0)
		return r;

	for (size_t f = 0; f < cfg->n_files && r == 0; f++) {
		struct check c = {.cfg = cfg, .file = cfg->files[f]};

		check_group(&c, config_root_setting(&c.file->tree), &keys_global, "", false);
		check_notify(&c, config_root_setting(&c.file->tree));
		for (int i = 0; (e = cfg_entry(c.file, "servers", i)); i++)
			rules_server(&c, e, &servers);
		for (int i = 0; (e = cfg_entry(c.file, "accounts", i)); i++)
			rules_account(&c, e, &names, &servers);
		for (int i = 0; r == 0 && (e = cfg_entry(c.file, "groups", i)); i++)
			r = rules_group(&c, e, &names, &servers);
	}
	return r;
}
