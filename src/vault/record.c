/* SPDX-License-Identifier: Apache-2.0 */
#include "vault_internal.h"

#include <endian.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#define VERSION 1

static const char magic[8] = {'m', 'm', 's', 'e', 'c', 'r', 'e', 't'};
static const char purpose[] = "mailmig stored secret"; /* with its NUL */

struct head {
	char magic[sizeof(magic)];
	uint8_t version;
	unsigned char key_id[VAULT_KEY_ID_SIZE];
	uint64_t stored_be;
	unsigned char nonce[RECORD_NONCE_SIZE];
} __attribute__((packed));
_Static_assert(sizeof(struct head) == RECORD_HEAD_SIZE, "the format is fixed");

static int random_octets(void *p, size_t n)
{
	ssize_t k;

	do
		k = getrandom(p, n, 0);
	while (k < 0 && errno == EINTR);
	return k < 0 ? -errno : (size_t)k == n ? 0 : -EIO; /* up to 256 come all at once */
}

static void cipher_freep(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c); /* wipes the key schedule */
}

/* A cipher with key, nonce and all that is authenticated beside the secret; NULL without
 * memory. */
static EVP_CIPHER_CTX *cipher_new(const struct vault_key *key, const struct head *h,
				  const char *name, int encrypt)
{
	_cleanup_(cipher_freep) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int n;

	_Static_assert(RECORD_NONCE_SIZE == 12, "the default of GCM");
	if (!c || EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key->p, h->nonce, encrypt) != 1)
		return NULL;
	if (EVP_CipherUpdate(c, NULL, &n, (const void *)purpose, sizeof(purpose)) != 1 ||
	    EVP_CipherUpdate(c, NULL, &n, (const void *)name, (int)strlen(name) + 1) != 1 ||
	    EVP_CipherUpdate(c, NULL, &n, (const void *)h, sizeof(*h)) != 1)
		return NULL;
	return STEAL(c);
}

int record_seal(const struct vault_key *key, const char *name, uint64_t stored_usec,
		const struct secret *value, struct buf *ret)
{
	_cleanup_(cipher_freep) EVP_CIPHER_CTX *c = NULL;
	struct head h = {.version = VERSION, .stored_be = htobe64(stored_usec)};
	unsigned char *out;
	int n = 0, rest = 0, r;

	if (value->len > VAULT_SECRET_MAX)
		return -EFBIG;
	memcpy(h.magic, magic, sizeof(magic));
	memcpy(h.key_id, key->id, sizeof(h.key_id));
	r = random_octets(h.nonce, sizeof(h.nonce));
	if (r < 0)
		return r;
	r = buf_reserve(ret, sizeof(h) + value->len + RECORD_TAG_SIZE);
	if (r < 0)
		return r;

	c = cipher_new(key, &h, name, 1);
	out = (unsigned char *)ret->p + ret->len + sizeof(h);
	if (!c || EVP_CipherUpdate(c, out, &n, value->p, (int)value->len) != 1 ||
	    EVP_CipherFinal_ex(c, out + n, &rest) != 1 ||
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, RECORD_TAG_SIZE, out + value->len) !=
		    1)
		return -ENOMEM;

	memcpy(ret->p + ret->len, &h, sizeof(h));
	ret->len += sizeof(h) + value->len + RECORD_TAG_SIZE;
	ret->p[ret->len] = '\0';
	return 0;
}

static const struct vault_key *find_key(const struct vault_keys *keys, const struct head *h)
{
	for (size_t i = 0; i < keys->n; i++)
		if (memcmp(keys->v[i].id, h->key_id, sizeof(h->key_id)) == 0)
			return &keys->v[i];
	return NULL;
}

static int take_head(struct head *h, const void *p, size_t n)
{
	if (n < sizeof(*h) + RECORD_TAG_SIZE || n > RECORD_SIZE_MAX)
		return -EBADMSG;
	memcpy(h, p, sizeof(*h));
	if (memcmp(h->magic, magic, sizeof(magic)) != 0)
		return -EBADMSG;
	return h->version == VERSION ? 0 : -EPROTONOSUPPORT;
}

int record_open(const struct vault_keys *keys, const char *name, const void *p, size_t n,
		struct secret **ret)
{
	_cleanup_(cipher_freep) EVP_CIPHER_CTX *c = NULL;
	_cleanup_(secret_freep) struct secret *s = NULL;
	const unsigned char *in = (const unsigned char *)p + sizeof(struct head);
	unsigned char tag[RECORD_TAG_SIZE];
	const struct vault_key *key;
	int done = 0, rest = 0, r;
	struct head h;

	r = take_head(&h, p, n);
	if (r < 0)
		return r;
	key = find_key(keys, &h);
	if (!key)
		return -ENOKEY;

	n -= sizeof(h) + sizeof(tag);
	memcpy(tag, in + n, sizeof(tag));
	r = secret_new(in, n, &s); /* decrypted in its place */
	c = r < 0 ? NULL : cipher_new(key, &h, name, 0);
	if (!c || EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) != 1 ||
	    EVP_CipherUpdate(c, s->p, &done, s->p, (int)n) != 1)
		return -ENOMEM;
	if (EVP_CipherFinal_ex(c, s->p + done, &rest) != 1)
		return -EBADMSG;

	*ret = STEAL(s);
	return 0;
}

uint64_t record_time(const void *p, size_t n)
{
	struct head h;

	if (n < sizeof(h))
		return 0;
	memcpy(&h, p, sizeof(h));
	return memcmp(h.magic, magic, sizeof(magic)) == 0 ? be64toh(h.stored_be) : 0;
}
