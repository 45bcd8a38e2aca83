/* SPDX-License-Identifier: Apache-2.0 */
/* A stream whose octets travel compressed. Everything above it sees what was compressed;
 * turns, time-outs and the limiter see what travels. */
#include <string.h>

#include "net_internal.h"

/* Octets on end of which nothing comes out: a flush is 5, a block's own tables are some
 * hundred. Who sends more would be read from for ever, and said nothing that a budget could
 * count. */
#define BARREN_MAX (64 * 1024)

struct packed *packed_free(struct packed *p)
{
	if (!p)
		return NULL;
	packer_free(p->packer);
	unpacker_free(p->unpacker);
	free(p);
	return NULL;
}
DEFINE_CLEANUP(struct packed *, packed_free)

int stream_compress(struct stream *s)
{
	_cleanup_(packed_freep) struct packed *p = NULL;

	/* Part of what the peer consented to would go out in clear. */
	if (s->packed || stream_queued(s) > 0)
		return -EBUSY;
	p = calloc(1, sizeof(*p));
	if (!p || packer_new(&p->packer) < 0 || unpacker_new(&p->unpacker) < 0)
		return -ENOMEM;

	/* What came with the answer, but after it, is compressed already. */
	p->in_end = s->in_end - s->in_start;
	memcpy(p->in, s->in + s->in_start, p->in_end);
	s->in_start = s->in_end = 0;
	s->packed = STEAL(p);
	(void)packed_take_in(s);
	return 0;
}

bool stream_compressed(const struct stream *s)
{
	return s->packed != NULL;
}

bool stream_garbled(const struct stream *s)
{
	return s->packed && (s->packed->garbled || (s->error && !s->packed->heard));
}

/* What the wire was spared, once there is any. */
static void tell_limiter(struct stream *s)
{
	struct packed *p = s->packed;

	if (p->saved_in > 0 || p->saved_out > 0)
		limiter_spared(s->limiter, (uint64_t)MAX_OF(p->saved_in, 0),
			       (uint64_t)MAX_OF(p->saved_out, 0));
	p->saved_in = MIN_OF(p->saved_in, 0);
	p->saved_out = MIN_OF(p->saved_out, 0);
}

bool packed_has_output(const struct stream *s)
{
	const struct packed *p = s->packed;

	return p->plain_end > p->plain_start || packer_holds(p->packer);
}

void packed_fill_out(struct stream *s, size_t max)
{
	struct packed *p = s->packed;

	while (!s->error && s->out_end < max) {
		uint8_t *out = s->out + s->out_end;
		size_t room = max - s->out_end, used;

		if (packer_flushing(p->packer)) {
			s->out_end += packer_flush(p->packer, out, room);
			continue;
		}
		if (p->plain_start == p->plain_end) {
			p->plain_start = 0;
			p->plain_end = stream_take_queued(s, p->plain, sizeof(p->plain));
		}
		if (p->plain_start < p->plain_end) {
			s->out_end +=
				packer_put(p->packer, p->plain + p->plain_start,
					   p->plain_end - p->plain_start, &used, out, room);
			p->plain_start += used;
			s->out_plain += used;
			continue;
		}
		/* Nothing more to say: the peer must be able to read all that was said. */
		if (!packer_holds(p->packer) || room < PACKER_FLUSH_MIN)
			break;
		s->out_end += packer_flush(p->packer, out, room);
	}
	p->saved_out += (int64_t)s->out_plain - (int64_t)s->out_end;
	tell_limiter(s);
}

bool packed_take_in(struct stream *s)
{
	struct packed *p = s->packed;
	size_t used = 0, made = 0;
	int r;

	if (p->in_start == p->in_end && !unpacker_holds(p->unpacker))
		return false;
	r = unpacker_put(p->unpacker, p->in + p->in_start, p->in_end - p->in_start, &used,
			 s->in + s->in_end, STREAM_IN_MAX - s->in_end, &made);
	p->in_start += used;
	s->in_end += made;
	p->saved_in += (int64_t)made - (int64_t)used;
	tell_limiter(s);
	p->heard = p->heard || made > 0;
	p->barren = made > 0 ? 0 : p->barren + used;
	if (r == 0 && p->barren > BARREN_MAX)
		r = -EPROTO;
	if (r == -ENOMEM) {
		stream_write_nothing(s);
	} else if (r == -ENODATA) {
		stream_fail(s, -ECONNRESET, "the server closed the connection");
	} else if (r < 0) {
		p->garbled = true;
		stream_fail(s, r, "what the server sent cannot be unpacked (COMPRESS=DEFLATE)");
	}
	return made > 0;
}
