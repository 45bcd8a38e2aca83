/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MODEL_ROLE_INTERNAL_H
#define MODEL_ROLE_INTERNAL_H

#include <mailmig/role.h>

/* role_names.tsv as C, made by the Makefile. */
struct role_row {
	const char *what, *language, *name;
};
extern const struct role_row role_rows[];
extern const size_t role_n_rows;

/* A row, under the form in which names are compared. */
struct role_entry {
	char *folded;
	const struct role_row *row;
	enum folder_role role; /* of a name */
	bool weak;             /* it may as well mean something else */
	unsigned rank;         /* its place among the names of its role in its language */
};

/* The entries of a folded name: how many. */
size_t role_table_look(const struct role_table *t, const char *folded,
		       const struct role_entry **ret);

/* What a name says: sets of roles as bits 1 << role. */
struct role_meaning {
	unsigned roles; /* that the whole name means */
	unsigned weak;  /* that it may mean, or that the one word of it means that is no noun */
	unsigned rank;  /* the best of its places; 0 first */
	bool not_mail;
};
/* 0 or -ENOMEM; what is not UTF-8 or too long says nothing. */
int role_mean(const struct role_table *t, const char *name, struct role_meaning *ret);

/* The form in which names are compared: NFKC, case folded, without U+200E and U+200F, blanks
 * squeezed; Turkish i's are all one. Owned. 0, -EILSEQ: not UTF-8; -ENOMEM. */
int role_fold(const char *name, char **ret);

#endif
