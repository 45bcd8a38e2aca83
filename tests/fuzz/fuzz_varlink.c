/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"
#include "varlink/varlink_internal.h"
#include <mailmig/jsonio.h>
#include <sys/socket.h>

/* Input: one octet that says in what pieces the rest arrives at the serving half of the control
 * protocol. Nothing comes over a socket, and answers stay in the output: the only socket is one
 * that takes no more. */

static int deaf_socket(void)
{
	static const char junk[4096];
	static int fd = -1;
	int pair[2];

	if (fd >= 0)
		return fd;
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	while (send(pair[0], junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
	REQUIRE(errno == EAGAIN);
	fd = pair[0]; /* the other end stays open, or there would be an error */
	return fd;
}

static void do_echo(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	/* What the table promises a handler. */
	REQUIRE(json_is_object(parameters));
	REQUIRE(json_is_string(json_object_get(parameters, "text")));
	varlink_call_reply(call, json_incref((json_t *)parameters));
}

static void do_count(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const json_t *list = json_object_get(parameters, "list");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);

		REQUIRE(json_is_string(s));
		if (varlink_call_wants_more(call))
			varlink_call_notify(call, json_pack("{s:O}", "one", s));
	}
	varlink_call_reply(call, NULL);
}

static const struct varlink_param echo_params[] = {{"text", VARLINK_STRING, false},
						   {"n", VARLINK_INT, true},
						   {"flag", VARLINK_BOOL, true},
						   {0}};
static const struct varlink_param count_params[] = {{"list", VARLINK_STRINGS, true}, {0}};
static const struct varlink_method methods[] = {
	{"Echo", echo_params, do_echo},
	{"Count", count_params, do_count},
	{"Later", count_params, NULL},
	{0},
};
static const struct varlink_interface interface = {
	.name = "org.example.Test",
	.description = "interface org.example.Test\n",
	.methods = methods,
};
static const struct varlink_info info = {
	.vendor = "v", .product = "p", .version = "1", .url = "u", .interface = &interface};

/* Everything answered is an answer; `continues` only where more was asked for, and the last one
 * has none. Appends the answers to the record. */
static void check_answers(struct varlink_conn *c, struct buf *record)
{
	size_t n = 0;
	bool ended = false;

	REQUIRE(buf_add(record, c->out.p, c->out.len) == 0);
	while (c->out.len > 0) {
		_cleanup_(json_decrefp) json_t *answer = NULL;
		const json_t *error;

		REQUIRE(!ended);
		REQUIRE(jsonio_take(&c->out, &answer) == 1);
		REQUIRE(json_is_object(json_object_get(answer, "parameters")));
		error = json_object_get(answer, "error");
		REQUIRE(!error || strchr(json_string_value(error), '.'));
		ended = !json_is_true(json_object_get(answer, "continues"));
		REQUIRE(ended || c->call.more);
		n++;
	}
	REQUIRE(c->call.oneway ? n == 0 : ended);
}

/* Answer all that is complete. False: the connection is of no more use. */
static bool serve_all(struct varlink_conn *c, struct buf *record)
{
	for (;;) {
		_cleanup_(json_decrefp) json_t *request = NULL;
		size_t before = c->in.len;
		int r = conn_take_request(c, &request);

		if (r == 0) {
			REQUIRE(c->in.len == before && before < VARLINK_REQUEST_MAX);
			return true;
		}
		if (r < 0) {
			REQUIRE(r == -EBADMSG || r == -EMSGSIZE);
			return false;
		}
		REQUIRE(c->in.len < before && json_is_object(request));

		r = dispatch_request(c, request);
		REQUIRE(r == 0 || r == -EBADMSG);
		REQUIRE(!c->call.open);
		REQUIRE(!c->bad_output);
		check_answers(c, record);
		if (r < 0)
			return false;
	}
}

static void feed(const uint8_t *data, size_t n, size_t piece, struct buf *record)
{
	struct varlink_server server = {.info = &info};
	struct varlink_conn c = {.server = &server, .fd = deaf_socket()};
	bool good = true;

	for (size_t i = 0; good && i < n; i += piece) {
		REQUIRE(buf_add(&c.in, data + i, MIN_OF(piece, n - i)) == 0);
		good = serve_all(&c, record);
	}
	REQUIRE(buf_adds(record, good ? "open" : "closed") == 0);
	buf_done(&c.in);
	buf_done(&c.out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(buf_done) struct buf whole = {0}, pieces = {0};

	if (n < 1 || n > VARLINK_REQUEST_MAX)
		return 0;
	feed(data + 1, n - 1, n, &whole);
	feed(data + 1, n - 1, 1 + data[0] % 32, &pieces);
	REQUIRE(buf_same(&whole, &pieces));
	return 0;
}
