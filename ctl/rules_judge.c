// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a service's packets in the chains of one hook: each chain is
 * walked as the kernel walks it, for the first packet of a connection from a
 * client that nobody knows. What a rule asks of the client or its device is
 * true of some packets; what this tool does not understand may be true of all.
 *
 * A drop is final for the packet, an acceptance for the chain alone.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "rules.h"

/* As deep as the kernel follows jumps. */
#define DEPTH_MAX 16

/* Both of two is the lesser, either of two the greater. */
enum match {
	MATCH_NO,
	MATCH_SOME,
	MATCH_UNKNOWN,
	MATCH_YES,
};

enum verdict {
	GOES_ON,
	RETURNS,
	ACCEPTED,
	DROPPED,
};

struct walk {
	const struct rules *rules;
	const struct service_key *key;
	const char *family;	/* of the table */
	const char *table;
	bool tracked;		/* conntrack has seen the packets */
	bool some_left;		/* packets were accepted, or are out of sight */
	bool named;		/* the rule that is looked at names the VIP */
	int depth;
	struct judgement *worst;
};

struct value {
	enum { VALUE_ADDRESS, VALUE_PORT, VALUE_PROTOCOL, VALUE_WORD } kind;
	const struct endpoint *at;
	long first;		/* ports, or the number of a protocol */
	long last;
	const char *word;
};

static enum match both(enum match a, enum match b)
{
	return a < b ? a : b;
}

static enum match either(enum match a, enum match b)
{
	return a > b ? a : b;
}

static bool same(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* The one member of an object that says what the object is. */
static const char *kind_of(const json_t *object, json_t **inside)
{
	void *iter = json_object_iter((json_t *)object);

	*inside = iter ? json_object_iter_value(iter) : NULL;
	return iter ? json_object_iter_key(iter) : "";
}

static bool read_address(const json_t *text, struct endpoint *at)
{
	const char *word = json_string_value(text);

	memset(at, 0, sizeof(*at));
	at->family = word && strchr(word, ':') ? AF_INET6 : AF_INET;
	return word && inet_pton(at->family, word, at->address) == 1;
}

/* Written by number, or by name of a service or a protocol. */
static bool read_number(const json_t *json, const struct value *value,
			long *number)
{
	const char *word = json_string_value(json);
	const struct protoent *protocol;
	const struct servent *service;

	*number = json_integer_value(json);
	if (json_is_integer(json))
		return true;
	if (!word)
		return false;
	if (value->kind == VALUE_PORT) {
		service = getservbyname(word, NULL);
		*number = service ? ntohs(service->s_port) : 0;
		return service;
	}
	protocol = getprotobyname(word);
	*number = protocol ? protocol->p_proto : 0;
	return protocol;
}

static enum match in_range(const struct value *value, long low, long high)
{
	if (low <= value->first && value->last <= high)
		return MATCH_YES;
	return value->last < low || high < value->first ? MATCH_NO : MATCH_SOME;
}

static enum match match_range(const struct value *value, const json_t *low,
			      const json_t *high)
{
	struct endpoint from, to;
	long first, last;

	if (value->kind == VALUE_ADDRESS) {
		if (!read_address(low, &from) || !read_address(high, &to))
			return MATCH_UNKNOWN;
		return value->at->family == from.family &&
		       address_compare(&from, value->at) <= 0 &&
		       address_compare(value->at, &to) <= 0 ?
		       MATCH_YES : MATCH_NO;
	}
	if (!read_number(low, value, &first) ||
	    !read_number(high, value, &last))
		return MATCH_UNKNOWN;
	return in_range(value, first, last);
}

static enum match match_scalar(const struct value *value, const json_t *right)
{
	struct endpoint at;

	if (value->kind == VALUE_WORD) {
		if (!json_is_string(right))
			return MATCH_UNKNOWN;
		return same(json_string_value(right), value->word) ?
		       MATCH_YES : MATCH_NO;
	}
	if (value->kind != VALUE_ADDRESS)
		return match_range(value, right, right);
	if (!read_address(right, &at))
		return MATCH_UNKNOWN;
	return same_address(&at, value->at) ? MATCH_YES : MATCH_NO;
}

static enum match match_value(const struct walk *walk,
			      const struct value *value, const json_t *right);

static enum match match_any(const struct walk *walk, const struct value *value,
			    const json_t *elements)
{
	enum match any = MATCH_NO;
	json_t *element;
	size_t i;

	json_array_foreach(elements, i, element)
		any = either(any, match_value(walk, value, element));
	return any;
}

static enum match match_prefix(const struct value *value, const json_t *prefix)
{
	json_int_t length = json_integer_value(json_object_get(prefix, "len"));
	struct endpoint net;

	if (value->kind != VALUE_ADDRESS || length < 0 || length > 128 ||
	    !read_address(json_object_get(prefix, "addr"), &net))
		return MATCH_UNKNOWN;
	return in_prefix(value->at, &net, length) ? MATCH_YES : MATCH_NO;
}

/* An anonymous set may have a set in it, but none that is named. */
static enum match match_value(const struct walk *walk,
			      const struct value *value, const json_t *right)
{
	const char *word = json_string_value(right);
	const char *kind;
	json_t *inside;

	if (word && *word == '@') {
		inside = rules_set(walk->rules, walk->family, walk->table,
				   word + 1);
		if (!inside)
			return MATCH_UNKNOWN;
		return match_any(walk, value, inside);
	}
	if (json_is_array(right))
		return match_any(walk, value, right);
	if (!json_is_object(right))
		return match_scalar(value, right);
	kind = kind_of(right, &inside);
	if (same(kind, "set") && !json_is_string(inside))
		return match_value(walk, value, inside);
	if (same(kind, "elem"))
		return match_value(walk, value, json_object_get(inside, "val"));
	if (same(kind, "prefix"))
		return match_prefix(value, inside);
	if (same(kind, "range"))
		return match_range(value, json_array_get(inside, 0),
				   json_array_get(inside, 1));
	return MATCH_UNKNOWN;
}

/* `==` in any of its forms, or its contrary; no other comparison. */
static enum match compare(const struct walk *walk, const struct value *value,
			  const char *op, const json_t *right)
{
	enum match equal;

	if (!same(op, "==") && !same(op, "!=") && !same(op, "in"))
		return MATCH_UNKNOWN;
	equal = match_value(walk, value, right);
	if (!same(op, "!="))
		return equal;
	if (equal == MATCH_NO)
		return MATCH_YES;
	return equal == MATCH_YES ? MATCH_NO : equal;
}

/* The address as such, not as one of everybody's. */
static bool names_it(const json_t *right)
{
	json_t *prefix = json_object_get(right, "prefix");

	return !prefix || json_integer_value(json_object_get(prefix, "len"));
}

static enum match match_protocol(const struct walk *walk, const char *op,
				 const json_t *right)
{
	struct value value = {
		.kind = VALUE_PROTOCOL,
		.first = walk->key->protocol,
		.last = walk->key->protocol,
	};

	return walk->key->fwmark ? MATCH_SOME :
				   compare(walk, &value, op, right);
}

static enum match match_port(const struct walk *walk, const char *op,
			     const json_t *right)
{
	const struct endpoint *at = &walk->key->at;
	struct value value = {
		.kind = VALUE_PORT,
		.first = at->port ? at->port : 1,
		.last = at->last_port ? at->last_port :
			at->port ? at->port : 65535,
	};

	return compare(walk, &value, op, right);
}

static enum match match_payload(struct walk *walk, const json_t *payload,
				const char *op, const json_t *right)
{
	const char *protocol = rules_word(payload, "protocol");
	const char *field = rules_word(payload, "field");
	const struct service_key *key = walk->key;
	struct value value = { .kind = VALUE_ADDRESS, .at = &key->at };
	enum match match;

	if (same(protocol, "ip") || same(protocol, "ip6")) {
		if (key->at.family != (same(protocol, "ip") ? AF_INET : AF_INET6))
			return MATCH_NO;
		if (same(field, "protocol") || same(field, "nexthdr"))
			return match_protocol(walk, op, right);
		if (!same(field, "daddr") || key->fwmark)
			return MATCH_SOME;
		match = compare(walk, &value, op, right);
		walk->named |= match != MATCH_NO && !same(op, "!=") &&
			       names_it(right);
		return match;
	}
	if (key->fwmark)
		return MATCH_SOME;
	if (!same(protocol, "th") && protocol_word(key->protocol) &&
	    !same(protocol, protocol_word(key->protocol)))
		return same(protocol, "ether") || same(protocol, "vlan") ?
		       MATCH_SOME : MATCH_NO;
	return same(field, "dport") ? match_port(walk, op, right) : MATCH_SOME;
}

static enum match match_meta(const struct walk *walk, const json_t *meta,
			     const char *op, const json_t *right)
{
	const char *key = rules_word(meta, "key");
	bool four = walk->key->at.family == AF_INET;
	struct value value = { .kind = VALUE_WORD };

	if (same(key, "l4proto"))
		return match_protocol(walk, op, right);
	if (same(key, "nfproto")) {
		value.word = four ? "ipv4" : "ipv6";
		return compare(walk, &value, op, right);
	}
	if (same(key, "protocol")) {
		value.word = four ? "ip" : "ip6";
		return compare(walk, &value, op, right);
	}
	if (same(key, "iif") || same(key, "iifname")) {
		/* Clients are elsewhere; which other device is not known. */
		value.word = "lo";
		if (compare(walk, &value, op, right) == MATCH_YES)
			return same(op, "!=") ? MATCH_UNKNOWN : MATCH_NO;
		return same(op, "!=") ? MATCH_YES : MATCH_UNKNOWN;
	}
	return MATCH_SOME;
}

static enum match match_ct(const struct walk *walk, const json_t *ct,
			   const char *op, const json_t *right)
{
	struct value value = { .kind = VALUE_WORD, .word = "new" };

	if (!same(rules_word(ct, "key"), "state"))
		return MATCH_SOME;
	/* In front of conntrack no packet has a state that means anything. */
	return walk->tracked ? compare(walk, &value, op, right) : MATCH_UNKNOWN;
}

static enum match match_expression(struct walk *walk, const json_t *left,
				   const char *op, const json_t *right)
{
	json_t *inside;
	const char *kind = kind_of(left, &inside);

	if (same(kind, "payload"))
		return match_payload(walk, inside, op, right);
	if (same(kind, "meta"))
		return match_meta(walk, inside, op, right);
	if (same(kind, "ct"))
		return match_ct(walk, inside, op, right);
	return MATCH_UNKNOWN;
}

/* Names that a shell takes as they are; others are shown in no command. */
static bool plain(const char *name)
{
	for (; *name; name++) {
		if (!isalnum((unsigned char)*name) && !strchr("_-./", *name))
			return false;
	}
	return true;
}

/* Tables that iptables-nft calls its own; nft had better not write there. */
static const char *iptables(const char *family, const char *table)
{
	static const char *const tables[] = { "raw", "mangle", "nat", "filter" };
	size_t i;

	if (!same(family, "ip") && !same(family, "ip6"))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		if (same(table, tables[i]))
			return same(family, "ip") ? "iptables" : "ip6tables";
	}
	return NULL;
}

/* Whether a chain is as iptables names them: the hook's name in capitals. */
static bool built_in(const struct rules *rules, const char *family,
		     const char *table)
{
	json_t *base;
	size_t i;

	json_array_foreach(rules->bases, i, base) {
		if (same(rules_word(base, "family"), family) &&
		    same(rules_word(base, "table"), table) &&
		    isupper((unsigned char)*rules_word(base, "name")))
			return true;
	}
	return false;
}

/* The service's ports, as the one tool or the other has ranges. */
static const char *ports_text(const struct endpoint *at, char hyphen,
			      char *text, size_t size)
{
	unsigned int first = at->port ? at->port : 1;
	unsigned int last = at->port ? at->last_port : 65535;

	if (last)
		snprintf(text, size, "%u%c%u", first, hyphen, last);
	else
		snprintf(text, size, "%u", first);
	return text;
}

static void write_pass(const struct walk *walk, const char *tool,
		       const char *chain, char *text)
{
	const struct service_key *key = walk->key;
	bool four = key->at.family == AF_INET;
	char vip[ENDPOINT_TEXT], ports[32];

	if (key->fwmark) {
		snprintf(text, RULE_COMMAND,
			 tool ? "%s -t %s -I %s -m mark --mark 0x%x -j ACCEPT" :
				"nft insert rule %s %s %s meta mark 0x%x accept",
			 tool ? tool : walk->family, walk->table, chain,
			 key->fwmark);
		return;
	}
	address_text(&key->at, vip);
	ports_text(&key->at, tool ? ':' : '-', ports, sizeof(ports));
	if (tool)
		snprintf(text, RULE_COMMAND,
			 "%s -t %s -I %s -d %s -p %s --dport %s -j ACCEPT",
			 tool, walk->table, chain, vip,
			 protocol_word(key->protocol), ports);
	else
		snprintf(text, RULE_COMMAND,
			 "nft insert rule %s %s %s %s daddr %s %s dport %s accept",
			 walk->family, walk->table, chain, four ? "ip" : "ip6",
			 vip, protocol_word(key->protocol), ports);
}

/* A drop, by a rule of the chain, or with NULL by its policy. */
static void record(struct walk *walk, enum match match, const char *chain,
		   const json_t *rule, size_t number)
{
	enum fate fate = match == MATCH_YES ? FATE_DROPPED :
			 match == MATCH_UNKNOWN ? FATE_UNKNOWN :
						  FATE_SOME_DROPPED;
	struct judgement *worst = walk->worst;
	const char *tool = iptables(walk->family, walk->table);
	json_int_t handle = json_integer_value(json_object_get(rule, "handle"));

	if (fate < worst->fate ||
	    (fate == worst->fate && (worst->named || !walk->named)))
		return;
	if (tool && !built_in(walk->rules, walk->family, walk->table))
		tool = NULL;
	memset(worst, 0, sizeof(*worst));
	worst->fate = fate;
	worst->named = walk->named;
	worst->policy = !rule;
	if (rule && tool)
		snprintf(worst->where, RULE_TEXT, "rule %zu of %s's chain %s %s",
			 number, tool, walk->table, chain);
	else if (rule)
		snprintf(worst->where, RULE_TEXT,
			 "the rule with handle %lld of nft's chain %s %s %s",
			 (long long)handle, walk->family, walk->table, chain);
	else
		snprintf(worst->where, RULE_TEXT, "the policy of chain %s %s %s",
			 walk->family, walk->table, chain);
	if (!plain(walk->table) || !plain(chain))
		return;
	if (rule && tool)
		snprintf(worst->removal, RULE_COMMAND, "%s -t %s -D %s %zu",
			 tool, walk->table, chain, number);
	else if (rule)
		snprintf(worst->removal, RULE_COMMAND,
			 "nft delete rule %s %s %s handle %lld", walk->family,
			 walk->table, chain, (long long)handle);
	write_pass(walk, tool, chain, worst->pass);
}

static enum verdict walk_chain(struct walk *walk, const char *chain,
			       enum match match);

/* Where one statement leads whom it is reached by. */
static enum verdict conclude(struct walk *walk, enum match match,
			     const char *kind, const json_t *inside,
			     const char *chain, const json_t *rule,
			     size_t number)
{
	enum verdict verdict = GOES_ON;
	bool all = match == MATCH_YES;

	if (same(kind, "drop") || same(kind, "reject")) {
		/* The rest of them is some of them. */
		record(walk, walk->some_left ? both(match, MATCH_SOME) : match,
		       chain, rule, number);
		verdict = DROPPED;
	} else if (same(kind, "accept") || same(kind, "queue")) {
		verdict = ACCEPTED;
	} else if (same(kind, "return")) {
		verdict = RETURNS;
	} else if (same(kind, "jump") || same(kind, "goto")) {
		verdict = walk_chain(walk, rules_word(inside, "target"), match);
		if (verdict == RETURNS || verdict == GOES_ON)
			return all && same(kind, "goto") ? RETURNS : GOES_ON;
		return verdict;
	}
	if (verdict == GOES_ON || all)
		return verdict;
	/* The others go on; those that are dropped are out of the way. */
	walk->some_left |= verdict != DROPPED;
	return GOES_ON;
}

/* The first of a map's keys that is the packet's says what becomes of it. */
static enum verdict walk_map(struct walk *walk, enum match match,
			     const json_t *vmap, const char *chain,
			     const json_t *rule, size_t number)
{
	const json_t *left = json_object_get(vmap, "key");
	const json_t *set = json_object_get(json_object_get(vmap, "data"),
					    "set");
	enum verdict verdict = GOES_ON;
	enum match one;
	json_t *inside;
	json_t *pair;
	const char *kind;
	size_t i;

	json_array_foreach(set, i, pair) {
		one = match_expression(walk, left, "==",
				       json_array_get(pair, 0));
		one = both(one, match);
		if (one == MATCH_NO)
			continue;
		kind = kind_of(json_array_get(pair, 1), &inside);
		verdict = conclude(walk, one, kind, inside, chain, rule,
				   number);
		if (verdict != GOES_ON)
			break;
	}
	/* Of a named map nothing is known. */
	if (!set)
		walk->some_left = true;
	return verdict;
}

/* Statements that let some packets go on to the next one. */
static enum match limited(const char *kind, const json_t *inside)
{
	if (same(kind, "limit") || same(kind, "quota") ||
	    same(kind, "ct count"))
		return MATCH_SOME;
	if (same(kind, "xt") && !same(rules_word(inside, "type"), "target"))
		return MATCH_UNKNOWN;
	return MATCH_YES;
}

static enum verdict walk_rule(struct walk *walk, const char *chain,
			      const json_t *rule, size_t number,
			      enum match match)
{
	const json_t *statements = json_object_get(rule, "expr");
	enum verdict verdict;
	json_t *statement;
	json_t *inside;
	const char *kind;
	size_t i;

	json_array_foreach(statements, i, statement) {
		kind = kind_of(statement, &inside);
		if (same(kind, "match"))
			match = both(match,
				     match_expression(walk,
						      json_object_get(inside, "left"),
						      rules_word(inside, "op"),
						      json_object_get(inside, "right")));
		else
			match = both(match, limited(kind, inside));
		if (match == MATCH_NO)
			return GOES_ON;
		verdict = same(kind, "vmap") ?
			  walk_map(walk, match, inside, chain, rule, number) :
			  conclude(walk, match, kind, inside, chain, rule,
				   number);
		if (verdict != GOES_ON)
			return verdict;
	}
	return GOES_ON;
}

static enum verdict walk_chain(struct walk *walk, const char *chain,
			       enum match match)
{
	json_t *list = rules_chain(walk->rules, walk->family, walk->table,
				   chain);
	enum verdict verdict = GOES_ON;
	bool named = walk->named;
	json_t *rule;
	size_t i;

	if (walk->depth == DEPTH_MAX)
		return GOES_ON;
	walk->depth++;
	json_array_foreach(list, i, rule) {
		/* What led to the chain may have named it. */
		walk->named = named;
		verdict = walk_rule(walk, chain, rule, i + 1, match);
		if (verdict != GOES_ON)
			break;
	}
	walk->depth--;
	walk->named = named;
	return verdict;
}

static bool sees(const json_t *base, const struct stage *stage,
		 const struct service_key *key)
{
	long priority = json_integer_value(json_object_get(base, "prio"));
	const char *family = rules_word(base, "family");

	if (!same(rules_word(base, "hook"), stage->hook) ||
	    priority >= stage->before)
		return false;
	return same(family, "inet") || same(family, "netdev") ||
	       same(family, key->at.family == AF_INET ? "ip" : "ip6");
}

/**
 * rules_judge() - what becomes of a service's packets at a hook
 * @rules: all rules
 * @stage: which chains
 * @key: the service
 * @worst: the worst that one of the chains does to them. Of equally bad ones
 *	it is the first, but a rule that names the service's address rather than
 *	one that does not
 */
void rules_judge(const struct rules *rules, const struct stage *stage,
		 const struct service_key *key, struct judgement *worst)
{
	enum verdict verdict;
	const char *chain;
	json_t *base;
	size_t i;

	memset(worst, 0, sizeof(*worst));
	json_array_foreach(rules->bases, i, base) {
		struct walk walk = {
			.rules = rules,
			.key = key,
			.family = rules_word(base, "family"),
			.table = rules_word(base, "table"),
			.tracked = same(stage->hook, "input"),
			.worst = worst,
		};

		if (!sees(base, stage, key))
			continue;
		chain = rules_word(base, "name");
		verdict = walk_chain(&walk, chain, MATCH_YES);
		if ((verdict == GOES_ON || verdict == RETURNS) &&
		    same(rules_word(base, "policy"), "drop"))
			conclude(&walk, MATCH_YES, "drop", NULL, chain, NULL, 0);
	}
}
