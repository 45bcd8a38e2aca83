/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/buf.h>

static void test_add(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_adds(&b, "ab"), 0);
	assert_int_equal(buf_addc(&b, 'c'), 0);
	assert_int_equal(buf_addf(&b, "%d-%s", 42, "x"), 0);
	assert_string_equal(buf_str(&b), "abc42-x");
	assert_int_equal(b.len, 7);
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	assert_int_equal(buf_add(&b, "\0y", 2), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.p, "abc42-x\0y", 10);
}

/* Every length over several doublings: the content and the NUL stay right. */
static void test_growth(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	for (size_t i = 0; i < 3000; i++) {
		assert_int_equal(buf_addc(&b, (char)('a' + i % 26)), 0);
		assert_int_equal(b.len, i + 1);
		assert_true(b.cap > b.len);
		assert_int_equal(b.p[b.len], '\0');
	}
	for (size_t i = 0; i < 3000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	assert_true(b.cap < 3 * b.len);
}

static void test_addf_longer_than_the_buffer(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	assert_int_equal(buf_addf(&b, "%500s|", "x"), 0);
	assert_int_equal(b.len, 501);
	assert_string_equal(b.p + 499, "x|");
}

static void test_reserve(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	char *p;

	assert_int_equal(buf_reserve(&b, 1000), 0);
	assert_string_equal(buf_str(&b), "");
	p = b.p;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(buf_addc(&b, 'x'), 0);
	assert_ptr_equal(b.p, p);

	/* What cannot be had leaves all as it was. */
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2 - 1000), -ENOMEM);
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.len, 1000);
}

static void test_consume(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};

	buf_consume(&b, 0);
	assert_int_equal(buf_adds(&b, "abcdef"), 0);
	buf_consume(&b, 2);
	assert_string_equal(b.p, "cdef");
	assert_int_equal(b.len, 4);
	buf_consume(&b, 0);
	assert_string_equal(b.p, "cdef");
	buf_consume(&b, 4);
	assert_string_equal(b.p, "");
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_adds(&b, "new"), 0);
	assert_string_equal(b.p, "new");
}

static void test_reset_keeps_memory(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	size_t cap;
	char *p;

	buf_reset(&b);
	assert_null(b.p);
	assert_int_equal(buf_adds(&b, "abc"), 0);
	p = b.p;
	cap = b.cap;
	buf_reset(&b);
	assert_ptr_equal(b.p, p);
	assert_int_equal(b.cap, cap);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.p, "");
}

static void test_done_can_be_repeated(void **state)
{
	struct buf b = {0};

	buf_done(&b);
	assert_int_equal(buf_adds(&b, "abc"), 0);
	buf_done(&b);
	assert_null(b.p);
	assert_int_equal(b.len + b.cap, 0);
	buf_done(&b);
}

static void test_take(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(freep) char *empty = buf_take(&b);
	_cleanup_(freep) char *full = NULL;

	assert_string_equal(empty, "");
	assert_int_equal(buf_adds(&b, "abc"), 0);
	full = buf_take(&b);
	assert_string_equal(full, "abc");
	assert_null(b.p);
	assert_int_equal(b.len + b.cap, 0);
}

/* Whatever leaves a secret buffer leaves no copy in its memory. */
static void test_secret(void **state)
{
	_cleanup_(buf_done) struct buf b = {.secret = true};

	assert_int_equal(buf_adds(&b, "password and more"), 0);
	buf_consume(&b, 13);
	assert_string_equal(buf_str(&b), "more");
	assert_null(memmem(b.p, b.cap, "word", 4));
	assert_int_equal(buf_adds(&b, " of it"), 0);
	assert_int_equal(buf_reserve(&b, 100000), 0); /* it moves */
	assert_string_equal(buf_str(&b), "more of it");
	buf_reset(&b);
	assert_null(memmem(b.p, b.cap, "more", 4));
	assert_int_equal(buf_adds(&b, "again"), 0);
	buf_done(&b);
	assert_true(b.secret);
	assert_null(b.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_addf_longer_than_the_buffer),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_consume),
		cmocka_unit_test(test_reset_keeps_memory),
		cmocka_unit_test(test_done_can_be_repeated),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
