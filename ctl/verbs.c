// SPDX-License-Identifier: GPL-2.0
/*
 * The table of verbs: what a command is called, what it needs and who does it.
 * A new verb is one row here, its bit in lbctl.h and the function.
 */
#include <stdio.h>

#include "lbctl.h"

const struct verb verbs[VERBS] = {
	[VERB_ADD_SERVICE] = {
		.name = "add-service",
		.letters = "A",
		.longname = "add-service",
		.needs = NEEDS_SERVICE,
		.run = service_add,
		.message = service_add_message,
		.summary = "add a virtual service",
		.details = "Without -s the scheduler is wlc: least connections, by weight.\n"
			   "A packet's service is that of its very port; else of a range of\n"
			   "ports, of all ports (0), of its firewall mark.",
		.example = "add-service -t 192.0.2.63:80 -s rr",
		.ipvsadm_example = "-A -t 192.0.2.63:80 -s rr",
	},
	[VERB_EDIT_SERVICE] = {
		.name = "edit-service",
		.letters = "E",
		.longname = "edit-service",
		.needs = NEEDS_SERVICE,
		.run = service_edit,
		.message = service_edit_message,
		.summary = "change a virtual service",
		.details = "What is not named stays, and so do open connections. With another\n"
			   "scheduler, -b and --mh-size begin anew.",
		.example = "edit-service -t 192.0.2.63:80 -s wrr",
		.ipvsadm_example = "-E -t 192.0.2.63:80 -s wrr",
	},
	[VERB_DEL_SERVICE] = {
		.name = "del-service",
		.letters = "D",
		.longname = "delete-service",
		.needs = NEEDS_SERVICE,
		.run = service_del,
		.message = service_del_message,
		.summary = "remove a virtual service",
		.details = "Its servers and connections go with it.",
		.example = "del-service -t 192.0.2.63:80",
		.ipvsadm_example = "-D -t 192.0.2.63:80",
	},
	[VERB_ADD_SERVER] = {
		.name = "add-server",
		.letters = "a",
		.longname = "add-server",
		.needs = NEEDS_SERVICE | NEEDS_SERVER,
		.run = server_add,
		.message = server_add_message,
		.summary = "add a real server to a service",
		.details = "The server must be on the same segment and hold the service's address.",
		.example = "add-server -t 192.0.2.63:80 -r 192.0.2.62 -w 10",
		.ipvsadm_example = "-a -t 192.0.2.63:80 -r 192.0.2.62 -g -w 10",
	},
	[VERB_EDIT_SERVER] = {
		.name = "edit-server",
		.letters = "e",
		.longname = "edit-server",
		.needs = NEEDS_SERVICE | NEEDS_SERVER,
		.run = server_edit,
		.message = server_edit_message,
		.summary = "change a real server",
		.details = "Weight 0 takes no new connection and keeps the open ones.\n"
			   "Without -w the weight becomes 1, as with ipvsadm. Thresholds stay.",
		.example = "edit-server -t 192.0.2.63:80 -r 192.0.2.62 -w 0",
		.ipvsadm_example = "-e -t 192.0.2.63:80 -r 192.0.2.62 -g -w 0",
	},
	[VERB_DEL_SERVER] = {
		.name = "del-server",
		.letters = "d",
		.longname = "delete-server",
		.needs = NEEDS_SERVICE | NEEDS_SERVER,
		.run = server_del,
		.message = server_del_message,
		.summary = "remove a real server from a service",
		.details = "Its connections end, but with --drain, which lets them end by\n"
			   "themselves and removes the server then, and with --hold, which\n"
			   "continues them when the server is added again.",
		.example = "del-server -t 192.0.2.63:80 -r 192.0.2.62",
		.ipvsadm_example = "-d -t 192.0.2.63:80 -r 192.0.2.62",
	},
	[VERB_LIST] = {
		.name = "list",
		.letters = "Ll",
		.longname = "list",
		.needs = TAKES_SERVICE,
		.run = list_run,
		.summary = "list services, connections, time-outs or drops",
		.details = "With a service, only that one is listed. -r, --client, --state,\n"
			   "--idle and --recent choose connections of -c.",
		.example = "list -n --stats",
		.ipvsadm_example = "-L -n --stats",
	},
	[VERB_CONNS] = {
		.name = "conns",
		.needs = TAKES_SERVICE,
		.run = conns_run,
		.summary = "list, count or end connections",
		.details = "All of them, or those that all given options agree with. --kill needs\n"
			   "one of them, or --all. A connection is as old as its last packet.",
		.example = "conns -r 192.0.2.62 --idle 60 --count-by state",
	},
	[VERB_DEL_CONN] = {
		.name = "del-conn",
		.needs = TAKES_SERVICE,
		.run = conns_del,
		.summary = "end the connections that all given options agree with",
		.details = "Says how many they were. Further packets of theirs are strays, see\n"
			   "--stray. 'list -c' with the same options shows them.",
		.example = "del-conn -t 192.0.2.63:80 -r 192.0.2.62",
	},
	[VERB_TRACE] = {
		.name = "trace",
		.needs = NEEDS_FLOW,
		.run = trace_run,
		.summary = "tell which server a client would get, and why",
		.details = "Asks what would become of a packet from the network at this moment.\n"
			   "Nothing is sent, made or counted. A service by mark has --mark as well.",
		.example = "trace -t 192.0.2.63:80 --client 198.51.100.7",
	},
	[VERB_SET_TIMEOUT] = {
		.name = "set-timeout",
		.longname = "set",
		.needs = TAKES_TIMEOUTS,
		.words = "TCP TCPFIN UDP|STATE=SECONDS...",
		.run = timeouts_set,
		.message = timeouts_message,
		.summary = "set how long connections may idle, in seconds",
		.details = "Of the three numbers, 0 keeps what is. 'list --info' tells the\n"
			   "states, and --timeouts of add-service sets them for one service.",
		.example = "set-timeout established=7200 fin_wait=60",
		.ipvsadm_example = "--set 7200 0 0",
	},
	[VERB_SET_ENTRY] = {
		.name = "set-entry",
		.needs = TAKES_ENTRY,
		.words = "prerouting|input|ingress DEV...",
		.run = entry_set,
		.message = entry_message,
		.summary = "choose where packets are taken",
		.details = "At prerouting, the default, they go around conntrack, routing and the\n"
			   "firewall behind it; at input they come to the director only after the\n"
			   "filter table's INPUT chain. At ingress, packets of connections that come\n"
			   "by one of the devices are taken before the rules at raw, too; all others\n"
			   "as at prerouting. Connections stay.",
		.example = "set-entry input",
	},
	[VERB_ZERO] = {
		.name = "zero",
		.letters = "Z",
		.longname = "zero",
		.needs = TAKES_SERVICE,
		.run = service_zero,
		.summary = "set the counters of a service, or of all, to 0",
		.details = "Configuration and connections stay.",
		.example = "zero -t 192.0.2.63:80",
		.ipvsadm_example = "-Z -t 192.0.2.63:80",
	},
	[VERB_CLEAR] = {
		.name = "clear",
		.letters = "C",
		.longname = "clear",
		.run = service_clear,
		.message = service_clear_message,
		.summary = "remove every service",
		.details = "Their servers and connections go with them.",
		.example = "clear",
		.ipvsadm_example = "-C",
	},
	[VERB_SAVE] = {
		.name = "save",
		.letters = "S",
		.longname = "save",
		.run = save_run,
		.summary = "write the configuration as ipvsadm's commands",
		.details = "In the order of adding, numbers instead of names.",
		.example = "save",
		.ipvsadm_example = "-S -n",
	},
	[VERB_RESTORE] = {
		.name = "restore",
		.letters = "R",
		.longname = "restore",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = restore_run,
		.summary = "do the commands of a file, all of them or none",
		.details = "Without a file, those of standard input. They add to what is there; a\n"
			   "file that begins with -C replaces it. Whatever is there before and\n"
			   "after stays with its connections.",
		.example = "restore /etc/lbdr.rules",
		.ipvsadm_example = "-R <rules",
	},
	[VERB_APPLY] = {
		.name = "apply",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = apply_run,
		.summary = "make services and servers those of a file",
		.details = "As 'save' writes it. Prints the commands that it takes, and does them\n"
			   "together. What is in the file already stays with its connections.",
		.example = "apply --dry-run /etc/lbdr.rules",
	},
	[VERB_LIST_SCHEDULERS] = {
		.name = "list-schedulers",
		.run = schedulers_run,
		.summary = "list the schedulers that the module has",
		.details = "What -s of add-service takes.",
		.example = "list-schedulers",
	},
	[VERB_DOCTOR] = {
		.name = "doctor",
		.needs = TAKES_SERVICE | TAKES_VIPS | OFFLINE,
		.words = "[--realserver VIP...]",
		.run = doctor_run,
		.summary = "look for what is wrong, and tell what mends it",
		.details = "On the director it checks services and servers, and asks segments who\n"
			   "answers for them; with --realserver, whether this host is a real server\n"
			   "of the VIPs as it should be. Each check is a line: ok, warning, problem.\n"
			   "Exit status 4: there is a problem.",
		.example = "doctor",
	},
	[VERB_SETUP_REALSERVER] = {
		.name = "setup-realserver",
		.needs = TAKES_VIPS | OFFLINE,
		.words = "VIP...",
		.run = realserver_run,
		.summary = "make this host a real server of the VIPs",
		.details = "Each VIP goes to lo, as a single address, and this host no longer\n"
			   "answers ARP for it. Tells what it changed, and what makes it last.\n"
			   "Needs no module.",
		.example = "setup-realserver 192.0.2.63 2001:db8::63",
	},
	[VERB_METRICS] = {
		.name = "metrics",
		.run = metrics_run,
		.summary = "write counters and states for Prometheus",
		.details = "In OpenMetrics' text, whole when its last line is '# EOF'. The\n"
			   "textfile collector of node_exporter reads that of --textfile.",
		.example = "metrics --textfile",
	},
	[VERB_MONITOR] = {
		.name = "monitor",
		.run = monitor_run,
		.summary = "tell changes of the configuration as they come",
		.details = "A line each, with its time, until Ctrl-C, whoever made the change.\n"
			   "Where more come at once than there is room for, a line says so.",
		.example = "monitor -j",
	},
	[VERB_TOP] = {
		.name = "top",
		.run = top_run,
		.summary = "watch services and servers on a live screen",
		.details = "Connections, and what comes each second: new ones, packets, bits.\n"
			   "A bar compares the bits with the busiest service's, or server's.\n"
			   "q leaves, s sorts by bits, the arrows and page keys move.",
		.example = "top --interval 5",
	},
	[VERB_HELP] = {
		.name = "help",
		.needs = TAKES_WORD | OFFLINE,
		.words = "[COMMAND]",
		.run = help_run,
		.summary = "explain a command",
		.details = "Without a command, all of them in brief.",
		.example = "help add-service",
	},
	[VERB_VERSION] = {
		.name = "version",
		.letters = "Vv",
		.longname = "version",
		.needs = OFFLINE,
		.run = version_run,
		.summary = "tell this tool's version",
		.details = "The first line of list tells the module's.",
		.example = "version",
		.ipvsadm_example = "--version",
	},
};
