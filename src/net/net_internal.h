/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_INTERNAL_H
#define NET_INTERNAL_H

#include <curl/curl.h>
#include <mailmig/buf.h>
#include <mailmig/stream.h>
#include <openssl/ssl.h>

#include "deflate.h"

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

struct packed {
	struct packer *packer;
	struct unpacker *unpacker;
	uint8_t in[STREAM_IN_MAX];
	size_t in_start, in_end;
	uint8_t plain[STREAM_OUT_MAX];
	size_t plain_start, plain_end;
	size_t barren;               /* octets received since something came out */
	int64_t saved_in, saved_out; /* octets that the limiter has not heard of */
	bool garbled;                /* what the peer sent could not be unpacked */
	bool heard;                  /* something could */
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
	uint64_t greeted_usec;
	uint64_t round_trip_usec; /* shortest seen before the hand-over; 0: none */

	uint8_t *in;
	size_t in_start, in_end;

	uint8_t *out;
	size_t out_start, out_end;
	size_t out_plain; /* queued octets of which out was made, until all of it is sent */
	struct chunk *head, *tail;
	uint64_t queued;

	/* COMPRESS=DEFLATE: what was received before it is unpacked into in, and what was
	 * queued before it is packed into out. */
	struct packed *packed;

	int error;  /* first error, -errno */
	bool local; /* it is of this machine, not of the connection */
	char error_text[256];
};

/* packed.c: between the wire and the rest, once both sides compress. */
struct packed *packed_free(struct packed *p);
/* Fill s->out with up to max octets out of the queue. */
void packed_fill_out(struct stream *s, size_t max);
/* Unpack into s->in what has been received. True when something came of it. */
bool packed_take_in(struct stream *s);
bool packed_has_output(const struct stream *s); /* beside the queue and s->out */

/* stream.c, for it. */
size_t stream_take_queued(struct stream *s, uint8_t *to, size_t max);
void stream_fail(struct stream *s, int error, const char *text);

/* connect.c: the part up to the hand-over. */
int stream_connect(struct stream *s, const struct stream_options *o, struct mm_err *reterr);

#endif
