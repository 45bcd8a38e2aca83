/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/event.h>
#include <mailmig/text.h>

static void test_result_names(void **state)
{
	static const struct {
		enum run_result result;
		const char *name;
	} rows[] = {
		{RUN_OK, "ok"},
		{RUN_PARTIAL, "partial"},
		{RUN_FAILED, "failed"},
		{RUN_CANCELLED, "cancelled"},
		{RUN_INTERRUPTED, "interrupted"},
		{RUN_THROTTLED, "throttled"},
	};
	enum run_result r = RUN_OK;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_string_equal(run_result_name(rows[i].result), rows[i].name);
		assert_int_equal(run_result_from_name(rows[i].name, &r), 0);
		assert_int_equal(r, rows[i].result);
	}
	assert_int_equal(run_result_from_name("OK", &r), -EINVAL);
	assert_int_equal(run_result_from_name("", &r), -EINVAL);
	assert_string_equal(run_result_name((enum run_result)99), "failed");
}

static void fill(struct run_summary *s)
{
	*s = (struct run_summary){
		.dry_run = true,
		.started_usec = UINT64_C(1795195862) * USEC_PER_SEC,
		.finished_usec = UINT64_C(1795195870) * USEC_PER_SEC,
		.result = RUN_PARTIAL,
		.exit_code = 1,
		.copied = 1,
		.present = 2,
		.skipped = 3,
		.skipped_by = {[SKIP_TOO_OLD] = 2, [SKIP_GONE] = 1},
		.failed = 4,
		.flags_updated = 5,
		.deleted = 6,
		.bytes = UINT64_C(5000000000),
		.total_messages = 10,
		.total_bytes = INT64_MAX,
		.round_trips = 11,
	};
	assert_int_equal(text_set(&s->id, "r1"), 0);
	assert_int_equal(text_set(&s->account, "family"), 0);
	assert_int_equal(text_set(&s->job, "sync"), 0);
	assert_int_equal(run_summary_add_error(s, "INBOX", 7, MM_CLASS_TOO_LARGE, "too large",
					       "skip it"),
			 0);
	assert_int_equal(run_summary_add_error(s, NULL, 0, MM_CLASS_LOGIN, "no", NULL), 0);
}

/* Scripts see this; a change here is a change of the contract. */
static void test_json_text(void **state)
{
	static const char expected[] =
		"{\"id\":\"r1\",\"job\":\"sync\",\"started\":\"2026-11-20T17:31:02Z\","
		"\"finished\":\"2026-11-20T17:31:10Z\",\"result\":\"partial\",\"exit_code\":1,"
		"\"copied\":1,\"present\":2,\"skipped\":3,\"failed\":4,\"flags_updated\":5,"
		"\"deleted\":6,\"bytes\":5000000000,\"errors\":["
		"{\"folder\":\"INBOX\",\"uid\":7,\"class\":\"too-large\",\"text\":\"too "
		"large\","
		"\"advice\":\"skip it\"},"
		"{\"folder\":null,\"uid\":null,\"class\":\"login\",\"text\":\"no\","
		"\"advice\":\"\"}],\"account\":\"family\",\"dry_run\":true,"
		"\"skipped_by\":{\"too-old\":2,\"gone\":1},"
		"\"total_messages\":10,\"total_bytes\":9223372036854775807,\"round_trips\":11}";
	_cleanup_(run_summary_done) struct run_summary s;
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(freep) char *text = NULL;

	fill(&s);
	o = run_summary_to_json(&s);
	text = json_dumps(o, JSON_COMPACT);
	assert_string_equal(text, expected);
}

static void assert_same(const struct run_summary *a, const struct run_summary *b)
{
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->job, b->job);
	assert_int_equal(a->dry_run, b->dry_run);
	assert_int_equal(a->started_usec, b->started_usec);
	assert_int_equal(a->finished_usec, b->finished_usec);
	assert_int_equal(a->result, b->result);
	assert_int_equal(a->exit_code, b->exit_code);
	assert_int_equal(a->copied, b->copied);
	assert_int_equal(a->present, b->present);
	assert_int_equal(a->skipped, b->skipped);
	assert_memory_equal(a->skipped_by, b->skipped_by, sizeof(a->skipped_by));
	assert_int_equal(a->failed, b->failed);
	assert_int_equal(a->flags_updated, b->flags_updated);
	assert_int_equal(a->deleted, b->deleted);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->total_messages, b->total_messages);
	assert_int_equal(a->total_bytes, b->total_bytes);
	assert_int_equal(a->round_trips, b->round_trips);
	assert_int_equal(a->n_errors, b->n_errors);
	for (size_t i = 0; i < a->n_errors; i++) {
		if (a->errors[i].folder)
			assert_string_equal(a->errors[i].folder, b->errors[i].folder);
		else
			assert_null(b->errors[i].folder);
		assert_int_equal(a->errors[i].uid, b->errors[i].uid);
		assert_int_equal(a->errors[i].cls, b->errors[i].cls);
		assert_string_equal(a->errors[i].text, b->errors[i].text);
		assert_string_equal(a->errors[i].advice, b->errors[i].advice);
	}
}

static void test_round_trip(void **state)
{
	_cleanup_(run_summary_done) struct run_summary s, back = {0}, running = {0};
	_cleanup_(json_decrefp) json_t *o = NULL, *o2 = NULL;

	fill(&s);
	o = run_summary_to_json(&s);
	assert_int_equal(run_summary_from_json(&back, o), 0);
	assert_string_equal(back.account, "family");
	assert_same(&s, &back);

	/* A run that has not ended, of nobody in particular; and the members of the event. */
	s.finished_usec = 0;
	free(STEAL(s.account));
	o2 = run_summary_to_json(&s);
	assert_true(json_is_null(json_object_get(o2, "finished")));
	assert_int_equal(json_object_set_new(o2, "event", json_string("done")), 0);
	assert_int_equal(run_summary_from_json(&running, o2), 0);
	assert_null(running.account);
	assert_same(&s, &running);
}

static void test_from_json_refuses(void **state)
{
	static const char *const optional[] = {"account",     "started",        "finished",
					       "dry_run",     "total_messages", "total_bytes",
					       "round_trips", "skipped_by"};
	static const char *const wrong[] = {"true", "[1]", "{}", "-1", "\"x\""};
	_cleanup_(run_summary_done) struct run_summary s;
	_cleanup_(json_decrefp) json_t *o = NULL, *all = NULL;
	const char *key;
	json_t *v;

	fill(&s);
	all = run_summary_to_json(&s);
	json_object_foreach(all, key, v)
	{
		_cleanup_(run_summary_done) struct run_summary back = {0};
		_cleanup_(json_decrefp) json_t *one = json_copy(all);
		unsigned n_refused = 0;
		bool may_be_missing = false;

		for (size_t i = 0; i < ELEMENTS(optional); i++)
			may_be_missing |= strcmp(key, optional[i]) == 0;
		assert_int_equal(json_object_del(one, key), 0);
		assert_int_equal(run_summary_from_json(&back, one),
				 may_be_missing ? 0 : -EBADMSG);
		run_summary_done(&back);

		for (size_t i = 0; i < ELEMENTS(wrong); i++) {
			json_object_set_new(one, key,
					    json_loads(wrong[i], JSON_DECODE_ANY, NULL));
			n_refused += run_summary_from_json(&back, one) == -EBADMSG;
			run_summary_done(&back);
		}
		/* Names take the string, dry_run the truth. */
		assert_true(n_refused >= ELEMENTS(wrong) - 1);
	}
	o = json_array();
	assert_int_equal(run_summary_from_json(&s, o), -EBADMSG);
	assert_int_equal(run_summary_from_json(&s, NULL), -EBADMSG);
}

static void test_from_json_refuses_values(void **state)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{"result", "\"fine\""},
		{"exit_code", "256"},
		{"started", "\"yesterday\""},
		{"errors", "[1]"},
		{"errors", "[{\"class\":\"login\"}]"},
		{"errors", "[{\"text\":\"x\"}]"},
		{"errors", "[{\"class\":\"login\",\"text\":\"x\",\"uid\":-1}]"},
		{"errors", "[{\"class\":\"login\",\"text\":\"x\",\"uid\":4294967296}]"},
		{"errors", "[{\"class\":\"login\",\"text\":\"x\",\"uid\":\"7\"}]"},
		{"errors", "[{\"class\":\"login\",\"text\":\"x\",\"folder\":7}]"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(run_summary_done) struct run_summary s, back = {0};
		_cleanup_(json_decrefp) json_t *o = NULL;

		fill(&s);
		o = run_summary_to_json(&s);
		assert_int_equal(
			json_object_set_new(o, rows[i].key,
					    json_loads(rows[i].value, JSON_DECODE_ANY, NULL)),
			0);
		assert_int_equal(run_summary_from_json(&back, o), -EBADMSG);
		assert_null(back.id); /* emptied again */
	}
}

static void test_errors_have_a_limit(void **state)
{
	_cleanup_(run_summary_done) struct run_summary s = {0};
	char text[32];

	for (int i = 0; i < RUN_ERRORS_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text), "error %d", i);
		assert_int_equal(
			run_summary_add_error(&s, "INBOX", 1, MM_CLASS_OTHER, text, ""), 0);
	}
	assert_int_equal(s.n_errors, RUN_ERRORS_MAX);
	assert_string_equal(s.errors[0].text, "error 0");
	assert_string_equal(s.errors[RUN_ERRORS_MAX - 1].text, "error 99");
}

static void test_errors_are_cleaned(void **state)
{
	_cleanup_(run_summary_done) struct run_summary s = {0};
	_cleanup_(json_decrefp) json_t *o = NULL;

	assert_int_equal(run_summary_add_error(&s, "a\xff", 1, MM_CLASS_OTHER, "b\n", "c\x1b"),
			 0);
	assert_int_equal(run_summary_add_error(&s, NULL, 1, MM_CLASS_OTHER, NULL, NULL), 0);
	assert_string_equal(s.errors[0].folder, "a?");
	assert_string_equal(s.errors[0].text, "b?");
	assert_string_equal(s.errors[0].advice, "c?");
	assert_string_equal(s.errors[1].text, "");
	o = run_summary_to_json(&s);
	assert_non_null(o);
	/* Nothing set at all is null, not a crash. */
	assert_true(json_is_null(json_object_get(o, "id")));
	assert_true(json_is_null(json_object_get(o, "started")));
}

/* Until when, there and back; also beside as many errors as are kept. */
static void test_throttle(void **state)
{
	const uint64_t until = UINT64_C(1795201500) * USEC_PER_SEC;

	for (size_t n = 0; n <= RUN_ERRORS_MAX; n += RUN_ERRORS_MAX / 2) {
		_cleanup_(run_summary_done) struct run_summary s = {0}, back = {0};
		_cleanup_(json_decrefp) json_t *o = NULL;

		s.id = text_dup("r");
		s.job = text_dup("sync");
		s.result = RUN_THROTTLED;
		for (size_t i = 0; i < n; i++)
			assert_int_equal(
				run_summary_add_error(&s, "x", 1, MM_CLASS_REFUSED, "no", ""),
				0);
		assert_int_equal(run_summary_until(&s), 0);
		assert_int_equal(run_summary_add_throttle(&s, "later", "wait", until), 0);
		assert_int_equal(run_summary_until(&s), until);
		o = run_summary_to_json(&s);
		assert_int_equal(run_summary_from_json(&back, o), 0);
		assert_int_equal(back.result, RUN_THROTTLED);
		assert_int_equal(back.n_errors, MIN_OF(n + 1, (size_t)RUN_ERRORS_MAX));
		assert_int_equal(back.errors[back.n_errors - 1].cls, MM_CLASS_THROTTLED);
		assert_int_equal(run_summary_until(&back), until);
		assert_false(run_summary_listed(&back));
		back.result = RUN_OK;
		assert_int_equal(run_summary_until(&back), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_result_names),
		cmocka_unit_test(test_json_text),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_from_json_refuses),
		cmocka_unit_test(test_from_json_refuses_values),
		cmocka_unit_test(test_errors_have_a_limit),
		cmocka_unit_test(test_errors_are_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
