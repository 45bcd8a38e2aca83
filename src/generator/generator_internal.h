/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GENERATOR_INTERNAL_H
#define GENERATOR_INTERNAL_H

#include <mailmig/buf.h>
#include <mailmig/config.h>

/* mailmig-generator: main.c: arguments, what goes wrong; units.c: the drop-ins. */

/* MESSAGE_ID= of its journal entries: see systemd/mailmig.catalog. */
#define MESSAGE_SCHEDULE_NOT_SET "76bb1c8aea044610b99300b7fd1c5fb0"

/* The drop-in of mailmig@NAME.timer, for a timer with a schedule; of mailmig@NAME.service, for
 * one with credentials; root: what goes before /etc. Added to ret. 0 or -ENOMEM. */
int units_timer_text(const struct config_timer *t, struct buf *ret);
int units_credentials_text(const struct config_timer *t, const char *root, struct buf *ret);

/* Write UNIT.d/FILE below the directory. 0 or -errno. */
int units_write(int dir_fd, const char *unit, const char *file, const struct buf *text);

#endif
