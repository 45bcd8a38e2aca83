/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SECRET_INTERNAL_H
#define MAILMIG_SECRET_INTERNAL_H

#include <mailmig/secret.h>

/* Where a secret is gathered: one piece of memory that never moves, so that wiping it wipes all
 * copies. Room for the largest secret, its newline, and one octet that shows it was larger. */
struct secret_buf {
	size_t len;
	unsigned char p[SECRET_MAX + 3];
};

/* For _cleanup_ on an owning pointer. */
void secret_buf_wipe(struct secret_buf **b);

/* Read what there is. 0: to the end; -EFBIG: full; -EAGAIN: no more for now (of a non-blocking
 * descriptor); -errno. */
int secret_buf_read_all(struct secret_buf *b, int fd);

/* The content less one final newline (LF or CRLF). 0; -ENODATA: nothing; -EFBIG; -ENOMEM. */
int secret_buf_finish(const struct secret_buf *b, struct secret **ret);

/* secret_from_file() relative to a directory (AT_FDCWD, or open). shown: for messages. */
int secret_read_at(int dir_fd, const char *path, const char *shown, struct secret **ret,
		   struct mm_err *reterr);

/* secret_from_command() with another limit, for tests. */
int secret_command_run(const char *command, uint64_t timeout_usec, struct secret **ret,
		       struct mm_err *reterr);

#endif
