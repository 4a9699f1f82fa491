// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what the doctor makes of things without a kernel: rules as nft writes
 * them, findings as they are printed, addresses and networks.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "doctor.h"
#include "rules.h"

#define ROUNDS 3000

/* A ruleset in JSON, ' for ": the chain in short, then its rules. */
#define CHAIN(family, hook, prio, policy, rules)                             \
	"{'nftables':[{'metainfo':{'json_schema_version':1}},"               \
	"{'chain':{'family':'" family "','table':'t','name':'c','handle':1," \
	"'type':'filter','hook':'" hook "','prio':" prio ",'policy':'"       \
	policy "'}}" rules "]}"
#define RULE_OF(family, chain, handle, exprs)                         \
	",{'rule':{'family':'" family "','table':'t','chain':'" chain \
	"','handle':" handle ",'expr':[" exprs "]}}"
#define RULE(handle, exprs) RULE_OF("inet", "c", handle, exprs)
#define RAW(rules) CHAIN("inet", "prerouting", "-300", "accept", rules)
#define INPUT(policy, rules) CHAIN("inet", "input", "0", policy, rules)
#define MATCH_OP(op, left, right) \
	"{'match':{'op':'" op "','left':" left ",'right':" right "}}"
#define MATCH(left, right) MATCH_OP("==", left, right)
#define FIELD(protocol, field) \
	"{'payload':{'protocol':'" protocol "','field':'" field "'}}"
#define DADDR FIELD("ip", "daddr")
#define VMAP(key, pairs) "{'vmap':{'key':" key ",'data':{'set':[" pairs "]}}}"
#define SET(elements)                                                   \
	",{'set':{'family':'inet','name':'s','table':'t','handle':3," \
	"'type':'ipv4_addr'" elements "}}"
#define VIP MATCH(DADDR, "'192.0.2.63'")
#define DPORT(right) MATCH(FIELD("tcp", "dport"), right)
#define DROP "{'drop':null}"
#define ACCEPT "{'accept':null}"

struct rules_row {
	const char *what;
	const char *service;	/* of TCP */
	const char *hook;
	const char *ruleset;
	enum fate fate;
	bool named;
	const char *removal;	/* NULL: not looked at */
	const char *pass;
};

static const char *const http = "192.0.2.63:80";

static const struct rules_row rules_rows[] = {
	{ "no rule", "192.0.2.63:80", "prerouting", RAW(""),
	  FATE_PASSES, false, "", "" },
	{ "a drop of the VIP", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", VIP ",{'counter':{'packets':0,'bytes':0}}," DROP)),
	  FATE_DROPPED, true, "nft delete rule inet t c handle 7",
	  "nft insert rule inet t c ip daddr 192.0.2.63 tcp dport 80 accept" },
	{ "a drop of another address", "192.0.2.64:80", "prerouting",
	  RAW(RULE("7", VIP "," DROP)), FATE_PASSES, false, "", "" },
	{ "a drop of the VIP's network", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", MATCH(DADDR, "{'prefix':{'addr':'192.0.2.0','len':26}}") "," DROP)),
	  FATE_DROPPED, true, NULL, NULL },
	{ "a drop of the network beside it", "192.0.2.64:80", "prerouting",
	  RAW(RULE("7", MATCH(DADDR, "{'prefix':{'addr':'192.0.2.0','len':26}}") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a drop of a range", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", MATCH(DADDR, "{'range':['192.0.2.60','192.0.2.63']}") "," DROP)),
	  FATE_DROPPED, true, NULL, NULL },
	{ "a drop of all but the VIP", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", MATCH_OP("!=", DADDR, "'192.0.2.63'") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a drop of all but another", "192.0.2.64:80", "prerouting",
	  RAW(RULE("7", MATCH_OP("!=", DADDR, "'192.0.2.63'") "," DROP)),
	  FATE_DROPPED, false, NULL, NULL },
	{ "a drop of its port", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", DPORT("{'set':[22,{'range':[79,81]}]}") "," DROP)),
	  FATE_DROPPED, false, NULL, NULL },
	{ "a drop of another port", "192.0.2.63:82", "prerouting",
	  RAW(RULE("7", DPORT("{'set':[22,{'range':[79,81]}]}") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a drop of one of its ports", "192.0.2.63:80-90", "prerouting",
	  RAW(RULE("7", VIP "," DPORT("85") "," DROP)),
	  FATE_SOME_DROPPED, true, NULL, NULL },
	{ "a drop of one of all ports", "192.0.2.63:0", "prerouting",
	  RAW(RULE("7", DPORT("85") "," DROP)),
	  FATE_SOME_DROPPED, false, NULL, NULL },
	{ "a drop of UDP", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", VIP "," MATCH(FIELD("udp", "dport"), "80") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a drop of IPv6", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", MATCH_OP("!=", FIELD("ip6", "daddr"), "'2001:db8::1'") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a drop of some clients", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", VIP "," MATCH(FIELD("ip", "saddr"), "'198.51.100.1'") "," DROP)),
	  FATE_SOME_DROPPED, true, NULL, NULL },
	{ "a drop beyond some rate", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", VIP ",{'limit':{'rate':1,'per':'second','inv':true}}," DROP)),
	  FATE_SOME_DROPPED, true, NULL, NULL },
	{ "a drop by what nobody knows", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", VIP ",{'xt':{'type':'match','name':'bpf'}}," DROP)),
	  FATE_UNKNOWN, true, NULL, NULL },
	{ "an acceptance before the drop", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", DPORT("80") "," ACCEPT) RULE("7", VIP "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "an acceptance of some before the drop", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", MATCH(FIELD("ip", "saddr"), "'198.51.100.1'") "," ACCEPT)
	      RULE("7", VIP "," DROP)),
	  FATE_SOME_DROPPED, true, NULL, NULL },
	{ "a drop of some, then of all", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", MATCH(FIELD("ip", "saddr"), "'198.51.100.1'") "," DROP)
	      RULE("7", VIP "," DROP)),
	  FATE_DROPPED, true, "nft delete rule inet t c handle 7", NULL },
	{ "a jump to a drop", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", VIP ",{'jump':{'target':'d'}}")
	      RULE_OF("inet", "d", "9", DROP)),
	  FATE_DROPPED, true, "nft delete rule inet t d handle 9", NULL },
	{ "a jump that returns", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", "{'jump':{'target':'d'}}") RULE_OF("inet", "d", "9", "{'return':null}")
	      RULE("7", VIP "," DROP)),
	  FATE_DROPPED, true, NULL, NULL },
	{ "a jump in a circle", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", "{'jump':{'target':'c'}}")), FATE_PASSES, false, NULL, NULL },
	{ "a map to a drop", "192.0.2.63:80", "prerouting",
	  RAW(RULE("6", VMAP(FIELD("tcp", "dport"), "[22," ACCEPT "],[80," DROP "]"))),
	  FATE_DROPPED, false, NULL, NULL },
	{ "a drop of a set's members", "192.0.2.63:80", "prerouting",
	  RAW(SET(",'elem':['192.0.2.1',{'elem':{'val':'192.0.2.63','timeout':60}}]")
	      RULE("7", MATCH(DADDR, "'@s'") "," DROP)),
	  FATE_DROPPED, true, NULL, NULL },
	{ "a drop of a set without members", "192.0.2.63:80", "prerouting",
	  RAW(SET("")
	      RULE("7", MATCH(DADDR, "'@s'") "," DROP)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a policy that drops", "192.0.2.63:80", "input", INPUT("drop", ""),
	  FATE_DROPPED, false, "",
	  "nft insert rule inet t c ip daddr 192.0.2.63 tcp dport 80 accept" },
	{ "a policy that drops what is not open yet", "192.0.2.63:80", "input",
	  INPUT("drop", RULE("6", MATCH_OP("in", "{'ct':{'key':'state'}}",
					   "['established','related']") "," ACCEPT)),
	  FATE_DROPPED, false, NULL, NULL },
	{ "a policy behind what accepts new ones", "192.0.2.63:80", "input",
	  INPUT("drop", RULE("6", MATCH_OP("in", "{'ct':{'key':'state'}}",
					   "['new','related']") "," ACCEPT)),
	  FATE_PASSES, false, NULL, NULL },
	{ "a policy behind what comes by lo", "192.0.2.63:80", "input",
	  INPUT("drop", RULE("6", MATCH("{'meta':{'key':'iifname'}}", "'lo'") "," ACCEPT)),
	  FATE_DROPPED, false, NULL, NULL },
	{ "a policy, ports in a range", "[2001:db8::63]:8000-8999", "input",
	  INPUT("drop", ""), FATE_DROPPED, false, "",
	  "nft insert rule inet t c ip6 daddr 2001:db8::63 tcp dport 8000-8999 accept" },
	{ "a policy, all ports", "192.0.2.63:0", "input", INPUT("drop", ""),
	  FATE_DROPPED, false, "",
	  "nft insert rule inet t c ip daddr 192.0.2.63 tcp dport 1-65535 accept" },
	{ "a chain of the other hook", "192.0.2.63:80", "prerouting",
	  INPUT("drop", RULE("7", VIP "," DROP)), FATE_PASSES, false, NULL, NULL },
	{ "a chain behind lbdr", "192.0.2.63:80", "prerouting",
	  CHAIN("inet", "prerouting", "-150", "drop", ""), FATE_PASSES, false, NULL, NULL },
	{ "a chain of the other family", "192.0.2.63:80", "prerouting",
	  CHAIN("ip6", "prerouting", "-300", "drop", ""), FATE_PASSES, false, NULL, NULL },
	{ "rules that make no sense", "192.0.2.63:80", "prerouting",
	  RAW(RULE("7", "{'match':7},{'match':{'op':'==','left':[],'right':{}}},1,{}," DROP)),
	  FATE_UNKNOWN, false, NULL, NULL },
};

static json_t *load(const char *text)
{
	char *copy = strdup(text);
	json_t *root;
	char *letter;

	for (letter = copy; (letter = strchr(letter, '\''));)
		*letter = '"';
	root = json_loads(copy, 0, NULL);
	free(copy);
	return root;
}

static void check_judgements(void)
{
	struct stage stage = { .before = -201 };
	struct judgement worst;
	const struct rules_row *row;
	struct service_key key;
	struct rules rules;
	bool good;

	for (row = rules_rows; row < rules_rows + ARRAY_SIZE(rules_rows);
	     row++) {
		stage.hook = row->hook;
		stage.before = strcmp(row->hook, "input") ? -201 : LONG_MAX;
		if (parse_service(row->service, IPPROTO_TCP, false, &key) ||
		    !rules_index(&rules, load(row->ruleset))) {
			result(false, "rules: %s: the row makes sense", row->what);
			continue;
		}
		rules_judge(&rules, &stage, &key, &worst);
		good = worst.fate == row->fate && worst.named == row->named;
		if (row->removal)
			good &= !strcmp(worst.removal, row->removal);
		if (row->pass)
			good &= !strcmp(worst.pass, row->pass);
		result(good, "rules: %s (%d %d '%s' '%s')", row->what,
		       worst.fate, worst.named, worst.removal, worst.pass);
		rules_drop(&rules);
	}
}

/* What is not JSON any more is nft's to refuse. */
static void check_mutilated_rules(void)
{
	struct stage stage = { .hook = "prerouting", .before = LONG_MAX };
	unsigned int read = 0;
	struct judgement worst;
	struct service_key key;
	struct rules rules;
	const char *text;
	unsigned int i;
	size_t length;
	json_t *root;
	char *copy;

	parse_service(http, IPPROTO_TCP, false, &key);
	for (i = 0; i < ROUNDS; i++) {
		text = rules_rows[rand() % ARRAY_SIZE(rules_rows)].ruleset;
		length = strlen(text);
		copy = strdup(text);
		copy[rand() % length] = text[rand() % length];
		copy[rand() % length] = "'{}[]:,0a@"[rand() % 10];
		root = load(copy);
		free(copy);
		if (!root)
			continue;
		if (rules_index(&rules, root))
			rules_judge(&rules, &stage, &key, &worst);
		rules_drop(&rules);
		read++;
	}
	result(read > ROUNDS / 100, "%u of %u mutilated rulesets were judged",
	       read, ROUNDS);
}

/* %s is the tool's version. */
static const char as_text[] =
	"ok       version      module and tool are of version %s\n"
	"warning  version      the module that is loaded is of version 0.0, this tool of %s; loading another one ends services and connections, so 'lbctl save' comes first; mend: ip netns exec blue sh -c 'lbctl clear --all-namespaces && rmmod lbdr && modprobe lbdr'\n"
	"problem  arp          192.0.2.63: it is taken; mend on 192.0.2.62: lbctl setup\n"
	"1 problem, 1 warning.\n";

static const char as_json[] =
	"[\n"
	"  {\n"
	"    \"level\": \"ok\",\n"
	"    \"check\": \"version\",\n"
	"    \"vip\": null,\n"
	"    \"server\": null,\n"
	"    \"finding\": \"module and tool are of version %s\",\n"
	"    \"command\": null,\n"
	"    \"on\": null\n"
	"  },\n"
	"  {\n"
	"    \"level\": \"warning\",\n"
	"    \"check\": \"version\",\n"
	"    \"vip\": null,\n"
	"    \"server\": null,\n"
	"    \"finding\": \"the module that is loaded is of version 0.0, this tool of %s; loading another one ends services and connections, so 'lbctl save' comes first\",\n"
	"    \"command\": \"ip netns exec blue sh -c 'lbctl clear --all-namespaces && rmmod lbdr && modprobe lbdr'\",\n"
	"    \"on\": null\n"
	"  },\n"
	"  {\n"
	"    \"level\": \"problem\",\n"
	"    \"check\": \"arp\",\n"
	"    \"vip\": \"192.0.2.63\",\n"
	"    \"server\": null,\n"
	"    \"finding\": \"it is taken\",\n"
	"    \"command\": \"lbctl setup\",\n"
	"    \"on\": \"192.0.2.62\"\n"
	"  }\n"
	"]\n";

static void check_findings(bool json)
{
	struct request req = {
		.netns = "blue", .json = json, .pretty = true,
	};
	struct doctor doctor = { .req = &req };
	struct subject about = { NULL, NULL };
	FILE *stdout_before = stdout;
	struct service_key key;
	char expected[2048];
	char *text = NULL;
	size_t size;
	int status;

	snprintf(expected, sizeof(expected), json ? as_json : as_text,
		 LBDR_VERSION, LBDR_VERSION);
	stdout = open_memstream(&text, &size);
	json_list_begin(&doctor.list, req.pretty);
	check_version(&doctor, LBDR_VERSION);
	check_version(&doctor, "0.0");
	parse_service(http, IPPROTO_TCP, false, &key);
	about.vip = &key.at;
	doctor_tell(&doctor, LEVEL_PROBLEM, "arp", about,
		    mend_on(&doctor, "192.0.2.62", "lbctl %s", "setup"),
		    "it is %s", "taken");
	status = doctor_end(&doctor);
	fclose(stdout);
	stdout = stdout_before;
	result(!strcmp(text, expected) && status == EXIT_PROBLEM &&
	       doctor.warnings == 1,
	       "findings as %s, among them a module of another version",
	       json ? "JSON" : "text");
	if (strcmp(text, expected))
		printf("--- printed\n%s", text);
	free(text);
}

struct prefix_row {
	const char *at;
	const char *net;
	unsigned int prefix;
	bool inside;
};

static const struct prefix_row prefix_rows[] = {
	{ "192.0.2.63", "192.0.2.0", 24, true },
	{ "192.0.2.63", "192.0.3.0", 24, false },
	{ "192.0.2.63", "192.0.3.0", 23, true },
	{ "192.0.2.63", "192.0.2.63", 32, true },
	{ "192.0.2.63", "192.0.2.62", 32, false },
	{ "192.0.2.63", "192.0.2.62", 31, true },
	{ "192.0.2.63", "10.0.0.0", 0, true },
	{ "192.0.2.63", "192.0.2.63", 33, false },
	{ "192.0.2.63", "::", 0, false },
	{ "2001:db8::63", "2001:db8::", 64, true },
	{ "2001:db8::63", "2001:db8::62", 127, true },
	{ "2001:db8::63", "2001:db8::62", 128, false },
};

static void check_prefixes(void)
{
	const struct prefix_row *row;
	struct endpoint at, net;

	for (row = prefix_rows; row < prefix_rows + ARRAY_SIZE(prefix_rows);
	     row++)
		result(!parse_vip(row->at, &at) && !parse_vip(row->net, &net) &&
		       in_prefix(&at, &net, row->prefix) == row->inside,
		       "%s is%s in %s/%u", row->at, row->inside ? "" : " not",
		       row->net, row->prefix);
}

static void check_conf_names(void)
{
	char text[CONF_NAME];

	result(!strcmp(conf_name("eth0", "rp_filter", text),
		       "net.ipv4.conf.eth0.rp_filter") &&
	       !strcmp(conf_name("eth0.7", "rp_filter", text),
		       "net/ipv4/conf/eth0.7/rp_filter"),
	       "settings are named as sysctl takes them");
}

void check_doctor(void)
{
	check_conf_names();
	check_judgements();
	check_mutilated_rules();
	check_findings(false);
	check_findings(true);
	check_prefixes();
}
