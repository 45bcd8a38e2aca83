/* SPDX-License-Identifier: Apache-2.0 */
#include <imap/framer.h>

#include "unit.h"

/* What came out of the framer, as text: R<line> for a response ({1} stands for IMAP_EXTERNAL,
 * \ and a letter for CR, LF, NUL), B<size> a body that begins, D<octets> (joined), E its end.
 */
struct trace {
	struct buf out;
	bool in_data;
};

static void trace_octets(struct trace *t, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		switch (p[i]) {
		case IMAP_EXTERNAL:
			assert_int_equal(buf_adds(&t->out, "{1}"), 0);
			break;
		case '\r':
			assert_int_equal(buf_adds(&t->out, "\\r"), 0);
			break;
		case '\n':
			assert_int_equal(buf_adds(&t->out, "\\n"), 0);
			break;
		case '\0':
			assert_int_equal(buf_adds(&t->out, "\\0"), 0);
			break;
		default:
			assert_int_equal(buf_addc(&t->out, p[i]), 0);
		}
	}
}

static void trace_event(struct trace *t, const struct imap_framer *f, int ev)
{
	char number[32];

	if (t->in_data && ev != IMAP_EVENT_DATA)
		assert_int_equal(buf_adds(&t->out, "|"), 0);
	switch (ev) {
	case IMAP_EVENT_RESPONSE:
		assert_int_equal(buf_addc(&t->out, 'R'), 0);
		trace_octets(t, buf_str(&f->line), f->line.len);
		assert_int_equal(buf_addc(&t->out, '|'), 0);
		break;
	case IMAP_EVENT_BODY:
		(void)snprintf(number, sizeof(number), "B%llu|",
			       (unsigned long long)f->body_size);
		assert_int_equal(buf_adds(&t->out, number), 0);
		break;
	case IMAP_EVENT_DATA:
		if (!t->in_data)
			assert_int_equal(buf_addc(&t->out, 'D'), 0);
		trace_octets(t, (const char *)f->data, f->n);
		break;
	case IMAP_EVENT_BODY_END:
		assert_int_equal(buf_adds(&t->out, "E|"), 0);
		break;
	}
	t->in_data = ev == IMAP_EVENT_DATA;
}

/* Feed octets; returns the last result below 0, or 0. */
static int feed(struct imap_framer *f, struct trace *t, const char *p, size_t n)
{
	/* A copy of exactly this size, so that reading past it is seen. */
	uint8_t *copy = n ? malloc(n) : NULL;
	size_t at = 0;
	int ev = 0;

	if (n)
		memcpy(copy, p, n);
	do {
		size_t used = 0;

		ev = imap_framer_push(f, copy + at, n - at, &used);
		at += used;
		assert_true(at <= n);
		if (ev > IMAP_EVENT_MORE)
			trace_event(t, f, ev);
	} while (ev > IMAP_EVENT_MORE);
	if (ev == IMAP_EVENT_MORE)
		assert_int_equal(at, n);
	free(copy);
	return ev < 0 ? ev : 0;
}

struct row {
	const char *in;
	size_t n;
	const char *out;
	int result;
};
#define IN(s) s, sizeof(s) - 1

static const struct row rows[] = {
	{IN("* OK hi\r\n"), "R* OK hi|", 0},
	{IN("\r\n"), "R|", 0},
	{IN("* OK hi\n"), "R* OK hi|", 0}, /* LF alone */
	{IN("a\rb\r\n"), "Ra\\rb|", 0},
	{IN("a\r\r\n"), "Ra\\r|", 0},
	{IN("+ \r\n+\r\n"), "R+ |R+|", 0},
	{IN("* LIST () \"/\" {3}\r\na\r\n x\r\n"), "R* LIST () \"/\" {3}\\r\\na\\r\\n x|", 0},
	{IN("* LIST () \"/\" {0}\r\n\r\n"), "R* LIST () \"/\" {0}\\r\\n|", 0},
	{IN("* LIST () {1}\r\n/ {2}\r\nab\r\n"), "R* LIST () {1}\\r\\n/ {2}\\r\\nab|", 0},
	{IN("* X {3+}\r\nabc\r\n"), "R* X {3+}\\r\\nabc|", 0},
	{IN("* X ~{3}\r\na\0c\r\n"), "R* X ~{3}\\r\\na\\0c|", 0},
	/* a literal that looks like the announcement of another one */
	{IN("* X {5}\r\n a{3} y\r\n"), "R* X {5}\\r\\n a{3} y|", 0},
	{IN("* X {5}\r\na {3}\r\n"), "R* X {5}\\r\\na {3}|", 0},
	{IN("* X {2}\r\n{3}\r\n"), "R* X {2}\\r\\n{3}|", 0},
	{IN("* X {2}\r\na{3}\r\n"), "R* X {2}\\r\\na{3}|", 0},
	/* bodies */
	{IN("* 1 FETCH (UID 7 BODY[] {5}\r\nab\r\nc FLAGS ())\r\n* 2 EXISTS\r\n"),
	 "B5|Dab\\r\\nc|E|R* 1 FETCH (UID 7 BODY[] {1} FLAGS ())|R* 2 EXISTS|", 0},
	{IN("* 1 FETCH (BODY[] {0}\r\n)\r\n"), "B0|E|R* 1 FETCH (BODY[] {1})|", 0},
	{IN("* 1 fetch (body[] ~{3}\r\n\0\1\2)\r\n"), "B3|D\\0{1}\2|E|R* 1 fetch (body[] {1})|",
	 0},
	{IN("* 12 FETCH (BODY[HEADER.FIELDS (DATE)] {2}\r\nab BODY[] {2}\r\ncd)\r\n"),
	 "B2|Dcd|E|R* 12 FETCH (BODY[HEADER.FIELDS (DATE)] {2}\\r\\nab BODY[] {1})|", 0},
	/* not a body: no FETCH, no number, another section */
	{IN("* X (BODY[] {2}\r\nab)\r\n"), "R* X (BODY[] {2}\\r\\nab)|", 0},
	{IN("* FETCH (BODY[] {2}\r\nab)\r\n"), "R* FETCH (BODY[] {2}\\r\\nab)|", 0},
	{IN("* 1 FETCH (BODY[TEXT] {2}\r\nab)\r\n"), "R* 1 FETCH (BODY[TEXT] {2}\\r\\nab)|", 0},
	{IN("* 1 FETCH (BODY[]<0> {2}\r\nab)\r\n"), "R* 1 FETCH (BODY[]<0> {2}\\r\\nab)|", 0},
	{IN("* 1 FETCH (BODY[] {2}\r\nab BODY[] {2}\r\ncd)\r\n"), "B2|Dab|E|", -EPROTO},
	/* prose has no literals, whatever it ends in */
	{IN("* OK see {5}\r\n* NO {5}\r\n* BAD {5}\r\n* BYE {5}\r\n* PREAUTH {5}\r\n* OK "
	    "{5}\r\n"),
	 "R* OK see {5}|R* NO {5}|R* BAD {5}|R* BYE {5}|R* PREAUTH {5}|R* OK {5}|", 0},
	{IN("A1 OK done {5}\r\nA2 NO {3+}\r\n+ idle {5}\r\n"),
	 "RA1 OK done {5}|RA2 NO {3+}|R+ idle {5}|", 0},
	{IN("* OKAY {2}\r\nab\r\n"), "R* OKAY {2}\\r\\nab|", 0},
	/* braces that announce nothing */
	{IN("* X {}\r\n* X {a}\r\n* X {-1}\r\n* X 5}\r\n* X {5\r\n* X {5} \r\n"),
	 "R* X {}|R* X {a}|R* X {-1}|R* X 5}|R* X {5|R* X {5} |", 0},
	/* the two octets of ours do not come from outside */
	{IN("* X \1 \0 y\r\n"), "R* X ? ? y|", 0},
	{IN("* 1 FETCH (BODY[] \1)\r\n"), "R* 1 FETCH (BODY[] ?)|", 0},
	{IN("* X {3}\r\n\1\0z \1\r\n"), "R* X {3}\\r\\n{1}\\0z ?|", 0},
	/* limits */
	{IN("* 1 FETCH (BODY[] {4294967297}\r\n"), "", -EMSGSIZE},
	{IN("* 1 FETCH (BODY[] {4294967296}\r\nx"), "B4294967296|Dx", 0},
	{IN("* X {1048577}\r\n"), "", -EMSGSIZE},
	{IN("* X {1048576}\r\n"), "", -EMSGSIZE}, /* with the line before it */
	{IN("* X {18446744073709551616}\r\n"), "", -EPROTO},
	{IN("* 1 FETCH (BODY[] {99999999999999999999999999}\r\n"), "", -EPROTO},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct trace t = {0};

		print_message("%s", rows[i].in);
		assert_int_equal(feed(&f, &t, rows[i].in, rows[i].n), rows[i].result);
		assert_string_equal(buf_str(&t.out), rows[i].out);
		imap_framer_done(&f);
		buf_done(&t.out);
	}
}

/* Cut in two at each place, and octet by octet: the same events. */
static void test_every_split(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].n; cut++) {
			struct imap_framer f = {0};
			struct trace t = {0};
			int r = feed(&f, &t, rows[i].in, cut);

			if (r == 0)
				r = feed(&f, &t, rows[i].in + cut, rows[i].n - cut);
			assert_int_equal(r, rows[i].result);
			assert_string_equal(buf_str(&t.out), rows[i].out);
			imap_framer_done(&f);
			buf_done(&t.out);
		}
	}
}

static void test_octet_by_octet(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct imap_framer f = {0};
		struct trace t = {0};
		int r = 0;

		for (size_t at = 0; r == 0 && at < rows[i].n; at++)
			r = feed(&f, &t, rows[i].in + at, 1);
		assert_int_equal(r, rows[i].result);
		assert_string_equal(buf_str(&t.out), rows[i].out);
		imap_framer_done(&f);
		buf_done(&t.out);
	}
}

static void test_all_in_one_stream(void **state)
{
	struct imap_framer f = {0};
	struct trace t = {0};
	struct buf expected = {0};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		if (rows[i].result < 0 || rows[i].in[rows[i].n - 1] != '\n')
			continue;
		assert_int_equal(feed(&f, &t, rows[i].in, rows[i].n), 0);
		assert_int_equal(buf_adds(&expected, rows[i].out), 0);
	}
	assert_string_equal(buf_str(&t.out), buf_str(&expected));
	imap_framer_done(&f);
	buf_done(&t.out);
	buf_done(&expected);
}

static void test_endless_line(void **state)
{
	struct imap_framer f = {0};
	struct trace t = {0};
	char block[4096];
	size_t fed = 0;
	int r = 0;

	memset(block, 'x', sizeof(block));
	while (r == 0 && fed <= IMAP_LINE_MAX + sizeof(block)) {
		r = feed(&f, &t, block, sizeof(block));
		fed += sizeof(block);
	}
	assert_int_equal(r, -EMSGSIZE);
	assert_true(f.line.len <= IMAP_LINE_MAX);
	imap_framer_done(&f);
}

/* Many small literals are as large as one. */
static void test_endless_literals(void **state)
{
	struct imap_framer f = {0};
	struct trace t = {0};
	int r = feed(&f, &t, "* X", 3);

	for (size_t i = 0; r == 0 && i < IMAP_LINE_MAX; i++)
		r = feed(&f, &t, " {1}\r\na", 7);
	assert_int_equal(r, -EMSGSIZE);
	imap_framer_done(&f);
}

static void test_midway(void **state)
{
	static const char in[] = "* 1 FETCH (BODY[] {3}\r\nabc X {2}\r\nde)\r\n* OK\r\n";
	struct imap_framer f = {0};
	struct trace t = {0};

	/* From the first octet of a response to its last, in text, bodies and literals. */
	assert_false(imap_framer_midway(&f));
	for (size_t i = 0; i < sizeof(in) - 1; i++) {
		assert_int_equal(feed(&f, &t, &in[i], 1), 0);
		assert_int_equal(imap_framer_midway(&f),
				 in[i] != '\n' || in[i + 1] == 'a' || in[i + 1] == 'd');
	}
	buf_done(&t.out);
	imap_framer_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_octet_by_octet),
		cmocka_unit_test(test_all_in_one_stream),
		cmocka_unit_test(test_midway),
		cmocka_unit_test(test_endless_line),
		cmocka_unit_test(test_endless_literals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
