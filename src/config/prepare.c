/* SPDX-License-Identifier: Apache-2.0 */
#include "config_internal.h"
#include "scan.h"
#include <mailmig/fs.h>
#include <mailmig/text.h>
#include <string.h>

/* The directory part of an absolute path; owned. */
char *cfg_path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? text_dup("/") : text_dupn(path, (size_t)(slash - path));
}

/* dir/path, unless path is absolute already; owned. */
char *cfg_path_join(const char *dir, const char *path)
{
	if (*path == '/')
		return text_dup(path);
	return text_fmt("%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", path);
}

char *cfg_path_absolute(const char *path)
{
	_cleanup_(freep) char *cwd = NULL;

	if (*path == '/')
		return text_dup(path);

	cwd = getcwd(NULL, 0);
	return cfg_path_join(cwd ? cwd : "/", path);
}

const char *cfg_read_advice(int error)
{
	switch (-error) {
	case ENOENT:
		return "create it, or name another file";
	case EACCES:
		return "give the service's user the right to read it (and to pass its "
		       "directories)";
	case EFBIG:
		return "divide it into several files";
	default:
		return "name a regular file";
	}
}

int cfg_read_text(const char *path, struct buf *ret)
{
	struct stat st;

	/* Opening a FIFO would wait, and a directory must not reach libconfig. */
	if (stat(path, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	return fs_read_file(path, CONFIG_FILE_MAX, ret);
}

const char *cfg_read_error(int error)
{
	return error == -ENOTSUP ? "Not a regular file" : strerror(-error);
}

/* ---- looking through the text before libconfig does ---- */

static bool has_nul_escape(const struct token *t)
{
	for (size_t i = 0; i + 3 < t->n; i++) {
		if (t->p[i] != '\\')
			continue;
		if (memcmp(t->p + i, "\\x00", 4) == 0)
			return true;
		i++;
	}
	return false;
}

/* 0; 1 when the file includes others; -EINVAL when libconfig must not see it; -ENOMEM. */
static int check_text(struct cfg *cfg, const char *path, const struct buf *text, unsigned depth,
		      struct buf *out);

/* Check an included file and put its absolute name into `out`. libconfig opens names relative
 * to the working directory, and may only be given what can be read. */
static int put_include(struct cfg *cfg, const char *path, const struct token *t, unsigned depth,
		       struct buf *out)
{
	_cleanup_(freep) char *name = text_dupn(t->p, t->n);
	_cleanup_(freep) char *self = cfg_path_absolute(path);
	_cleanup_(freep) char *dir = self ? cfg_path_dir(self) : NULL;
	_cleanup_(freep) char *full = name && dir ? cfg_path_join(dir, name) : NULL;
	_cleanup_(buf_done) struct buf text = {};
	char s[CONFIG_SHOWN_MAX];
	int r;

	if (!full)
		return -ENOMEM;
	if (strpbrk(full, "\\\"") || (depth > 0 && *name != '/')) {
		complain(&cfg->complaints, path, t->line, "\"%s\" cannot be included; write %s",
			 shown(s, name),
			 depth > 0 ? "its whole path, beginning with '/'"
				   : "a name without '\\' and '\"'");
		return -EINVAL;
	}
	if (depth == CONFIG_INCLUDE_MAX - 1) {
		complain(
			&cfg->complaints, path, t->line,
			"@include goes deeper than %d files; include fewer, and none by itself",
			CONFIG_INCLUDE_MAX);
		return -EINVAL;
	}

	r = cfg_read_text(full, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		complain(&cfg->complaints, path, t->line, "\"%s\" cannot be read: %s; %s",
			 shown(s, full), cfg_read_error(r), cfg_read_advice(r));
		return -EINVAL;
	}

	r = check_text(cfg, full, &text, depth + 1, NULL);
	if (r < 0)
		return r;
	return out ? buf_adds(out, full) : 0;
}

static bool ends_line(const struct buf *text)
{
	return text->len == 0 || text->p[text->len - 1] == '\n';
}

void cfg_complain_hint(struct cfg *cfg, const char *path, const struct buf *text,
		       const char *what, unsigned line)
{
	char hint[160];
	unsigned cause;

	if (hint_syntax(buf_str(text), text->len, hint, sizeof(hint), &cause))
		complain(&cfg->complaints, path, cause, "%s: %s", what, hint);
	else if (!ends_line(text))
		complain(&cfg->complaints, path, line, "%s; end the last line with a newline",
			 what);
	else
		complain(&cfg->complaints, path, line,
			 "%s; look for a missing ';', ',', quote or bracket in or above this "
			 "line",
			 what);
}

static int check_token(struct cfg *cfg, const char *path, const struct buf *text,
		       const struct token *t)
{
	struct complaints *c = &cfg->complaints;

	switch (t->kind) {
	case TOKEN_OPEN_STRING:
	case TOKEN_OPEN_COMMENT:
		cfg_complain_hint(cfg, path, text, "syntax error", t->line);
		return -EINVAL;
	case TOKEN_BAD:
		if (*t->p != '@')
			return 0; /* libconfig says so */
		complain(c, path, t->line,
			 "'@' is for @include alone; write @include \"FILE\" on a line of its "
			 "own");
		return -EINVAL;
	case TOKEN_NUMBER:
		if (token_number_is_cut(t))
			complain(c, path, t->line,
				 "a number is too large; write a smaller one (sizes and time "
				 "spans stand in quotes: \"5GiB\")");
		return 0;
	case TOKEN_STRING:
		if (has_nul_escape(t))
			complain(
				c, path, t->line,
				"a text contains \\x00; write it without (a password with such "
				"an octet goes into a password_file)");
		return 0;
	default:
		return 0;
	}
}

static int check_nul(struct cfg *cfg, const char *path, const struct buf *text)
{
	const char *start = buf_str(text), *nul = memchr(start, 0, text->len);
	unsigned line = 1;

	if (!nul)
		return 0;
	for (const char *p = start; p < nul; p++)
		line += *p == '\n';
	complain(&cfg->complaints, path, line,
		 "the file contains a NUL octet; write it as text in UTF-8");
	return -EINVAL;
}

/* Word by word; copy the text into `out` (may be NULL) with absolute names of included files.
 */
static int check_tokens(struct cfg *cfg, const char *path, const struct buf *text,
			unsigned depth, struct buf *out, bool *ret_includes)
{
	const char *done = buf_str(text);
	struct scanner s;
	struct token t;
	int r;

	scan_init(&s, done, text->len);
	do {
		scan_next(&s, &t);
		r = check_token(cfg, path, text, &t);
		if (r == 0 && t.kind == TOKEN_INCLUDE && out)
			r = buf_add(out, done, (size_t)(t.p - done));
		if (r == 0 && t.kind == TOKEN_INCLUDE)
			r = put_include(cfg, path, &t, depth, out);
		if (r < 0)
			return r;
		if (t.kind == TOKEN_INCLUDE) {
			done = t.p + t.n;
			*ret_includes = true;
		}
	} while (t.kind != TOKEN_END);

	if (!out)
		return 0;
	/* libconfig refuses a comment that ends with the file */
	r = buf_adds(out, done);
	return r == 0 && !ends_line(text) ? buf_addc(out, '\n') : r;
}

static int check_text(struct cfg *cfg, const char *path, const struct buf *text, unsigned depth,
		      struct buf *out)
{
	bool includes = false;
	int r;

	r = check_nul(cfg, path, text);
	if (r == 0)
		r = check_tokens(cfg, path, text, depth, out, &includes);
	return r < 0 ? r : includes;
}

int cfg_prepare(struct cfg *cfg, const char *path, const struct buf *text, struct buf *ret)
{
	char hint[160];
	unsigned line;
	int r;

	r = check_text(cfg, path, text, 0, ret);
	if (r != 0)
		return MIN_OF(r, 0);

	/* What the walk over the words refuses libconfig refuses too, with fewer words and a
	 * leak; but a part of a file that includes others means nothing by itself. */
	if (!hint_syntax(buf_str(text), text->len, hint, sizeof(hint), &line))
		return 0;
	complain(&cfg->complaints, path, line, "syntax error: %s", hint);
	return -EINVAL;
}
