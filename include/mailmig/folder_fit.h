/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FOLDER_FIT_H
#define MAILMIG_FOLDER_FIT_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/folder.h>

/* Names that a server refuses, and how they are written there instead: octets as %XX, so that
 * anybody can read the name back. Pure. */

/* Servers of which it is known. */
enum folder_server {
	FOLDER_SERVER_ANY,
	FOLDER_SERVER_GMAIL,
	FOLDER_SERVER_EXCHANGE,
	FOLDER_SERVER_N,
};

/* "a" and "A" are one folder there. */
bool folder_server_ignores_case(enum folder_server server);

/* What such a server is known to refuse of a canonical name is escaped. And where the folder
 * that it would be below can hold none (\Noinferiors in `there`, sorted), it goes beside it:
 * "INBOX/a/b" becomes "INBOX%2Fa/b". 1: *out (appended) is another name; 0: it stays; -ENOMEM.
 */
int folder_fit(const char *name, enum folder_server server, const struct folder_list *there,
	       struct buf *out);

/* The n-th (from 0) name to try where a server has refused this one, and what it is that it
 * refuses is not known: without the characters that any server may refuse; without dots
 * ("v1%2E2"); without levels ("a%2Fb"); without "/" even after the server's own way to write
 * levels. Then the second and third without any "%", as some refuse just that (Cyrus): "a=2Fb";
 * separator is the server's own, which is escaped likewise. The same name may come twice. 1; 0:
 * there is no more; -ENOMEM. */
int folder_other_name(const char *name, unsigned n, char separator, struct buf *out);

#endif
