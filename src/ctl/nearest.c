/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <string.h>

#define WORD_MAX 32 /* longer than any verb or option */

/* Insertions, deletions, changes and swaps of neighbours that make b of a. */
static unsigned distance(const char *a, const char *b)
{
	unsigned d[WORD_MAX + 1][WORD_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > WORD_MAX || m > WORD_MAX)
		return WORD_MAX;

	for (size_t i = 0; i <= n; i++)
		d[i][0] = (unsigned)i;
	for (size_t j = 0; j <= m; j++)
		d[0][j] = (unsigned)j;

	for (size_t i = 1; i <= n; i++) {
		for (size_t j = 1; j <= m; j++) {
			unsigned change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

			d[i][j] = MIN_OF(change, MIN_OF(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = MIN_OF(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[n][m];
}

const char *ctl_nearest(const char *word, const char *const *words, size_t n)
{
	const char *best = NULL;
	unsigned least = WORD_MAX;
	size_t len = strlen(word);

	for (size_t i = 0; i < n; i++) {
		unsigned d = distance(word, words[i]);

		/* The beginning of a word is meant even when much is missing. */
		if (strncmp(words[i], word, len) == 0)
			d = 1;
		if (d < least) {
			least = d;
			best = words[i];
		}
	}

	/* A third of the letters wrong is a slip; more is another word. */
	return best && least <= 1 + len / 4 && least < len ? best : NULL;
}
