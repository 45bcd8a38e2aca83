/* SPDX-License-Identifier: Apache-2.0 */
#include "prng.h"
#include "unit.h"
#include <mailmig/flags.h>
#include <mailmig/text.h>
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

/* ---- rules ---- */

static void test_apply_rules(void **state)
{
	static const struct {
		const char *drop[4], *rename[10];
		const char *in, *out;
	} cases[] = {
		{{NULL}, {NULL}, "", ""},
		{{NULL}, {NULL}, "\\Flagged \\Seen a B", "\\Flagged \\Seen a B"},
		{{"a"}, {NULL}, "\\Seen a ab", "\\Seen ab"},
		{{"WORK", "\\seen"}, {NULL}, "\\Flagged \\Seen Work", "\\Flagged"},
		{{"a"}, {NULL}, "a", ""},
		{{"nobody"}, {NULL}, "\\Seen a", "\\Seen a"},
		{{NULL}, {"a", "z"}, "\\Seen a b", "\\Seen b z"},
		{{NULL}, {"A", "Z"}, "a", "Z"},
		{{NULL}, {"\\FLAGGED", "Important"}, "\\Flagged \\Seen", "\\Seen Important"},
		{{NULL}, {"$Junk", "\\flagged"}, "\\Seen $junk", "\\Flagged \\Seen"},
		/* once: a chain is not followed, a swap swaps */
		{{NULL}, {"a", "b", "b", "c"}, "a", "b"},
		{{NULL}, {"a", "b", "b", "c"}, "a b", "b c"},
		{{NULL}, {"a", "b", "b", "a"}, "a", "b"},
		{{NULL}, {"a", "b", "b", "a"}, "a b", "a b"},
		/* onto one that is there: they are one */
		{{NULL}, {"a", "b"}, "a b c", "b c"},
		{{NULL}, {"a", "x", "b", "X"}, "a b", "x"},
		{{NULL}, {"a", "A"}, "a", "A"},
		/* what is dropped is what the origin has, not what comes of it */
		{{"b"}, {"a", "b"}, "a b", "b"},
		{{"a"}, {"a", "b"}, "a", ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf out = {0};
		struct flag_rules rules = {0};

		rules.drop.v = (char **)(uintptr_t)cases[i].drop;
		rules.rename.v = (char **)(uintptr_t)cases[i].rename;
		while (cases[i].drop[rules.drop.n])
			rules.drop.n++;
		while (cases[i].rename[rules.rename.n])
			rules.rename.n++;
		assert_int_equal(flags_apply_rules(&rules, cases[i].in, &out), 0);
		assert_string_equal(buf_str(&out), cases[i].out);
	}
}

/* One flag, in every case there is: was it carried, does the origin have it, does the
 * destination (-1: nobody knows)? */
static void test_decide(void **state)
{
	static const struct {
		int base, origin, there;
		char merge, as_origin; /* '+', '-', or nothing is done */
	} table[] = {
		{0, 0, 0, ' ', ' '},  {0, 0, 1, ' ', '-'}, /* the destination's own */
		{0, 1, 0, '+', '+'},                       /* set at the origin */
		{0, 1, 1, ' ', ' '},                       /* set on both sides */
		{1, 0, 0, ' ', ' '},                       /* taken away on both sides */
		{1, 0, 1, '-', '-'},                       /* taken away at the origin */
		{1, 1, 0, ' ', '+'},                       /* taken away at the destination */
		{1, 1, 1, ' ', ' '},  {0, 0, -1, ' ', ' '}, {0, 1, -1, '+', '+'},
		{1, 0, -1, '-', '-'}, {1, 1, -1, ' ', ' '},
	};
	static const char *const flags[] = {"\\Flagged", "work"};
	static const char *const beside[] = {"", "\\Seen zz"}; /* on all sides: never touched */

	for (size_t i = 0; i < ELEMENTS(table) * ELEMENTS(flags) * ELEMENTS(beside); i++) {
		const char *flag = flags[i % 2], *rest = beside[i / 2 % 2];
		size_t row = i / 4;
		const int has[] = {table[row].base, table[row].origin, table[row].there};
		struct buf set[3] = {0};

		for (size_t k = 0; k < 3; k++) {
			_cleanup_(freep) char *raw =
				text_fmt("%s %s", rest, has[k] == 1 ? flag : "");

			assert_int_equal(flags_normalize(raw, strlen(raw), &set[k]), 0);
		}
		for (int mode = FLAGS_MERGE; mode <= FLAGS_FIRST; mode++) {
			_cleanup_(buf_done) struct buf add = {0}, take = {0};
			char expected = mode == FLAGS_MERGE    ? table[row].merge
					: mode == FLAGS_ORIGIN ? table[row].as_origin
							       : ' ';

			assert_int_equal(flags_decide((enum flags_mode)mode, buf_str(&set[0]),
						      buf_str(&set[1]),
						      has[2] < 0 ? NULL : buf_str(&set[2]),
						      &add, &take),
					 0);
			assert_string_equal(buf_str(&add), expected == '+' ? flag : "");
			assert_string_equal(buf_str(&take), expected == '-' ? flag : "");
		}
		for (size_t k = 0; k < 3; k++)
			buf_done(&set[k]);
	}
}

/* Many flags at once: each is decided as if it were alone. */
static void test_decide_against_model(void **state)
{
	struct prng rng = {.state = 2};

	for (unsigned round = 0; round < 3000; round++) {
		_cleanup_(buf_done) struct buf b = {0}, o = {0}, d = {0};
		_cleanup_(buf_done) struct buf add = {0}, take = {0}, all = {0}, none = {0};
		unsigned x = prng_below(&rng, 1U << ELEMENTS(model_flags));
		unsigned y = prng_below(&rng, 1U << ELEMENTS(model_flags));
		unsigned z = prng_below(&rng, 1U << ELEMENTS(model_flags));
		unsigned sets[] = {x, y, z};
		struct buf *texts[] = {&b, &o, &d};

		for (size_t k = 0; k < 3; k++) {
			_cleanup_(buf_done) struct buf raw = {0};

			shuffled(&rng, sets[k], &raw);
			assert_int_equal(flags_normalize(buf_str(&raw), raw.len, texts[k]), 0);
		}
		assert_int_equal(flags_decide(FLAGS_MERGE, buf_str(&b), buf_str(&o),
					      buf_str(&d), &add, &take),
				 0);
		assert_model(buf_str(&add), y & ~x & ~z);
		assert_model(buf_str(&take), x & ~y & z);
		assert_int_equal(flags_decide(FLAGS_ORIGIN, buf_str(&b), buf_str(&o),
					      buf_str(&d), &all, &none),
				 0);
		assert_model(buf_str(&all), y & ~z);
		assert_model(buf_str(&none), z & ~y);
	}
}

static void test_word_kind(void **state)
{
	static const struct {
		const char *word;
		enum flags_word kind;
	} cases[] = {
		{"\\Seen", FLAGS_WORD_GOOD},        {"\\ANSWERED", FLAGS_WORD_GOOD},
		{"\\flagged", FLAGS_WORD_GOOD},     {"\\Draft", FLAGS_WORD_GOOD},
		{"$Forwarded", FLAGS_WORD_GOOD},    {"[x]", FLAGS_WORD_GOOD},
		{"Seen", FLAGS_WORD_GOOD},          {"\\Recent", FLAGS_WORD_NEVER},
		{"\\deleted", FLAGS_WORD_NEVER},    {"\\Sent", FLAGS_WORD_SYSTEM},
		{"\\*", FLAGS_WORD_SYSTEM},         {"\\", FLAGS_WORD_SYSTEM},
		{"", FLAGS_WORD_ILLEGAL},           {"two words", FLAGS_WORD_ILLEGAL},
		{"a*", FLAGS_WORD_ILLEGAL},         {"a(b", FLAGS_WORD_ILLEGAL},
		{"gr\xc3\xbc", FLAGS_WORD_ILLEGAL}, {"a\"b", FLAGS_WORD_ILLEGAL},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		assert_int_equal(flags_word_kind(cases[i].word), cases[i].kind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalize),
		cmocka_unit_test(test_normalize_reads_its_octets_only),
		cmocka_unit_test(test_normalize_limits),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_union),
		cmocka_unit_test(test_apply_rules),
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_decide_against_model),
		cmocka_unit_test(test_word_kind),
		cmocka_unit_test(test_permit),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
