/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MAILMIG_PATTERN_H
#define MAILMIG_PATTERN_H

#include <mailmig/base.h>
#include <mailmig/buf.h>
#include <mailmig/role.h>

/* Patterns over canonical names of folders, as folders.* has them. Regular expressions are
 * PCRE2's, in UTF-8, and end by a limit of steps, whatever the pattern and the name. */

/* What is wrong with a pattern: "is ...; write ...". */
#define PATTERN_WRONG_MAX 256

/* One element of folders.include or folders.exclude: a role ("\\Junk"), a regular expression
 * between slashes with the flag i or none, else a glob. */
struct selector;
/* 0; -EINVAL: wrong says why; -ENOMEM. */
int selector_new(const char *text, struct selector **ret, char wrong[static PATTERN_WRONG_MAX]);
struct selector *selector_free(struct selector *s);
DEFINE_CLEANUP(struct selector *, selector_free)
/* role: of the folder or of the one it lies in. 1, 0; -E2BIG: the name is too long for a
 * regular expression, -ELOOP: it needs too many steps, -EILSEQ: the name is not UTF-8;
 * -ENOMEM. */
int selector_matches(const struct selector *s, const char *name, enum folder_role role);
/* It is the name of this one folder. */
bool selector_names(const struct selector *s, const char *name);

/* One element of folders.rewrite: s/RE/REPLACEMENT/flags. */
struct rewrite;
int rewrite_new(const char *text, struct rewrite **ret, char wrong[static PATTERN_WRONG_MAX]);
struct rewrite *rewrite_free(struct rewrite *w);
DEFINE_CLEANUP(struct rewrite *, rewrite_free)
/* 1: it matches, out has what the name becomes; 0: it does not. Errors as of
 * selector_matches(); -ENAMETOOLONG: it becomes too long. */
int rewrite_apply(const struct rewrite *w, const char *name, struct buf *out);

/* What a negative result of the two above says: "needs too many steps for ...". */
const char *pattern_trouble(int r);

#endif
