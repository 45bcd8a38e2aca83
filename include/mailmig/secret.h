/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SECRET_H
#define MAILMIG_SECRET_H

#include <mailmig/base.h>
#include <mailmig/error.h>

/* A password or token: octets with a length, wiped when freed, never printed. Any octet is
 * legal in it, NUL included. */
struct secret {
	unsigned char *p;
	size_t len;
};

#define SECRET_MAX (64 * 1024) /* the largest secret; OAuth tokens reach 3 KiB */

int secret_new(const void *p, size_t n, struct secret **ret); /* copies; 0, -EFBIG, -ENOMEM */
struct secret *secret_free(struct secret *s);
DEFINE_CLEANUP(struct secret *, secret_free)

/* Read a secret file. Refused (class config, with the chmod or chown that mends it): not a
 * regular file, a symbolic link, open to others in any way, writable by its group (readable is
 * fine: root:mailmig 0640), owned by neither root nor us, empty, larger than SECRET_MAX. One
 * final newline (LF or CRLF) is cut. */
int secret_from_file(const char *path, struct secret **ret, struct mm_err *reterr);

/* Standard output of `/bin/sh -c command`, at most 30 s; one final newline is cut. Class config
 * when it fails, says nothing or runs too long. Of the command only a plain first word gets
 * into the error: the rest may hold a secret. What it still runs at the deadline is killed with
 * it. */
int secret_from_command(const char *command, struct secret **ret, struct mm_err *reterr);

#endif
