// SPDX-License-Identifier: GPL-2.0
/*
 * The packet filter. Lists the rules and policies that may drop packets of a
 * service before lbdr takes them, rules of INPUT that seem to protect a service
 * and do not, and rules of FORWARD that drop the answers of servers on a bridge.
 * The rules are listed, not evaluated: "check" is all that a finding says.
 */
#include <string.h>

#include "doctor.h"

#define TABLE_NOTRACK "inet lbdr_notrack"
#define NOTRACK_MAX 16

/* The walk of one base chain. */
struct scan {
	bool accepted; /* a rule accepts packets of some service */
	bool invalid; /* a rule drops packets of ct state invalid */
	char rule[RULE_TEXT]; /* that rule */
};

static void hint_chain(struct finding *finding, const json_t *chain,
		       const char *name)
{
	hint(finding, "check with: nft -a list chain %s %s %s",
	     word_of(chain, "family"), word_of(chain, "table"),
	     word_of(chain, name));
}

static const char *names_what(const struct match *match)
{
	return match->vip  ? "names a VIP" :
	       match->port ? "names the port of a service" :
			     "matches every packet";
}

static void scan_before(const json_t *base, const json_t *rule,
			const struct match *match, void *data)
{
	struct scan *scan = data;
	bool all = !match->vip && !match->port;
	char text[RULE_TEXT];
	enum level level;

	if (match->other_service)
		return;
	scan->accepted |= match->verdict == VERDICT_ACCEPT && !match->other;
	if (match->verdict != VERDICT_DROP || (all && match->other))
		return;
	level = match->other || (all && scan->accepted) ? LEVEL_OK :
							  LEVEL_WARNING;
	hint_chain(find(level, "rules", NULL, NULL,
			"rule %s drops before lbdr (%s, priority %d) and %s%s",
			rules_text(base, rule, text), word_of(base, "hook"),
			(int)number_of(base, "prio"), names_what(match),
			match->other ? ", with further conditions" : ""),
		   rule, "chain");
}

static void check_before(struct doctor *doctor, const json_t *base)
{
	struct scan scan = { .accepted = false };
	char text[RULE_TEXT];
	struct finding *finding;
	const char *policy = word_of(base, "policy");
	bool drops;

	rules_walk(&doctor->rules, base, &doctor->config, scan_before, &scan);
	policy = *policy ? policy : "accept";
	drops = !strcmp(policy, "drop") && !scan.accepted;
	finding = find(drops ? LEVEL_WARNING : LEVEL_OK, "rules", NULL, NULL,
		       "chain %s sees packets before lbdr (%s, priority %d, policy %s)%s",
		       rules_text(base, NULL, text), word_of(base, "hook"),
		       (int)number_of(base, "prio"), policy,
		       drops ? ", and no rule accepts the VIP or port of a service" : "");
	hint_chain(finding, base, "name");
}

static void scan_input(const json_t *base, const json_t *rule,
		       const struct match *match, void *data)
{
	char text[RULE_TEXT];

	(void)data;
	if (match->verdict != VERDICT_DROP || match->other_service ||
	    (!match->vip && !match->port))
		return;
	hint(find(LEVEL_WARNING, "input", NULL, NULL,
		  "rule %s in INPUT %s, but lbdr takes packets of services before INPUT",
		  rules_text(base, rule, text), names_what(match)),
	     "move the rule to raw PREROUTING, or 'lbctl set-entry input'");
}

static void scan_forward(const json_t *base, const json_t *rule,
			 const struct match *match, void *data)
{
	struct scan *scan = data;

	if (match->verdict != VERDICT_DROP || !match->invalid || scan->invalid)
		return;
	scan->invalid = true;
	rules_text(base, rule, scan->rule);
}

/* A bridge whose packets pass the hooks of the family, and reach a server. */
static const struct link *find_bridge(const struct doctor *doctor, int family)
{
	const struct link *link;
	long call = 0;
	size_t i;

	root_number(family == AF_INET ?
			    "/proc/sys/net/bridge/bridge-nf-call-iptables" :
			    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
		    &call);
	for (i = 0; i < doctor->config.nr_servers; i++) {
		link = host_link(&doctor->host,
				 doctor->config.servers[i].ifindex);
		if (doctor->config.servers[i].at.family == family && link &&
		    !strcmp(link->kind, "bridge") &&
		    (call || link->nf_call[family == AF_INET6]))
			return link;
	}
	return NULL;
}

/* The VIPs of the family that conntrack tracks, as elements of a set. */
static size_t tracked_vips(const struct doctor *doctor, int family,
			   char text[NOTRACK_MAX * (ADDR_TEXT + 2)])
{
	const struct service *service;
	size_t used = 0, count = 0;
	char at[ADDR_TEXT];
	size_t i, j;

	*text = '\0';
	for (i = 0; i < doctor->config.nr_services; i++) {
		service = &doctor->config.services[i];
		for (j = 0; j < i; j++) {
			if (addr_same(&doctor->config.services[j].vip,
				      &service->vip))
				break;
		}
		if (j < i || service->vip.family != family ||
		    rules_untracked(&doctor->rules, &service->vip))
			continue;
		used += sprintf(text + used, "%s%s", count ? ", " : "",
				addr_text(&service->vip, at));
		if (++count == NOTRACK_MAX)
			break;
	}
	return count;
}

/*
 * On a bridge with br_netfilter the answers of servers pass FORWARD, and conntrack
 * saw no connection: their state is invalid.
 */
static void check_forward(struct doctor *doctor, int family)
{
	const struct link *bridge = find_bridge(doctor, family);
	char vips[NOTRACK_MAX * (ADDR_TEXT + 2)];
	struct scan scan = { .accepted = false };
	const char *version = family == AF_INET ? "IPv4" : "IPv6";
	const char *ip = family == AF_INET ? "ip" : "ip6";
	struct finding *finding;
	const json_t *base;
	char text[RULE_TEXT];
	size_t i;

	if (!bridge || !tracked_vips(doctor, family, vips))
		return;
	json_array_foreach(doctor->rules.bases, i, base)
	{
		const char *of = word_of(base, "family");

		if (strcmp(word_of(base, "hook"), "forward") ||
		    (strcmp(of, ip) && strcmp(of, "inet")))
			continue;
		rules_walk(&doctor->rules, base, &doctor->config, scan_forward,
			   &scan);
		if (strcmp(word_of(base, "policy"), "drop"))
			continue;
		finding = find(LEVEL_WARNING, "forward", NULL, NULL,
			       "%s answers of servers pass chain %s (policy drop) on bridge %s: br_netfilter is enabled",
			       version, rules_text(base, NULL, text),
			       bridge->name);
		hint_chain(finding, base, "name");
	}
	if (!scan.invalid)
		return;
	fix(find(LEVEL_PROBLEM, "forward", NULL, NULL,
		 "%s answers of servers are dropped on bridge %s: br_netfilter is enabled, conntrack sees only the answers, and rule %s drops ct state invalid",
		 version, bridge->name, scan.rule),
	    "nft \"add table " TABLE_NOTRACK "; add chain " TABLE_NOTRACK
	    " raw { type filter hook prerouting priority raw; }; add rule " TABLE_NOTRACK
	    " raw %s saddr { %s } notrack\"",
	    ip, vips);
}

static void check_legacy(const char *path, const char *tool)
{
	FILE *file = root_open(path);
	char name[64];

	if (file && fscanf(file, "%63s", name) == 1)
		hint(find(LEVEL_WARNING, "rules", NULL, NULL,
			  "rules of %s exist, which nft does not list", tool),
		     "check table raw with: %s-save", tool);
	if (file)
		fclose(file);
}

static bool has_services(const struct config *config, bool marked)
{
	size_t i;

	for (i = 0; i < config->nr_services; i++) {
		if (!config->services[i].fwmark == !marked)
			return true;
	}
	return false;
}

static void check_ingress(struct doctor *doctor)
{
	if (!strcmp(doctor->config.entry, "xdp"))
		find(LEVEL_OK, "rules", NULL, NULL,
		     "packets of connections are taken at XDP of%s: no rule applies to them, and tcpdump does not show them",
		     doctor->config.devices);
	if (strcmp(doctor->config.entry, "ingress"))
		return;
	if (*doctor->config.devices)
		find(LEVEL_OK, "rules", NULL, NULL,
		     "packets of connections are taken at ingress of%s: rules of raw do not apply to them",
		     doctor->config.devices);
	else
		fix(find(LEVEL_WARNING, "rules", NULL, NULL,
			 "the entry is ingress, but none of its devices exists"),
		    "lbctl set-entry prerouting");
}

/* Base chains, rules and policies, in the order in which packets meet them. */
void filter_check(struct doctor *doctor)
{
	const char *entry = doctor->config.entry;
	bool marked = has_services(&doctor->config, true);
	bool plain = has_services(&doctor->config, false);
	struct scan scan = { .accepted = false };
	int status = rules_read(&doctor->rules);
	const json_t *base;
	size_t i;

	check_ingress(doctor);
	if (status == RUN_NOT_FOUND)
		fix(find(LEVEL_UNCHECKED, "rules", NULL, NULL,
			 "rules not checked: nft not found"),
		    "apt install nftables");
	else if (status)
		hint(find(LEVEL_UNCHECKED, "rules", NULL, NULL,
			  "rules not checked: nft failed"),
		     "see the error of: nft -j list ruleset");
	json_array_foreach(doctor->rules.bases, i, base)
	{
		if ((plain && rules_before(base, entry, false)) ||
		    (marked && rules_before(base, entry, true)))
			check_before(doctor, base);
		else if (strcmp(entry, "input") &&
			 !strcmp(word_of(base, "hook"), "input"))
			rules_walk(&doctor->rules, base, &doctor->config,
				   scan_input, &scan);
	}
	check_forward(doctor, AF_INET);
	check_forward(doctor, AF_INET6);
	check_legacy("/proc/net/ip_tables_names", "iptables-legacy");
	check_legacy("/proc/net/ip6_tables_names", "ip6tables-legacy");
}
