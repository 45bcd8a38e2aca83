/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_CONFIG_INTERNAL_H
#define MAILMIG_CONFIG_INTERNAL_H

#include <libconfig.h>
#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/config.h>
#include <sys/stat.h>

/* The way of a configuration: read.c (files → trees of libconfig; prepare.c,
 * scan.c and hint.c for what libconfig does not see or say), check.c and rules.c (trees →
 * complaints), build.c (trees without complaints → struct config). keys.c says which keys there
 * are, value.c what their values may be. */

#define CONFIG_FILE_MAX     (16 * 1024 * 1024) /* a file of 50,000 accounts has about 12 MiB */
#define CONFIG_INCLUDE_MAX  10                 /* libconfig's own limit */
#define CONFIG_SHOWN_MAX    80   /* octets of a foreign value shown in a complaint */
#define CONFIG_TEXT_MAX     4096 /* the longest value, inline secrets included */
#define CONFIG_ACCOUNTS_DIR "mailmig/accounts.d" /* beside CONFIG_DEFAULT_PATH only */

/* ---- complaints.c: everything that is wrong, in the order of files and lines ---- */

struct complaint {
	size_t file; /* index into files */
	unsigned line;
	size_t seq;
	char *text;
};

struct complaints {
	char **files; /* in the order in which they were read */
	size_t n_files;
	struct complaint *v;
	size_t n;
	bool oom; /* sticky: asked once, at the end */
};

/* Give a file its place in the order. */
void complaints_add_file(struct complaints *c, const char *file);

/* "FILE:LINE: text", or "FILE: text" for line 0. The text is "what is wrong; what would be
 * right"; control characters in it become '?'. */
void complain(struct complaints *c, const char *file, unsigned line, const char *fmt, ...)
	_printf_(4, 5);
int complaints_finish(const struct complaints *c, struct config_errors *ret); /* 0, -ENOMEM */
void complaints_done(struct complaints *c);

/* A foreign value as it may stand in a complaint: clean and cut. Returns buf. */
char *shown(char buf[static CONFIG_SHOWN_MAX], const char *s);

/* ---- read.c ---- */

struct cfg_file {
	char *path; /* as shown in complaints */
	char *dir;  /* absolute: what relative paths in the file start from */
	bool is_main;
	config_t tree; /* empty when the file could not be read */
};

struct cfg {
	char *path; /* absolute, of the main file */
	struct cfg_file **files;
	size_t n_files;
	struct cfg_group *groups; /* see groups.h */
	size_t n_groups;
	char *guessed_dir; /* accounts_dir of a main file that has no tree; or NULL */
	bool incomplete;   /* a file is missing: a name not found may be in there */
	struct complaints complaints;
};

/* with_default_dir: CONFIG_ACCOUNTS_DIR is read when the file names no accounts_dir.
 * 0 or -ENOMEM; the rest are complaints. */
int cfg_read(struct cfg *cfg, const char *path, bool with_default_dir);
void cfg_done(struct cfg *cfg);

/* The i-th entry of a list at the top of a file; NULL past the end. Borrowed. */
const config_setting_t *cfg_entry(const struct cfg_file *f, const char *list, int i);

/* The same over its accounts, then its groups: what has a name, a schedule and units. */
const config_setting_t *cfg_runnable(const struct cfg_file *f, int i);

/* Where a setting stands: the included file's name, else the file's. Borrowed. */
const char *cfg_setting_file(const struct cfg_file *f, const config_setting_t *s);

/* Permission bits of the file in which a setting stands; 0777 when they cannot be told. */
mode_t cfg_setting_mode(const struct cfg_file *f, const config_setting_t *s);

/* A path as written, made absolute; owned. NULL without memory. */
char *cfg_setting_path(const struct cfg_file *f, const config_setting_t *s, const char *path);

/* ---- prepare.c: paths, and texts before libconfig sees them ---- */

/* All owned by the caller, NULL without memory. */
char *cfg_path_dir(const char *absolute_path);
char *cfg_path_join(const char *dir, const char *path); /* an absolute path stays as it is */
char *cfg_path_absolute(const char *path);

/* 0, -ENOMEM, or -errno for the two texts below. */
int cfg_read_text(const char *path, struct buf *ret);
const char *cfg_read_error(int error);
const char *cfg_read_advice(int error);

/* Complain of what libconfig would pass over in silence; the text for libconfig into ret.
 * 0; -EINVAL when it must not see it (complained about); -ENOMEM. */
int cfg_prepare(struct cfg *cfg, const char *path, const struct buf *text, struct buf *ret);

/* what: libconfig's word for it, line: its line; a hint has its own. */
void cfg_complain_hint(struct cfg *cfg, const char *path, const struct buf *text,
		       const char *what, unsigned line);

/* ---- hint.c ---- */

/* Why libconfig may have said "syntax error": a sentence into buf, and its line. False when the
 * text looks right. Never quotes a value: it may be a secret. */
bool hint_syntax(const char *text, size_t n, char *buf, size_t size, unsigned *ret_line);

/* ---- keys.c: which keys there are ---- */

enum key_type {
	KEY_BOOL,
	KEY_INT,     /* min to max */
	KEY_SIZE,    /* text, parse_size(); min to max octets */
	KEY_RATE,    /* text, parse_rate(); likewise, a second */
	KEY_SPAN,    /* text, parse_span(); min to max microseconds */
	KEY_STRING,  /* text; rule */
	KEY_PATH,    /* text, made absolute when taken over */
	KEY_CHOICE,  /* text out of words; taken over as text */
	KEY_WORD,    /* text out of words; taken over as the word's value */
	KEY_WORDS,   /* list of such; taken over as the values OR-ed together */
	KEY_SECRET,  /* text; taken over into struct secret_source as kind `value` */
	KEY_STRINGS, /* list; rule for each; taken over into struct text_list */
	KEY_PAIRS,   /* list of lists of two texts: the same, one behind the other */
	KEY_GROUP,   /* { … } of `keys` */
	KEY_ENTRIES, /* ( { … }, … ) of `keys` */
};

enum key_status {
	KEY_NOW,
	KEY_LATER,      /* "not in this version" */
	KEY_FALSE_ONLY, /* what `false` says is what this version does; true is refused */
};

struct key_word {
	const char *word;
	int value;
	enum key_status status;
};

/* offset, size: the member of the table's target that takes the value; size 0: none does (of a
 * group: the target's part that its keys count from). */
struct key {
	const char *name;
	enum key_type type;
	enum key_status status;
	size_t offset;
	size_t size;
	uint64_t min;
	uint64_t max;
	const struct key_word *words; /* ends in a NULL word */
	/* NULL for a good value, else "what is wrong; what would be right". */
	const char *(*rule)(const char *value);
	bool hidden; /* the value is not shown in complaints */
	int value;
	const struct key_table *keys;
};

struct key_table {
	const char *what; /* "a servers entry", for complaints */
	const struct key *rows;
	size_t n;
};

extern const struct key_table keys_global, keys_server, keys_account, keys_endpoint,
	keys_folders, keys_messages, keys_flags, keys_delete, keys_limits, keys_retry,
	keys_notify, keys_group, keys_oauth, keys_enroll;
extern const struct key_table *const keys_all[];
extern const size_t keys_n_all;

const struct key *key_find(const struct key_table *t, const char *name);

/* What the tables' offsets count from. */
struct global_values { /* keys_global */
	struct config config;
	struct job job;
	char *accounts_dir;
	int stop_on_error;
};

struct account_values {                /* keys_account */
	struct config_account account; /* of a group: file is its accounts_file */
	uint64_t timeout_usec;
	uint64_t max_rate;
	char *absence_max;
};

/* keys_server: struct config_server; keys_endpoint: struct endpoint. */

/* ---- value.c ---- */

struct check {
	struct cfg *cfg;
	const struct cfg_file *file;
};

void check_complain(struct check *c, const config_setting_t *s, const char *fmt, ...)
	_printf_(3, 4);

/* Complain when the setting's value is not what its row allows. name: as shown. */
void check_value(struct check *c, const config_setting_t *s, const struct key *k,
		 const char *name);

/* What is wrong with a text, "is ...; write ..."; NULL: nothing. */
const char *text_wrong(const struct key *k, const char *value);

const char *rule_host(const char *s);
const char *rule_user(const char *s);
const char *rule_command(const char *s);
const char *rule_fingerprint(const char *s);
const char *rule_proxy(const char *s);
const char *rule_schedule(const char *s);
const char *rule_absence(const char *s);
const char *rule_account_name(const char *s);
const char *rule_day(const char *s);
const char *rule_search(const char *s);
const char *rule_secret_name(const char *s); /* of a credential or a stored secret */
const char *rule_server_name(const char *s);
const char *rule_flag(const char *s);
/* Of these what is wrong is valid until the thread's next call. */
const char *rule_selector(const char *s); /* folders.include, folders.exclude */
const char *rule_rewrite(const char *s);
const char *rule_folder(const char *s); /* a canonical name */

/* 64 lower-case hexadecimal digits out of what rule_fingerprint() allows; ret of 65. */
bool fingerprint_normalize(const char *s, char *ret);

/* "10%", "50" or "10% 50", as rule_absence() allows them: what is not named is no limit. 0 or
 * -EBADMSG. */
int absence_parse(const char *s, uint32_t *ret_percent, uint32_t *ret_messages);

/* The nearest of the names, or NULL when none is near enough to be a slip of the fingers. */
struct nearest {
	const char *wanted;
	const char *best;
	unsigned distance;
};
void nearest_init(struct nearest *n, const char *wanted);
void nearest_try(struct nearest *n, const char *candidate);

/* ---- check.c, rules.c ---- */

/* A named entry (of servers, of accounts), for finding doubled and dangling names. */
struct name_ref {
	const char *name;
	const config_setting_t *entry;
	const struct cfg_file *file;
	size_t seq;
};

struct name_index {
	struct name_ref *v; /* by name, then in the order of the files */
	size_t n;
};

/* list NULL: accounts and groups, which share one name space. */
int name_index_make(const struct cfg *cfg, const char *list, struct name_index *ret);
const struct name_ref *name_index_find(const struct name_index *i, const char *name);
void name_index_done(struct name_index *i);

int cfg_check(struct cfg *cfg); /* 0 or -ENOMEM; the rest are complaints */

/* What one key alone cannot tell: contradictions, what is missing, names. */
void rules_server(struct check *c, const config_setting_t *entry,
		  const struct name_index *servers);
void rules_account(struct check *c, const config_setting_t *entry,
		   const struct name_index *accounts, const struct name_index *servers);

/* folders.c: of an account or a group. */
void rules_folders(struct check *c, const config_setting_t *entry);

/* selection.c: rules of `messages` that contradict each other. group: an account or a group. */
void rules_messages(struct check *c, const config_setting_t *group);

/* A member that is a text / a flag that is true; NULL / false otherwise. */
const char *setting_text(const config_setting_t *group, const char *name);
bool setting_is_true(const config_setting_t *group, const char *name);

/* ---- build.c ---- */

/* Only without complaints. 0 or -ENOMEM. */
int cfg_build(const struct cfg *cfg, struct config **ret);

#endif
