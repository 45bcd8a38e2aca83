/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DAEMON_CHECK_H
#define DAEMON_CHECK_H

#include "daemon_internal.h"

/* Checks: short runs beside the queue, which change nothing and are remembered by nobody. */

/* Queue a check of an account, or with "" of what is no account's. 0 or -ENOMEM. */
int check_new(struct daemon *d, const char *account, struct run **ret);

/* Start those that may; somebody has to follow them. */
void checks_start(struct daemon *d);

/* The worker is gone: tell the followers. Frees the check. */
void check_finish(struct run *r);

/* The daemon ends: none is worth waiting for. */
void checks_stop(struct daemon *d);
void checks_drop(struct daemon *d);

/* Events about the daemon itself and the configuration as it lies on the disk, errors and all.
 */
void check_tell_service(const struct daemon *d, struct varlink_call *call);

#endif
