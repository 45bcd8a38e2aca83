/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl_internal.h"
#include "unit.h"

#define WORDS_MAX 10

static int parse(struct ctl_args *a, struct mm_err *err, const char *const *words)
{
	char *argv[WORDS_MAX + 2] = {(char *)"mailmigctl"};
	int argc = 1;

	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	*a = (struct ctl_args){0};
	*err = (struct mm_err){0};
	return ctl_args_parse(a, argc, argv, err);
}

static void test_accepted(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *verb;
		bool named;
		unsigned given;
		unsigned verbose;
		size_t n_names;
		const char *last_name;
	} rows[] = {
		{{NULL}, "status", false, 0, 0, 0, NULL},
		{{"status"}, "status", true, 0, 0, 0, NULL},
		{{"status", "a", "b"}, "status", true, 0, 0, 2, "b"},
		{{"--json"}, "status", false, OPT_BIT(OPT_JSON), 0, 0, NULL},
		{{"--json", "run", "a"}, "run", true, OPT_BIT(OPT_JSON), 0, 1, "a"},
		{{"run", "a", "--json"}, "run", true, OPT_BIT(OPT_JSON), 0, 1, "a"},
		{{"run", "--dry-run", "a"}, "run", true, OPT_BIT(OPT_DRY_RUN), 0, 1, "a"},
		{{"--dry-run", "run", "a"}, "run", true, OPT_BIT(OPT_DRY_RUN), 0, 1, "a"},
		{{"run", "--all"}, "run", true, OPT_BIT(OPT_ALL), 0, 0, NULL},
		{{"run", "-vv", "a", "-v"}, "run", true, OPT_BIT(OPT_VERBOSE), 3, 1, "a"},
		{{"-qv", "reload"},
		 "reload",
		 true,
		 OPT_BIT(OPT_QUIET) | OPT_BIT(OPT_VERBOSE),
		 1,
		 0,
		 NULL},
		{{"run", "--", "--all"}, "run", true, 0, 0, 1, "--all"},
		{{"run", "-"}, "run", true, 0, 0, 1, "-"},
		{{"run", "status"}, "run", true, 0, 0, 1, "status"},
		{{"run", "backup"}, "run", true, 0, 0, 1, "backup"},
		{{"run", "--help"}, "run", true, OPT_BIT(OPT_HELP), 0, 0, NULL},
		{{"--help"}, "status", false, OPT_BIT(OPT_HELP), 0, 0, NULL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct ctl_args a;
		struct mm_err err;

		assert_int_equal(parse(&a, &err, rows[i].words), 0);
		assert_string_equal(a.verb->name, rows[i].verb);
		assert_int_equal(a.verb_named, rows[i].named);
		assert_int_equal(a.given, rows[i].given);
		assert_int_equal(a.verbose, rows[i].verbose);
		assert_int_equal(a.n_names, rows[i].n_names);
		if (rows[i].last_name)
			assert_string_equal(a.names[a.n_names - 1], rows[i].last_name);
		ctl_args_done(&a);
	}
}

static void test_values(void **state)
{
	static const char *const forms[][4] = {
		{"--socket", "/a", NULL},
		{"--socket=/a", NULL},
		{"--socket", "/b", "--socket=/a", NULL},
		{"--socket", "/a", "status", NULL},
	};
	static const char *const equals[] = {"--config=/x=y", NULL};
	struct ctl_args a;
	struct mm_err err;

	for (size_t i = 0; i < ELEMENTS(forms); i++) {
		assert_int_equal(parse(&a, &err, forms[i]), 0);
		assert_string_equal(a.values[OPT_SOCKET], "/a");
		assert_string_equal(a.verb->name, "status");
		ctl_args_done(&a);
	}
	assert_int_equal(parse(&a, &err, equals), 0);
	assert_string_equal(a.values[OPT_CONFIG], "/x=y");
	ctl_args_done(&a);
}

static void test_refused(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *text, *advice;
	} rows[] = {
		{{"backup", "--no-idea"}, "'backup' is not in this version", ""},
		{{"--socket", "/x", "verify"}, "'verify' is not in this version", ""},
		{{"--", "verify"}, "'verify' is not in this version", ""},
		{{"--socket", "verify", "satus"}, "no verb 'satus'", "'status'"},
		{{"run", "a", "--repair"}, "not in this version", ""},
		{{"run", "a", "--from=x"}, "not in this version", ""},
		{{"xyzzy"}, "no verb 'xyzzy'", "--help"},
		{{"run", "a", "--nowait"}, "no option '--nowait'", "'--no-wait'"},
		{{"run", "a", "--dryrun=1"}, "no option '--dryrun=1'", ""},
		{{"-z"}, "no option '-z'", "--help"},
		{{"run"}, "needs the name", "run --help"},
		{{"run", "--all", "a"}, "either --all or names", ""},
		{{"reload", "x"}, "what to do with 'x'", ""},
		{{"plan", "x", "y"}, "what to do with 'y'", ""},
		{{"cancel", "x", "--local"}, "does not take '--local'", ""},
		{{"--quiet=yes"}, "takes no value", ""},
		{{"--config"}, "'--config' needs a value: FILE", ""},
		{{"--config="}, "is empty", ""},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct ctl_args a;
		struct mm_err err;

		assert_int_equal(parse(&a, &err, rows[i].words), -EINVAL);
		assert_int_equal(err.cls, MM_CLASS_USAGE);
		assert_non_null(strstr(err.text, rows[i].text));
		assert_non_null(strstr(err.advice, rows[i].advice));
		ctl_args_done(&a);
	}
}

static void test_nearest(void **state)
{
	static const char *const words[] = {"status", "run",    "plan",
					    "cancel", "reload", "version"};
	static const struct {
		const char *word, *nearest;
	} rows[] = {
		{"statsu", "status"},
		{"stat", "status"},
		{"st", "status"},
		{"rnu", "run"},
		{"plna", "plan"},
		{"plann", "plan"},
		{"canel", "cancel"},
		{"relaod", "reload"},
		{"xyzzy", NULL},
		{"", NULL},
		{"s", NULL},
		{"ru", "run"},
		{"backup", NULL},
		{"a-word-that-is-longer-than-any-verb-there-could-be", NULL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *got = ctl_nearest(rows[i].word, words, ELEMENTS(words));

		if (rows[i].nearest)
			assert_string_equal(got, rows[i].nearest);
		else
			assert_null(got);
	}
}

static void test_tables_are_whole(void **state)
{
	for (size_t i = 0; i < ctl_n_verbs; i++) {
		assert_non_null(ctl_verbs[i].run);
		assert_true(ctl_verbs[i].min_names <= ctl_verbs[i].max_names);
		assert_int_equal(ctl_verbs[i].options & OPT_GLOBALS, 0);
		assert_false(ctl_is_later(ctl_verbs[i].name));
		assert_ptr_equal(ctl_find_verb(ctl_verbs[i].name), &ctl_verbs[i]);
	}
	for (size_t o = 0; o < OPT_MAX_; o++)
		assert_non_null(ctl_option_rows[o].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),         cmocka_unit_test(test_values),
		cmocka_unit_test(test_refused),          cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_tables_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
