/* SPDX-License-Identifier: Apache-2.0 */
#include "match_rows.h"

/* One message: its UID, a header (0-9, one octet of the fingerprint; A-Z: without Message-ID),
 * a text (one octet of the digest; '-': not read) and its size. */
struct row {
	uint32_t uid;
	char header, text;
	uint64_t size;
};

static void fill(struct match_list *l, const struct row *v)
{
	for (; v->uid; v++) {
		struct match_item *it = match_add(l);

		assert_non_null(it);
		it->uid = v->uid;
		it->size = v->size;
		it->fingerprint.id[0] = (uint8_t)v->header;
		it->fingerprint.has_message_id = v->header >= '0' && v->header <= '9';
		it->has_digest = v->text != '-';
		it->digest[0] = it->has_digest ? (uint8_t)v->text : 0;
	}
}

static void test_match(void **state)
{
	static const struct {
		const char *what;
		struct row a[6], b[6];
		enum match_trust trust;
		const char *by_fingerprint_a, *by_fingerprint_b; /* after the first step */
		const char *a_end, *b_end;                       /* and after the second */
	} rows[] = {
		{"unique",
		 {{1, '1', '-', 5}, {2, '2', '-', 5}},
		 {{11, '2', '-', 5}, {12, '1', '-', 5}},
		 MATCH_TRUST,
		 "1-12 2-11",
		 "11-2 12-1",
		 "1-12 2-11",
		 "11-2 12-1"},
		{"another size is no witness",
		 {{1, '1', '-', 5}},
		 {{11, '1', '-', 900}},
		 MATCH_TRUST,
		 "1-11",
		 "11-1",
		 "1-11",
		 "11-1"},
		{"another size at the same server is another message",
		 {{1, '1', 'a', 5}, {2, '2', '-', 5}},
		 {{11, '1', 'b', 900}, {12, '2', '-', 5}},
		 MATCH_TRUST_SIZE,
		 "1? 2-12",
		 "11? 12-2",
		 "1? 2-12",
		 "11? 12-2"},
		{"nothing in common",
		 {{1, '1', 'a', 5}},
		 {{11, '2', 'a', 5}},
		 MATCH_TRUST,
		 "1",
		 "11",
		 "1",
		 "11"},
		{"one side empty", {{1, '1', 'a', 5}}, {{0}}, MATCH_TRUST, "1", "", "1", ""},
		{"without trust the text decides",
		 {{1, '1', 'a', 5}},
		 {{11, '1', 'a', 5}},
		 MATCH_DOUBT,
		 "1?",
		 "11?",
		 "1-11",
		 "11-1"},
		{"without trust another text is another message",
		 {{1, '1', 'a', 5}},
		 {{11, '1', 'b', 5}},
		 MATCH_DOUBT,
		 "1?",
		 "11?",
		 "1?",
		 "11?"},
		{"both texts known: they decide, trusted or not",
		 {{1, '1', 'a', 5}},
		 {{11, '1', 'b', 5}},
		 MATCH_TRUST,
		 "1?",
		 "11?",
		 "1?",
		 "11?"},
		{"one text known is none known",
		 {{1, '1', 'a', 5}},
		 {{11, '1', '-', 5}},
		 MATCH_TRUST,
		 "1-11",
		 "11-1",
		 "1-11",
		 "11-1"},
		{"no Message-ID: the text decides",
		 {{1, 'A', 'a', 5}},
		 {{11, 'A', 'a', 5}},
		 MATCH_TRUST,
		 "1?",
		 "11?",
		 "1-11",
		 "11-1"},
		{"no Message-ID, not read",
		 {{1, 'A', '-', 5}},
		 {{11, 'A', '-', 5}},
		 MATCH_TRUST,
		 "1?",
		 "11?",
		 "1?",
		 "11?"},
		{"doubled at the origin, one there",
		 {{1, '1', 'a', 5}, {2, '1', 'a', 5}, {3, '1', 'a', 5}},
		 {{11, '1', 'a', 5}},
		 MATCH_TRUST,
		 "1? 2? 3?",
		 "11?",
		 "1-11 2? 3?",
		 "11-1"},
		{"doubled on a side and not read: nothing is certain",
		 {{1, '1', '-', 5}, {2, '1', '-', 5}},
		 {{11, '1', '-', 5}},
		 MATCH_TRUST,
		 "1? 2?",
		 "11?",
		 "1? 2?",
		 "11?"},
		{"doubled there, one at the origin",
		 {{1, '1', 'a', 5}},
		 {{11, '1', 'a', 5}, {12, '1', 'a', 5}},
		 MATCH_TRUST,
		 "1?",
		 "11? 12?",
		 "1-11",
		 "11-1 12?"},
		{"equal ones in ascending order",
		 {{1, '1', 'a', 5}, {2, '1', 'a', 5}},
		 {{11, '1', 'a', 5}, {12, '1', 'a', 5}},
		 MATCH_TRUST,
		 "1? 2?",
		 "11? 12?",
		 "1-11 2-12",
		 "11-1 12-2"},
		{"one Message-ID, several texts",
		 {{1, '1', 'a', 5}, {2, '1', 'b', 5}},
		 {{11, '1', 'b', 5}, {12, '1', 'a', 5}},
		 MATCH_TRUST,
		 "1? 2?",
		 "11? 12?",
		 "1-12 2-11",
		 "11-2 12-1"},
		{"equal text under different headers stays apart",
		 {{1, '1', 'a', 5}, {2, '2', 'b', 5}, {3, '2', 'b', 5}},
		 {{11, '1', '-', 5}, {12, '2', 'b', 5}},
		 MATCH_TRUST,
		 "1-11 2? 3?",
		 "11-1 12?",
		 "1-11 2-12 3?",
		 "11-1 12-2"},
		{"UIDs at the end of the range",
		 {{4294967295, '1', '-', 5}},
		 {{1, '1', '-', 5}},
		 MATCH_TRUST,
		 "4294967295-1",
		 "1-4294967295",
		 "4294967295-1",
		 "1-4294967295"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct match_list a = {0}, b = {0};
		char text[256];

		print_message("%s\n", rows[i].what);
		fill(&a, rows[i].a);
		fill(&b, rows[i].b);
		match_by_fingerprint(&a, &b, rows[i].trust);
		shown(&a, text, sizeof(text));
		assert_string_equal(text, rows[i].by_fingerprint_a);
		shown(&b, text, sizeof(text));
		assert_string_equal(text, rows[i].by_fingerprint_b);
		assert_sound(&a, &b);
		match_by_digest(&a, &b);
		shown(&a, text, sizeof(text));
		assert_string_equal(text, rows[i].a_end);
		shown(&b, text, sizeof(text));
		assert_string_equal(text, rows[i].b_end);
		assert_sound(&a, &b);
		match_done(&a);
		match_done(&b);
	}
}

/* Of equal messages those with equal flags first: nothing changes that need not. */
static void test_equal_flags_first(void **state)
{
	static const struct row two[] = {{1, '1', 'a', 5}, {2, '1', 'a', 5}, {0}};
	static const struct row one[] = {{11, '1', 'a', 5}, {0}};
	struct match_list a = {0}, b = {0};
	char text[64];

	fill(&a, two);
	fill(&b, one);
	a.v[0].flags = strdup("\\Flagged");
	a.v[1].flags = strdup("\\Seen");
	b.v[0].flags = strdup("\\Seen");
	match_by_fingerprint(&a, &b, MATCH_DOUBT);
	match_by_digest(&a, &b);
	shown(&a, text, sizeof(text));
	assert_string_equal(text, "1? 2-11");
	match_done(&a);
	match_done(&b);
}

/* Many of everything: as many pairs as the smaller side of each text has. */
static void test_counts_stay_right(void **state)
{
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct match_list a = {0}, b = {0};
		size_t count[2][4][4] = {{{0}}}, expected = 0, got = 0;
		unsigned x = seed * 2654435761u;

		for (uint32_t uid = 1; uid <= 200; uid++) {
			unsigned side, header, text;
			struct row rows[2] = {{0}};

			x = x * 1664525u + 1013904223u;
			side = x >> 31;
			header = (x >> 28) % 4;
			text = (x >> 24) % 4;
			rows[0] = (struct row){uid, (char)('A' + header),
					       (char)('a' + 4 * header + text), 5};
			fill(side ? &b : &a, rows);
			count[side][header][text]++;
		}
		match_by_fingerprint(&a, &b, MATCH_TRUST);
		match_by_digest(&a, &b);
		assert_sound(&a, &b);
		for (size_t h = 0; h < 4; h++)
			for (size_t t = 0; t < 4; t++)
				expected += MIN_OF(count[0][h][t], count[1][h][t]);
		for (size_t i = 0; i < a.n; i++) {
			const struct match_item *other = match_find(&b, a.v[i].partner);

			got += other != NULL;
			if (other)
				assert_int_equal(other->fingerprint.id[0],
						 a.v[i].fingerprint.id[0]);
		}
		assert_int_equal(got, expected);
		match_done(&a);
		match_done(&b);
	}
}

/* A server that changes what it stores: sizes are dates here. */
static void test_rewritten(void **state)
{
	static const struct {
		const char *name;
		struct row a[6], b[6];
		const char *by_header, *by_date; /* of a, one after the other */
	} cases[] = {
		{"another text under the same header",
		 {{1, '1', 'a', 5}},
		 {{11, '1', 'b', 9}},
		 "1-11",
		 "1-11"},
		{"what is there as it was is not looked for in another form",
		 {{1, '1', 'a', 5}, {2, '1', 'b', 5}},
		 {{11, '1', 'c', 5}, {12, '1', 'b', 5}},
		 "1-11 2-12",
		 "1-11 2-12"},
		{"each has one partner, in their order",
		 {{1, '1', 'a', 5}, {2, '1', 'a', 6}, {3, '1', 'a', 7}},
		 {{11, '1', 'x', 5}, {12, '1', 'y', 5}},
		 "1-11 2-12 3?",
		 "1-11 2-12 3?"},
		{"without Message-ID only the date can tell",
		 {{1, 'A', 'a', 5}, {2, 'A', 'b', 6}},
		 {{11, 'A', 'x', 6}, {12, 'B', 'y', 5}},
		 "1? 2?",
		 "1-12 2-11"},
		{"another Message-ID, another text, the same date",
		 {{1, '1', 'a', 5}, {2, '2', 'b', 6}},
		 {{11, '3', 'x', 6}, {12, '4', 'y', 7}},
		 "1 2",
		 "1 2-11"},
		{"no date is no witness", {{1, '1', 'a', 0}}, {{11, '3', 'x', 0}}, "1", "1"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct match_list a = {0}, b = {0};
		char text[128];

		fill(&a, cases[i].a);
		fill(&b, cases[i].b);
		for (size_t k = 0; k < a.n; k++)
			a.v[k].date = a.v[k].size ? (int64_t)a.v[k].size : MESSAGE_NO_DATE;
		for (size_t k = 0; k < b.n; k++)
			b.v[k].date = b.v[k].size ? (int64_t)b.v[k].size : MESSAGE_NO_DATE;
		match_by_fingerprint(&a, &b, MATCH_DOUBT);
		match_by_digest(&a, &b);
		match_by_header(&a, &b);
		shown(&a, text, sizeof(text));
		if (strcmp(text, cases[i].by_header) != 0)
			fail_msg("%s: by header %s", cases[i].name, text);
		match_by_date(&a, &b);
		shown(&a, text, sizeof(text));
		if (strcmp(text, cases[i].by_date) != 0)
			fail_msg("%s: by date %s", cases[i].name, text);
		assert_sound(&a, &b);
		for (size_t k = 0; k < a.n; k++) {
			const struct match_item *other = match_find(&b, a.v[k].partner);

			assert_int_equal(a.v[k].partner && a.v[k].how == MATCHED_REWRITTEN,
					 other && other->digest[0] != a.v[k].digest[0]);
		}
		match_done(&a);
		match_done(&b);
	}
}

/* The same where nobody knows that the server changes messages: it keeps their size then. */
static void test_rewritten_in_size(void **state)
{
	static const struct {
		const char *name;
		struct row a[4], b[4];
		int64_t a_dates[3], b_dates[3];
		const char *expected;
	} cases[] = {
		{"date and size",
		 {{1, '1', 'a', 5}, {2, '2', 'b', 6}},
		 {{11, '3', 'x', 5}, {12, '4', 'y', 6}},
		 {7, 7},
		 {7, 7},
		 "1-11 2-12"},
		{"in their order",
		 {{1, '1', 'a', 5}, {2, '2', 'b', 5}},
		 {{11, '3', 'x', 5}},
		 {7, 7},
		 {7},
		 "1-11 2"},
		{"another size", {{1, '1', 'a', 5}}, {{11, '3', 'x', 6}}, {7}, {7}, "1"},
		{"another date", {{1, '1', 'a', 5}}, {{11, '3', 'x', 5}}, {7}, {8}, "1"},
		{"no date",
		 {{1, '1', 'a', 5}},
		 {{11, '3', 'x', 5}},
		 {MESSAGE_NO_DATE},
		 {MESSAGE_NO_DATE},
		 "1"},
		{"what is there as it was is not looked for in another form",
		 {{1, '1', 'a', 5}, {2, '2', 'b', 5}},
		 {{11, '1', 'a', 5}, {12, '3', 'x', 5}},
		 {7, 7},
		 {7, 7},
		 "1-11 2-12"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct match_list a = {0}, b = {0};
		char text[128];

		fill(&a, cases[i].a);
		fill(&b, cases[i].b);
		for (size_t k = 0; k < a.n; k++)
			a.v[k].date = cases[i].a_dates[k];
		for (size_t k = 0; k < b.n; k++)
			b.v[k].date = cases[i].b_dates[k];
		match_by_fingerprint(&a, &b, MATCH_DOUBT);
		match_by_digest(&a, &b);
		match_by_header(&a, &b);
		match_by_date_and_size(&a, &b);
		shown(&a, text, sizeof(text));
		if (strcmp(text, cases[i].expected) != 0)
			fail_msg("%s: %s", cases[i].name, text);
		assert_sound(&a, &b);
		match_done(&a);
		match_done(&b);
	}
}

static void test_find(void **state)
{
	static const struct row v[] = {
		{2, '1', '-', 5}, {4, '2', '-', 5}, {9, '3', '-', 5}, {0}};
	struct match_list l = {0};

	assert_null(match_find(&l, 1));
	fill(&l, v);
	for (uint32_t uid = 0; uid < 12; uid++) {
		struct match_item *it = match_find(&l, uid);

		assert_int_equal(it != NULL, uid == 2 || uid == 4 || uid == 9);
		if (it)
			assert_int_equal(it->uid, uid);
	}
	match_done(&l);
	assert_null(l.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_equal_flags_first),
		cmocka_unit_test(test_counts_stay_right),
		cmocka_unit_test(test_rewritten),
		cmocka_unit_test(test_rewritten_in_size),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
