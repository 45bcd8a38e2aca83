/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_internal.h"
#include "config/scan.h"
#include "config_fixture.h"

/* libconfig itself leaks a string when an error follows it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

static void test_tokens(void **state _unused_)
{
	static const char text[] = "a = \"x\\\"y\"; # no \"token\"\n"
				   "// nor this\n"
				   "/* nor\nthis */ b-c_* : -1.5e+3L,\n"
				   "  @include \"f\"\n"
				   "{x @";
	static const struct {
		enum token_kind kind;
		const char *text;
		unsigned line;
	} expected[] = {
		{TOKEN_NAME, "a", 1},
		{TOKEN_PUNCT, "=", 1},
		{TOKEN_STRING, "\"x\\\"y\"", 1},
		{TOKEN_PUNCT, ";", 1},
		{TOKEN_NAME, "b-c_*", 4},
		{TOKEN_PUNCT, ":", 4},
		{TOKEN_NUMBER, "-1.5e+3L", 4},
		{TOKEN_PUNCT, ",", 4},
		{TOKEN_INCLUDE, "f", 5},
		{TOKEN_PUNCT, "{", 6},
		{TOKEN_NAME, "x", 6},
		{TOKEN_BAD, "@", 6},
		{TOKEN_END, "", 6},
		{TOKEN_END, "", 6},
	};
	struct scanner s;
	struct token t;

	scan_init(&s, text, sizeof(text) - 1);
	for (size_t i = 0; i < ELEMENTS(expected); i++) {
		scan_next(&s, &t);
		assert_int_equal(t.kind, expected[i].kind);
		assert_int_equal(t.line, expected[i].line);
		assert_int_equal(t.n, strlen(expected[i].text));
		assert_memory_equal(t.p, expected[i].text, t.n);
	}
}

static void test_numbers(void **state _unused_)
{
	static const struct {
		const char *text;
		bool cut;
		bool bad;
	} rows[] = {
		{"0", false, false},
		{"2147483647", false, false},
		{"2147483648", true, false},
		{"-2147483647", false, false},
		{"4294967296", true, false},
		{"99999999999999999999", true, false},
		{"4294967296L", false, false},
		{"4294967296LL", false, false},
		{"99999999999999999999L", true, false},
		{"0x7fffffff", false, false},
		{"0xffffffff", true, false},
		{"0xFFFFFFFFFL", false, false},
		{"10M", false, true},
		{"5min", false, true},
		{"1.5", false, false},
		{"1.5e3", false, false},
		{"1.5GiB", false, true},
		{"0x", false, true},
		{"-0x1F", false, true},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct scanner s;
		struct token t;

		scan_init(&s, rows[i].text, strlen(rows[i].text));
		scan_next(&s, &t);
		assert_int_equal(t.kind, TOKEN_NUMBER);
		assert_int_equal(t.n, strlen(rows[i].text));
		assert_int_equal(token_number_is_cut(&t), rows[i].cut);
		assert_int_equal(token_number_is_bad(&t), rows[i].bad);
	}
}

/* The walk behind the hints must agree with libconfig on what is right, and must find something
 * in whatever libconfig refuses as a syntax error; both for every way to cut and to damage a
 * text. */
static void compare(const char *text, size_t n)
{
	/* libconfig refuses a comment that ends with the file; read.c adds the newline too */
	_cleanup_(freep) char *copy = text_fmt("%.*s\n", (int)n, text);
	char hint[256] = "";
	unsigned line = 0;
	config_t tree;
	bool ok, hinted;

	assert_non_null(copy);
	config_init(&tree);
	ok = config_read_string(&tree, copy) == CONFIG_TRUE;
	hinted = hint_syntax(copy, n, hint, sizeof(hint), &line);
	/* never closed: libconfig takes that for the end of the file in silence */
	if (ok && hinted && !strstr(hint, "never closed"))
		fail_msg("hint \"%s\" on good text: %s", hint, copy);
	if (!ok && !hinted && strcmp(config_error_text(&tree), "syntax error") == 0)
		fail_msg("no hint on: %s", copy);
	assert_true(!hinted || line > 0);
	config_destroy(&tree);
}

static void test_hint_agrees(void **state _unused_)
{
	static const char text[] =
		"a = 1; b : \"x\" \"y\", c = ( { d = true; e = [ 1, 2 ] }, ( ) ) # z\n"
		"f = { g = 0x1F; k = -3; h = 1.5 } /* c */ i = FALSE;\n";
	static const char marks[] = "=:;,(){}[]\"x1 !";
	size_t n = sizeof(text) - 1;

	for (size_t i = 0; i <= n; i++)
		compare(text, i);
	for (size_t i = 0; i < n; i++) {
		for (const char *m = marks; *m; m++) {
			char copy[sizeof(text)];

			memcpy(copy, text, sizeof(text));
			copy[i] = *m;
			compare(copy, n);
		}
	}
}

static void test_nearest(void **state _unused_)
{
	static const struct {
		const char *wanted;
		const char *best;
	} rows[] = {
		{"user", "user"},
		{"usr", "user"},
		{"uesr", "user"},
		{"users", "user"},
		{"paswordfile", "password_file"},
		{"passwordfile", "password_file"},
		{"host", NULL},
		{"u", NULL},
		{"", NULL},
		{"completely_different", NULL},
		{"a_name_that_is_longer_than_any_key_of_this_program_could_be", NULL},
	};
	static const char *const names[] = {"user", "server", "password_file",
					    "password_command"};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct nearest near;

		nearest_init(&near, rows[i].wanted);
		for (size_t j = 0; j < ELEMENTS(names); j++)
			nearest_try(&near, names[j]);
		if (rows[i].best)
			assert_string_equal(near.best, rows[i].best);
		else
			assert_null(near.best);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_hint_agrees),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
