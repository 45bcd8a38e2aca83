/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_STATE_H
#define MAILMIG_STATE_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/error.h>
#include <mailmig/message.h>
#include <mailmig/skip.h>

/* What became of every message: one SQLite file per account, STATE_DIR/accounts/NAME.db,
 * written by that account's worker alone (a kernel lock on NAME.lock keeps a second one out).
 * All lanes of a worker share the one handle; a transaction holds its lock from begin to
 * commit.
 *
 * A failed commit or fsync is final: the handle refuses everything after it and the worker ends
 * (scope job, class local). */

struct state;

enum row_state {
	ROW_NEW = 0,     /* looked at before, not at the destination: to be copied */
	ROW_INTENT = 1,  /* may have been sent; the answer is not known */
	ROW_STORED = 2,  /* is at the destination under dest_uid */
	ROW_ALTERED = 3, /* ours, but the server changed the octets: never sent again */
	ROW_HELD = 4,    /* given up for now; why is in `reason` */
};

/* One origin message (folder, uid). Strings are borrowed until the next call on the state. */
struct state_row {
	uint32_t uid;
	enum row_state state;
	uint64_t size;
	bool has_digest;
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
	bool has_fingerprint;
	struct fingerprint fingerprint;
	const char *flags;    /* canonical: the origin's, when last seen */
	uint32_t uidvalidity; /* of the destination */
	uint32_t watermark;   /* destination UIDNEXT before the upload; 0: none known */
	uint32_t dest_uid;    /* 0: not known */
	uint32_t attempts;
	const char *reason; /* NULL: none */
	/* What the destination refused is not tried again while the circumstances have this
	 * number; 0: nothing was refused. */
	uint64_t held_under;
	const char *held_what; /* of a message held: the class; of one stored: its flags */
	bool ours; /* we put it there; else it was found there, or nobody remembers */
};

/* What is remembered of a pair of folders. */
struct state_folder {
	int64_t id;
	uint32_t origin_uidvalidity; /* 0: never seen */
	uint32_t origin_uidnext;
	uint64_t origin_modseq;
	uint32_t origin_messages;
	uint32_t dest_uidvalidity;
	uint32_t dest_seen; /* destination UIDs below are all known to us */
	/* clock_boot_usec() when the last session ended in which an upload may have been left
	 * without its answer; only for a wait. 0: such a session goes on, or nobody saw it end.
	 */
	uint64_t uncertain_usec;
	bool complete;  /* the last pass ended with nothing left to do, under these: */
	uint64_t rules; /* a number for the rules of the configuration */
	uint64_t dest_modseq;
	uint32_t dest_messages;
	uint64_t skipped[SKIP_N]; /* messages that the rules left out */
	int64_t ripens; /* when the first of them will be old enough (seconds since 1970); 0:
			   none */
};

/* Open or create. mailboxes: those of the account at both ends, as text; dry: nothing is ever
 * written to the file (all changes are rolled back). 0; -EBUSY: another worker has the account;
 * else -errno; described.
 *
 * A file that is damaged or not of this account and these mailboxes is set aside under another
 * name and a new one begun: *ret_note (or NULL) is then a sentence that says so, owned. Damage
 * that shows later is an error of its call as any other; the file is set aside then too. */
int state_open(const char *state_dir, const char *account, const char *mailboxes, bool dry,
	       struct state **ret, char **ret_note, struct mm_err *reterr);
struct state *state_close(struct state *s);
DEFINE_CLEANUP(struct state *, state_close)

/* No folder is remembered yet. */
bool state_is_new(struct state *s);

/* The pair's record, created when new. origin and destination are the servers' own names. */
int state_folder_get(struct state *s, const char *origin, const char *destination,
		     struct state_folder *ret, struct mm_err *reterr);

/* Strings are borrowed during the call. */
struct state_pair {
	int64_t id;
	const char *origin, *destination; /* the servers' own names */
	const char *basis;                /* by what it goes there, as state_place() had it */
	const char *name;                 /* of the destination, for people; or "" */
	bool retired;                     /* the origin folder goes elsewhere by now */
	bool begun;                       /* messages may have been copied */
};
/* All pairs, by origin and age. A negative result of fn ends the walk and is returned; fn must
 * not call the state. */
typedef int (*state_pair_fn)(void *userdata, const struct state_pair *p);
int state_pairs(struct state *s, state_pair_fn fn, void *userdata, struct mm_err *reterr);
/* Inside a transaction: the origin folder goes where this record says, for such a reason. Other
 * records of it are retired; what they have copied stays owned. */
int state_place(struct state *s, int64_t folder, const char *basis, const char *name,
		struct mm_err *reterr);

/* Several origin folders may go to one destination, now or one after the other. */

/* The records that have the destination of this one, with it. *ret is to be freed. */
int state_same_place(struct state *s, int64_t folder, int64_t **ret, size_t *ret_n,
		     struct mm_err *reterr);
/* 1: one of them was written when the destination had another UIDVALIDITY (*ret_was), or more
 * UIDs than below uidnext (0: not told); 0; -errno. */
int state_is_stale(struct state *s, int64_t folder, uint32_t uidvalidity, uint32_t uidnext,
		   uint32_t *ret_was, struct mm_err *reterr);
/* Inside a transaction: the destination has this UIDVALIDITY now, nothing in it is known. */
int state_renew(struct state *s, int64_t folder, uint32_t uidvalidity, struct mm_err *reterr);

/* Where the rows of a folder are kept whose origin messages have lost their UIDs: as another
 * folder, under numbers of no meaning, until a message takes its row back. */
static inline int64_t state_aside(int64_t folder)
{
	return -folder;
}

/* A transaction: begin takes the lock, commit or rollback gives it back. commit returns only
 * when the data is on the disk. */
int state_begin(struct state *s, struct mm_err *reterr);
int state_commit(struct state *s, struct mm_err *reterr);
void state_rollback(struct state *s);
/* Commit if r is 0, else roll back: r, or what the commit says. */
int state_end(struct state *s, int r, struct mm_err *reterr);

/* Inside a transaction. */
int state_folder_put(struct state *s, const struct state_folder *f, struct mm_err *reterr);
int state_put(struct state *s, int64_t folder, const struct state_row *row,
	      struct mm_err *reterr);
/* What became of an intent; the rest of its row stays. */
int state_settle(struct state *s, int64_t folder, uint32_t uid, enum row_state state,
		 uint32_t dest_uid, uint32_t attempts, const char *reason,
		 struct mm_err *reterr);
int state_set_flags(struct state *s, int64_t folder, uint32_t uid, const char *flags,
		    struct mm_err *reterr);
int state_delete(struct state *s, int64_t folder, uint32_t uid, struct mm_err *reterr);
int state_delete_all(struct state *s, int64_t folder, struct mm_err *reterr);

/* The destination refused these flags of a message that is there. */
int state_refuse_flags(struct state *s, int64_t folder, uint32_t uid, uint64_t held_under,
		       const char *flags, struct mm_err *reterr);

/* What the destination's folder cannot keep, in canonical text. told: flags that a person was
 * told of; unkept: those that it took and did not keep. get, anywhere: into empty buffers; put
 * inside a transaction. */
int state_unkept_get(struct state *s, int64_t folder, struct buf *told, struct buf *unkept,
		     struct mm_err *reterr);
int state_unkept_put(struct state *s, int64_t folder, const char *told, const char *unkept,
		     struct mm_err *reterr);

/* Anywhere. 1: found; 0: no such row; -errno. strings (or NULL): a buffer that keeps row->flags
 * and row->held_what; there is no reason. */
int state_get(struct state *s, int64_t folder, uint32_t uid, struct state_row *ret,
	      struct buf *strings, struct mm_err *reterr);
/* The same by the UID at the destination. */
int state_get_dest(struct state *s, int64_t folder, uint32_t dest_uid, struct state_row *ret,
		   struct buf *strings, struct mm_err *reterr);
/* 1 when a row of any folder with the same destination, set aside or not, has this destination
 * UID; 0; -errno. */
int state_owns(struct state *s, int64_t folder, uint32_t dest_uid, struct mm_err *reterr);
/* Rows of the folder in a state other than stored. */
int state_count(struct state *s, int64_t folder, enum row_state state, uint64_t *ret,
		struct mm_err *reterr);
/* Rows of the folder for which something was refused: all of them, or those with another
 * held_under. */
int state_count_held(struct state *s, int64_t folder, uint64_t other_than, uint64_t *ret,
		     struct mm_err *reterr);
/* Messages of the folder that are at the destination or held: how many, and their octets. */
int state_count_settled(struct state *s, int64_t folder, uint64_t *ret_messages,
			uint64_t *ret_bytes, struct mm_err *reterr);
/* Call fn for every row of the folder in a state (-1: any), ascending by uid; a negative result
 * ends the walk and is returned. fn must not call the state. */
typedef int (*state_row_fn)(void *userdata, const struct state_row *row);
int state_each(struct state *s, int64_t folder, int state, state_row_fn fn, void *userdata,
	       struct mm_err *reterr);

/* What was moved one way (the caller's number) in a slot of time (the caller's unit). add and
 * keep, which forgets all other slots, inside a transaction; each anywhere, and fn must not
 * call the state. */
int state_traffic_add(struct state *s, int64_t slot, unsigned way, uint64_t octets,
		      struct mm_err *reterr);
int state_traffic_keep(struct state *s, int64_t first, int64_t last, struct mm_err *reterr);
typedef void (*state_traffic_fn)(void *userdata, int64_t slot, unsigned way, uint64_t octets);
int state_traffic_each(struct state *s, state_traffic_fn fn, void *userdata,
		       struct mm_err *reterr);

/* Until when (wall clock) a server is to be left alone, and why. set inside a transaction. get:
 * 1 when something was set at some time; 0; -errno. */
int state_pause_set(struct state *s, uint64_t until_usec, const char *text,
		    struct mm_err *reterr);
int state_pause_get(struct state *s, uint64_t *ret_until_usec, char *text, size_t n,
		    struct mm_err *reterr);

#endif
