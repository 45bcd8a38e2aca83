/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/parse.h>

#include "imap_respond.h"
#include "unit.h"

/* ---- responses ---- */

static void test_responses(void **state)
{
	static const struct {
		const char *in;
		int result;
		enum imap_kind kind;
		enum imap_status status;
		const char *tag, *word, *code, *rest;
		int64_t number; /* -1: none */
	} rows[] = {
		{"* OK hi\r\n", 0, IMAP_UNTAGGED, IMAP_OK, "*", "OK", NULL, "hi", -1},
		{"* ok [ALERT] hi\r\n", 0, IMAP_UNTAGGED, IMAP_OK, "*", "ok", "ALERT", "hi",
		 -1},
		{"A1 NO [X Y] z\r\n", 0, IMAP_TAGGED, IMAP_NO, "A1", "NO", "X Y", "z", -1},
		{"A1 BAD\r\n", 0, IMAP_TAGGED, IMAP_BAD, "A1", "BAD", NULL, "", -1},
		{"A1 OK []\r\n", 0, IMAP_TAGGED, IMAP_OK, "A1", "OK", "", "", -1},
		{"A1 OK [never ends\r\n", 0, IMAP_TAGGED, IMAP_OK, "A1", "OK", NULL,
		 "[never ends", -1},
		{"* BYE\r\n", 0, IMAP_UNTAGGED, IMAP_BYE, "*", "BYE", NULL, "", -1},
		{"* PREAUTH x\r\n", 0, IMAP_UNTAGGED, IMAP_PREAUTH, "*", "PREAUTH", NULL, "x",
		 -1},
		{"* 23 EXISTS\r\n", 0, IMAP_UNTAGGED, IMAP_NONE, "*", "EXISTS", NULL, "", 23},
		{"* 4294967295 EXPUNGE\r\n", 0, IMAP_UNTAGGED, IMAP_NONE, "*", "EXPUNGE", NULL,
		 "", 4294967295},
		{"*  7  FETCH  (UID 1)\r\n", 0, IMAP_UNTAGGED, IMAP_NONE, "*", "FETCH", NULL,
		 "(UID 1)", 7},
		{"* LIST () \"/\" a\r\n", 0, IMAP_UNTAGGED, IMAP_NONE, "*", "LIST", NULL,
		 "() \"/\" a", -1},
		{"* OKAY x\r\n", 0, IMAP_UNTAGGED, IMAP_NONE, "*", "OKAY", NULL, "x", -1},
		{"+ go\r\n", 0, IMAP_CONTINUATION, IMAP_NONE, NULL, NULL, NULL, "go", -1},
		{"+\r\n", 0, IMAP_CONTINUATION, IMAP_NONE, NULL, NULL, NULL, "", -1},
		{.in = "* 4294967296 EXISTS\r\n", .result = -EPROTO},
		{.in = "* 5\r\n", .result = -EPROTO},
		{.in = "* 5 \r\n", .result = -EPROTO},
		{.in = "*\r\n", .result = -EPROTO},
		{.in = "* \r\n", .result = -EPROTO},
		{.in = "\r\n", .result = -EPROTO},
		{.in = " OK\r\n", .result = -EPROTO},
		{.in = "A1\r\n", .result = -EPROTO},
		{.in = "A1 FETCH x\r\n", .result = -EPROTO}, /* tagged, and no result */
		{.in = "A1 5 EXISTS\r\n", .result = -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct imap_resp r = {0};

		print_message("%s", rows[i].in);
		assert_int_equal(respond(&f, rows[i].in, strlen(rows[i].in), &r),
				 rows[i].result);
		if (rows[i].result == 0) {
			struct imap_str rest = {.p = r.rest.p,
						.n = (size_t)(r.rest.end - r.rest.p)};

			assert_int_equal(r.kind, rows[i].kind);
			assert_int_equal(r.status, rows[i].status);
			assert_int_equal(r.has_number, rows[i].number >= 0);
			if (rows[i].number >= 0)
				assert_int_equal(r.number, (uint32_t)rows[i].number);
			if (rows[i].tag)
				assert_str(&r.tag, rows[i].tag);
			if (rows[i].word)
				assert_str(&r.word, rows[i].word);
			assert_str(&r.code, rows[i].code);
			assert_str(&rest, rows[i].rest);
		}
		imap_framer_done(&f);
	}
}

static void test_codes(void **state)
{
	struct imap_framer f = {0};
	struct imap_resp r;
	struct imap_cursor rest;
	static const char in[] = "* OK [uidvalidity 77] x\r\n";

	assert_int_equal(respond(&f, in, sizeof(in) - 1, &r), 0);
	assert_true(imap_code_is(&r, "UIDVALIDITY", &rest));
	assert_int_equal(rest.end - rest.p, 2);
	assert_true(imap_code_is(&r, "UIDVALIDITY", NULL));
	assert_false(imap_code_is(&r, "UIDVALID", NULL));
	assert_false(imap_code_is(&r, "UIDVALIDITY2", NULL));
	imap_framer_done(&f);
}

/* ---- FETCH ---- */

#define DATE "01-Jan-2018 10:00:00 +0000"

struct fetch_row {
	const char *in;
	int result;
	uint32_t uid;
	const char *flags;    /* NULL: none told */
	int64_t size, modseq; /* -1: none told */
	const char *date, *header;
	enum { NO_BODY, EXTERNAL, QUOTED, NIL } body;
	const char *text;
};

static const struct fetch_row fetch_rows[] = {
	{"(UID 7 FLAGS (\\Seen kw) RFC822.SIZE 5 MODSEQ (9) INTERNALDATE \"" DATE
	 "\" BODY[] {3}\r\nabc)",
	 0, 7, "\\Seen kw", 5, 9, DATE, NULL, EXTERNAL, NULL},
	{"(BODY[] {3}\r\nabc INTERNALDATE \"" DATE
	 "\" MODSEQ (9) RFC822.SIZE 5 FLAGS () UID 7)",
	 0, 7, "", 5, 9, DATE, NULL, EXTERNAL, NULL},
	{"(uid 7 body[] ~{3}\r\na\1c rfc822.size 3)", 0, 7, NULL, 3, -1, NULL, NULL, EXTERNAL,
	 NULL},
	{"( UID 7  FLAGS (a b)  )", 0, 7, "a b", -1, -1, NULL, NULL, NO_BODY, NULL},
	{"()", 0, 0, NULL, -1, -1, NULL, NULL, NO_BODY, NULL},
	{"(UID 7 BODY[] \"\")", 0, 7, NULL, -1, -1, NULL, NULL, QUOTED, ""},
	{"(UID 7 BODY[] \"a \\\"b\\\" \\\\ c\")", 0, 7, NULL, -1, -1, NULL, NULL, QUOTED,
	 "a \"b\" \\ c"},
	{"(UID 7 BODY[] NIL FLAGS (x))", 0, 7, "x", -1, -1, NULL, NULL, NIL, NULL},
	{"(UID 7 BODY[] nil)", 0, 7, NULL, -1, -1, NULL, NULL, NIL, NULL},
	/* headers */
	{"(UID 7 BODY[HEADER.FIELDS (DATE FROM)] {7}\r\nA: b\r\n\n RFC822.SIZE 4)", 0, 7, NULL,
	 4, -1, NULL, "A: b\r\n\n", NO_BODY, NULL},
	{"(UID 7 BODY[HEADER.FIELDS (\"DATE\" {4}\r\nFROM)] \"A: \\\"b\")", 0, 7, NULL, -1, -1,
	 NULL, "A: \"b", NO_BODY, NULL},
	{"(UID 7 body[header.fields (x)] NIL)", 0, 7, NULL, -1, -1, NULL, "(nil)", NO_BODY,
	 NULL},
	/* two escaped strings stay where they are */
	{"(BODY[HEADER.FIELDS (A)] \"\\\"1\" UID 7 BODY[] \"\\\"2\")", 0, 7, NULL, -1, -1, NULL,
	 "\"1", QUOTED, "\"2"},
	/* a date that is none is left out */
	{"(UID 7 INTERNALDATE \"yesterday\")", 0, 7, NULL, -1, -1, NULL, NULL, NO_BODY, NULL},
	{"(UID 7 INTERNALDATE NIL)", 0, 7, NULL, -1, -1, NULL, NULL, NO_BODY, NULL},
	{"(INTERNALDATE \" 1-Jan-2018 10:00:00 -1200\" UID 7)", 0, 7, NULL, -1, -1,
	 " 1-Jan-2018 10:00:00 -1200", NULL, NO_BODY, NULL},
	/* what was not asked for */
	{"(ENVELOPE (NIL \"s)\" ((\"a\" NIL {1}\r\n) \"x\")) NIL) UID 7 X-GM-LABELS "
	 "(\"\\\\Inbox\" a) BODY (\"TEXT\" (\"CHARSET\" \"x\") NIL 5) X NIL Y 5 EMAILID (M1)"
	 " PREVIEW \"(\" SAVEDATE NIL)",
	 0, 7, NULL, -1, -1, NULL, NULL, NO_BODY, NULL},
	{"(BODY[]<0> {2}\r\nab UID 7 BODY[TEXT] {2}\r\n)) BINARY[1] ~{1}\r\n()", 0, 7, NULL, -1,
	 -1, NULL, NULL, NO_BODY, NULL},
	/* the last one counts */
	{"(UID 6 UID 7 FLAGS (a) FLAGS (b))", 0, 7, "b", -1, -1, NULL, NULL, NO_BODY, NULL},
	{"(UID 4294967295 RFC822.SIZE 18446744073709551615)", 0, 4294967295, NULL,
	 IMAP_BODY_MAX + 1, -1, NULL, NULL, NO_BODY, NULL},
	/* nonsense */
	{.in = "UID 7", .result = -EPROTO},
	{.in = "(UID 7", .result = -EPROTO},
	{.in = "(UID)", .result = -EPROTO},
	{.in = "(UID x)", .result = -EPROTO},
	{.in = "(UID -1)", .result = -EPROTO},
	{.in = "(UID 4294967296)", .result = -EPROTO},
	{.in = "(UID 18446744073709551616)", .result = -EPROTO},
	{.in = "(FLAGS \\Seen)", .result = -EPROTO},
	{.in = "(FLAGS (a)", .result = -EPROTO},
	{.in = "(FLAGS NIL)", .result = -EPROTO},
	{.in = "(MODSEQ 5)", .result = -EPROTO},
	{.in = "(MODSEQ (5)", .result = -EPROTO},
	{.in = "(RFC822.SIZE (5))", .result = -EPROTO},
	{.in = "(UID 7 BODY[] \"never ends)", .result = -EPROTO},
	{.in = "(UID 7 BODY[] \"ends in \\", .result = -EPROTO},
	{.in = "(UID 7 X (((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))",
	 .result = -EPROTO},
	{.in = "(UID 7 X ))", .result = -EPROTO},
	{.in = "(UID 7 X (a)", .result = -EPROTO},
	{.in = "(UID 7 \")", .result = -EPROTO},
	{.in = "", .result = -EPROTO},
};

static void check_fetch(const struct fetch_row *row)
{
	struct imap_framer f = {0};
	struct buf scratch = {0};
	struct imap_fetch got;
	struct imap_resp r;
	char line[512];
	int n = snprintf(line, sizeof(line), "* 3 FETCH %s\r\n", row->in);

	print_message("%s", line);
	assert_int_equal(respond(&f, line, (size_t)n, &r), 0);
	assert_int_equal(imap_parse_fetch(&r, &scratch, &got), row->result);
	if (row->result == 0) {
		assert_int_equal(got.uid, row->uid);
		assert_int_equal(got.has_flags, row->flags != NULL);
		if (row->flags)
			assert_str(&got.flags, row->flags);
		if (row->size >= 0)
			assert_int_equal(got.size, row->size);
		assert_int_equal(got.has_modseq, row->modseq >= 0);
		if (row->modseq >= 0)
			assert_int_equal(got.modseq, row->modseq);
		assert_int_equal(got.has_date, row->date != NULL);
		assert_string_equal(got.date, row->date ? row->date : "");
		assert_int_equal(got.has_header, row->header != NULL);
		if (row->header)
			assert_str(&got.header,
				   strcmp(row->header, "(nil)") == 0 ? NULL : row->header);
		assert_int_equal(got.has_body, row->body != NO_BODY);
		assert_int_equal(got.body.external, row->body == EXTERNAL);
		if (row->body == QUOTED || row->body == NIL)
			assert_str(&got.body, row->text);
	}
	buf_done(&scratch);
	imap_framer_done(&f);
}

static void test_fetch(void **state)
{
	for (size_t i = 0; i < ELEMENTS(fetch_rows); i++)
		check_fetch(&fetch_rows[i]);
}

/* Cut anywhere a line is refused or read, never read past. (Under ASan the end is watched.) */
static void test_fetch_cut(void **state)
{
	for (size_t i = 0; i < ELEMENTS(fetch_rows); i++) {
		for (size_t n = 0; n < strlen(fetch_rows[i].in); n++) {
			struct buf line = {0}, scratch = {0};
			struct imap_fetch got;
			struct imap_resp r;

			assert_int_equal(buf_adds(&line, "* 3 FETCH "), 0);
			assert_int_equal(buf_add(&line, fetch_rows[i].in, n), 0);
			if (imap_parse_response(&line, &r) == 0)
				(void)imap_parse_fetch(&r, &scratch, &got);
			buf_done(&line);
			buf_done(&scratch);
		}
	}
}

/* Long strings with escapes: the first one does not move when the second one is taken. */
static void test_long_strings(void **state)
{
	struct imap_framer f = {0};
	struct buf in = {0}, scratch = {0};
	struct imap_fetch got;
	struct imap_resp r;

	assert_int_equal(buf_adds(&in, "* 1 FETCH (BODY[HEADER.FIELDS (A)] \"\\\""), 0);
	for (size_t i = 0; i < 5000; i++)
		assert_int_equal(buf_adds(&in, "ab"), 0);
	assert_int_equal(buf_adds(&in, "\" BODY[] \"\\\\"), 0);
	for (size_t i = 0; i < 20000; i++)
		assert_int_equal(buf_adds(&in, "cd"), 0);
	assert_int_equal(buf_adds(&in, "\")\r\n"), 0);
	assert_int_equal(respond(&f, in.p, in.len, &r), 0);
	assert_int_equal(imap_parse_fetch(&r, &scratch, &got), 0);
	assert_int_equal(got.header.n, 10001);
	assert_memory_equal(got.header.p, "\"abab", 5);
	assert_int_equal(got.body.n, 40001);
	assert_memory_equal(got.body.p, "\\cdcd", 5);
	buf_done(&in);
	buf_done(&scratch);
	imap_framer_done(&f);
}

static void test_dates(void **state)
{
	static const char *const good[] = {"01-Jan-2018 10:00:00 +0000",
					   " 1-jan-0000 00:00:00 -2359",
					   "31-DEC-9999 23:59:60 +0000"};
	static const char *const bad[] = {
		"",
		"1-Jan-2018 10:00:00 +0000",
		"01-Jan-2018 10:00:00 +000",
		"01-Jan-2018 10:00:00 +00000",
		"01-Jan-2018 10:00:00  0000",
		"0 -Jan-2018 10:00:00 +0000",
		"01-J\"n-2018 10:00:00 +0000",
		"01-Jan-2018T10:00:00 +0000",
		"01-Jan-2018 10.00:00 +0000",
		"01 Jan-2018 10:00:00 +0000",
		"01-Jan-20\r\n 10:00:00 +0000",
		"99-XXX-9999 99:99:99 +9999",
		"00-Jan-2018 10:00:00 +0000",
		"32-Jan-2018 10:00:00 +0000",
		"01-anF-2018 10:00:00 +0000",
		"01-Jan-2018 24:00:00 +0000",
		"01-Jan-2018 10:60:00 +0000",
		"01-Jan-2018 10:00:61 +0000",
		"01-Jan-2018 10:00:00 +2400",
		"01-Jan-2018 10:00:00 +0060",
	};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(imap_date_ok(good[i], strlen(good[i])));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(imap_date_ok(bad[i], strlen(bad[i])));
}

/* ---- LIST, STATUS, NAMESPACE ---- */

static void test_list(void **state)
{
	static const struct {
		const char *in, *flags, *name;
		char delim;
		int result;
	} rows[] = {
		{"(\\HasChildren \\Sent) \"/\" INBOX", "\\HasChildren \\Sent", "INBOX", '/', 0},
		{"() \".\" \"a b\"", "", "a b", '.', 0},
		{"() NIL flat", "", "flat", '\0', 0},
		{"() nil flat", "", "flat", '\0', 0},
		{"() \"\\\\\" \"a\\\\b \\\"c\\\"\"", "", "a\\b \"c\"", '\\', 0},
		{"() \"\\\"\" x", "", "x", '"', 0},
		{"() {1}\r\n/ {3}\r\na\"b", "", "a\"b", '/', 0},
		/* called NIL, as an atom, quoted, as a literal */
		{"() \"/\" NIL", "", "NIL", '/', 0},
		{"() \"/\" \"NIL\"", "", "NIL", '/', 0},
		{"() \"/\" nil", "", "nil", '/', 0},
		{"() \"/\" {3}\r\nNIL", "", "NIL", '/', 0},
		{"() \"/\" NILE", "", "NILE", '/', 0},
		/* brackets and other astring characters */
		{"() \"/\" [Gmail]", "", "[Gmail]", '/', 0},
		{"() \"/\" \"[Gmail]/All Mail\"", "", "[Gmail]/All Mail", '/', 0},
		{"() \"/\" &AOQ-]x", "", "&AOQ-]x", '/', 0},
		{"() \"/\" \"\"", "", "", '/', 0},
		{"() \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))", "", "a", '/', 0},
		{"() \"//\" x", NULL, NULL, 0, -EPROTO},
		{"() \"\" x", NULL, NULL, 0, -EPROTO},
		{"() \"/\"", NULL, NULL, 0, -EPROTO},
		{"() \"/\" ", NULL, NULL, 0, -EPROTO},
		{"(", NULL, NULL, 0, -EPROTO},
		{"x \"/\" y", NULL, NULL, 0, -EPROTO},
		{"() \"/ y", NULL, NULL, 0, -EPROTO},
		{"", NULL, NULL, 0, -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct buf scratch = {0};
		struct imap_list l;
		struct imap_resp r;
		char line[256];
		int n = snprintf(line, sizeof(line), "* LIST %s\r\n", rows[i].in);

		print_message("%s", line);
		assert_int_equal(respond(&f, line, (size_t)n, &r), 0);
		assert_int_equal(imap_parse_list(&r, &scratch, &l), rows[i].result);
		if (rows[i].result == 0) {
			assert_str(&l.flags, rows[i].flags);
			assert_str(&l.name, rows[i].name);
			assert_int_equal(l.delim, rows[i].delim);
		}
		buf_done(&scratch);
		imap_framer_done(&f);
	}
}

static void test_status(void **state)
{
	static const struct {
		const char *in, *name;
		struct folder_status st;
		int result;
	} rows[] = {
		{"INBOX (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 7 HIGHESTMODSEQ 12345678901 SIZE 99)",
		 "INBOX",
		 {.messages = 3,
		  .uidnext = 9,
		  .uidvalidity = 7,
		  .modseq = 12345678901,
		  .bytes = 99,
		  .known = true},
		 0},
		{"\"a b\" (uidvalidity 7 messages 0 uidnext 1)",
		 "a b",
		 {.uidnext = 1, .uidvalidity = 7, .known = true},
		 0},
		{"{2}\r\na) (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 APPENDLIMIT NIL RECENT 0)",
		 "a)",
		 {.messages = 1, .uidnext = 2, .uidvalidity = 3, .known = true},
		 0},
		{"x (MESSAGES 3 UIDVALIDITY 7)", "x", {.messages = 3, .uidvalidity = 7}, 0},
		{"x (UIDNEXT 3 UIDVALIDITY 7)", "x", {.uidnext = 3, .uidvalidity = 7}, 0},
		{"x ()", "x", {0}, 0},
		{"x (MESSAGES 4294967296 UIDNEXT 2 UIDVALIDITY 3)",
		 "x",
		 {.uidnext = 2, .uidvalidity = 3},
		 0},
		{"x (SIZE 35184372088832 HIGHESTMODSEQ 18446744073709551615)",
		 "x",
		 {.bytes = IMAP_MAILBOX_MAX, .modseq = UINT64_MAX},
		 0},
		{"x (SIZE 35184372088833)", "x", {0}, 0}, /* more than any folder holds */
		{"x (SIZE 18446744073709551616)", NULL, {0}, -EPROTO},
		{"x (MESSAGES)", NULL, {0}, -EPROTO},
		{"x (MESSAGES 3", NULL, {0}, -EPROTO},
		{"x MESSAGES 3", NULL, {0}, -EPROTO},
		{"x (MESSAGES -3)", NULL, {0}, -EPROTO},
		{"x", NULL, {0}, -EPROTO},
		{"", NULL, {0}, -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct buf scratch = {0};
		struct folder_status st;
		struct imap_str name;
		struct imap_resp r;
		char line[256];
		int n = snprintf(line, sizeof(line), "* STATUS %s\r\n", rows[i].in);

		print_message("%s", line);
		assert_int_equal(respond(&f, line, (size_t)n, &r), 0);
		assert_int_equal(imap_parse_status(&r, &scratch, &name, &st), rows[i].result);
		if (rows[i].result == 0) {
			assert_str(&name, rows[i].name);
			assert_int_equal(st.messages, rows[i].st.messages);
			assert_int_equal(st.uidnext, rows[i].st.uidnext);
			assert_int_equal(st.uidvalidity, rows[i].st.uidvalidity);
			assert_int_equal(st.modseq, rows[i].st.modseq);
			assert_int_equal(st.bytes, rows[i].st.bytes);
			assert_int_equal(st.known, rows[i].st.known);
		}
		buf_done(&scratch);
		imap_framer_done(&f);
	}
}

static void test_namespace(void **state)
{
	static const struct {
		const char *in, *prefix;
		char delim;
		int result;
	} rows[] = {
		{"((\"\" \"/\")) NIL NIL", "", '/', 0},
		{"((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL", "INBOX.", '.', 0},
		{"((\"\" NIL)) NIL NIL", "", '\0', 0},
		{"((\"a\" \"/\" \"X-PARAM\" (\"b\"))(\"c\" \".\")) NIL NIL", "a", '/', 0},
		{"(({3}\r\nx/y \"/\")) NIL NIL", "x/y", '/', 0},
		{"NIL NIL NIL", "", '\0', 0},
		{"((NIL \"/\")) NIL NIL", NULL, 0, -EPROTO},
		{"((\"\" \"//\")) NIL NIL", NULL, 0, -EPROTO},
		{"(\"\" \"/\") NIL NIL", NULL, 0, -EPROTO},
		{"((", NULL, 0, -EPROTO},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct buf scratch = {0};
		struct imap_str prefix;
		struct imap_resp r;
		char line[256], delim;
		int n = snprintf(line, sizeof(line), "* NAMESPACE %s\r\n", rows[i].in);

		print_message("%s", line);
		assert_int_equal(respond(&f, line, (size_t)n, &r), 0);
		assert_int_equal(imap_parse_namespace(&r, &scratch, &prefix, &delim),
				 rows[i].result);
		if (rows[i].result == 0) {
			assert_str(&prefix, rows[i].prefix);
			assert_int_equal(delim, rows[i].delim);
		}
		buf_done(&scratch);
		imap_framer_done(&f);
	}
}

static void test_appenduid(void **state)
{
	static const struct {
		const char *in;
		uint32_t validity;
		const char *set; /* NULL: refused */
	} rows[] = {
		{"38505 3955", 38505, "3955"},
		{"38505 3955:3957", 38505, "3955:3957"},
		{"38505 3957:3955", 38505, "3955:3957"},
		{"1 1,3,5:7", 1, "1,3,5:7"},
		{"1 4294967295", 1, "4294967295"},
		{"4294967296 1", 0, NULL},
		{"1", 0, NULL},
		{"1 ", 0, NULL},
		{"1 0", 0, NULL},
		{"1 *", 0, NULL},
		{"1 1:*", 0, NULL},
		{"1 4294967296", 0, NULL},
		{"x 1", 0, NULL},
		{"1 1 2", 0, NULL},
		{"", 0, NULL},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_cursor c = {.p = rows[i].in,
					.end = rows[i].in + strlen(rows[i].in)};
		struct seqset set = {0};
		struct buf text = {0};
		uint32_t validity = 0;

		print_message("%s\n", rows[i].in);
		assert_int_equal(imap_parse_appenduid(c, &validity, &set),
				 rows[i].set ? 0 : -EPROTO);
		if (rows[i].set) {
			assert_int_equal(validity, rows[i].validity);
			assert_int_equal(seqset_format(&set, &text), 0);
			assert_string_equal(buf_str(&text), rows[i].set);
		}
		seqset_done(&set);
		buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responses),    cmocka_unit_test(test_codes),
		cmocka_unit_test(test_fetch),        cmocka_unit_test(test_fetch_cut),
		cmocka_unit_test(test_long_strings), cmocka_unit_test(test_dates),
		cmocka_unit_test(test_list),         cmocka_unit_test(test_status),

		cmocka_unit_test(test_namespace),    cmocka_unit_test(test_appenduid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
