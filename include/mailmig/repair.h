/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_REPAIR_H
#define MAILMIG_REPAIR_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/spool.h>

/* What is against the rules in a message (RFC 5322 §2.1, RFC 9051 §9: a literal has no NUL),
 * and the least change that mends it: for servers that refuse such messages. The same octets
 * always become the same octets, so that a repaired message is recognised. Pure but for the
 * spools.
 *
 * From the one that changes least to the one that changes most: the order in which they are
 * tried, one more each time. */
enum repair {
	/* A line ends in a lone LF, or a CR stands alone. Each becomes CRLF, several CR before
	 * a LF count as one; in the header a lone CR becomes a blank, since a new line there
	 * would be a new field. */
	REPAIR_LINE_ENDS = 1 << 0,
	/* NUL octets are taken out: put in their place, anything else would be more text (they
	 * are padding or a disk's fault), and most likely an 8-bit octet. */
	REPAIR_NUL = 1 << 1,
	/* 8-bit octets in the header: the words that hold them become encoded words (RFC 2047),
	 * as UTF-8 or, if they are not, as UNKNOWN-8BIT (RFC 1428); nothing is lost. */
	REPAIR_HEADER_8BIT = 1 << 2,
	/* Lines of more than 998 octets: broken at a blank if there is one. Not in the body
	 * where the message, or any part of it, is signed or encrypted. */
	REPAIR_LONG_LINES = 1 << 3,
	/* A line of the header that is no field becomes the first one of the body: an empty
	 * line goes before it. A header that ends within a line gets the end of that line. What
	 * a mailbox file writes before a message ("From someone Mon Jan ...") is let be. */
	REPAIR_HEADER_FORM = 1 << 4,
};
#define REPAIR_N 5

/* Header of a message that is mended as a whole; of a longer one only line ends and NULs are.
 */
#define REPAIR_HEADER_MAX ((size_t)1024 * 1024)
#define REPAIR_LINE_MAX   998

/* Which repairs apply. 0, -ENOMEM, -errno of the spool. */
int repair_look(const struct spool *body, unsigned *ret);

/* The octets after these repairs, in a spool of the pool. 0, -ENOMEM, -errno of a spool. */
int repair_message(const struct spool *body, unsigned repairs, struct spool_pool *pool,
		   struct spool **ret);

/* "bare line ends, NUL octets": appended. 0 or -ENOMEM. */
int repair_names(unsigned repairs, struct buf *out);

#endif
