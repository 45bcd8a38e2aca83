/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include <mailmig/jsonio.h>
#include <string.h>

/* Progress is for looking at: a client with this much unread gets the next one instead. */
#define PROGRESS_PENDING_MAX (64 * 1024)

struct follow *follow_free(struct follow *f)
{
	if (!f)
		return NULL;

	if (f->prev)
		f->prev->next = f->next;
	else if (f->daemon->follows == f)
		f->daemon->follows = f->next;
	if (f->next)
		f->next->prev = f->prev;
	json_decref(f->summaries);
	free(f->runs);
	free(f);
	return NULL;
}

/* The client is gone; its runs go on. */
static void on_gone(struct varlink_call *call, void *userdata)
{
	(void)follow_free(userdata);
}

/* The first answer: which runs they are. */
static json_t *runs_to_json(struct run **runs, size_t n)
{
	_cleanup_(json_decrefp) json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list,
					  json_pack("{s:s, s:s}", "account", runs[i]->account,
						    "run", runs[i]->id)) < 0)
			return NULL;
	return json_pack("{s:O}", "runs", list);
}

/* Where a run stands that was joined in its middle. */
static void tell_standing(struct follow *f, const struct run *r)
{
	_cleanup_(json_decrefp) json_t *event = NULL;

	if (!r->progress)
		return;
	event = json_pack("{s:s, s:s, s:s}", "event", "progress", "account", r->account, "run",
			  r->id);
	if (event && json_object_update_missing(event, r->progress) == 0)
		varlink_call_notify(f->call, json_pack("{s:O}", "event", event));
}

int follow_new(struct daemon *d, struct varlink_call *call, struct run **runs, size_t n)
{
	json_t *answer = runs_to_json(runs, n);
	struct follow *f;

	if (!answer)
		return -ENOMEM;
	if (!varlink_call_wants_more(call)) {
		varlink_call_reply(call, answer);
		return 0;
	}

	f = calloc(1, sizeof(*f));
	if (f) {
		f->runs = calloc(n, sizeof(*f->runs));
		f->summaries = json_array();
		f->daemon = d;
		f->next = d->follows;
		if (f->next)
			f->next->prev = f;
		d->follows = f;
	}
	if (!f || !f->runs || !f->summaries) {
		(void)follow_free(f);
		json_decref(answer);
		return -ENOMEM;
	}

	memcpy(f->runs, runs, n * sizeof(*runs));
	f->n_runs = n;
	f->call = call;
	varlink_call_set_gone(call, on_gone, f);
	varlink_call_notify(call, answer);
	for (size_t i = 0; i < n; i++)
		tell_standing(f, runs[i]);
	return 0;
}

static ssize_t find_run(const struct follow *f, const struct run *r)
{
	for (size_t i = 0; i < f->n_runs; i++)
		if (f->runs[i] == r)
			return (ssize_t)i;
	return -1;
}

void follow_event(struct run *r, json_t *event, bool may_be_left_out)
{
	for (struct follow *f = r->daemon->follows; f; f = f->next) {
		if (find_run(f, r) < 0)
			continue;
		if (may_be_left_out && varlink_call_pending(f->call) > PROGRESS_PENDING_MAX)
			continue;
		varlink_call_notify(f->call, json_pack("{s:O}", "event", event));
	}
}

static void give_last_answer(struct follow *f)
{
	json_t *answer =
		json_pack("{s:i, s:O}", "exit_code", f->exit_code, "summaries", f->summaries);
	struct varlink_call *call = f->call;

	if (answer && f->daemon->draining)
		(void)json_object_set_new(answer, "stopping", json_true());

	if (answer)
		status_fit(answer, f->summaries);
	(void)follow_free(f);
	varlink_call_reply(call, answer);
}

void follow_run_ended(struct run *r, const struct run_summary *s)
{
	_cleanup_(json_decrefp) json_t *summary = run_summary_to_json(s);
	_cleanup_(json_decrefp) json_t *event = NULL;

	/* Without memory the followers learn the exit code only. */
	event = json_pack("{s:s, s:s}", "event", "done", "run", r->id);
	if (summary && event)
		(void)json_object_update(event, summary);
	follow_event(r, event, false);

	for (struct follow *f = r->daemon->follows, *next; f; f = next) {
		ssize_t i = find_run(f, r);

		next = f->next;
		if (i < 0)
			continue;
		f->runs[i] = f->runs[--f->n_runs];
		f->exit_code = MAX_OF(f->exit_code, s->exit_code);
		if (summary)
			(void)json_array_append(f->summaries, summary);
		if (f->n_runs == 0)
			give_last_answer(f);
	}
}
