/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/job.h>
#include <mailmig/text.h>
#include <syslog.h>

static void test_defaults(void **state)
{
	_cleanup_(job_done) struct job j;
	const struct endpoint *ends[] = {&j.origin, &j.destination};

	memset(&j, 0xff, sizeof(j));
	job_init(&j);
	assert_null(j.account);
	assert_null(j.run_id);
	assert_null(j.state_dir);
	assert_int_equal(j.kind, JOB_SYNC);
	assert_false(j.dry_run);
	assert_int_equal(j.min_free_bytes, 1 << 30);
	assert_true(j.folders.subscribe);
	assert_true(j.folders.create);
	assert_int_equal(j.match, MATCH_DEFAULT);
	assert_int_equal(j.connections, 4);
	assert_int_equal(j.max_errors, 50);
	assert_int_equal(j.retry_attempts, 5);
	assert_int_equal(j.retry_max_delay_usec, 300 * USEC_PER_SEC);
	assert_int_equal(j.uncertain_wait_usec, 120 * USEC_PER_SEC);
	assert_int_equal(j.log_level, LOG_INFO);
	for (size_t i = 0; i < ELEMENTS(ends); i++) {
		assert_int_equal(ends[i]->kind, ENDPOINT_NONE);
		assert_int_equal(ends[i]->tls, TLS_IMPLICIT);
		assert_true(ends[i]->tls_verify);
		assert_false(ends[i]->allow_cleartext);
		assert_int_equal(ends[i]->auth, AUTH_AUTO);
		assert_int_equal(ends[i]->timeout_usec, 120 * USEC_PER_SEC);
		assert_int_equal(ends[i]->max_connections, 0);
		assert_int_equal(ends[i]->port, 0);
		assert_int_equal(ends[i]->secret.kind, SECRET_NONE);
		assert_null(ends[i]->host);
		assert_null(ends[i]->tls_min);
		assert_null(ends[i]->secret.value);
	}
}

static void test_kind_names(void **state)
{
	assert_string_equal(job_kind_name(JOB_SYNC), "sync");
	assert_string_equal(job_kind_name((enum job_kind)77), "unknown");
}

static const char *const texts[] = {"plain", "\xe5\x8f\x97", "latin \xe9\xff", "",
				    "quote\" \\ \n"};

static void fill_endpoint(struct endpoint *e, size_t n)
{
	char **members[] = {&e->server,          &e->host,        &e->tls_ca,
			    &e->tls_fingerprint, &e->tls_min,     &e->tls_client_cert,
			    &e->tls_client_key,  &e->proxy,       &e->user,
			    &e->admin_user,      &e->secret.value};

	for (size_t i = 0; i < ELEMENTS(members); i++)
		assert_int_equal(text_set(members[i], texts[(i + n) % ELEMENTS(texts)]), 0);
	e->kind = ENDPOINT_IMAP;
	e->port = 65535;
	e->tls = n % 2 ? TLS_STARTTLS : TLS_NONE;
	e->tls_verify = false;
	e->allow_cleartext = true;
	e->auth = n % 2 ? AUTH_PLAIN : AUTH_LOGIN;
	e->secret.kind = n % 2 ? SECRET_INLINE : SECRET_STORED;
	e->timeout_usec = n % 2 ? USEC_INFINITY : 1;
	e->max_connections = UINT32_MAX;
	e->max_rate = 1;
	e->daily_download = INT64_MAX;
	e->daily_upload = n;
}

/* Where a job has lists of texts. */
static const size_t lists[] = {
	offsetof(struct job, folders.include), offsetof(struct job, folders.exclude),
	offsetof(struct job, folders.map),     offsetof(struct job, folders.rewrite),
	offsetof(struct job, flags.drop),      offsetof(struct job, flags.rename),
};

static struct text_list *list_of(const struct job *j, size_t i)
{
	return (void *)((uintptr_t)j + lists[i]);
}

static void fill_job(struct job *j, size_t n)
{
	job_init(j);
	assert_int_equal(text_set(&j->account, texts[n % ELEMENTS(texts)]), 0);
	assert_int_equal(text_set(&j->run_id, "r1"), 0);
	assert_int_equal(text_set(&j->state_dir, "/var/lib/mailmig"), 0);
	j->dry_run = true;
	j->min_free_bytes = INT64_MAX;
	fill_endpoint(&j->origin, n);
	fill_endpoint(&j->destination, n + 1);
	j->folders.subscribe = j->folders.create = j->folders.automap = false;
	j->folders.subscribed_only = true;
	assert_int_equal(text_set(&j->folders.into, texts[n % ELEMENTS(texts)]), 0);
	j->messages.max_age_usec = j->messages.min_size = INT64_MAX;
	j->messages.min_age_usec = j->messages.max_size = 1;
	assert_int_equal(text_set(&j->messages.since, "2024-12-31"), 0);
	assert_int_equal(text_set(&j->messages.before, "2025-12-31"), 0);
	assert_int_equal(text_set(&j->messages.search, "UNSEEN"), 0);
	j->flags.mode = FLAGS_FIRST;
	for (size_t i = 0; i < ELEMENTS(lists); i++)
		for (size_t k = 0; k < i % 3; k++)
			assert_int_equal(text_list_add(list_of(j, i), texts[1 + k]), 0);
	j->propagate_deletes = j->recopy_deleted = true;
	j->absence_percent = 0;
	j->absence_messages = UINT32_MAX;
	j->confirm_deletes = j->confirm_mapping = true;
	j->match = MATCH_DATE | MATCH_SUBJECT;
	j->connections = 1;
	j->max_errors = UINT32_MAX;
	j->retry_attempts = 0;
	j->retry_max_delay_usec = USEC_INFINITY;
	j->uncertain_wait_usec = 0;
	j->log_level = LOG_DEBUG;
}

static void assert_same_text(const char *a, const char *b)
{
	if (!a || !b)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void assert_same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_same_text(a->server, b->server);
	assert_same_text(a->host, b->host);
	assert_int_equal(a->port, b->port);
	assert_int_equal(a->tls, b->tls);
	assert_int_equal(a->tls_verify, b->tls_verify);
	assert_same_text(a->tls_ca, b->tls_ca);
	assert_same_text(a->tls_fingerprint, b->tls_fingerprint);
	assert_same_text(a->tls_min, b->tls_min);
	assert_same_text(a->tls_client_cert, b->tls_client_cert);
	assert_same_text(a->tls_client_key, b->tls_client_key);
	assert_int_equal(a->allow_cleartext, b->allow_cleartext);
	assert_same_text(a->proxy, b->proxy);
	assert_int_equal(a->auth, b->auth);
	assert_same_text(a->user, b->user);
	assert_same_text(a->admin_user, b->admin_user);
	assert_int_equal(a->secret.kind, b->secret.kind);
	assert_same_text(a->secret.value, b->secret.value);
	assert_int_equal(a->timeout_usec, b->timeout_usec);
	assert_int_equal(a->max_connections, b->max_connections);
	assert_int_equal(a->max_rate, b->max_rate);
	assert_int_equal(a->daily_download, b->daily_download);
	assert_int_equal(a->daily_upload, b->daily_upload);
}

static void assert_same_job(const struct job *a, const struct job *b)
{
	assert_same_text(a->account, b->account);
	assert_same_text(a->run_id, b->run_id);
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->dry_run, b->dry_run);
	assert_same_text(a->state_dir, b->state_dir);
	assert_int_equal(a->min_free_bytes, b->min_free_bytes);
	assert_same_endpoint(&a->origin, &b->origin);
	assert_same_endpoint(&a->destination, &b->destination);
	assert_int_equal(a->folders.subscribe, b->folders.subscribe);
	assert_int_equal(a->folders.create, b->folders.create);
	assert_int_equal(a->folders.automap, b->folders.automap);
	assert_int_equal(a->folders.subscribed_only, b->folders.subscribed_only);
	assert_same_text(a->folders.into, b->folders.into);
	assert_int_equal(a->messages.max_age_usec, b->messages.max_age_usec);
	assert_int_equal(a->messages.min_age_usec, b->messages.min_age_usec);
	assert_same_text(a->messages.since, b->messages.since);
	assert_same_text(a->messages.before, b->messages.before);
	assert_int_equal(a->messages.min_size, b->messages.min_size);
	assert_int_equal(a->messages.max_size, b->messages.max_size);
	assert_same_text(a->messages.search, b->messages.search);
	assert_int_equal(a->flags.mode, b->flags.mode);
	for (size_t i = 0; i < ELEMENTS(lists); i++) {
		assert_int_equal(list_of(a, i)->n, list_of(b, i)->n);
		for (size_t k = 0; k < list_of(a, i)->n; k++)
			assert_string_equal(list_of(a, i)->v[k], list_of(b, i)->v[k]);
	}
	assert_int_equal(a->propagate_deletes, b->propagate_deletes);
	assert_int_equal(a->recopy_deleted, b->recopy_deleted);
	assert_int_equal(a->absence_percent, b->absence_percent);
	assert_int_equal(a->absence_messages, b->absence_messages);
	assert_int_equal(a->confirm_deletes, b->confirm_deletes);
	assert_int_equal(a->confirm_mapping, b->confirm_mapping);
	assert_int_equal(a->match, b->match);
	assert_int_equal(a->connections, b->connections);
	assert_int_equal(a->max_errors, b->max_errors);
	assert_int_equal(a->retry_attempts, b->retry_attempts);
	assert_int_equal(a->retry_max_delay_usec, b->retry_max_delay_usec);
	assert_int_equal(a->uncertain_wait_usec, b->uncertain_wait_usec);
	assert_int_equal(a->log_level, b->log_level);
}

/* One bit each, whatever was set before. */
static void test_ask(void **state)
{
	for (unsigned asked = 0; asked < 1U << JOB_ASKS_N; asked++) {
		struct job j = {.retry_held = true, .confirm_deletes = true};

		job_ask(&j, asked);
		assert_int_equal(j.retry_held, asked & 1);
		assert_int_equal(j.confirm_deletes, asked >> 1 & 1);
		assert_int_equal(j.confirm_mapping, asked >> 2 & 1);
		assert_false(j.dry_run);
	}
}

/* Through text, as it goes over the socket. */
static void round_trip(const struct job *j)
{
	_cleanup_(job_done) struct job back = {0};
	_cleanup_(json_decrefp) json_t *o = job_to_json(j), *again = NULL;
	_cleanup_(freep) char *text = json_dumps(o, JSON_COMPACT);

	assert_non_null(text);
	again = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(again);
	assert_int_equal(job_from_json(&back, again, NULL), 0);
	assert_same_job(j, &back);
}

static void test_round_trip(void **state)
{
	struct job j;

	job_init(&j);
	round_trip(&j);
	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		fill_job(&j, i);
		round_trip(&j);
		job_done(&j);
	}
}

static void test_inline_secret_is_not_in_plain_sight(void **state)
{
	_cleanup_(job_done) struct job j;
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(freep) char *text = NULL;

	job_init(&j);
	j.origin.secret.kind = SECRET_INLINE;
	assert_int_equal(text_set(&j.origin.secret.value, "hunter2"), 0);
	o = job_to_json(&j);
	text = json_dumps(o, 0);
	assert_null(strstr(text, "hunter2"));
}

/* No member may be missing or of another type, at any depth. */
static void check_members(json_t *root, json_t *o)
{
	static const char *const wrong[] = {"[]",  "{\"hex\": 1}", "\"other\"",
					    "1.5", "-1",           "99999999999"};
	_cleanup_(json_decrefp) json_t *members = json_copy(o);
	const char *name;
	json_t *v;

	json_object_foreach(members, name, v)
	{
		_cleanup_(job_done) struct job j = {0};
		struct mm_err e = {0};
		unsigned n_refused = 0;

		if (json_is_object(v) && !json_object_get(v, "hex"))
			check_members(root, v);

		assert_int_equal(json_object_del(o, name), 0);
		assert_int_equal(job_from_json(&j, root, &e), -EBADMSG);
		assert_non_null(strstr(e.text, name));
		assert_int_equal(e.cls, MM_CLASS_LOCAL);
		assert_null(j.account); /* emptied again */

		for (size_t i = 0; i < ELEMENTS(wrong); i++) {
			json_object_set_new(o, name,
					    json_loads(wrong[i], JSON_DECODE_ANY, NULL));
			n_refused += job_from_json(&j, root, NULL) == -EBADMSG;
			job_done(&j);
		}
		/* A string member takes one of them, a 64-bit number another. */
		assert_true(n_refused >= ELEMENTS(wrong) - 1);
		assert_int_equal(json_object_set(o, name, v), 0);
	}
}

static void test_members(void **state)
{
	_cleanup_(job_done) struct job j, back = {0};
	_cleanup_(json_decrefp) json_t *o = NULL;

	fill_job(&j, 1);
	o = job_to_json(&j);
	check_members(o, o);
	assert_int_equal(job_from_json(&back, o, NULL), 0);
}

static void test_refuses_values(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"match", "128"},
		{"kind", "\"move\""},
		{"run_id", "{\"hex\":\"4\"}"},
		{"run_id", "{\"hex\":\"4x\"}"},
		{"run_id", "{\"hex\":\"4A\"}"},
		{"run_id", "{\"hex\":\"4100\"}"},
		{"run_id", "{}"},
		{"run_id", "true"},
		{"dry_run", "0"},
		{"connections", "4294967296"},
		{"connections", "null"},
		{"log_level", "2147483648"},
		{"origin", "null"},
		{"folders", "null"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(job_done) struct job j = {0}, back = {0};
		_cleanup_(json_decrefp) json_t *o = NULL;
		json_t *v = json_loads(rows[i].value, JSON_DECODE_ANY, NULL);

		job_init(&j);
		o = job_to_json(&j);
		assert_int_equal(json_object_set_new(o, rows[i].key, v), 0);
		assert_int_equal(job_from_json(&back, o, NULL), -EBADMSG);
	}
	{
		_cleanup_(job_done) struct job back = {0};
		_cleanup_(json_decrefp) json_t *array = json_array();

		assert_int_equal(job_from_json(&back, array, NULL), -EBADMSG);
		assert_int_equal(job_from_json(&back, NULL, NULL), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_kind_names),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_inline_secret_is_not_in_plain_sight),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_refuses_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
