// SPDX-License-Identifier: GPL-2.0
/*
 * Rules of nf_tables, which include those of iptables-nft, from the JSON of nft.
 * Lists the drop and reject rules that a packet of a service may meet; it does
 * not evaluate them: a rule is described by what its matches name.
 *
 * Chains of tables with the flag dormant are ignored, as the kernel does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* Priorities of lbdr: PREROUTING before conntrack, by mark after mangle. */
#define PRIORITY_ENTRY -202
#define PRIORITY_MARKED -149
#define PRIORITY_INPUT 99
#define PRIORITY_RAW_END -200	/* conntrack */

#define JUMPS_MAX 16
#define KEY_TEXT 1024

/* The key of a chain or set of the table that @object is in. */
static const char *key_of(const json_t *object, const char *name, char *text)
{
	snprintf(text, KEY_TEXT, "%s %s %s", word_of(object, "family"),
		 word_of(object, "table"), name);
	return text;
}

/* Whether a value is the word, or a list or set that has it. */
static bool mentions(const json_t *value, const char *word)
{
	const json_t *item;
	size_t i;

	if (json_is_string(value))
		return !strcmp(json_string_value(value), word);
	if (json_is_object(value))
		value = json_object_get(value, "set");
	json_array_foreach(value, i, item) {
		if (mentions(item, word))
			return true;
	}
	return false;
}

/* Where packets meet a base chain: its hook, then its priority. */
static json_int_t place_of(const json_t *base)
{
	static const char *const hooks[] = {
		"ingress", "prerouting", "input", "forward",
	};
	json_int_t i = 0;

	while (i < (json_int_t)ARRAY_SIZE(hooks) &&
	       strcmp(hooks[i], word_of(base, "hook")))
		i++;
	return (i << 32) + (__s32)number_of(base, "prio");
}

/* Base chains are kept in the order in which packets meet them. */
static void add_base(struct rules *rules, json_t *base)
{
	size_t at = json_array_size(rules->bases);

	while (at && place_of(json_array_get(rules->bases, at - 1)) >
		     place_of(base))
		at--;
	json_array_insert(rules->bases, at, base);
}

static void index_item(struct rules *rules, json_t *item, json_t *dormant)
{
	json_t *chain = json_object_get(item, "chain");
	json_t *rule = json_object_get(item, "rule");
	json_t *set = json_object_get(item, "set") ?: json_object_get(item, "map");
	json_t *list;
	char text[KEY_TEXT];

	if (chain && *word_of(chain, "hook")) {
		snprintf(text, sizeof(text), "%s %s", word_of(chain, "family"),
			 word_of(chain, "table"));
		if (!json_object_get(dormant, text))
			add_base(rules, chain);
	} else if (rule) {
		key_of(rule, word_of(rule, "chain"), text);
		list = json_object_get(rules->chains, text);
		if (!list) {
			list = json_array();
			json_object_set_new(rules->chains, text, list);
		}
		json_array_append(list, rule);
	} else if (set) {
		list = json_object_get(set, "elem");
		json_object_set_new(rules->sets, key_of(set, word_of(set, "name"), text),
				    list ? json_incref(list) : json_array());
	}
}

/**
 * rules_index() - sort the items of the ruleset
 * @rules: to be dropped by the caller
 * @document: of nft -j list ruleset; taken over
 *
 * Return: false if it is not a ruleset.
 */
bool rules_index(struct rules *rules, json_t *document)
{
	json_t *items = json_object_get(document, "nftables");
	json_t *dormant = json_object();
	json_t *item, *table;
	char text[KEY_TEXT];
	size_t i;

	rules->root = document;
	rules->bases = json_array();
	rules->chains = json_object();
	rules->sets = json_object();
	json_array_foreach(items, i, item) {
		table = json_object_get(item, "table");
		/* A word or a list of words, depending on the version of nft. */
		if (!mentions(json_object_get(table, "flags"), "dormant"))
			continue;
		snprintf(text, sizeof(text), "%s %s", word_of(table, "family"),
			 word_of(table, "name"));
		json_object_set_new(dormant, text, json_true());
	}
	json_array_foreach(items, i, item)
		index_item(rules, item, dormant);
	json_decref(dormant);
	return json_is_array(items);
}

void rules_drop(struct rules *rules)
{
	json_decref(rules->sets);
	json_decref(rules->chains);
	json_decref(rules->bases);
	json_decref(rules->root);
	memset(rules, 0, sizeof(*rules));
}

/**
 * rules_read() - have nft list the ruleset
 * @rules: to be dropped by the caller, also after an error
 *
 * Return: 0, RUN_NOT_FOUND without nft, another value if nft failed.
 */
int rules_read(struct rules *rules)
{
	static const char *const command[] = {
		"nft", "-j", "list", "ruleset", NULL,
	};
	json_t *document;
	int status = run_json(command, &document);

	memset(rules, 0, sizeof(*rules));
	if (status)
		return status;
	return rules_index(rules, document) ? 0 : -1;
}

/**
 * rules_before() - check whether packets of a service meet a base chain
 * @base: the chain
 * @entry: of lbdr: "prerouting", "input" or "ingress"
 * @marked: a service by firewall mark
 *
 * Return: true if packets for the VIP reach the chain before lbdr.
 */
bool rules_before(const json_t *base, const char *entry, bool marked)
{
	const char *hook = word_of(base, "hook");
	json_int_t priority = number_of(base, "prio");
	bool input = !strcmp(entry, "input") && !marked;

	if (!strcmp(hook, "ingress"))
		return true;
	if (!strcmp(hook, "input"))
		return input && priority < PRIORITY_INPUT;
	return !strcmp(hook, "prerouting") &&
	       (input || priority < (marked ? PRIORITY_MARKED : PRIORITY_ENTRY));
}

/* The elements of a set or map, given by name or in place. */
static const json_t *elements(const struct rules *rules, const json_t *rule,
			      const json_t *value)
{
	const char *word = json_string_value(value);
	char text[KEY_TEXT];

	if (!word)
		return json_object_get(value, "set");
	if (*word != '@')
		return NULL;
	return json_object_get(rules->sets, key_of(rule, word + 1, text));
}

static bool is_between(const json_t *low, const json_t *high,
		       const struct service *service)
{
	const char *first = json_string_value(low);
	const char *last = json_string_value(high);
	struct addr from, to;

	if (json_is_integer(low))
		return !service->port ||
		       (json_integer_value(low) <= service->last_port &&
			service->port <= json_integer_value(high));
	return first && last && addr_parse(first, &from) &&
	       addr_parse(last, &to) && from.family == service->vip.family &&
	       addr_compare(&from, &service->vip) <= 0 &&
	       addr_compare(&service->vip, &to) <= 0;
}

/*
 * Whether a value contains the VIP, or the port if the value is a number: a
 * single value, prefix, range, set, element of a set, or pair of a map.
 */
static bool holds(const struct rules *rules, const json_t *rule,
		  const json_t *value, const struct service *service)
{
	const json_t *prefix = json_object_get(value, "prefix");
	const json_t *range = json_object_get(value, "range");
	const json_t *element = json_object_get(value, "elem");
	const json_t *item;
	struct addr net;
	size_t i;

	if (prefix)
		return addr_parse(word_of(prefix, "addr"), &net) &&
		       addr_in(&service->vip, &net, number_of(prefix, "len"));
	if (range)
		return is_between(json_array_get(range, 0),
				  json_array_get(range, 1), service);
	if (element)
		return holds(rules, rule, json_object_get(element, "val"),
			     service);
	if (json_is_array(value))
		return holds(rules, rule, json_array_get(value, 0), service);
	json_array_foreach(elements(rules, rule, value), i, item) {
		if (holds(rules, rule, item, service))
			return true;
	}
	return is_between(value, value, service);
}

/* What a walk has in common. */
struct look {
	const struct rules *rules;
	const struct config *config;
	rules_fn each;
	void *data;
	const json_t *base;
	unsigned int depth;
	struct match match;	/* of the rules that jump to the chain */
};

/* A match of the destination address, or port, with the services' own ones. */
static void look_target(const struct look *look, const json_t *rule,
			const json_t *value, const char *protocol,
			bool inverted, bool *named, struct match *match)
{
	const struct service *service;
	size_t inside = 0, outside = 0;
	size_t i;

	for (i = 0; i < look->config->nr_services; i++) {
		service = &look->config->services[i];
		if (service->fwmark ||
		    (*protocol && strcmp(protocol, service->protocol)))
			continue;
		if (holds(look->rules, rule, value, service))
			inside++;
		else
			outside++;
	}
	*named |= inside && !inverted;
	match->other_service |= inverted ? !outside : !inside;
}

static void look_left(const struct look *look, const json_t *rule,
		      const json_t *left, const json_t *right, bool inverted,
		      struct match *match)
{
	const json_t *payload = json_object_get(left, "payload");
	const char *protocol = word_of(payload, "protocol");
	const char *field = word_of(payload, "field");
	const char *key = word_of(json_object_get(left, "meta"), "key");

	if (!strcmp(field, "daddr"))
		look_target(look, rule, right, "", inverted, &match->vip,
			    match);
	else if (!strcmp(field, "dport"))
		look_target(look, rule, right, strcmp(protocol, "th") ?
			    protocol : "", inverted, &match->port, match);
	else if (strcmp(field, "protocol") && strcmp(field, "nexthdr") &&
		 strcmp(key, "l4proto") && strcmp(key, "protocol") &&
		 strcmp(key, "nfproto"))
		match->other = true;
	match->invalid |= !inverted &&
			  !strcmp(word_of(json_object_get(left, "ct"), "key"),
				  "state") && mentions(right, "invalid");
}

static void look_rule(const struct look *look, const json_t *rule);

static void look_chain(const struct look *look, const json_t *of,
		       const char *chain, const struct match *match)
{
	struct look deeper = *look;
	char text[KEY_TEXT];
	const json_t *rule;
	size_t i;

	if (++deeper.depth > JUMPS_MAX || match->other_service)
		return;
	deeper.match = *match;
	key_of(of, chain, text);
	json_array_foreach(json_object_get(look->rules->chains, text), i, rule)
		look_rule(&deeper, rule);
}

/* The chain that a statement continues with, or "". */
static const char *target_of(const json_t *statement)
{
	const char *target = word_of(json_object_get(statement, "jump"),
				     "target");

	return *target ? target : word_of(json_object_get(statement, "goto"),
					  "target");
}

static enum verdict verdict_of(const json_t *statement)
{
	const json_t *xt = json_object_get(statement, "xt");
	const char *name = word_of(xt, "name");

	if (json_object_get(statement, "drop") ||
	    json_object_get(statement, "reject") || !strcmp(name, "DROP") ||
	    !strcmp(name, "REJECT"))
		return VERDICT_DROP;
	if (json_object_get(statement, "accept"))
		return VERDICT_ACCEPT;
	if (json_object_get(statement, "notrack") || !strcmp(name, "CT"))
		return VERDICT_NOTRACK;
	return VERDICT_NONE;
}

/* Each pair of a verdict map is like a rule of its own. */
static void look_map(const struct look *look, const json_t *rule,
		     const json_t *map, const struct match *before)
{
	const json_t *pair, *verdict;
	struct match match;
	size_t i;

	json_array_foreach(elements(look->rules, rule,
				    json_object_get(map, "data")), i, pair) {
		verdict = json_array_get(pair, 1);
		match = *before;
		look_left(look, rule, json_object_get(map, "key"),
			  json_array_get(pair, 0), false, &match);
		match.verdict = verdict_of(verdict);
		if (match.verdict)
			look->each(look->base, rule, &match, look->data);
		if (*target_of(verdict))
			look_chain(look, rule, target_of(verdict), &match);
	}
}

/* Statements that do not limit a rule to some packets. */
static bool is_neutral(const json_t *statement)
{
	static const char *const names[] = {
		"counter", "log", "mangle", "comment", "jump", "goto",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (json_object_get(statement, names[i]))
			return true;
	}
	return false;
}

static void look_rule(const struct look *look, const json_t *rule)
{
	const json_t *statement, *part, *map, *xt;
	struct match match = look->match;
	size_t i;

	json_array_foreach(json_object_get(rule, "expr"), i, statement) {
		match.verdict = verdict_of(statement);
		part = json_object_get(statement, "match");
		map = json_object_get(statement, "vmap");
		xt = json_object_get(statement, "xt");
		if (part) {
			look_left(look, rule, json_object_get(part, "left"),
				  json_object_get(part, "right"),
				  !strcmp(word_of(part, "op"), "!="), &match);
		} else if (map) {
			look_map(look, rule, map, &match);
		} else if (!match.verdict && !is_neutral(statement)) {
			match.other = true;
			match.invalid |= !strcmp(word_of(xt, "name"),
						 "conntrack");
		}
		if (*target_of(statement))
			look_chain(look, rule, target_of(statement), &match);
		if (match.verdict)
			look->each(look->base, rule, &match, look->data);
	}
}

/**
 * rules_walk() - describe all rules with a verdict of a base chain
 * @rules: the ruleset
 * @base: the chain, and those that it jumps to
 * @config: whose VIPs and ports count
 * @each: called for each of them
 * @data: passed to @each
 */
void rules_walk(const struct rules *rules, const json_t *base,
		const struct config *config, rules_fn each, void *data)
{
	struct look look = {
		.rules = rules, .config = config, .each = each, .data = data,
		.base = base,
	};

	look_chain(&look, base, word_of(base, "name"), &look.match);
}

struct untracked {
	const struct rules *rules;
	struct service service;
	bool found;
};

static void look_untracked(const json_t *base, const json_t *rule,
			   const struct match *match, void *data)
{
	struct untracked *untracked = data;
	const json_t *statement, *part, *payload;
	size_t i;

	(void)base;
	json_array_foreach(json_object_get(rule, "expr"), i, statement) {
		part = json_object_get(statement, "match");
		payload = json_object_get(json_object_get(part, "left"),
					  "payload");
		if (match->verdict == VERDICT_NOTRACK &&
		    !strcmp(word_of(payload, "field"), "saddr") &&
		    holds(untracked->rules, rule, json_object_get(part, "right"),
			  &untracked->service))
			untracked->found = true;
	}
}

/* Whether a rule exempts packets from the VIP from conntrack. */
bool rules_untracked(const struct rules *rules, const struct addr *vip)
{
	struct untracked untracked = { .rules = rules };
	const struct config none = { .nr_services = 0 };
	const json_t *base;
	size_t i;

	untracked.service.vip = *vip;
	json_array_foreach(rules->bases, i, base) {
		if (!strcmp(word_of(base, "hook"), "prerouting") &&
		    number_of(base, "prio") < PRIORITY_RAW_END)
			rules_walk(rules, base, &none, look_untracked,
				   &untracked);
	}
	return untracked.found;
}

/* Names a rule, or without one the policy of the chain. */
const char *rules_text(const json_t *base, const json_t *rule, char *text)
{
	if (rule)
		snprintf(text, RULE_TEXT, "%s %s %s handle %d",
			 word_of(rule, "family"), word_of(rule, "table"),
			 word_of(rule, "chain"),
			 (int)number_of(rule, "handle"));
	else
		snprintf(text, RULE_TEXT, "%s %s %s", word_of(base, "family"),
			 word_of(base, "table"), word_of(base, "name"));
	return text;
}
