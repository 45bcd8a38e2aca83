/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl_internal.h"

#include <stdarg.h>
#include <string.h>

const struct ctl_option_row ctl_option_rows[OPT_MAX_] = {
	[OPT_SOCKET] = {"socket", 0, "PATH", "control socket of mailmigd"},
	[OPT_CONFIG] = {"config", 0, "FILE", "configuration for what runs without mailmigd"},
	[OPT_JSON] = {"json", 0, NULL, "print JSON"},
	[OPT_NO_COLOR] = {"no-color", 0, NULL, "no colours on a terminal"},
	[OPT_QUIET] = {"quiet", 'q', NULL, "print only what went wrong"},
	[OPT_VERBOSE] = {"verbose", 'v', NULL, "print more: folders, messages, log lines"},
	[OPT_HELP] = {"help", 'h', NULL, "this help"},
	[OPT_VERSION] = {"version", 0, NULL, "version of mailmigctl"},
	[OPT_COMPLETE] = {"complete", 0, "WHAT", NULL},
	[OPT_ALL] = {"all", 0, NULL, "every account of the configuration"},
	[OPT_DRY_RUN] = {"dry-run", 0, NULL, "change nothing; tell what would be done"},
	[OPT_NO_WAIT] = {"no-wait", 0, NULL, "queue the runs and leave"},
	[OPT_FAIL_FAST] = {"fail-fast", 0, NULL, "start no further run after one failed"},
	[OPT_RETRY_HELD] = {"retry-held", 0, NULL,
			    "try again what the destination refused before"},
	[OPT_CONFIRM_DELETES] = {"confirm-deletes", 0, NULL,
				 "many messages are gone, and that is right"},
	[OPT_CONFIRM_MAPPING] = {"confirm-mapping", 0, NULL,
				 "folders go elsewhere than before, and that is right"},
	[OPT_LOCAL] = {"local", 0, NULL, "run from here, without mailmigd"},
	[OPT_OFFLINE] = {"offline", 0, NULL, "what needs neither network nor mailmigd"},
	[OPT_FROM_UNIT] = {"from-unit", 0, NULL, "as mailmig@.service does it"},
	[OPT_FOLLOW] = {"follow", 'f', NULL, "go on with what comes"},
	[OPT_LINES] = {"lines", 'n', "N", "only the newest N entries"},
};

struct parser {
	struct ctl_args *a;
	struct mm_err *reterr;
	const char *verb; /* as written, or NULL */
	int argc;
	char *const *argv;
	int i;
};

_printf_(3, 4) static int usage(struct mm_err *reterr, const char *advice, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut: it is for reading */
	va_end(ap);

	(void)mm_err_set(reterr, MM_SCOPE_JOB, MM_RETRY_NEVER, -EINVAL, "%s", text);
	(void)mm_err_class(reterr, MM_CLASS_USAGE, "%s", advice);
	return -EINVAL;
}

static int find_option(const char *name, size_t n)
{
	for (int o = 0; o < OPT_MAX_; o++)
		if (strlen(ctl_option_rows[o].name) == n &&
		    memcmp(ctl_option_rows[o].name, name, n) == 0)
			return o;
	return -1;
}

static int unknown_option(struct parser *p, const char *word)
{
	const char *names[OPT_MAX_];
	char advice[128] = "see mailmigctl --help";
	size_t n = 0;

	if (ctl_is_later(word))
		return usage(p->reterr, "see mailmigctl --help for what there is",
			     "'%s' is not in this version", word);

	for (int o = 0; o < OPT_MAX_; o++)
		if (ctl_option_rows[o].help)
			names[n++] = ctl_option_rows[o].name;

	if (strncmp(word, "--", 2) == 0 && ctl_nearest(word + 2, names, n))
		(void)snprintf(advice, sizeof(advice),
			       "did you mean '--%s'? see mailmigctl --help",
			       ctl_nearest(word + 2, names, n));
	return usage(p->reterr, advice, "there is no option '%s'", word);
}

static int give(struct parser *p, int o, const char *value, const char *word)
{
	const struct ctl_option_row *row = &ctl_option_rows[o];

	if (!row->value && value)
		return usage(p->reterr, "write it without '='", "'--%s' takes no value",
			     row->name);
	if (row->value && !value) {
		if (p->i + 1 >= p->argc)
			return usage(p->reterr, "see mailmigctl --help",
				     "'%s' needs a value: %s", word, row->value);
		value = p->argv[++p->i];
	}
	if (row->value && !*value)
		return usage(p->reterr, "see mailmigctl --help", "the value of '--%s' is empty",
			     row->name);

	p->a->given |= OPT_BIT(o);
	p->a->values[o] = value;
	if (o == OPT_VERBOSE)
		p->a->verbose++;
	return 0;
}

static int long_option(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	int o = find_option(word + 2, n - 2);

	if (o < 0)
		return unknown_option(p, word);
	return give(p, o, equals ? equals + 1 : NULL, word);
}

static int letters(struct parser *p, const char *word)
{
	for (const char *l = word + 1; *l; l++) {
		int found = -1, r;

		for (int o = 0; o < OPT_MAX_; o++)
			if (ctl_option_rows[o].letter == *l)
				found = o;
		if (found < 0)
			return unknown_option(p, word);

		if (ctl_option_rows[found].value) /* the rest of the word, or the next one */
			return give(p, found, l[1] ? l + 1 : NULL, word);
		r = give(p, found, NULL, word);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A verb of a later version is refused before its options, which nobody here knows. */
static const char *find_later_verb(int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++) {
		const char *w = argv[i];
		int o;

		if (strcmp(w, "--") == 0)
			return i + 1 < argc && ctl_is_later(argv[i + 1]) ? argv[i + 1] : NULL;
		if (w[0] != '-')
			return ctl_is_later(w) ? w : NULL;
		o = strncmp(w, "--", 2) == 0 ? find_option(w + 2, strlen(w + 2)) : -1;
		if (o >= 0 && ctl_option_rows[o].value)
			i++;
	}
	return NULL;
}

static int read_words(struct parser *p)
{
	bool options = true;

	for (p->i = 1; p->i < p->argc; p->i++) {
		const char *word = p->argv[p->i];
		int r = 0;

		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && strncmp(word, "--", 2) == 0)
			r = long_option(p, word);
		else if (options && word[0] == '-' && word[1])
			r = letters(p, word);
		else if (!p->verb)
			p->verb = word;
		else
			p->a->names[p->a->n_names++] = word;
		if (r < 0)
			return r;
	}
	return 0;
}

static int unknown_verb(struct parser *p)
{
	const char *names[32];
	char advice[128] = "mailmigctl --help lists them";
	size_t n = 0;

	for (size_t i = 0; i < ctl_n_verbs && n < ELEMENTS(names); i++)
		names[n++] = ctl_verbs[i].name;
	if (ctl_nearest(p->verb, names, n))
		(void)snprintf(advice, sizeof(advice),
			       "did you mean '%s'? mailmigctl --help lists all",
			       ctl_nearest(p->verb, names, n));
	return usage(p->reterr, advice, "there is no verb '%s'", p->verb);
}

static int check_fit(struct parser *p)
{
	const struct ctl_verb *v = p->a->verb;
	unsigned foreign = p->a->given & ~(v->options | OPT_GLOBALS);
	bool all = p->a->given & OPT_BIT(OPT_ALL);
	char advice[128];

	(void)snprintf(advice, sizeof(advice), "see mailmigctl %s --help", v->name);
	for (int o = 0; o < OPT_MAX_; o++)
		if (foreign & OPT_BIT(o))
			return usage(p->reterr, advice, "'%s' does not take '--%s'", v->name,
				     ctl_option_rows[o].name);

	if (p->a->given & (OPT_BIT(OPT_HELP) | OPT_BIT(OPT_VERSION) | OPT_BIT(OPT_COMPLETE)))
		return 0;
	if (all && p->a->n_names > 0)
		return usage(p->reterr, advice, "'%s' takes either --all or names, not both",
			     v->name);
	if (!all && p->a->n_names < v->min_names)
		return usage(p->reterr, advice, "'%s' needs the name of an account", v->name);
	if (p->a->n_names > v->max_names)
		return usage(p->reterr, advice, "'%s' does not know what to do with '%s'",
			     v->name, p->a->names[v->max_names]);
	return 0;
}

int ctl_args_parse(struct ctl_args *a, int argc, char *const *argv, struct mm_err *reterr)
{
	struct parser p = {.a = a, .reterr = reterr, .argc = argc, .argv = argv};
	const char *later = find_later_verb(argc, argv);
	int r;

	if (later)
		return usage(reterr, "see mailmigctl --help for what there is",
			     "'%s' is not in this version", later);

	a->names = calloc((size_t)argc + 1, sizeof(*a->names));
	if (!a->names)
		return mm_err_oom(reterr);

	r = read_words(&p);
	if (r < 0)
		return r;

	a->verb_named = p.verb;
	a->verb = ctl_find_verb(p.verb ? p.verb : "status");
	if (!a->verb)
		return unknown_verb(&p);
	return check_fit(&p);
}

void ctl_args_done(struct ctl_args *a)
{
	free(a->names);
	*a = (struct ctl_args){0};
}
