/* SPDX-License-Identifier: Apache-2.0 */
#include "bus_internal.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <string.h>

#define UNIT_NAME_MAX 256 /* as systemd has it */

static const char *unit_of(const char *account, char *buf, size_t n)
{
	(void)snprintf(buf, n, BUS_TIMER_UNIT_PREFIX "%s" BUS_TIMER_UNIT_SUFFIX, account);
	return buf;
}

static int new_call(struct bus *b, const char *method, sd_bus_message **ret)
{
	return sd_bus_message_new_method_call(b->sd, ret, SYSTEMD_NAME, SYSTEMD_PATH,
					      SYSTEMD_MANAGER, method);
}

/* Send a call and wait for its answer, which may be of no interest (ret_reply NULL). */
static int do_call(struct bus *b, sd_bus_message *m, uint64_t timeout_usec, const char *what,
		   sd_bus_message **ret_reply, struct mm_err *reterr)
{
	_cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
	int r;

	r = sd_bus_call(b->sd, m, timeout_usec, &error, ret_reply);
	return r < 0 ? bus_describe(reterr, r, &error, what) : 0;
}

int bus_reload(struct bus *b, struct mm_err *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	r = bus_wait_ready(b, reterr);
	if (r < 0)
		return r;
	r = new_call(b, "Reload", &m);
	if (r < 0)
		return mm_err_oom(reterr);
	return do_call(b, m, BUS_RELOAD_TIMEOUT, "reload", NULL, reterr);
}

/* ---- unit files ---- */

static int add_units(sd_bus_message *m, const char *const *accounts, size_t n)
{
	char unit[UNIT_NAME_MAX];
	int r;

	r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "s");
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = sd_bus_message_append(m, "s", unit_of(accounts[i], unit, sizeof(unit)));
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int enable_files(struct bus *b, const char *const *accounts, size_t n,
			struct mm_err *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if ((r = new_call(b, "EnableUnitFiles", &m)) < 0 ||
	    (r = add_units(m, accounts, n)) < 0 ||
	    (r = sd_bus_message_append(m, "bb", false, false)) < 0) /* runtime, force */
		return mm_err_oom(reterr);
	return do_call(b, m, BUS_CALL_TIMEOUT, "enable timers", NULL, reterr);
}

static int disable_files(struct bus *b, const char *const *accounts, size_t n,
			 struct mm_err *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if ((r = new_call(b, "DisableUnitFiles", &m)) < 0 ||
	    (r = add_units(m, accounts, n)) < 0 ||
	    (r = sd_bus_message_append(m, "b", false)) < 0) /* runtime */
		return mm_err_oom(reterr);
	return do_call(b, m, BUS_CALL_TIMEOUT, "disable timers", NULL, reterr);
}

/* ---- jobs ---- */

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *unused)
{
	struct bus *b = userdata;
	const char *path, *result;

	if (sd_bus_message_read(m, "uoss", NULL, &path, NULL, &result) < 0)
		return 0; /* not what systemd sends: waited for in vain, and said so */
	if (b->job && strcmp(path, b->job) == 0) {
		(void)text_set(&b->job_result, result);
		b->job_done = true;
	}
	return 0;
}

/* The manager tells what became of jobs only to those who ask for its signals. */
static int watch_jobs(struct bus *b, struct mm_err *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	int r;

	if (b->removed)
		return 0;
	r = sd_bus_match_signal(b->sd, &b->removed, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER,
				"JobRemoved", on_job_removed, b);
	if (r < 0)
		return bus_describe(reterr, r, NULL, "watch its jobs");
	r = new_call(b, "Subscribe", &m);
	if (r < 0)
		return mm_err_oom(reterr);
	return do_call(b, m, BUS_CALL_TIMEOUT, "watch its jobs", NULL, reterr);
}

/* "StartUnit", "StopUnit" or "RestartUnit", to its end. A unit that is not there is stopped. */
static int do_job(struct bus *b, const char *method, const char *word, const char *account,
		  struct mm_err *reterr)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
	char unit[UNIT_NAME_MAX], what[UNIT_NAME_MAX + 16];
	const char *path;
	int r;

	(void)unit_of(account, unit, sizeof(unit));
	(void)snprintf(what, sizeof(what), "%s %s", word, unit);
	r = watch_jobs(b, reterr);
	if (r < 0)
		return r;
	if ((r = new_call(b, method, &m)) < 0 ||
	    (r = sd_bus_message_append(m, "ss", unit, "replace")) < 0)
		return mm_err_oom(reterr);
	/* Signals that come while a call waits are kept: its end cannot be missed. */
	b->job_done = false;
	r = do_call(b, m, BUS_CALL_TIMEOUT, what, &reply, reterr);
	if (r < 0)
		return r;
	r = sd_bus_message_read(reply, "o", &path);
	if (r < 0)
		return bus_describe(reterr, r, NULL, what);
	if (text_set(&b->job, path) < 0)
		return mm_err_oom(reterr);
	r = bus_process_until(b, &b->job_done, clock_deadline(BUS_CALL_TIMEOUT));
	if (r < 0)
		return bus_describe(reterr, r, NULL, what);
	if (b->job_result && strcmp(b->job_result, "done") == 0)
		return 0;

	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, -EIO, "systemd: cannot %s: %s",
			 what, b->job_result ? b->job_result : "?");
	(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see systemctl status %s", unit);
	return -EIO;
}

/* ---- what is offered ---- */

int bus_restart_timer(struct bus *b, const char *account, struct mm_err *reterr)
{
	int r = bus_wait_ready(b, reterr);

	return r < 0 ? r : do_job(b, "RestartUnit", "restart", account, reterr);
}

int bus_enable(struct bus *b, const char *const *accounts, size_t n, struct mm_err *reterr)
{
	int r;

	if ((r = bus_wait_ready(b, reterr)) < 0 ||
	    (r = enable_files(b, accounts, n, reterr)) < 0 || (r = bus_reload(b, reterr)) < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = do_job(b, "StartUnit", "start", accounts[i], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int bus_disable(struct bus *b, const char *const *accounts, size_t n, struct mm_err *reterr)
{
	int r;

	if ((r = bus_wait_ready(b, reterr)) < 0 ||
	    (r = disable_files(b, accounts, n, reterr)) < 0 || (r = bus_reload(b, reterr)) < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		r = do_job(b, "StopUnit", "stop", accounts[i], reterr);
		if (r < 0)
			return r;
	}
	return 0;
}
