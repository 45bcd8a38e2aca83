/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_IMAP_H
#define MAILMIG_IMAP_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/folder.h>
#include <mailmig/folder_fit.h>
#include <mailmig/job.h>
#include <mailmig/message.h>
#include <mailmig/secret.h>
#include <mailmig/seqset.h>
#include <mailmig/stream.h>

/* An IMAP client session (RFC 9051, RFC 3501). Verbs come in pairs where pipelining pays:
 * _begin queues a command and returns at once, _end or _next waits. Commands are answered in
 * the order in which they began. While commands are in flight only UID commands and APPEND are
 * used (RFC 9051 §5.5). A session belongs to one thread and keeps its first fatal error.
 *
 * What a server sends and how long it takes is bounded, whatever it says (budget.h): a command
 * comes to its end in ten times the server's time-out and what its data take at 1 KiB a second,
 * data that nobody asked for are limited in proportion to the folder.
 *
 * Errors have scope store when the session is of no more use, folder or message when only the
 * command failed. */

struct imap;

enum imap_cap {
	IMAP_CAP_LITERAL_PLUS = 1 << 0,  /* RFC 7888 */
	IMAP_CAP_LITERAL_MINUS = 1 << 1, /* RFC 7888 */
	IMAP_CAP_MULTIAPPEND = 1 << 2,   /* RFC 3502 */
	IMAP_CAP_UIDPLUS = 1 << 3,       /* RFC 4315 */
	IMAP_CAP_ENABLE = 1 << 4,        /* RFC 5161 */
	IMAP_CAP_CONDSTORE = 1 << 5,     /* RFC 7162 */
	IMAP_CAP_LIST_EXTENDED = 1 << 7, /* RFC 5258 */
	IMAP_CAP_LIST_STATUS = 1 << 8,   /* RFC 5819 */
	IMAP_CAP_SPECIAL_USE = 1 << 9,   /* RFC 6154 */
	IMAP_CAP_STATUS_SIZE = 1 << 10,  /* RFC 8438 */
	IMAP_CAP_NAMESPACE = 1 << 11,    /* RFC 2342 */
	IMAP_CAP_SASL_IR = 1 << 12,      /* RFC 4959 */
	IMAP_CAP_AUTH_PLAIN = 1 << 13,   /* RFC 4616 */
	IMAP_CAP_LOGINDISABLED = 1 << 14,
	IMAP_CAP_ID = 1 << 15,                 /* RFC 2971 */
	IMAP_CAP_QUOTA = 1 << 16,              /* RFC 9208 */
	IMAP_CAP_IDLE = 1 << 17,               /* RFC 2177 */
	IMAP_CAP_APPENDLIMIT = 1 << 18,        /* RFC 7889: each folder tells its own */
	IMAP_CAP_GMAIL = 1 << 19,              /* X-GM-EXT-1: equal messages are one */
	IMAP_CAP_COMPRESS = 1 << 20,           /* RFC 4978: COMPRESS=DEFLATE */
	IMAP_CAP_UTF8 = 1 << 21,               /* RFC 6855: UTF8=ACCEPT, UTF8=ONLY */
	IMAP_CAP_ESEARCH = 1 << 22,            /* RFC 4731 */
	IMAP_CAP_XLIST = 1 << 24,              /* roles before RFC 6154 */
	IMAP_CAP_CREATE_SPECIAL_USE = 1 << 25, /* RFC 6154 §5 */
};

/* What no capability tells of. */
enum imap_quirk {
	/* \\Flagged in APPEND is not seen by others: it has to be stored afterwards. */
	IMAP_QUIRK_FLAGGED_LATER = 1 << 0,
	/* What goes for Exchange in general: names of folders, folders that hold no mail. */
	IMAP_QUIRK_EXCHANGE = 1 << 1,
};

struct imap_options {
	const char *side; /* "origin" or "destination": begins every error text */
	const struct endpoint *endpoint;
	const struct secret *secret;
	struct pump *pump;       /* outlives the session, or its use by it */
	struct spool_pool *pool; /* for bodies */
	unsigned match;          /* enum match_by: fields of witnesses */
	int cancel_fd;
	struct limiter *limiter; /* outlives the session; or NULL */
	bool no_compress;        /* an earlier session ended since imap_garbled() */
	/* Called when connected and before the login; a negative result gives up. Or NULL. */
	int (*before_login)(void *userdata);
	/* Called when connected, to look at the stream. Or NULL. */
	void (*connected)(void *userdata, const struct stream *stream);
	void *userdata;
};

/* Connect and log in. 0 or -errno; class connect or login. */
int imap_open(const struct imap_options *o, struct imap **ret, struct mm_err *reterr);
/* Says LOGOUT where the session still works, without waiting for the answer. */
struct imap *imap_close(struct imap *c);
DEFINE_CLEANUP(struct imap *, imap_close)

/* Be pumped together with other sessions from now on. 0 or -ENOSPC. */
int imap_use_pump(struct imap *c, struct pump *pump);

unsigned imap_caps(const struct imap *c);         /* enum imap_cap */
uint64_t imap_append_limit(const struct imap *c); /* APPENDLIMIT (RFC 7889), 0: none told */
/* A number for all that the server says that it can, in whatever order. */
uint64_t imap_caps_hash(const struct imap *c);
uint64_t imap_round_trips(const struct imap *c);
const char *imap_label(const struct imap *c);
enum folder_server imap_server(const struct imap *c);
char imap_separator(const struct imap *c); /* of levels; after imap_list(); 0: none */
bool imap_usable(const struct imap *c);    /* false once the session broke */
/* It broke when compression had begun, and it may be the reason: try again without. */
bool imap_garbled(const struct imap *c);

/* By the greeting, and by the answer to ID, which comes with the first answers after the login.
 */
unsigned imap_quirks(const struct imap *c); /* enum imap_quirk */

/* Is UTF8=ACCEPT in force (once the first answer has come)? Names of folders (raw) are in
 * modified UTF-7 all the same: the connection translates them. SEARCH must name no charset
 * then (RFC 6855 §3). */
bool imap_utf8(const struct imap *c);

/* This server's name, in modified UTF-7, for a canonical one, appended; after imap_list(). 0,
 * -EBADMSG when it is no UTF-8, -ENOMEM. */
int imap_local_name(const struct imap *c, const char *canonical, struct buf *raw);

/* ---- folders ---- */

/* All folders of the personal namespace with their marks, where the server tells them:
 * NAMESPACE, LIST with RETURN options, or LIST (or XLIST), LSUB and STATUS. Two round trips at
 * most with LIST-STATUS. */
int imap_list(struct imap *c, bool with_size, struct folder_list *ret, struct mm_err *reterr);

/* CREATE (if wanted) and SUBSCRIBE (if wanted) for each, pipelined; with the role, where the
 * server offers that and does not refuse it. error is 0 or described, of scope folder.
 * ALREADYEXISTS is no error. Returns -errno only when the session broke. */
struct imap_make {
	const char *raw;
	const char *role; /* "\\Sent" ...; or NULL */
	bool create, subscribe;
	bool existed; /* set: the server says so */
	struct mm_err error;
};
int imap_make_folders(struct imap *c, struct imap_make *v, size_t n, struct mm_err *reterr);

/* What the quota roots of a folder leave, the tightest of each kind (RFC 9208). */
struct imap_quota {
	bool has_storage, has_messages;       /* else there is no such limit */
	uint64_t storage_used, storage_limit; /* octets */
	uint64_t messages_used, messages_limit;
};
/* GETQUOTAROOT, where the server offers QUOTA. A refusal is an error of scope folder. */
int imap_quota(struct imap *c, const char *raw, struct imap_quota *ret, struct mm_err *reterr);

/* SELECT or EXAMINE. */
struct imap_mailbox {
	struct folder_status status;
	char *permanent_flags; /* raw, or NULL: everything */
	bool read_only;
	bool uid_not_sticky; /* RFC 4315 §2 */
	bool no_modseq;
};
void imap_mailbox_done(struct imap_mailbox *m);
int imap_select_begin(struct imap *c, const char *raw, bool read_only, struct mm_err *reterr);
int imap_select_end(struct imap *c, struct imap_mailbox *ret, struct mm_err *reterr);

/* ---- messages ---- */

enum imap_want {
	IMAP_WANT_FLAGS = 1 << 0,
	IMAP_WANT_SIZE = 1 << 1,
	IMAP_WANT_DATE = 1 << 2,
	IMAP_WANT_FINGERPRINT =
		1 << 3,             /* header fields; from the body where that is wanted too */
	IMAP_WANT_DIGEST = 1 << 4,  /* read the body and keep its digest only */
	IMAP_WANT_BODY = 1 << 5,    /* read the body into a spool; digest and fingerprint too */
	IMAP_WANT_WITNESS = 1 << 6, /* header fields; not of a body */
	IMAP_WANT_TEXT = 1 << 7,    /* beside a digest: that of the text */
	IMAP_WANT_LABELS = 1 << 8,  /* X-GM-LABELS, where X-GM-EXT-1 is offered */
};

/* UID FETCH. set: its text is sent as it is ("1:*"), kept short by the caller. changed_since:
 * 0, or a mod-sequence (CONDSTORE). */
int imap_fetch_begin(struct imap *c, const char *set, unsigned want, uint64_t changed_since,
		     struct mm_err *reterr);

/* The next message of all fetches begun, in the server's order. 1: *ret is set and the caller's
 * to empty; 0: the oldest fetch has ended (its handle is gone); -errno. A message is told only
 * when everything wanted was there, for a body exactly as long as announced by its literal;
 * FETCH responses that lack something are unsolicited and ignored. A fetch that ends in NO is
 * an error of scope folder. */
int imap_fetch_next(struct imap *c, struct message *ret, struct mm_err *reterr);
size_t imap_fetches(const struct imap *c); /* begun and not ended */

/* UID SEARCH for all of what is given. */
struct imap_search {
	uint32_t first, last;          /* UIDs; 0: no bound */
	int64_t before_day, since_day; /* BEFORE, SINCE: days since 1970; 0: any */
	const char
		*raw; /* more search keys, in UTF-8: checked, nothing in it ends the command */
};
int imap_search_begin(struct imap *c, const struct imap_search *what, struct mm_err *reterr);
/* What the oldest search found is added to `found`. A refusal is an error of scope folder, for
 * `raw` (not understood, or its characters) one of the job, class config; so is an OK that
 * tells nothing, even not that nothing was found, of scope folder. */
int imap_search_end(struct imap *c, struct seqset *found, struct mm_err *reterr);

/* APPEND or MULTIAPPEND of n messages with flags, date and body. Returns at once with LITERAL+;
 * else the server's consent to each literal is waited for. */
int imap_append_begin(struct imap *c, const char *raw, const struct message *v, size_t n,
		      struct mm_err *reterr);

enum imap_outcome {
	IMAP_APPEND_STORED,  /* tagged OK */
	IMAP_APPEND_REFUSED, /* tagged NO or BAD: nothing is assumed */
};
struct imap_append_result {
	enum imap_outcome outcome;
	uint32_t uidvalidity; /* 0: the server told no UIDs */
	struct seqset uids;   /* as many as messages, or empty */
	bool try_create;      /* RFC 9051 §7.1 */
	struct mm_err
		error; /* of a refusal: scope message or folder, class refused, quota, ... */
};
void imap_append_result_done(struct imap_append_result *r);
/* The result of the oldest append begun. -errno: the session broke, the outcome is unknown. */
int imap_append_end(struct imap *c, struct imap_append_result *ret, struct mm_err *reterr);

/* UID FETCH set (UID RFC822.SIZE), beside appends: sizes are told through the callback. */
typedef void (*imap_size_fn)(void *userdata, uint32_t uid, uint64_t size);
int imap_sizes_begin(struct imap *c, const char *set, struct mm_err *reterr);
int imap_sizes_end(struct imap *c, imap_size_fn fn, void *userdata, struct mm_err *reterr);

/* UID STORE set +FLAGS.SILENT / -FLAGS.SILENT (flags). */
int imap_flags_begin(struct imap *c, const char *set, bool add, const char *flags,
		     struct mm_err *reterr);
int imap_flags_end(struct imap *c, struct mm_err *reterr);

/* UID STORE +FLAGS.SILENT (\\Deleted), and where the server has UIDPLUS a UID EXPUNGE (RFC 4315
 * §2.1) of the same set; never an EXPUNGE of all. 0; 1: marked only; -errno. */
int imap_remove(struct imap *c, const char *set, struct mm_err *reterr);

#endif
