/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/message_text.h>
#include <openssl/evp.h>
#include <string.h>

struct message_text {
	EVP_MD_CTX *md;
	bool in_text;
	bool line_begun;   /* of the header: it is not the empty one */
	bool said;         /* there was something */
	uint64_t newlines; /* not taken yet: what follows tells whether they count */
};

int message_text_new(struct message_text **ret)
{
	_cleanup_(message_text_freep) struct message_text *t = calloc(1, sizeof(*t));

	if (!t || !(t->md = EVP_MD_CTX_new()))
		return -ENOMEM;
	*ret = STEAL(t);
	return 0;
}

struct message_text *message_text_free(struct message_text *t)
{
	if (t)
		EVP_MD_CTX_free(t->md);
	free(t);
	return NULL;
}

int message_text_begin(struct message_text *t)
{
	*t = (struct message_text){.md = t->md};
	return EVP_DigestInit_ex(t->md, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

/* Past the header, as far as it goes. */
static const char *skip_header(struct message_text *t, const char *p, const char *end)
{
	while (p < end && !t->in_text) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		const char *stop = lf ? lf : end;

		for (const char *q = p; q < stop && !t->line_begun; q++)
			t->line_begun = *q != '\r';
		p = stop;
		if (!lf)
			break;
		t->in_text = !t->line_begun;
		t->line_begun = false;
		p++;
	}
	return p;
}

static int put_newlines(struct message_text *t)
{
	static const char many[] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";

	for (; t->newlines > 0; t->newlines -= MIN_OF(t->newlines, sizeof(many) - 1))
		if (EVP_DigestUpdate(t->md, many, MIN_OF(t->newlines, sizeof(many) - 1)) != 1)
			return -ENOMEM;
	return 0;
}

/* Octets of one line, without its end. */
static int put_line(struct message_text *t, const char *p, const char *end)
{
	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));
		const char *stop = cr ? cr : end;

		if (stop > p) {
			if (put_newlines(t) < 0 ||
			    EVP_DigestUpdate(t->md, p, (size_t)(stop - p)) != 1)
				return -ENOMEM;
			t->said = true;
		}
		p = stop + (cr != NULL);
	}
	return 0;
}

int message_text_add(struct message_text *t, const void *octets, size_t n)
{
	const char *p = octets, *end = p + n;

	if (n == 0)
		return 0;
	p = skip_header(t, p, end);
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));

		if (put_line(t, p, lf ? lf : end) < 0)
			return -ENOMEM;
		t->newlines += lf && t->said;
		p = lf ? lf + 1 : end;
	}
	return 0;
}

int message_text_end(struct message_text *t, uint8_t ret[static MESSAGE_TEXT_OCTETS])
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (EVP_DigestFinal_ex(t->md, digest, NULL) != 1)
		return -ENOMEM;
	memset(ret, 0, MESSAGE_TEXT_OCTETS);
	if (t->said)
		memcpy(ret, digest, MESSAGE_TEXT_OCTETS);
	return 0;
}
