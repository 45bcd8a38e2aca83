/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/varlink.h>

#include <mailmig/buf.h>
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/text.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define READ_SIZE (64 * 1024)

struct varlink_client {
	int fd;
	struct buf in;
};

struct varlink_client *varlink_client_free(struct varlink_client *c)
{
	if (!c)
		return NULL;

	closep(&c->fd);
	buf_done(&c->in);
	free(c);
	return NULL;
}

static int unreachable(struct mm_err *reterr, const char *path, int code)
{
	switch (-code) {
	case EACCES:
	case EPERM:
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, code,
				 "you may not talk to mailmigd at %s", path);
		return mm_err_class(reterr, MM_CLASS_PERMISSION,
				    "the socket is for root and group mailmig; join with "
				    "\"adduser USER mailmig\", then log in again");
	case ENOENT:
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
				 "cannot reach mailmigd at %s: no such file", path);
		return mm_err_class(reterr, MM_CLASS_PERMISSION,
				    "start it with \"systemctl start mailmigd\", or name "
				    "its socket with --socket");
	case ECONNREFUSED:
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
				 "cannot reach mailmigd at %s: nobody listens there", path);
		return mm_err_class(
			reterr, MM_CLASS_PERMISSION,
			"start it with \"systemctl start mailmigd\"; why it stopped: "
			"\"journalctl -u mailmigd -n 20\"");
	default:
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
				 "cannot reach mailmigd at %s: %s", path, strerror(-code));
		return mm_err_class(reterr, MM_CLASS_PERMISSION,
				    "see \"systemctl status mailmigd\"");
	}
}

int varlink_client_open(const char *socket_path, struct varlink_client **ret,
			struct mm_err *reterr)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = NULL;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t n = strlen(socket_path);
	int r;

	if (n == 0 || n >= sizeof(sa.sun_path)) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -ENAMETOOLONG,
				 "socket path \"%s\" has %zu octets", socket_path, n);
		(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
				   "a socket path may have 1 to %zu octets",
				   sizeof(sa.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(sa.sun_path, socket_path, n);

	c = calloc(1, sizeof(*c));
	if (!c)
		return mm_err_oom(reterr);

	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0) {
		r = -errno;
		(void)unreachable(reterr, socket_path, r);
		return r;
	}

	if (connect(c->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		(void)unreachable(reterr, socket_path, r);
		return r;
	}

	*ret = STEAL(c);
	return 0;
}

static int gone_away(struct mm_err *reterr, int code)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, code,
			 "mailmigd closed the connection");
	(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
			   "see \"systemctl status mailmigd\" and \"journalctl -u mailmigd\"");
	return code;
}

static json_t *request_new(const char *method, const json_t *parameters, bool more)
{
	_cleanup_(json_decrefp) json_t *o = json_object();

	if (!o || json_object_set_new(o, "method", json_string(method)) < 0)
		return NULL;
	/* Jansson counts references in the object: the const of the caller is kept in spirit.
	 */
	if (parameters && json_object_set(o, "parameters", (json_t *)parameters) < 0)
		return NULL;
	if (more && json_object_set_new(o, "more", json_true()) < 0)
		return NULL;
	return STEAL(o);
}

/* With a descriptor, unless that is -1. */
static ssize_t send_with(int socket_fd, const struct buf *out, int fd)
{
	struct iovec iov = {.iov_base = out->p, .iov_len = out->len};
	union {
		struct cmsghdr header;
		char octets[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
	}
	return sendmsg(socket_fd, &m, MSG_NOSIGNAL);
}

int varlink_client_call(struct varlink_client *c, const char *method, const json_t *parameters,
			bool more, struct mm_err *reterr)
{
	return varlink_client_call_fd(c, method, parameters, more, -1, reterr);
}

int varlink_client_call_fd(struct varlink_client *c, const char *method,
			   const json_t *parameters, bool more, int fd, struct mm_err *reterr)
{
	_cleanup_(json_decrefp) json_t *request = request_new(method, parameters, more);
	_cleanup_(buf_done) struct buf out = {.secret = true}; /* of SecretSet */

	if (!request || jsonio_put(&out, request) < 0)
		return mm_err_oom(reterr);

	while (out.len > 0) {
		ssize_t n = send_with(c->fd, &out, fd);

		if (n < 0 && errno == EINTR)
			continue; /* half a request would be worth nothing */
		if (n < 0)
			return gone_away(reterr, errno == EPIPE ? -ECONNRESET : -errno);
		fd = -1; /* it goes once */
		buf_consume(&out, (size_t)n);
	}
	return 0;
}

static int bad_reply(struct mm_err *reterr, const char *what)
{
	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EBADMSG, "mailmigd sent %s",
			 what);
	(void)mm_err_class(reterr, MM_CLASS_PERMISSION,
			   "mailmigctl and mailmigd may be of different versions; restart "
			   "mailmigd after an upgrade");
	return -EBADMSG;
}

static int reply_from_json(json_t *o, struct varlink_reply *ret, struct mm_err *reterr)
{
	json_t *error = json_object_get(o, "error");
	json_t *parameters = json_object_get(o, "parameters");
	json_t *more = json_object_get(o, "continues");
	struct varlink_reply reply = {0};

	if ((error && !json_is_string(error)) ||
	    (parameters && !json_is_object(parameters) && !json_is_null(parameters)) ||
	    (more && !json_is_boolean(more)))
		return bad_reply(reterr, "an answer that is not Varlink");

	if (error) {
		reply.error = text_dup(json_string_value(error));
		if (!reply.error)
			return mm_err_oom(reterr);
	}
	reply.parameters = json_is_object(parameters) ? json_incref(parameters) : json_object();
	if (!reply.parameters) {
		varlink_reply_done(&reply);
		return mm_err_oom(reterr);
	}
	reply.continues = json_is_true(more);
	*ret = reply;
	return 0;
}

/* Wait for octets and add them to the input. */
static int fill(struct varlink_client *c, uint64_t deadline_usec, struct mm_err *reterr)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	ssize_t n;
	int r;

	r = poll(&p, 1, clock_poll_msec(deadline_usec));
	if (r < 0)
		return errno == EINTR ? -EINTR : gone_away(reterr, -errno);
	if (r == 0)
		return clock_usec() >= deadline_usec ? -ETIMEDOUT : 0;

	r = buf_reserve(&c->in, READ_SIZE);
	if (r < 0)
		return mm_err_oom(reterr);

	n = recv(c->fd, c->in.p + c->in.len, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : gone_away(reterr, -errno);
	if (n == 0)
		return gone_away(reterr, -ECONNRESET);

	c->in.len += (size_t)n;
	c->in.p[c->in.len] = '\0';
	return 0;
}

int varlink_client_next(struct varlink_client *c, uint64_t deadline_usec,
			struct varlink_reply *ret, struct mm_err *reterr)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *o = NULL;
		int r;

		r = jsonio_take(&c->in, &o);
		if (r > 0)
			return reply_from_json(o, ret, reterr);
		if (r == -EMSGSIZE)
			return bad_reply(reterr, "an answer without an end");
		if (r < 0)
			return bad_reply(reterr, "an answer that is not JSON");

		r = fill(c, deadline_usec, reterr);
		if (r < 0)
			return r;
	}
}

void varlink_reply_done(struct varlink_reply *r)
{
	free(r->error);
	json_decref(r->parameters);
	*r = (struct varlink_reply){0};
}

int varlink_client_fd(const struct varlink_client *c)
{
	return c->fd;
}
