/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include "ctl_timers.h"
#include <mailmig/clock.h>
#include <string.h>

/* Ask the daemon for the accounts named, or all. 0 and a new reference; else the exit code of
 * what was reported: a name that it does not know, no daemon. */
static int ask_accounts(struct ctl *c, const char *const *names, size_t n, json_t **ret)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *parameters = json_object(), *list = json_array();
	struct mm_err err = {0};

	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(list, json_string(names[i]));
	if (!parameters || json_array_size(list) != n ||
	    json_object_set(parameters, "accounts", list) < 0) {
		(void)mm_err_oom(&err);
		return trouble_report(&err);
	}
	if (ctl_call(c, CONTROL_INTERFACE ".Status", parameters, &reply, &err) < 0)
		return trouble_report(&err);
	if (reply.error)
		return trouble_reply(&reply);
	*ret = json_incref(
		json_object_get(json_object_get(reply.parameters, "status"), "accounts"));
	return 0;
}

int verb_timers(struct ctl *c)
{
	_cleanup_(json_decrefp) json_t *accounts = NULL, *list = NULL;
	_cleanup_(bus_timers_done) struct bus_timers timers = {0};
	_cleanup_(bus_freep) struct bus *bus = NULL;
	struct mm_err err = {0};
	int code = ask_accounts(c, NULL, 0, &accounts);

	if (code != 0)
		return code;
	if (bus_open(&bus, &err) < 0 || bus_read_timers(bus, &timers, &err) < 0)
		return trouble_report(&err);

	list = timers_join(accounts, &timers);
	if (list && ctl_has(&c->args, OPT_JSON)) {
		_cleanup_(json_decrefp) json_t *o = json_pack("{s:O}", "timers", list);

		if (o)
			ctl_print_json(c, o);
		return CTL_EXIT_OK;
	}
	if (!list ||
	    timers_view(c->term.out, &c->term.look, list, accounts, clock_wall_usec()) < 0) {
		(void)mm_err_oom(&err);
		return trouble_report(&err);
	}
	return CTL_EXIT_OK;
}

/* ---- changing ---- */

static void print_one(struct ctl *c, const char *name, const struct bus_timer *t)
{
	FILE *f = c->term.out;
	char when[48];

	put_clean(f, name);
	if (!t)
		fputs(": timer disabled\n", f);
	else if (t->next_usec == 0)
		fputs(": timer enabled\n", f);
	else
		fprintf(f, ": timer enabled, next run %s\n",
			when_local(when, sizeof(when), t->next_usec, clock_wall_usec()));
}

/* What came of it, as systemd has it now. */
static int show_result(struct ctl *c, struct bus *bus)
{
	_cleanup_(json_decrefp) json_t *list = json_array(), *o = NULL;
	_cleanup_(bus_timers_done) struct bus_timers timers = {0};
	struct mm_err err = {0};

	if (ctl_has(&c->args, OPT_QUIET))
		return CTL_EXIT_OK;
	if (bus_read_timers(bus, &timers, &err) < 0)
		return trouble_report(&err);

	for (size_t i = 0; i < c->args.n_names; i++) {
		const char *name = c->args.names[i];
		const struct bus_timer *t = bus_timers_find(&timers, name);

		if (ctl_has(&c->args, OPT_JSON))
			(void)json_array_append_new(list, timer_to_json(name, t));
		else
			print_one(c, name, t);
	}
	if (ctl_has(&c->args, OPT_JSON) && (o = json_pack("{s:O}", "timers", list)))
		ctl_print_json(c, o);
	return CTL_EXIT_OK;
}

/* What stands behind the '/' is a member's, and has no timer of its own. */
static int refuse_members(const struct ctl_args *a)
{
	for (size_t i = 0; i < a->n_names; i++) {
		const char *slash = strchr(a->names[i], '/');
		int length = slash ? (int)(slash - a->names[i]) : 0;
		struct mm_err err = {0};

		if (!slash)
			continue;
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "%s has no timer of its own: that of its group runs it",
				 a->names[i]);
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl %s %.*s", a->verb->name,
				   length, a->names[i]);
		return trouble_report(&err);
	}
	return CTL_EXIT_OK;
}

/* A timer of an account that is switched off would fail each time. */
static int refuse_disabled(const json_t *accounts)
{
	const json_t *a;
	size_t i;

	json_array_foreach(accounts, i, a)
	{
		const char *group = member_str(a, "group");
		struct mm_err err = {0};

		if (!json_is_false(json_object_get(a, "enabled")))
			continue;
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "%s %s is switched off", *group ? "group" : "account",
				 *group ? group : member_str(a, "name"));
		(void)mm_err_class(&err, MM_CLASS_CONFIG,
				   "take enabled = false out of its configuration, then "
				   "mailmigctl reload");
		return trouble_report(&err);
	}
	return CTL_EXIT_OK;
}

int verb_enable(struct ctl *c)
{
	_cleanup_(json_decrefp) json_t *accounts = NULL;
	_cleanup_(bus_freep) struct bus *bus = NULL;
	struct mm_err err = {0};
	int code;

	code = ask_accounts(c, c->args.names, c->args.n_names, &accounts);
	if (code == CTL_EXIT_OK)
		code = refuse_members(&c->args);
	if (code == CTL_EXIT_OK)
		code = refuse_disabled(accounts);
	if (code != CTL_EXIT_OK)
		return code;
	if (bus_open(&bus, &err) < 0 ||
	    bus_enable(bus, c->args.names, c->args.n_names, &err) < 0)
		return trouble_report(&err);
	return show_result(c, bus);
}

/* A name that has a timer may go whatever the configuration says: that is how what is left over
 * is taken away. Of the others the daemon knows whether they were mistyped, if it is there. */
int verb_disable(struct ctl *c)
{
	_cleanup_(bus_timers_done) struct bus_timers timers = {0};
	_cleanup_(bus_freep) struct bus *bus = NULL;
	struct mm_err err = {0};
	int refused = refuse_members(&c->args);

	if (refused != CTL_EXIT_OK)
		return refused;
	if (bus_open(&bus, &err) < 0 || bus_read_timers(bus, &timers, &err) < 0)
		return trouble_report(&err);
	for (size_t i = 0; i < c->args.n_names; i++) {
		_cleanup_(json_decrefp) json_t *account = NULL;
		int code;

		if (bus_timers_find(&timers, c->args.names[i]))
			continue;
		code = ask_accounts(c, &c->args.names[i], 1, &account);
		if (code != CTL_EXIT_OK)
			return code;
	}
	if (bus_disable(bus, c->args.names, c->args.n_names, &err) < 0)
		return trouble_report(&err);
	return show_result(c, bus);
}

/* ---- after a reload ---- */

/* A timer that lost its schedule for a moment stays elapsed until it is started again. */
static int restart_elapsed(struct ctl *c, struct bus *bus)
{
	_cleanup_(bus_timers_done) struct bus_timers timers = {0};
	struct mm_err err = {0};

	if (bus_read_timers(bus, &timers, &err) < 0)
		return trouble_report(&err);
	for (size_t i = 0; i < timers.n; i++) {
		const struct bus_timer *t = &timers.list[i];

		if (strcmp(t->state, "elapsed") != 0)
			continue;
		if (bus_restart_timer(bus, t->account, &err) < 0)
			return trouble_report(&err);
		if (ctl_has(&c->args, OPT_QUIET) || ctl_has(&c->args, OPT_JSON))
			continue;
		put_clean(c->term.out, t->account);
		fputs(": the timer had elapsed and was started again\n", c->term.out);
	}
	return CTL_EXIT_OK;
}

int reload_timers(struct ctl *c)
{
	_cleanup_(bus_freep) struct bus *bus = NULL;
	struct mm_err err = {0};
	int r;

	if (strcmp(c->socket, CTL_DEFAULT_SOCKET) != 0)
		return CTL_EXIT_OK; /* not the daemon that the timers ask */
	r = bus_open(&bus, &err);
	if (r == -ENXIO)
		return CTL_EXIT_OK; /* no systemd here, no timers */
	if (r >= 0)
		r = bus_reload(bus, &err);
	if (r >= 0)
		return restart_elapsed(c, bus);
	if (err.cls != MM_CLASS_PERMISSION)
		return trouble_report(&err);

	/* The daemon did what was asked; the other half is not for everybody. */
	if (!ctl_has(&c->args, OPT_QUIET))
		fputs("  timers get changed schedules when root does it: sudo mailmigctl "
		      "reload\n",
		      stderr);
	return CTL_EXIT_OK;
}
