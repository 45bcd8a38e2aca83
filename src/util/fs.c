/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <mailmig/clock.h>
#include <mailmig/crash_point.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static int make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;

	/* There is something: a directory, or a link to one, will do. */
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int fs_mkdir_p(const char *path, mode_t mode)
{
	_cleanup_(freep) char *p = NULL;
	int r;

	/* The usual case first; it also needs no right to look at the parents. */
	r = make_one(path, mode);
	if (r != -ENOENT || !*path)
		return r;

	p = text_dup(path);
	if (!p)
		return -ENOMEM;
	for (char *s = p + strspn(p, "/"); (s = strchr(s, '/')); s += strspn(s, "/")) {
		*s = '\0';
		r = make_one(p, mode);
		if (r < 0)
			return r;
		*s = '/';
	}
	return make_one(p, mode);
}

int fs_read_file(const char *path, size_t max, struct buf *into)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t before = into->len;
	int r = 0;

	if (fd < 0)
		return -errno;

	for (;;) {
		size_t have = into->len - before;
		size_t want = MIN_OF(max - have, (size_t)65536) + 1; /* one more shows EFBIG */
		ssize_t k;

		r = buf_reserve(into, want);
		if (r < 0)
			break;
		k = read(fd, into->p + into->len, want);
		if (k < 0 && errno == EINTR)
			continue;
		r = k < 0 ? -errno : (size_t)k > max - have ? -EFBIG : 0;
		if (r < 0 || k == 0)
			break;
		into->len += (size_t)k;
	}

	if (r < 0)
		into->len = before;
	if (into->p)
		into->p[into->len] = '\0';
	return r;
}

/* A name is on the disk when its directory is. */
static int sync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *dir =
		slash ? text_dupn(path, MAX_OF((size_t)(slash - path), 1U)) : text_dup(".");
	_cleanup_(closep) int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!dir)
		return -ENOMEM;
	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int fs_write_all(int fd, const void *p, size_t n)
{
	const char *from = p;

	while (n > 0) {
		ssize_t k = write(fd, from, n);

		if (k < 0 && errno != EINTR)
			return -errno;
		from += MAX_OF(k, (ssize_t)0);
		n -= (size_t)MAX_OF(k, (ssize_t)0);
	}
	return 0;
}

static int write_new(const char *path, mode_t mode, int (*fill)(void *userdata, int fd),
		     void *userdata)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int r;

	if (fd < 0)
		return -errno;
	r = fill(userdata, fd);
	if (r < 0)
		return r;
	return fsync(fd) < 0 ? -errno : 0;
}

int fs_write_file_by(const char *path, mode_t mode, int (*fill)(void *userdata, int fd),
		     void *userdata)
{
	_cleanup_(freep) char *new = text_fmt("%s~", path);
	int r;

	if (!new)
		return -ENOMEM;
	(void)unlink(new); /* what a crash left, if anything */
	r = write_new(new, mode, fill, userdata);
	if (r == 0 && rename(new, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(new);
		return r;
	}
	return sync_dir_of(path);
}

struct octets {
	const void *p;
	size_t n;
};

static int write_octets(void *userdata, int fd)
{
	const struct octets *o = userdata;

	return fs_write_all(fd, o->p, o->n);
}

int fs_write_file(const char *path, mode_t mode, const void *p, size_t n)
{
	struct octets o = {.p = p, .n = n};

	return fs_write_file_by(path, mode, write_octets, &o);
}

int fs_remove_file(const char *path)
{
	return unlink(path) < 0 ? -errno : sync_dir_of(path);
}

/* ---- what is damaged ---- */

/* The names sort by their times. */
static char *name_aside(const char *path)
{
	uint64_t now = clock_wall_usec();
	char when[32];

	(void)clock_rfc3339(now, when, sizeof(when));
	return text_fmt("%s.damaged-%.19s.%06uZ", path, when, (unsigned)(now % USEC_PER_SEC));
}

/* Rename or, without `to`, remove a file and its companions. */
static int each_part(const char *from, const char *to, const char *const *parts)
{
	int r = 0;

	for (; r == 0 && *parts; parts++) {
		_cleanup_(freep) char *a = text_fmt("%s%s", from, *parts);
		_cleanup_(freep) char *b = to ? text_fmt("%s%s", to, *parts) : NULL;

		if (!a || (to && !b))
			return -ENOMEM;
		CRASH_POINT("before", "setting aside");
		if ((to ? rename(a, b) : unlink(a)) < 0 && errno != ENOENT)
			r = -errno;
	}
	return r;
}

static bool ends_with_part(const char *name, const char *const *parts)
{
	for (; *parts; parts++) {
		size_t n = strlen(name), k = strlen(*parts);

		if (k > 0 && n > k && strcmp(name + n - k, *parts) == 0)
			return true;
	}
	return false;
}

/* Of what was set aside, in the order of its names and so of its times, only the newest stay.
 * What cannot be removed stays too. */
static void forget_oldest(const char *path, const char *const *parts, size_t keep)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	_cleanup_(freep) char *dir =
		slash ? text_dupn(path, (size_t)(slash - path) + 1) : text_dup(".");
	_cleanup_(freep) char *start = text_fmt("%s.damaged-", base);
	struct dirent **names = NULL;
	int n = dir && start ? scandir(dir, &names, NULL, versionsort) : -1;
	size_t seen = 0;

	for (int i = n - 1; i >= 0; i--) {
		_cleanup_(freep) char *old = NULL;
		const char *name = names[i]->d_name;

		if (strncmp(name, start, strlen(start)) == 0 && !ends_with_part(name, parts) &&
		    ++seen > keep)
			old = text_fmt("%s/%s", dir, name);
		if (old)
			(void)each_part(old, NULL, parts);
		free(names[i]);
	}
	free(names);
}

int fs_set_aside(const char *path, const char *const *parts, size_t keep, char **ret_to)
{
	_cleanup_(freep) char *to = name_aside(path);
	int r;

	if (!to)
		return -ENOMEM;
	r = each_part(path, to, parts);
	if (r < 0)
		return r;
	r = sync_dir_of(path);
	if (r < 0)
		return r;
	forget_oldest(path, parts, keep);
	*ret_to = STEAL(to);
	return 0;
}

int fs_free_bytes(const char *path, uint64_t *ret)
{
	struct statvfs st;

	while (statvfs(path, &st) < 0)
		if (errno != EINTR)
			return -errno;

	if (__builtin_mul_overflow((uint64_t)st.f_bavail, (uint64_t)st.f_frsize, ret))
		*ret = UINT64_MAX;
	return 0;
}

int fs_program_dir(char *buf, size_t n)
{
	ssize_t k = readlink("/proc/self/exe", buf, n);
	char *slash;

	if (k < 0)
		return -errno;
	if ((size_t)k >= n)
		return -ENAMETOOLONG;

	buf[k] = '\0';
	slash = strrchr(buf, '/');
	if (!slash)
		return -ENOENT;
	slash[slash == buf ? 1 : 0] = '\0';
	return 0;
}
