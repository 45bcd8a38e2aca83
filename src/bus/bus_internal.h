/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BUS_INTERNAL_H
#define BUS_INTERNAL_H

#include <mailmig/bus.h>
#include <systemd/sd-bus.h>

/* bus.c: the connection and its errors; timers.c: reading; change.c: changing. */

#define SYSTEMD_NAME    "org.freedesktop.systemd1"
#define SYSTEMD_PATH    "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define SYSTEMD_UNIT    SYSTEMD_NAME ".Unit"
#define SYSTEMD_TIMER   SYSTEMD_NAME ".Timer"
#define DBUS_PROPERTIES "org.freedesktop.DBus.Properties"

#define BUS_CONNECT_TIMEOUT (5 * USEC_PER_SEC)
#define BUS_CALL_TIMEOUT    (10 * USEC_PER_SEC)

/* The manager reads all units of the machine: seconds with thousands of them. */
#define BUS_RELOAD_TIMEOUT (90 * USEC_PER_SEC)

struct bus_query;

struct bus {
	sd_bus *sd;
	struct bus_query *query; /* the open question, or NULL */
	sd_bus_slot *removed;    /* match of JobRemoved */
	char *job;               /* path of the job that is waited for */
	char *job_result;
	bool job_done;
};

/* Wait until the connection can be used. 0 or -errno, described. */
int bus_wait_ready(struct bus *b, struct mm_err *reterr);

/* Dispatch until *done, at most until the deadline. 0; -ETIMEDOUT; -errno. */
int bus_process_until(struct bus *b, const bool *done, uint64_t deadline_usec);

/* Describe the failure of a call: what was tried, and the manager's own words. Returns a
 * -errno. */
int bus_describe(struct mm_err *reterr, int code, const sd_bus_error *error, const char *what);

struct bus_query *bus_query_free(struct bus_query *q);

#endif
