/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_MESSAGE_TEXT_H
#define MAILMIG_MESSAGE_TEXT_H

#include <mailmig/base.h>

/* The text of a message (RFC 5322 §2.1: what follows its header) as 16 octets: what stays when
 * a tool has added or rewritten header fields. Line ends of any kind are the same, and those at
 * the end do not count. */
#define MESSAGE_TEXT_OCTETS 16

struct message_text; /* of one message after another */

int message_text_new(struct message_text **ret); /* 0 or -ENOMEM */
struct message_text *message_text_free(struct message_text *t);
DEFINE_CLEANUP(struct message_text *, message_text_free)

/* Begin, take octets as they come, end: all octets of ret are 0 where there is no text. 0 or
 * -ENOMEM. */
int message_text_begin(struct message_text *t);
int message_text_add(struct message_text *t, const void *p, size_t n);
int message_text_end(struct message_text *t, uint8_t ret[static MESSAGE_TEXT_OCTETS]);

#endif
