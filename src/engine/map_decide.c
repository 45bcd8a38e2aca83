/* SPDX-License-Identifier: Apache-2.0 */
/* What the rules say of one folder: is it left out, and if not, where does it go? */
#include <mailmig/text.h>
#include <string.h>

#include "map_internal.h"

/* A rule that is at fault: of which key, and the text of its element. */
static int fault(struct mm_err *error, const char *key, const char *rule, const char *name,
		 const char *why)
{
	mm_err_set(error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EINVAL, "%s \"%s\" %s: \"%s\"", key,
		   rule, why, name);
	return mm_err_class(error, MM_CLASS_CONFIG, "mend %s in the account's configuration",
			    key);
}

/* ---- left out? ---- */

/* The first element that matches: 1 and its number; 0; -ENOMEM; -EINVAL: described. */
static int find_selector(struct selector *const *v, const struct text_list *texts,
			 const char *key, const char *name, enum folder_role role,
			 size_t *ret_i, struct mm_err *error)
{
	for (size_t i = 0; i < texts->n; i++) {
		int r = selector_matches(v[i], name, role);

		if (r < 0 && r != -ENOMEM)
			return fault(error, key, texts->v[i], name, pattern_trouble(r));
		if (r != 0) {
			*ret_i = i;
			return r;
		}
	}
	return 0;
}

/* Calendars and the like are wanted only by their own name. */
static int is_not_mail(const struct mapper *m, const struct folder *f, enum folder_role role)
{
	const char *slash = strchr(f->name, '/');
	_cleanup_(freep) char *top =
		slash ? text_dupn(f->name, (size_t)(slash - f->name)) : text_dup(f->name);

	if (!top)
		return -ENOMEM;
	if (!m->sides->origin_not_mail || role != ROLE_NONE)
		return 0;
	for (size_t i = 0; i < m->rules->include.n; i++)
		if (selector_names(m->include[i], f->name))
			return 0;
	for (size_t i = 0; i < m->map.n; i += 2)
		if (strcmp(m->map.v[i], f->name) == 0)
			return 0;
	return role_is_not_mail(m->names, top);
}

static int told(enum engine_omit is, enum engine_omit *why, char **by, char *text)
{
	*why = is;
	*by = text;
	return text ? 1 : -ENOMEM;
}

int mapper_omits(const struct mapper *m, const struct folder *f, enum engine_omit *why,
		 char **by, struct mm_err *error)
{
	const struct folder_rules *rules = m->rules;
	enum folder_role role = ROLE_NONE;
	size_t i = 0, octets = 0;
	ssize_t owner;
	int r;

	owner = mapper_role(m, f->name, &octets);
	if (owner < -1)
		return (int)owner;
	if (owner >= 0)
		role = m->origin_roles[owner].role;

	r = find_selector(m->exclude, &rules->exclude, "folders.exclude", f->name, role, &i,
			  error);
	if (r > 0)
		return told(ENGINE_OMIT_EXCLUDED, why, by,
			    text_fmt("exclude %s", rules->exclude.v[i]));
	if (r == 0 && rules->include.n > 0) {
		r = find_selector(m->include, &rules->include, "folders.include", f->name, role,
				  &i, error);
		if (r == 0)
			return told(ENGINE_OMIT_NOT_INCLUDED, why, by,
				    text_dup("not in include"));
	}
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	/* INBOX is nothing that people subscribe to. */
	if (rules->subscribed_only && !f->subscribed && strcmp(f->name, "INBOX") != 0)
		return told(ENGINE_OMIT_NOT_SUBSCRIBED, why, by, text_dup("not subscribed"));
	if (labels_omit(m->sides, rules, f))
		return told(ENGINE_OMIT_VIEW, why, by,
			    text_dup("a view of mail in other folders"));
	r = is_not_mail(m, f, role);
	if (r > 0)
		return told(ENGINE_OMIT_NOT_MAIL, why, by, text_dup("holds no mail"));
	return r;
}

/* ---- where to? ---- */

/* What one of the rules says; all owned. */
struct choice {
	char *name, *by, *basis;
	enum engine_rule rule;
};

static void choice_done(struct choice *c)
{
	free(c->name);
	free(c->by);
	free(c->basis);
}

/* Rules return 1: it is the rule; 0: it has nothing to say; -ENOMEM; -EINVAL: described. */

static int by_map(struct mapper *m, const char *name, struct choice *c)
{
	for (size_t i = 0; i + 1 < m->map.n; i += 2) {
		if (strcmp(m->map.v[i], name) != 0)
			continue;
		m->map_used[i] = true;
		c->rule = ENGINE_RULE_MAP;
		c->name = text_dup(m->map.v[i + 1]);
		c->by = text_dup("map");
		c->basis = text_fmt("map %s", m->map.v[i + 1]);
		return 1;
	}
	return 0;
}

static int by_rewrite(const struct mapper *m, const char *name, struct choice *c,
		      struct mm_err *error)
{
	_cleanup_(buf_done) struct buf now = {0}, by = {0};
	const char *wrong;
	int r;

	r = buf_adds(&now, name);
	for (size_t i = 0; r == 0 && i < m->rules->rewrite.n; i++) {
		_cleanup_(buf_done) struct buf next = {0};

		r = rewrite_apply(m->rewrite[i], buf_str(&now), &next);
		if (r < 0 && r != -ENOMEM)
			return fault(error, "folders.rewrite", m->rules->rewrite.v[i], name,
				     pattern_trouble(r));
		if (r <= 0)
			continue;
		buf_done(&now);
		r = folder_name_canonical(buf_str(&next), '/', "", &now);
		if (r == 0)
			r = buf_addf(&by, "%s%zu", by.len ? "+" : "", i + 1);
	}
	if (r < 0)
		return r;
	if (strcmp(buf_str(&now), name) == 0)
		return 0;
	wrong = folder_name_wrong(buf_str(&now));
	if (wrong) {
		mm_err_set(error, MM_SCOPE_FOLDER, MM_RETRY_NEVER, -EINVAL,
			   "folders.rewrite makes \"%s\" of \"%s\", which is no name for a "
			   "folder: it %s",
			   buf_str(&now), name, wrong);
		return mm_err_class(error, MM_CLASS_CONFIG,
				    "mend folders.rewrite in the account's configuration");
	}
	c->rule = ENGINE_RULE_REWRITE;
	c->by = text_fmt("rewrite %s", buf_str(&by));
	c->basis = text_fmt("rewrite %s", buf_str(&now));
	c->name = buf_take(&now);
	return 1;
}

static int by_automap(const struct mapper *m, const struct folder *f, struct choice *c,
		      struct map_result *result)
{
	static const char *const manners[] = {[ROLE_BY_FLAG] = "SPECIAL-USE",
					      [ROLE_BY_NAME] = "name",
					      [ROLE_BY_GUESS] = "name, guess"};
	size_t octets = 0, prefix = m->ungmail ? gmail_prefix(f->name) : 0;
	ssize_t owner;

	if (!m->automap)
		return 0;
	owner = mapper_role(m, f->name, &octets);
	if (owner < -1)
		return (int)owner;
	if (owner < 0 && prefix == 0)
		return 0;
	c->rule = ENGINE_RULE_AUTOMAP;
	c->basis = text_dup(MAP_BASIS_AUTOMAP);
	if (owner < 0) {
		c->name = text_dup(f->name + prefix);
		c->by = text_dup("automap, without [Gmail]");
	} else {
		const struct role_found *found = &m->origin_roles[owner];

		c->name = text_fmt("%s%s", m->targets[found->role], f->name + octets);
		c->by = text_fmt("automap %s (%s)", role_name(found->role), manners[found->by]);
		result->guess = found->by == ROLE_BY_GUESS;
		if (f->name[octets] == '\0' && m->makes[found->role])
			result->role = found->role;
		if (f->name[octets] == '\0' && m->kept[found->role])
			c->rule = ENGINE_RULE_KEPT;
	}
	return 1;
}

static int by_name(const struct mapper *m, const char *name, struct choice *c)
{
	c->rule = ENGINE_RULE_SAME;
	c->name = text_dup(name);
	c->by = text_dup("same name");
	c->basis = text_dup(m->automap ? MAP_BASIS_AUTOMAP : "same");
	return 1;
}

static int put_into(const struct mapper *m, struct choice *c)
{
	char *name = text_fmt("%s/%s", m->into, c->name);
	bool same = c->rule == ENGINE_RULE_SAME;
	char *by = same ? text_dup("into") : text_fmt("%s, into", c->by);
	char *basis = text_fmt("%s %s", same ? "into" : "rewrite", name ? name : "");

	choice_done(c);
	*c = (struct choice){.name = name,
			     .by = by,
			     .basis = basis,
			     .rule = same ? ENGINE_RULE_INTO : c->rule};
	return name && by && basis ? 0 : -ENOMEM;
}

/* An earlier run may have put the folder elsewhere, under the same rules. */
static int keep(const struct mapper *m, const struct folder *f, struct choice *c,
		struct map_result *result)
{
	const char *known = mapper_known(m, f->raw, c->basis);

	if (!known || (c->rule != ENGINE_RULE_KEPT && strcmp(known, c->name) == 0))
		return 0;
	c->rule = ENGINE_RULE_KEPT;
	result->guess = false;
	return text_set(&c->name, known) < 0 || text_set(&c->by, "as before") < 0 ? -ENOMEM : 0;
}

static int choose(struct mapper *m, const struct folder *f, struct choice *c, struct pair *p)
{
	int r;

	r = by_map(m, f->name, c);
	if (r == 0)
		r = by_rewrite(m, f->name, c, &p->error);
	if (r == 0)
		r = by_automap(m, f, c, &p->map);
	if (r == 0)
		r = by_name(m, f->name, c);
	if (r < 0)
		return r;
	if (!c->name || !c->by || !c->basis)
		return -ENOMEM;
	if (m->into && c->rule != ENGINE_RULE_MAP)
		r = put_into(m, c);
	return r < 0 ? r : keep(m, f, c, &p->map);
}

int mapper_decides(struct mapper *m, const struct folder *f, struct pair *p)
{
	_cleanup_(choice_done) struct choice c = {0};
	int r;

	r = choose(m, f, &c, p);
	if (r == -EINVAL) { /* described: nothing is done with it */
		choice_done(&c);
		c = (struct choice){0};
		(void)by_name(m, f->name, &c);
		r = 0;
	}
	if (r < 0)
		return r;
	p->destination = STEAL(c.name);
	p->map.by = STEAL(c.by);
	p->map.basis = STEAL(c.basis);
	p->map.rule = c.rule;
	return p->destination && p->map.by && p->map.basis ? 0 : -ENOMEM;
}
