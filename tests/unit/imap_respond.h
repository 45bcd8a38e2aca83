/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_TEST_IMAP_RESPOND_H
#define MAILMIG_TEST_IMAP_RESPOND_H

#include <imap/framer.h>
#include <imap/parse.h>

#include "unit.h"

/* One response out of octets as they come from a server, bodies included. The line stays in the
 * framer. */
static _unused_ int respond(struct imap_framer *f, const char *in, size_t n,
			    struct imap_resp *ret)
{
	size_t at = 0;
	int ev;

	do {
		size_t used = 0;

		ev = imap_framer_push(f, (const uint8_t *)in + at, n - at, &used);
		at += used;
	} while (ev > IMAP_EVENT_RESPONSE);
	assert_int_equal(ev, IMAP_EVENT_RESPONSE);
	assert_int_equal(at, n);
	return imap_parse_response(&f->line, ret);
}

static _unused_ void assert_str(const struct imap_str *s, const char *expected)
{
	if (!expected) {
		assert_null(s->p);
		return;
	}
	assert_non_null(s->p);
	assert_int_equal(s->n, strlen(expected));
	assert_memory_equal(s->p, expected, s->n);
}

#endif
