/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include <vault/vault_internal.h>

/* Octets that we did not seal never open, whichever key they name; those we seal do. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct vault_keys keys = {.n = 1};
	_cleanup_(buf_done) struct buf record = {0};
	struct secret *s = NULL, *value = NULL;

	REQUIRE(vault_key_init(&keys.v[0]) == 0);
	if (n >= 17)
		memcpy(keys.v[0].id, data + 9, sizeof(keys.v[0].id));
	REQUIRE(record_open(&keys, "name", data, n, &s) < 0 && !s);
	(void)record_time(data, n);

	n = MIN_OF(n, (size_t)VAULT_SECRET_MAX);
	REQUIRE(secret_new(data, n, &value) == 0);
	REQUIRE(record_seal(&keys.v[0], "name", n, value, &record) == 0);
	REQUIRE(record_time(record.p, record.len) == n);
	REQUIRE(record_open(&keys, "name", record.p, record.len, &s) == 0);
	REQUIRE(s->len == n && (n == 0 || memcmp(s->p, data, n) == 0));
	secret_free(s);
	secret_free(value);
	return 0;
}
