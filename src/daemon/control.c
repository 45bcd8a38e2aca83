/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "access.h"
#include "check.h"
#include <fcntl.h>
#include <mailmig/clock.h>
#include <string.h>

/* The methods of io.mailmig.Control. */

#define ERROR(name)      CONTROL_INTERFACE "." name
#define HAVE_MAX         50   /* accounts named to somebody who mistyped one */
#define COMPLAINTS_MAX   1000 /* lines of a rejected configuration */
#define HISTORY_LIST_MAX HISTORY_RUNS_KEPT

static bool permit(struct varlink_call *call, void *userdata)
{
	const struct varlink_peer *peer = varlink_call_peer(call);
	const struct daemon *d = userdata;

	if (access_allowed(peer, geteuid(), d->has_group, d->group))
		return true;
	varlink_call_error(call, ERROR("PermissionDenied"),
			   json_pack("{s:I}", "uid", (json_int_t)peer->uid));
	return false;
}

static void answer_failed(struct varlink_call *call, const char *text, const char *advice,
			  int exit_code)
{
	varlink_call_error(call, ERROR("Failed"),
			   json_pack("{s:s, s:s, s:i}", "text", text, "advice", advice,
				     "exit_code", exit_code));
}

static void answer_no_memory(struct varlink_call *call)
{
	answer_failed(call, "mailmigd has not enough memory for this",
		      "try again, or raise MemoryMax= of mailmigd.service", EXIT_CODE_LOCAL);
}

static void answer_no_account(const struct daemon *d, struct varlink_call *call,
			      const char *name)
{
	_cleanup_(json_decrefp) json_t *have = json_array();

	for (size_t i = 0; i < d->config->n_accounts && json_array_size(have) < HAVE_MAX; i++) {
		const struct config_account *a = &d->config->accounts[i];

		if (!a->group || strchr(name, '/'))
			(void)json_array_append_new(have, json_string(a->name));
		else if (config_find(d->config, a->group) == a)
			(void)json_array_append_new(have, json_string(a->group));
	}
	varlink_call_error(call, ERROR("NoSuchAccount"),
			   json_pack("{s:s, s:O}", "account", name, "have", have));
}

static void do_version(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const struct daemon *d = userdata;
	char since[32];

	varlink_call_reply(call, json_pack("{s:s, s:i, s:s}", "version", MAILMIG_VERSION, "pid",
					   (int)getpid(), "since",
					   clock_rfc3339(d->since_usec, since, sizeof(since))));
}

static void answer_status(struct daemon *d, struct varlink_call *call, const json_t *names)
{
	json_t *status = status_to_json(d, names);

	if (!status)
		answer_no_memory(call);
	else
		varlink_call_reply(call, json_pack("{s:o}", "status", status));
}

static void do_status(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const json_t *names = json_object_get(parameters, "accounts");
	struct daemon *d = userdata;

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (!config_find(d->config, name) && !daemon_find_run(d, name)) {
			answer_no_account(d, call, name);
			return;
		}
	}

	timers_refresh(d, call, names, answer_status);
}

/* ---- Run ---- */

struct request {
	bool all;
	bool group; /* one was named */
	bool dry_run;
	unsigned asked; /* of job_asks[] */
	bool fail_fast;
	const struct config_account **accounts; /* each once */
	size_t n;
	struct run **runs;
	int credentials_fd; /* a directory that came along; <= 0: none */
};

static void request_done(struct request *q)
{
	free(q->accounts);
	free(q->runs);
	if (q->credentials_fd > 0)
		(void)close(q->credentials_fd);
}

/* named: one by one, so that some may be named twice. */
static void add_account(struct request *q, const struct config_account *a, bool named)
{
	for (size_t i = 0; named && i < q->n; i++)
		if (q->accounts[i] == a)
			return;
	q->accounts[q->n++] = a;
}

/* Paused accounts have no runs; a dry one changes nothing. */
static bool may_run(struct daemon *d, const struct request *q, const struct config_account *a)
{
	return q->dry_run || !account_is_paused(d, a);
}

/* The account, or the members of the group that may run. False as below. */
static bool find_named(struct daemon *d, struct varlink_call *call, const char *name,
		       struct request *q)
{
	const struct config_account *first = config_find(d->config, name), *a = first;
	const struct config_account *end = d->config->accounts + d->config->n_accounts;
	size_t before = q->n, n_resting = 0;

	if (!first) {
		answer_no_account(d, call, name);
		return false;
	}
	if (!first->enabled) {
		varlink_call_error(call, ERROR("AccountDisabled"),
				   json_pack("{s:s}", "account", name));
		return false;
	}
	for (; a < end && config_account_is(a, name); a++) {
		if (may_run(d, q, a))
			add_account(q, a, before > 0);
		else
			n_resting++;
	}
	q->group |= strcmp(first->name, name) != 0;
	if (n_resting == (size_t)(a - first)) {
		varlink_call_error(call, ERROR("AccountPaused"),
				   json_pack("{s:s}", "account", name));
		return false;
	}
	return true;
}

/* Which accounts are meant. False: the call was answered with an error. */
static bool find_accounts(struct daemon *d, struct varlink_call *call, const json_t *names,
			  struct request *q)
{
	for (size_t i = 0; q->all && i < d->config->n_accounts; i++)
		if (d->config->accounts[i].enabled && may_run(d, q, &d->config->accounts[i]))
			add_account(q, &d->config->accounts[i], false);

	for (size_t i = 0; i < json_array_size(names); i++)
		if (!find_named(d, call, json_string_value(json_array_get(names, i)), q))
			return false;
	return true;
}

/* May the call have the run that an account has already? With "more" it joins it, unless one is
 * dry and the other is not, or it runs without what is asked for. Of --all and of a group, what
 * runs is as good as asked for. */
static bool may_join(const struct varlink_call *call, const struct request *q,
		     const struct run *r)
{
	return r->dry_run == q->dry_run &&
	       ((q->asked & ~r->asked) == 0 || r->state == RUN_QUEUED) &&
	       (varlink_call_wants_more(call) || q->all || q->group);
}

static bool find_runs(struct daemon *d, struct varlink_call *call, struct request *q)
{
	for (size_t i = 0; i < q->n; i++) {
		struct run *r = daemon_find_run(d, q->accounts[i]->name);

		if (r && !may_join(call, q, r)) {
			varlink_call_error(
				call, ERROR("AlreadyRunning"),
				json_pack("{s:s, s:s}", "account", r->account, "run", r->id));
			return false;
		}
		q->runs[i] = r;
	}
	return true;
}

/* All or none: what was queued for a request that then fails is taken back. */
static bool queue_runs(struct daemon *d, struct request *q)
{
	uint64_t batch = ++d->last_batch;

	for (size_t i = 0; i < q->n; i++) {
		if (q->runs[i])
			continue;
		if (run_new(d, q->accounts[i], q->dry_run, batch, q->fail_fast, &q->runs[i]) ==
		    0)
			continue;
		for (size_t k = 0; k < i; k++)
			if (q->runs[k]->batch == batch)
				run_cancel(q->runs[k],
					   "not started: no memory for its request");
		return false;
	}
	return true;
}

/* What has not started yet does more than it was asked for first. */
static void give_asked(const struct request *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->runs[i]->state == RUN_QUEUED)
			q->runs[i]->asked |= q->asked;
}

static unsigned read_asked(const json_t *parameters)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < JOB_ASKS_N; i++)
		if (json_is_true(json_object_get(parameters, job_asks[i].member)))
			asked |= 1U << i;
	return asked;
}

/* The directory that came along is for what has not started yet. Without a descriptor of its
 * own the worker says which credential it misses. */
static void give_credentials(const struct request *q)
{
	for (size_t i = 0; q->credentials_fd > 0 && i < q->n; i++)
		if (q->runs[i]->state == RUN_QUEUED && q->runs[i]->credentials_fd <= 0)
			q->runs[i]->credentials_fd =
				fcntl(q->credentials_fd, F_DUPFD_CLOEXEC, STDERR_FILENO);
}

static void do_run(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const json_t *names = json_object_get(parameters, "accounts");
	const json_t *fail_fast = json_object_get(parameters, "fail_fast");
	struct daemon *d = userdata;
	_cleanup_(request_done) struct request q = {
		.all = json_is_true(json_object_get(parameters, "all")),
		.dry_run = json_is_true(json_object_get(parameters, "dry_run")),
		.asked = read_asked(parameters),
		.fail_fast = json_is_boolean(fail_fast) ? json_is_true(fail_fast)
							: d->config->stop_on_error,
		.credentials_fd = varlink_call_take_fd(call),
	};
	size_t room = d->config->n_accounts + json_array_size(names) + 1;

	if (q.all == (json_array_size(names) > 0)) {
		varlink_call_invalid_parameter(call, q.all ? "all" : "accounts");
		return;
	}
	if (d->draining) {
		varlink_call_error(call, ERROR("Failed"),
				   json_pack("{s:s, s:s, s:i, s:b}", "text",
					     "mailmigd is stopping", "advice",
					     "run again when it is back", "exit_code",
					     EXIT_CODE_CANCEL, "stopping", true));
		return;
	}

	q.accounts = calloc(room, sizeof(*q.accounts));
	q.runs = calloc(room, sizeof(*q.runs));
	if (!q.accounts || !q.runs) {
		answer_no_memory(call);
		return;
	}
	if (!find_accounts(d, call, names, &q) || !find_runs(d, call, &q))
		return;
	if (q.n == 0) {
		answer_failed(call, "there is no account that is enabled and not paused",
			      "see mailmigctl status, mailmigctl resume NAME, mailmig.conf(5)",
			      EXIT_CODE_CONFIG);
		return;
	}
	if (!queue_runs(d, &q)) {
		answer_no_memory(call);
		return;
	}
	give_asked(&q);
	give_credentials(&q);
	note_runs_asked(d, q.runs, q.n);
	if (follow_new(d, call, q.runs, q.n) < 0)
		answer_no_memory(call);
}

/* ---- Check ---- */

/* Each account, and without names what is no account's before them. False: no memory. */
static bool queue_checks(struct daemon *d, struct request *q)
{
	size_t n = 0;

	if (q->all && check_new(d, "", &q->runs[n++]) < 0)
		return false;
	for (size_t i = 0; i < q->n; i++)
		if (check_new(d, q->accounts[i]->name, &q->runs[n++]) < 0)
			return false; /* those queued are followed by nobody: forgotten */
	q->n = n;
	return true;
}

static void check_now(struct daemon *d, struct varlink_call *call, const json_t *names)
{
	_cleanup_(request_done) struct request q = {
		.all = json_array_size(names) == 0, .dry_run = true, /* paused accounts too */
	};
	size_t room = d->config->n_accounts + json_array_size(names) + 1;

	if (d->draining) {
		answer_failed(call, "mailmigd is stopping", "check again when it is back",
			      EXIT_CODE_CANCEL);
		return;
	}
	q.accounts = calloc(room, sizeof(*q.accounts));
	q.runs = calloc(room, sizeof(*q.runs));
	if (!q.accounts || !q.runs) {
		answer_no_memory(call);
		return;
	}
	if (!find_accounts(d, call, names, &q))
		return;
	if (!queue_checks(d, &q) || follow_new(d, call, q.runs, q.n) < 0) {
		answer_no_memory(call);
		return;
	}
	if (q.all)
		check_tell_service(d, call);
	checks_start(d);
}

static void do_check(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const json_t *names = json_object_get(parameters, "accounts");

	if (!varlink_call_wants_more(call))
		varlink_call_error(call, VARLINK_SERVICE_INTERFACE ".ExpectedMore", NULL);
	else
		timers_refresh(userdata, call, json_is_array(names) ? names : NULL, check_now);
}

/* ---- the others ---- */

static void do_cancel(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const char *account = json_string_value(json_object_get(parameters, "account"));
	struct daemon *d = userdata;
	const struct config_account *a = config_find(d->config, account), *end;
	struct run *r = daemon_find_run(d, account);
	bool any = r;

	if (!r && !a) {
		answer_no_account(d, call, account);
		return;
	}
	if (r)
		run_cancel(r, "cancelled before it started");
	end = d->config->accounts + d->config->n_accounts;
	for (; !r && a < end && config_account_is(a, account); a++) {
		struct run *one = daemon_find_run(d, a->name);

		if (one)
			run_cancel(one, "cancelled before it started");
		any |= one != NULL;
	}
	if (!any) {
		varlink_call_error(call, ERROR("NotRunning"),
				   json_pack("{s:s}", "account", account));
		return;
	}
	varlink_call_reply(call, json_pack("{s:b}", "cancelled", true));
}

static void pause_or_resume(struct varlink_call *call, const json_t *parameters,
			    struct daemon *d, bool pause)
{
	const char *account = json_string_value(json_object_get(parameters, "account"));
	const struct config_account *a = config_find(d->config, account), *end;
	struct mm_err err = {0};
	bool running = false;
	int q = 0;

	if (!a) {
		answer_no_account(d, call, account);
		return;
	}
	end = d->config->accounts + d->config->n_accounts;
	for (; a < end && config_account_is(a, account) && q >= 0; a++) {
		const struct run *r = daemon_find_run(d, a->name);

		running |= r && r->state == RUN_RUNNING && !r->dry_run;
		q = account_pause(d, a->name, pause, &err);
	}
	if (q < 0) {
		answer_failed(call, err.text,
			      pause ? "it is paused until mailmigd ends; see the disk"
				    : "it goes on until mailmigd ends; see the disk",
			      EXIT_CODE_LOCAL);
		return;
	}
	varlink_call_reply(call, pause ? json_pack("{s:b}", "ending", running) : NULL);
}

static void do_pause(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	pause_or_resume(call, parameters, userdata, true);
}

static void do_resume(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	pause_or_resume(call, parameters, userdata, false);
}

static void do_reload(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	_cleanup_(config_errors_done) struct config_errors errors = {0};
	_cleanup_(json_decrefp) json_t *lines = json_array();
	struct daemon *d = userdata;
	int r;

	r = daemon_reload(d, &errors);
	if (r >= 0) {
		varlink_call_reply(call, json_pack("{s:I}", "accounts",
						   (json_int_t)d->config->n_accounts));
		return;
	}
	if (errors.n == 0) {
		answer_no_memory(call);
		return;
	}

	for (size_t i = 0; i < MIN_OF(errors.n, (size_t)COMPLAINTS_MAX); i++)
		(void)json_array_append_new(lines, json_string(errors.lines[i]));
	varlink_call_error(call, ERROR("ConfigInvalid"), json_pack("{s:O}", "errors", lines));
}

static int add_run(struct run_summary *s, void *userdata)
{
	return json_array_append_new(userdata, run_summary_to_json(s)) < 0 ? -ENOMEM : 0;
}

static void do_history(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const char *account = json_string_value(json_object_get(parameters, "account"));
	const json_t *limit = json_object_get(parameters, "limit");
	json_int_t n =
		json_is_integer(limit) ? json_integer_value(limit) : HISTORY_LIST_DEFAULT;
	_cleanup_(json_decrefp) json_t *runs = json_array();
	struct daemon *d = userdata;
	struct mm_err err = {0};
	json_t *answer;

	if (n < 1) {
		varlink_call_invalid_parameter(call, "limit");
		return;
	}
	if (!config_find_account(d->config, account)) {
		answer_no_account(d, call, account);
		return;
	}
	if (!runs ||
	    history_list(d->history, account, (uint32_t)MIN_OF(n, (json_int_t)HISTORY_LIST_MAX),
			 add_run, runs, &err) < 0) {
		answer_failed(call, *err.text ? err.text : "cannot read the run history",
			      err.advice, EXIT_CODE_LOCAL);
		return;
	}

	answer = json_pack("{s:O}", "runs", runs);
	if (answer)
		status_fit(answer, runs);
	varlink_call_reply(call, answer);
}

static const struct varlink_param no_params[] = {{0}};
static const struct varlink_param status_params[] = {{"accounts", VARLINK_STRINGS, true}, {0}};
static const struct varlink_param run_params[] = {
	{"accounts", VARLINK_STRINGS, true},     {"all", VARLINK_BOOL, true},
	{"dry_run", VARLINK_BOOL, true},         {"retry_held", VARLINK_BOOL, true},
	{"confirm_deletes", VARLINK_BOOL, true}, {"confirm_mapping", VARLINK_BOOL, true},
	{"fail_fast", VARLINK_BOOL, true},       {0},
};
static const struct varlink_param account_params[] = {{"account", VARLINK_STRING, false}, {0}};
static const struct varlink_param history_params[] = {
	{"account", VARLINK_STRING, false},
	{"limit", VARLINK_INT, true},
	{0},
};

static const struct varlink_param secret_set_params[] = {
	{"name", VARLINK_STRING, false},
	{"hex", VARLINK_STRING, false},
	{0},
};
static const struct varlink_param secret_remove_params[] = {{"name", VARLINK_STRING, false},
							    {0}};

static const struct varlink_method methods[] = {
	{"Version", no_params, do_version},
	{"Status", status_params, do_status},
	{"Run", run_params, do_run},
	{"Check", status_params, do_check},
	{"Cancel", account_params, do_cancel},
	{"Pause", account_params, do_pause},
	{"Resume", account_params, do_resume},
	{"SecretSet", secret_set_params, secrets_set},
	{"SecretList", no_params, secrets_list},
	{"SecretRemove", secret_remove_params, secrets_remove},
	{"Reload", no_params, do_reload},
	{"History", history_params, do_history},
	{0},
};

const struct varlink_interface control_interface = {
	.name = CONTROL_INTERFACE,
	.description = control_interface_description,
	.methods = methods,
	.permit = permit,
};
