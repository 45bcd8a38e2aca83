/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <jansson.h>
#include <mailmig/fs.h>
#include <mailmig/quarantine.h>

#define NAME "00000000000000000000000000000007"

static struct spool_pool *pool;

static int setup(void **state)
{
	int r = unit_dir_setup(state);

	return r < 0 ? r : spool_pool_new(1024 * 1024, unit_dir, 0, &pool);
}

static int teardown(void **state)
{
	pool = spool_pool_free(pool);
	return unit_dir_teardown(state);
}

static struct message message_of(const char *octets, size_t n)
{
	struct message m = {.uid = 12, .size = n, .has_digest = true, .date = "today"};

	m.digest[15] = 7;
	m.flags = strdup("\\Seen kw");
	assert_non_null(m.flags);
	assert_int_equal(spool_new(pool, n, &m.body), 0);
	assert_int_equal(spool_write(m.body, octets, n), 0);
	return m;
}

static struct quarantine of(const struct message *m)
{
	return (struct quarantine){
		.state_dir = unit_dir,
		.account = "group/alice",
		.folder = "../../etc/passwd\xff\n",
		.uidvalidity = 4294967295,
		.message = m,
		.reason = "NO \"\1\"",
		.tried = "repaired: NUL octets",
	};
}

static void assert_file(const char *name, const void *octets, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct stat st;

	assert_int_equal(fs_read_file(unit_path(name), 1 << 20, &b), 0);
	assert_int_equal(b.len, n);
	assert_memory_equal(b.p, octets, n);
	assert_int_equal(stat(unit_path(name), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_put(void **state)
{
	static char octets[40000];
	_cleanup_(freep) char *path = NULL;
	_cleanup_(json_decrefp) json_t *about = NULL;
	struct message m;
	struct quarantine q;
	struct stat st;

	memset(octets, 'x', sizeof(octets));
	octets[7] = '\0';
	m = message_of(octets, sizeof(octets));
	q = of(&m);
	assert_null(quarantine_find(unit_dir, q.account, m.digest));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(quarantine_put(&q, NULL), 0);
		assert_file("quarantine/group/alice/" NAME ".eml", octets, sizeof(octets));
	}
	path = quarantine_find(unit_dir, q.account, m.digest);
	assert_string_equal(path, unit_path("quarantine/group/alice/" NAME ".eml"));
	assert_int_equal(stat(unit_path("quarantine/group/alice"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	about = json_load_file(unit_path("quarantine/group/alice/" NAME ".json"), 0, NULL);
	assert_non_null(about);
	assert_string_equal(json_string_value(json_object_get(about, "folder")),
			    "../../etc/passwd??");
	assert_string_equal(json_string_value(json_object_get(about, "flags")), "\\Seen kw");
	assert_int_equal(json_integer_value(json_object_get(about, "uid")), 12);
	assert_int_equal(json_integer_value(json_object_get(about, "size")), sizeof(octets));
	assert_string_equal(json_string_value(json_object_get(about, "reason")), "NO \"?\"");
	message_done(&m);
}

/* Half of it is not there: the next one makes it whole. */
static void test_half(void **state)
{
	struct message m = message_of("abc", 3);
	struct quarantine q = of(&m);

	assert_int_equal(quarantine_put(&q, NULL), 0);
	assert_int_equal(truncate(unit_path("quarantine/group/alice/" NAME ".eml"), 1), 0);
	assert_int_equal(unlink(unit_path("quarantine/group/alice/" NAME ".json")), 0);
	assert_int_equal(quarantine_put(&q, NULL), 0);
	assert_file("quarantine/group/alice/" NAME ".eml", "abc", 3);
	assert_int_equal(access(unit_path("quarantine/group/alice/" NAME ".json"), F_OK), 0);
	message_done(&m);
}

static void test_no_room(void **state)
{
	struct message m = message_of("abc", 3);
	struct quarantine q = of(&m);
	struct mm_err err = {0};

	q.min_free_bytes = UINT64_MAX;
	assert_int_equal(quarantine_put(&q, &err), -ENOSPC);
	assert_int_equal(err.scope, MM_SCOPE_MESSAGE);
	assert_int_equal(err.cls, MM_CLASS_LOCAL);
	assert_non_null(strstr(err.text, "cannot be kept"));
	assert_null(quarantine_find(unit_dir, q.account, m.digest));
	message_done(&m);
}

static void test_cannot(void **state)
{
	struct message m = message_of("abc", 3);
	struct quarantine q = of(&m);
	struct mm_err err = {0};

	assert_int_equal(fs_write_file(unit_path("quarantine"), 0600, "", 0), 0);
	assert_int_equal(quarantine_put(&q, &err), -ENOTDIR);
	assert_int_equal(err.retry, MM_RETRY_LATER);
	message_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put, setup, teardown),
		cmocka_unit_test_setup_teardown(test_half, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cannot, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
