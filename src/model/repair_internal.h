/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPAIR_INTERNAL_H
#define REPAIR_INTERNAL_H

#include <mailmig/repair.h>

/* The header, with its empty line if it has one, after these repairs; lines end in LF. Appended
 * to out. 0 or -ENOMEM. */
int repair_header(const char *header, size_t n, unsigned repairs, struct buf *out);

#endif
