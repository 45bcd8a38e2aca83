/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/fingerprint.h>
#include <mailmig/parse.h>

static struct fingerprint of(const char *header)
{
	struct fingerprint f;

	assert_int_equal(fingerprint_header(header, strlen(header), &f), 0);
	return f;
}

static void test_known_digest(void **state)
{
	/* printf 'm<a@b>\ndMon, 1 Jan 2024\nfx@y\nsHi ?\n' | sha256sum | cut -c1-32 */
	static const char expected[] = "2442fa7a9ed045568550fea5859955cc";
	char hex[2 * FINGERPRINT_OCTETS + 1];
	struct fingerprint f =
		of("Subject: Hi \xc3\xa4\r\nFrom:x@y\r\nDate: Mon, 1 Jan 2024\r\n"
		   "Message-ID: <a@b>\r\n\r\nbody");

	format_hex(f.id, sizeof(f.id), hex);
	assert_string_equal(hex, expected);
	assert_true(f.has_message_id);
}

static const char plain[] = "Message-ID: <a@b>\r\nDate: today\r\nFrom: A <x@y>\r\n"
			    "Subject: one two\r\n\r\n";

static void test_equal(void **state)
{
	static const char *const same[] = {
		"Message-ID: <a@b>\nDate: today\nFrom: A <x@y>\nSubject: one two\n\n",
		"message-id: <a@b>\r\nDATE: today\r\nfrom: A <x@y>\r\nsUBJECT: one two\r\n\r\n",
		"Message-ID:<a@b>\r\nDate:\ttoday \r\nFrom: A  <x@y>\r\nSubject:one \t "
		"two\r\n\r\n",
		"Message-ID: <a@b>\r\nDate: today\r\nFrom: A <x@y>\r\nSubject: one\r\n "
		"two\r\n\r\n",
		"Message-ID:\r\n <a@b>\r\nDate: today\r\nFrom: A\n\t<x@y>\r\nSubject: one\r\n "
		"\r\n two\r\n",
		"Message-ID : <a@b>\r\nDate\t: today\r\nFrom: A <x@y>\r\nSubject: one two",
		"Received: x\r\nMessage-ID: <a@b>\r\nX-Subject: no\r\nDate: today\r\nTo: me\r\n"
		"From: A <x@y>\r\nSubject: one two\r\nX: y\r\n\r\n",
		"Subject: one two\r\nFrom: A <x@y>\r\nDate: today\r\nMessage-ID: <a@b>\r\n\r\n",
		"From someone Mon Jan  1 00:00:00 2024\r\nMessage-ID: <a@b>\r\nDate: today\r\n"
		"From: A <x@y>\r\nSubject: one two\r\n\r\n",
		"Message-ID: <a@b>\r\nDate: today\r\nFrom: A <x@y>\r\nSubject: one two\r\n\r\n"
		"Subject: of the body\r\n\r\n",
		"Message-ID: <a@b>\nDate: today\nFrom: A <x@y>\nSubject: one two\n\nSubject: "
		"body\n",
		" lost line\r\nMessage-ID: <a@b>\r\nDate: today\r\nFrom: A <x@y>\r\n"
		"Subject: one two\r\n\r\n",
	};
	struct fingerprint f = of(plain);

	for (size_t i = 0; i < ELEMENTS(same); i++) {
		struct fingerprint g = of(same[i]);

		assert_true(fingerprint_equal(&f, &g));
		assert_true(g.has_message_id);
	}
}

static void test_different(void **state)
{
	static const char *const all[] = {
		plain,
		"",
		"\r\n",
		"Message-ID: <a@b>\r\n",
		"Message-ID: <A@b>\r\n",
		"Date: <a@b>\r\n",
		"From: <a@b>\r\n",
		"Subject: <a@b>\r\n",
		"Subject: <a@b>\r\nSubject: <a@b>\r\n",
		"Subject: <a@b> <a@b>\r\n",
		"Subject: <a@b>\r\nSubject: x\r\n",
		"Subject: x\r\nSubject: <a@b>\r\n",
		"Subject: onetwo\r\n",
		"Subject: one two\r\n",
		"Subject: one ? two\r\n",
		"Subject: one? two\r\n",
		"Subject:\r\n",
		"Subject: s\r\n",
		"Subject: ss\r\n",
		"Subject:\r\nSubject:\r\n",
	};

	for (size_t i = 0; i < ELEMENTS(all); i++)
		for (size_t k = 0; k < ELEMENTS(all); k++) {
			struct fingerprint f = of(all[i]);
			struct fingerprint g = of(all[k]);
			bool empty = i + k == 3 && i * k == 2; /* "" and an empty header */

			assert_int_equal(fingerprint_equal(&f, &g), i == k || empty);
		}
}

/* What one server keeps, another replaces by '?' or U+FFFD, octet by octet or character by
 * character. */
static void test_eight_bit(void **state)
{
	static const char *const same[] = {
		"Subject: gr\xc3\xbc\xc3\x9f x\r\n",
		"Subject: gr\xfc\xdf x\r\n",
		"Subject: gr?? x\r\n",
		"Subject: gr???? x\r\n",
		"Subject: gr\xef\xbf\xbd x\r\n",
		"Subject: gr?\xdf x\r\n",
	};
	struct fingerprint f = of(same[0]), g;

	for (size_t i = 1; i < ELEMENTS(same); i++) {
		g = of(same[i]);
		assert_true(fingerprint_equal(&f, &g));
	}

	assert_int_equal(fingerprint_header("Subject: gr\0\0 x", 15, &g), 0);
	assert_true(fingerprint_equal(&f, &g));
	g = of("Subject: gr? ? x");
	assert_false(fingerprint_equal(&f, &g));
}

static void test_has_message_id(void **state)
{
	static const struct {
		const char *header;
		bool has;
	} cases[] = {
		{"", false},
		{"Subject: x\r\n", false},
		{"Message-ID:\r\n", false},
		{"Message-ID: \t\r\n \r\nSubject: x\r\n", false},
		{"Message-ID\r\n", false},
		{"X-Message-ID: <a>\r\n", false},
		{"Message-IDs: <a>\r\n", false},
		{"Subject: x\r\n Message-ID: <a>\r\n", false},
		{"Subject: x\r\n\r\nMessage-ID: <a>\r\n", false},
		{"Message-ID: <a>", true},
		{"MESSAGE-ID:\r\n <a>\r\n", true},
		{"Message-ID:\r\nMessage-ID: <a>\r\n", true},
		{"Message-ID: <a>\r\nMessage-ID:\r\n", true},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		assert_int_equal(of(cases[i].header).has_message_id, cases[i].has);
	}
}

static void test_limit(void **state)
{
	static char header[FINGERPRINT_HEADER_MAX + 100];
	struct fingerprint f, g;

	memset(header, 'x', sizeof(header));
	memcpy(header, "Subject: ", 9);
	assert_int_equal(fingerprint_header(header, sizeof(header), &f), 0);
	header[FINGERPRINT_HEADER_MAX] = 'y';
	assert_int_equal(fingerprint_header(header, sizeof(header), &g), 0);
	assert_true(fingerprint_equal(&f, &g));
	header[FINGERPRINT_HEADER_MAX - 1] = 'y';
	assert_int_equal(fingerprint_header(header, sizeof(header), &g), 0);
	assert_false(fingerprint_equal(&f, &g));
	assert_int_equal(fingerprint_header(NULL, 0, &g), 0);
}

/* Cut anywhere, from a copy that ends there, so that reading on is seen; and LF for CRLF is the
 * same wherever it is cut at an end of line. */
static void test_every_prefix(void **state)
{
	for (size_t n = 0; n < sizeof(plain); n++) {
		_cleanup_(freep) char *cut = malloc(n + 1), *lf = malloc(n + 1);
		struct fingerprint f, g;
		size_t m = 0;

		assert_true(cut && lf);
		memcpy(cut, plain, n);
		for (size_t i = 0; i < n; i++)
			if (cut[i] != '\r')
				lf[m++] = cut[i];
		cut = realloc(cut, n ? n : 1);
		assert_non_null(cut);
		assert_int_equal(fingerprint_header(cut, n, &f), 0);
		assert_int_equal(fingerprint_header(lf, m, &g), 0);
		assert_true(fingerprint_equal(&f, &g));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digest),   cmocka_unit_test(test_equal),
		cmocka_unit_test(test_different),      cmocka_unit_test(test_eight_bit),
		cmocka_unit_test(test_has_message_id), cmocka_unit_test(test_limit),
		cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
