/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>

/* What mailmig@NAME.service waits for: the run of its account, or the runs of its group, also
 * over a restart of the daemon, which takes an interrupted run up again. A source of the daemon
 * in another coat: when that breaks off, look for the daemon until it is back, and join what
 * has not ended.
 *
 * The connection can break, or the daemon says that it is stopping; whatever else it says at
 * last counts. */

#define FIRST_USEC (50 * USEC_PER_MSEC) /* a socket of systemd is there all the time */
#define RETRY_USEC (500 * USEC_PER_MSEC)
#define GIVE_UP    (5 * 60 * USEC_PER_SEC) /* of looking for the daemon */

struct unit_source {
	struct source base;
	struct ctl *ctl;
	const char *account;  /* or group */
	json_t *parameters;   /* of Run */
	struct source *inner; /* NULL: looking for the daemon */
	int timer_fd;
	json_t *runs;        /* of the first answer; NULL: not heard yet */
	bool cancelled;      /* asked by a signal */
	uint64_t since_usec; /* looking for the daemon */
	json_t *results;     /* summaries of runs that ended while we looked away */
	int exit_code;       /* of those */
	json_t *held;        /* "interrupted" events, until the last answer shows whether they
				hold */
	json_t *queue;       /* what is given before anything else is taken */
	bool ended;
};

static int unit_fd(const struct source *s)
{
	const struct unit_source *u = (const struct unit_source *)s;

	return u->inner ? u->inner->ops->fd(u->inner) : u->timer_fd;
}

static int arm(const struct unit_source *u, uint64_t usec)
{
	const struct itimerspec spec = {
		.it_value = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
			     .tv_nsec = (long)(usec % USEC_PER_SEC * 1000)}};

	return timerfd_settime(u->timer_fd, 0, &spec, NULL) < 0 ? -errno : 0;
}

/* The daemon is gone: look for it. 0, or the described error when that has been going on for
 * too long: of a daemon too that is there and hangs up each time. */
static int begin_to_look(struct unit_source *u, const struct mm_err *why)
{
	bool first = u->since_usec == 0;

	source_freep(&u->inner);
	u->inner = NULL;
	(void)json_array_clear(u->held);
	if (first) {
		u->since_usec = clock_usec();
		fprintf(stderr, "mailmigctl: %s; waiting for mailmigd to come back\n",
			why->text);
		(void)sd_notify(0, "STATUS=waiting for mailmigd to come back");
	}
	if (clock_usec() - u->since_usec > GIVE_UP)
		return why->code;
	(void)arm(u, first ? FIRST_USEC : RETRY_USEC); /* cannot fail: it is a valid time */
	return 0;
}

static bool is_stopping(const struct unit_source *u)
{
	const struct varlink_reply *last = source_daemon_last(u->inner);

	return last->error && member_bool(last->parameters, "stopping");
}

/* An account that was told to rest is left alone, and its timer's unit does not fail each time.
 * True when that was said. */
static bool say_resting(const struct unit_source *u)
{
	const char *error = source_daemon_last(u->inner)->error;

	if (error && strcmp(error, CONTROL_INTERFACE ".AccountPaused") == 0)
		printf("%s is paused, nothing was done; go on with: mailmigctl resume %s\n",
		       u->account, u->account);
	else if (error && strcmp(error, CONTROL_INTERFACE ".AccountDisabled") == 0)
		printf("%s is switched off in the configuration, nothing was done; its timer "
		       "goes with: mailmigctl disable %s\n",
		       u->account, u->account);
	else
		return false;
	return true;
}

static const json_t *find_account(const json_t *status, const char *name)
{
	const json_t *a;
	size_t i;

	json_array_foreach(json_object_get(status, "accounts"), i, a)
	{
		if (strcmp(member_str(a, "name"), name) == 0)
			return a;
	}
	return NULL;
}

/* How a run of ours ended, if it did while nobody listened: its summary, or NULL. */
static json_t *find_result(const json_t *status, const json_t *run)
{
	const json_t *a = find_account(status, member_str(run, "account"));
	json_t *last = json_object_get(a, "last_run");
	const char *state = member_str(a, "state");

	if (strcmp(state, "running") == 0 || strcmp(state, "queued") == 0 ||
	    strcmp(member_str(last, "id"), member_str(run, "run")) != 0 ||
	    strcmp(member_str(last, "result"), "interrupted") == 0)
		return NULL;
	return last;
}

/* Take the results of runs that ended; ask for no more than the others. 0 or -ENOMEM. */
static int take_results(struct unit_source *u, const json_t *status)
{
	_cleanup_(json_decrefp) json_t *results = json_array(), *names = json_array();
	const json_t *run;
	size_t i;
	int r = results && names ? 0 : -1;

	json_array_foreach(u->runs, i, run)
	{
		json_t *last = find_result(status, run);

		if (r == 0 && last)
			r = json_array_append(results, last);
		else if (r == 0)
			r = json_array_append(names, json_object_get(run, "account"));
		if (last)
			u->exit_code = (int)MAX_OF((uint64_t)u->exit_code,
						   MIN_OF(member_u64(last, "exit_code"),
							  (uint64_t)CTL_EXIT_LOCAL));
	}
	if (r < 0 || json_object_set(u->parameters, "accounts", names) < 0)
		return -ENOMEM;
	json_decref(u->results);
	u->results = STEAL(results);
	return 0;
}

static bool is_over(const struct unit_source *u)
{
	return u->runs && json_array_size(json_object_get(u->parameters, "accounts")) == 0;
}

/* Ask what became of the runs, and join them or have them run again. 0; -errno: not now. */
static int join(struct unit_source *u, struct mm_err *reterr)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *p = NULL;
	int r;

	if (u->runs && !is_over(u)) {
		p = json_pack("{s:[s]}", "accounts", u->account);
		if (!p)
			return mm_err_oom(reterr);
		r = ctl_call(u->ctl, CONTROL_INTERFACE ".Status", p, &reply, reterr);
		if (r < 0)
			return r;
		/* An error answer comes again from Run, and is reported there. */
		if (take_results(u, json_object_get(reply.parameters, "status")) < 0)
			return mm_err_oom(reterr);
	}
	return is_over(u) ? 0 : source_daemon_new(u->ctl, u->parameters, &u->inner, reterr);
}

/* Give the summaries as the daemon's last answer would. */
static int give_results(struct unit_source *u, json_t **ret, struct mm_err *reterr)
{
	_cleanup_(json_decrefp) json_t *results = STEAL(u->results);

	u->ended = is_over(u);
	if (json_array_size(results) == 0)
		return u->ended ? -ENODATA : 0;
	*ret = json_pack("{s:O}", "summaries", results);
	return *ret ? 1 : mm_err_oom(reterr);
}

/* The timer has fired. */
static int look(struct unit_source *u, json_t **ret, struct mm_err *reterr)
{
	uint64_t expirations;
	int r;

	if (read(u->timer_fd, &expirations, sizeof(expirations)) < 0)
		return 0; /* not yet */
	r = join(u, reterr);
	if (r < 0)
		return begin_to_look(u, reterr);
	return give_results(u, ret, reterr);
}

static int give_queued(struct unit_source *u, json_t **ret)
{
	*ret = json_incref(json_array_get(u->queue, 0));
	(void)json_array_remove(u->queue, 0);
	return 1;
}

/* Take from the daemon until there is something to pass on: 1; 0: nothing yet; -EAGAIN: it is
 * stopping; other -errno. */
static int take_inner(struct unit_source *u, json_t **ret, struct mm_err *reterr)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *o = NULL;
		int r = u->inner->ops->take(u->inner, &o, reterr);

		if (r == -ENODATA && is_stopping(u))
			return -EAGAIN;
		if (r <= 0)
			return r;
		if (strcmp(member_str(o, "result"), "interrupted") == 0) {
			if (json_array_append(u->held, o) < 0)
				return mm_err_oom(reterr);
			continue;
		}
		if (json_object_get(o, "event") || json_object_get(o, "runs")) {
			*ret = STEAL(o);
			return 1;
		}
		/* The last answer. */
		if (member_bool(o, "stopping"))
			return -EAGAIN;
		if (json_array_append(u->held, o) < 0 ||
		    json_array_extend(u->queue, u->held) < 0)
			return mm_err_oom(reterr);
		return give_queued(u, ret);
	}
}

/* The ids of our runs are in the first answer. A stop that was asked for before is told now. */
static int note_runs(struct unit_source *u, const json_t *o, struct mm_err *reterr)
{
	json_t *runs = json_object_get(o, "runs");

	if (json_array_size(runs) == 0)
		return 0;
	u->since_usec = 0; /* found */
	json_decref(u->runs);
	u->runs = json_incref(runs);
	return u->cancelled ? u->inner->ops->cancel(u->inner, u->account, reterr) : 0;
}

static int unit_take(struct source *s, json_t **ret, struct mm_err *reterr)
{
	struct unit_source *u = (struct unit_source *)s;
	int r, q;

	if (u->ended)
		return -ENODATA;
	if (json_array_size(u->queue) > 0)
		return give_queued(u, ret);
	if (!u->inner && u->cancelled) {
		u->ended = true;
		return -ENODATA;
	}
	if (!u->inner)
		return look(u, ret, reterr);

	r = take_inner(u, ret, reterr);
	if (r > 0) {
		q = note_runs(u, *ret, reterr);
		return q < 0 ? q : r;
	}
	if (r == -EAGAIN) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "mailmigd is stopping");
		(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
				   "see systemctl status mailmigd");
	}
	if (r == -EAGAIN || r == -ECONNRESET)
		return begin_to_look(u, reterr);
	u->ended = r == -ENODATA;
	return r;
}

static int unit_cancel(struct source *s, const char *account, struct mm_err *reterr)
{
	struct unit_source *u = (struct unit_source *)s;

	if (u->cancelled)
		return 0; /* that was for all runs of the group */
	u->cancelled = true;
	(void)sd_notify(0, "STOPPING=1\nSTATUS=the run ends at the next message border");
	if (!u->inner || !u->runs)
		return 0; /* see unit_take(), note_runs() */
	return u->inner->ops->cancel(u->inner, u->account, reterr);
}

/* Who stopped the unit got what he wanted: not a failure of the unit. */
static int unit_finish(struct source *s)
{
	struct unit_source *u = (struct unit_source *)s;
	int code = CTL_EXIT_CANCELLED;

	if (u->inner && say_resting(u))
		return u->exit_code;
	if (u->inner)
		code = u->inner->ops->finish(u->inner);
	else if (is_over(u))
		code = CTL_EXIT_OK; /* and what the results say */
	else
		fprintf(stderr,
			"mailmigctl: mailmigd is away: it may go on with the run of %s when it "
			"is back\n",
			u->account);
	code = MAX_OF(code, u->exit_code);
	return u->cancelled && code == CTL_EXIT_CANCELLED ? CTL_EXIT_OK : code;
}

static void unit_free(struct source *s)
{
	struct unit_source *u = (struct unit_source *)s;

	source_freep(&u->inner);
	json_decref(u->parameters);
	json_decref(u->runs);
	json_decref(u->results);
	json_decref(u->held);
	json_decref(u->queue);
	closep(&u->timer_fd);
	free(u);
}

static const struct source_ops unit_ops = {
	.fd = unit_fd,
	.take = unit_take,
	.cancel = unit_cancel,
	.finish = unit_finish,
	.free = unit_free,
};

int source_unit_new(struct ctl *c, const char *account, json_t *parameters, struct source **ret,
		    struct mm_err *reterr)
{
	_cleanup_(source_freep) struct source *s = NULL;
	struct unit_source *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return mm_err_oom(reterr);

	u->base.ops = &unit_ops;
	u->ctl = c;
	u->account = account;
	u->parameters = json_copy(parameters); /* its accounts become fewer */
	u->held = json_array();
	u->queue = json_array();
	u->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s = &u->base;
	if (!u->held || !u->queue || !u->parameters)
		return mm_err_oom(reterr);
	if (u->timer_fd < 0) {
		r = -errno;
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "cannot make a timer: %s", strerror(-r));
		return mm_err_class(reterr, MM_CLASS_LOCAL, "see ulimit -n");
	}

	r = source_daemon_new(c, u->parameters, &u->inner, reterr);
	if (r == -ECONNREFUSED || r == -ECONNRESET)
		r = begin_to_look(u, reterr); /* in the middle of its restart */
	if (r < 0)
		return r;

	*ret = STEAL(s);
	return 0;
}
