/* SPDX-License-Identifier: Apache-2.0 */
#include "daily.h"

#include <string.h>

#define FREE_PART 10 /* of the limit */

int64_t daily_slot(uint64_t wall_usec)
{
	return (int64_t)(wall_usec / DAILY_SLOT_USEC);
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Let time pass. When the clock was set back, what is there counts as of now. */
static void advance(struct daily *b, int64_t now)
{
	int64_t by = now - b->newest;
	size_t keep;

	b->newest = now;
	if (by <= 0)
		return;
	keep = by > DAILY_SLOTS ? 0 : DAILY_SLOTS + 1 - (size_t)by;
	memmove(b->octets + DAILY_SLOTS + 1 - keep, b->octets, keep * sizeof(*b->octets));
	memset(b->octets, 0, (DAILY_SLOTS + 1 - keep) * sizeof(*b->octets));
}

void daily_add(struct daily *b, uint64_t now_usec, int64_t slot, uint64_t octets)
{
	int64_t now = daily_slot(now_usec), age = now - MIN_OF(slot, now);

	advance(b, now);
	if (age <= DAILY_SLOTS)
		b->octets[age] = add(b->octets[age], octets);
}

uint64_t daily_used(struct daily *b, uint64_t now_usec)
{
	uint64_t sum = 0;

	advance(b, daily_slot(now_usec));
	for (size_t i = 0; i <= DAILY_SLOTS; i++)
		sum = add(sum, b->octets[i]);
	return sum;
}

bool daily_spent(struct daily *b, uint64_t now_usec, uint64_t *ret_until_usec)
{
	uint64_t used = daily_used(b, now_usec);
	uint64_t wanted = b->limit_bytes - MAX_OF(b->limit_bytes / FREE_PART, 1);
	size_t i = DAILY_SLOTS;

	if (b->limit_bytes == 0 || used < b->limit_bytes)
		return false;
	/* The oldest go first. */
	while (i > 0 && used - b->octets[i] > wanted) {
		used -= b->octets[i];
		i--;
	}
	*ret_until_usec =
		(uint64_t)(b->newest - (int64_t)i + DAILY_SLOTS + 1) * DAILY_SLOT_USEC;
	return true;
}
