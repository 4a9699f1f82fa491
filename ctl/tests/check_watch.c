// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what watches: the lines of monitor, the metrics, and the screen of
 * top, of messages and samples that are made up. The two forms of the metrics
 * are in files beside this one, which other programs' parsers read, too.
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

#define WEB { .protocol = IPPROTO_TCP, .at = { IPV4(192, 0, 2, 63), .port = 80 } }
#define WEB6 { .protocol = IPPROTO_TCP, .at = { IPV6(0x63), .port = 8000, \
						.last_port = 8999 } }
#define MARK { .fwmark = 7, .at = { .family = AF_INET6 } }

/* In the order of addresses, as they are taken; each of the two, a second apart. */
static struct service services[2][3] = {
	{
		{ .key = WEB, .scheduler = "wlc", .servers = 2,
		  .stats = { 100, 1000, 100000 } },
		{ .key = WEB6, .scheduler = "lblcr", .servers = 1,
		  .stats = { 0, 5000, 7 } },
		{ .key = MARK, .scheduler = "rr", .servers = 0 },
	}, {
		{ .key = WEB, .scheduler = "wlc", .servers = 2,
		  .stats = { 124, 3000, 1350000 } },
		{ .key = WEB6, .scheduler = "lblcr", .servers = 1,
		  .stats = { 3, 100, 5000000 },
		  .drops = { { "no-server", 4 }, { "evicted", 17 } },
		  .nr_drops = 2 },
		{ .key = MARK, .scheduler = "rr", .servers = 0 },
	},
};

static struct server servers[2][3] = {
	{
		{ .service = WEB, .at = { IPV4(192, 0, 2, 62), .port = 80 },
		  .weight = 1, .active = 3, .ifindex = 2,
		  .stats = { 100, 1000, 100000 } },
		{ .service = WEB6, .at = { IPV6(0x62), .port = 8000,
					   .last_port = 8999 },
		  .weight = 65535, .upper = 9, .lower = 4, .overloaded = true,
		  .ifindex = 2, .stats = { 0, 5000, 7 } },
	}, {
		{ .service = WEB, .at = { IPV4(192, 0, 2, 62), .port = 80 },
		  .weight = 1, .active = 12, .inactive = 34567, .draining = true,
		  .persistent = 2, .ifindex = 2,
		  .stats = { 110, 1500, 225000 } },
		/* Came in between, and cannot be reached. */
		{ .service = WEB, .at = { IPV4(192, 0, 2, 64), .port = 80 },
		  .weight = 2, .stats = { 14, 1500, 1125000 } },
		{ .service = WEB6, .at = { IPV6(0x62), .port = 8000,
					   .last_port = 8999 },
		  .weight = 65535, .upper = 9, .lower = 4, .overloaded = true,
		  .ifindex = 2, .stats = { 3, 100, 5000000 } },
	},
};

static const struct sample before = {
	.shot = { services[0], ARRAY_SIZE(services[0]), servers[0], 2 },
	.info = { .services = 3, .conns = 3, .conn_max = 1048576 },
	.when = 10,
};

static const struct sample now = {
	.shot = { services[1], ARRAY_SIZE(services[1]), servers[1], 3 },
	.info = {
		.version = "0.1 \"x\\", .services = 3, .conns = 34579,
		.conn_max = 1048576, .slow_packets = 4200000000, .entry = LBDR_ENTRY_INPUT,
		.timeouts.seconds = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
	},
	.when = 11,
};

static const struct drop drops[] = {
	{ "bad-source", 0 },
	{ "no-server", 18446744073709551615ULL },
};

/* The whole of a file beside the tests, or an empty text. */
static char *file_text(const char *name)
{
	FILE *file = fopen(name, "r");
	size_t room = 0, used = 0;
	char *text = NULL;
	int character;

	while (file && (character = fgetc(file)) != EOF) {
		text = grow(text, &room, used, 1);
		text[used++] = character;
	}
	if (file)
		fclose(file);
	text = grow(text, &room, used, 1);
	text[used] = '\0';
	return text;
}

/*
 * A master that sends, a backup that has ended, and peers, one of them silent; the counters
 * of a role are those of all.
 */
static const struct sync_roles sync_roles = {
	.count = 3,
	.role = {
		{ .role = LBDR_SYNC_ROLE_MASTER, .enabled = true, .pending = 3,
		  .counters = { 1, 40, 2, 3, 4, 160, 100, 50, 6, 7, 8, 9, 10, 11, 12,
				18446744073709551615ULL } },
		{ .role = LBDR_SYNC_ROLE_BACKUP },
		{ .role = LBDR_SYNC_ROLE_PEERS, .enabled = true, .synced = 1,
		  .addresses = { { .family = AF_INET, .address = { 192, 0, 2, 2 } },
				 { .family = AF_INET, .address = { 192, 0, 2, 3 } } },
		  .n_addresses = 2,
		  .peers = { { .state = LBDR_SYNC_PEER_STATE_SYNCED, .differs = 1,
			       .conns = 5, .counters = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 } },
			     { .state = LBDR_SYNC_PEER_STATE_SILENT,
			       .counters = { [9] = 18446744073709551615ULL } } } },
	},
};

static void check_metrics(const char *name, bool textfile, const char *what)
{
	struct capture capture;
	char *expected = file_text(name);

	capture_begin(&capture);
	metrics_print(&now.info, drops, ARRAY_SIZE(drops), &now.shot, &sync_roles, textfile);
	capture_end(&capture);
	same_text(&capture, expected, what);
	free(expected);
}

struct line_row {
	const char *kind;
	__u8 command;
	const char *text;
	const char *json;
};

/* 2026-11-23T15:15:01.000042Z in a place that is an hour and a half ahead. */
static const struct timespec when = { 1795446901, 42000 };

#define WHEN \
	"2026-11-23T16:45:01.000042+01:30 "
#define JSON_WHEN \
	"{\"time\":\"2026-11-23T16:45:01.000042+01:30\",\"event\":"
#define STATES \
	"syn_recv=1,established=7200,fin_wait=3,time_wait=4,close=5," \
	"udp=6,sctp_init=7,sctp_established=8,sctp_shutdown=9," \
	"sctp_closed=10"
#define STATES_JSON \
	"\"timeouts_s\":{\"syn_recv\":1,\"established\":7200,\"fin_wait\":3," \
	"\"time_wait\":4,\"close\":5,\"udp\":6,\"sctp_init\":7," \
	"\"sctp_established\":8,\"sctp_shutdown\":9,\"sctp_closed\":10}"
#define RANGE_JSON \
	"\"service\":{\"family\":\"ipv6\",\"fwmark\":null,\"protocol\":\"sctp\"," \
	"\"address\":\"2001:db8::3f\",\"port\":8000,\"last_port\":8999,\"vrf\":\"red\"},"
#define WEB_JSON \
	"\"service\":{\"family\":\"ipv4\",\"fwmark\":null,\"protocol\":\"tcp\"," \
	"\"address\":\"192.0.2.63\",\"port\":80,\"last_port\":null,\"vrf\":null},"
#define SERVER_JSON \
	"\"server\":{\"address\":\"2001:db8::3e\",\"port\":8000," \
	"\"last_port\":8999,\"forward\":\"dr\",\"tunnel\":null,\"weight\":7," \
	"\"upper_threshold\":6,\"lower_threshold\":5," \
	"\"active_connections\":3,\"inactive_connections\":4," \
	"\"persistent_connections\":8,\"overloaded\":true," \
	"\"unreachable\":true,\"draining\":true,\"held_s\":9," \
	"\"ifindex\":null,\"stats\":{\"connections\":11,\"in_packets\":12," \
	"\"in_bytes\":13}},"
#define OWN_SETTINGS \
	" mh-size 1009 refuse drop stray reset expire-quiescent " \
	"timeouts " STATES " held 8\n"
#define SETTINGS_JSON \
	"\"settings\":{\"scheduler\":\"mh\",\"sched_flags\":[\"mh-port\"]," \
	"\"mh_size\":1009,\"refuse\":\"drop\",\"stray\":\"reset\"," \
	"\"one_packet\":false,\"persistent_s\":600,\"persistent_prefix\":24," \
	"\"expire_quiescent\":true,\"accept_tunneled\":false," \
	"\"skip_unreachable\":false," STATES_JSON \
	",\"held_s\":8},"

static const struct line_row line_rows[] = {
	{
		"service", LBDR_CMD_SERVICE_NEW_NTF,
		WHEN
		"service added: TCP  192.0.2.63:80 mh (mh-port) persistent 600 mask 255.255.255.0"
		OWN_SETTINGS,
		JSON_WHEN "\"service_added\"," WEB_JSON SETTINGS_JSON
		"\"server\":null,\"director\":null}\n",
	}, {
		"service by mark", LBDR_CMD_SERVICE_SET_NTF,
		WHEN
		"service changed: FWM  2147483649 IPv6 mh (mh-port) persistent 600 mask 24"
		OWN_SETTINGS,
		JSON_WHEN
		"\"service_changed\",\"service\":{\"family\":\"ipv6\",\"fwmark\":2147483649,\"protocol\":null,\"address\":null,\"port\":null,\"last_port\":null,\"vrf\":null},"
		SETTINGS_JSON "\"server\":null,\"director\":null}\n",
	}, {
		"service with a range of ports", LBDR_CMD_SERVICE_DEL_NTF,
		WHEN
		"service removed: SCTP [2001:db8::3f]:8000-8999 vrf red mh (mh-port) persistent 600 mask 24"
		OWN_SETTINGS,
		JSON_WHEN "\"service_removed\"," RANGE_JSON SETTINGS_JSON
		"\"server\":null,\"director\":null}\n",
	}, {
		"server", LBDR_CMD_SERVER_NEW_NTF,
		WHEN
		"server added: SCTP [2001:db8::3f]:8000-8999 vrf red -> [2001:db8::3e]:8000-8999 weight 7 upper 6 lower 5 held 9 draining\n",
		JSON_WHEN "\"server_added\"," RANGE_JSON "\"settings\":null,"
		SERVER_JSON "\"director\":null}\n",
	}, {
		"server", LBDR_CMD_SERVER_SET_NTF,
		WHEN
		"server changed: SCTP [2001:db8::3f]:8000-8999 vrf red -> [2001:db8::3e]:8000-8999 weight 7 upper 6 lower 5 held 9 draining\n",
		JSON_WHEN "\"server_changed\"," RANGE_JSON "\"settings\":null,"
		SERVER_JSON "\"director\":null}\n",
	}, {
		"server", LBDR_CMD_SERVER_DEL_NTF,
		WHEN
		"server removed: SCTP [2001:db8::3f]:8000-8999 vrf red -> [2001:db8::3e]:8000-8999 weight 7 upper 6 lower 5 held 9 draining\n",
		JSON_WHEN "\"server_removed\"," RANGE_JSON "\"settings\":null,"
		SERVER_JSON "\"director\":null}\n",
	}, {
		"change of the director", LBDR_CMD_INFO_SET_NTF,
		WHEN "director changed: entry ingress eth0 eth1, timeouts "
		STATES "\n",
		JSON_WHEN
		"\"director_changed\",\"service\":null,\"settings\":null,\"server\":null,\"director\":{\"entry\":\"ingress\",\"devices\":[\"eth0\",\"eth1\"],"
		STATES_JSON "}}\n",
	}, {
		"service whose counters are 0", LBDR_CMD_ZERO_NTF,
		WHEN "counters zeroed: TCP  192.0.2.63:80\n",
		JSON_WHEN "\"counters_zeroed\"," WEB_JSON
		"\"settings\":null,\"server\":null,\"director\":null}\n",
	}, {
		"message without attributes", LBDR_CMD_ZERO_NTF,
		WHEN "counters zeroed: all\n",
		JSON_WHEN
		"\"counters_zeroed\",\"service\":null,\"settings\":null,\"server\":null,\"director\":null}\n",
	}, {
		"message without attributes", LBDR_CMD_FLUSH_NTF,
		WHEN "cleared: all services removed\n",
		JSON_WHEN
		"\"cleared\",\"service\":null,\"settings\":null,\"server\":null,\"director\":null}\n",
	}, {
		"service", LBDR_CMD_SERVICE_NEW,
		WHEN
		"unknown: a change that this version of lbctl does not know\n",
		JSON_WHEN
		"\"unknown\",\"service\":null,\"settings\":null,\"server\":null,\"director\":null}\n",
	}, {
		"service", 255,
		WHEN
		"unknown: a change that this version of lbctl does not know\n",
		JSON_WHEN
		"\"unknown\",\"service\":null,\"settings\":null,\"server\":null,\"director\":null}\n",
	},
};

static void check_monitor(void)
{
	__u64 message[MESSAGE_ROOM / 8];
	const struct line_row *row;
	struct request req = { .verb = NULL };
	const struct nlmsghdr *nlh;
	struct capture capture;
	bool right;

	setenv("TZ", "XXX-1:30", 1);
	for (row = line_rows; row < line_rows + ARRAY_SIZE(line_rows); row++) {
		nlh = message_make(row->kind, row->command, message);
		for (req.json = false;; req.json = true) {
			capture_begin(&capture);
			right = monitor_print(nlh, &when, &req);
			capture_end(&capture);
			same_text(&capture, req.json ? row->json : row->text,
				  req.json ? "a change as a JSON line" :
					     "a change as a line");
			result(right, "and it made sense");
			if (req.json)
				break;
		}
	}
	unsetenv("TZ");
	nlh = message_make("scheduler", LBDR_CMD_SERVER_SET_NTF, message);
	result(!monitor_print(nlh, &when, &req),
	       "a change that lacks what changed is malformed");
}

static void check_top(struct view view, const struct sample *earlier,
		      const char *text, const char *what)
{
	struct capture capture;

	capture_begin(&capture);
	top_draw(stdout, &now, earlier, &view);
	putchar('\n');
	capture_end(&capture);
	same_text(&capture, text, what);
}

static void check_rates(void)
{
	const struct request list = { .ipvsadm = true, .numeric = true };
	struct capture capture;

	capture_begin(&capture);
	rates_print(&now.shot, &before.shot, now.when - before.when, &list);
	capture_end(&capture);
	same_text(&capture,
		  "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
		  "  -> RemoteAddress:Port\n"
		  "TCP  192.0.2.63:80                      24     2000        0  1250000        0\n"
		  "  -> 192.0.2.62:80                      10      500        0   125000        0\n"
		  "  -> 192.0.2.64:80                      14     1500        0  1125000        0\n"
		  "TCP  [2001:db8::63]:8000-8999            3      100        0  4999993        0\n"
		  "  -> [2001:db8::62]:8000-8999            3      100        0  4999993        0\n"
		  "FWM  7 IPv6                              0        0        0        0        0\n",
		  "rates of two looks, in ipvsadm's columns");
	capture_begin(&capture);
	rates_print(&now.shot, &before.shot, 4, &list);
	capture_end(&capture);
	same_text(&capture,
		  "Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n"
		  "  -> RemoteAddress:Port\n"
		  "TCP  192.0.2.63:80                       6      500        0   312500        0\n"
		  "  -> 192.0.2.62:80                       3      125        0    31250        0\n"
		  "  -> 192.0.2.64:80                       4      375        0   281250        0\n"
		  "TCP  [2001:db8::63]:8000-8999            1       25        0  1249998        0\n"
		  "  -> [2001:db8::62]:8000-8999            1       25        0  1249998        0\n"
		  "FWM  7 IPv6                              0        0        0        0        0\n",
		  "rates of four seconds, to the nearest");
}

static void check_screens(void)
{
	const struct view whole = { .size = { 80, 11 }, .interval = 1 };
	const struct view busiest = {
		.size = { 60, 7 }, .busiest = true, .interval = 1, .first = 1,
	};
	const struct view behind = {
		.size = { 100, 6 }, .interval = 5, .first = 1000,
	};
	const struct view tiny = { .size = { 8, 2 }, .interval = 1 };

	check_top(whole, &before,
		  "lbdr: 3 services, 3 servers, 34579 connections of 1048576 at most\n"
		  "each second: 27 new connections, 2.1k packets, 50.0M bits; every 1 s\n"
		  "\033[7mService, -> server             Weight   Conns   New/s  Pkts/s  Bits/s          |\n"
		  "TCP  192.0.2.63:80               wlc    34.6k      24    2.0k   10.0M ###\n"
		  "  -> 192.0.2.62:80                 1d   34.6k      10     500    1.0M #\n"
		  "  -> 192.0.2.64:80                 2!       0      14    1.5k    9.0M ###\n"
		  "TCP  [2001:db8::63]:8000-8999  lblcr        0       3     100   40.0M ##########\n"
		  "  -> [2001:db8::62]:8000-8999  65535o       0       3     100   40.0M ##########\n"
		  "FWM  7 IPv6                       rr        0       0       0       0|\n"
		  "\n"
		  "q quit  s by bits  arrows  1-6 of 6  d draining o overloaded ! not on-link\n",
		  "a screen with rates, bars and marks");
	check_top(busiest, &before,
		  "lbdr: 3 services, 3 servers, 34579 connections of 1048576 at\n"
		  "each second: 27 new connections, 2.1k packets, 50.0M bits; e\n"
		  "\033[7mService, -> server Weight   Conns   New/s  Pkts/s  Bits/s  |\n"
		  "  -> [2001:~ 65535o       0       3     100   40.0M ########\n"
		  "TCP  192.0.~   wlc    34.6k      24    2.0k   10.0M ##\n"
		  "  -> 192.0.~     1d   34.6k      10     500    1.0M #\n"
		  "q quit  s by address  arrows  2-4 of 6  d draining o overloa\n",
		  "a narrow screen, the busiest first, a line further down");
	check_top(behind, NULL,
		  "lbdr: 3 services, 3 servers, 34579 connections of 1048576 at most\n"
		  "each second: - new connections, - packets, - bits; every 5 s\n"
		  "\033[7mService, -> server                               Weight   Conns   New/s  Pkts/s  Bits/s            |\n"
		  "  -> [2001:db8::62]:8000-8999                    65535o       0       -       -       -|\n"
		  "FWM  7 IPv6                                         rr        0       -       -       -|\n"
		  "q quit  s by bits  arrows  5-6 of 6  d draining o overloaded ! not on-link\n",
		  "without rates, and from the end no further");
	check_top(tiny, NULL,
		  "lbdr: 3|\n"
		  "each sec\n"
		  "\033[7mService,\n"
		  "q quit |\n",
		  "a tiny screen");
}

static void check_keys(void)
{
	static const struct {
		const char *text;
		int keys[4];
	} rows[] = {
		{ "q", { 'q' } },
		{ "\033[A\033OB", { KEY_UP, KEY_DOWN } },
		{ "\033[5~j", { KEY_PAGE_UP, 'j' } },
		{ "\033[1;5Cq", { KEY_NONE, 'q' } },
		{ "\033", { KEY_NONE } },
		{ "\033[", { KEY_NONE } },
		{ "\033[12", { KEY_NONE } },
		{ "\033q", { KEY_NONE, 'q' } },
		{ "\377", { 255 } },
	};
	const char *next, *end;
	bool right;
	size_t i;
	int key;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		right = true;
		next = rows[i].text;
		end = next + strlen(next);
		for (key = 0; next < end && key < 3; key++)
			right = screen_key(&next, end) == rows[i].keys[key] &&
				right;
		result(right && next == end && !rows[i].keys[key],
		       "what a keyboard sends is so many keys (%zu)", i);
	}
}

void check_watch(void)
{
	check_metrics("tests/check_metrics.om", false,
		      "the metrics are what check_metrics.om says");
	check_metrics("tests/check_metrics.prom", true,
		      "with --textfile, what check_metrics.prom says");
	check_monitor();
	check_screens();
	check_rates();
	check_keys();
}
