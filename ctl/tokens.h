/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of a command line as options and their arguments.
 */
#ifndef LBCTL_TOKENS_H
#define LBCTL_TOKENS_H

#include "lbctl.h"

#define MAX_TOKENS 64
#define SPELLING 80

/*
 * A row of the table. A row that has a refusal is an option of ipvsadm's that
 * is known and not done; one that has an argument writes it to the text at
 * offset, any other one sets the bool there. Where the argument may be left
 * out, the row says what it is otherwise; then only a word that begins with a
 * digit is one, so that tokens can be told before the verb is known.
 */
struct option {
	char letter;
	const char *name;
	const char *argument;
	const char *otherwise;
	unsigned int verbs;
	unsigned int hidden;	/* verbs whose help does not list it */
	size_t offset;
	bool ours;		/* not in ipvsadm's grammar */
	const char *refusal;
	const char *help;
};

/* An option as it was written: by its letter, or by its name. */
struct token {
	char letter;
	const char *name;
	size_t length;		/* of the name, before a '=' */
	const char *argument;
};

struct command_line {
	struct token tokens[MAX_TOKENS];
	size_t nr_tokens;
	const char *words[MAX_TOKENS];
	size_t nr_words;
	const struct verb *verb;
	const struct token *verb_token;
};

/* tokens.c */
const char *token_spelling(const struct token *token, char *text);
bool token_named(const struct token *token, const char *name);
const struct verb *token_verb(const struct token *token);
int tokens_read(struct command_line *line, char **next, bool ipvsadm);

/* options.c */
const struct option *option_next(const struct option *row,
				 const struct token *token, bool ipvsadm);

#endif
