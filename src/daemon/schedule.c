/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "check.h"
#include "messages.h"
#include <fcntl.h>
#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/text.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>

/* How often a lock that keeps a run from starting is looked at. */
#define HELD_INTERVAL (200 * USEC_PER_MSEC)

static size_t count_runs(const struct daemon *d)
{
	size_t n = 0;

	for (const struct run *r = d->runs; r; r = r->next)
		n++;
	return n;
}

/* Does a worker of a daemon before us still have the account? */
static bool is_held(const struct daemon *d, const char *account)
{
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;

	if (clock_usec() >= d->orphans_until_usec)
		return false;
	path = text_fmt("%s/accounts/%s.lock", d->state_dir, account);
	fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void describe_run(const struct daemon *d, const struct run *r, struct queue_entry *e,
			 uint32_t *ret_lanes)
{
	const struct config_account *a = config_find_account(d->config, r->account);

	*e = (struct queue_entry){.running = r->state == RUN_RUNNING};
	if (r->state == RUN_QUEUED && a) {
		*ret_lanes = queue_lanes(&a->job);
		queue_entry_init(e, &a->job, *ret_lanes);
		e->held = is_held(d, r->account);
		return;
	}
	for (size_t i = 0; i < ELEMENTS(e->need); i++)
		e->need[i] = (struct queue_need){r->server[i], r->connections[i], 0};
}

static int on_held(sd_event_source *source, uint64_t usec, void *userdata)
{
	daemon_schedule_soon(userdata);
	return 0;
}

/* Nobody tells when a foreign lock is gone. */
static void look_again(struct daemon *d)
{
	(void)daemon_set_timer(d, &d->held_timer, HELD_INTERVAL, on_held, d);
}

/* Start the next run that may. 1: one was started (or failed at that); 0: none; -ENOMEM. */
static int start_one(struct daemon *d)
{
	size_t n = count_runs(d), i = 0, k;
	_cleanup_(freep) struct queue_entry *e = calloc(MAX_OF(n, 1U), sizeof(*e));
	_cleanup_(freep) uint32_t *lanes = calloc(MAX_OF(n, 1U), sizeof(*lanes));
	struct run *chosen = d->runs;
	ssize_t pick;

	if (!e || !lanes)
		return -ENOMEM;
	for (struct run *r = d->runs; r; r = r->next, i++)
		describe_run(d, r, &e[i], &lanes[i]);

	pick = queue_pick(e, n, d->config->max_jobs);
	if (pick < 0) {
		for (i = 0; i < n; i++)
			if (e[i].held)
				look_again(d);
		return 0;
	}

	k = (size_t)pick;
	for (i = 0; i < k; i++)
		chosen = chosen->next;
	run_start(chosen, config_find_account(d->config, chosen->account), &e[k], lanes[k]);
	return 1;
}

static void tell_systemd(struct daemon *d)
{
	char *text = status_text(d);

	if (!text)
		return;
	if (!d->status_text || strcmp(text, d->status_text) != 0)
		(void)sd_notifyf(0, "STATUS=%s", text);
	free(d->status_text);
	d->status_text = text;
}

static int on_schedule(sd_event_source *source, void *userdata)
{
	struct daemon *d = userdata;

	while (!d->draining && start_one(d) > 0)
		;
	tell_systemd(d);
	notify_check(d);

	if (d->draining && !d->runs && !d->checks && !notify_is_busy(d)) {
		varlink_server_flush(d->server);
		return sd_event_exit(d->event, 0);
	}
	return 0;
}

int daemon_schedule_init(struct daemon *d)
{
	return sd_event_add_defer(d->event, &d->schedule_source, on_schedule, d);
}

void daemon_schedule_soon(struct daemon *d)
{
	if (d->schedule_source) /* NULL at the very end */
		(void)sd_event_source_set_enabled(d->schedule_source, SD_EVENT_ONESHOT);
}

/* ---- the end ---- */

static void kill_all(struct daemon *d)
{
	notify_kill(d);
	for (struct run *r = d->runs; r; r = r->next)
		if (r->state == RUN_RUNNING) {
			run_set_trouble(r, "mailmigd had to stop and the worker did not end in "
					   "time: it was killed");
			worker_kill(r);
		}
}

static int on_drain_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	kill_all(userdata);
	return 0;
}

/* Even SIGKILL waits for a disk that hangs; nobody waits for us then. */
static int on_drain_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct daemon *d = userdata;

	mm_log(LOG_WARNING, NULL, "leaving although %zu workers did not end", count_runs(d));
	return sd_event_exit(d->event, 0);
}

void daemon_drain(struct daemon *d)
{
	const struct mm_log_fields f = {.message_id = MESSAGE_STOPPING};
	uint64_t grace = MIN_OF(DRAIN_GRACE, d->cancel_grace_usec);

	if (d->draining) {
		kill_all(d);
		return;
	}
	d->draining = true;

	(void)sd_notifyf(0, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRIu64,
			 DRAIN_LIMIT + USEC_PER_SEC);
	if (d->runs)
		mm_log(LOG_INFO, &f, "stopping: %zu runs end at their next message border",
		       count_runs(d));
	else
		mm_log(LOG_INFO, &f, "stopping");
	varlink_server_stop_listening(d->server);
	checks_stop(d);

	for (struct run *r = d->runs, *next; r; r = next) {
		next = r->next;
		r->stopped = !r->cancelled;
		run_cancel(r, "not started: mailmigd was stopped");
	}
	(void)sd_event_add_time_relative(d->event, &d->drain_timer, CLOCK_MONOTONIC, grace, 0,
					 on_drain_timer, d);
	(void)sd_event_add_time_relative(d->event, &d->drain_limit, CLOCK_MONOTONIC,
					 DRAIN_LIMIT, 0, on_drain_limit, d);
	daemon_schedule_soon(d);
}
