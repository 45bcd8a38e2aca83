/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_MESSAGE_H
#define MAILMIG_MESSAGE_H

#include <mailmig/base.h>
#include <mailmig/fingerprint.h>
#include <mailmig/message_text.h>
#include <mailmig/spool.h>
#include <mailmig/witness.h>

#define MESSAGE_DATE_MAX      32
#define MESSAGE_DIGEST_OCTETS 32 /* SHA-256 */

/* One message as a store tells of it. Which members are set depends on what was asked. */
struct message {
	uint32_t uid;
	char *flags;                 /* canonical (flags.h), owned; NULL: not told */
	char date[MESSAGE_DATE_MAX]; /* INTERNALDATE as text (RFC 9051 §9, date-time); "": none
				      */
	uint64_t modseq;
	uint64_t size;           /* octets: announced, or of the body where there is one */
	uint64_t announced_size; /* RFC822.SIZE, when there is a body too */
	bool has_digest;
	uint8_t digest[MESSAGE_DIGEST_OCTETS]; /* SHA-256 of the exact octets */
	bool has_fingerprint;
	struct fingerprint fingerprint;
	struct witness witness;
	uint8_t text[MESSAGE_TEXT_OCTETS];
	char *labels;       /* the server's own, each ended by LF; owned; NULL: not told */
	struct spool *body; /* a reference, or NULL */
};

/* The moment of an INTERNALDATE in seconds since 1970-01-01 UTC, whatever its zone, or
 * MESSAGE_NO_DATE. For comparing alone: years may be anything. */
#define MESSAGE_NO_DATE INT64_MIN
int64_t message_date(const char *date);

/* SHA-256 of all octets. 0, -ENOMEM, -errno of the spool. */
int message_digest(const struct spool *s, uint8_t digest[MESSAGE_DIGEST_OCTETS]);

static inline void message_done(struct message *m)
{
	free(m->flags);
	free(m->labels);
	spool_unref(m->body);
	*m = (struct message){0};
}

#endif
