/* SPDX-License-Identifier: Apache-2.0 */
#include "state_fixture.h"

/* "origin>destination basis name [retired] [begun];" for each record. */
static int add_line(void *userdata, const struct state_pair *p)
{
	return buf_addf(userdata, "%s>%s %s %s%s%s;", p->origin, p->destination, p->basis,
			p->name, p->retired ? " retired" : "", p->begun ? " begun" : "");
}

static void assert_pairs(struct state *s, const char *expected)
{
	_cleanup_(buf_done) struct buf got = {0};

	assert_int_equal(state_pairs(s, add_line, &got, NULL), 0);
	assert_string_equal(buf_str(&got), expected);
}

static struct state_folder get(struct state *s, const char *origin, const char *destination)
{
	struct state_folder f = {0};

	assert_int_equal(state_folder_get(s, origin, destination, &f, NULL), 0);
	return f;
}

static void place(struct state *s, int64_t id, const char *basis, const char *name)
{
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_place(s, id, basis, name, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
}

static void begin_folder(struct state *s, struct state_folder f, uint32_t dest_uidvalidity,
			 uint32_t dest_seen)
{
	f.origin_uidvalidity = 1;
	f.dest_uidvalidity = dest_uidvalidity;
	f.dest_seen = dest_seen;
	f.dest_modseq = 5;
	f.dest_messages = 6;
	f.complete = true;
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_folder_put(s, &f, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
}

static void test_place(void **state)
{
	struct state *s = open_state(false, NULL);
	struct state_folder here, there;

	assert_pairs(s, "");
	here = get(s, "a", "X");
	assert_pairs(s, "a>X  ;");
	place(s, here.id, "same", "x");
	begin_folder(s, here, 7, 8);
	assert_pairs(s, "a>X same x begun;");

	/* It goes elsewhere, and comes back: what is known of it is still known. */
	there = get(s, "a", "Y");
	get(s, "b", "X");
	place(s, there.id, "map Y", "y");
	assert_pairs(s, "a>X same x retired begun;a>Y map Y y;b>X  ;");
	state_close(s);
	s = open_state(false, NULL);
	assert_pairs(s, "a>X same x retired begun;a>Y map Y y;b>X  ;");
	assert_int_equal(get(s, "a", "X").dest_seen, 8);
	place(s, here.id, "automap", "x");
	assert_pairs(s, "a>X automap x begun;a>Y map Y y retired;b>X  ;");
	state_close(s);
}

static int refuse(void *userdata, const struct state_pair *p)
{
	return -EINTR;
}

static void test_walk_ends(void **state)
{
	struct state *s = open_state(false, NULL);

	get(s, "a", "X");
	assert_int_equal(state_pairs(s, refuse, NULL, NULL), -EINTR);
	assert_pairs(s, "a>X  ;");
	state_close(s);
}

static void test_dry(void **state)
{
	struct state *s = open_state(false, NULL);
	int64_t id = get(s, "a", "X").id;

	place(s, id, "same", "x");
	state_close(s);
	s = open_state(true, NULL);
	place(s, get(s, "a", "Y").id, "map", "y");
	assert_pairs(s, "a>X same x retired;a>Y map y;");
	state_close(s);
	s = open_state(true, NULL);
	assert_pairs(s, "a>X same x;");
	state_close(s);
}

static void test_same_place(void **state)
{
	struct state *s = open_state(false, NULL);
	_cleanup_(freep) int64_t *ids = NULL;
	int64_t a = get(s, "a", "X").id, b, c;
	size_t n;

	get(s, "other", "Y");
	b = get(s, "b", "X").id;
	c = get(s, "c", "X").id;
	place(s, get(s, "b", "Y").id, "", ""); /* retires b>X, which still counts */
	assert_int_equal(state_same_place(s, c, &ids, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(ids[0], a);
	assert_int_equal(ids[1], b);
	assert_int_equal(ids[2], c);
	state_close(s);
}

static void test_stale(void **state)
{
	static const struct {
		uint32_t uidvalidity, uidnext;
		int stale;
	} rows[] = {
		{7, 9, 0}, {7, 8, 0}, {7, 0, 0}, /* not told */
		{7, 7, 1},                       /* UIDs are given again */
		{8, 9, 1}, {6, 0, 1},
	};
	struct state *s = open_state(false, NULL);
	struct state_folder a = get(s, "a", "X"), b = get(s, "b", "X"), y = get(s, "c", "Y");
	uint32_t was = 0;

	begin_folder(s, y, 99, 100); /* of no concern */
	assert_int_equal(state_is_stale(s, a.id, 5, 1, &was, NULL), 0);
	begin_folder(s, b, 7, 8);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		was = 0;
		/* a was never copied: that of b counts */
		assert_int_equal(state_is_stale(s, a.id, rows[i].uidvalidity, rows[i].uidnext,
						&was, NULL),
				 rows[i].stale);
		assert_int_equal(was, rows[i].stale ? 7 : 0);
	}
	assert_int_equal(state_begin(s, NULL), 0);
	assert_int_equal(state_renew(s, a.id, 12, NULL), 0);
	assert_int_equal(state_commit(s, NULL), 0);
	b = get(s, "b", "X");
	assert_int_equal(b.dest_uidvalidity, 12);
	assert_int_equal(b.dest_seen + b.dest_modseq + b.dest_messages, 0);
	assert_false(b.complete);
	assert_int_equal(b.origin_uidvalidity, 1);
	assert_int_equal(get(s, "a", "X").dest_uidvalidity, 0);
	assert_int_equal(get(s, "c", "Y").dest_seen, 100);
	assert_int_equal(state_is_stale(s, a.id, 12, 1, &was, NULL), 0);
	state_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_place, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_walk_ends, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_dry, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_same_place, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_stale, unit_dir_setup, unit_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
