/* SPDX-License-Identifier: Apache-2.0 */
#include "run_id.h"

#include <mailmig/clock.h>
#include <sys/random.h>

void run_id_format(uint64_t msec, const uint8_t random[static 10],
		   char ret[static RUN_ID_LENGTH + 1])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned __int128 v = msec & ((UINT64_C(1) << 48) - 1);

	for (size_t i = 0; i < 10; i++)
		v = v << 8 | random[i];
	for (size_t i = RUN_ID_LENGTH; i-- > 0; v >>= 5)
		ret[i] = digits[(unsigned)v & 31];
	ret[RUN_ID_LENGTH] = '\0';
}

int run_id_new(char ret[static RUN_ID_LENGTH + 1])
{
	static uint64_t last_msec;
	uint64_t msec = clock_wall_usec() / USEC_PER_MSEC;
	uint8_t random[10];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;

	last_msec = MAX_OF(msec, last_msec + 1);
	run_id_format(last_msec, random, ret);
	return 0;
}
