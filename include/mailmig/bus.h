/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_BUS_H
#define MAILMIG_BUS_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <systemd/sd-event.h>

/* systemd's manager over D-Bus: the timers mailmig@NAME.timer, read and changed. Reading needs
 * no rights; changing is for root (or whom polkit lets).
 *
 * Root talks to the manager itself (/run/systemd/private), which works without a D-Bus daemon;
 * everybody else, and everybody when DBUS_SYSTEM_BUS_ADDRESS is set, goes over the system bus.
 * Every wait here has an end. */

#define BUS_TIMER_UNIT_PREFIX "mailmig@"
#define BUS_TIMER_UNIT_SUFFIX ".timer"

struct bus;

struct bus_timer {
	char *account; /* NAME of mailmig@NAME.timer, whether there is such an account or not */
	char *load;    /* "loaded"; "bad-setting", "not-found", "masked", "error", ... */
	char *state;   /* systemd's sub-state: "dead", "waiting", "running", "elapsed", "failed"
			*/
	bool enabled;  /* starts with the machine */
	uint64_t next_usec; /* wall clock; 0: none is known, as while a run is going */
	uint64_t last_usec; /* last trigger; not always a run: see systemd.timer(5), Persistent=
			     */
};

struct bus_timers {
	struct bus_timer *list; /* by name; only those that are enabled, active or failed */
	size_t n;
};

/* Connect; does not wait for the other side. 0; -ENXIO: systemd does not run here; other
 * -errno: it cannot be reached. Class permission. */
int bus_open(struct bus **ret, struct mm_err *reterr);
struct bus *bus_free(struct bus *b);
DEFINE_CLEANUP(struct bus *, bus_free)

/* ---- blocking, for a program that has nothing else to do ----
 * -EACCES: the caller may not; -ETIMEDOUT: no answer. All errors are described. */

int bus_read_timers(struct bus *b, struct bus_timers *ret, struct mm_err *reterr);

/* Enable and start, or disable and stop, the timers of accounts; the manager is reloaded in
 * between, so that the generator gives them their schedules. */
int bus_enable(struct bus *b, const char *const *accounts, size_t n, struct mm_err *reterr);
int bus_disable(struct bus *b, const char *const *accounts, size_t n, struct mm_err *reterr);

/* daemon-reload: generators run, units are read again. */
int bus_reload(struct bus *b, struct mm_err *reterr);

int bus_restart_timer(struct bus *b, const char *account, struct mm_err *reterr);

/* ---- in an event loop ---- */

/* Answer of bus_ask_timers(): t is lent, and NULL when it failed. Must not free the bus. */
typedef void (*bus_timers_handler)(const struct bus_timers *t, const struct mm_err *err,
				   void *userdata);

/* Serve b from a loop from now on. 0 or -errno. */
int bus_attach(struct bus *b, sd_event *event);

/* Ask without waiting; the handler is called once from the loop, unless b is freed before. One
 * question at a time: -EBUSY while one is open; -ENOTCONN: open a new bus; -ENOMEM. */
int bus_ask_timers(struct bus *b, bus_timers_handler handler, void *userdata);

/* ---- plain data ---- */

void bus_timers_done(struct bus_timers *t);

/* Replace `to` by a copy. 0 or -ENOMEM: then it is empty. */
int bus_timers_copy(const struct bus_timers *from, struct bus_timers *to);

/* NULL when there is none. */
const struct bus_timer *bus_timers_find(const struct bus_timers *t, const char *account);

/* When a timer elapses next, out of what systemd says: a wall clock time and a monotonic one,
 * either of which may be missing (0 or USEC_INFINITY). 0: never, or not known. */
uint64_t bus_next_elapse(uint64_t realtime_usec, uint64_t monotonic_usec, uint64_t now_wall,
			 uint64_t now_monotonic);

#endif
