/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "daemon/worker_event.c"

static json_t *parse(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	return o;
}

static void test_check(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		int result;
	} t[] = {
		{"{\"event\":\"progress\"}", 100, WORKER_EVENT_PROGRESS},
		{"{\"event\":\"folder\",\"skipped\":{\"size\":3}}", 100, WORKER_EVENT_FOLDER},
		{"{\"event\":\"message\"}", WORKER_EVENT_MAX, WORKER_EVENT_MESSAGE},
		{"{\"event\":\"message\"}", WORKER_EVENT_MAX + 1, -EMSGSIZE},
		{"{\"event\":\"done\"}", 1000000, WORKER_EVENT_DONE},
		{"{\"event\":\"log\",\"text\":\"x\"}", 100, WORKER_EVENT_LOG},
		{"{\"event\":\"check\"}", 100, WORKER_EVENT_CHECK},
		{"{\"event\":\"check\"}", WORKER_EVENT_MAX + 1, -EMSGSIZE},
		{"{\"event\":\"log\"}", 100, -EBADMSG},
		{"{\"event\":\"log\",\"text\":7}", 100, -EBADMSG},
		{"{}", 100, -EBADMSG},
		{"{\"event\":null}", 100, -EBADMSG},
		{"{\"event\":\"\"}", 100, -EBADMSG},
		{"{\"event\":\"progress \"}", 100, -EBADMSG},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(json_decrefp) json_t *o = parse(t[i].text);

		if (worker_event_check(o, t[i].size, "alice", "ID") != t[i].result)
			fail_msg("%s", t[i].text);
		if (t[i].result < 0)
			continue;
		assert_string_equal(json_string_value(json_object_get(o, "account")), "alice");
		assert_string_equal(json_string_value(json_object_get(o, "run")), "ID");
	}
}

static void test_names_are_ours(void **state)
{
	_cleanup_(json_decrefp) json_t *o =
		parse("{\"event\":\"folder\",\"account\":\"bob\",\"run\":[1,2]}");

	assert_int_equal(worker_event_check(o, 10, "alice", "ID"), WORKER_EVENT_FOLDER);
	assert_string_equal(json_string_value(json_object_get(o, "account")), "alice");
	assert_string_equal(json_string_value(json_object_get(o, "run")), "ID");
}

static void test_progress(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"{\"phase\":\"copy\",\"folder\":\"A\\u001b[1m\",\"done\":1,\"total\":2,"
		 "\"bytes_done\":3,\"bytes_total\":4,\"rate\":5,\"eta_seconds\":6,\"x\":[]}",
		 "{\"phase\":\"copy\",\"folder\":\"A?[1m\",\"done\":1,\"total\":2,"
		 "\"bytes_done\":3,\"bytes_total\":4,\"rate\":5,\"eta_seconds\":6,\"until\":"
		 "null}"},
		{"{\"phase\":\"throttled\",\"until\":\"2026-11-21T14:05:00Z\"}",
		 "{\"phase\":\"throttled\",\"folder\":\"\",\"done\":0,\"total\":0,"
		 "\"bytes_done\":0,\"bytes_total\":0,\"rate\":0,\"eta_seconds\":0,"
		 "\"until\":\"2026-11-21T14:05:00Z\"}"},
		{"{\"phase\":\"throttled\",\"until\":\"now\\u001b[1m\",\"eta_seconds\":null}",
		 "{\"phase\":\"throttled\",\"folder\":\"\",\"done\":0,\"total\":0,"
		 "\"bytes_done\":0,\"bytes_total\":0,\"rate\":0,\"eta_seconds\":null,"
		 "\"until\":null}"},
		{"{\"phase\":7,\"done\":-1,\"rate\":2.75,\"eta_seconds\":null,"
		 "\"bytes_done\":1e300,\"bytes_total\":-1e300,\"total\":\"many\"}",
		 "{\"phase\":\"\",\"folder\":\"\",\"done\":0,\"total\":0,"
		 "\"bytes_done\":0,\"bytes_total\":0,\"rate\":2,\"eta_seconds\":null,"
		 "\"until\":null}"},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(json_decrefp) json_t *in = parse(t[i].in);
		_cleanup_(json_decrefp) json_t *out = parse(t[i].out);
		_cleanup_(json_decrefp) json_t *p = worker_event_progress(in);

		assert_non_null(p);
		assert_true(json_equal(p, out));
	}
}

static void test_long_folder_is_cut(void **state)
{
	_cleanup_(json_decrefp) json_t *in = json_object(), *p = NULL;
	char folder[5000];

	memset(folder, 'x', sizeof(folder) - 1);
	folder[sizeof(folder) - 1] = '\0';
	assert_int_equal(json_object_set_new(in, "folder", json_string(folder)), 0);
	p = worker_event_progress(in);
	assert_true(json_string_length(json_object_get(p, "folder")) < 512);
}

static void test_folder(void **state)
{
	static const struct {
		const char *in, *out;
	} t[] = {
		{"{\"event\":\"folder\",\"account\":\"a\",\"run\":\"r\",\"folder\":\"A\","
		 "\"destination\":\"B\\n\",\"messages\":9,\"copied\":1,\"present\":2,"
		 "\"skipped\":3,\"skipped_by\":{\"too-old\":3,\"gone\":-1,\"x\":1,\"too-"
		 "young\":0},"
		 "\"failed\":4,\"flags_updated\":5,\"bytes\":6,"
		 "\"bytes_total\":7,\"created\":true,\"unchanged\":true,\"result\":\"failed\","
		 "\"text\":\"no\\u001b room\",\"x\":[]}",
		 "{\"folder\":\"A\",\"destination\":\"B?\",\"messages\":9,\"copied\":1,"
		 "\"present\":2,\"skipped\":3,\"failed\":4,\"flags_updated\":5,\"bytes\":6,"
		 "\"bytes_total\":7,\"created\":true,\"unchanged\":true,\"result\":\"failed\","
		 "\"skipped_by\":{\"too-old\":3},\"text\":\"no? room\"}"},
		{"{\"folder\":7,\"messages\":-1,\"copied\":\"x\",\"created\":1,\"skipped_by\":"
		 "7}",
		 "{\"folder\":\"\",\"destination\":\"\",\"messages\":0,\"copied\":0,"
		 "\"present\":0,\"skipped\":0,\"failed\":0,\"flags_updated\":0,\"bytes\":0,"
		 "\"bytes_total\":0,\"created\":false,\"unchanged\":false,\"result\":\"\"}"},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(json_decrefp) json_t *in = parse(t[i].in);
		_cleanup_(json_decrefp) json_t *out = parse(t[i].out);
		_cleanup_(json_decrefp) json_t *f = worker_event_folder(in);

		assert_non_null(f);
		assert_true(json_equal(f, out));
	}
}

static void test_server(void **state)
{
	static const struct run_end ends[] = {{(char *)"10.0.0.5", (char *)"old"},
					      {(char *)"2001:db8::1", (char *)"new"}};
	static const struct run_end unknown[2] = {{0}};
	static const struct {
		const char *text, *server;
	} t[] = {
		{"origin 10.0.0.5:993: connection refused", "old"},
		{"cannot log in at destination 2001:db8::1:143", "new"},
		{"destination 2001:db8::1:993 has what origin 10.0.0.5:993 had", "new"},
		{"origin 10.0.0.5:993 has what destination 2001:db8::1:993 had", "old"},
		{"origin 10.0.0.50:993: no", NULL},
		{"destination 10.0.0.5:993: no", NULL}, /* no such end */
		{"10.0.0.5:993: no", NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		const char *server = worker_event_server(ends, t[i].text);

		if (t[i].server)
			assert_string_equal(server, t[i].server);
		else
			assert_null(server);
		assert_null(worker_event_server(unknown, t[i].text));
	}
}

static void test_log_level(void **state)
{
	static const struct {
		const char *text;
		int level;
	} t[] = {
		{"{}", LOG_INFO},
		{"{\"level\":7}", LOG_DEBUG},
		{"{\"level\":3}", LOG_ERR},
		{"{\"level\":0}", LOG_ERR}, /* an emergency is not a worker's to call */
		{"{\"level\":-5}", LOG_ERR},
		{"{\"level\":99999999999}", LOG_INFO},
		{"{\"level\":\"warning\"}", LOG_WARNING},
		{"{\"level\":\"loud\"}", LOG_INFO},
		{"{\"level\":[]}", LOG_INFO},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(json_decrefp) json_t *o = parse(t[i].text);

		assert_int_equal(worker_event_log_level(o), t[i].level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),     cmocka_unit_test(test_names_are_ours),
		cmocka_unit_test(test_progress),  cmocka_unit_test(test_long_folder_is_cut),
		cmocka_unit_test(test_folder),    cmocka_unit_test(test_server),
		cmocka_unit_test(test_log_level),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
