/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_LIMITER_H
#define MAILMIG_LIMITER_H

#include <mailmig/base.h>

/* What the connections to one server may move together, in both directions, and what they have
 * moved. Used from any thread. It only says how long to wait; whoever moves octets does. */

struct limiter;

/* octets_per_sec: 0: no limit, only counted. 0 or -ENOMEM. */
int limiter_new(uint64_t octets_per_sec, struct limiter **ret);
struct limiter *limiter_free(struct limiter *l);
DEFINE_CLEANUP(struct limiter *, limiter_free)

/* Monotonic: nothing may move before. Each connection may take limiter_piece() octets at once
 * then; what that is too much is waited for later. l may be NULL. */
uint64_t limiter_not_before(struct limiter *l);
size_t limiter_piece(const struct limiter *l);

/* So many octets were moved at `now_usec` (monotonic). l may be NULL. */
void limiter_moved(struct limiter *l, uint64_t now_usec, uint64_t received, uint64_t sent);

/* So many octets more would have been moved without compression. What travels is what the rate
 * limits; the sums count the mail, as a provider may do that allows so much a day. l may be
 * NULL. */
void limiter_spared(struct limiter *l, uint64_t received, uint64_t sent);

/* All that was moved so far, and spared. */
uint64_t limiter_received(struct limiter *l);
uint64_t limiter_sent(struct limiter *l);

#endif
