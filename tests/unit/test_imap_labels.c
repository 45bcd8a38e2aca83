/* SPDX-License-Identifier: Apache-2.0 */
/* X-GM-LABELS, as it is written in many ways. */
#include <imap/parse.h>

#include "unit.h"

/* The labels of a FETCH response, with blanks between; "-": none told; "!": refused. */
static void labels_of(const char *text, size_t n, struct buf *out)
{
	_cleanup_(buf_done) struct buf line = {0}, scratch = {0}, more = {0};
	struct imap_fetch f;
	struct imap_resp r;
	struct imap_str label;
	int got;

	assert_int_equal(buf_adds(&line, "* 3 FETCH "), 0);
	assert_int_equal(buf_add(&line, text, n), 0);
	if (imap_parse_response(&line, &r) < 0 || imap_parse_fetch(&r, &scratch, &f) < 0) {
		assert_int_equal(buf_adds(out, "!"), 0);
		return;
	}
	if (!f.labels.p)
		assert_int_equal(buf_adds(out, "-"), 0);
	while (f.labels.p && (got = imap_take_label(&f.labels, &more, &label)) != 0) {
		if (got < 0) {
			assert_int_equal(buf_adds(out, "!"), 0);
			return;
		}
		assert_int_equal(buf_addf(out, "<%.*s>", (int)label.n, label.p), 0);
		buf_reset(&more);
	}
}

static const struct {
	const char *in, *labels;
} rows[] = {
	{"(UID 7 X-GM-LABELS ())", ""},
	{"(UID 7 X-GM-LABELS ( ) FLAGS ())", ""},
	{"(UID 7 X-GM-LABELS (a) FLAGS ())", "<a>"},
	{"(X-GM-LABELS (\\Inbox \\Sent Important \"Muy Importante\") UID 7)",
	 "<\\Inbox><\\Sent><Important><Muy Importante>"},
	{"(UID 7 X-GM-LABELS (\"\\\\Inbox\" \"\\\\Sent\"))", "<\\Inbox><\\Sent>"},
	{"(UID 7 x-gm-labels (\"say \\\"x\\\"\" \"a\\\\b\"))", "<say \"x\"><a\\b>"},
	{"(UID 7 X-GM-LABELS ({3}\r\na)b c \"&AOQ-rger\"))", "<a)b><c><&AOQ-rger>"},
	{"(UID 7 X-GM-LABELS (NIL \"NIL\" nil))", "<NIL><NIL><nil>"},
	{"(UID 7 X-GM-LABELS (\"\" a))", "<><a>"},
	{"(UID 7 X-GM-LABELS NIL)", "-"},
	{"(UID 7 X-GM-LABELS a)", "-"},
	{"(UID 7 X-GM-LABELS \"(a)\")", "-"},
	{"(UID 7)", "-"},
	{"(UID 7 X-GM-LABELS (a) X-GM-LABELS (b))", "<b>"},
	{"(UID 7 X-GM-LABELS (a (b) c))", "<a>!"},
	{"(UID 7 X-GM-LABELS (a)", "!"},
	{"(UID 7 X-GM-LABELS (\"a))", "!"},
	{"(UID 7 X-GM-LABELS", "!"},
};

static void test_labels(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(buf_done) struct buf out = {0};

		labels_of(rows[i].in, strlen(rows[i].in), &out);
		if (strcmp(buf_str(&out), rows[i].labels) != 0)
			fail_msg("%s: %s", rows[i].in, buf_str(&out));
	}
}

/* Cut anywhere, from a copy that ends there. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++)
		for (size_t n = 0; n < strlen(rows[i].in); n++) {
			_cleanup_(buf_done) struct buf out = {0};
			_cleanup_(freep) char *cut = malloc(n ? n : 1);

			assert_non_null(cut);
			memcpy(cut, rows[i].in, n);
			labels_of(cut, n, &out);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
