/* SPDX-License-Identifier: Apache-2.0 */
#include <engine/engine_internal.h>
#include <mailmig/text.h>

#include "unit.h"

static struct folder *add(struct folder_list *l, const char *name, const char *raw)
{
	struct folder *f = folder_list_add(l);

	assert_non_null(f);
	f->name = text_dup(name);
	f->raw = text_dup(raw);
	f->delim = '/';
	return f;
}

struct world {
	struct folder_list origin, destination;
	struct map map;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	map_done(&w->map);
	folder_list_done(&w->origin);
	folder_list_done(&w->destination);
	free(w);
	return 0;
}

static void map(struct world *w, bool subscribe)
{
	folder_list_sort(&w->origin);
	folder_list_sort(&w->destination);
	const struct folder_rules rules = {.automap = true, .subscribe = subscribe};
	const struct engine_sides sides = {.origin = &w->origin,
					   .destination = &w->destination};

	assert_int_equal(map_folders(&rules, &sides, NULL, 0, &w->map), 0);
}

static const struct pair *pair_of(const struct world *w, const char *origin)
{
	for (size_t i = 0; i < w->map.n_pairs; i++)
		if (strcmp(w->map.pairs[i].origin, origin) == 0)
			return &w->map.pairs[i];
	return NULL;
}

static void test_nothing(void **state)
{
	struct world *w = *state;

	map(w, true);
	assert_int_equal(w->map.n_pairs, 0);
}

static void test_same_and_missing(void **state)
{
	struct world *w = *state;
	const struct pair *p;

	add(&w->origin, "INBOX", "INBOX")->status = (struct folder_status){
		.messages = 3, .uidnext = 9, .uidvalidity = 7, .known = true};
	add(&w->origin, "Entwürfe/a", "Entw&APw-rfe/a");
	add(&w->destination, "INBOX", "INBOX")->status.uidvalidity = 5;
	add(&w->destination, "Only there", "Only there");
	map(w, true);
	assert_int_equal(w->map.n_pairs, 2);

	p = pair_of(w, "INBOX");
	assert_true(p->exists);
	assert_string_equal(p->destination_raw, "INBOX");
	assert_int_equal(p->origin_status.messages, 3);
	assert_int_equal(p->destination_status.uidvalidity, 5);
	assert_int_equal(p->place, PAIR_QUEUED);

	p = pair_of(w, "Entwürfe/a");
	assert_false(p->exists);
	assert_string_equal(p->destination, "Entwürfe/a");
	assert_string_equal(p->origin_raw, "Entw&APw-rfe/a");
	assert_null(p->destination_raw); /* the other server may write it otherwise */
}

static void test_what_cannot_hold_messages(void **state)
{
	struct world *w = *state;

	add(&w->origin, "Parent", "Parent")->noselect = true;
	add(&w->origin, "Parent/child", "Parent/child");
	add(&w->origin, "There it cannot", "There it cannot");
	add(&w->destination, "There it cannot", "There it cannot")->noselect = true;
	map(w, true);
	assert_int_equal(w->map.n_pairs, 2);
	assert_null(pair_of(w, "Parent"));
	/* It has to be made: as a name it is there, as a mailbox it is not. */
	assert_false(pair_of(w, "There it cannot")->exists);
	assert_null(pair_of(w, "There it cannot")->destination_raw);
}

static void test_subscriptions(void **state)
{
	static const struct {
		const char *name;
		bool at_origin, exists, there, wanted;
	} rows[] = {
		{"new, subscribed", true, false, false, true},
		{"new, not subscribed", false, false, false, true},
		{"old, at the origin only", true, true, false, true},
		{"old, on both sides", true, true, true, false},
		{"old, nowhere", false, true, false, false},
		{"old, there only", false, true, true, false},
	};
	struct world *w = *state;

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		add(&w->origin, rows[i].name, rows[i].name)->subscribed = rows[i].at_origin;
		if (rows[i].exists)
			add(&w->destination, rows[i].name, rows[i].name)->subscribed =
				rows[i].there;
	}
	map(w, true);
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(pair_of(w, rows[i].name)->subscribe, rows[i].wanted);
}

static void test_no_subscriptions(void **state)
{
	struct world *w = *state;

	add(&w->origin, "a", "a")->subscribed = true;
	map(w, false);
	assert_false(pair_of(w, "a")->subscribe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_same_and_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_hold_messages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_subscriptions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_subscriptions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
