// SPDX-License-Identifier: GPL-2.0
/*
 * The rules of nf_tables, those that iptables-nft makes among them. They are
 * read by `nft -j list ruleset`: nft takes apart what the kernel stores as a
 * program of register loads and comparisons, and keeps up with it. Without nft
 * there is nothing to read, and whoever asks says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules.h"

/* What execvp() of a shell would say, too. */
#define NOT_FOUND 127

/* A string of an object, empty when it is not there. */
const char *rules_word(const json_t *object, const char *key)
{
	const char *word = json_string_value(json_object_get(object, key));

	return word ? word : "";
}

static const char *place(const char *family, const char *table,
			 const char *name, char *text, size_t size)
{
	snprintf(text, size, "%s %s %s", family, table, name);
	return text;
}

/* The rules of a chain in their order, or NULL. */
json_t *rules_chain(const struct rules *rules, const char *family,
		    const char *table, const char *chain)
{
	char text[1024];

	return json_object_get(rules->chains,
			       place(family, table, chain, text, sizeof(text)));
}

/* The elements of a set, NULL when it has none or is not known. */
json_t *rules_set(const struct rules *rules, const char *family,
		  const char *table, const char *set)
{
	char text[1024];

	return json_object_get(rules->sets,
			       place(family, table, set, text, sizeof(text)));
}

static void index_item(struct rules *rules, json_t *item)
{
	json_t *chain = json_object_get(item, "chain");
	json_t *rule = json_object_get(item, "rule");
	json_t *set = json_object_get(item, "set");
	json_t *list;
	char text[1024];

	if (chain) {
		place(rules_word(chain, "family"), rules_word(chain, "table"),
		      rules_word(chain, "name"), text, sizeof(text));
		if (!json_object_get(rules->chains, text))
			json_object_set_new(rules->chains, text, json_array());
		if (*rules_word(chain, "hook"))
			json_array_append(rules->bases, chain);
	} else if (rule) {
		place(rules_word(rule, "family"), rules_word(rule, "table"),
		      rules_word(rule, "chain"), text, sizeof(text));
		list = json_object_get(rules->chains, text);
		if (!list)
			json_object_set_new(rules->chains, text,
					    list = json_array());
		json_array_append(list, rule);
	} else if (set) {
		place(rules_word(set, "family"), rules_word(set, "table"),
		      rules_word(set, "name"), text, sizeof(text));
		list = json_object_get(set, "elem");
		json_object_set(rules->sets, text, list ? list : json_null());
	}
}

/**
 * rules_index() - take over what nft has written
 * @rules: to be dropped by the caller
 * @root: the document
 *
 * Return: false when it is not what nft writes.
 */
bool rules_index(struct rules *rules, json_t *root)
{
	json_t *items = json_object_get(root, "nftables");
	json_t *item;
	size_t i;

	rules->root = root;
	rules->bases = json_array();
	rules->chains = json_object();
	rules->sets = json_object();
	if (!json_is_array(items))
		return false;
	json_array_foreach(items, i, item)
		index_item(rules, item);
	return true;
}

void rules_drop(struct rules *rules)
{
	json_decref(rules->sets);
	json_decref(rules->chains);
	json_decref(rules->bases);
	json_decref(rules->root);
	memset(rules, 0, sizeof(*rules));
}

/* The child's part: nft, whose words are read by the parent. */
static void nft(int out, const char *netns)
{
	char *const command[] = { "nft", "-j", "list", "ruleset", NULL };
	int nowhere = open("/dev/null", O_RDWR);

	if (nowhere < 0 || (netns && netns_enter(netns)))
		_exit(1);
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDERR_FILENO);
	dup2(out, STDOUT_FILENO);
	execvp(command[0], command);
	_exit(errno == ENOENT ? NOT_FOUND : 1);
}

/**
 * rules_read() - have nft list all rules
 * @rules: to be dropped by the caller, also after an error
 * @netns: of this namespace, NULL for the process's own
 *
 * Return: 0; -ENOENT where there is no nft; -EIO where it does not list them.
 */
int rules_read(struct rules *rules, const char *netns)
{
	json_t *root = NULL;
	int status = -1;
	int ends[2];
	FILE *file;
	pid_t pid;

	memset(rules, 0, sizeof(*rules));
	if (pipe2(ends, O_CLOEXEC))
		return -EIO;
	fflush(stdout);
	pid = fork();
	if (!pid)
		nft(ends[1], netns);
	close(ends[1]);
	file = fdopen(ends[0], "r");
	if (file) {
		root = json_loadf(file, 0, NULL);
		fclose(file);
	} else {
		close(ends[0]);
	}
	if (pid > 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
		json_decref(root);
		return -ENOENT;
	}
	if (!root || status) {
		json_decref(root);
		return -EIO;
	}
	return rules_index(rules, root) ? 0 : -EIO;
}
