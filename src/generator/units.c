/* SPDX-License-Identifier: Apache-2.0 */
#include "generator_internal.h"
#include <fcntl.h>
#include <inttypes.h>
#include <mailmig/text.h>
#include <string.h>
#include <sys/stat.h>

#define AFTER_BOOT "10s"

/* Of calendar expressions: not all accounts in the same second. Less than the shortest sensible
 * period, or runs would be left out. */
#define CALENDAR_SPREAD "30s"

#define HEAD                                                                                   \
	"# Written by mailmig-generator(8) from the configuration of mailmig; changes are\n"   \
	"# lost. \"systemctl edit\" makes a drop-in that wins over this one.\n"

/* systemd expands '%' in it and takes '\\' and quotes for its own. */
static bool is_plain_path(const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_./@+:,-";

	return strspn(s, plain) == strlen(s);
}

/* With it `systemctl status` warns when the file is newer than what was read of it. */
static int add_head(struct buf *b, const struct config_timer *t)
{
	int r = buf_adds(b, HEAD);

	if (r < 0 || !is_plain_path(t->file))
		return r;
	return buf_addf(b, "\n[Unit]\nSourcePath=%s\n", t->file);
}

static uint64_t round_up(uint64_t usec)
{
	return (usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* The empty OnCalendar= takes away all of the template's.
 *
 * Of the lines for a span each has its moment. OnUnitInactiveSec= is the span itself, but
 * counts from a run of this boot only. OnBootSec= gives that first run: after a boot, and at
 * once when the timer is enabled. (OnActiveSec=10s would do that, and again after every
 * daemon-reload, from which it begins to count anew.) Where systemd takes the first run for
 * done although there was none, OnActiveSec= with the span keeps the timer from ending for
 * good: so when a calendar expression is changed to a span, as the stamp file of Persistent=
 * counts for a run. */
int units_timer_text(const struct config_timer *t, struct buf *ret)
{
	uint64_t span = round_up(t->schedule.span_usec);
	int r;

	r = add_head(ret, t);
	if (r < 0)
		return r;
	if (t->schedule.kind != SCHEDULE_SPAN)
		return buf_addf(ret,
				"\n[Timer]\nOnCalendar=\nOnCalendar=%s\n"
				"RandomizedDelaySec=" CALENDAR_SPREAD "\n",
				t->schedule_text);

	return buf_addf(ret,
			"\n[Timer]\nOnCalendar=\nOnBootSec=" AFTER_BOOT "\nOnActiveSec=%" PRIu64
			"s\nOnUnitInactiveSec=%" PRIu64
			"s\nPersistent=false\nRandomizedDelaySec=0\n",
			span, span);
}

/* 1: a file of that name is in the store; 0: none is; -ENOMEM. */
static int is_stored(const char *root, const char *store, const char *name)
{
	_cleanup_(freep) char *path = text_fmt("%s/etc/%s/%s", root, store, name);

	return path ? access(path, F_OK) == 0 : -ENOMEM;
}

/* Without a path systemd looks into its stores, and one that is not there is no error: the run
 * then says what is missing. The encrypted kind looks into both and takes a plain file for
 * encrypted, and of two lines for one name the last counts: so it is one, after what is there.
 */
static int add_credential(const char *root, const char *name, struct buf *ret)
{
	int plain = is_stored(root, "credstore", name);
	int encrypted = is_stored(root, "credstore.encrypted", name);

	if (plain < 0 || encrypted < 0)
		return -ENOMEM;
	return buf_addf(ret, "LoadCredential%s=%s\n", plain && !encrypted ? "" : "Encrypted",
			name);
}

int units_credentials_text(const struct config_timer *t, const char *root, struct buf *ret)
{
	int r;

	r = add_head(ret, t);
	if (r == 0)
		r = buf_adds(ret, "\n[Service]\n");
	for (size_t i = 0; i < t->n_credentials && r == 0; i++)
		r = add_credential(root, t->credentials[i], ret);
	return r;
}

int units_write(int dir_fd, const char *unit, const char *file, const struct buf *text)
{
	_cleanup_(freep) char *dir = text_fmt("%s.d", unit);
	_cleanup_(closep) int sub = -1;
	_cleanup_(closep) int fd = -1;
	ssize_t n;

	if (!dir)
		return -ENOMEM;
	if (mkdirat(dir_fd, dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	sub = openat(dir_fd, dir, O_DIRECTORY | O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (sub < 0)
		return -errno;

	fd = openat(sub, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	n = write(fd, buf_str(text), text->len);
	if (n < 0)
		return -errno;
	return (size_t)n == text->len ? 0 : -EIO; /* a file in memory: no room */
}
