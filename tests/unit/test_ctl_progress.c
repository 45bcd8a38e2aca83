/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_capture.h"

#define MIB (UINT64_C(1) << 20)

static const struct progress sample = {
	.phase = "transfer",
	.folder = "Archiv/Übersicht 日本語",
	.done = 312,
	.total = 1200,
	.bytes_done = 48 * MIB,
	.bytes_total = 190 * MIB,
	.rate = 4404019,
	.eta_seconds = 180,
	.elapsed_usec = 65 * USEC_PER_SEC,
	.n_runs = 1,
};

static const char *line(const struct progress *p, size_t columns, bool utf8, bool colour)
{
	const struct look l = {.columns = columns, .utf8 = utf8, .colour = colour};

	progress_line(capture(), p, &l);
	return captured();
}

static void test_line_at_usual_widths(void **state)
{
	static const struct {
		size_t columns;
		bool utf8;
		const char *text;
	} rows[] = {
		{40, false, " 25%  312/1200  4.2 MiB/s  ETA 3:00"},
		{80, false,
		 "[##........]   25%  312/1200  48/190 MiB  4.2 MiB/s  ETA 3:00  "
		 "Archiv/Übersic.."},
		{200, false,
		 "[1:05]  [#######.......................]   25%  312/1200 messages  48/190 "
		 "MiB  "
		 "4.2 MiB/s  ETA 3:00  Archiv/Übersicht 日本語"},
		{200, true,
		 "[1:05]  [███████░░░░░░░░░░░░░░░░░░░░░░░]   25%  312/1200 messages  48/190 "
		 "MiB  "
		 "4.2 MiB/s  ETA 3:00  Archiv/Übersicht 日本語"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_string_equal(line(&sample, rows[i].columns, rows[i].utf8, false),
				    rows[i].text);
}

/* In place of a rate and an end that nobody knows. */
static void test_throttled(void **state)
{
	struct progress p = sample;

	(void)snprintf(p.throttled, sizeof(p.throttled), "throttled until 14:05");
	assert_string_equal(line(&p, 80, false, false),
			    "[##........]   25%  312/1200  48/190 MiB  throttled until 14:05  "
			    "Archiv/Übers..");
	progress_words(capture(), &p);
	assert_string_equal(captured(), "312/1200 messages, 48/190 MiB, throttled until 14:05");
	p = (struct progress){.phase = "throttled", .folder = "", .n_runs = 1};
	(void)snprintf(p.throttled, sizeof(p.throttled), "throttled until 14:05");
	progress_words(capture(), &p);
	assert_string_equal(captured(), "throttled until 14:05");
}

/* Whatever the width and whatever is known: it fits, and says how far it is. */
static void test_line_always_fits(void **state)
{
	struct progress p = sample;

	for (size_t columns = 20; columns < 250; columns++) {
		for (unsigned left_out = 0; left_out < 32; left_out++) {
			const char *text;

			p.total = left_out & 1 ? 0 : sample.total;
			p.bytes_total = left_out & 2 ? 0 : sample.bytes_total;
			p.rate = left_out & 4 ? 0 : sample.rate;
			p.eta_seconds = left_out & 8 ? UINT64_MAX : sample.eta_seconds;
			p.folder = left_out & 16 ? "" : sample.folder;
			text = line(&p, columns, columns % 2, columns % 3);
			assert_true(widest_line(text) < columns);
			assert_non_null(
				strstr(text, progress_percent(&p) < 0 ? "transfer" : "%"));
		}
	}
}

static void test_line_of_several_runs(void **state)
{
	struct progress p = sample;

	p.n_runs = 3;
	assert_non_null(strstr(line(&p, 120, false, false), "3 runs"));
	assert_null(strstr(line(&p, 120, false, false), "Archiv"));
}

static void test_line_cleans_foreign_text(void **state)
{
	struct progress p = sample;

	p.folder = "a\033[2Jb\nc";
	assert_non_null(strstr(line(&p, 200, false, false), "a?[2Jb?c"));
}

static void test_percent(void **state)
{
	static const struct {
		uint64_t done, total, bytes_done, bytes_total;
		int percent;
	} rows[] = {
		{0, 0, 0, 0, -1},
		{0, 10, 0, 0, 0},
		{5, 10, 0, 0, 50},
		{10, 10, 0, 0, 100},
		{11, 10, 0, 0, 100},
		{1, 10, 999, 1000, 99}, /* octets count, and 100 is for the end */
		{9999, 10000, 1, 1000, 0},
		{0, 0, UINT64_MAX / 2, UINT64_MAX, 50},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct progress p = {.done = rows[i].done,
					   .total = rows[i].total,
					   .bytes_done = rows[i].bytes_done,
					   .bytes_total = rows[i].bytes_total};

		assert_int_equal(progress_percent(&p), rows[i].percent);
	}
}

static void test_bar(void **state)
{
	struct progress p = {.total = 8};

	for (p.done = 0; p.done <= 8; p.done++) {
		const char *text;

		progress_bar(capture(), &p, 8, &pipe_look);
		text = captured();
		assert_int_equal(strlen(text), 10);
		assert_int_equal(strspn(text + 1, "#"), p.done);
	}
	p.done = 4;
	progress_bar(capture(), &p, 4, &utf8_look);
	assert_string_equal(captured(), "[██░░]");
}

static void test_words(void **state)
{
	struct progress p = sample;

	progress_words(capture(), &p);
	assert_string_equal(captured(),
			    "312/1200 messages, 48/190 MiB, 4.2 MiB/s, about 3 min, "
			    "Archiv/Übersicht 日本語");
	p = (struct progress){.phase = "survey", .folder = "", .eta_seconds = UINT64_MAX};
	progress_words(capture(), &p);
	assert_string_equal(captured(), "survey");
	p.phase = "";
	progress_words(capture(), &p);
	assert_string_equal(captured(), "starting");
	p.folder = "INBOX";
	progress_words(capture(), &p);
	assert_string_equal(captured(), "INBOX");
	p = (struct progress){.phase = "",
			      .folder = "",
			      .done = 1,
			      .total = 2,
			      .bytes_done = 700,
			      .bytes_total = 900,
			      .eta_seconds = UINT64_MAX};
	progress_words(capture(), &p);
	assert_string_equal(captured(), "1/2 messages, 700/900 B");
}

static void test_from_json(void **state)
{
	static const char *const odd[] = {
		"{}", "{\"done\":-1,\"total\":\"x\",\"rate\":null,\"eta_seconds\":null}",
		"{\"done\":[],\"folder\":7,\"eta_seconds\":0,\"bytes_total\":1e300}"};
	_cleanup_(json_decrefp) json_t *o =
		json_of("{\"phase\":\"transfer\",\"folder\":\"INBOX\",\"done\":1,\"total\":2,"
			"\"bytes_done\":3,\"bytes_total\":4,\"rate\":5.7,\"eta_seconds\":6}");
	struct progress p;

	progress_from_json(&p, o);
	assert_string_equal(p.phase, "transfer");
	assert_string_equal(p.folder, "INBOX");
	assert_true(p.done == 1 && p.total == 2 && p.bytes_done == 3 && p.bytes_total == 4);
	assert_true(p.rate == 5 && p.eta_seconds == 6);

	for (size_t i = 0; i < ELEMENTS(odd); i++) {
		_cleanup_(json_decrefp) json_t *bad = json_of(odd[i]);

		progress_from_json(&p, bad);
		assert_int_equal(progress_percent(&p), -1);
		assert_true(p.eta_seconds == UINT64_MAX && p.rate == 0);
		assert_string_equal(p.folder, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line_at_usual_widths),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_line_always_fits),
		cmocka_unit_test(test_line_of_several_runs),
		cmocka_unit_test(test_line_cleans_foreign_text),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_from_json),
	};

	return cmocka_run_group_tests(tests, NULL, capture_teardown);
}
