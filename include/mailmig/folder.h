/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FOLDER_H
#define MAILMIG_FOLDER_H

#include <mailmig/base.h>
#include <mailmig/buf.h>

/* A folder as a store lists it, and canonical names: UTF-8, "/" between levels, no server
 * prefix, INBOX in capitals (interface.md, section 2). */

/* Marks by which a folder that has not changed is told (RFC 9051 §2.3.1.1, RFC 7162). 0: not
 * known. */
struct folder_status {
	uint32_t messages;
	uint32_t uidvalidity;
	uint32_t uidnext;
	uint64_t modseq;
	uint64_t bytes;
	uint64_t append_limit; /* octets of a message (RFC 7889); 0: none told */
	bool known;            /* messages, uidvalidity and uidnext were all told */
};

struct folder {
	char *name; /* canonical; what mapping and people see */
	char *raw;  /* the store's own octets: what identifies it there */
	char delim; /* 0: none */
	bool noselect;
	bool noinferiors;
	bool subscribed;
	bool unusable; /* there, but its name is none: raw and name are for people only */
	char *role;    /* "\\Sent" ...; or NULL */
	size_t order;  /* its place in the list that the server gave */
	struct folder_status status;
};

struct folder_list {
	struct folder *v;
	size_t n;
	size_t cap;
};

/* The new element is zeroed but for its order, and stays valid until the next add. NULL without
 * memory. */
struct folder *folder_list_add(struct folder_list *l);
void folder_list_done(struct folder_list *l);
/* INBOX first, then by octets of the name. */
void folder_list_sort(struct folder_list *l);
/* In a list that was sorted. NULL: there is none. */
struct folder *folder_list_find(const struct folder_list *l, const char *canonical);

/* Canonical name of a store's (already decoded) UTF-8 name.
 *
 * delim:  its hierarchy delimiter, 0 for none.
 * prefix: personal namespace prefix with its delimiter ("INBOX."), or "".
 *
 * INBOX in any case becomes "INBOX", alone and as the first level. The prefix is taken off (its
 * letters compared without case where they spell INBOX); the bare prefix without its delimiter
 * is "INBOX" when it is INBOX. What would be no more than INBOX after its prefix keeps it
 * ("INBOX.INBOX" -> "INBOX/INBOX"): it is not the inbox. A "/" inside a level (delim is not
 * "/") becomes "%2F"; a "%" followed by two hex digits that could be taken for such an escape
 * becomes
 * "%25", so that the way back is exact. 0 or -ENOMEM. */
int folder_name_canonical(const char *name, char delim, const char *prefix, struct buf *out);

/* The way back for a store with its own delimiter and prefix: "%2F" becomes "/" where delim is
 * not "/", a delim inside a level becomes "%XX" (delim "." : "v1.2" -> "v1%2E2"), so that
 * different canonical names stay different. INBOX stays INBOX, without prefix. With delim 0 all
 * levels are joined by "/" escaped as "%2F". 0 or -ENOMEM. */
int folder_name_local(const char *canonical, char delim, const char *prefix, struct buf *out);

/* Why a canonical name cannot be a folder's: "is empty", "ends in a slash"; NULL: it can. For
 * names that people write or rules make. */
const char *folder_name_wrong(const char *canonical);
/* The same of its levels alone: none may be empty. */
const char *folder_levels_wrong(const char *canonical);

#endif
