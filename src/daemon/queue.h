/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_QUEUE_H
#define DAEMON_QUEUE_H

#include <mailmig/base.h>
#include <mailmig/job.h>

/* Which run starts next: a pure decision over plain data. */

/* What a run takes at one server. */
struct queue_need {
	const char *server; /* name of the entry; NULL: none */
	uint32_t connections;
	uint32_t limit; /* the server's max_connections; 0: none */
};

struct queue_entry {
	bool running;
	struct queue_need need[2]; /* two different servers, or one with the sum */
	bool held;                 /* waits for something else than a server */
};

/* Lanes a job may use: its own wish, cut to what each server allows (half of it where one
 * server is both ends). At least 1. */
uint32_t queue_lanes(const struct job *j);

/* Fill an entry that waits. The names are borrowed from the job. */
void queue_entry_init(struct queue_entry *e, const struct job *j, uint32_t lanes);

/* The entry to start now, in the order of waiting: its index, or -1. A run that has to wait for
 * a server keeps later ones from that server, so that small runs cannot starve a large one;
 * runs at other servers pass it. A run that alone is more than a server's limit starts when
 * nobody else is there. */
ssize_t queue_pick(const struct queue_entry *e, size_t n, uint32_t max_jobs);

#endif
