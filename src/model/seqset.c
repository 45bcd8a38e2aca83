/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <mailmig/parse.h>
#include <mailmig/seqset.h>
#include <string.h>

void seqset_done(struct seqset *s)
{
	free(s->r);
	*s = (struct seqset){0};
}

void seqset_reset(struct seqset *s)
{
	s->n = 0;
}

/* Room for n ranges in all. */
static int reserve(struct seqset *s, size_t n)
{
	struct seqrange *r;
	size_t cap;

	if (n <= s->cap)
		return 0;

	cap = MAX_OF(n, s->cap + s->cap / 2);
	cap = MAX_OF(cap, 8);
	r = reallocarray(s->r, cap, sizeof(*r));
	if (!r)
		return -ENOMEM;

	s->r = r;
	s->cap = cap;
	return 0;
}

static int append(struct seqset *s, uint32_t first, uint32_t last)
{
	int r;

	r = reserve(s, s->n + 1);
	if (r < 0)
		return r;

	s->r[s->n++] = (struct seqrange){.first = first, .last = last};
	return 0;
}

/* Index of the first range that ends at or after uid; n when there is none. */
static size_t lower_bound(const struct seqset *s, uint32_t uid)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->r[mid].last < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int insert(struct seqset *s, uint32_t first, uint32_t last)
{
	/* first >= 1: a range that ends just before it touches it and is melted in. */
	size_t from = lower_bound(s, first - 1), to = from;
	int r;

	while (to < s->n && (last == UINT32_MAX || s->r[to].first <= last + 1))
		to++;

	if (from == to) {
		r = reserve(s, s->n + 1);
		if (r < 0)
			return r;
		memmove(s->r + from + 1, s->r + from, (s->n - from) * sizeof(*s->r));
		s->r[from] = (struct seqrange){.first = first, .last = last};
		s->n++;
		return 0;
	}

	s->r[from].first = MIN_OF(s->r[from].first, first);
	s->r[from].last = MAX_OF(s->r[to - 1].last, last);
	memmove(s->r + from + 1, s->r + to, (s->n - to) * sizeof(*s->r));
	s->n -= to - from - 1;
	return 0;
}

int seqset_add(struct seqset *s, uint32_t first, uint32_t last)
{
	struct seqrange *end;

	assert(first >= 1 && first <= last);

	if (s->n == 0)
		return append(s, first, last);

	end = &s->r[s->n - 1];
	if (first < end->first)
		return insert(s, first, last);
	if (first > end->last && first - end->last > 1)
		return append(s, first, last);

	end->last = MAX_OF(end->last, last);
	return 0;
}

int seqset_subtract(const struct seqset *a, const struct seqset *b, struct seqset *ret)
{
	size_t k = 0;

	for (size_t i = 0; i < a->n; i++) {
		uint64_t first = a->r[i].first, last = a->r[i].last;

		while (k < b->n && b->r[k].last < first)
			k++;
		for (size_t j = k; j < b->n && b->r[j].first <= last && first <= last; j++) {
			if (b->r[j].first > first &&
			    append(ret, (uint32_t)first, b->r[j].first - 1) < 0)
				return -ENOMEM;
			first = MAX_OF(first, (uint64_t)b->r[j].last + 1);
		}
		if (first <= last && append(ret, (uint32_t)first, (uint32_t)last) < 0)
			return -ENOMEM;
	}
	return 0;
}

int seqset_unite(struct seqset *s, const struct seqset *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n; i++)
		r = seqset_add(s, from->r[i].first, from->r[i].last);
	return r;
}

bool seqset_contains(const struct seqset *s, uint32_t uid)
{
	size_t i;

	if (s->n == 0 || uid < s->r[0].first || uid > s->r[s->n - 1].last)
		return false;

	i = lower_bound(s, uid);
	return s->r[i].first <= uid;
}

static uint64_t range_count(struct seqrange r)
{
	return (uint64_t)r.last - r.first + 1;
}

uint64_t seqset_count(const struct seqset *s)
{
	uint64_t count = 0;

	for (size_t i = 0; i < s->n; i++)
		count += range_count(s->r[i]);
	return count;
}

uint32_t seqset_nth(const struct seqset *s, uint64_t i)
{
	for (size_t k = 0; k < s->n; k++) {
		uint64_t count = range_count(s->r[k]);

		if (i < count)
			return (uint32_t)(s->r[k].first + i);
		i -= count;
	}
	return 0;
}

static size_t digits(uint32_t v)
{
	size_t n = 1;

	while (v >= 10) {
		v /= 10;
		n++;
	}
	return n;
}

static size_t range_octets(struct seqrange r)
{
	return digits(r.first) + (r.first == r.last ? 0 : 1 + digits(r.last));
}

/* The longest beginning of r with at most max_members (not 0) that is written in at most room
 * octets. False when not even its first member fits. */
static bool range_head(struct seqrange r, uint64_t max_members, size_t room,
		       struct seqrange *ret)
{
	size_t first_digits = digits(r.first);
	uint64_t largest = 1;

	if (room < first_digits)
		return false;

	if (range_count(r) > max_members)
		r.last = (uint32_t)(r.first + (max_members - 1));

	if (range_octets(r) > room) {
		/* The largest number that still finds room behind "first:". */
		for (size_t left = room - first_digits; left > 1; left--)
			largest *= 10;
		largest -= 1;
		r.last = largest > r.first ? (uint32_t)largest : r.first;
	}
	*ret = r;
	return true;
}

/* How many whole ranges of s go, and the part of the next one that goes too (first 0: none). */
static size_t plan_take(const struct seqset *s, uint64_t max_members, size_t max_octets,
			struct seqrange *ret_part)
{
	size_t used = 0;

	*ret_part = (struct seqrange){0};
	for (size_t i = 0; i < s->n && max_members > 0; i++) {
		size_t comma = i > 0;
		struct seqrange head;

		if (used + comma > max_octets ||
		    !range_head(s->r[i], max_members, max_octets - used - comma, &head))
			return i;
		if (head.last != s->r[i].last) {
			*ret_part = head;
			return i;
		}
		max_members -= range_count(head);
		used += comma + range_octets(head);
		if (max_members == 0)
			return i + 1;
	}
	return s->n;
}

int seqset_take(struct seqset *from, uint64_t max_members, size_t max_octets,
		struct seqset *into)
{
	struct seqrange part;
	size_t whole;
	int r;

	assert(into->n == 0);

	if (from->n == 0)
		return 0;

	/* A caller's limit below one member would never come to an end. */
	max_octets = MAX_OF(max_octets, digits(from->r[0].first));
	whole = plan_take(from, MAX_OF(max_members, 1), max_octets, &part);

	r = reserve(into, whole + (part.first != 0));
	if (r < 0)
		return r;

	if (whole > 0)
		memcpy(into->r, from->r, whole * sizeof(*from->r));
	into->n = whole;
	if (part.first != 0) {
		into->r[into->n++] = part;
		from->r[whole].first = part.last + 1;
	}
	from->n -= whole;
	memmove(from->r, from->r + whole, from->n * sizeof(*from->r));
	return 0;
}

static char *put_number(char *p, uint32_t v)
{
	size_t n = digits(v);

	for (size_t i = n; i > 0; i--) {
		p[i - 1] = (char)('0' + v % 10);
		v /= 10;
	}
	return p + n;
}

int seqset_format(const struct seqset *s, struct buf *b)
{
	const size_t before = b->len;
	char one[sizeof(",4294967295:4294967295")];

	for (size_t i = 0; i < s->n; i++) {
		char *p = one;
		int r;

		if (i > 0)
			*p++ = ',';
		p = put_number(p, s->r[i].first);
		if (s->r[i].first != s->r[i].last) {
			*p++ = ':';
			p = put_number(p, s->r[i].last);
		}
		r = buf_add(b, one, (size_t)(p - one));
		if (r < 0) {
			if (b->p) {
				b->len = before;
				b->p[before] = 0;
			}
			return r;
		}
	}
	return 0;
}

/* One nz-number at *p, which is moved past it. */
static int take_number(const char **p, const char *end, uint32_t *ret)
{
	const char *start = *p, *q = start;

	while (q < end && *q >= '0' && *q <= '9')
		q++;
	if (q == start || *start == '0' || parse_u32(start, (size_t)(q - start), ret) < 0)
		return -EBADMSG;

	*p = q;
	return 0;
}

/* One element, "7" or "3:5" or "5:3". */
static int take_element(const char **p, const char *end, struct seqrange *ret)
{
	uint32_t a, b;
	int r;

	r = take_number(p, end, &a);
	if (r < 0)
		return r;

	b = a;
	if (*p < end && **p == ':') {
		(*p)++;
		r = take_number(p, end, &b);
		if (r < 0)
			return r;
	}
	*ret = (struct seqrange){.first = MIN_OF(a, b), .last = MAX_OF(a, b)};
	return 0;
}

static int by_first(const void *pa, const void *pb)
{
	const struct seqrange *a = pa, *b = pb;

	return (a->first > b->first) - (a->first < b->first);
}

/* Sort and melt the n elements of a list into a set, in place. Adding them one by one would
 * let a list in descending order cost its square. */
static size_t melt(struct seqrange *v, size_t n)
{
	struct seqset s = {.r = v, .cap = n};

	for (size_t i = 1; i < n; i++)
		if (v[i].first < v[i - 1].first) {
			qsort(v, n, sizeof(*v), by_first);
			break;
		}
	for (size_t i = 0; i < n; i++)
		(void)seqset_add(&s, v[i].first, v[i].last); /* in place: needs no memory */
	return s.n;
}

int seqset_parse(const char *s, size_t n, struct seqset *ret)
{
	_cleanup_(freep) struct seqrange *v = NULL;
	const char *p = s, *end;
	size_t elements = 1, i = 0;
	int r;

	if (n == 0)
		return -EBADMSG;

	end = s + n;
	for (const char *q = s; (q = memchr(q, ',', (size_t)(end - q))); q++)
		elements++;
	if (elements > SEQSET_RANGES_MAX)
		return -EMSGSIZE;

	v = reallocarray(NULL, elements, sizeof(*v));
	if (!v)
		return -ENOMEM;

	for (;;) {
		r = take_element(&p, end, &v[i]);
		if (r < 0)
			return r;
		i++;
		if (p == end)
			break;
		if (*p++ != ',')
			return -EBADMSG;
	}

	if (!ret)
		return 0;

	seqset_done(ret);
	ret->n = melt(v, i);
	ret->cap = elements;
	ret->r = STEAL(v);
	return 0;
}
