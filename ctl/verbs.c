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
		.details =
		"The default scheduler is wlc (weighted least connections). A packet matches\n"
		"a service by exact port, else by port range, all ports (0), or mark.",
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
		.details =
		"Settings that are not named are kept, and so are connections. Changing the\n"
		"scheduler resets -b and --mh-size. -E resets settings as ipvsadm does.",
		.example = "edit-service -t 192.0.2.63:80 -s wrr",
		.ipvsadm_example = "-E -t 192.0.2.63:80 -s wrr",
	},
	[VERB_DEL_SERVICE] = {
		.name = "del-service",
		.letters = "D",
		.longname = "delete-service",
		.needs = NEEDS_SERVICE,
		.run = message_run,
		.message = service_del_message,
		.object = "service",
		.summary = "remove a virtual service",
		.details =
		"Its servers and connections are removed, too.",
		.example = "del-service -t 192.0.2.63:80",
		.ipvsadm_example = "-D -t 192.0.2.63:80",
	},
	[VERB_ADD_SERVER] = {
		.name = "add-server",
		.letters = "a",
		.longname = "add-server",
		.needs = NEEDS_SERVICE | NEEDS_SERVER,
		.run = message_run,
		.message = server_add_message,
		.object = "server",
		.summary = "add a real server to a service",
		.details =
		"With direct routing, the server must be on-link, with the VIP configured and\n"
		"ARP for it disabled: see setup-realserver. With --tun it may be anywhere, also\n"
		"of another address family; it must decapsulate: see setup-realserver --tun.",
		.example = "add-server -t 192.0.2.63:80 -r 192.0.2.62 -w 10",
		.ipvsadm_example = "-a -t 192.0.2.63:80 -r 192.0.2.62 -g -w 10",
	},
	[VERB_EDIT_SERVER] = {
		.name = "edit-server",
		.letters = "e",
		.longname = "edit-server",
		.needs = NEEDS_SERVICE | NEEDS_SERVER,
		.run = message_run,
		.message = server_edit_message,
		.object = "server",
		.summary = "change a real server",
		.details =
		"Weight 0 quiesces: no new connections, existing ones are kept. Settings that\n"
		"are not named are kept; -e resets them as ipvsadm does.",
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
		.object = "server",
		.summary = "remove a real server from a service",
		.details =
		"Its connections are ended. With --drain the server is removed when its last\n"
		"connection has ended. With --hold its connections are kept for a time, and\n"
		"continue when the server is added again.",
		.example = "del-server -t 192.0.2.63:80 -r 192.0.2.62",
		.ipvsadm_example = "-d -t 192.0.2.63:80 -r 192.0.2.62",
	},
	[VERB_LIST] = {
		.name = "list",
		.letters = "Ll",
		.longname = "list",
		.needs = TAKES_SERVICE,
		.run = list_run,
		.summary = "list services, connections, timeouts or drops",
		.details =
		"With a service, only that one is listed.",
		.example = "list --stats",
		.ipvsadm_example = "-L -n --stats",
	},
	[VERB_CONNS] = {
		.name = "conns",
		.needs = TAKES_SERVICE,
		.run = conns_run,
		.summary = "list, count or end connections",
		.details =
		"All connections, or those that match all filters. --kill requires a filter\n"
		"or --all.",
		.example = "conns -r 192.0.2.62 --idle 60 --count-by state",
	},
	[VERB_DEL_CONN] = {
		.name = "del-conn",
		.hidden = true,
		.needs = TAKES_SERVICE,
		.run = conns_del,
		.summary = "end connections: the same as conns --kill",
		.details =
		"A filter or --all is required.",
		.example = "del-conn -t 192.0.2.63:80 -r 192.0.2.62",
	},
	[VERB_SAVE_CONNS] = {
		.name = "save-conns",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = saved_save,
		.summary = "write the connections to a file",
		.details =
		"One line each, for restore-conns. A file is replaced as a whole.",
		.example = "save-conns /run/lbdr.conns",
	},
	[VERB_RESTORE_CONNS] = {
		.name = "restore-conns",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = saved_restore,
		.summary = "add the connections of a file",
		.details =
		"Default: standard input. Their services and servers must exist. Connections\n"
		"that exist are kept. Exit status 3: some connections were not restored.",
		.example = "restore-conns /run/lbdr.conns",
	},
	[VERB_SYNC] = {
		.name = "sync",
		.needs = TAKES_ROLE,
		.words = "[master|backup|peers DEV|stop ROLE|key ID]",
		.run = sync_run,
		.summary = "send connections to another director, or receive them",
		.details =
		"A master sends its connections on a device, a backup receives and adds them.\n"
		"The other director may be one of ip_vs. Peers are directors of lbdr that do\n"
		"both, encrypted. key sets a key of theirs, or without --key-file encrypts\n"
		"with it from now on. Without a role, all are listed, with counters.",
		.example = "sync peers eth1 --address 192.0.2.2 --key-file /etc/lbdr.key",
	},
	[VERB_TRACE] = {
		.name = "trace",
		.needs = NEEDS_FLOW,
		.run = trace_run,
		.summary = "show which server a client would get, and why",
		.details =
		"The lookup of a packet received now, in steps. No packet is sent, no\n"
		"connection is created. For a service by mark, give --mark.",
		.example = "trace -t 192.0.2.63:80 --client 198.51.100.7",
	},
	[VERB_SET_TIMEOUT] = {
		.name = "set-timeout",
		.longname = "set",
		.needs = TAKES_TIMEOUTS,
		.words = "TCP TCPFIN UDP|STATE=SECONDS...",
		.run = message_run,
		.message = timeouts_message,
		.object = "timeout",
		.summary = "set the timeouts of connections, in seconds",
		.details =
		"In the form of three numbers, 0 keeps a timeout. 'list --info' lists the\n"
		"states; --timeouts of add-service sets timeouts of one service.",
		.example = "set-timeout established=7200 fin_wait=60",
		.ipvsadm_example = "--set 7200 0 0",
	},
	[VERB_SET_ENTRY] = {
		.name = "set-entry",
		.needs = TAKES_ENTRY,
		.words = "prerouting|input|ingress|xdp [DEV...]",
		.run = entry_run,
		.message = entry_message,
		.object = "entry",
		.summary = "set the hook at which packets enter the director",
		.details =
		"prerouting, the default, bypasses conntrack, routing and later hooks. input is\n"
		"behind the INPUT chain of the filter table. ingress is, for packets of\n"
		"connections received on these devices, before the raw table; other packets\n"
		"enter at prerouting. xdp is the same in the driver, before there is a packet\n"
		"for the stack, and needs Linux 6.12 or later. Connections are kept.",
		.example = "set-entry input",
	},
	[VERB_ZERO] = {
		.name = "zero",
		.letters = "Z",
		.longname = "zero",
		.needs = TAKES_SERVICE,
		.run = service_zero,
		.summary = "reset the counters of a service, or of all",
		.details =
		"Configuration and connections are kept.",
		.example = "zero -t 192.0.2.63:80",
		.ipvsadm_example = "-Z -t 192.0.2.63:80",
	},
	[VERB_CLEAR] = {
		.name = "clear",
		.letters = "C",
		.longname = "clear",
		.run = message_run,
		.message = service_clear_message,
		.object = "service",
		.summary = "remove all services",
		.details =
		"Their servers and connections are removed, too. With --all-namespaces,\n"
		"so are those of all network namespaces, and the module can be unloaded.",
		.example = "clear",
		.ipvsadm_example = "-C",
	},
	[VERB_SAVE] = {
		.name = "save",
		.letters = "S",
		.longname = "save",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = save_run,
		.summary = "write the configuration as commands",
		.details =
		"In the order of adding, for restore and apply. A file is replaced as a whole.",
		.example = "save /etc/lbdr.rules",
		.ipvsadm_example = "-S -n",
	},
	[VERB_RESTORE] = {
		.name = "restore",
		.letters = "R",
		.longname = "restore",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = restore_run,
		.summary = "run the commands of a file in one transaction",
		.details =
		"Default: standard input. The commands add to the configuration; -C as first\n"
		"command replaces it. What exists before and after keeps its connections.",
		.example = "restore /etc/lbdr.rules",
		.ipvsadm_example = "-R <rules",
	},
	[VERB_APPLY] = {
		.name = "apply",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = apply_run,
		.summary = "change the configuration to that of a file",
		.details =
		"A file as save writes it. Prints the commands, and runs them in one\n"
		"transaction. What does not change keeps its connections. A file without\n"
		"commands is refused, see --allow-empty.",
		.example = "apply --dry-run /etc/lbdr.rules",
	},
	[VERB_CHECK] = {
		.name = "check",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = restore_run,
		.summary = "check a file without changing anything",
		.details =
		"The file is checked as for apply: syntax by lbctl, then all commands by the\n"
		"module, in a transaction that is aborted.",
		.example = "check /etc/lbdr.rules",
	},
	[VERB_IMPORT] = {
		.name = "import",
		.needs = OFFLINE,
		.run = import_run,
		.summary = "add the services and servers of a running ip_vs",
		.details =
		"In one transaction, with its timeouts. Connections stay in ip_vs. --dry-run\n"
		"prints the commands, for restore.",
		.example = "import --dry-run",
	},
	[VERB_LIST_SCHEDULERS] = {
		.name = "list-schedulers",
		.run = schedulers_run,
		.summary = "list the schedulers of the module",
		.details =
		"The values of -s of add-service.",
		.example = "list-schedulers",
	},
	[VERB_RELOAD_MODULE] = {
		.name = "reload-module",
		.needs = TAKES_WORD,
		.words = "[FILE]",
		.run = exchange_run,
		.summary = "exchange the module for another version",
		.details =
		"Default: the installed module. Configuration and connections are kept, and\n"
		"packets of the services are dropped meanwhile. Counters start at 0.",
		.example = "reload-module --fallback /run/lbdr.ko",
	},
	[VERB_DOCTOR] = {
		.name = "doctor",
		.needs = TAKES_SERVICE | TAKES_VIPS | OFFLINE,
		.words = "[--realserver VIP...]",
		.run = doctor_run,
		.summary = "diagnose problems and suggest fixes",
		.details =
		"On the director, check services, VIPs and servers, and ask segments\n"
		"which hosts answer for them; with --realserver, check this host as a\n"
		"real server of the VIPs. Runs lbdr-doctor(8).\n"
		"Exit status 4: at least one problem was found.",
		.example = "doctor",
	},
	[VERB_SETUP_REALSERVER] = {
		.name = "setup-realserver",
		.needs = TAKES_VIPS | OFFLINE,
		.words = "VIP...",
		.run = doctor_run,
		.summary = "make this host a real server of the VIPs",
		.details =
		"Add each VIP to lo and stop answering ARP for it. Prints the commands\n"
		"and the files that make them permanent. No module is required. Runs\n"
		"lbdr-doctor(8).",
		.example = "setup-realserver 192.0.2.63 2001:db8::63",
	},
	[VERB_METRICS] = {
		.name = "metrics",
		.run = metrics_run,
		.summary = "print metrics for Prometheus",
		.details =
		"In the OpenMetrics format; complete if the last line is '# EOF'. --textfile is\n"
		"for the textfile collector of node_exporter.",
		.example = "metrics --textfile",
	},
	[VERB_MONITOR] = {
		.name = "monitor",
		.run = monitor_run,
		.summary = "print changes of the configuration as they happen",
		.details =
		"One line for each change, with its time, until Ctrl-C. If notifications were\n"
		"lost, a line says so.",
		.example = "monitor -j",
	},
	[VERB_TOP] = {
		.name = "top",
		.run = top_run,
		.summary = "show services and servers on a live screen",
		.details =
		"Connections, and rates: new connections, packets, bits. A bar compares bits\n"
		"with the busiest service or server. q quits, s sorts by bits, arrow and page\n"
		"keys scroll.",
		.example = "top --interval 5",
	},
	[VERB_HELP] = {
		.name = "help",
		.needs = TAKES_WORD | OFFLINE,
		.words = "[COMMAND]",
		.run = help_run,
		.summary = "explain a command",
		.details =
		"Without a command, lists all commands. COMMAND may be a letter, as -A.",
		.example = "help add-service",
	},
	[VERB_VERSION] = {
		.name = "version",
		.letters = "Vv",
		.longname = "version",
		.needs = OFFLINE,
		.run = version_run,
		.summary = "print the version of lbctl",
		.details =
		"The first line of list has the version of the module.",
		.example = "version",
		.ipvsadm_example = "--version",
	},
};
