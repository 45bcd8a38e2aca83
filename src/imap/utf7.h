/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H

#include <mailmig/buf.h>

/* Modified UTF-7 of mailbox names (RFC 3501 §5.1.3), strict: unneeded shifts, missing ends,
 * lone surrogates, non-zero padding and adjacent shifted runs are refused, so that decoding and
 * encoding are each other's inverse. */

/* Append UTF-8 to out. 0; -EBADMSG: not legal modified UTF-7 (out unchanged); -ENOMEM. */
int utf7_decode(const char *s, size_t n, struct buf *out);

/* Append modified UTF-7 to out. 0; -EBADMSG: not UTF-8; -ENOMEM. */
int utf7_encode(const char *s, size_t n, struct buf *out);

#endif
