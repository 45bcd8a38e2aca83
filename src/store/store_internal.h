/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <mailmig/secret.h>
#include <mailmig/store.h>
#include <mailmig/stream.h>

struct store_link {
	struct pump pump;
	struct spool_pool *pool;
	int cancel_fd;
	int (*before_login)(void *userdata);
	void *userdata;
	bool no_compress; /* one of its sessions ended since that made no sense */
};

/* One row for each verb of store.h, where it is described. */
struct store_ops {
	int (*open)(struct store *s, struct mm_err *reterr);
	int (*join)(struct store *s);
	void (*free)(struct store *s);
	void (*features)(const struct store *s, struct store_features *ret);
	uint64_t (*round_trips)(const struct store *s);
	const char *(*label)(const struct store *s);
	bool (*usable)(const struct store *s);
	int (*list)(struct store *s, bool with_size, struct folder_list *ret,
		    struct mm_err *reterr);
	int (*local_name)(const struct store *s, const char *canonical, struct buf *raw);
	int (*make_folders)(struct store *s, struct store_make *v, size_t n,
			    struct mm_err *reterr);
	int (*room)(struct store *s, const char *raw, struct store_room *ret,
		    struct mm_err *reterr);
	int (*enter_begin)(struct store *s, const char *raw, bool write, struct mm_err *reterr);
	int (*enter_end)(struct store *s, struct store_folder *ret, struct mm_err *reterr);
	int (*read)(struct store *s, const char *set, unsigned want, uint64_t changed_since,
		    struct mm_err *reterr);
	int (*read_next)(struct store *s, struct message *ret, struct mm_err *reterr);
	size_t (*reads)(const struct store *s);
	int (*search_begin)(struct store *s, const struct store_search *what,
			    struct mm_err *reterr);
	int (*search_end)(struct store *s, struct seqset *found, struct mm_err *reterr);
	int (*put_begin)(struct store *s, const char *raw, const struct message *v, size_t n,
			 struct mm_err *reterr);
	int (*put_end)(struct store *s, struct store_put *ret, struct mm_err *reterr);
	int (*sizes_begin)(struct store *s, const char *set, struct mm_err *reterr);
	int (*sizes_end)(struct store *s, store_size_fn fn, void *userdata,
			 struct mm_err *reterr);
	int (*flags_begin)(struct store *s, const char *set, bool add, const char *flags,
			   struct mm_err *reterr);
	int (*flags_end)(struct store *s, struct mm_err *reterr);
	int (*remove)(struct store *s, const char *set, struct mm_err *reterr);
};

/* The head of every kind of store. */
struct store {
	const struct store_ops *ops;
};

int imap_store_new(const struct endpoint *endpoint, const struct secret *secret,
		   const char *side, unsigned match, struct store_link *link,
		   struct limiter *limiter, struct store **ret);

#endif
