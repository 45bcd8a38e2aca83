/* SPDX-License-Identifier: Apache-2.0 */
/* NAMESPACE, LIST, XLIST, LSUB and STATUS. */
#include <mailmig/text.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "imap_internal.h"
#include "utf7.h"
#include "utf8.h"

/* More folders than any mailbox has, and more octets in their names: a server that lists more
 * is broken or hostile. */
#define IMAP_FOLDERS_MAX 100000
#define IMAP_NAMES_MAX   (8 * 1024 * 1024)

/* Folders as they are told, and where each is in the list. */
struct listing {
	struct folder_list l;
	void *by_raw; /* of tsearch(3): a server chooses the names, and must not choose the cost
		       */
	size_t octets;
};

struct place {
	const char *raw; /* the folder's */
	size_t at;
};

int imap_local_name(const struct imap *c, const char *canonical, struct buf *raw)
{
	_cleanup_(buf_done) struct buf local = {0};
	int r;

	r = folder_name_local(canonical, c->delim, c->prefix, &local);
	if (r < 0)
		return r;
	return utf7_encode(buf_str(&local), local.len, raw);
}

/* ---- LIST ---- */

static bool flag_among(const struct imap_str *flags, const char *flag)
{
	const char *s = flags->p, *end = flags->p + flags->n;

	while (s < end) {
		const char *q = memchr(s, ' ', (size_t)(end - s));
		size_t n = q ? (size_t)(q - s) : (size_t)(end - s);

		if (text_ieqn(s, n, flag))
			return true;
		s += n + 1;
	}
	return false;
}

/* The old spellings are those of XLIST. */
static const char *role_among(const struct imap_str *flags)
{
	static const char *const roles[][2] = {
		{"\\All", "\\All"},         {"\\Archive", "\\Archive"},
		{"\\Drafts", "\\Drafts"},   {"\\Flagged", "\\Flagged"},
		{"\\Junk", "\\Junk"},       {"\\Important", "\\Important"},
		{"\\Sent", "\\Sent"},       {"\\Trash", "\\Trash"},
		{"\\AllMail", "\\All"},     {"\\Spam", "\\Junk"},
		{"\\Starred", "\\Flagged"},
	};

	for (size_t i = 0; i < ELEMENTS(roles); i++)
		if (flag_among(flags, roles[i][0]))
			return roles[i][1];
	return NULL;
}

static int by_raw(const void *pa, const void *pb)
{
	const struct place *a = pa, *b = pb;

	return strcmp(a->raw, b->raw);
}

/* The folder of this name, or NULL. */
static int find_raw(const struct imap *c, const struct listing *li, const struct imap_str *name,
		    struct folder **ret, struct mm_err *reterr)
{
	_cleanup_(freep) char *raw = imap_take_mailbox(c, name);
	const struct place key = {.raw = raw};
	struct place *const *found;

	*ret = NULL;
	if (!raw)
		return mm_err_oom(reterr);
	found = tfind(&key, &li->by_raw, by_raw);
	if (found)
		*ret = &li->l.v[(*found)->at];
	return 0;
}

static struct folder *add_folder(struct listing *li, char *raw)
{
	struct folder *f = raw ? folder_list_add(&li->l) : NULL;

	if (!f) {
		free(raw);
		return NULL;
	}
	f->raw = raw;
	li->octets += strlen(raw);
	return f;
}

/* A folder that will be found by its name. */
static int add_named(const struct imap *c, struct listing *li, const struct imap_str *name,
		     struct folder **ret, struct mm_err *reterr)
{
	_cleanup_(freep) struct place *p = calloc(1, sizeof(*p));
	struct folder *f = p ? add_folder(li, imap_take_mailbox(c, name)) : NULL;

	if (!f)
		return mm_err_oom(reterr);
	*p = (struct place){.raw = f->raw, .at = li->l.n - 1};
	if (!tsearch(p, &li->by_raw, by_raw))
		return mm_err_oom(reterr);
	p = NULL; /* the tree's */
	*ret = f;
	return 0;
}

/* A folder that is there and cannot be named to the server: it fails alone, with what can be
 * shown of it. */
static int take_unusable(struct listing *li, const char *p, size_t n, struct mm_err *reterr)
{
	char shown[200];
	struct folder *f;

	f = add_folder(li, text_dup(text_clean(shown, sizeof(shown), p, n)));
	if (!f)
		return mm_err_oom(reterr);
	f->unusable = true;
	return 0;
}

static int check_limits(struct imap *c, const struct listing *li, struct mm_err *reterr)
{
	imap_budget_told(&c->budget);
	c->budget.held = MAX_OF(c->budget.held, (uint64_t)li->l.n);
	if (li->l.n < IMAP_FOLDERS_MAX && li->octets < IMAP_NAMES_MAX)
		return 0;
	return imap_protocol_error(c, "more folders than any mailbox has", reterr);
}

/* One LIST line becomes a folder; its canonical name follows when the namespace is known. */
static int take_list(struct imap *c, const struct imap_resp *resp, struct listing *l,
		     struct mm_err *reterr)
{
	struct imap_list li;
	const char *role;
	struct folder *f;
	int r;

	r = check_limits(c, l, reterr);
	if (r < 0)
		return r;
	if (imap_parse_list(resp, &c->scratch, &li) < 0)
		return take_unusable(l, resp->rest.p, (size_t)(resp->rest.end - resp->rest.p),
				     reterr);
	if (flag_among(&li.flags, "\\NonExistent") || li.name.n == 0)
		return 0;
	if (flag_among(&li.flags, "\\Inbox")) /* XLIST: under a name in the user's language */
		li.name = (struct imap_str){.p = "INBOX", .n = strlen("INBOX")};
	if (memchr(li.name.p, '\0', li.name.n))
		return take_unusable(l, li.name.p, li.name.n, reterr);
	r = find_raw(c, l, &li.name, &f, reterr);
	if (r == 0 && !f)
		r = add_named(c, l, &li.name, &f, reterr);
	if (r < 0)
		return r;
	/* Told twice it is one folder. */
	f->delim = li.delim;
	f->noselect = flag_among(&li.flags, "\\Noselect");
	f->noinferiors = f->noinferiors || flag_among(&li.flags, "\\Noinferiors");
	f->subscribed = f->subscribed || flag_among(&li.flags, "\\Subscribed");
	role = role_among(&li.flags);
	return role && text_set(&f->role, role) < 0 ? mm_err_oom(reterr) : 0;
}

static int take_lsub(struct imap *c, const struct imap_resp *resp, struct listing *l,
		     struct mm_err *reterr)
{
	struct imap_list li;
	struct folder *f;
	int r;

	if (imap_parse_list(resp, &c->scratch, &li) < 0 || flag_among(&li.flags, "\\Noselect"))
		return 0;
	r = find_raw(c, l, &li.name, &f, reterr);
	if (f)
		f->subscribed = true;
	return r;
}

static int take_status(struct imap *c, const struct imap_resp *resp, struct listing *l,
		       struct mm_err *reterr)
{
	struct folder_status st;
	struct imap_str name;
	struct folder *f;
	int r;

	if (imap_parse_status(resp, &c->scratch, &name, &st) < 0)
		return 0; /* without marks the folder is looked at: only slower */
	r = find_raw(c, l, &name, &f, reterr);
	if (f)
		f->status = st;
	return r;
}

/* In UTF-8, as the names that it is taken from. One that cannot be read is kept as it is: it
 * will be part of no name. */
static int set_prefix(struct imap *c, const struct imap_str *prefix, char delim,
		      struct mm_err *reterr)
{
	_cleanup_(freep) char *raw = imap_take_mailbox(c, prefix);
	_cleanup_(buf_done) struct buf utf8 = {0};

	if (!raw || utf8_from_raw(raw, &utf8) < 0)
		return mm_err_oom(reterr);
	c->delim = delim;
	return text_set(&c->prefix, buf_str(&utf8)) < 0 ? mm_err_oom(reterr) : 0;
}

static int take_namespace(struct imap *c, const struct imap_resp *resp, struct mm_err *reterr)
{
	struct imap_str prefix;
	char delim;

	if (imap_parse_namespace(resp, &c->scratch, &prefix, &delim) < 0)
		return 0; /* no prefix is the rule */
	return set_prefix(c, &prefix, delim, reterr);
}

/* A LIST line belongs to LIST alone: one that nobody asked for would make a folder out of
 * nothing. */
static int await_lists(struct imap *c, const struct imap_cmd *cmd, struct listing *l,
		       struct mm_err *reterr)
{
	bool listing = strcmp(cmd->name, "LIST") == 0;

	while (!cmd->done) {
		struct imap_resp resp;
		int r = imap_read(c, "waiting for the list of folders", &resp, reterr);

		if (r < 0)
			return r;
		if (resp.kind != IMAP_UNTAGGED || resp.has_number)
			continue;
		if (listing && (text_ieqn(resp.word.p, resp.word.n, "LIST") ||
				text_ieqn(resp.word.p, resp.word.n, "XLIST")))
			r = take_list(c, &resp, l, reterr);
		else if (text_ieqn(resp.word.p, resp.word.n, "LSUB"))
			r = take_lsub(c, &resp, l, reterr);
		else if (text_ieqn(resp.word.p, resp.word.n, "STATUS"))
			r = take_status(c, &resp, l, reterr);
		else if (text_ieqn(resp.word.p, resp.word.n, "NAMESPACE"))
			r = take_namespace(c, &resp, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static void put_status_items(struct imap *c, bool with_size)
{
	imap_put(c, "(MESSAGES UIDNEXT UIDVALIDITY%s%s%s)",
		 imap_has(c, IMAP_CAP_CONDSTORE) ? " HIGHESTMODSEQ" : "",
		 with_size && imap_has(c, IMAP_CAP_STATUS_SIZE) ? " SIZE" : "",
		 imap_has(c, IMAP_CAP_APPENDLIMIT) ? " APPENDLIMIT" : "");
}

/* Roles by Gmail's old command, where there is no other way. */
static bool uses_xlist(const struct imap *c)
{
	return imap_has(c, IMAP_CAP_XLIST) && !imap_has(c, IMAP_CAP_SPECIAL_USE) &&
	       !imap_has(c, IMAP_CAP_LIST_EXTENDED);
}

static void put_list(struct imap *c, bool with_size)
{
	imap_put(c, "%s \"\" \"*\"", uses_xlist(c) ? "XLIST" : "LIST");
	if (!imap_has(c, IMAP_CAP_LIST_EXTENDED))
		return;
	imap_put(c, " RETURN (SUBSCRIBED%s",
		 imap_has(c, IMAP_CAP_SPECIAL_USE) ? " SPECIAL-USE" : "");
	if (imap_has(c, IMAP_CAP_LIST_STATUS)) {
		imap_put(c, " STATUS ");
		put_status_items(c, with_size);
	}
	imap_put(c, ")");
}

/* name: "LIST" where lines of that kind are expected. */
static struct imap_cmd *begin_plain(struct imap *c, const char *name, const char *text,
				    struct mm_err *reterr)
{
	struct imap_cmd *cmd = imap_cmd_begin(c, VERB_PLAIN, name, reterr);

	if (!cmd)
		return NULL;
	imap_put(c, "%s", text);
	imap_cmd_end(c);
	return cmd;
}

/* One command of the conversation. must: there is no going on without it. */
static int end_listing(struct imap *c, struct imap_cmd *cmd, bool must, struct listing *l,
		       struct mm_err *reterr)
{
	int r;

	r = await_lists(c, cmd, l, reterr);
	if (r < 0)
		return r;
	if (must && cmd->status != IMAP_OK)
		r = imap_refused(c, cmd, MM_SCOPE_JOB, "cannot list the folders", reterr);
	imap_cmd_free(c, cmd);
	return r;
}

static int list_and_namespace(struct imap *c, bool with_size, struct listing *l,
			      struct mm_err *reterr)
{
	bool extended = imap_has(c, IMAP_CAP_LIST_EXTENDED);
	struct imap_cmd *list, *lsub = NULL, *roles = NULL;
	int r;

	if (imap_has(c, IMAP_CAP_NAMESPACE)) {
		struct imap_cmd *ns = begin_plain(c, "NAMESPACE", "NAMESPACE", reterr);

		if (!ns)
			return -ENOBUFS;
		ns->forget = true;
	}
	list = imap_cmd_begin(c, VERB_PLAIN, "LIST", reterr);
	if (!list)
		return -ENOBUFS;
	put_list(c, with_size);
	imap_cmd_end(c);
	if (!extended)
		lsub = begin_plain(c, "LSUB", "LSUB \"\" \"*\"", reterr);
	if (!extended && lsub && imap_has(c, IMAP_CAP_SPECIAL_USE))
		roles = begin_plain(c, "LIST", "LIST (SPECIAL-USE) \"\" \"*\"", reterr);
	if (!extended && (!lsub || (!roles && imap_has(c, IMAP_CAP_SPECIAL_USE))))
		return -ENOBUFS;
	r = end_listing(c, list, true, l, reterr);
	if (r == 0 && lsub)
		r = end_listing(c, lsub, true, l, reterr);
	/* Without roles folders go by their names. */
	if (r == 0 && roles)
		r = end_listing(c, roles, false, l, reterr);
	return r;
}

/* Marks one by one, pipelined, for servers without LIST-STATUS. A folder whose STATUS is
 * refused stays without marks. */
static int status_each(struct imap *c, bool with_size, struct listing *li,
		       struct mm_err *reterr)
{
	const struct folder_list *l = &li->l;
	size_t begun = 0;

	while (begun < l->n) {
		struct imap_cmd *cmd = NULL;
		int r;

		for (size_t in_flight = 0; begun < l->n && in_flight < IMAP_WINDOW_MAX / 2;
		     begun++) {
			const struct folder *f = &l->v[begun];

			if (f->noselect || f->unusable || f->status.known)
				continue;
			cmd = imap_cmd_begin(c, VERB_PLAIN, "STATUS", reterr);
			if (!cmd)
				return -ENOBUFS;
			imap_put(c, "STATUS ");
			r = imap_put_mailbox(c, cmd, f->raw, reterr);
			if (r < 0)
				return r;
			imap_put(c, " ");
			put_status_items(c, with_size);
			imap_cmd_end(c);
			in_flight++;
			if (begun + 1 < l->n && in_flight < IMAP_WINDOW_MAX / 2)
				cmd->forget = true;
		}
		if (!cmd)
			return 0;
		cmd->forget = false;
		r = await_lists(c, cmd, li, reterr);
		if (r < 0)
			return r;
		imap_cmd_free(c, cmd);
	}
	return 0;
}

/* Canonical names out of the server's octets; what is not modified UTF-7 is shown as it is. */
static int name_folders(struct imap *c, struct folder_list *l, struct mm_err *reterr)
{
	if (c->delim == '\0' && l->n > 0)
		c->delim = l->v[0].delim;
	for (size_t i = 0; i < l->n; i++) {
		_cleanup_(buf_done) struct buf utf8 = {0}, name = {0};
		struct folder *f = &l->v[i];
		int r = f->unusable ? -EBADMSG : utf7_decode(f->raw, strlen(f->raw), &utf8);

		if (r == -EBADMSG) {
			size_t n = strlen(f->raw);

			r = buf_reserve(&utf8, n + 1);
			if (r == 0)
				text_clean(utf8.p, n + 1, f->raw, n);
			utf8.len = r == 0 ? strlen(utf8.p) : 0;
		}
		if (r == 0)
			r = folder_name_canonical(buf_str(&utf8),
						  f->delim ? f->delim : c->delim, c->prefix,
						  &name);
		if (r == 0)
			f->name = buf_take(&name);
		if (!f->name)
			return mm_err_oom(reterr);
	}
	folder_list_sort(l);
	return 0;
}

static void listing_done(struct listing *li)
{
	tdestroy(li->by_raw, free);
	folder_list_done(&li->l);
}

int imap_list(struct imap *c, bool with_size, struct folder_list *ret, struct mm_err *reterr)
{
	_cleanup_(listing_done) struct listing li = {0};
	int r;

	r = list_and_namespace(c, with_size, &li, reterr);
	if (r == 0)
		r = status_each(c, with_size, &li, reterr);
	if (r == 0)
		r = name_folders(c, &li.l, reterr);
	if (r < 0)
		return r;
	*ret = li.l;
	li.l = (struct folder_list){0};
	return 0;
}
