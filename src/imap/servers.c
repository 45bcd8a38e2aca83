/* SPDX-License-Identifier: Apache-2.0 */
#include "servers.h"

#include <mailmig/imap.h>
#include <string.h>

#define EXCHANGE (IMAP_QUIRK_FLAGGED_LATER | IMAP_QUIRK_EXCHANGE)

const struct server_row server_table[] = {
	/* Exchange, on-premises and Online: "* OK The Microsoft Exchange IMAP4 service is
	 * ready." */
	{"Microsoft Exchange", EXCHANGE},
	{"Microsoft.Exchange", EXCHANGE}, /* ID */
};
const size_t server_table_n = ELEMENTS(server_table);

unsigned server_quirks(const char *greeting, const char *name)
{
	unsigned quirks = 0;

	for (size_t i = 0; i < server_table_n; i++)
		if (strcasestr(greeting, server_table[i].text) ||
		    strcasestr(name, server_table[i].text))
			quirks |= server_table[i].quirks;
	return quirks;
}
