/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_follow.h"

#include <inttypes.h>
#include <mailmig/clock.h>
#include <mailmig/log.h>
#include <mailmig/text.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define DRAW_EVERY_USEC   (200 * USEC_PER_MSEC) /* 5 Hz: more only costs */
#define TICK_USEC         USEC_PER_SEC          /* the elapsed time runs on without events */
#define STATUS_EVERY_USEC USEC_PER_SEC

/* What a unit that is stopped asks for, as long as its run has not ended. */
#define STOP_EXTEND "30000000"

static bool is_json(const struct follow *w)
{
	return ctl_has(&w->c->args, OPT_JSON);
}

static bool is_quiet(const struct follow *w)
{
	return ctl_has(&w->c->args, OPT_QUIET);
}

/* The last words of `systemctl status mailmig@NAME.service`: of a group, over all that ended.
 */
static void tell_end(struct follow *w, const char *result, const struct run_summary *s)
{
	char several[64];

	w->total.n++;
	w->total.n_ok += s->result == RUN_OK;
	w->total.copied += s->copied;
	w->total.present += s->present;
	w->total.skipped += s->skipped;
	w->total.failed += s->failed;
	(void)snprintf(several, sizeof(several), "%u of %u ok", w->total.n_ok, w->total.n);
	(void)sd_notifyf(0,
			 "STATUS=%s: %" PRIu64 " copied, %" PRIu64 " already there, %" PRIu64
			 " skipped, %" PRIu64 " failed",
			 w->board.n_runs > 1 ? several : result, w->total.copied,
			 w->total.present, w->total.skipped, w->total.failed);
}

static int print_summary(struct follow *w, struct board_run *run, const json_t *o)
{
	struct term *t = &w->c->term;
	struct run_summary s = {0};
	int r;

	r = run_summary_from_json(&s, o);
	if (r == -ENOMEM)
		return r;
	if (run->seen_usec > 0)
		run_view_refine(&s, clock_usec() - run->seen_usec);
	if (r < 0) {
		fprintf(stderr,
			"mailmigctl: the result of %s cannot be read\n"
			"  see mailmigctl status %s\n",
			run->account, run->account);
		return 0;
	}

	if (w->plan && !is_quiet(w)) {
		r = plan_view(t->out, &t->look, run->folders);
		if (r < 0) {
			run_summary_done(&s);
			return r;
		}
	}
	run_view_summary(t->out, &t->look, &s, &run->reasons, is_quiet(w));
	if (ctl_has(&w->c->args, OPT_FROM_UNIT))
		tell_end(w, member_str(o, "result"), &s);
	run_summary_done(&s);
	return 0;
}

/* A syslog level, as a number or a name. */
static int event_level(const json_t *event)
{
	const json_t *v = json_object_get(event, "level");
	int level = LOG_INFO;

	if (json_is_integer(v))
		return (int)MAX_OF(LOG_EMERG, MIN_OF(json_integer_value(v), LOG_DEBUG));
	(void)mm_log_level_from_name(member_str(event, "level"), &level); /* else as info */
	return level;
}

/* Log lines of a run go where words go. */
static void print_log(struct follow *w, const json_t *event)
{
	int level = event_level(event), shown = LOG_WARNING;

	if (is_quiet(w))
		shown = LOG_ERR;
	else if (w->c->args.verbose > 0)
		shown = w->c->args.verbose > 1 ? LOG_DEBUG : LOG_INFO;
	if (level > shown)
		return;

	term_line(&w->c->term, NULL);
	put_clean(stderr, member_str(event, "account"));
	fputs(*member_str(event, "account") ? ": " : "", stderr);
	put_clean(stderr, member_str(event, "text"));
	fputc('\n', stderr);
}

static int print_event(struct follow *w, const json_t *event)
{
	const char *what = member_str(event, "event");
	FILE *out = w->c->term.out;
	struct board_run *run;
	int r;

	if (strcmp(what, "log") == 0) {
		print_log(w, event);
		return 0;
	}

	r = board_event(&w->board, event, &run);
	if (r < 0 || !run)
		return r;
	if (run->seen_usec == 0)
		run->seen_usec = clock_usec();

	if (strcmp(what, "progress") == 0) {
		w->redraw = true;
		return 0;
	}
	if (strcmp(what, "done") == 0) {
		term_line(&w->c->term, NULL);
		return print_summary(w, run, event);
	}
	if (w->c->args.verbose == 0 || w->plan)
		return 0;

	term_line(&w->c->term, NULL);
	put_clean(out, run->account);
	fputs(": ", out);
	if (strcmp(what, "folder") == 0)
		run_view_folder(out, event);
	else
		run_view_message(out, event);
	return 0;
}

/* The last answer of the daemon has all summaries: those whose event was missed are shown now.
 */
static int print_summaries(struct follow *w, const json_t *summaries)
{
	const json_t *o;
	size_t i;

	json_array_foreach(summaries, i, o)
	{
		struct board_run *run;
		int r;

		r = board_find(&w->board, member_str(o, "account"), &run);
		if (r < 0)
			return r;
		if (run->done)
			continue;
		run->done = true;
		term_line(&w->c->term, NULL);
		r = print_summary(w, run, o);
		if (r < 0)
			return r;
	}
	return 0;
}

static int learn_runs(struct follow *w, const json_t *runs)
{
	bool is_group = ctl_has(&w->c->args, OPT_FROM_UNIT);
	const json_t *o;
	size_t i;

	json_array_foreach(runs, i, o)
	{
		struct board_run *run;
		int r;

		r = board_find(&w->board, member_str(o, "account"), &run);
		if (r < 0)
			return r;
		if (run->seen_usec == 0)
			run->seen_usec = clock_usec();
		if (is_group)
			is_group = strcmp(member_str(o, "account"), w->c->args.names[0]) != 0;
	}
	/* The name of the unit's group stood for its members until they were known. */
	if (is_group && i > 0)
		w->board.runs[0].done = true;
	return 0;
}

static int print_json(struct follow *w, const json_t *event)
{
	struct board_run *run;
	FILE *out = w->c->term.out;

	if (json_dumpf(event, out, JSON_COMPACT) < 0 && !ferror(out))
		return -ENOMEM;
	fputc('\n', out);
	return board_event(&w->board, event, &run);
}

int follow_print(struct follow *w, const json_t *o)
{
	int r;

	if (!json_object_get(o, "event")) {
		r = learn_runs(w, json_object_get(o, "runs"));
		if (r < 0 || is_json(w))
			return r;
		return print_summaries(w, json_object_get(o, "summaries"));
	}

	r = is_json(w) ? print_json(w, o) : print_event(w, o);
	if (r == 0)
		(void)fflush(
			w->c->term.out); /* an error stays in the stream, and is looked at */
	return r;
}

static void draw(struct follow *w, const struct progress *p)
{
	_cleanup_(freep) char *line = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&line, &n);

	if (!f)
		return; /* the next one is due in a moment */
	progress_line(f, p, &w->c->term.look);
	if (fclose(f) == 0)
		term_line(&w->c->term, line);
}

static void speak(struct follow *w)
{
	FILE *out = w->c->term.out;

	for (size_t i = 0; i < w->board.n_runs; i++) {
		const struct board_run *run = &w->board.runs[i];
		struct progress p;

		if (run->done || !run->progress)
			continue;
		progress_from_json(&p, run->progress);
		put_clean(out, run->account);
		fputs(": ", out);
		progress_words(out, &p);
		fputc('\n', out);
	}
	(void)fflush(out);
}

/* What `systemctl status mailmig@NAME.service` shows. */
static void tell_systemd(const struct follow *w, const struct progress *p)
{
	_cleanup_(freep) char *text = NULL;
	size_t n = 0;
	FILE *f;

	if (!getenv("NOTIFY_SOCKET"))
		return;

	f = open_memstream(&text, &n);
	if (!f)
		return;
	fputs("STATUS=", f);
	if (p->n_runs > 1)
		fprintf(f, "%u runs: ", p->n_runs);
	progress_words(f, p);
	if (w->cancelling)
		fputs("\nEXTEND_TIMEOUT_USEC=" STOP_EXTEND, f);
	if (fclose(f) == 0)
		(void)sd_notify(0, text); /* nobody may be listening */
}

uint64_t follow_show_progress(struct follow *w, uint64_t now_usec)
{
	bool shown = !is_json(w) && !is_quiet(w) && !ctl_has(&w->c->args, OPT_FROM_UNIT);
	bool live = w->c->term.live && shown, plain = !w->c->term.live && shown;
	struct progress p;

	board_progress(&w->board, &p);
	p.elapsed_usec = now_usec - w->started_usec;
	if (p.n_runs > 0 && now_usec - w->status_usec >= STATUS_EVERY_USEC) {
		tell_systemd(w, &p);
		w->status_usec = now_usec;
	}
	if (plain && now_usec - w->spoken_usec >= w->speak_every_usec) {
		speak(w);
		w->spoken_usec = now_usec;
	}
	if (live && p.n_runs > 0 &&
	    now_usec - w->drawn_usec >= (w->redraw ? DRAW_EVERY_USEC : TICK_USEC)) {
		draw(w, &p);
		w->drawn_usec = now_usec;
		w->redraw = false;
	}

	if (live)
		return w->drawn_usec + (w->redraw ? DRAW_EVERY_USEC : TICK_USEC);
	if (plain)
		return MIN_OF(w->spoken_usec + w->speak_every_usec, now_usec + TICK_USEC);
	return now_usec + TICK_USEC;
}
