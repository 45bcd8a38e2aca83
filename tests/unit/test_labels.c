/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>
#include <engine/map.h>

#include "unit.h"

static struct folder *add(struct folder_list *l, const char *raw, const char *role)
{
	struct folder *f = folder_list_add(l);

	assert_non_null(f);
	f->name = strdup(raw);
	f->raw = strdup(raw);
	f->role = role ? strdup(role) : NULL;
	return f;
}

static void test_omit(void **state)
{
	static const struct {
		bool labels;
		const char *role;
		bool include;
		bool omitted;
	} rows[] = {
		{true, "\\Flagged", false, true},   {true, "\\Important", false, true},
		{true, "\\Starred", false, true},   {true, "\\All", false, false},
		{true, "\\Sent", false, false},     {true, NULL, false, false},
		{true, "\\Flagged", true, false},   {true, "\\Important", true, false},
		{false, "\\Flagged", false, false}, {false, "\\Important", false, false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct folder_list l = {0};
		struct engine_sides sides = {.origin = &l, .origin_labels = rows[i].labels};
		struct folder_rules rules = {0};

		if (rows[i].include)
			assert_int_equal(text_list_add(&rules.include, "x"), 0);
		assert_int_equal(labels_omit(&sides, &rules, add(&l, "a", rows[i].role)),
				 rows[i].omitted);
		text_list_done(&rules.include);
		folder_list_done(&l);
	}
}

struct place {
	const char *raw, *role;
	bool left_out, refused;
};

/* A map of these folders, and what is made of it. */
static size_t plan(const struct place *v, bool labels, struct label_set *set, char **ret_by)
{
	struct folder_list l = {0};
	const struct engine_sides sides = {.origin = &l, .origin_labels = labels};
	struct map m = {0};
	size_t all = 99;

	*ret_by = NULL;
	m.pairs = calloc(10, sizeof(*m.pairs));
	assert_non_null(m.pairs);
	for (; v->raw; v++) {
		add(&l, v->raw, v->role);
		if (v->left_out)
			continue;
		m.pairs[m.n_pairs].origin_raw = strdup(v->raw);
		m.pairs[m.n_pairs].map.by = strdup("rule");
		m.pairs[m.n_pairs++].place = v->refused ? PAIR_DONE : PAIR_QUEUED;
	}
	assert_int_equal(labels_plan(&sides, &m, set, &all), 0);
	if (all < m.n_pairs)
		*ret_by = strdup(m.pairs[all].map.by);
	else
		assert_int_equal(all, m.n_pairs);
	for (size_t i = 0; i < m.n_pairs; i++)
		if (i != all)
			assert_string_equal(m.pairs[i].map.by, "rule");
	map_done(&m);
	folder_list_done(&l);
	return all;
}

#define GMAIL(work_out, sent_out)                                                              \
	{"INBOX", NULL, false, false}, {"Work", NULL, work_out, false},                        \
		{"[Gmail]/All Mail", "\\All", false, false},                                   \
		{"[Gmail]/Sent Mail", "\\Sent", sent_out, false},                              \
		{"[Gmail]/Drafts", "\\Drafts", false, false},                                  \
	{                                                                                      \
		"[Gmail]/Starred", "\\Flagged", true, false                                    \
	}

/* What is in another folder that is copied, and what is the rest. */
static void test_elsewhere(void **state)
{
	static const struct {
		const char *what;
		struct place folders[8];
		const char *labels;
		bool elsewhere;
	} rows[] = {
		{"no label", {GMAIL(false, false)}, "", false},
		{"in the inbox", {GMAIL(false, false)}, "\\Inbox\n", true},
		{"in letters of another case", {GMAIL(false, false)}, "\\INBOX\n", true},
		{"a label", {GMAIL(false, false)}, "Work\n", true},
		{"whose folder is left out", {GMAIL(true, false)}, "Work\n", false},
		{"and another one", {GMAIL(true, false)}, "Work\n\\Inbox\n", true},
		{"of the system", {GMAIL(false, false)}, "\\Sent\n", true},
		{"of the system, left out", {GMAIL(false, true)}, "\\Sent\n", false},
		{"drafts have their own word", {GMAIL(false, false)}, "\\Draft\n", true},
		{"a view is no folder",
		 {GMAIL(false, false)},
		 "\\Starred\n\\Important\n",
		 false},
		{"a folder that IMAP does not show", {GMAIL(false, false)}, "Hidden\n", false},
		{"no part of a name counts",
		 {GMAIL(false, false)},
		 "Wor\nWork/x\nork\n",
		 false},
		{"case counts", {GMAIL(false, false)}, "work\n", false},
		{"a word of the system as a name",
		 {GMAIL(false, false)},
		 "Inbox\nSent\n",
		 false},
		{"an unknown word of the system",
		 {GMAIL(false, false)},
		 "\\Muted\n\\\n\\All\n",
		 false},
		{"all mail is no other folder",
		 {GMAIL(false, false)},
		 "[Gmail]/All Mail\n",
		 false},
		{"without an end", {GMAIL(false, false)}, "x\nWork", true},
		{"empty ones", {GMAIL(false, false)}, "\n\n\nWork\n", true},
		{"a folder that nobody can ask for",
		 {{"INBOX", NULL, false, false},
		  {"Bad", NULL, false, true},
		  {"All", "\\All", false, false}},
		 "Bad\n",
		 false},
		{"the view itself is wanted",
		 {{"Starred", "\\Flagged", false, false}, {"All", "\\All", false, false}},
		 "\\Starred\n",
		 true},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(label_set_done) struct label_set set = {0};
		_cleanup_(freep) char *by = NULL;

		print_message("%s\n", rows[i].what);
		(void)plan(rows[i].folders, true, &set, &by);
		assert_string_equal(by, "rule; only what is in no other folder here");
		assert_int_equal(labels_elsewhere(&set, rows[i].labels), rows[i].elsewhere);
	}
}

static void test_plan(void **state)
{
	static const struct place gmail[] = {GMAIL(false, false), {0}};
	static const struct place alone[] = {
		{"INBOX", NULL, true, false}, {"All", "\\All", false, false}, {0}};
	static const struct place without[] = {{"INBOX", NULL, false, false}, {0}};
	_cleanup_(label_set_done) struct label_set set = {0};
	_cleanup_(freep) char *by = NULL;

	assert_int_equal(plan(gmail, true, &set, &by), 2);
	assert_int_equal(set.names.n, 4);
	label_set_done(&set);
	free(by);
	/* No labels: a folder is a folder. */
	assert_int_equal(plan(gmail, false, &set, &by), 5);
	assert_int_equal(set.names.n, 0);
	/* Alone it is not a rest: everything in it is wanted. */
	assert_int_equal(plan(alone, true, &set, &by), 0);
	assert_int_equal(set.names.n, 0);
	assert_string_equal(by, "rule");
	assert_false(labels_elsewhere(&set, "\\Inbox\nINBOX\n"));
	free(by);
	assert_int_equal(plan(without, true, &set, &by), 1);
	assert_int_equal(set.names.n, 1);
}

/* Another set of folders, another number. */
static void test_hash(void **state)
{
	static const struct place sets[][4] = {
		{{"a", NULL, false, false}, {"b", NULL, false, false}},
		{{"b", NULL, false, false}, {"a", NULL, false, false}},
		{{"ab", NULL, false, false}},
		{{"a", NULL, false, false}},
		{{"a", "\\Sent", false, false}},
		{{"a", NULL, true, false}},
		{{"INBOX", NULL, false, false}},
	};
	uint64_t hashes[ELEMENTS(sets)];

	for (size_t i = 0; i < ELEMENTS(sets); i++) {
		_cleanup_(label_set_done) struct label_set set = {0};
		_cleanup_(freep) char *by = NULL;

		(void)plan(sets[i], true, &set, &by);
		hashes[i] = label_set_hash(&set);
		assert_int_not_equal(hashes[i], 0);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(hashes[i] == hashes[k], i == 1 && k == 0);
	}
}

static void test_long_label(void **state)
{
	static const struct place folders[] = {GMAIL(false, false), {0}};
	_cleanup_(label_set_done) struct label_set set = {0};
	_cleanup_(freep) char *by = NULL;
	char text[5000];

	(void)plan(folders, true, &set, &by);
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		memset(text, 'x', sizeof(text));
		text[sizeof(text) - 1] = '\0';
		text[n] = '\n';
		assert_false(labels_elsewhere(&set, text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_omit),       cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_plan),       cmocka_unit_test(test_hash),
		cmocka_unit_test(test_long_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
