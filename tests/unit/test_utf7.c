/* SPDX-License-Identifier: Apache-2.0 */
#include "prng.h"
#include "special_names.h"
#include "unit.h"
#include <iconv.h>
#include <imap/utf7.h>

static void test_known(void **state)
{
	static const struct {
		const char *utf7, *utf8;
	} cases[] = {
		{"", ""},
		{"INBOX", "INBOX"},
		{"&-", "&"},
		{"&-&-", "&&"},
		{"a&-b", "a&b"},
		{"-", "-"},
		{"a-b+c,d/e", "a-b+c,d/e"},
		{" ~", " ~"},
		{"&AAE-", "\x01"},
		{"&AH8-", "\x7f"},
		{"&AAkACg-", "\t\n"},
		{"&AIA-", "\xc2\x80"},
		{"Entw&APw-rfe", "Entwürfe"},
		{"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"},
		{"&AOQ-&-&APY-", "ä&ö"},
		{"&AOQ--", "ä-"},
		{"&-&AOQ-", "&ä"},
		{"&AOQ-&-", "ä&"},
		{"&2D3cSw-", "\xf0\x9f\x91\x8b"},
		{"x&2ADcAA-y", "x\xf0\x90\x80\x80y"},
		{"&2,,f,w-", "\xf4\x8f\xbf\xbf"},
		{"&,,8-", "\xef\xbf\xbf"},
		{"&1,8-", "\xed\x9f\xbf"},
		{"&4AA-", "\xee\x80\x80"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf a = {0}, b = {0};

		assert_int_equal(utf7_decode(cases[i].utf7, strlen(cases[i].utf7), &a), 0);
		assert_string_equal(buf_str(&a), cases[i].utf8);
		assert_int_equal(utf7_encode(cases[i].utf8, strlen(cases[i].utf8), &b), 0);
		assert_string_equal(buf_str(&b), cases[i].utf7);
	}
}

static void test_decode_refuses(void **state)
{
	static const struct {
		const char *utf7, *why;
	} cases[] = {
		{"&", "no end"},
		{"&AOQ", "no end"},
		{"a&", "no end"},
		{"&AOQ-&", "no end"},
		{"&AOQ a-", "a blank in base64"},
		{"&AO/-", "the base64 of mail"},
		{"&AOQ=-", "padding characters"},
		{"&AOQ\xc3\xa4-", "8-bit in base64"},
		{"\xc3\xa4", "8-bit"},
		{"a\xff", "8-bit"},
		{"a\tb", "a control character"},
		{"a\x7f", "a control character"},
		{"\r\n", "control characters"},
		{"&AGE-", "a needless shift"},
		{"&ACY-", "a needless shift, of the ampersand"},
		{"&ACA-", "a needless shift, of the blank"},
		{"&AH4-", "a needless shift, of the tilde"},
		{"&AOQAYQ-", "a needless shift at the end of a needed one"},
		{"&AGEA5A-", "a needless shift before a needed one"},
		{"&AOQ-&APY-", "two runs for one"},
		{"&AOQ-&APY-&APw-", "three runs for one"},
		{"&A-", "less than a character"},
		{"&AA-", "less than a character"},
		{"&AOQA-", "more base64 than characters"},
		{"&AOQAA-", "more base64 than characters"},
		{"&AOR-", "padding bits"},
		{"&AOS-", "padding bits"},
		{"&AOQA9h-", "padding bits"},
		{"&AAA-", "NUL"},
		{"&AOQAAA-", "NUL"},
		{"&2D0-", "a high surrogate alone"},
		{"&3Es-", "a low surrogate alone"},
		{"&2D0A5A-", "a high surrogate and something else"},
		{"&2D3YPQ-", "two high surrogates"},
		{"&3EvYPQ-", "surrogates the wrong way round"},
		{"&AOTYPQ-", "a high surrogate at the end"},
		{"&2D0-&3Es-", "a surrogate pair over two runs"},
		{"&2D3cSwA-", "more base64 than characters, behind a pair"},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		_cleanup_(buf_done) struct buf fresh = {0}, used = {0};

		if (utf7_decode(cases[i].utf7, strlen(cases[i].utf7), &fresh) != -EBADMSG)
			fail_msg("%s: %s", cases[i].utf7, cases[i].why);
		assert_string_equal(buf_str(&fresh), "");
		assert_int_equal(fresh.len, 0);

		assert_int_equal(buf_adds(&used, "before"), 0);
		assert_int_equal(utf7_decode(cases[i].utf7, strlen(cases[i].utf7), &used),
				 -EBADMSG);
		assert_string_equal(used.p, "before");
		assert_int_equal(used.len, 6);
	}
	{
		_cleanup_(buf_done) struct buf out = {0};

		assert_int_equal(utf7_decode("a\0b", 3, &out), -EBADMSG);
		assert_int_equal(utf7_decode("&AO\0Q-", 6, &out), -EBADMSG);
	}
}

static void test_encode_refuses(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xff",
		"a\xc3",
		"\xc3(",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x80\xaf",
		"\xf0\x80\x80\xaf",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xe2\x82",
		"ok\xe2\x82",
		"\xfe\xfe",
		"\xf0\x9f\x91",
		"\xc3\xa4\xc3\xa4\xc3",
	};
	_cleanup_(buf_done) struct buf out = {0};

	assert_int_equal(buf_adds(&out, "before"), 0);
	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		assert_int_equal(utf7_encode(bad[i], strlen(bad[i]), &out), -EBADMSG);
		assert_string_equal(out.p, "before");
	}
	assert_int_equal(utf7_encode("a\0b", 3, &out), -EBADMSG);
	assert_int_equal(utf7_encode(NULL, 0, &out), 0);
	assert_int_equal(utf7_decode(NULL, 0, &out), 0);
	assert_string_equal(out.p, "before");
}

static void test_special_names(void **state)
{
	for (size_t i = 0; i < ELEMENTS(special_names); i++) {
		const struct special_name *s = &special_names[i];
		_cleanup_(buf_done) struct buf utf7 = {0}, utf8 = {0};

		assert_int_equal(utf7_encode(s->utf8, strlen(s->utf8), &utf7), 0);
		assert_string_equal(utf7.p, s->utf7);
		assert_int_equal(utf7_decode(s->utf7, strlen(s->utf7), &utf8), 0);
		assert_string_equal(utf8.p, s->utf8);
	}
}

static size_t put_utf8(char *p, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		p[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	p[0] = (char)(n == 1 ? c : (0xf00U >> n & 0xff) | c);
	return n;
}

static void assert_round_trip(const char *utf8, size_t n)
{
	_cleanup_(buf_done) struct buf utf7 = {0}, back = {0}, again = {0};

	assert_int_equal(utf7_encode(utf8, n, &utf7), 0);
	for (size_t i = 0; i < utf7.len; i++)
		assert_in_range((unsigned char)utf7.p[i], 0x20, 0x7e);
	assert_int_equal(utf7_decode(utf7.p, utf7.len, &back), 0);
	assert_int_equal(back.len, n);
	assert_memory_equal(back.p, utf8, n);
	assert_int_equal(utf7_encode(back.p, back.len, &again), 0);
	assert_string_equal(again.p, utf7.p);
}

static void test_every_character(void **state)
{
	for (uint32_t c = 1; c <= 0x10ffff; c += c < 0x3000 ? 1 : 17) {
		char text[8] = "a";
		size_t n;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		n = put_utf8(text + 1, c);
		assert_round_trip(text + 1, n);
		assert_round_trip(text, n + 1);
	}
}

/* A pseudo-random name: runs of ASCII, ampersands, two to four octets. */
static size_t random_name(struct prng *rng, char *p)
{
	size_t n = 0;

	for (unsigned len = 1 + prng_below(rng, 20); len > 0; len--) {
		uint32_t c;

		do {
			switch (prng_below(rng, 6)) {
			case 0:
				c = '&';
				break;
			case 1:
				c = 0x20 + prng_below(rng, 0x5f);
				break;
			case 2:
				c = 1 + prng_below(rng, 0xff);
				break;
			case 3:
				c = 0x80 + prng_below(rng, 0x780);
				break;
			case 4:
				c = 0x800 + prng_below(rng, 0xf800);
				break;
			default:
				c = 0x10000 + prng_below(rng, 0x100000);
			}
		} while (c >= 0xd800 && c <= 0xdfff);
		n += put_utf8(p + n, c);
	}
	return n;
}

static void convert(iconv_t cd, const char *in, size_t n, struct buf *out)
{
	char text[1024], *from = (char *)in, *to = text;
	size_t left = sizeof(text);

	assert_int_equal(iconv(cd, &from, &n, &to, &left), 0);
	assert_int_equal(iconv(cd, NULL, NULL, &to, &left), 0);
	assert_int_equal(buf_add(out, text, sizeof(text) - left), 0);
}

/* glibc's own converter, lenient when it decodes, agrees on all that is legal. */
static void test_against_iconv(void **state)
{
	iconv_t to = iconv_open("UTF-7-IMAP", "UTF-8"),
		from = iconv_open("UTF-8", "UTF-7-IMAP");
	struct prng rng = {.state = 1};

	if (to == (iconv_t)-1 || from == (iconv_t)-1)
		skip(); /* a C library without it */

	for (unsigned round = 0; round < 20000; round++) {
		_cleanup_(buf_done) struct buf ours = {0}, theirs = {0}, back = {0};
		char name[128];
		size_t n = random_name(&rng, name);

		assert_round_trip(name, n);
		assert_int_equal(utf7_encode(name, n, &ours), 0);
		convert(to, name, n, &theirs);
		assert_string_equal(ours.p, theirs.p);
		convert(from, ours.p, ours.len, &back);
		assert_int_equal(back.len, n);
		assert_memory_equal(back.p, name, n);
	}
	(void)iconv_close(to); /* nothing of it is needed any more */
	(void)iconv_close(from);
}

/* Octets that are nearly modified UTF-7: what is accepted is exactly what encoding its meaning
 * gives. */
static void test_accepts_no_second_spelling(void **state)
{
	static const char pool[] = "&&&---AAEOQg2D3cSw,+a \x7f";
	struct prng rng = {.state = 2};
	unsigned accepted = 0;

	for (unsigned round = 0; round < 300000; round++) {
		_cleanup_(buf_done) struct buf utf8 = {0}, again = {0};
		char text[16];
		size_t n = 1 + prng_below(&rng, 10);

		for (size_t i = 0; i < n; i++)
			text[i] = pool[prng_below(&rng, sizeof(pool) - 1)];
		if (utf7_decode(text, n, &utf8) < 0)
			continue;

		accepted++;
		assert_int_equal(utf7_encode(utf8.p, utf8.len, &again), 0);
		assert_int_equal(again.len, n);
		assert_memory_equal(again.p, text, n);
	}
	assert_true(accepted > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_decode_refuses),
		cmocka_unit_test(test_encode_refuses),
		cmocka_unit_test(test_special_names),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_against_iconv),
		cmocka_unit_test(test_accepts_no_second_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
