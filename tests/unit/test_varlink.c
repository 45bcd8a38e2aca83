/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "varlink/varlink_internal.h"
#include <mailmig/clock.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- a service on a loop in a thread of its own, and our client against it ---- */

static struct varlink_server *server;
static struct varlink_call *kept;
static unsigned n_gone;

static void do_echo(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	varlink_call_reply(call, json_incref((json_t *)parameters));
}

static void do_stream(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	json_int_t n = json_integer_value(json_object_get(parameters, "n"));

	for (json_int_t i = 1; i < n && varlink_call_wants_more(call); i++)
		varlink_call_notify(call, json_pack("{s:I}", "i", i));
	varlink_call_reply(call, json_pack("{s:I}", "i", n));
}

static void on_gone(struct varlink_call *call, void *userdata)
{
	assert_ptr_equal(call, userdata);
	kept = NULL;
	n_gone++;
}

static void do_keep(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	kept = call;
	varlink_call_set_gone(call, on_gone, call);
}

static void do_release(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	if (kept)
		varlink_call_reply(kept, json_pack("{s:b}", "released", true));
	kept = NULL;
	varlink_call_reply(call, json_pack("{s:I}", "gone", (json_int_t)n_gone));
}

static void do_peer(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	const struct varlink_peer *p = varlink_call_peer(call);
	gid_t last = p->n_groups > 0 ? p->groups[p->n_groups - 1] : 0;

	varlink_call_reply(call, json_pack("{s:I, s:I, s:I, s:I, s:I}", "uid",
					   (json_int_t)p->uid, "gid", (json_int_t)p->gid, "pid",
					   (json_int_t)p->pid, "groups",
					   (json_int_t)p->n_groups, "last", (json_int_t)last));
}

static void do_stop(struct varlink_call *call, const json_t *parameters, void *userdata)
{
	varlink_call_reply(call, NULL);
	(void)sd_event_exit(userdata, 0);
}

static bool permit(struct varlink_call *call, void *userdata)
{
	return true;
}

static const struct varlink_param no_params[] = {{0}};
static const struct varlink_param echo_params[] = {
	{"text", VARLINK_STRING, false},
	{"list", VARLINK_STRINGS, true},
	{"flag", VARLINK_BOOL, true},
	{"n", VARLINK_INT, true},
	{0},
};
static const struct varlink_param stream_params[] = {{"n", VARLINK_INT, false}, {0}};
static const struct varlink_method methods[] = {
	{"Echo", echo_params, do_echo}, {"Stream", stream_params, do_stream},
	{"Keep", no_params, do_keep},   {"Release", no_params, do_release},
	{"Peer", no_params, do_peer},   {"Stop", no_params, do_stop},
	{"NotBuilt", no_params, NULL},  {0},
};
static const struct varlink_interface interface = {
	.name = "org.example.Test",
	.description = "interface org.example.Test\n",
	.methods = methods,
	.permit = permit,
};

static int listen_at(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static pthread_t thread;
static int listen_fd = -1;
static sd_event *event;
static struct varlink_info info;

static void *serve(void *unused)
{
	return sd_event_loop(event) == 0 ? NULL : (void *)1;
}

static int service_setup(void **state)
{
	if (unit_dir_setup(state) < 0)
		return -1;
	n_gone = 0;
	listen_fd = listen_at(unit_path("service"));
	assert_int_equal(sd_event_new(&event), 0);
	info = (struct varlink_info){"v", "p", "1", "u", &interface, event};
	assert_int_equal(varlink_server_new(event, listen_fd, &info, &server), 0);
	return pthread_create(&thread, NULL, serve, NULL);
}

static struct varlink_client *connect_ok(void)
{
	struct varlink_client *c = NULL;
	struct mm_err err = {0};

	if (varlink_client_open(unit_path("service"), &c, &err) < 0)
		fail_msg("%s", err.text);
	return c;
}

/* One call, one answer. Owned by the caller. */
static json_t *call(struct varlink_client *c, const char *method, json_t *parameters,
		    const char *error)
{
	struct varlink_reply reply = {0};
	struct mm_err err = {0};
	json_t *p;

	assert_int_equal(varlink_client_call(c, method, parameters, false, &err), 0);
	json_decref(parameters);
	assert_int_equal(
		varlink_client_next(c, clock_deadline(10 * USEC_PER_SEC), &reply, &err), 0);
	assert_false(reply.continues);
	if (error)
		assert_string_equal(reply.error, error);
	else
		assert_null(reply.error);
	p = json_incref(reply.parameters);
	varlink_reply_done(&reply);
	return p;
}

static int service_teardown(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	void *result = NULL;

	json_decref(call(c, "org.example.Test.Stop", NULL, NULL));
	(void)pthread_join(thread, &result);
	assert_null(result);
	varlink_server_flush(server);
	server = varlink_server_free(server);
	event = sd_event_unref(event);
	(void)close(listen_fd);
	return unit_dir_teardown(state);
}

static void test_call(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	_cleanup_(json_decrefp) json_t *sent =
		json_pack("{s:s, s:[s, s], s:b, s:i}", "text", "h\xc3\xa9", "list", "a", "b",
			  "flag", 1, "n", -7);

	for (int i = 0; i < 3; i++) {
		_cleanup_(json_decrefp) json_t *back = NULL;

		back = call(c, "org.example.Test.Echo", json_incref(sent), NULL);
		assert_true(json_equal(sent, back));
	}
}

static void test_errors(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	static const struct {
		const char *method, *error;
	} t[] = {
		{"org.example.Test.NotBuilt", VARLINK_ERROR_METHOD_NOT_IMPLEMENTED},
		{"org.example.Test.Nothing", VARLINK_ERROR_METHOD_NOT_FOUND},
		{"org.example.Other.Echo", VARLINK_ERROR_INTERFACE_NOT_FOUND},
		{"org.example.Test.Echo", VARLINK_ERROR_INVALID_PARAMETER},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++)
		json_decref(call(c, t[i].method, NULL, t[i].error));
}

static void test_more(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	_cleanup_(json_decrefp) json_t *p = json_pack("{s:i}", "n", 1000);

	assert_int_equal(varlink_client_call(c, "org.example.Test.Stream", p, true, NULL), 0);
	for (int i = 1; i <= 1000; i++) {
		_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};

		assert_int_equal(
			varlink_client_next(c, clock_deadline(10 * USEC_PER_SEC), &reply, NULL),
			0);
		assert_int_equal(json_integer_value(json_object_get(reply.parameters, "i")), i);
		assert_int_equal(reply.continues, i < 1000);
	}
	json_decref(call(c, "org.example.Test.Stream", json_pack("{s:i}", "n", 5), NULL));
}

static void test_deadline_and_later_answer(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	_cleanup_(varlink_client_freep) struct varlink_client *other = connect_ok();
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};

	assert_int_equal(varlink_client_call(c, "org.example.Test.Keep", NULL, false, NULL), 0);
	assert_int_equal(
		varlink_client_next(c, clock_deadline(20 * USEC_PER_MSEC), &reply, NULL),
		-ETIMEDOUT);
	json_decref(call(other, "org.example.Test.Release", NULL, NULL));
	assert_int_equal(varlink_client_next(c, USEC_INFINITY, &reply, NULL), 0);
	assert_true(json_is_true(json_object_get(reply.parameters, "released")));
}

static void test_gone(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = connect_ok();
	_cleanup_(varlink_client_freep) struct varlink_client *other = connect_ok();
	json_int_t gone = 0;

	assert_int_equal(varlink_client_call(c, "org.example.Test.Keep", NULL, true, NULL), 0);
	c = varlink_client_free(c);
	while (gone == 0) {
		_cleanup_(json_decrefp) json_t *p =
			call(other, "org.example.Test.Release", NULL, NULL);

		gone = json_integer_value(json_object_get(p, "gone"));
		assert_non_null(p);
		if (gone == 0) { /* released before it was seen to be gone: again */
			_cleanup_(varlink_client_freep) struct varlink_client *again =
				connect_ok();

			assert_int_equal(varlink_client_call(again, "org.example.Test.Keep",
							     NULL, true, NULL),
					 0);
		}
	}
}

static void test_peer(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = NULL;
	_cleanup_(json_decrefp) json_t *p = NULL;
	static const gid_t groups[] = {12345, 23456, 34567};
	gid_t before[64];
	int n = getgroups(ELEMENTS(before), before);

	assert_true(n >= 0);
	/* The system call itself is for this thread alone; the service's keeps its groups. */
	if (geteuid() == 0)
		assert_int_equal(syscall(SYS_setgroups, ELEMENTS(groups), groups), 0);
	c = connect_ok();
	if (geteuid() == 0)
		assert_int_equal(syscall(SYS_setgroups, n, before), 0);

	p = call(c, "org.example.Test.Peer", NULL, NULL);
	assert_int_equal(json_integer_value(json_object_get(p, "uid")), geteuid());
	assert_int_equal(json_integer_value(json_object_get(p, "gid")), getegid());
	assert_int_equal(json_integer_value(json_object_get(p, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(p, "groups")),
			 geteuid() == 0 ? (int)ELEMENTS(groups) : n);
	if (geteuid() == 0)
		assert_int_equal(json_integer_value(json_object_get(p, "last")), 34567);
}

/* ---- the client against what a daemon never says ---- */

static void test_open_fails(void **state)
{
	_cleanup_(closep) int fd = -1;
	char longest[200];
	const struct {
		const char *path;
		int code;
	} t[] = {
		{unit_path("nothing"), -ENOENT},
		{unit_path("deserted"), -ECONNREFUSED},
		{longest, -ENAMETOOLONG},
		{"", -ENAMETOOLONG},
	};

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	fd = listen_at(unit_path("deserted"));
	(void)close(STEAL_FD(fd));

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		struct varlink_client *c = NULL;
		struct mm_err err = {0};

		assert_int_equal(varlink_client_open(t[i].path, &c, &err), t[i].code);
		assert_null(c);
		assert_int_equal(err.cls, MM_CLASS_PERMISSION);
		assert_true(*err.text != '\0' && *err.advice != '\0');
	}
}

/* A client whose other end is *ret_fd. */
static struct varlink_client *connect_to_us(int *ret_fd)
{
	_cleanup_(closep) int fd = listen_at(unit_path("service"));
	struct varlink_client *c = connect_ok();

	*ret_fd = accept(fd, NULL, NULL);
	assert_true(*ret_fd >= 0);
	assert_int_equal(unlink(unit_path("service")), 0);
	return c;
}

static void test_bad_answers(void **state)
{
	static const struct {
		const char *octets;
		size_t n;
		int result;
	} t[] = {
		{"", 0, -ECONNRESET},
		{"{\"parameters\":{}", 16, -ECONNRESET},
		{"nonsense", 9, -EBADMSG},
		{"[]", 3, -EBADMSG},
		{"{\"error\":7}", 12, -EBADMSG},
		{"{\"parameters\":7}", 17, -EBADMSG},
		{"{\"continues\":7}", 16, -EBADMSG},
		{"{}", 3, 0},
		{"{\"parameters\":null}", 20, 0},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(varlink_client_freep) struct varlink_client *c = NULL;
		_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
		struct mm_err err = {0};
		int fd = -1;

		c = connect_to_us(&fd);
		assert_int_equal(write(fd, t[i].octets, t[i].n), t[i].n);
		(void)close(fd);
		assert_int_equal(varlink_client_next(c, USEC_INFINITY, &reply, &err),
				 t[i].result);
		if (t[i].result < 0)
			assert_true(*err.text != '\0');
		else
			assert_true(json_is_object(reply.parameters));
	}
}

static void test_daemon_gone_before_the_call(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = NULL;
	struct mm_err err = {0};
	int fd = -1;

	c = connect_to_us(&fd);
	(void)close(fd);
	assert_int_equal(varlink_client_call(c, "a.B", NULL, false, &err), -ECONNRESET);
	assert_int_equal(err.cls, MM_CLASS_PERMISSION);
}

static void on_alarm(int number)
{
}

static void test_signal_interrupts(void **state)
{
	_cleanup_(varlink_client_freep) struct varlink_client *c = NULL;
	_cleanup_(varlink_reply_done) struct varlink_reply reply = {0};
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART}, before;
	_cleanup_(closep) int fd = -1;

	c = connect_to_us(&fd);
	assert_int_equal(sigaction(SIGALRM, &sa, &before), 0);
	(void)ualarm(20000, 0);
	assert_int_equal(varlink_client_next(c, USEC_INFINITY, &reply, NULL), -EINTR);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
}

/* ---- pure ---- */

static void test_check_parameters(void **state)
{
	static const struct {
		const char *parameters, *bad;
	} t[] = {
		{"{\"text\":\"x\"}", NULL},
		{"{\"text\":\"\",\"list\":[],\"flag\":false,\"n\":0}", NULL},
		{"{\"text\":\"x\",\"list\":null,\"flag\":null,\"n\":null}", NULL},
		{"{}", "text"},
		{"{\"text\":null}", "text"},
		{"{\"text\":7}", "text"},
		{"{\"text\":\"x\",\"list\":\"a\"}", "list"},
		{"{\"text\":\"x\",\"list\":[\"a\",null]}", "list"},
		{"{\"text\":\"x\",\"flag\":0}", "flag"},
		{"{\"text\":\"x\",\"n\":1.0}", "n"},
		{"{\"text\":\"x\",\"Text\":\"x\"}", "Text"},
		{"{\"text\":\"x\",\"\":1}", ""},
	};

	for (size_t i = 0; i < ELEMENTS(t); i++) {
		_cleanup_(json_decrefp) json_t *p = json_loads(t[i].parameters, 0, NULL);
		const char *bad = NULL;

		assert_int_equal(dispatch_check_parameters(echo_params, p, &bad), !t[i].bad);
		if (t[i].bad)
			assert_string_equal(bad, t[i].bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_call, service_setup, service_teardown),
		cmocka_unit_test_setup_teardown(test_errors, service_setup, service_teardown),
		cmocka_unit_test_setup_teardown(test_more, service_setup, service_teardown),
		cmocka_unit_test_setup_teardown(test_deadline_and_later_answer, service_setup,
						service_teardown),
		cmocka_unit_test_setup_teardown(test_gone, service_setup, service_teardown),
		cmocka_unit_test_setup_teardown(test_peer, service_setup, service_teardown),
		cmocka_unit_test_setup_teardown(test_open_fails, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_bad_answers, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_daemon_gone_before_the_call,
						unit_dir_setup, unit_dir_teardown),
		cmocka_unit_test_setup_teardown(test_signal_interrupts, unit_dir_setup,
						unit_dir_teardown),
		cmocka_unit_test(test_check_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
