/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <dirent.h>
#include <mailmig/clock.h>
#include <mailmig/parse.h>
#include <mailmig/secret.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "util/secret_internal.h"

static void assert_secret(const struct secret *s, const char *p, size_t n)
{
	assert_non_null(s);
	assert_int_equal(s->len, n);
	assert_memory_equal(s->p, p, n);
}

static void test_new(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL, *empty = NULL, *big = NULL;
	static char large[SECRET_MAX + 1];

	assert_int_equal(secret_new("a\0b", 3, &s), 0);
	assert_secret(s, "a\0b", 3);
	assert_int_equal(secret_new(NULL, 0, &empty), 0);
	assert_int_equal(empty->len, 0);
	assert_int_equal(secret_new(large, SECRET_MAX, &big), 0);
	assert_int_equal(big->len, SECRET_MAX);
	big = secret_free(big);
	assert_null(big);
	assert_int_equal(secret_new(large, sizeof(large), &big), -EFBIG);
	assert_null(big);
	assert_null(secret_free(NULL));
}

#define ROW(in, out)                                                                           \
	{                                                                                      \
		in, sizeof(in) - 1, out, sizeof(out) - 1                                       \
	}
static const struct {
	const char *in;
	size_t n_in;
	const char *out;
	size_t n_out;
} contents[] = {
	ROW("secret", "secret"),
	ROW("secret\n", "secret"),
	ROW("secret\r\n", "secret"),
	ROW("secret\n\n", "secret\n"),
	ROW("secret\r\n\r\n", "secret\r\n"),
	ROW("secret\r", "secret\r"),
	ROW(" se cret ", " se cret "),
	ROW("\nsecret", "\nsecret"),
	ROW("a\0b\xff\"\\{}\x01", "a\0b\xff\"\\{}\x01"),
	ROW("\0", "\0"),
	ROW("x", "x"),
};

static void test_file(void **state)
{
	for (size_t i = 0; i < ELEMENTS(contents); i++) {
		_cleanup_(secret_freep) struct secret *s = NULL;
		const char *path = unit_file("s", contents[i].in, contents[i].n_in, 0600);

		assert_int_equal(secret_from_file(path, &s, NULL), 0);
		assert_secret(s, contents[i].out, contents[i].n_out);
	}
}

static void test_file_largest(void **state)
{
	static char large[SECRET_MAX + 1];
	_cleanup_(secret_freep) struct secret *s = NULL;
	struct mm_err e;

	memset(large, 'x', sizeof(large));
	assert_int_equal(secret_from_file(unit_file("s", large, SECRET_MAX, 0600), &s, &e), 0);
	assert_secret(s, large, SECRET_MAX);
	s = secret_free(s);

	assert_int_equal(secret_from_file(unit_file("s", large, sizeof(large), 0600), &s, &e),
			 -EFBIG);
	assert_null(s);
	assert_non_null(strstr(e.text, "is larger than 64 KiB"));
	assert_int_equal(e.cls, MM_CLASS_CONFIG);
}

/* Every mode there is, against the rule: nothing for others, no writing for the group. */
static void test_file_modes(void **state)
{
	for (mode_t mode = 0; mode <= 0777; mode++) {
		_cleanup_(secret_freep) struct secret *s = NULL;
		bool good = (mode & 07) == 0 && (mode & 020) == 0;
		const char *path = unit_file("s", "x", 1, mode);
		struct mm_err e = {0};
		char chmod_line[300];
		int r;

		if (!(mode & 0400) && geteuid() != 0)
			continue; /* cannot be opened at all */
		r = secret_from_file(path, &s, &e);
		assert_int_equal(r, good ? 0 : -EPERM);
		if (good)
			continue;

		assert_null(s);
		assert_int_equal(e.cls, MM_CLASS_CONFIG);
		assert_int_equal(e.retry, MM_RETRY_NEVER);
		assert_non_null(strstr(e.text, path));
		(void)snprintf(chmod_line, sizeof(chmod_line), "chmod %s %s",
			       mode & 040 ? "0640" : "0600", path);
		assert_string_equal(e.advice, chmod_line);
	}
}

/* The advice is true: what it says to do makes the file acceptable. */
static void test_file_advice_helps(void **state)
{
	static const mode_t modes[] = {0644, 0666, 0660, 0604, 0640 | 01, 0777};

	for (size_t i = 0; i < ELEMENTS(modes); i++) {
		_cleanup_(secret_freep) struct secret *s = NULL;
		const char *path = unit_file("s", "x", 1, modes[i]);
		struct mm_err e = {0};
		int status;

		assert_int_equal(secret_from_file(path, &s, &e), -EPERM);
		status = system(e.advice); /* NOLINT: the point of the test */
		assert_int_equal(status, 0);
		assert_int_equal(secret_from_file(path, &s, &e), 0);
	}
}

static void refused(const char *path, int code, const char *text, const char *advice)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	struct mm_err e = {0};

	assert_int_equal(secret_from_file(path, &s, &e), code);
	assert_null(s);
	assert_int_equal(e.code, code);
	assert_int_equal(e.cls, MM_CLASS_CONFIG);
	assert_int_equal(e.scope, MM_SCOPE_JOB);
	assert_int_equal(e.retry, MM_RETRY_NEVER);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, text));
	assert_non_null(strstr(e.advice, advice));
}

static void test_file_kinds(void **state)
{
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	refused(unit_path("none"), -ENOENT, "does not exist", "chown root:mailmig");
	refused(unit_dir, -EINVAL, "is not a regular file", "plain file");
	unit_file("s", "x", 1, 0600);
	assert_int_equal(symlink("s", unit_path("link")), 0);
	refused(unit_path("link"), -ELOOP, "is a symbolic link", "the file itself");
	refused(unit_path("s/below"), -ENOTDIR, "cannot be read", "directories");

	/* A FIFO nobody writes to does not hold us up. */
	assert_int_equal(mkfifo(unit_path("fifo"), 0600), 0);
	refused(unit_path("fifo"), -EINVAL, "is not a regular file", "plain file");
	refused("/dev/null", -EINVAL, "is not a regular file", "plain file");

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", unit_path("socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	refused(unit_path("socket"), -ENXIO, "is not a regular file", "plain file");
}

static void test_file_empty(void **state)
{
	refused(unit_file("s", "", 0, 0600), -ENODATA, "is empty", "write the password");
	refused(unit_file("s", "\n", 1, 0600), -ENODATA, "nothing but a newline", "write");
	refused(unit_file("s", "\r\n", 2, 0600), -ENODATA, "nothing but a newline", "write");
}

/* Ownership can only be tried by root, who can be anybody. */
static void test_file_owner(void **state)
{
	const char *path = unit_file("s", "x", 1, 0600);
	_cleanup_(secret_freep) struct secret *s = NULL;

	if (geteuid() != 0)
		skip();

	assert_int_equal(chmod(unit_dir, 0711), 0);
	assert_int_equal(chown(path, 12345, 0), 0);
	refused(path, -EPERM, "belongs to another user", "chown root:mailmig ");

	assert_int_equal(seteuid(12345), 0);
	assert_int_equal(secret_from_file(path, &s, NULL), 0); /* our own */
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(path, 0, 0), 0);
	assert_int_equal(seteuid(12345), 0);
	refused(path, -EACCES, "cannot be read by this user", "chown root:mailmig ");
	assert_int_equal(seteuid(0), 0);

	/* Of root, readable by our group: root:mailmig 0640. */
	s = secret_free(s);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(chown(path, 0, 54321), 0);
	assert_int_equal(setegid(54321), 0);
	assert_int_equal(seteuid(12345), 0);
	assert_int_equal(secret_from_file(path, &s, NULL), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
}

static void test_command(void **state)
{
	for (size_t i = 0; i < ELEMENTS(contents); i++) {
		_cleanup_(secret_freep) struct secret *s = NULL;
		const char *path = unit_file("s", contents[i].in, contents[i].n_in, 0600);
		char command[300];

		(void)snprintf(command, sizeof(command), "cat %s", path);
		assert_int_equal(secret_from_command(command, &s, NULL), 0);
		assert_secret(s, contents[i].out, contents[i].n_out);
	}
}

static void kill_left_behind(const char *text, size_t n)
{
	uint32_t pid = 0;

	assert_int_equal(parse_u32(text, n, &pid), 0);
	assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

static void test_command_surroundings(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL, *early = NULL, *late = NULL;
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);

	/* Standard input is empty, not ours; SIGPIPE (bit 12) is as for any program. */
	assert_int_equal(
		secret_from_command("cat; grep -q '^SigIgn:.*[02468ace]...$' /proc/self/status "
				    "&& echo good",
				    &s, NULL),
		0);
	(void)signal(SIGPIPE, old);
	assert_secret(s, "good", 4);

	/* It may close its output before it ends, and leave somebody behind who holds it: only
	 * its own end counts. */
	assert_int_equal(secret_from_command("echo early; exec >&-; exit 0", &early, NULL), 0);
	assert_secret(early, "early", 5);
	assert_int_equal(secret_from_command("echo $$; sleep 60 & echo $!", &late, NULL), 0);
	{
		const char *p = (const char *)late->p;
		const char *second = memchr(p, '\n', late->len);

		/* Ours to end: the process that the command left. */
		assert_non_null(second);
		second++;
		kill_left_behind(second, late->len - (size_t)(second - p));
	}
}

static void command_refused(const char *command, uint64_t timeout_usec, int code,
			    const char *text)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	struct mm_err e = {0};

	assert_int_equal(secret_command_run(command, timeout_usec, &s, &e), code);
	assert_null(s);
	assert_int_equal(e.cls, MM_CLASS_CONFIG);
	assert_int_equal(e.retry, MM_RETRY_NEVER);
	assert_string_equal(e.text, text);
	assert_non_null(strstr(e.advice, "run it by hand"));
}

static void test_command_refuses(void **state)
{
	static const struct {
		const char *command;
		int code;
		const char *text;
	} rows[] = {
		{"true", -ENODATA, "password command \"true\" printed nothing"},
		{"echo", -ENODATA, "password command \"echo\" printed nothing"},
		{"printf '\\r\\n'", -ENODATA, "password command \"printf\" printed nothing"},
		{"echo half; exit 3", -EINVAL,
		 "password command \"echo\" failed with exit status 3"},
		{"kill -9 $$", -EINVAL, "password command \"kill\" was ended by signal 9"},
		{"/nonexistent/program 2>/dev/null", -EINVAL,
		 "password command \"/nonexistent/program\" failed with exit status 127"},
		{"yes", -EFBIG, "password command \"yes\" prints more than 64 KiB"},
		{"head -c 65537 /dev/zero", -EFBIG,
		 "password command \"head\" prints more than 64 KiB"},
		/* What may hold a secret is not named. */
		{"PW=hunter2 false", -EINVAL, "password command failed with exit status 1"},
		{"\"false\" hunter2", -EINVAL, "password command failed with exit status 1"},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++)
		command_refused(rows[i].command, 20 * USEC_PER_SEC, rows[i].code, rows[i].text);
}

/* At the deadline all of it is gone, the shell and what it started. */
static void test_command_deadline(void **state)
{
	char command[300], text[16] = "";
	uint64_t start = clock_usec();
	struct pollfd p = {.events = POLLIN};
	uint32_t pid = 0;
	int fd;

	(void)snprintf(command, sizeof(command), "sleep 60 & echo $! >%s; wait",
		       unit_path("pid"));
	command_refused(command, USEC_PER_SEC, -ETIMEDOUT,
			"password command \"sleep\" did not end within 1 s");
	assert_true(clock_usec() - start < 20 * USEC_PER_SEC);

	fd = open(unit_path("pid"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	(void)close(fd);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(parse_u32(text, strlen(text), &pid), 0);
	/* Killed: its end is reported at once, or was before we asked. */
	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(p.fd >= 0 || errno == ESRCH);
	if (p.fd >= 0) {
		assert_int_equal(poll(&p, 1, 20000), 1);
		(void)close(p.fd);
	}
	/* No child of ours is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static unsigned count_open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n;
}

static void test_command_leaves_no_descriptors(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	unsigned before = count_open_files();
	char command[200];
	int lowest = dup(0);

	/* None is left here, and none of ours was seen there. */
	(void)close(lowest);
	(void)snprintf(command, sizeof(command),
		       "[ ! -e /proc/$$/fd/%d ] && [ ! -e /proc/$$/fd/%d ] && echo none",
		       lowest, lowest + 1);
	assert_int_equal(secret_from_command(command, &s, NULL), 0);
	command_refused("false", USEC_PER_SEC, -EINVAL,
			"password command \"false\" failed with exit status 1");
	assert_int_equal(count_open_files(), before);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, unit_dir_setup, unit_dir_teardown)
	const struct CMUnitTest tests[] = {
		T(test_new),
		T(test_file),
		T(test_file_largest),
		T(test_file_modes),
		T(test_file_advice_helps),
		T(test_file_kinds),
		T(test_file_empty),
		T(test_file_owner),
		T(test_command),
		T(test_command_surroundings),
		T(test_command_refuses),
		T(test_command_deadline),
		T(test_command_leaves_no_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
