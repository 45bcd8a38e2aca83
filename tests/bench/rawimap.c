/* SPDX-License-Identifier: Apache-2.0 */
#include "rawimap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mailmig/parse.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* One call of SSL_read gives one record at most, so this is room for a few. */
#define READ_SIZE (64 * 1024)

int raw_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	flockfile(stderr);
	fputs("rawcopy: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	funlockfile(stderr);
	va_end(ap);
	return -EIO;
}

static int tls_fail(const struct raw_conn *c, const char *what)
{
	char text[256] = "connection closed";
	unsigned long code = ERR_get_error();

	if (code)
		ERR_error_string_n(code, text, sizeof(text));
	return raw_fail("%s, %s: %s", c->user, what, text);
}

static int connect_loopback(uint16_t port)
{
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return raw_fail("socket: %m");

	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return raw_fail("connect to port %u: %m", port);

	return STEAL_FD(fd);
}

static int wait_fd(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	if (poll(&p, 1, -1) < 0 && errno != EINTR)
		return raw_fail("poll: %m");

	return 0;
}

/* Wait until OpenSSL can go on after the result of one of its calls. */
static int tls_wait(struct raw_conn *c, int result, const char *what)
{
	switch (SSL_get_error(c->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		return wait_fd(c->fd, POLLIN);
	case SSL_ERROR_WANT_WRITE:
		return wait_fd(c->fd, POLLOUT);
	default:
		return tls_fail(c, what);
	}
}

/* Take in what is there. 1: something came; 0: nothing, and *ret_result tells OpenSSL's reason.
 */
static int tls_take(struct raw_conn *c, int *ret_result)
{
	int n, r;

	if (c->pos == c->in.len) {
		buf_reset(&c->in);
		c->pos = 0;
	}

	r = buf_reserve(&c->in, READ_SIZE);
	if (r < 0)
		return r;

	n = SSL_read(c->ssl, c->in.p + c->in.len, READ_SIZE);
	*ret_result = n;
	if (n <= 0)
		return 0;

	c->in.len += (size_t)n;
	c->in.p[c->in.len] = '\0';
	return 1;
}

static int fill(struct raw_conn *c)
{
	for (;;) {
		int result, r;

		r = tls_take(c, &result);
		if (r != 0)
			return r < 0 ? r : 0;

		r = tls_wait(c, result, "read");
		if (r < 0)
			return r;
	}
}

int raw_send(struct raw_conn *c, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		int result = SSL_write(c->ssl, at, (int)MIN_OF(n, (size_t)READ_SIZE));
		int r, taken;

		if (result > 0) {
			at += result;
			n -= (size_t)result;
			continue;
		}

		if (SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_WRITE)
			return tls_fail(c, "write");

		/* The server may itself be waiting for us to take its answers. */
		r = tls_take(c, &taken);
		if (r == 0)
			r = wait_fd(c->fd, POLLIN | POLLOUT);
		if (r < 0)
			return r;
	}

	return 0;
}

int raw_sendf(struct raw_conn *c, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;

	return raw_send(c, text, (size_t)n);
}

int raw_line(struct raw_conn *c, const char **ret, size_t *ret_len)
{
	size_t seen = 0;

	for (;;) {
		char *start = c->in.p ? c->in.p + c->pos : NULL;
		size_t have = c->in.len - c->pos;
		char *end = have > seen ? memchr(start + seen, '\n', have - seen) : NULL;
		int r;

		if (end) {
			size_t n = (size_t)(end - start);

			c->pos += n + 1;
			if (n > 0 && start[n - 1] == '\r')
				n--;
			start[n] = '\0';
			*ret = start;
			*ret_len = n;
			return 0;
		}

		seen = have;
		if (c->pos > READ_SIZE) {
			buf_consume(&c->in, c->pos);
			c->pos = 0;
		}

		r = fill(c);
		if (r < 0)
			return r;
	}
}

bool raw_line_literal(const char *line, size_t n, uint64_t *ret_bytes)
{
	const char *open;

	if (n < 3 || line[n - 1] != '}')
		return false;

	open = memrchr(line, '{', n);
	return open && parse_u64(open + 1, (size_t)(line + n - 1 - (open + 1)), ret_bytes) == 0;
}

int raw_octets(struct raw_conn *c, uint64_t n, struct buf *into)
{
	while (n > 0) {
		size_t part = (size_t)MIN_OF(n, (uint64_t)(c->in.len - c->pos));
		int r = 0;

		if (part == 0)
			r = fill(c);
		else if (into)
			r = buf_add(into, c->in.p + c->pos, part);
		if (r < 0)
			return r;

		c->pos += part;
		n -= part;
	}

	return 0;
}

int raw_await(struct raw_conn *c, const char *tag, bool any)
{
	size_t tag_len = strlen(tag);

	for (;;) {
		const char *line;
		size_t n;
		uint64_t literal;
		int r;

		r = raw_line(c, &line, &n);
		if (r < 0)
			return r;

		if (n > tag_len && !memcmp(line, tag, tag_len) && line[tag_len] == ' ') {
			if (!any && strncmp(line + tag_len + 1, "OK", 2))
				return raw_fail("refused: %.200s", line);
			return 0;
		}

		if (!raw_line_literal(line, n, &literal))
			continue;

		r = raw_octets(c, literal, NULL);
		if (r < 0)
			return r;
	}
}

static int start_tls(struct raw_conn *c, const char *ca_file)
{
	int result;

	c->ctx = SSL_CTX_new(TLS_client_method());
	if (!c->ctx || !SSL_CTX_load_verify_file(c->ctx, ca_file))
		return tls_fail(c, ca_file);

	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(c->ctx, 1);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE);

	c->ssl = SSL_new(c->ctx);
	if (!c->ssl || !SSL_set1_host(c->ssl, "localhost") || !SSL_set_fd(c->ssl, c->fd))
		return tls_fail(c, "TLS");

	while ((result = SSL_connect(c->ssl)) <= 0) {
		int r = tls_wait(c, result, "TLS handshake");

		if (r < 0)
			return r;
	}

	return 0;
}

int raw_open(struct raw_conn *c, const struct raw_login *login)
{
	const char *line;
	size_t n;
	int r;

	c->user = login->user;
	r = connect_loopback(login->port);
	if (r < 0)
		return r;
	c->fd = r;

	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0)
		return raw_fail("fcntl: %m");

	r = start_tls(c, login->ca_file);
	if (r < 0)
		return r;

	r = raw_line(c, &line, &n);
	if (r < 0)
		return r;

	r = raw_sendf(c, "login LOGIN \"%s\" \"%s\"\r\n", login->user, login->password);
	if (r < 0)
		return r;

	return raw_await(c, "login", false);
}

int raw_logout(struct raw_conn *c)
{
	return raw_sendf(c, "bye LOGOUT\r\n");
}

int raw_finish(struct raw_conn *c)
{
	int r;

	r = raw_await(c, "bye", false);
	if (r < 0)
		return r;

	raw_close(c);
	return 0;
}

void raw_close(struct raw_conn *c)
{
	SSL_free(c->ssl);
	SSL_CTX_free(c->ctx);
	closep(&c->fd);
	buf_done(&c->in);
	*c = (struct raw_conn)RAW_CONN_EMPTY;
}
