// SPDX-License-Identifier: GPL-2.0
/*
 * Splits the words of a command line into tokens: options, with their arguments,
 * and other words. This does not depend on the verb, which may be any of them.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "tokens.h"

const char *token_spelling(const struct token *token, char *text)
{
	if (token->letter)
		snprintf(text, SPELLING, "-%c", token->letter);
	else
		snprintf(text, SPELLING, "--%.*s", (int)token->length,
			 token->name);
	return text;
}

bool token_named(const struct token *token, const char *name)
{
	return name && !token->letter && strlen(name) == token->length &&
	       !strncmp(name, token->name, token->length);
}

const struct verb *token_verb(const struct token *token)
{
	const char *letters;
	size_t i;

	for (i = 0; i < VERBS; i++) {
		letters = verbs[i].letters;
		if (token->letter && letters && strchr(letters, token->letter))
			return &verbs[i];
		if (token_named(token, verbs[i].longname))
			return &verbs[i];
	}
	return NULL;
}

static int add_token(struct command_line *line, const struct token *token)
{
	const struct verb *verb = token_verb(token);
	char first[SPELLING];
	char second[SPELLING];

	if (line->nr_tokens == MAX_TOKENS)
		return fault("too many options");
	line->tokens[line->nr_tokens] = *token;
	if (verb && line->verb)
		return fault("%s and %s are two commands: give one",
			     token_spelling(line->verb_token, first),
			     token_spelling(token, second));
	if (verb) {
		line->verb = verb;
		line->verb_token = &line->tokens[line->nr_tokens];
	}
	line->nr_tokens++;
	return 0;
}

/*
 * The argument of an option that takes one: @inside its word, or the next.
 * One that may be left out is only taken where it begins with a digit.
 */
static int take_argument(struct token *token, const struct option *row,
			 const char *inside, char ***next)
{
	const char *word = inside ? inside : **next;
	const char *argument = row->argument;
	char text[SPELLING];

	if (row->otherwise && !(word && isdigit((unsigned char)word[0])))
		return 0;

	if (!inside) {
		if (!word)
			return fault("option %s requires an argument: %s",
				     token_spelling(token, text), argument);
		/* The next option, or a number below zero? */
		if (word[0] == '-' &&
		    (isalpha((unsigned char)word[1]) || word[1] == '-'))
			return fault("option %s requires an argument: %s, not '%s'",
				     token_spelling(token, text), argument, word);
		(*next)++;
	}
	token->argument = word;
	return 0;
}

static int read_long(struct command_line *line, const char *word, char ***next,
		     bool ipvsadm)
{
	struct token token = {
		.name = word + 2,
		.length = strcspn(word + 2, "="),
	};
	const struct option *row = option_next(NULL, &token, ipvsadm);
	const char *inside = token.name[token.length] ?
			     token.name + token.length + 1 : NULL;

	if (!row && !token_verb(&token))
		return fault("unknown option '%s'", word);
	if (row && row->argument) {
		if (inside)
			token.argument = inside;
		else if (take_argument(&token, row, NULL, next))
			return -1;
	} else if (inside && !(row && row->refusal)) {
		return fault("option --%.*s takes no argument",
			     (int)token.length, token.name);
	}
	return add_token(line, &token);
}

static int read_letters(struct command_line *line, const char *word,
			char ***next, bool ipvsadm)
{
	const struct option *row;
	const char *letter;

	for (letter = word + 1; *letter; letter++) {
		struct token token = { .letter = *letter };

		row = option_next(NULL, &token, ipvsadm);
		if (!row && !token_verb(&token))
			return fault("unknown option '-%c'", *letter);
		if (row && row->argument) {
			if (take_argument(&token, row,
					  letter[1] ? letter + 1 : NULL, next))
				return -1;
			/* What follows the letter was no argument. */
			if (!row->otherwise || token.argument)
				return add_token(line, &token);
		}
		if (add_token(line, &token))
			return -1;
		/* What follows may be its argument, which no longer matters. */
		if (row && row->refusal)
			return 0;
	}
	return 0;
}

int tokens_read(struct command_line *line, char **next, bool ipvsadm)
{
	bool options_end = false;
	const char *word;
	int status = 0;

	while (!status && (word = *next++)) {
		if (options_end || word[0] != '-' || !word[1]) {
			if (line->nr_words == MAX_TOKENS)
				return fault("too many arguments");
			line->words[line->nr_words++] = word;
		} else if (word[1] != '-') {
			status = read_letters(line, word, &next, ipvsadm);
		} else if (word[2]) {
			status = read_long(line, word, &next, ipvsadm);
		} else {
			options_end = true;
		}
	}
	return status;
}
