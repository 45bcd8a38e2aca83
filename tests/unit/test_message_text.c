/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/message_text.h>

/* The digest, with the octets coming in pieces of this size. */
static void of(const char *message, size_t n, size_t piece,
	       uint8_t ret[static MESSAGE_TEXT_OCTETS])
{
	_cleanup_(message_text_freep) struct message_text *t = NULL;

	assert_int_equal(message_text_new(&t), 0);
	/* A second message knows nothing of the first. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(message_text_begin(t), 0);
		for (size_t at = 0; at < n; at += piece)
			assert_int_equal(
				message_text_add(t, message + at, MIN_OF(piece, n - at)), 0);
		assert_int_equal(message_text_end(t, ret), 0);
	}
}

#define TEXT(s)                                                                                \
	{                                                                                      \
		s, sizeof(s) - 1                                                               \
	}

static void test_groups(void **state)
{
	/* Those of a group are the same, those of different groups are not. */
	static const struct {
		const char *p;
		size_t n;
	} groups[][8] = {
		{TEXT(""), TEXT("Subject: x"), TEXT("Subject: x\r\n\r\n"), TEXT("\r\n"),
		 TEXT("A: b\n\n\n\r\n"), TEXT("A: b\r\n\r\n\r\r\n")},
		{TEXT("A: b\r\n\r\nx\r\ny\r\n"),
		 TEXT("A: b\r\nX-More: c\r\n d\r\n\r\nx\r\ny\r\n"), TEXT("A: b\n\nx\ny"),
		 TEXT("\nx\ny\n\n\n"), TEXT("A: b\r\n\r\nx\r\ny\r\n\r\n"), TEXT("\r\nx\r\r\ny"),
		 TEXT("A: b\r\n\r\n\r\nx\ny")},
		{TEXT("\r\nx\r\n\r\ny\r\n")},
		{TEXT("\r\nx y\r\n")},
		{TEXT("\r\nxy\r\n")},
		{TEXT("\r\nx\r\ny \r\n")},
		{TEXT("A: b\r\n \r\n\r\nx\r\n"), TEXT("\nx")},
		{TEXT("\nx\0y"), TEXT("A: b\n\nx\0y\r\n")},
		{TEXT("\nx\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\ny"),
		 TEXT("\n\nx\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\ny\n")},
	};
	uint8_t first[ELEMENTS(groups)][MESSAGE_TEXT_OCTETS], other[MESSAGE_TEXT_OCTETS];

	for (size_t i = 0; i < ELEMENTS(groups); i++) {
		of(groups[i][0].p, groups[i][0].n, 1000, first[i]);
		for (size_t k = 0; k < ELEMENTS(groups[i]) && groups[i][k].p; k++)
			for (size_t piece = 1; piece <= groups[i][k].n + 1; piece++) {
				of(groups[i][k].p, groups[i][k].n, piece, other);
				if (memcmp(first[i], other, sizeof(other)) != 0)
					fail_msg("group %zu, %zu, pieces of %zu", i, k, piece);
			}
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(first[i], first[k], MESSAGE_TEXT_OCTETS);
	}
}

static void test_nothing_is_zero(void **state)
{
	static const uint8_t zero[MESSAGE_TEXT_OCTETS];
	uint8_t got[MESSAGE_TEXT_OCTETS];

	of("A: b\r\n\r\n\r\n", 10, 3, got);
	assert_memory_equal(got, zero, sizeof(zero));
	of("A: b\r\n\r\n.\r\n", 11, 3, got);
	assert_memory_not_equal(got, zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_nothing_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
