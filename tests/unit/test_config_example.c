/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_internal.h"
#include "config_fixture.h"

/* etc/mailmig.conf: right as it is, right with everything in it switched on, and complete. */

#define EXAMPLE  "etc/mailmig.conf" /* the tests run at the top of the tree */
#define SEEN_MAX 256

static void read_example(struct buf *ret)
{
	assert_int_equal(fs_read_file(EXAMPLE, CONFIG_FILE_MAX, ret), 0);
}

/* The text with the // of every line taken away. */
static void switch_on(const struct buf *text, struct buf *ret)
{
	const char *p = buf_str(text);

	while (*p) {
		size_t n = strcspn(p, "\n") + 1;
		size_t off = strncmp(p, "//", 2) == 0 ? 2 : 0;

		assert_int_equal(buf_add(ret, p + off, n - off), 0);
		p += n;
	}
}

static void write_switched_on(struct fixture *f)
{
	_cleanup_(buf_done) struct buf text = {}, on = {};

	read_example(&text);
	switch_on(&text, &on);
	fixture_write(f, "m.conf", buf_str(&on));
	fixture_chmod(f, "m.conf", 0640); /* a password stands in it */
	fixture_write(f, "mailmig/accounts.d/none", "");
	fixture_write(f, "mailmig/office.csv",
		      "origin_user,origin_password,destination_user\nanna,x,anna\n");
	fixture_chmod(f, "mailmig/office.csv", 0640);
}

static void test_as_it_is(void **state)
{
	struct fixture *f = *state;
	_cleanup_(buf_done) struct buf text = {};

	read_example(&text);
	fixture_write(f, "m.conf", buf_str(&text));
	fixture_expect(f, "");
	assert_int_equal(f->config->n_servers, 0);
	assert_int_equal(f->config->n_accounts, 0);
}

static void test_switched_on(void **state)
{
	struct fixture *f = *state, plain = {};
	struct job j;

	write_switched_on(f);
	fixture_expect(f, "");
	assert_int_equal(f->config->n_servers, 4);
	assert_int_equal(f->config->n_accounts, 4);

	/* It says that the settings at its top show the default values. */
	memcpy(plain.dir, f->dir, sizeof(plain.dir));
	fixture_write(&plain, "plain.conf", "");
	assert_int_equal(fixture_load(&plain, "plain.conf"), 0);
	assert_string_equal(f->config->state_dir, plain.config->state_dir);
	assert_string_equal(f->config->socket, plain.config->socket);
	assert_int_equal(f->config->max_jobs, plain.config->max_jobs);
	assert_int_equal(f->config->log_level, plain.config->log_level);
	assert_int_equal(f->config->stop_on_error, plain.config->stop_on_error);
	fixture_reset(&plain);

	job_init(&j);
	assert_true(f->config->accounts[0].job.min_free_bytes == j.min_free_bytes);
	assert_int_equal(f->config->accounts[0].job.retry_attempts, j.retry_attempts);
	assert_true(f->config->accounts[0].job.retry_max_delay_usec == j.retry_max_delay_usec);
	assert_true(f->config->accounts[0].job.uncertain_wait_usec == j.uncertain_wait_usec);
	assert_int_equal(f->config->accounts[0].job.match, j.match);
	assert_int_equal(f->config->accounts[0].job.connections, j.connections);
	assert_int_equal(f->config->accounts[0].job.max_errors, j.max_errors);
	job_done(&j);
}

struct seen {
	const struct key *v[SEEN_MAX];
	size_t n;
};

static bool was_seen(const struct seen *seen, const struct key *k)
{
	for (size_t i = 0; i < seen->n; i++) {
		/* The ways to give a secret are the same in every place: once is enough. */
		if (seen->v[i] == k ||
		    (k->type == KEY_SECRET && seen->v[i]->type == KEY_SECRET &&
		     strcmp(seen->v[i]->name, k->name) == 0))
			return true;
	}
	return false;
}

/* Every key that is written, by its row. */
static void walk(const config_setting_t *group, const struct key_table *t, struct seen *seen)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		const struct key *k = key_find(t, config_setting_name(s));

		if (!k || k->status != KEY_NOW)
			fail_msg("%s is not for this version", config_setting_name(s));
		assert_true(seen->n < SEEN_MAX);
		seen->v[seen->n++] = k;
		if (k->type == KEY_GROUP)
			walk(s, k->keys, seen);
		for (int e = 0; k->type == KEY_ENTRIES && e < config_setting_length(s); e++)
			walk(config_setting_get_elem(s, (unsigned)e), k->keys, seen);
	}
}

static void test_complete(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *path = text_fmt("%s/m.conf", f->dir);
	_cleanup_(cfg_done) struct cfg cfg = {};
	struct seen seen = {};
	size_t n = 0;

	write_switched_on(f);
	assert_int_equal(cfg_read(&cfg, path, false), 0);
	assert_int_equal(cfg.complaints.n, 0);
	walk(config_root_setting(&cfg.files[0]->tree), &keys_global, &seen);

	for (size_t t = 0; t < keys_n_all; t++) {
		for (size_t i = 0; i < keys_all[t]->n; i++) {
			const struct key *k = &keys_all[t]->rows[i];

			if (k->status == KEY_NOW && !was_seen(&seen, k))
				fail_msg("%s of %s is not in %s", k->name, keys_all[t]->what,
					 EXAMPLE);
			n += k->status == KEY_NOW;
		}
	}
	assert_true(n > 40);
}

/* A row of this version must say where its value goes, and one of a later version must not. */
static void test_rows(void **state _unused_)
{
	for (size_t t = 0; t < keys_n_all; t++) {
		for (size_t i = 0; i < keys_all[t]->n; i++) {
			const struct key *k = &keys_all[t]->rows[i];
			bool nested = k->type == KEY_GROUP || k->type == KEY_ENTRIES;

			if (k->status != KEY_NOW)
				assert_int_equal(k->size, 0);
			else if (!nested && strcmp(k->name, "mode") != 0)
				assert_int_not_equal(k->size, 0);
			assert_true(nested == !!k->keys);
			for (size_t j = 0; j < i; j++)
				assert_string_not_equal(k->name, keys_all[t]->rows[j].name);
		}
	}
}

/* Cut or damaged anywhere, it is right or complained about, and never harmful. */
static void test_damaged(void **state)
{
	static const char marks[] = "\"{}()[];,=\\\n@#/9\377";
	struct fixture *f = *state;
	_cleanup_(buf_done) struct buf text = {}, on = {};
	unsigned refused = 0;

	read_example(&text);
	switch_on(&text, &on);
	write_switched_on(f);
	for (size_t i = 0; i < on.len; i += 13) {
		char saved = on.p[i];

		fixture_write_octets(f, "m.conf", on.p, i);
		for (size_t cut = 0; cut < 2; cut++) {
			int r = fixture_load(f, "m.conf");

			assert_true(r == 0 || (r == -EINVAL && f->errors.n > 0));
			refused += r < 0;
			on.p[i] = marks[i % (sizeof(marks) - 1)];
			fixture_write_octets(f, "m.conf", on.p, on.len);
		}
		on.p[i] = saved;
	}
	assert_true(refused > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_as_it_is), TEST(test_switched_on), TEST(test_complete),
		TEST(test_damaged),  TEST(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
