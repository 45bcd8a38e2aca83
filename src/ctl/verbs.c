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
		 OPT_BIT(OPT_FAIL_FAST) | OPT_ALL_ASKS | OPT_BIT(OPT_LOCAL) |
		 OPT_BIT(OPT_FROM_UNIT),
	 1, NAMES_MAX, verb_run},
	{"plan", "NAME", "what a run would do, folder by folder; changes nothing",
	 "The same as run --dry-run: all folders, with the rule by which they go somewhere.",
	 OPT_BIT(OPT_LOCAL), 1, 1, verb_plan},
	{"check", "[NAME...]", "look at everything that runs need; changes nothing",
	 "Without a name: configuration, service and every account. Each line is ok, warn\n"
	 "or FAIL with what to do. With -q only what is not ok. The exit code is that of the\n"
	 "worst fault; warnings have none.",
	 OPT_BIT(OPT_ALL) | OPT_BIT(OPT_OFFLINE), 0, NAMES_MAX, verb_check},
	{"cancel", "NAME...", "end the run of an account at the next message border",
	 "Nothing is left half-done; the next run goes on where this one stopped.", 0, 1,
	 NAMES_MAX, verb_cancel},
	{"enable", "NAME...", "have systemd run accounts by their schedule",
	 "Enables and starts mailmig@NAME.timer. For root.", 0, 1, NAMES_MAX, verb_enable},
	{"disable", "NAME...", "have systemd run accounts no more",
	 "Stops and disables mailmig@NAME.timer; a run that is going on goes on. For root.", 0,
	 1, NAMES_MAX, verb_disable},
	{"timers", "", "when accounts run next, and how their last run went",
	 "Timers that do not do what they should come first, with the command that mends it.",
	 0, 0, 0, verb_timers},
	{"pause", "NAME...", "have accounts wait: no runs until resume",
	 "Neither timers nor run start a paused account, also after a restart of mailmigd; "
	 "plan\n"
	 "still works. A run that is going on ends at the next message border.",
	 0, 1, NAMES_MAX, verb_pause},
	{"resume", "NAME...", "end the pause of accounts",
	 "Nothing is started by that: the next timer does, or mailmigctl run.", 0, 1, NAMES_MAX,
	 verb_resume},
	{"log", "NAME", "the journal entries of an account",
	 "Runs journalctl for them. With -v the explanation of each entry is added.",
	 OPT_BIT(OPT_FOLLOW) | OPT_BIT(OPT_LINES), 1, 1, verb_log},
	{"secret", "set NAME | list | remove NAME...", "stored secrets, for password_stored",
	 "set asks for the secret (twice, without echo), or reads standard input. list shows\n"
	 "names, when they were stored and the accounts that use them. A secret that is used\n"
	 "is not removed.",
	 0, 0, NAMES_MAX, verb_secret},
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
	"backup",    "enroll",  "export",   "import-accounts", "import-command",
	"login",     "metrics", "report",   "restore",         "setup",
	"top",       "undo",    "unenroll", "verify",          "--content",
	"--dialect", "--from",  "--html",   "--redact",        "--repair",
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
