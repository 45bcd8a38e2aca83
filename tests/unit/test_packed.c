/* SPDX-License-Identifier: Apache-2.0 */
/* Two streams without a connection: what one would send is what the other has received. */
#include "net/net_internal.h"
#include "prng.h"
#include "unit.h"

static struct spool_pool *pool;
static uint8_t pattern[200 * 1000];

static int setup(void **state)
{
	struct prng rng = {.state = 11};

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 3 ? (uint8_t) "abcd"[i % 4] : (uint8_t)prng_below(&rng, 256);
	if (unit_dir_setup(state) < 0)
		return -1;
	return spool_pool_new(1024 * 1024, unit_dir, 0, &pool);
}

static int teardown(void **state)
{
	spool_pool_free(pool);
	return unit_dir_teardown(state);
}

static struct stream *new_stream(struct limiter *l)
{
	struct stream *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->in = malloc(STREAM_IN_MAX);
	s->out = malloc(STREAM_OUT_MAX);
	assert_true(s->in && s->out);
	s->limiter = l;
	return s;
}

static struct stream *new_packed(struct limiter *l)
{
	struct stream *s = new_stream(l);

	assert_int_equal(stream_compress(s), 0);
	assert_true(stream_compressed(s));
	return s;
}

/* Some octets have come: up to n. Returns how many found room. */
static size_t arrive(struct stream *s, const uint8_t *p, size_t n)
{
	struct packed *k = s->packed;

	while (packed_take_in(s))
		;
	if (k->in_start < k->in_end)
		return 0;
	n = MIN_OF(n, sizeof(k->in));
	memcpy(k->in, p, n);
	k->in_start = 0;
	k->in_end = n;
	while (packed_take_in(s))
		;
	return n;
}

/* All that is to be sent, `max` at a time, arrives in pieces of `piece`; it must be what is
 * expected. Returns how many octets travelled. */
static size_t carry(struct stream *from, struct stream *to, size_t max, size_t piece,
		    const uint8_t *expected, size_t n)
{
	size_t travelled = 0, got = 0;

	for (;;) {
		uint64_t before = stream_queued(from);

		from->out_start = from->out_end = from->out_plain = 0;
		packed_fill_out(from, max);
		assert_true(from->out_end <= max);
		/* What is packed counts as queued until it is sent. */
		assert_int_equal(stream_queued(from), before);
		if (from->out_end == 0)
			break;
		for (size_t at = 0; at < from->out_end;) {
			const uint8_t *p;
			size_t have;

			at += arrive(to, from->out + at, MIN_OF(piece, from->out_end - at));
			have = stream_peek(to, &p);
			assert_true(got + have <= n);
			assert_memory_equal(p, expected + got, have);
			stream_consume(to, have);
			got += have;
		}
		travelled += from->out_end;
		from->out_start = from->out_end;
		from->out_plain = 0;
	}
	while (packed_take_in(to)) {
		const uint8_t *p;
		size_t have = stream_peek(to, &p);

		assert_memory_equal(p, expected + got, have);
		stream_consume(to, have);
		got += have;
	}
	assert_int_equal(got, n);
	assert_false(packed_has_output(from));
	assert_int_equal(stream_queued(from), 0);
	assert_true(stream_usable(from) && stream_usable(to));
	return travelled;
}

static void write_all(struct stream *s)
{
	struct spool *body = NULL;

	/* Text, a body by reference, text. */
	stream_write(s, pattern, 1000);
	assert_int_equal(spool_new(pool, 150 * 1000, &body), 0);
	assert_int_equal(spool_write(body, pattern + 1000, 150 * 1000), 0);
	stream_write_spool(s, body);
	spool_unref(body);
	stream_write(s, pattern + 151 * 1000, sizeof(pattern) - 151 * 1000);
}

static void test_there(void **state)
{
	static const size_t rows[][2] = {{STREAM_OUT_MAX, STREAM_OUT_MAX},
					 {1024, 1},
					 {STREAM_OUT_MAX, 7},
					 {9, 5},
					 {PACKER_FLUSH_MIN, 1}};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		struct stream *a = new_packed(NULL), *b = new_packed(NULL);
		size_t n;

		print_message("%zu at a time, pieces of %zu\n", rows[i][0], rows[i][1]);
		write_all(a);
		n = carry(a, b, rows[i][0], rows[i][1], pattern, sizeof(pattern));
		assert_true(n < sizeof(pattern));
		/* Each word can be read when it was said, and no octet waits for more. */
		for (int k = 0; k < 20; k++) {
			stream_write(a, "a.1 NOOP\r\n", 10);
			n = carry(a, b, rows[i][0], rows[i][1], (const uint8_t *)"a.1 NOOP\r\n",
				  10);
			assert_true(n > 0);
		}
		stream_free(a);
		stream_free(b);
	}
}

/* The rate hears of what travels from whoever moves it; the sums hear of the rest here. */
static void test_spared(void **state)
{
	struct limiter *la = NULL, *lb = NULL;
	struct stream *a, *b;
	size_t n;

	assert_int_equal(limiter_new(0, &la), 0);
	assert_int_equal(limiter_new(0, &lb), 0);
	a = new_packed(la);
	b = new_packed(lb);
	write_all(a);
	n = carry(a, b, STREAM_OUT_MAX, STREAM_OUT_MAX, pattern, sizeof(pattern));
	assert_int_equal(limiter_sent(la), sizeof(pattern) - n);
	assert_int_equal(limiter_received(lb), sizeof(pattern) - n);
	assert_int_equal(limiter_received(la) + limiter_sent(lb), 0);
	stream_free(a);
	stream_free(b);
	limiter_free(la);
	limiter_free(lb);
}

/* What comes with the consent but after it is compressed; before it nothing is. */
static void test_border(void **state)
{
	static const char ok[] = "a.1 OK go\r\n";
	struct stream *a = new_packed(NULL), *b = new_stream(NULL);
	const uint8_t *p;
	size_t n;

	stream_write(a, "* 1 EXISTS\r\n", 12);
	packed_fill_out(a, STREAM_OUT_MAX);
	memcpy(b->in, ok, sizeof(ok) - 1);
	memcpy(b->in + sizeof(ok) - 1, a->out, a->out_end);
	b->in_end = sizeof(ok) - 1 + a->out_end;
	stream_consume(b, sizeof(ok) - 1);
	assert_int_equal(stream_compress(b), 0);
	n = stream_peek(b, &p);
	assert_int_equal(n, 12);
	assert_memory_equal(p, "* 1 EXISTS\r\n", 12);
	assert_int_equal(stream_compress(b), -EBUSY); /* once */
	stream_free(b);

	/* The same in clear text is no answer. */
	b = new_stream(NULL);
	memcpy(b->in, "* 1 EXISTS\r\n", 12);
	b->in_end = 12;
	assert_int_equal(stream_compress(b), 0);
	assert_true(stream_garbled(b));
	assert_false(stream_usable(b));
	stream_free(b);

	/* Nor is none, once it is over. */
	b = new_packed(NULL);
	assert_false(stream_garbled(b));
	stream_fail(b, -ETIMEDOUT, "no answer");
	assert_true(stream_garbled(b));
	stream_free(b);

	/* Nobody consents to what was not said in full. */
	b = new_stream(NULL);
	stream_write(b, "a.1 COMPRESS DEFLATE\r\n", 22);
	assert_int_equal(stream_compress(b), -EBUSY);
	assert_false(stream_compressed(b));
	stream_free(b);
	stream_free(a);
}

static void test_bomb(void **state)
{
	enum { TIMES = 3000 };
	static uint8_t zeros[STREAM_OUT_MAX];
	struct stream *a = new_packed(NULL), *b = new_packed(NULL);
	uint64_t got = 0;

	for (int i = 0; i < TIMES; i++) {
		const uint8_t *p;

		stream_write(a, zeros, sizeof(zeros));
		a->out_start = a->out_end = a->out_plain = 0;
		packed_fill_out(a, STREAM_OUT_MAX);
		for (size_t at = 0; at < a->out_end;) {
			at += arrive(b, a->out + at, a->out_end - at);
			assert_true(b->in_end <= STREAM_IN_MAX);
			got += stream_peek(b, &p);
			stream_consume(b, stream_peek(b, &p));
		}
	}
	assert_int_equal(got, (uint64_t)TIMES * sizeof(zeros));
	stream_free(a);
	stream_free(b);
}

/* Nobody takes anything: there is room for one buffer, and the rest waits packed. */
static void test_full(void **state)
{
	static uint8_t zeros[8 * STREAM_IN_MAX];
	struct stream *a = new_packed(NULL), *b = new_packed(NULL);
	const uint8_t *p;
	size_t got = 0;

	stream_write(a, zeros, sizeof(zeros));
	packed_fill_out(a, STREAM_OUT_MAX);
	assert_true(a->out_end < STREAM_OUT_MAX / 2);
	assert_int_equal(arrive(b, a->out, a->out_end), a->out_end);
	for (;;) {
		size_t n = stream_peek(b, &p);

		assert_true(n <= STREAM_IN_MAX);
		if (n == 0)
			break;
		got += n;
		stream_consume(b, n);
		while (packed_take_in(b))
			;
	}
	assert_int_equal(got, sizeof(zeros));
	stream_free(a);
	stream_free(b);
}

/* Blocks without anything in them could go on for ever. */
static void test_barren(void **state)
{
	static const uint8_t flush[] = {0, 0, 0, 0xff, 0xff};
	struct stream *s = new_packed(NULL);
	size_t n = 0;

	while (stream_usable(s) && n < 1000 * 1000)
		n += arrive(s, flush, sizeof(flush));
	assert_true(stream_garbled(s));
	assert_true(n > 60000 && n < 70000);
	stream_free(s);
}

static void test_end(void **state)
{
	static const uint8_t last[] = {1, 1, 0, 0xfe, 0xff, 'a', 'b'};
	struct stream *s = new_packed(NULL);
	const uint8_t *p;

	/* What came before the end is there; it is the connection that ended. */
	(void)arrive(s, last, sizeof(last));
	assert_int_equal(stream_peek(s, &p), 1);
	assert_int_equal(*p, 'a');
	assert_false(stream_usable(s));
	assert_false(stream_garbled(s));
	assert_int_equal(s->error, -ECONNRESET);
	stream_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there),  cmocka_unit_test(test_spared),
		cmocka_unit_test(test_border), cmocka_unit_test(test_bomb),
		cmocka_unit_test(test_full),   cmocka_unit_test(test_barren),
		cmocka_unit_test(test_end),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
