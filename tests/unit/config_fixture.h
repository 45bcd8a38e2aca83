/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

/* A directory of configuration files of its own for each test. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/config.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
	char dir[64];
	struct config *config;
	struct config_errors errors;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)umask(022);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/mailmig-config-XXXXXX");
	*state = f;
	return mkdtemp(f->dir) ? 0 : -1;
}

static inline int fixture_remove(const char *path, const struct stat *st _unused_,
				 int type _unused_, struct FTW *ftw _unused_)
{
	return remove(path);
}

static inline void fixture_reset(struct fixture *f)
{
	f->config = config_free(f->config);
	config_errors_done(&f->errors);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fixture_reset(f);
	(void)nftw(f->dir, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* Write a file below the directory; missing directories are made. */
static inline void fixture_write_octets(struct fixture *f, const char *name, const char *text,
					size_t n)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", f->dir, name);
	_cleanup_(freep) char *dir = text_dup(path);
	FILE *file;

	*strrchr(dir, '/') = 0;
	assert_int_equal(fs_mkdir_p(dir, 0755), 0);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static inline void fixture_write(struct fixture *f, const char *name, const char *text)
{
	fixture_write_octets(f, name, text, strlen(text));
}

static inline void fixture_chmod(struct fixture *f, const char *name, mode_t mode)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", f->dir, name);

	assert_int_equal(chmod(path, mode), 0);
}

static inline int fixture_load(struct fixture *f, const char *name)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", f->dir, name);

	fixture_reset(f);
	return config_load(path, &f->config, &f->errors);
}

/* All complaints, a line each, without the directory's name. */
static inline char *fixture_errors(struct fixture *f)
{
	_cleanup_(buf_done) struct buf b = {};
	size_t n = strlen(f->dir);

	assert_int_equal(buf_adds(&b, ""), 0);
	for (size_t i = 0; i < f->errors.n; i++) {
		const char *p = f->errors.lines[i], *hit;

		for (; (hit = strstr(p, f->dir)); p = hit + n + (hit[n] == '/'))
			assert_int_equal(buf_add(&b, p, (size_t)(hit - p)), 0);
		assert_int_equal(buf_addf(&b, "%s\n", p), 0);
	}
	return buf_take(&b);
}

/* Load m.conf and compare all complaints. */
static inline void fixture_expect(struct fixture *f, const char *expected)
{
	_cleanup_(freep) char *got = NULL;
	int r = fixture_load(f, "m.conf");

	got = fixture_errors(f);
	assert_string_equal(got, expected);
	assert_int_equal(r, *expected ? -EINVAL : 0);
	assert_true(!f->config == !!*expected);
}

/* Each text is the whole m.conf; expected are all complaints, exactly. */
struct row {
	const char *text;
	const char *expected;
};

static _unused_ void check_rows(void **state, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fixture_write(*state, "m.conf", rows[i].text);
		fixture_expect(*state, rows[i].expected);
	}
}

#endif
