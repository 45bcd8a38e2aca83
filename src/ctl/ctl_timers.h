/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_TIMERS_H
#define CTL_TIMERS_H

#include "ctl_internal.h"
#include <mailmig/bus.h>

/* ---- timers of accounts (timers_view.c; verbs: verb_timers.c) ---- */

/* What `timers --json` prints: an entry for each account of a status answer, in its order, then
 * one for each timer that belongs to none. "trouble" and "advice" (the command that mends it)
 * are strings where something is wrong. NULL without memory. */
json_t *timers_join(const json_t *accounts, const struct bus_timers *timers);

/* What systemd knows of one of them (NULL: nothing): "account", "unit", "enabled", "timer" (its
 * state) and "next". NULL without memory. */
json_t *timer_to_json(const char *account, const struct bus_timer *t);

/* The same as a table, what is wrong first and explained below. 0 or -ENOMEM. */
int timers_view(FILE *f, const struct look *l, const json_t *list, const json_t *accounts,
		uint64_t now_usec);

/* After the daemon took a new configuration: have systemd run its generators, and start timers
 * that elapsed again. Where there is no systemd nothing is done; who may not is told who may.
 * Returns the exit code. */
int reload_timers(struct ctl *c);

#endif
