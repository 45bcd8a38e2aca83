/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_STORE_H
#define MAILMIG_STORE_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/folder.h>
#include <mailmig/folder_fit.h>
#include <mailmig/job.h>
#include <mailmig/limiter.h>
#include <mailmig/message.h>
#include <mailmig/seqset.h>
#include <mailmig/spool.h>

/* A mailbox tree: what the engine sees of an IMAP server (later of a Maildir). A store belongs
 * to one thread. Verbs that pay when pipelined come in pairs: begin queues and returns, end or
 * next waits; results come in the order of the begins. The two stores of a lane share a link,
 * so that waiting for one goes on serving the other.
 *
 * Errors of scope store mean that this store is of no more use: close it and open another. */

struct store;

/* What two stores of a lane share. */
struct store_link;
/* pool: for bodies; borrowed. */
int store_link_new(struct spool_pool *pool, int cancel_fd, struct store_link **ret);
struct store_link *store_link_free(struct store_link *l); /* its stores and messages are gone */
DEFINE_CLEANUP(struct store_link *, store_link_free)
/* Stores of this link connect at once but log in only after fn returned 0. */
void store_link_before_login(struct store_link *l, int (*fn)(void *userdata), void *userdata);

/* Not connected yet. endpoint, secret and limiter (or NULL) are borrowed and outlive the store.
 * side: "origin" or "destination". 0 or -ENOMEM. */
struct secret;
int store_new(const struct endpoint *endpoint, const struct secret *secret, const char *side,
	      unsigned match, struct store_link *link, struct limiter *limiter,
	      struct store **ret);
/* A destination that writes nothing: folders seem to be made, reading shows what really is
 * there. Takes `inner` over. */
int store_new_dry(struct store *inner, struct store **ret);
struct store *store_free(struct store *s);
DEFINE_CLEANUP(struct store *, store_free)

/* Connect. Until store_join() the store stands alone: it may be opened and listed from another
 * thread than the rest. */
int store_open(struct store *s, struct mm_err *reterr);
/* Take part in the link from now on. 0 or -ENOSPC. */
int store_join(struct store *s);

struct store_features {
	bool tells_uids;    /* of what was put (UIDPLUS) */
	bool batches;       /* several messages in one put, all or nothing (MULTIAPPEND) */
	bool marks;         /* changed_since works (CONDSTORE) */
	bool discards;      /* nothing is written: a dry run */
	bool labels;        /* folders are labels: a message may be in several */
	bool merges;        /* equal messages take the room of one */
	bool flagged_later; /* \Flagged put with a message is not seen by all: set afterwards */
	uint64_t size_limit; /* of one message; 0: none told */
	uint64_t caps_hash;  /* a number for all that the store says that it can */
	enum folder_server server;
	bool makes_roles; /* folders can be made with a role */
	char separator;   /* between levels, once its folders were listed; 0: none */
};
void store_features(const struct store *s, struct store_features *ret);
uint64_t store_round_trips(const struct store *s);
const char *store_label(const struct store *s);
bool store_usable(const struct store *s); /* false once the session broke */

/* ---- folders ---- */

int store_list(struct store *s, bool with_size, struct folder_list *ret, struct mm_err *reterr);
/* This store's own name for a canonical one, appended; after store_list(). 0, -EBADMSG,
 * -ENOMEM. */
int store_local_name(const struct store *s, const char *canonical, struct buf *raw);

struct store_make {
	const char *raw;
	const char *role; /* to be made with, where the store can; or NULL */
	bool create, subscribe;
	bool existed;        /* set: it was there already, so the store says */
	struct mm_err error; /* code 0: done */
};
int store_make_folders(struct store *s, struct store_make *v, size_t n, struct mm_err *reterr);

struct store_folder {
	struct folder_status status;
	char *permanent_flags; /* NULL: everything */
	bool read_only;
	bool uids_last; /* false: UIDs mean nothing in the next session */
	bool marks;     /* changed_since works in this folder */
};
void store_folder_done(struct store_folder *f);
int store_enter_begin(struct store *s, const char *raw, bool write, struct mm_err *reterr);
int store_enter_end(struct store *s, struct store_folder *ret, struct mm_err *reterr);

/* What may still be put there. UINT64_MAX: as much as one likes, or not told. */
struct store_room {
	uint64_t bytes, messages;
};
int store_room(struct store *s, const char *raw, struct store_room *ret, struct mm_err *reterr);

/* ---- messages of the folder entered ---- */

enum store_want {
	STORE_WANT_FLAGS = 1 << 0,
	STORE_WANT_SIZE = 1 << 1,
	STORE_WANT_DATE = 1 << 2,
	STORE_WANT_FINGERPRINT = 1 << 3,
	STORE_WANT_DIGEST = 1 << 4, /* reads the whole message */
	STORE_WANT_BODY = 1 << 5,   /* with digest and fingerprint */
	STORE_WANT_WITNESS = 1 << 6,
	STORE_WANT_TEXT = 1 << 7, /* beside a digest */
	STORE_WANT_LABELS = 1 << 8,
};

/* Messages with UID in [first, last] (last 0: no end), or in a set whose text is short enough
 * for one command. changed_since: 0: all; else only what changed after that mark. */
int store_read_range(struct store *s, uint32_t first, uint32_t last, unsigned want,
		     uint64_t changed_since, struct mm_err *reterr);
int store_read_set(struct store *s, const struct seqset *set, unsigned want,
		   struct mm_err *reterr);
/* 1: *ret is set, the caller empties it; 0: the oldest reading has ended; -errno. Messages
 * may come more than once and in any order. */
int store_read_next(struct store *s, struct message *ret, struct mm_err *reterr);
size_t store_reads(const struct store *s); /* begun and not ended */

/* Which messages of the folder fit all of what is given, as the store sees it. */
struct store_search {
	uint32_t first, last; /* UIDs; 0: no bound */
	int64_t before_day; /* arrived on an earlier day (since 1970), as the store shows it; 0:
			       any */
	int64_t since_day;  /* on this day or later; 0: any */
	const char *raw;    /* in the language of such stores; NULL: any */
};
int store_search_begin(struct store *s, const struct store_search *what, struct mm_err *reterr);
/* UIDs are added to `found`. Scope folder: this store, or this folder, tells nothing; class
 * config, of the job: `raw` is not understood. */
int store_search_end(struct store *s, struct seqset *found, struct mm_err *reterr);

/* Put messages (flags, date, body) into a folder. */
struct store_put {
	bool stored;          /* the store says so; else refused: nothing is assumed */
	uint32_t uidvalidity; /* 0: UIDs are not told */
	struct seqset uids;   /* as many as messages, in their order; or empty */
	bool no_folder;       /* refused since the folder does not exist */
	struct mm_err error;
};
void store_put_done(struct store_put *p);
int store_put_begin(struct store *s, const char *raw, const struct message *v, size_t n,
		    struct mm_err *reterr);
/* -errno: whether the messages were stored is not known. */
int store_put_end(struct store *s, struct store_put *ret, struct mm_err *reterr);

/* Sizes of messages, beside puts: proof that they are there. */
typedef void (*store_size_fn)(void *userdata, uint32_t uid, uint64_t size);
int store_sizes_begin(struct store *s, const struct seqset *set, struct mm_err *reterr);
int store_sizes_end(struct store *s, store_size_fn fn, void *userdata, struct mm_err *reterr);

/* Add or remove flags of messages. */
int store_flags_begin(struct store *s, const struct seqset *set, bool add, const char *flags,
		      struct mm_err *reterr);
int store_flags_end(struct store *s, struct mm_err *reterr);

/* Remove exactly these messages, and no others whatever their flags: a set whose text is short
 * enough for one command. 0; 1: they are only marked as deleted, since the store cannot remove
 * single messages; -errno: some, all or none of them are gone or marked. Whoever needs to know
 * looks. */
int store_remove(struct store *s, const struct seqset *set, struct mm_err *reterr);

#endif
