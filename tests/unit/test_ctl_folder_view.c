/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

static const char folders_text[] =
	"[{\"folder\":\"INBOX\",\"destination\":\"INBOX\",\"messages\":1200,\"copied\":12,"
	"\"present\":1188,\"bytes_total\":5242880,\"result\":\"ok\"},"
	"{\"folder\":\"Sent\",\"destination\":\"Sent Items\",\"messages\":18,\"copied\":17,"
	"\"failed\":1,\"result\":\"ok\"},"
	"{\"folder\":\"Lists\",\"destination\":\"\",\"messages\":0,\"deleted\":4,"
	"\"result\":\"ok\"},"
	"{\"folder\":\"Old\",\"messages\":5,\"present\":3,\"skipped\":2,\"skipped_by\":{\"too-"
	"old\":2},\"bytes_total\":10,"
	"\"result\":\"ok\"},"
	"{\"folder\":\"Locked\",\"destination\":\"Locked\",\"result\":\"failed\","
	"\"text\":\"the server refuses it\"}]";

static void test_table(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_of(folders_text);

	assert_int_equal(folder_view(capture(), &pipe_look, o, 0, false), 0);
	assert_string_equal(
		captured(),
		"  FOLDER              MESSAGES  COPIED  THERE  FAILED     SIZE\n"
		"! Sent -> Sent Items        18      17      0       1        -\n"
		"! Locked                     0       0      0       0      0 B  "
		"failed: the server refuses it\n"
		"  INBOX                   1200      12   1188       0  5.0 MiB\n"
		"  Lists                      0       0      0       0      0 B  4 deleted\n"
		"  Old                        5       0      3       0     10 B  2 skipped (2 "
		"too old)\n");
}

static void test_nothing(void **state)
{
	static const char *const none[] = {"[]", "{}", "7"};

	for (size_t i = 0; i < ELEMENTS(none); i++) {
		_cleanup_(json_decrefp) json_t *o = json_loads(none[i], JSON_DECODE_ANY, NULL);

		assert_int_equal(folder_view(capture(), &pipe_look, o, 0, false), 0);
		assert_string_equal(captured(), "");
	}
}

static void test_left_out(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_of("[{\"folder\":\"A\"}]");

	assert_int_equal(folder_view(capture(), &pipe_look, o, 12, false), 0);
	assert_string_equal(captured(), "  FOLDER  MESSAGES  COPIED  THERE  FAILED  SIZE\n"
					"  A              0       0      0       0   0 B\n"
					"  and 12 more, of which no counts were kept\n");
}

static json_t *many(unsigned n, unsigned failed)
{
	json_t *o = json_array();

	for (unsigned i = 0; i < n; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "F%03u", i);
		assert_int_equal(json_array_append_new(o, json_pack("{s:s, s:i, s:s}", "folder",
								    name, "failed", i == failed,
								    "result", "ok")),
				 0);
	}
	return o;
}

static unsigned lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void test_long_table_is_cut_on_a_terminal(void **state)
{
	static const struct look terminal = {.columns = 80, .utf8 = true};
	_cleanup_(json_decrefp) json_t *exact = many(40, 39), *more = many(352, 351);

	assert_int_equal(folder_view(capture(), &terminal, exact, 0, false), 0);
	assert_int_equal(lines(captured()), 41);

	assert_int_equal(folder_view(capture(), &terminal, more, 0, false), 0);
	assert_int_equal(lines(captured()), 42);
	assert_non_null(strstr(capture_text, "\n\u25b2 F351 "));
	assert_null(strstr(capture_text, "F039"));
	assert_non_null(strstr(capture_text, "\n  and 312 more, -v shows them\n"));

	assert_int_equal(folder_view(capture(), &terminal, more, 0, true), 0);
	assert_int_equal(lines(captured()), 353);
	assert_int_equal(folder_view(capture(), &pipe_look, more, 0, false), 0);
	assert_int_equal(lines(captured()), 353);
}

static void test_widths(void **state)
{
	static const size_t widths[] = {70, 80, 120};
	_cleanup_(json_decrefp) json_t *o = json_of(folders_text);
	json_t *first = json_array_get(o, 0);
	char name[600];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(json_object_set_new(first, "folder", json_string(name)), 0);
	assert_int_equal(json_object_set_new(first, "destination",
					     json_string("\xe6\x97\xa5\xe6\x9c\xac")),
			 0);
	for (size_t i = 0; i < ELEMENTS(widths); i++) {
		const struct look l = {.columns = widths[i], .utf8 = true, .colour = i % 2};

		assert_int_equal(folder_view(capture(), &l, o, 0, false), 0);
		assert_true(widest_line(captured()) <= widths[i]);
	}
}

/* An answer of another version, or of a stranger. */
static void test_odd_answers(void **state)
{
	_cleanup_(json_decrefp) json_t *o =
		json_of("[1,null,[],{},{\"folder\":7,\"messages\":\"x\",\"result\":[]},"
			"{\"folder\":\"\\u001b[2J\",\"destination\":\"\\r\",\"text\":\"\\n\","
			"\"result\":\"\\u0007\"}]");

	assert_int_equal(folder_view(capture(), &pipe_look, o, 0, false), 0);
	assert_int_equal(lines(captured()), 7);
	assert_null(strpbrk(capture_text, "\033\r\007"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_long_table_is_cut_on_a_terminal),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_odd_answers),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
