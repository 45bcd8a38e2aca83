/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "check.h"
#include "messages.h"
#include <getopt.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/secret.h>
#include <mailmig/text.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define WORKER_NAME "mailmig-worker"

static const char usage[] =
	"Usage: mailmigd [--config FILE] [--check]\n"
	"\n"
	"The daemon of mailmig: queues and runs the migration of all configured accounts.\n"
	"It stays in the foreground; talk to it with mailmigctl(1).\n"
	"\n"
	"  -c, --config FILE  read FILE instead of " CONFIG_DEFAULT_PATH "\n"
	"      --check        check the configuration, print all errors, and leave\n"
	"      --version      print the version, and leave\n"
	"  -h, --help         print this, and leave\n";

static int check_config(const char *path)
{
	_cleanup_(config_errors_done) struct config_errors errors = {0};
	_cleanup_(config_freep) struct config *c = NULL;
	int r;

	r = config_load(path, &c, &errors);
	for (size_t i = 0; i < errors.n; i++)
		(void)fprintf(stderr, "%s\n", errors.lines[i]);
	if (r < 0) {
		if (errors.n == 0)
			(void)fprintf(stderr, "mailmigd: %s\n", strerror(-r));
		return errors.n > 0 ? EXIT_CODE_CONFIG : EXIT_CODE_LOCAL;
	}
	(void)printf("ok: %zu account%s\n", c->n_accounts, c->n_accounts == 1 ? "" : "s");
	daemon_note_schedules(c);
	return EXIT_SUCCESS;
}

/* ---- start ---- */

static int find_worker(struct daemon *d)
{
	char dir[4096];
	int r;

	r = fs_program_dir(dir, sizeof(dir));
	if (r < 0)
		return r;

	d->worker_path = text_fmt("%s/%s", dir, WORKER_NAME);
	if (!d->worker_path)
		return -ENOMEM;
	if (access(d->worker_path, X_OK) == 0)
		return 0;
	return text_set(&d->worker_path, MAILMIG_LIBEXECDIR "/" WORKER_NAME);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	daemon_drain(userdata);
	return 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
	_cleanup_(config_errors_done) struct config_errors errors = {0};

	(void)daemon_reload(userdata, &errors); /* it has told the journal */
	return 0;
}

static int set_up_loop(struct daemon *d)
{
	sigset_t set;
	int r;

	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a limit on files is a failed write, no more */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;

	if ((r = sd_event_default(&d->event)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGTERM, on_stop, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGINT, on_stop, d)) < 0 ||
	    (r = sd_event_add_signal(d->event, NULL, SIGHUP, on_hangup, d)) < 0 ||
	    (r = daemon_schedule_init(d)) < 0)
		return r;

	r = sd_event_set_watchdog(d->event, true);
	return MIN_OF(r, 0);
}

int daemon_set_timer(struct daemon *d, sd_event_source **s, uint64_t usec,
		     sd_event_time_handler_t handler, void *userdata)
{
	int r;

	if (!*s)
		return sd_event_add_time_relative(d->event, s, CLOCK_MONOTONIC, usec, 0,
						  handler, userdata);
	r = sd_event_source_set_time_relative(*s, usec);
	return r < 0 ? r : sd_event_source_set_enabled(*s, SD_EVENT_ONESHOT);
}

static int report(const struct mm_err *err, int exit_code)
{
	mm_log(LOG_ERR, NULL, "%s%s%s", err->text, *err->advice ? "; " : "", err->advice);
	return exit_code;
}

static int first_config(struct daemon *d)
{
	_cleanup_(config_errors_done) struct config_errors errors = {0};
	struct mm_log_fields f = {.message_id = MESSAGE_CONFIG_REJECTED};
	int r;

	r = daemon_load_config(d, &errors);
	for (size_t i = 0; i < errors.n; i++)
		mm_log(LOG_ERR, &f, "%s", errors.lines[i]);
	if (r < 0 && errors.n == 0)
		mm_log(LOG_ERR, NULL, "cannot load the configuration: %s", strerror(-r));
	if (r < 0)
		return errors.n > 0 ? EXIT_CODE_CONFIG : EXIT_CODE_LOCAL;
	return EXIT_SUCCESS;
}

/* The history comes after the lock on its directory, and the directory is in the configuration:
 * the records are filled here, once. */
static int open_history(struct daemon *d)
{
	_cleanup_(freep) char *set_aside = NULL;
	struct mm_log_fields f = {.message_id = MESSAGE_HISTORY_BROKEN};
	struct mm_err err = {0};
	int r;

	r = history_open(d->config->state_dir, &d->history, &err);
	if (r < 0)
		return r;

	set_aside = history_take_set_aside(d->history);
	if (set_aside)
		mm_log(LOG_ERR, &f,
		       "the run history was corrupt: kept as %s, a new one was begun",
		       set_aside);
	if (err.code != 0) {
		f.message_id = MESSAGE_HISTORY_NOT_KEPT;
		mm_log(LOG_ERR, &f, "%s, going on without", err.text);
		d->history_trouble = true;
	}
	for (size_t i = 0; i < d->config->n_accounts; i++) {
		const char *name = d->config->accounts[i].name;

		record_read(&d->records[i], d->history, name);
	}
	return 0;
}

static int serve(struct daemon *d)
{
	const struct mm_log_fields f = {.message_id = MESSAGE_STARTED};
	int r;

	d->info = (struct varlink_info){
		.vendor = "mailmig",
		.product = "mailmigd",
		.version = MAILMIG_VERSION,
		.url = "man:mailmigd(8)",
		.interface = &control_interface,
		.userdata = d,
	};
	r = varlink_server_new(d->event, d->listen_fd, &d->info, &d->server);
	if (r < 0)
		return r;

	daemon_set_connection_limit(d);
	mm_log(LOG_INFO, &f, "started, version %s: %zu account%s, up to %u runs at once",
	       MAILMIG_VERSION, d->config->n_accounts, d->config->n_accounts == 1 ? "" : "s",
	       d->config->max_jobs);
	daemon_note_schedules(d->config);
	d->orphans_until_usec = clock_deadline(ORPHAN_GRACE);
	daemon_take_up_runs(d);
	(void)sd_notify(0, "READY=1");
	return sd_event_loop(d->event);
}

static int run_daemon(struct daemon *d)
{
	struct mm_err err = {0};
	const char *grace = getenv("MAILMIG_CANCEL_GRACE"); /* for tests: a time span */
	int r;

	(void)umask(0077);
	d->cancel_grace_usec = CANCEL_GRACE;
	if (grace && parse_span(grace, &d->cancel_grace_usec) < 0)
		d->cancel_grace_usec = CANCEL_GRACE;
	d->since_usec = clock_wall_usec();

	r = first_config(d);
	if (r != EXIT_SUCCESS)
		return r;
	if (daemon_lock(d, &err) < 0 || daemon_listen(d, &err) < 0)
		return report(&err, EXIT_CODE_LOCAL);

	r = find_worker(d);
	if (r >= 0)
		r = open_history(d);
	if (r >= 0)
		r = set_up_loop(d);
	if (r >= 0)
		r = serve(d);
	if (r < 0) {
		mm_log(LOG_ERR, NULL, "cannot go on: %s", strerror(-r));
		return EXIT_CODE_LOCAL;
	}
	return EXIT_SUCCESS;
}

static void daemon_done(struct daemon *d)
{
	d->schedule_source = sd_event_source_disable_unref(d->schedule_source);
	while (d->runs) /* only those whose process would not die */
		(void)run_free(d->runs);
	checks_drop(d);
	(void)varlink_server_free(d->server);
	notify_done(d);
	timers_done(&d->timers);
	sd_event_source_disable_unref(d->held_timer);
	sd_event_source_disable_unref(d->drain_timer);
	sd_event_source_disable_unref(d->drain_limit);
	if (d->socket_ours)
		(void)unlink(d->socket_path); /* gone already: as good */
	closep(&d->listen_fd);
	(void)history_free(d->history);
	for (size_t i = 0; d->config && i < d->config->n_accounts; i++)
		record_done(&d->records[i]);
	free(d->records);
	(void)config_free(d->config);
	sd_event_unref(d->event);
	closep(&d->socket_lock_fd);
	closep(&d->lock_fd);
	free(d->worker_path);
	free(d->state_dir);
	free(d->socket_path);
	free(d->status_text);
}

enum {
	OPTION_CHECK = 256,
	OPTION_VERSION,
};

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	_cleanup_(daemon_done) struct daemon d = {
		.listen_fd = -1, .lock_fd = -1, .socket_lock_fd = -1};
	bool check = false;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			d.config_path = optarg;
			break;
		case OPTION_CHECK:
			check = true;
			break;
		case OPTION_VERSION:
			(void)printf("mailmigd %s\n", MAILMIG_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			(void)fputs(usage, stderr);
			return EXIT_CODE_USAGE;
		}
	}
	if (optind < argc) {
		(void)fprintf(stderr, "mailmigd: \"%s\" is not understood\n%s", argv[optind],
			      usage);
		return EXIT_CODE_USAGE;
	}
	if (check)
		return check_config(d.config_path);

	secret_guard_process();
	mm_log_init("mailmigd");
	return run_daemon(&d);
}
