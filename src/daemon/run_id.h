/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_RUN_ID_H
#define DAEMON_RUN_ID_H

#include <mailmig/base.h>

#define RUN_ID_LENGTH 26

/* A new id of the form of a ULID: 48 bits of milliseconds since 1970 and 80 random bits, in
 * Crockford's base 32. Ids of one process sort in the order they were made, also when the clock
 * was set back. 0 or -errno without random numbers. */
int run_id_new(char ret[static RUN_ID_LENGTH + 1]);

/* The same from given parts: pure. */
void run_id_format(uint64_t msec, const uint8_t random[static 10],
		   char ret[static RUN_ID_LENGTH + 1]);

#endif
