/* SPDX-License-Identifier: Apache-2.0 */
#include "generator_internal.h"
#include <fcntl.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* A generator (systemd.generator(7)) holds up the start of the machine and of every
 * daemon-reload: no network, no state, no other process but systemd-analyze, and that only for
 * expressions that this program does not know.
 *
 * What it cannot do it leaves out, account by account: the template has a schedule to fall back
 * on, and a timer without any would never fire again. Its exit status is 1 then, which makes
 * systemd log a warning and take what was written all the same. */

#define JOURNAL_SOCKET   "/run/systemd/journal/socket"
#define TOLD_MAX         10  /* complaints; mailmigd --check has them all */
#define KMSG_MAX         900 /* octets that the kernel takes as one entry */
#define TIMER_FILE       "50-mailmig-schedule.conf"
#define CREDENTIALS_FILE "50-mailmig-credentials.conf"

static const char usage[] =
	"Usage: mailmig-generator DIR [EARLY-DIR LATE-DIR]\n"
	"\n"
	"Started by systemd: gives the timer of each account the schedule that stands "
	"in\n" CONFIG_DEFAULT_PATH ". See mailmig-generator(8).\n"
	"\n"
	"      --version  print the version, and leave\n"
	"  -h, --help     print this, and leave\n";

/* ---- what goes wrong ---- */

static bool to_system; /* to the journal or the kernel's log, not to a person who tries it */

/* Journald is not there yet when the machine starts, and the kernel's log not in containers. */
static void tell_system(const char *text)
{
	_cleanup_(closep) int fd = -1;
	char line[KMSG_MAX];
	int n;

	if (access(JOURNAL_SOCKET, F_OK) == 0) {
		(void)sd_journal_send("MESSAGE=%s", text, "PRIORITY=%d", LOG_WARNING,
				      "SYSLOG_IDENTIFIER=mailmig-generator",
				      "MESSAGE_ID=" MESSAGE_SCHEDULE_NOT_SET, NULL);
		return;
	}

	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	n = snprintf(line, sizeof(line), "<%d>mailmig-generator: %s", LOG_WARNING, text);
	if (fd >= 0 && n > 0 && write(fd, line, strlen(line)) < 0)
		return; /* there is nobody left to tell */
}

static void _printf_(1, 2) tell(const char *fmt, ...)
{
	char raw[2048], text[2048];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	text_clean(text, sizeof(text), raw, strlen(raw));

	(void)fprintf(stderr, "mailmig-generator: %s\n", text);
	if (to_system)
		tell_system(text);
}

static void tell_complaints(const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->n && i < TOLD_MAX; i++)
		tell("%s", errors->lines[i]);
	if (errors->n > TOLD_MAX)
		tell("and %zu more: mailmigd --check", errors->n - TOLD_MAX);
}

/* ---- the work ---- */

static int write_timer(int dir_fd, const struct config_timer *t)
{
	_cleanup_(freep) char *unit = text_fmt("mailmig@%s.timer", t->name);
	_cleanup_(buf_done) struct buf text = {};
	int r;

	if (!t->schedule_text)
		return 0;
	r = unit ? units_timer_text(t, &text) : -ENOMEM;
	return r < 0 ? r : units_write(dir_fd, unit, TIMER_FILE, &text);
}

static int write_credentials(int dir_fd, const struct config_timer *t, const char *root)
{
	_cleanup_(freep) char *unit = text_fmt("mailmig@%s.service", t->name);
	_cleanup_(buf_done) struct buf text = {};
	int r;

	if (t->n_credentials == 0)
		return 0;
	r = unit ? units_credentials_text(t, root, &text) : -ENOMEM;
	return r < 0 ? r : units_write(dir_fd, unit, CREDENTIALS_FILE, &text);
}

static int write_all(const char *root, const char *dir, const struct config_timers *timers)
{
	_cleanup_(closep) int fd = open(dir, O_DIRECTORY | O_PATH | O_CLOEXEC);
	int status = EXIT_SUCCESS;

	if (fd < 0) {
		tell("%s: %s", dir, strerror(errno));
		return EXIT_FAILURE;
	}

	for (size_t i = 0; i < timers->n; i++) {
		const struct config_timer *t = &timers->v[i];
		int r = write_timer(fd, t);

		if (r == 0)
			r = write_credentials(fd, t, root);
		if (r == 0)
			continue;
		tell("%s: the units of account \"%s\" cannot be written: %s", dir, t->name,
		     strerror(-r));
		status = EXIT_FAILURE;
		if (r == -ENOSPC || r == -ENOMEM)
			break; /* the next one would not fare better */
	}
	return status;
}

static int generate(const char *root, const char *dir)
{
	_cleanup_(config_timers_done) struct config_timers timers = {};
	_cleanup_(config_errors_done) struct config_errors errors = {};
	_cleanup_(freep) char *path = text_fmt("%s%s", root, CONFIG_DEFAULT_PATH);
	int r, status;

	if (path && access(path, F_OK) < 0 && errno == ENOENT)
		return EXIT_SUCCESS; /* nothing was configured yet */

	r = path ? config_load_timers(path, &timers, &errors) : -ENOMEM;
	if (r < 0) {
		tell("cannot read the configuration: %s", strerror(-r));
		return EXIT_FAILURE;
	}

	tell_complaints(&errors);
	if (timers.n_unchecked_schedules > 0)
		tell("systemd-analyze is missing or failed; %zu schedules that only it knows "
		     "were left out",
		     timers.n_unchecked_schedules);
	status = write_all(root, dir, &timers);
	return errors.n > 0 || timers.n_unchecked_schedules > 0 ? EXIT_FAILURE : status;
}

int main(int argc, char *argv[])
{
	const char *root = getenv("MAILMIG_GENERATOR_ROOT");

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("mailmig-generator %s\n", MAILMIG_VERSION);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		(void)fputs(usage, stdout);
		return EXIT_SUCCESS;
	}
	if ((argc != 2 && argc != 4) || argv[1][0] == '-') {
		(void)fputs(usage, stderr);
		return 2;
	}

	to_system = !root && argc == 4;
	(void)umask(0022);
	return generate(root ? root : "", argv[1]);
}
