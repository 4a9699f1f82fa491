// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the checks of tunnels: the packets of a question, byte by byte, answers
 * whole and mutilated, and runs of the doctor on hosts that are texts.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define ROUNDS 20000

static void set_question(struct tunnel_question *question, const char *type,
			 const char *vip, const char *from)
{
	memset(question, 0, sizeof(*question));
	strcpy(question->type, type);
	addr_parse("198.51.100.9", &question->server);
	addr_parse(vip, &question->vip);
	addr_parse(from, &question->from);
	question->port = 80;
}

/* Without a header of the tunnel: the checksums are right, addresses in place. */
static void check_packet(const char *type, bool csum, const char *vip, const char *from,
			 size_t head, const char *starts)
{
	bool four = strchr(vip, '.');
	struct tunnel_question question;
	__u8 packet[TUNNEL_PACKET], pseudo[TUNNEL_PACKET];
	size_t ip = four ? 20 : 40, length = four ? 4 : 16, size;
	bool good;

	set_question(&question, type, vip, from);
	question.csum = csum;
	size = tunnel_packet(&question, 0x10000, false, packet);
	good = size == head + ip + 24 && !memcmp(packet, starts, head ? 4 : 0) &&
	       packet[head] == (four ? 0x45 : 0x60) &&
	       (!four || !inet_checksum(packet + head, 20, 0)) &&
	       (!csum || strcmp(type, "gre") || !inet_checksum(packet, size, 0));
	memcpy(pseudo, packet + head + (four ? 12 : 8), 2 * length);
	memcpy(pseudo + 2 * length, packet + head + ip, 24);
	good = good && !inet_checksum(pseudo, 2 * length + 24, 24 + IPPROTO_TCP) &&
	       !memcmp(pseudo, question.from.bytes, length) &&
	       !memcmp(pseudo + length, question.vip.bytes, length) &&
	       packet[head + ip + 13] == 2 && packet[head + ip + 3] == 80;
	result(good, "the packet of %s%s to %s is right", type, csum ? " with checksum" : "",
	       vip);
}

static void check_packets(void)
{
	check_packet("ipip", false, "192.0.2.63", "192.0.2.60", 0, "");
	check_packet("ipip", false, "2001:db8::63", "2001:db8::60", 0, "");
	check_packet("gre", false, "192.0.2.63", "192.0.2.60", 4, "\0\0\x08\0");
	check_packet("gre", true, "2001:db8::63", "2001:db8::60", 8, "\x80\0\x86\xdd");
	check_packet("gue", false, "192.0.2.63", "192.0.2.60", 4, "\0\4\0\0");
	check_packet("gue", true, "2001:db8::63", "2001:db8::60", 4, "\0\x29\0\0");
}

/* What the server answers to a question: flags, and options of 4 bytes. */
static size_t make_answer(const struct tunnel_question *question, __u32 ack, __u8 flags,
			  const char *option, __u8 *packet)
{
	bool four = question->vip.family == AF_INET;
	size_t length = four ? 4 : 16, ip = four ? 20 : 40;
	__u8 *tcp = packet + ip;

	memset(packet, 0, ip + 24);
	packet[0] = four ? 0x45 : 0x60;
	memcpy(packet + (four ? 12 : 8), question->vip.bytes, length);
	memcpy(packet + (four ? 12 : 8) + length, question->from.bytes, length);
	tcp[1] = 80;
	tcp[8] = ack >> 24;
	tcp[9] = ack >> 16;
	tcp[10] = ack >> 8;
	tcp[11] = ack;
	tcp[12] = 6 << 4;
	tcp[13] = flags;
	memcpy(tcp + 20, option, 4);
	return ip + 24;
}

static void check_answers(void)
{
	struct tunnel_question questions[2];
	struct tunnel_probe probe = { questions, 2, 2 };
	__u8 packet[TUNNEL_PACKET], *copy;
	size_t size, i;
	bool good;

	set_question(&questions[0], "ipip", "192.0.2.63", "192.0.2.60");
	set_question(&questions[1], "ipip", "2001:db8::63", "2001:db8::60");
	size = make_answer(&questions[0], 0x10001, 0x12, "\2\4\5\xa0", packet);
	result(tunnel_answer(&probe, AF_INET, packet, size) == &questions[0] &&
	       questions[0].answered && questions[0].mss == 1440 && !questions[0].refused,
	       "a SYN-ACK is an answer, with its MSS");
	result(!tunnel_answer(&probe, AF_INET, packet, size),
	       "a second one is none");
	size = make_answer(&questions[1], 0x20001, 0x14, "\1\1\1\1", packet);
	result(tunnel_answer(&probe, AF_INET6, packet, size) == &questions[1] &&
	       questions[1].refused && questions[1].mss == 1220, "a RST is an answer");
	questions[0].answered = false;
	questions[1].answered = false;
	size = make_answer(&questions[0], 0x20001, 0x12, "\2\4\5\xa0", packet);
	good = !tunnel_answer(&probe, AF_INET, packet, size);
	size = make_answer(&questions[0], 0x10001, 0x10, "\2\4\5\xa0", packet);
	good = good && !tunnel_answer(&probe, AF_INET, packet, size);
	packet[20 + 13] = 0x12;
	packet[15]++;
	result(good && !tunnel_answer(&probe, AF_INET, packet, size),
	       "an answer to another question, an ACK and another address are none");
	for (i = 0; i < ROUNDS; i++) {
		questions[0].answered = false;
		questions[1].answered = false;
		size = make_answer(&questions[i % 2], (i % 2 + 1) * 0x10000 + 1, 0x12,
				   "\2\4\5\xa0", packet);
		packet[rand() % size] = rand();
		packet[size - 4 + rand() % 4] = rand();
		size = 20 + rand() % (size - 19);
		copy = malloc(size);
		if (!copy)
			exit(1);
		memcpy(copy, packet, size);
		tunnel_answer(&probe, i % 2 ? AF_INET6 : AF_INET, copy, size);
		free(copy);
	}
	result(true, "%d mutilated answers are survived", ROUNDS);
}

#define TUNNELED(address, tunnel)                                                \
	"[{'family':'ipv4','fwmark':null,'protocol':'tcp','address':'192.0.2.63'," \
	"'port':80,'last_port':null,'vrf':null,'servers':["                      \
	"{'address':'" address "','weight':1,'forward':'tunnel','draining':false," \
	"'ifindex':2,'tunnel':" tunnel "}]}]"
#define IPIP "{'type':'ipip','port':null,'checksum':false}"
#define GUE "{'type':'gue','port':6080,'checksum':true}"
#define FAR "198.51.100.9"
#define ROUTE "[{'dst':'198.51.100.9','gateway':'192.0.2.1','dev':'eth0','flags':[]}]"

static const struct world_row rows[] = {
	{ "a server by a tunnel", { .list = TUNNELED(FAR, IPIP), .routes = ROUTE, .tunnels = FAR " 1440" }, 0, "--verbose",
	  { "routed on eth0 by 192.0.2.1", "the tunnel ipip leaves 1480 bytes for packets", "192.0.2.63: answers through the tunnel ipip, MSS 1440", "!on-link", "No problems found.\n" } },
	{ "an MSS that is too large", { .list = TUNNELED(FAR, GUE), .routes = ROUTE, .tunnels = FAR " 1440" }, 0, "",
	  { "server 198.51.100.9:\n  warning   tunnel       192.0.2.63: the server announces an MSS of 1440, but the tunnel gue:6080 leaves 1428",
	    "fix on 198.51.100.9: lbdr-doctor setup-realserver 192.0.2.63 --tun gue:6080\n" } },
	{ "a server that does not decapsulate", { .list = TUNNELED(FAR, IPIP), .routes = ROUTE, .tunnels = "" }, 4, "",
	  { "  problem   tunnel       192.0.2.63: no answer through the tunnel ipip, port 80", "lbdr-doctor setup-realserver 192.0.2.63 --tun ipip\n" } },
	{ "a server whose service is down", { .list = TUNNELED(FAR, IPIP), .routes = ROUTE, .tunnels = FAR " 0" }, 0, "",
	  { "refuses connections to port 80 through the tunnel ipip" } },
	{ "a server without a route", { .list = TUNNELED(FAR, IPIP), .routes = "", .tunnels = "" }, 4, "",
	  { "  problem   route        no route to the server\n", "!no answer" } },
	{ "a VIP that the kernel chooses as source",
	  { .list = TUNNELED(FAR, IPIP), .tunnels = FAR " 1440",
	    .routes = "[{'dst':'198.51.100.9','gateway':'192.0.2.1','dev':'eth0','prefsrc':'192.0.2.63','flags':[]}]" }, 4, "",
	  { "  problem   source       192.0.2.63: the tunnel's source is the VIP", "--tun-source ADDRESS\n" } },
	{ "a path that is too narrow for IPv6",
	  { .list = "[{'family':'ipv6','protocol':'tcp','address':'2001:db8::63','port':80,'servers':[{'address':'198.51.100.9','weight':1,'forward':'tunnel','draining':false,'ifindex':2,'tunnel':" IPIP "}]}]",
	    .routes = "[{'dst':'198.51.100.9','gateway':'192.0.2.1','dev':'eth0','flags':[],'metrics':[{'mtu':1290}]}]", .tunnels = "" }, 4, "",
	  { "the tunnel ipip leaves 1270 bytes for packets, but IPv6 needs 1280" } },
	{ "a service without TCP",
	  { .list = "[{'family':'ipv4','protocol':'udp','address':'192.0.2.63','port':53,'servers':[{'address':'198.51.100.9','weight':1,'forward':'tunnel','draining':false,'ifindex':2,'tunnel':" IPIP "}]}]",
	    .routes = ROUTE, .tunnels = "" }, 0, "",
	  { "unchecked tunnel       not probed: no TCP service\n" } },
	{ "no permission to ask", { .list = TUNNELED(FAR, IPIP), .routes = ROUTE, .tunnels = "!" }, 0, "",
	  { "unchecked tunnel       not probed: Operation not permitted\n" } },
};

void check_tunnels(void)
{
	check_packets();
	check_answers();
	world_check(rows, ARRAY_SIZE(rows));
}
