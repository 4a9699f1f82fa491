// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the grammar: whole command lines, what verb and what request they
 * are understood as, and those that are refused. Lines that ask are
 * check_questions.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "lbctl.h"

static bool has_http(const struct request *req)
{
	return req->has_service && req->service.protocol == IPPROTO_TCP &&
	       req->service.at.port == 80;
}

static bool has_udp(const struct request *req)
{
	return req->has_service && req->service.protocol == IPPROTO_UDP;
}

static bool has_wrr(const struct request *req)
{
	return has_http(req) && req->settings.scheduler && !strcmp(req->settings.scheduler, "wrr");
}

static bool no_scheduler(const struct request *req)
{
	return !req->settings.scheduler;
}

static bool weighs_one(const struct request *req)
{
	return req->real.want.weight == 1 && req->server.port == 80;
}

static bool weighs_five(const struct request *req)
{
	return req->real.want.weight == 5 && req->real.direct && req->server.port == 80;
}

static bool lists_rate(const struct request *req)
{
	return req->list.rate && !req->list.stats && req->list.interval;
}

static bool has_flags(const struct request *req)
{
	return req->settings.flags_text &&
	       req->settings.want.sched_flags == (LBDR_SCHED_FLAG_PORT |
				    LBDR_SCHED_FLAG_FALLBACK);
}

static bool has_no_flags(const struct request *req)
{
	return req->settings.flags_text && !req->settings.want.sched_flags;
}

static bool has_size(const struct request *req)
{
	return req->settings.want.mh_size == 1009;
}

static bool resets(const struct request *req)
{
	return req->settings.refuse_text && req->settings.want.refuse == LBDR_REFUSE_RESET;
}

static bool is_limited(const struct request *req)
{
	return req->real.want.upper == 10 && req->real.want.lower == 5 && req->real.want.weight == 1;
}

static bool is_unlimited(const struct request *req)
{
	return req->real.upper_text && !req->real.want.upper && !req->real.lower_text;
}

static bool lists_thresholds(const struct request *req)
{
	return req->numeric && req->list.thresholds && !req->list.stats;
}

static bool is_numeric(const struct request *req)
{
	return req->numeric && !req->list.connections && !req->has_service;
}

static bool lists_connections(const struct request *req)
{
	return req->numeric && req->list.connections;
}

static bool lists_stats(const struct request *req)
{
	return req->list.stats && req->list.exact && req->list.nosort;
}

static bool is_pretty(const struct request *req)
{
	return req->json && req->pretty;
}

static bool in_blue(const struct request *req)
{
	return req->netns && !strcmp(req->netns, "blue");
}

static bool of_one_namespace(const struct request *req)
{
	return !req->all_namespaces && !req->has_service;
}

static bool of_all_namespaces(const struct request *req)
{
	return req->all_namespaces && !req->has_service;
}

static bool wants_help(const struct request *req)
{
	return req->help;
}

static bool names_rules(const struct request *req)
{
	return req->word && !strcmp(req->word, "rules");
}

static bool tries_rules(const struct request *req)
{
	return req->file.dry_run && names_rules(req);
}

static bool about_list(const struct request *req)
{
	return req->word && !strcmp(req->word, "list");
}

static bool has_sctp(const struct request *req)
{
	return req->has_service && req->service.protocol == IPPROTO_SCTP &&
	       req->service.at.port == 2905;
}

static bool has_range(const struct request *req)
{
	return req->service.at.port == 8000 &&
	       req->service.at.last_port == 8999;
}

static bool serves_range(const struct request *req)
{
	return has_range(req) && req->server.port == 8000 &&
	       req->server.last_port == 8999;
}

static bool has_all_ports(const struct request *req)
{
	return req->has_service && !req->service.at.port &&
	       !req->service.at.last_port && !req->service.fwmark;
}

static bool has_mark(const struct request *req)
{
	return req->has_service && req->service.fwmark == 16 &&
	       !req->service.protocol && req->service.at.family == AF_INET;
}

static bool has_mark6(const struct request *req)
{
	return req->has_service && req->service.fwmark == 16 &&
	       req->service.at.family == AF_INET6;
}

static bool persists(const struct request *req)
{
	return req->settings.persist_text && !req->settings.netmask_text &&
	       req->settings.want.persist == (req->letters ? 360 : 300);
}

static bool persists_600(const struct request *req)
{
	return req->settings.persist_text && req->settings.want.persist == 600;
}

static bool persists_no_more(const struct request *req)
{
	return req->settings.persist_text && !req->settings.want.persist;
}

static bool persists_wrr(const struct request *req)
{
	return persists(req) && has_wrr(req);
}

static bool persists_24(const struct request *req)
{
	return req->settings.want.persist == (req->letters ? 360 : 300) &&
	       req->settings.netmask_text && req->settings.want.prefix == 24;
}

static bool masks_24(const struct request *req)
{
	return req->settings.netmask_text && req->settings.want.prefix == 24 &&
	       !req->settings.persist_text;
}

static bool is_one_packet(const struct request *req)
{
	return req->settings.one_packet && !req->settings.no_one_packet && has_udp(req);
}

static bool is_no_one_packet(const struct request *req)
{
	return req->settings.no_one_packet && !req->settings.one_packet;
}

static bool schedules_strays(const struct request *req)
{
	return req->settings.stray_text && req->settings.want.stray == LBDR_STRAY_SCHEDULE;
}

static bool expires_quiescent(const struct request *req)
{
	return req->settings.quiescent_text && (req->settings.want.flags & LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT);
}

static bool keeps_quiescent(const struct request *req)
{
	return req->settings.quiescent_text && !(req->settings.want.flags & LBDR_SERVICE_FLAG_EXPIRE_QUIESCENT);
}

static bool has_timeouts(const struct request *req)
{
	const struct timeouts *timeouts = req->settings.timeouts_text ?
					  &req->settings.want.timeouts :
					  &req->director.timeouts;

	return timeouts->given[LBDR_CONN_STATE_ESTABLISHED] &&
	       timeouts->seconds[LBDR_CONN_STATE_ESTABLISHED] == 7200 &&
	       timeouts->given[LBDR_CONN_STATE_FIN_WAIT] &&
	       !timeouts->seconds[LBDR_CONN_STATE_FIN_WAIT] &&
	       !timeouts->given[LBDR_CONN_STATE_UDP];
}

/* Three numbers, of which the second keeps what is. */
static bool sets_two(const struct request *req)
{
	const struct timeouts *timeouts = &req->director.timeouts;

	return timeouts->seconds[LBDR_CONN_STATE_ESTABLISHED] == 7200 &&
	       timeouts->given[LBDR_CONN_STATE_ESTABLISHED] &&
	       !timeouts->given[LBDR_CONN_STATE_FIN_WAIT] &&
	       timeouts->seconds[LBDR_CONN_STATE_UDP] == 10 &&
	       timeouts->given[LBDR_CONN_STATE_UDP];
}

static bool drains(const struct request *req)
{
	return req->real.drain_text && !req->real.drain_s &&
	       req->server.address[3] == 62;
}

static bool holds(const struct request *req)
{
	return req->hold_text && req->hold == 60;
}

static bool holds_5(const struct request *req)
{
	return req->hold_text && req->hold == 5;
}

static bool lists_held(const struct request *req)
{
	return req->list.held && req->list.stats;
}

static bool enters_input(const struct request *req)
{
	return req->director.entry == LBDR_ENTRY_INPUT && !req->director.n_devices;
}

static bool enters_ingress(const struct request *req)
{
	return req->director.entry == LBDR_ENTRY_INGRESS && req->director.n_devices == 2 &&
	       !strcmp(req->director.devices[0], "eth0") &&
	       !strcmp(req->director.devices[1], "eth1");
}

static bool enters_xdp(const struct request *req)
{
	return req->director.entry == ENTRY_XDP && req->director.n_devices == 1 &&
	       !strcmp(req->director.devices[0], "eth0") && req->force;
}

static bool lists_persistent(const struct request *req)
{
	return req->list.persistent && !req->settings.persist_text;
}

static bool lists_timeout(const struct request *req)
{
	return req->list.timeout && !req->settings.timeouts_text;
}

static const struct command_row command_rows[] = {
	{ "doctor -t 192.0.2.63:80", false, VERB_DOCTOR, has_http },
	{ "-N blue setup-realserver 192.0.2.63", false, VERB_SETUP_REALSERVER, in_blue },
	{ "add-service -t 192.0.2.63:80 -s wrr", false, VERB_ADD_SERVICE, has_wrr },
	{ "add-service -t 192.0.2.63:80", false, VERB_ADD_SERVICE, no_scheduler },
	{ "-A -t 192.0.2.63:80 -s wrr", false, VERB_ADD_SERVICE, has_wrr },
	{ "-A -t 192.0.2.63:80 -s wrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "-At 192.0.2.63:80 -swrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "-A -t192.0.2.63:80 -s wrr", true, VERB_ADD_SERVICE, has_wrr },
	{ "--add-service --tcp-service 192.0.2.63:80 --scheduler wrr",
	  true, VERB_ADD_SERVICE, has_wrr },
	{ "--add-service --tcp-service=192.0.2.63:80 --scheduler=wrr",
	  true, VERB_ADD_SERVICE, has_wrr },
	{ "-s wrr -t 192.0.2.63:80 -A", true, VERB_ADD_SERVICE, has_wrr },
	{ "-E -t 192.0.2.63:80", true, VERB_EDIT_SERVICE, no_scheduler },
	{ "edit-service -u 192.0.2.63:53 -s rr", false, VERB_EDIT_SERVICE, has_udp },
	{ "-D -u 192.0.2.63:53", true, VERB_DEL_SERVICE, has_udp },
	{ "--delete-service -t 192.0.2.63:80", true, VERB_DEL_SERVICE, has_http },
	{ "del-service -t 192.0.2.63:80", false, VERB_DEL_SERVICE, has_http },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -g -w 5", true, VERB_ADD_SERVER, weighs_five },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62:80 -gw5", true, VERB_ADD_SERVER, weighs_five },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_ADD_SERVER, weighs_one },
	{ "add-server -t 192.0.2.63:80 -r 192.0.2.62 --weight=5 --gatewaying",
	  false, VERB_ADD_SERVER, weighs_five },
	{ "-e -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_EDIT_SERVER, weighs_one },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 -w 5 -g",
	  false, VERB_EDIT_SERVER, weighs_five },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_DEL_SERVER, has_http },
	{ "--delete-server -t 192.0.2.63:80 -r 192.0.2.62", true, VERB_DEL_SERVER, has_http },
	{ "", true, VERB_LIST, NULL },
	{ "-L", true, VERB_LIST, NULL },
	{ "-l", true, VERB_LIST, NULL },
	{ "-L -n", true, VERB_LIST, is_numeric },
	{ "-Ln", true, VERB_LIST, is_numeric },
	{ "-ln", true, VERB_LIST, is_numeric },
	{ "-Ln", false, VERB_LIST, is_numeric },
	{ "--list --numeric", true, VERB_LIST, is_numeric },
	{ "list -n", false, VERB_LIST, is_numeric },
	{ "-Lnc", true, VERB_LIST, lists_connections },
	{ "-lcn", true, VERB_LIST, lists_connections },
	{ "list -n --connection", false, VERB_LIST, lists_connections },
	{ "-Ln --rate", true, VERB_LIST, lists_rate },
	{ "-ln --rate --stats --exact --nosort", true, VERB_LIST, lists_stats },
	{ "--rate --list", true, VERB_LIST, lists_rate },
	{ "-Lnc --rate", true, -1, NULL },
	{ "-L --rate --timeout", true, -1, NULL },
	{ "-L --rate --interval 5", true, -1, NULL },
	{ "list --rate --interval 5", false, VERB_LIST, lists_rate },
	{ "list --rate --interval 0", false, -1, NULL },
	{ "list --interval 5", false, -1, NULL },
	{ "list --rate --stats", false, -1, NULL },
	{ "--stat -L", true, -1, NULL },
	{ "-A --tcp 192.0.2.63:80", true, -1, NULL },
	{ "-A -t 192.0.2.63 -p", true, VERB_ADD_SERVICE, has_all_ports },
	{ "-A -t 192.0.2.63 --persistent=100", true, VERB_ADD_SERVICE,
	  has_all_ports },
	{ "-A -t 192.0.2.63", true, -1, NULL },
	{ "-D -t 192.0.2.63", true, VERB_DEL_SERVICE, has_all_ports },
	{ "-D -t 192.0.2.63", false, VERB_DEL_SERVICE, has_all_ports },
	{ "del-service -t 192.0.2.63", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s sh -b flag-1,flag-2", true, VERB_ADD_SERVICE,
	  has_flags },
	{ "-A -t 192.0.2.63:80 -s sh -b flag-3", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s rr -b flag-1", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -b flag-1", true, -1, NULL },
	{ "-L --stats --exact --nosort", true, VERB_LIST, lists_stats },
	{ "-L -t 192.0.2.63:80", true, VERB_LIST, has_http },
	{ "list -jp", false, VERB_LIST, is_pretty },
	{ "list-schedulers -jp", false, VERB_LIST_SCHEDULERS, is_pretty },
	{ "list --drops", false, VERB_LIST, NULL },
	{ "-N blue list", false, VERB_LIST, in_blue },
	{ "list -N blue", false, VERB_LIST, in_blue },
	{ "list --netns=blue", false, VERB_LIST, in_blue },
	{ "-Z", true, VERB_ZERO, NULL },
	{ "-Z -t 192.0.2.63:80", true, VERB_ZERO, has_http },
	{ "-C", true, VERB_CLEAR, NULL },
	{ "clear", false, VERB_CLEAR, of_one_namespace },
	{ "clear --all-namespaces", false, VERB_CLEAR, of_all_namespaces },
	{ "-C --all-namespaces", true, -1, NULL },
	{ "zero --all-namespaces", false, -1, NULL },
	{ "-S", true, VERB_SAVE, NULL },
	{ "-Sn", true, VERB_SAVE, is_numeric },
	{ "save", false, VERB_SAVE, NULL },
	{ "-h", true, VERB_HELP, wants_help },
	{ "--help", false, VERB_HELP, wants_help },
	{ "add-service -h", false, VERB_ADD_SERVICE, wants_help },
	{ "-A --help", true, VERB_ADD_SERVICE, wants_help },
	{ "help", false, VERB_HELP, NULL },
	{ "help list", false, VERB_HELP, about_list },
	{ "-V", false, VERB_VERSION, NULL },
	{ "version", false, VERB_VERSION, NULL },

	{ "-A -t 192.0.2.63:80 -s sh -b sh-port,sh-fallback",
	  true, VERB_ADD_SERVICE, has_flags },
	{ "add-service -t 192.0.2.63:80 -s mh --sched-flags=mh-fallback,mh-port",
	  false, VERB_ADD_SERVICE, has_flags },
	{ "-b mh-port,mh-fallback -E -t 192.0.2.63:80",
	  true, VERB_EDIT_SERVICE, has_flags },
	{ "edit-service -t 192.0.2.63:80 -b none", false, VERB_EDIT_SERVICE, has_no_flags },
	{ "add-service -t 192.0.2.63:80 -s mh --mh-size 1009",
	  false, VERB_ADD_SERVICE, has_size },
	{ "edit-service -t 192.0.2.63:80 --mh-size=1009",
	  false, VERB_EDIT_SERVICE, has_size },
	{ "add-service -t 192.0.2.63:80 --refuse reset", false, VERB_ADD_SERVICE, resets },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 10 -y 5", true, VERB_ADD_SERVER, is_limited },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 --u-threshold 10 --l-threshold=5",
	  false, VERB_EDIT_SERVER, is_limited },
	{ "edit-server -t 192.0.2.63:80 -r 192.0.2.62 -x 0",
	  false, VERB_EDIT_SERVER, is_unlimited },
	{ "-Ln --thresholds", true, VERB_LIST, lists_thresholds },

	{ "-A -t 192.0.2.63:8000-8999", false, VERB_ADD_SERVICE, has_range },
	{ "-a -t 192.0.2.63:8000-8999 -r 192.0.2.62", false, VERB_ADD_SERVER, serves_range },
	{ "-a -u [2001:db8::63]:8000-8999 -r [2001:db8::62]:8000-8999",
	  false, VERB_ADD_SERVER, serves_range },
	{ "-A -u 192.0.2.63:0 -p", true, VERB_ADD_SERVICE, has_all_ports },
	{ "-a -t 192.0.2.63:0 -r 192.0.2.62:0", true, VERB_ADD_SERVER, has_all_ports },
	{ "-A --sctp-service 192.0.2.63:2905", true, VERB_ADD_SERVICE, has_sctp },
	{ "list --sctp-service=[2001:db8::63]:2905", false, VERB_LIST, has_sctp },
	{ "-A -f 16 -s rr", true, VERB_ADD_SERVICE, has_mark },
	{ "-Af16", true, VERB_ADD_SERVICE, has_mark },
	{ "-A --fwmark-service 0x10", true, VERB_ADD_SERVICE, has_mark },
	{ "-A -f 0X00000010 -6", true, VERB_ADD_SERVICE, has_mark6 },
	{ "-A6f 16", true, VERB_ADD_SERVICE, has_mark6 },
	{ "-a -f 16 -r 192.0.2.62", true, VERB_ADD_SERVER, has_mark },
	{ "-a -f 16 -r 192.0.2.62:0", true, VERB_ADD_SERVER, has_mark },
	{ "-a -f 16 -6 -r [2001:db8::62]", true, VERB_ADD_SERVER, has_mark6 },
	{ "list -f 16", false, VERB_LIST, has_mark },
	{ "list -c -f 16", false, VERB_LIST, has_mark },
	{ "del-conn -f 16", false, VERB_DEL_CONN, has_mark },
	{ "-A -t 192.0.2.63:80 -p", true, VERB_ADD_SERVICE, persists },
	{ "add-service -t 192.0.2.63:80 --persistent", false, VERB_ADD_SERVICE, persists },
	{ "-A -t 192.0.2.63:80 -p 600", true, VERB_ADD_SERVICE, persists_600 },
	{ "-p600 -A -t 192.0.2.63:80", true, VERB_ADD_SERVICE, persists_600 },
	{ "-A -t 192.0.2.63:80 --persistent 600", true, VERB_ADD_SERVICE, persists_600 },
	{ "-A -t 192.0.2.63:80 --persistent=600", false, VERB_ADD_SERVICE, persists_600 },
	{ "-A -t 192.0.2.63:80 -p -s wrr", true, VERB_ADD_SERVICE, persists_wrr },
	{ "-At 192.0.2.63:80 -ps wrr", true, VERB_ADD_SERVICE, persists_wrr },
	{ "-p add-service -t 192.0.2.63:80", false, VERB_ADD_SERVICE, persists },
	{ "edit-service -t 192.0.2.63:80 -p 0", false, VERB_EDIT_SERVICE, persists_no_more },
	{ "-A -t 192.0.2.63:80 -p -M 255.255.255.0", false, VERB_ADD_SERVICE, persists_24 },
	{ "-E -t 192.0.2.63:80 --netmask=24", false, VERB_EDIT_SERVICE, masks_24 },
	{ "-E -f 1 -6 -M 24", true, VERB_EDIT_SERVICE, masks_24 },
	{ "-A -u 192.0.2.63:53 -o", true, VERB_ADD_SERVICE, is_one_packet },
	{ "add-service -u 192.0.2.63:53 --ops", false, VERB_ADD_SERVICE, is_one_packet },
	{ "edit-service -u 192.0.2.63:53 --no-ops", false, VERB_EDIT_SERVICE, is_no_one_packet },
	{ "-A -t 192.0.2.63:80 --stray schedule", false, VERB_ADD_SERVICE, schedules_strays },
	{ "-E -t 192.0.2.63:80 --expire-quiescent yes",
	  false, VERB_EDIT_SERVICE, expires_quiescent },
	{ "-E -t 192.0.2.63:80 --expire-quiescent=no",
	  false, VERB_EDIT_SERVICE, keeps_quiescent },
	{ "-A -t 192.0.2.63:80 --timeouts established=7200,fin_wait=0",
	  false, VERB_ADD_SERVICE, has_timeouts },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --drain", false, VERB_DEL_SERVER, drains },
	{ "-d -t 192.0.2.63:80 --hold -r 192.0.2.62", false, VERB_DEL_SERVER, holds },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --hold=5", false, VERB_DEL_SERVER, holds_5 },
	{ "del-service -t 192.0.2.63:80 --hold 5", false, VERB_DEL_SERVICE, holds_5 },
	{ "list --stats --held", false, VERB_LIST, lists_held },
	{ "del-conn -t 192.0.2.63:8000-8999", false, VERB_DEL_CONN, has_range },
	{ "del-conn --sctp-service 192.0.2.63:2905", false, VERB_DEL_CONN, has_sctp },
	{ "--set 7200 0 10", true, VERB_SET_TIMEOUT, sets_two },
	{ "--set 7200 0 10", false, VERB_SET_TIMEOUT, sets_two },
	{ "set-timeout 7200 0 10", false, VERB_SET_TIMEOUT, sets_two },
	{ "set-timeout udp=10 established=7200", false, VERB_SET_TIMEOUT, sets_two },
	{ "set-timeout ESTABLISHED=7200,fin_wait=0", false, VERB_SET_TIMEOUT, has_timeouts },
	{ "set-entry input", false, VERB_SET_ENTRY, enters_input },
	{ "set-entry ingress eth0 eth1", false, VERB_SET_ENTRY, enters_ingress },
	{ "set-entry xdp eth0 --force", false, VERB_SET_ENTRY, enters_xdp },
	{ "-Ln --persistent-conn", true, VERB_LIST, lists_persistent },
	{ "-L --timeout", true, VERB_LIST, lists_timeout },
	{ "list --timeout -jp", false, VERB_LIST, is_pretty },
	{ "list -pj --info", false, VERB_LIST, is_pretty },

	{ "", false, -1, NULL },
	{ "monitor -j -N blue", false, VERB_MONITOR, in_blue },
	{ "lists", false, -1, NULL },
	{ "list", true, -1, NULL },
	{ "-A -D -t 192.0.2.63:80", true, -1, NULL },
	{ "-AD -t 192.0.2.63:80", true, -1, NULL },
	{ "-A", true, -1, NULL },
	{ "-A -t", true, -1, NULL },
	{ "-A -t -s rr", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -t 192.0.2.64:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -u 192.0.2.63:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -r 192.0.2.62", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 extra", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -q", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --nonsense", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --tcp", true, -1, NULL },
	{ "-A -n -t 192.0.2.63:80", true, -1, NULL },
	{ "-a -t 192.0.2.63:80", true, -1, NULL },
	{ "-a -r 192.0.2.62", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w -1", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w 65536", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -w 1x", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 --weight=", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 -w 1", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 5 -y 6", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x -5", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -x 4294967296", true, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -y many", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 -x 1", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -x 1", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s rr -b sh-port", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -b", true, -1, NULL },
	{ "-D -t 192.0.2.63:80 -b sh-port", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -s mh --mh-size 1009", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --refuse drop", true, -1, NULL },
	{ "add-service -t 192.0.2.63:80 -s sh --mh-size 1009", false, -1, NULL },
	{ "add-service -t 192.0.2.63:80 --refuse politely", false, -1, NULL },
	{ "list --thresholds --stats", false, -1, NULL },
	{ "-A -f 1 -t 192.0.2.63:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --sctp-service 192.0.2.63:80", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -6", true, -1, NULL },
	{ "-L -6", true, -1, NULL },
	{ "-A -f 0", true, -1, NULL },
	{ "-A -f 0x0", true, -1, NULL },
	{ "-A -f 4294967296", true, -1, NULL },
	{ "-A -f 0x100000000", true, -1, NULL },
	{ "-A -f 0x", true, -1, NULL },
	{ "-A -f 0x-1", true, -1, NULL },
	{ "-A -f 0x1g", true, -1, NULL },
	{ "-A -f 1a", true, -1, NULL },
	{ "-A -f -1", true, -1, NULL },
	{ "-a -f 1 -r 192.0.2.62:80", true, VERB_ADD_SERVER, NULL },
	{ "add-server -f 1 -r 192.0.2.62:80", false, -1, NULL },
	{ "-a -f 1 -r [2001:db8::62]", true, -1, NULL },
	{ "-a -f 1 -6 -r 192.0.2.62", true, -1, NULL },
	{ "-a -t 192.0.2.63:0 -r 192.0.2.62:80", true, VERB_ADD_SERVER, NULL },
	{ "-a -t 192.0.2.63:8000-8999 -r 192.0.2.62:8000", false,
	  VERB_ADD_SERVER, serves_range },
	{ "add-server -t 192.0.2.63:0 -r 192.0.2.62:80", false, -1, NULL },
	{ "add-server -t 192.0.2.63:8000-8999 -r 192.0.2.62:8000", false, -1,
	  NULL },
	{ "-A -t 192.0.2.63:80 -p 3x", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -p x", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -p -3", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --persistent=", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 --persistent=yes", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -p 4294967296", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -p 3 -p 4", true, -1, NULL },
	{ "-D -t 192.0.2.63:80 -p", true, -1, NULL },
	{ "-L -p", true, -1, NULL },
	{ "list -j -p 3", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 -p -M", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -M 255.0.255.0", true, -1, NULL },
	{ "-A -t 192.0.2.63:80 -M 33", true, -1, NULL },
	{ "-A -t [2001:db8::63]:80 -M 255.255.255.0", true, -1, NULL },
	{ "-A -t [2001:db8::63]:80 -M 129", true, -1, NULL },
	{ "edit-service -u 192.0.2.63:53 --ops --no-ops", false, -1, NULL },
	{ "-E -u 192.0.2.63:53 --no-ops", true, -1, NULL },
	{ "-E -t 192.0.2.63:80 --stray drop", true, -1, NULL },
	{ "-E -t 192.0.2.63:80 --timeouts close=5", true, -1, NULL },
	{ "del-server -t 192.0.2.63:80 --drain=0 -r 192.0.2.62", false, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --drain", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --hold", true, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --hold --drain", false, -1, NULL },
	{ "-d -t 192.0.2.63:80 -r 192.0.2.62 --hold=0", false, -1, NULL },
	{ "-e -t 192.0.2.63:80 -r 192.0.2.62 --hold", false, -1, NULL },
	{ "list --held --drops", false, -1, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 --drain", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 --stray away", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 --expire-quiescent maybe", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 --timeouts", false, -1, NULL },
	{ "-A -t 192.0.2.63:80 --timeouts 5", false, -1, NULL },
	{ "list -r 192.0.2.62", false, -1, NULL },
	{ "-L -c -r 192.0.2.62", true, -1, NULL },
	{ "list --all", false, -1, NULL },
	{ "--set 900 120", true, -1, NULL },
	{ "--set 900 120 300 60", true, -1, NULL },
	{ "--set", true, -1, NULL },
	{ "--set=900 120 300", true, -1, NULL },
	{ "--set udp=10 close=5 established=7", true, -1, NULL },
	{ "--set 900 120 x", true, -1, NULL },
	{ "set-timeout", false, -1, NULL },
	{ "set-timeout 900", false, -1, NULL },
	{ "set-timeout udp=10 300", false, -1, NULL },
	{ "set-timeout udp=10 udp=11", false, -1, NULL },
	{ "set-timeout template=10", false, -1, NULL },
	{ "set-timeout -t 192.0.2.63:80 udp=10", false, -1, NULL },
	{ "set-timeout udp=-1", false, -1, NULL },
	{ "set-entry", false, -1, NULL },
	{ "set-entry output", false, -1, NULL },
	{ "set-entry input input", false, -1, NULL },
	{ "set-entry ingress", false, -1, NULL },
	{ "set-entry ingress eth0 --force", false, -1, NULL },
	{ "set-entry xdp", false, -1, NULL },
	{ "set-entry ingress a-name-that-is-too-long", false, -1, NULL },
	{ "set-entry ingress 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", false, -1, NULL },
	{ "list --timeout -t 192.0.2.63:80", false, -1, NULL },
	{ "list --info -t 192.0.2.63:80", false, -1, NULL },
	{ "list --info --drops", false, -1, NULL },
	{ "list --persistent-conn --thresholds", false, -1, NULL },
	{ "-L --info", true, -1, NULL },
	{ "-C -t 192.0.2.63:80", true, -1, NULL },
	{ "-L -c --stats", true, -1, NULL },
	{ "-L --sort --nosort", false, -1, NULL },
	{ "-L --sort --nosort", true, VERB_LIST, NULL },
	{ "-L --numeric=yes", true, -1, NULL },
	{ "-L -j", true, -1, NULL },
	{ "-L --drops", true, -1, NULL },
	{ "-L -N blue", true, -1, NULL },
	{ "list -p", false, -1, NULL },
	{ "list -N", false, -1, NULL },
	{ "list -N a/b", false, -1, NULL },
	{ "list --drops -t 192.0.2.63:80", false, VERB_LIST, NULL },
	{ "help list zero", false, -1, NULL },
	{ "-", true, -1, NULL },
	{ "--", false, -1, NULL },

	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -m", true, -2, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -i --tun-type gue --tun-port 9 --tun-remcsum",
	  true, -2, NULL },
	{ "-a -t 192.0.2.63:80 -r 192.0.2.62 -i", true, VERB_ADD_SERVER, NULL },
	{ "-ea -t 192.0.2.63:80 -r 192.0.2.62 -i", true, -1, NULL },
	{ "-R", true, VERB_RESTORE, NULL },
	{ "restore rules", false, VERB_RESTORE, names_rules },
	{ "restore", false, VERB_RESTORE, NULL },
	{ "restore rules more", false, -1, NULL },
	{ "apply --dry-run rules", false, VERB_APPLY, tries_rules },
	{ "apply rules", true, -1, NULL },
	{ "restore --dry-run rules", false, -1, NULL },
	{ "--start-daemon master", true, -2, NULL },
};

void check_command(const struct command_row *row)
{
	struct request req = { .ipvsadm = row->ipvsadm };
	char *words[32] = { (char *)"lbctl" };
	char *text = strdup(row->line);
	char *rest = text;
	bool good = false;
	int argc = 1;
	char *word;
	int status;

	while (text && argc < 31 && (word = strsep(&rest, " "))) {
		if (*word)
			words[argc++] = word;
	}
	status = options_read(argc, words, &req);
	if (status)
		good = row->verb == (status < 0 ? -1 : -2);
	else
		good = row->verb >= 0 && req.verb == &verbs[row->verb] &&
		       (!row->holds || row->holds(&req));
	result(good, "%s %s: %s", row->ipvsadm ? "ipvsadm" : "lbctl", row->line,
	       status ? fault_text() : req.verb->name);
	free(text);
}

void check_lines(void)
{
	char *many[200] = { (char *)"lbctl", (char *)"list" };
	struct request req = { .verb = NULL };
	struct request none = { .ipvsadm = false };
	char *empty[1] = { NULL };
	size_t i;

	result(options_consistent(), "the tables of verbs and options agree");
	for (i = 0; i < ARRAY_SIZE(command_rows); i++)
		check_command(&command_rows[i]);
	for (i = 2; i < ARRAY_SIZE(many) - 1; i++)
		many[i] = (char *)"-nnnn";
	result(options_read(ARRAY_SIZE(many) - 1, many, &req) < 0,
	       "a hundred options are refused: %s", fault_text());
	result(options_read(0, empty, &none) < 0,
	       "a command line without even a name is refused");
}
