/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include <inttypes.h>
#include <mailmig/buf.h>
#include <mailmig/parse.h>
#include <mailmig/text.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *type_name(const config_setting_t *s)
{
	switch (config_setting_type(s)) {
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a number";
	case CONFIG_TYPE_FLOAT:
		return "a number with a fraction";
	case CONFIG_TYPE_STRING:
		return "a text";
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_ARRAY:
		return "a list [ ]";
	default:
		return "a list ( )";
	}
}

/* What would be right, for a value of the wrong type. */
static const char *type_wanted(const struct key *k)
{
	switch (k->type) {
	case KEY_BOOL:
		return "true or false, without quotes";
	case KEY_INT:
		return "a whole number, without quotes";
	case KEY_SIZE:
		return "a size in quotes, such as \"64MiB\"";
	case KEY_RATE:
		return "a rate in quotes, such as \"2MiB/s\"";
	case KEY_SPAN:
		return "a time span in quotes, such as \"5min\"";
	case KEY_WORDS:
	case KEY_STRINGS:
		return "a list of texts: [ \"A\", \"B\" ]";
	case KEY_PAIRS:
		return "a list of pairs: ( (\"A\", \"B\"), (\"C\", \"D\") )";
	case KEY_GROUP:
		return "a group: { KEY = VALUE; }";
	case KEY_ENTRIES:
		return "a list of groups: ( { KEY = VALUE; }, { KEY = VALUE; } )";
	default:
		return "a text in quotes";
	}
}

static bool type_fits(const config_setting_t *s, const struct key *k)
{
	int type = config_setting_type(s);

	switch (k->type) {
	case KEY_BOOL:
		return type == CONFIG_TYPE_BOOL;
	case KEY_INT:
		return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
	case KEY_WORDS:
	case KEY_STRINGS:
		return type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
	case KEY_PAIRS:
	case KEY_ENTRIES:
		/* `[]` is the empty list too */
		return type == CONFIG_TYPE_LIST ||
		       (type == CONFIG_TYPE_ARRAY && config_setting_length(s) == 0);
	case KEY_GROUP:
		return type == CONFIG_TYPE_GROUP;
	default:
		return type == CONFIG_TYPE_STRING;
	}
}

void check_complain(struct check *c, const config_setting_t *s, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL; /* undefined after a failure */
	va_end(ap);

	if (!text)
		c->cfg->complaints.oom = true;
	else
		complain(&c->cfg->complaints, cfg_setting_file(c->file, s),
			 config_setting_source_line(s), "%s", text);
}

static void check_int(struct check *c, const config_setting_t *s, const struct key *k,
		      const char *name)
{
	long long v = config_setting_get_int64(s);

	if (config_setting_type(s) == CONFIG_TYPE_INT)
		v = config_setting_get_int(s);
	if (v < (long long)k->min || v > (long long)k->max)
		check_complain(c, s, "%s = %lld is out of range; write %" PRIu64 " to %" PRIu64,
			       name, v, k->min, k->max);
}

static void check_size(struct check *c, const config_setting_t *s, const struct key *k,
		       const char *name)
{
	const char *value = config_setting_get_string(s);
	char buf[CONFIG_SHOWN_MAX];
	uint64_t v = 0;
	int r = parse_size(value, &v);

	if (r == 0 && v < k->min)
		check_complain(c, s, "%s = \"%s\" is too small; write \"%" PRIu64 "\" or more",
			       name, shown(buf, value), k->min);
	else if (r == -ERANGE || (r == 0 && v > k->max))
		check_complain(c, s, "%s = \"%s\" is too large; write less than 8 EiB", name,
			       shown(buf, value));
	else if (r < 0)
		check_complain(c, s,
			       "%s = \"%s\" is no size; write a whole number with a unit, such "
			       "as \"64MiB\"",
			       name, shown(buf, value));
}

static void check_rate(struct check *c, const config_setting_t *s, const struct key *k,
		       const char *name)
{
	const char *value = config_setting_get_string(s);
	char buf[CONFIG_SHOWN_MAX];
	uint64_t v = 0;
	int r = parse_rate(value, &v);

	if (r == -ERANGE || (r == 0 && (v < k->min || v > k->max)))
		check_complain(c, s, "%s = \"%s\" is too large; write less than 8 EiB/s", name,
			       shown(buf, value));
	else if (r < 0)
		check_complain(c, s,
			       "%s = \"%s\" is no rate; write a size a second, such as "
			       "\"2MiB/s\"",
			       name, shown(buf, value));
}

/* As it may be written: "0", "1s", "1d". */
static const char *span_text(char *buf, size_t n, uint64_t usec)
{
	uint64_t sec = usec / USEC_PER_SEC;

	if (sec > 0 && sec % 86400 == 0)
		(void)snprintf(buf, n, "%" PRIu64 "d", sec / 86400);
	else
		(void)snprintf(buf, n, "%" PRIu64 "s", sec);
	return buf;
}

static void check_span(struct check *c, const config_setting_t *s, const struct key *k,
		       const char *name)
{
	const char *value = config_setting_get_string(s);
	char buf[CONFIG_SHOWN_MAX], low[32], high[32];
	uint64_t v = 0;
	int r = parse_span(value, &v);

	if (r == -ERANGE || (r == 0 && (v < k->min || v > k->max)))
		check_complain(c, s, "%s = \"%s\" is out of range; write \"%s\" to \"%s\"",
			       name, shown(buf, value), span_text(low, sizeof(low), k->min),
			       span_text(high, sizeof(high), k->max));
	else if (r < 0)
		check_complain(c, s,
			       "%s = \"%s\" is no time span; write a number with a unit, such "
			       "as \"5min\"",
			       name, shown(buf, value));
}

static const struct key_word *find_word(const struct key_word *w, const char *word)
{
	for (; w->word; w++) {
		if (strcmp(w->word, word) == 0)
			return w;
	}
	return NULL;
}

/* The words of this version: `"a", "b"`. */
static int list_words(const struct key_word *w, struct buf *ret)
{
	int r = 0;

	for (; w->word && r == 0; w++) {
		if (w->status == KEY_NOW)
			r = buf_addf(ret, "%s\"%s\"", ret->len ? ", " : "", w->word);
	}
	return r;
}

/* s: where to point; word: the value. */
static void check_word(struct check *c, const config_setting_t *s, const struct key *k,
		       const char *name, const char *word)
{
	const struct key_word *w = find_word(k->words, word);
	_cleanup_(buf_done) struct buf known = {};
	const char *one_of;
	char buf[CONFIG_SHOWN_MAX];
	struct nearest near;

	if (w && w->status == KEY_NOW)
		return;
	if (list_words(k->words, &known) < 0) {
		c->cfg->complaints.oom = true;
		return;
	}
	one_of = strchr(buf_str(&known), ',') ? "one of " : "";
	if (w) {
		check_complain(c, s, "%s = \"%s\": not in this version; write %s%s", name, word,
			       one_of, buf_str(&known));
		return;
	}

	nearest_init(&near, word);
	for (w = k->words; w->word; w++)
		nearest_try(&near, w->word);
	if (near.best)
		check_complain(c, s, "%s = \"%s\" is not known; did you mean \"%s\"?", name,
			       shown(buf, word), near.best);
	else
		check_complain(c, s, "%s = \"%s\" is not known; write %s%s", name,
			       shown(buf, word), one_of, buf_str(&known));
}

static void check_words(struct check *c, const config_setting_t *s, const struct key *k,
			const char *name)
{
	int n = config_setting_length(s);

	if (n == 0)
		check_complain(c, s, "%s is empty; name at least one, or remove the key", name);

	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		const char *word = config_setting_get_string(e);

		if (word)
			check_word(c, e, k, name, word);
		else
			check_complain(c, e, "%s contains %s; write %s", name, type_name(e),
				       type_wanted(k));
	}
}

const char *text_wrong(const struct key *k, const char *value)
{
	size_t n = strlen(value);

	if (n == 0)
		return "is empty; write a value, or remove the key";
	if (n > CONFIG_TEXT_MAX)
		return "is too long; write up to 4096 octets";
	if (!text_is_utf8(value, n))
		return k->type == KEY_SECRET && k->value == SECRET_INLINE
			       ? "is not UTF-8; put it into a password_file"
			       : "is not UTF-8; write it in UTF-8";
	return k->rule ? k->rule(value) : NULL;
}

/* name: of the key; s: the text, perhaps one of a list. */
static void check_text(struct check *c, const config_setting_t *s, const struct key *k,
		       const char *name)
{
	const char *value = config_setting_get_string(s), *wrong = text_wrong(k, value);
	char buf[CONFIG_SHOWN_MAX];

	if (!wrong)
		return;
	if (k->hidden || !*value)
		check_complain(c, s, "%s %s", name, wrong);
	else
		check_complain(c, s, "%s = \"%s\" %s", name, shown(buf, value), wrong);
}

static void check_strings(struct check *c, const config_setting_t *s, const struct key *k,
			  const char *name)
{
	int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (config_setting_type(e) == CONFIG_TYPE_STRING)
			check_text(c, e, k, name);
		else
			check_complain(c, e, "%s contains %s; write %s", name, type_name(e),
				       type_wanted(k));
	}
}

static void check_pairs(struct check *c, const config_setting_t *s, const struct key *k,
			const char *name)
{
	int n = config_setting_length(s);

	for (int i = 0; i < n; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);
		int type = config_setting_type(e);

		if ((type == CONFIG_TYPE_LIST || type == CONFIG_TYPE_ARRAY) &&
		    config_setting_length(e) == 2)
			check_strings(c, e, k, name);
		else
			check_complain(c, e, "%s contains something that is no pair; write %s",
				       name, type_wanted(k));
	}
}

void check_value(struct check *c, const config_setting_t *s, const struct key *k,
		 const char *name)
{
	if (!type_fits(s, k)) {
		check_complain(c, s, "%s is %s; write %s", name, type_name(s), type_wanted(k));
		return;
	}

	switch (k->type) {
	case KEY_INT:
		check_int(c, s, k, name);
		break;
	case KEY_SIZE:
		check_size(c, s, k, name);
		break;
	case KEY_RATE:
		check_rate(c, s, k, name);
		break;
	case KEY_SPAN:
		check_span(c, s, k, name);
		break;
	case KEY_CHOICE:
	case KEY_WORD:
		check_word(c, s, k, name, config_setting_get_string(s));
		break;
	case KEY_WORDS:
		check_words(c, s, k, name);
		break;
	case KEY_STRINGS:
		check_strings(c, s, k, name);
		break;
	case KEY_PAIRS:
		check_pairs(c, s, k, name);
		break;
	case KEY_STRING:
	case KEY_PATH:
	case KEY_SECRET:
		check_text(c, s, k, name);
		break;
	default:
		break; /* KEY_BOOL: any; groups and entries: check.c */
	}
}
