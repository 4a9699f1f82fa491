// SPDX-License-Identifier: GPL-2.0
/*
 * Whole runs of the doctor on hosts that are texts: on directors with one fault
 * each, and on real servers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define LO_WITH(more) \
	"{'ifindex':1,'ifname':'lo','flags':['LOOPBACK','UP','LOWER_UP'],'mtu':65536,'link_type':'loopback','address':'00:00:00:00:00:00','addr_info':[{'family':'inet','local':'127.0.0.1','prefixlen':8}" more "]}"
#define NIC_OF(name, flags, mtu, more, addresses)                         \
	"{'ifindex':2,'ifname':'" name "','flags':['BROADCAST'" flags     \
	"],'mtu':" mtu ",'link_type':'ether','address':'02:00:00:00:00:60'" \
	more ",'addr_info':[" addresses "]}"
#define UP ",'UP','LOWER_UP'"
#define OWN "{'family':'inet','local':'192.0.2.60','prefixlen':24}"
#define HELD ",{'family':'inet','local':'192.0.2.63','prefixlen':32}"
#define HOST(lo, nic) "[" LO_WITH(lo) "," nic "]"
#define STANDBY HOST("", NIC_OF("eth0", UP, "1500", "", OWN))
#define BRIDGE \
	NIC_OF("br0", UP, "1500", ",'linkinfo':{'info_kind':'bridge','info_data':{'nf_call_iptables':1,'nf_call_ip6tables':0}}", OWN HELD)
#define SERVICE_OF(address, port, servers)                                \
	"{'family':'ipv4','fwmark':null,'protocol':'tcp','address':'"     \
	address "','port':" port ",'last_port':null,'vrf':null,'servers':[" \
	servers "]}"
#define SERVER_OF(address, weight, draining, ifindex)              \
	"{'address':'" address "','weight':" weight                \
	",'forward':'dr','draining':" draining ",'ifindex':" ifindex "}"
#define SERVERS(weight, ifindex)                               \
	SERVER_OF("192.0.2.61", weight, "false", ifindex) ","  \
	SERVER_OF("192.0.2.62", weight, "false", ifindex)
#define LOADED "/sys/module/lbdr/parameters/conn_max_all=2000"
#define CONF ",/proc/sys/net/ipv4/conf/"
#define CHAIN(hook, prio, policy) \
	"{'chain':{'family':'ip','table':'t','name':'c','type':'filter','hook':'" \
	hook "','prio':" prio ",'policy':'" policy "'}}"
#define RULE(expr) \
	",{'rule':{'family':'ip','table':'t','chain':'c','handle':7,'expr':[" expr "]}}"
#define NFT(items) "{'nftables':[" items "]}"
#define VIP_IS(value) \
	"{'match':{'op':'==','left':{'payload':{'protocol':'ip','field':'daddr'}},'right':'" value "'}},"
#define PORT_IS(value) \
	"{'match':{'op':'==','left':{'payload':{'protocol':'tcp','field':'dport'}},'right':" value "}},"
#define STATE_IS(value) \
	"{'match':{'op':'in','left':{'ct':{'key':'state'}},'right':'" value "'}},"
#define FORWARD CHAIN("forward", "0", "accept") \
	RULE(STATE_IS("invalid") "{'drop':null}")
#define NOTRACK ",{'chain':{'family':'ip','table':'t','name':'r','type':'filter','hook':'prerouting','prio':-300,'policy':'accept'}}," \
	"{'rule':{'family':'ip','table':'t','chain':'r','handle':9,'expr':[" \
	"{'match':{'op':'==','left':{'payload':{'protocol':'ip','field':'saddr'}},'right':'192.0.2.63'}},{'notrack':null}]}}"
#define A "192.0.2.61 02:00:00:00:00:61"
#define B "192.0.2.62 02:00:00:00:00:62"

#define PEERS(running, peers) \
	"[{'role':'master','running':true},{'role':'peers','running':" running ",'peers':[" peers "]}]"
#define PEER(address, state, differs) \
	"{'address':'" address "','state':'" state "','differs':" differs "}"

/* A second device without addresses, and the entry xdp */
#define PORT(number, more) \
	"{'ifindex':1" number ",'ifname':'eth" number "','flags':['UP','LOWER_UP'],'mtu':1500,'link_type':'ether','address':'02:00:00:00:00:1" number "'" \
	more ",'addr_info':[]}"
#define VETH \
	PORT("1", ",'link':'eth2','linkinfo':{'info_kind':'veth'}") "," \
	PORT("2", ",'link':'eth1','linkinfo':{'info_kind':'veth'}")
#define WIDE \
	"{'ifindex':11,'ifname':'eth1','flags':['UP','LOWER_UP'],'mtu':9000,'link_type':'ether','address':'02:00:00:00:00:11','addr_info':[{'family':'inet','local':'192.0.2.63','prefixlen':32}]}"
#define WITH(more) HOST("", NIC_OF("eth0", UP, "1500", "", OWN HELD) "," more)
#define AT_XDP(devices) \
	"[{'version':'" LBDR_VERSION "','connections_max':1000,'entry':'xdp','devices':[" devices "]}]"

#define NOTHING "No problems found.\n"

static const struct world_row rows[] = {
	{ "a healthy director", { .addr = NULL }, 0, "", { NOTHING, "!ok" } },
	{ "a healthy director, verbose", { .addr = NULL }, 0, "--verbose",
	  { "this host:\n", "  ok        vip          192.0.2.63: VIP is on eth0\n",
	    "server 192.0.2.61:\n", "confirmed 2 s ago", NOTHING } },
	{ "no module", { .files = "/sys/x=1" }, 4, "",
	  { "the module lbdr is not loaded\n             fix: modprobe lbdr\n" } },
	{ "a module of another version", { .info = "[{'version':'0.0','services':1,'connections':1,'connections_max':9,'entry':'prerouting'}]" },
	  0, "", { "the loaded module has version 0.0", "!fix:" } },
	{ "the VIP is missing", { .addr = STANDBY, .routes = "" }, 4, "",
	  { "  problem   vip          192.0.2.63: VIP not configured on this host (segment eth0)\n             fix: ip addr add 192.0.2.63/32 dev eth0\n" } },
	{ "the VIP is missing, in a namespace", { .addr = STANDBY, .routes = "" }, 4, "-N blue",
	  { "fix: ip netns exec blue ip addr add 192.0.2.63/32 dev eth0\n" } },
	{ "a standby director",
	  { .addr = STANDBY, .routes = "", .answers = A "," B ",192.0.2.63 02:00:00:00:00:99" }, 0, "",
	  { "No problems found (standby director: another director holds 1 VIP).\n", "!ip addr add", "!fix" } },
	{ "a standby director, verbose",
	  { .addr = STANDBY, .routes = "", .answers = A "," B ",192.0.2.63 02:00:00:00:00:99" }, 0, "--verbose",
	  { "VIP held by another director: 02:00:00:00:00:99 on eth0", "!no other host" } },
	{ "the VIP is missing and a server answers for it",
	  { .addr = STANDBY, .routes = "", .answers = A "," B ",192.0.2.63 02:00:00:00:00:61" }, 4, "",
	  { "VIP not configured on this host, and a server answers for it\n", "server 192.0.2.61:\n  problem   arp          192.0.2.63: server answers ARP for the VIP (02:00:00:00:00:61 on eth0)\n             fix on 192.0.2.61: lbdr-doctor setup-realserver 192.0.2.63\n",
	    "!ip addr add" } },
	{ "the VIP is missing and no segment can be asked",
	  { .addr = STANDBY, .routes = "", .probe_error = EPERM }, 0, "",
	  { "VIPs and servers not probed: Operation not permitted", "standby director is not known", "No problems found, 2 checks not possible.\n", "!ip addr add" } },
	{ "two active directors", { .answers = A "," B ",192.0.2.63 02:00:00:00:00:99" }, 4, "",
	  { "another host answers ARP for the VIP: 02:00:00:00:00:99 on eth0", "two directors are active" } },
	{ "a VIP on lo of which no segment is known",
	  { .addr = HOST(",{'family':'inet','local':'203.0.113.9','prefixlen':32}", NIC_OF("eth0", UP, "1500", "", OWN)),
	    .list = "[" SERVICE_OF("203.0.113.9", "80", SERVERS("1", "2")) "]" }, 0, "",
	  { "203.0.113.9: not probed", "No problems found, 1 check not possible.\n" } },
	{ "the link is down",
	  { .addr = HOST("", NIC_OF("eth0", "", "1500", "", OWN HELD)), .routes = "", .answers = "",
	    .list = "[" SERVICE_OF("192.0.2.63", "80", SERVERS("1", "null")) "]" }, 4, "",
	  { "  problem   link         eth0 is down\n             fix: ip link set eth0 up\n", "unchecked on-link      not reachable while eth0 is down",
	    "!del-server", "!lbctl", "\n1 problem, 0 warnings" } },
	{ "the link is down, and the addresses of IPv6 are gone",
	  { .addr = HOST("", NIC_OF("eth0", "", "1500", "", OWN)), .routes = "", .answers = "",
	    .list = "[{'family':'ipv6','protocol':'tcp','address':'2001:db8::63','port':80,'servers':[{'address':'2001:db8::61','weight':1,'forward':'dr','ifindex':null}]}]" }, 4, "",
	  { "eth0 is down\n", "2001:db8::63: VIP not configured on this host; eth0 is down", "unchecked on-link      not reachable while eth0 is down", "!ip addr add" } },
	{ "the link has no carrier",
	  { .addr = HOST("", NIC_OF("eth0", ",'UP','NO-CARRIER'", "1500", "", OWN HELD)), .answers = "" }, 4, "",
	  { "eth0 has no carrier", "not probed: eth0 is down or has no carrier", "!del-server", "!-w 0" } },
	{ "a server without a route",
	  { .list = "[" SERVICE_OF("192.0.2.63", "80", SERVER_OF("203.0.113.5", "1", "false", "null")) "]", .routes = "" }, 4, "",
	  { "server 203.0.113.5:\n  problem   on-link      no route to the server\n             hint: direct routing requires", "!del-server" } },
	{ "a server behind a router, of the network of a NIC",
	  { .list = "[" SERVICE_OF("192.0.2.63", "80", SERVER_OF("192.0.2.61", "1", "false", "null")) "]",
	    .routes = "[{'dst':'192.0.2.61','gateway':'192.0.2.1','dev':'eth0','flags':[]}]" }, 4, "",
	  { "server is behind router 192.0.2.1\n             fix: ip route replace 192.0.2.61/32 dev eth0\n" } },
	{ "a server is silent", { .answers = B }, 4, "",
	  { "server 192.0.2.61:\n  problem   neighbour    no reply on eth0: the host is down, or on another segment (used by 1 service)\n             hint: repair the host; no new connections until then: lbctl edit-server -t 192.0.2.63:80 -r 192.0.2.61 -w 0\n", "!del-server" } },
	{ "a wrong MAC", { .answers = "192.0.2.61 02:00:00:00:00:77," B }, 4, "",
	  { "server is 02:00:00:00:00:77 on eth0, but the neighbour table has 02:00:00:00:00:61 (REACHABLE)\n             fix: ip neigh del 192.0.2.61 dev eth0\n" } },
	{ "two MACs", { .answers = A ",192.0.2.61 02:00:00:00:00:77," B }, 0, "",
	  { "two MACs answer on eth0", "0 problems, 1 warning.\n" } },
	{ "a small MTU", { .routes = "[{'type':'local','dst':'192.0.2.63','dev':'lo'}]\n[{'dst':'192.0.2.61','dev':'eth0','metrics':[{'mtu':1400}]}]" }, 0, "",
	  { "MTU to the server is 1400, but 1500 on eth0",
	    "hint: if the switches and the server take 1500 bytes, raise the MTU of the route to the server; if not,", "!fix:" } },
	{ "a small MTU of the device to the servers",
	  { .addr = HOST("", NIC_OF("eth0", UP, "1500", "", OWN) "," WIDE) }, 0, "",
	  { "MTU to the server is 1500, but 9000 on eth1",
	    "hint: if the switches and the server take 9000 bytes, raise the MTU of eth0; if not,", "!fix:" } },
	{ "a service without servers", { .list = "[" SERVICE_OF("192.0.2.63", "80", "") "]" }, 4, "",
	  { "1 service without servers: -t 192.0.2.63:80\n", "lbctl add-server -t 192.0.2.63:80 -r SERVER" } },
	{ "every server has weight 0", { .list = "[" SERVICE_OF("192.0.2.63", "80", SERVERS("0", "2")) "]" }, 4, "",
	  { "1 service with no server of weight above 0 (or all draining): -t 192.0.2.63:80\n" } },
	{ "every server drains", { .list = "[" SERVICE_OF("192.0.2.63", "80", SERVER_OF("192.0.2.61", "1", "true", "2")) "]" }, 4, "",
	  { "or all draining" } },
	{ "no services", { .list = "[]" }, 0, "", { "no services", "0 problems, 1 warning.\n" } },
	{ "ip_vs has services", { .files = LOADED ",/proc/net/ip_vs=IP Virtual Server\nTCP  C0000263:0050 rr\nFWM  00000001 rr\n  -> C000023D:0050 Route 1 0 0" }, 0, "",
	  { "ip_vs has 2 services", "ipvsadm -Ln", "lbdr_ipvs(4)", "!ipvsadm -D" } },
	{ "lbdr_ipvs lists the services of lbdr", { .files = LOADED ",/sys/module/lbdr_ipvs/initstate=live,/proc/net/ip_vs=IP Virtual Server\nTCP  C0000263:0050 rr" }, 0, "",
	  { NOTHING } },
	{ "ip_vs is loaded and empty", { .files = LOADED ",/proc/net/ip_vs=IP Virtual Server" }, 0, "", { NOTHING } },
	{ "many connections", { .info = "[{'version':'" LBDR_VERSION "','connections':950,'connections_max':1000,'entry':'prerouting'}]" }, 0, "",
	  { "950 connections, limit 1000 (conn_max): nearly full" } },
	{ "many connections, of the limit for all namespaces",
	  { .files = "/sys/module/lbdr/parameters/conn_max_all=10", .info = "[{'version':'" LBDR_VERSION "','connections':10,'connections_max':1000,'entry':'prerouting'}]" }, 4, "",
	  { "10 connections, limit 10 (conn_max_all): new connections are dropped" } },
	{ "peers of synchronisation with the same configuration",
	  { .sync = PEERS("true", PEER("192.0.2.2", "synced", "false") "," PEER("192.0.2.3", "hello", "false")) }, 0, "--verbose",
	  { "  ok        sync         peer 192.0.2.2 has the same services and servers\n", "peer 192.0.2.3 has the same", NOTHING } },
	{ "a peer with another configuration, and one that is silent",
	  { .sync = PEERS("true", PEER("192.0.2.2", "silent", "null") "," PEER("2001:db8::3", "synced", "true")) }, 0, "",
	  { "  warning   sync         peer 2001:db8::3 has other services or servers", "'lbctl save' on both directors\n",
	    "  unchecked sync         services and servers of peer 192.0.2.2 not compared", "0 problems, 1 warning, 1 check not possible.\n", "!fix:" } },
	{ "peers of a role that does not run", { .sync = PEERS("false", PEER("192.0.2.2", "silent", "null")) }, 0, "--verbose",
	  { NOTHING, "!peer" } },
	{ "a module that does not tell its peers", { .sync = "" }, 0, "",
	  { "  unchecked sync         peers of synchronisation not known", "No problems found, 1 check not possible.\n" } },
	{ "rp_filter with the entry input",
	  { .info = "[{'version':'" LBDR_VERSION "','connections_max':1000,'entry':'input'}]", .exits = "[{'dst':'default','dev':'lo'}]",
	    .files = LOADED CONF "eth0/rp_filter=1" }, 4, "",
	  { "rp_filter is 1 on eth0", "fix: sysctl -w net.ipv4.conf.eth0.rp_filter=2\n" } },
	{ "the entry xdp", { .info = AT_XDP("'eth0','eth1'") }, 0, "--verbose",
	  { "taken at XDP of eth0 eth1: no rule applies to them", "  ok        xdp          packets of connections are taken at XDP of eth0\n",
	    "!of eth1\n", NOTHING } },
	{ "the entry xdp of a bridge's port", { .info = AT_XDP("'eth1'"), .addr = HOST("", BRIDGE "," PORT("1", ",'master':'br0'")), .features = "eth1 rxvlan", .routes = "[{'type':'local','dst':'192.0.2.63','dev':'lo'}]", .neigh = "[]" }, 0, "",
	  { "  warning   xdp          bridge br0 gets the packets of eth1: packets of its connections are taken at prerouting\n", "hint: the entry xdp has no effect there",
	    "br0, a bridge to servers, sends no frames of others" } },
	{ "the entry xdp below a macvlan", { .info = AT_XDP("'eth0'"), .addr = WITH(PORT("1", ",'link':'eth0','linkinfo':{'info_kind':'macvlan'}")) }, 0, "",
	  { "macvlan eth1 gets the packets of eth0: ", "0 problems, 1 warning.\n" } },
	{ "the entry xdp, and tags in hardware", { .info = AT_XDP("'eth0'"), .addr = WITH(PORT("1", ",'link':'eth0','linkinfo':{'info_kind':'vlan'}")), .features = "eth0 lro,eth0 rxvlan" }, 0, "",
	  { "eth0 strips the tags of VLANs: packets of its connections are taken at prerouting\n             fix: ethtool -K eth0 rxvlan off rx-vlan-stag-hw-parse off\n", "eth0 merges packets (LRO)" } },
	{ "the entry xdp, and tags in hardware for nobody", { .info = AT_XDP("'eth0'"), .features = "eth0 rxvlan" }, 0, "", { NOTHING } },
	{ "the entry xdp, and VLANs in software", { .info = AT_XDP("'eth0'"), .addr = WITH(PORT("1", ",'link':'eth0','linkinfo':{'info_kind':'vlan'}")), .features = "eth0 gro" }, 0, "",
	  { NOTHING } },
	{ "the entry xdp at a veth of another namespace", { .info = AT_XDP("'eth1'"), .addr = WITH(PORT("1", ",'link_index':9,'linkinfo':{'info_kind':'veth'}")), .features = "eth1 tx" }, 0, "",
	  { "  unchecked xdp          the peer of eth1 not checked", "hint: packets are damaged unless there: ethtool -K PEER tx off txvlan off gro on\n" } },
	{ "the entry xdp at a veth that gets no checksums", { .info = AT_XDP("'eth1'"), .addr = WITH(VETH), .features = "eth2 gro,eth2 tx" }, 4, "",
	  { "  problem   xdp          eth2, the peer of eth1, leaves checksums to the hardware", "fix: ethtool -K eth2 tx off txvlan off gro on\n" } },
	{ "the entry xdp at a veth whose peer does not poll", { .info = AT_XDP("'eth1'"), .addr = WITH(VETH), .features = "eth2 lro" }, 0, "",
	  { "eth2, the peer of eth1, takes no frames", "fix: ethtool -K eth2 gro on\n" } },
	{ "the entry xdp at a veth as it should be", { .info = AT_XDP("'eth1'"), .addr = WITH(VETH), .features = "eth2 gro" }, 0, "", { NOTHING } },
	{ "the entry ingress on such devices", { .info = "[{'version':'" LBDR_VERSION "','connections_max':1000,'entry':'ingress','devices':['eth1']}]", .addr = WITH(VETH), .features = "eth2 tx" }, 0, "", { NOTHING } },
	{ "the entry ingress without devices", { .info = "[{'version':'" LBDR_VERSION "','connections_max':1000,'entry':'ingress','devices':[]}]" }, 0, "",
	  { "fix: lbctl set-entry prerouting\n" } },
	{ "no nft", { .nft = "" }, 0, "", { "rules not checked: nft not found", "No problems found, 1 check not possible.\n" } },
	{ "a rule in raw names the VIP", { .nft = NFT(CHAIN("prerouting", "-300", "accept") RULE(VIP_IS("192.0.2.63") "{'drop':null}")) }, 0, "",
	  { "rule ip t c handle 7 drops before lbdr (prerouting, priority -300) and names a VIP\n             hint: check with: nft -a list chain ip t c\n", "!delete" } },
	{ "the same rule in a dormant table",
	  { .nft = NFT("{'table':{'family':'ip','name':'t','flags':['dormant']}}," CHAIN("prerouting", "-300", "drop") RULE(VIP_IS("192.0.2.63") "{'drop':null}")) }, 0, "",
	  { NOTHING } },
	{ "a rule for another address", { .nft = NFT(CHAIN("prerouting", "-300", "accept") RULE(VIP_IS("192.0.2.9") "{'drop':null}")) }, 0, "", { NOTHING } },
	{ "a policy before lbdr", { .nft = NFT(CHAIN("prerouting", "-300", "drop")) }, 0, "",
	  { "chain ip t c sees packets before lbdr (prerouting, priority -300, policy drop), and no rule accepts" } },
	{ "a policy with an accept rule", { .nft = NFT(CHAIN("prerouting", "-300", "drop") RULE(PORT_IS("80") "{'accept':null}")) }, 0, "", { NOTHING } },
	{ "an accept rule, then a drop of everything",
	  { .nft = NFT(CHAIN("prerouting", "-300", "accept") RULE(PORT_IS("80") "{'accept':null}") RULE("{'drop':null}")) }, 0, "", { NOTHING } },
	{ "chains in the order of packets",
	  { .nft = NFT(CHAIN("prerouting", "-300", "accept") "," CHAIN("ingress", "0", "accept") "," CHAIN("prerouting", "-400", "accept")) }, 0, "--verbose",
	  { "(ingress, priority 0, policy accept)\n             hint: check with: nft -a list chain ip t c\n  ok        rules        chain ip t c sees packets before lbdr (prerouting, priority -400, policy accept)\n             hint: check with: nft -a list chain ip t c\n  ok        rules        chain ip t c sees packets before lbdr (prerouting, priority -300" } },
	{ "a chain after lbdr", { .nft = NFT(CHAIN("prerouting", "-100", "drop")) }, 0, "", { NOTHING } },
	{ "a rule of INPUT", { .nft = NFT(CHAIN("input", "0", "drop") RULE(PORT_IS("80") "{'drop':null}")) }, 0, "",
	  { "rule ip t c handle 7 in INPUT names the port of a service", "'lbctl set-entry input'", "1 warning" } },
	{ "a bridge with br_netfilter, and ct state invalid drop",
	  { .addr = HOST("", BRIDGE), .neigh = "[]", .nft = NFT(FORWARD), .routes = "[{'type':'local','dst':'192.0.2.63','dev':'lo'}]" }, 4, "",
	  { "  problem   forward      IPv4 answers of servers are dropped on bridge br0", "rule ip t c handle 7 drops ct state invalid\n",
	    "add rule inet lbdr_notrack raw ip saddr { 192.0.2.63 } notrack\"\n" } },
	{ "the same, with notrack", { .addr = HOST("", BRIDGE), .neigh = "[]", .nft = NFT(FORWARD NOTRACK), .routes = "[{'type':'local','dst':'192.0.2.63','dev':'lo'}]" }, 0, "", { NOTHING } },
	{ "the same, without a bridge", { .nft = NFT(FORWARD) }, 0, "", { NOTHING } },
	{ "duplicate address detection failed",
	  { .addr = HOST("", NIC_OF("eth0", UP, "1500", "", OWN ",{'family':'inet','local':'192.0.2.63','prefixlen':32,'dadfailed':true}")) }, 4, "",
	  { "duplicate address detection failed", "!fix:" } },
	{ "JSON", { .answers = B }, 4, "-j",
	  { "[{\"level\":\"problem\",\"check\":\"neighbour\",\"vip\":null,\"server\":\"192.0.2.61\",\"finding\":\"no reply", "\"command\":null,\"on\":null,\"hint\":\"repair", "!\"ok\"" } },
	{ "JSON of a healthy director", { .addr = NULL }, 0, "-j", { "[]\n" } },
	{ "a real server", { .addr = HOST(",{'family':'inet','local':'192.0.2.63','prefixlen':32}", NIC_OF("eth0", UP, "1500", "", OWN)),
			     .files = LOADED CONF "all/arp_ignore=1" CONF "all/arp_announce=2" }, 0, "--realserver 192.0.2.63", { NOTHING } },
	{ "a real server with the VIP on a NIC and without settings", { .addr = NULL }, 4, "--realserver 192.0.2.63",
	  { "192.0.2.63: VIP is on eth0, where this host answers for it\n             fix: lbdr-doctor setup-realserver 192.0.2.63\n", "arp_ignore is 0 on eth0: this host answers ARP for the VIP\n             fix: sysctl -w net.ipv4.conf.all.arp_ignore=1\n",
	    "arp_announce=2\n", "VIP is not on lo" } },
	{ "a real server that is a proxy",
	  { .addr = HOST(",{'family':'inet','local':'192.0.2.63','prefixlen':32}", NIC_OF("eth0", UP, "1500", "", OWN)),
	    .proxy = "[{'dst':'192.0.2.63','dev':'eth0','proxy':null}]", .files = LOADED CONF "all/arp_ignore=1" CONF "all/arp_announce=2" }, 4, "--realserver 192.0.2.63",
	  { "fix: ip neigh del proxy 192.0.2.63 dev eth0\n" } },
};

/* One problem of many services is one finding. */
static void check_many(void)
{
	struct world many = { .answers = B };
	size_t size, lines = 0;
	char *list = NULL;
	char *text, *letter;
	int status, i;
	FILE *file;

	file = open_memstream(&list, &size);
	for (i = 0; i < 2000; i++)
		fprintf(file, "%c" SERVICE_OF("192.0.2.63", "%d", "%s"),
			i ? ',' : '[', i + 1, i % 2 ? "" : SERVERS("1", "2"));
	fputs("]", file);
	fclose(file);
	many.list = list;
	world_begin(&many);
	text = world_run(world_doctor, "", &status);
	for (letter = text; (letter = strchr(letter, '\n')); letter++)
		lines++;
	result(lines == 7 && strstr(text, "1000 services without servers: -t 192.0.2.63:2, -t 192.0.2.63:4, -t 192.0.2.63:6, ...\n") &&
	       strstr(text, "used by 1000 services"),
	       "2000 services with two problems are %zu lines", lines);
	if (lines != 7)
		puts(text);
	free(text);
	free(list);
	world_end();
}

void check_director(void)
{
	world_check(rows, ARRAY_SIZE(rows));
	check_many();
}
