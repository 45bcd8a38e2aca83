/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/imap_internal.h"
#include "imap/servers.h"
#include "unit.h"

#define EXCHANGE (IMAP_QUIRK_FLAGGED_LATER | IMAP_QUIRK_EXCHANGE)

static void test_quirks(void **state)
{
	static const struct {
		const char *greeting, *name;
		unsigned quirks;
	} rows[] = {
		{"", "", 0},
		{"* OK [CAPABILITY IMAP4rev1] Dovecot ready.", "Dovecot", 0},
		{"* OK The Microsoft Exchange IMAP4 service is ready.", "", EXCHANGE},
		{"* OK The Microsoft Exchange IMAP4 service is ready. [TABPADMAUwA]", "x",
		 EXCHANGE},
		{"* OK ready", "Microsoft.Exchange.Imap4.Imap4Server", EXCHANGE},
		{"* OK ready", "microsoft exchange", EXCHANGE},
		{"* OK Gimap ready for requests from 192.0.2.1 a1mb2", "GImap", 0},
		{"* OK exchange of greetings by Microsoft", "", 0},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(server_quirks(rows[i].greeting, rows[i].name), rows[i].quirks);
	for (size_t i = 0; i < server_table_n; i++)
		assert_true(*server_table[i].text && server_table[i].quirks);
}

static void test_compress_pays(void **state)
{
	static const struct {
		uint64_t round_trip_usec;
		bool pays;
	} rows[] = {
		{0, false},
		/* not known */ {50, false},
		{1000, false},
		{4999, false},
		{5000, true},
		{25000, true},
		{600 * USEC_PER_SEC, true},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		assert_int_equal(imap_compress_pays(rows[i].round_trip_usec), rows[i].pays);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quirks),
		cmocka_unit_test(test_compress_pays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
