/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/secret.h>
#include <mailmig/vault.h>

#include "vault/vault_internal.h"

#define NAME   "alice.origin"
#define SECRET "pass\0w\xffrd\n"

static struct vault_keys some_keys(unsigned char first)
{
	struct vault_keys k = {.n = 1};

	for (size_t i = 0; i < sizeof(k.v[0].p); i++)
		k.v[0].p[i] = (unsigned char)(first + i);
	assert_int_equal(vault_key_init(&k.v[0]), 0);
	return k;
}

static void seal(const struct vault_keys *keys, const void *p, size_t n, struct buf *ret)
{
	_cleanup_(secret_freep) struct secret *s = NULL;

	assert_int_equal(secret_new(p, n, &s), 0);
	assert_int_equal(record_seal(&keys->v[0], NAME, 1234567890123456, s, ret), 0);
}

static void test_record(void **state)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 1000, VAULT_SECRET_MAX};
	static unsigned char octets[VAULT_SECRET_MAX];
	struct vault_keys keys = some_keys(1);

	memset(octets, 'x', sizeof(octets));
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		_cleanup_(buf_done) struct buf b = {0};
		_cleanup_(secret_freep) struct secret *s = NULL;

		seal(&keys, octets, sizes[i], &b);
		assert_int_equal(b.len, RECORD_HEAD_SIZE + sizes[i] + RECORD_TAG_SIZE);
		assert_true(record_time(b.p, b.len) == 1234567890123456);
		assert_int_equal(record_open(&keys, NAME, b.p, b.len, &s), 0);
		assert_int_equal(s->len, sizes[i]);
		assert_memory_equal(s->p, octets, sizes[i]);
	}
}

static void test_record_hides_the_secret(void **state)
{
	_cleanup_(buf_done) struct buf a = {0}, b = {0};
	struct vault_keys keys = some_keys(1);

	seal(&keys, "correct horse", 13, &a);
	seal(&keys, "correct horse", 13, &b);
	assert_null(memmem(a.p, a.len, "correct", 7));
	assert_null(memmem(a.p, a.len, keys.v[0].p, 8));
	/* Another nonce each time, so another text. */
	assert_memory_not_equal(a.p + RECORD_HEAD_SIZE - RECORD_NONCE_SIZE,
				b.p + RECORD_HEAD_SIZE - RECORD_NONCE_SIZE, RECORD_NONCE_SIZE);
	assert_memory_not_equal(a.p + RECORD_HEAD_SIZE, b.p + RECORD_HEAD_SIZE, 13);
}

static void test_too_large(void **state)
{
	static const unsigned char octets[VAULT_SECRET_MAX + 1];
	_cleanup_(secret_freep) struct secret *s = NULL;
	_cleanup_(buf_done) struct buf b = {0};
	struct vault_keys keys = some_keys(1);

	assert_int_equal(secret_new(octets, sizeof(octets), &s), 0);
	assert_int_equal(record_seal(&keys.v[0], NAME, 1, s, &b), -EFBIG);
	assert_int_equal(b.len, 0);
}

/* Every bit of a record counts. */
static void test_tampering(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct vault_keys keys = some_keys(1);

	seal(&keys, SECRET, sizeof(SECRET) - 1, &b);
	for (size_t i = 0; i < b.len * 8; i++) {
		struct secret *s = NULL;
		size_t octet = i / 8;
		int wanted = octet < 8    ? -EBADMSG
			     : octet == 8 ? -EPROTONOSUPPORT
			     : octet < 17 ? -ENOKEY
					  : -EBADMSG;

		b.p[octet] = (char)(b.p[octet] ^ (1 << i % 8));
		assert_int_equal(record_open(&keys, NAME, b.p, b.len, &s), wanted);
		assert_null(s);
		b.p[octet] = (char)(b.p[octet] ^ (1 << i % 8));
	}
	for (size_t n = 0; n < b.len; n++) {
		struct secret *s = NULL;

		assert_int_equal(record_open(&keys, NAME, b.p, n, &s), -EBADMSG);
		assert_null(s);
	}
	assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_int_equal(record_open(&keys, NAME, b.p, b.len, &(struct secret *){NULL}),
			 -EBADMSG);
}

static void test_another_name_or_key(void **state)
{
	static const char *const names[] = {
		"", "alice", "alice.origi", "alice.origin2", "Alice.origin", "bob.origin"};
	_cleanup_(buf_done) struct buf b = {0};
	struct vault_keys keys = some_keys(1), others = some_keys(2);
	_cleanup_(secret_freep) struct secret *s = NULL;

	seal(&keys, SECRET, sizeof(SECRET) - 1, &b);
	for (size_t i = 0; i < ELEMENTS(names); i++)
		assert_int_equal(record_open(&keys, names[i], b.p, b.len, &s), -EBADMSG);
	assert_int_equal(record_open(&others, NAME, b.p, b.len, &s), -ENOKEY);
	others.n = 0;
	assert_int_equal(record_open(&others, NAME, b.p, b.len, &s), -ENOKEY);

	/* A key that only pretends to be the right one. */
	others = some_keys(2);
	memcpy(others.v[0].id, keys.v[0].id, sizeof(others.v[0].id));
	assert_int_equal(record_open(&others, NAME, b.p, b.len, &s), -EBADMSG);

	/* The second of two keys. */
	others = some_keys(2);
	others.v[others.n++] = keys.v[0];
	assert_int_equal(record_open(&others, NAME, b.p, b.len, &s), 0);
	assert_int_equal(s->len, sizeof(SECRET) - 1);
}

/* ---- files ---- */

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static int put(const char *name, const char *value)
{
	_cleanup_(secret_freep) struct secret *s = NULL;

	assert_int_equal(secret_new(value, strlen(value), &s), 0);
	return vault_put(unit_dir, name, s, NULL);
}

static void assert_stored(const char *name, const char *value)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	struct mm_err e = {0};

	assert_int_equal(vault_get(unit_dir, name, &s, &e), 0);
	assert_int_equal(s->len, strlen(value));
	assert_memory_equal(s->p, value, s->len);
}

static void assert_refused(const char *name, int code, const char *text)
{
	struct secret *s = NULL;
	struct mm_err e = {0};

	assert_int_equal(vault_get(unit_dir, name, &s, &e), code);
	assert_null(s);
	assert_int_equal(e.cls, MM_CLASS_CONFIG);
	assert_non_null(strstr(e.text, text));
	assert_non_null(strstr(e.text, name));
	assert_true(*e.advice);
}

static int count(const char *name, uint64_t stored_usec, void *userdata)
{
	assert_true(strcmp(name, "a") == 0 || strcmp(name, "b@c.example") == 0);
	assert_true(stored_usec > 0);
	++*(int *)userdata;
	return 0;
}

static void test_files(void **state)
{
	int n = 0;

	assert_refused("a", -ENOENT, "does not exist");
	assert_int_equal(vault_list(unit_dir, count, &n, NULL), 0);
	assert_int_equal(n, 0);

	assert_int_equal(put("a", "one"), 0);
	assert_int_equal(mode_of(unit_path("secret.key")), 0400);
	assert_int_equal(mode_of(unit_path("secrets")), 0700);
	assert_int_equal(mode_of(unit_path("secrets/a")), 0600);
	assert_int_equal(put("b@c.example", "two"), 0);
	assert_stored("a", "one");
	assert_stored("b@c.example", "two");
	assert_int_equal(put("a", "three"), 0);
	assert_stored("a", "three");
	(void)unit_file("secrets/a~", "half", 4, 0600); /* what a crash left */
	assert_int_equal(vault_list(unit_dir, count, &n, NULL), 0);
	assert_int_equal(n, 2);

	assert_int_equal(vault_remove(unit_dir, "a", NULL), 0);
	assert_int_equal(vault_remove(unit_dir, "a", NULL), -ENOENT);
	assert_refused("a", -ENOENT, "does not exist");
	assert_stored("b@c.example", "two");
}

static void test_broken_files(void **state)
{
	assert_int_equal(put("a", "one"), 0);
	assert_int_equal(put("b", "two"), 0);

	assert_int_equal(rename(unit_path("secrets/a"), unit_path("secrets/c")), 0);
	assert_refused("c", -EBADMSG, "does not open");
	(void)unit_file("secrets/a", "", 0, 0600);
	assert_refused("a", -EBADMSG, "does not open");
	assert_stored("b", "two");
}

static void test_keys(void **state)
{
	char key[80];
	_cleanup_(closep) int fd = -1;

	assert_int_equal(put("a", "one"), 0);
	fd = open(unit_path("secret.key"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, key, sizeof(key)), 65);
	assert_int_equal(key[64], '\n');

	/* Another key: what was stored with the first does not open, and says so. */
	assert_int_equal(unlink(unit_path("secret.key")), 0);
	assert_refused("a", -ENOKEY, "a key that is not here");
	assert_int_equal(put("b", "two"), 0);
	assert_refused("a", -ENOKEY, "a key that is not here");
	assert_stored("b", "two");

	/* The first one as a credential goes before the file, and the file's is still read. */
	assert_int_equal(mkdir(unit_path("creds"), 0700), 0);
	(void)unit_file("creds/mailmig.key", key, 65, 0400);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", unit_path("creds"), 1), 0);
	assert_stored("a", "one");
	assert_stored("b", "two");
	assert_int_equal(put("c", "three"), 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_refused("c", -ENOKEY, "a key that is not here");
}

static void test_bad_keys(void **state)
{
	static const char *const bad[] = {"x\n", "0123",
					  "0123456789abcdef0123456789abcdef0123456789abcdef0123"
					  "456789abcdeg\n",
					  "0123456789abcdef0123456789abcdef0123456789abcdef0123"
					  "456789abcdef0\n"};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		struct mm_err e = {0};
		_cleanup_(secret_freep) struct secret *s = NULL;

		(void)unlink(unit_path("secret.key"));
		(void)unit_file("secret.key", bad[i], strlen(bad[i]), 0400);
		assert_int_equal(secret_new("x", 1, &s), 0);
		assert_int_equal(vault_put(unit_dir, "a", s, &e), -EBADMSG);
		assert_non_null(strstr(e.text, "64 hexadecimal digits"));
		assert_null(strstr(e.text, "abcdef"));
	}
	/* One that everybody may read is refused like any secret file. */
	assert_int_equal(chmod(unit_path("secret.key"), 0444), 0);
	assert_int_equal(put("a", "one"), -EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record),
		cmocka_unit_test(test_record_hides_the_secret),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_another_name_or_key),
		cmocka_unit_test_setup_teardown(test_files, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_broken_files, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_keys, unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_bad_keys, unit_dir_setup,
						unit_dir_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
