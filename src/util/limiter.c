/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/limiter.h>
#include <pthread.h>

/* What was not used is kept for so long, and pieces are so large: short enough that a second is
 * as another, long enough that waiting costs nothing. */
#define BURST_USEC (100 * USEC_PER_MSEC)
#define PIECE_USEC (50 * USEC_PER_MSEC)
#define PIECE_MIN  1024

struct limiter {
	pthread_mutex_t lock;
	uint64_t octets_per_sec;
	uint64_t next_usec; /* when all that was moved is paid for */
	uint64_t received, sent;
};

int limiter_new(uint64_t octets_per_sec, struct limiter **ret)
{
	struct limiter *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	(void)pthread_mutex_init(&l->lock, NULL);
	l->octets_per_sec = octets_per_sec;
	*ret = l;
	return 0;
}

struct limiter *limiter_free(struct limiter *l)
{
	if (!l)
		return NULL;
	(void)pthread_mutex_destroy(&l->lock);
	free(l);
	return NULL;
}

static uint64_t read_member(struct limiter *l, const uint64_t *member)
{
	uint64_t v;

	(void)pthread_mutex_lock(&l->lock);
	v = *member;
	(void)pthread_mutex_unlock(&l->lock);
	return v;
}

uint64_t limiter_not_before(struct limiter *l)
{
	return l && l->octets_per_sec ? read_member(l, &l->next_usec) : 0;
}

size_t limiter_piece(const struct limiter *l)
{
	uint64_t per_piece;

	if (!l || !l->octets_per_sec)
		return SIZE_MAX;
	per_piece = l->octets_per_sec / (USEC_PER_SEC / PIECE_USEC);
	return MAX_OF(per_piece, (uint64_t)PIECE_MIN);
}

void limiter_moved(struct limiter *l, uint64_t now_usec, uint64_t received, uint64_t sent)
{
	if (!l)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->received += received;
	l->sent += sent;
	if (l->octets_per_sec) {
		uint64_t saved = now_usec - MIN_OF(now_usec, BURST_USEC);
		double cost = (double)(received + sent) * (double)USEC_PER_SEC /
			      (double)l->octets_per_sec;

		l->next_usec = MAX_OF(l->next_usec, saved) + (uint64_t)cost;
	}
	(void)pthread_mutex_unlock(&l->lock);
}

void limiter_spared(struct limiter *l, uint64_t received, uint64_t sent)
{
	if (!l)
		return;
	(void)pthread_mutex_lock(&l->lock);
	l->received += received;
	l->sent += sent;
	(void)pthread_mutex_unlock(&l->lock);
}

uint64_t limiter_received(struct limiter *l)
{
	return read_member(l, &l->received);
}

uint64_t limiter_sent(struct limiter *l)
{
	return read_member(l, &l->sent);
}
