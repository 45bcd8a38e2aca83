/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include <mailmig/text.h>
#include <string.h>

static const config_setting_t *member(const config_setting_t *group, const char *name)
{
	return config_setting_get_member(group, name);
}

/* `server "isp"`; without a name the line must do. NULL without memory, which is noted. */
static char *title(struct check *c, const char *kind, const config_setting_t *entry)
{
	const char *name = setting_text(entry, "name");
	char buf[CONFIG_SHOWN_MAX];
	char *s = name ? text_fmt("%s \"%s\"", kind, shown(buf, name)) : text_dup(kind);

	if (!s)
		c->cfg->complaints.oom = true;
	return s;
}

static void needs(struct check *c, const config_setting_t *group, const char *key,
		  const char *what, const char *example)
{
	if (!member(group, key))
		check_complain(c, group, "%s has no %s; add %s", what, key, example);
}

/* The first of a name is right; each further one is told where the first is. */
static void rule_doubled(struct check *c, const config_setting_t *entry,
			 const struct name_index *index, const char *kind)
{
	const char *name = setting_text(entry, "name");
	const struct name_ref *first = name ? name_index_find(index, name) : NULL;
	char buf[CONFIG_SHOWN_MAX];

	if (first && first->entry != entry)
		check_complain(c, member(entry, "name"),
			       "%s \"%s\" is there already (%s:%u); give it another name", kind,
			       shown(buf, name), cfg_setting_file(first->file, first->entry),
			       config_setting_source_line(first->entry));
}

/* ---- secrets ---- */

/* The secret's setting, or NULL. More than one is complained about. prefix: "origin.". */
static const config_setting_t *find_secret(struct check *c, const config_setting_t *group,
					   const struct key_table *t, const char *prefix)
{
	const config_setting_t *first = NULL;
	int n = config_setting_length(group);

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct key *k = key_find(t, config_setting_name(s));

		if (!k || k->type != KEY_SECRET)
			continue;
		if (first)
			check_complain(c, s, "%s%s beside %s; keep one of the two", prefix,
				       config_setting_name(s), config_setting_name(first));
		else
			first = s;
	}
	return first;
}

static void rule_inline_secret(struct check *c, const config_setting_t *group)
{
	const config_setting_t *s = member(group, "password");
	mode_t mode;

	if (!s)
		return;

	mode = cfg_setting_mode(c->file, s);
	if (mode & 07)
		check_complain(c, s,
			       "password stands in a file that everybody may use (mode %04o); "
			       "chmod o= %s, or put it into a password_file",
			       mode, cfg_setting_file(c->file, s));
}

/* ---- servers ---- */

static void rule_tls(struct check *c, const config_setting_t *entry)
{
	const char *tls = setting_text(entry, "tls");
	int n = config_setting_length(entry);

	if (!tls || strcmp(tls, "none") != 0)
		return;
	if (!setting_is_true(entry, "allow_cleartext"))
		check_complain(c, member(entry, "tls"),
			       "tls = \"none\" sends passwords and mail in the clear; write "
			       "\"implicit\" or \"starttls\", or add allow_cleartext = true");

	for (int i = 0; i < n; i++) {
		const config_setting_t *s = config_setting_get_elem(entry, (unsigned)i);

		if (strncmp(config_setting_name(s), "tls_", 4) == 0 &&
		    key_find(&keys_server, config_setting_name(s)))
			check_complain(c, s,
				       "%s contradicts tls = \"none\"; remove one of the two",
				       config_setting_name(s));
	}
}

/* With admin_user the server entry has the only secret, and SASL PLAIN is the only mechanism
 * that can say for whom one logs in (RFC 4616). */
static void rule_admin(struct check *c, const config_setting_t *entry, const char *what)
{
	const config_setting_t *secret = find_secret(c, entry, &keys_server, "");
	const char *auth = setting_text(entry, "auth");

	if (!member(entry, "admin_user")) {
		if (secret)
			check_complain(
				c, secret,
				"%s without admin_user; move it to the account's origin or "
				"destination, or add admin_user",
				config_setting_name(secret));
		return;
	}

	if (!secret)
		check_complain(c, member(entry, "admin_user"),
			       "%s has an admin_user without password; add password_file = "
			       "\"FILE\"",
			       what);
	if (auth && strcmp(auth, "login") == 0)
		check_complain(c, member(entry, "auth"),
			       "auth = \"login\" contradicts admin_user; write \"plain\" or "
			       "\"auto\"");
}

void rules_server(struct check *c, const config_setting_t *entry,
		  const struct name_index *servers)
{
	_cleanup_(freep) char *what = NULL;

	if (!config_setting_is_group(entry))
		return;
	what = title(c, "server", entry);
	if (!what)
		return;

	needs(c, entry, "name", what, "name = \"NAME\"");
	if (!member(entry, "preset")) /* it would name the host */
		needs(c, entry, "host", what, "host = \"imap.example.org\"");
	rule_doubled(c, entry, servers, "server");
	rule_tls(c, entry);
	rule_admin(c, entry, what);
	rule_inline_secret(c, entry);
	if (member(entry, "tls_client_key") && !member(entry, "tls_client_cert"))
		check_complain(
			c, member(entry, "tls_client_key"),
			"tls_client_key without tls_client_cert; add the certificate's file");
}

/* ---- accounts ---- */

/* Complains of a dangling name; NULL then, and when a file is missing in which it may be. */
static const config_setting_t *find_server(struct check *c, const char *side,
					   const config_setting_t *endpoint,
					   const struct name_index *servers)
{
	const char *name = setting_text(endpoint, "server");
	const struct name_ref *ref = name ? name_index_find(servers, name) : NULL;
	char buf[CONFIG_SHOWN_MAX], near_buf[CONFIG_SHOWN_MAX];
	struct nearest near;

	if (ref || !name || !*name || c->cfg->incomplete)
		return ref ? ref->entry : NULL;

	nearest_init(&near, name);
	for (size_t i = 0; i < servers->n; i++)
		nearest_try(&near, servers->v[i].name);
	if (near.best)
		check_complain(c, member(endpoint, "server"),
			       "%s.server = \"%s\" is not in servers; did you mean \"%s\"?",
			       side, shown(buf, name), shown(near_buf, near.best));
	else
		check_complain(c, member(endpoint, "server"),
			       "%s.server = \"%s\" is not in servers; add it there", side,
			       shown(buf, name));
	return NULL;
}

static void rule_endpoint(struct check *c, const config_setting_t *account, const char *what,
			  const char *side, const struct name_index *servers)
{
	const config_setting_t *e = member(account, side), *server, *secret;

	if (!e) {
		check_complain(c, account,
			       "%s has no %s; add %s = { server = \"NAME\"; user = \"USER\"; "
			       "password_file = \"FILE\"; }",
			       what, side, side);
		return;
	}
	if (!config_setting_is_group(e))
		return;

	secret = find_secret(c, e, &keys_endpoint, *side == 'o' ? "origin." : "destination.");
	rule_inline_secret(c, e);
	if (member(e, "maildir") || member(e, "eml"))
		return; /* of another kind, which was refused */

	needs(c, e, "server", side, "server = \"NAME\"");
	needs(c, e, "user", side, "user = \"USER\"");
	server = find_server(c, side, e, servers);
	if (!server && !secret && member(e, "server") && c->cfg->incomplete)
		return; /* the server may have an admin_user */
	if (server && member(server, "admin_user")) {
		if (secret)
			check_complain(c, secret,
				       "%s.%s is of no use: server \"%s\" logs in with its "
				       "admin_user; remove it",
				       side, config_setting_name(secret),
				       setting_text(e, "server"));
	} else if (!secret && !(server && member(server, "oauth"))) {
		check_complain(c, e, "%s has no password; add password_file = \"FILE\"", side);
	}
}

static bool same_text(const config_setting_t *a, const config_setting_t *b, const char *key)
{
	const char *x = setting_text(a, key), *y = setting_text(b, key);

	return x && y && strcmp(x, y) == 0;
}

/* Do the two sides of an account or a group name one server? */
static bool same_server(const config_setting_t *entry, const struct name_index *servers)
{
	const config_setting_t *o = member(entry, "origin"), *d = member(entry, "destination");
	const char *os = o ? setting_text(o, "server") : NULL;
	const char *ds = d ? setting_text(d, "server") : NULL;
	const struct name_ref *a = os ? name_index_find(servers, os) : NULL;
	const struct name_ref *b = ds ? name_index_find(servers, ds) : NULL;
	const config_setting_t *pa, *pb;

	if (!a || !b || a->entry == b->entry)
		return a && b;
	/* Two entries of one machine: another port may be another server. */
	pa = member(a->entry, "port");
	pb = member(b->entry, "port");
	return same_text(a->entry, b->entry, "host") && !pa == !pb &&
	       (!pa || config_setting_get_int(pa) == config_setting_get_int(pb));
}

/* A mailbox synced with itself would copy what it has just copied. */
static void rule_itself(struct check *c, const config_setting_t *account,
			const struct name_index *servers)
{
	if (same_server(account, servers) &&
	    same_text(member(account, "origin"), member(account, "destination"), "user"))
		check_complain(c, member(account, "destination"), "%s", RULE_ITSELF);
}

/* ---- flags ---- */

/* Of a list of texts or of pairs (its left side); NULL where it is neither. */
static const char *flag_at(const config_setting_t *list, int i)
{
	const config_setting_t *e = config_setting_get_elem(list, (unsigned)i);

	return config_setting_type(e) == CONFIG_TYPE_STRING
		       ? config_setting_get_string(e)
		       : config_setting_get_string_elem(e, 0);
}

static bool names_flag(const config_setting_t *list, int n, const char *flag)
{
	for (int i = 0; i < n; i++) {
		const char *other = flag_at(list, i);

		if (other && text_ieq(other, flag))
			return true;
	}
	return false;
}

/* A flag can become one other, and what is dropped can become none. */
static void rule_flags(struct check *c, const config_setting_t *entry)
{
	const config_setting_t *flags = member(entry, "flags");
	const config_setting_t *drop = flags ? member(flags, "drop") : NULL;
	const config_setting_t *rename = flags ? member(flags, "rename") : NULL;
	int n = rename ? config_setting_length(rename) : 0;
	char buf[CONFIG_SHOWN_MAX];

	for (int i = 0; i < n; i++) {
		const config_setting_t *pair = config_setting_get_elem(rename, (unsigned)i);
		const char *from = flag_at(rename, i);

		if (!from)
			continue;
		if (names_flag(rename, i, from))
			check_complain(c, pair,
				       "flags.rename has \"%s\" twice on the left; keep one of "
				       "the two",
				       shown(buf, from));
		else if (drop && names_flag(drop, config_setting_length(drop), from))
			check_complain(c, pair,
				       "flags.rename renames \"%s\", which flags.drop leaves "
				       "out; remove one of the two",
				       shown(buf, from));
	}
}

void rules_account(struct check *c, const config_setting_t *entry,
		   const struct name_index *accounts, const struct name_index *servers)
{
	_cleanup_(freep) char *what = NULL;

	if (!config_setting_is_group(entry))
		return;
	what = title(c, "account", entry);
	if (!what)
		return;

	needs(c, entry, "name", what, "name = \"NAME\"");
	rule_doubled(c, entry, accounts, "account");
	rule_endpoint(c, entry, what, "origin", servers);
	rule_endpoint(c, entry, what, "destination", servers);
	rule_itself(c, entry, servers);
	rules_folders(c, entry);
	rules_messages(c, entry);
	rule_flags(c, entry);
}

/* ---- groups ---- */

/* A side of a group: all but what its members have. True when they need passwords for it. */
static bool rule_group_side(struct check *c, const config_setting_t *group, const char *what,
			    const char *side, const struct name_index *servers)
{
	const config_setting_t *e = member(group, side), *server;

	if (!e) {
		check_complain(c, group, "%s has no %s; add %s = { server = \"NAME\"; }", what,
			       side, side);
		return true;
	}
	if (!config_setting_is_group(e))
		return true;

	for (int i = 0; i < config_setting_length(e); i++) {
		const config_setting_t *s = config_setting_get_elem(e, (unsigned)i);
		const struct key *k = key_find(&keys_endpoint, config_setting_name(s));

		if (k && (k->type == KEY_SECRET || strcmp(k->name, "user") == 0))
			check_complain(c, s,
				       "%s.%s in a group; it is each member's own: column "
				       "%s_%s of the accounts_file",
				       side, k->name, side,
				       k->type == KEY_SECRET ? "password" : "user");
	}
	if (member(e, "maildir") || member(e, "eml"))
		return true; /* of another kind, which was refused */
	needs(c, e, "server", side, "server = \"NAME\"");
	server = find_server(c, side, e, servers);
	return !(server && member(server, "admin_user"));
}

/* The state of account "x" is in accounts/x.db, x.db-wal, x.lock; that of a group is a
 * directory of its name beside them. */
static void rule_group_name(struct check *c, const config_setting_t *group)
{
	const char *name = setting_text(group, "name");
	char buf[CONFIG_SHOWN_MAX];

	if (name && (strstr(name, ".db") || strstr(name, ".lock")))
		check_complain(c, member(group, "name"),
			       "name = \"%s\" may be that of a state file; name the group "
			       "without \".db\" and \".lock\"",
			       shown(buf, name));
}

int rules_group(struct check *c, const config_setting_t *entry, const struct name_index *names,
		const struct name_index *servers)
{
	_cleanup_(freep) char *what = NULL;
	struct member_rules rules;

	if (!config_setting_is_group(entry))
		return 0;
	what = title(c, "group", entry);
	if (!what)
		return 0;

	needs(c, entry, "name", what, "name = \"NAME\"");
	needs(c, entry, "accounts_file", what, "accounts_file = \"FILE\"");
	rule_doubled(c, entry, names, "group");
	rule_group_name(c, entry);
	rules_messages(c, entry);
	rule_flags(c, entry);
	rules.password[ORIGIN] = rule_group_side(c, entry, what, "origin", servers);
	rules.password[DESTINATION] = rule_group_side(c, entry, what, "destination", servers);
	rules.same_server = same_server(entry, servers);
	rules_folders(c, entry);
	return groups_add(c, entry, &rules);
}
