/* SPDX-License-Identifier: Apache-2.0 */
#include "deflate.h"

#include <zlib.h>

/* The fastest that packs at all: most of mail is base64, of which no level saves more than a
 * quarter, and higher ones only cost. A window of 8 KiB finds the same in it as one of 32 KiB,
 * in a quarter of the memory. What the peer sends may use all of 32 KiB. */
#define PACK_LEVEL    1
#define PACK_WINDOW   13
#define PACK_MEMORY   7
#define UNPACK_WINDOW 15

struct packer {
	z_stream z;
	bool flushing;
	bool holds;
};

struct unpacker {
	z_stream z;
	bool holds;
};

/* Negative windows: neither header nor checksum (zlib.h). */
int packer_new(struct packer **ret)
{
	struct packer *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	if (deflateInit2(&p->z, PACK_LEVEL, Z_DEFLATED, -PACK_WINDOW, PACK_MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(p);
		return -ENOMEM; /* all else in it is constant */
	}
	*ret = p;
	return 0;
}

struct packer *packer_free(struct packer *p)
{
	if (!p)
		return NULL;
	(void)deflateEnd(&p->z); /* that there is more to come out is no matter any more */
	free(p);
	return NULL;
}

/* zlib counts in unsigned int. */
static unsigned piece(size_t n)
{
	return (unsigned)MIN_OF(n, (size_t)1 << 30);
}

size_t packer_put(struct packer *p, const uint8_t *in, size_t n, size_t *used, uint8_t *out,
		  size_t room)
{
	p->z.next_in = (uint8_t *)(uintptr_t)in; /* only read */
	p->z.avail_in = piece(n);
	p->z.next_out = out;
	p->z.avail_out = piece(room);
	(void)deflate(&p->z, Z_NO_FLUSH); /* says no more than that nothing moved */
	*used = (size_t)(p->z.next_in - in);
	p->holds = p->holds || *used > 0;
	return (size_t)(p->z.next_out - out);
}

size_t packer_flush(struct packer *p, uint8_t *out, size_t room)
{
	p->z.next_in = NULL;
	p->z.avail_in = 0;
	p->z.next_out = out;
	p->z.avail_out = piece(room);
	(void)deflate(&p->z, Z_SYNC_FLUSH);
	/* It is complete when it did not need all the room. */
	p->flushing = p->holds = p->z.avail_out == 0;
	return (size_t)(p->z.next_out - out);
}

bool packer_flushing(const struct packer *p)
{
	return p->flushing;
}

bool packer_holds(const struct packer *p)
{
	return p->holds;
}

int unpacker_new(struct unpacker **ret)
{
	struct unpacker *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	if (inflateInit2(&u->z, -UNPACK_WINDOW) != Z_OK) {
		free(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

struct unpacker *unpacker_free(struct unpacker *u)
{
	if (!u)
		return NULL;
	(void)inflateEnd(&u->z);
	free(u);
	return NULL;
}

int unpacker_put(struct unpacker *u, const uint8_t *in, size_t n, size_t *used, uint8_t *out,
		 size_t room, size_t *made)
{
	int code;

	u->z.next_in = (uint8_t *)(uintptr_t)in; /* only read */
	u->z.avail_in = piece(n);
	u->z.next_out = out;
	u->z.avail_out = piece(room);
	code = inflate(&u->z, Z_SYNC_FLUSH);
	*used = (size_t)(u->z.next_in - in);
	*made = (size_t)(u->z.next_out - out);
	u->holds = u->z.avail_out == 0;
	switch (code) {
	case Z_OK:
	case Z_BUF_ERROR: /* nothing to do just now */
		return 0;
	case Z_STREAM_END:
		return -ENODATA;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EPROTO;
	}
}

bool unpacker_holds(const struct unpacker *u)
{
	return u->holds;
}
