/* SPDX-License-Identifier: Apache-2.0 */

/* A TCP proxy on loopback that adds a delay each way, and counts (delay 0: only counts).
 *
 *   delayproxy [--delay-ms N] PORT…
 *
 * One listener, on a port of the system's choice, for each port of a server on 127.0.0.1; they
 * are printed as the first line, {"ports": […]}. Every octet leaves N milliseconds after it
 * came, at full bandwidth. TCP's own handshake is not delayed (the kernel answers it).
 *
 * Lines on standard input are orders, and each is answered by a line:
 *
 *   delay N            from now on; {"delay_ms": N}
 *   count              what was counted since the last time
 *
 * The end of standard input ends it. A count is an array of objects, one for each target:
 *
 *   connections        accepted
 *   bytes_up, _down    from and to the client
 *   turns              times that client data followed server data on a connection
 *   round_trips        the longest chain, over each connection, in which the client sent
 *                      something after it had an answer to what it sent before; summed over the
 *                      connections. The same as turns for a client that asks and waits, but a
 *                      client that streams while answers stream back is not charged for it. TLS
 *                      and login are in. Exact with a delay; without one the kernel's buffers
 *                      may make it a little larger than the truth.
 *   round_trips_longest  of a single connection */

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/clock.h>
#include <mailmig/jsonio.h>
#include <mailmig/parse.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define READ_SIZE   (256 * 1024)
#define FLOW_MAX    (64 * 1024 * 1024) /* queued: 2.5 GB/s at 25 ms; then the sender waits */
#define TARGETS_MAX 8

struct chunk {
	struct chunk *next;
	uint64_t due_usec;
	unsigned depth; /* links of the chain that led to it */
	size_t len, off;
	char octets[];
};

/* One direction of a connection. */
struct flow {
	int from, to; /* borrowed from the link */
	struct chunk *head, *tail;
	size_t queued;
	uint64_t end_usec; /* when the end of the stream leaves; 0: not seen */
	bool shut;
	unsigned delivered; /* greatest depth handed over */
	short from_events, to_events;
};

struct link {
	struct link *next;
	struct target *target;
	int client, server;
	struct flow up, down;
	bool server_spoke; /* last */
	unsigned base;     /* depth when counting began */
};

struct target {
	uint16_t port;
	int listener;
	uint64_t connections, bytes_up, bytes_down, turns, round_trips, longest;
};

struct proxy {
	uint64_t delay_usec;
	struct target targets[TARGETS_MAX];
	size_t n_targets;
	struct link *links;
	struct buf orders; /* a line that has not ended yet */
	struct pollfd *fds;
	size_t fds_cap;
	char *scratch;
};

static int fail(const char *what)
{
	int r = -errno;

	fprintf(stderr, "delayproxy: %s: %m\n", what);
	return r;
}

static void flow_done(struct flow *f)
{
	while (f->head) {
		struct chunk *c = f->head;

		f->head = c->next;
		free(c);
	}
}

/* What the connection added to the count. */
static void link_account(struct link *l)
{
	unsigned n = l->down.delivered - MIN_OF(l->base, l->down.delivered);

	l->target->round_trips += n;
	l->target->longest = MAX_OF(l->target->longest, n);
	l->base = l->down.delivered;
}

static struct link *link_free(struct link *l)
{
	flow_done(&l->up);
	flow_done(&l->down);
	closep(&l->client);
	closep(&l->server);
	free(l);
	return NULL;
}

DEFINE_CLEANUP(struct link *, link_free)

static int loopback_socket(uint16_t port, bool listening)
{
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int r;

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return fail("socket");

	if (listening)
		r = bind(fd, (const struct sockaddr *)&at, sizeof(at));
	else
		r = connect(fd, (const struct sockaddr *)&at, sizeof(at));
	if (r == 0 && listening)
		r = listen(fd, 64);
	if (r < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return fail(listening ? "listen" : "connect to the server");

	return STEAL_FD(fd);
}

static int accept_link(struct proxy *p, struct target *t)
{
	_cleanup_(link_freep) struct link *l = calloc(1, sizeof(*l));
	const int on = 1;

	if (!l)
		return -ENOMEM;

	l->target = t;
	l->server = -1;
	l->client = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (l->client < 0)
		return errno == EAGAIN || errno == ECONNABORTED ? 0 : fail("accept");

	/* A client without its server sees the connection end. */
	l->server = loopback_socket(t->port, false);
	if (l->server < 0)
		return 0;

	if (setsockopt(l->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)
		return fail("TCP_NODELAY");

	l->up.from = l->down.to = l->client;
	l->up.to = l->down.from = l->server;
	t->connections++;
	l->next = p->links;
	p->links = STEAL(l);
	return 0;
}

/* A chunk's place in the chain: what the client sends comes after the answers it has; what the
 * server sends answers what it was given. */
static void chunk_count(struct link *l, struct flow *f, struct chunk *c)
{
	if (f == &l->down) {
		c->depth = l->up.delivered;
		l->target->bytes_down += c->len;
		l->server_spoke = true;
		return;
	}

	c->depth = l->down.delivered + 1;
	l->target->bytes_up += c->len;
	l->target->turns += l->server_spoke;
	l->server_spoke = false;
}

static int flow_read(struct proxy *p, struct link *l, struct flow *f)
{
	ssize_t n = read(f->from, p->scratch, READ_SIZE);
	struct chunk *c;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;

	if (n <= 0) {
		f->end_usec = clock_usec() + p->delay_usec;
		return 0;
	}

	c = malloc(sizeof(*c) + (size_t)n);
	if (!c)
		return -ENOMEM;

	*c = (struct chunk){.due_usec = clock_usec() + p->delay_usec, .len = (size_t)n};
	memcpy(c->octets, p->scratch, (size_t)n);
	chunk_count(l, f, c);
	if (f->head)
		f->tail->next = c;
	else
		f->head = c;
	f->tail = c;
	f->queued += c->len;
	return 0;
}

/* Hand over what is due. */
static void flow_write(struct flow *f, uint64_t now)
{
	while (f->head && f->head->due_usec <= now) {
		struct chunk *c = f->head;
		ssize_t n = send(f->to, c->octets + c->off, c->len - c->off, MSG_NOSIGNAL);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;

		if (n < 0) {
			/* Nobody reads it any more. The other direction may still have a last
			 * word on its way. */
			flow_done(f);
			f->queued = 0;
			f->end_usec = now;
			f->shut = true;
			return;
		}

		f->delivered = MAX_OF(f->delivered, c->depth);
		f->queued -= (size_t)n;
		c->off += (size_t)n;
		if (c->off < c->len)
			return;

		f->head = c->next;
		free(c);
	}

	if (!f->head && f->end_usec && f->end_usec <= now && !f->shut) {
		(void)shutdown(f->to, SHUT_WR); /* a peer that is gone already is fine */
		f->shut = true;
	}
}

/* What to wait for, and until when at the latest. */
static void flow_prepare(struct flow *f, uint64_t now, uint64_t *next_usec)
{
	uint64_t due = USEC_INFINITY;

	f->from_events = !f->end_usec && f->queued < FLOW_MAX ? POLLIN : 0;
	f->to_events = 0;
	if (f->head)
		due = f->head->due_usec;
	else if (f->end_usec && !f->shut)
		due = f->end_usec;

	if (due <= now)
		f->to_events = POLLOUT;
	else
		*next_usec = MIN_OF(*next_usec, due);
}

static int link_run(struct proxy *p, struct link *l, short client, short server)
{
	uint64_t now;
	int r = 0;

	if (l->up.from_events && (client & (POLLIN | POLLHUP | POLLERR)))
		r = flow_read(p, l, &l->up);
	if (r == 0 && l->down.from_events && (server & (POLLIN | POLLHUP | POLLERR)))
		r = flow_read(p, l, &l->down);

	now = clock_usec();
	flow_write(&l->up, now);
	flow_write(&l->down, now);
	return r;
}

static void drop_finished(struct proxy *p)
{
	for (struct link **at = &p->links; *at;) {
		struct link *l = *at;

		if (l->up.shut && l->down.shut) {
			*at = l->next;
			link_account(l);
			link_free(l);
		} else {
			at = &l->next;
		}
	}
}

/* Orders, then listeners, then two for each link in the order of the list. */
static int gather(struct proxy *p, size_t *ret_n, uint64_t *ret_next)
{
	uint64_t now = clock_usec();
	size_t n = 0, need = 1 + p->n_targets;

	for (struct link *l = p->links; l; l = l->next)
		need += 2;

	if (need > p->fds_cap) {
		struct pollfd *grown = reallocarray(p->fds, need * 2, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		p->fds = grown;
		p->fds_cap = need * 2;
	}

	*ret_next = USEC_INFINITY;
	p->fds[n++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
	for (size_t i = 0; i < p->n_targets; i++)
		p->fds[n++] = (struct pollfd){.fd = p->targets[i].listener, .events = POLLIN};

	for (struct link *l = p->links; l; l = l->next) {
		short client, server;

		flow_prepare(&l->up, now, ret_next);
		flow_prepare(&l->down, now, ret_next);
		client = (short)(l->up.from_events | l->down.to_events);
		server = (short)(l->down.from_events | l->up.to_events);
		/* A negative one is passed over: an ended stream would wake us for ever. */
		p->fds[n++] = (struct pollfd){.fd = client ? l->client : -1, .events = client};
		p->fds[n++] = (struct pollfd){.fd = server ? l->server : -1, .events = server};
	}

	*ret_n = n;
	return 0;
}

/* Write what was counted, and begin anew. */
static int report(struct proxy *p)
{
	_cleanup_(json_decrefp) json_t *all = json_array();

	for (struct link *l = p->links; l; l = l->next)
		link_account(l);

	for (size_t i = 0; i < p->n_targets; i++) {
		struct target *t = &p->targets[i];

		json_array_append_new(
			all, json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "port", t->port,
				       "connections", (json_int_t)t->connections, "bytes_up",
				       (json_int_t)t->bytes_up, "bytes_down",
				       (json_int_t)t->bytes_down, "turns", (json_int_t)t->turns,
				       "round_trips", (json_int_t)t->round_trips,
				       "round_trips_longest", (json_int_t)t->longest));
		*t = (struct target){.port = t->port, .listener = t->listener};
	}

	if (json_dumpf(all, stdout, 0) < 0 || putchar('\n') == EOF || fflush(stdout) == EOF)
		return fail("standard output");

	return 0;
}

static int obey(struct proxy *p, const char *order)
{
	uint32_t delay_ms;

	if (!strcmp(order, "count"))
		return report(p);

	if (strncmp(order, "delay ", 6) ||
	    parse_u32(order + 6, strlen(order + 6), &delay_ms) < 0) {
		fprintf(stderr, "delayproxy: not an order: %s\n", order);
		return -EINVAL;
	}

	p->delay_usec = delay_ms * USEC_PER_MSEC;
	printf("{\"delay_ms\": %u}\n", delay_ms);
	return fflush(stdout) ? fail("standard output") : 0;
}

/* 1: end. */
static int take_orders(struct proxy *p)
{
	char octets[256], *end;
	ssize_t n = read(STDIN_FILENO, octets, sizeof(octets));
	int r;

	if (n <= 0)
		return n == 0 ? 1 : fail("standard input");

	r = buf_add(&p->orders, octets, (size_t)n);
	while (r == 0 && (end = memchr(p->orders.p, '\n', p->orders.len))) {
		*end = '\0';
		r = obey(p, p->orders.p);
		buf_consume(&p->orders, (size_t)(end - p->orders.p) + 1);
	}

	return r;
}

static int wait_ready(struct proxy *p, size_t n, uint64_t next_usec)
{
	uint64_t now = clock_usec();
	uint64_t span = next_usec > now ? next_usec - now : 0;
	const struct timespec ts = {
		.tv_sec = (time_t)(span / USEC_PER_SEC),
		.tv_nsec = (long)(span % USEC_PER_SEC) * 1000,
	};

	if (ppoll(p->fds, n, next_usec == USEC_INFINITY ? NULL : &ts, NULL) < 0 &&
	    errno != EINTR)
		return fail("poll");

	return 0;
}

static int run(struct proxy *p)
{
	for (;;) {
		struct link *l;
		size_t n, at = 1 + p->n_targets;
		uint64_t next_usec;
		int r;

		r = gather(p, &n, &next_usec);
		if (r == 0)
			r = wait_ready(p, n, next_usec);
		if (r < 0)
			return r;

		/* Links first: accepting puts new ones before them. */
		for (l = p->links; l; l = l->next, at += 2) {
			r = link_run(p, l, p->fds[at].revents, p->fds[at + 1].revents);
			if (r < 0)
				return r;
		}
		drop_finished(p);

		for (size_t i = 0; i < p->n_targets; i++) {
			if (p->fds[1 + i].revents)
				r = accept_link(p, &p->targets[i]);
			if (r < 0)
				return r;
		}

		r = p->fds[0].revents ? take_orders(p) : 0;
		if (r != 0)
			return MIN_OF(r, 0);
	}
}

static int start(struct proxy *p, char *const *ports)
{
	_cleanup_(json_decrefp) json_t *list = json_array();

	p->scratch = malloc(READ_SIZE);
	/* The kernel may otherwise sleep 50 µs longer than asked. */
	if (!p->scratch || prctl(PR_SET_TIMERSLACK, 1000) < 0)
		return fail("start");

	for (; *ports; ports++) {
		struct target *t = &p->targets[p->n_targets];
		struct sockaddr_in at;
		socklen_t len = sizeof(at);
		uint32_t port;

		if (p->n_targets == TARGETS_MAX ||
		    parse_u32(*ports, strlen(*ports), &port) < 0 || port > UINT16_MAX)
			return -EINVAL;

		t->port = (uint16_t)port;
		t->listener = loopback_socket(0, true);
		if (t->listener < 0)
			return t->listener;
		p->n_targets++;

		if (getsockname(t->listener, (struct sockaddr *)&at, &len) < 0)
			return fail("getsockname");
		json_array_append_new(list, json_integer(ntohs(at.sin_port)));
	}

	printf("{\"ports\": ");
	json_dumpf(list, stdout, 0);
	puts("}");
	return fflush(stdout) ? fail("standard output") : 0;
}

static void proxy_done(struct proxy *p)
{
	while (p->links) {
		struct link *l = p->links;

		p->links = l->next;
		link_free(l);
	}

	for (size_t i = 0; i < p->n_targets; i++)
		closep(&p->targets[i].listener);
	buf_done(&p->orders);
	free(p->fds);
	free(p->scratch);
}

int main(int argc, char **argv)
{
	static const struct option table[] = {
		{"delay-ms", required_argument, NULL, 'd'},
		{0},
	};
	_cleanup_(proxy_done) struct proxy p = {0};
	uint32_t delay_ms = 0;
	int opt, r = 0;

	while (r == 0 && (opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'd')
			r = parse_u32(optarg, strlen(optarg), &delay_ms);
		else
			r = -EINVAL;
	}

	if (r < 0 || optind == argc) {
		fputs("usage: delayproxy [--delay-ms N] PORT...\n", stderr);
		return 2;
	}

	p.delay_usec = delay_ms * USEC_PER_MSEC;
	r = start(&p, argv + optind);
	if (r == 0)
		r = run(&p);
	return r < 0 ? 1 : 0;
}
