/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/message.h>

#include "unit.h"

static void test_date(void **state)
{
	static const struct {
		const char *date;
		int64_t seconds;
	} cases[] = {
		{"01-Jan-1970 00:00:00 +0000", 0},
		{"01-Jan-1970 01:00:01 +0100", 1},
		{"31-Dec-1969 23:59:59 +0000", -1},
		{"31-dec-1969 18:59:59 -0500", -1},
		{" 9-Sep-2001 01:46:40 +0000", 1000000000},
		{"09-SEP-2001 07:16:40 +0530", 1000000000},
		{"29-Feb-2004 12:00:00 +0000", 1078056000},
		{"01-Mar-1900 00:00:00 +0000", -2203891200},
		{"31-Dec-9999 23:59:59 +0000", 253402300799},
		{"", MESSAGE_NO_DATE},
		{"01-Jan-1970 00:00:00", MESSAGE_NO_DATE},
		{"01-Foo-1970 00:00:00 +0000", MESSAGE_NO_DATE},
		{"0x-Jan-1970 00:00:00 +0000", MESSAGE_NO_DATE},
		{"01-Jan-1970 00:00:-1 +0000", MESSAGE_NO_DATE},
		{"  -Jan-1970 00:00:00 +0000", MESSAGE_NO_DATE},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++)
		if (message_date(cases[i].date) != cases[i].seconds)
			fail_msg("\"%s\": %lld", cases[i].date,
				 (long long)message_date(cases[i].date));
	/* What no calendar has is a number all the same. */
	assert_true(message_date("99-Dec-0000 99:99:99 -9999") != MESSAGE_NO_DATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
