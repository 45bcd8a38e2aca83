/* SPDX-License-Identifier: Apache-2.0 */
/* A check of one account: both servers at the same time, then what they have to do with each
 * other, then what is here. */
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/text.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "check_internal.h"
#include "worker_internal.h"

int checks_init(struct checks *c)
{
	*c = (struct checks){.lines = json_array()};
	return c->lines ? 0 : -ENOMEM;
}

void checks_done(struct checks *c)
{
	json_decref(c->lines);
	c->lines = NULL;
}

void check_begin(struct check_line *l, enum check_result result, const char *side,
		 const char *item, const char *fmt, ...)
{
	va_list ap;

	*l = (struct check_line){.result = result, .side = side, .item = item};
	va_start(ap, fmt);
	(void)vsnprintf(l->text, sizeof(l->text), fmt, ap); /* cut: it is for reading */
	va_end(ap);
}

void check_advise(struct check_line *l, const char *fmt, ...)
{
	size_t n = strlen(l->advice);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l->advice + n, sizeof(l->advice) - n, fmt, ap);
	va_end(ap);
}

void check_end(struct checks *c, struct check_line *l, int exit_code)
{
	l->exit_code = l->result == CHECK_FAIL ? exit_code : 0;
	c->exit_code = MAX_OF(c->exit_code, l->exit_code);
	(void)json_array_append_new(c->lines, check_line_to_json(l));
}

void check_fine(struct checks *c, const char *side, const char *item, const char *fmt, ...)
{
	struct check_line l = {.result = CHECK_OK, .side = side, .item = item};
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(l.text, sizeof(l.text), fmt, ap);
	va_end(ap);
	check_end(c, &l, 0);
}

void checks_send(struct checks *c, int fd, const char *account, const char *run_id)
{
	json_t *line;
	size_t i;

	json_array_foreach(c->lines, i, line)
	{
		/* A parent that is gone reads none of them: its business. */
		if (json_object_set_new(line, "account", json_string(account)) == 0 &&
		    json_object_set_new(line, "run", json_string(run_id)) == 0)
			(void)jsonio_write(fd, line);
	}
	(void)json_array_clear(c->lines);
}

static void *destination_thread(void *userdata)
{
	check_side_run(userdata);
	return NULL;
}

static void check_account(const struct job *job, struct checks *c, int fd, const char *run_id)
{
	struct check_side origin = {.side = "origin", .job = job, .endpoint = &job->origin};
	struct check_side destination = {.side = "destination",
					 .job = job,
					 .endpoint = &job->destination,
					 .is_destination = true};
	struct check_side *const sides[] = {&origin, &destination};
	pthread_t thread;

	if (checks_init(&origin.checks) < 0 || checks_init(&destination.checks) < 0) {
		c->exit_code = mm_class_exit_code(MM_CLASS_LOCAL);
	} else {
		bool beside =
			pthread_create(&thread, NULL, destination_thread, &destination) == 0;

		check_side_run(&origin);
		if (beside)
			(void)pthread_join(thread, NULL);
		else
			check_side_run(&destination);
		for (size_t i = 0; i < ELEMENTS(sides); i++) {
			c->exit_code = MAX_OF(c->exit_code, sides[i]->checks.exit_code);
			checks_send(&sides[i]->checks, fd, job->account, run_id);
		}
		check_plan(c, job, &origin, &destination);
		check_disk(c, job);
	}
	check_side_done(&origin);
	check_side_done(&destination);
}

/* The result, as that of a run. */
static void tell_end(const struct job *job, int fd, uint64_t started_usec, int exit_code)
{
	struct reporter reporter = {.fd = fd, .job = job};
	struct run_summary s = {
		.id = job->run_id,
		.account = job->account,
		.job = (char *)job_kind_name(JOB_CHECK),
		.started_usec = started_usec,
		.finished_usec = clock_wall_usec(),
		.result = exit_code == 0 ? RUN_OK : RUN_FAILED,
		.exit_code = exit_code,
	};

	(void)report_done(&reporter, &s); /* all of it is borrowed: nothing to free */
}

int worker_check(const struct job *job, int fd)
{
	const char *run_id = job->run_id ? job->run_id : "";
	uint64_t started = clock_wall_usec();
	struct checks c;

	(void)signal(SIGPIPE, SIG_IGN);
	if (checks_init(&c) < 0)
		return mm_class_exit_code(MM_CLASS_LOCAL);
	if (*job->account) {
		check_account(job, &c, fd, run_id);
	} else {
		check_state_dir(&c, job);
		check_disk(&c, job);
	}
	checks_send(&c, fd, job->account, run_id);
	tell_end(job, fd, started, c.exit_code);
	checks_done(&c);
	return c.exit_code;
}
