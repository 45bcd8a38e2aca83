/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFIG_CSV_H
#define CONFIG_CSV_H

#include <mailmig/base.h>

/* Comma-separated values (RFC 4180), read in place: the fields of a row are strings in the text
 * itself. Lines end in CRLF or LF, empty ones are passed over, and so is a UTF-8 BOM. */

struct csv {
	char *p;
	char *end;
	unsigned line; /* of p */
};

enum csv_result {
	CSV_END,
	CSV_ROW,
	CSV_OPEN_QUOTE,  /* never closed: nothing follows */
	CSV_STRAY_QUOTE, /* a quote inside of a field, or something behind one that closes;
			    the next row begins on the next line */
	CSV_BAD_CR,      /* a CR that is not followed by LF; as above */
};

/* text: n octets without NUL, followed by one; written to, and outlives the fields. */
void csv_init(struct csv *c, char *text, size_t n);

/* The next row. fields: up to max of them; *ret_n: how many it has, which may be more.
 * *ret_line: where it begins, or where the trouble is. */
enum csv_result csv_row(struct csv *c, char **fields, size_t max, size_t *ret_n,
			unsigned *ret_line);

#endif
