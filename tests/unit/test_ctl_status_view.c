/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"
#include <time.h>

#define NOW UINT64_C(1795201200000000) /* 2026-11-20 19:00 UTC */

static int utc(void **state)
{
	if (setenv("TZ", "UTC", 1) < 0)
		return -1;
	tzset();
	return 0;
}

static void test_attention(void **state)
{
	static const struct {
		const char *account, *attention;
	} rows[] = {
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"ok\"}}", NULL},
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"cancelled\"}}", NULL},
		{"{\"state\":\"never-run\",\"last_run\":null}", NULL},
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"partial\"}}", "partial"},
		{"{\"state\":\"failed\",\"last_run\":{\"result\":\"failed\"}}", "failed"},
		{"{\"state\":\"failed\",\"last_run\":null}", "failed"},
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"interrupted\"}}",
		 "interrupted"},
		{"{\"state\":\"running\",\"last_run\":{\"result\":\"failed\"}}", NULL},
		{"{\"state\":\"queued\",\"last_run\":{\"result\":\"failed\"}}", NULL},
		{"{\"state\":\"paused\",\"last_run\":{\"result\":\"failed\"}}", NULL},
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"throttled\",\"errors\":["
		 "{\"class\":\"throttled\",\"until\":\"2026-11-21T14:05:00Z\"}]}}",
		 NULL},
		{"{\"state\":\"idle\",\"last_run\":{\"result\":\"throttled\",\"failed\":1}}",
		 "partial"},
		{"{}", NULL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(rows[i].account);
		const char *got = status_attention(o);

		if (rows[i].attention)
			assert_string_equal(got, rows[i].attention);
		else
			assert_null(got);
	}
}

static void test_result(void **state)
{
	static const struct {
		const char *account, *text;
	} rows[] = {
		{"{\"last_run\":null}", ""},
		{"{\"last_run\":{\"result\":\"ok\"}}", "ok, nothing new"},
		{"{\"last_run\":{\"result\":\"ok\",\"copied\":5}}", "ok, 5 copied"},
		{"{\"last_run\":{\"result\":\"ok\",\"flags_updated\":2}}",
		 "ok, 0 copied, 2 flags"},
		{"{\"last_run\":{\"result\":\"partial\",\"failed\":3}}", "partial, 3 failed"},
		{"{\"last_run\":{\"result\":\"partial\",\"errors\":[{\"class\":\"quota\"}]}}",
		 "partial: quota"},
		{"{\"last_run\":{\"result\":\"failed\",\"errors\":[{\"class\":\"login\"}]}}",
		 "failed: login"},
		{"{\"last_run\":{\"result\":\"cancelled\"}}", "cancelled"},
		{"{\"state\":\"running\"}", "starting"},
		{"{\"state\":\"running\",\"progress\":{\"phase\":\"survey\"}}", "survey"},
		{"{\"progress\":{\"done\":1,\"total\":4,\"eta_seconds\":180}}",
		 "25%, about 3 min"},
		{"{\"progress\":{\"done\":1,\"total\":4,\"phase\":\"throttled\","
		 "\"eta_seconds\":180,\"until\":\"2099-11-21T14:05:59Z\"}}",
		 "25%, throttled until 2099-11-21 14:05"},
		{"{\"progress\":{\"phase\":\"throttled\",\"until\":\"2099-11-21T14:05:59Z\"}}",
		 "throttled until 2099-11-21 14:05"},
		{"{\"last_run\":{\"result\":\"throttled\",\"errors\":[{\"class\":\"refused\"},"
		 "{\"class\":\"throttled\",\"until\":\"2099-11-21T14:05:59Z\"}]}}",
		 "throttled until 2099-11-21 14:05"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(rows[i].account);

		status_result(capture(), o);
		assert_string_equal(captured(), rows[i].text);
	}
}

static const char status_text[] =
	"{\"version\":\"1.0\",\"daemon\":{\"since\":\"2026-11-16T08:02:00Z\",\"jobs_running\":"
	"1,"
	"\"jobs_queued\":2},\"accounts\":["
	"{\"name\":\"alice\",\"mode\":\"sync\",\"state\":\"idle\",\"enabled\":true,"
	"\"timer\":{\"enabled\":true,\"next\":\"2026-11-21T03:00:00Z\"},"
	"\"totals\":{\"messages\":50},"
	"\"last_run\":{\"result\":\"ok\",\"finished\":\"2026-11-20T18:21:00Z\",\"copied\":4}},"
	"{\"name\":\"bob\",\"mode\":\"sync\",\"state\":\"failed\",\"enabled\":true,"
	"\"totals\":{\"messages\":50},"
	"\"last_run\":{\"result\":\"failed\",\"finished\":\"2026-11-19T18:21:00Z\",\"copied\":"
	"4,"
	"\"present\":6,\"errors\":[{\"class\":\"login\",\"text\":\"refused\",\"advice\":\"mend "
	"it\"}]}},"
	"{\"name\":\"old\",\"mode\":\"sync\",\"state\":\"never-run\",\"enabled\":false,"
	"\"last_run\":null}]}";

static void test_table(void **state)
{
	_cleanup_(json_decrefp) json_t *status = json_of(status_text);

	assert_int_equal(status_view_table(capture(), &pipe_look, status, NOW, false), 0);
	assert_string_equal(
		captured(),
		"mailmigd 1.0  running since 2026-11-16 08:02 (4 days)   3 accounts, 1 "
		"running, "
		"2 queued, 1 needs attention\n"
		"\n"
		"  ACCOUNT  MODE  STATE     LAST RUN         RESULT         NEXT RUN        "
		"COPIED/TOTAL  ERRORS\n"
		"! bob      sync  failed    yesterday 18:21  failed: login  -                  "
		"    "
		"10/50       1\n"
		"  alice    sync  idle      today 18:21      ok, 4 copied   tomorrow 03:00     "
		"    "
		"50/50       -\n"
		"  old      sync  disabled  never                           -                  "
		"    "
		"    -       -\n"
		"\n"
		"bob:\n"
		"  refused\n"
		"    mend it\n");
}

static void test_attention_only(void **state)
{
	_cleanup_(json_decrefp) json_t *status = json_of(status_text);
	_cleanup_(json_decrefp) json_t *well = json_of("{\"accounts\":[{\"name\":\"x\"}]}");

	assert_int_equal(status_view_table(capture(), &pipe_look, status, NOW, true), 0);
	assert_non_null(strstr(captured(), "bob"));
	assert_null(strstr(capture_text, "alice"));
	assert_int_equal(status_view_table(capture(), &pipe_look, well, NOW, true), 0);
	assert_string_equal(captured(), "");
}

static void test_widths(void **state)
{
	_cleanup_(json_decrefp) json_t *status = json_of(status_text);
	json_t *first = json_array_get(json_object_get(status, "accounts"), 0);
	static const size_t widths[] = {80, 100, 200};

	assert_int_equal(
		json_object_set_new(first, "name",
				    json_string("eine-sehr-lange-übersicht@example.org")),
		0);
	json_object_del(json_object_get(status, "daemon"),
			"since"); /* the heading may be longer */
	for (size_t i = 0; i < ELEMENTS(widths); i++) {
		const struct look l = {.columns = widths[i], .utf8 = true, .colour = i % 2};

		assert_int_equal(status_view_table(capture(), &l, status, NOW, false), 0);
		assert_true(widest_line(captured()) <= widths[i]);
	}
}

/* An answer of another version, or of a stranger. */
static void test_odd_answers(void **state)
{
	static const char *const odd[] = {
		"{}",
		"{\"accounts\":7,\"daemon\":[]}",
		"{\"accounts\":[1,null,[],{}]}",
		"{\"accounts\":[{\"name\":1,\"last_run\":[],\"timer\":\"x\",\"progress\":{}}]}",
		"{\"accounts\":[{\"last_run\":{\"result\":\"failed\",\"errors\":[7]}}]}",
	};

	for (size_t i = 0; i < ELEMENTS(odd); i++) {
		_cleanup_(json_decrefp) json_t *o = json_of(odd[i]);
		json_t *accounts = json_object_get(o, "accounts"), *a;
		size_t k;

		assert_int_equal(status_view_table(capture(), &pipe_look, o, NOW, false), 0);
		(void)captured();
		json_array_foreach(accounts, k, a)
		{
			assert_int_equal(status_view_account(capture(), &pipe_look, a, accounts,
							     NOW, false),
					 0);
			(void)captured();
		}
	}
}

/* How many are there is not known of a run that ended before it looked. */
static void test_copied_of_total(void **state)
{
	static const struct {
		const char *last_run, *text;
	} rows[] = {
		{"{\"result\":\"ok\",\"total_messages\":50}", " 50/50 "},
		{"{\"result\":\"failed\",\"total_messages\":0}", " ?/50 "},
		{"{\"result\":\"interrupted\"}", " ?/50 "},
		{"{\"result\":\"cancelled\",\"total_messages\":50}", " 0/50 "},
		{"{\"result\":\"failed\",\"copied\":1,\"total_messages\":50}", " 1/50 "},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(json_decrefp) json_t *o = json_pack(
			"{s:[{s:s, s:{s:i}, s:o}]}", "accounts", "name", "x", "totals",
			"messages", 50, "last_run", json_of(rows[i].last_run));

		assert_int_equal(status_view_table(capture(), &pipe_look, o, NOW, false), 0);
		assert_non_null(strstr(captured(), rows[i].text));
	}
}

static void test_folders_of_the_account(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_of(
		"{\"name\":\"alice\",\"mode\":\"sync\",\"state\":\"idle\",\"last_run\":{"
		"\"result\":\"partial\",\"folders\":[{\"folder\":\"INBOX\",\"messages\":3}],"
		"\"folders_left_out\":2,\"errors\":[{\"text\":\"too large\"}]}}");
	const char *text;

	assert_int_equal(status_view_account(capture(), &pipe_look, o, NULL, NOW, false), 0);
	text = strstr(captured(), "\nFolders of the last run:\n");
	assert_non_null(text);
	assert_string_equal(text, "\nFolders of the last run:\n"
				  "  FOLDER  MESSAGES  COPIED  THERE  FAILED  SIZE\n"
				  "  INBOX          3       0      0       0     -\n"
				  "  and 2 more, of which no counts were kept\n"
				  "\n"
				  "Errors of the last run:\n"
				  "  too large\n");
}

static void test_account(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_of(
		"{\"name\":\"alice\",\"group\":\"office\",\"mode\":\"sync\",\"state\":"
		"\"running\","
		"\"enabled\":true,\"timer\":{\"enabled\":true,\"next\":null},"
		"\"progress\":{\"phase\":\"transfer\",\"folder\":\"Sent\",\"done\":1,\"total\":"
		"4,"
		"\"bytes_done\":0,\"bytes_total\":0,\"rate\":0,\"eta_seconds\":null},"
		"\"last_run\":{\"id\":\"01A\",\"started\":\"2026-11-20T18:21:00Z\","
		"\"finished\":\"2026-11-20T18:21:06Z\",\"result\":\"partial\",\"copied\":4,"
		"\"present\":1,\"bytes\":2048,\"failed\":1,\"errors\":[{\"folder\":\"INBOX\","
		"\"uid\":7,\"text\":\"too large\",\"advice\":\"leave it out\"}]},"
		"\"last_success\":null,\"totals\":{\"messages\":6,\"bytes\":4096}}");

	assert_int_equal(status_view_account(capture(), &pipe_look, o, NULL, NOW, false), 0);
	assert_string_equal(captured(),
			    "alice of office: sync\n"
			    "       State: running\n"
			    "    Progress: [#####...............] 25%  1/4 messages, Sent\n"
			    "       Timer: mailmig@office.timer, enabled, next run not known\n"
			    "    Last run: today 18:21  partial in 6 s  (run 01A)\n"
			    "              4 copied (2.0 KiB), 1 already there, 0 skipped, 1 "
			    "failed, 0 flags "
			    "updated\n"
			    "Last success: never\n"
			    "       Total: 6 messages, 4.0 KiB\n"
			    "\n"
			    "Errors of the last run:\n"
			    "  INBOX uid 7: too large\n"
			    "      leave it out\n");
}

/* A timer that will not start another run is told of wherever its next run would stand. */
/* What has to wait is no error, and says why and until when. */
static void test_throttled(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_of(
		"{\"name\":\"g\",\"mode\":\"sync\",\"state\":\"idle\",\"last_run\":{"
		"\"result\":\"throttled\",\"failed\":0,\"errors\":[{\"class\":"
		"\"throttled\",\"text\":\"daily_upload of 500 MB is used up: goes on at "
		"14:05\",\"advice\":\"wait\",\"until\":\"2099-11-21T14:05:59Z\"}]}}");
	_cleanup_(json_decrefp) json_t *status = json_pack("{s:[O]}", "accounts", o);

	const char *text;

	assert_int_equal(status_view_account(capture(), &pipe_look, o, NULL, NOW, false), 0);
	text = captured();
	assert_non_null(strstr(text, "daily_upload of 500 MB is used up"));
	assert_null(strstr(text, "Errors of the last run"));
	assert_int_equal(status_view_table(capture(), &pipe_look, status, NOW, false), 0);
	text = captured();
	assert_non_null(strstr(text, "throttled until 2099-11-21 14:05"));
	assert_null(strstr(text, "attention"));
	assert_string_equal(text + strlen(text) - 5, "   -\n"); /* errors */
}

static void test_stopped_timer(void **state)
{
	_cleanup_(json_decrefp) json_t *o =
		json_of("{\"accounts\":[{\"name\":\"alice\",\"state\":\"idle\",\"timer\":"
			"{\"enabled\":true,\"next\":null,\"state\":\"elapsed\"}}]}");
	const json_t *a = json_array_get(json_object_get(o, "accounts"), 0);
	const char *text;

	assert_int_equal(status_view_table(capture(), &pipe_look, o, NOW, false), 0);
	text = captured();
	assert_non_null(strstr(text, " elapsed  "));
	assert_non_null(strstr(text, "\nnot all timers will start a run: mailmigctl timers\n"));
	assert_int_equal(status_view_account(capture(), &pipe_look, a, NULL, NOW, false), 0);
	assert_non_null(strstr(captured(), "mailmig@alice.timer, elapsed: it will not start "
					   "another run; see mailmigctl timers\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attention),
		cmocka_unit_test(test_result),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_attention_only),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_odd_answers),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_copied_of_total),
		cmocka_unit_test(test_folders_of_the_account),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_stopped_timer),
	};

	return cmocka_run_group_tests(tests, utc, capture_teardown);
}
