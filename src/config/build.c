/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <string.h>
#include <syslog.h>

#define DEFAULT_STATE_DIR    "/var/lib/mailmig"
#define DEFAULT_SOCKET       "/run/mailmig/control"
#define DEFAULT_MAX_JOBS     8
#define DEFAULT_TIMEOUT      (120 * USEC_PER_SEC)
#define DEFAULT_NOTIFY_AFTER (24 * 3600 * USEC_PER_SEC)
#define DEFAULT_TLS_MIN      "1.2"
#define PORT_IMAPS           993
#define PORT_IMAP            143

/* ---- one value into the member that its row names ---- */

static void put_uint(void *target, const struct key *k, uint64_t v)
{
	uint8_t *p = (uint8_t *)target + k->offset;

	if (k->size == sizeof(uint8_t))
		*p = (uint8_t)v;
	else if (k->size == sizeof(uint16_t))
		*(uint16_t *)(void *)p = (uint16_t)v;
	else if (k->size == sizeof(uint32_t))
		*(uint32_t *)(void *)p = (uint32_t)v;
	else if (k->size == sizeof(uint64_t))
		*(uint64_t *)(void *)p = v;
	/* 0: a key whose only allowed value says what is done anyway */
}

static int put_text(void *target, const struct key *k, const char *s)
{
	return text_set((char **)(void *)((uint8_t *)target + k->offset), s);
}

static int put_path(const struct cfg_file *f, const config_setting_t *s, const char *value,
		    char **p)
{
	char *path = cfg_setting_path(f, s, value);

	if (!path)
		return -ENOMEM;
	free(*p);
	*p = path;
	return 0;
}

static int put_secret(const struct cfg_file *f, const config_setting_t *s, const struct key *k,
		      void *target)
{
	void *p = (uint8_t *)target + k->offset;
	struct secret_source *source = p;
	const char *value = config_setting_get_string(s);

	source->kind = (enum secret_kind)k->value;
	if (source->kind == SECRET_FILE)
		return put_path(f, s, value, &source->value);
	return text_set(&source->value, value);
}

static int word_value(const struct key *k, const char *word)
{
	for (const struct key_word *w = k->words; w->word; w++) {
		if (strcmp(w->word, word) == 0)
			return w->value;
	}
	return 0;
}

static uint64_t words_value(const struct key *k, const config_setting_t *s)
{
	int n = config_setting_length(s);
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)word_value(k, config_setting_get_string_elem(s, i));
	return v;
}

/* Texts of a list, and of the lists in it. */
static int put_strings(const config_setting_t *s, struct text_list *ret)
{
	int n = config_setting_length(s), r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		r = config_setting_type(e) == CONFIG_TYPE_STRING
			    ? text_list_add(ret, config_setting_get_string(e))
			    : put_strings(e, ret);
	}
	return r;
}

static int take_group(const struct cfg_file *f, const config_setting_t *group,
		      const struct key_table *t, void *target);

static int take(const struct cfg_file *f, const config_setting_t *s, const struct key *k,
		void *target)
{
	const char *text = config_setting_get_string(s);
	void *p = (uint8_t *)target + k->offset;
	uint64_t v = 0;

	switch (k->type) {
	case KEY_BOOL:
		put_uint(target, k, config_setting_get_bool(s) == CONFIG_TRUE);
		return 0;
	case KEY_INT:
		v = config_setting_type(s) == CONFIG_TYPE_INT
			    ? (uint64_t)config_setting_get_int(s)
			    : (uint64_t)config_setting_get_int64(s);
		put_uint(target, k, v);
		return 0;
	case KEY_SIZE:
		(void)parse_size(text, &v); /* checked */
		put_uint(target, k, v);
		return 0;
	case KEY_RATE:
		(void)parse_rate(text, &v); /* checked */
		put_uint(target, k, v);
		return 0;
	case KEY_SPAN:
		(void)parse_span(text, &v); /* checked */
		put_uint(target, k, v);
		return 0;
	case KEY_WORD:
		put_uint(target, k, (uint64_t)word_value(k, text));
		return 0;
	case KEY_WORDS:
		put_uint(target, k, words_value(k, s));
		return 0;
	case KEY_STRING:
	case KEY_CHOICE:
		return put_text(target, k, text);
	case KEY_PATH:
		return put_path(f, s, text, p);
	case KEY_SECRET:
		return put_secret(f, s, k, target);
	case KEY_GROUP:
		return take_group(f, s, k->keys, p);
	case KEY_STRINGS:
	case KEY_PAIRS:
		return put_strings(s, p);
	case KEY_ENTRIES: /* one by one, below */
		break;
	}
	return 0;
}

static int take_group(const struct cfg_file *f, const config_setting_t *group,
		      const struct key_table *t, void *target)
{
	int n = config_setting_length(group), r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct key *k = key_find(t, config_setting_name(s));

		if (k && k->status == KEY_NOW)
			r = take(f, s, k, target);
	}
	return r;
}

/* ---- defaults, and what comes from elsewhere ---- */

static void global_values_done(struct global_values *g)
{
	free(g->config.path);
	free(g->config.state_dir);
	free(g->config.socket);
	free(g->accounts_dir);
	free(g->config.notify_command);
	job_done(&g->job);
}

static int take_global(const struct cfg *cfg, struct global_values *g)
{
	const struct cfg_file *f = cfg->files[0];

	job_init(&g->job);
	g->config.max_jobs = DEFAULT_MAX_JOBS;
	g->config.log_level = LOG_INFO;
	g->config.notify_after_usec = DEFAULT_NOTIFY_AFTER;
	if (text_set(&g->config.path, cfg->path) < 0 ||
	    text_set(&g->config.state_dir, DEFAULT_STATE_DIR) < 0 ||
	    text_set(&g->config.socket, DEFAULT_SOCKET) < 0)
		return -ENOMEM;
	return take_group(f, config_root_setting(&f->tree), &keys_global, g);
}

static int take_server(const struct cfg_file *f, const config_setting_t *entry,
		       struct config_server *s)
{
	struct endpoint *e = &s->endpoint;
	char digits[65];
	int r;

	*e = (struct endpoint){.kind = ENDPOINT_IMAP,
			       .tls = TLS_IMPLICIT,
			       .tls_verify = true,
			       .auth = AUTH_AUTO,
			       .timeout_usec = DEFAULT_TIMEOUT};
	r = text_set(&e->tls_min, DEFAULT_TLS_MIN);
	if (r == 0)
		r = take_group(f, entry, &keys_server, s);
	if (r == 0)
		r = text_set(&e->server, s->name);
	if (r < 0)
		return r;

	if (e->port == 0)
		e->port = e->tls == TLS_IMPLICIT ? PORT_IMAPS : PORT_IMAP;
	if (!e->tls_fingerprint)
		return 0;
	(void)fingerprint_normalize(e->tls_fingerprint, digits); /* checked */
	return text_set(&e->tls_fingerprint, digits);
}

static const struct config_server *find_server(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_servers; i++) {
		if (strcmp(c->servers[i].name, name) == 0)
			return &c->servers[i];
	}
	return NULL;
}

/* Of two limits, where 0 is none. */
static uint64_t lower_limit(uint64_t a, uint64_t b)
{
	return a && b ? MIN_OF(a, b) : MAX_OF(a, b);
}

/* An endpoint of an account has its user and secret; all else is its server's. */
static int fill_endpoint(const struct config *c, struct endpoint *e,
			 const struct account_values *v)
{
	static const size_t texts[] = {
		offsetof(struct endpoint, host),
		offsetof(struct endpoint, tls_ca),
		offsetof(struct endpoint, tls_fingerprint),
		offsetof(struct endpoint, tls_min),
		offsetof(struct endpoint, tls_client_cert),
		offsetof(struct endpoint, tls_client_key),
		offsetof(struct endpoint, proxy),
		offsetof(struct endpoint, admin_user),
	};
	const struct endpoint *from = &find_server(c, e->server)->endpoint; /* checked */

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		const void *source = (const uint8_t *)from + texts[i];
		void *target = (uint8_t *)e + texts[i];

		if (text_set(target, *(char *const *)source) < 0)
			return -ENOMEM;
	}

	e->kind = from->kind;
	e->port = from->port;
	e->tls = from->tls;
	e->tls_verify = from->tls_verify;
	e->allow_cleartext = from->allow_cleartext;
	e->auth = from->auth;
	e->timeout_usec = v->timeout_usec ? v->timeout_usec : from->timeout_usec;
	e->max_connections = from->max_connections;
	e->max_rate = lower_limit(from->max_rate, v->max_rate);
	e->daily_download = from->daily_download;
	e->daily_upload = from->daily_upload;
	if (!from->admin_user)
		return 0;

	e->secret.kind = from->secret.kind;
	return text_set(&e->secret.value, from->secret.value);
}

static void account_done(struct config_account *a)
{
	free(a->name);
	free(a->group);
	free(a->schedule);
	free(a->file);
	job_done(&a->job);
}

/* What stands in its own line of the group's file; the name so far is the group's. */
static int take_member(const struct member *m, struct config_account *a)
{
	struct endpoint *const ends[N_SIDES] = {&a->job.origin, &a->job.destination};
	int r = 0;

	a->group = STEAL(a->name);
	a->name = text_fmt("%s/%s", a->group, m->name);
	a->line = m->line;
	for (size_t i = 0; i < N_SIDES && r == 0; i++) {
		r = text_set(&ends[i]->user, m->user[i]);
		if (r == 0 && m->password[i]) {
			ends[i]->secret.kind = SECRET_INLINE;
			r = text_set(&ends[i]->secret.value, m->password[i]);
		}
	}
	return a->name ? r : -ENOMEM;
}

/* member: of the group that the entry is; NULL for an account. */
static int take_account(const struct cfg_file *f, const config_setting_t *entry,
			const struct member *member, const struct config *c,
			const struct job *defaults, struct config_account *ret)
{
	struct account_values v = {.account.enabled = true};
	struct job *j = &v.account.job;
	int r;

	job_init(j);
	j->min_free_bytes = defaults->min_free_bytes;
	j->retry_attempts = defaults->retry_attempts;
	j->retry_max_delay_usec = defaults->retry_max_delay_usec;
	j->uncertain_wait_usec = defaults->uncertain_wait_usec;
	j->log_level = c->log_level;
	v.account.line = config_setting_source_line(entry);

	r = take_group(f, entry, member ? &keys_group : &keys_account, &v);
	if (r == 0 && v.absence_max) /* checked */
		(void)absence_parse(v.absence_max, &j->absence_percent, &j->absence_messages);
	free(v.absence_max);
	if (r == 0)
		r = member ? take_member(member, &v.account)
			   : text_set(&v.account.file, cfg_setting_file(f, entry));
	if (r == 0)
		r = text_set(&j->account, v.account.name);
	if (r == 0)
		r = text_set(&j->state_dir, c->state_dir);
	if (r == 0)
		r = fill_endpoint(c, &j->origin, &v);
	if (r == 0)
		r = fill_endpoint(c, &j->destination, &v);

	*ret = v.account; /* half of it is config_free()'s to free as well */
	return r;
}

/* ---- all of it ---- */

static int grow(void *array, size_t n, size_t size)
{
	void *p = reallocarray(*(void **)array, n + 1, size);

	if (!p)
		return -ENOMEM;
	*(void **)array = p;
	memset((uint8_t *)p + n * size, 0, size);
	return 0;
}

static int take_servers(const struct cfg_file *f, struct config *c)
{
	const config_setting_t *e;
	int r = 0;

	for (int i = 0; r == 0 && (e = cfg_entry(f, "servers", i)); i++) {
		r = grow(&c->servers, c->n_servers, sizeof(*c->servers));
		if (r == 0)
			r = take_server(f, e, &c->servers[c->n_servers++]);
	}
	return r;
}

static int add_account(const struct cfg_file *f, const config_setting_t *entry,
		       const struct member *member, struct config *c,
		       const struct job *defaults)
{
	int r = grow(&c->accounts, c->n_accounts, sizeof(*c->accounts));

	return r < 0 ? r
		     : take_account(f, entry, member, c, defaults,
				    &c->accounts[c->n_accounts++]);
}

static int take_accounts(const struct cfg *cfg, const struct cfg_file *f, struct config *c,
			 const struct job *defaults)
{
	const config_setting_t *e;
	int r = 0;

	for (int i = 0; r == 0 && (e = cfg_entry(f, "accounts", i)); i++)
		r = add_account(f, e, NULL, c, defaults);
	for (int i = 0; r == 0 && (e = cfg_entry(f, "groups", i)); i++) {
		const struct cfg_group *g = groups_find(cfg, e);

		for (size_t k = 0; g && k < g->n_members && r == 0; k++)
			r = add_account(f, e, &g->members[k], c, defaults);
	}
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct config_account *const *)a)->name,
		      (*(const struct config_account *const *)b)->name);
}

static int sort_names(struct config *c)
{
	c->by_name = calloc(MAX_OF(c->n_accounts, 1U), sizeof(*c->by_name));
	if (!c->by_name)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_accounts; i++)
		c->by_name[i] = &c->accounts[i];
	qsort(c->by_name, c->n_accounts, sizeof(*c->by_name), compare_names);
	return 0;
}

int cfg_build(const struct cfg *cfg, struct config **ret)
{
	_cleanup_(global_values_done) struct global_values g = {};
	_cleanup_(config_freep) struct config *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;

	r = take_global(cfg, &g);
	if (r < 0)
		return r;
	*c = g.config;
	g.config = (struct config){};
	c->stop_on_error = g.stop_on_error;

	/* Servers of all files first: an account may name one of a later file. */
	for (size_t i = 0; i < cfg->n_files && r == 0; i++)
		r = take_servers(cfg->files[i], c);
	for (size_t i = 0; i < cfg->n_files && r == 0; i++)
		r = take_accounts(cfg, cfg->files[i], c, &g.job);
	if (r == 0)
		r = sort_names(c);
	if (r < 0)
		return r;

	*ret = STEAL(c);
	return 0;
}

struct config *config_free(struct config *c)
{
	if (!c)
		return NULL;

	for (size_t i = 0; i < c->n_servers; i++) {
		free(c->servers[i].name);
		endpoint_done(&c->servers[i].endpoint);
	}
	for (size_t i = 0; i < c->n_accounts; i++)
		account_done(&c->accounts[i]);
	free(c->servers);
	free(c->accounts);
	free(c->by_name);
	free(c->path);
	free(c->state_dir);
	free(c->socket);
	free(c->notify_command);
	free(c);
	return NULL;
}
