/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VAULT_INTERNAL_H
#define VAULT_INTERNAL_H

#include <mailmig/buf.h>
#include <mailmig/vault.h>

/* key.c finds keys, record.c turns a secret into a record and back (pure), vault.c keeps the
 * files. */

#define VAULT_KEY_SIZE    32
#define VAULT_KEY_ID_SIZE 8

struct vault_key {
	unsigned char p[VAULT_KEY_SIZE];
	unsigned char
		id[VAULT_KEY_ID_SIZE]; /* a digest: tells keys apart, tells nothing else */
};

/* The credential's key comes first: new records are made with it. Those made before are still
 * read with the file's. */
struct vault_keys {
	struct vault_key v[2];
	size_t n;
};

void vault_keys_done(struct vault_keys *k); /* wipes them */

/* Fill in the id of a key. 0 or -ENOMEM. */
int vault_key_init(struct vault_key *k);

/* All there are; none is no error. 0 or -errno, described. */
int vault_keys_load(struct vault_keys *k, const char *state_dir, struct mm_err *reterr);

/* As above, and when there is none, one is made. */
int vault_keys_need(struct vault_keys *k, const char *state_dir, struct mm_err *reterr);

/* ---- record.c ----
 *
 * A record: "mmsecret", a version (1 octet), the key's id (8), when it was stored (8,
 * microseconds, big-endian), the nonce (12), the encrypted secret, the tag (16). All before the
 * secret, the purpose and the name are authenticated with it. */

#define RECORD_HEAD_SIZE  37
#define RECORD_TAG_SIZE   16
#define RECORD_SIZE_MAX   (RECORD_HEAD_SIZE + VAULT_SECRET_MAX + RECORD_TAG_SIZE)
#define RECORD_NONCE_SIZE 12

/* 0, -ENOMEM, or -errno of getrandom(). */
int record_seal(const struct vault_key *key, const char *name, uint64_t stored_usec,
		const struct secret *value, struct buf *ret);

/* 0; -EBADMSG: not a record, or not what was sealed under this name; -EPROTONOSUPPORT: of a
 * later version; -ENOKEY: of a key we do not have; -ENOMEM. */
int record_open(const struct vault_keys *keys, const char *name, const void *p, size_t n,
		struct secret **ret);

/* When it was stored, as its head says (not authenticated); 0: not a record. */
uint64_t record_time(const void *p, size_t n);

#endif
