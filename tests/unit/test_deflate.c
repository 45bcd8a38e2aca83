/* SPDX-License-Identifier: Apache-2.0 */
#include "net/deflate.h"
#include "prng.h"
#include "unit.h"
#include <zlib.h>

#define MAIL   (300 * 1000)
#define PACKED (2 * MAIL)

/* What mail is made of: words, base64, octets of no order, the same again. */
static uint8_t mail[MAIL];

static int setup(void **state)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	struct prng rng = {.state = 9};

	for (size_t i = 0; i < MAIL; i++)
		mail[i] = i < 60000    ? (uint8_t) "Received: from here; "[i % 21]
			  : i < 200000 ? (uint8_t)alphabet[prng_below(&rng, 64)]
			  : i < 250000 ? (uint8_t)prng_below(&rng, 256)
				       : mail[i - 50000];
	return 0;
}

/* All of it packed, in pieces of `step`, into room of `room`, with a flush after each `every`
 * octets. Returns how long it became. */
static size_t pack(const uint8_t *in, size_t n, size_t step, size_t room, size_t every,
		   uint8_t *out)
{
	_cleanup_(packer_freep) struct packer *p = NULL;
	size_t len = 0, at = 0, since = 0;

	assert_int_equal(packer_new(&p), 0);
	assert_false(packer_holds(p) || packer_flushing(p));
	while (at < n) {
		size_t used, made, want = MIN_OF(step, n - at);

		made = packer_put(p, in + at, want, &used, out + len, room);
		assert_true(made <= room && used <= want && (made > 0 || used == want));
		at += used;
		len += made;
		since += used;
		assert_true(packer_holds(p));
		if (since < every && at < n)
			continue;
		since = 0;
		do {
			made = packer_flush(p, out + len, room);
			assert_true(made <= room);
			len += made;
		} while (packer_flushing(p));
		assert_false(packer_holds(p));
	}
	/* And one that nobody needs says nothing, or little. */
	assert_true(packer_flush(p, out + len, 64) <= 5);
	assert_true(len <= PACKED);
	return len;
}

static void unpack(const uint8_t *in, size_t n, size_t step, size_t room)
{
	_cleanup_(unpacker_freep) struct unpacker *u = NULL;
	_cleanup_(freep) uint8_t *out = malloc(room);
	size_t at = 0, len = 0;

	assert_non_null(out);
	assert_int_equal(unpacker_new(&u), 0);
	while (at < n || unpacker_holds(u)) {
		size_t used, made, want = MIN_OF(step, n - at);

		assert_int_equal(unpacker_put(u, in + at, want, &used, out, room, &made), 0);
		assert_true(made <= room && used <= want);
		assert_true(used == want || made == room);
		assert_true(len + made <= MAIL);
		assert_memory_equal(out, mail + len, made);
		at += used;
		len += made;
	}
	assert_int_equal(len, MAIL);
}

static void test_there_and_back(void **state)
{
	static const size_t rows[][4] = {
		/* step, room, every, step and room of the way back */
		{MAIL, PACKED, MAIL, PACKED}, {16384, 16384, MAIL, 65536},
		{1, 16384, MAIL, 1},          {16384, PACKER_FLUSH_MIN, MAIL, 3},
		{1000, 9, 5000, 1000},        {100, 16384, 100, 100},
		{7, PACKER_FLUSH_MIN, 7, 11},
	};
	_cleanup_(freep) uint8_t *packed = malloc(PACKED + 64);

	assert_non_null(packed);
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const size_t *row = rows[i];
		size_t n = pack(mail, MAIL, row[0], row[1], row[2], packed);

		print_message("%zu in pieces of %zu, room %zu: %zu\n", (size_t)MAIL, row[0],
			      row[1], n);
		unpack(packed, n, row[3], row[3]);
		unpack(packed, n, row[3], 1);
		if (row[2] == MAIL) /* words vanish, base64 gives a quarter */
			assert_true(n < MAIL * 3 / 4);
	}
}

/* What is flushed can be read by who has all of it, and before it may not. */
static void test_flush(void **state)
{
	static const uint8_t command[] = "1234.5 NOOP\r\n";
	const size_t len = sizeof(command) - 1;
	_cleanup_(packer_freep) struct packer *p = NULL;
	_cleanup_(unpacker_freep) struct unpacker *u = NULL;
	uint8_t packed[256], out[256];
	size_t used, made, n;

	assert_int_equal(packer_new(&p), 0);
	assert_int_equal(unpacker_new(&u), 0);
	for (int i = 0; i < 1000; i++) {
		n = packer_put(p, command, len, &used, packed, sizeof(packed));
		assert_int_equal(used, len);
		n += packer_flush(p, packed + n, sizeof(packed) - n);
		assert_false(packer_flushing(p) || packer_holds(p));
		assert_true(n < 2 * len);
		assert_int_equal(unpacker_put(u, packed, n, &used, out, sizeof(out), &made), 0);
		assert_int_equal(used, n);
		assert_int_equal(made, len);
		assert_memory_equal(out, command, len);
	}
}

/* 10 MB of one octet: out of 10 KB, and never more than there is room for. */
static void test_bomb(void **state)
{
	enum { LARGE = 10 * 1000 * 1000, ROOM = 5000 };
	_cleanup_(packer_freep) struct packer *p = NULL;
	_cleanup_(unpacker_freep) struct unpacker *u = NULL;
	_cleanup_(freep) uint8_t *zeros = calloc(1, LARGE), *packed = malloc(LARGE);
	uint8_t out[ROOM];
	size_t used, made, n, at = 0, len = 0;

	assert_true(zeros && packed);
	assert_int_equal(packer_new(&p), 0);
	assert_int_equal(unpacker_new(&u), 0);
	n = packer_put(p, zeros, LARGE, &used, packed, LARGE);
	assert_int_equal(used, LARGE);
	n += packer_flush(p, packed + n, LARGE - n);
	assert_true(n < LARGE / 100);
	while (at < n || unpacker_holds(u)) {
		assert_int_equal(unpacker_put(u, packed + at, n - at, &used, out, ROOM, &made),
				 0);
		assert_true(made <= ROOM);
		at += used;
		len += made;
	}
	assert_int_equal(len, LARGE);
}

/* A peer may point back as far as DEFLATE allows, whatever we do ourselves. */
static void test_far_back(void **state)
{
	enum { BACK = 32000, ALL = 2 * BACK };
	_cleanup_(unpacker_freep) struct unpacker *u = NULL;
	static uint8_t in[ALL], packed[ALL], out[ALL];
	struct prng rng = {.state = 12};
	z_stream z = {0};
	size_t used, made, n;

	for (size_t i = 0; i < ALL; i++)
		in[i] = i < BACK ? (uint8_t)prng_below(&rng, 256) : in[i - BACK];
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = in;
	z.avail_in = ALL;
	z.next_out = packed;
	z.avail_out = ALL;
	assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	n = ALL - z.avail_out;
	(void)deflateEnd(&z);
	assert_true(n < BACK + 1000);
	assert_int_equal(unpacker_new(&u), 0);
	assert_int_equal(unpacker_put(u, packed, n, &used, out, ALL, &made), 0);
	assert_int_equal(made, ALL);
	assert_memory_equal(out, in, ALL);
}

static void test_nonsense(void **state)
{
	static const struct {
		const char *in;
		size_t n;
		int result;
	} rows[] = {
		{"", 0, 0},
		{"* OK this is clear text\r\n", 25, -EPROTO},
		{"\x78\x9c\x4b\x04\x00", 5, -EPROTO}, /* with zlib's header */
		{"\x07", 1, -EPROTO},                 /* a kind of block that is none */
		{"\x00\x01\x00\x01\x00"
		 "a",
		 6, -EPROTO}, /* lengths that contradict */
		{"\x00\x01\x00\xfe\xff"
		 "a",
		 6, 0},                         /* one octet, stored */
		{"\x00\x00\x00\xff\xff", 5, 0}, /* a flush */
		{"\x01\x01\x00\xfe\xff"
		 "a",
		 6, -ENODATA},                    /* the last block */
		{"\x03\x00", 2, -ENODATA},        /* the end, and nothing before */
		{"\x4a\x04\x62\x00", 4, -EPROTO}, /* back to before the beginning */
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		for (size_t step = 1; step <= MAX_OF(rows[i].n, (size_t)1); step++) {
			_cleanup_(unpacker_freep) struct unpacker *u = NULL;
			uint8_t out[64];
			size_t used, made;
			int r = 0;

			print_message("row %zu in pieces of %zu\n", i, step);
			assert_int_equal(unpacker_new(&u), 0);
			for (size_t at = 0; r == 0 && at < rows[i].n; at += step)
				r = unpacker_put(u, (const uint8_t *)rows[i].in + at,
						 MIN_OF(step, rows[i].n - at), &used, out,
						 sizeof(out), &made);
			assert_int_equal(r, rows[i].result);
		}
	}
}

/* One bit that is another: an error, or other octets, but never more than there is room for. */
static void test_flipped(void **state)
{
	_cleanup_(freep) uint8_t *packed = malloc(PACKED + 64);
	struct prng rng = {.state = 10};
	size_t n, wrong = 0;

	assert_non_null(packed);
	n = pack(mail, MAIL, 16384, 16384, 50000, packed);
	for (int i = 0; i < 300; i++) {
		_cleanup_(unpacker_freep) struct unpacker *u = NULL;
		size_t at = prng_below(&rng, (uint32_t)n), from = 0, used, made;
		uint8_t out[4096], bit = (uint8_t)(1U << prng_below(&rng, 8));
		int r = 0;

		packed[at] ^= bit;
		assert_int_equal(unpacker_new(&u), 0);
		while (r == 0 && (from < n || unpacker_holds(u))) {
			r = unpacker_put(u, packed + from, n - from, &used, out, sizeof(out),
					 &made);
			assert_true(made <= sizeof(out));
			from += used;
		}
		assert_true(r == 0 || r == -EPROTO || r == -ENODATA);
		wrong += r == -EPROTO;
		packed[at] ^= bit;
	}
	assert_true(wrong > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_flush),
		cmocka_unit_test(test_bomb),           cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_flipped),        cmocka_unit_test(test_far_back),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
