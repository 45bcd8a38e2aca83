/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <mailmig/jsonio.h>

/* Input: one octet that says in what pieces the rest arrives. */

/* What was taken can be put, and taken again. */
static void put_and_take(const json_t *o, struct buf *record)
{
	_cleanup_(buf_done) struct buf text = {0};
	_cleanup_(json_decrefp) json_t *again = NULL;

	REQUIRE(json_is_object(o));
	REQUIRE(jsonio_put(&text, o) == 0);
	REQUIRE(buf_add(record, text.p, text.len) == 0);
	REQUIRE(jsonio_take(&text, &again) == 1);
	REQUIRE(text.len == 0);
	REQUIRE(json_equal(o, again));
}

/* Take all that is complete; what happened goes into the record. */
static void take_all(struct buf *in, struct buf *record)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *o = NULL;
		size_t before = in->len;
		int r = jsonio_take(in, &o);

		if (r == 0) {
			REQUIRE(in->len == before && !o);
			return;
		}
		REQUIRE(in->len < before);
		REQUIRE(r == 1 || (r == -EBADMSG && !o));
		if (r == 1)
			put_and_take(o, record);
		else
			REQUIRE(buf_adds(record, "bad") == 0);
	}
}

static void feed(const uint8_t *data, size_t n, size_t piece, struct buf *record)
{
	_cleanup_(buf_done) struct buf in = {0};

	for (size_t i = 0; i < n; i += piece) {
		REQUIRE(buf_add(&in, data + i, MIN_OF(piece, n - i)) == 0);
		take_all(&in, record);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf whole = {0}, pieces = {0};

	if (n < 1 || n > JSONIO_MESSAGE_MAX)
		return 0;
	feed(data + 1, n - 1, n, &whole);
	feed(data + 1, n - 1, 1 + data[0] % 32, &pieces);
	REQUIRE(buf_same(&whole, &pieces));
	return 0;
}
