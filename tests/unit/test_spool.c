/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <dirent.h>
#include <mailmig/spool.h>
#include <pthread.h>

#define CHUNK 8192
#define POOL  (16 * CHUNK)

static unsigned char pattern[5 * CHUNK];

static int setup(void **state)
{
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (unsigned char)(i * 13 + i / 255);
	return unit_dir_setup(state);
}

static unsigned count_open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static unsigned count_names(void)
{
	DIR *d = opendir(unit_dir);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 2;
}

/* Write `size` octets in pieces of `step` and read them back in others. */
static void fill_and_compare(struct spool *s, size_t size, size_t step)
{
	static unsigned char back[sizeof(pattern)];

	for (size_t at = 0; at < size; at += step)
		assert_int_equal(spool_write(s, pattern + at, MIN_OF(step, size - at)), 0);
	assert_int_equal(spool_size(s), size);
	assert_int_equal(spool_write(s, "", 0), 0);
	assert_int_equal(spool_write(s, "x", 1), -EMSGSIZE);
	assert_int_equal(spool_size(s), size);

	memset(back, 0, sizeof(back));
	assert_int_equal(spool_read_at(s, 0, back, sizeof(back)), size);
	assert_memory_equal(back, pattern, size);
	for (size_t at = 0; at < size; at += 3001) {
		size_t n = MIN_OF((size_t)5000, size - at);

		assert_int_equal(spool_read_at(s, at, back, 5000), n);
		assert_memory_equal(back, pattern + at, n);
	}
	assert_int_equal(spool_read_at(s, size, back, 10), 0);
	assert_int_equal(spool_read_at(s, size + 1, back, 10), 0);
	assert_int_equal(spool_read_at(s, UINT64_MAX, back, 10), 0);
	assert_int_equal(spool_read_at(s, 0, back, 0), 0);
}

/* Sizes around every border, in memory (up to four chunks) and in files. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {0,
				       1,
				       CHUNK - 1,
				       CHUNK,
				       CHUNK + 1,
				       2 * CHUNK,
				       4 * CHUNK - 1,
				       4 * CHUNK,
				       4 * CHUNK + 1,
				       5 * CHUNK};
	static const size_t steps[] = {1, 7, 1000, CHUNK, 3 * CHUNK, sizeof(pattern)};
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	unsigned files = count_open_files();

	assert_int_equal(spool_pool_new(POOL, unit_dir, 0, &p), 0);
	assert_int_equal(spool_pool_room(p), POOL);
	for (size_t i = 0; i < ELEMENTS(sizes); i++)
		for (size_t j = 0; j < ELEMENTS(steps); j++) {
			_cleanup_(spool_unrefp) struct spool *s = NULL;
			size_t chunks = (sizes[i] + CHUNK - 1) / CHUNK;
			bool file = sizes[i] > POOL / 4;

			assert_int_equal(spool_new(p, sizes[i], &s), 0);
			assert_int_equal(count_open_files(), files + file);
			assert_int_equal(spool_pool_room(p),
					 POOL - (file ? 0 : chunks * CHUNK));
			assert_int_equal(spool_size(s), 0);
			fill_and_compare(s, sizes[i], steps[j]);
			assert_int_equal(count_names(), 0);
		}
	assert_int_equal(spool_pool_room(p), POOL);
	assert_int_equal(count_open_files(), files);
}

/* Reading what is there while the rest is to come. */
static void test_partly_written(void **state)
{
	static const size_t sizes[] = {2 * CHUNK, 5 * CHUNK};
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	char back[20];

	assert_int_equal(spool_pool_new(POOL, unit_dir, 0, &p), 0);
	for (size_t i = 0; i < ELEMENTS(sizes); i++) {
		_cleanup_(spool_unrefp) struct spool *s = NULL;

		assert_int_equal(spool_new(p, sizes[i], &s), 0);
		assert_int_equal(spool_read_at(s, 0, back, sizeof(back)), 0);
		assert_int_equal(spool_write(s, "0123456789", 10), 0);
		assert_int_equal(spool_read_at(s, 4, back, sizeof(back)), 6);
		assert_memory_equal(back, "456789", 6);
		/* Too much is refused whole. */
		assert_int_equal(spool_write(s, pattern, sizes[i] - 9), -EMSGSIZE);
		assert_int_equal(spool_size(s), 10);
	}
}

static void test_full_pool_goes_to_files(void **state)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	struct spool *s[6] = {0};
	unsigned files = count_open_files();

	assert_int_equal(spool_pool_new(POOL, unit_dir, 0, &p), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(spool_new(p, POOL / 4 - 1, &s[i]), 0);
	assert_int_equal(spool_pool_room(p), 0);
	assert_int_equal(count_open_files(), files);
	assert_int_equal(spool_new(p, 1, &s[4]), 0);
	assert_int_equal(spool_new(p, 0, &s[5]), 0);
	assert_int_equal(count_open_files(), files + 1);
	fill_and_compare(s[4], 1, 1);
	fill_and_compare(s[0], POOL / 4 - 1, 999);

	/* What one gives back the next takes. */
	s[0] = spool_unref(s[0]);
	assert_null(s[0]);
	assert_int_equal(spool_pool_room(p), POOL / 4);
	assert_int_equal(spool_new(p, POOL / 4, &s[0]), 0);
	assert_int_equal(count_open_files(), files + 1);
	fill_and_compare(s[0], POOL / 4, 1234);

	for (size_t i = 0; i < ELEMENTS(s); i++)
		spool_unref(s[i]);
	assert_int_equal(spool_pool_room(p), POOL);
	assert_int_equal(count_open_files(), files);
}

static void test_references(void **state)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	struct spool *s = NULL;

	assert_int_equal(spool_pool_new(POOL, unit_dir, 0, &p), 0);
	assert_int_equal(spool_new(p, 10, &s), 0);
	assert_ptr_equal(spool_ref(s), s);
	assert_null(spool_unref(s));
	assert_int_equal(spool_pool_room(p), POOL - CHUNK);
	assert_int_equal(spool_write(s, "x", 1), 0);
	assert_null(spool_unref(s));
	assert_int_equal(spool_pool_room(p), POOL);
	assert_null(spool_unref(NULL));
}

static void test_no_memory_at_all(void **state)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	_cleanup_(spool_unrefp) struct spool *s = NULL;

	assert_int_equal(spool_pool_new(CHUNK - 1, unit_dir, 0, &p), 0);
	assert_int_equal(spool_pool_room(p), 0);
	assert_int_equal(spool_new(p, 100, &s), 0);
	fill_and_compare(s, 100, 100);
}

static void *use_the_pool(void *pool)
{
	for (int i = 0; i < 2000; i++) {
		_cleanup_(spool_unrefp) struct spool *s = NULL;
		char back[16];

		if (spool_new(pool, (uint64_t)(i % 3) * CHUNK + sizeof(back), &s) < 0 ||
		    spool_write(s, &i, sizeof(i)) < 0 ||
		    spool_read_at(s, 0, back, sizeof(back)) != sizeof(i) ||
		    memcmp(back, &i, sizeof(i)) != 0)
			return pool;
	}
	return NULL;
}

/* One pool, several threads: nobody is given the memory of another. */
static void test_threads(void **state)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	pthread_t threads[4];

	assert_int_equal(spool_pool_new(POOL, unit_dir, 0, &p), 0);
	for (size_t i = 0; i < ELEMENTS(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_the_pool, p), 0);
	for (size_t i = 0; i < ELEMENTS(threads); i++) {
		void *result = NULL;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_int_equal(spool_pool_room(p), POOL);
}

static void test_directory_is_gone(void **state)
{
	_cleanup_(spool_pool_freep) struct spool_pool *p = NULL;
	struct spool *s = NULL;

	assert_int_equal(spool_pool_new(POOL, unit_path("none"), 0, &p), 0);
	assert_int_equal(spool_new(p, POOL, &s), -ENOENT);
	assert_null(s);
	assert_int_equal(spool_new(p, UINT64_MAX, &s), -ENOENT);
	assert_int_equal(spool_pool_room(p), POOL);
	/* Small ones do not need it. */
	assert_int_equal(spool_new(p, 10, &s), 0);
	spool_unref(s);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, unit_dir_teardown)
	const struct CMUnitTest tests[] = {
		T(test_sizes),
		T(test_partly_written),
		T(test_full_pool_goes_to_files),
		T(test_references),
		T(test_no_memory_at_all),
		T(test_threads),
		T(test_directory_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
