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

/* Open a file that holds secrets among other things: refused like a secret file, but of any
 * size. A descriptor, or -errno, described. */
int secret_open_file(const char *path, struct mm_err *reterr);

/* The rest of what can be read from a descriptor, less one final newline. 0; -ENODATA: nothing;
 * -EFBIG; -ENOMEM; -errno. */
int secret_from_fd(int fd, struct secret **ret);

/* A credential of systemd (systemd.exec(5), CREDENTIALS): the file `name` in the directory that
 * secret_set_credentials() was given, else in $CREDENTIALS_DIRECTORY. Checked like a secret
 * file. 0; -ENOENT: it is in neither; -errno. Each described, class config. */
int secret_from_credential(const char *name, struct secret **ret, struct mm_err *reterr);

/* A directory of credentials that comes before the process's own; it is taken over. Once,
 * before there are threads. */
void secret_set_credentials(int dir_fd);

/* For programs that secrets pass through, first thing in main(): no core dump, no reading of
 * our memory by other processes of the same user, and no JSON value freed without being wiped.
 */
void secret_guard_process(void);

/* Standard output of `/bin/sh -c command`, at most 30 s; one final newline is cut. Class config
 * when it fails, says nothing or runs too long. Of the command only a plain first word gets
 * into the error: the rest may hold a secret. What it still runs at the deadline is killed with
 * it. */
int secret_from_command(const char *command, struct secret **ret, struct mm_err *reterr);

#endif
