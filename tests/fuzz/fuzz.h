/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_FUZZ_H
#define MAILMIG_FUZZ_H

/* A fuzz target is one function that takes any octets, and aborts where a promise of the code
 * is broken. libFuzzer calls it with octets it makes up, replay.c with those of the corpus. */

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Unlike assert() it stays in every build. */
#define REQUIRE(cond)                                                                          \
	do {                                                                                   \
		if (!(cond)) {                                                                 \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #cond);     \
			abort();                                                               \
		}                                                                              \
	} while (0)

static inline bool buf_is(const struct buf *b, const void *p, size_t n)
{
	return b->len == n && (n == 0 || memcmp(b->p, p, n) == 0);
}

static inline bool buf_same(const struct buf *a, const struct buf *b)
{
	return buf_is(a, b->p, b->len);
}

#endif
