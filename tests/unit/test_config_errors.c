/* SPDX-License-Identifier: Apache-2.0 */
#include "config_fixture.h"

#define SERVER        "servers = ( { name = \"s\"; host = \"h\"; } );\n" /* line 1 */
#define SERVERS(body) "servers = ( { name = \"s\"; host = \"h\"; " body " } );\n"
#define ORIGIN        "origin = { server = \"s\"; user = \"a\"; password_file = \"/p\"; }; "
#define DESTINATION   "destination = { server = \"s\"; user = \"b\"; password_file = \"/p\"; }; "
/* Line 2: an account that is right but for `body`. */
#define ACCOUNT(body) SERVER "accounts = ( { name = \"x\"; " ORIGIN DESTINATION body " } );\n"
#define LATER(key)    "m.conf:2: " key ": not in this version; remove it\n"

static void test_global(void **state)
{
	static const struct row rows[] = {
		{"max_job = 8;\n",
		 "m.conf:1: unknown key \"max_job\"; did you mean \"max_jobs\"?\n"},
		{"\n\nmaxjobs = 8;\n",
		 "m.conf:3: unknown key \"maxjobs\"; did you mean \"max_jobs\"?\n"},
		{"state-dir = \"/x\";\n",
		 "m.conf:1: unknown key \"state-dir\"; did you mean \"state_dir\"?\n"},
		{"banana = 1;\n",
		 "m.conf:1: unknown key \"banana\"; mailmig.conf(5) has the keys of the file "
		 "itself\n"},
		{"password = \"hunter2\";\n", "m.conf:1: unknown key \"password\" in the file "
					      "itself; it belongs in a servers "
					      "entry\n"},
		{"connections = 3;\n", "m.conf:1: unknown key \"connections\" in the file "
				       "itself; it belongs in limits\n"},
		{"max_jobs = 0;\n",
		 "m.conf:1: max_jobs = 0 is out of range; write 1 to 1000\n"},
		{"max_jobs = 1001;\n",
		 "m.conf:1: max_jobs = 1001 is out of range; write 1 to 1000\n"},
		{"max_jobs = -1;\n",
		 "m.conf:1: max_jobs = -1 is out of range; write 1 to 1000\n"},
		{"max_jobs = 9000000000L;\n",
		 "m.conf:1: max_jobs = 9000000000 is out of range; write 1 to 1000\n"},
		/* what libconfig would read as 4 */
		{"max_jobs = 4294967300;\n", "m.conf:1: a number is too large; write a smaller "
					     "one (sizes and time spans stand "
					     "in quotes: \"5GiB\")\n"},
		{"max_jobs = 0x100000004;\n", "m.conf:1: a number is too large; write a "
					      "smaller one (sizes and time spans stand "
					      "in quotes: \"5GiB\")\n"},
		{"max_jobs = \"8\";\n",
		 "m.conf:1: max_jobs is a text; write a whole number, without quotes\n"},
		{"max_jobs = 1.5;\n", "m.conf:1: max_jobs is a number with a fraction; write a "
				      "whole number, without "
				      "quotes\n"},
		{"min_free = 1000;\n",
		 "m.conf:1: min_free is a number; write a size in quotes, such as \"64MiB\"\n"},
		{"min_free = \"1 Gig\";\n", "m.conf:1: min_free = \"1 Gig\" is no size; write "
					    "a whole number with a unit, such "
					    "as \"64MiB\"\n"},
		{"min_free = \"9999999999T\";\n",
		 "m.conf:1: min_free = \"9999999999T\" is too large; write less than 8 EiB\n"},
		{"uncertain_wait = 120;\n",
		 "m.conf:1: uncertain_wait is a number; write a time span in quotes, such as "
		 "\"5min\"\n"},
		{"uncertain_wait = \"2 moments\";\n",
		 "m.conf:1: uncertain_wait = \"2 moments\" is no time span; write a number "
		 "with a "
		 "unit, such as \"5min\"\n"},
		{"uncertain_wait = \"2d\";\n",
		 "m.conf:1: uncertain_wait = \"2d\" is out of range; write \"0s\" to \"1d\"\n"},
		{"log_level = \"inf\";\n",
		 "m.conf:1: log_level = \"inf\" is not known; did you mean \"info\"?\n"},
		{"log_level = \"verbose\";\n", "m.conf:1: log_level = \"verbose\" is not "
					       "known; write one of \"debug\", \"info\", "
					       "\"notice\", \"warning\", \"err\"\n"},
		{"on_error = true;\n",
		 "m.conf:1: on_error is true or false; write a text in quotes\n"},
		{"state_dir = \"\";\n",
		 "m.conf:1: state_dir is empty; write a value, or remove the key\n"},
		{"socket = \"/run/\\xff\";\n",
		 "m.conf:1: socket = \"/run/?\" is not UTF-8; write it in UTF-8\n"},
		{"socket = \"/run/a\\x00b\";\n", "m.conf:1: a text contains \\x00; write it "
						 "without (a password with such an octet "
						 "goes into a password_file)\n"},
		{"retry = 5;\n",
		 "m.conf:1: retry is a number; write a group: { KEY = VALUE; }\n"},
		{"retry = { attempts = 0; max_delay = \"2d\"; attempt = 1; };\n",
		 "m.conf:1: retry.attempts = 0 is out of range; write 1 to 100\n"
		 "m.conf:1: retry.max_delay = \"2d\" is out of range; write \"0s\" to \"1d\"\n"
		 "m.conf:1: unknown key \"retry.attempt\"; did you mean \"attempts\"?\n"},
		{"notify = { after_failed_for = \"1d\"; };\n",
		 "m.conf:1: notify has no command; add command = \"PROGRAM\"\n"},
		{"notify = { command = \"x\"; after_failed_for = \"2y\"; };\n",
		 "m.conf:1: notify.after_failed_for = \"2y\" is out of range; write \"0s\" to "
		 "\"365d\"\n"},
		{"notify = {\n comand = \"x\"; };\n",
		 "m.conf:1: notify has no command; add command = \"PROGRAM\"\n"
		 "m.conf:2: unknown key \"notify.comand\"; did you mean \"command\"?\n"},
		{"groups = ( { name = \"g\";\n shedule = \"1h\"; enroll = { }; } );\n",
		 "m.conf:1: group \"g\" has no accounts_file; add accounts_file = \"FILE\"\n"
		 "m.conf:1: group \"g\" has no origin; add origin = { server = \"NAME\"; }\n"
		 "m.conf:1: group \"g\" has no destination; add destination = { server = "
		 "\"NAME\"; }\n"
		 "m.conf:2: unknown key \"shedule\"; did you mean \"schedule\"?\n"
		 "m.conf:2: enroll: not in this version; remove it\n"},
		{"oauth = ( { name = \"x\"; } );\n",
		 "m.conf:1: oauth: not in this version; remove it\n"},
		{"accounts_dir = \"nowhere\";\n", "m.conf:1: accounts_dir \"nowhere\" cannot "
						  "be read: No such file or directory; "
						  "create it, or remove the key\n"},
		{"accounts_dir = \"m.conf\";\n",
		 "m.conf:1: accounts_dir \"m.conf\" cannot be read: Not a directory; name a "
		 "directory that the service's user may read\n"},
		{"accounts_dir = 1;\n",
		 "m.conf:1: accounts_dir is a number; write a text in quotes\n"},
		{"servers = { name = \"s\"; };\n", "m.conf:1: servers is a group { }; write a "
						   "list of groups: ( { KEY = VALUE; }, { "
						   "KEY = VALUE; } )\n"},
		{"servers = [ \"s\" ];\n", "m.conf:1: servers is a list [ ]; write a list of "
					   "groups: ( { KEY = VALUE; }, { "
					   "KEY = VALUE; } )\n"},
		{"servers = ( \"s\" );\naccounts = ( ( 1 ) );\n",
		 "m.conf:1: servers contains something that is no group; write ( { KEY = "
		 "VALUE; }, "
		 "{ KEY = VALUE; } )\n"
		 "m.conf:2: accounts contains something that is no group; write ( { KEY = "
		 "VALUE; }, "
		 "{ KEY = VALUE; } )\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_server(void **state)
{
	static const struct row rows[] = {
		{"servers = ( { } );\n", "m.conf:1: server has no name; add name = \"NAME\"\n"
					 "m.conf:1: server has no host; add host = "
					 "\"imap.example.org\"\n"},
		{"servers = (\n { name = \"s\"; } );\n",
		 "m.conf:2: server \"s\" has no host; add host = \"imap.example.org\"\n"},
		{"servers = ( { name = \"s\"; host = \"h\"; },\n { host = \"i\"; name = \"s\"; "
		 "} );\n",
		 "m.conf:2: server \"s\" is there already (m.conf:1); give it another name\n"},
		{SERVERS("port = 0;"),
		 "m.conf:1: port = 0 is out of range; write 1 to 65535\n"},
		{SERVERS("port = 65536;"),
		 "m.conf:1: port = 65536 is out of range; write 1 to 65535\n"},
		{SERVERS("port = \"imaps\";"),
		 "m.conf:1: port is a text; write a whole number, without quotes\n"},
		{SERVERS("tls = \"ssl\";"), "m.conf:1: tls = \"ssl\" is not known; write one "
					    "of \"implicit\", \"starttls\", "
					    "\"none\"\n"},
		{SERVERS("tls = \"start-tls\";"),
		 "m.conf:1: tls = \"start-tls\" is not known; did you mean \"starttls\"?\n"},
		{SERVERS("tls = \"none\";"),
		 "m.conf:1: tls = \"none\" sends passwords and mail in the clear; write "
		 "\"implicit\" "
		 "or \"starttls\", or add allow_cleartext = true\n"},
		{SERVERS("tls = \"none\"; allow_cleartext = false;"),
		 "m.conf:1: tls = \"none\" sends passwords and mail in the clear; write "
		 "\"implicit\" "
		 "or \"starttls\", or add allow_cleartext = true\n"},
		{SERVERS("tls = \"none\"; allow_cleartext = true; tls_verify = true;\ntls_ca = "
			 "\"c\";"),
		 "m.conf:1: tls_verify contradicts tls = \"none\"; remove one of the two\n"
		 "m.conf:2: tls_ca contradicts tls = \"none\"; remove one of the two\n"},
		{SERVERS("tls_verify = \"no\";"),
		 "m.conf:1: tls_verify is a text; write true or false, without quotes\n"},
		{SERVERS("tls_verify = 0;"),
		 "m.conf:1: tls_verify is a number; write true or false, without quotes\n"},
		{SERVERS("tls_min = 1.2;"),
		 "m.conf:1: tls_min is a number with a fraction; write a text in quotes\n"},
		{SERVERS("tls_min = \"1.0\";"),
		 "m.conf:1: tls_min = \"1.0\" is not known; did you mean \"1.2\"?\n"},
		{SERVERS("tls_fingerprint = \"ab:cd\";"),
		 "m.conf:1: tls_fingerprint = \"ab:cd\" is no SHA-256 fingerprint; write its "
		 "64 "
		 "hexadecimal digits (as from openssl x509 -noout -fingerprint -sha256), with "
		 "or "
		 "without ':'\n"},
		{SERVERS("tls_client_key = \"k\";"),
		 "m.conf:1: tls_client_key without tls_client_cert; add the certificate's "
		 "file\n"},
		{SERVERS("auth = \"xoauth2\";"),
		 "m.conf:1: auth = \"xoauth2\": not in this version; write one of \"auto\", "
		 "\"login\", \"plain\"\n"},
		{SERVERS("auth = \"PLAIN\";"),
		 "m.conf:1: auth = \"PLAIN\" is not known; write one of \"auto\", \"login\", "
		 "\"plain\"\n"},
		{SERVERS("admin_user = \"root\";"), "m.conf:1: server \"s\" has an admin_user "
						    "without password; add password_file = "
						    "\"FILE\"\n"},
		{SERVERS("admin_user = \"root\"; password_file = \"/p\"; auth = \"login\";"),
		 "m.conf:1: auth = \"login\" contradicts admin_user; write \"plain\" or "
		 "\"auto\"\n"},
		{SERVERS("password_file = \"/p\";"),
		 "m.conf:1: password_file without admin_user; move it to the account's origin "
		 "or "
		 "destination, or add admin_user\n"},
		{SERVERS("admin_user = \"r\"; password_file = \"/p\";\npassword_command = "
			 "\"c\";"),
		 "m.conf:2: password_command beside password_file; keep one of the two\n"},
		{SERVERS("user = \"u\";"),
		 "m.conf:1: unknown key \"user\" in a servers entry; it belongs in origin or "
		 "destination\n"},
		{SERVERS("max_connections = -1;"),
		 "m.conf:1: max_connections = -1 is out of range; write 0 to 1000\n"},
		{SERVERS("timeout = \"0\";"),
		 "m.conf:1: timeout = \"0\" is out of range; write \"1s\" to \"1d\"\n"},
		/* a proxy's address may hold a password: it is not shown */
		{SERVERS("proxy = \"u:hunter2@p\";"),
		 "m.conf:1: proxy is no proxy; write SCHEME://HOST:PORT with socks5h, socks5, "
		 "socks4a, socks4, http or https\n"},
		{"servers = ( { name = \"s\"; preset = \"gmail\"; oauth = \"o\"; } );\n",
		 "m.conf:1: preset: not in this version; remove it\n"
		 "m.conf:1: oauth: not in this version; remove it\n"},
		{SERVERS("max_rate = \"1MiB/h\";"),
		 "m.conf:1: max_rate = \"1MiB/h\" is no rate; write a size a second, such as "
		 "\"2MiB/s\"\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_host(void **state)
{
	static const struct row rows[] = {
		{"host:993", "contains ':'; write the port as a key of its own (port = 993)"},
		{"imaps://host", "is an address of the web's kind; write the name alone"},
		{"a b", "is no host name; write it without blanks, '/' and the like"},
		{"a/b", "is no host name; write it without blanks, '/' and the like"},
		{"u@host", "is no host name; write it without blanks, '/' and the like"},
		{"[::1]", "has brackets; write the IPv6 address without them"},
		{"1::2::3", "contains ':'; write the port as a key of its own (port = 993)"},
	};
	static const char *const good[] = {
		"localhost",        "10.0.0.1", "::1", "fe80::1%eth0", "m\303\274nchen.example",
		"imap.example.org."};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		_cleanup_(freep) char *text = text_fmt(
			"servers = ( { name = \"s\"; host = \"%s\"; } );", rows[i].text);
		_cleanup_(freep) char *expected = text_fmt("m.conf:1: host = \"%s\" %s\n",
							   rows[i].text, rows[i].expected);

		fixture_write(*state, "m.conf", text);
		fixture_expect(*state, expected);
	}
	for (size_t i = 0; i < ELEMENTS(good); i++) {
		_cleanup_(freep) char *text =
			text_fmt("servers = ( { name = \"s\"; host = \"%s\"; } );", good[i]);

		fixture_write(*state, "m.conf", text);
		fixture_expect(*state, "");
	}
}

static void test_account(void **state)
{
	static const struct row rows[] = {
		{SERVER "accounts = ( { " ORIGIN DESTINATION "} );\n",
		 "m.conf:2: account has no name; add name = \"NAME\"\n"},
		{SERVER "accounts = ( { name = \"a/b\"; " ORIGIN DESTINATION "} );\n",
		 "m.conf:2: name = \"a/b\" is no name; use 1 to 64 of A-Z a-z 0-9 _ . @ - (and "
		 "not "
		 "\".\" or \"..\" alone)\n"},
		{SERVER "accounts = ( { name = \"..\"; " ORIGIN DESTINATION "} );\n",
		 "m.conf:2: name = \"..\" is no name; use 1 to 64 of A-Z a-z 0-9 _ . @ - (and "
		 "not "
		 "\".\" or \"..\" alone)\n"},
		{SERVER "accounts = ( { name = \"x\"; " ORIGIN DESTINATION
			"},\n{ name = \"x\"; " ORIGIN DESTINATION "} );\n",
		 "m.conf:3: account \"x\" is there already (m.conf:2); give it another name\n"},
		{"accounts = ( { name = \"x\"; } );\n",
		 "m.conf:1: account \"x\" has no origin; add origin = { server = \"NAME\"; "
		 "user = "
		 "\"USER\"; password_file = \"FILE\"; }\n"
		 "m.conf:1: account \"x\" has no destination; add destination = { server = "
		 "\"NAME\"; "
		 "user = \"USER\"; password_file = \"FILE\"; }\n"},
		{SERVER "accounts = ( { name = \"x\"; origin = {\n}; " DESTINATION "} );\n",
		 "m.conf:2: origin has no server; add server = \"NAME\"\n"
		 "m.conf:2: origin has no user; add user = \"USER\"\n"
		 "m.conf:2: origin has no password; add password_file = \"FILE\"\n"},
		{SERVER "accounts = ( { name = \"x\"; origin = \"s\"; " DESTINATION "} );\n",
		 "m.conf:2: origin is a text; write a group: { KEY = VALUE; }\n"},
		{SERVER
		 "accounts = ( { name = \"x\"; " DESTINATION
		 "\norigin = { server = \"t\"; user = \"a\"; password_file = \"p\"; }; } );\n",
		 "m.conf:3: origin.server = \"t\" is not in servers; did you mean \"s\"?\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"gone\"; user = \"a\"; password_file = \"p\"; "
			"}; } );\n",
		 "m.conf:3: origin.server = \"gone\" is not in servers; add it there\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"s\"; user = \"a\\nb\"; password_file = \"p\"; "
			"}; } );\n",
		 "m.conf:3: origin.user = \"a?b\" contains a line break; remove it\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"s\"; host = \"h\"; user = \"a\"; "
			"password_file = \"p\"; "
			"}; } );\n",
		 "m.conf:3: unknown key \"origin.host\" in origin or destination; it belongs "
		 "in a "
		 "servers entry\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"s\"; user = \"a\"; password_file = \"p\";\n"
			"password_command = \"c\"; }; } );\n",
		 "m.conf:4: origin.password_command beside password_file; keep one of the "
		 "two\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"s\"; user = \"a\"; password_credential = "
			"\"/p\"; }; } "
			");\n",
		 "m.conf:3: origin.password_credential is no name of a secret; use 1 to 64 of "
		 "A-Z "
		 "a-z 0-9 _ . @ - (and not \".\" or \"..\" alone)\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { maildir = \"/m\"; layout = \"fs\"; }; } );\n",
		 "m.conf:3: origin.maildir: not in this version; remove it\n"
		 "m.conf:3: origin.layout: not in this version; remove it\n"},
		{SERVER "accounts = ( { name = \"x\"; " DESTINATION
			"\norigin = { server = \"s\"; user = \"a\"; password_command = \" \"; "
			"}; } );\n",
		 "m.conf:3: origin.password_command = \" \" is blank; write the command\n"},
		{SERVER
		 "accounts = ( { name = \"x\"; " DESTINATION
		 "\norigin = { server = \"s\"; user = \"b\"; password_file = \"p\"; }; } );\n",
		 "m.conf:2: origin and destination are the same mailbox; name another user or "
		 "server\n"},
		{"servers = ( { name = \"s\"; host = \"h\"; }, { name = \"t\"; host = \"h\"; } "
		 ");\n"
		 "accounts = ( { name = \"x\"; " DESTINATION
		 "origin = { server = \"t\"; user = \"b\"; password_file = \"p\"; }; } );\n",
		 "m.conf:2: origin and destination are the same mailbox; name another user or "
		 "server\n"},
		{SERVERS("admin_user = \"r\"; password_file = \"/p\";") "accounts = ( { name = "
									"\"x\"; origin = { "
									"server = \"s\"; user "
									"= \"a\"; };\n"
									"destination = { "
									"server = \"s\"; user "
									"= \"b\"; "
									"password_file = "
									"\"p\"; }; } );\n",
		 "m.conf:3: destination.password_file is of no use: server \"s\" logs in with "
		 "its "
		 "admin_user; remove it\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_account_keys(void **state)
{
	static const struct row rows[] = {
		{ACCOUNT("mode = \"move\";"),
		 "m.conf:2: mode = \"move\": not in this version; write "
		 "\"sync\"\n"},
		{ACCOUNT("mode = \"backup\"; backup = { maildir = \"/b\"; };"),
		 "m.conf:2: mode = \"backup\": not in this version; write \"sync\"\n" LATER(
			 "backup")},
		{ACCOUNT("mode = \"snyc\";"),
		 "m.conf:2: mode = \"snyc\" is not known; did you mean \"sync\"?\n"},
		{ACCOUNT("schedule = 10;"),
		 "m.conf:2: schedule is a number; write a text in quotes\n"},
		{ACCOUNT("enabled = \"yes\";"),
		 "m.conf:2: enabled is a text; write true or false, without quotes\n"},
		{ACCOUNT("watch = true;"),
		 "m.conf:2: watch = true: not in this version; write false, or remove it\n"},
		{ACCOUNT("watch = \"x\";"),
		 "m.conf:2: watch is a text; write true or false, without quotes\n"},
		{ACCOUNT("folders = { exlude = 1; };"),
		 "m.conf:2: unknown key \"folders.exlude\"; did you mean \"exclude\"?\n"},
		{ACCOUNT("exclude = [ \"x\" ];"), "m.conf:2: unknown key \"exclude\" in an "
						  "accounts entry; it belongs in folders\n"},
		{ACCOUNT("limits = { max_age = \"1d\"; };"),
		 "m.conf:2: unknown key \"limits.max_age\" in limits; it belongs in "
		 "messages\n"},
		{ACCOUNT("delete = { keep_for = \"1d\"; kep_for = \"2d\"; };"),
		 LATER("delete") "m.conf:2: unknown key \"delete.kep_for\"; did you mean "
				 "\"keep_for\"?\n"},
		{ACCOUNT("match = \"date\";"),
		 "m.conf:2: match is a text; write a list of texts: [ \"A\", \"B\" ]\n"},
		{ACCOUNT("match = [ ];"),
		 "m.conf:2: match is empty; name at least one, or remove the key\n"},
		{ACCOUNT("match = [ 1 ];"), "m.conf:2: match contains a number; write a list "
					    "of texts: [ \"A\", \"B\" ]\n"},
		{ACCOUNT("match = [ \"date\",\n\"body\",\n\"form\" ];"),
		 "m.conf:4: match = \"form\" is not known; did you mean \"from\"?\n"},
		{ACCOUNT("phase = \"final\";"), LATER("phase")},
		{ACCOUNT("limits = { connections = 17; };"),
		 "m.conf:2: limits.connections = 17 is out of range; write 1 to 16\n"},
		{ACCOUNT("limits = { max_errors = 0; max_rate = \"x\"; timeout = \"x\"; };"),
		 "m.conf:2: limits.max_errors = 0 is out of range; write 1 to 1000000\n"
		 "m.conf:2: limits.max_rate = \"x\" is no rate; write a size a second, such as "
		 "\"2MiB/s\"\n"
		 "m.conf:2: limits.timeout = \"x\" is no time span; write a number with a "
		 "unit, "
		 "such as \"5min\"\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_syntax(void **state)
{
	static const struct row rows[] = {
		{"servers = (\n { name = \"s\"; host = \"h\"; },\n);\n",
		 "m.conf:3: syntax error: a ',' after the last element; remove it\n"},
		{"servers = (\n { name = \"s\"; host = \"h\"; }\n { name = \"t\"; host = "
		 "\"h\"; }\n);\n",
		 "m.conf:3: syntax error: no ',' between two elements of a list; write one\n"},
		{"min_free = 10M;\n",
		 "m.conf:1: syntax error: a number with a unit; write it in quotes, such as "
		 "\"10M\"\n"},
		/* what stands without quotes may be a password: it is not shown */
		{"log_level = hunter2;\n", "m.conf:1: syntax error: a text without quotes; "
					   "write it in quotes (only true, "
					   "false and numbers go without)\n"},
		{"max_jobs 8;\n",
		 "m.conf:1: syntax error: no '=' after a key; write KEY = VALUE\n"},
		{"max_jobs = ;\n",
		 "m.conf:1: syntax error: no value after the '='; write one\n"},
		{"max_jobs = 8;;\n", "m.conf:1: syntax error: a ';' too many; remove it\n"},
		{"max_jobs =", "m.conf:1: syntax error: the file ends "
			       "within a setting; complete it\n"},
		{"= 8;\n",
		 "m.conf:1: syntax error: a value without a key; write KEY = before it\n"},
		{"{ a = 1; }\n",
		 "m.conf:1: syntax error: a '{' without a key; write KEY = before it\n"},
		{"retry = {\n attempts = 5;\n\n", "m.conf:1: syntax error: a '{' is "
						  "never closed; write '}'\n"},
		{"retry = { attempts = 5; };\n}\n",
		 "m.conf:2: syntax error: a '}' closes nothing; remove it\n"},
		{"servers = ( { name = \"s\";\n );\n",
		 "m.conf:2: syntax error: the '{' of line 1 ends in ')'; write '}' first\n"},
		{"socket = \"/run/x;\nstate_dir = \"/y\";\n",
		 "m.conf:1: syntax error: a text goes over the end of its "
		 "line; "
		 "write '\"' at its end\n"},
		{"socket = \"/run/x;\n",
		 "m.conf:1: syntax error: a text is never closed; write '\"' at its end\n"},
		/* what libconfig takes for one text up to the end of the file */
		{"socket = \"/run/x\"\";\nmax_job = 9;\n",
		 "m.conf:1: syntax error: a text is never closed; write '\"' at its end\n"},
		{"max_jobs = 8; socket = \"/x\" 3;\n",
		 "m.conf:1: syntax error: no ';' after a value; write one\n"},
		/* a text over several lines is fine by itself */
		{"log_level = \"in\nfo\";\nmax_jobs 8;\n",
		 "m.conf:3: syntax error: no '=' after a key; write KEY = VALUE\n"},
		{"max_jobs = 8;\nmax_jobs = 9;\n",
		 "m.conf:2: a key is set twice in one place; keep one of the two\n"},
		{"x = [ 1, \"a\" ];\n", "m.conf:1: values of different types between '[' and "
					"']'; write all of one type\n"},
		{"max_jobs = 8; !\n", "m.conf:1: syntax error: a character has no meaning "
				      "here; write texts in quotes, "
				      "and keys in letters, digits, '_'\n"},
		{"\357\273\277max_jobs = 8;\n", "m.conf:1: syntax error: the file begins with "
						"a byte order mark; save it without\n"},
		/* what libconfig takes for the end of the file */
		{"max_jobs = 8;\n/* never closed\nmax_job = 9;\n",
		 "m.conf:2: syntax error: a comment is never closed; write '*/' at its end\n"},
	};

	check_rows(state, rows, ELEMENTS(rows));
}

static void test_nul(void **state)
{
	static const char text[] = "max_jobs = 8;\nmin_free =\0 3;\n";

	fixture_write_octets(*state, "m.conf", text, sizeof(text) - 1);
	fixture_expect(*state,
		       "m.conf:2: the file contains a NUL octet; write it as text in UTF-8\n");
}

static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *fifo = text_fmt("%s/fifo", f->dir);
	_cleanup_(freep) char *got = NULL, *got_dir = NULL, *got_fifo = NULL;

	assert_int_equal(fixture_load(f, "none.conf"), -EINVAL);
	got = fixture_errors(f);
	assert_string_equal(
		got, "none.conf: cannot be read: No such file or directory; create it, or "
		     "name another file\n");

	assert_int_equal(fixture_load(f, ""), -EINVAL);
	got_dir = fixture_errors(f);
	assert_string_equal(got_dir, ": cannot be read: Is a directory; name a regular file\n");

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(fixture_load(f, "fifo"), -EINVAL); /* and does not wait for a writer */
	got_fifo = fixture_errors(f);
	assert_string_equal(got_fifo,
			    "fifo: cannot be read: Not a regular file; name a regular file\n");
}

static void test_inline_password(void **state)
{
	fixture_write(*state, "m.conf",
		      SERVER
		      "accounts = ( { name = \"x\"; " DESTINATION
		      "origin = { server = \"s\"; user = \"a\"; password = \"p\"; }; } );\n");
	fixture_expect(
		*state,
		"m.conf:2: password stands in a file that everybody may use (mode 0644); "
		"chmod o= m.conf, or put it into a password_file\n");
	fixture_chmod(*state, "m.conf", 0641);
	fixture_expect(
		*state,
		"m.conf:2: password stands in a file that everybody may use (mode 0641); "
		"chmod o= m.conf, or put it into a password_file\n");
	fixture_chmod(*state, "m.conf", 0640);
	fixture_expect(*state, "");

	/* The file that counts is the one in which it stands. */
	fixture_write(*state, "secret.inc",
		      "origin = { server = \"s\"; user = \"a\"; password = \"p\"; };\n");
	fixture_write(*state, "m.conf",
		      SERVER "accounts = ( { name = \"x\"; " DESTINATION
			     "\n@include \"secret.inc\"\n } );\n");
	fixture_expect(*state,
		       "secret.inc:1: password stands in a file that everybody may use (mode "
		       "0644); chmod o= secret.inc, or put it into a password_file\n");
	fixture_chmod(*state, "secret.inc", 0600);
	fixture_chmod(*state, "m.conf", 0644);
	fixture_expect(*state, "");
}

/* No complaint ever quotes a password, whatever is wrong with it. */
static void test_password_not_shown(void **state)
{
	static const char *const texts[] = {
		"password = \"hunter2\\xff\"",
		"password = \"hunter2\"; password_file = \"/f\"",
		"password = [ \"hunter2\" ]",
		"password = hunter2",
		"password = \"hunter2",
		"password = \"hun\"hunter2\"",
		"pasword = \"hunter2\"",
		"password = \"hunter2\" \"\\x00\"",
		"password_credential = \"hunter2!\"",
		"password_stored = \"hunter2!\"",
	};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		_cleanup_(freep) char *text = NULL, *got = NULL;

		text = text_fmt(SERVER "accounts = ( { name = \"x\"; " DESTINATION
				       "origin = { server = \"s\"; user = \"a\"; %s; }; } );\n",
				texts[i]);
		fixture_write(*state, "m.conf", text);
		assert_int_equal(fixture_load(*state, "m.conf"), -EINVAL);
		got = fixture_errors(*state);
		assert_null(strstr(got, "hunter"));
	}
}

static void test_includes(void **state)
{
	fixture_write(*state, "m.conf", "@include \"none.inc\"\nmax_job = 1;\n");
	fixture_expect(
		*state,
		"m.conf:1: \"none.inc\" cannot be read: No such file or directory; create "
		"it, or name another file\n");

	/* libconfig would leave the process */
	fixture_write(*state, "m.conf", "@include \".\"\n");
	fixture_expect(*state,
		       "m.conf:1: \".\" cannot be read: Is a directory; name a regular file\n");

	fixture_write(*state, "m.conf", "retry = { @include \"x\"\n };");
	fixture_expect(*state,
		       "m.conf:1: '@' is for @include alone; write @include \"FILE\" on a line "
		       "of its own\n");

	fixture_write(*state, "m.conf", "max_jobs = 8;\n@include \"sub/a.inc\"\n");
	fixture_write(*state, "sub/a.inc", "\nmin_free = 8;\n");
	fixture_expect(*state,
		       "sub/a.inc:2: min_free is a number; write a size in quotes, such as "
		       "\"64MiB\"\n");
	fixture_write(*state, "sub/a.inc", "\nmin_free = 8 9;\n");
	fixture_expect(*state, "sub/a.inc:2: syntax error: no ';' after a value; write one\n");
	fixture_write(*state, "sub/a.inc", "max_jobs = 8;\n");
	fixture_expect(*state,
		       "sub/a.inc:1: a key is set twice in one place; keep one of the two\n");
	fixture_write(*state, "sub/a.inc", "min_free = \"1\"; // comment");
	fixture_expect(*state, "sub/a.inc:1: syntax error; end the last line with a newline\n");
	fixture_write(*state, "sub/a.inc", "@include \"b.inc\"\n");
	fixture_expect(*state,
		       "sub/a.inc:1: \"b.inc\" cannot be included; write its whole path, "
		       "beginning with '/'\n");
}

static void test_include_loop(void **state)
{
	struct fixture *f = *state;
	_cleanup_(freep) char *text = text_fmt("@include \"%s/m.conf\"\n", f->dir);

	fixture_write(f, "m.conf", text);
	fixture_expect(
		f, "m.conf:1: @include goes deeper than 10 files; include fewer, and none by "
		   "itself\n");
}

/* All files are read, whatever is wrong with one, and the lines come in their order. */
static void test_several_files(void **state)
{
	fixture_write(*state, "m.conf", "accounts_dir = \"d\";\nmax_job = 1;\n" SERVER);
	fixture_write(*state, "d/b.conf",
		      "accounts = ( { name = \"x\"; " ORIGIN DESTINATION "} );\n");
	fixture_write(*state, "d/a.conf",
		      "accounts = ( { name = \"x\"; " ORIGIN DESTINATION "} );\n");
	fixture_write(*state, "d/c.conf", "max_jobs = 3;\nservers = (,);\n");
	fixture_write(*state, "d/d.conf", "max_jobs = 3;\naccounts = ( );\n");
	fixture_write(*state, "d/ignored.conf~", "nonsense");
	fixture_write(*state, "d/.hidden.conf", "nonsense");
	fixture_write(*state, "d/e.conf/f", "a directory");
	fixture_expect(
		*state,
		"m.conf:2: unknown key \"max_job\"; did you mean \"max_jobs\"?\n"
		"d/b.conf:1: account \"x\" is there already (d/a.conf:1); give it another "
		"name\n"
		"d/c.conf:2: syntax error: a ',' where an element should be; remove it\n"
		"d/d.conf:1: max_jobs belongs in the main file; move it to m.conf\n"
		"d/e.conf: cannot be read: Is a directory; name a regular file\n");
}

/* A broken main file does not hide the others' errors, and makes no dangling names of them. */
static void test_broken_main(void **state)
{
	fixture_write(*state, "m.conf", "accounts_dir = \"d\";\nmax_jobs = 8M;\n" SERVER);
	fixture_write(*state, "d/a.conf",
		      "accounts = ( { name = \"x\"; phase = \"final\"; " ORIGIN
		      "destination = { server = \"s\"; user = \"b\"; }; } );\n");
	fixture_expect(
		*state,
		"m.conf:2: syntax error: a number with a unit; write it in quotes, such as "
		"\"10M\"\n"
		"d/a.conf:1: phase: not in this version; remove it\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)
		TEST(test_global),
		TEST(test_server),
		TEST(test_host),
		TEST(test_account),
		TEST(test_account_keys),
		TEST(test_syntax),
		TEST(test_nul),
		TEST(test_unreadable),
		TEST(test_inline_password),
		TEST(test_password_not_shown),
		TEST(test_includes),
		TEST(test_include_loop),
		TEST(test_several_files),
		TEST(test_broken_main),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
