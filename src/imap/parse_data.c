/* SPDX-License-Identifier: Apache-2.0 */
/* What responses tell: FETCH, LIST, STATUS, QUOTA, NAMESPACE, ID, SEARCH, APPENDUID. */
#include <mailmig/text.h>
#include <string.h>
#include <strings.h>

#include "framer.h"
#include "parse.h"

/* Two digits of a date whose form was checked; a blank counts as zero. */
static unsigned two_digits(const char *s)
{
	return (*s == ' ' ? 0 : (unsigned)(*s - '0') * 10) + (unsigned)(s[1] - '0');
}

/* A server may take the command that carries such a date for nonsense, and the message behind
 * it for commands. */
static bool is_on_a_calendar(const char *s)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day = two_digits(s);

	for (const char *m = months; *m; m += 3)
		if (text_ieqn(s + 3, 3, (const char[]){m[0], m[1], m[2], '\0'}))
			return day >= 1 && day <= 31 && two_digits(s + 12) <= 23 &&
			       two_digits(s + 15) <= 59 && two_digits(s + 18) <= 60 &&
			       two_digits(s + 22) <= 23 && two_digits(s + 24) <= 59;
	return false;
}

bool imap_date_ok(const char *s, size_t n)
{
	static const char form[] = "dd-aaa-dddd dd:dd:dd sdddd";

	if (n != sizeof(form) - 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];
		bool digit = ch >= '0' && ch <= '9';

		switch (form[i]) {
		case 'd':
			if (!digit && !(i == 0 && ch == ' '))
				return false;
			break;
		case 'a':
			if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')))
				return false;
			break;
		case 's':
			if (ch != '+' && ch != '-')
				return false;
			break;
		default:
			if (ch != (unsigned char)form[i])
				return false;
		}
	}
	return is_on_a_calendar(s);
}

static int fetch_modseq(struct imap_cursor *c, uint64_t *ret)
{
	if (!imap_take_char(c, '(') || imap_take_u64(c, ret) < 0 || !imap_take_char(c, ')'))
		return -EPROTO;
	return 0;
}

static int fetch_date(struct imap_cursor *c, struct buf *scratch, struct imap_fetch *f)
{
	struct imap_str s;
	int r = imap_take_string(c, scratch, &s);

	if (r < 0)
		return r;
	if (!s.p || !imap_date_ok(s.p, s.n))
		return 0; /* a date that is none is left out, the message is not */
	memcpy(f->date, s.p, s.n);
	f->date[s.n] = '\0';
	f->has_date = true;
	return 0;
}

static int fetch_labels(struct imap_cursor *c, struct imap_fetch *f)
{
	struct imap_cursor all = {.p = c->p};
	int r = imap_skip_value(c);

	if (r < 0)
		return r;
	if (c->p - all.p < 2 || *all.p != '(')
		return 0; /* NIL: not told */
	f->labels = (struct imap_cursor){.p = all.p + 1, .end = c->p - 1};
	return 0;
}

static int fetch_item(struct imap_cursor *c, const struct imap_str *item, struct buf *scratch,
		      struct imap_fetch *f)
{
	if (imap_str_is(item, "UID"))
		return imap_take_u32(c, &f->uid);
	if (imap_str_is(item, "FLAGS")) {
		f->has_flags = true;
		return imap_take_flag_list(c, &f->flags);
	}
	if (imap_str_is(item, "RFC822.SIZE")) {
		f->has_size = true;
		if (imap_take_u64(c, &f->size) < 0)
			return -EPROTO;
		f->size = MIN_OF(f->size, IMAP_BODY_MAX + 1);
		return 0;
	}
	if (imap_str_is(item, "MODSEQ")) {
		f->has_modseq = true;
		return fetch_modseq(c, &f->modseq);
	}
	if (imap_str_is(item, "INTERNALDATE"))
		return fetch_date(c, scratch, f);
	if (imap_str_is(item, "BODY[]")) {
		f->has_body = true;
		return imap_take_string(c, scratch, &f->body);
	}
	if (item->n > 18 && strncasecmp(item->p, "BODY[HEADER.FIELDS", 18) == 0) {
		f->has_header = true;
		return imap_take_string(c, scratch, &f->header);
	}
	if (imap_str_is(item, "X-GM-LABELS"))
		return fetch_labels(c, f);
	return imap_skip_value(c);
}

int imap_take_label(struct imap_cursor *c, struct buf *scratch, struct imap_str *ret)
{
	const char *start;
	int r;

	imap_skip_blanks(c);
	if (c->p >= c->end)
		return 0;
	start = c->p;
	r = imap_take_string(c, scratch, ret);
	if (r < 0)
		return r;
	if (c->p == start || ret->external)
		return -EPROTO;
	if (!ret->p) /* a label may be called so */
		*ret = (struct imap_str){.p = start, .n = (size_t)(c->p - start)};
	return 1;
}

/* All unescaped strings together are no longer than the line: with so much room at once none of
 * them will move. */
static int empty_scratch(struct buf *scratch, const struct imap_cursor *c)
{
	buf_reset(scratch);
	return buf_reserve(scratch, (size_t)(c->end - c->p) + 1);
}

int imap_parse_fetch(const struct imap_resp *r, struct buf *scratch, struct imap_fetch *ret)
{
	struct imap_fetch f = {0};
	struct imap_cursor c = r->rest;
	int e;

	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	if (!imap_take_char(&c, '('))
		return -EPROTO;
	imap_skip_blanks(&c);
	while (!imap_take_char(&c, ')')) {
		struct imap_str item = imap_take_word(&c, true);

		if (item.n == 0)
			return -EPROTO;
		imap_skip_blanks(&c);
		e = fetch_item(&c, &item, scratch, &f);
		if (e < 0)
			return e;
		imap_skip_blanks(&c);
	}
	*ret = f;
	return 0;
}

int imap_parse_list(const struct imap_resp *r, struct buf *scratch, struct imap_list *ret)
{
	struct imap_list l = {0};
	struct imap_cursor c = r->rest;
	struct imap_str delim;
	int e;

	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	e = imap_take_flag_list(&c, &l.flags);
	if (e < 0)
		return e;
	imap_skip_blanks(&c);
	e = imap_take_string(&c, scratch, &delim);
	if (e < 0)
		return e;
	if (delim.p && delim.n != 1)
		return -EPROTO;
	l.delim = delim.p ? *delim.p : '\0';
	imap_skip_blanks(&c);
	/* A mailbox may be called NIL: as an atom it is a name here. */
	if (c.end - c.p == 3 && strncasecmp(c.p, "NIL", 3) == 0) {
		l.name = (struct imap_str){.p = c.p, .n = 3};
	} else {
		e = imap_take_string(&c, scratch, &l.name);
		if (e < 0)
			return e;
	}
	if (!l.name.p || l.name.external)
		return -EPROTO;
	*ret = l;
	return 0;
}

/* A name and the beginning of the list that follows it. */
static int begin_named_list(const struct imap_resp *resp, struct buf *scratch,
			    struct imap_cursor *ret, struct imap_str *ret_name)
{
	struct imap_cursor c = resp->rest;

	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	if (imap_take_string(&c, scratch, ret_name) < 0)
		return -EPROTO;
	imap_skip_blanks(&c);
	if (!imap_take_char(&c, '('))
		return -EPROTO;
	imap_skip_blanks(&c);
	*ret = c;
	return 0;
}

int imap_parse_status(const struct imap_resp *resp, struct buf *scratch,
		      struct imap_str *ret_name, struct folder_status *ret)
{
	struct folder_status st = {0};
	bool messages = false;
	struct imap_cursor c;
	int r;

	r = begin_named_list(resp, scratch, &c, ret_name);
	if (r < 0)
		return r;
	if (!ret_name->p)
		return -EPROTO;
	while (!imap_take_char(&c, ')')) {
		struct imap_str item = imap_take_word(&c, false);
		uint64_t v = 0; /* also for NIL: no limit (RFC 7889 §3) */

		imap_skip_blanks(&c);
		if (item.n == 0 ||
		    (imap_take_u64(&c, &v) < 0 &&
		     (!imap_str_is(&item, "APPENDLIMIT") || imap_take_word(&c, false).n != 3)))
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_str_is(&item, "HIGHESTMODSEQ"))
			st.modseq = v;
		else if (imap_str_is(&item, "SIZE"))
			st.bytes = v <= IMAP_MAILBOX_MAX ? v : 0;
		else if (imap_str_is(&item, "APPENDLIMIT"))
			st.append_limit = v;
		else if (v > UINT32_MAX)
			continue;
		else if (imap_str_is(&item, "UIDNEXT"))
			st.uidnext = (uint32_t)v;
		else if (imap_str_is(&item, "UIDVALIDITY"))
			st.uidvalidity = (uint32_t)v;
		else if (imap_str_is(&item, "MESSAGES")) {
			st.messages = (uint32_t)v;
			messages = true;
		}
	}
	st.known = messages && st.uidvalidity && st.uidnext;
	*ret = st;
	return 0;
}

int imap_parse_quota(const struct imap_resp *resp, struct buf *scratch,
		     struct imap_quota_root *ret)
{
	struct imap_quota_root q = {0};
	struct imap_cursor c;
	int r;
	struct imap_str root;

	r = begin_named_list(resp, scratch, &c, &root);
	if (r < 0)
		return r;
	while (!imap_take_char(&c, ')')) {
		struct imap_str name = imap_take_word(&c, false);
		uint64_t used, limit;

		imap_skip_blanks(&c);
		if (name.n == 0 || imap_take_u64(&c, &used) < 0)
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_take_u64(&c, &limit) < 0)
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_str_is(&name, "STORAGE")) {
			q.has_storage = true;
			q.storage_used = used;
			q.storage_limit = limit;
		} else if (imap_str_is(&name, "MESSAGE")) {
			q.has_messages = true;
			q.messages_used = used;
			q.messages_limit = limit;
		}
	}
	*ret = q;
	return 0;
}

int imap_parse_namespace(const struct imap_resp *r, struct buf *scratch,
			 struct imap_str *ret_prefix, char *ret_delim)
{
	struct imap_cursor c = r->rest;
	struct imap_str prefix = {.p = ""}, delim = {0};

	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	if (imap_take_char(&c, '(')) {
		if (!imap_take_char(&c, '(') || imap_take_string(&c, scratch, &prefix) < 0 ||
		    !prefix.p)
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_take_string(&c, scratch, &delim) < 0 || (delim.p && delim.n != 1))
			return -EPROTO;
	}
	*ret_prefix = prefix;
	*ret_delim = delim.p ? *delim.p : '\0';
	return 0;
}

int imap_parse_id(const struct imap_resp *r, struct buf *scratch, struct imap_id *ret)
{
	struct imap_cursor c = r->rest;
	struct imap_id id = {0};

	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	if (c.end - c.p == 3 && strncasecmp(c.p, "NIL", 3) == 0) {
		*ret = id;
		return 0;
	}
	if (!imap_take_char(&c, '('))
		return -EPROTO;
	imap_skip_blanks(&c);
	for (size_t i = 0; i < IMAP_ID_PAIRS_MAX && !imap_take_char(&c, ')'); i++) {
		struct imap_str key, value;

		if (imap_take_string(&c, scratch, &key) < 0)
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_take_string(&c, scratch, &value) < 0 || value.external)
			return -EPROTO;
		imap_skip_blanks(&c);
		if (imap_str_is(&key, "name"))
			id.name = value;
	}
	*ret = id;
	return 0;
}

/* " 2 84 882 (MODSEQ 917162500)": as a set, which is sorted in one go whatever the order. */
static int search_numbers(struct imap_cursor c, struct buf *scratch, struct seqset *set)
{
	for (imap_skip_blanks(&c); c.p < c.end && *c.p != '('; imap_skip_blanks(&c)) {
		struct imap_str number = imap_take_word(&c, false);

		if (number.n == 0)
			return -EPROTO;
		if ((scratch->len > 0 && buf_add(scratch, ",", 1) < 0) ||
		    buf_add(scratch, number.p, number.n) < 0)
			return -ENOMEM;
	}
	return scratch->len == 0 ? 0 : seqset_parse(scratch->p, scratch->len, set);
}

/* `(TAG "A285") UID ALL 4:18,21,28 COUNT 17`; without ALL nothing was found. */
static int search_data(struct imap_cursor c, struct buf *scratch, struct imap_str *ret_tag,
		       struct seqset *set)
{
	bool uid = false;
	int r = 0;

	imap_skip_blanks(&c);
	if (imap_take_char(&c, '(')) {
		struct imap_str word = imap_take_word(&c, false);

		imap_skip_blanks(&c);
		if (!imap_str_is(&word, "TAG") || imap_take_string(&c, scratch, ret_tag) < 0 ||
		    !imap_take_char(&c, ')'))
			return -EPROTO;
	}
	for (imap_skip_blanks(&c); r == 0 && c.p < c.end; imap_skip_blanks(&c)) {
		struct imap_str word = imap_take_word(&c, false), value;

		imap_skip_blanks(&c);
		if (word.n == 0)
			return -EPROTO;
		if (imap_str_is(&word, "UID")) {
			uid = true;
		} else if (imap_str_is(&word, "ALL")) {
			value = imap_take_word(&c, false);
			r = seqset_parse(value.p, value.n, set);
		} else {
			r = imap_skip_value(&c);
		}
	}
	return r < 0 ? r : uid ? 0 : -EPROTO;
}

int imap_parse_search(const struct imap_resp *r, struct buf *scratch, struct imap_str *ret_tag,
		      struct seqset *set)
{
	struct imap_cursor c = r->rest;
	int e;

	*ret_tag = (struct imap_str){0};
	seqset_reset(set);
	if (empty_scratch(scratch, &c) < 0)
		return -ENOMEM;
	e = imap_str_is(&r->word, "ESEARCH") ? search_data(c, scratch, ret_tag, set)
					     : search_numbers(c, scratch, set);
	return e == 0 || e == -ENOMEM ? e : -EPROTO;
}

int imap_parse_appenduid(struct imap_cursor rest, uint32_t *ret_uidvalidity, struct seqset *set)
{
	int r;

	if (imap_take_u32(&rest, ret_uidvalidity) < 0 || !imap_take_char(&rest, ' '))
		return -EPROTO;
	seqset_reset(set);
	r = seqset_parse(rest.p, (size_t)(rest.end - rest.p), set);
	return r == -ENOMEM ? r : r < 0 ? -EPROTO : 0;
}
