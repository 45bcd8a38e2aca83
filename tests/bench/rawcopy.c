/* SPDX-License-Identifier: Apache-2.0 */

/* The ceiling of `make bench`: how fast any client could copy this mailbox between these two
 * servers.
 *
 *   rawcopy transfer …  loads a mailbox of the origin into memory, ready to send, and makes its
 *                       folders at the destination. Then it measures: the upload alone, the
 *                       download alone (everything is dropped), both at once on two threads.
 *   rawcopy list …      measures one conversation: what is in which folder (LIST-STATUS).
 *
 * The clock runs from before connect() until the connection is closed after LOGOUT: TCP, TLS,
 * login and transfer are in; loading and making folders are not. The upload is MULTIAPPEND with
 * LITERAL+, all commands sent without waiting; the download one UID FETCH for each folder, all
 * sent at once. Before each of the three "ready NAME" is printed and a line of standard input
 * waited for; at the end, one JSON object. */

#include "rawimap.h"

#include <getopt.h>
#include <jansson.h>
#include <mailmig/clock.h>
#include <mailmig/fs.h>
#include <mailmig/jsonio.h>
#include <mailmig/parse.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Of one MULTIAPPEND command. Larger ones gain nothing: the server syncs once a command. */
#define BATCH_MESSAGES 100
#define BATCH_BYTES    (2 * 1024 * 1024)

struct options {
	const char *ca_file;
	struct buf password;
	uint16_t origin, destination; /* ports: where the clock runs */
	uint16_t load, prepare;       /* ports: the same servers, where it does not */
	const char *user;             /* at the origin */
	const char *upload_user;      /* at the destination: empty ones */
	const char *both_user;
};

/* Names of folders as the server spells them: quoted, or atoms. */
struct folders {
	char **names;
	size_t n;
};

/* The whole upload as octets, and what goes into them. */
struct upload {
	struct buf bytes;
	size_t commands, messages;
	uint64_t message_bytes;
	size_t batch_messages, batch_bytes; /* of the command being built; 0 messages: none */
};

struct measure {
	double seconds, cpu_seconds;
};

static void folders_done(struct folders *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	*f = (struct folders){0};
}

static void upload_done(struct upload *u)
{
	buf_done(&u->bytes);
}

static struct raw_login login_for(const struct options *o, uint16_t port, const char *user)
{
	return (struct raw_login){
		.ca_file = o->ca_file,
		.port = port,
		.user = user,
		.password = buf_str(&o->password),
	};
}

/* `* LIST (\flags) "/" name`: keep the name as it is, to be sent back as it is. */
static int folders_add(struct folders *f, const char *line)
{
	const char *name = strstr(line, ") ");
	char **grown;

	if (!name || strcasestr(line, "\\Noselect") || strcasestr(line, "\\NonExistent"))
		return 0;

	name = strchr(name + 2, ' ');
	if (!name || line[strlen(line) - 1] == '}')
		return raw_fail("cannot read: %.200s", line);

	grown = reallocarray(f->names, f->n + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	f->names = grown;

	f->names[f->n] = strdup(name + 1);
	if (!f->names[f->n])
		return -ENOMEM;
	f->n++;
	return 0;
}

static int list_folders(struct raw_conn *c, struct folders *f)
{
	int r;

	r = raw_sendf(c, "list LIST \"\" \"*\"\r\n");
	while (r == 0) {
		const char *line;
		size_t n;

		r = raw_line(c, &line, &n);
		if (r < 0)
			return r;

		if (!strncmp(line, "list ", 5))
			return strncmp(line, "list OK", 7) ? raw_fail("%.200s", line) : 0;

		if (!strncmp(line, "* LIST ", 7))
			r = folders_add(f, line);
	}

	return r;
}

/* "(\\Seen \\Recent)": all but \\Recent, which is the server's own. */
static int add_flags(struct buf *into, const char *flags)
{
	size_t n = strcspn(flags, ")");
	const char *recent = memmem(flags, n, "\\Recent", 7);
	size_t before = recent ? (size_t)(recent - flags) : n;
	int r;

	r = buf_add(into, flags, before);
	if (r == 0 && recent)
		r = buf_add(into, recent + 7, n - before - 7);
	return r < 0 ? r : buf_addc(into, ')');
}

/* The upload of the next message: its announcement, with the command before it where a new one
 * begins. `fetch` is the line `* 7 FETCH (UID 7 FLAGS (…) INTERNALDATE "…" … {n}`. */
static int upload_announce(struct upload *u, const char *folder, const char *fetch,
			   uint64_t size_bytes)
{
	const char *flags = strstr(fetch, "FLAGS (");
	const char *date = strstr(fetch, "INTERNALDATE \"");
	int r = 0;

	if (!flags || !date)
		return raw_fail("cannot read: %.200s", fetch);
	flags += strlen("FLAGS ");
	date += strlen("INTERNALDATE \"");

	if (u->batch_messages == 0)
		r = buf_addf(&u->bytes, "u%zu APPEND %s", ++u->commands, folder);
	if (r == 0)
		r = buf_addc(&u->bytes, ' ');
	if (r == 0)
		r = add_flags(&u->bytes, flags);
	if (r < 0)
		return r;

	u->batch_messages++;
	u->batch_bytes += size_bytes;
	u->messages++;
	u->message_bytes += size_bytes;
	return buf_addf(&u->bytes, " \"%.*s\" {%llu+}\r\n", (int)strcspn(date, "\""), date,
			(unsigned long long)size_bytes);
}

static int upload_end_command(struct upload *u)
{
	if (u->batch_messages == 0)
		return 0;

	u->batch_messages = u->batch_bytes = 0;
	return buf_adds(&u->bytes, "\r\n");
}

/* One folder's answers, until its tagged OK. Without `u` all is dropped. */
static int receive_folder(struct raw_conn *c, const char *folder, const char *tag,
			  struct upload *u)
{
	size_t tag_len = strlen(tag);

	for (;;) {
		const char *line;
		size_t n;
		uint64_t size_bytes;
		int r;

		r = raw_line(c, &line, &n);
		if (r < 0)
			return r;

		if (!strncmp(line, tag, tag_len) && line[tag_len] == ' ') {
			if (strncmp(line + tag_len, " OK", 3))
				return raw_fail("%s: %.200s", folder, line);
			return u ? upload_end_command(u) : 0;
		}

		if (!raw_line_literal(line, n, &size_bytes))
			continue;

		if (u && u->batch_messages > 0 &&
		    (u->batch_messages >= BATCH_MESSAGES ||
		     u->batch_bytes + size_bytes > BATCH_BYTES))
			r = upload_end_command(u);
		if (u && r == 0)
			r = upload_announce(u, folder, line, size_bytes);
		if (r == 0)
			r = raw_octets(c, size_bytes, u ? &u->bytes : NULL);
		if (r < 0)
			return r;
	}
}

static int download_from(struct raw_conn *c, const struct folders *f, struct upload *u)
{
	_cleanup_(buf_done) struct buf commands = {0};
	int r;

	for (size_t i = 0; i < f->n; i++) {
		r = buf_addf(&commands,
			     "e%zu EXAMINE %s\r\n"
			     "f%zu UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE "
			     "BODY.PEEK[])\r\n",
			     i, f->names[i], i);
		if (r < 0)
			return r;
	}

	r = raw_send(c, commands.p, commands.len);
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		char tag[32];

		snprintf(tag, sizeof(tag), "e%zu", i);
		r = raw_await(c, tag, false);
		if (r < 0)
			return r;

		tag[0] = 'f';
		r = receive_folder(c, f->names[i], tag, u);
	}

	/* Not before all has come: Dovecot 2.3's TLS relay drops what it still holds of the
	 * answers when the mail process behind it leaves. */
	return r < 0 ? r : raw_logout(c);
}

static int download(const struct options *o, const struct folders *f)
{
	_cleanup_(raw_close) struct raw_conn c = RAW_CONN_EMPTY;
	struct raw_login login = login_for(o, o->origin, o->user);
	int r;

	r = raw_open(&c, &login);
	if (r == 0)
		r = download_from(&c, f, NULL);

	return r < 0 ? r : raw_finish(&c);
}

static int upload(const struct options *o, const char *user, const struct upload *u)
{
	_cleanup_(raw_close) struct raw_conn c = RAW_CONN_EMPTY;
	struct raw_login login = login_for(o, o->destination, user);
	int r;

	r = raw_open(&c, &login);
	if (r == 0)
		r = raw_send(&c, u->bytes.p, u->bytes.len);
	if (r == 0)
		r = raw_logout(&c);

	for (size_t i = 1; r == 0 && i <= u->commands; i++) {
		char tag[32];

		snprintf(tag, sizeof(tag), "u%zu", i);
		r = raw_await(&c, tag, false);
	}

	return r < 0 ? r : raw_finish(&c);
}

static int load(const struct options *o, struct folders *f, struct upload *u)
{
	_cleanup_(raw_close) struct raw_conn c = RAW_CONN_EMPTY;
	struct raw_login login = login_for(o, o->load, o->user);
	int r;

	r = raw_open(&c, &login);
	if (r == 0)
		r = list_folders(&c, f);
	if (r == 0)
		r = download_from(&c, f, u);

	return r < 0 ? r : raw_finish(&c);
}

static int make_folders(const struct options *o, const char *user, const struct folders *f)
{
	_cleanup_(raw_close) struct raw_conn c = RAW_CONN_EMPTY;
	struct raw_login login = login_for(o, o->prepare, user);
	int r;

	r = raw_open(&c, &login);
	for (size_t i = 0; r == 0 && i < f->n; i++) {
		r = raw_sendf(&c, "make CREATE %s\r\n", f->names[i]);
		if (r == 0)
			r = raw_await(&c, "make", true); /* NO: INBOX is there already */
	}
	if (r == 0)
		r = raw_logout(&c);

	return r < 0 ? r : raw_finish(&c);
}

static double cpu_seconds(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u); /* cannot fail with these arguments */
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / USEC_PER_SEC;
}

struct task {
	const struct options *options;
	const struct folders *folders;
	int result;
};

static void *download_thread(void *p)
{
	struct task *t = p;

	t->result = download(t->options, t->folders);
	return NULL;
}

static int both(const struct options *o, const struct folders *f, const struct upload *u)
{
	struct task task = {.options = o, .folders = f};
	pthread_t thread;
	int r;

	r = pthread_create(&thread, NULL, download_thread, &task);
	if (r != 0)
		return raw_fail("thread: %s", strerror(r));

	r = upload(o, o->both_user, u);
	(void)pthread_join(thread, NULL); /* only fails for a thread that is not ours */
	return r < 0 ? r : task.result;
}

/* Say what comes next and wait for a line, or the end, of standard input: whoever measures us
 * begins here. */
static int wait_for_go(const char *name)
{
	int c;

	if (printf("ready %s\n", name) < 0 || fflush(stdout) == EOF)
		return raw_fail("standard output: %m");

	do
		c = getchar();
	while (c != '\n' && c != EOF);
	return 0;
}

enum what { UPLOAD, DOWNLOAD, BOTH };

static int measure(const struct options *o, enum what what, const struct folders *f,
		   const struct upload *u, json_t *into, const char *name)
{
	uint64_t start;
	double cpu;
	int r;

	r = wait_for_go(name);
	if (r < 0)
		return r;

	start = clock_usec();
	cpu = cpu_seconds();
	if (what == UPLOAD)
		r = upload(o, o->upload_user, u);
	else if (what == DOWNLOAD)
		r = download(o, f);
	else
		r = both(o, f, u);
	if (r < 0)
		return r;

	return json_object_set_new(into, name,
				   json_pack("{s:f, s:f}", "seconds",
					     (double)(clock_usec() - start) / USEC_PER_SEC,
					     "cpu_seconds", cpu_seconds() - cpu));
}

static int transfer(const struct options *o, json_t *result)
{
	_cleanup_(folders_done) struct folders f = {0};
	_cleanup_(upload_done) struct upload u = {0};
	int r;

	r = load(o, &f, &u);
	if (r < 0)
		return r;

	json_object_set_new(result, "folders", json_integer((json_int_t)f.n));
	json_object_set_new(result, "messages", json_integer((json_int_t)u.messages));
	json_object_set_new(result, "bytes", json_integer((json_int_t)u.message_bytes));
	json_object_set_new(result, "commands", json_integer((json_int_t)u.commands));

	if (o->upload_user) {
		r = make_folders(o, o->upload_user, &f);
		if (r == 0)
			r = measure(o, UPLOAD, &f, &u, result, "upload");
		if (r == 0)
			r = measure(o, DOWNLOAD, &f, &u, result, "download");
		if (r < 0)
			return r;
	}

	if (o->both_user) {
		r = make_folders(o, o->both_user, &f);
		if (r == 0)
			r = measure(o, BOTH, &f, &u, result, "both");
	}

	return r;
}

static int list(const struct options *o, json_t *result)
{
	_cleanup_(raw_close) struct raw_conn c = RAW_CONN_EMPTY;
	struct raw_login login = login_for(o, o->origin, o->user);
	uint64_t start = clock_usec();
	double cpu = cpu_seconds();
	int r;

	r = raw_open(&c, &login);
	if (r == 0)
		r = raw_sendf(&c, "s LIST \"\" \"*\" RETURN (STATUS (MESSAGES UIDNEXT "
				  "UIDVALIDITY HIGHESTMODSEQ))\r\n");
	if (r == 0)
		r = raw_logout(&c);
	if (r == 0)
		r = raw_await(&c, "s", false);
	if (r == 0)
		r = raw_finish(&c);
	if (r < 0)
		return r;

	json_object_set_new(result, "seconds",
			    json_real((double)(clock_usec() - start) / USEC_PER_SEC));
	json_object_set_new(result, "cpu_seconds", json_real(cpu_seconds() - cpu));
	return 0;
}

static int usage(void)
{
	fputs("usage: rawcopy transfer|list --ca FILE --password-file FILE --user NAME\n"
	      "         --origin PORT [--load PORT] [--destination PORT] [--prepare PORT]\n"
	      "         [--upload-user NAME] [--both-user NAME]\n",
	      stderr);
	return 2;
}

static int port_option(const char *text, uint16_t *ret)
{
	uint32_t port;
	int r;

	r = parse_u32(text, strlen(text), &port);
	if (r < 0 || port == 0 || port > UINT16_MAX)
		return raw_fail("not a port: %s", text);

	*ret = (uint16_t)port;
	return 0;
}

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{"ca", required_argument, NULL, 'c'},
		{"password-file", required_argument, NULL, 'w'},
		{"user", required_argument, NULL, 'u'},
		{"origin", required_argument, NULL, 'o'},
		{"load", required_argument, NULL, 'l'},
		{"destination", required_argument, NULL, 'd'},
		{"prepare", required_argument, NULL, 'p'},
		{"upload-user", required_argument, NULL, 'U'},
		{"both-user", required_argument, NULL, 'B'},
		{0},
	};
	int opt, r = 0;

	while (r == 0 && (opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'c')
			o->ca_file = optarg;
		else if (opt == 'w')
			r = fs_read_file(optarg, 1024, &o->password);
		else if (opt == 'u')
			o->user = optarg;
		else if (opt == 'o')
			r = port_option(optarg, &o->origin);
		else if (opt == 'l')
			r = port_option(optarg, &o->load);
		else if (opt == 'd')
			r = port_option(optarg, &o->destination);
		else if (opt == 'p')
			r = port_option(optarg, &o->prepare);
		else if (opt == 'U')
			o->upload_user = optarg;
		else if (opt == 'B')
			o->both_user = optarg;
		else
			r = -EINVAL;
	}

	if (o->load == 0)
		o->load = o->origin;
	if (o->prepare == 0)
		o->prepare = o->destination;
	if (r == 0 && (!o->ca_file || !o->password.p || !o->user || o->origin == 0))
		r = -EINVAL;
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(json_decrefp) json_t *result = json_object();
	struct options o = {0};
	const char *verb = argc > 1 ? argv[1] : "";
	int r;

	if (argc < 2 || read_options(argc - 1, argv + 1, &o) < 0)
		return usage();

	if (!strcmp(verb, "transfer") && o.destination != 0)
		r = transfer(&o, result);
	else if (!strcmp(verb, "list"))
		r = list(&o, result);
	else
		return usage();

	buf_done(&o.password);
	if (r < 0)
		return 1;

	if (json_dumpf(result, stdout, JSON_REAL_PRECISION(6)) < 0 || putchar('\n') == EOF)
		return 1;
	return 0;
}
