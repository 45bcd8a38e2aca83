/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/replies.h>

#include "unit.h"

#define MSEC(n) ((uint64_t)(n)*USEC_PER_MSEC)
#define SEC(n)  ((uint64_t)(n)*USEC_PER_SEC)

/* As servers say it. */
static const struct {
	enum reply_place place;
	const char *text;
	enum reply_meaning meaning;
	uint64_t wait_usec;
} said[] = {
	/* Exchange */
	{REPLY_TO_READING, "Request is throttled. Suggested Backoff Time: 299923 milliseconds",
	 REPLY_THROTTLED, MSEC(299923)},
	{REPLY_TO_WRITING, "Request is throttled. Suggested Backoff Time: 800 milliseconds",
	 REPLY_THROTTLED, MSEC(800)},
	{REPLY_TO_LOGIN, "Request is throttled. Suggested Backoff Time:1 milliseconds",
	 REPLY_THROTTLED, MSEC(1)},
	{REPLY_BYE, "Request is throttled. Suggested Backoff Time: 3000000 milliseconds",
	 REPLY_THROTTLED, SEC(3000)},
	/* absurd: an hour, then it is asked again */
	{REPLY_TO_OTHERS, "Request is throttled. Suggested Backoff Time: 1000000000000 ms",
	 REPLY_THROTTLED, SEC(3600)},
	{REPLY_TO_OTHERS, "Suggested Backoff Time: 99999999999999999999999999999999 ms",
	 REPLY_THROTTLED, SEC(3600)},
	{REPLY_TO_OTHERS, "Suggested Backoff Time: 0 milliseconds", REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_OTHERS, "Suggested Backoff Time: -5 milliseconds", REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_OTHERS, "Suggested Backoff Time: soon", REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_OTHERS, "Request is throttled.", REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_OTHERS, "User is authenticated but not connected.", REPLY_CONNECTIONS, 0},
	{REPLY_TO_WRITING, "Command Argument Error. 11", REPLY_TOO_LARGE, 0},
	{REPLY_TO_OTHERS, "Command Argument Error. 12", REPLY_PLAIN, 0},
	{REPLY_TO_WRITING, "Maximum size of appendable message has been exceeded",
	 REPLY_TOO_LARGE, 0},
	/* Gmail */
	{REPLY_TO_READING, "[OVERQUOTA] Account exceeded command or bandwidth limits. x1if123",
	 REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_WRITING, "[OVERQUOTA] Account exceeded command or bandwidth limits. x1if123",
	 REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_LOGIN, "[ALERT] Account exceeded bandwidth limits (Failure)", REPLY_THROTTLED,
	 SEC(300)},
	{REPLY_TO_READING, "[OVERQUOTA] try later", REPLY_THROTTLED, SEC(300)},
	{REPLY_TO_LOGIN, "[overquota] try later", REPLY_THROTTLED, SEC(300)},
	{REPLY_BYE, "[OVERQUOTA] Account exceeded command or bandwidth limits.",
	 REPLY_THROTTLED, SEC(300)},
	{REPLY_BYE, "Session expired, please login again.", REPLY_THROTTLED, SEC(1)},
	{REPLY_TO_OTHERS, "Session expired, please login again.", REPLY_PLAIN, 0},
	{REPLY_TO_OTHERS, "[THROTTLED] slow down", REPLY_THROTTLED, SEC(1)},
	{REPLY_TO_OTHERS, "not so fast [THROTTLED]", REPLY_THROTTLED, SEC(1)},
	{REPLY_TO_DONE, "[THROTTLED] Success", REPLY_SLOWER, 0},
	{REPLY_TO_DONE, "Success [THROTTLED]", REPLY_SLOWER, 0},
	{REPLY_TO_LOGIN, "[ALERT] Too many simultaneous connections. (Failure)",
	 REPLY_CONNECTIONS, 0},
	{REPLY_TO_READING, "System Error (Failure)", REPLY_BUSY, 0},
	/* Dovecot */
	{REPLY_TO_LOGIN,
	 "[UNAVAILABLE] Maximum number of connections from user+IP exceeded "
	 "(mail_max_userip_connections=10)",
	 REPLY_CONNECTIONS, 0},
	{REPLY_TO_WRITING, "[OVERQUOTA] Quota exceeded (mailbox for user is full)", REPLY_FULL,
	 0},
	{REPLY_TO_WRITING, "Quota exceeded", REPLY_FULL, 0},
	{REPLY_TO_LOGIN, "[UNAVAILABLE] Temporary authentication failure.", REPLY_BUSY, 0},
	{REPLY_TO_LOGIN, "[INUSE] too many logins just now", REPLY_BUSY, 0},
	{REPLY_TO_OTHERS, "[SERVERBUG] Internal error occurred.", REPLY_BUSY, 0},
	/* Yahoo */
	{REPLY_TO_READING, "[UNAVAILABLE] UID FETCH Server error while fetching messages",
	 REPLY_BUSY, 0},
	/* iCloud */
	{REPLY_TO_WRITING, "Cannot upload message, TOOBIG", REPLY_TOO_LARGE, 0},
	/* Stalwart */
	{REPLY_TO_LOGIN, "[LIMIT] Too many concurrent connections.", REPLY_CONNECTIONS, 0},
	{REPLY_BYE, "Too many requests", REPLY_THROTTLED, SEC(10)},
	/* Courier, WorkMail, Yandex, others */
	{REPLY_TO_WRITING, "You exceeded your mail quota.", REPLY_FULL, 0},
	{REPLY_TO_WRITING, "Mailbox has exceeded its quota", REPLY_FULL, 0},
	{REPLY_TO_WRITING, "Over quota", REPLY_FULL, 0},
	{REPLY_TO_WRITING, "The mailbox is full", REPLY_FULL, 0},
	{REPLY_TO_WRITING, "APPEND failed: mailbox full", REPLY_FULL, 0},
	{REPLY_TO_WRITING, "[TOOBIG] no", REPLY_TOO_LARGE, 0},
	{REPLY_TO_WRITING, "[LIMIT] no", REPLY_TOO_LARGE, 0},
	{REPLY_TO_WRITING, "Command or literal size too large", REPLY_TOO_LARGE, 0},
	{REPLY_TO_WRITING, "Message too large", REPLY_TOO_LARGE, 0},
	{REPLY_TO_LOGIN, "Temporary unavailable", REPLY_BUSY, 0},
	{REPLY_GREETING, "Service temporarily unavailable", REPLY_BUSY, 0},
	{REPLY_GREETING, "Too many connections from your address", REPLY_CONNECTIONS, 0},
	{REPLY_GREETING, "Maximum connection limit reached", REPLY_CONNECTIONS, 0},
	{REPLY_TO_LOGIN, "[LIMIT] one session only", REPLY_CONNECTIONS, 0},
	{REPLY_TO_OTHERS, "[CONTACTADMIN] ask them", REPLY_OPERATOR, 0},

	/* None of ours. */
	{REPLY_TO_LOGIN, "[AUTHENTICATIONFAILED] Invalid credentials", REPLY_PLAIN, 0},
	{REPLY_TO_WRITING, "[TRYCREATE] no such mailbox", REPLY_PLAIN, 0},
	{REPLY_TO_OTHERS, "cannot open \"[OVERQUOTA] bills\"", REPLY_PLAIN, 0},
	{REPLY_TO_WRITING, "cannot create folder [TOOBIG]", REPLY_PLAIN, 0},
	{REPLY_TO_READING, "[OVERQUOTAS] x", REPLY_PLAIN, 0},
	{REPLY_TO_READING, "[OVERQUOTA", REPLY_PLAIN, 0},
	{REPLY_TO_READING, "OVERQUOTA] x", REPLY_PLAIN, 0},
	{REPLY_TO_READING, "Quota exceeded", REPLY_PLAIN, 0},
	{REPLY_TO_DONE, "[OVERQUOTA] almost", REPLY_PLAIN, 0},
	{REPLY_TO_DONE, "Suggested Backoff Time: 5 milliseconds", REPLY_PLAIN, 0},
	{REPLY_TO_OTHERS, "[LIMIT] no", REPLY_PLAIN, 0},
	{REPLY_TO_OTHERS, "unthrottled", REPLY_PLAIN, 0},
	{REPLY_TO_OTHERS, "", REPLY_PLAIN, 0},
	{REPLY_BYE, "Logging out", REPLY_PLAIN, 0},
	{REPLY_BYE, "Disconnected for inactivity.", REPLY_PLAIN, 0},
};

static void test_said(void **state)
{
	for (size_t i = 0; i < ELEMENTS(said); i++) {
		uint64_t wait = 0;
		enum reply_meaning m = reply_meaning(said[i].place, said[i].text, &wait);

		if (m != said[i].meaning || wait != said[i].wait_usec)
			print_error("%s: %d after %llu us\n", said[i].text, (int)m,
				    (unsigned long long)wait);
		assert_int_equal(m, said[i].meaning);
		assert_int_equal(wait, said[i].wait_usec);
	}
}

/* No row without an example, and none that another one hides. */
static void test_all_rows(void **state)
{
	for (size_t k = 0; k < reply_table_n; k++) {
		bool found = false;

		for (size_t i = 0; i < ELEMENTS(said) && !found; i++)
			found = reply_find(said[i].place, said[i].text, NULL) ==
				&reply_table[k];
		if (!found)
			print_error("no example for: %s\n", reply_table[k].text);
		assert_true(found);
	}
}

/* In every place that a row names its text alone is enough, in any case of letters; elsewhere
 * it is another row's or nobody's. */
static void test_places(void **state)
{
	for (size_t k = 0; k < reply_table_n; k++) {
		const struct reply_row *row = &reply_table[k];
		char upper[80];
		size_t n = strlen(row->text);

		assert_true(n < sizeof(upper));
		for (size_t i = 0; i <= n; i++)
			upper[i] = row->text[i] >= 'a' && row->text[i] <= 'z'
					   ? (char)(row->text[i] - 32)
					   : row->text[i];
		assert_true((row->meaning == REPLY_THROTTLED) == (row->wait_usec > 0));
		assert_true(row->wait_usec <= REPLY_WAIT_MAX);
		for (unsigned place = 1; place <= REPLY_TO_DONE; place <<= 1) {
			const struct reply_row *r = reply_find(place, upper, NULL);

			if (row->places & place)
				assert_true(r && r->meaning == row->meaning);
			else
				assert_ptr_not_equal(r, row);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_all_rows),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
