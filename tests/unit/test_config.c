/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config_internal.h"
#include "config_fixture.h"
#include <syslog.h>

static struct config *load(struct fixture *f, const char *text)
{
	fixture_write(f, "m.conf", text);
	fixture_expect(f, "");
	return f->config;
}

static void assert_below(const struct fixture *f, const char *path, const char *below)
{
	_cleanup_(freep) char *expected = text_fmt("%s/%s", f->dir, below);

	assert_string_equal(path, expected);
}

static void test_empty(void **state)
{
	static const char *const texts[] = {
		"",     "# nothing\n",  "accounts = ( );\nservers = [ ];\n",
		"\r\n", "# no newline", "retry = { }; // none"};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		const struct config *c = load(*state, texts[i]);

		assert_below(*state, c->path, "m.conf");
		assert_string_equal(c->state_dir, "/var/lib/mailmig");
		assert_string_equal(c->socket, "/run/mailmig/control");
		assert_int_equal(c->max_jobs, 8);
		assert_false(c->stop_on_error);
		assert_int_equal(c->log_level, LOG_INFO);
		assert_int_equal(c->n_servers, 0);
		assert_int_equal(c->n_accounts, 0);
		assert_null(config_find_account(c, "x"));
	}
}

static void test_defaults(void **state)
{
	const struct config *c =
		load(*state,
		     "servers = ( { name = \"s\"; host = \"h\"; },\n"
		     "  { name = \"t\"; host = \"i\"; tls = \"starttls\"; } );\n"
		     "accounts = (\n"
		     "  { name = \"x\";\n"
		     "    origin = { server = \"s\"; user = \"a\"; password_file = \"/p\"; };\n"
		     "    destination = { server = \"t\"; user = \"b\"; password_command = "
		     "\"cat q\"; }; } );\n");
	const struct config_account *a = config_find_account(c, "x");
	const struct job *j;

	assert_non_null(a);
	assert_true(a->enabled);
	assert_null(a->schedule);
	assert_below(*state, a->file, "m.conf");
	assert_int_equal(a->line, 4);

	j = &a->job;
	assert_string_equal(j->account, "x");
	assert_null(j->run_id);
	assert_int_equal(j->kind, JOB_SYNC);
	assert_false(j->dry_run);
	assert_string_equal(j->state_dir, "/var/lib/mailmig");
	assert_true(j->min_free_bytes == UINT64_C(1) << 30);
	assert_true(j->folders.subscribe);
	assert_true(j->folders.create && j->folders.automap);
	assert_int_equal(j->match, MATCH_DEFAULT);
	assert_int_equal(j->connections, 4);
	assert_int_equal(j->max_errors, 50);
	assert_int_equal(j->retry_attempts, 5);
	assert_true(j->retry_max_delay_usec == 300 * USEC_PER_SEC);
	assert_true(j->uncertain_wait_usec == 120 * USEC_PER_SEC);
	assert_int_equal(j->log_level, LOG_INFO);

	assert_int_equal(j->origin.kind, ENDPOINT_IMAP);
	assert_string_equal(j->origin.server, "s");
	assert_string_equal(j->origin.host, "h");
	assert_int_equal(j->origin.port, 993);
	assert_int_equal(j->origin.tls, TLS_IMPLICIT);
	assert_true(j->origin.tls_verify);
	assert_string_equal(j->origin.tls_min, "1.2");
	assert_null(j->origin.tls_ca);
	assert_null(j->origin.tls_fingerprint);
	assert_null(j->origin.tls_client_cert);
	assert_null(j->origin.tls_client_key);
	assert_null(j->origin.proxy);
	assert_null(j->origin.admin_user);
	assert_false(j->origin.allow_cleartext);
	assert_int_equal(j->origin.auth, AUTH_AUTO);
	assert_string_equal(j->origin.user, "a");
	assert_int_equal(j->origin.secret.kind, SECRET_FILE);
	assert_string_equal(j->origin.secret.value, "/p");
	assert_true(j->origin.timeout_usec == 120 * USEC_PER_SEC);
	assert_int_equal(j->origin.max_connections, 0);

	assert_int_equal(j->destination.port, 143);
	assert_int_equal(j->destination.tls, TLS_STARTTLS);
	assert_int_equal(j->destination.secret.kind, SECRET_COMMAND);
	assert_string_equal(j->destination.secret.value, "cat q");
}

static void test_every_global(void **state)
{
	const struct config *c =
		load(*state,
		     "state_dir = \"state\"; socket = \"/run/x\"; max_jobs = 1000L;\n"
		     "min_free = \"10MiB\"; log_level = \"debug\"; on_error = \"stop\";\n"
		     "retry = { attempts = 7; max_delay = \"1h\"; }; uncertain_wait = \"0\";\n"
		     "servers = ( { name = \"s\"; host = \"h\"; } );\n"
		     "accounts = ( { name = \"x\";\n"
		     "  origin = { server = \"s\"; user = \"a\"; password_file = \"p\"; };\n"
		     "  destination = { server = \"s\"; user = \"b\"; password_file = \"p\"; };"
		     "} );\n");
	const struct job *j = &c->accounts[0].job;

	assert_below(*state, c->state_dir, "state");
	assert_string_equal(c->socket, "/run/x");
	assert_int_equal(c->max_jobs, 1000);
	assert_int_equal(c->log_level, LOG_DEBUG);
	assert_true(c->stop_on_error);
	assert_below(*state, j->state_dir, "state");
	assert_true(j->min_free_bytes == 10 * 1024 * 1024);
	assert_int_equal(j->log_level, LOG_DEBUG);
	assert_int_equal(j->retry_attempts, 7);
	assert_true(j->retry_max_delay_usec == 3600 * USEC_PER_SEC);
	assert_true(j->uncertain_wait_usec == 0);
}

static void test_every_server_key(void **state)
{
	const struct config *c = load(
		*state,
		"accounts = ( { name = \"x\";\n"
		"  origin = { server = \"s\"; user = \"a \\\"b\\\" \303\244\"; };\n"
		"  destination = { server = \"none\"; user = \"b\"; password_file = \"p\"; }; "
		"} );\n"
		"servers = (\n"
		"  { name = \"s\"; host = \"::1\"; port = 10993; tls = \"implicit\";\n"
		"    tls_verify = false; tls_ca = \"ca.pem\"; tls_min = \"1.3\";\n"
		"    tls_fingerprint = \"00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:\"\n"
		"      \"00112233445566778899aabbccddeeff\";\n"
		"    tls_client_cert = \"c.pem\"; tls_client_key = \"/c.key\"; auth = "
		"\"plain\";\n"
		"    admin_user = \"root\"; password_file = \"root.pw\"; max_connections = "
		"12;\n"
		"    max_rate = \"2MiB/s\"; daily_download = \"3GB\"; daily_upload = "
		"\"500MB\";\n"
		"    timeout = \"90s\"; proxy = \"socks5h://u:p@localhost:1080\"; },\n"
		"  { name = \"none\"; host = \"h\"; tls = \"none\"; allow_cleartext = true;\n"
		"    auth = \"login\"; } );\n");
	const struct endpoint *o = &c->accounts[0].job.origin,
			      *d = &c->accounts[0].job.destination;

	assert_int_equal(c->n_servers, 2);
	assert_string_equal(c->servers[0].name, "s");
	assert_string_equal(c->servers[0].endpoint.server, "s");
	assert_int_equal(c->servers[0].endpoint.max_connections, 12);

	assert_string_equal(o->host, "::1");
	assert_int_equal(o->port, 10993);
	assert_false(o->tls_verify);
	assert_below(*state, o->tls_ca, "ca.pem");
	assert_string_equal(o->tls_min, "1.3");
	assert_string_equal(o->tls_fingerprint,
			    "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	assert_below(*state, o->tls_client_cert, "c.pem");
	assert_string_equal(o->tls_client_key, "/c.key");
	assert_int_equal(o->auth, AUTH_PLAIN);
	assert_string_equal(o->admin_user, "root");
	assert_string_equal(o->user, "a \"b\" \303\244");
	assert_int_equal(o->secret.kind, SECRET_FILE); /* the administrator's */
	assert_below(*state, o->secret.value, "root.pw");
	assert_int_equal(o->max_connections, 12);
	assert_int_equal(o->max_rate, 2 << 20);
	assert_int_equal(o->daily_download, UINT64_C(3000000000));
	assert_int_equal(o->daily_upload, 500000000);
	assert_true(o->timeout_usec == 90 * USEC_PER_SEC);
	assert_string_equal(o->proxy, "socks5h://u:p@localhost:1080");

	assert_int_equal(d->tls, TLS_NONE);
	assert_true(d->allow_cleartext);
	assert_int_equal(d->max_rate, 0);
	assert_int_equal(d->daily_download, 0);
	assert_int_equal(d->port, 143);
	assert_int_equal(d->auth, AUTH_LOGIN);
	assert_below(*state, d->secret.value, "p");
}

static void test_every_account_key(void **state)
{
	const struct config *c = load(
		*state,
		"servers = ( { name = \"s\"; host = \"h\"; timeout = \"1h\";\n"
		"  max_rate = \"1000\"; }, { name = \"t\"; host = \"i\"; max_rate = "
		"\"3000/s\"; } );\n"
		"accounts = ( { name = \"Carol_1@old.example-x\"; mode = \"sync\";\n"
		"  enabled = false; schedule = \"Mon..Fri 22:00\"; watch = false;\n"
		"  origin = { server = \"s\"; user = \"a\"; password_file = \"p\"; };\n"
		"  destination = { server = \"t\"; user = \"b\"; password_file = \"p\"; };\n"
		"  folders = { subscribe = false; create = false; subscribed_only = false; };\n"
		"  flags = { mode = \"first\"; drop = [ \"NonJunk\", \"\\\\draft\" ];\n"
		"    rename = ( (\"$Label1\", \"Important\"), [ \"x\", \"\\\\Flagged\" ] ); "
		"};\n"
		"  match = ( \"date\", \"subject\" );\n"
		"  limits = { connections = 16; max_errors = 1; timeout = \"5s\";\n"
		"    max_rate = \"2kB/s\"; };\n"
		"  propagate_deletes = false; recopy_deleted = false; repair = false; } );\n");
	const struct config_account *a = config_find_account(c, "Carol_1@old.example-x");

	assert_non_null(a);
	assert_false(a->enabled);
	assert_string_equal(a->schedule, "Mon..Fri 22:00");
	assert_false(a->job.folders.subscribe);
	assert_false(a->job.folders.create);
	assert_false(a->job.repair);
	assert_int_equal(a->job.flags.mode, FLAGS_FIRST);
	assert_int_equal(a->job.flags.drop.n, 2);
	assert_string_equal(a->job.flags.drop.v[0], "NonJunk");
	assert_string_equal(a->job.flags.drop.v[1], "\\draft");
	assert_int_equal(a->job.flags.rename.n, 4);
	assert_string_equal(a->job.flags.rename.v[2], "x");
	assert_string_equal(a->job.flags.rename.v[3], "\\Flagged");
	assert_int_equal(a->job.match, MATCH_DATE | MATCH_SUBJECT);
	assert_int_equal(a->job.connections, 16);
	assert_int_equal(a->job.max_errors, 1);
	assert_true(a->job.origin.timeout_usec == 5 * USEC_PER_SEC);
	assert_true(a->job.destination.timeout_usec == 5 * USEC_PER_SEC);
	assert_int_equal(a->job.origin.max_rate, 1000); /* the lower one */
	assert_int_equal(a->job.destination.max_rate, 2000);
}

/* One user name on two servers is two mailboxes; also on two ports of one machine. */
static void test_same_user(void **state)
{
	static const char *const servers[] = {
		"{ name = \"s\"; host = \"h\"; }, { name = \"t\"; host = \"i\"; }",
		("{ name = \"s\"; host = \"h\"; port = 1; }, "
		 "{ name = \"t\"; host = \"h\"; port = 2; }"),
		"{ name = \"s\"; host = \"h\"; port = 1; }, { name = \"t\"; host = \"h\"; }",
	};

	for (size_t i = 0; i < ELEMENTS(servers); i++) {
		_cleanup_(freep) char *text = text_fmt(
			"servers = ( %s );\naccounts = ( { name = \"x\";\n"
			"  origin = { server = \"s\"; user = \"u\"; password_file = \"p\"; };\n"
			"  destination = { server = \"t\"; user = \"u\"; password_file = "
			"\"p\"; }; } );\n",
			servers[i]);

		assert_int_equal(load(*state, text)->n_accounts, 1);
	}
}

static void test_accounts_dir(void **state)
{
	struct fixture *f = *state;
	const struct config *c;

	fixture_write(f, "d/20.conf",
		      "accounts = ( { name = \"two\";\n"
		      "  origin = { server = \"s\"; user = \"a\"; password_file = \"p\"; };\n"
		      "  destination = { server = \"late\"; user = \"b\"; password_file = "
		      "\"p\"; }; } "
		      ");\n");
	fixture_write(f, "d/10.conf",
		      "accounts = ( { name = \"one\";\n"
		      "  origin = { server = \"s\"; user = \"a\"; password_file = \"p\"; };\n"
		      "  destination = { server = \"s\"; user = \"b\"; password_file = \"p\"; "
		      "}; } );\n");
	fixture_write(f, "d/30.conf", "servers = ( { name = \"late\"; host = \"l\"; } );\n");
	c = load(f, "accounts_dir = \"d\";\nservers = ( { name = \"s\"; host = \"h\"; } );\n");

	assert_int_equal(c->n_accounts, 2);
	assert_string_equal(c->accounts[0].name, "one");
	assert_string_equal(c->accounts[1].name, "two");
	assert_string_equal(c->accounts[1].job.destination.host, "l");
	assert_below(f, c->accounts[1].file, "d/20.conf");
	assert_below(f, c->accounts[1].job.origin.secret.value, "d/p");
}

static void test_include(void **state)
{
	const struct config *c;

	fixture_write(*state, "sub/s.inc",
		      "servers = ( { name = \"s\"; host = \"h\"; tls_ca = \"ca\"; } );\n");
	c = load(*state, "max_jobs = 3;\n\t@include \"sub/s.inc\"\nsocket = \"s\";\n");
	assert_int_equal(c->max_jobs, 3);
	assert_int_equal(c->n_servers, 1);
	assert_below(*state, c->servers[0].endpoint.tls_ca, "sub/ca");
	assert_below(*state, c->socket, "s");

	/* Elements of a list are no file by themselves. */
	fixture_write(*state, "two.inc", "{ name = \"s\"; host = \"h\"; },\n");
	c = load(*state,
		 "servers = (\n@include \"two.inc\"\n{ name = \"t\"; host = \"h\"; } );\n");
	assert_int_equal(c->n_servers, 2);
}

/* The directory beside the default file is read without being named, and may be missing. */
static void test_default_dir(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *path = text_fmt("%s/m.conf", f->dir);

	fixture_write(f, "m.conf", "");
	for (int pass = 0; pass < 3; pass++) {
		_cleanup_(cfg_done) struct cfg cfg = {};

		assert_int_equal(cfg_read(&cfg, path, pass > 0), 0);
		assert_int_equal(cfg.n_files, pass == 2 ? 2 : 1);
		assert_int_equal(cfg.complaints.n, 0);
		if (pass == 1)
			fixture_write(f, "mailmig/accounts.d/x.conf", "");
	}
}

/* Relative names work from where the program was started, and stay right when it moves. */
static void test_relative_path(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *back = getcwd(NULL, 0);
	int r;

	fixture_write(f, "m.conf", "state_dir = \"s\";\n");
	assert_int_equal(chdir(f->dir), 0);
	r = config_load("m.conf", &f->config, &f->errors);
	assert_int_equal(chdir(back), 0);
	assert_int_equal(r, 0);
	assert_below(f, f->config->path, "m.conf");
	assert_below(f, f->config->state_dir, "s");
}

static void test_account_names(void **state _unused_)
{
	static const char *const good[] = {
		"a", "A.b_c-d@e", "...", "0",
		"1234567890123456789012345678901234567890123456789012345678901234"};
	static const char *const bad[] = {
		"",    ".",
		"..",  "a b",
		"a/b", "a\n",
		"a:b", "\303\244",
		"a%i", "12345678901234567890123456789012345678901234567890123456789012345"};

	for (size_t i = 0; i < ELEMENTS(good); i++)
		assert_true(config_account_name_ok(good[i]));
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_false(config_account_name_ok(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_empty),
		TEST(test_defaults),
		TEST(test_every_global),
		TEST(test_every_server_key),
		TEST(test_every_account_key),
		TEST(test_accounts_dir),
		TEST(test_same_user),
		TEST(test_include),
		TEST(test_default_dir),
		TEST(test_relative_path),
		TEST(test_account_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
