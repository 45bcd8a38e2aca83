/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_SPOOL_H
#define MAILMIG_SPOOL_H

#include <mailmig/base.h>
#include <mailmig/error.h>

/* Where messages wait between two servers: small ones in a pool of memory of fixed size, the
 * rest in unlinked files. A pool serves all threads, a spool belongs to one at a time. */
struct spool_pool;
struct spool;

/* max_bytes: memory of all spools together (allocated as needed and then kept).
 * dir:       for files; must exist. Copied.
 * min_free:  octets of its file system that files leave free. 0 or -ENOMEM. */
int spool_pool_new(size_t max_bytes, const char *dir, uint64_t min_free,
		   struct spool_pool **ret);
struct spool_pool *spool_pool_free(struct spool_pool *p); /* all spools must be gone */
DEFINE_CLEANUP(struct spool_pool *, spool_pool_free)

/* A spool for exactly size octets. In memory when that is at most a quarter of the pool and
 * there is room, else in a file. 0, -ENOMEM, -ENOSPC when its file would leave less than
 * min_free, -errno of the file. One reference is the caller's. */
int spool_new(struct spool_pool *p, uint64_t size, struct spool **ret);
struct spool *spool_ref(struct spool *s);
struct spool *spool_unref(struct spool *s);
DEFINE_CLEANUP(struct spool *, spool_unref)

/* Append octets. 0; -EMSGSIZE past the size of spool_new(); -errno of the file. */
int spool_write(struct spool *s, const void *p, size_t n);

/* Octets written so far. */
uint64_t spool_size(const struct spool *s);

/* Copy up to n octets from offset. Returns how many (0 at the end) or -errno. */
ssize_t spool_read_at(const struct spool *s, uint64_t offset, void *p, size_t n);

/* Describe what spool_new(), spool_write() or spool_read_at() said of a message of `size`
 * octets; the end of the whole job. Returns r. */
int spool_trouble(const struct spool_pool *p, uint64_t size, int r, struct mm_err *reterr);

/* Memory of the pool that is free. */
size_t spool_pool_room(struct spool_pool *p);

#endif
