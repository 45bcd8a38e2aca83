/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <mailmig/job.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>

/* A job as JSON: one row for each member, read and written by the same table. */

enum field_type {
	FIELD_STRING, /* char *; NULL is null */
	FIELD_SECRET, /* char *; always in hexadecimal */
	FIELD_BOOL,
	FIELD_U16,
	FIELD_U32, /* also unsigned */
	FIELD_U64, /* USEC_INFINITY is null */
	FIELD_INT,
	FIELD_ENUM,
	FIELD_STRINGS, /* struct text_list */
	FIELD_OBJECT,
};

struct field {
	const char *key;
	enum field_type type;
	size_t offset;
	const char *const *names;   /* FIELD_ENUM: by value, ended by NULL */
	const struct field *fields; /* FIELD_OBJECT: ended by an empty row */
};

static const char *const job_kinds[] = {"sync", "check", NULL};
static const char *const endpoint_kinds[] = {"none", "imap", NULL};
static const char *const tls_modes[] = {"implicit", "starttls", "none", NULL};
static const char *const auth_mechs[] = {"auto", "plain", "login", NULL};
static const char *const flags_modes[] = {"merge", "origin", "first", NULL};
static const char *const secret_kinds[] = {"none",       "file",   "command", "inline",
					   "credential", "stored", NULL};

/* An enum is read and written as an unsigned int. */
_Static_assert(sizeof(enum tls_mode) == sizeof(unsigned), "enums are unsigned ints");

#define F(type, of, key)                                                                       \
	{                                                                                      \
#key, FIELD_##type, offsetof(struct of, key), NULL, NULL                       \
	}
#define F_ENUM(of, key, names)                                                                 \
	{                                                                                      \
#key, FIELD_ENUM, offsetof(struct of, key), names, NULL                        \
	}
#define F_OBJECT(of, key, table)                                                               \
	{                                                                                      \
#key, FIELD_OBJECT, offsetof(struct of, key), NULL, table                      \
	}

static const struct field secret_fields[] = {
	F_ENUM(secret_source, kind, secret_kinds),
	F(SECRET, secret_source, value),
	{0},
};

static const struct field endpoint_fields[] = {
	F_ENUM(endpoint, kind, endpoint_kinds),
	F(STRING, endpoint, server),
	F(STRING, endpoint, host),
	F(U16, endpoint, port),
	F_ENUM(endpoint, tls, tls_modes),
	F(BOOL, endpoint, tls_verify),
	F(STRING, endpoint, tls_ca),
	F(STRING, endpoint, tls_fingerprint),
	F(STRING, endpoint, tls_min),
	F(STRING, endpoint, tls_client_cert),
	F(STRING, endpoint, tls_client_key),
	F(BOOL, endpoint, allow_cleartext),
	F(STRING, endpoint, proxy),
	F_ENUM(endpoint, auth, auth_mechs),
	F(STRING, endpoint, user),
	F(STRING, endpoint, admin_user),
	F_OBJECT(endpoint, secret, secret_fields),
	F(U64, endpoint, timeout_usec),
	F(U32, endpoint, max_connections),
	F(U64, endpoint, max_rate),
	F(U64, endpoint, daily_download),
	F(U64, endpoint, daily_upload),
	{0},
};

static const struct field folders_fields[] = {
	F(BOOL, folder_rules, automap),         F(STRINGS, folder_rules, include),
	F(STRINGS, folder_rules, exclude),      F(STRINGS, folder_rules, map),
	F(STRINGS, folder_rules, rewrite),      F(STRING, folder_rules, into),
	F(BOOL, folder_rules, subscribed_only), F(BOOL, folder_rules, subscribe),
	F(BOOL, folder_rules, create),          {0},
};

static const struct field messages_fields[] = {
	F(U64, message_rules, max_age_usec), F(U64, message_rules, min_age_usec),
	F(STRING, message_rules, since),     F(STRING, message_rules, before),
	F(U64, message_rules, min_size),     F(U64, message_rules, max_size),
	F(STRING, message_rules, search),    {0},
};

static const struct field flags_fields[] = {
	F_ENUM(flag_rules, mode, flags_modes),
	F(STRINGS, flag_rules, drop),
	F(STRINGS, flag_rules, rename),
	{0},
};

static const struct field job_fields[] = {
	F(STRING, job, account),
	F(STRING, job, run_id),
	F_ENUM(job, kind, job_kinds),
	F(BOOL, job, dry_run),
	F(STRING, job, state_dir),
	F(U64, job, min_free_bytes),
	F_OBJECT(job, origin, endpoint_fields),
	F_OBJECT(job, destination, endpoint_fields),
	F_OBJECT(job, folders, folders_fields),
	F_OBJECT(job, messages, messages_fields),
	F_OBJECT(job, flags, flags_fields),
	F(BOOL, job, propagate_deletes),
	F(BOOL, job, recopy_deleted),
	F(U32, job, absence_percent),
	F(U32, job, absence_messages),
	F(BOOL, job, confirm_deletes),
	F(BOOL, job, confirm_mapping),
	F(BOOL, job, repair),
	F(BOOL, job, retry_held),
	F(U32, job, match),
	F(U32, job, connections),
	F(U32, job, max_errors),
	F(U32, job, retry_attempts),
	F(U64, job, retry_max_delay_usec),
	F(U64, job, uncertain_wait_usec),
	F(INT, job, log_level),
	{0},
};

/* ---- writing ---- */

static json_t *hex_to_json(const char *s)
{
	size_t n = strlen(s);
	_cleanup_(freep) char *hex = malloc(n * 2 + 1);
	json_t *o;

	if (!hex)
		return NULL;
	format_hex(s, n, hex);
	o = json_pack("{s:s}", "hex", hex);
	explicit_bzero(hex, n * 2); /* it may be a secret */
	return o;
}

/* JSON has no way to say octets that are not UTF-8, and a user name or path may be of them. */
static json_t *string_to_json(const char *s, bool always_hex)
{
	if (!s)
		return json_null();
	return always_hex || !text_is_utf8(s, strlen(s)) ? hex_to_json(s) : json_string(s);
}

static json_t *u64_to_json(uint64_t v)
{
	/* jansson's integers are signed; what does not fit is as good as for ever. */
	return v > INT64_MAX ? json_null() : json_integer((json_int_t)v);
}

static json_t *strings_to_json(const struct text_list *l)
{
	_cleanup_(json_decrefp) json_t *a = json_array();

	for (size_t i = 0; a && i < l->n; i++)
		if (json_array_append_new(a, string_to_json(l->v[i], false)) < 0)
			return NULL;
	return STEAL(a);
}

static json_t *object_to_json(const struct field *fields, const void *base);

static json_t *field_to_json(const struct field *f, const void *base)
{
	const void *p = (const char *)base + f->offset;

	switch (f->type) {
	case FIELD_STRING:
	case FIELD_SECRET:
		return string_to_json(*(char *const *)p, f->type == FIELD_SECRET);
	case FIELD_BOOL:
		return json_boolean(*(const bool *)p);
	case FIELD_U16:
		return json_integer(*(const uint16_t *)p);
	case FIELD_U32:
		return json_integer(*(const uint32_t *)p);
	case FIELD_U64:
		return u64_to_json(*(const uint64_t *)p);
	case FIELD_INT:
		return json_integer(*(const int *)p);
	case FIELD_ENUM:
		return json_string(f->names[*(const unsigned *)p]);
	case FIELD_STRINGS:
		return strings_to_json(p);
	case FIELD_OBJECT:
		return object_to_json(f->fields, p);
	}
	return NULL;
}

static json_t *object_to_json(const struct field *fields, const void *base)
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	if (!o)
		return NULL;
	for (const struct field *f = fields; f->key; f++)
		if (json_object_set_new(o, f->key, field_to_json(f, base)) < 0)
			return NULL;
	return STEAL(o);
}

json_t *job_to_json(const struct job *j)
{
	return object_to_json(job_fields, j);
}

/* ---- reading ---- */

static int string_from_hex(const char *hex, char **ret)
{
	_cleanup_(freep) char *s = NULL;
	size_t n = hex ? strlen(hex) : 1;

	if (n % 2 != 0)
		return -EBADMSG;
	s = malloc(n / 2 + 1);
	if (!s)
		return -ENOMEM;
	if (parse_hex(hex, n / 2, s) < 0 || memchr(s, '\0', n / 2))
		return -EBADMSG;
	s[n / 2] = '\0';

	free(*ret);
	*ret = STEAL(s);
	return 0;
}

static int string_from_json(const json_t *v, char **ret)
{
	if (json_is_null(v))
		return text_set(ret, NULL);
	if (json_is_object(v))
		return string_from_hex(json_string_value(json_object_get(v, "hex")), ret);
	return json_is_string(v) ? text_set(ret, json_string_value(v)) : -EBADMSG;
}

static int u64_from_json(const json_t *v, uint64_t max, uint64_t *ret)
{
	if (max == UINT64_MAX && json_is_null(v)) {
		*ret = USEC_INFINITY;
		return 0;
	}
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return -EBADMSG;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

static int enum_from_json(const json_t *v, const char *const *names, unsigned *ret)
{
	for (unsigned i = 0; names[i] && json_is_string(v); i++)
		if (strcmp(names[i], json_string_value(v)) == 0) {
			*ret = i;
			return 0;
		}
	return -EBADMSG;
}

static int strings_from_json(const json_t *v, struct text_list *ret)
{
	const json_t *e;
	size_t i;
	int r = json_is_array(v) ? 0 : -EBADMSG;

	json_array_foreach(v, i, e)
	{
		_cleanup_(freep) char *s = NULL;

		if (r == 0)
			r = json_is_null(e) ? -EBADMSG : string_from_json(e, &s);
		if (r == 0)
			r = text_list_add(ret, s);
	}
	return r;
}

static int object_from_json(const struct field *fields, void *base, const json_t *o,
			    const char **ret_bad);

static int field_from_json(const struct field *f, void *base, const json_t *v,
			   const char **ret_bad)
{
	void *p = (char *)base + f->offset;
	uint64_t u;
	int r;

	switch (f->type) {
	case FIELD_STRING:
	case FIELD_SECRET:
		return string_from_json(v, p);
	case FIELD_BOOL:
		if (!json_is_boolean(v))
			return -EBADMSG;
		*(bool *)p = json_is_true(v);
		return 0;
	case FIELD_U16:
		r = u64_from_json(v, UINT16_MAX, &u);
		if (r == 0)
			*(uint16_t *)p = (uint16_t)u;
		return r;
	case FIELD_U32:
		r = u64_from_json(v, UINT32_MAX, &u);
		if (r == 0)
			*(uint32_t *)p = (uint32_t)u;
		return r;
	case FIELD_U64:
		return u64_from_json(v, UINT64_MAX, p);
	case FIELD_INT:
		r = u64_from_json(v, INT_MAX, &u);
		if (r == 0)
			*(int *)p = (int)u;
		return r;
	case FIELD_ENUM:
		return enum_from_json(v, f->names, p);
	case FIELD_STRINGS:
		return strings_from_json(v, p);
	case FIELD_OBJECT:
		return object_from_json(f->fields, p, v, ret_bad);
	}
	return -EBADMSG;
}

static int object_from_json(const struct field *fields, void *base, const json_t *o,
			    const char **ret_bad)
{
	for (const struct field *f = fields; f->key; f++) {
		const json_t *v = json_object_get(o, f->key);
		int r;

		*ret_bad = f->key;
		r = v ? field_from_json(f, base, v, ret_bad) : -EBADMSG;
		if (r < 0)
			return r;
	}
	return 0;
}

int job_from_json(struct job *j, const json_t *o, struct mm_err *reterr)
{
	const char *bad = "";
	int r;

	r = object_from_json(job_fields, j, o, &bad);
	if (r == 0 && (j->match & ~MATCH_ALL) != 0) {
		bad = "match";
		r = -EBADMSG;
	}
	if (r == 0)
		return 0;

	job_done(j);
	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r,
			 "the job's member \"%s\" is missing or not as expected", bad);
	(void)mm_err_class(reterr, MM_CLASS_LOCAL,
			   "daemon and worker must be of the same version: restart mailmigd");
	return r;
}
