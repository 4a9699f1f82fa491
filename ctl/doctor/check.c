// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of lbdr-doctor: the command line, addresses, findings, and rules as
 * nft writes them. check_director.c and check_setup.c run whole programs on hosts
 * that are texts. Takes the seed of its random rulesets as an argument.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/ethtool.h>

#include "check.h"
#include "read_all.h"

#define ROUNDS 3000

/* A ruleset: the chain in short, then its rules. */
#define TABLE(flags) "{'nftables':[{'metainfo':{'json_schema_version':1}}," \
	"{'table':{'family':'inet','name':'t','handle':1" flags "}},"
#define CHAIN_OF(flags, family, hook, prio, policy, rules) TABLE(flags)     \
	"{'chain':{'family':'" family "','table':'t','name':'c','handle':1," \
	"'type':'filter','hook':'" hook "','prio':" prio ",'policy':'"       \
	policy "'}}" rules "]}"
#define CHAIN(hook, prio, policy, rules) \
	CHAIN_OF("", "inet", hook, prio, policy, rules)
#define RULE_OF(chain, handle, exprs)                                  \
	",{'rule':{'family':'inet','table':'t','chain':'" chain        \
	"','handle':" handle ",'expr':[" exprs "]}}"
#define RULE(handle, exprs) RULE_OF("c", handle, exprs)
#define RAW(rules) CHAIN("prerouting", "-300", "accept", rules)
#define MATCH_OP(op, left, right) \
	"{'match':{'op':'" op "','left':" left ",'right':" right "}}"
#define MATCH(left, right) MATCH_OP("==", left, right)
#define FIELD(protocol, field) \
	"{'payload':{'protocol':'" protocol "','field':'" field "'}}"
#define DADDR FIELD("ip", "daddr")
#define VIP MATCH(DADDR, "'192.0.2.63'")
#define DPORT(right) MATCH(FIELD("tcp", "dport"), right)
#define SADDR MATCH(FIELD("ip", "saddr"), "'198.51.100.1'")
#define DROP "{'drop':null}"
#define ACCEPT "{'accept':null}"
#define SET(elements) ",{'set':{'family':'inet','name':'s','table':'t'," \
	"'handle':3,'type':'ipv4_addr'" elements "}}"

/*
 * What the rules say: a letter for each verdict, d drop, a accept, n notrack, and
 * what it names: V the VIP, P the port, O other matches, X other services only.
 */
static const struct {
	const char *what;
	const char *ruleset;
	const char *said;
} rules_rows[] = {
	{ "no rule", RAW(""), "" },
	{ "a drop of the VIP", RAW(RULE("7", VIP ",{'counter':{'packets':0,'bytes':0}}," DROP)), "dV " },
	{ "a reject of the VIP", RAW(RULE("7", VIP ",{'reject':{'type':'tcp reset'}}")), "dV " },
	{ "a drop of everything", RAW(RULE("7", DROP)), "d " },
	{ "a drop of another address", RAW(RULE("7", MATCH(DADDR, "'192.0.2.9'") "," DROP)), "dX " },
	{ "a drop of the VIP's network", RAW(RULE("7", MATCH(DADDR, "{'prefix':{'addr':'192.0.2.0','len':26}}") "," DROP)), "dV " },
	{ "a drop of another network", RAW(RULE("7", MATCH(DADDR, "{'prefix':{'addr':'192.0.2.64','len':26}}") "," DROP)), "dX " },
	{ "a drop of a range", RAW(RULE("7", MATCH(DADDR, "{'range':['192.0.2.60','192.0.2.63']}") "," DROP)), "dV " },
	{ "a drop of all but the VIP", RAW(RULE("7", MATCH_OP("!=", DADDR, "'192.0.2.63'") "," DROP)), "dX " },
	{ "a drop of all but another", RAW(RULE("7", MATCH_OP("!=", DADDR, "'192.0.2.9'") "," DROP)), "d " },
	{ "a drop of a set of ports", RAW(RULE("7", DPORT("{'set':[22,{'range':[79,81]}]}") "," DROP)), "dP " },
	{ "a drop of another port", RAW(RULE("7", DPORT("{'set':[22,{'range':[82,90]}]}") "," DROP)), "dX " },
	{ "a drop of the port of UDP", RAW(RULE("7", MATCH(FIELD("udp", "dport"), "80") "," DROP)), "dX " },
	{ "a drop of some clients", RAW(RULE("7", VIP "," SADDR "," DROP)), "dVO " },
	{ "a drop above a rate", RAW(RULE("7", VIP ",{'limit':{'rate':1,'per':'second','inv':true}}," DROP)), "dVO " },
	{ "a match that is not known", RAW(RULE("7", VIP ",{'xt':{'type':'match','name':'bpf'}}," DROP)), "dVO " },
	{ "an accept before", RAW(RULE("6", DPORT("80") "," ACCEPT) RULE("7", VIP "," DROP)), "aP dV " },
	{ "a jump", RAW(RULE("6", VIP ",{'jump':{'target':'d'}}") RULE_OF("d", "9", DROP)), "dV " },
	{ "a jump for other addresses", RAW(RULE("6", MATCH(DADDR, "'192.0.2.9'") ",{'jump':{'target':'d'}}") RULE_OF("d", "9", DROP)), "" },
	{ "a jump for some clients", RAW(RULE("6", SADDR ",{'goto':{'target':'d'}}") RULE_OF("d", "9", DROP)), "dO " },
	{ "a jump in a circle", RAW(RULE("6", "{'jump':{'target':'c'}}")), "" },
	{ "a verdict map", RAW(RULE("6", "{'vmap':{'key':" FIELD("tcp", "dport") ",'data':{'set':[[22," ACCEPT "],[80," DROP "]]}}}")), "aX dP " },
	{ "members of a set", RAW(SET(",'elem':['192.0.2.1',{'elem':{'val':'192.0.2.63','timeout':60}}]") RULE("7", MATCH(DADDR, "'@s'") "," DROP)), "dV " },
	{ "a set without members", RAW(SET("") RULE("7", MATCH(DADDR, "'@s'") "," DROP)), "dX " },
	{ "a table that is dormant", CHAIN_OF(",'flags':['dormant']", "inet", "prerouting", "-300", "accept", RULE("7", VIP "," DROP)), "" },
	{ "dormant as older versions of nft write it", CHAIN_OF(",'flags':'dormant'", "inet", "prerouting", "-300", "accept", RULE("7", VIP "," DROP)), "" },
	{ "a target of iptables", RAW(RULE("7", VIP ",{'xt':{'type':'target','name':'DROP'}}")), "dV " },
	{ "notrack", RAW(RULE("7", MATCH(FIELD("ip", "saddr"), "'192.0.2.63'") ",{'notrack':null}")), "nO " },
	{ "rules that are malformed", RAW(RULE("7", "{'match':7},{'match':{'op':'==','left':[],'right':{}}},1,{}," DROP)), "dO " },
};

static void say(const json_t *base, const json_t *rule,
		const struct match *match, void *data)
{
	char *said = data;

	(void)base;
	(void)rule;
	snprintf(said + strlen(said), 64, "%c%s%s%s%s ",
		 " dan"[match->verdict], match->vip ? "V" : "",
		 match->port ? "P" : "", match->other ? "O" : "",
		 match->other_service ? "X" : "");
}

static void make_config(struct config *config)
{
	json_t *list = quoted_json("[{'family':'ipv4','protocol':'tcp','address':'192.0.2.63','port':80,'servers':[]}]");

	config_parse(config, NULL, list);
	json_decref(list);
}

static void check_rules(void)
{
	struct config config;
	struct rules rules;
	const json_t *base;
	char said[4096];
	size_t i, j;

	make_config(&config);
	for (i = 0; i < ARRAY_SIZE(rules_rows); i++) {
		*said = '\0';
		if (rules_index(&rules, quoted_json(rules_rows[i].ruleset)))
			json_array_foreach(rules.bases, j, base)
				rules_walk(&rules, base, &config, say, said);
		result(!strcmp(said, rules_rows[i].said), "rules: %s ('%s')",
		       rules_rows[i].what, said);
		rules_drop(&rules);
	}
	config_drop(&config);
}

/* Any JSON may come from nft, as far as this program knows. */
static void check_mutilated_rules(void)
{
	unsigned int read = 0, i;
	struct config config;
	const char *text;
	json_t *document;
	size_t length;
	char *copy;

	make_config(&config);
	for (i = 0; i < ROUNDS; i++) {
		text = rules_rows[rand() % ARRAY_SIZE(rules_rows)].ruleset;
		length = strlen(text);
		copy = strdup(text);
		copy[rand() % length] = text[rand() % length];
		copy[rand() % length] = "'{}[]:,0a@"[rand() % 10];
		document = quoted_json(copy);
		free(copy);
		if (!document)
			continue;
		rules_read_all(document, &config);
		read++;
	}
	config_drop(&config);
	result(read > ROUNDS / 100, "%u of %u mutilated rulesets were read",
	       read, ROUNDS);
}

static void check_before(void)
{
	static const struct {
		const char *chain;
		const char *entry;
		bool marked;
		bool before;
	} rows[] = {
		{ "{'hook':'prerouting','prio':-300}", "prerouting", false, true },
		{ "{'hook':'prerouting','prio':-201}", "prerouting", false, false },
		{ "{'hook':'prerouting','prio':-150}", "prerouting", true, true },
		{ "{'hook':'prerouting','prio':0}", "input", false, true },
		{ "{'hook':'input','prio':0}", "prerouting", false, false },
		{ "{'hook':'input','prio':0}", "input", false, true },
		{ "{'hook':'input','prio':100}", "input", false, false },
		{ "{'hook':'input','prio':0}", "input", true, false },
		{ "{'hook':'ingress','prio':0}", "prerouting", false, true },
		{ "{'hook':'forward','prio':0}", "prerouting", false, false },
	};
	json_t *chain;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		chain = quoted_json(rows[i].chain);
		result(rules_before(chain, rows[i].entry, rows[i].marked) ==
		       rows[i].before, "chain %s is%s before lbdr at %s%s",
		       rows[i].chain, rows[i].before ? "" : " not",
		       rows[i].entry, rows[i].marked ? ", by mark" : "");
		json_decref(chain);
	}
}

static void check_prefixes(void)
{
	static const struct {
		const char *at;
		const char *net;
		unsigned int prefix;
		bool inside;
	} rows[] = {
		{ "192.0.2.63", "192.0.2.0", 24, true },
		{ "192.0.2.63", "192.0.3.0", 24, false },
		{ "192.0.2.63", "192.0.3.0", 23, true },
		{ "192.0.2.63", "192.0.2.63", 32, true },
		{ "192.0.2.63", "192.0.2.62", 32, false },
		{ "192.0.2.63", "10.0.0.0", 0, true },
		{ "192.0.2.63", "192.0.2.63", 33, false },
		{ "192.0.2.63", "::", 0, false },
		{ "2001:db8::63", "2001:db8::", 64, true },
		{ "2001:db8::63", "2001:db8::62", 127, true },
		{ "2001:db8::63", "2001:db8::62", 128, false },
	};
	struct addr at, net;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		result(addr_parse(rows[i].at, &at) &&
		       addr_parse(rows[i].net, &net) &&
		       addr_in(&at, &net, rows[i].prefix) == rows[i].inside,
		       "%s is%s in %s/%u", rows[i].at,
		       rows[i].inside ? "" : " not", rows[i].net,
		       rows[i].prefix);
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

static int read_line(const char *line, struct options *options, char *copy)
{
	char *words[32] = { "lbdr-doctor" };
	int count = 1;
	char *word;

	strcpy(copy, line);
	for (word = strtok(copy, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	return options_read(count, words, options);
}

static void check_options(void)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{ "", 0 }, { "doctor", 0 }, { "-N blue doctor -jp", 0 },
		{ "doctor -t 192.0.2.63:80 --verbose", 0 },
		{ "--realserver 192.0.2.63 [2001:db8::63]", 0 },
		{ "setup-realserver 192.0.2.63 --undo --dry-run", 0 },
		{ "doctor 192.0.2.63", 1 }, { "--realserver", 1 },
		{ "--realserver vip.example", 1 }, { "doctor --undo", 1 },
		{ "--realserver 192.0.2.63/32", 1 }, { "--realserver []", 1 },
		{ "--realserver [192.0.2.63]", 1 },
		{ "--realserver 192.0.2.63 -t 192.0.2.63:80", 1 },
		{ "setup-realserver", 1 }, { "setup-realserver 192.0.2.63 -j", 1 },
		{ "setup-realserver 192.0.2.63:80", 1 }, { "setup-realserver 2001:db8::63%lo", 1 },
		{ "doctor --dry-run", 1 }, { "--nonsense", 1 },
		{ "setup-realserver 192.0.2.63 --tun ipip", 0 },
		{ "setup-realserver --tun=gre 192.0.2.63", 0 },
		{ "setup-realserver 192.0.2.63 --tun gue:65535", 0 },
		{ "setup-realserver 192.0.2.63 --tun gue:65536", 1 },
		{ "setup-realserver 192.0.2.63 --tun gue", 1 },
		{ "setup-realserver 192.0.2.63 --tun gue:", 1 },
		{ "setup-realserver 192.0.2.63 --tun gue:80x", 1 },
		{ "setup-realserver 192.0.2.63 --tun ipip:4", 1 },
		{ "setup-realserver 192.0.2.63 --tun vxlan", 1 },
		{ "setup-realserver 192.0.2.63 --tun ipip --undo", 1 },
		{ "doctor --tun ipip", 1 },
	};
	FILE *stderr_before = stderr;
	struct options options;
	char copy[256];
	size_t i;
	int status;

	stderr = fopen("/dev/null", "w");
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		status = read_line(rows[i].line, &options, copy);
		result(status == rows[i].status, "command line '%s': %d",
		       rows[i].line, status);
	}
	fclose(stderr);
	stderr = stderr_before;
}

static void check_help(void)
{
	size_t longest = 0;
	char *text, *line, *rest;
	int status;

	text = world_run(world_doctor, "--help", &status);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (strlen(line) > longest)
			longest = strlen(line);
	}
	result(status == -1 && longest > 40 && longest <= 80,
	       "help fits into 80 columns: %zu", longest);
	free(text);
}

/*
 * The hosts that are texts.
 */
const struct world *world;
char world_log[4096];
static char world_root[64];

static const struct world healthy = {
	.addr = "[{'ifindex':1,'ifname':'lo','flags':['LOOPBACK','UP','LOWER_UP'],'mtu':65536,'link_type':'loopback','address':'00:00:00:00:00:00','addr_info':[{'family':'inet','local':'127.0.0.1','prefixlen':8}]},"
		"{'ifindex':2,'ifname':'eth0','flags':['BROADCAST','MULTICAST','UP','LOWER_UP'],'mtu':1500,'link_type':'ether','address':'02:00:00:00:00:60','addr_info':[{'family':'inet','local':'192.0.2.60','prefixlen':24},{'family':'inet','local':'192.0.2.63','prefixlen':32}]}]",
	.neigh = "[{'dst':'192.0.2.61','dev':'eth0','lladdr':'02:00:00:00:00:61','used':1,'confirmed':2,'updated':3,'probes':1,'state':['REACHABLE']}]",
	.proxy = "[]",
	.exits = "[{'dst':'default','gateway':'192.0.2.1','dev':'eth0','flags':[]}]",
	.routes = "[{'type':'local','dst':'192.0.2.63','dev':'lo','prefsrc':'192.0.2.63','flags':[],'uid':0,'cache':['local']}]\n"
		  "[{'dst':'192.0.2.61','dev':'eth0','prefsrc':'192.0.2.60','flags':[],'uid':0,'cache':[]}]\n"
		  "[{'dst':'192.0.2.62','dev':'eth0','prefsrc':'192.0.2.60','flags':[],'uid':0,'cache':[]}]\n",
	.info = "[{'version':'" LBDR_VERSION "','services':1,'connections':10,'connections_max':1000,'entry':'prerouting','devices':[],'timeouts_s':{}}]",
	.list = "[{'family':'ipv4','fwmark':null,'protocol':'tcp','address':'192.0.2.63','port':80,'last_port':null,'vrf':null,'servers':["
		"{'address':'192.0.2.61','weight':1,'forward':'dr','draining':false,'ifindex':2},"
		"{'address':'192.0.2.62','weight':1,'forward':'dr','draining':false,'ifindex':2}]}]",
	.sync = "[{'role':'peers','running':false,'peers':[]}]",
	.nft = "{'nftables':[]}",
	.answers = "192.0.2.61 02:00:00:00:00:61,192.0.2.62 02:00:00:00:00:62",
	.files = "/sys/module/lbdr/parameters/conn_max_all=2000",
};

#define OF(member) (world->member ? world->member : healthy.member)

static char *fake_run(const char *const *command, const char *input,
		      int *status)
{
	const char *text = NULL;
	char line[512] = "";
	size_t used = 0;

	for (; *command; command++)
		used += snprintf(line + used, sizeof(line) - used, "%s%s",
				 used ? " " : "", *command);
	*status = 0;
	if (!strncmp(line, "ip -d -j addr", 13))
		text = OF(addr);
	else if (!strncmp(line, "ip -s -j neigh", 14))
		text = OF(neigh);
	else if (!strncmp(line, "ip -4 -j neigh", 14))
		text = OF(proxy);
	else if (!strncmp(line, "ip -4 -j route", 14))
		text = OF(exits);
	else if (!strcmp(line, "ip -j -force -batch -"))
		text = OF(routes);
	else if (!strncmp(line, "lbctl list --info", 17))
		text = OF(info);
	else if (!strncmp(line, "lbctl list -n", 13))
		text = OF(list);
	else if (!strcmp(line, "lbctl sync -j"))
		text = OF(sync);
	else if (!strcmp(line, "ip -j fou show"))
		text = OF(fou);
	else if (!strncmp(line, "nft -", 5) && strncmp(line, "nft -f", 6))
		text = OF(nft);
	else if (!strstr(line, " -j "))
		snprintf(world_log + strlen(world_log),
			 sizeof(world_log) - strlen(world_log), "%s\n%s", line,
			 input ? input : "");
	if (text && !*text && (text == world->nft || text == world->sync))
		*status = RUN_NOT_FOUND;
	if (world->fails && !strcmp(line, world->fails))
		*status = 2;
	return quoted(text ? text : "");
}

/* Answers have to be in the order of addresses. */
static int fake_probe(struct probe *probe, const struct host *host)
{
	struct probe_row row = { .ifindex = 2 };
	struct ether_addr mac;
	char text[512], *part, *space;

	(void)host;
	if (world->probe_error) {
		errno = world->probe_error;
		return -1;
	}
	snprintf(text, sizeof(text), "%s", OF(answers));
	for (part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		space = strchr(part, ' ');
		*space = '\0';
		addr_parse(part, &row.at);
		ether_aton_r(space + 1, &mac);
		memcpy(row.mac, &mac, ETH_ALEN);
		probe_add_answer(probe, &row);
	}
	return 0;
}

static int fake_tunnels(struct tunnel_probe *probe)
{
	struct tunnel_question *question;
	char text[512], *part, *space;
	struct addr at;
	size_t i;

	if (world->tunnels && *world->tunnels == '!') {
		errno = EPERM;
		return -1;
	}
	snprintf(text, sizeof(text), "%s", world->tunnels ?: "");
	for (part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		space = strchr(part, ' ');
		*space = '\0';
		addr_parse(part, &at);
		for (i = 0; i < probe->nr_questions; i++) {
			question = &probe->questions[i];
			if (!addr_same(&question->server, &at))
				continue;
			question->answered = true;
			question->mss = atoi(space + 1);
			question->refused = !question->mss;
		}
	}
	return 0;
}

/* A device that has a feature has all others, too, which are off. */
static long fake_ethtool(int fd, const char *device, __u32 command)
{
	static const struct {
		const char *name;
		__u32 command;
		long value;
	} all[] = {
		{ "rxvlan", ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN },
		{ "lro", ETHTOOL_GFLAGS, ETH_FLAG_LRO },
		{ "tx", ETHTOOL_GTXCSUM, 1 },
		{ "gro", ETHTOOL_GGRO, 1 },
	};
	char text[256], *part, *space;
	long value = -1;
	size_t i;

	(void)fd;
	snprintf(text, sizeof(text), "%s", world->features ?: "");
	for (part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		space = strchr(part, ' ');
		*space = '\0';
		if (strcmp(part, device))
			continue;
		value = value < 0 ? 0 : value;
		for (i = 0; i < ARRAY_SIZE(all); i++) {
			if (!strcmp(space + 1, all[i].name) &&
			    command == all[i].command)
				value |= all[i].value;
		}
	}
	return value;
}

static bool fake_strips_tags(int fd, const char *device)
{
	return fake_ethtool(fd, device, ETHTOOL_GFLAGS) & ETH_FLAG_RXVLAN;
}

int world_doctor(const struct options *options)
{
	return doctor_run(options, fake_probe);
}

/* Creates the files of a world. */
void world_begin(const struct world *of)
{
	char text[2048], path[512], *part, *value, *slash;
	FILE *file;

	world = of;
	*world_log = '\0';
	strcpy(world_root, "/tmp/test_doctor.XXXXXX");
	if (!mkdtemp(world_root))
		exit(1);
	root = world_root;
	run_command = fake_run;
	tunnel_ask = fake_tunnels;
	ethtool_calls.number = fake_ethtool;
	ethtool_calls.strips_tags = fake_strips_tags;
	snprintf(text, sizeof(text), "/run/x=,%s", OF(files));
	for (part = strtok(text, ","); part; part = strtok(NULL, ",")) {
		value = strchr(part, '=');
		*value++ = '\0';
		snprintf(path, sizeof(path), "%s%s", root, part);
		for (slash = path + strlen(root) + 1;
		     (slash = strchr(slash, '/')); slash++) {
			*slash = '\0';
			mkdir(path, 0700);
			*slash = '/';
		}
		file = fopen(path, "w");
		if (!file)
			exit(1);
		fprintf(file, "%s\n", value);
		fclose(file);
	}
}

/* Returns what a command line prints on both outputs; to be freed. */
char *world_run(int (*run)(const struct options *options), const char *line,
		int *status)
{
	FILE *stdout_before = stdout, *stderr_before = stderr;
	struct options options;
	char *text = NULL;
	char copy[256];
	size_t size;

	stdout = open_memstream(&text, &size);
	stderr = stdout;
	*status = read_line(line, &options, copy);
	if (!*status)
		*status = run(&options);
	fclose(stdout);
	stdout = stdout_before;
	stderr = stderr_before;
	return text;
}

void world_end(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", world_root);
	if (system(command))
		exit(1);
	root = "";
}

static bool holds_text(const char *text, const char *say)
{
	return *say == '!' ? !strstr(text, say + 1) : !!strstr(text, say);
}

/* Runs lbdr-doctor in each world. */
void world_check(const struct world_row *rows, size_t count)
{
	const struct world_row *row;
	char *text;
	int status;
	bool good;
	size_t i;

	for (row = rows; row < rows + count; row++) {
		world_begin(&row->world);
		text = world_run(world_doctor, row->line, &status);
		good = status == row->status;
		for (i = 0; i < ARRAY_SIZE(row->says) && row->says[i]; i++)
			good &= holds_text(text, row->says[i]);
		result(good, "doctor: %s", row->what);
		if (!good)
			printf("--- status %d\n%s", status, text);
		free(text);
		world_end();
	}
}

int main(int argc, char **argv)
{
	harness_begin("lbdr-doctor", argc, argv);
	check_options();
	check_help();
	check_conf_names();
	check_prefixes();
	check_before();
	check_rules();
	check_mutilated_rules();
	check_director();
	check_setup();
	check_tunnels();
	return harness_end();
}
