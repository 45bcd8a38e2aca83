/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FLAGS_H
#define MAILMIG_FLAGS_H

#include <mailmig/base.h>
#include <mailmig/buf.h>

/* Sets of message flags in canonical text: the system flags first (\Answered \Draft \Flagged
 * \Seen, in this order and spelling), then keywords in ascending order of their lower-cased
 * octets, one blank between two, none twice. Flags and keywords compare without regard to ASCII
 * case (RFC 9051 §2.3.2); a keyword keeps its spelling. "" is the empty set.
 *
 * \Recent belongs to the session and \Deleted to the place where it was set: neither is ever
 * part of a set. All other system-flag-like names (a backslash first) are dropped too, and
 * words that no command could carry: with a control character, an 8-bit octet or one of ( ) { "
 * \ % *. */

#define FLAGS_KEYWORD_MAX 200 /* octets of one keyword; longer ones are dropped */
#define FLAGS_COUNT_MAX   200 /* flags of one message; more are dropped */

/* Append to out (which must be empty) the canonical form of blank-separated flags in s (without
 * parentheses). 0 or -ENOMEM. */
int flags_normalize(const char *s, size_t n, struct buf *out);

/* added = now \ old, removed = old \ now; canonical texts in, canonical texts out (into empty
 * buffers). 0 or -ENOMEM. */
int flags_diff(const char *old, const char *now, struct buf *added, struct buf *removed);

/* out = a | b (the spelling of a wins). 0 or -ENOMEM. */
int flags_union(const char *a, const char *b, struct buf *out);

/* Split flags by what a folder can keep: permitted is the content of PERMANENTFLAGS (RFC 9051
 * §7.1), raw ("\Seen \Flagged \*"); NULL means everything. kept and lost are canonical. 0 or
 * -ENOMEM. */
int flags_permit(const char *flags, const char *permitted, struct buf *kept, struct buf *lost);

/* True when the canonical set contains the flag. */
bool flags_has(const char *flags, const char *flag);

#endif
