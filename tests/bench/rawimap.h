/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_RAWIMAP_H
#define BENCH_RAWIMAP_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <openssl/ssl.h>

/* The least IMAP over TLS that a benchmark needs, against a server we configured ourselves: no
 * limits, no negotiation, no recovery. Not for mail that anyone cares for.
 *
 * Whatever goes wrong is written to standard error where it is seen; the calls then return
 * -errno. */

/* Where to log in. The server is on loopback; its certificate has to be for "localhost". */
struct raw_login {
	const char *ca_file;
	uint16_t port;
	const char *user;
	const char *password; /* without '"' and '\' */
};

struct raw_conn {
	const char *user; /* for messages */
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	struct buf in; /* octets received; those before `pos` are used up */
	size_t pos;
};

#define RAW_CONN_EMPTY                                                                         \
	{                                                                                      \
		.fd = -1                                                                       \
	}

/* Say what went wrong. Returns -EIO. */
int raw_fail(const char *fmt, ...) _printf_(1, 2);

/* Connect, TLS, greeting, LOGIN. */
int raw_open(struct raw_conn *c, const struct raw_login *login);

/* Send LOGOUT, right behind the other commands; later, with all their answers read, wait for
 * its own and close. */
int raw_logout(struct raw_conn *c);
int raw_finish(struct raw_conn *c);
void raw_close(struct raw_conn *c);

/* Send all of it. Takes in what the server says meanwhile, so that neither side waits for ever.
 */
int raw_send(struct raw_conn *c, const void *p, size_t n);
int raw_sendf(struct raw_conn *c, const char *fmt, ...) _printf_(2, 3);

/* The next line without its CRLF; borrowed until the next call. It is followed by a NUL. */
int raw_line(struct raw_conn *c, const char **ret, size_t *ret_len);

/* The length of the literal that a line announces at its end. */
bool raw_line_literal(const char *line, size_t n, uint64_t *ret_bytes);

/* The next n octets, appended to `into`, or dropped when that is NULL. */
int raw_octets(struct raw_conn *c, uint64_t n, struct buf *into);

/* Read up to the tagged answer. Literals of untagged answers are dropped. Answers other than OK
 * are a failure unless `any`. */
int raw_await(struct raw_conn *c, const char *tag, bool any);

#endif
