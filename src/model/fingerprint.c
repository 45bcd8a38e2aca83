/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/buf.h>
#include <mailmig/fingerprint.h>
#include <openssl/evp.h>

#include "header_field.h"

/* The order here is the order in the digest, whatever the order in the header: some servers
 * sort fields anew. */
static const struct {
	const char *name;
	char mark;
} fields[] = {
	{"Message-ID", 'm'},
	{"Date", 'd'},
	{"From", 'f'},
	{"Subject", 's'},
};

/* What servers change: 8-bit octets and NUL, each of them or a character's worth, into '?',
 * U+FFFD or other 8-bit octets. */
static bool is_doubtful(char c)
{
	return (unsigned char)c > 127 || c == '\0' || c == '?';
}

/* Append the value between p and end in its plain form. Room for its octets is there already.
 */
static void add_value(struct buf *b, const char *p, const char *end)
{
	const size_t start = b->len;
	char *out = b->p + b->len;
	bool blank = false;

	for (; p < end; p++) {
		char c = is_doubtful(*p) ? '?' : *p;

		if (is_blank(c)) {
			blank = true;
			continue;
		}
		if (blank && out > b->p + start)
			*out++ = ' ';
		else if (c == '?' && out > b->p + start && out[-1] == '?')
			continue;
		*out++ = c;
		blank = false;
	}
	*out = '\0';
	b->len = (size_t)(out - b->p);
}

/* Append all fields of one name, each as mark, value, newline: a value has no newline, so that
 * two different headers never make the same text. Tells whether one of them says something. */
static int add_fields(struct buf *b, const char *p, const char *end, const char *name,
		      char mark, bool *ret_said)
{
	const char *field;
	size_t n;
	int r;

	*ret_said = false;
	while (next_field(&p, end, &field, &n)) {
		const char *value = field_value(field, n, name);
		size_t before;

		if (!value)
			continue;

		r = buf_reserve(b, n + 2);
		if (r < 0)
			return r;
		(void)buf_addc(b, mark); /* there is room */
		before = b->len;
		add_value(b, value, field + n);
		*ret_said = *ret_said || b->len > before;
		(void)buf_addc(b, '\n');
	}
	return 0;
}

int fingerprint_header(const char *header, size_t n, struct fingerprint *ret)
{
	_cleanup_(buf_done) struct buf text = {0};
	unsigned char digest[EVP_MAX_MD_SIZE];
	const char *end;
	bool said, has_message_id = false;
	int r;

	if (n == 0)
		header = "";
	end = header + MIN_OF(n, (size_t)FINGERPRINT_HEADER_MAX);

	for (size_t i = 0; i < ELEMENTS(fields); i++) {
		r = add_fields(&text, header, end, fields[i].name, fields[i].mark, &said);
		if (r < 0)
			return r;
		if (i == 0)
			has_message_id = said;
	}

	/* The only way for a digest of memory to fail is to have no memory. */
	if (EVP_Digest(buf_str(&text), text.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return -ENOMEM;

	memcpy(ret->id, digest, FINGERPRINT_OCTETS);
	ret->has_message_id = has_message_id;
	return 0;
}

int fingerprint_body(const struct spool *body, struct fingerprint *ret)
{
	char first[16 * 1024];
	ssize_t n = spool_read_at(body, 0, first, sizeof(first));
	_cleanup_(freep) char *more = NULL;

	if (n < 0)
		return (int)n;
	if ((uint64_t)n == spool_size(body) || memmem(first, (size_t)n, "\r\n\r\n", 4) ||
	    memmem(first, (size_t)n, "\n\n", 2))
		return fingerprint_header(first, (size_t)n, ret);

	more = malloc(FINGERPRINT_HEADER_MAX);
	if (!more)
		return -ENOMEM;
	n = spool_read_at(body, 0, more, FINGERPRINT_HEADER_MAX);
	return n < 0 ? (int)n : fingerprint_header(more, (size_t)n, ret);
}
