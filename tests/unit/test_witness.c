/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/fingerprint.h>
#include <mailmig/witness.h>

static struct witness of(const char *header, unsigned match)
{
	struct witness w;

	assert_int_equal(witness_header(header, strlen(header), match, &w), 0);
	return w;
}

static bool same(struct witness a, struct witness b)
{
	return a.id == b.id && a.rest == b.rest;
}

static const char plain[] = "Received: by mx; today\r\nMessage-ID: <a@b>\r\nDate: today\r\n"
			    "From: A <x@y>\r\nSubject: one two\r\n\r\n";

/* Each list of witnesses sees what it names, and nothing else. */
static void test_each_list(void **state)
{
	static const struct {
		unsigned bit;
		const char *header;
	} others[] = {
		{MATCH_MESSAGE_ID,
		 "Received: by mx; today\r\nMessage-ID: <other>\r\nDate: today\r\n"
		 "From: A <x@y>\r\nSubject: one two\r\n"},
		{MATCH_DATE, "Received: by mx; today\r\nMessage-ID: <a@b>\r\nDate: tomorrow\r\n"
			     "From: A <x@y>\r\nSubject: one two\r\n"},
		{MATCH_FROM, "Received: by mx; today\r\nMessage-ID: <a@b>\r\nDate: today\r\n"
			     "From: B <x@y>\r\nSubject: one two\r\n"},
		{MATCH_SUBJECT, "Received: by mx; today\r\nMessage-ID: <a@b>\r\nDate: today\r\n"
				"From: A <x@y>\r\nSubject: three\r\n"},
		{MATCH_RECEIVED, "Message-ID: <a@b>\r\nDate: today\r\n"
				 "From: A <x@y>\r\nSubject: one two\r\n"},
		{MATCH_RECEIVED, "Received: by mx2; today\r\nReceived: by mx; today\r\n"
				 "Message-ID: <a@b>\r\nDate: today\r\n"
				 "From: A <x@y>\r\nSubject: one two\r\n"},
		{MATCH_SIZE | MATCH_BODY, plain},
	};

	for (size_t i = 0; i < ELEMENTS(others); i++)
		for (unsigned match = 0; match <= MATCH_ALL; match++) {
			bool seen = match & others[i].bit & MATCH_HEADER;
			struct witness a = of(plain, match), b = of(others[i].header, match);

			assert_int_equal(same(a, b), !seen);
			/* The Message-ID and the rest are told apart. */
			if (others[i].bit == MATCH_MESSAGE_ID)
				assert_true(a.rest == b.rest);
			else
				assert_true(a.id == b.id);
		}
}

/* What is enough to name one message. */
static void test_certain(void **state)
{
	enum { ID = MATCH_MESSAGE_ID, D = MATCH_DATE, F = MATCH_FROM, S = MATCH_SUBJECT };
	enum { R = MATCH_RECEIVED, ALL = MATCH_DEFAULT };
	static const struct {
		const char *header;
		unsigned match;
		bool certain, says, id;
	} cases[] = {
		{plain, ALL, true, true, true},
		{plain, ID, true, false, true},
		{plain, ID | R, true, true, true},
		{plain, R, true, true, false},
		{plain, D | F, true, true, false},
		{plain, D | S, true, true, false},
		{plain, D, false, true, false},
		{plain, F | S, false, true, false},
		{plain, S, false, true, false},
		{plain, MATCH_SIZE, false, false, false},
		{plain, MATCH_BODY, false, false, false},
		{plain, 0, false, false, false},
		/* without Message-ID: the text has to decide where one is asked for */
		{"Date: d\r\nFrom: f\r\nSubject: s\r\n", ALL, false, true, false},
		{"Date: d\r\nFrom: f\r\nSubject: s\r\n", D | F | S, true, true, false},
		{"Received: r\r\nDate: d\r\n", ID | R, false, true, false},
		{"Received: r\r\n", R | S, true, true, false},
		{"Date: d\r\nFrom: f\r\n", R, false, false, false},
		{"Message-ID:\r\nDate: d\r\nFrom: f\r\n", ALL, false, true, false},
		{"Date: d\r\nFrom:\r\nSubject: \r\n", D | F | S, false, true, false},
		{"Message-ID: <a>\r\n", ALL, true, false, true},
		{"", ALL, false, false, false},
		{"", R, false, false, false},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct witness w = of(cases[i].header, cases[i].match);

		if (w.certain != cases[i].certain || w.says != cases[i].says ||
		    (w.id != 0) != cases[i].id)
			fail_msg("case %zu: certain %d, says %d, id %d", i, w.certain, w.says,
				 w.id != 0);
	}
}

#define S(value) "Subject: " value "\r\n"

/* What tools and servers make of a value. */
static void test_equal(void **state)
{
	static const char *const groups[][9] = {
		{S("gr\xc3\xbc\xc3\x9f dich"), S("gr\xfc\xdf dich"),
		 S("=?utf-8?Q?gr=C3=BC=C3=9F?= dich"), S("=?UTF-8?B?Z3LDvMOf?= dich"),
		 S("=?iso-8859-1?q?gr=fc=df_dich?="),
		 S("=?utf-8*de?Q?gr=C3=BC=C3=9F_di?=\r\n "
		   "=?utf-8?Q?ch?="),
		 S("=?unknown-8bit?B?Z3L83w==?= dich"), S("gr?? dich")},
		{S("one two"), S("one\r\n two"), S("one\r\n\t  two "),
		 S("=?us-ascii?Q?one_two?="), S("=?us-ascii?Q?one?= two"),
		 S("one =?us-ascii?Q?two?="), S("=?us-ascii?Q?one?= =?us-ascii?Q?_two?=")},
		{S("\xe6\x97\xa5\xe6\x9c\xac"), S("=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?="),
		 S("=?shift_jis?B?k/qWew==?="), S("=?utf-8?B?5pel5pys?=")},
		{S("\"Anton, A.\" <x@y>"), S("Anton, A. <x@y>")},
		{S("a =?utf-8?Q?"), S("a  =?utf-8?Q?")},
	};
	/* None of these is the same as another one. */
	static const char *const all[] = {
		S(""),
		S("one two"),
		S("onetwo"),
		S("=?us-ascii?Q?one?= =?us-ascii?Q?two?= x"),
		S("One two"),
		S("=?us-ascii?Z?one_two?="),
		S("=?us-ascii?Q?one two?="),
		S("=?us-ascii?Q?one_two?"),
		S("gr?n"),
		S("grn"),
	};

	for (size_t i = 0; i < ELEMENTS(groups); i++)
		for (size_t k = 1; k < ELEMENTS(groups[i]) && groups[i][k]; k++)
			if (!same(of(groups[i][0], MATCH_SUBJECT),
				  of(groups[i][k], MATCH_SUBJECT)))
				fail_msg("%zu, %zu: %s", i, k, groups[i][k]);
	for (size_t i = 0; i < ELEMENTS(all); i++)
		for (size_t k = 0; k < i; k++)
			if (same(of(all[i], MATCH_SUBJECT), of(all[k], MATCH_SUBJECT)))
				fail_msg("%s is %s", all[i], all[k]);
}

static void test_fields(void **state)
{
	static const struct {
		unsigned match;
		const char *names;
	} cases[] = {
		{MATCH_DEFAULT, "Message-ID Date From Subject"},
		{MATCH_ALL, "Message-ID Date From Subject Received"},
		{MATCH_RECEIVED, "Received"},
		{MATCH_SIZE | MATCH_BODY, ""},
		{0, ""},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf b = {0};

		assert_int_equal(witness_fields(cases[i].match, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].names);
	}
}

/* Cut anywhere and with wrong octets anywhere, from a copy that ends there. */
static void test_any_octets(void **state)
{
	static const char text[] = "Subject: =?utf-8?B?Z3LDvMOf?= =?x?Q?a=C3_=?=\r\n"
				   " =?utf-8?Q?=?= \"\r\nFrom: =?=?==?a?b?c?=\r\n\r\n";

	for (size_t n = 0; n < sizeof(text); n++)
		for (unsigned wrong = 0; wrong < 256; wrong += 5) {
			_cleanup_(freep) char *cut = malloc(n ? n : 1);
			struct witness w;

			assert_non_null(cut);
			memcpy(cut, text, n);
			if (n > 0)
				cut[wrong % n] = (char)wrong;
			assert_int_equal(witness_header(cut, n, MATCH_ALL, &w), 0);
		}
}

/* Words that never end cost no more than others. */
static void test_endless_words(void **state)
{
	static char header[FINGERPRINT_HEADER_MAX];
	struct witness w;

	memcpy(header, "Subject: ", 9);
	for (size_t i = 9; i < sizeof(header); i++)
		header[i] = "=?x?Q?a"[(i - 9) % 7];
	assert_int_equal(witness_header(header, sizeof(header), MATCH_ALL, &w), 0);
	assert_true(w.says);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_list),  cmocka_unit_test(test_certain),
		cmocka_unit_test(test_equal),      cmocka_unit_test(test_fields),
		cmocka_unit_test(test_any_octets), cmocka_unit_test(test_endless_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
