/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_ROLE_H
#define MAILMIG_ROLE_H

#include <mailmig/base.h>
#include <mailmig/folder.h>
#include <mailmig/text.h>

/* What a folder is for (RFC 6154, RFC 8457). INBOX has a name of its own and no role. */
enum folder_role {
	ROLE_NONE,
	ROLE_ALL,
	ROLE_ARCHIVE,
	ROLE_DRAFTS,
	ROLE_FLAGGED,
	ROLE_IMPORTANT,
	ROLE_JUNK,
	ROLE_SENT,
	ROLE_TRASH,
	ROLE_N,
};

/* "\\Sent"; "" for none. */
const char *role_name(enum folder_role r);

/* Of a word in any case, and of XLIST's older words (\AllMail, \Spam, \Starred). ROLE_NONE for
 * all others. */
enum folder_role role_parse(const char *word);

/* ---- by name ---- */

/* What folders are called in about 80 languages. */
struct role_table;
int role_table_new(struct role_table **ret); /* 0 or -ENOMEM */
struct role_table *role_table_free(struct role_table *t);
DEFINE_CLEANUP(struct role_table *, role_table_free)

/* How a folder's role is known. */
enum role_by {
	ROLE_BY_FLAG, /* the server says it */
	ROLE_BY_NAME,
	ROLE_BY_GUESS, /* out of a part of the name, or of a name that means other things, too
			*/
};

struct role_found {
	enum folder_role role;
	enum role_by by;
};

/* The role of each folder of a list, into as many elements: each role is found at most once.
 * What the server says beats any name, names count for top-level folders only. notes: warnings
 * for people, appended. side: "origin", for these. 0 or -ENOMEM. */
int roles_find(const struct role_table *t, const struct folder_list *l, const char *side,
	       struct role_found *ret, struct text_list *notes);

/* How a folder of this role is called in the language of a list with these roles: 1, and *ret
 * is borrowed from the program; 0: that language cannot be told, or has no name; -ENOMEM. */
int roles_call(const struct role_table *t, const struct folder_list *l,
	       const struct role_found *found, enum folder_role role, const char **ret);

/* Exchange lists such a folder, and holds no mail in it: 1, 0 or -ENOMEM. */
int role_is_not_mail(const struct role_table *t, const char *top_level_name);

/* Octets of "[Gmail]/" or "[Google Mail]/" before a name, which are no part of it; or 0. */
size_t gmail_prefix(const char *name);

/* A key under which names are the same that differ in case only: owned. 0, -EILSEQ: not UTF-8;
 * -ENOMEM. */
int folder_name_caseless(const char *name, char **ret);

#endif
