/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_INTERNAL_H
#define IMAP_INTERNAL_H

#include <mailmig/imap.h>
#include <openssl/evp.h>

#include "budget.h"
#include "framer.h"
#include "parse.h"
#include "replies.h"

/* Commands in flight on one session: more bring nothing once a round trip is filled. */
#define IMAP_WINDOW_MAX 64
/* Text of a response that is kept for people. */
#define IMAP_TEXT_MAX 200
/* UIDs of one UID FETCH (UID RFC822.SIZE) beside appends. */
#define IMAP_SIZES_MAX 256
/* The server's name that is kept. */
#define IMAP_NAME_MAX 64

enum imap_verb {
	VERB_PLAIN, /* only its result matters */
	VERB_SELECT,
	VERB_FETCH,
	VERB_APPEND,
	VERB_SIZES,
	VERB_FLAGS,
	VERB_SEARCH,
	VERB_ENABLE,
	VERB_ID,
};

struct imap_size {
	uint32_t uid;
	uint64_t size;
};

/* One command in flight, and its answer. */
struct imap_cmd {
	uint32_t id;
	enum imap_verb verb;
	const char *name; /* for errors: "SELECT" */
	bool done;
	bool forget; /* nobody waits for it: its place is given back when the answer comes */
	enum imap_status status;
	char code[64];            /* first word of the response code */
	char text[IMAP_TEXT_MAX]; /* the server's words, cleaned, with the code */
	unsigned want;            /* VERB_FETCH */
	size_t n_messages;        /* VERB_APPEND */
	uint32_t uidvalidity;     /* APPENDUID */
	struct seqset uids;       /* also VERB_SEARCH: found */
	unsigned n_answers;       /* VERB_SEARCH: lines that told something */
	bool nonsense;            /* of them: one that makes none */
	bool by_key;              /* it has words of the configuration */
	struct imap_size *sizes;  /* VERB_SIZES */
	size_t n_sizes;
};

struct imap {
	struct stream *stream;
	struct pump *pump;
	struct spool_pool *pool;
	unsigned match;
	char *side;
	char *label;

	struct imap_framer framer;
	struct buf scratch;
	uint32_t tag_base;
	uint32_t last_id;
	struct imap_cmd cmds[IMAP_WINDOW_MAX]; /* ring: oldest first */
	size_t first, n;
	bool continuation; /* a "+" has come */
	struct imap_budget budget;

	unsigned caps;
	uint64_t caps_hash;
	bool caps_known;
	bool utf8; /* UTF8=ACCEPT is enabled */
	bool may_compress;
	char server_name[IMAP_NAME_MAX]; /* from its answer to ID; "": not told */
	uint64_t append_limit;
	char delim;
	char *prefix;
	char *bye;
	uint64_t pause_usec; /* before the next command; 0: none */
	bool broken;
	bool appended; /* since the folder was last looked at */

	struct imap_mailbox box; /* being selected */

	/* the body that is arriving */
	EVP_MD_CTX *md;
	struct message_text *text; /* where its digest is wanted */
	bool text_wanted;
	struct spool *body;
	uint64_t body_size;
	bool body_complete;
	uint8_t digest[MESSAGE_DIGEST_OCTETS];
};

/* ---- send.c ---- */

/* Begin a command: takes a place in the window and writes the tag. NULL when the window is full
 * (scope store: our mistake). */
struct imap_cmd *imap_cmd_begin(struct imap *c, enum imap_verb verb, const char *name,
				struct mm_err *reterr);
void imap_put(struct imap *c, const char *fmt, ...) _printf_(2, 3);
/* A string in the form that carries it: quoted, or a literal, for which the server's consent
 * may have to be waited for. 0 or -errno; 1: the server ended the command instead of
 * consenting. */
int imap_put_string(struct imap *c, struct imap_cmd *cmd, const char *s, size_t n,
		    struct mm_err *reterr);
/* The announcement of a literal of size octets, and the wait for consent where one is needed.
 */
int imap_put_literal(struct imap *c, struct imap_cmd *cmd, uint64_t size,
		     struct mm_err *reterr);
void imap_cmd_end(struct imap *c);

/* ---- conn.c ---- */

/* A body begins, of whose text the digest is wanted, or not. 0 or -ENOMEM. */
int imap_text_begin(struct imap *c, bool wanted);
/* Read one response and give it its general meaning. 0 or -errno. */
int imap_read(struct imap *c, const char *what, struct imap_resp *ret, struct mm_err *reterr);

/* The oldest command of a verb whose result was not taken yet, or NULL. */
struct imap_cmd *imap_oldest(struct imap *c, enum imap_verb verb);
/* The oldest one that the server has not answered, or NULL. */
struct imap_cmd *imap_oldest_pending(struct imap *c, enum imap_verb verb);
/* Read until the command is done. 0 or -errno. */
int imap_await(struct imap *c, const struct imap_cmd *cmd, struct mm_err *reterr);
/* Give the command's place back. */
void imap_cmd_free(struct imap *c, struct imap_cmd *cmd);
/* Begin, send, wait, free: for commands whose result alone matters. 0; -EREMOTEIO for NO or BAD
 * (described with scope and class refused). */
int imap_simple_end(struct imap *c, struct imap_cmd *cmd, enum mm_scope scope,
		    struct mm_err *reterr);
/* Describe a NO or BAD. what: "cannot create folder X". Returns -EREMOTEIO. */
int imap_refused(const struct imap *c, const struct imap_cmd *cmd, enum mm_scope scope,
		 const char *what, struct mm_err *reterr);
/* What a reply means (replies.h) for a trouble just described: class, advice, and how far it
 * reaches where that is not the caller's to say. Returns its code. e may be NULL. */
int imap_judged(struct mm_err *e, enum reply_meaning meaning, uint64_t wait_usec);
int imap_protocol_error(struct imap *c, const char *what, struct mm_err *reterr);

/* ---- session.c ---- */

/* Capabilities out of a blank-separated list. */
void imap_set_caps(struct imap *c, const char *s, size_t n);
bool imap_has(const struct imap *c, unsigned cap);

/* ---- login.c ---- */
int imap_login(struct imap *c, const struct endpoint *e, const struct secret *secret,
	       struct mm_err *reterr);

/* ---- extensions.c ---- */

/* ENABLE and ID, whose answers are read with those of the next command. */
int imap_announce(struct imap *c, struct mm_err *reterr);
/* COMPRESS DEFLATE (RFC 4978) where it is offered and pays, before messages travel: a run that
 * moves none is spared the round trip. A refusal is no error. */
int imap_compress(struct imap *c, struct mm_err *reterr);
bool imap_compress_pays(uint64_t round_trip_usec);
void imap_take_enabled(struct imap *c, const struct imap_resp *r);
void imap_take_id(struct imap *c, const struct imap_resp *r);

/* A folder's name (raw, in modified UTF-7) in the form that this session wants; otherwise as
 * imap_put_string(). */
int imap_put_mailbox(struct imap *c, struct imap_cmd *cmd, const char *raw,
		     struct mm_err *reterr);
/* The way back, from a response: owned; NULL without memory. */
char *imap_take_mailbox(const struct imap *c, const struct imap_str *wire);

/* ---- search.c ---- */
/* A SEARCH or ESEARCH response. */
void imap_take_found(struct imap *c, const struct imap_resp *r);

/* ---- select.c ---- */
void imap_box_data(struct imap *c, const struct imap_resp *r);

#endif
