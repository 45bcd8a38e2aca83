/* SPDX-License-Identifier: Apache-2.0 */
#include "groups.h"
#include "scan.h"
#include <dirent.h>
#include <mailmig/buf.h>
#include <mailmig/text.h>
#include <string.h>

const config_setting_t *cfg_entry(const struct cfg_file *f, const char *list, int i)
{
	const config_setting_t *l =
		config_setting_get_member(config_root_setting(&f->tree), list);

	return l && config_setting_is_list(l) ? config_setting_get_elem(l, (unsigned)i) : NULL;
}

const config_setting_t *cfg_runnable(const struct cfg_file *f, int i)
{
	const config_setting_t *l =
		config_setting_get_member(config_root_setting(&f->tree), "accounts");
	int n = l && config_setting_is_list(l) ? config_setting_length(l) : 0;

	return i < n ? cfg_entry(f, "accounts", i) : cfg_entry(f, "groups", i - n);
}

const char *cfg_setting_file(const struct cfg_file *f, const config_setting_t *s)
{
	const char *included = config_setting_source_file(s);

	return included ? included : f->path;
}

mode_t cfg_setting_mode(const struct cfg_file *f, const config_setting_t *s)
{
	struct stat st;

	return stat(cfg_setting_file(f, s), &st) < 0 ? 0777 : st.st_mode & 0777;
}

char *cfg_setting_path(const struct cfg_file *f, const config_setting_t *s, const char *path)
{
	const char *included = config_setting_source_file(s);
	_cleanup_(freep) char *dir = NULL;

	if (!included)
		return cfg_path_join(f->dir, path);

	dir = cfg_path_dir(included); /* absolute: put_include() made it so */
	return dir ? cfg_path_join(dir, path) : NULL;
}

/* ---- libconfig ---- */

static void complain_syntax(struct cfg *cfg, const struct cfg_file *f, const struct buf *text)
{
	const char *included = config_error_file(&f->tree), *why = config_error_text(&f->tree);
	const char *path = included ? included : f->path;
	unsigned line = (unsigned)config_error_line(&f->tree);
	_cleanup_(buf_done) struct buf other = {};

	if (strcmp(why, "duplicate setting name") == 0) {
		complain(&cfg->complaints, path, line,
			 "a key is set twice in one place; keep one of the two");
		return;
	}
	if (strcmp(why, "mismatched element type in array") == 0) {
		complain(
			&cfg->complaints, path, line,
			"values of different types between '[' and ']'; write all of one type");
		return;
	}

	if (included && cfg_read_text(included, &other) < 0)
		buf_reset(&other); /* only the hint is lost */
	cfg_complain_hint(cfg, path, included ? &other : text, why, line);
}

static void cfg_file_free(struct cfg_file *f)
{
	config_destroy(&f->tree);
	free(f->path);
	free(f->dir);
	free(f);
}
DEFINE_CLEANUP(struct cfg_file *, cfg_file_free)

/* An empty file object, already in the list. */
static int add_file(struct cfg *cfg, const char *path, bool is_main, struct cfg_file **ret)
{
	_cleanup_(cfg_file_freep) struct cfg_file *f = calloc(1, sizeof(*f));
	_cleanup_(freep) char *full = cfg_path_absolute(path);
	struct cfg_file **files;

	if (!f)
		return -ENOMEM;
	config_init(&f->tree);
	f->is_main = is_main;
	f->path = text_dup(path);
	f->dir = full ? cfg_path_dir(full) : NULL;
	if (!f->path || !f->dir)
		return -ENOMEM;

	files = reallocarray(cfg->files, cfg->n_files + 1, sizeof(*files));
	if (!files)
		return -ENOMEM;

	cfg->files = files;
	complaints_add_file(&cfg->complaints, path);
	*ret = files[cfg->n_files++] = STEAL(f);
	return 0;
}

/* A main file that libconfig refuses still says where the other files are, so that their errors
 * can be told with its own. */
static int guess_accounts_dir(struct cfg *cfg, const struct buf *text)
{
	struct token t = {}, before = {}, key;
	struct scanner s;

	scan_init(&s, buf_str(text), text->len);
	do {
		key = before;
		before = t;
		scan_next(&s, &t);
		if (t.kind == TOKEN_STRING && token_is(&before, '=') &&
		    key.kind == TOKEN_NAME && text_ieqn(key.p, key.n, "accounts_dir") &&
		    !memchr(t.p, '\\', t.n)) {
			cfg->guessed_dir = text_dupn(t.p + 1, t.n - 2);
			return cfg->guessed_dir ? 0 : -ENOMEM;
		}
	} while (t.kind != TOKEN_END && t.kind != TOKEN_OPEN_STRING &&
		 t.kind != TOKEN_OPEN_COMMENT);
	return 0;
}

static int read_file(struct cfg *cfg, const char *path, bool is_main)
{
	_cleanup_(buf_done) struct buf text = {}, prepared = {};
	struct cfg_file *f;
	int r;

	r = add_file(cfg, path, is_main, &f);
	if (r < 0)
		return r;

	r = cfg_read_text(path, &text);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		complain(&cfg->complaints, path, 0, "cannot be read: %s; %s", cfg_read_error(r),
			 cfg_read_advice(r));
		cfg->incomplete = true;
		return 0;
	}

	r = cfg_prepare(cfg, path, &text, &prepared);
	if (r == -ENOMEM)
		return r;
	if (r == 0) {
		if (config_read_string(&f->tree, buf_str(&prepared)) == CONFIG_TRUE)
			return 0;
		complain_syntax(cfg, f, &text);
		config_destroy(&f->tree); /* half a tree would give false complaints */
		config_init(&f->tree);
	}

	cfg->incomplete = true;
	return is_main ? guess_accounts_dir(cfg, &text) : 0;
}

/* ---- accounts_dir ---- */

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

struct dir_names {
	struct dirent **v;
	int n;
};

static void dir_names_done(struct dir_names *d)
{
	for (int i = 0; i < d->n; i++)
		free(d->v[i]);
	free(d->v);
}

/* 0, -ENOMEM, or -errno of the directory. */
static int read_dir(struct cfg *cfg, const char *dir)
{
	_cleanup_(dir_names_done) struct dir_names names = {};
	int r = 0;

	names.n = scandir(dir, &names.v, is_conf, by_name);
	if (names.n < 0)
		return -errno;

	for (int i = 0; i < names.n && r == 0; i++) {
		_cleanup_(freep) char *path = cfg_path_join(dir, names.v[i]->d_name);

		r = path ? read_file(cfg, path, false) : -ENOMEM;
	}
	return r;
}

static int read_accounts_dir(struct cfg *cfg, bool with_default)
{
	const struct cfg_file *f = cfg->files[0];
	const config_setting_t *s = config_lookup(&f->tree, "accounts_dir");
	const char *value = s ? config_setting_get_string(s) : cfg->guessed_dir;
	_cleanup_(freep) char *dir = NULL;
	char text[CONFIG_SHOWN_MAX];
	int r;

	if (s && (!value || !*value))
		return 0; /* check.c complains */
	if (!value && !with_default)
		return 0;

	dir = s ? cfg_setting_path(f, s, value)
		: cfg_path_join(f->dir, value ? value : CONFIG_ACCOUNTS_DIR);
	if (!dir)
		return -ENOMEM;

	r = read_dir(cfg, dir);
	if (r == 0 || r == -ENOMEM || (!value && r == -ENOENT))
		return r == -ENOENT ? 0 : r;

	cfg->incomplete = true;
	complain(&cfg->complaints, s ? cfg_setting_file(f, s) : f->path,
		 s ? config_setting_source_line(s) : 0,
		 "accounts_dir \"%s\" cannot be read: %s; %s", shown(text, dir), strerror(-r),
		 r == -ENOENT ? "create it, or remove the key"
			      : "name a directory that the service's user may read");
	return 0;
}

int cfg_read(struct cfg *cfg, const char *path, bool with_default_dir)
{
	int r;

	cfg->path = cfg_path_absolute(path);
	if (!cfg->path)
		return -ENOMEM;

	r = read_file(cfg, path, true);
	if (r < 0)
		return r;
	return read_accounts_dir(cfg, with_default_dir);
}

void cfg_done(struct cfg *cfg)
{
	for (size_t i = 0; i < cfg->n_files; i++)
		cfg_file_free(cfg->files[i]);
	free(cfg->files);
	groups_done(cfg);
	free(cfg->path);
	free(cfg->guessed_dir);
	complaints_done(&cfg->complaints);
	*cfg = (struct cfg){};
}
