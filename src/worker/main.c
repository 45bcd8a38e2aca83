/* SPDX-License-Identifier: Apache-2.0 */
/* mailmig-worker: one run of one account. Started by mailmigd with the job on a socket, or by
 * `mailmigctl run --local` with the name of an account. */
#include <getopt.h>
#include <mailmig/config.h>
#include <mailmig/jsonio.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/secret.h>
#include <mailmig/stream.h>
#include <mailmig/text.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "check_internal.h"
#include "worker_internal.h"

#define ASK 256 /* above any character: the options of job_asks[] */

struct options {
	const char *config;
	const char *account;
	bool dry_run;
	unsigned asked; /* of job_asks[] */
	bool check;
	int job_fd;
	int credentials_fd;
	int event_fd;
};

static int usage(FILE *f, int code)
{
	fprintf(f, "usage: mailmig-worker --job-fd N [--credentials-fd N]\n"
		   "       mailmig-worker --account NAME --event-fd N [--config FILE] "
		   "[--dry-run]\n"
		   "           [--retry-held] [--confirm-deletes] [--confirm-mapping]\n"
		   "       mailmig-worker --check --event-fd N [--config FILE] [NAME...]\n"
		   "Runs one job of one account; see mailmigctl(1), run --local.\n");
	return code;
}

static int parse_fd(const char *s, int *ret)
{
	uint32_t fd;

	if (parse_u32(s, strlen(s), &fd) < 0 || fd > INT32_MAX)
		return -EINVAL;
	*ret = (int)fd;
	return 0;
}

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
	const struct option longs[] = {
		{"job-fd", required_argument, NULL, 'j'},
		{"credentials-fd", required_argument, NULL, 'C'},
		{"event-fd", required_argument, NULL, 'e'},
		{"config", required_argument, NULL, 'c'},
		{"account", required_argument, NULL, 'a'},
		{"dry-run", no_argument, NULL, 'n'},
		{job_asks[0].option + 2, no_argument, NULL, ASK},
		{job_asks[1].option + 2, no_argument, NULL, ASK + 1},
		{job_asks[2].option + 2, no_argument, NULL, ASK + 2},
		{"check", no_argument, NULL, 'k'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{0},
	};
	int ch;

	while ((ch = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (ch) {
		case 'j':
			if (parse_fd(optarg, &o->job_fd) < 0)
				return usage(stderr, 2);
			break;
		case 'C':
			if (parse_fd(optarg, &o->credentials_fd) < 0)
				return usage(stderr, 2);
			break;
		case 'e':
			if (parse_fd(optarg, &o->event_fd) < 0)
				return usage(stderr, 2);
			break;
		case 'c':
			o->config = optarg;
			break;
		case 'a':
			o->account = optarg;
			break;
		case 'n':
			o->dry_run = true;
			break;
		case ASK ... ASK + JOB_ASKS_N - 1:
			o->asked |= 1U << (ch - ASK);
			break;
		case 'k':
			o->check = true;
			break;
		case 'h':
			return usage(stdout, 0);
		case 'V':
			printf("mailmig-worker " MAILMIG_VERSION "\n");
			return 0;
		default:
			return usage(stderr, 2);
		}
	}
	if (o->check)
		return o->job_fd >= 0 || o->account || o->event_fd < 0 ? usage(stderr, 2) : -1;
	if (optind != argc || (o->job_fd < 0) == (o->account == NULL) ||
	    (o->event_fd < 0) != (o->account == NULL))
		return usage(stderr, 2);
	return -1;
}

/* What is here belongs to the owner of a mailbox: nothing readable by others, and no memory
 * kept that one message needed. */
static void prepare_process(void)
{
	secret_guard_process();
	(void)umask(0077);
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	(void)mallopt(M_TRIM_THRESHOLD, 512 * 1024);
}

/* What follows the job in `in` is the parent's next word. */
static int read_job(int fd, struct job *job, struct buf *in)
{
	_cleanup_(json_decrefp) json_t *o = NULL;
	struct mm_err err = {0};
	int r;

	while ((r = jsonio_take(in, &o)) == 0) {
		ssize_t n;

		if (buf_reserve(in, 4096) < 0)
			return -ENOMEM;
		n = read(fd, in->p + in->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EPIPE;
		in->len += (size_t)n;
	}
	if (r < 0)
		return r;
	r = job_from_json(job, o, &err);
	if (r < 0)
		mm_log(LOG_ERR, NULL, "%s", err.text);
	return r;
}

static int run_job_from_socket(int fd)
{
	struct buf in = {.secret = true}; /* a password may be in the job */
	struct job job;
	int code = 10;

	job_init(&job);
	if (read_job(fd, &job, &in) == 0) {
		mm_log_set_level(job.log_level);
		code = job.kind == JOB_CHECK ? worker_check(&job, fd)
					     : worker_run(&job, fd, &in);
	} else {
		mm_log(LOG_ERR, NULL, "no job on descriptor %d", fd);
	}
	buf_done(&in);
	job_done(&job);
	return code;
}

static int refuse_config(int fd, char *const *lines, size_t n)
{
	(void)report_config_errors(fd, lines, n); /* the exit code tells, too */
	return mm_class_exit_code(MM_CLASS_CONFIG);
}

static int no_memory(void)
{
	mm_log(LOG_ERR, NULL, "out of memory; %s", MM_ADVICE_MEMORY);
	return mm_class_exit_code(MM_CLASS_LOCAL);
}

static int run_account(const struct options *o)
{
	_cleanup_(config_freep) struct config *c = NULL;
	struct config_errors errors = {0};
	const struct config_account *a;
	struct job job;
	int r, code;

	r = config_load(o->config, &c, &errors);
	if (r == -ENOMEM)
		return no_memory();
	if (r < 0) {
		code = refuse_config(o->event_fd, errors.lines, errors.n);
		config_errors_done(&errors);
		return code;
	}
	config_errors_done(&errors);
	a = config_find_account(c, o->account);
	if (!a && config_find(c, o->account)) {
		_cleanup_(freep) char *line =
			text_fmt("%s: \"%s\" is a group; without mailmigd name one of its "
				 "accounts, such "
				 "as %s",
				 c->path, o->account, config_find(c, o->account)->name);

		return refuse_config(o->event_fd, line ? &line : NULL, line ? 1 : 0);
	}
	if (!a || !a->enabled) {
		_cleanup_(freep) char *line = text_fmt(
			"%s: %s account \"%s\"; %s", c->path, a ? "disabled" : "no", o->account,
			a ? "set enabled = true" : "see the names under accounts");

		return refuse_config(o->event_fd, line ? &line : NULL, line ? 1 : 0);
	}
	job = a->job; /* borrowed: freed with the configuration */
	job.dry_run = o->dry_run;
	job_ask(&job, o->asked);
	job.run_id = NULL;
	mm_log_set_level(c->log_level);
	return worker_run(&job, o->event_fd, NULL);
}

int main(int argc, char **argv)
{
	struct options o = {.job_fd = -1, .credentials_fd = -1, .event_fd = -1};
	struct mm_err err = {0};
	int code;

	mm_log_init("mailmig-worker");
	code = parse_options(argc, argv, &o);
	if (code >= 0)
		return code;
	prepare_process();
	secret_set_credentials(o.credentials_fd);
	if (o.check)
		return check_offline(o.config, argv + optind, (size_t)(argc - optind),
				     o.event_fd);
	if (stream_global_init(&err) < 0) {
		mm_log(LOG_ERR, NULL, "%s; %s", err.text, err.advice);
		return mm_class_exit_code(err.cls);
	}
	return o.job_fd >= 0 ? run_job_from_socket(o.job_fd) : run_account(&o);
}
