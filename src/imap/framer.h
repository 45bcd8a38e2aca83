/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_FRAMER_H
#define IMAP_FRAMER_H

#include <mailmig/base.h>
#include <mailmig/buf.h>

/* Cuts a server's octets into responses (RFC 9051 §2.2.2, §4.3): octets in, one event or "need
 * more" out, no I/O. Each way of cutting the input gives the same events.
 *
 * A message body (a literal right after "BODY[] " in a FETCH response) is not collected: its
 * octets come as events of their own, borrowed from the input, and one octet IMAP_EXTERNAL
 * stands for it in the line. Every other literal becomes part of the line, as "{n}" CRLF and
 * its n octets. */

/* A response line and its literals together; the largest that is legitimate is a LIST or
 * ESEARCH of a very large mailbox. */
#define IMAP_LINE_MAX (1024 * 1024)
/* A body: nothing that is mail comes near it (RFC 9051 allows 63 bits). */
#define IMAP_BODY_MAX (UINT64_C(4) << 30)
#define IMAP_EXTERNAL '\x01'

enum imap_event {
	IMAP_EVENT_MORE,     /* the input is used up */
	IMAP_EVENT_RESPONSE, /* line: one complete response without its CRLF */
	IMAP_EVENT_BODY,     /* body_size: a body of so many octets begins */
	IMAP_EVENT_DATA,     /* data, n: octets of the body, borrowed from the input */
	IMAP_EVENT_BODY_END,
};

struct imap_framer {
	struct buf line; /* borrowed by the caller until the next push */
	uint64_t body_size;
	const uint8_t *data;
	size_t n;

	enum { FRAMER_LINE, FRAMER_LITERAL, FRAMER_BODY } state;
	uint64_t left;  /* octets of the literal still to come */
	size_t scanned; /* start of the current stretch of text in line */
	bool body_seen; /* one body a response */
	bool ended;     /* line was handed out: begin anew */
};

void imap_framer_done(struct imap_framer *f);

/* Take octets from the input; *used says how many. Returns an enum imap_event; -EMSGSIZE when a
 * line or literal is beyond its limit; -EPROTO for a malformed literal or a second body;
 * -ENOMEM. After an error the framer is of no more use. */
int imap_framer_push(struct imap_framer *f, const uint8_t *in, size_t n, size_t *used);

/* True when a response has begun and is not complete. */
bool imap_framer_midway(const struct imap_framer *f);

#endif
