/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "daemon/access.c"

static void test_access(void **state)
{
	static const gid_t groups[] = {20, 990, 30};
	static const struct {
		struct varlink_peer peer;
		bool has_group, allowed;
	} t[] = {
		{{.uid = 0, .gid = 0}, false, true},
		{{.uid = 500, .gid = 500}, false, true}, /* our own user */
		{{.uid = 1000, .gid = 1000}, true, false},
		{{.uid = 1000, .gid = 990}, true, true},
		{{.uid = 1000, .gid = 990}, false, false}, /* the number, but no such group */
		{{.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 3}, true, true},
		{{.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 3}, false, false},
		{{.uid = 1000, .gid = 1000, .groups = groups, .n_groups = 1}, true, false},
		{{.uid = (uid_t)-1, .gid = (gid_t)-1}, true, false},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++)
		assert_int_equal(access_allowed(&t[i].peer, 500, t[i].has_group, 990),
				 t[i].allowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
