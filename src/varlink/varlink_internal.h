/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VARLINK_INTERNAL_H
#define VARLINK_INTERNAL_H

#include <mailmig/buf.h>
#include <mailmig/varlink_server.h>

/* The serving half in three files: server.c listens and counts, conn.c moves the octets of one
 * client, dispatch.c finds the method of a request and checks its parameters. */

struct varlink_conn;

struct varlink_call {
	struct varlink_conn *conn;
	bool open; /* handed to a handler, last answer not given */
	bool more;
	bool oneway;
	void (*gone)(struct varlink_call *call, void *userdata);
	void *gone_userdata;
};

struct varlink_server {
	sd_event *event;
	int listen_fd; /* borrowed */
	sd_event_source *listen_source;
	sd_event_source *accept_again; /* timer, while descriptors are short */
	const struct varlink_info *info;
	struct varlink_conn *conns; /* newest first */
	size_t n_conns;
	size_t max_conns;
};

struct varlink_conn {
	struct varlink_server *server;
	struct varlink_conn *prev, *next;
	int fd;
	int passed_fd; /* came with the request that is read or served; or -1 */
	sd_event_source *io;
	sd_event_source *request_deadline;
	sd_event_source *output_deadline;
	sd_event_source *serve_later; /* a defer source: serve or free outside of a handler */
	struct buf in;
	struct buf out;
	struct varlink_call call; /* one at a time: requests are answered in order */
	struct varlink_peer peer;
	gid_t *groups;
	uint64_t idle_since_usec;
	bool in_eof;     /* the client sends no more */
	bool bad_output; /* no memory or deaf: to be dropped */
	bool closing;    /* to be dropped when the output is out */
};

/* Takes the descriptor over. 0 or -errno. */
int conn_new(struct varlink_server *s, int fd, struct varlink_conn **ret);
struct varlink_conn *conn_free(struct varlink_conn *c); /* tells the open call's `gone` */

/* Nothing begun, nothing open, nothing to send. */
bool conn_is_idle(const struct varlink_conn *c);

/* Take the next request out of the input: 1, and it is the caller's; 0: need more octets;
 * -EBADMSG, -EMSGSIZE, -ENOMEM: the connection is of no more use. */
int conn_take_request(struct varlink_conn *c, json_t **ret);

/* Send what the socket takes now. */
void conn_flush(struct varlink_conn *c);

/* Answer one request, or hand it to its handler with c->call open. Returns 0, or -EBADMSG when
 * it is none: the connection is of no more use. */
int dispatch_request(struct varlink_conn *c, const json_t *request);

/* True when `parameters` fits the table; else *ret_name is the parameter that does not. */
bool dispatch_check_parameters(const struct varlink_param *params, const json_t *parameters,
			       const char **ret_name);

#endif
