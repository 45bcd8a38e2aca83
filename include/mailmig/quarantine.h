/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_QUARANTINE_H
#define MAILMIG_QUARANTINE_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/message.h>

/* Messages that the destination did not take as they are, for a person to look at:
 * STATE_DIR/quarantine/ACCOUNT/DIGEST.eml with the exact octets and DIGEST.json with where they
 * come from and why. Names are our own, never a server's. The same octets are kept once;
 * nothing reads the files again, and who has looked at them may delete them. */

struct quarantine {
	const char *state_dir, *account;
	uint64_t min_free_bytes; /* left on the file system, else nothing is kept */
	const char *folder;      /* at the origin, canonical */
	uint32_t uidvalidity;
	const struct message *message; /* with body and digest */
	const char *reason;            /* the destination's words */
	const char *tried; /* what was tried; "": nothing but the message as it is */
};

/* Durable when it returns. 0, also when it is there already; -ENOSPC; -errno; described (scope
 * message, class local). */
int quarantine_put(const struct quarantine *q, struct mm_err *reterr);

/* Where the octets with this digest are; owned, NULL without memory or if they are not there.
 */
char *quarantine_find(const char *state_dir, const char *account,
		      const uint8_t digest[MESSAGE_DIGEST_OCTETS]);

#endif
