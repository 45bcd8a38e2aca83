/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_FOLDER_LOG_H
#define DAEMON_FOLDER_LOG_H

#include <jansson.h>
#include <mailmig/buf.h>
#include <mailmig/history.h>

/* What a run tells of its folders, one event after the other, as the text of a JSON array.
 * Pure. A mailbox may have any number of folders, and the answer that carries them has an end:
 * what is more is counted. */

#define FOLDER_LOG_MAX        5000
#define FOLDER_LOG_OCTETS_MAX (1024 * 1024)

struct folder_log {
	struct buf text; /* the array without its end */
	size_t n;
	uint64_t left_out;
};

/* Add a checked "folder" event; without memory it counts as left out. */
void folder_log_add(struct folder_log *l, const json_t *event);

/* Move it all into *ret, which is the caller's; the list is empty afterwards. Without memory
 * ret->json is NULL and all are left out. */
void folder_log_take(struct folder_log *l, struct run_folders *ret);

void folder_log_done(struct folder_log *l);

#endif
