/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are against the rules, octet by octet: the header is held in memory, the body
 * passes through. */
#include <string.h>

#include "repair_internal.h"

#define CHUNK      4096
#define MARKER_MAX 32

int repair_names(unsigned repairs, struct buf *out)
{
	static const char *const names[REPAIR_N] = {"bare line ends", "NUL octets",
						    "8-bit octets in the header",
						    "overlong lines", "a header that is none"};
	const char *comma = "";
	int r = 0;

	for (unsigned i = 0; i < REPAIR_N && r == 0; i++) {
		if (!(repairs & 1U << i))
			continue;
		r = buf_addf(out, "%s%s", comma, names[i]);
		comma = ", ";
	}
	return r;
}

typedef int (*octets_fn)(void *userdata, const char *p, size_t n);

static int each_chunk(const struct spool *s, octets_fn fn, void *userdata)
{
	char chunk[CHUNK];
	uint64_t at = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = spool_read_at(s, at, chunk, sizeof(chunk))) != 0) {
		if (n < 0)
			return (int)n;
		r = fn(userdata, chunk, (size_t)n);
		at += (uint64_t)n;
	}
	return r;
}

/* ---- looking ---- */

struct look {
	unsigned found;
	bool in_body, long_in_body, is_sealed;
	uint64_t header_size;
	uint64_t line; /* octets of the line so far, without NUL */
	struct field field;
	size_t n_cr;           /* just before */
	char tail[MARKER_MAX]; /* of the octets before, in lower case */
	size_t n_tail;
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* Somebody vouched for these octets as they are: breaking their lines would break that. */
static void look_for_seal(struct look *l, const char *p, size_t n)
{
	static const char *const seals[] = {"multipart/signed", "multipart/encrypted",
					    "pkcs7-mime", "-----begin pgp "};
	char text[MARKER_MAX + CHUNK];
	size_t total = l->n_tail + n, keep = MIN_OF(total, (size_t)MARKER_MAX);

	memcpy(text, l->tail, l->n_tail);
	for (size_t i = 0; i < n; i++)
		text[l->n_tail + i] = lower(p[i]);
	for (size_t i = 0; i < ELEMENTS(seals); i++)
		if (memmem(text, total, seals[i], strlen(seals[i])))
			l->is_sealed = true;
	memcpy(l->tail, text + total - keep, keep);
	l->n_tail = keep;
}

static void end_line(struct look *l)
{
	if (l->line > REPAIR_LINE_MAX && l->in_body)
		l->long_in_body = true;
	else if (l->line > REPAIR_LINE_MAX)
		l->found |= REPAIR_LONG_LINES;
	l->line = 0;
}

/* CR octets that no LF follows. */
static void lone_cr(struct look *l)
{
	if (l->n_cr == 0)
		return;
	l->found |= REPAIR_LINE_ENDS;
	if (l->in_body)
		end_line(l);
	else
		l->line += l->n_cr;
	if (!l->in_body)
		repair_field_octet(&l->field, ' ');
	l->n_cr = 0;
}

static void look_at(struct look *l, char c)
{
	if (c == '\0') {
		l->found |= REPAIR_NUL;
		return;
	}
	if (c == '\r') {
		l->n_cr++;
		return;
	}
	if (c == '\n') {
		bool empty = l->line == 0;

		if (l->n_cr != 1)
			l->found |= REPAIR_LINE_ENDS;
		l->n_cr = 0;
		if (!l->in_body && !repair_field_end(&l->field))
			l->found |= REPAIR_HEADER_FORM;
		end_line(l);
		l->in_body = l->in_body || empty;
		return;
	}
	lone_cr(l);
	l->line++;
	if (l->in_body)
		return;
	if ((unsigned char)c > 127)
		l->found |= REPAIR_HEADER_8BIT;
	repair_field_octet(&l->field, c);
}

static int look_at_chunk(void *userdata, const char *p, size_t n)
{
	struct look *l = userdata;

	look_for_seal(l, p, n);
	for (size_t i = 0; i < n; i++) {
		l->header_size += !l->in_body;
		look_at(l, p[i]);
	}
	return 0;
}

int repair_look(const struct spool *body, unsigned *ret)
{
	struct look l = {0};
	int r;

	r = each_chunk(body, look_at_chunk, &l);
	if (r < 0)
		return r;
	lone_cr(&l);
	if (!l.in_body && l.line > 0)
		l.found |= REPAIR_HEADER_FORM;
	end_line(&l);
	if (l.long_in_body && !l.is_sealed)
		l.found |= REPAIR_LONG_LINES;
	if (l.header_size > REPAIR_HEADER_MAX)
		l.found &= REPAIR_LINE_ENDS | REPAIR_NUL;
	*ret = l.found;
	return 0;
}

/* ---- mending ---- */

struct mend {
	unsigned repairs;
	bool break_body;
	octets_fn sink;
	void *userdata;

	size_t n_cr; /* held back: what follows decides what they are */
	bool in_body;
	struct buf header;
	char line[REPAIR_LINE_MAX]; /* of the body, where lines are broken */
	size_t n_line;
	bool cr; /* of the line in hand */
};

static bool is_rest_of_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

static int put(struct mend *m, const char *p, size_t n)
{
	return n > 0 ? m->sink(m->userdata, p, n) : 0;
}

/* The line is full: break it behind its last blank, else between two characters. */
static int break_line(struct mend *m, char next)
{
	size_t n = m->n_line;
	int r;

	while (n > 1 && m->line[n - 1] != ' ' && m->line[n - 1] != '\t')
		n--;
	if (n == 1) {
		n = m->n_line;
		for (int i = 0; i < 3 && is_rest_of_character(next); i++)
			next = m->line[--n];
		n = is_rest_of_character(next) ? m->n_line : n; /* no UTF-8 */
	}
	r = put(m, m->line, n);
	if (r == 0)
		r = put(m, "\r\n", 2);
	m->n_line -= n;
	memmove(m->line, m->line + n, m->n_line);
	return r;
}

static int add_to_line(struct mend *m, char c)
{
	int r = m->n_line == sizeof(m->line) ? break_line(m, c) : 0;

	m->line[m->n_line++] = c;
	return r;
}

static int body_octet(struct mend *m, char c)
{
	int r = 0;

	if (!m->break_body)
		return put(m, &c, 1);
	if (c == '\n') {
		r = put(m, m->line, m->n_line);
		if (r == 0)
			r = m->cr ? put(m, "\r\n", 2) : put(m, "\n", 1);
		m->n_line = 0;
		m->cr = false;
		return r;
	}
	if (m->cr) /* it stood alone */
		r = add_to_line(m, '\r');
	m->cr = c == '\r';
	return r < 0 || m->cr ? r : add_to_line(m, c);
}

static int end_header(struct mend *m)
{
	_cleanup_(buf_done) struct buf mended = {0};
	const char *header = buf_str(&m->header);
	size_t n = m->header.len;
	int r = 0;

	m->in_body = true;
	if (m->repairs & REPAIR_HEADER_FORM)
		n = repair_header_size(header, n);
	if (m->repairs & (REPAIR_HEADER_8BIT | REPAIR_LONG_LINES)) {
		r = repair_header(header, n, m->repairs, &mended);
		r = r < 0 ? r : put(m, buf_str(&mended), mended.len);
	} else {
		r = put(m, header, n);
	}
	/* Here the header ends: with its line, or before one that is no field. */
	if (r == 0 && m->repairs & REPAIR_HEADER_FORM &&
	    (n < m->header.len || (n > 0 && header[n - 1] != '\n')))
		r = put(m, "\r\n", 2);
	for (size_t i = n; r == 0 && i < m->header.len; i++)
		r = body_octet(m, header[i]);
	return r;
}

static int header_octet(struct mend *m, char c)
{
	const struct buf *h = &m->header;
	bool empty;

	if (buf_addc(&m->header, c) < 0)
		return -ENOMEM;
	if (h->len >= REPAIR_HEADER_MAX) {
		m->in_body = true; /* only what needs no memory is mended: see repair_look() */
		return put(m, h->p, h->len);
	}
	if (c != '\n')
		return 0;
	empty = h->len == 1 || h->p[h->len - 2] == '\n' ||
		(h->p[h->len - 2] == '\r' && (h->len == 2 || h->p[h->len - 3] == '\n'));
	return empty ? end_header(m) : 0;
}

static int pass(struct mend *m, char c)
{
	return m->in_body ? body_octet(m, c) : header_octet(m, c);
}

static int pass_text(struct mend *m, const char *s)
{
	int r = 0;

	for (; r == 0 && *s; s++)
		r = pass(m, *s);
	return r;
}

/* CR octets that no LF follows. */
static int pass_lone_cr(struct mend *m)
{
	int r = 0;

	for (; r == 0 && m->n_cr > 0; m->n_cr--)
		r = pass_text(m, m->in_body ? "\r\n" : " ");
	return r;
}

static int mend_octet(struct mend *m, char c)
{
	int r;

	if (c == '\0' && (m->repairs & REPAIR_NUL))
		return 0;
	if (!(m->repairs & REPAIR_LINE_ENDS))
		return pass(m, c);
	if (c == '\r') {
		m->n_cr++;
		return 0;
	}
	if (c == '\n') {
		m->n_cr = 0;
		return pass_text(m, "\r\n");
	}
	r = pass_lone_cr(m);
	return r < 0 ? r : pass(m, c);
}

static int mend_chunk(void *userdata, const char *p, size_t n)
{
	struct mend *m = userdata;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = mend_octet(m, p[i]);
	return r;
}

static int mend_all(const struct spool *body, struct mend *m)
{
	int r;

	r = each_chunk(body, mend_chunk, m);
	if (r == 0)
		r = pass_lone_cr(m);
	if (r == 0 && !m->in_body)
		r = end_header(m);
	if (r == 0)
		r = put(m, m->line, m->n_line);
	if (r == 0 && m->cr)
		r = put(m, "\r", 1);
	buf_done(&m->header);
	return r;
}

static int count_octets(void *userdata, const char *p, size_t n)
{
	*(uint64_t *)userdata += n;
	return 0;
}

static int keep_octets(void *userdata, const char *p, size_t n)
{
	return spool_write(userdata, p, n);
}

/* Twice over the octets: how many they become has to be known before they are kept. */
int repair_message(const struct spool *body, unsigned repairs, struct spool_pool *pool,
		   struct spool **ret)
{
	_cleanup_(spool_unrefp) struct spool *out = NULL;
	struct look l = {0};
	struct mend m;
	uint64_t size = 0;
	int r;

	r = each_chunk(body, look_at_chunk, &l);
	if (r < 0)
		return r;
	m = (struct mend){.repairs = repairs,
			  .break_body = (repairs & REPAIR_LONG_LINES) && !l.is_sealed,
			  .sink = count_octets,
			  .userdata = &size};
	r = mend_all(body, &m);
	if (r == 0)
		r = spool_new(pool, size, &out);
	if (r < 0)
		return r;
	m = (struct mend){.repairs = repairs,
			  .break_body = m.break_body,
			  .sink = keep_octets,
			  .userdata = out};
	r = mend_all(body, &m);
	if (r == 0)
		*ret = STEAL(out);
	return r;
}
