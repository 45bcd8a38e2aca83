/* SPDX-License-Identifier: Apache-2.0 */
#include "queue.h"

#include <string.h>

static bool same_server(const struct endpoint *a, const struct endpoint *b)
{
	return a->server && b->server && strcmp(a->server, b->server) == 0;
}

uint32_t queue_lanes(const struct job *j)
{
	const struct endpoint *const ends[] = {&j->origin, &j->destination};
	uint32_t share = same_server(&j->origin, &j->destination) ? 2 : 1;
	uint32_t lanes = j->connections;

	for (size_t i = 0; i < ELEMENTS(ends); i++)
		if (ends[i]->max_connections > 0)
			lanes = MIN_OF(lanes, ends[i]->max_connections / share);
	return MAX_OF(lanes, 1U);
}

void queue_entry_init(struct queue_entry *e, const struct job *j, uint32_t lanes)
{
	bool same = same_server(&j->origin, &j->destination);

	*e = (struct queue_entry){
		.need[0] = {j->origin.server, same ? 2 * lanes : lanes,
			    j->origin.max_connections},
	};
	if (!same)
		e->need[1] = (struct queue_need){j->destination.server, lanes,
						 j->destination.max_connections};
}

/* Connections that running jobs have at a server. */
static uint64_t used_at(const struct queue_entry *e, size_t n, const char *server)
{
	uint64_t used = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; e[i].running && k < ELEMENTS(e[i].need); k++)
			if (e[i].need[k].server && strcmp(e[i].need[k].server, server) == 0)
				used += e[i].need[k].connections;
	return used;
}

static bool has_room(const struct queue_entry *e, size_t n, const struct queue_need *need)
{
	uint64_t used;

	if (!need->server || need->limit == 0)
		return true;
	used = used_at(e, n, need->server);
	return used == 0 || used + need->connections <= need->limit;
}

/* Does an earlier one that waits want this server, and was it the reason for its waiting? */
static bool is_reserved(const struct queue_entry *e, size_t n, size_t before,
			const struct queue_need *need)
{
	if (!need->server || need->limit == 0)
		return false;
	for (size_t i = 0; i < before; i++)
		for (size_t k = 0; !e[i].running && k < ELEMENTS(e[i].need); k++)
			if (e[i].need[k].server &&
			    strcmp(e[i].need[k].server, need->server) == 0 &&
			    !has_room(e, n, &e[i].need[k]))
				return true;
	return false;
}

static bool may_start(const struct queue_entry *e, size_t n, size_t candidate)
{
	if (e[candidate].held)
		return false;
	for (size_t k = 0; k < ELEMENTS(e[candidate].need); k++) {
		const struct queue_need *need = &e[candidate].need[k];

		if (!has_room(e, n, need) || is_reserved(e, n, candidate, need))
			return false;
	}
	return true;
}

ssize_t queue_pick(const struct queue_entry *e, size_t n, uint32_t max_jobs)
{
	size_t n_running = 0;

	for (size_t i = 0; i < n; i++)
		n_running += e[i].running;
	if (n_running >= max_jobs)
		return -1;

	for (size_t i = 0; i < n; i++)
		if (!e[i].running && may_start(e, n, i))
			return (ssize_t)i;
	return -1;
}
