/* SPDX-License-Identifier: Apache-2.0 */
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "net_internal.h"

static struct chunk *chunk_free(struct chunk *c)
{
	buf_done(&c->text);
	spool_unref(c->body);
	free(c);
	return NULL;
}

int stream_open(const struct stream_options *o, struct stream **ret, struct mm_err *reterr)
{
	_cleanup_(stream_freep) struct stream *s = NULL;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return mm_err_oom(reterr);

	s->fd = -1;
	s->cancel_fd = o->cancel_fd;
	s->timeout_usec = o->timeout_usec;
	s->limiter = o->limiter;
	s->label = text_dup(o->label);
	s->in = malloc(STREAM_IN_MAX);
	s->out = malloc(STREAM_OUT_MAX);
	if (!s->label || !s->in || !s->out)
		return mm_err_oom(reterr);

	r = stream_connect(s, o, reterr);
	if (r < 0)
		return r;

	s->last_moved_usec = clock_usec();
	*ret = STEAL(s);
	return 0;
}

struct stream *stream_free(struct stream *s)
{
	if (!s)
		return NULL;

	while (s->head) {
		struct chunk *next = s->head->next;

		chunk_free(s->head);
		s->head = next;
	}
	if (s->curl)
		curl_easy_cleanup(s->curl);
	free(s->label);
	free(s->greeting);
	free(s->capability);
	free(s->in);
	free(s->out);
	packed_free(s->packed);
	free(s);
	return NULL;
}

const char *stream_greeting(const struct stream *s)
{
	return s->greeting ? s->greeting : "";
}

const char *stream_capability(const struct stream *s)
{
	return s->capability ? s->capability : "";
}

const char *stream_label(const struct stream *s)
{
	return s->label;
}

bool stream_encrypted(const struct stream *s)
{
	return s->encrypted;
}

uint64_t stream_turns(const struct stream *s)
{
	return s->turns;
}

uint64_t stream_round_trip_usec(const struct stream *s)
{
	return s->round_trip_usec;
}

size_t stream_peek(const struct stream *s, const uint8_t **ret)
{
	*ret = s->in + s->in_start;
	return s->in_end - s->in_start;
}

void stream_consume(struct stream *s, size_t n)
{
	s->in_start += n;
	if (s->in_start == s->in_end)
		s->in_start = s->in_end = 0;
}

uint64_t stream_queued(const struct stream *s)
{
	uint64_t in_out = s->out_end - s->out_start;

	if (s->packed)
		in_out = s->out_plain + (s->packed->plain_end - s->packed->plain_start);
	return s->queued + in_out;
}

static bool has_output(const struct stream *s)
{
	return s->queued > 0 || s->out_end > s->out_start ||
	       (s->packed && packed_has_output(s));
}

bool stream_usable(const struct stream *s)
{
	return !s->error;
}

const struct stream_tls_info *stream_tls_info(const struct stream *s)
{
	return &s->tls;
}

void stream_fail(struct stream *s, int error, const char *text)
{
	if (s->error)
		return; /* the first one is the cause, later ones follow from it */
	s->error = error;
	text_clean(s->error_text, sizeof(s->error_text), text, strlen(text));
}

static void stream_fail_here(struct stream *s, int error, const char *text)
{
	s->local = s->local || !s->error;
	stream_fail(s, error, text);
}

void stream_write_nothing(struct stream *s)
{
	stream_fail_here(s, -ENOMEM, "out of memory");
}

static struct chunk *chunk_add(struct stream *s)
{
	struct chunk *c = calloc(1, sizeof(*c));

	if (!c) {
		stream_write_nothing(s);
		return NULL;
	}
	c->text.secret = true; /* a login may be in it */
	if (s->tail)
		s->tail->next = c;
	else
		s->head = c;
	s->tail = c;
	return c;
}

void stream_write(struct stream *s, const void *p, size_t n)
{
	struct chunk *c = s->tail;

	if (s->error)
		return;
	if (!c || c->body)
		c = chunk_add(s);
	if (!c)
		return;
	if (buf_add(&c->text, p, n) < 0) {
		stream_write_nothing(s);
		return;
	}
	s->queued += n;
}

void stream_write_spool(struct stream *s, struct spool *body)
{
	struct chunk *c;

	if (s->error || spool_size(body) == 0)
		return;
	c = chunk_add(s);
	if (!c)
		return;
	c->body = spool_ref(body);
	s->queued += spool_size(body);
}

void stream_hold(struct stream *s, uint64_t span_usec)
{
	s->held_until_usec = clock_deadline(span_usec);
}

uint64_t stream_held_usec(const struct stream *s)
{
	return s->held_usec;
}

/* Monotonic: it may not send, or not move at all, before; 0: it may. */
static uint64_t may_send_at(const struct stream *s)
{
	return MAX_OF(s->held_until_usec, limiter_not_before(s->limiter));
}

static bool is_limited(const struct stream *s)
{
	return s->limiter && limiter_not_before(s->limiter) > clock_usec();
}

/* Up to max octets out of the queue. */
size_t stream_take_queued(struct stream *s, uint8_t *to, size_t max)
{
	size_t taken = 0;

	while (s->head && taken < max) {
		struct chunk *c = s->head;
		size_t room = max - taken;
		ssize_t n;

		if (c->body) {
			n = spool_read_at(c->body, c->offset, to + taken, room);
			if (n < 0) {
				stream_fail_here(s, (int)n, "cannot read the spool");
				break;
			}
		} else {
			n = (ssize_t)MIN_OF(room, c->text.len - c->offset);
			memcpy(to + taken, c->text.p + c->offset, (size_t)n);
		}
		c->offset += (uint64_t)n;
		taken += (size_t)n;
		s->queued -= (uint64_t)n;
		if (c->offset < (c->body ? spool_size(c->body) : c->text.len))
			continue;
		s->head = c->next;
		if (!s->head)
			s->tail = NULL;
		chunk_free(c);
	}
	return taken;
}

/* Fill the send buffer from the queue; only when it is empty, since a send must be repeated
 * with the same octets. */
static void fill_out(struct stream *s)
{
	size_t max = MIN_OF(limiter_piece(s->limiter), (size_t)STREAM_OUT_MAX);

	explicit_bzero(s->out, s->out_end); /* what was sent may have been a login */
	s->out_start = s->out_end = s->out_plain = 0;
	if (s->packed)
		packed_fill_out(s, max);
	else
		s->out_end = stream_take_queued(s, s->out, max);
}

/* Send what the peer takes. Returns true when something moved. */
static bool send_some(struct stream *s)
{
	bool moved = false;

	while (!s->error) {
		size_t n = 0;
		CURLcode code;

		if (s->out_start == s->out_end)
			fill_out(s);
		if (s->out_start == s->out_end || may_send_at(s) > clock_usec())
			break;
		code = curl_easy_send(s->curl, s->out + s->out_start, s->out_end - s->out_start,
				      &n);
		if (code == CURLE_AGAIN)
			break;
		if (code != CURLE_OK) {
			stream_fail(s, -ECONNRESET, "the connection broke while sending");
			break;
		}
		s->out_start += n;
		limiter_moved(s->limiter, clock_usec(), 0, n);
		s->asked = true;
		moved = true;
	}
	return moved;
}

/* Octets from the wire. False: there are none just now. */
static bool receive_into(struct stream *s, uint8_t *to, size_t room, size_t *n)
{
	CURLcode code;

	*n = 0;
	code = curl_easy_recv(s->curl, to, MIN_OF(room, limiter_piece(s->limiter)), n);
	if (code == CURLE_AGAIN)
		return false;
	if (code != CURLE_OK || *n == 0) {
		stream_fail(s, -ECONNRESET, "the server closed the connection");
		return false;
	}
	limiter_moved(s->limiter, clock_usec(), *n, 0);
	s->turns += s->asked;
	s->asked = false;
	return true;
}

/* Receive until the buffer is full or nothing is left: decrypted octets may be pending where
 * poll(2) cannot see them. Returns true when something moved. */
static bool receive_some(struct stream *s)
{
	struct packed *p = s->packed;
	bool moved = false;

	if (s->in_end == STREAM_IN_MAX && s->in_start >= STREAM_IN_MAX / 4) {
		memmove(s->in, s->in + s->in_start, s->in_end - s->in_start);
		s->in_end -= s->in_start;
		s->in_start = 0;
	}
	while (!s->error && s->in_end < STREAM_IN_MAX) {
		size_t n;

		if (p && packed_take_in(s)) {
			moved = true;
			continue;
		}
		if (s->error || is_limited(s))
			break;
		if (p) { /* all that was in it has been unpacked */
			p->in_start = p->in_end = 0;
			if (!receive_into(s, p->in, sizeof(p->in), &n))
				break;
			p->in_end = n;
		} else {
			if (!receive_into(s, s->in + s->in_end, STREAM_IN_MAX - s->in_end, &n))
				break;
			s->in_end += n;
		}
		moved = true;
	}
	return moved;
}

static void move_octets(struct stream *s)
{
	bool moved = send_some(s);

	moved = receive_some(s) || moved;
	if (moved)
		s->last_moved_usec = clock_usec();
}

int pump_add(struct pump *p, struct stream *s)
{
	if (p->n == PUMP_STREAMS_MAX)
		return -ENOSPC;
	p->v[p->n++] = s;
	return 0;
}

void pump_remove(struct pump *p, struct stream *s)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i] == s) {
			p->v[i] = p->v[--p->n];
			return;
		}
	}
}

void pump_poll(struct pump *p)
{
	for (size_t i = 0; i < p->n; i++)
		move_octets(p->v[i]);
}

/* What to wait for with a stream; *until: when it may move of which we keep it now. */
static short events_of(struct stream *s, uint64_t now, uint64_t *until)
{
	uint64_t limited = limiter_not_before(s->limiter), sends = may_send_at(s);
	bool queued = has_output(s);
	short events = 0;

	s->held = limited > now || (queued && sends > now);
	if (s->held)
		*until = MIN_OF(*until, limited > now ? limited : sends);
	if (limited > now)
		return 0;
	if (s->in_end < STREAM_IN_MAX)
		events |= POLLIN;
	if (queued && sends <= now)
		events |= POLLOUT;
	return events;
}

/* Sleep until one of the streams can move or the deadline passes. */
static int pump_sleep(struct pump *p, const struct stream *s, uint64_t deadline)
{
	uint64_t now = clock_usec();
	struct pollfd fds[PUMP_STREAMS_MAX + 1];
	nfds_t n = 0;
	int r;

	for (size_t i = 0; i < p->n; i++) {
		struct stream *t = p->v[i];
		short events = t->error ? 0 : events_of(t, now, &deadline);

		if (events)
			fds[n++] = (struct pollfd){.fd = t->fd, .events = events};
	}
	fds[n++] = (struct pollfd){.fd = s->cancel_fd, .events = POLLIN};
	r = poll(fds, n, clock_poll_msec(deadline));
	if (r < 0 && errno != EINTR)
		return -errno;
	return fds[n - 1].revents & POLLIN ? -ECANCELED : 0;
}

static int describe_error(const struct stream *s, const char *what, struct mm_err *reterr)
{
	if (s->error == -ECANCELED) {
		mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, s->error, "cancelled while %s",
			   what);
		return mm_err_class(reterr, MM_CLASS_CANCELLED, "%s", "");
	}
	mm_err_set(reterr, MM_SCOPE_STORE, MM_RETRY_NOW, s->error, "%s: %s (%s)", s->label,
		   s->error_text, what);
	if (s->packed && s->packed->garbled)
		return mm_err_class(reterr, MM_CLASS_PROTOCOL,
				    "it is tried again without compression");
	return mm_err_class(
		reterr,
		s->local                 ? MM_CLASS_LOCAL
		: s->error == -ETIMEDOUT ? MM_CLASS_TIMEOUT
					 : MM_CLASS_CONNECT,
		"%s",
		s->error == -ENOMEM ? MM_ADVICE_MEMORY
		: s->error == -ETIMEDOUT
			? "the server or the network is slow: raise the server's timeout, "
			  "or try again later"
			: "the next run continues where this one ended");
}

int pump_wait(struct pump *p, struct stream *s, const char *what, struct mm_err *reterr)
{
	size_t had = s->in_end - s->in_start;
	uint64_t begin = clock_usec();

	for (;;) {
		uint64_t deadline, now;
		int r;

		pump_poll(p);
		if (s->in_end - s->in_start > had)
			return 0;
		if (s->error)
			return describe_error(s, what, reterr);

		/* Octets go out and none comes: whether that is enough is the caller's to say.
		 */
		if (s->last_moved_usec > begin && clock_usec() - begin > s->timeout_usec)
			return 0;
		deadline = MAX_OF(begin, s->last_moved_usec) + s->timeout_usec;
		if (clock_usec() >= deadline) {
			char span[32];

			format_span(span, sizeof(span), s->timeout_usec);
			stream_fail(s, -ETIMEDOUT, "no answer");
			snprintf(s->error_text, sizeof(s->error_text), "no answer for %s",
				 span);
			continue;
		}
		now = clock_usec();
		r = pump_sleep(p, s, deadline);
		if (r < 0)
			stream_fail(s, r, "waiting failed");
		if (s->held) { /* the silence was ours */
			s->last_moved_usec = clock_usec();
			s->held_usec += s->last_moved_usec - now;
		}
	}
}
