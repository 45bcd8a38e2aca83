/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include <mailmig/log.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

/* Stands in for libsystemd's: the real one would write into this machine's journal. */
static char journal[4096];
static int n_journal, journal_answer;

int sd_journal_sendv(const struct iovec *iov, int n)
{
	n_journal++;
	journal[0] = '\0';
	for (int i = 0; i < n; i++) {
		size_t len = strlen(journal);

		(void)snprintf(journal + len, sizeof(journal) - len, "%.*s|",
			       (int)iov[i].iov_len, (const char *)iov[i].iov_base);
	}
	return journal_answer;
}

/* Standard error goes to a file between these two; the second returns what it got. */
static int real_stderr = -1;

static void capture_begin(void)
{
	const char *path = unit_file("stderr", "", 0, 0600);
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	real_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static const char *capture_end(void)
{
	static char text[64 * 1024];
	_cleanup_(closep) int fd = open(unit_path("stderr"), O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_int_equal(dup2(real_stderr, STDERR_FILENO), STDERR_FILENO);
	(void)close(real_stderr);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static int setup(void **state)
{
	(void)unsetenv("JOURNAL_STREAM");
	mm_log_init("test");
	mm_log_set_level(LOG_INFO);
	n_journal = journal_answer = 0;
	return unit_dir_setup(state);
}

static void test_level_names(void **state)
{
	static const struct {
		const char *name;
		int r, level;
	} rows[] = {
		{"debug", 0, LOG_DEBUG},     {"info", 0, LOG_INFO}, {"notice", 0, LOG_NOTICE},
		{"warning", 0, LOG_WARNING}, {"err", 0, LOG_ERR},   {"error", -EINVAL, -1},
		{"INFO", -EINVAL, -1},       {"", -EINVAL, -1},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		int level = -1;

		assert_int_equal(mm_log_level_from_name(rows[i].name, &level), rows[i].r);
		assert_int_equal(level, rows[i].level);
	}
}

static void test_lines(void **state)
{
	capture_begin();
	errno = ENOTTY;
	mm_log(LOG_INFO, NULL, "%s %d", "one", 1);
	assert_int_equal(errno, ENOTTY);
	mm_log(LOG_ERR, &(struct mm_log_fields){.account = "a"}, "two\nthree\x1b");
	assert_string_equal(capture_end(), "test: one 1\ntest: two?three?\n");
	assert_int_equal(n_journal, 0);
}

static void test_level(void **state)
{
	assert_int_equal(mm_log_level(), LOG_INFO);
	capture_begin();
	mm_log(LOG_DEBUG, NULL, "not this");
	mm_debug("nor this");
	mm_log_set_level(LOG_DEBUG);
	mm_debug("but %s", "this");
	mm_log_set_level(LOG_ERR);
	mm_log(LOG_WARNING, NULL, "not this either");
	mm_log(LOG_ERR, NULL, "and this");
	assert_string_equal(capture_end(), "test: but this\ntest: and this\n");
}

static void test_long_text(void **state)
{
	char text[5000];
	const char *got;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	capture_begin();
	mm_log(LOG_INFO, NULL, "%s", text);
	got = capture_end();
	assert_true(strlen(got) > 2000 && strlen(got) < 2100);
	assert_int_equal(got[strlen(got) - 1], '\n');
}

/* $JOURNAL_STREAM as systemd would set it for the present standard error, plus `off`. */
static void set_journal_stream(unsigned off)
{
	struct stat st;
	char value[64];

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(value, sizeof(value), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino + off);
	assert_int_equal(setenv("JOURNAL_STREAM", value, 1), 0);
	mm_log_init("test");
}

static void test_journal(void **state)
{
	static const struct mm_log_fields all = {
		.message_id = "0123456789abcdef0123456789abcdef",
		.account = "family",
		.run = "r1",
		.job = "sync",
		.folder = "Lists/\xc3\xa9\n",
		.server = "isp",
		.result = "ok",
		.uid = 7,
	};

	capture_begin();
	set_journal_stream(0);
	mm_log(LOG_WARNING, &all, "said %s\n", "so");
	assert_string_equal(capture_end(), "");
	assert_int_equal(n_journal, 1);
	assert_string_equal(journal, "MESSAGE=said so?|PRIORITY=4|SYSLOG_IDENTIFIER=test|"
				     "MAILMIG_UID=7|"
				     "MESSAGE_ID=0123456789abcdef0123456789abcdef|"
				     "MAILMIG_ACCOUNT=family|MAILMIG_RUN=r1|MAILMIG_JOB=sync|"
				     "MAILMIG_FOLDER=Lists/\xc3\xa9?|MAILMIG_SERVER=isp|"
				     "MAILMIG_RESULT=ok|");

	mm_log(LOG_INFO, NULL, "bare");
	assert_string_equal(journal, "MESSAGE=bare|PRIORITY=6|SYSLOG_IDENTIFIER=test|");
}

static void test_journal_fails(void **state)
{
	capture_begin();
	set_journal_stream(0);
	journal_answer = -EMSGSIZE;
	mm_log(LOG_INFO, NULL, "kept");
	assert_string_equal(capture_end(), "test: kept\n");
	assert_int_equal(n_journal, 1);
}

static void test_not_the_journal(void **state)
{
	static const char *const values[] = {"", ":", "1", "x:y", "1:", ":1", "1:2:3"};

	capture_begin();
	set_journal_stream(1); /* redirected since */
	mm_log(LOG_INFO, NULL, "0");
	for (size_t i = 0; i < ELEMENTS(values); i++) {
		assert_int_equal(setenv("JOURNAL_STREAM", values[i], 1), 0);
		mm_log_init("test");
		mm_log(LOG_INFO, NULL, "%zu", i);
	}
	assert_string_equal(capture_end(), "test: 0\ntest: 0\ntest: 1\ntest: 2\ntest: 3\n"
					   "test: 4\ntest: 5\ntest: 6\n");
	assert_int_equal(n_journal, 0);
}

/* On a datagram socket each write is one datagram. */
static void test_one_write_for_each_line(void **state)
{
	char got[100];
	ssize_t n;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	real_stderr = dup(STDERR_FILENO);
	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	mm_log(LOG_INFO, NULL, "whole");
	assert_int_equal(dup2(real_stderr, STDERR_FILENO), STDERR_FILENO);
	(void)close(real_stderr);
	(void)close(fds[1]);

	n = recv(fds[0], got, sizeof(got), 0);
	(void)close(fds[0]);
	assert_int_equal(n, 12);
	assert_memory_equal(got, "test: whole\n", 12);
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 200; i++)
		mm_log(LOG_INFO, NULL, "%s", (const char *)arg);
	return NULL;
}

static void test_threads_do_not_mix(void **state)
{
	static const char *const texts[] = {"aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb"};
	pthread_t threads[ELEMENTS(texts)];
	const char *p;
	int n = 0;

	capture_begin();
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, write_many, (void *)texts[i]), 0);
	for (size_t i = 0; i < ELEMENTS(texts); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);

	for (p = capture_end(); *p; p += 27, n++) {
		assert_memory_equal(p, "test: ", 6);
		assert_true(memcmp(p + 6, texts[0], 20) == 0 ||
			    memcmp(p + 6, texts[1], 20) == 0);
		assert_int_equal(p[26], '\n');
	}
	assert_int_equal(n, 400);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, unit_dir_teardown)
	const struct CMUnitTest tests[] = {
		T(test_level_names),
		T(test_lines),
		T(test_level),
		T(test_long_text),
		T(test_journal),
		T(test_journal_fails),
		T(test_not_the_journal),
		T(test_threads_do_not_mix),
		T(test_one_write_for_each_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
