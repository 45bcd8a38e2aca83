/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_VARLINK_SERVER_H
#define MAILMIG_VARLINK_SERVER_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/varlink.h>
#include <systemd/sd-event.h>

/* The serving half of the control protocol, on an sd-event loop. Nothing in it blocks: every
 * client has its own bounded input and output, and one that is malformed, slow or deaf loses
 * its connection and disturbs nobody. Requests of one connection are answered in order. */

#define VARLINK_REQUEST_MAX      (64 * 1024)         /* the largest names 1000 accounts */
#define VARLINK_OUTPUT_MAX       (4 * 1024 * 1024)   /* unread answers; then the client goes */
#define VARLINK_CONNECTIONS_MAX  64                  /* unless the server is told otherwise */
#define VARLINK_REQUEST_DEADLINE (5 * USEC_PER_SEC)  /* to complete a request once begun */
#define VARLINK_OUTPUT_DEADLINE  (60 * USEC_PER_SEC) /* to take any octet that waits */

#define VARLINK_ERROR_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define VARLINK_ERROR_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define VARLINK_ERROR_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_ERROR_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"

struct varlink_server;

/* One request that is being answered. It belongs to the server and lives until the last answer
 * was given or, when the client goes away before, until the function of
 * varlink_call_set_gone() has returned. */
struct varlink_call;

/* Who asks, as the kernel says (SO_PEERCRED, SO_PEERGROUPS); fixed at connect(). */
struct varlink_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
	const gid_t *groups; /* supplementary */
	size_t n_groups;
};

enum varlink_type {
	VARLINK_BOOL,
	VARLINK_INT,
	VARLINK_STRING,
	VARLINK_STRINGS, /* []string */
};

struct varlink_param {
	const char *name;
	enum varlink_type type;
	bool optional; /* may be missing or null */
};

/* Answer now, or keep the call and answer later. `parameters` is an object that was checked
 * against the method's table; borrowed, gone when the function returns. Returning without
 * having answered or kept the call leaves the client waiting for ever: do not. */
typedef void (*varlink_handler)(struct varlink_call *call, const json_t *parameters,
				void *userdata);

struct varlink_method {
	const char *name;
	const struct varlink_param *params; /* up to one without a name */
	varlink_handler handle;             /* NULL: MethodNotImplemented */
};

struct varlink_interface {
	const char *name;
	const char *description;
	const struct varlink_method *methods; /* up to one without a name */
	/* Asked before each method. false: it has answered the call with an error. May be NULL.
	 */
	bool (*permit)(struct varlink_call *call, void *userdata);
};

/* What GetInfo says; all borrowed for the life of the server. */
struct varlink_info {
	const char *vendor;
	const char *product;
	const char *version;
	const char *url;
	const struct varlink_interface *interface;
	void *userdata; /* for its handlers */
};

/* Serve on a listening Unix stream socket, which stays the caller's. 0 or -errno. */
int varlink_server_new(sd_event *event, int listen_fd, const struct varlink_info *info,
		       struct varlink_server **ret);

/* Ends all connections (the gone functions run). */
struct varlink_server *varlink_server_free(struct varlink_server *s);
DEFINE_CLEANUP(struct varlink_server *, varlink_server_free)

/* Connections served at once. At the limit the one that has been idle longest makes room; when
 * none is idle the new one is closed. */
void varlink_server_set_limit(struct varlink_server *s, size_t max_connections);

/* Accept nobody from now on; who is connected stays. */
void varlink_server_stop_listening(struct varlink_server *s);

/* Send what the clients take without waiting, for the end of the program. */
void varlink_server_flush(struct varlink_server *s);

size_t varlink_server_connections(const struct varlink_server *s);

/* ---- answering ----
 * parameters are consumed, also on failure; NULL is an empty object. Nothing here fails in a
 * way the caller could mend: without memory, or when the client does not read, the connection
 * ends. */

/* The last answer. `call` is gone afterwards. */
void varlink_call_reply(struct varlink_call *call, json_t *parameters);
void varlink_call_error(struct varlink_call *call, const char *error, json_t *parameters);
void varlink_call_invalid_parameter(struct varlink_call *call, const char *name);

/* One answer of several; only where varlink_call_wants_more(). `call` stays. */
void varlink_call_notify(struct varlink_call *call, json_t *parameters);

bool varlink_call_wants_more(const struct varlink_call *call);

/* Octets the client has not taken yet: what may be left out is left out when this grows. */
size_t varlink_call_pending(const struct varlink_call *call);

const struct varlink_peer *varlink_call_peer(const struct varlink_call *call);

/* The descriptor that came with the call, the caller's to close; -1: none. Only while the
 * method's handler runs. */
int varlink_call_take_fd(struct varlink_call *call);

/* For a call that is kept: told when the client is gone; answering it is not possible then. */
void varlink_call_set_gone(struct varlink_call *call,
			   void (*gone)(struct varlink_call *call, void *userdata),
			   void *userdata);

#endif
