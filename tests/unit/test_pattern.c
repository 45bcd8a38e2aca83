/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/pattern.h>
#include <time.h>

#include "unit.h"

/* 1, 0 or -errno; a pattern that is wrong fails the test. */
static int matches(const char *pattern, const char *name, enum folder_role role)
{
	_cleanup_(selector_freep) struct selector *s = NULL;
	char wrong[PATTERN_WRONG_MAX] = "";
	int r = selector_new(pattern, &s, wrong);

	if (r < 0)
		fail_msg("%s %s", pattern, wrong);
	return selector_matches(s, name, role);
}

static void test_globs(void **state)
{
	static const struct {
		const char *glob, *name;
		int matches;
	} rows[] = {
		{"Lists", "Lists", 1},
		{"Lists", "lists", 0},
		{"Lists", "Lists/a", 0}, /* anchored at both ends */
		{"Lists", "My Lists", 0},
		{"Lists/*", "Lists/a", 1},
		{"Lists/*", "Lists/a/b", 1}, /* "*": any run, slashes too */
		{"Lists/*", "Lists", 0},
		{"Lists*", "Lists", 1},
		{"*", "", 1},
		{"*", "INBOX", 1},
		{"**", "x", 1},
		{"*/2019", "A/B/2019", 1},
		{"*/2019", "2019", 0},
		{"a*b*c", "a--b--c", 1},
		{"a*b*c", "a--b--", 0},
		{"a*bc", "abbc", 1},
		{"20??", "2019", 1},
		{"20??", "201", 0},
		{"20??", "20199", 0},
		{"?", "", 0},
		{"Entw?rfe", "Entwürfe", 1}, /* one character, not one octet */
		{"??", "件邮", 1},
		{"??", "邮", 0},
		{"*ü", "xü", 1},
		{"", "", 1},
		/* nothing else has a meaning */
		{"[Gmail]/*", "[Gmail]/All Mail", 1},
		{"[Gmail]/*", "G/All Mail", 0},
		{"a.c", "abc", 0},
		{"a\\*", "a\\b", 1},
		{"inbox", "INBOX", 1},
		{"Inbox/a", "INBOX/a", 1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int r = matches(rows[i].glob, rows[i].name, ROLE_NONE);

		if (r != rows[i].matches)
			fail_msg("\"%s\" on \"%s\": %d", rows[i].glob, rows[i].name, r);
	}
}

static void test_roles(void **state)
{
	assert_int_equal(matches("\\Junk", "Anything", ROLE_JUNK), 1);
	assert_int_equal(matches("\\junk", "Anything", ROLE_JUNK), 1);
	assert_int_equal(matches("\\Junk", "Junk", ROLE_NONE), 0);
	assert_int_equal(matches("\\Junk", "Junk", ROLE_TRASH), 0);
}

static void test_expressions(void **state)
{
	static const struct {
		const char *pattern, *name;
		int matches;
	} rows[] = {
		{"/^Archive\\/20(0|1)/", "Archive/2019", 1},
		{"/^Archive\\/20(0|1)/", "Archive/2029", 0},
		{"/rch/", "Archive", 1}, /* free */
		{"/^Archive$/", "Archive", 1},
		{"/archive/", "Archive", 0},
		{"/archive/i", "Archive", 1},
		{"/ENTWÜRFE/i", "Entwürfe", 1},
		{"/^Entw.rfe$/", "Entwürfe", 1}, /* characters */
		{"/^\\w+$/", "Отправленные", 1}, /* letters of all scripts */
		{"/a/b/", "x a/b", 1},           /* the last slash is the end */
		{"//", "anything", 1},
		{"/^(?!Work)/", "Work", 0},
		{"/^(?!Work)/", "Home", 1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int r = matches(rows[i].pattern, rows[i].name, ROLE_NONE);

		if (r != rows[i].matches)
			fail_msg("\"%s\" on \"%s\": %d", rows[i].pattern, rows[i].name, r);
	}
	assert_int_equal(matches("/a/", "\xff", ROLE_NONE), -EILSEQ);
}

static void test_wrong_selectors(void **state)
{
	static const char *const rows[][2] = {
		{"/abc", "begins with a slash, as no folder does; write /EXPRESSION/ or "
			 "/EXPRESSION/i"},
		{"/", "begins with a slash, as no folder does; write /EXPRESSION/ or "
		      "/EXPRESSION/i"},
		{"/abc/x", "begins with a slash, as no folder does; write /EXPRESSION/ or "
			   "/EXPRESSION/i"},
		{"/a(b/", "has an expression with an error: missing closing parenthesis, at "
			  "character 5; see pcre2pattern(3)"},
		{"/ü[z/",
		 "has an expression with an error: missing terminating ] for character "
		 "class, at character 5; see pcre2pattern(3)"},
		{"/*a/", "has an expression with an error: quantifier does not follow a "
			 "repeatable item, at character 2; see pcre2pattern(3)"},
		{"\\Spam", "is no role; write one of \"\\\\All\", \"\\\\Archive\", "
			   "\"\\\\Drafts\", \"\\\\Flagged\", \"\\\\Important\", "
			   "\"\\\\Junk\", \"\\\\Sent\", \"\\\\Trash\", or \"INBOX\""},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(selector_freep) struct selector *s = NULL;
		char wrong[PATTERN_WRONG_MAX] = "";

		assert_int_equal(selector_new(rows[i][0], &s, wrong), -EINVAL);
		assert_string_equal(wrong, rows[i][1]);
	}
}

static void test_names_one(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool names;
	} rows[] = {
		{"Calendar", "Calendar", true},    {"Calendar", "Calendars", false},
		{"*", "Calendar", false},          {"Calenda?", "Calendar", false},
		{"/Calendar/", "Calendar", false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(selector_freep) struct selector *s = NULL;
		char wrong[PATTERN_WRONG_MAX];

		assert_int_equal(selector_new(rows[i].pattern, &s, wrong), 0);
		assert_int_equal(selector_names(s, rows[i].name), rows[i].names);
	}
}

static void test_rewriting(void **state)
{
	static const struct {
		const char *rule, *name, *becomes; /* NULL: it does not match */
	} rows[] = {
		{"s#^Lists/#Archive/Lists/#", "Lists/linux", "Archive/Lists/linux"},
		{"s#^Lists/#Archive/Lists/#", "My/Lists/linux", NULL},
		{"s/a/b/", "aa", "ba"},
		{"s/a/b/g", "aa", "bb"},
		{"s/A/b/", "aa", NULL},
		{"s/A/b/ig", "aa", "bb"},
		{"s/a b # c/x/gx", "ab c", "x c"},
		{"s/ a b /x/x", "ab", "x"},
		{"s/ü/ue/g", "füür", "fueuer"},
		{"s/(.)(.)/\\2\\1/", "ab", "ba"},
		{"s/(.)(.)/$2$1/", "ab", "ba"},
		{"s/(.)(.)/${2}0${1}0/", "ab", "b0a0"},
		{"s/(?<year>20..)/Y$year/", "2019", "Y2019"},
		{"s/.*/<\\0>/", "ab", "<ab>"},
		{"s/.*/<$0>/", "ab", "<ab>"},
		{"s/(a)|(b)/[$1$2]/g", "ab", "[a][b]"}, /* a group that found nothing */
		{"s/a/\\$1/", "a", "$1"},
		{"s/a/\\\\1/", "a", "\\1"},
		{"s/a/\\//", "a", "/"},
		{"s/\\//./g", "a/b/c", "a.b.c"},
		{"s|a\\|b|x|", "a|b", "x"}, /* a delimiter with a backslash is the sign */
		{"s,a,b,", "a", "b"},
		{"s:a:b:", "a", "b"},
		{"s/a//", "ab", "b"},
		{"s/a/{}/", "a", "{}"},
		{"s{^(\\d{4})}{Archive/$1}", "2019/x", "Archive/2019/x"},
		{"s(a(b)c)(<$1>)", "abc", "<b>"},
		{"s[[a-c]+][x]", "abcd", "xd"},
		{"s<a><b>g", "aa", "bb"},
		{"s!^INBOX$!Old/INBOX!", "INBOX", "Old/INBOX"},
		{"s/$/x/", "a", "ax"},
		{"s/^/x/", "a", "xa"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(rewrite_freep) struct rewrite *w = NULL;
		_cleanup_(buf_done) struct buf out = {0};
		char wrong[PATTERN_WRONG_MAX] = "";
		int r = rewrite_new(rows[i].rule, &w, wrong);

		if (r < 0)
			fail_msg("%s %s", rows[i].rule, wrong);
		r = rewrite_apply(w, rows[i].name, &out);
		if (r != (rows[i].becomes ? 1 : 0))
			fail_msg("%s on %s: %d", rows[i].rule, rows[i].name, r);
		if (rows[i].becomes)
			assert_string_equal(buf_str(&out), rows[i].becomes);
	}
}

static void test_wrong_rewriting(void **state)
{
	static const char *const rows[][2] = {
		{"", "is no substitution"},
		{"s", "is no substitution"},
		{"sabac", "is no substitution"},
		{"y/a/b/", "is no substitution"},
		{"s a b ", "is no substitution"},
		{"s\\a\\b\\", "is no substitution"},
		{"s1a1b1", "is no substitution"},
		{"sübüaü", "is no substitution"},
		{"s/a/b", "has no end"},
		{"s/a", "has no end"},
		{"s/a\\/b/", "has no end"},
		{"s{a}", "has no end"},
		{"s{a}/b/", "has no end"},
		{"s{a{}{b}", "has no end"},
		{"s/a/b/q", "ends in a flag"},
		{"s/a/b/gg ", "ends in a flag"},
		{"s/a/b/c/", "ends in a flag"},
		{"s/a/\\1/", "names a group"},
		{"s/a/$1/", "names a group"},
		{"s/(a)/${2}/", "names a group"},
		{"s/(a)/$name/", "names a group"},
		{"s/(a)/$/", "names a group"},
		{"s/(a)/${1/", "names a group"},
		{"s/(a)/$1 $-/", "names a group"},
		{"s/(a)/\\L1/", "names a group"},
		{"s/(a)/$99999999999999999999/", "names a group"},
		{"s/(a/b/", "has an expression with an error: missing closing parenthesis, at "
			    "character 5"},
		{"s/\\C/b/", "has an expression with an error: using \\C is disabled by the "
			     "application, at character 5"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(rewrite_freep) struct rewrite *w = NULL;
		char wrong[PATTERN_WRONG_MAX] = "";

		assert_int_equal(rewrite_new(rows[i][0], &w, wrong), -EINVAL);
		if (strncmp(wrong, rows[i][1], strlen(rows[i][1])) != 0)
			fail_msg("%s %s", rows[i][0], wrong);
		assert_non_null(strstr(wrong, "; ")); /* what would be right */
	}
}

/* Whatever pattern and name, an answer comes soon. */
static void test_limits(void **state)
{
	static const char *const slow[] = {"/^(a+)+$/", "/^(a|aa)+$/", "/(.*)*(.*)*(.*)*b$/",
					   "/^((a*)*)*$/", "/^(?:a?){90}a{90}$/"};
	_cleanup_(rewrite_freep) struct rewrite *w = NULL, *grow = NULL;
	_cleanup_(buf_done) struct buf out = {0};
	char name[4098], wrong[PATTERN_WRONG_MAX];
	clock_t begin = clock();

	memset(name, 'a', sizeof(name));
	name[40] = '!';
	name[41] = '\0';
	for (size_t i = 0; i < ELEMENTS(slow); i++) {
		int r = matches(slow[i], name, ROLE_NONE);

		assert_true(r == -ELOOP || r == 0);
	}
	for (int i = 0; i < 30; i++) /* as if the origin had many such folders */
		assert_int_equal(matches(slow[0], name, ROLE_NONE), -ELOOP);
	assert_int_equal(rewrite_new("s/^(a+)+$/b/g", &w, wrong), 0);
	assert_int_equal(rewrite_apply(w, name, &out), -ELOOP);
	assert_int_equal(out.len, 0);
	/* nothing remains of it */
	assert_int_equal(rewrite_apply(w, "aaa", &out), 1);
	assert_string_equal(buf_str(&out), "b");

	assert_int_equal(rewrite_new("s/a/aaaaaaaaaa/g", &grow, wrong), 0);
	memset(name, 'a', sizeof(name));
	name[4096] = '\0';
	buf_reset(&out);
	assert_int_equal(rewrite_apply(grow, name, &out), -ENAMETOOLONG);
	assert_int_equal(matches("/a/", name, ROLE_NONE), 1);
	name[4096] = 'a';
	name[4097] = '\0';
	assert_int_equal(rewrite_apply(grow, name, &out), -E2BIG);
	assert_int_equal(matches("/a/", name, ROLE_NONE), -E2BIG);
	assert_int_equal(matches("*b*b*b*b*b*b*b*b*b*b", name, ROLE_NONE), 0);
	assert_int_equal(matches("*a*a*a*a*a*a*a*a*a*b", name, ROLE_NONE), 0);
	assert_int_equal(out.len, 0);
	assert_true(clock() - begin < 3 * CLOCKS_PER_SEC);
	for (int r = -1; r > -150; r--)
		assert_true(*pattern_trouble(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_globs),           cmocka_unit_test(test_roles),
		cmocka_unit_test(test_expressions),     cmocka_unit_test(test_wrong_selectors),
		cmocka_unit_test(test_names_one),       cmocka_unit_test(test_rewriting),
		cmocka_unit_test(test_wrong_rewriting), cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
