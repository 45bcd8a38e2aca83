/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/flags.h>
#include <mailmig/text.h>
#include <string.h>

/* A word of a text, not ended by NUL. */
struct word {
	const char *p;
	size_t n;
};

/* In canonical order, which is also that of word_cmp(). */
static const struct word system_flags[] = {
	{"\\Answered", 9},
	{"\\Draft", 6},
	{"\\Flagged", 8},
	{"\\Seen", 5},
};

static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* System flags before keywords, then by lower-cased octets. */
static int word_cmp(struct word a, struct word b)
{
	size_t n = MIN_OF(a.n, b.n);

	if ((*a.p == '\\') != (*b.p == '\\'))
		return *a.p == '\\' ? -1 : 1;

	for (size_t i = 0; i < n; i++) {
		unsigned char x = lower(a.p[i]), y = lower(b.p[i]);

		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.n > b.n) - (a.n < b.n);
}

/* The next word of the text between *p and end; false at the end. */
static bool next_word(const char **p, const char *end, struct word *ret)
{
	const char *q = *p;

	while (q < end && *q == ' ')
		q++;
	ret->p = q;
	while (q < end && *q != ' ')
		q++;
	ret->n = (size_t)(q - ret->p);
	*p = q;
	return ret->n > 0;
}

static int add_word(struct buf *out, struct word w)
{
	int r;

	r = buf_reserve(out, w.n + 1);
	if (r < 0)
		return r;

	if (out->len > 0)
		(void)buf_addc(out, ' '); /* there is room for both */
	return buf_add(out, w.p, w.n);
}

/* A bit for each of system_flags[], 0 for any other word. */
static unsigned system_flag(struct word w)
{
	for (size_t i = 0; i < ELEMENTS(system_flags); i++)
		if (w.n == system_flags[i].n && word_cmp(w, system_flags[i]) == 0)
			return 1U << i;
	return 0;
}

/* Whether a word can stand in a list of flags: what comes here goes to another server in a
 * command, and must not be able to end the list, or the line. */
static bool is_keyword(struct word w)
{
	if (*w.p == '\\' || w.n > FLAGS_KEYWORD_MAX)
		return false;

	for (size_t i = 0; i < w.n; i++) {
		unsigned char c = (unsigned char)w.p[i];

		if (c <= ' ' || c >= 0x7f || strchr("(){\"\\%*", c))
			return false;
	}
	return true;
}

/* Put w in its place among n sorted words, unless it is there. Returns their number now. */
static size_t insert_word(struct word *v, size_t n, struct word w)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = word_cmp(v[mid], w);

		if (c == 0)
			return n;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	memmove(v + lo + 1, v + lo, (n - lo) * sizeof(*v));
	v[lo] = w;
	return n + 1;
}

/* Its own function: most messages have no keywords and need not pay for the array. */
static int add_keywords(const char *s, const char *end, size_t max, struct buf *out)
{
	struct word v[FLAGS_COUNT_MAX], w;
	size_t n = 0;
	int r;

	while (n < max && next_word(&s, end, &w))
		if (is_keyword(w))
			n = insert_word(v, n, w);

	for (size_t i = 0; i < n; i++) {
		r = add_word(out, v[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

int flags_normalize(const char *s, size_t n, struct buf *out)
{
	const char *end, *p = s;
	unsigned seen = 0;
	bool keywords = false;
	size_t count = 0;
	struct word w;
	int r;

	if (n == 0)
		return 0;

	end = s + n;
	while (next_word(&p, end, &w)) {
		if (*w.p == '\\')
			seen |= system_flag(w);
		else
			keywords = true;
	}

	for (size_t i = 0; i < ELEMENTS(system_flags); i++)
		if (seen & (1U << i)) {
			r = add_word(out, system_flags[i]);
			if (r < 0)
				return r;
			count++;
		}

	return keywords ? add_keywords(s, end, FLAGS_COUNT_MAX - count, out) : 0;
}

static int add_word_to(struct buf *out, struct word w)
{
	return out ? add_word(out, w) : 0;
}

/* Walk two canonical sets side by side; each of the three results may be NULL, or the same
 * buffer as another. Words of both have a's spelling. At most max words come out. */
static int merge(const char *a, const char *b, size_t max, struct buf *only_a, struct buf *both,
		 struct buf *only_b)
{
	const char *a_end = a + strlen(a), *b_end = b + strlen(b);
	struct word x, y;
	bool have_x = next_word(&a, a_end, &x), have_y = next_word(&b, b_end, &y);

	for (; (have_x || have_y) && max > 0; max--) {
		int c = !have_x ? 1 : !have_y ? -1 : word_cmp(x, y);
		int r;

		r = c < 0 ? add_word_to(only_a, x)
			  : add_word_to(c > 0 ? only_b : both, c > 0 ? y : x);
		if (r < 0)
			return r;
		if (c <= 0)
			have_x = next_word(&a, a_end, &x);
		if (c >= 0)
			have_y = next_word(&b, b_end, &y);
	}
	return 0;
}

int flags_diff(const char *old, const char *now, struct buf *added, struct buf *removed)
{
	return merge(old, now, SIZE_MAX, removed, NULL, added);
}

int flags_union(const char *a, const char *b, struct buf *out)
{
	return merge(a, b, FLAGS_COUNT_MAX, out, out, out);
}

static bool has_word(const char *text, struct word flag)
{
	const char *end = text + strlen(text);
	struct word w;

	while (next_word(&text, end, &w))
		if (w.n == flag.n && word_cmp(w, flag) == 0)
			return true;
	return false;
}

int flags_permit(const char *flags, const char *permitted, struct buf *kept, struct buf *lost)
{
	const char *end = flags + strlen(flags);
	struct word w;
	int r;

	while (next_word(&flags, end, &w)) {
		bool keep = !permitted || has_word(permitted, w) ||
			    (*w.p != '\\' && has_word(permitted, (struct word){"\\*", 2}));

		r = add_word(keep ? kept : lost, w);
		if (r < 0)
			return r;
	}
	return 0;
}

bool flags_has(const char *flags, const char *flag)
{
	return has_word(flags, (struct word){flag, strlen(flag)});
}

/* ---- what becomes of them ---- */

static bool in_list(const struct text_list *l, struct word w)
{
	for (size_t i = 0; i < l->n; i++)
		if (text_ieqn(w.p, w.n, l->v[i]))
			return true;
	return false;
}

static struct word renamed(const struct text_list *pairs, struct word w)
{
	for (size_t i = 0; i + 1 < pairs->n; i += 2)
		if (text_ieqn(w.p, w.n, pairs->v[i]))
			return (struct word){pairs->v[i + 1], strlen(pairs->v[i + 1])};
	return w;
}

int flags_apply_rules(const struct flag_rules *rules, const char *flags, struct buf *out)
{
	_cleanup_(buf_done) struct buf words = {0};
	const char *end = flags + strlen(flags);
	struct word w;
	int r = 0;

	while (r == 0 && next_word(&flags, end, &w))
		if (!in_list(&rules->drop, w))
			r = add_word(&words, renamed(&rules->rename, w));
	return r < 0 ? r : flags_normalize(buf_str(&words), words.len, out);
}

/* Only what is so at the destination too, or is not: nothing is done twice. */
static int narrow(const char *flags, const char *destination, bool there, struct buf *out)
{
	return merge(flags, destination, SIZE_MAX, there ? NULL : out, there ? out : NULL,
		     NULL);
}

int flags_decide(enum flags_mode mode, const char *base, const char *origin,
		 const char *destination, struct buf *add, struct buf *remove)
{
	_cleanup_(buf_done) struct buf added = {0}, removed = {0};
	int r;

	if (mode == FLAGS_FIRST)
		return 0;
	if (mode == FLAGS_ORIGIN && destination)
		return flags_diff(destination, origin, add, remove);
	if (!destination)
		return flags_diff(base, origin, add, remove);
	r = flags_diff(base, origin, &added, &removed);
	if (r == 0)
		r = narrow(buf_str(&added), destination, false, add);
	return r < 0 ? r : narrow(buf_str(&removed), destination, true, remove);
}

enum flags_word flags_word_kind(const char *s)
{
	struct word w = {s, strlen(s)};

	if (w.n == 0)
		return FLAGS_WORD_ILLEGAL;
	if (*s != '\\')
		return is_keyword(w) ? FLAGS_WORD_GOOD : FLAGS_WORD_ILLEGAL;
	if (system_flag(w))
		return FLAGS_WORD_GOOD;
	return text_ieq(s, "\\Recent") || text_ieq(s, "\\Deleted") ? FLAGS_WORD_NEVER
								   : FLAGS_WORD_SYSTEM;
}
