/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <imap/utf7.h>
#include <imap/utf8.h>
#include <mailmig/text.h>

/* What decodes is the only spelling of its meaning. */
static void decode(const char *s, size_t n)
{
	_cleanup_(buf_done) struct buf utf8 = {0}, again = {0};
	int r;

	REQUIRE(buf_adds(&utf8, "x") == 0);
	r = utf7_decode(s, n, &utf8);
	if (r < 0) {
		REQUIRE(r == -EBADMSG && buf_is(&utf8, "x", 1));
		return;
	}
	REQUIRE(text_is_utf8(utf8.p, utf8.len));
	REQUIRE(utf7_encode(utf8.p + 1, utf8.len - 1, &again) == 0);
	REQUIRE(buf_is(&again, s, n));
}

/* All UTF-8 encodes, into printable ASCII, and comes back. */
static void encode(const char *s, size_t n)
{
	_cleanup_(buf_done) struct buf utf7 = {0}, again = {0};
	int r = utf7_encode(s, n, &utf7);

	REQUIRE((r == 0) == text_is_utf8(s, n));
	if (r < 0) {
		REQUIRE(r == -EBADMSG && utf7.len == 0);
		return;
	}
	for (size_t i = 0; i < utf7.len; i++)
		REQUIRE(utf7.p[i] >= ' ' && utf7.p[i] <= '~');
	REQUIRE(utf7_decode(utf7.p, utf7.len, &again) == 0);
	REQUIRE(buf_is(&again, s, n));
}

/* Whatever a server that speaks UTF-8 calls a folder, it hears the same name again. */
static void there_and_back(const char *s, size_t n)
{
	_cleanup_(buf_done) struct buf raw = {0}, wire = {0};

	if (memchr(s, '\0', n))
		return; /* no name */
	REQUIRE(utf8_to_raw(s, n, &raw) == 0);
	REQUIRE(utf8_from_raw(buf_str(&raw), &wire) == 0);
	REQUIRE(buf_is(&wire, s, n));
	REQUIRE(utf8_matters(buf_str(&raw)) || buf_is(&raw, s, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	decode((const char *)data, n);
	encode((const char *)data, n);
	there_and_back((const char *)data, n);
	return 0;
}
