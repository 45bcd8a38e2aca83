/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <net/deflate.h>

#define ROOM     4096
#define MADE_MAX (1024 * 1024)

/* Whatever a peer sends, in whatever pieces it comes: never more than there is room for, and
 * the same octets up to the same end. */
static void unpack(const uint8_t *in, size_t n, size_t piece, size_t room, struct buf *out)
{
	_cleanup_(unpacker_freep) struct unpacker *u = NULL;
	uint8_t some[ROOM];
	size_t at = 0;
	int r = 0;

	REQUIRE(unpacker_new(&u) == 0);
	while (r == 0 && (at < n || unpacker_holds(u)) && out->len < MADE_MAX) {
		size_t used, made, want = MIN_OF(piece, n - at);

		r = unpacker_put(u, in + at, want, &used, some, room, &made);
		REQUIRE(r == 0 || r == -EPROTO || r == -ENODATA);
		REQUIRE(used <= want && made <= room);
		REQUIRE(r < 0 || used == want || made == room);
		REQUIRE(buf_add(out, some, made) == 0);
		at += used;
	}
}

/* All octets come back. */
static void pack(const uint8_t *in, size_t n, size_t room)
{
	_cleanup_(buf_done) struct buf packed = {0}, again = {0};
	_cleanup_(packer_freep) struct packer *p = NULL;
	uint8_t some[ROOM];
	size_t at = 0;

	REQUIRE(packer_new(&p) == 0);
	while (at < n) {
		size_t used, made = packer_put(p, in + at, n - at, &used, some, room);

		REQUIRE(made <= room && used <= n - at && (made > 0 || used > 0));
		REQUIRE(buf_add(&packed, some, made) == 0);
		at += used;
	}
	do {
		size_t made = packer_flush(p, some, room);

		REQUIRE(made <= room);
		REQUIRE(buf_add(&packed, some, made) == 0);
	} while (packer_flushing(p));
	unpack((const uint8_t *)buf_str(&packed), packed.len, packed.len + 1, ROOM, &again);
	REQUIRE(buf_is(&again, in, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf whole = {0}, pieces = {0};

	if (n < 2)
		return 0;
	unpack(data + 1, n - 1, n, ROOM, &whole);
	unpack(data + 1, n - 1, 1 + data[0] % 16, 1 + data[0] / 16U, &pieces);
	REQUIRE(whole.len >= MADE_MAX || pieces.len >= MADE_MAX || buf_same(&whole, &pieces));
	pack(data + 1, n - 1, PACKER_FLUSH_MIN + data[0]);
	return 0;
}
