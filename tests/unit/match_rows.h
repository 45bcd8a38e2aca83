/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_MATCH_ROWS_H
#define TEST_MATCH_ROWS_H

#include <engine/engine_internal.h>

#include "unit.h"

/* "1-11 2-0 3?": uid and partner, in the order of UIDs; '?' when in doubt. */
static inline void shown(const struct match_list *l, char *to, size_t size)
{
	size_t at = 0;

	*to = '\0';
	for (size_t i = 0; i < l->n; i++) {
		const struct match_item *it = &l->v[i];

		if (i > 0)
			assert_true(l->v[i - 1].uid < it->uid);
		at += (size_t)snprintf(to + at, size - at, "%s%u", i ? " " : "", it->uid);
		if (it->partner)
			at += (size_t)snprintf(to + at, size - at, "-%u", it->partner);
		assert_false(it->partner && it->doubtful);
		if (it->doubtful)
			at += (size_t)snprintf(to + at, size - at, "?");
		assert_true(at < size);
	}
}

/* Partners know each other, and nobody has two. */
static inline void assert_sound(struct match_list *a, struct match_list *b)
{
	size_t na = 0, nb = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct match_item *other;

		if (!a->v[i].partner)
			continue;
		na++;
		other = match_find(b, a->v[i].partner);
		assert_non_null(other);
		assert_int_equal(other->partner, a->v[i].uid);
	}
	for (size_t i = 0; i < b->n; i++)
		nb += b->v[i].partner != 0;
	assert_int_equal(na, nb);
}

#endif
