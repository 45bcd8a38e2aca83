/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/parse.h>
#include <mailmig/quarantine.h>
#include <mailmig/text.h>
#include <string.h>
#include <unistd.h>

#define CHUNK       (16 * 1024)
#define NAME_OCTETS 16 /* of the digest */

static char *path_of(const char *state_dir, const char *account, const uint8_t *digest,
		     const char *suffix)
{
	char hex[2 * NAME_OCTETS + 1];

	format_hex(digest, NAME_OCTETS, hex);
	return text_fmt("%s/quarantine/%s/%s%s", state_dir, account, hex, suffix);
}

char *quarantine_find(const char *state_dir, const char *account,
		      const uint8_t digest[MESSAGE_DIGEST_OCTETS])
{
	_cleanup_(freep) char *path = path_of(state_dir, account, digest, ".eml");

	return path && access(path, F_OK) == 0 ? STEAL(path) : NULL;
}

static int write_body(void *userdata, int fd)
{
	const struct spool *body = userdata;
	char chunk[CHUNK];
	uint64_t at = 0;
	ssize_t n;

	while ((n = spool_read_at(body, at, chunk, sizeof(chunk))) > 0) {
		int r = fs_write_all(fd, chunk, (size_t)n);

		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return (int)n;
}

/* What is no UTF-8 is shown as it can be. */
static json_t *text_json(const char *s)
{
	size_t n = s ? strlen(s) : 0;
	_cleanup_(freep) char *clean = malloc(n + 1);

	return clean ? json_string(text_clean(clean, n + 1, s ? s : "", n)) : NULL;
}

static int write_about(const struct quarantine *q, const char *path)
{
	const struct message *m = q->message;
	char hex[2 * MESSAGE_DIGEST_OCTETS + 1], when[32];
	_cleanup_(json_decrefp) json_t *o = NULL;
	_cleanup_(freep) char *text = NULL;

	format_hex(m->digest, MESSAGE_DIGEST_OCTETS, hex);
	o = json_pack("{s:o, s:o, s:I, s:I, s:o, s:s, s:I, s:s, s:o, s:o, s:s}", "account",
		      text_json(q->account), "folder", text_json(q->folder), "uidvalidity",
		      (json_int_t)q->uidvalidity, "uid", (json_int_t)m->uid, "flags",
		      text_json(m->flags), "date", m->date, "size", (json_int_t)m->size,
		      "sha256", hex, "reason", text_json(q->reason), "tried",
		      text_json(q->tried), "when",
		      clock_rfc3339(clock_wall_usec(), when, sizeof(when)));
	text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	return text ? fs_write_file(path, 0600, text, strlen(text)) : -ENOMEM;
}

static int put(const struct quarantine *q, const char *dir)
{
	const struct message *m = q->message;
	_cleanup_(freep) char *eml = path_of(q->state_dir, q->account, m->digest, ".eml");
	_cleanup_(freep) char *about = path_of(q->state_dir, q->account, m->digest, ".json");
	uint64_t free_bytes;
	int r;

	if (!eml || !about)
		return -ENOMEM;
	/* The second of the two is written last. */
	if (access(about, F_OK) == 0 && access(eml, F_OK) == 0)
		return 0;
	r = fs_mkdir_p(dir, 0700);
	if (r == 0)
		r = fs_free_bytes(dir, &free_bytes);
	if (r < 0)
		return r;
	if (free_bytes < q->min_free_bytes || free_bytes - q->min_free_bytes < m->size)
		return -ENOSPC;
	r = fs_write_file_by(eml, 0600, write_body, m->body);
	return r < 0 ? r : write_about(q, about);
}

int quarantine_put(const struct quarantine *q, struct mm_err *reterr)
{
	_cleanup_(freep) char *dir = text_fmt("%s/quarantine/%s", q->state_dir, q->account);
	int r;

	if (!dir)
		return mm_err_oom(reterr);
	r = put(q, dir);
	if (r == 0)
		return 0;
	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	mm_err_set(reterr, MM_SCOPE_MESSAGE, MM_RETRY_LATER, r,
		   "the destination refuses the message (%s), and it cannot be kept in %s: %s",
		   q->reason, dir, strerror(-r));
	return mm_err_class(reterr, MM_CLASS_LOCAL,
			    r == -ENOSPC ? "free space there, or lower min_free"
					 : "check that the state directory is writable");
}
