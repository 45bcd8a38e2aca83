/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_UTF8_H
#define IMAP_UTF8_H

#include <mailmig/buf.h>
#include <mailmig/spool.h>

/* What is another thing in a session with UTF8=ACCEPT (RFC 6855). Within the program a folder's
 * own name is always in modified UTF-7 (folder.raw): the state file knows it by that, whatever
 * the server will offer next time. Octets that are no name in the form of their session stay as
 * they are, both ways. Pure. */

/* What a server that speaks UTF-8 calls a folder, as we keep it, appended. 0 or -ENOMEM. */
int utf8_to_raw(const char *wire, size_t n, struct buf *raw);
/* The way back. */
int utf8_from_raw(const char *raw, struct buf *wire);

/* Has this name another form on a connection that speaks UTF-8? */
bool utf8_matters(const char *raw);

/* 1: the message's header (as much of it as anybody reads) has octets beyond ASCII, and all of
 * it is UTF-8: with UTF8=ACCEPT it must be appended as UTF8 (RFC 6855 §4). 0: no; -errno. */
int utf8_header(const struct spool *body);

#endif
