/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <string.h>

#define NAMES_MAX 4096

const struct ctl_verb ctl_verbs[] = {
	{"status", "[NAME...]", "what every account does and did, or some of them in full",
	 "Accounts that need attention come first, with what to do. With -q only those are\n"
	 "printed. With a name: that account in full, with what its last run did in each\n"
	 "folder; on a terminal 40 of them, with -v all.",
	 0, 0, NAMES_MAX, verb_status},
	{"run", "NAME... | --all", "run accounts now and follow them to their end",
	 "Every message ends in one counted bucket of the summary: copied, already there,\n"
	 "skipped, failed. Ctrl-C leaves: the run goes on in the daemon. SIGTERM ends the run\n"
	 "at the next message border. With --local Ctrl-C ends it too; a second one kills it.",
	 OPT_BIT(OPT_ALL) | OPT_BIT(OPT_DRY_RUN) | OPT_BIT(OPT_NO_WAIT) |
		 OPT_BIT(OPT_FAIL_FAST) | OPT_BIT(OPT_LOCAL),
	 1, NAMES_MAX, verb_run},
	{"plan", "NAME", "what a run would do, folder by folder; changes nothing",
	 "The same as run --dry-run. With -v folders that have nothing to do are listed too.",
	 OPT_BIT(OPT_LOCAL), 1, 1, verb_plan},
	{"cancel", "NAME...", "end the run of an account at the next message border",
	 "Nothing is left half-done; the next run goes on where this one stopped.", 0, 1,
	 NAMES_MAX, verb_cancel},
	{"reload", "", "have the daemon read its configuration again",
	 "A configuration with errors changes nothing: each is printed with file and line.", 0,
	 0, 0, verb_reload},
	{"version", "", "versions of mailmigctl and of the running mailmigd", NULL, 0, 0, 0,
	 verb_version},
	{"help", "[VERB]", "help for the program or a verb", NULL, 0, 0, 1, verb_help},
};

const size_t ctl_n_verbs = ELEMENTS(ctl_verbs);

/* The contract has them, this version does not: said, so that nobody takes them for done. */
static const char *const later[] = {
	"backup",
	"check",
	"disable",
	"enable",
	"enroll",
	"export",
	"import-accounts",
	"import-command",
	"log",
	"login",
	"metrics",
	"pause",
	"report",
	"restore",
	"resume",
	"secret",
	"setup",
	"timers",
	"top",
	"undo",
	"unenroll",
	"verify",
	"--confirm-deletes",
	"--content",
	"--dialect",
	"--from",
	"--html",
	"--offline",
	"--redact",
	"--repair",
};

const struct ctl_verb *ctl_find_verb(const char *name)
{
	for (size_t i = 0; i < ctl_n_verbs; i++)
		if (strcmp(ctl_verbs[i].name, name) == 0)
			return &ctl_verbs[i];
	return NULL;
}

bool ctl_is_later(const char *word)
{
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < ELEMENTS(later); i++)
		if (strlen(later[i]) == n && strncmp(later[i], word, n) == 0)
			return true;
	return false;
}
