// SPDX-License-Identifier: GPL-2.0
/*
 * Runs of setup-realserver on hosts that are texts, where the settings are files:
 * what it changes, and that --undo reverts just that.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define HOST(lo, dummy, nic)                                                 \
	"[{'ifindex':1,'ifname':'lo','flags':['LOOPBACK','UP','LOWER_UP'],"  \
	"'mtu':65536,'link_type':'loopback','addr_info':[{'family':'inet','local':'127.0.0.1','prefixlen':8}" \
	lo "]},"                                                             \
	"{'ifindex':3,'ifname':'dummy0','flags':['UP','LOWER_UP','NOARP'],'mtu':1500,'link_type':'ether','address':'02:00:00:00:00:07','linkinfo':{'info_kind':'dummy'},'addr_info':[" \
	dummy "]},"                                                          \
	"{'ifindex':2,'ifname':'eth0','flags':['UP','LOWER_UP'],'mtu':1500,'link_type':'ether','address':'02:00:00:00:00:61','addr_info':[" \
	"{'family':'inet','local':'192.0.2.61','prefixlen':24}" nic "]}]"
#define VIP(prefix) "{'family':'inet','local':'192.0.2.63','prefixlen':" prefix "}"
#define OTHER "{'family':'inet','local':'192.0.2.64','prefixlen':32}"
#define IGNORE(dev) "/proc/sys/net/ipv4/conf/" dev "/arp_ignore"
#define ANNOUNCE(dev) "/proc/sys/net/ipv4/conf/" dev "/arp_announce"
#define FILES(ignore, announce) \
	IGNORE("all") "=" ignore "," ANNOUNCE("all") "=" announce "," \
	IGNORE("eth0") "=0"

static long setting(const char *path)
{
	long value = -1;

	root_number(path, &value);
	return value;
}

/* Runs a line on a host; what it printed, to be freed. */
static char *run_on(const char *addr, const char *line, int *status)
{
	static struct world next;

	next = *world;
	next.addr = addr;
	world = &next;
	*world_log = '\0';
	return world_run(setup_run, line, status);
}

static void check_round(void)
{
	const struct world plain = { .files = FILES("0", "1") };
	char *text;
	int status;

	world_begin(&plain);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63 --dry-run",
		      &status);
	result(!status && !strncmp(text,
				   "sysctl -w net.ipv4.conf.all.arp_ignore=1\n"
				   "sysctl -w net.ipv4.conf.all.arp_announce=2\n"
				   "ip addr add 192.0.2.63/32 dev lo\n", 116) &&
	       !*world_log && setting(IGNORE("all")) == 0,
	       "setup --dry-run prints the commands and changes nothing");
	free(text);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63", &status);
	result(!status && setting(IGNORE("all")) == 1 &&
	       setting(ANNOUNCE("all")) == 2 &&
	       !strcmp(world_log, "ip addr add 192.0.2.63/32 dev lo\n"),
	       "setup adds the VIP to lo, with the settings");
	free(text);
	text = run_on(HOST("," VIP("32"), "", ""),
		      "setup-realserver 192.0.2.63", &status);
	result(!status && !*world_log && !strncmp(text, "\n# To make it", 12),
	       "a second setup changes nothing");
	free(text);
	text = run_on(HOST("," VIP("32"), "", ""),
		      "setup-realserver --undo 192.0.2.63 --dry-run", &status);
	result(!status && !*world_log && setting(IGNORE("all")) == 1 &&
	       strstr(text, "ip addr del 192.0.2.63/32 dev lo\n"),
	       "undo --dry-run changes nothing");
	free(text);
	text = run_on(HOST("," VIP("32"), "", ""),
		      "setup-realserver --undo 192.0.2.63", &status);
	result(!status && setting(IGNORE("all")) == 0 &&
	       setting(ANNOUNCE("all")) == 1 &&
	       !strcmp(world_log, "ip addr del 192.0.2.63/32 dev lo\n"),
	       "undo restores the values from before setup");
	free(text);
	text = run_on(HOST("", "", ""), "setup-realserver --undo 192.0.2.63",
		      &status);
	result(!status && !*world_log &&
	       !strcmp(text, "# 192.0.2.63 was not added by setup-realserver: unchanged\n"),
	       "a second undo changes nothing");
	free(text);
	world_end();
}

/* Sets up a VIP on one host, and undoes it on another; whether both succeeded. */
static bool setup_and_undo(const char *before, const char *after, char **undone)
{
	int set, unset;

	free(run_on(before, "setup-realserver 192.0.2.63", &set));
	*undone = run_on(after, "setup-realserver --undo 192.0.2.63", &unset);
	return !set && !unset;
}

/* Settings and addresses that somebody else made. */
static void check_others(void)
{
	const struct world set = { .files = FILES("1", "2") };
	const struct world plain = { .files = FILES("0", "0") };
	char *text;
	int status;

	world_begin(&set);
	result(setup_and_undo(HOST("", OTHER, ""),
			      HOST("," VIP("32"), OTHER, ""), &text) &&
	       setting(IGNORE("all")) == 1 &&
	       setting(ANNOUNCE("all")) == 2,
	       "undo leaves settings that setup did not make");
	free(text);
	text = run_on(HOST("," VIP("32"), "", ""),
		      "setup-realserver --undo 192.0.2.63", &status);
	result(!status && !*world_log,
	       "undo leaves a VIP that setup did not add");
	free(text);
	world_end();

	world_begin(&plain);
	result(setup_and_undo(HOST("", OTHER, ""),
			      HOST("," VIP("32"), OTHER, ""), &text) &&
	       setting(IGNORE("all")) == 1 &&
	       strstr(text, "# arp_ignore and arp_announce unchanged: 192.0.2.64 is on dummy0\n"),
	       "undo leaves the settings while dummy0 has another VIP");
	free(text);
	world_end();

	world_begin(&plain);
	text = run_on(HOST("", VIP("32"), ""), "setup-realserver 192.0.2.63",
		      &status);
	result(!status && !*world_log && setting(IGNORE("all")) == 1,
	       "a VIP on dummy0 stays there");
	free(text);
	text = run_on(HOST("", VIP("32"), ""),
		      "setup-realserver --undo 192.0.2.63", &status);
	result(!status && !*world_log && setting(IGNORE("all")) == 1,
	       "undo leaves it there, and the settings that keep it silent");
	free(text);
	world_end();
}

static void check_places(void)
{
	const struct world plain = { .files = FILES("0", "0") };
	char *text;
	int status;

	world_begin(&plain);
	text = run_on(HOST("", "", "," VIP("24")),
		      "setup-realserver 192.0.2.63", &status);
	result(status == EXIT_REFUSED && !*world_log && !setting(IGNORE("all")) &&
	       strstr(text, "cannot be moved"),
	       "an address that others depend on is not moved");
	free(text);
	text = run_on(HOST("", "", "," VIP("32")),
		      "setup-realserver 192.0.2.63", &status);
	result(!status && !strcmp(world_log,
				  "ip addr add 192.0.2.63/32 dev lo\n"
				  "ip addr del 192.0.2.63/32 dev eth0\n"),
	       "a VIP on a NIC is moved to lo");
	free(text);
	text = run_on(HOST("", "", ""), "setup-realserver 127.0.0.1", &status);
	result(status == EXIT_REFUSED && strstr(text, "cannot be a VIP"),
	       "a loopback address is refused");
	free(text);
	world_end();
}

/* The NIC's own greater value answers ARP; and the director is refused. */
static void check_director_and_nic(void)
{
	const struct world own = {
		.files = IGNORE("all") "=1," ANNOUNCE("all") "=2,"
			 IGNORE("eth0") "=3",
	};
	const struct world director = { .files = "/sys/module/lbdr/x=1" };
	char *text;
	int status;

	world_begin(&own);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63", &status);
	result(!status && setting(IGNORE("eth0")) == 1 &&
	       setting(IGNORE("all")) == 1, "a NIC that answers by scope is set");
	free(text);
	text = run_on(HOST("," VIP("32"), "", ""),
		      "setup-realserver --undo 192.0.2.63", &status);
	result(!status && setting(IGNORE("eth0")) == 3 &&
	       setting(IGNORE("all")) == 1, "and reset by undo");
	free(text);
	world_end();
	world_begin(&director);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63", &status);
	result(status == EXIT_REFUSED &&
	       strstr(text, "this host is the director of 192.0.2.63"),
	       "the director of the VIP is refused");
	free(text);
	world_end();
}

/* A host with addresses of both families, and devices that are there already. */
#define DEVICE(name) ",{'ifindex':9,'ifname':'" name "','flags':['UP'],'mtu':1480,'link_type':'ipip','addr_info':[]}"
#define BOTH(lo, devices)                                                     \
	"[{'ifindex':1,'ifname':'lo','flags':['LOOPBACK','UP','LOWER_UP'],"   \
	"'mtu':65536,'link_type':'loopback','addr_info':[" lo "]},"           \
	"{'ifindex':2,'ifname':'eth0','flags':['UP','LOWER_UP'],'mtu':1500,'link_type':'ether','address':'02:00:00:00:00:61','addr_info':[" \
	"{'family':'inet','local':'192.0.2.61','prefixlen':24},"              \
	"{'family':'inet6','local':'2001:db8::61','prefixlen':64}]}" devices "]"
#define VIP6 "{'family':'inet6','local':'2001:db8::63','prefixlen':128}"
#define FILTER(value) ",/proc/sys/net/ipv4/conf/all/rp_filter=" value         \
	",/proc/sys/net/ipv4/conf/lbdr-ipip/rp_filter=1"                      \
	",/proc/sys/net/ipv4/conf/lbdr-ip6tnl/rp_filter=1"                    \
	",/proc/sys/net/ipv4/conf/lbdr-gre/rp_filter=1"

static void check_tunnel(void)
{
	const struct world plain = { .files = FILES("1", "2") FILTER("0") };
	const struct world strict = { .files = FILES("1", "2") FILTER("1") };
	char *text;
	int status;

	world_begin(&plain);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63 --tun ipip --dry-run",
		      &status);
	result(!status && !*world_log &&
	       strstr(text, "ip link add lbdr-ipip type ipip external\n") &&
	       strstr(text, "nft -f - <<'END'\n"), "setup --tun --dry-run changes nothing");
	free(text);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63 --tun ipip", &status);
	result(!status && !strcmp(world_log,
		"ip addr add 192.0.2.63/32 dev lo\n"
		"ip link add lbdr-ipip type ipip external\n"
		"ip link set lbdr-ipip up\n"
		"nft -f -\n"
		"add table inet lbdr_realserver\ndelete table inet lbdr_realserver\n"
		"table inet lbdr_realserver {\n\tchain output {\n"
		"\t\ttype filter hook output priority mangle\n"
		"\t\tip saddr { 192.0.2.63 } tcp flags syn tcp option maxseg size > 1440 tcp option maxseg size set 1440\n"
		"\t}\n}\n") &&
	       !setting("/proc/sys/net/ipv4/conf/lbdr-ipip/rp_filter") &&
	       strstr(text, "ExecStart=/usr/sbin/lbdr-doctor setup-realserver 192.0.2.63 --tun ipip\n"),
	       "setup --tun ipip makes the device and lowers the MSS%s", world_log);
	free(text);
	text = run_on(BOTH(VIP("32"), DEVICE("lbdr-ipip")),
		      "setup-realserver 2001:db8::63 --tun gue:6080", &status);
	result(!status && !strcmp(world_log,
		"ip addr add 2001:db8::63/128 dev lo\n"
		"modprobe sit\nip link set sit0 up\n"
		"ip link add lbdr-ip6tnl type ip6tnl external\n"
		"ip link set lbdr-ip6tnl up\n"
		"modprobe fou\nip fou add port 6080 gue\nip -6 fou add port 6080 gue\n"
		"nft -f -\n"
		"add table inet lbdr_realserver\ndelete table inet lbdr_realserver\n"
		"table inet lbdr_realserver {\n\tchain output {\n"
		"\t\ttype filter hook output priority mangle\n"
		"\t\tip saddr { 192.0.2.63 } tcp flags syn tcp option maxseg size > 1440 tcp option maxseg size set 1440\n"
		"\t\tip6 saddr { 2001:db8::63 } tcp flags syn tcp option maxseg size > 1388 tcp option maxseg size set 1388\n"
		"\t}\n}\n"),
	       "setup --tun gue beside it, with the room for IPv6%s", world_log);
	free(text);
	text = run_on(BOTH(VIP("32") "," VIP6, DEVICE("lbdr-ipip") DEVICE("sit0") DEVICE("lbdr-ip6tnl")),
		      "setup-realserver --undo 2001:db8::63", &status);
	result(!status && strstr(world_log, "ip fou del port 6080\nip -6 fou del port 6080\n"
				 "ip link set sit0 down\n") &&
	       !strstr(world_log, "ip link del lbdr-ipip") &&
	       strstr(world_log, "ip saddr { 192.0.2.63 }") &&
	       !strstr(world_log, "ip6 saddr"), "undo removes one tunnel%s", world_log);
	free(text);
	text = run_on(BOTH(VIP("32"), DEVICE("lbdr-ipip")),
		      "setup-realserver --undo 192.0.2.63", &status);
	result(!status && !strcmp(world_log,
		"ip addr del 192.0.2.63/32 dev lo\n"
		"ip link del lbdr-ipip\n"
		"nft -f -\n"
		"add table inet lbdr_realserver\ndelete table inet lbdr_realserver\n"),
	       "and the last one with the rules%s", world_log);
	free(text);
	world_end();

	world_begin(&strict);
	text = run_on(HOST("", "", ""), "setup-realserver 192.0.2.63 --tun gre", &status);
	result(!status && setting("/proc/sys/net/ipv4/conf/lbdr-gre/rp_filter") == 2 &&
	       strstr(world_log, "ip link add lbdr-gre type gre external\n") &&
	       strstr(world_log, "maxseg size set 1436\n"),
	       "a strict filter of all devices is relaxed for the tunnel's");
	free(text);
	world_end();
}

#define OPEN(family) "{'port':6080,'gue':null,'family':'" family "'}"

/* Ports of GUE that were opened before, or could not be. */
static void check_ports(void)
{
	static const char line[] = "setup-realserver 192.0.2.63 --tun gue:6080";
	static const char undo[] = "setup-realserver --undo 192.0.2.63";
	const struct world plain = { .files = FILES("1", "2") FILTER("0") };
	struct world fails = plain, opened = plain, half = plain;
	const char *made = BOTH(VIP("32"), DEVICE("lbdr-ipip") DEVICE("lbdr-ip6tnl"));
	int status;

	fails.fails = "ip fou add port 6080 gue";
	opened.fou = "[" OPEN("inet") "," OPEN("inet6") "]";
	half.fou = "[{'port':6080,'ipproto':4,'family':'inet6'},"
		   "{'port':6080,'gue':null,'family':'inet6','local':'2001:db8::61'},"
		   "{'port':6081,'gue':null,'family':'inet6'}," OPEN("inet") "]";

	world_begin(&fails);
	free(run_on(BOTH("", ""), line, &status));
	result(status == EXIT_REFUSED && strstr(world_log, "ip fou add port 6080 gue\n") &&
	       !strstr(world_log, "nft"), "setup fails if the port cannot be opened");
	world = &plain;
	free(run_on(made, line, &status));
	result(!status && strstr(world_log,
				 "modprobe fou\nip fou add port 6080 gue\nip -6 fou add port 6080 gue\nnft"),
	       "after that, setup opens the port%s", world_log);
	world = &opened;
	free(run_on(made, line, &status));
	result(!status && !strstr(world_log, "fou"), "a port that is open stays as it is");
	free(run_on(made, undo, &status));
	result(!status && strstr(world_log, "ip fou del port 6080\nip -6 fou del port 6080\n"),
	       "and is closed by undo%s", world_log);
	world_end();

	world_begin(&half);
	free(run_on(BOTH("", ""), line, &status));
	result(!status && strstr(world_log, "modprobe fou\nip -6 fou add port 6080 gue\nnft"),
	       "only the port that is not open for GUE is opened%s", world_log);
	free(run_on(made, undo, &status));
	result(!status && strstr(world_log, "ip -6 fou del port 6080\n") &&
	       !strstr(world_log, "ip fou del"), "and undo leaves the other open");
	world_end();
}

void check_setup(void)
{
	check_ports();
	check_tunnel();
	check_round();
	check_others();
	check_places();
	check_director_and_nic();
}
