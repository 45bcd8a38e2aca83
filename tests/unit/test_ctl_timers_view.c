/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_timers.h"
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

static struct bus_timer timer(const char *account, const char *load, const char *state)
{
	return (struct bus_timer){.account = (char *)account,
				  .load = (char *)load,
				  .state = (char *)state,
				  .enabled = true};
}

static const char accounts_text[] =
	"[{\"name\":\"alice\",\"enabled\":true,\"state\":\"idle\","
	"  \"timer\":{\"schedule\":\"10min\"},"
	"  \"last_run\":{\"id\":\"01A\",\"started\":\"2026-11-20T18:20:00Z\","
	"    "
	"\"finished\":\"2026-11-20T18:30:00Z\",\"result\":\"ok\",\"exit_code\":0,\"copied\":4}}"
	","
	" {\"name\":\"bob\",\"enabled\":true,\"state\":\"never-run\",\"timer\":{},"
	"  \"last_run\":null},"
	" {\"name\":\"off\",\"enabled\":false,\"state\":\"idle\",\"timer\":{},\"last_run\":"
	"null}]";

static void test_trouble(void **state)
{
	static const struct {
		const char *account, *load, *state, *advice;
	} rows[] = {
		{"alice", "loaded", "waiting", NULL},
		{"alice", "loaded", "running", NULL},
		{"alice", "loaded", "elapsed", "systemctl restart mailmig@alice.timer"},
		{"alice", "loaded", "failed", "systemctl restart mailmig@alice.timer"},
		{"alice", "loaded", "dead", "mailmigctl enable alice"},
		{"alice", "masked", "dead", "systemctl unmask mailmig@alice.timer"},
		{"alice", "bad-setting", "elapsed",
		 "mend what systemctl status mailmig@alice.timer shows, then: mailmigctl "
		 "enable "
		 "alice"},
		{"off", "loaded", "waiting",
		 "mailmigctl disable off        or take enabled = false away"},
		{"carol", "loaded", "waiting", "mailmigctl disable carol"},
		{"carol", "bad-setting", "failed", "mailmigctl disable carol"},
		{"d\\x40e", "loaded", "waiting", "mailmigctl disable 'd\\x40e'"},
	};
	_cleanup_(json_decrefp) json_t *accounts = json_of(accounts_text);

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct bus_timer t = timer(rows[i].account, rows[i].load, rows[i].state);
		const struct bus_timers timers = {&t, 1};
		_cleanup_(json_decrefp) json_t *list = timers_join(accounts, &timers);
		const json_t *entry;
		size_t k;

		json_array_foreach(list, k, entry)
		{
			bool it = strcmp(member_str(entry, "account"), rows[i].account) == 0;
			const char *wanted = it && rows[i].advice ? rows[i].advice : "";

			assert_string_equal(member_str(entry, "advice"), wanted);
			assert_int_equal(*member_str(entry, "trouble") != 0, *wanted != 0);
		}
	}
}

static void test_join(void **state)
{
	struct bus_timer t[] = {timer("alice", "loaded", "waiting"),
				timer("carol", "loaded", "waiting")};
	const struct bus_timers timers = {t, ELEMENTS(t)};
	_cleanup_(json_decrefp) json_t *accounts = json_of(accounts_text), *list = NULL;
	_cleanup_(freep) char *first = NULL;

	t[0].next_usec = NOW + 600 * USEC_PER_SEC;
	list = timers_join(accounts, &timers);
	assert_int_equal(json_array_size(list), 4);
	assert_string_equal(member_str(json_array_get(list, 3), "account"), "carol");
	first = json_dumps(json_array_get(list, 0), JSON_COMPACT);
	assert_string_equal(
		first,
		"{\"account\":\"alice\",\"unit\":\"mailmig@alice.timer\",\"enabled\":true,"
		"\"timer\":\"waiting\",\"next\":\"2026-11-20T19:10:00Z\",\"schedule\":"
		"\"10min\","
		"\"state\":\"idle\",\"last_run\":{\"id\":\"01A\",\"started\":"
		"\"2026-11-20T18:20:00Z\",\"finished\":\"2026-11-20T18:30:00Z\",\"result\":"
		"\"ok\","
		"\"exit_code\":0},\"trouble\":null,\"advice\":null}");
}

/* One entry for all members, with what the one tells that did worst. */
static void test_group(void **state)
{
	struct bus_timer t = timer("g", "loaded", "waiting");
	const struct bus_timers timers = {&t, 1};
	_cleanup_(json_decrefp) json_t *accounts = json_of(
		"[{\"name\":\"g/a\",\"group\":\"g\",\"enabled\":true,\"state\":\"idle\","
		"  "
		"\"timer\":{\"schedule\":\"1h\"},\"last_run\":{\"id\":\"01A\",\"exit_code\":0}}"
		","
		" {\"name\":\"g/b\",\"group\":\"g\",\"enabled\":true,\"state\":\"failed\","
		"  "
		"\"timer\":{\"schedule\":\"1h\"},\"last_run\":{\"id\":\"01B\",\"exit_code\":5}}"
		","
		" {\"name\":\"h\",\"group\":null,\"enabled\":true,\"state\":\"idle\","
		"  \"timer\":{},\"last_run\":null}]");
	_cleanup_(json_decrefp) json_t *list = timers_join(accounts, &timers);
	const json_t *g = json_array_get(list, 0);

	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(member_str(g, "account"), "g");
	assert_string_equal(member_str(g, "unit"), "mailmig@g.timer");
	assert_string_equal(member_str(g, "schedule"), "1h");
	assert_string_equal(member_str(g, "state"), "failed");
	assert_string_equal(member_str(g, "trouble"), "");
	assert_string_equal(member_str(json_array_get(list, 1), "account"), "h");
	assert_int_equal(timers_view(capture(), &pipe_look, list, accounts, NOW), 0);
	assert_non_null(strstr(captured(), "g        1h        enabled"));
}

static void test_table(void **state)
{
	struct bus_timer t[] = {timer("alice", "loaded", "waiting"),
				timer("bob", "loaded", "waiting"),
				timer("carol", "loaded", "elapsed")};
	const struct bus_timers timers = {t, ELEMENTS(t)};
	_cleanup_(json_decrefp) json_t *accounts = json_of(accounts_text), *list = NULL;

	t[0].next_usec = NOW + 600 * USEC_PER_SEC;
	t[1].enabled = false;
	list = timers_join(accounts, &timers);
	assert_int_equal(timers_view(capture(), &pipe_look, list, accounts, NOW), 0);
	assert_string_equal(
		captured(),
		"  ACCOUNT  SCHEDULE  TIMER         NEXT RUN     LAST RUN     RESULT\n"
		"! carol    -         elapsed       -            -\n"
		"  alice    10min     enabled       today 19:10  today 18:30  ok, 4 copied\n"
		"  bob      -         until reboot  -            never\n"
		"  off      -         disabled      -            never\n"
		"\n"
		"mailmig@carol.timer is there, but no account \"carol\"\n"
		"  mailmigctl disable carol\n");
}

static void test_a_run_in_progress(void **state)
{
	struct bus_timer t = timer("alice", "loaded", "running");
	const struct bus_timers timers = {&t, 1};
	_cleanup_(json_decrefp) json_t *accounts =
		json_of("[{\"name\":\"alice\",\"state\":\"running\",\"progress\":"
			"{\"done\":1,\"total\":4}}]");
	_cleanup_(json_decrefp) json_t *list = timers_join(accounts, &timers);

	assert_int_equal(timers_view(capture(), &utf8_look, list, accounts, NOW), 0);
	assert_string_equal(captured(),
			    "  ACCOUNT  SCHEDULE  TIMER    NEXT RUN  LAST RUN  RESULT\n"
			    "● alice    -         enabled  running   now       25%\n");
}

static void test_nothing(void **state)
{
	_cleanup_(json_decrefp) json_t *none = json_of("[]");

	assert_int_equal(timers_view(capture(), &pipe_look, none, none, NOW), 0);
	assert_string_equal(captured(), "no accounts are configured, and there is no timer\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trouble),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_a_run_in_progress),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, utc, capture_teardown);
}
