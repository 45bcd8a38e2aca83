/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_WORKER_EVENT_H
#define DAEMON_WORKER_EVENT_H

#include <jansson.h>
#include <mailmig/base.h>

/* What a worker sends is input from a process that reads strangers' octets: each event is
 * checked here before anybody else sees it. Pure. */

enum worker_event {
	WORKER_EVENT_PROGRESS,
	WORKER_EVENT_FOLDER,
	WORKER_EVENT_MESSAGE,
	WORKER_EVENT_LOG,
	WORKER_EVENT_CHECK,
	WORKER_EVENT_DONE,
};

#define WORKER_EVENT_MAX                                                                       \
	(64 * 1024) /* octets of one event; a "done" with its errors is larger */

/* Check an event of `size` octets and put the run's own account and id into it, whatever the
 * worker wrote there. Returns an enum worker_event, -EBADMSG, -EMSGSIZE or -ENOMEM. */
int worker_event_check(json_t *event, size_t size, const char *account, const char *run_id);

/* The "progress" of a status answer out of a checked progress event: new reference, or NULL. */
json_t *worker_event_progress(const json_t *event);

/* What a checked folder event says of the folder, for the status: new reference, or NULL. */
json_t *worker_event_folder(const json_t *event);

/* One end of a run. */
struct run_end {
	char *host;   /* NULL: not known */
	char *server; /* its name in the configuration */
};

/* Which of origin and destination (ends[0] and ends[1]) a text of the worker is about: the name
 * of the one that it names first, "origin HOST:PORT" or "destination HOST:PORT"; NULL: none.
 */
const char *worker_event_server(const struct run_end *ends, const char *text);

/* The syslog level of a checked log event: a number or a name, LOG_INFO when it is neither. */
int worker_event_log_level(const json_t *event);

#endif
