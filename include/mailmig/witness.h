/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_WITNESS_H
#define MAILMIG_WITNESS_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/job.h>

/* What the header fields that the configuration's `match` names say of a message: by it one is
 * recognised at the destination that the state does not know. Unlike a fingerprint it is not
 * remembered, and forgives what other tools and servers do to a header. */
struct witness {
	uint64_t id;   /* of its Message-ID; 0: it has none, or none is asked for */
	uint64_t rest; /* of the other fields */
	bool says;     /* one of the others is there */
	/* They name one message: a Message-ID; where none is asked for a Received, or a Date
	 * and beside it a From or a Subject. */
	bool certain;
};

/* header: as for fingerprint_header(), and of match (enum match_by) the fields. Values are
 * compared as there, and moreover encoded words (RFC 2047) count as what they say, and quotes
 * not at all. 0 or -ENOMEM. */
int witness_header(const char *header, size_t n, unsigned match, struct witness *ret);

/* The names of these fields, with blanks between, appended: nothing where there are none. 0 or
 * -ENOMEM. */
int witness_fields(unsigned match, struct buf *out);

#endif
