/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FLAGS_H
#define MAILMIG_FLAGS_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/job.h>

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

/* What the rules of an account make of a message's flags: what is in drop is left out, then the
 * left side of a pair in rename becomes its right side, once; two that become the same are one.
 * Canonical in and out (into an empty buffer). 0 or -ENOMEM. */
int flags_apply_rules(const struct flag_rules *rules, const char *flags, struct buf *out);

/* What to do at the destination. base: the origin's flags that were carried over last ("":
 * none yet), origin: those it has now, destination: those that are there now, or NULL: not
 * known. All canonical; add and remove are empty buffers.
 *
 * merge: what the origin has changed since the base, as far as it is not so at the destination;
 * origin: all that differs (destination not known: as merge); first: nothing. 0 or -ENOMEM. */
int flags_decide(enum flags_mode mode, const char *base, const char *origin,
		 const char *destination, struct buf *add, struct buf *remove);

/* A word that may stand in a rule: a keyword, or one of the four system flags in any case. */
enum flags_word {
	FLAGS_WORD_GOOD,
	FLAGS_WORD_NEVER,   /* \Recent, \Deleted: they never travel */
	FLAGS_WORD_SYSTEM,  /* another word with a backslash */
	FLAGS_WORD_ILLEGAL, /* no keyword: characters, length */
};
enum flags_word flags_word_kind(const char *s);

#endif
