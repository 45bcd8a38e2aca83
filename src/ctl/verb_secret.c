/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <inttypes.h>
#include <mailmig/buf.h>
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>

/* mailmigctl secret set|list|remove. The value comes from a prompt or standard input, and every
 * copy of it here is wiped. */

static int usage(const char *text, const char *advice)
{
	struct mm_err err = {0};

	(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL, "%s", text);
	(void)mm_err_class(&err, MM_CLASS_USAGE, "%s", advice);
	return trouble_report(&err);
}

/* 0 and the answer, or the exit code of what was reported. */
static int call(struct ctl *c, const char *method, const json_t *parameters,
		struct varlink_reply *reply)
{
	struct mm_err err = {0};

	if (ctl_call(c, method, parameters, reply, &err) < 0)
		return trouble_report(&err);
	return reply->error ? trouble_reply(reply) : 0;
}

/* "alice, bob" of an array of names; owned, NULL without memory. */
static char *join_names(const json_t *names)
{
	_cleanup_(buf_done) struct buf b = {0};
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (buf_addf(&b, "%s%s", i > 0 ? ", " : "",
			     json_string_value(name) ? json_string_value(name) : "?") < 0)
			return NULL;
	}
	return buf_take(&b);
}

static json_t *set_parameters(const char *name, const struct secret *value)
{
	_cleanup_(freep) char *hex = malloc(2 * value->len + 1);
	json_t *o;

	if (!hex)
		return NULL;
	format_hex(value->p, value->len, hex);
	o = json_pack("{s:s, s:s}", "name", name, "hex", hex);
	explicit_bzero(hex, 2 * value->len);
	return o;
}

static int set(struct ctl *c, const char *name)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(secret_freep) struct secret *value = NULL;
	_cleanup_(json_decrefp) json_t *p = NULL;
	_cleanup_(freep) char *users = NULL;
	struct mm_err err = {0};
	int code;

	if (ask_secret(name, &value, &err) < 0)
		return trouble_report(&err);
	if (value->len > CTL_SECRET_MAX)
		return usage("the secret is larger than 16 KiB", "is it the right file?");
	p = set_parameters(name, value);
	if (!p)
		return usage("no memory for the secret", "");
	code = call(c, CONTROL_INTERFACE ".SecretSet", p, &reply);
	if (code != 0)
		return code;

	if (ctl_has(&c->args, OPT_JSON)) {
		ctl_print_json(c, reply.parameters);
		return CTL_EXIT_OK;
	}
	users = join_names(json_object_get(reply.parameters, "used_by"));
	if (ctl_has(&c->args, OPT_QUIET) || !users)
		return CTL_EXIT_OK;
	fprintf(c->term.out, "secret %s is stored; ", name);
	if (*users)
		fprintf(c->term.out, "used by %s\n", users);
	else
		fprintf(c->term.out, "to use it: password_stored = \"%s\"\n", name);
	return CTL_EXIT_OK;
}

static int remove_one(struct ctl *c, const char *name)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:s}", "name", name);
	int code;

	code = call(c, CONTROL_INTERFACE ".SecretRemove", p, &reply);
	if (code == 0 && ctl_has(&c->args, OPT_JSON))
		ctl_print_json(c, reply.parameters);
	else if (code == 0 && !ctl_has(&c->args, OPT_QUIET))
		fprintf(c->term.out, "secret %s is removed\n", name);
	return code;
}

static int add_row(struct table *t, const json_t *s)
{
	_cleanup_(freep) char *users = join_names(json_object_get(s, "used_by"));
	char when[48] = "-";
	uint64_t stored;

	if (!users)
		return -ENOMEM;
	if (clock_parse_rfc3339(member_str(s, "stored"), &stored) == 0)
		(void)when_local(when, sizeof(when), stored, clock_wall_usec());
	return table_add(
		t, NULL, COLOUR_NONE,
		(const char *const[]){member_str(s, "name"), when, *users ? users : "-"}, NULL);
}

static int list(struct ctl *c)
{
	static const struct table_column columns[] = {
		{"SECRET", false, false}, {"STORED", false, false}, {"USED BY", false, true}};
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(table_freep) struct table *t = NULL;
	const json_t *secrets, *s;
	size_t i;
	int code;

	code = call(c, CONTROL_INTERFACE ".SecretList", NULL, &reply);
	if (code != 0)
		return code;
	if (ctl_has(&c->args, OPT_JSON)) {
		ctl_print_json(c, reply.parameters);
		return CTL_EXIT_OK;
	}

	secrets = json_object_get(reply.parameters, "secrets");
	if (json_array_size(secrets) == 0) {
		fputs("no secrets are stored\n", c->term.out);
		return CTL_EXIT_OK;
	}
	if (table_new(&t, columns, ELEMENTS(columns)) < 0)
		return usage("no memory for the list", "");
	json_array_foreach(secrets, i, s)
	{
		if (add_row(t, s) < 0)
			return usage("no memory for the list", "");
	}
	table_print(t, c->term.out, &c->term.look);
	if (member_u64(reply.parameters, "left_out") > 0)
		fprintf(c->term.out, "and %" PRIu64 " more\n",
			member_u64(reply.parameters, "left_out"));
	return CTL_EXIT_OK;
}

static int remove_all(struct ctl *c, const char *const *names, size_t n)
{
	int code = CTL_EXIT_OK;

	for (size_t i = 0; i < n; i++) {
		int one = remove_one(c, names[i]);

		code = MAX_OF(code, one);
	}
	return code;
}

int verb_secret(struct ctl *c)
{
	static const char how[] = "mailmigctl secret set NAME, secret list, secret remove NAME";
	const char *what = c->args.n_names > 0 ? c->args.names[0] : "";
	const char *const *names = c->args.names + 1;
	size_t n = c->args.n_names > 0 ? c->args.n_names - 1 : 0;
	bool is_set = strcmp(what, "set") == 0, is_remove = strcmp(what, "remove") == 0;

	if (strcmp(what, "list") == 0)
		return n == 0 ? list(c) : usage("'secret list' takes no name", how);
	if (!is_set && !is_remove)
		return usage("'secret' is followed by set, list or remove", how);
	if (is_set && n != 1)
		return usage("'secret set' takes one name; the secret itself comes from a "
			     "prompt or standard input",
			     how);
	if (n == 0)
		return usage("'secret remove' needs a name", how);

	for (size_t i = 0; i < n; i++)
		if (!text_is_name(names[i]))
			return usage("this cannot be the name of a secret",
				     "use 1 to 64 of A-Z a-z 0-9 _ . @ -");
	return is_set ? set(c, names[0]) : remove_all(c, names, n);
}
