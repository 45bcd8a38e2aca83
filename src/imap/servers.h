/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAP_SERVERS_H
#define IMAP_SERVERS_H

#include <mailmig/base.h>

/* What is known of servers by name: a table of what they say of themselves, since no capability
 * tells of it. Pure. */

struct server_row {
	const char *text; /* in the greeting or the answer to ID, case ignored */
	unsigned quirks;  /* enum imap_quirk */
};

extern const struct server_row server_table[];
extern const size_t server_table_n;

/* The quirks of all rows that fit. greeting: the server's first line; name: from its answer to
 * ID; each may be "". */
unsigned server_quirks(const char *greeting, const char *name);

#endif
