/* SPDX-License-Identifier: Apache-2.0 */
#ifndef REPAIR_INTERNAL_H
#define REPAIR_INTERNAL_H

#include <mailmig/repair.h>

/* The header, with its empty line if it has one, after these repairs; lines end in LF. Appended
 * to out. 0 or -ENOMEM. */
int repair_header(const char *header, size_t n, unsigned repairs, struct buf *out);

/* A line of the header, octet by octet: is it a field (RFC 5322 §2.2, or §4.5 with blanks
 * before the colon), or does it go on with one? Starts zeroed. */
struct field {
	bool begun, goes_on, blank, colon, wrong;
	bool any;      /* there was a line before */
	unsigned from; /* octets of "From " */
};
void repair_field_octet(struct field *f, char c);
/* The line ends; the next one begins. The empty line is as good as a field. */
bool repair_field_end(struct field *f);

/* Octets of the header before its first line that is no field; n if all are. */
size_t repair_header_size(const char *header, size_t n);

#endif
