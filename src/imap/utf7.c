/* SPDX-License-Identifier: Apache-2.0 */
#include "utf7.h"
#include <mailmig/text.h>
#include <string.h>

/* RFC 3501 §5.1.3: base64 with "," for "/". */
static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* What stands for itself outside of base64, "&" as "&-". */
static bool is_direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

static bool is_high_surrogate(uint32_t c)
{
	return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low_surrogate(uint32_t c)
{
	return c >= 0xdc00 && c <= 0xdfff;
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == ',' ? 63 : -1;
}

/* A code point, not a surrogate, as UTF-8. */
static int add_utf8(struct buf *out, uint32_t c)
{
	char u[4];

	if (c < 0x80) {
		u[0] = (char)c;
		return buf_add(out, u, 1);
	}
	if (c < 0x800) {
		u[0] = (char)(0xc0 | c >> 6);
		u[1] = (char)(0x80 | (c & 0x3f));
		return buf_add(out, u, 2);
	}
	if (c < 0x10000) {
		u[0] = (char)(0xe0 | c >> 12);
		u[1] = (char)(0x80 | (c >> 6 & 0x3f));
		u[2] = (char)(0x80 | (c & 0x3f));
		return buf_add(out, u, 3);
	}
	u[0] = (char)(0xf0 | c >> 18);
	u[1] = (char)(0x80 | (c >> 12 & 0x3f));
	u[2] = (char)(0x80 | (c >> 6 & 0x3f));
	u[3] = (char)(0x80 | (c & 0x3f));
	return buf_add(out, u, 4);
}

/* One UTF-16 unit of a shifted run. high: the surrogate that waits for its other half, or 0. */
static int add_unit(struct buf *out, uint32_t unit, uint32_t *high)
{
	if (*high != 0) {
		uint32_t c = 0x10000 + ((*high - 0xd800) << 10 | (unit - 0xdc00));

		if (!is_low_surrogate(unit))
			return -EBADMSG;
		*high = 0;
		return add_utf8(out, c);
	}
	if (is_high_surrogate(unit)) {
		*high = unit;
		return 0;
	}
	/* NUL is no character of a name; what could stand for itself must. */
	if (unit == 0 || is_direct(unit) || is_low_surrogate(unit))
		return -EBADMSG;
	return add_utf8(out, unit);
}

/* The base64 of one shifted run, without its "&" and "-". */
static int decode_run(const char *s, size_t n, struct buf *out)
{
	uint32_t bits = 0, high = 0;
	unsigned n_bits = 0;
	int r;

	for (size_t i = 0; i < n; i++) {
		int v = value_of(s[i]);

		if (v < 0)
			return -EBADMSG;
		bits = bits << 6 | (uint32_t)v;
		n_bits += 6;
		if (n_bits < 16)
			continue;

		n_bits -= 16;
		r = add_unit(out, bits >> n_bits, &high);
		if (r < 0)
			return r;
		bits &= (UINT32_C(1) << n_bits) - 1;
	}

	/* At the end: both halves there, and fewer bits left over than a character has, all
	 * zero. */
	return high != 0 || n_bits >= 6 || bits != 0 ? -EBADMSG : 0;
}

static int decode(const char *p, const char *end, struct buf *out)
{
	const char *run_end = NULL; /* behind the last shifted run */
	int r;

	while (p < end) {
		const char *minus;

		if (*p != '&') {
			if (!is_direct((unsigned char)*p))
				return -EBADMSG;
			r = buf_addc(out, *p++);
			if (r < 0)
				return r;
			continue;
		}

		minus = memchr(p, '-', (size_t)(end - p));
		if (!minus)
			return -EBADMSG;
		if (minus == p + 1) {
			r = buf_addc(out, '&');
		} else {
			if (p == run_end)
				return -EBADMSG; /* one run would have done */
			run_end = minus + 1;
			r = decode_run(p + 1, (size_t)(minus - p - 1), out);
		}
		if (r < 0)
			return r;
		p = minus + 1;
	}
	return 0;
}

/* The content of out as it was, with len octets. */
static void cut(struct buf *out, size_t len)
{
	if (!out->p)
		return;
	out->len = len;
	out->p[len] = '\0';
}

int utf7_decode(const char *s, size_t n, struct buf *out)
{
	const size_t before = out->len;
	int r;

	if (n == 0)
		return 0;

	r = decode(s, s + n, out);
	if (r < 0)
		cut(out, before);
	return r;
}

/* The character at *p of valid UTF-8; *p is moved past it. */
static uint32_t take_char(const char **p)
{
	const unsigned char *u = (const unsigned char *)*p;
	uint32_t c;
	size_t len;

	if (u[0] < 0x80) {
		c = u[0];
		len = 1;
	} else if (u[0] < 0xe0) {
		c = u[0] & 0x1f;
		len = 2;
	} else if (u[0] < 0xf0) {
		c = u[0] & 0x0f;
		len = 3;
	} else {
		c = u[0] & 0x07;
		len = 4;
	}
	for (size_t i = 1; i < len; i++)
		c = c << 6 | (u[i] & 0x3f);
	*p += len;
	return c;
}

/* A shifted run that is being written: the bits that do not fill a character of base64 yet. */
struct run {
	struct buf *out;
	uint32_t bits;
	unsigned n_bits;
};

static int run_add_unit(struct run *run, uint32_t unit)
{
	int r;

	run->bits = run->bits << 16 | unit;
	run->n_bits += 16;
	while (run->n_bits >= 6) {
		run->n_bits -= 6;
		r = buf_addc(run->out, alphabet[run->bits >> run->n_bits & 0x3f]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int run_add_char(struct run *run, uint32_t c)
{
	int r;

	if (c < 0x10000)
		return run_add_unit(run, c);

	r = run_add_unit(run, 0xd800 + ((c - 0x10000) >> 10));
	if (r < 0)
		return r;
	return run_add_unit(run, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

/* Write one run from *p on, up to a character that stands for itself. */
static int encode_run(const char **p, const char *end, struct buf *out)
{
	struct run run = {.out = out};
	int r;

	r = buf_addc(out, '&');
	if (r < 0)
		return r;

	while (*p < end && !is_direct((unsigned char)**p)) {
		r = run_add_char(&run, take_char(p));
		if (r < 0)
			return r;
	}
	if (run.n_bits > 0) {
		r = buf_addc(out, alphabet[run.bits << (6 - run.n_bits) & 0x3f]);
		if (r < 0)
			return r;
	}
	return buf_addc(out, '-');
}

int utf7_encode(const char *s, size_t n, struct buf *out)
{
	const size_t before = out->len;
	const char *p = s, *end;
	int r = 0;

	if (n == 0)
		return 0;
	if (!text_is_utf8(s, n))
		return -EBADMSG;

	end = s + n;
	while (p < end && r == 0) {
		if (!is_direct((unsigned char)*p))
			r = encode_run(&p, end, out);
		else if (*p++ == '&')
			r = buf_add(out, "&-", 2);
		else
			r = buf_addc(out, p[-1]);
	}
	if (r < 0)
		cut(out, before);
	return r;
}
