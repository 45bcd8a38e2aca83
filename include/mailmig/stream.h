/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_STREAM_H
#define MAILMIG_STREAM_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/limiter.h>
#include <mailmig/spool.h>

/* A connection to a mail server: octets both ways, after name look-up, proxy, TLS, greeting and
 * STARTTLS, all of which libcurl does (CURLOPT_CONNECT_ONLY without a user name: login is the
 * protocol layer's). Belongs to one thread.
 *
 * A stream keeps its first error: writing returns nothing, the next pump tells. */

struct stream;

enum stream_tls {
	STREAM_TLS_IMPLICIT,
	STREAM_TLS_STARTTLS,
	STREAM_TLS_NONE,
};

struct stream_options {
	const char *label; /* "origin imap.example.org:993", begins every error text */
	const char *host;
	uint16_t port;
	enum stream_tls tls;
	bool tls_verify;
	const char *tls_ca;          /* PEM file, or NULL for the system's */
	const char *tls_fingerprint; /* SHA-256 of the peer's certificate in hex: replaces the
				      * check of chain and name; or NULL */
	const char *tls_min;         /* "1.2" or "1.3" */
	const char *tls_client_cert; /* PEM, or NULL */
	const char *tls_client_key;
	const char *proxy;     /* URL, or NULL: none, whatever the environment says */
	uint64_t timeout_usec; /* for the connection up to the hand-over, and longest silence
				  later */
	int cancel_fd;         /* readable: every wait ends with -ECANCELED; or -1 */
	/* Shared with other streams, and outlives them; or NULL. Told what travels, before TLS,
	 * and what compression spared. */
	struct limiter *limiter;
};

/* Process-wide preparation of libcurl; call once before the first thread. 0, or -ENOTSUP when
 * libcurl lacks imaps or is not the OpenSSL flavour. */
int stream_global_init(struct mm_err *reterr);

/* Connect and read the greeting. 0 or -errno; class connect (name, route, TLS, refused), login
 * is not tried. -EKEYREJECTED: there is a server, but no TLS with it as it is asked for. */
int stream_open(const struct stream_options *o, struct stream **ret, struct mm_err *reterr);
struct stream *stream_free(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_free)

/* What the server said before the hand-over: the greeting line and the newest CAPABILITY line,
 * without CRLF, "" when there was none. Borrowed until stream_free(). */
const char *stream_greeting(const struct stream *s);
const char *stream_capability(const struct stream *s);
const char *stream_label(const struct stream *s);
/* True when octets travel encrypted. */
bool stream_encrypted(const struct stream *s);

/* The TLS session and the certificate that the server showed, for telling people; without TLS
 * all of it is empty. */
struct stream_tls_info {
	char version[16];             /* "TLSv1.3" */
	char subject[128];            /* "CN=imap.example.org"; foreign text, cleaned */
	char fingerprint[2 * 32 + 1]; /* SHA-256, lower-case hex */
	uint64_t valid_until_usec;    /* wall clock; 0: not known */
};
const struct stream_tls_info *stream_tls_info(const struct stream *s);

/* Round trips: times an answer followed something that was sent, after the hand-over. */
uint64_t stream_turns(const struct stream *s);
/* How long an answer takes that costs the server nothing (to the CAPABILITY before the
 * hand-over), at best; 0: not known. */
uint64_t stream_round_trip_usec(const struct stream *s);

/* From here on what is sent and received is DEFLATE (RFC 4978): to be called when the server's
 * consent is the last thing that was consumed, before anything else is written. Writing and
 * peeking stay as they were; all that was written goes out with the next pump, packed together.
 * Whatever the server packs, no more than a buffer of it is unpacked at a time. 0 or -ENOMEM;
 * -EBUSY: something written before is not sent yet, and the consent came too early. */
int stream_compress(struct stream *s);
bool stream_compressed(const struct stream *s);
/* It ended since what came after that was no DEFLATE, or before anything came: better not to
 * ask this server again. */
bool stream_garbled(const struct stream *s);

/* Received octets not yet consumed. Borrowed until the next pump. */
size_t stream_peek(const struct stream *s, const uint8_t **ret);
void stream_consume(struct stream *s, size_t n);

/* Queue octets: copied, or referenced from a spool until sent. Out of memory becomes the
 * stream's error. */
void stream_write(struct stream *s, const void *p, size_t n);
void stream_write_spool(struct stream *s, struct spool *body);
/* Send nothing for so long. What was sent before may still be answered. */
void stream_hold(struct stream *s, uint64_t span_usec);
/* Of all waits for it, how long it was kept from moving by that or by the limiter. */
uint64_t stream_held_usec(const struct stream *s);
/* The caller has no memory for what comes next: nothing more goes out, as above. */
void stream_write_nothing(struct stream *s);
/* False from its first error on. */
bool stream_usable(const struct stream *s);
/* Octets queued and not yet handed to the kernel (or to compression); never grows by itself. */
uint64_t stream_queued(const struct stream *s);

/* Streams that are pumped together: moving octets for all of them while one is waited for is
 * what makes deadlock between two servers impossible. */
#define PUMP_STREAMS_MAX 4
struct pump {
	struct stream *v[PUMP_STREAMS_MAX];
	size_t n;
};

int pump_add(struct pump *p, struct stream *s); /* 0 or -ENOSPC */
void pump_remove(struct pump *p, struct stream *s);

/* Move octets until `s` has received something new, or for as long as its time-out where it
 * only sends; runs no handlers. 0; else the stream's
 * error (scope store): -ETIMEDOUT after its time-out without an octet either way, which does
 * not pass while the limiter or stream_hold() keep the stream from moving; -ECONNRESET
 * when the peer has closed, -ECANCELED. Errors of other streams stay with them. what: named in
 * the error text ("waiting for SELECT reply"). */
int pump_wait(struct pump *p, struct stream *s, const char *what, struct mm_err *reterr);

/* Move what can be moved without waiting. */
void pump_poll(struct pump *p);

#endif
