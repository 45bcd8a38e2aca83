/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_VAULT_H
#define MAILMIG_VAULT_H

#include <mailmig/base.h>
#include <mailmig/error.h>
#include <mailmig/secret.h>

/* Stored secrets (mailmigctl secret, password_stored): one file for each in
 * state_dir/secrets, encrypted with AES-256-GCM. The key is state_dir/secret.key, made when the
 * first secret is stored, or the credential VAULT_KEY_CREDENTIAL. The daemon writes, workers
 * read; a file that is broken costs its own secret and no other.
 *
 * Names are those of text_is_name(): the caller has checked them. */

#define VAULT_DIR            "secrets"
#define VAULT_KEY_FILE       "secret.key"
#define VAULT_KEY_CREDENTIAL "mailmig.key"
#define VAULT_SECRET_MAX     (16 * 1024) /* as hexadecimal it fits into a control request */

/* Store or replace, durably. 0 or -errno, described. */
int vault_put(const char *state_dir, const char *name, const struct secret *value,
	      struct mm_err *reterr);

/* 0, and *ret is the caller's; -ENOENT: there is none of that name; -ENOKEY: it was encrypted
 * with another key; -EBADMSG: it was changed, or is of another name; -errno. Each described,
 * class config. */
int vault_get(const char *state_dir, const char *name, struct secret **ret,
	      struct mm_err *reterr);

/* 0; -ENOENT; -errno. Described. */
int vault_remove(const char *state_dir, const char *name, struct mm_err *reterr);

/* Every name with the time it was stored (wall clock; 0: its file tells none), in no order. A
 * negative value of `each` ends the listing and is returned. 0 or -errno, described. */
int vault_list(const char *state_dir,
	       int (*each)(const char *name, uint64_t stored_usec, void *userdata),
	       void *userdata, struct mm_err *reterr);

#endif
