/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <mailmig/seqset.h>

static void check(const struct seqset *s)
{
	uint64_t count = 0;

	for (size_t i = 0; i < s->n; i++) {
		REQUIRE(s->r[i].first >= 1 && s->r[i].first <= s->r[i].last);
		REQUIRE(i == 0 || s->r[i].first - s->r[i - 1].last > 1);
		REQUIRE(i == 0 || s->r[i].first > s->r[i - 1].last);
		REQUIRE(seqset_contains(s, s->r[i].first) && seqset_contains(s, s->r[i].last));
		REQUIRE(!seqset_contains(s, s->r[i].first - 1));
		REQUIRE(seqset_nth(s, count) == s->r[i].first);
		count += (uint64_t)s->r[i].last - s->r[i].first + 1;
		REQUIRE(seqset_nth(s, count - 1) == s->r[i].last);
	}
	REQUIRE(seqset_count(s) == count);
	REQUIRE(seqset_nth(s, count) == 0);
	REQUIRE(!seqset_contains(s, 0));
}

static bool same(const struct seqset *a, const struct seqset *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->r, b->r, a->n * sizeof(*a->r)) == 0);
}

static void copy(const struct seqset *from, struct seqset *to)
{
	for (size_t i = 0; i < from->n; i++)
		REQUIRE(seqset_add(to, from->r[i].first, from->r[i].last) == 0);
}

/* Pieces within their limits, in ascending order, that make up the whole with what is left. */
static void take(const struct seqset *whole, uint64_t max_members, size_t max_octets)
{
	_cleanup_(seqset_done) struct seqset left = {0}, taken = {0};

	copy(whole, &left);
	for (unsigned i = 0; i < 50 && left.n > 0; i++) {
		_cleanup_(seqset_done) struct seqset piece = {0};
		_cleanup_(buf_done) struct buf text = {0};

		REQUIRE(seqset_take(&left, max_members, max_octets, &piece) == 0);
		check(&piece);
		check(&left);
		REQUIRE(seqset_format(&piece, &text) == 0);
		REQUIRE(piece.n > 0);
		REQUIRE(seqset_count(&piece) == 1 ||
			(seqset_count(&piece) <= max_members && text.len <= max_octets));
		REQUIRE(taken.n == 0 || piece.r[0].first > taken.r[taken.n - 1].last);
		copy(&piece, &taken);
	}
	REQUIRE(left.n == 0 || left.r[0].first > taken.r[taken.n - 1].last);
	copy(&left, &taken);
	REQUIRE(same(&taken, whole));
}

static void parse(const char *s, size_t n)
{
	_cleanup_(seqset_done) struct seqset set = {0}, again = {0};
	_cleanup_(buf_done) struct buf text = {0};
	int r = seqset_parse(s, n, &set);

	REQUIRE(seqset_parse(s, n, NULL) == r);
	if (r < 0) {
		REQUIRE(r == -EBADMSG || r == -EMSGSIZE);
		REQUIRE(set.n == 0);
		return;
	}
	REQUIRE(set.n > 0);
	check(&set);
	REQUIRE(seqset_format(&set, &text) == 0);
	REQUIRE(seqset_parse(text.p, text.len, &again) == 0);
	REQUIRE(same(&set, &again));

	take(&set, 1 + n % 7, SIZE_MAX);
	take(&set, UINT64_MAX, 1 + n % 23);
	take(&set, seqset_count(&set) / 3 + 1, 1 + n % 40);
}

/* The octets as pairs of a beginning and a length, against a bitmap. */
static void add(const uint8_t *data, size_t n)
{
	_cleanup_(seqset_done) struct seqset set = {0};
	bool model[300] = {false};

	for (size_t i = 0; i + 1 < n && i < 200; i += 2) {
		uint32_t first = 1 + data[i], last = first + (data[i + 1] & 31);

		REQUIRE(seqset_add(&set, first, last) == 0);
		for (uint32_t k = first; k <= last; k++)
			model[k] = true;
	}
	check(&set);
	for (uint32_t i = 0; i < ELEMENTS(model); i++)
		REQUIRE(seqset_contains(&set, i) == model[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	parse((const char *)data, n);
	add(data, n);
	return 0;
}
