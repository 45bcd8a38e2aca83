/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_internal.h"

#include <mailmig/clock.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define PRIVATE_SOCKET "/run/systemd/private"

static int not_booted(struct mm_err *reterr)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -ENXIO,
			 "systemd does not run here: there are no timers");
	(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
			   "let another scheduler start: mailmigctl run NAME");
	return -ENXIO;
}

static int unreachable(struct mm_err *reterr, int code)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
			 "cannot reach systemd over D-Bus: %s", strerror(-code));
	(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
			   "see systemctl status dbus; as root it works without: sudo");
	return code;
}

/* The manager's own socket is no bus: no daemon, no names, no Hello. */
static int open_private(sd_bus *sd)
{
	return sd_bus_set_address(sd, "unix:path=" PRIVATE_SOCKET);
}

static int open_system(sd_bus *sd, const char *address)
{
	int r;

	r = sd_bus_set_address(sd, address ? address : "unix:path=/run/dbus/system_bus_socket");
	return r < 0 ? r : sd_bus_set_bus_client(sd, true);
}

int bus_open(struct bus **ret, struct mm_err *reterr)
{
	_cleanup_(bus_freep) struct bus *b = calloc(1, sizeof(*b));
	const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
	int r;

	if (!b)
		return mm_err_oom(reterr);
	if (!address && sd_booted() <= 0)
		return not_booted(reterr);

	r = sd_bus_new(&b->sd);
	if (r < 0)
		return mm_err_oom(reterr);
	if (!address && geteuid() == 0 && access(PRIVATE_SOCKET, F_OK) == 0)
		r = open_private(b->sd);
	else
		r = open_system(b->sd, address);
	if (r >= 0)
		r = sd_bus_set_method_call_timeout(b->sd, BUS_CALL_TIMEOUT);
	if (r >= 0)
		r = sd_bus_start(b->sd);
	if (r < 0)
		return unreachable(reterr, r);

	*ret = STEAL(b);
	return 0;
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;

	sd_bus_slot_unref(b->removed);
	if (b->sd) {
		(void)sd_bus_detach_event(b->sd); /* fails when it was never attached */
		sd_bus_close_unref(b->sd);
	}
	(void)bus_query_free(b->query);
	free(b->job);
	free(b->job_result);
	free(b);
	return NULL;
}

int bus_attach(struct bus *b, sd_event *event)
{
	int r = sd_bus_attach_event(b->sd, event, SD_EVENT_PRIORITY_NORMAL);

	return MIN_OF(r, 0);
}

/* One step. 1: something was done; 0: time is up; -errno. */
static int step(struct bus *b, uint64_t deadline_usec)
{
	uint64_t now = clock_usec();
	int r;

	r = sd_bus_process(b->sd, NULL);
	if (r != 0)
		return r;
	if (now >= deadline_usec)
		return 0;

	r = sd_bus_wait(b->sd, deadline_usec - now);
	return r < 0 && r != -EINTR ? r : 1;
}

int bus_process_until(struct bus *b, const bool *done, uint64_t deadline_usec)
{
	while (!*done) {
		int r = step(b, deadline_usec);

		if (r < 0)
			return r;
		if (r == 0)
			return -ETIMEDOUT;
	}
	return 0;
}

int bus_wait_ready(struct bus *b, struct mm_err *reterr)
{
	uint64_t deadline = clock_deadline(BUS_CONNECT_TIMEOUT);

	for (;;) {
		int r = sd_bus_is_ready(b->sd);

		if (r > 0)
			return 0;
		if (r == 0)
			r = step(b, deadline);
		if (r == 0)
			r = -ETIMEDOUT;
		if (r < 0)
			return unreachable(reterr, r);
	}
}

int bus_describe(struct mm_err *reterr, int code, const sd_bus_error *error, const char *what)
{
	const char *words = error && error->message ? error->message : strerror(-code);

	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code, "systemd: cannot %s: %s",
			 what, words);
	if (code == -EACCES || code == -EPERM)
		(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
				   "it is for root: the same command with sudo");
	else if (code == -ENOENT)
		(void)mm_err_class(reterr, MM_CLASS_LOCAL,
				   "are mailmig's units there? see: systemctl cat "
				   "mailmig@.timer");
	else
		(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see journalctl -b -n 20");
	return code == -EPERM ? -EACCES : code;
}
