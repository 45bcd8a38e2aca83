/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <mailmig/vault.h>
#include <string.h>

/* The methods for stored secrets. Values only come in: what reads them is the worker of a run.
 */

#define ERROR(name) CONTROL_INTERFACE "." name
#define LISTED_MAX  5000 /* secrets of one answer */
#define USERS_SHOWN 20

static void answer_err(struct varlink_call *call, const struct mm_err *e)
{
	varlink_call_error(call, ERROR("Failed"),
			   json_pack("{s:s, s:s, s:i}", "text", e->text, "advice", e->advice,
				     "exit_code", mm_class_exit_code(e->cls)));
}

static bool is_used_by(const struct endpoint *e, const char *name)
{
	return e->secret.kind == SECRET_STORED && strcmp(e->secret.value, name) == 0;
}

/* Accounts of the configuration that use the secret, by name; NULL without memory. */
static json_t *users_of(const struct config *c, const char *name)
{
	json_t *users = json_array();

	for (size_t i = 0; users && i < c->n_accounts; i++) {
		const struct job *j = &c->accounts[i].job;

		if (json_array_size(users) < USERS_SHOWN &&
		    (is_used_by(&j->origin, name) || is_used_by(&j->destination, name)))
			(void)json_array_append_new(users, json_string(c->accounts[i].name));
	}
	return users;
}

static bool name_is_legal(struct varlink_call *call, const char *name)
{
	if (text_is_name(name))
		return true;
	varlink_call_invalid_parameter(call, "name");
	return false;
}

static int take_value(const char *hex, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	size_t n = strlen(hex);
	int r;

	if (n == 0 || n % 2 != 0 || n / 2 > VAULT_SECRET_MAX)
		return -EBADMSG;
	r = secret_new(hex, n / 2, &s); /* room for it */
	if (r == 0)
		r = parse_hex(hex, n / 2, s->p);
	if (r < 0)
		return r;
	*ret = STEAL(s);
	return 0;
}

void secrets_set(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "name"));
	const char *hex = json_string_value(json_object_get(parameters, "hex"));
	_cleanup_(secret_freep) struct secret *value = NULL;
	struct daemon *d = userdata;
	struct mm_err err = {0};

	if (!name_is_legal(call, name))
		return;
	if (take_value(hex, &value) < 0) {
		varlink_call_invalid_parameter(call, "hex");
		return;
	}
	if (vault_put(d->state_dir, name, value, &err) < 0) {
		answer_err(call, &err);
		return;
	}
	mm_log(LOG_NOTICE, NULL, "secret \"%s\" was stored by user %u", name,
	       (unsigned)varlink_call_peer(call)->uid);
	varlink_call_reply(call, json_pack("{s:o}", "used_by", users_of(d->config, name)));
}

struct listing {
	const struct config *config;
	json_t *secrets;
	json_int_t left_out;
};

static int add_secret(const char *name, uint64_t stored_usec, void *userdata)
{
	struct listing *l = userdata;
	char when[32];
	json_t *o;

	if (json_array_size(l->secrets) >= LISTED_MAX) {
		l->left_out++;
		return 0;
	}
	o = json_pack("{s:s, s:s?, s:o}", "name", name, "stored",
		      stored_usec ? clock_rfc3339(stored_usec, when, sizeof(when)) : NULL,
		      "used_by", users_of(l->config, name));
	return json_array_append_new(l->secrets, o) < 0 ? -ENOMEM : 0;
}

void secrets_list(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	struct daemon *d = userdata;
	struct listing l = {.config = d->config, .secrets = json_array()};
	struct mm_err err = {0};

	if (!l.secrets || vault_list(d->state_dir, add_secret, &l, &err) < 0) {
		if (!*err.text)
			(void)mm_err_oom(&err);
		answer_err(call, &err);
		json_decref(l.secrets);
		return;
	}
	varlink_call_reply(
		call, json_pack("{s:o, s:I}", "secrets", l.secrets, "left_out", l.left_out));
}

void secrets_remove(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const char *name = json_string_value(json_object_get(parameters, "name"));
	_cleanup_(json_decrefp) json_t *users = NULL;
	struct daemon *d = userdata;
	struct mm_err err = {0};

	if (!name_is_legal(call, name))
		return;
	users = users_of(d->config, name);
	if (json_array_size(users) > 0) {
		varlink_call_error(call, ERROR("SecretInUse"),
				   json_pack("{s:s, s:O}", "name", name, "used_by", users));
		return;
	}
	if (vault_remove(d->state_dir, name, &err) < 0) {
		answer_err(call, &err);
		return;
	}
	mm_log(LOG_NOTICE, NULL, "secret \"%s\" was removed by user %u", name,
	       (unsigned)varlink_call_peer(call)->uid);
	varlink_call_reply(call, NULL);
}
