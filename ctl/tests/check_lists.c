// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the listings: a configuration of every kind of service, printed and
 * compared to the letter. The texts for the name ipvsadm are what ipvsadm 1.31
 * wrote for the same configuration of ip_vs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

#define IPV4(a, b, c, d) \
	.family = AF_INET, .address = { (a), (b), (c), (d) }
#define IPV6(last) \
	.family = AF_INET6, .address = { 0x20, 0x01, 0x0d, 0xb8, [15] = (last) }

/* In the order of adding, which is ipvsadm's order as well. */
static const struct service services[] = {
	{
		.key = { .protocol = IPPROTO_TCP,
			 .at = { IPV4(192, 0, 2, 1), .port = 80 } },
		.scheduler = "rr", .persist = 300, .prefix = 32, .servers = 1,
	}, {
		.key = { .protocol = IPPROTO_TCP,
			 .at = { IPV4(192, 0, 2, 6), .port = 0 } },
		.scheduler = "rr", .persist = 30, .prefix = 32, .servers = 1,
		.stray = LBDR_STRAY_SCHEDULE,
	}, {
		.key = { .protocol = IPPROTO_TCP,
			 .at = { IPV4(192, 0, 2, 8), .port = 80 } },
		.scheduler = "sh", .persist = 30, .prefix = 16,
		.sched_flags = LBDR_SCHED_FLAG_FALLBACK | LBDR_SCHED_FLAG_PORT,
		.refuse = LBDR_REFUSE_DROP,
		.flags = LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT |
			 LBDR_SERVICE_FLAG_SKIP_UNREACHABLE,
	}, {
		.key = { .protocol = IPPROTO_UDP,
			 .at = { IPV4(192, 0, 2, 3), .port = 53 } },
		.scheduler = "rr", .prefix = 32,
		.flags = LBDR_SERVICE_FLAG_ONE_PACKET,
		.timeouts = {
			.seconds = { [LBDR_CONN_STATE_UDP] = 7 },
			.given = { [LBDR_CONN_STATE_UDP] = true },
		},
	}, {
		.key = { .protocol = IPPROTO_UDP,
			 .at = { IPV4(192, 0, 2, 4), .port = 53 } },
		.scheduler = "rr", .persist = 10, .prefix = 32,
		.flags = LBDR_SERVICE_FLAG_ONE_PACKET,
	}, {
		.key = { .protocol = IPPROTO_SCTP,
			 .at = { IPV4(192, 0, 2, 5), .port = 2905 } },
		.scheduler = "rr", .prefix = 24, .servers = 1,
	}, {
		.key = { .protocol = IPPROTO_TCP,
			 .at = { IPV6(1), .port = 80 } },
		.scheduler = "rr", .persist = 60, .prefix = 64,
	}, {
		.key = { .fwmark = 7, .at = { .family = AF_INET } },
		.scheduler = "rr", .persist = 20, .prefix = 32, .servers = 1,
	}, {
		.key = { .fwmark = 9, .at = { .family = AF_INET6 } },
		.scheduler = "wrr", .persist = 20, .prefix = 128, .servers = 1,
	},
};

static const struct server servers[] = {
	{
		.service = { .protocol = IPPROTO_TCP,
			     .at = { IPV4(192, 0, 2, 1), .port = 80 } },
		.at = { IPV4(192, 168, 1, 62), .port = 80 },
		.weight = 3, .active = 1, .persistent = 2,
	}, {
		.service = { .protocol = IPPROTO_TCP,
			     .at = { IPV4(192, 0, 2, 6), .port = 0 } },
		.at = { IPV4(192, 168, 1, 62), .port = 0 },
		.weight = 1,
	}, {
		.service = { .protocol = IPPROTO_SCTP,
			     .at = { IPV4(192, 0, 2, 5), .port = 2905 } },
		.at = { IPV4(192, 168, 1, 64), .port = 2905 },
		.weight = 2,
	}, {
		.service = { .fwmark = 7, .at = { .family = AF_INET } },
		.at = { IPV4(192, 168, 1, 62), .port = 0 },
		.weight = 1,
	}, {
		.service = { .fwmark = 9, .at = { .family = AF_INET6 } },
		.at = { IPV6(0x62), .port = 0 },
		.weight = 1,
	},
};

static const struct service range = {
	.key = { .protocol = IPPROTO_TCP,
		 .at = { IPV4(192, 0, 2, 63), .port = 8000,
			 .last_port = 8999 },
		 .vrf = "red" },
	.scheduler = "mh", .prefix = 32, .mh_size = 1009, .servers = 2,
	.digest = 0x123456789abcdefULL,
};

static const struct server range_servers[] = {
	{
		.service = { .protocol = IPPROTO_TCP,
			     .at = { IPV4(192, 0, 2, 63), .port = 8000,
				     .last_port = 8999 },
			     .vrf = "red" },
		.at = { IPV4(192, 0, 2, 62), .port = 8000, .last_port = 8999 },
		.weight = 1, .inactive = 4, .upper = 9,
	}, {
		.service = { .protocol = IPPROTO_TCP,
			     .at = { IPV4(192, 0, 2, 63), .port = 8000,
				     .last_port = 8999 },
			     .vrf = "red" },
		.at = { IPV4(192, 0, 2, 64), .port = 8000, .last_port = 8999 },
		.weight = 2, .active = 5, .draining = true, .hold = 30,
	},
};

void capture_begin(struct capture *capture)
{
	capture->stdout_before = stdout;
	stdout = open_memstream(&capture->text, &capture->size);
	if (!stdout)
		exit(EXIT_REFUSED);
}

void capture_end(struct capture *capture)
{
	fclose(stdout);
	stdout = capture->stdout_before;
}

/* A blank at the end of a line counts: in @text it is a bar, to be seen. */
void same_text(struct capture *capture, const char *text, const char *what)
{
	char *end = capture->text;
	bool same;

	while ((end = strstr(end, "\x20\n")))
		*end = '|';
	same = !strcmp(capture->text, text);

	result(same, "%s", what);
	if (!same)
		printf("--- expected\n%s--- printed\n%s", text, capture->text);
	free(capture->text);
}

static void save_stdout(const struct snapshot *shot, const struct request *req)
{
	save_print(stdout, shot, req);
}

static void compare(void (*print)(const struct snapshot *shot,
				  const struct request *req),
		    const struct request *req, const struct snapshot *shot,
		    const char *text, const char *what)
{
	struct capture capture;

	capture_begin(&capture);
	print(shot, req);
	capture_end(&capture);
	same_text(&capture, text, what);
}

static const char table[] =
	"Prot LocalAddress:Port Scheduler Flags\n"
	"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
	"TCP  192.0.2.1:80 rr persistent 300\n"
	"  -> 192.168.1.62:80              Route   3      1          0        |\n"
	"TCP  192.0.2.6:0 rr persistent 30\n"
	"  -> 192.168.1.62:0               Route   1      0          0        |\n"
	"TCP  192.0.2.8:80 sh (sh-fallback,sh-port) persistent 30 mask 255.255.0.0\n"
	"UDP  192.0.2.3:53 rr ops\n"
	"UDP  192.0.2.4:53 rr persistent 10 ops\n"
	"SCTP 192.0.2.5:2905 rr\n"
	"  -> 192.168.1.64:2905            Route   2      0          0        |\n"
	"TCP  [2001:db8::1]:80 rr persistent 60 mask 64\n"
	"FWM  7 rr persistent 20\n"
	"  -> 192.168.1.62:0               Route   1      0          0        |\n"
	"FWM  9 IPv6 wrr persistent 20\n"
	"  -> [2001:db8::62]:0             Route   1      0          0        |\n";

static const char own_table[] =
	"Prot LocalAddress:Port Scheduler Flags\n"
	"  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
	"TCP  192.0.2.1:80 rr persistent 300\n"
	"  -> 192.168.1.62:80              Route   3      1          0        |\n"
	"TCP  192.0.2.6:0 rr persistent 30 stray schedule\n"
	"  -> 192.168.1.62:0               Route   1      0          0        |\n"
	"TCP  192.0.2.8:80 sh (sh-fallback,sh-port) persistent 30 mask 255.255.0.0 refuse drop expire-quiescent skip-unreachable\n"
	"UDP  192.0.2.3:53 rr ops timeouts udp=7\n"
	"UDP  192.0.2.4:53 rr persistent 10 ops\n"
	"SCTP 192.0.2.5:2905 rr\n"
	"  -> 192.168.1.64:2905            Route   2      0          0        |\n"
	"TCP  [2001:db8::1]:80 rr persistent 60 mask 64\n"
	"FWM  7 rr persistent 20\n"
	"  -> 192.168.1.62:0               Route   1      0          0        |\n"
	"FWM  9 IPv6 wrr persistent 20\n"
	"  -> [2001:db8::62]:0             Route   1      0          0        |\n";

static const char persistent_table[] =
	"Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn|\n"
	"  -> RemoteAddress:Port\n"
	"TCP  192.0.2.1:80 rr persistent 300\n"
	"  -> 192.168.1.62:80              3         2           1          0        |\n"
	"TCP  192.0.2.6:0 rr persistent 30\n"
	"  -> 192.168.1.62:0               1         0           0          0        |\n"
	"TCP  192.0.2.8:80 sh (sh-fallback,sh-port) persistent 30 mask 255.255.0.0\n"
	"UDP  192.0.2.3:53 rr ops\n"
	"UDP  192.0.2.4:53 rr persistent 10 ops\n"
	"SCTP 192.0.2.5:2905 rr\n"
	"  -> 192.168.1.64:2905            2         0           0          0        |\n"
	"TCP  [2001:db8::1]:80 rr persistent 60 mask 64\n"
	"FWM  7 rr persistent 20\n"
	"  -> 192.168.1.62:0               1         0           0          0        |\n"
	"FWM  9 IPv6 wrr persistent 20\n"
	"  -> [2001:db8::62]:0             1         0           0          0        |\n";

static const char saved[] =
	"-A -t 192.0.2.1:80 -s rr -p 300\n"
	"-a -t 192.0.2.1:80 -r 192.168.1.62:80 -g -w 3\n"
	"-A -t 192.0.2.6:0 -s rr -p 30\n"
	"-a -t 192.0.2.6:0 -r 192.168.1.62:0 -g -w 1\n"
	"-A -t 192.0.2.8:80 -s sh -p 30 -M 255.255.0.0 -b sh-fallback,sh-port\n"
	"-A -u 192.0.2.3:53 -s rr -o\n"
	"-A -u 192.0.2.4:53 -s rr -p 10 -o\n"
	"-A --sctp-service 192.0.2.5:2905 -s rr\n"
	"-a --sctp-service 192.0.2.5:2905 -r 192.168.1.64:2905 -g -w 2\n"
	"-A -t [2001:db8::1]:80 -s rr -p 60 -M 64\n"
	"-A -f 7 -s rr -p 20\n"
	"-a -f 7 -r 192.168.1.62:0 -g -w 1\n"
	"-A -f 9 -6 -s wrr -p 20\n"
	"-a -f 9 -6 -r [2001:db8::62]:0 -g -w 1\n";

static const char own_saved[] =
	"-A -t 192.0.2.1:80 -s rr -p 300\n"
	"-a -t 192.0.2.1:80 -r 192.168.1.62:80 -g -w 3\n"
	"-A -t 192.0.2.6:0 -s rr -p 30 --stray schedule\n"
	"-a -t 192.0.2.6:0 -r 192.168.1.62:0 -g -w 1\n"
	"-A -t 192.0.2.8:80 -s sh -p 30 -M 255.255.0.0 -b sh-fallback,sh-port --refuse drop --expire-quiescent yes --skip-unreachable yes\n"
	"-A -u 192.0.2.3:53 -s rr -o --timeouts udp=7\n"
	"-A -u 192.0.2.4:53 -s rr -p 10 -o\n"
	"-A --sctp-service 192.0.2.5:2905 -s rr\n"
	"-a --sctp-service 192.0.2.5:2905 -r 192.168.1.64:2905 -g -w 2\n"
	"-A -t [2001:db8::1]:80 -s rr -p 60 -M 64\n"
	"-A -f 7 -s rr -p 20\n"
	"-a -f 7 -r 192.168.1.62:0 -g -w 1\n"
	"-A -f 9 -6 -s wrr -p 20\n"
	"-a -f 9 -6 -r [2001:db8::62]:0 -g -w 1\n";

static void check_tables(void)
{
	const struct snapshot shot = {
		.services = (struct service *)services,
		.nr_services = ARRAY_SIZE(services),
		.servers = (struct server *)servers,
		.nr_servers = ARRAY_SIZE(servers),
	};
	const struct request list = { .ipvsadm = true, .numeric = true };
	const struct request own = { .numeric = true };
	const struct request persistent = {
		.ipvsadm = true, .numeric = true, .list.persistent = true,
	};

	compare(list_print, &list, &shot, table,
		"services of every kind are listed as ipvsadm lists them");
	compare(list_print, &persistent, &shot, persistent_table,
		"persistent clients are listed as ipvsadm lists them");
	compare(list_print, &own, &shot, own_table,
		"lbctl's own settings follow ipvsadm's");
	compare(save_stdout, &list, &shot, saved,
		"services of every kind are saved as ipvsadm saves them");
	compare(save_stdout, &own, &shot, own_saved,
		"lbctl's own settings are saved too");
}

static void check_ranges(void)
{
	const struct snapshot shot = {
		.services = (struct service *)&range,
		.nr_services = 1,
		.servers = (struct server *)range_servers,
		.nr_servers = ARRAY_SIZE(range_servers),
	};
	const struct request own = { .list.persistent = true };

	compare(list_print, &own, &shot,
		"Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn|\n"
		"  -> RemoteAddress:Port\n"
		"TCP  192.0.2.63:8000-8999 vrf red mh mh-size 1009\n"
		"  -> 192.0.2.62:8000-8999         1         0           0          4        |\n"
		"  -> 192.0.2.64:8000-8999         2         0           5          0          draining held 30\n",
		"a range of ports in a VRF is listed, and a server that drains, and is held");
	compare(save_stdout, &own, &shot,
		"-A -t 192.0.2.63:8000-8999 --vrf red -s mh --mh-size 1009\n"
		"-a -t 192.0.2.63:8000-8999 --vrf red -r 192.0.2.62:8000-8999 -g -w 1 -x 9\n",
		"a range of ports in a VRF is saved, and a server that drains is not");
}

#define STATS "'stats':{'connections':0,'in_packets':0,'in_bytes':0}"
#define SAME_MEMBERS "'sched_flags':[],'refuse':'icmp','stray':'pass'," \
	"'one_packet':false,'expire_quiescent':false,'accept_tunneled':false," \
	"'skip_unreachable':false," \
	"'timeouts_s':{},'held_s':null,'drops':[]," \
	STATS

/* One service's JSON, with ' for ": every member, and no other. */
static void check_json(const struct snapshot *shot, const char *text,
		       const char *what)
{
	const struct request req = { .json = true };
	json_t *expected = quoted_json(text);
	struct capture capture;
	json_t *printed;
	bool same;

	capture_begin(&capture);
	list_print(shot, &req);
	capture_end(&capture);
	printed = json_loads(capture.text, 0, NULL);
	same = expected && printed &&
	       json_equal(json_array_get(printed, 0), expected);
	result(same, "%s", what);
	if (!same)
		printf("--- expected\n%s\n--- printed\n%s", text, capture.text);
	json_decref(printed);
	json_decref(expected);
	free(capture.text);
}

static void check_jsons(void)
{
	struct snapshot marked = {
		.services = (struct service *)&services[8], .nr_services = 1,
	};
	struct snapshot ranged = {
		.services = (struct service *)&range, .nr_services = 1,
		.servers = (struct server *)&range_servers[1], .nr_servers = 1,
	};

	check_json(&marked, "{'family':'ipv6','fwmark':9,'protocol':null,\n"
		   "'address':null,'port':null,'last_port':null,'vrf':null,\n"
		   "'scheduler':'wrr','mh_size':null,'table_digest':null,\n"
		   "'persistent_s':20,\n"
		   "'persistent_prefix':128,'servers':[]," SAME_MEMBERS "}",
		   "JSON of a service by mark");
	check_json(&ranged, "{'family':'ipv4','fwmark':null,'protocol':'tcp',\n"
		   "'address':'192.0.2.63','port':8000,'last_port':8999,\n"
		   "'vrf':'red','scheduler':'mh','mh_size':1009,\n"
		   "'table_digest':'0123456789abcdef',\n"
		   "'persistent_s':0,'persistent_prefix':32,'servers':[\n"
		   "{'address':'192.0.2.64','port':8000,'last_port':8999,\n"
		   "'forward':'dr','tunnel':null,'weight':2,'upper_threshold':0,\n"
		   "'lower_threshold':0,'active_connections':5,\n"
		   "'inactive_connections':0,'persistent_connections':0,\n"
		   "'overloaded':false,'unreachable':false,'draining':true,\n"
		   "'held_s':30,\n"
		   "'ifindex':null,\n"
		   STATS "}]," SAME_MEMBERS "}",
		   "JSON of a service with a range of ports and a server that drains");
}

struct conn_row {
	struct conn conn;
	const char *as_ipvsadm;
	const char *as_lbctl;
};

#define CLIENT(last, of_port) { IPV4(192, 0, 2, last), .port = (of_port) }
#define AT_VIP(of_port) { IPV4(192, 0, 2, 63), .port = (of_port) }
#define AT_SERVER(of_port) { IPV4(192, 0, 2, 62), .port = (of_port) }

static const struct conn_row conn_rows[] = {
	{
		{ .service = { .protocol = IPPROTO_TCP, .at = AT_VIP(80) },
		  .client = CLIENT(101, 40000), .server = AT_SERVER(80),
		  .state = LBDR_CONN_STATE_SYN_RECV, .expires_ms = 59999 },
		"TCP 00:59  SYN_RECV    192.0.2.101:40000  192.0.2.63:80      192.0.2.62:80\n",
		"TCP 00:59  SYN_RECV    192.0.2.101:40000  192.0.2.63:80      192.0.2.62:80\n",
	}, {
		{ .service = { .protocol = IPPROTO_TCP, .at = AT_VIP(80) },
		  .client = CLIENT(0, 0), .server = AT_SERVER(80),
		  .state = LBDR_CONN_STATE_TEMPLATE, .expires_ms = 299999 },
		"TCP 04:59  ASSURED     192.0.2.0:0        192.0.2.63:80      192.0.2.62:80\n",
		"TCP 04:59  TEMPLATE    192.0.2.0:0        192.0.2.63:80      192.0.2.62:80\n",
	}, {
		{ .service = { .fwmark = 16, .at = { .family = AF_INET } },
		  .client = CLIENT(101, 0), .server = AT_SERVER(0),
		  .state = LBDR_CONN_STATE_TEMPLATE, .expires_ms = 499999 },
		"IP  08:19  ASSURED     192.0.2.101:0      0.0.0.16:0         192.0.2.62:0\n",
		"FWM 08:19  TEMPLATE    192.0.2.101:0      16                 192.0.2.62:0\n",
	}, {
		{ .service = { .protocol = IPPROTO_SCTP, .at = AT_VIP(2905) },
		  .client = CLIENT(101, 40000), .server = AT_SERVER(2905),
		  .state = LBDR_CONN_STATE_SCTP_ESTABLISHED,
		  .expires_ms = 899999, .vrf = "red" },
		"SCTP 14:59  ESTABLISHED 192.0.2.101:40000  192.0.2.63:2905    192.0.2.62:2905\n",
		"SCTP 14:59  SCTP_ESTABLISHED 192.0.2.101:40000  192.0.2.63:2905    192.0.2.62:2905 vrf red\n",
	},
};

static void check_conns(void)
{
	struct request req = { .numeric = true };
	const struct conn_row *row;
	struct capture capture;

	for (row = conn_rows; row < conn_rows + ARRAY_SIZE(conn_rows); row++) {
		for (req.ipvsadm = false;; req.ipvsadm = true) {
			capture_begin(&capture);
			conn_print(&row->conn, &req);
			capture_end(&capture);
			same_text(&capture, req.ipvsadm ? row->as_ipvsadm :
							  row->as_lbctl,
				  req.ipvsadm ? "a connection as ipvsadm lists it" :
						"a connection as lbctl lists it");
			if (req.ipvsadm)
				break;
		}
	}
}

void check_lists(void)
{
	check_tables();
	check_ranges();
	check_jsons();
	check_conns();
}
