/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_VARLINK_H
#define MAILMIG_VARLINK_H

#include <jansson.h>
#include <mailmig/base.h>
#include <mailmig/error.h>

/* The control protocol: Varlink (varlink.org) over a Unix stream socket, both ends.
 * Requests {"method":"io.mailmig.Control.Run","parameters":{},"more":true}, replies
 * {"parameters":{},"continues":true} or {"error":"io.mailmig.Control.NoSuchAccount",
 * "parameters":{}}; each ended by a NUL. */

#define VARLINK_SERVICE_INTERFACE "org.varlink.service"
#define CONTROL_INTERFACE         "io.mailmig.Control"

/* The text of src/varlink/io.mailmig.Control.varlink, built into the programs. */
extern const char control_interface_description[];

/* ---- client: blocking, one call at a time ---- */

struct varlink_client;

struct varlink_reply {
	char *error;        /* full error name, or NULL */
	json_t *parameters; /* owned; an object, never NULL on success */
	bool continues;
};

/* Connect. Class permission when there is no socket, nobody listens or we may not (each with
 * its own advice). 0 or -errno. */
int varlink_client_open(const char *socket_path, struct varlink_client **ret,
			struct mm_err *reterr);
struct varlink_client *varlink_client_free(struct varlink_client *c);
DEFINE_CLEANUP(struct varlink_client *, varlink_client_free)

/* Send a call. parameters: borrowed, may be NULL. 0 or -errno (class permission: the daemon
 * went away). */
int varlink_client_call(struct varlink_client *c, const char *method, const json_t *parameters,
			bool more, struct mm_err *reterr);

/* The same with a descriptor, which stays the caller's; -1: none. */
int varlink_client_call_fd(struct varlink_client *c, const char *method,
			   const json_t *parameters, bool more, int fd, struct mm_err *reterr);

/* Wait for the next reply to the call. 0; -ETIMEDOUT at the deadline (the call is still open);
 * -EINTR when a signal arrived; -ECONNRESET when the daemon went away; -EBADMSG. */
int varlink_client_next(struct varlink_client *c, uint64_t deadline_usec,
			struct varlink_reply *ret, struct mm_err *reterr);
void varlink_reply_done(struct varlink_reply *r);

/* For waiting together with other descriptors. */
int varlink_client_fd(const struct varlink_client *c);

#endif
