/* SPDX-License-Identifier: Apache-2.0 */
#include "vault_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <string.h>

static char *record_path(const char *state_dir, const char *name)
{
	return text_fmt("%s/%s/%s", state_dir, VAULT_DIR, name);
}

/* Trouble of the disk. */
static int local(struct mm_err *reterr, int code, const char *what, const char *name)
{
	if (code == -ENOMEM)
		return mm_err_oom(reterr);
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code, "cannot %s \"%s\": %s",
			 what, name, strerror(-code));
	(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see to the disk and to state_dir");
	return code;
}

static int refuse(struct mm_err *reterr, int code, const char *name, const char *what)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, code, "stored secret \"%s\" %s",
			 name, what);
	(void)mm_err_class(reterr, MM_CLASS_CONFIG, "store it%s: mailmigctl secret set %s",
			   code == -ENOENT ? "" : " again", name);
	return code;
}

int vault_put(const char *state_dir, const char *name, const struct secret *value,
	      struct mm_err *reterr)
{
	_cleanup_(freep) char *path = record_path(state_dir, name);
	_cleanup_(freep) char *dir = text_fmt("%s/%s", state_dir, VAULT_DIR);
	_cleanup_(vault_keys_done) struct vault_keys keys = {0};
	_cleanup_(buf_done) struct buf record = {0};
	int r;

	if (!path || !dir)
		return mm_err_oom(reterr);
	r = vault_keys_need(&keys, state_dir, reterr);
	if (r < 0)
		return r;

	r = record_seal(&keys.v[0], name, clock_wall_usec(), value, &record);
	if (r >= 0)
		r = fs_mkdir_p(dir, 0700);
	if (r >= 0)
		r = fs_write_file(path, 0600, record.p, record.len);
	return r < 0 ? local(reterr, r, "store secret", name) : 0;
}

int vault_get(const char *state_dir, const char *name, struct secret **ret,
	      struct mm_err *reterr)
{
	_cleanup_(freep) char *path = record_path(state_dir, name);
	_cleanup_(vault_keys_done) struct vault_keys keys = {0};
	_cleanup_(buf_done) struct buf record = {0};
	int r;

	if (!path)
		return mm_err_oom(reterr);
	r = fs_read_file(path, RECORD_SIZE_MAX, &record);
	if (r == -ENOENT)
		return refuse(reterr, r, name, "does not exist");
	if (r < 0 && r != -EFBIG)
		return local(reterr, r, "read stored secret", name);
	if (r == 0) {
		r = vault_keys_load(&keys, state_dir, reterr);
		if (r < 0)
			return r;
		r = record_open(&keys, name, record.p, record.len, ret);
	}

	switch (r) {
	case -EFBIG:
	case -EBADMSG:
		return refuse(
			reterr, -EBADMSG, name,
			"does not open: its file was changed, or is that of another name");
	case -EPROTONOSUPPORT:
		return refuse(reterr, r, name, "was stored by a later version of mailmig");
	case -ENOKEY:
		return refuse(reterr, r, name, "was encrypted with a key that is not here");
	default:
		return r < 0 ? local(reterr, r, "open stored secret", name) : 0;
	}
}

int vault_remove(const char *state_dir, const char *name, struct mm_err *reterr)
{
	_cleanup_(freep) char *path = record_path(state_dir, name);
	int r;

	if (!path)
		return mm_err_oom(reterr);
	r = fs_remove_file(path);
	if (r == -ENOENT) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, r,
				 "there is no stored secret \"%s\"", name);
		(void)mm_err_class(reterr, MM_CLASS_CONFIG,
				   "mailmigctl secret list shows them");
		return r;
	}
	return r < 0 ? local(reterr, r, "remove stored secret", name) : 0;
}

/* The head alone is read: there may be many. */
static uint64_t time_of(int dir_fd, const char *name)
{
	_cleanup_(closep) int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unsigned char head[RECORD_HEAD_SIZE];
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));

	return n < 0 ? 0 : record_time(head, (size_t)n);
}

static void closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

int vault_list(const char *state_dir,
	       int (*each)(const char *name, uint64_t stored_usec, void *userdata),
	       void *userdata, struct mm_err *reterr)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", state_dir, VAULT_DIR);
	_cleanup_(closedirp) DIR *d = path ? opendir(path) : NULL;
	struct dirent *e;
	int r;

	if (!path)
		return mm_err_oom(reterr);
	if (!d)
		return errno == ENOENT ? 0 : local(reterr, -errno, "list", path);

	for (errno = 0; (e = readdir(d)); errno = 0) {
		if (!text_is_name(e->d_name)) /* ".", or half of a new one */
			continue;
		r = each(e->d_name, time_of(dirfd(d), e->d_name), userdata);
		if (r < 0)
			return r;
	}
	return errno ? local(reterr, -errno, "list", path) : 0;
}
