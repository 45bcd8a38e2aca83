/* SPDX-License-Identifier: Apache-2.0 */
#include "varlink_internal.h"

#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* One client. All freeing happens in settle(), which only the handlers of the event loop call:
 * a method's handler may answer, notify and overflow a client without losing it under its feet.
 */

struct varlink_conn *conn_free(struct varlink_conn *c)
{
	if (!c)
		return NULL;

	if (c->call.open && c->call.gone) {
		c->call.open = false;
		c->call.gone(&c->call, c->call.gone_userdata);
	}

	if (c->prev)
		c->prev->next = c->next;
	else if (c->server->conns == c)
		c->server->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->server->n_conns--;

	sd_event_source_disable_unref(c->io);
	sd_event_source_disable_unref(c->request_deadline);
	sd_event_source_disable_unref(c->output_deadline);
	sd_event_source_disable_unref(c->serve_later);
	closep(&c->fd);
	closep(&c->passed_fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c->groups);
	free(c);
	return NULL;
}

bool conn_is_idle(const struct varlink_conn *c)
{
	return !c->call.open && c->in.len == 0 && c->out.len == 0;
}

void conn_flush(struct varlink_conn *c)
{
	bool progress = false;

	while (c->out.len > 0 && !c->bad_output) {
		ssize_t n = send(c->fd, c->out.p, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			c->bad_output = true;
			break;
		}
		buf_consume(&c->out, (size_t)n);
		progress = true;
	}

	if (c->out.len == 0)
		buf_done(&c->out); /* a status answer may have been large */
	if (progress)              /* settle() starts it again when something is left */
		(void)sd_event_source_set_enabled(c->output_deadline, SD_EVENT_OFF);
}

/* The last descriptor that came along is kept for the request it came with. */
static void keep_passed(struct varlink_conn *c, const struct cmsghdr *h)
{
	size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	const unsigned char *p = CMSG_DATA(h);

	if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
		return;
	for (size_t i = 0; i < n; i++) {
		closep(&c->passed_fd);
		memcpy(&c->passed_fd, p + i * sizeof(int), sizeof(int));
	}
}

static ssize_t receive(struct varlink_conn *c, char *p, size_t n)
{
	struct iovec iov = {.iov_base = p, .iov_len = n};
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = &control,
			   .msg_controllen = sizeof(control)};
	ssize_t k = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (k > 0)
		for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
			keep_passed(c, h);
	return k;
}

static int read_some(struct varlink_conn *c)
{
	while (!c->in_eof && c->in.len < VARLINK_REQUEST_MAX) {
		size_t room = VARLINK_REQUEST_MAX - c->in.len;
		ssize_t n;
		int r;

		r = buf_reserve(&c->in, room);
		if (r < 0)
			return r;

		n = receive(c, c->in.p + c->in.len, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0) {
			c->in_eof = true;
			break;
		}
		c->in.len += (size_t)n;
		c->in.p[c->in.len] = '\0';
	}
	return 0;
}

int conn_take_request(struct varlink_conn *c, json_t **ret)
{
	if (c->in.len == 0)
		return 0;
	if (!memchr(c->in.p, '\0', c->in.len))
		return c->in.len >= VARLINK_REQUEST_MAX ? -EMSGSIZE : 0;
	return jsonio_take(&c->in, ret);
}

/* Answer what was asked, until a call stays open, the client should read first or there is no
 * more. */
static void serve(struct varlink_conn *c)
{
	while (!c->call.open && !c->closing && !c->bad_output && c->out.len == 0) {
		_cleanup_(json_decrefp) json_t *request = NULL;
		int r;

		r = conn_take_request(c, &request);
		if (r == 0)
			break;
		(void)sd_event_source_set_enabled(c->request_deadline, SD_EVENT_OFF);
		if (r < 0) {
			c->closing = true;
			c->call = (struct varlink_call){.conn = c, .open = true};
			varlink_call_invalid_parameter(&c->call, "request");
			break;
		}

		r = dispatch_request(c, request);
		if (r < 0)
			c->closing = true;
		closep(&c->passed_fd); /* its handler did not want it */
		c->passed_fd = -1;
		conn_flush(c);
	}
}

static int start_timer(sd_event_source *s, uint64_t usec)
{
	int enabled = SD_EVENT_OFF, r;

	r = sd_event_source_get_enabled(s, &enabled);
	if (r < 0 || enabled != SD_EVENT_OFF)
		return r; /* runs from the first octet: a drip does not renew it */

	r = sd_event_source_set_time_relative(s, usec);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(s, SD_EVENT_ONESHOT);
}

static bool is_finished(const struct varlink_conn *c)
{
	if (c->bad_output)
		return true;
	if (c->out.len > 0 || c->call.open)
		return false;
	return c->closing || c->in_eof;
}

/* Bring the event sources in line with the state, or end the connection. */
static void settle(struct varlink_conn *c)
{
	bool begun = c->in.len > 0 && !c->call.open && c->out.len == 0;
	uint32_t events = 0;
	int r;

	if (is_finished(c)) {
		(void)conn_free(c);
		return;
	}

	if (!c->in_eof && !c->closing && c->in.len < VARLINK_REQUEST_MAX)
		events |= EPOLLIN;
	if (c->out.len > 0)
		events |= EPOLLOUT;
	r = sd_event_source_set_io_events(c->io, events);

	if (r >= 0 && begun)
		r = start_timer(c->request_deadline, VARLINK_REQUEST_DEADLINE);
	if (r >= 0 && c->out.len > 0)
		r = start_timer(c->output_deadline, VARLINK_OUTPUT_DEADLINE);
	if (r < 0) {
		(void)conn_free(c);
		return;
	}
	if (conn_is_idle(c))
		c->idle_since_usec = clock_usec();
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct varlink_conn *c = userdata;

	if ((revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) && read_some(c) < 0)
		c->bad_output = true;
	conn_flush(c);
	serve(c);
	if (revents & (EPOLLHUP | EPOLLERR)) /* nobody is there to read answers */
		c->bad_output = true;
	settle(c);
	return 0;
}

static int on_serve_later(sd_event_source *source, void *userdata)
{
	struct varlink_conn *c = userdata;

	conn_flush(c);
	serve(c);
	settle(c);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)conn_free(userdata);
	return 0;
}

static int read_peer(struct varlink_conn *c)
{
	struct ucred cred = {0};
	socklen_t n = sizeof(cred);

	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0)
		return -errno;
	c->peer = (struct varlink_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid};

	n = 0;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &n) == 0 || errno != ERANGE)
		return 0; /* none, or the kernel does not tell: then only the primary counts */

	c->groups = calloc(1, n);
	if (!c->groups)
		return -ENOMEM;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERGROUPS, c->groups, &n) < 0)
		return -errno;
	c->peer.groups = c->groups;
	c->peer.n_groups = n / sizeof(gid_t);
	return 0;
}

static int add_sources(struct varlink_conn *c)
{
	sd_event *event = c->server->event;
	int r;

	r = sd_event_add_io(event, &c->io, c->fd, EPOLLIN, on_io, c);
	if (r < 0)
		return r;

	r = sd_event_add_time_relative(event, &c->request_deadline, CLOCK_MONOTONIC, 0, 0,
				       on_deadline, c);
	if (r < 0)
		return r;

	r = sd_event_source_set_enabled(c->request_deadline, SD_EVENT_OFF);
	if (r < 0)
		return r;

	r = sd_event_add_time_relative(event, &c->output_deadline, CLOCK_MONOTONIC, 0, 0,
				       on_deadline, c);
	if (r < 0)
		return r;

	r = sd_event_source_set_enabled(c->output_deadline, SD_EVENT_OFF);
	if (r < 0)
		return r;

	r = sd_event_add_defer(event, &c->serve_later, on_serve_later, c);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(c->serve_later, SD_EVENT_OFF);
}

int conn_new(struct varlink_server *s, int fd, struct varlink_conn **ret)
{
	struct varlink_conn *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		(void)close(fd);
		return -ENOMEM;
	}

	c->server = s;
	c->fd = fd;
	c->passed_fd = -1;
	c->in.secret = true; /* of SecretSet */
	c->call.conn = c;
	c->idle_since_usec = clock_usec();
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->n_conns++;

	r = read_peer(c);
	if (r >= 0)
		r = add_sources(c);
	if (r < 0) {
		(void)conn_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* ---- answering ---- */

static void put_answer(struct varlink_call *call, const char *error, json_t *parameters,
		       bool continues)
{
	_cleanup_(json_decrefp) json_t *p = parameters ? parameters : json_object();
	_cleanup_(json_decrefp) json_t *o = json_object();
	struct varlink_conn *c = call->conn;

	if (call->oneway || c->bad_output)
		return;

	if (!p || !o || (error && json_object_set_new(o, "error", json_string(error)) < 0) ||
	    json_object_set(o, "parameters", p) < 0 ||
	    (continues && json_object_set_new(o, "continues", json_true()) < 0) ||
	    jsonio_put(&c->out, o) < 0 || c->out.len > VARLINK_OUTPUT_MAX)
		c->bad_output = true;
	else
		conn_flush(c);
}

/* The loop goes on with this connection when the caller has returned. */
static void kick(struct varlink_conn *c)
{
	(void)sd_event_source_set_enabled(c->serve_later, SD_EVENT_ONESHOT);
}

void varlink_call_reply(struct varlink_call *call, json_t *parameters)
{
	put_answer(call, NULL, parameters, false);
	call->open = false;
	kick(call->conn);
}

void varlink_call_error(struct varlink_call *call, const char *error, json_t *parameters)
{
	put_answer(call, error, parameters, false);
	call->open = false;
	kick(call->conn);
}

void varlink_call_invalid_parameter(struct varlink_call *call, const char *name)
{
	varlink_call_error(call, VARLINK_ERROR_INVALID_PARAMETER,
			   json_pack("{s:s}", "parameter", name));
}

void varlink_call_notify(struct varlink_call *call, json_t *parameters)
{
	put_answer(call, NULL, parameters, true);
	kick(call->conn);
}

bool varlink_call_wants_more(const struct varlink_call *call)
{
	return call->more;
}

size_t varlink_call_pending(const struct varlink_call *call)
{
	return call->conn->out.len;
}

const struct varlink_peer *varlink_call_peer(const struct varlink_call *call)
{
	return &call->conn->peer;
}

int varlink_call_take_fd(struct varlink_call *call)
{
	int fd = call->conn->passed_fd;

	call->conn->passed_fd = -1;
	return fd;
}

void varlink_call_set_gone(struct varlink_call *call,
			   void (*gone)(struct varlink_call *call, void *userdata),
			   void *userdata)
{
	call->gone = gone;
	call->gone_userdata = userdata;
}
