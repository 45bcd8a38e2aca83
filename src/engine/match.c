/* SPDX-License-Identifier: Apache-2.0 */
/* Which messages of two sides are the same. Pure: no I/O.
 *
 * A fingerprint (Message-ID, Date, From, Subject) proposes, and is believed where nothing
 * speaks against it: there is a Message-ID, and it occurs once on each side (a server that
 * rewrites messages changes their size, so that is no witness). Everything else is decided by
 * the digest of the whole content. So what the state remembers is found again; an upload in
 * doubt is by its content alone.
 *
 * Messages that the state does not know are recognised in the same way by the witnesses that
 * the configuration names, which must all agree. What is left after that may have been changed
 * by a tool or a server: the same text counts under the same Message-ID, and where a side has
 * no Message-ID, under the same other fields. */
#include <mailmig/flags.h>
#include <string.h>

#include "engine_internal.h"

struct match_item *match_add(struct match_list *l)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap + l->cap / 2 : 64;
		struct match_item *v = reallocarray(l->v, cap, sizeof(*v));

		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct match_item){.date = MESSAGE_NO_DATE};
	return &l->v[l->n++];
}

void match_done(struct match_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].flags);
		free(l->v[i].base);
		free(l->v[i].reason);
	}
	free(l->v);
	*l = (struct match_list){0};
}

/* ---- order ---- */

/* What two items are compared by, in this order. */
enum key {
	KEY_FINGERPRINT = 1 << 0,
	KEY_ID = 1 << 1,
	KEY_REST = 1 << 2,
	KEY_SIZE = 1 << 3,
	KEY_DATE = 1 << 4,
	KEY_TEXT = 1 << 5,
	KEY_DIGEST = 1 << 6,
	KEY_FLAGS = 1 << 7,
};

static int cmp_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int cmp_flags(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare(const struct match_item *a, const struct match_item *b, unsigned keys)
{
	int r = 0;

	if (keys & KEY_FINGERPRINT)
		r = memcmp(a->fingerprint.id, b->fingerprint.id, FINGERPRINT_OCTETS);
	if (r == 0 && (keys & KEY_ID))
		r = cmp_u64(a->id, b->id);
	if (r == 0 && (keys & KEY_REST))
		r = cmp_u64(a->rest, b->rest);
	if (r == 0 && (keys & KEY_SIZE))
		r = cmp_u64(a->size, b->size);
	if (r == 0 && (keys & KEY_DATE))
		r = a->date < b->date ? -1 : a->date > b->date;
	if (r == 0 && (keys & KEY_TEXT))
		r = memcmp(a->text, b->text, MESSAGE_TEXT_OCTETS);
	if (r == 0 && (keys & KEY_DIGEST))
		r = memcmp(a->digest, b->digest, MESSAGE_DIGEST_OCTETS);
	if (r == 0 && (keys & KEY_FLAGS))
		r = cmp_flags(a->flags, b->flags);
	return r;
}

static int compare_with_uid(const void *x, const void *y, void *keys)
{
	const struct match_item *a = x, *b = y;
	int r = compare(a, b, *(const unsigned *)keys);

	return r ? r : cmp_u64(a->uid, b->uid);
}

static void sort(struct match_list *l, unsigned keys)
{
	if (l->n > 1)
		qsort_r(l->v, l->n, sizeof(*l->v), compare_with_uid, &keys);
}

void match_sort(struct match_list *l)
{
	sort(l, 0);
}

/* Length of the run of items equal to v[i]. */
static size_t run_length(const struct match_list *l, size_t i, unsigned keys)
{
	size_t j = i + 1;

	while (j < l->n && compare(&l->v[i], &l->v[j], keys) == 0)
		j++;
	return j - i;
}

/* Some items of a side, equal by something. */
struct group {
	struct match_item *v;
	size_t n;
};

/* Call fn for what is equal on both sides. */
typedef void (*group_fn)(struct group a, struct group b, unsigned arg);
static void each_group(struct match_list *a, struct match_list *b, unsigned keys, group_fn fn,
		       unsigned arg)
{
	sort(a, keys);
	sort(b, keys);
	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		int c = compare(&a->v[i], &b->v[j], keys);
		struct group ga = {&a->v[i], c <= 0 ? run_length(a, i, keys) : 0};
		struct group gb = {&b->v[j], c >= 0 ? run_length(b, j, keys) : 0};

		if (c == 0)
			fn(ga, gb, arg);
		i += ga.n;
		j += gb.n;
	}
	match_sort(a);
	match_sort(b);
}

static void pair_up(struct match_item *a, struct match_item *b, enum match_how how)
{
	a->partner = b->uid;
	b->partner = a->uid;
	a->how = b->how = how;
	a->doubtful = b->doubtful = false;
}

/* Pair items that are open and equal, one to one, in ascending order. */
typedef bool (*item_is)(const struct match_item *m);
static void pair_open(struct match_list *a, item_is open_a, struct match_list *b,
		      item_is open_b, unsigned keys, enum match_how how)
{
	sort(a, keys);
	sort(b, keys);
	for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
		int c;

		if (!open_a(&a->v[i])) {
			i++;
			continue;
		}
		if (!open_b(&b->v[j])) {
			j++;
			continue;
		}
		c = compare(&a->v[i], &b->v[j], keys);
		if (c == 0)
			pair_up(&a->v[i++], &b->v[j++], how);
		else if (c < 0)
			i++;
		else
			j++;
	}
	match_sort(a);
	match_sort(b);
}

/* ---- by fingerprint and content ---- */

static void doubt_open(struct group g)
{
	for (size_t i = 0; i < g.n; i++)
		if (!g.v[i].partner)
			g.v[i].doubtful = true;
}

static void decide_known(struct group a, struct group b, unsigned trust)
{
	bool certain = trust != MATCH_DOUBT && a.n == 1 && b.n == 1 &&
		       a.v->fingerprint.has_message_id &&
		       !(a.v->has_digest && b.v->has_digest) &&
		       (trust != MATCH_TRUST_SIZE || a.v->size == b.v->size);

	if (certain) {
		pair_up(a.v, b.v, MATCHED_HEADER);
		return;
	}
	doubt_open(a);
	doubt_open(b);
}

void match_by_fingerprint(struct match_list *a, struct match_list *b, enum match_trust trust)
{
	each_group(a, b, KEY_FINGERPRINT, decide_known, trust);
}

static bool is_doubtful(const struct match_item *m)
{
	return m->doubtful && m->has_digest && m->partner == 0;
}

void match_by_digest(struct match_list *a, struct match_list *b)
{
	pair_open(a, is_doubtful, b, is_doubtful, KEY_DIGEST | KEY_FLAGS, MATCHED_CONTENT);
	pair_open(a, is_doubtful, b, is_doubtful, KEY_DIGEST, MATCHED_CONTENT);
}

/* ---- what a server has changed: uploads in doubt ---- */

static bool is_left_with_id(const struct match_item *m)
{
	return m->partner == 0 && m->fingerprint.has_message_id;
}

static bool is_left_with_date(const struct match_item *m)
{
	return m->partner == 0 && m->date != MESSAGE_NO_DATE;
}

void match_by_header(struct match_list *a, struct match_list *b)
{
	pair_open(a, is_left_with_id, b, is_left_with_id, KEY_FINGERPRINT, MATCHED_REWRITTEN);
}

void match_by_date_and_size(struct match_list *a, struct match_list *b)
{
	pair_open(a, is_left_with_date, b, is_left_with_date, KEY_DATE | KEY_SIZE,
		  MATCHED_REWRITTEN);
}

void match_by_date(struct match_list *a, struct match_list *b)
{
	pair_open(a, is_left_with_date, b, is_left_with_date, KEY_DATE, MATCHED_REWRITTEN);
}

/* ---- by the witnesses of the configuration ---- */

static unsigned witness_keys(unsigned match, unsigned keys)
{
	return keys | (match & MATCH_SIZE ? KEY_SIZE : 0);
}

/* Versions of a draft often have one header. */
static bool is_draft(const struct match_item *m)
{
	return m->flags && flags_has(m->flags, "\\Draft");
}

static void decide_unknown(struct group a, struct group b, unsigned match)
{
	bool certain = !(match & MATCH_BODY) && a.n == 1 && b.n == 1 && a.v->certain &&
		       !is_draft(a.v) && !is_draft(b.v);

	if (certain) {
		pair_up(a.v, b.v, MATCHED_HEADER);
		return;
	}
	doubt_open(a);
	doubt_open(b);
}

static bool has_open(struct group g, bool without_id)
{
	for (size_t i = 0; i < g.n; i++)
		if (!g.v[i].partner && !(without_id && g.v[i].id))
			return true;
	return false;
}

/* The same Message-ID under another header. */
static void doubt_same_id(struct group a, struct group b, unsigned match)
{
	if (a.v->id == 0 || !has_open(a, false) || !has_open(b, false))
		return;
	doubt_open(a);
	doubt_open(b);
}

/* Those that have no Message-ID can be any of the others, and any can be one of those. */
static void doubt_likely(struct group g, struct group other)
{
	bool any = has_open(other, false), without = has_open(other, true);

	for (size_t i = 0; i < g.n; i++)
		if (!g.v[i].partner && (g.v[i].id ? without : any))
			g.v[i].doubtful = true;
}

/* The same header but for a Message-ID that one of them lacks. */
static void doubt_same_rest(struct group a, struct group b, unsigned match)
{
	if (!a.v->says)
		return;
	doubt_likely(a, b);
	doubt_likely(b, a);
}

void match_by_witness(struct match_list *a, struct match_list *b, unsigned match)
{
	each_group(a, b, witness_keys(match, KEY_ID | KEY_REST), decide_unknown, match);
	if (match & MATCH_BODY)
		return;
	each_group(a, b, witness_keys(match, KEY_ID), doubt_same_id, match);
	each_group(a, b, witness_keys(match, KEY_REST), doubt_same_rest, match);
}

/* An empty text says nothing. */
static bool is_left_with_text(const struct match_item *m)
{
	static const uint8_t empty[MESSAGE_TEXT_OCTETS];

	return m->partner == 0 && m->has_digest &&
	       memcmp(m->text, empty, MESSAGE_TEXT_OCTETS) != 0;
}

static bool is_left_with_text_and_id(const struct match_item *m)
{
	return m->id && is_left_with_text(m);
}

static bool is_left_with_text_and_rest(const struct match_item *m)
{
	return m->says && is_left_with_text(m);
}

static bool is_left_without_id(const struct match_item *m)
{
	return m->id == 0 && is_left_with_text_and_rest(m);
}

/* The text is the same, and so is what the header says of it that is left: Message-IDs that
 * differ are those of two messages. */
static void match_by_text(struct match_list *a, struct match_list *b, unsigned match)
{
	static const struct {
		item_is a, b;
		unsigned keys;
	} steps[] = {
		{is_left_with_text_and_id, is_left_with_text_and_id, KEY_ID},
		{is_left_without_id, is_left_without_id, KEY_REST},
		{is_left_without_id, is_left_with_text_and_rest, KEY_REST},
		{is_left_with_text_and_rest, is_left_without_id, KEY_REST},
	};

	for (size_t i = 0; i < ELEMENTS(steps); i++)
		pair_open(a, steps[i].a, b, steps[i].b,
			  witness_keys(match, steps[i].keys | KEY_TEXT), MATCHED_TEXT);
}

/* All of one text, and none that is still being written. */
static bool is_uniform(struct group g)
{
	for (size_t i = 0; i < g.n; i++)
		if (!g.v[i].has_digest || is_draft(&g.v[i]) ||
		    compare(g.v, &g.v[i], KEY_TEXT) != 0)
			return false;
	return true;
}

/* The header names one message, of which there are several. When those of a side are all the
 * same, it is not of importance which of them is which, whatever became of their text. */
static void pair_uniform(struct group a, struct group b, unsigned match)
{
	if (!a.v->certain || !is_uniform(a) || !is_uniform(b))
		return;
	for (size_t i = 0, j = 0; i < a.n && j < b.n;) {
		if (a.v[i].partner)
			i++;
		else if (b.v[j].partner)
			j++;
		else
			pair_up(&a.v[i++], &b.v[j++], MATCHED_HEADER);
	}
}

void match_changed(struct match_list *a, struct match_list *b, unsigned match)
{
	if (match & MATCH_BODY)
		return;
	match_by_text(a, b, match);
	each_group(a, b, witness_keys(match, KEY_ID | KEY_REST), pair_uniform, match);
}

struct match_item *match_find(struct match_list *l, uint32_t uid)
{
	for (size_t lo = 0, hi = l->n; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->v[mid].uid == uid)
			return &l->v[mid];
		if (l->v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
