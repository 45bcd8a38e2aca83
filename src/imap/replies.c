/* SPDX-License-Identifier: Apache-2.0 */
#include "replies.h"

#include <string.h>

#define SECONDS(n) ((n)*USEC_PER_SEC)

#define TO_COMMANDS (REPLY_TO_LOGIN | REPLY_TO_WRITING | REPLY_TO_READING | REPLY_TO_OTHERS)
#define AT_THE_DOOR (REPLY_TO_LOGIN | REPLY_GREETING | REPLY_BYE)
#define ANYWHERE    (TO_COMMANDS | REPLY_GREETING | REPLY_BYE)
#define READING     (ANYWHERE & ~(unsigned)REPLY_TO_WRITING)

/* The first that fits counts: what is said in words before the code it comes with. */
const struct reply_row reply_table[] = {
	/* Exchange, on-premises and Online: about 300 s, seen up to 50 min. */
	{ANYWHERE, "Suggested Backoff Time:", REPLY_THROTTLED, SECONDS(300), USEC_PER_MSEC},
	{ANYWHERE, "Request is throttled", REPLY_THROTTLED, SECONDS(300), 0},

	/* Gmail: the bandwidth of a day or the commands of a moment, in the same words. The
	 * same code of a server that is written to is a full mailbox. */
	{ANYWHERE, "exceeded command or bandwidth limits", REPLY_THROTTLED, SECONDS(300), 0},
	{ANYWHERE, "exceeded bandwidth limits", REPLY_THROTTLED, SECONDS(300), 0},
	{ANYWHERE, "[THROTTLED]", REPLY_THROTTLED, SECONDS(1), 0},
	{ANYWHERE, " [THROTTLED]", REPLY_THROTTLED, SECONDS(1), 0},
	{REPLY_TO_DONE, "[THROTTLED]", REPLY_SLOWER, 0, 0},
	{REPLY_TO_DONE, " [THROTTLED]", REPLY_SLOWER, 0, 0},
	{REPLY_BYE, "Session expired, please login again", REPLY_THROTTLED, SECONDS(1), 0},
	{READING, "[OVERQUOTA]", REPLY_THROTTLED, SECONDS(300), 0},
	{TO_COMMANDS, "System Error", REPLY_BUSY, 0, 0},

	/* Stalwart: 2,000 requests a minute. */
	{ANYWHERE, "Too many requests", REPLY_THROTTLED, SECONDS(10), 0},

	/* Gmail; Stalwart; Dovecot; Exchange, after many short sessions; Courier and others. */
	{ANYWHERE, "Too many simultaneous connections", REPLY_CONNECTIONS, 0, 0},
	{ANYWHERE, "Too many concurrent", REPLY_CONNECTIONS, 0, 0},
	{ANYWHERE, "Maximum number of connections", REPLY_CONNECTIONS, 0, 0},
	{TO_COMMANDS, "User is authenticated but not connected", REPLY_CONNECTIONS, 0, 0},
	{ANYWHERE, "Too many connections", REPLY_CONNECTIONS, 0, 0},
	{AT_THE_DOOR, "connection limit", REPLY_CONNECTIONS, 0, 0},
	{AT_THE_DOOR, "[LIMIT]", REPLY_CONNECTIONS, 0, 0}, /* RFC 5530 */

	/* Room: RFC 5530; Dovecot; Courier; and those that know no codes. */
	{REPLY_TO_WRITING, "[OVERQUOTA]", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "Quota exceeded", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "exceeded your mail quota", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "exceeded its quota", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "Over quota", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "mailbox is full", REPLY_FULL, 0, 0},
	{REPLY_TO_WRITING, "mailbox full", REPLY_FULL, 0, 0},

	/* Size: RFC 4469; RFC 5530; iCloud; Exchange, its "Error. 11"; Yandex. */
	{REPLY_TO_WRITING, "[TOOBIG]", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "[LIMIT]", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "Cannot upload message, TOOBIG", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "Maximum size of appendable message", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "Command Argument Error. 11", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "literal size too large", REPLY_TOO_LARGE, 0, 0},
	{REPLY_TO_WRITING, "message too large", REPLY_TOO_LARGE, 0, 0},

	/* RFC 5530; Yahoo, of single messages, always; WorkMail. */
	{ANYWHERE, "[UNAVAILABLE]", REPLY_BUSY, 0, 0},
	{ANYWHERE, "[INUSE]", REPLY_BUSY, 0, 0},
	{ANYWHERE, "[SERVERBUG]", REPLY_BUSY, 0, 0},
	{ANYWHERE, "Temporary unavailable", REPLY_BUSY, 0, 0},
	{ANYWHERE, "Temporarily unavailable", REPLY_BUSY, 0, 0},
	{ANYWHERE, "[CONTACTADMIN]", REPLY_OPERATOR, 0, 0},
};
const size_t reply_table_n = ELEMENTS(reply_table);

/* Where the row's text ends in the reply; NULL: it is not there. */
static const char *after_text(const struct reply_row *row, const char *text)
{
	size_t n = strlen(row->text);
	const char *p;

	/* A code is the first thing said; later on it may be part of a folder's name. More may
	 * stand before its bracket. */
	if (*row->text == '[')
		return strncasecmp(text, row->text, n - 1) == 0 &&
				       (text[n - 1] == ']' || text[n - 1] == ' ')
			       ? text + n
			       : NULL;
	p = strcasestr(text, row->text);
	return p ? p + n : NULL;
}

/* The number at s, in units; saturating, since a stranger wrote it. 0: there is none. */
static uint64_t number_of(const char *s, uint64_t unit_usec)
{
	uint64_t n = 0;

	s += strspn(s, " ");
	for (; *s >= '0' && *s <= '9' && n < REPLY_WAIT_MAX; s++)
		n = 10 * n + (uint64_t)(*s - '0');
	return n > REPLY_WAIT_MAX / unit_usec ? REPLY_WAIT_MAX : n * unit_usec;
}

const struct reply_row *reply_find(enum reply_place place, const char *text,
				   uint64_t *ret_wait_usec)
{
	for (size_t i = 0; i < reply_table_n; i++) {
		const struct reply_row *row = &reply_table[i];
		const char *rest = (row->places & place) ? after_text(row, text) : NULL;
		uint64_t wait = row->wait_usec;

		if (!rest)
			continue;
		if (row->unit_usec && number_of(rest, row->unit_usec) > 0)
			wait = number_of(rest, row->unit_usec);
		if (ret_wait_usec)
			*ret_wait_usec = MIN_OF(wait, REPLY_WAIT_MAX);
		return row;
	}
	return NULL;
}

enum reply_meaning reply_meaning(enum reply_place place, const char *text,
				 uint64_t *ret_wait_usec)
{
	const struct reply_row *row = reply_find(place, text, ret_wait_usec);

	return row ? row->meaning : REPLY_PLAIN;
}
