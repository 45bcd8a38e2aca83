/* SPDX-License-Identifier: Apache-2.0 */
#include "prng.h"
#include "unit.h"
#include <mailmig/seqset.h>
#include <time.h>

static void assert_set(const struct seqset *s, const char *expected)
{
	_cleanup_(buf_done) struct buf b = {0};

	assert_int_equal(seqset_format(s, &b), 0);
	assert_string_equal(buf_str(&b), expected);
}

static void parse(const char *text, struct seqset *ret)
{
	assert_int_equal(seqset_parse(text, strlen(text), ret), 0);
}

static void test_subtract(void **state)
{
	static const struct {
		const char *a, *b, *out; /* "": none */
	} rows[] = {
		{"", "", ""},
		{"1:9", "", "1:9"},
		{"", "1:9", ""},
		{"1:9", "1:9", ""},
		{"1:9", "5", "1:4,6:9"},
		{"1:9", "1,9", "2:8"},
		{"1:9", "2:3,5:6,9", "1,4,7:8"},
		{"1:3,5:7,10", "2:6", "1,7,10"},
		{"1:3,5:7,10", "4,8:9", "1:3,5:7,10"},
		{"5", "1:4,6:9", "5"},
		{"1:4294967295", "1:4294967294", "4294967295"},
		{"1:4294967295", "4294967295", "1:4294967294"},
		{"1:2,4:5,7:8", "2:7", "1,8"},
		{"2,4,6,8", "1:10", ""},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(seqset_done) struct seqset a = {0}, b = {0}, out = {0};

		print_message("%s - %s\n", rows[i].a, rows[i].b);
		if (*rows[i].a)
			parse(rows[i].a, &a);
		if (*rows[i].b)
			parse(rows[i].b, &b);
		assert_int_equal(seqset_subtract(&a, &b, &out), 0);
		assert_set(&out, rows[i].out);
		/* What was taken away and what is left make the whole again. */
		assert_int_equal(seqset_unite(&out, &b), 0);
		assert_int_equal(seqset_unite(&b, &a), 0);
		assert_int_equal(seqset_count(&out), seqset_count(&b));
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"1", "1"},
		{"4294967295", "4294967295"},
		{"1:4294967295", "1:4294967295"},
		{"5:3", "3:5"},
		{"7:7", "7"},
		{"1,2,3", "1:3"},
		{"3,2,1", "1:3"},
		{"1:3,5,9:12", "1:3,5,9:12"},
		{"9:12,5,1:3", "1:3,5,9:12"},
		{"1:10,5:6", "1:10"},
		{"5:6,1:10", "1:10"},
		{"1:5,6:10", "1:10"},
		{"2,2,2", "2"},
		{"4294967295,4294967294", "4294967294:4294967295"},
		{"4294967295,4294967290:4294967295,1", "1,4294967290:4294967295"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(seqset_done) struct seqset s = {0};

		parse(cases[i].in, &s);
		assert_set(&s, cases[i].out);
		assert_int_equal(seqset_parse(cases[i].in, strlen(cases[i].in), NULL), 0);
	}
}

static void test_parse_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		"0",
		"00",
		"01",
		"1:",
		":1",
		":",
		",",
		"1,",
		",1",
		"1,,2",
		"*",
		"1:*",
		"*:1",
		"1:*:3",
		"1:2:3",
		"1 2",
		" 1",
		"1 ",
		"-1",
		"+1",
		"1;2",
		"4294967296",
		"1:4294967296",
		"x",
		"1x",
		"0:5",
		"1:0",
		"1,0",
		"$",
		"18446744073709551617",
		"99999999999999999999999999999",
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_(seqset_done) struct seqset s = {0};

		parse("17", &s);
		assert_int_equal(seqset_parse(bad[i], strlen(bad[i]), NULL), -EBADMSG);
		assert_int_equal(seqset_parse(bad[i], strlen(bad[i]), &s), -EBADMSG);
		assert_set(&s, "17");
	}
	assert_int_equal(seqset_parse("1\0,2", 4, NULL), -EBADMSG);
	assert_int_equal(seqset_parse(NULL, 0, NULL), -EBADMSG);
}

/* It reads the octets it is told to, and what the set held is replaced. */
static void test_parse_length_and_result(void **state)
{
	_cleanup_(seqset_done) struct seqset s = {0};

	assert_int_equal(seqset_parse("12:345,6", 5, &s), 0);
	assert_set(&s, "12:34");
	assert_int_equal(seqset_parse("7", 1, &s), 0);
	assert_set(&s, "7");
}

/* At the limit the worst order, descending, must not cost its square: a few seconds instead of
 * a few hundredths. */
static void test_parse_limit(void **state)
{
	_cleanup_(seqset_done) struct seqset s = {0};
	_cleanup_(buf_done) struct buf b = {0};
	clock_t start;

	for (uint32_t i = SEQSET_RANGES_MAX; i > 0; i--)
		assert_int_equal(buf_addf(&b, "%s%u", b.len ? "," : "", 2 * i), 0);
	start = clock();
	assert_int_equal(seqset_parse(b.p, b.len, &s), 0);
	assert_true(clock() - start < CLOCKS_PER_SEC);
	assert_int_equal(s.n, SEQSET_RANGES_MAX);
	assert_int_equal(s.r[0].first, 2);

	assert_int_equal(buf_adds(&b, ",1"), 0);
	assert_int_equal(seqset_parse(b.p, b.len, &s), -EMSGSIZE);
	assert_int_equal(s.n, SEQSET_RANGES_MAX);
}

static void test_ends_of_the_number_range(void **state)
{
	_cleanup_(seqset_done) struct seqset s = {0};

	assert_false(seqset_contains(&s, 1));
	assert_int_equal(seqset_count(&s), 0);
	assert_int_equal(seqset_nth(&s, 0), 0);
	assert_set(&s, "");

	assert_int_equal(seqset_add(&s, UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(seqset_add(&s, UINT32_MAX, UINT32_MAX), 0);
	assert_int_equal(seqset_add(&s, 1, 1), 0);
	assert_set(&s, "1,4294967295");
	assert_false(seqset_contains(&s, 0));
	assert_true(seqset_contains(&s, 1));
	assert_false(seqset_contains(&s, 2));
	assert_true(seqset_contains(&s, UINT32_MAX));

	assert_int_equal(seqset_add(&s, 1, UINT32_MAX), 0);
	assert_set(&s, "1:4294967295");
	assert_int_equal(seqset_count(&s), UINT32_MAX);
	assert_int_equal(seqset_nth(&s, UINT32_MAX - UINT64_C(1)), UINT32_MAX);
	assert_int_equal(seqset_nth(&s, UINT32_MAX), 0);

	seqset_reset(&s);
	assert_set(&s, "");
}

/* ---- a bitmap as the model ---- */

#define MODEL_MAX 300

static void model_add(bool *m, uint32_t first, uint32_t last)
{
	for (uint32_t i = first; i <= last; i++)
		m[i] = true;
}

static void assert_model(const struct seqset *s, const bool *m)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i <= MODEL_MAX + 1; i++) {
		assert_int_equal(seqset_contains(s, i), m[i]);
		if (m[i])
			assert_int_equal(seqset_nth(s, count++), i);
	}
	assert_int_equal(seqset_count(s), count);
	assert_int_equal(seqset_nth(s, count), 0);

	for (size_t i = 0; i < s->n; i++) {
		assert_true(s->r[i].first >= 1 && s->r[i].first <= s->r[i].last);
		if (i > 0)
			assert_true(s->r[i].first > s->r[i - 1].last + 1);
	}
}

static void assert_round_trip(const struct seqset *s)
{
	_cleanup_(seqset_done) struct seqset again = {0};
	_cleanup_(buf_done) struct buf b = {0};

	if (s->n == 0)
		return;
	assert_int_equal(seqset_format(s, &b), 0);
	assert_int_equal(seqset_parse(b.p, b.len, &again), 0);
	assert_int_equal(again.n, s->n);
	assert_memory_equal(again.r, s->r, s->n * sizeof(*s->r));
}

static void test_add_against_bitmap(void **state)
{
	struct prng rng = {.state = 1};

	for (unsigned round = 0; round < 300; round++) {
		_cleanup_(seqset_done) struct seqset s = {0};
		bool m[MODEL_MAX + 2] = {false};
		uint32_t width = 1 + prng_below(&rng, 20);

		for (unsigned step = 0; step < 40; step++) {
			uint32_t first = 1 + prng_below(&rng, MODEL_MAX);
			uint32_t last = first + prng_below(&rng, width);

			last = MIN_OF(last, MODEL_MAX);
			assert_int_equal(seqset_add(&s, first, last), 0);
			model_add(m, first, last);
			assert_model(&s, m);
		}
		assert_round_trip(&s);
	}
}

static void test_parse_against_bitmap(void **state)
{
	struct prng rng = {.state = 2};

	for (unsigned round = 0; round < 500; round++) {
		_cleanup_(seqset_done) struct seqset s = {0};
		_cleanup_(buf_done) struct buf b = {0};
		bool m[MODEL_MAX + 2] = {false};

		for (unsigned step = prng_below(&rng, 60) + 1; step > 0; step--) {
			uint32_t x = 1 + prng_below(&rng, MODEL_MAX);
			uint32_t y = 1 + prng_below(&rng, MODEL_MAX);

			if (prng_below(&rng, 8) > 0)
				y = x;
			assert_int_equal(buf_addf(&b, x == y ? "%s%u" : "%s%u:%u",
						  b.len ? "," : "", x, y),
					 0);
			model_add(m, MIN_OF(x, y), MAX_OF(x, y));
		}
		assert_int_equal(seqset_parse(b.p, b.len, &s), 0);
		assert_model(&s, m);
	}
}

/* Every piece keeps to its limits, could not have been longer, and all pieces in order are the
 * set again. */
static void take_all(struct seqset *from, uint64_t max_members, size_t max_octets)
{
	uint32_t before = 0;

	while (from->n > 0) {
		_cleanup_(seqset_done) struct seqset piece = {0};
		_cleanup_(buf_done) struct buf b = {0};
		uint32_t next;
		uint64_t left = seqset_count(from), count;

		assert_int_equal(seqset_take(from, max_members, max_octets, &piece), 0);
		count = seqset_count(&piece);
		assert_true(count >= 1);
		assert_int_equal(left, count + seqset_count(from));
		assert_true(seqset_nth(&piece, 0) > before);
		before = seqset_nth(&piece, count - 1);

		assert_int_equal(seqset_format(&piece, &b), 0);
		assert_true(count == 1 || (count <= max_members && b.len <= max_octets));

		next = seqset_nth(from, 0);
		if (next == 0)
			break;
		assert_true(next > before);
		assert_int_equal(seqset_add(&piece, next, next), 0);
		buf_reset(&b);
		assert_int_equal(seqset_format(&piece, &b), 0);
		assert_true(count >= max_members || b.len > max_octets);
	}
}

static void test_take(void **state)
{
	static const struct {
		const char *set;
		uint64_t members;
		size_t octets;
		const char *taken, *left;
	} cases[] = {
		{"", 5, 50, "", ""},
		{"1:10", 100, 100, "1:10", ""},
		{"1:10", 3, 100, "1:3", "4:10"},
		{"1:10", 0, 0, "1", "2:10"},
		{"1:10", 10, 3, "1:9", "10"},
		{"1:10", 10, 2, "1", "2:10"},
		{"1:3,5,7:9", 4, 100, "1:3,5", "7:9"},
		{"1:3,5,7:9", 5, 100, "1:3,5,7", "8:9"},
		{"1:3,5,7:9", 9, 5, "1:3,5", "7:9"},
		{"1:3,5,7:9", 9, 6, "1:3,5", "7:9"},
		{"1:3,5,7:9", 9, 7, "1:3,5,7", "8:9"},
		{"1:3,5,7:9", 9, 4, "1:3", "5,7:9"},
		{"12345,7777777", 9, 3, "12345", "7777777"},
		{"95:105", 100, 5, "95:99", "100:105"},
		{"95:105", 100, 4, "95", "96:105"},
		{"99:105", 100, 5, "99", "100:105"},
		{"1:4294967295", UINT64_MAX, 100, "1:4294967295", ""},
		{"1:4294967295", 4294967294, 100, "1:4294967294", "4294967295"},
		{"4294967295", 1, 1, "4294967295", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(seqset_done) struct seqset s = {0}, piece = {0};

		if (*cases[i].set)
			parse(cases[i].set, &s);
		assert_int_equal(seqset_take(&s, cases[i].members, cases[i].octets, &piece), 0);
		assert_set(&piece, cases[i].taken);
		assert_set(&s, cases[i].left);
	}
}

/* Dense ranges only: a member that follows the last one of a piece never makes its text
 * shorter, so "could not have been longer" is exact where take_all() says so. */
static void test_take_pseudo_random(void **state)
{
	struct prng rng = {.state = 3};

	for (unsigned round = 0; round < 400; round++) {
		_cleanup_(seqset_done) struct seqset s = {0};
		uint32_t uid = 1 + prng_below(&rng, 1U << prng_below(&rng, 30));

		for (unsigned n = prng_below(&rng, 60); n > 0; n--) {
			uint32_t last = uid + prng_below(&rng, 1U << prng_below(&rng, 12));

			assert_int_equal(seqset_add(&s, uid, last), 0);
			uid = last + 2 + prng_below(&rng, 1U << prng_below(&rng, 12));
		}
		take_all(&s, 1 + prng_below(&rng, 2000), 1 + prng_below(&rng, 120));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_length_and_result),
		cmocka_unit_test(test_parse_limit),
		cmocka_unit_test(test_ends_of_the_number_range),
		cmocka_unit_test(test_add_against_bitmap),
		cmocka_unit_test(test_parse_against_bitmap),
		cmocka_unit_test(test_subtract),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_take_pseudo_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
