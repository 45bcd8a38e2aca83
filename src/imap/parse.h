/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_PARSE_H
#define IMAP_PARSE_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/folder.h>
#include <mailmig/seqset.h>

/* Meaning of one complete response, as the framer hands it out (RFC 9051 §7, §9). Pure: no I/O,
 * no allocation but into what the caller gives; everything points into the line and lives as
 * long as it. All functions return 0 or -EPROTO when the line is not of the form (and -ENOMEM).
 */

#define IMAP_NESTING_MAX 32 /* parentheses in data that is skipped */
/* STATUS SIZE: more than any folder holds; such sums stay far from the end of all numbers. */
#define IMAP_MAILBOX_MAX (UINT64_C(1) << 45)

/* A place in a line. */
struct imap_cursor {
	const char *p;
	const char *end;
};

/* Octets of a string, atom or literal. p is NULL for NIL. */
struct imap_str {
	const char *p;
	size_t n;
	bool external; /* a body that the framer handed out */
};

enum imap_kind {
	IMAP_UNTAGGED, /* "* " */
	IMAP_TAGGED,
	IMAP_CONTINUATION, /* "+" */
};

enum imap_status {
	IMAP_NONE,
	IMAP_OK,
	IMAP_NO,
	IMAP_BAD,
	IMAP_BYE,
	IMAP_PREAUTH,
};

/* One response: tag or not, a number or a word, and what follows. */
struct imap_resp {
	enum imap_kind kind;
	struct imap_str tag;
	bool has_number;
	uint32_t number;
	struct imap_str word; /* "FETCH", "LIST", "OK" ... */
	enum imap_status status;
	struct imap_str
		code; /* inside the brackets of a status response: "APPENDUID 1 2"; or NULL */
	struct imap_cursor rest; /* data after the word; for a status the text for people */
};

int imap_parse_response(const struct buf *line, struct imap_resp *ret);

/* Does the response code begin with this word? rest: what follows it. */
bool imap_code_is(const struct imap_resp *r, const char *word, struct imap_cursor *ret_rest);

/* astring, nstring or a bare atom; quoted strings are unescaped into `scratch` (appended). */
int imap_take_string(struct imap_cursor *c, struct buf *scratch, struct imap_str *ret);
/* Octets up to a blank, parenthesis or the end. With brackets true, "[...]" may enclose blanks
 * and parentheses, as in BODY[HEADER.FIELDS (DATE)]. */
struct imap_str imap_take_word(struct imap_cursor *c, bool brackets);
bool imap_str_is(const struct imap_str *s, const char *word); /* whatever the case */
int imap_take_u32(struct imap_cursor *c, uint32_t *ret);
int imap_take_u64(struct imap_cursor *c, uint64_t *ret);
bool imap_take_char(struct imap_cursor *c, char ch);
void imap_skip_blanks(struct imap_cursor *c);
int imap_skip_value(struct imap_cursor *c); /* any value, lists included */

/* "(\Seen kw)": the text between the parentheses. */
int imap_take_flag_list(struct imap_cursor *c, struct imap_str *ret);

#define IMAP_DATE_MAX 32

/* FETCH data items we ask for; everything else is skipped. */
struct imap_fetch {
	uint32_t uid; /* 0: not told */
	bool has_flags, has_size, has_modseq, has_date, has_header, has_body;
	struct imap_str flags;
	uint64_t size; /* IMAP_BODY_MAX + 1 also for more */
	uint64_t modseq;
	char date[IMAP_DATE_MAX]; /* INTERNALDATE without quotes, checked against the grammar */
	struct imap_str header;   /* BODY[HEADER.FIELDS (...)] */
	struct imap_cursor labels; /* X-GM-LABELS, between the parentheses; p NULL: none */
	struct imap_str body; /* external; or a quoted string; or NIL (p NULL, not external) */
};

/* scratch: for unescaped strings; reset by the call, must outlive ret. */
int imap_parse_fetch(const struct imap_resp *r, struct buf *scratch, struct imap_fetch *ret);

/* The next label. 1: *ret is set; 0: that was all; -EPROTO; -ENOMEM. */
int imap_take_label(struct imap_cursor *c, struct buf *scratch, struct imap_str *ret);

/* True for `dd-Mon-yyyy hh:mm:ss +zzzz` with a blank allowed as first digit (RFC 9051 §9,
 * date-time) and numbers that a calendar and a clock can show. No arithmetic: the text is
 * passed on as it is. */
bool imap_date_ok(const char *s, size_t n);

struct imap_list {
	struct imap_str flags; /* text between the parentheses */
	char delim;            /* 0: NIL */
	struct imap_str name;  /* the server's octets */
};
int imap_parse_list(const struct imap_resp *r, struct buf *scratch, struct imap_list *ret);

/* STATUS: name and the marks told. */
int imap_parse_status(const struct imap_resp *r, struct buf *scratch, struct imap_str *ret_name,
		      struct folder_status *ret);

/* NAMESPACE: prefix and delimiter of the first personal namespace; "" and 0 for NIL. */
int imap_parse_namespace(const struct imap_resp *r, struct buf *scratch,
			 struct imap_str *ret_prefix, char *ret_delim);

/* QUOTA: used and limit of STORAGE (units of 1024 octets) and MESSAGE of one quota root; names
 * of roots and other resources are skipped (RFC 9208 §5.1). */
struct imap_quota_root {
	bool has_storage, has_messages;
	uint64_t storage_used, storage_limit;
	uint64_t messages_used, messages_limit;
};
int imap_parse_quota(const struct imap_resp *r, struct buf *scratch,
		     struct imap_quota_root *ret);

/* ID: who the server says that it is (RFC 2971 §3.2); p NULL: not told. Looks at no more pairs
 * than there may be. */
#define IMAP_ID_PAIRS_MAX 30
struct imap_id {
	struct imap_str name;
};
int imap_parse_id(const struct imap_resp *r, struct buf *scratch, struct imap_id *ret);

/* SEARCH or ESEARCH (RFC 4731): the UIDs found, none perhaps; set is emptied first. tag: of the
 * command it belongs to, p NULL where it does not tell. -EPROTO also for ESEARCH with message
 * numbers. */
int imap_parse_search(const struct imap_resp *r, struct buf *scratch, struct imap_str *ret_tag,
		      struct seqset *set);

/* APPENDUID uidvalidity uid-set, from a response code's rest (RFC 4315 §3). */
int imap_parse_appenduid(struct imap_cursor rest, uint32_t *ret_uidvalidity,
			 struct seqset *set);

#endif
