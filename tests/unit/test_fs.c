/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <limits.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void test_mkdir_p(void **state)
{
	static const char *const names[] = {"a/b/c", "d", "e/f/", "g//h///i", "a/b/c/j"};
	struct stat st;

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		assert_int_equal(fs_mkdir_p(unit_path(names[i]), 0700), 0);
		assert_true(is_dir(unit_path(names[i])));
		assert_int_equal(fs_mkdir_p(unit_path(names[i]), 0700), 0);
	}
	assert_int_equal(stat(unit_path("a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fs_mkdir_p("/", 0700), 0);
	assert_int_equal(fs_mkdir_p(".", 0700), 0);
}

static void test_mkdir_p_relative(void **state)
{
	_cleanup_(closep) int old = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(chdir(unit_dir), 0);
	assert_int_equal(fs_mkdir_p("r/s/t", 0700), 0);
	assert_true(is_dir(unit_path("r/s/t")));
	assert_int_equal(fchdir(old), 0);
}

static void test_mkdir_p_link(void **state)
{
	assert_int_equal(fs_mkdir_p(unit_path("dir"), 0700), 0);
	assert_int_equal(symlink("dir", unit_path("link")), 0);
	assert_int_equal(fs_mkdir_p(unit_path("link"), 0700), 0);
	assert_int_equal(fs_mkdir_p(unit_path("link/sub"), 0700), 0);
	assert_true(is_dir(unit_path("dir/sub")));
}

static void test_mkdir_p_refuses(void **state)
{
	char name[NAME_MAX + 2];

	unit_file("file", "x", 1, 0600);
	assert_int_equal(symlink("nowhere", unit_path("dangling")), 0);
	assert_int_equal(fs_mkdir_p(unit_path("file"), 0700), -ENOTDIR);
	assert_int_equal(fs_mkdir_p(unit_path("file/a"), 0700), -ENOTDIR);
	assert_int_equal(fs_mkdir_p(unit_path("file/a/b"), 0700), -ENOTDIR);
	assert_true(fs_mkdir_p(unit_path("dangling"), 0700) < 0);
	assert_int_equal(fs_mkdir_p("", 0700), -ENOENT);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(fs_mkdir_p(name, 0700), -ENAMETOOLONG);
}

static void test_read_file(void **state)
{
	static char big[200000];
	_cleanup_(buf_done) struct buf b = {0};

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);

	assert_int_equal(buf_adds(&b, "before "), 0);
	assert_int_equal(fs_read_file(unit_file("f", "a\0b", 3, 0600), 3, &b), 0);
	assert_int_equal(b.len, 10);
	assert_memory_equal(b.p, "before a\0b", 11);
	assert_int_equal(fs_read_file(unit_file("empty", "", 0, 0600), 0, &b), 0);
	assert_int_equal(b.len, 10);

	buf_reset(&b);
	assert_int_equal(
		fs_read_file(unit_file("big", big, sizeof(big), 0600), sizeof(big), &b), 0);
	assert_int_equal(b.len, sizeof(big));
	assert_memory_equal(b.p, big, sizeof(big));
}

static void test_read_file_refuses(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	assert_int_equal(buf_adds(&b, "kept"), 0);
	assert_int_equal(fs_read_file(unit_file("f", "1234", 4, 0600), 3, &b), -EFBIG);
	assert_int_equal(fs_read_file(unit_path("f"), 0, &b), -EFBIG);
	assert_int_equal(fs_read_file(unit_path("none"), 10, &b), -ENOENT);
	assert_int_equal(fs_read_file(unit_dir, 10, &b), -EISDIR);
	assert_int_equal(fs_read_file("/dev/zero", 100000, &b), -EFBIG);
	assert_int_equal(b.len, 4);
	assert_string_equal(b.p, "kept");
}

static void test_free_bytes(void **state)
{
	uint64_t n = 0;

	assert_int_equal(fs_free_bytes(unit_dir, &n), 0);
	assert_true(n > 0);
	assert_int_equal(fs_free_bytes(unit_path("none"), &n), -ENOENT);
}

static void test_program_dir(void **state)
{
	char dir[PATH_MAX], self[PATH_MAX + 16];

	assert_int_equal(fs_program_dir(dir, sizeof(dir)), 0);
	assert_int_equal(dir[0], '/');
	assert_true(is_dir(dir));
	(void)snprintf(self, sizeof(self), "%s/test_fs", dir);
	assert_int_equal(access(self, X_OK), 0);
	assert_int_equal(fs_program_dir(dir, 5), -ENAMETOOLONG);
}

static void assert_file(const char *path, const char *text, mode_t mode)
{
	_cleanup_(buf_done) struct buf b = {0};
	struct stat st;

	assert_int_equal(fs_read_file(path, 100, &b), 0);
	assert_string_equal(buf_str(&b), text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void test_write_file(void **state)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/f", unit_dir);
	(void)umask(0077);
	assert_int_equal(fs_write_file(path, 0600, "one", 3), 0);
	assert_file(path, "one", 0600);
	(void)unit_file("f~", "of a crash", 10, 0644);
	assert_int_equal(fs_write_file(path, 0400, "", 0), 0);
	assert_file(path, "", 0400);
	assert_int_equal(access(unit_path("f~"), F_OK), -1);
	assert_int_equal(fs_write_file(unit_path("none/f"), 0600, "x", 1), -ENOENT);

	assert_int_equal(mkdir(unit_path("d"), 0700), 0);
	assert_int_equal(fs_write_file(unit_path("d"), 0600, "x", 1), -EISDIR);
	assert_int_equal(access(unit_path("d~"), F_OK), -1);

	assert_int_equal(fs_remove_file(path), 0);
	assert_int_equal(fs_remove_file(path), -ENOENT);
}

static void test_set_aside(void **state)
{
	static const char *const parts[] = {"", "-wal", NULL};
	char first[128] = "";

	(void)unit_file("x.db.damaged-", "of nobody", 9, 0600); /* older than all */
	for (unsigned i = 0; i < 5; i++) {
		_cleanup_(freep) char *to = NULL, *wal = NULL;
		char n = (char)('0' + i);

		(void)unit_file("x.db", &n, 1, 0600);
		if (i % 2 == 0)
			(void)unit_file("x.db-wal", &n, 1, 0600);
		assert_int_equal(fs_set_aside(unit_path("x.db"), parts, 2, &to), 0);
		assert_true(access(unit_path("x.db"), F_OK) < 0);
		assert_true(access(unit_path("x.db-wal"), F_OK) < 0);
		wal = text_fmt("%s-wal", to);
		assert_int_equal(access(to, F_OK), 0);
		assert_int_equal(access(wal, F_OK), i % 2 == 0 ? 0 : -1);
		if (i == 0)
			(void)snprintf(first, sizeof(first), "%s", to);
		assert_int_equal(access(first, F_OK), i < 2 ? 0 : -1);
	}
	assert_true(access(unit_path("x.db.damaged-"), F_OK) < 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, unit_dir_setup, unit_dir_teardown)
	const struct CMUnitTest tests[] = {
		T(test_mkdir_p),         T(test_mkdir_p_relative), T(test_mkdir_p_link),
		T(test_mkdir_p_refuses), T(test_read_file),        T(test_read_file_refuses),
		T(test_free_bytes),      T(test_program_dir),      T(test_write_file),
		T(test_set_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
