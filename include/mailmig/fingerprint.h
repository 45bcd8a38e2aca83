/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FINGERPRINT_H
#define MAILMIG_FINGERPRINT_H

#include <mailmig/base.h>
#include <mailmig/spool.h>

/* What a message's header says of its identity (Message-ID, Date, From, Subject), as 16 octets:
 * a hint for finding equal messages again, to be confirmed by content where it is not unique.
 * It is remembered, so that it is the same whatever the configuration says. */
#define FINGERPRINT_OCTETS 16

struct fingerprint {
	uint8_t id[FINGERPRINT_OCTETS];
	bool has_message_id; /* a Message-ID field with something in it */
};

/* Largest header that is looked at; what comes after is ignored. */
#define FINGERPRINT_HEADER_MAX (256 * 1024)

/* header: n octets, lines ended by CRLF or LF, up to an empty line or the end (more may follow
 * and is ignored). Fields are compared by name
 * without case, values unfolded (RFC 5322 §2.2.3), blanks squeezed to one and trimmed at both
 * ends, octets above 127 taken as '?' each run (NUL and '?' itself belong to such a run), so
 * that servers which replace or re-encode single octets still agree; several fields of a name
 * count in order of appearance. The digest covers which field is which. 0 or -ENOMEM. */
int fingerprint_header(const char *header, size_t n, struct fingerprint *ret);

/* Of a message in a spool. 0, -ENOMEM, -errno of the spool. */
int fingerprint_body(const struct spool *body, struct fingerprint *ret);

static inline bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
	return __builtin_memcmp(a->id, b->id, FINGERPRINT_OCTETS) == 0;
}

#endif
