/* SPDX-License-Identifier: Apache-2.0 */
/* The answers to SEARCH; its commands are in the dialogues. */
#include <imap/framer.h>
#include <imap/parse.h>

#include "unit.h"

static const char *search(const char *in, char *tag, size_t n_tag, char *found, size_t n_found)
{
	_cleanup_(buf_done) struct buf scratch = {0}, text = {0};
	_cleanup_(seqset_done) struct seqset set = {0};
	struct imap_framer f = {0};
	struct imap_str t;
	struct imap_resp r;
	char line[512];
	size_t used;
	int n, e;

	n = snprintf(line, sizeof(line), "* %s\r\n", in);
	assert_int_equal(imap_framer_push(&f, (const uint8_t *)line, (size_t)n, &used),
			 IMAP_EVENT_RESPONSE);
	assert_int_equal(imap_parse_response(&f.line, &r), 0);
	assert_int_equal(seqset_add(&set, 77, 77), 0); /* emptied by the call */
	e = imap_parse_search(&r, &scratch, &t, &set);
	assert_true(e == 0 || e == -EPROTO);
	(void)snprintf(tag, n_tag, "%.*s", t.p ? (int)t.n : 0, t.p ? t.p : "");
	assert_int_equal(seqset_format(&set, &text), 0);
	(void)snprintf(found, n_found, "%s", buf_str(&text));
	imap_framer_done(&f);
	return e == 0 ? found : NULL;
}

static void test_answers(void **state)
{
	static const struct {
		const char *in, *tag;
		const char *found; /* NULL: refused */
	} rows[] = {
		{"SEARCH", "", ""},
		{"SEARCH ", "", ""},
		{"SEARCH 2 3 6", "", "2:3,6"},
		{"search 2", "", "2"},
		{"SEARCH 6 3 2 3", "", "2:3,6"},
		{"SEARCH  5   7 ", "", "5,7"},
		{"SEARCH 4294967295", "", "4294967295"},
		{"SEARCH 2 5 (MODSEQ 917162500)", "", "2,5"},
		{"SEARCH (MODSEQ 1)", "", ""},
		{"SEARCH 0", "", NULL},
		{"SEARCH 4294967296", "", NULL},
		{"SEARCH 1:3", "", "1:3"}, /* no server says so; it could mean nothing else */
		{"SEARCH 1,*", "", NULL},
		{"SEARCH x", "", NULL},
		{"SEARCH -1", "", NULL},
		{"ESEARCH (TAG \"a1\") UID ALL 1:3,7", "a1", "1:3,7"},
		{"esearch (tag a1) uid all 7", "a1", "7"},
		{"ESEARCH (TAG \"a1\") UID", "a1", ""}, /* nothing found (RFC 4731 §3.1) */
		{"ESEARCH UID ALL 9", "", "9"},
		{"ESEARCH UID COUNT 0", "", ""},
		{"ESEARCH (TAG \"a\") UID MIN 2 ALL 2,10 MAX 10 COUNT 2", "a", "2,10"},
		{"ESEARCH (TAG \"a\") UID ALL 2 MODSEQ 1236 X-NEW (a (b) c)", "a", "2"},
		{"ESEARCH", "", NULL},
		{"ESEARCH (TAG \"a\")", "a", NULL},
		{"ESEARCH (TAG \"a\") ALL 1:3", "a", NULL}, /* message numbers */
		{"ESEARCH (TAG \"a\") UID ALL", "a", NULL},
		{"ESEARCH (TAG \"a\") UID ALL 1:*", "a", NULL},
		{"ESEARCH (TAG \"a\") UID ALL 0", "a", NULL},
		{"ESEARCH (TAG \"a\" UID ALL 1", "a", NULL},
		{"ESEARCH (X \"a\") UID ALL 1", "", NULL},
		{"ESEARCH () UID ALL 1", "", NULL},
		{"ESEARCH (TAG \"a\") UID COUNT", "a", NULL},
	};
	char tag[64], found[128];

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const char *got;

		print_message("%s\n", rows[i].in);
		got = search(rows[i].in, tag, sizeof(tag), found, sizeof(found));
		if (!rows[i].found) {
			assert_null(got);
			continue;
		}
		assert_non_null(got);
		assert_string_equal(got, rows[i].found);
		assert_string_equal(tag, rows[i].tag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
