/* SPDX-License-Identifier: Apache-2.0 */
#include "varlink_internal.h"

#include <sys/epoll.h>
#include <sys/socket.h>

/* Pause after the system had no descriptor or memory for another client. */
#define ACCEPT_PAUSE (1 * USEC_PER_SEC)

/* Who asks nothing for longest makes room for who may want something. */
static bool make_room(struct varlink_server *s)
{
	struct varlink_conn *victim = NULL;

	if (s->n_conns < s->max_conns)
		return true;

	for (struct varlink_conn *c = s->conns; c; c = c->next)
		if (conn_is_idle(c) &&
		    (!victim || c->idle_since_usec <= victim->idle_since_usec))
			victim = c;
	if (!victim)
		return false;

	(void)conn_free(victim);
	return true;
}

/* The listening descriptor stays readable while accept4() fails: look away for a moment instead
 * of spinning. */
static int pause_accepting(struct varlink_server *s)
{
	int r;

	r = sd_event_source_set_time_relative(s->accept_again, ACCEPT_PAUSE);
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(s->accept_again, SD_EVENT_ONESHOT);
	if (r < 0)
		return r;
	return sd_event_source_set_enabled(s->listen_source, SD_EVENT_OFF);
}

static int on_accept_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct varlink_server *s = userdata;

	if (s->listen_source)
		(void)sd_event_source_set_enabled(s->listen_source, SD_EVENT_ON);
	return 0;
}

static int on_listen(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct varlink_server *s = userdata;
	struct varlink_conn *c = NULL;
	int client;

	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return 0;
		return pause_accepting(s);
	}

	if (!make_room(s)) {
		(void)close(client);
		return 0;
	}
	(void)conn_new(s, client, &c); /* on failure the client sees its connection closed */
	return 0;
}

int varlink_server_new(sd_event *event, int listen_fd, const struct varlink_info *info,
		       struct varlink_server **ret)
{
	_cleanup_(varlink_server_freep) struct varlink_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;

	s->event = sd_event_ref(event);
	s->listen_fd = listen_fd;
	s->info = info;
	s->max_conns = VARLINK_CONNECTIONS_MAX;

	r = sd_event_add_io(event, &s->listen_source, listen_fd, EPOLLIN, on_listen, s);
	if (r < 0)
		return r;

	r = sd_event_add_time_relative(event, &s->accept_again, CLOCK_MONOTONIC, 0, 0,
				       on_accept_again, s);
	if (r < 0)
		return r;

	r = sd_event_source_set_enabled(s->accept_again, SD_EVENT_OFF);
	if (r < 0)
		return r;

	*ret = STEAL(s);
	return 0;
}

struct varlink_server *varlink_server_free(struct varlink_server *s)
{
	if (!s)
		return NULL;

	while (s->conns)
		(void)conn_free(s->conns);
	sd_event_source_disable_unref(s->listen_source);
	sd_event_source_disable_unref(s->accept_again);
	sd_event_unref(s->event);
	free(s);
	return NULL;
}

void varlink_server_set_limit(struct varlink_server *s, size_t max_connections)
{
	s->max_conns = max_connections;
}

void varlink_server_stop_listening(struct varlink_server *s)
{
	s->listen_source = sd_event_source_disable_unref(s->listen_source);
}

void varlink_server_flush(struct varlink_server *s)
{
	for (struct varlink_conn *c = s->conns; c; c = c->next)
		conn_flush(c);
}

size_t varlink_server_connections(const struct varlink_server *s)
{
	return s->n_conns;
}
