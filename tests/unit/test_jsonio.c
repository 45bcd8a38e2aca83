/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/jsonio.h>
#include <pthread.h>
#include <sys/socket.h>

static void test_take_octet_by_octet(void **state)
{
	static const char in[] = "{\"a\":1}\0{ }";
	_cleanup_(buf_done) struct buf b = {0};
	int n = 0;

	for (size_t i = 0; i < sizeof(in); i++) {
		_cleanup_(json_decrefp) json_t *o = NULL;
		int r;

		assert_int_equal(buf_addc(&b, in[i]), 0);
		r = jsonio_take(&b, &o);
		assert_int_equal(r, in[i] == '\0');
		if (r == 0)
			continue;
		assert_int_equal(b.len, 0);
		assert_int_equal(json_object_size(o), n == 0);
		n++;
	}
	assert_int_equal(n, 2);
}

static void test_take_several(void **state)
{
	static const char in[] = "{\"a\":1}\0{\"a\":2}\0{\"a\":";
	_cleanup_(buf_done) struct buf b = {0};
	json_t *o = NULL;

	assert_int_equal(jsonio_take(&b, &o), 0);
	assert_int_equal(buf_add(&b, in, sizeof(in) - 1), 0);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(jsonio_take(&b, &o), 1);
		assert_int_equal(json_integer_value(json_object_get(o, "a")), i);
		json_decref(o);
	}
	assert_int_equal(jsonio_take(&b, &o), 0);
	assert_string_equal(b.p, "{\"a\":");
}

/* Unbalanced. */
#define DEEP "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["

static void test_take_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"[]",
		"1",
		"\"a\"",
		"null",
		"{",
		"}",
		"{} {}",
		"{}x",
		"{\"a\":1,}",
		"{a:1}",
		"{'a':1}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":{\"b\":1,\"b\":1}}",
		"{\"a\":99999999999999999999}",
		"{\"a\":NaN}",
		DEEP,
	};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		_cleanup_(buf_done) struct buf b = {0};
		json_t *o = NULL;

		assert_int_equal(buf_add(&b, bad[i], strlen(bad[i]) + 1), 0);
		assert_int_equal(jsonio_take(&b, &o), -EBADMSG);
		assert_null(o);
	}
}

static void test_take_limit(void **state)
{
	_cleanup_(buf_done) struct buf b = {0};
	_cleanup_(json_decrefp) json_t *o = NULL;

	assert_int_equal(buf_adds(&b, "{}"), 0);
	while (b.len < JSONIO_MESSAGE_MAX)
		assert_int_equal(buf_addc(&b, ' '), 0);
	assert_int_equal(jsonio_take(&b, &o), 0);
	assert_int_equal(buf_addc(&b, '\0'), 0);
	assert_int_equal(jsonio_take(&b, &o), 1);
	assert_int_equal(b.len, 0);

	assert_int_equal(buf_adds(&b, "{}"), 0);
	while (b.len <= JSONIO_MESSAGE_MAX)
		assert_int_equal(buf_addc(&b, ' '), 0);
	assert_int_equal(jsonio_take(&b, &o), -EMSGSIZE);
	assert_int_equal(buf_addc(&b, '\0'), 0);
	assert_int_equal(jsonio_take(&b, &o), -EMSGSIZE);
}

static void test_put(void **state)
{
	static const char text[] = "{\"z\":1,\"a\":\"\xc3\xa9\\n\"}";
	_cleanup_(json_decrefp) json_t *o = json_pack("{s:i,s:s}", "z", 1, "a", "\xc3\xa9\n");
	_cleanup_(buf_done) struct buf b = {0};

	assert_int_equal(jsonio_put(&b, o), 0);
	assert_int_equal(jsonio_put(&b, o), 0);
	/* Members in the order they were added; nothing that is not needed. */
	assert_int_equal(b.len, 2 * sizeof(text));
	assert_memory_equal(b.p, text, sizeof(text));
	assert_memory_equal(b.p + sizeof(text), text, sizeof(text));
	/* What is no object is a mistake that does not reach the peer. */
	assert_int_equal(jsonio_put(&b, NULL), -ENOMEM);
	assert_int_equal(b.len, 2 * sizeof(text));
}

struct reader {
	int fd;
	struct buf got;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	char p[4096];
	ssize_t n;

	while ((n = read(r->fd, p, sizeof(p))) > 0)
		if (buf_add(&r->got, p, (size_t)n) < 0)
			break;
	return NULL;
}

/* More than any socket or pipe takes at once, blocking and not. */
static void write_large(int fds[2])
{
	static char text[600000];
	_cleanup_(json_decrefp) json_t *o = NULL, *back = NULL;
	struct reader reader = {.fd = fds[0]};
	pthread_t thread;

	memset(text, 'x', sizeof(text) - 1);
	o = json_pack("{s:s}", "a", text);
	assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
	assert_int_equal(jsonio_write(fds[1], o), 0);
	(void)close(fds[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	(void)close(fds[0]);

	assert_int_equal(jsonio_take(&reader.got, &back), 1);
	assert_true(json_equal(o, back));
	buf_done(&reader.got);
}

static void test_write(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	write_large(fds);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	write_large(fds);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	write_large(fds);
}

static void test_write_fails(void **state)
{
	_cleanup_(json_decrefp) json_t *o = json_object();
	int fds[2];

	/* No signal: this program would be gone. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	(void)close(fds[0]);
	assert_int_equal(jsonio_write(fds[1], o), -EPIPE);
	(void)close(fds[1]);
	assert_int_equal(jsonio_write(fds[1], o), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_take_octet_by_octet),
		cmocka_unit_test(test_take_several),
		cmocka_unit_test(test_take_refuses),
		cmocka_unit_test(test_take_limit),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_write_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
