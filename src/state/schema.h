/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

/* "mmig" and the version of the schema, in the file's header. The rest of user_version is
 * file.c's. */
#define STATE_APPLICATION_ID 0x6d6d6967
#define STATE_VERSION        3

/* Whose it is. */
#define STATE_OWNER                                                                            \
	"CREATE TABLE owner (account TEXT NOT NULL, mailboxes TEXT NOT NULL) STRICT;"

/* Octets in a slot of time, one way; and until when a server is left alone. */
#define STATE_TRAFFIC                                                                          \
	"CREATE TABLE traffic ("                                                               \
	" slot INTEGER NOT NULL, way INTEGER NOT NULL, octets INTEGER NOT NULL,"               \
	" PRIMARY KEY (slot, way)) STRICT, WITHOUT ROWID;"                                     \
	"CREATE TABLE pause ("                                                                 \
	" id INTEGER PRIMARY KEY CHECK (id = 1),"                                              \
	" until_usec INTEGER NOT NULL, text TEXT NOT NULL) STRICT;"

#define STATE_BESIDE STATE_OWNER STATE_TRAFFIC

#define STATE_BY_DESTINATION "CREATE INDEX folder_dest ON folder (destination);"

#define STATE_SCHEMA                                                                           \
	STATE_BESIDE                                                                           \
	"CREATE TABLE folder ("                                                                \
	" id INTEGER PRIMARY KEY,"                                                             \
	" origin TEXT NOT NULL, destination TEXT NOT NULL,"                                    \
	" origin_uidvalidity INTEGER NOT NULL DEFAULT 0,"                                      \
	" origin_uidnext INTEGER NOT NULL DEFAULT 0,"                                          \
	" origin_modseq INTEGER NOT NULL DEFAULT 0,"                                           \
	" origin_messages INTEGER NOT NULL DEFAULT 0,"                                         \
	" dest_uidvalidity INTEGER NOT NULL DEFAULT 0,"                                        \
	" dest_seen INTEGER NOT NULL DEFAULT 0,"                                               \
	" uncertain_usec INTEGER NOT NULL DEFAULT 0,"                                          \
	" complete INTEGER NOT NULL DEFAULT 0,"                                                \
	" dest_modseq INTEGER NOT NULL DEFAULT 0,"                                             \
	" dest_messages INTEGER NOT NULL DEFAULT 0,"                                           \
	" rules INTEGER NOT NULL DEFAULT 0,"                                                   \
	" skipped TEXT NOT NULL DEFAULT '',"                                                   \
	" ripens INTEGER NOT NULL DEFAULT 0,"                                                  \
	" retired INTEGER NOT NULL DEFAULT 0,"                                                 \
	" told TEXT NOT NULL DEFAULT '', unkept TEXT NOT NULL DEFAULT '',"                     \
	" basis TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '',"                      \
	" UNIQUE (origin, destination)) STRICT;" STATE_BY_DESTINATION "CREATE TABLE message (" \
	" folder INTEGER NOT NULL, uid INTEGER NOT NULL, state INTEGER NOT NULL,"              \
	" size INTEGER NOT NULL, digest BLOB, fingerprint BLOB,"                               \
	" flags TEXT NOT NULL, dest_uidvalidity INTEGER NOT NULL,"                             \
	" watermark INTEGER NOT NULL, dest_uid INTEGER NOT NULL,"                              \
	" attempts INTEGER NOT NULL, reason TEXT,"                                             \
	" held_under INTEGER NOT NULL DEFAULT 0, held_what TEXT,"                              \
	" ours INTEGER NOT NULL DEFAULT 0,"                                                    \
	" PRIMARY KEY (folder, uid)) STRICT, WITHOUT ROWID;"                                   \
	"CREATE INDEX message_dest ON message (folder, dest_uid) WHERE dest_uid > 0;"          \
	"CREATE INDEX message_state ON message (folder, state) WHERE state <> 2;"              \
	"CREATE INDEX message_held ON message (folder, held_under) WHERE held_under <> 0;"     \
	"PRAGMA application_id = 1835886951;"                                                  \
	"PRAGMA user_version = 3;"

/* From version n to n + 1, in one transaction with all others that are needed. */
#define STATE_UPGRADE_1                                                                        \
	STATE_BESIDE                                                                           \
	"ALTER TABLE message ADD COLUMN held_under INTEGER NOT NULL DEFAULT 0;"                \
	"ALTER TABLE message ADD COLUMN held_what TEXT;"                                       \
	"CREATE INDEX message_held ON message (folder, held_under) WHERE held_under <> 0;"     \
	"PRAGMA user_version = 2;"

#define STATE_UPGRADE_2                                                                        \
	"ALTER TABLE folder ADD COLUMN dest_modseq INTEGER NOT NULL DEFAULT 0;"                \
	"ALTER TABLE folder ADD COLUMN dest_messages INTEGER NOT NULL DEFAULT 0;"              \
	"ALTER TABLE folder ADD COLUMN rules INTEGER NOT NULL DEFAULT 0;"                      \
	"ALTER TABLE folder ADD COLUMN skipped TEXT NOT NULL DEFAULT '';"                      \
	"ALTER TABLE folder ADD COLUMN ripens INTEGER NOT NULL DEFAULT 0;"                     \
	"ALTER TABLE folder ADD COLUMN retired INTEGER NOT NULL DEFAULT 0;"                    \
	"ALTER TABLE folder ADD COLUMN told TEXT NOT NULL DEFAULT '';"                         \
	"ALTER TABLE folder ADD COLUMN unkept TEXT NOT NULL DEFAULT '';"                       \
	"ALTER TABLE folder ADD COLUMN basis TEXT NOT NULL DEFAULT '';"                        \
	"ALTER TABLE folder ADD COLUMN name TEXT NOT NULL DEFAULT '';" STATE_BY_DESTINATION    \
	"ALTER TABLE message ADD COLUMN ours INTEGER NOT NULL DEFAULT 0;"                      \
	"PRAGMA user_version = 3;"

#endif
