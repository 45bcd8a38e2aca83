/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#define SPEAK_EVERY_USEC (30 * USEC_PER_SEC) /* a log has room for that */

/* A following that goes on. */
#define GO_ON (-1)

int follow_signals(int *ret_fd, struct mm_err *reterr)
{
	sigset_t set;
	int fd;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGWINCH);
	(void)sigprocmask(SIG_BLOCK, &set, NULL); /* fails for a wrong `how` only */

	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0) {
		int r = -errno;

		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "cannot watch for signals: %s", strerror(-r));
		(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see ulimit -n");
		return r;
	}
	*ret_fd = fd;
	return 0;
}

/* The names of what is followed, for the hints. */
static void put_names(const struct follow *w)
{
	bool any = false;

	for (size_t i = 0; i < w->board.n_runs; i++) {
		if (w->board.runs[i].done)
			continue;
		fputc(' ', stderr);
		put_clean(stderr, w->board.runs[i].account);
		any = true;
	}
	for (size_t i = 0; !any && i < w->c->args.n_names; i++) {
		fputc(' ', stderr);
		put_clean(stderr, w->c->args.names[i]);
	}
}

static int detach(struct follow *w)
{
	term_line(&w->c->term, NULL);
	(void)fflush(w->c->term.out);
	fputs("the run goes on: mailmigctl status", stderr);
	put_names(w);
	fputs("; stop it with: mailmigctl cancel", stderr);
	put_names(w);
	fputc('\n', stderr);
	return CTL_EXIT_CANCELLED;
}

/* Ask for the end of every run that was not asked yet; runs can become known later. */
static int ask_to_end(struct follow *w)
{
	struct mm_err err = {0};

	for (size_t i = 0; i < w->board.n_runs; i++) {
		struct board_run *run = &w->board.runs[i];

		if (run->done || run->cancel_asked)
			continue;
		run->cancel_asked = true;
		if (w->source->ops->cancel(w->source, run->account, &err) < 0) {
			term_line(&w->c->term, NULL);
			return trouble_report(&err);
		}
	}
	return GO_ON;
}

static int interrupted(struct follow *w)
{
	w->n_interrupts++;
	if (ctl_has(&w->c->args, OPT_FROM_UNIT)) {
		w->cancelling = true;
		return GO_ON;
	}
	if (!w->source->ops->kill)
		return detach(w);

	if (w->n_interrupts > 1) {
		w->source->ops->kill(w->source);
		return GO_ON;
	}
	term_line(&w->c->term, NULL);
	fputs("mailmigctl: the run ends at the next message border; Ctrl-C again kills it\n",
	      stderr);
	w->cancelling = true;
	return GO_ON;
}

static int take_signals(struct follow *w, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int code = GO_ON;

		if (info.ssi_signo == SIGWINCH) {
			term_resize(&w->c->term);
			w->redraw = true;
			w->drawn_usec = 0;
		} else if (info.ssi_signo == SIGTERM) {
			w->cancelling = true;
		} else {
			code = interrupted(w);
		}
		if (code != GO_ON)
			return code;
	}
	return GO_ON;
}

/* The daemon or the pipe is gone: the runs may well go on. */
static int lost(struct follow *w, struct mm_err *err)
{
	term_line(&w->c->term, NULL);
	(void)fflush(w->c->term.out);
	(void)trouble_report(err);
	fputs("  what became of the run: mailmigctl status", stderr);
	put_names(w);
	fputs("\n  copied messages stay copied; the next run goes on from there\n", stderr);
	return mm_class_exit_code(err->cls);
}

static int take_objects(struct follow *w)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *o = NULL;
		struct mm_err err = {0};
		int r;

		r = w->source->ops->take(w->source, &o, &err);
		if (r == 0)
			return GO_ON;
		if (r == -ENODATA) {
			term_line(&w->c->term, NULL);
			(void)fflush(w->c->term.out);
			return w->source->ops->finish(w->source);
		}
		if (r < 0)
			return lost(w, &err);

		if (follow_print(w, o) < 0) {
			(void)mm_err_oom(&err);
			return lost(w, &err);
		}
		if (ferror(w->c->term.out) && !w->cancelling) {
			/* Nobody reads on. A run of the daemon goes on; one of ours would be
			 * nobody's. */
			if (!w->source->ops->kill)
				return CTL_EXIT_LOCAL;
			w->cancelling = true;
		}
	}
}

static int follow_loop(struct follow *w, int signal_fd)
{
	for (;;) {
		struct pollfd p[2] = {{.events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
		uint64_t again;
		int code;

		code = take_objects(w);
		if (code == GO_ON)
			code = take_signals(w, signal_fd);
		if (code == GO_ON && w->cancelling)
			code = ask_to_end(w);
		if (code != GO_ON)
			return code;

		again = follow_show_progress(w, clock_usec());
		p[0].fd = w->source->ops->fd(w->source); /* it may have another by now */
		(void)poll(p, ELEMENTS(p),
			   clock_poll_msec(again)); /* whatever woke us is looked at */
	}
}

static uint64_t speak_every(void)
{
	const char *env = getenv("MAILMIG_PROGRESS_INTERVAL");
	uint64_t usec;

	if (env && parse_span(env, &usec) == 0 && usec > 0)
		return usec;
	return SPEAK_EVERY_USEC;
}

int follow_run(struct ctl *c, struct source *s, int signal_fd, bool plan, const char *account)
{
	uint64_t now = clock_usec();
	struct follow w = {.c = c,
			   .source = s,
			   .plan = plan,
			   .started_usec = now,
			   .spoken_usec = now,
			   .speak_every_usec = speak_every()};
	struct board_run *run;
	struct mm_err err = {0};
	int code;

	if (account && board_find(&w.board, account, &run) < 0) {
		(void)mm_err_oom(&err);
		return trouble_report(&err);
	}
	if (account)
		run->seen_usec = now;
	code = follow_loop(&w, signal_fd);
	board_done(&w.board);
	return code;
}
