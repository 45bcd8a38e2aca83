/* SPDX-License-Identifier: Apache-2.0 */
#include "prng.h"
#include "unit.h"
#include <mailmig/flags.h>
#include <strings.h>

static void test_normalize(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"", ""},
		{" ", ""},
		{"\\Seen", "\\Seen"},
		{"\\SEEN", "\\Seen"},
		{"\\seen \\flagged \\draft \\answered", "\\Answered \\Draft \\Flagged \\Seen"},
		{"  \\Seen   \\Seen  \\sEEN ", "\\Seen"},
		{"\\Recent", ""},
		{"\\Deleted", ""},
		{"\\Recent \\Seen \\Deleted $Junk", "\\Seen $Junk"},
		{"\\Seenx \\See \\ \\* \\XSomething", ""},
		{"Seen", "Seen"},
		{"zebra \\Seen apple", "\\Seen apple zebra"},
		{"Zebra apple", "apple Zebra"},
		{"$Forwarded $junk NonJunk", "$Forwarded $junk NonJunk"},
		{"Work WORK work", "Work"},
		{"work b a Work", "a b work"},
		{"ab a abc", "a ab abc"},
		{"a_b aZb", "a_b aZb"}, /* "_" is below "z", though above "Z" */
		{"[Gmail] a] x}y ~", "[Gmail] a] x}y ~"},
		{"a(b a)b a{b a\"b a\\b a%b a*b", ""},
		{"a\rb a\nb a\tb \x7f\x01 \xc3\xa4", ""},
		{"good b\r\nad also", "also good"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf out = {0}, again = {0};

		assert_int_equal(flags_normalize(cases[i].in, strlen(cases[i].in), &out), 0);
		assert_string_equal(buf_str(&out), cases[i].out);
		assert_int_equal(flags_normalize(buf_str(&out), out.len, &again), 0);
		assert_string_equal(buf_str(&again), cases[i].out);
	}
}

static void test_normalize_reads_its_octets_only(void **state)
{
	_cleanup_(buf_done) struct buf out = {0};

	assert_int_equal(flags_normalize("\\Seen \\Flagged", 8, &out), 0);
	assert_string_equal(buf_str(&out), "\\Seen");
	buf_reset(&out);
	assert_int_equal(flags_normalize("ab\0cd x", 7, &out), 0);
	assert_string_equal(buf_str(&out), "x");
	buf_reset(&out);
	assert_int_equal(flags_normalize(NULL, 0, &out), 0);
	assert_string_equal(buf_str(&out), "");
}

static void test_normalize_limits(void **state)
{
	_cleanup_(buf_done) struct buf in = {0}, out = {0}, again = {0};
	char keyword[FLAGS_KEYWORD_MAX + 2];
	size_t words = 1;

	memset(keyword, 'k', sizeof(keyword));
	assert_int_equal(flags_normalize(keyword, FLAGS_KEYWORD_MAX, &out), 0);
	assert_int_equal(out.len, FLAGS_KEYWORD_MAX);
	buf_reset(&out);
	assert_int_equal(flags_normalize(keyword, FLAGS_KEYWORD_MAX + 1, &out), 0);
	assert_int_equal(out.len, 0);

	/* The first come stay, and a system flag stays wherever it stands. */
	for (unsigned i = 0; i < 3 * FLAGS_COUNT_MAX; i++)
		assert_int_equal(buf_addf(&in, "k%04u K%04u ", 9000 - i, 9000 - i), 0);
	assert_int_equal(buf_adds(&in, "\\Seen"), 0);
	assert_int_equal(flags_normalize(in.p, in.len, &out), 0);
	for (size_t i = 0; i < out.len; i++)
		words += out.p[i] == ' ';
	assert_int_equal(words, FLAGS_COUNT_MAX);
	assert_true(flags_has(out.p, "\\Seen"));
	assert_true(flags_has(out.p, "k9000"));
	assert_true(flags_has(out.p, "k8802"));
	assert_false(flags_has(out.p, "k8801"));

	assert_int_equal(flags_normalize(out.p, out.len, &again), 0);
	assert_string_equal(again.p, out.p);
}

static void test_diff(void **state)
{
	static const struct {
		const char *old, *now, *added, *removed;
	} cases[] = {
		{"", "", "", ""},
		{"", "\\Seen a", "\\Seen a", ""},
		{"\\Seen a", "", "", "\\Seen a"},
		{"\\Seen a", "\\Seen a", "", ""},
		{"\\Seen Work", "\\Seen WORK", "", ""},
		{"\\Flagged", "\\Seen", "\\Seen", "\\Flagged"},
		{"\\Answered \\Seen b d", "\\Answered \\Flagged a b c", "\\Flagged a c",
		 "\\Seen d"},
		{"a", "\\Seen", "\\Seen", "a"},
		{"a b", "a ab b", "ab", ""},
		{"$a", "\\Seen", "\\Seen", "$a"}, /* "$" is below "\" and comes after it */
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf added = {0}, removed = {0};

		assert_int_equal(flags_diff(cases[i].old, cases[i].now, &added, &removed), 0);
		assert_string_equal(buf_str(&added), cases[i].added);
		assert_string_equal(buf_str(&removed), cases[i].removed);
	}
}

static void test_union(void **state)
{
	static const struct {
		const char *a, *b, *out;
	} cases[] = {
		{"", "", ""},
		{"\\Seen", "", "\\Seen"},
		{"", "\\Seen", "\\Seen"},
		{"\\Seen", "\\Answered", "\\Answered \\Seen"},
		{"Work", "WORK", "Work"},
		{"b", "a c", "a b c"},
		{"\\Seen z", "\\Seen $a", "\\Seen $a z"},
	};
	_cleanup_(buf_done) struct buf a = {0}, b = {0}, out = {0}, again = {0};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf u = {0};

		assert_int_equal(flags_union(cases[i].a, cases[i].b, &u), 0);
		assert_string_equal(buf_str(&u), cases[i].out);
	}

	/* What comes out is canonical, so it has no more flags than a set may have. */
	for (unsigned i = 100; i < 100 + FLAGS_COUNT_MAX; i++) {
		assert_int_equal(buf_addf(&a, "%sa%u", a.len ? " " : "", i), 0);
		assert_int_equal(buf_addf(&b, "%sb%u", b.len ? " " : "", i), 0);
	}
	assert_int_equal(flags_union(a.p, b.p, &out), 0);
	assert_int_equal(flags_normalize(out.p, out.len, &again), 0);
	assert_string_equal(out.p, again.p);
}

static void test_permit(void **state)
{
	static const struct {
		const char *flags, *permitted, *kept, *lost;
	} cases[] = {
		{"", "\\Seen", "", ""},
		{"\\Seen a", NULL, "\\Seen a", ""},
		{"\\Seen a", "", "", "\\Seen a"},
		{"\\Flagged \\Seen a", "\\Seen \\*", "\\Seen a", "\\Flagged"},
		{"\\Flagged \\Seen a b", "\\Seen \\Flagged", "\\Flagged \\Seen", "a b"},
		{"\\Seen Work home", "\\SEEN WORK \\Deleted", "\\Seen Work", "home"},
		{"\\Draft", "\\*", "", "\\Draft"},
		{"a b", "a\\*", "", "a b"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf kept = {0}, lost = {0};

		assert_int_equal(flags_permit(cases[i].flags, cases[i].permitted, &kept, &lost),
				 0);
		assert_string_equal(buf_str(&kept), cases[i].kept);
		assert_string_equal(buf_str(&lost), cases[i].lost);
	}
}

static void test_has(void **state)
{
	assert_true(flags_has("\\Answered \\Seen a", "\\Seen"));
	assert_true(flags_has("\\Answered \\Seen a", "\\seen"));
	assert_true(flags_has("\\Seen Work", "WORK"));
	assert_false(flags_has("\\Seen Work", "Wor"));
	assert_false(flags_has("\\Seen Work", "Works"));
	assert_false(flags_has("\\Seen Work", "Seen"));
	assert_false(flags_has("", "\\Seen"));
}

/* ---- sets as bits over a small alphabet of flags, as the model ---- */

static const char *const model_flags[] = {
	"\\Answered", "\\Draft", "\\Flagged", "\\Seen",  "$Forwarded", "$junk",
	"a",          "ab",      "aB_c",      "NonJunk", "work",       "~z",
};

/* The flags of the set in a pseudo-random order and case, some of them twice. */
static void shuffled(struct prng *rng, unsigned set, struct buf *out)
{
	unsigned left = set;

	while (left != 0) {
		size_t i = prng_below(rng, ELEMENTS(model_flags)), at = out->len;

		if (!(set & 1U << i))
			continue;
		left &= ~(1U << i);
		assert_int_equal(buf_addf(out, "%s ", model_flags[i]), 0);
		for (; at < out->len; at++)
			if (prng_below(rng, 4) == 0 && out->p[at] >= 'a' && out->p[at] <= 'z')
				out->p[at] = (char)(out->p[at] - 'a' + 'A');
	}
}

static void assert_model(const char *text, unsigned set)
{
	_cleanup_(buf_done) struct buf expected = {0};

	for (size_t i = 0; i < ELEMENTS(model_flags); i++)
		if (set & 1U << i)
			assert_int_equal(buf_addf(&expected, "%s%s", expected.len ? " " : "",
						  model_flags[i]),
					 0);
	if (strcasecmp(text, buf_str(&expected)) != 0)
		assert_string_equal(text, buf_str(&expected));
}

static void test_against_model(void **state)
{
	struct prng rng = {.state = 1};

	for (unsigned round = 0; round < 5000; round++) {
		_cleanup_(buf_done) struct buf in_a = {0}, in_b = {0}, a = {0}, b = {0};
		_cleanup_(buf_done) struct buf added = {0}, removed = {0}, both = {0};
		_cleanup_(buf_done) struct buf kept = {0}, lost = {0};
		unsigned x = prng_below(&rng, 1U << ELEMENTS(model_flags));
		unsigned y = prng_below(&rng, 1U << ELEMENTS(model_flags));

		shuffled(&rng, x, &in_a);
		shuffled(&rng, y, &in_b);
		assert_int_equal(flags_normalize(buf_str(&in_a), in_a.len, &a), 0);
		assert_int_equal(flags_normalize(buf_str(&in_b), in_b.len, &b), 0);
		assert_model(buf_str(&a), x);

		assert_int_equal(flags_diff(buf_str(&a), buf_str(&b), &added, &removed), 0);
		assert_model(buf_str(&added), y & ~x);
		assert_model(buf_str(&removed), x & ~y);

		assert_int_equal(flags_union(buf_str(&a), buf_str(&b), &both), 0);
		assert_model(buf_str(&both), x | y);

		assert_int_equal(flags_permit(buf_str(&a), buf_str(&in_b), &kept, &lost), 0);
		assert_model(buf_str(&kept), x & y);
		assert_model(buf_str(&lost), x & ~y);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_normalize_reads_its_octets_only),
		cmocka_unit_test(test_normalize_limits),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_union),
		cmocka_unit_test(test_permit),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
