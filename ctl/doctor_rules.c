// SPDX-License-Identifier: GPL-2.0
/*
 * What the firewall has to do with services: where lbdr stands among the hooks,
 * the rules that drop a service's packets before they come to it, and those
 * behind it that look as if they guarded a service and do not. The latter is
 * also what add-service warns of.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "doctor.h"
#include "hooks.h"
#include "rules.h"

/* As in netfilter.h, for IPv4 and IPv6 alike, and as lbdr hooks itself in. */
enum {
	HOOK_PRE_ROUTING = 0,
	HOOK_LOCAL_IN = 1,
};

#define PRIORITY_ENTRY -201	/* before conntrack */
#define PRIORITY_MARKED -149	/* behind mangle */
#define PRIORITY_INPUT 99	/* behind the filter table */

static const struct stage at_ingress = { "ingress", LONG_MAX };
static const struct stage at_input = { "input", LONG_MAX };

static size_t count_family(const struct snapshot *shot, int family)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < shot->nr_services; i++)
		count += shot->services[i].key.at.family == family;
	return count;
}

struct names {
	char text[1500];
	size_t used;
	size_t left_out;
};

static void add_name(struct names *names, const struct hook *hook)
{
	size_t room = sizeof(names->text) - names->used;

	/* Behind it must be room for the number of those that have none. */
	if (room < HOOK_TEXT + 64) {
		names->left_out++;
		return;
	}
	names->used += snprintf(names->text + names->used, room, "%s%s%s (%ld)",
				names->used ? ", " : "",
				hook->chain ? "chain " : "", hook->name,
				hook->priority);
}

static const char *end_names(struct names *names)
{
	if (names->left_out)
		snprintf(names->text + names->used,
			 sizeof(names->text) - names->used, " and %zu more",
			 names->left_out);
	return names->used ? names->text : "nothing";
}

static void check_family_hooks(struct doctor *doctor, int family)
{
	bool input = doctor->entry == LBDR_ENTRY_INPUT;
	struct subject none = { NULL, NULL };
	const struct hook *ours = NULL;
	struct names before = { .used = 0 };
	struct names behind = { .used = 0 };
	int ip = family == AF_INET ? 4 : 6;
	struct hooks hooks;
	int error;
	size_t i;

	error = hooks_read(&hooks, family,
			   input ? HOOK_LOCAL_IN : HOOK_PRE_ROUTING);
	for (i = 0; i < hooks.nr_hooks && !ours; i++) {
		if (hooks.hooks[i].ours)
			ours = &hooks.hooks[i];
	}
	if (error) {
		doctor_tell(doctor, LEVEL_OK, "hook", none, NULL,
			    "IPv%d: whether lbdr is hooked in at %s, and what else is, this kernel does not tell (%s)",
			    ip, input ? "input" : "prerouting",
			    strerror(error));
	} else if (!ours) {
		doctor_tell(doctor, LEVEL_PROBLEM, "hook", none,
			    mend_here(doctor, RELOAD_MODULE),
			    "IPv%d: there are services, and lbdr is not hooked in at %s",
			    ip, input ? "input" : "prerouting");
	} else {
		for (i = 0; i < hooks.nr_hooks; i++) {
			if (!hooks.hooks[i].ours)
				add_name(&hooks.hooks[i] < ours ? &before :
								  &behind,
					 &hooks.hooks[i]);
		}
		doctor_tell(doctor, LEVEL_OK, "hook", none, NULL,
			    "IPv%d: lbdr is hooked in at %s with priority %ld; before it: %s; behind it: %s",
			    ip, input ? "input" : "prerouting", ours->priority,
			    end_names(&before), end_names(&behind));
	}
	hooks_drop(&hooks);
}

static void check_devices(struct doctor *doctor)
{
	struct subject none = { NULL, NULL };
	char names[INGRESS_MAX * (IFNAMSIZ + 1)] = "";
	size_t used = 0;
	int i;

	if (doctor->entry != LBDR_ENTRY_INGRESS)
		return;
	for (i = 0; i < doctor->n_devices; i++)
		used += snprintf(names + used, sizeof(names) - used, " %s",
				 doctor->devices[i]);
	if (doctor->n_devices)
		doctor_tell(doctor, LEVEL_OK, "hook", none, NULL,
			    "packets of connections are taken at ingress of%s, where rules at raw do not apply to them",
			    names);
	else
		doctor_tell(doctor, LEVEL_WARNING, "hook", none,
			    mend_here(doctor, "lbctl set-entry prerouting"),
			    "the entry is ingress, and all of its devices are gone");
}

void check_hooks(struct doctor *doctor)
{
	if (count_family(&doctor->shot, AF_INET))
		check_family_hooks(doctor, AF_INET);
	if (count_family(&doctor->shot, AF_INET6))
		check_family_hooks(doctor, AF_INET6);
	check_devices(doctor);
}

static void check_legacy(struct doctor *doctor, const char *path,
			 const char *tool)
{
	struct subject none = { NULL, NULL };
	FILE *file = fopen(path, "r");
	char name[64];

	if (file && fscanf(file, "%63s", name) == 1)
		doctor_tell(doctor, LEVEL_WARNING, "rules", none,
			    mend_here(doctor, "%s-save", tool),
			    "there are rules of %s, which nft does not list and this tool does not know: look at table raw for your addresses",
			    tool);
	if (file)
		fclose(file);
}

/* The worst that happens to a service's packets on their way to lbdr. */
static void judge_way(const struct doctor *doctor, const struct rules *rules,
		      const struct service_key *key, struct judgement *worst)
{
	struct stage prerouting = { "prerouting", PRIORITY_ENTRY };
	struct stage input = { "input", PRIORITY_INPUT };
	bool at_end = doctor->entry == LBDR_ENTRY_INPUT && !key->fwmark;
	struct judgement one;

	if (at_end)
		prerouting.before = LONG_MAX;
	else if (key->fwmark)
		prerouting.before = PRIORITY_MARKED;
	rules_judge(rules, &at_ingress, key, worst);
	rules_judge(rules, &prerouting, key, &one);
	if (one.fate > worst->fate)
		*worst = one;
	if (!at_end)
		return;
	rules_judge(rules, &input, key, &one);
	if (one.fate > worst->fate)
		*worst = one;
}

/* A policy is not taken away, something is let through in front of it. */
static const struct mend *mend_drop(struct doctor *doctor,
				    const struct judgement *worst)
{
	const char *command = worst->policy ? worst->pass : worst->removal;

	return *command ? mend_here(doctor, "%s", command) : NULL;
}

static void tell_way(struct doctor *doctor, const struct service *service,
		     const struct judgement *worst)
{
	const struct service_key *key = &service->key;
	struct subject about = { key->fwmark ? NULL : &key->at, NULL };
	char option[SERVICE_OPTION];
	const char *ingress = "";

	if (doctor->entry == LBDR_ENTRY_INGRESS)
		ingress = "; what is taken at ingress does not meet it";
	service_option(key, option);
	switch (worst->fate) {
	case FATE_PASSES:
		doctor_tell(doctor, LEVEL_OK, "rules", about, NULL,
			    "no rule drops packets of %s before lbdr takes them",
			    option);
		break;
	case FATE_SOME_DROPPED:
		doctor_tell(doctor, LEVEL_OK, "rules", about, NULL,
			    "%s drops some packets of %s, as a guard does%s",
			    worst->where, option, ingress);
		break;
	case FATE_UNKNOWN:
		doctor_tell(doctor, LEVEL_WARNING, "rules", about,
			    mend_drop(doctor, worst),
			    "%s may drop all packets of %s: what it asks for is beyond this tool%s",
			    worst->where, option, ingress);
		break;
	case FATE_DROPPED:
		doctor_tell(doctor, LEVEL_PROBLEM, "rules", about,
			    mend_drop(doctor, worst),
			    "%s drops all packets of %s before lbdr takes them%s",
			    worst->where, option, ingress);
		break;
	}
}

/*
 * Whether someone may think that INPUT guards the service: by its address, or by
 * dropping what was not let through.
 */
static bool is_misled(const struct rules *rules, const struct service_key *key,
		      struct judgement *behind)
{
	rules_judge(rules, &at_input, key, behind);
	return behind->fate == FATE_DROPPED ||
	       (behind->fate != FATE_PASSES &&
		(behind->named || behind->policy));
}

/* With the other entry the service must not be cut off at once. */
static const struct mend *mend_input(struct doctor *doctor,
				     const struct judgement *behind)
{
	if (behind->fate == FATE_DROPPED && *behind->pass)
		return mend_here(doctor, "%s && lbctl set-entry input",
				 behind->pass);
	return mend_here(doctor, "lbctl set-entry input");
}

static void check_service_rules(struct doctor *doctor,
				const struct rules *rules,
				const struct service *service)
{
	const struct service_key *key = &service->key;
	struct subject about = { key->fwmark ? NULL : &key->at, NULL };
	char option[SERVICE_OPTION];
	struct judgement worst;

	judge_way(doctor, rules, key, &worst);
	tell_way(doctor, service, &worst);
	if (doctor->entry == LBDR_ENTRY_INPUT ||
	    !is_misled(rules, key, &worst))
		return;
	doctor_tell(doctor, LEVEL_WARNING, "input", about,
		    mend_input(doctor, &worst),
		    "%s does not apply to %s, which lbdr takes before INPUT; move it to raw at PREROUTING, or take packets behind it",
		    worst.where, service_option(key, option));
}

void check_rules(struct doctor *doctor)
{
	struct subject none = { NULL, NULL };
	struct rules rules;
	int error;
	size_t i;

	error = rules_read(&rules, NULL);
	if (error == -ENOENT)
		doctor_tell(doctor, LEVEL_WARNING, "rules", none,
			    mend_here(doctor, "apt install nftables"),
			    "no rule was looked at, for nft is not installed");
	else if (error)
		doctor_tell(doctor, LEVEL_WARNING, "rules", none,
			    mend_here(doctor, "nft -j list ruleset"),
			    "no rule was looked at, for nft does not list them; see what it says");
	for (i = 0; !error && i < doctor->shot.nr_services; i++)
		check_service_rules(doctor, &rules,
				    &doctor->shot.services[i]);
	rules_drop(&rules);
	check_legacy(doctor, "/proc/net/ip_tables_names", "iptables-legacy");
	check_legacy(doctor, "/proc/net/ip6_tables_names", "ip6tables-legacy");
}

struct first {
	__u32 services;
	__u8 entry;
};

static bool read_first(const struct nlmsghdr *nlh, void *data)
{
	struct first *first = data;
	struct info info;

	if (!decode_info(nlh, &info, NULL, NULL))
		return false;
	first->services = info.services;
	first->entry = info.entry;
	return true;
}

/**
 * rules_warn() - say once that INPUT does not guard a service
 * @nl: the connection with the kernel
 * @req: what added the service
 * @key: the service, of a file's the first one
 * @alone: only where it is the namespace's first one
 *
 * To look at the rules takes a process of nft's, and thousands of services may be
 * added by a script, or by a file.
 */
void rules_warn(struct nl *nl, const struct request *req,
		const struct service_key *key, bool alone)
{
	struct first first = { .services = 0 };
	struct judgement behind;
	struct nl_answer answer;
	struct rules rules;

	nl_ask(nl, nl_request(nl, LBDR_CMD_INFO_GET), read_first, &first,
	       &answer);
	if (answer.error || (alone && first.services != 1) ||
	    first.entry == LBDR_ENTRY_INPUT)
		return;
	if (!rules_read(&rules, req->netns) &&
	    is_misled(&rules, key, &behind))
		complain("warning: %s does not apply to %s: see 'lbctl doctor'",
			 behind.where, alone ? "this service" :
					       "these services");
	rules_drop(&rules);
}
