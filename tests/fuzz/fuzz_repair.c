/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <mailmig/repair.h>

/* Input: a message. What was repaired needs no repair, and what needs none is not touched. */

static struct spool *spool_of(struct spool_pool *pool, const uint8_t *data, size_t n)
{
	struct spool *s;

	REQUIRE(spool_new(pool, n, &s) == 0 && spool_write(s, data, n) == 0);
	return s;
}

static void check_same(const struct spool *s, const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf b = {0};

	REQUIRE(spool_size(s) == n && buf_reserve(&b, n) == 0);
	REQUIRE(spool_read_at(s, 0, b.p, n) == (ssize_t)n);
	REQUIRE(n == 0 || memcmp(b.p, data, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct spool_pool *pool;
	struct spool *in, *out = NULL;
	unsigned found, left;

	REQUIRE(spool_pool_new(4 * 1024 * 1024, "/tmp", 0, &pool) == 0);
	in = spool_of(pool, data, n);
	REQUIRE(repair_look(in, &found) == 0);
	for (unsigned repairs = 0; repairs < 1U << REPAIR_N; repairs++) {
		REQUIRE(repair_message(in, repairs, pool, &out) == 0);
		/* A mark of signing that is broken itself may free the lines of the body. */
		REQUIRE(repair_look(out, &left) == 0);
		REQUIRE((found & ~repairs) != 0 || (left & ~(unsigned)REPAIR_LONG_LINES) == 0);
		if (found == 0)
			check_same(out, data, n);
		out = spool_unref(out);
	}
	spool_unref(in);
	spool_pool_free(pool);
	return 0;
}
