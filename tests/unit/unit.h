/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEST_UNIT_H
#define MAILMIG_TEST_UNIT_H

/* What every unit test includes: cmocka with what it needs, and a directory of its own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants those before it. */
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <mailmig/base.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static char unit_dir[64];

static _unused_ int unit_remove(const char *path, const struct stat *st, int type,
				struct FTW *ftw)
{
	return remove(path);
}

/* Setup and teardown of a test or a group: unit_dir is an empty directory in between. */
static _unused_ int unit_dir_setup(void **state)
{
	(void)snprintf(unit_dir, sizeof(unit_dir), "/tmp/mailmig-unit-XXXXXX");
	return mkdtemp(unit_dir) ? 0 : -1;
}

static _unused_ int unit_dir_teardown(void **state)
{
	return nftw(unit_dir, unit_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* unit_dir/name, in one of a few buffers that are used in turn. */
static _unused_ const char *unit_path(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *p = paths[next++ % ELEMENTS(paths)];

	(void)snprintf(p, sizeof(paths[0]), "%s/%s", unit_dir, name);
	return p;
}

/* A file in unit_dir with that content and mode. Returns its path as unit_path() does. */
static _unused_ const char *unit_file(const char *name, const void *p, size_t n, mode_t mode)
{
	const char *path = unit_path(name);
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	assert_int_equal(fchmod(fd, mode), 0);
	return path;
}

#endif
