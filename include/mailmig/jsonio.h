/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_JSONIO_H
#define MAILMIG_JSONIO_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/buf.h>

/* NUL-ended JSON objects over a stream socket: the framing of Varlink, of the worker's events
 * and of the job it is given. Pure: octets in, objects out. */

#define JSONIO_MESSAGE_MAX                                                                     \
	(1024 * 1024) /* a request or event; the largest is a status answer */

/* json_decrefp(), for _cleanup_, is jansson's own. */

/* Take the next object out of `in` (and consume it). 1: *ret is owned by the caller; 0: need
 * more octets; -EBADMSG: not a JSON object, or duplicate keys; -EMSGSIZE: more than
 * JSONIO_MESSAGE_MAX octets without an end. */
int jsonio_take(struct buf *in, json_t **ret);

/* A value as text, to be freed; NULL without memory. (json_dumps() leaves out what it had no
 * memory for.) */
char *jsonio_text(const json_t *value);

/* Append an object and its NUL to `out`. 0 or -ENOMEM. */
int jsonio_put(struct buf *out, const json_t *object);

/* Blocking: write one object to a descriptor (EINTR and short writes handled). 0 or -errno. */
int jsonio_write(int fd, const json_t *object);

#endif
