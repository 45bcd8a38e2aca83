/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/log.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#define TEXT_MAX  2048
#define FIELD_MAX 600 /* the longest of ours is a folder's name */

/* Written by mm_log_init() before there are threads, then only read. */
static char log_ident[64] = "mailmig";
static bool to_journal;

static atomic_int log_level = LOG_INFO;

/* systemd.exec(5): $JOURNAL_STREAM is "DEVICE:INODE" of the stream it connected; a redirection
 * since then makes it untrue, so it is compared. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	const char *colon = stream ? strchr(stream, ':') : NULL;
	uint64_t dev, ino;
	struct stat st;

	if (!colon || parse_u64(stream, (size_t)(colon - stream), &dev) < 0 ||
	    parse_u64(colon + 1, strlen(colon + 1), &ino) < 0)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void mm_log_init(const char *ident)
{
	text_clean(log_ident, sizeof(log_ident), ident, strlen(ident));
	to_journal = stderr_is_journal();
}

void mm_log_set_level(int level)
{
	atomic_store(&log_level, level);
}

int mm_log_level(void)
{
	return atomic_load(&log_level);
}

int mm_log_level_from_name(const char *name, int *ret)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {{"debug", LOG_DEBUG},
		      {"info", LOG_INFO},
		      {"notice", LOG_NOTICE},
		      {"warning", LOG_WARNING},
		      {"err", LOG_ERR}};

	for (size_t i = 0; i < ELEMENTS(levels); i++)
		if (strcmp(levels[i].name, name) == 0) {
			*ret = levels[i].level;
			return 0;
		}
	return -EINVAL;
}

struct entry {
	char storage[8][FIELD_MAX];
	struct iovec iov[12];
	int n_storage;
	int n;
};

/* A field of foreign origin: "NAME=" and the cleaned value. */
static void entry_add(struct entry *e, const char *name, const char *value)
{
	char *p = e->storage[e->n_storage];
	size_t n = strlen(name);

	if (!value)
		return;
	memcpy(p, name, n);
	text_clean(p + n, FIELD_MAX - n, value, strlen(value));
	e->n_storage++;
	e->iov[e->n++] = (struct iovec){p, strlen(p)};
}

static int write_journal(int level, const struct mm_log_fields *f, const char *text)
{
	static const struct mm_log_fields none;
	char message[TEXT_MAX + 16], priority[32], ident[96], uid[32];
	struct entry e;
	int n;

	f = f ? f : &none;
	e.n = e.n_storage = 0;
	n = snprintf(message, sizeof(message), "MESSAGE=%s", text);
	e.iov[e.n++] = (struct iovec){message, (size_t)n};
	n = snprintf(priority, sizeof(priority), "PRIORITY=%d", level);
	e.iov[e.n++] = (struct iovec){priority, (size_t)n};
	n = snprintf(ident, sizeof(ident), "SYSLOG_IDENTIFIER=%s", log_ident);
	e.iov[e.n++] = (struct iovec){ident, (size_t)n};
	if (f->uid) {
		n = snprintf(uid, sizeof(uid), "MAILMIG_UID=%u", f->uid);
		e.iov[e.n++] = (struct iovec){uid, (size_t)n};
	}
	entry_add(&e, "MESSAGE_ID=", f->message_id);
	entry_add(&e, "MAILMIG_ACCOUNT=", f->account);
	entry_add(&e, "MAILMIG_RUN=", f->run);
	entry_add(&e, "MAILMIG_JOB=", f->job);
	entry_add(&e, "MAILMIG_FOLDER=", f->folder);
	entry_add(&e, "MAILMIG_SERVER=", f->server);
	entry_add(&e, "MAILMIG_RESULT=", f->result);
	return sd_journal_sendv(e.iov, e.n);
}

/* One write, so that lines of threads and of our workers do not mix. */
static void write_line(const char *text)
{
	char line[TEXT_MAX + sizeof(log_ident) + 4];
	int n = snprintf(line, sizeof(line), "%s: %s\n", log_ident, text);
	ssize_t k;

	do
		k = write(STDERR_FILENO, line, (size_t)n);
	while (k < 0 && errno == EINTR);
}

void mm_log(int level, const struct mm_log_fields *f, const char *fmt, ...)
{
	char raw[TEXT_MAX], text[TEXT_MAX];
	int saved = errno;
	va_list ap;

	if (level > mm_log_level())
		return;

	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	text_clean(text, sizeof(text), raw, strlen(raw));

	if (!to_journal || write_journal(level, f, text) < 0)
		write_line(text);
	errno = saved; /* callers log first and look at errno then */
}
