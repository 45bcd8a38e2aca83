/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FS_H
#define MAILMIG_FS_H

#include <mailmig/base.h>
#include <mailmig/buf.h>

/* Create a directory and its missing parents. 0 or -errno; an existing directory is fine. */
int fs_mkdir_p(const char *path, mode_t mode);

/* Append a whole file of at most max octets to `into`. 0, -EFBIG, -errno. */
int fs_read_file(const char *path, size_t max, struct buf *into);

/* Make or replace a file, durably and all at once: it has the old content or the new one. One
 * writer at a time; what a crash left is PATH with a "~". 0 or -errno. */
int fs_write_file(const char *path, mode_t mode, const void *p, size_t n);
/* The same with what fill writes into the descriptor; its negative result ends it. */
int fs_write_file_by(const char *path, mode_t mode, int (*fill)(void *userdata, int fd),
		     void *userdata);
/* All of it, whatever interrupts. 0 or -errno. */
int fs_write_all(int fd, const void *p, size_t n);

/* Remove a file, durably. 0 or -errno. */
int fs_remove_file(const char *path);

/* Rename a file that is of no more use to PATH.damaged-TIME, with its companions (parts: what
 * their names have at the end; "" first, NULL last), durably. Of all that was set aside of it
 * before, the newest stay, `keep` in all. *ret_to: the new name, owned. 0 or -errno. */
int fs_set_aside(const char *path, const char *const *parts, size_t keep, char **ret_to);

/* Free octets for us on the file system of path. 0 or -errno. */
int fs_free_bytes(const char *path, uint64_t *ret);

/* The directory of the running program into buf, for finding its siblings. 0 or -errno. */
int fs_program_dir(char *buf, size_t n);

#endif
