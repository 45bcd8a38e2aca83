/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers, with each of their allocations failing once: -ENOMEM, or the same as ever. */
#include <imap/framer.h>
#include <imap/parse.h>
#include <imap/utf7.h>
#include <mailmig/flags.h>
#include <mailmig/jsonio.h>
#include <mailmig/seqset.h>

#include "unit.h"

static unsigned long n_allocations, fail_at; /* 0: none */

#ifndef __SANITIZE_ADDRESS__ /* that has the allocator to itself */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t k, size_t n);
extern void *__libc_realloc(void *p, size_t n);

static bool fails(void)
{
	if (++n_allocations != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t n)
{
	return fails() ? NULL : __libc_malloc(n);
}

void *calloc(size_t k, size_t n)
{
	return fails() ? NULL : __libc_calloc(k, n);
}

void *realloc(void *p, size_t n)
{
	return fails() ? NULL : __libc_realloc(p, n);
}
#endif

/* Each parser takes text and says what it found there. */
typedef int (*parser_fn)(const char *text, struct buf *found);

static int parse_flags(const char *text, struct buf *found)
{
	return flags_normalize(text, strlen(text), found);
}

static int parse_set(const char *text, struct buf *found)
{
	_cleanup_(seqset_done) struct seqset set = {0};
	int r = seqset_parse(text, strlen(text), &set);

	if (r == 0)
		r = seqset_add(&set, 77, 78);
	return r < 0 ? r : seqset_format(&set, found);
}

static int parse_utf7(const char *text, struct buf *found)
{
	return utf7_decode(text, strlen(text), found);
}

static int parse_json(const char *text, struct buf *found)
{
	_cleanup_(buf_done) struct buf in = {0};
	_cleanup_(json_decrefp) json_t *o = NULL;
	int r = buf_add(&in, text, strlen(text) + 1);

	if (r == 0)
		r = jsonio_take(&in, &o);
	return r < 0 ? r : jsonio_put(found, o);
}

static int parse_response(const char *text, struct buf *found)
{
	_cleanup_(imap_framer_done) struct imap_framer f = {0};
	_cleanup_(buf_done) struct buf scratch = {0};
	struct imap_fetch fetch;
	struct imap_resp resp;
	size_t at = 0, n = strlen(text);
	int ev;

	do {
		size_t used = 0;

		ev = imap_framer_push(&f, (const uint8_t *)text + at, n - at, &used);
		at += used;
	} while (ev > IMAP_EVENT_RESPONSE);
	if (ev < 0)
		return ev;
	ev = imap_parse_response(&f.line, &resp);
	if (ev == 0)
		ev = imap_parse_fetch(&resp, &scratch, &fetch);
	if (ev < 0)
		return ev;
	return buf_addf(found, "%u %.*s %.*s", fetch.uid, (int)fetch.flags.n,
			fetch.flags.n ? fetch.flags.p : "", (int)fetch.header.n,
			fetch.header.n ? fetch.header.p : "");
}

static const struct {
	parser_fn parse;
	const char *text;
} rows[] = {
	{parse_flags, "\\Seen \\Answered $Forwarded a b c d e f word word2 \\Recent"},
	{parse_set, "1:3,5,9:12,20,30,40,50,60,70,80,90,100,110,120,130,140,150,160,170"},
	{parse_utf7,
	 "Entw&APw-rfe/&ZeVnLIqe-/a very long name that makes its buffer grow twice"},
	{parse_json,
	 "{\"event\":\"done\",\"list\":[1,2,{\"a\":\"b\"}],\"text\":\"\\u00e4 and more\"}"},
	{parse_response,
	 "* 3 FETCH (UID 7 FLAGS (\\Seen $x) BODY[HEADER.FIELDS (DATE)] {11}\r\n"
	 "Date: x\r\n\r\n ENVELOPE \"a\")\r\n"},
	{parse_response,
	 "* 3 FETCH (UID 8 FLAGS () BODY[HEADER.FIELDS (DATE)] \"a \\\" b\")\r\n"},
};

static void test_parsers(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf right = {0};
		unsigned long total;

		fail_at = n_allocations = 0;
		assert_int_equal(rows[i].parse(rows[i].text, &right), 0);
		total = n_allocations;
#ifndef __SANITIZE_ADDRESS__
		assert_true(total > 0);
#endif
		for (unsigned long n = 1; n <= total; n++) {
			_cleanup_(buf_done) struct buf found = {0};
			int r;

			n_allocations = 0;
			fail_at = n;
			r = rows[i].parse(rows[i].text, &found);
			fail_at = 0;
			if (r == 0)
				assert_string_equal(buf_str(&found), buf_str(&right));
			else
				assert_int_equal(r, -ENOMEM);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parsers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
