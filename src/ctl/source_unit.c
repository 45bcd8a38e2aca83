/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/clock.h>
#include <mailmig/text.h>
#include <string.h>
#include <sys/timerfd.h>
#include <systemd/sd-daemon.h>

/* What mailmig@NAME.service waits for: the run of its account, also over a restart of the
 * daemon, which takes an interrupted run up again. A source of the daemon in another coat: when
 * that breaks off, look for the daemon until it is back, and join the run.
 *
 * The connection can break, or the daemon says that it is stopping; whatever else it says at
 * last counts. */

#define FIRST_USEC (50 * USEC_PER_MSEC) /* a socket of systemd is there all the time */
#define RETRY_USEC (500 * USEC_PER_MSEC)
#define GIVE_UP    (5 * 60 * USEC_PER_SEC) /* of looking for the daemon */

struct unit_source {
	struct source base;
	struct ctl *ctl;
	const char *account;
	json_t *parameters;   /* of Run */
	struct source *inner; /* NULL: looking for the daemon */
	int timer_fd;
	char *run;           /* its id; NULL: not heard yet */
	bool cancelled;      /* asked by a signal */
	uint64_t since_usec; /* looking for the daemon */
	json_t *result;      /* the summary of a run that ended while we looked away */
	json_t *done;        /* the event, until the last answer shows whether it holds */
	json_t *last;        /* that answer, while the event is given first */
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
	json_decref(u->done);
	u->done = NULL;
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

/* How our run ended, if it did while nobody listened: its summary, or NULL. */
static json_t *find_result(const struct unit_source *u, const json_t *status)
{
	json_t *a = json_array_get(json_object_get(status, "accounts"), 0);
	json_t *last = json_object_get(a, "last_run");
	const char *state = member_str(a, "state");

	if (!u->run || strcmp(state, "running") == 0 || strcmp(state, "queued") == 0 ||
	    strcmp(member_str(last, "id"), u->run) != 0 ||
	    strcmp(member_str(last, "result"), "interrupted") == 0)
		return NULL;
	return json_incref(last);
}

/* Ask what became of the run, and join it or have it run again. 0; -errno: not now. */
static int join(struct unit_source *u, struct mm_err *reterr)
{
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	_cleanup_(json_decrefp) json_t *p = NULL;
	int r;

	if (u->run) {
		p = json_pack("{s:[s]}", "accounts", u->account);
		if (!p)
			return mm_err_oom(reterr);
		r = ctl_call(u->ctl, CONTROL_INTERFACE ".Status", p, &reply, reterr);
		if (r < 0)
			return r;
		/* An error answer comes again from Run, and is reported there. */
		u->result = find_result(u, json_object_get(reply.parameters, "status"));
		if (u->result)
			return 0;
	}
	return source_daemon_new(u->ctl, u->parameters, &u->inner, reterr);
}

/* Give the summary as the daemon's last answer would. */
static int give_result(struct unit_source *u, json_t **ret, struct mm_err *reterr)
{
	u->ended = true;
	*ret = json_pack("{s:[O]}", "summaries", u->result);
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
	return u->result ? give_result(u, ret, reterr) : 0;
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
		if (strcmp(member_str(o, "event"), "done") == 0) {
			json_decref(u->done);
			u->done = STEAL(o);
			continue;
		}
		if (json_object_get(o, "event") || json_object_get(o, "runs")) {
			*ret = STEAL(o);
			return 1;
		}
		/* The last answer. */
		if (member_bool(o, "stopping"))
			return -EAGAIN;
		u->last = STEAL(o);
		*ret = u->done ? STEAL(u->done) : STEAL(u->last);
		return 1;
	}
}

/* The id of our run is in the first answer. A stop that was asked for before is told now. */
static int note_run(struct unit_source *u, const json_t *o, struct mm_err *reterr)
{
	const json_t *runs = json_object_get(o, "runs");

	if (json_array_size(runs) == 0)
		return 0;
	u->since_usec = 0; /* found */
	if (text_set(&u->run, member_str(json_array_get(runs, 0), "run")) < 0)
		return mm_err_oom(reterr);
	return u->cancelled ? u->inner->ops->cancel(u->inner, u->account, reterr) : 0;
}

static int unit_take(struct source *s, json_t **ret, struct mm_err *reterr)
{
	struct unit_source *u = (struct unit_source *)s;
	int r, q;

	if (u->ended)
		return -ENODATA;
	if (u->last) {
		*ret = STEAL(u->last);
		return 1;
	}
	if (!u->inner && u->cancelled) {
		u->ended = true;
		return -ENODATA;
	}
	if (!u->inner)
		return look(u, ret, reterr);

	r = take_inner(u, ret, reterr);
	if (r > 0) {
		q = note_run(u, *ret, reterr);
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

	u->cancelled = true;
	(void)sd_notify(0, "STOPPING=1\nSTATUS=the run ends at the next message border");
	if (!u->inner || !u->run)
		return 0; /* see unit_take(), note_run() */
	return u->inner->ops->cancel(u->inner, account, reterr);
}

/* Who stopped the unit got what he wanted: not a failure of the unit. */
static int unit_finish(struct source *s)
{
	struct unit_source *u = (struct unit_source *)s;
	int code = CTL_EXIT_CANCELLED;

	if (u->inner && say_resting(u))
		return CTL_EXIT_OK;
	if (u->inner)
		code = u->inner->ops->finish(u->inner);
	else if (u->result)
		code = (int)MIN_OF(member_u64(u->result, "exit_code"),
				   (uint64_t)CTL_EXIT_LOCAL);
	else
		fprintf(stderr,
			"mailmigctl: mailmigd is away: it may go on with the run of %s when it "
			"is back\n",
			u->account);
	return u->cancelled && code == CTL_EXIT_CANCELLED ? CTL_EXIT_OK : code;
}

static void unit_free(struct source *s)
{
	struct unit_source *u = (struct unit_source *)s;

	source_freep(&u->inner);
	json_decref(u->parameters);
	json_decref(u->result);
	json_decref(u->done);
	json_decref(u->last);
	closep(&u->timer_fd);
	free(u->run);
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
	u->parameters = json_incref(parameters);
	u->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	s = &u->base;
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
