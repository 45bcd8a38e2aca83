/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <mailmig/flags.h>
#include <strings.h>

/* Input: two lists of flags, parted by the first "|". */

static size_t count(const struct buf *b)
{
	size_t n = b->len > 0;

	for (size_t i = 0; i < b->len; i++)
		n += b->p[i] == ' ';
	return n;
}

/* What stands in a command must not end it. */
static void check_text(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->p[i];

		REQUIRE(c >= ' ' && c < 0x7f && !strchr("(){\"%*", c));
		REQUIRE(c != '\\' || i == 0 || b->p[i - 1] == ' ');
	}
	REQUIRE(count(b) <= FLAGS_COUNT_MAX);
	REQUIRE(!flags_has(buf_str(b), "\\Recent") && !flags_has(buf_str(b), "\\Deleted"));
}

static void normalize(const char *s, size_t n, struct buf *out)
{
	_cleanup_(buf_done) struct buf again = {0};

	REQUIRE(flags_normalize(s, n, out) == 0);
	check_text(out);
	REQUIRE(flags_normalize(out->p, out->len, &again) == 0);
	REQUIRE(buf_same(out, &again));
}

static bool same_set(const struct buf *a, const struct buf *b)
{
	return strcasecmp(buf_str(a), buf_str(b)) == 0;
}

/* (old without removed) with added is now. */
static void diff(const struct buf *old, const struct buf *now)
{
	_cleanup_(buf_done) struct buf added = {0}, removed = {0}, kept = {0}, lost = {0};
	_cleanup_(buf_done) struct buf sum = {0};

	REQUIRE(flags_diff(buf_str(old), buf_str(now), &added, &removed) == 0);
	check_text(&added);
	check_text(&removed);
	/* What a folder that permits only `removed` would lose of old is old without removed.
	 */
	REQUIRE(flags_permit(buf_str(old), buf_str(&removed), &kept, &lost) == 0);
	REQUIRE(same_set(&kept, &removed));
	REQUIRE(flags_union(buf_str(&lost), buf_str(&added), &sum) == 0);
	REQUIRE(same_set(&sum, now));
}

static void join(const struct buf *a, const struct buf *b)
{
	_cleanup_(buf_done) struct buf ab = {0}, ba = {0}, missing = {0}, more = {0};

	REQUIRE(flags_union(buf_str(a), buf_str(b), &ab) == 0);
	REQUIRE(flags_union(buf_str(b), buf_str(a), &ba) == 0);
	check_text(&ab);
	REQUIRE(same_set(&ab, &ba));
	if (count(&ab) == FLAGS_COUNT_MAX)
		return; /* some may have been dropped */
	REQUIRE(flags_diff(buf_str(a), buf_str(&ab), &more, &missing) == 0);
	REQUIRE(missing.len == 0 && count(&more) == count(&ab) - count(a));
}

static void permit(const struct buf *flags, const char *permitted)
{
	_cleanup_(buf_done) struct buf kept = {0}, lost = {0}, sum = {0};

	REQUIRE(flags_permit(buf_str(flags), permitted, &kept, &lost) == 0);
	check_text(&kept);
	check_text(&lost);
	REQUIRE(flags_union(buf_str(&kept), buf_str(&lost), &sum) == 0);
	REQUIRE(buf_same(&sum, flags));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf a = {0}, b = {0}, raw = {0};
	const char *s = (const char *)data;
	const char *bar = n > 0 ? memchr(s, '|', n) : NULL;
	size_t first = bar ? (size_t)(bar - s) : n;

	normalize(s, first, &a);
	if (bar) {
		normalize(bar + 1, n - first - 1, &b);
		REQUIRE(buf_add(&raw, bar + 1, n - first - 1) == 0);
	}
	diff(&a, &b);
	diff(&b, &a);
	join(&a, &b);
	permit(&a, buf_str(&raw));
	permit(&a, NULL);
	return 0;
}
