/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <mailmig/clock.h>
#include <string.h>

#define RUNS_ASKED 5

/* The newest runs of an account, or NULL: it only adds to what is shown. */
static json_t *history(struct ctl *c, const json_t *account)
{
	_cleanup_(json_decrefp) json_t *p = json_pack(
		"{s:s, s:i}", "account", member_str(account, "name"), "limit", RUNS_ASKED);
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct mm_err err = {0};

	if (!p || ctl_call(c, CONTROL_INTERFACE ".History", p, &reply, &err) < 0 || reply.error)
		return NULL;
	return json_incref(json_object_get(reply.parameters, "runs"));
}

static int print_text(struct ctl *c, const json_t *status)
{
	const json_t *accounts = json_object_get(status, "accounts"), *a;
	FILE *f = c->term.out;
	uint64_t now = clock_wall_usec();
	size_t i;

	if (c->args.n_names == 0)
		return status_view_table(f, &c->term.look, status, now,
					 ctl_has(&c->args, OPT_QUIET));

	json_array_foreach(accounts, i, a)
	{
		_cleanup_(json_decrefp) json_t *runs = history(c, a);
		int r;

		if (i > 0)
			fputc('\n', f);
		r = status_view_account(f, &c->term.look, a, runs, now, c->args.verbose > 0);
		if (r < 0)
			return r;
	}
	return 0;
}

int verb_status(struct ctl *c)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *parameters = NULL;
	struct mm_err err = {0};
	const json_t *status;

	if (c->args.n_names > 0) {
		parameters = ctl_names(&c->args);
		if (!parameters) {
			(void)mm_err_oom(&err);
			return trouble_report(&err);
		}
	}
	if (ctl_call(c, CONTROL_INTERFACE ".Status", parameters, &reply, &err) < 0)
		return trouble_report(&err);
	if (reply.error)
		return trouble_reply(&reply);

	status = json_object_get(reply.parameters, "status");
	if (ctl_has(&c->args, OPT_JSON)) {
		ctl_print_json(c, status);
		return CTL_EXIT_OK;
	}
	if (print_text(c, status) < 0) {
		(void)mm_err_oom(&err);
		return trouble_report(&err);
	}
	return CTL_EXIT_OK;
}
