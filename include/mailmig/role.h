/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_ROLE_H
#define MAILMIG_ROLE_H

#include <mailmig/base.h>

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

#endif
