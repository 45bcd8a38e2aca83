/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <mailmig/secret.h>
#include <string.h>
#include <sys/stat.h>

#include "secret_internal.h"

int secret_new(const void *p, size_t n, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *s = NULL;

	if (n > SECRET_MAX)
		return -EFBIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->p = malloc(n + 1);
	if (!s->p)
		return -ENOMEM;
	if (n > 0)
		memcpy(s->p, p, n);
	s->len = n;
	s->p[n] = '\0'; /* not part of it: for libraries that want a string */

	*ret = STEAL(s);
	return 0;
}

struct secret *secret_free(struct secret *s)
{
	if (!s)
		return NULL;
	if (s->p)
		explicit_bzero(s->p, s->len);
	free(s->p);
	free(s);
	return NULL;
}

void secret_buf_wipe(struct secret_buf **b)
{
	if (!*b)
		return;
	explicit_bzero(*b, sizeof(**b));
	free(*b);
	*b = NULL;
}

int secret_buf_read_all(struct secret_buf *b, int fd)
{
	while (b->len < sizeof(b->p)) {
		ssize_t k = read(fd, b->p + b->len, sizeof(b->p) - b->len);

		if (k == 0)
			return 0;
		if (k > 0)
			b->len += (size_t)k;
		else if (errno != EINTR)
			return -errno;
	}
	return -EFBIG;
}

int secret_buf_finish(const struct secret_buf *b, struct secret **ret)
{
	size_t n = b->len;

	if (n > 0 && b->p[n - 1] == '\n') {
		n--;
		if (n > 0 && b->p[n - 1] == '\r')
			n--;
	}
	return n == 0 ? -ENODATA : secret_new(b->p, n, ret);
}

static int refuse(struct mm_err *e, int code, const char *path, const char *what)
{
	return mm_err_set(e, MM_SCOPE_JOB, MM_RETRY_NEVER, code, "secret file %s %s", path,
			  what);
}

static int refuse_open(struct mm_err *e, int code, const char *path)
{
	switch (code) {
	case -ELOOP:
		(void)refuse(e, code, path, "is a symbolic link");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "name the file itself");
		break;
	case -ENOENT:
		(void)refuse(e, code, path, "does not exist");
		(void)mm_err_class(e, MM_CLASS_CONFIG,
				   "write the password into it, then chmod 0640 and "
				   "chown root:mailmig");
		break;
	case -EACCES:
		(void)refuse(e, code, path, "cannot be read by this user");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "chown root:mailmig %s && chmod 0640 it",
				   path);
		break;
	case -ENXIO: /* a socket */
		(void)refuse(e, code, path, "is not a regular file");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "name a plain file with the password");
		break;
	default:
		(void)mm_err_set(e, MM_SCOPE_JOB, MM_RETRY_NEVER, code,
				 "secret file %s cannot be read: %s", path, strerror(-code));
		(void)mm_err_class(e, MM_CLASS_CONFIG, "check the path and its directories");
	}
	return code;
}

/* Who may read the file may read the mailbox: the group is taken to be ours (root:mailmig
 * 0640), everybody else is refused. */
static int check_file(const struct stat *st, const char *path, struct mm_err *e)
{
	const char *mode = st->st_mode & S_IRGRP ? "0640" : "0600";
	int r = 0;

	if (!S_ISREG(st->st_mode)) {
		r = refuse(e, -EINVAL, path, "is not a regular file");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "name a plain file with the password");
	} else if (st->st_uid != 0 && st->st_uid != geteuid()) {
		r = refuse(e, -EPERM, path, "belongs to another user");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "chown root:mailmig %s", path);
	} else if (st->st_mode & S_IRWXO) {
		r = refuse(e, -EPERM, path,
			   st->st_mode & S_IROTH ? "can be read by everyone"
						 : "is open to everyone");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "chmod %s %s", mode, path);
	} else if (st->st_mode & S_IWGRP) {
		r = refuse(e, -EPERM, path, "can be written by its group");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "chmod %s %s", mode, path);
	}
	return r;
}

static int check_size(const struct stat *st, const char *path, struct mm_err *e)
{
	int r = 0;

	if (st->st_size == 0) {
		r = refuse(e, -ENODATA, path, "is empty");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "write the password into it");
	} else if (st->st_size > SECRET_MAX) {
		r = refuse(e, -EFBIG, path, "is larger than 64 KiB");
		(void)mm_err_class(e, MM_CLASS_CONFIG, "name a file with the password alone");
	}
	return r;
}

/* ret: what fstat() says of it. The descriptor, or -errno. */
static int open_checked(int dir_fd, const char *path, const char *shown, struct stat *ret,
			struct mm_err *reterr)
{
	/* O_NONBLOCK: a FIFO must not hold us up before fstat() shows what it is. */
	_cleanup_(closep) int fd =
		openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0 || fstat(fd, ret) < 0)
		return refuse_open(reterr, -errno, shown);
	r = check_file(ret, shown, reterr);
	if (r < 0)
		return r;
	r = fd;
	fd = -1;
	return r;
}

int secret_open_file(const char *path, struct mm_err *reterr)
{
	struct stat st;

	return open_checked(AT_FDCWD, path, path, &st, reterr);
}

int secret_from_fd(int fd, struct secret **ret)
{
	_cleanup_(secret_buf_wipe) struct secret_buf *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = secret_buf_read_all(b, fd);
	return r < 0 ? r : secret_buf_finish(b, ret);
}

int secret_read_at(int dir_fd, const char *path, const char *shown, struct secret **ret,
		   struct mm_err *reterr)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r;

	fd = open_checked(dir_fd, path, shown, &st, reterr);
	if (fd < 0)
		return fd;
	r = check_size(&st, shown, reterr);
	if (r < 0)
		return r;

	r = secret_from_fd(fd, ret);
	if (r == -ENOMEM)
		return mm_err_oom(reterr);
	if (r == -ENODATA) {
		(void)refuse(reterr, r, shown, "holds nothing but a newline");
		(void)mm_err_class(reterr, MM_CLASS_CONFIG, "write the password into it");
		return r;
	}
	return r < 0 ? refuse_open(reterr, r, shown) : 0;
}

int secret_from_file(const char *path, struct secret **ret, struct mm_err *reterr)
{
	return secret_read_at(AT_FDCWD, path, path, ret, reterr);
}
