/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_FOLDER_LIST_H
#define DAEMON_FOLDER_LIST_H

#include <jansson.h>
#include <mailmig/buf.h>
#include <mailmig/history.h>

/* What a run tells of its folders, one event after the other, as the text of a JSON array.
 * Pure. A mailbox may have any number of folders, and the answer that carries them has an end:
 * what is more is counted. */

#define FOLDER_LIST_MAX        5000
#define FOLDER_LIST_OCTETS_MAX (1024 * 1024)

struct folder_list {
	struct buf text; /* the array without its end */
	size_t n;
	uint64_t left_out;
};

/* Add a checked "folder" event; without memory it counts as left out. */
void folder_list_add(struct folder_list *l, const json_t *event);

/* Move it all into *ret, which is the caller's; the list is empty afterwards. Without memory
 * ret->json is NULL and all are left out. */
void folder_list_take(struct folder_list *l, struct run_folders *ret);

void folder_list_done(struct folder_list *l);

#endif
