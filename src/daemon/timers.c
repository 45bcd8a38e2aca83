/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include <mailmig/clock.h>
#include <mailmig/log.h>

/* A status is not late because systemd is; then it is left alone for a while, and after an
 * error for a moment. */
#define PATIENCE_USEC (500 * USEC_PER_MSEC)
#define HOLD_OFF_USEC (10 * USEC_PER_SEC)
#define RETRY_USEC    USEC_PER_SEC

struct timers_wait {
	struct timers *timers;
	struct timers_wait *prev, *next;
	struct varlink_call *call;
	json_t *names;
	timers_then then;
};

static void wait_free(struct timers_wait *w)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		w->timers->waiting = w->next;
	if (w->next)
		w->next->prev = w->prev;
	json_decref(w->names);
	free(w);
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	wait_free(userdata);
}

/* 0 or -ENOMEM. */
static int wait_new(struct timers *t, struct varlink_call *call, const json_t *names,
		    timers_then then)
{
	struct timers_wait *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->timers = t;
	w->call = call;
	w->names = json_incref((json_t *)names);
	w->then = then;
	w->next = t->waiting;
	if (w->next)
		w->next->prev = w;
	t->waiting = w;
	varlink_call_set_gone(call, on_gone, w);
	return 0;
}

static void answer_all(struct daemon *d)
{
	while (d->timers.waiting) {
		struct timers_wait *w = d->timers.waiting;
		_cleanup_(json_decrefp) json_t *names = json_incref(w->names);
		struct varlink_call *call = w->call;
		timers_then then = w->then;

		wait_free(w);
		then(d, call, names);
	}
}

/* What is not known is not shown. */
static void know_nothing(struct timers *t)
{
	bus_timers_done(&t->known);
	t->known_until_usec = clock_deadline(RETRY_USEC);
}

static void on_timers(const struct bus_timers *timers, const struct mm_err *err, void *userdata)
{
	struct daemon *d = userdata;
	struct timers *t = &d->timers;

	t->asking = false;
	if (err) {
		mm_debug("%s", err->text);
		t->broken = true; /* not freed here: it is calling us */
		know_nothing(t);
	} else if (bus_timers_copy(timers, &t->known) < 0) {
		know_nothing(t);
	} else {
		/* An answer holds as long as it took: whoever asks all the time keeps systemd
		 * busy for half of it at most. */
		t->known_until_usec = clock_deadline(clock_usec() - t->asked_usec);
	}
	answer_all(d);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	/* The old answer is better than none, and the new one may still come. */
	if (d->timers.waiting)
		d->timers.known_until_usec = clock_deadline(HOLD_OFF_USEC);
	answer_all(d);
	return 0;
}

static int open_bus(struct daemon *d)
{
	struct timers *t = &d->timers;
	struct mm_err err = {0};
	int r;

	if (t->broken)
		t->bus = bus_free(t->bus);
	t->broken = false;
	if (t->bus)
		return 0;

	r = bus_open(&t->bus, &err);
	return r < 0 ? r : bus_attach(t->bus, d->event);
}

/* 0: the handler will be called; -errno: there is nobody to ask. */
static int ask(struct daemon *d)
{
	struct timers *t = &d->timers;
	int r = -ENOTCONN;

	/* The other side may have been restarted since the last time. */
	for (int attempt = 0; attempt < 2 && r == -ENOTCONN; attempt++) {
		r = open_bus(d);
		if (r >= 0)
			r = bus_ask_timers(t->bus, on_timers, d);
		t->broken = r < 0;
	}
	t->asking = r >= 0;
	t->asked_usec = clock_usec();
	return r;
}

void timers_refresh(struct daemon *d, struct varlink_call *call, const json_t *names,
		    timers_then then)
{
	struct timers *t = &d->timers;

	if (clock_usec() < t->known_until_usec) {
		then(d, call, names);
		return;
	}
	if ((!t->asking && ask(d) < 0) ||
	    (!t->waiting &&
	     daemon_set_timer(d, &t->patience, PATIENCE_USEC, on_patience, d) < 0)) {
		know_nothing(t);
		then(d, call, names);
		return;
	}
	if (wait_new(t, call, names, then) < 0)
		then(d, call, names);
}

void timers_done(struct timers *t)
{
	while (t->waiting)
		wait_free(t->waiting);
	sd_event_source_disable_unref(t->patience);
	(void)bus_free(t->bus);
	bus_timers_done(&t->known);
}
