/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <imap/framer.h>
#include <imap/parse.h>

/* Input: one octet that says in what pieces the rest, a server's octets, arrives. Each way of
 * cutting gives the same events; every response goes through all parsers, whatever it is, and
 * so do the octets as they are. */

/* Where the octets of a result may lie. */
struct places {
	const struct buf *line, *scratch;
};

static bool lies_in(const struct buf *b, const char *p, size_t n)
{
	return b->p && p >= b->p && n <= b->len && (size_t)(p - b->p) <= b->len - n;
}

static void check_str(const struct places *in, struct imap_str s)
{
	REQUIRE(s.p || s.n == 0);
	REQUIRE(s.n == 0 || lies_in(in->line, s.p, s.n) || lies_in(in->scratch, s.p, s.n));
}

static void check_cursor(const struct places *in, struct imap_cursor c)
{
	REQUIRE(c.p <= c.end);
	REQUIRE(c.p == c.end || lies_in(in->line, c.p, (size_t)(c.end - c.p)));
}

static void parse_fetch(const struct imap_resp *r, const struct places *in, struct buf *scratch)
{
	struct imap_fetch f;

	if (imap_parse_fetch(r, scratch, &f) < 0)
		return;
	check_str(in, f.flags);
	check_str(in, f.header);
	check_str(in, f.body);
	REQUIRE(f.size <= IMAP_BODY_MAX + 1);
	REQUIRE(!f.has_date || imap_date_ok(f.date, strnlen(f.date, sizeof(f.date))));
}

static void parse_folders(const struct imap_resp *r, const struct places *in,
			  struct buf *scratch)
{
	struct imap_quota_root quota;
	struct imap_id id;
	struct folder_status status;
	struct imap_list list;
	struct imap_str s;
	char delim;

	if (imap_parse_list(r, scratch, &list) == 0) {
		check_str(in, list.flags);
		check_str(in, list.name);
	}
	if (imap_parse_status(r, scratch, &s, &status) == 0) {
		check_str(in, s);
		REQUIRE(status.bytes <= IMAP_MAILBOX_MAX);
	}
	if (imap_parse_id(r, scratch, &id) == 0)
		check_str(in, id.name);
	if (imap_parse_namespace(r, scratch, &s, &delim) == 0)
		check_str(in, s);
	if (imap_parse_quota(r, scratch, &quota) == 0)
		REQUIRE(quota.has_storage || quota.storage_limit == 0);
}

static void parse_sets(const struct imap_resp *r, const struct places *in)
{
	_cleanup_(seqset_done) struct seqset set = {0};
	struct imap_cursor rest;
	uint32_t uidvalidity;

	if (imap_code_is(r, "APPENDUID", &rest)) {
		check_cursor(in, rest);
		if (imap_parse_appenduid(rest, &uidvalidity, &set) == 0)
			REQUIRE(seqset_count(&set) > 0);
	}
}

/* All parsers over one line. It is copied to where it ends with its NUL, so that a step beyond
 * is seen. */
static void parse_line(const char *text, size_t n)
{
	_cleanup_(buf_done) struct buf copy = {.p = malloc(n + 1), .len = n, .cap = n + 1};
	const struct buf *line = &copy;
	_cleanup_(buf_done) struct buf scratch = {0};
	const struct places in = {.line = line, .scratch = &scratch};
	struct imap_cursor c;
	struct imap_resp r;
	struct imap_str s;

	REQUIRE(copy.p);
	memcpy(copy.p, text, n);
	copy.p[n] = '\0';
	if (imap_parse_response(line, &r) < 0)
		return;
	check_str(&in, r.tag);
	check_str(&in, r.word);
	check_str(&in, r.code);
	check_cursor(&in, r.rest);

	parse_fetch(&r, &in, &scratch);
	parse_folders(&r, &in, &scratch);
	parse_sets(&r, &in);

	c = r.rest;
	while (c.p < c.end && imap_skip_value(&c) == 0)
		imap_skip_blanks(&c);
	check_cursor(&in, c);

	buf_reset(&scratch);
	c = r.rest;
	if (imap_take_string(&c, &scratch, &s) == 0)
		check_str(&in, s);
	check_cursor(&in, c);
}

/* One event, so that two records are equal when the same happened. The data of a body may come
 * in other pieces, and stands without any mark of them. */
static void note(struct buf *record, const struct imap_framer *f, int event)
{
	int r = 0;

	switch (event) {
	case IMAP_EVENT_RESPONSE:
		r = buf_addf(record, "\nresponse %zu ", f->line.len);
		if (r == 0)
			r = buf_add(record, buf_str(&f->line), f->line.len);
		break;
	case IMAP_EVENT_BODY:
		r = buf_addf(record, "\nbody %llu ", (unsigned long long)f->body_size);
		break;
	case IMAP_EVENT_DATA:
		r = buf_add(record, f->data, f->n);
		break;
	case IMAP_EVENT_BODY_END:
		r = buf_adds(record, "\nend");
		break;
	default:
		r = buf_addf(record, "\nerror %d", event);
	}
	REQUIRE(r == 0);
}

/* The octets of one arrival, from memory that ends with them. False after an error. */
static bool push(struct imap_framer *f, const uint8_t *data, size_t n, struct buf *record,
		 bool parse)
{
	_cleanup_(freep) uint8_t *copy = malloc(n);
	size_t at = 0;

	REQUIRE(copy);
	memcpy(copy, data, n);
	for (;;) {
		size_t used = 0;
		int event = imap_framer_push(f, copy + at, n - at, &used);

		REQUIRE(used <= n - at);
		at += used;
		if (event == IMAP_EVENT_MORE) {
			REQUIRE(at == n);
			return true;
		}
		REQUIRE(event != IMAP_EVENT_DATA ||
			(f->n > 0 && f->data >= copy && f->data + f->n == copy + at));
		note(record, f, event);
		if (event < 0)
			return false;
		if (event == IMAP_EVENT_RESPONSE && parse)
			parse_line(buf_str(&f->line), f->line.len);
	}
}

static void feed(const uint8_t *data, size_t n, size_t piece, struct buf *record, bool parse)
{
	_cleanup_(imap_framer_done) struct imap_framer f = {0};

	for (size_t i = 0; i < n; i += piece)
		if (!push(&f, data + i, MIN_OF(piece, n - i), record, parse))
			return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf whole = {0}, pieces = {0}, octets = {0};

	if (n < 2)
		return 0;
	/* The parsers rely on nothing that the framer sees to. */
	parse_line((const char *)data + 1, n - 1);
	feed(data + 1, n - 1, n, &whole, true);
	feed(data + 1, n - 1, 1 + data[0] % 64, &pieces, false);
	feed(data + 1, n - 1, 1, &octets, false);
	REQUIRE(buf_same(&whole, &pieces));
	REQUIRE(buf_same(&whole, &octets));
	return 0;
}
