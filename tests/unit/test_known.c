/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/known.h>
#include <mailmig/text.h>

#include "unit.h"

#define N 8

/* Records of the state, by origin and age. */
static struct known_pair records[N];

static struct known_pair record(const char *origin, const char *destination, const char *basis)
{
	return (struct known_pair){.origin_raw = (char *)(uintptr_t)origin, /* only read */
				   .destination_raw = (char *)(uintptr_t)destination,
				   .basis = (char *)(uintptr_t)basis,
				   .begun = true};
}

static void test_judge(void **state)
{
	static const struct {
		const char *origin, *destination, *basis;
		bool automap;
		enum known_verdict verdict;
		const char *was; /* destination of the record; NULL: none */
	} rows[] = {
		/* never copied */
		{"new", "new", "automap", true, KNOWN_SAME, NULL},
		{"orphan", "Y", "map Y", true, KNOWN_SAME, NULL},
		/* the same place, for whatever reason */
		{"a", "X", "automap", true, KNOWN_SAME, "X"},
		{"a", "X", "map X", true, KNOWN_SAME, "X"},
		/* the map would have kept it, if it were still there */
		{"a", "Y", "automap", true, KNOWN_GONE, "X"},
		{"mapped", "Z", "map M", true, KNOWN_GONE, "M"},
		/* the configuration */
		{"a", "Y", "map Y", true, KNOWN_MOVED, "X"},
		{"a", "Y", "rewrite Y", true, KNOWN_MOVED, "X"},
		{"a", "In/X", "into In/X", true, KNOWN_MOVED, "X"},
		{"a", "a", "same", false, KNOWN_MOVED, "X"},
		{"mapped", "N", "map N", true, KNOWN_MOVED, "M"},
		{"mapped", "mapped", "automap", true, KNOWN_MOVED, "M"},
		/* the newest record that is neither retired nor without messages */
		{"moved", "2", "map 2", true, KNOWN_SAME, "2"},
		{"moved", "1", "map 1", true, KNOWN_MOVED, "2"},
		/* of a version without rules */
		{"old", "Sent", "automap", true, KNOWN_GONE, "old"},
		{"old", "Sent", "same", false, KNOWN_GONE, "old"},
		{"old", "Sent", "map Sent", true, KNOWN_MOVED, "old"},
	};
	struct known k = {.v = records};

	records[k.n++] = record("a", "X", "automap");
	records[k.n++] = record("mapped", "M", "map M");
	records[k.n++] = record("moved", "1", "map 1");
	records[k.n - 1].retired = true;
	records[k.n++] = record("moved", "2", "map 2");
	records[k.n++] = record("moved", "3", "map 3");
	records[k.n - 1].begun = false;
	records[k.n++] = record("old", "old", "");
	records[k.n++] = record("orphan", "X", "automap");
	records[k.n - 1].begun = false;
	assert_true(k.n <= N);

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct folder_rules rules = {.automap = rows[i].automap};
		const struct pair p = {.origin_raw = (char *)(uintptr_t)rows[i].origin,
				       .destination_raw =
					       (char *)(uintptr_t)rows[i].destination,
				       .map.basis = (char *)(uintptr_t)rows[i].basis};
		const struct known_pair *was = NULL;

		if (known_judge(&k, &rules, &p, &was) != rows[i].verdict)
			fail_msg("row %zu: %s to %s", i, rows[i].origin, rows[i].destination);
		if (rows[i].was)
			assert_string_equal(was->destination_raw, rows[i].was);
		else
			assert_null(was);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_judge)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
