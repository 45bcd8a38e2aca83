/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <string.h>

#define NEAREST_MAX 40 /* longer names are not compared: no key has more than 24 letters */

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	return MIN_OF(a, MIN_OF(b, c));
}

/* Letters to insert, drop, change or swap (optimal string alignment). */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned d[NEAREST_MAX + 1][NEAREST_MAX + 1];

	for (size_t i = 0; i <= na; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = (unsigned)j;

	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			unsigned change = a[i - 1] != b[j - 1];

			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
				       d[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = MIN_OF(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

void nearest_init(struct nearest *n, const char *wanted)
{
	/* Up to a third of the letters may be wrong, and always one. */
	*n = (struct nearest){.wanted = wanted,
			      .distance = MAX_OF(1U, (unsigned)(strlen(wanted) / 3)) + 1};
}

void nearest_try(struct nearest *n, const char *candidate)
{
	size_t na = strlen(n->wanted), nb = strlen(candidate);
	unsigned d;

	if (na > NEAREST_MAX || nb > NEAREST_MAX || na == 0)
		return;

	d = distance(n->wanted, na, candidate, nb);
	if (d < n->distance) {
		n->distance = d;
		n->best = candidate;
	}
}
