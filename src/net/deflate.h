/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_DEFLATE_H
#define NET_DEFLATE_H

#include <mailmig/base.h>

/* DEFLATE (RFC 1951) as a connection speaks it both ways (RFC 4978): one endless run of octets
 * without header or end, cut by flushes. Octets in, octets out, into buffers of the caller's:
 * no I/O, and no memory but what both sides of a codec take once. */

struct packer;
struct unpacker;

int packer_new(struct packer **ret); /* 0 or -ENOMEM */
struct packer *packer_free(struct packer *p);
DEFINE_CLEANUP(struct packer *, packer_free)

/* Pack octets: returns how many were written to out, *used how many were taken. Not while
 * packer_flushing(). */
size_t packer_put(struct packer *p, const uint8_t *in, size_t n, size_t *used, uint8_t *out,
		  size_t room);
/* Bring out all that was taken, so that the peer can read it. Again with more room while
 * packer_flushing(); with less room than PACKER_FLUSH_MIN it may come to no end (zlib.h). */
#define PACKER_FLUSH_MIN 8
size_t packer_flush(struct packer *p, uint8_t *out, size_t room);
bool packer_flushing(const struct packer *p); /* a flush has begun and is not complete */
bool packer_holds(const struct packer *p);    /* octets that no flush has brought out */

int unpacker_new(struct unpacker **ret); /* 0 or -ENOMEM */
struct unpacker *unpacker_free(struct unpacker *u);
DEFINE_CLEANUP(struct unpacker *, unpacker_free)

/* Unpack octets: at most room of them, however many are in it. *used and *made say how far it
 * came, also with an error. 0; -EPROTO: this is not DEFLATE; -ENODATA: the peer has ended its
 * run, which a connection never does; -ENOMEM. After an error it is of no more use. */
int unpacker_put(struct unpacker *u, const uint8_t *in, size_t n, size_t *used, uint8_t *out,
		 size_t room, size_t *made);
/* There may be more octets to come out before any more go in. */
bool unpacker_holds(const struct unpacker *u);

#endif
