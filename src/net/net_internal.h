/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <curl/curl.h>
#include <mailmig/buf.h>
#include <mailmig/stream.h>
#include <openssl/ssl.h>

/* Enough for several TLS records (16 KiB each), so that one wait brings many. */
#define STREAM_IN_MAX (64 * 1024)
/* libcurl 7.88 wants a send repeated with the same pointer and length: one fixed buffer. */
#define STREAM_OUT_MAX (16 * 1024)
/* Lines before the hand-over that are kept, and the longest of them. */
#define STREAM_LINE_MAX 8192

/* A piece of the output queue: text, or a spool from an offset on. */
struct chunk {
	struct chunk *next;
	struct buf text;
	struct spool *body;
	uint64_t offset;
};

struct stream {
	CURL *curl;
	char *label;
	char *greeting;
	char *capability;
	bool encrypted;
	struct stream_tls_info tls;
	SSL *ssl; /* borrowed, only up to the hand-over */
	bool tls_begun;
	bool tls_refused; /* the peer told why there is no TLS with it */
	bool cut;         /* the peer has gone, or what it sent was garbled on its way */
	bool pinned;
	char fingerprint[2 * 32 + 1]; /* of the certificate shown, where one is pinned */
	int fd;
	int cancel_fd;
	uint64_t timeout_usec;
	struct limiter *limiter;
	uint64_t held_until_usec; /* nothing is sent before */
	uint64_t held_usec;       /* how long that was, in all */
	bool held;                /* in the last sleep it was us who kept it from moving */
	uint64_t last_moved_usec;
	uint64_t turns; /* times an answer followed what we sent */
	bool asked;     /* we sent something that was not answered yet */

	uint8_t *in;
	size_t in_start, in_end;
	bool in_drained; /* the last receive found nothing: wait before the next */

	uint8_t *out;
	size_t out_start, out_end;
	struct chunk *head, *tail;
	uint64_t queued;

	int error;  /* first error, -errno */
	bool local; /* it is of this machine, not of the connection */
	char error_text[256];
};

/* connect.c: the part up to the hand-over. */
int stream_connect(struct stream *s, const struct stream_options *o, struct mm_err *reterr);

#endif
