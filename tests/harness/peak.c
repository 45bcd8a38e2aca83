/* SPDX-License-Identifier: Apache-2.0 */
/* peak FILE COMMAND…: runs the command; FILE gets the largest resident set (KiB) that it or a
 * process it waited for had. Its own process, and this small: a child begins with the peak of
 * the one it is forked from. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, fd;
	pid_t pid;

	if (argc < 3)
		return 126;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execv(argv[2], argv + 2);
		_exit(126);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		return 126;
	fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || dprintf(fd, "%ld\n", usage.ru_maxrss) < 0)
		return 126;
	(void)close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
