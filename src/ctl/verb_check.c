/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <poll.h>
#include <string.h>

/* The daemon checks several accounts at a time; what is printed stands in the order of the
 * names. */

struct checked {
	char *account; /* "": the service */
	json_t *lines; /* not printed yet */
	bool done;
};

struct checker {
	struct ctl *c;
	struct checked *v; /* in the order of printing */
	size_t n;
	size_t turn; /* whose lines are printed as they come */
	bool headed; /* its heading was printed */
	unsigned count[CHECK_FAIL + 1];
	int exit_code;
};

static void checker_done(struct checker *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].account);
		json_decref(k->v[i].lines);
	}
	free(k->v);
}

/* NULL without memory. */
static struct checked *add_account(struct checker *k, const char *account)
{
	struct checked *v = reallocarray(k->v, k->n + 1, sizeof(*v));

	if (!v)
		return NULL;
	k->v = v;
	v[k->n] = (struct checked){.account = text_dup(account), .lines = json_array()};
	k->n++;
	return v[k->n - 1].account && v[k->n - 1].lines ? &v[k->n - 1] : NULL;
}

static struct checked *find_account(struct checker *k, const char *account)
{
	for (size_t i = 0; i < k->n; i++)
		if (strcmp(k->v[i].account, account) == 0)
			return &k->v[i];
	return NULL;
}

/* ---- printing ---- */

static void count_line(struct checker *k, const json_t *line)
{
	const char *result = member_str(line, "result");
	int code = (int)MIN_OF(member_u64(line, "exit_code"), (uint64_t)CTL_EXIT_LOCAL);

	k->exit_code = MAX_OF(k->exit_code, code);
	if (strcmp(result, "ok") == 0)
		k->count[CHECK_OK]++;
	else
		k->count[strcmp(result, "warn") == 0 ? CHECK_WARN : CHECK_FAIL]++;
}

static void print_line(struct checker *k, const char *account, json_t *line)
{
	struct ctl *c = k->c;

	count_line(k, line);
	if (ctl_has(&c->args, OPT_QUIET) && strcmp(member_str(line, "result"), "ok") == 0)
		return;
	if (ctl_has(&c->args, OPT_JSON)) {
		if (!*account)
			(void)json_object_set_new(line, "account", json_null());
		ctl_print_json(c, line);
	} else {
		if (!k->headed)
			check_view_heading(c->term.out, &c->term.look, account);
		k->headed = true;
		check_view_line(c->term.out, &c->term.look, line);
	}
	(void)fflush(
		c->term.out); /* an error stays in the stream, and is looked at in the end */
}

static void print_account(struct checker *k, struct checked *a)
{
	json_t *line;
	size_t i;

	json_array_foreach(a->lines, i, line) print_line(k, a->account, line);
	(void)json_array_clear(a->lines);
}

/* Whatever can be printed now. all: nothing more will come. */
static void print_ready(struct checker *k, bool all)
{
	while (k->turn < k->n) {
		struct checked *a = &k->v[k->turn];

		print_account(k, a);
		if (!a->done && !all)
			return;
		k->turn++;
		k->headed = false;
	}
}

static int print_end(struct checker *k, int code)
{
	struct ctl *c = k->c;

	print_ready(k, true);
	code = MAX_OF(code, k->exit_code);
	if (ctl_has(&c->args, OPT_JSON)) {
		_cleanup_(json_decrefp) json_t *o =
			json_pack("{s:s, s:i, s:i, s:i, s:i}", "event", "done", "exit_code",
				  code, "ok", (int)k->count[CHECK_OK], "warn",
				  (int)k->count[CHECK_WARN], "fail", (int)k->count[CHECK_FAIL]);

		if (o)
			ctl_print_json(c, o);
	} else if (!ctl_has(&c->args, OPT_QUIET)) {
		check_view_end(c->term.out, &c->term.look, k->count[CHECK_WARN],
			       k->count[CHECK_FAIL]);
	}
	return code;
}

/* ---- taking ---- */

/* 0 or -ENOMEM. */
static int take_event(struct checker *k, const json_t *event)
{
	const char *what = member_str(event, "event"), *account = member_str(event, "account");
	bool done = strcmp(what, "done") == 0;
	struct checked *a;

	if (!done && strcmp(what, "check") != 0)
		return 0;
	a = find_account(k, account);
	if (!a) {
		if (done)
			return 0;
		/* Told one after the other, without having been named before. */
		if (k->n > 0)
			k->v[k->n - 1].done = true;
		a = add_account(k, account);
		if (!a)
			return -ENOMEM;
	}
	if (done)
		a->done = true;
	else if (json_array_append(a->lines, (json_t *)event) < 0)
		return -ENOMEM;
	print_ready(k, false);
	return 0;
}

/* The accounts in their order. */
static int take_runs(struct checker *k, const json_t *runs)
{
	const json_t *run;
	size_t i;

	json_array_foreach(runs, i,
			   run) if (!add_account(k, member_str(run, "account"))) return -ENOMEM;
	return 0;
}

static int take(struct checker *k, const json_t *parameters)
{
	const json_t *event = json_object_get(parameters, "event");

	return event ? take_event(k, event) : take_runs(k, json_object_get(parameters, "runs"));
}

/* ---- by the daemon ---- */

static int by_daemon(struct checker *k, struct varlink_client *client)
{
	_cleanup_(json_decrefp) json_t *p = ctl_names(&k->c->args);
	struct mm_err err = {0};
	int r;

	if (!p) {
		(void)mm_err_set(&err, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "a name is not UTF-8");
		(void)mm_err_class(&err, MM_CLASS_USAGE, "mailmigctl status lists the names");
		return trouble_report(&err);
	}
	r = varlink_client_call(client, CONTROL_INTERFACE ".Check", p, true, &err);
	while (r >= 0 || r == -EINTR) {
		_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};

		r = varlink_client_next(client, USEC_INFINITY, &reply, &err);
		if (r < 0)
			continue;
		if (reply.error)
			return trouble_reply(&reply);
		if (!reply.continues) {
			uint64_t code = member_u64(reply.parameters, "exit_code");

			return print_end(k, (int)MIN_OF(code, (uint64_t)CTL_EXIT_LOCAL));
		}
		r = take(k, reply.parameters);
		if (r < 0)
			(void)mm_err_oom(&err);
	}
	(void)print_end(k, CTL_EXIT_OK);
	return trouble_report(&err);
}

/* ---- without it ---- */

static int by_worker(struct checker *k)
{
	_cleanup_(source_freep) struct source *s = NULL;
	struct mm_err err = {0};

	if (source_check_new(k->c, &s, &err) < 0)
		return trouble_report(&err);
	for (;;) {
		_cleanup_(json_decrefp) json_t *event = NULL;
		struct pollfd p = {.fd = s->ops->fd(s), .events = POLLIN};
		int r;

		r = s->ops->take(s, &event, &err);
		if (r == -ENODATA)
			break;
		if (r > 0)
			r = take_event(k, event);
		else if (r == 0)
			(void)poll(&p, 1, -1); /* whatever woke us is looked at */
		if (r < 0)
			return trouble_report(&err);
	}
	return print_end(k, s->ops->finish(s));
}

/* The daemon is not there: that is the first line. */
static int tell_no_daemon(struct checker *k, const struct mm_err *err)
{
	struct check_line l = {
		.result = CHECK_FAIL,
		.item = "daemon",
		.exit_code = CTL_EXIT_NO_DAEMON,
	};
	_cleanup_(json_decrefp) json_t *event = NULL;

	(void)snprintf(l.text, sizeof(l.text), "%s", err->text);
	(void)snprintf(l.advice, sizeof(l.advice), "%s", err->advice);
	event = check_line_to_json(&l);
	return event ? take_event(k, event) : -ENOMEM;
}

static int check(struct checker *k)
{
	_cleanup_(varlink_client_freep) struct varlink_client *client = NULL;
	struct mm_err err = {0};
	int r;

	if (ctl_has(&k->c->args, OPT_OFFLINE))
		return by_worker(k);
	r = ctl_connect(k->c, &client, &err);
	if (r >= 0)
		return by_daemon(k, client);
	if (r != -ENOENT && r != -ECONNREFUSED)
		return trouble_report(&err);
	if (tell_no_daemon(k, &err) < 0)
		return trouble_report(&err);
	return by_worker(k);
}

int verb_check(struct ctl *c)
{
	struct checker k = {.c = c};
	int code = check(&k);

	checker_done(&k);
	return code;
}
