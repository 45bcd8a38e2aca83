/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon_internal.h"

#include "access.h"
#include <fcntl.h>
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define LOCK_FILE "mailmigd.lock"

static int fault(struct mm_err *reterr, int code, const char *what, const char *path)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, code, "%s %s: %s", what, path,
			 strerror(-code));
	(void)mm_err_class(reterr, MM_CLASS_LOCAL, "%s", "");
	return code;
}

/* A lock of the kernel, which ends with the process however that ends. 0; 1: another process
 * has it; -errno, described. */
static int take_lock(const char *path, int *ret, struct mm_err *reterr)
{
	_cleanup_(closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return fault(reterr, -errno, "cannot open", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : fault(reterr, -errno, "cannot lock", path);
	*ret = STEAL_FD(fd);
	return 0;
}

int daemon_lock(struct daemon *d, struct mm_err *reterr)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", d->config->state_dir, LOCK_FILE);
	int r;

	if (!path)
		return mm_err_oom(reterr);

	r = fs_mkdir_p(d->config->state_dir, 0700);
	if (r < 0)
		return fault(reterr, r, "cannot create state directory", d->config->state_dir);

	r = take_lock(path, &d->lock_fd, reterr);
	if (r < 0)
		return r;
	if (r > 0) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EBUSY,
				 "another mailmigd uses state directory %s",
				 d->config->state_dir);
		(void)mm_err_class(reterr, MM_CLASS_LOCAL,
				   "stop it, or give this one a state_dir of its own");
		return -EBUSY;
	}

	d->state_dir = text_dup(d->config->state_dir);
	return d->state_dir ? 0 : mm_err_oom(reterr);
}

/* 1: taken over; 0: there is none. */
static int listen_given(struct daemon *d, struct mm_err *reterr)
{
	int n;

	n = sd_listen_fds(1);
	if (n < 0)
		return fault(reterr, n, "cannot use", "the socket of systemd");
	if (n == 0)
		return 0;
	if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL,
				 "systemd passed %d descriptors; wanted: one listening Unix "
				 "stream socket",
				 n);
		(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see mailmigd.socket");
		return -EINVAL;
	}

	/* Another process with the socket may take the client that we were woken for. */
	if (fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) < 0)
		return fault(reterr, -errno, "cannot use", "the socket of systemd");
	d->listen_fd = SD_LISTEN_FDS_START;
	return 1;
}

/* Does anybody answer at the path? */
static bool is_served(const struct sockaddr_un *sa)
{
	_cleanup_(closep) int fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	/* EAGAIN: its queue is full, but somebody has the other end. */
	return connect(fd, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno == EAGAIN;
}

static int in_use(struct mm_err *reterr, const char *path)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EADDRINUSE,
			 "another daemon answers at %s", path);
	(void)mm_err_class(reterr, MM_CLASS_LOCAL,
			   "stop it, or choose another path with MAILMIG_SOCKET");
	return -EADDRINUSE;
}

/* Two daemons that begin at once must not both find the path free. */
static int lock_socket(struct daemon *d, const char *path, struct mm_err *reterr)
{
	_cleanup_(freep) char *lock = text_fmt("%s.lock", path);
	int r = lock ? take_lock(lock, &d->socket_lock_fd, reterr) : mm_err_oom(reterr);

	return r > 0 ? in_use(reterr, path) : r;
}

/* Make the way free: no daemon there, and nothing but a socket that one left behind. */
static int remove_stale(const char *path, const struct sockaddr_un *sa, struct mm_err *reterr)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fault(reterr, -errno, "cannot look at", path);
	if (!S_ISSOCK(st.st_mode))
		return fault(reterr, -ENOTSOCK, "will not replace", path);
	if (is_served(sa))
		return in_use(reterr, path);
	if (unlink(path) < 0 && errno != ENOENT)
		return fault(reterr, -errno, "cannot remove stale", path);
	return 0;
}

static int make_parent(const char *path, struct mm_err *reterr)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *dir = NULL;
	mode_t before;
	int r;

	if (!slash || slash == path)
		return 0;
	dir = text_dupn(path, (size_t)(slash - path));
	if (!dir)
		return mm_err_oom(reterr);

	before = umask(0022); /* the group has to pass through it */
	r = fs_mkdir_p(dir, 0755);
	(void)umask(before);
	return r < 0 ? fault(reterr, r, "cannot create", dir) : 0;
}

static int bind_with_mode(int fd, const struct sockaddr_un *sa)
{
	mode_t before = umask(0117); /* born 0660: no moment in which others may connect */
	int r = bind(fd, (const struct sockaddr *)sa, sizeof(*sa)) < 0 ? -errno : 0;

	(void)umask(before);
	return r;
}

static int listen_own(struct daemon *d, const char *path, struct mm_err *reterr)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = -1;
	int r;

	if (strlen(path) == 0 || strlen(path) >= sizeof(sa.sun_path))
		return fault(reterr, -ENAMETOOLONG, "cannot listen at", path);
	memcpy(sa.sun_path, path, strlen(path));

	r = make_parent(path, reterr);
	if (r < 0)
		return r;
	r = lock_socket(d, path, reterr);
	if (r == 0)
		r = remove_stale(path, &sa, reterr);
	if (r < 0)
		return r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault(reterr, -errno, "cannot create socket", path);
	r = bind_with_mode(fd, &sa);
	if (r < 0)
		return fault(reterr, r, "cannot listen at", path);

	/* Only root or a member may give it to the group; else the socket is for our user. */
	if (d->has_group)
		(void)!chown(path, (uid_t)-1, d->group);
	if (listen(fd, SOMAXCONN) < 0)
		return fault(reterr, -errno, "cannot listen at", path);

	d->socket_path = text_dup(path);
	if (!d->socket_path)
		return mm_err_oom(reterr);
	d->socket_ours = true;
	d->listen_fd = STEAL_FD(fd);
	return 0;
}

int daemon_listen(struct daemon *d, struct mm_err *reterr)
{
	const char *path = getenv("MAILMIG_SOCKET");
	int r;

	d->has_group = access_find_group(&d->group);

	r = listen_given(d, reterr);
	if (r != 0)
		return MIN_OF(r, 0);
	return listen_own(d, path && *path ? path : d->config->socket, reterr);
}
