/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEST_PRNG_H
#define MAILMIG_TEST_PRNG_H

/* Numbers that look random and are the same in every run (xorshift64*). */

#include <stddef.h>
#include <stdint.h>

struct prng {
	uint64_t state; /* not 0 */
};

static inline uint32_t prng_next(struct prng *p)
{
	p->state ^= p->state >> 12;
	p->state ^= p->state << 25;
	p->state ^= p->state >> 27;
	return (uint32_t)((p->state * UINT64_C(2685821657736338717)) >> 32);
}

/* 0 to n - 1. */
static inline uint32_t prng_below(struct prng *p, uint32_t n)
{
	return (uint32_t)(((uint64_t)prng_next(p) * n) >> 32);
}

#endif
