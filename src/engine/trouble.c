/* SPDX-License-Identifier: Apache-2.0 */
/* The one judge of failures. Those who see a trouble describe it; here it is decided what
 * follows. */
#include "engine_internal.h"

enum verdict trouble_judge(const struct mm_err *e, unsigned failures_in_a_row,
			   uint32_t attempts)
{
	switch (e->scope) {
	case MM_SCOPE_NONE:
	case MM_SCOPE_MESSAGE:
		return VERDICT_GO_ON;
	case MM_SCOPE_FOLDER:
		return VERDICT_END_FOLDER;
	case MM_SCOPE_STORE:
		if (e->retry == MM_RETRY_NEVER || failures_in_a_row >= attempts)
			return VERDICT_END_JOB;
		return VERDICT_RECONNECT;
	case MM_SCOPE_JOB:
		break;
	}
	return VERDICT_END_JOB;
}

uint64_t trouble_delay_usec(unsigned failures_in_a_row, uint64_t max_usec)
{
	uint64_t delay = USEC_PER_SEC / 2;

	for (unsigned i = 1; i < failures_in_a_row && delay < max_usec; i++)
		delay = delay > max_usec / 2 ? max_usec : 2 * delay;
	return MIN_OF(delay, max_usec);
}
