/* SPDX-License-Identifier: Apache-2.0 */
#include "vault_internal.h"

#include <mailmig/fs.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

/* A key is kept as text, 64 hexadecimal digits, so that a person can carry it about. */
#define KEY_TEXT_SIZE (2 * VAULT_KEY_SIZE)

void vault_keys_done(struct vault_keys *k)
{
	explicit_bzero(k, sizeof(*k));
}

int vault_key_init(struct vault_key *k)
{
	static const char what[] = "mailmig key id"; /* with its NUL */
	unsigned char both[sizeof(what) + sizeof(k->p)], digest[32];
	int r;

	memcpy(both, what, sizeof(what));
	memcpy(both + sizeof(what), k->p, sizeof(k->p));
	r = EVP_Digest(both, sizeof(both), digest, NULL, EVP_sha256(), NULL);
	explicit_bzero(both, sizeof(both));
	if (r != 1)
		return -ENOMEM;
	memcpy(k->id, digest, sizeof(k->id));
	return 0;
}

static int take_key(struct vault_keys *k, const struct secret *text, const char *shown,
		    struct mm_err *reterr)
{
	struct vault_key *key = &k->v[k->n];

	if (text->len != KEY_TEXT_SIZE ||
	    parse_hex((const char *)text->p, VAULT_KEY_SIZE, key->p) < 0) {
		(void)mm_err_set(
			reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EBADMSG,
			"the key of the stored secrets, %s, is not 64 hexadecimal digits",
			shown);
		(void)mm_err_class(reterr, MM_CLASS_CONFIG,
				   "bring it back from a backup; without it the stored secrets "
				   "must be stored again");
		return -EBADMSG;
	}
	if (vault_key_init(key) < 0)
		return mm_err_oom(reterr);
	k->n++;
	return 0;
}

int vault_keys_load(struct vault_keys *k, const char *state_dir, struct mm_err *reterr)
{
	_cleanup_(secret_freep) struct secret *credential = NULL, *file = NULL;
	_cleanup_(freep) char *path = text_fmt("%s/%s", state_dir, VAULT_KEY_FILE);
	int r;

	if (!path)
		return mm_err_oom(reterr);

	r = secret_from_credential(VAULT_KEY_CREDENTIAL, &credential, reterr);
	if (r == 0)
		r = take_key(k, credential, "credential " VAULT_KEY_CREDENTIAL, reterr);
	if (r < 0 && r != -ENOENT)
		return r;

	r = secret_from_file(path, &file, reterr);
	if (r == 0)
		r = take_key(k, file, path, reterr);
	return r == -ENOENT ? 0 : r;
}

static int make_key(const char *state_dir, struct mm_err *reterr)
{
	_cleanup_(freep) char *path = text_fmt("%s/%s", state_dir, VAULT_KEY_FILE);
	unsigned char key[VAULT_KEY_SIZE];
	char text[KEY_TEXT_SIZE + 2];
	int r;

	if (!path)
		return mm_err_oom(reterr);

	if (getrandom(key, sizeof(key), 0) != sizeof(key)) { /* so few come all at once */
		r = -EIO;
	} else {
		format_hex(key, sizeof(key), text);
		text[KEY_TEXT_SIZE] = '\n';
		r = fs_write_file(path, 0400, text, KEY_TEXT_SIZE + 1);
	}
	explicit_bzero(key, sizeof(key));
	explicit_bzero(text, sizeof(text));
	if (r < 0) {
		(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_LATER, r,
				 "cannot write the key of the stored secrets, %s: %s", path,
				 strerror(-r));
		(void)mm_err_class(reterr, MM_CLASS_LOCAL, "see to the disk and to state_dir");
	}
	return r;
}

int vault_keys_need(struct vault_keys *k, const char *state_dir, struct mm_err *reterr)
{
	int r;

	r = vault_keys_load(k, state_dir, reterr);
	if (r < 0 || k->n > 0)
		return r;
	r = make_key(state_dir, reterr);
	return r < 0 ? r : vault_keys_load(k, state_dir, reterr);
}
