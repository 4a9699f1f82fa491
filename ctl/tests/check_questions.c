// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the grammar, of lines that ask: which connections, what of a packet,
 * what is wrong with a host, how it goes.
 */
#include <string.h>

#include "check.h"
#include "lbctl.h"

static bool of_client(const struct request *req)
{
	return req->conns.client.family == AF_INET && req->conns.client_prefix == 24 &&
	       !req->conns.client.port && req->list.connections;
}

static bool of_port(const struct request *req)
{
	return req->conns.client.family == AF_INET6 && req->conns.client_prefix == 128 &&
	       req->conns.client.port == 40000;
}

static bool of_server(const struct request *req)
{
	return req->server_text && req->server.address[3] == 62 &&
	       !req->has_service && req->server.port == 80;
}

static bool of_state(const struct request *req)
{
	return req->conns.state == LBDR_CONN_STATE_SYN_RECV;
}

static bool is_idle(const struct request *req)
{
	return req->conns.idle_text && req->conns.idle == 60 && req->conns.recent_text &&
	       req->conns.recent == 3600;
}

static bool counts(const struct request *req)
{
	return req->conns.count && !req->conns.kill && req->service.at.port == 80;
}

static bool counts_by_state(const struct request *req)
{
	return req->conns.count_by_text && req->conns.count_by == COUNT_BY_STATE &&
	       req->json;
}

static bool kills(const struct request *req)
{
	return req->conns.kill && req->conns.state == LBDR_CONN_STATE_SYN_RECV;
}

static bool traces(const struct request *req)
{
	return req->service.at.port == 80 && req->conns.client.port == 40000 &&
	       req->conns.client.address[3] == 7 && !req->packet.mark && !req->packet.data;
}

static bool traces_all(const struct request *req)
{
	return !req->conns.client.port && req->packet.mark == 16 && req->packet.data &&
	       req->packet.mac_text && req->packet.mac[0] == 2 && req->packet.mac[5] == 0xfe;
}

static bool of_all(const struct request *req)
{
	return req->conns.all && !req->has_service;
}

static bool examines(const struct request *req)
{
	return !req->realserver && req->json;
}

static bool examines_two(const struct request *req)
{
	return req->realserver && !req->undo;
}

static bool examines_all(const struct request *req)
{
	return req->verbose && req->json;
}

static bool tries(const struct request *req)
{
	return req->file.dry_run;
}

static bool takes_back(const struct request *req)
{
	return req->undo;
}

static bool in_older_text(const struct request *req)
{
	return req->list.textfile;
}

static bool looks_each_second(const struct request *req)
{
	return req->list.interval == 1;
}

static bool looks_each_hour(const struct request *req)
{
	return req->list.interval == 3600;
}

static const struct command_row command_rows[] = {
	{ "doctor -j", false, VERB_DOCTOR, examines },
	{ "doctor --realserver 192.0.2.63 2001:db8::63", false, VERB_DOCTOR, examines_two },
	{ "doctor 192.0.2.63 [2001:db8::63] --realserver", false, VERB_DOCTOR, examines_two },
	{ "setup-realserver 192.0.2.63 --undo", false, VERB_SETUP_REALSERVER, takes_back },
	{ "doctor --verbose -j", false, VERB_DOCTOR, examines_all },
	{ "setup-realserver 192.0.2.63 --dry-run", false, VERB_SETUP_REALSERVER, tries },
	{ "setup-realserver 192.0.2.63 --verbose", false, -1, NULL },
	{ "doctor --dry-run", false, -1, NULL },
	{ "doctor --undo", false, -1, NULL },
	{ "setup-realserver 192.0.2.63 -t 192.0.2.63:80", false, -1, NULL },
	{ "doctor", true, -1, NULL },
	{ "list -c --client 198.51.100.0/24", false, VERB_LIST, of_client },
	{ "list -c -t 192.0.2.63:80 --client=198.51.100.0/24 -r 192.0.2.62",
	  false, VERB_LIST, of_client },
	{ "list -c --client [2001:db8:c::1]:40000", false, VERB_LIST, of_port },
	{ "del-conn --client [2001:db8:c::1]/128:40000", false, VERB_DEL_CONN, of_port },
	{ "del-conn -r 192.0.2.62:80", false, VERB_DEL_CONN, of_server },
	{ "list -c --state SYN_RECV", false, VERB_LIST, of_state },
	{ "del-conn --state syn_recv", false, VERB_DEL_CONN, of_state },
	{ "del-conn --all", false, VERB_DEL_CONN, of_all },
	{ "list -c --idle 60 --recent 3600", false, VERB_LIST, is_idle },
	{ "del-conn --idle 60 --recent 3600", false, VERB_DEL_CONN, is_idle },
	{ "conns", false, VERB_CONNS, NULL },
	{ "conns -n --idle=60 --recent=3600", false, VERB_CONNS, is_idle },
	{ "conns -t 192.0.2.63:80 --count", false, VERB_CONNS, counts },
	{ "conns --count-by state -jp", false, VERB_CONNS, counts_by_state },
	{ "conns --kill --state syn_recv", false, VERB_CONNS, kills },
	{ "conns --kill --all", false, VERB_CONNS, of_all },
	{ "sync", false, VERB_SYNC, NULL },
	{ "sync -jp", false, VERB_SYNC, NULL },
	{ "sync master eth1 --id 7 --address 192.0.2.1", false, VERB_SYNC, NULL },
	{ "sync stop backup", false, VERB_SYNC, NULL },
	{ "sync stop peers", false, VERB_SYNC, NULL },
	{ "sync peers eth1 --address 192.0.2.1,192.0.2.2 --key-file key --key-id 1", false,
	  VERB_SYNC, NULL },
	{ "sync key 1 --key-file key", false, VERB_SYNC, NULL },
	{ "sync key 0", false, VERB_SYNC, NULL },
	{ "sync --wait 3", false, VERB_SYNC, NULL },
	{ "sync peers eth1 --address 192.0.2.1", false, -1, NULL },
	{ "sync peers eth1 --key-file key", false, -1, NULL },
	{ "sync key", false, -1, NULL },
	{ "sync key 0 1", false, -1, NULL },
	{ "sync key 0 --key-id 1", false, -1, NULL },
	{ "sync key 0 -j", false, -1, NULL },
	{ "sync --wait 3 -j", false, -1, NULL },
	{ "sync --wait 3 --key-file key", false, -1, NULL },
	{ "sync master eth1 --wait 3", false, -1, NULL },
	{ "sync", true, -1, NULL },
	{ "sync master", false, -1, NULL },
	{ "sync stop", false, -1, NULL },
	{ "sync slave eth1", false, -1, NULL },
	{ "sync stop slave", false, -1, NULL },
	{ "sync stop backup --id 7", false, -1, NULL },
	{ "sync --id 7", false, -1, NULL },
	{ "sync master eth1 -j", false, -1, NULL },
	{ "sync master eth1 eth2", false, -1, NULL },
	{ "sync master an-interface-name", false, -1, NULL },
	{ "reload-module", false, VERB_RELOAD_MODULE, NULL },
	{ "reload-module lbdr.ko --fallback old.ko --force", false, VERB_RELOAD_MODULE,
	  NULL },
	{ "reload-module", true, -1, NULL },
	{ "reload-module a b", false, -1, NULL },
	{ "reload-module -N blue", false, VERB_RELOAD_MODULE, NULL },
	{ "save-conns", false, VERB_SAVE_CONNS, NULL },
	{ "restore-conns conns", false, VERB_RESTORE_CONNS, NULL },
	{ "save-conns a b", false, -1, NULL },
	{ "save-conns -t 192.0.2.63:80", false, -1, NULL },
	{ "restore-conns", true, -1, NULL },
	{ "trace -t 192.0.2.63:80 --client 198.51.100.7:40000", false, VERB_TRACE, traces },
	{ "trace -t [2001::63]:80 --client [2001::7] --mark 16 --data --mac 02:00:5e:10:00:fe",
	  false, VERB_TRACE, traces_all },
	{ "metrics", false, VERB_METRICS, NULL },
	{ "metrics --textfile", false, VERB_METRICS, in_older_text },
	{ "metrics -j", false, -1, NULL },
	{ "metrics", true, -1, NULL },
	{ "monitor", false, VERB_MONITOR, NULL },
	{ "monitor -jp", false, -1, NULL },
	{ "monitor -t 192.0.2.63:80", false, -1, NULL },
	{ "top", false, VERB_TOP, looks_each_second },
	{ "top --interval 3600", false, VERB_TOP, looks_each_hour },
	{ "top --interval 3601", false, -1, NULL },
	{ "top --interval 0", false, -1, NULL },
	{ "top --interval=x", false, -1, NULL },
	{ "top -j", false, -1, NULL },
	{ "list --client 198.51.100.1", false, -1, NULL },
	{ "list --stats --state udp", false, -1, NULL },
	{ "-L -c --client 198.51.100.1", true, -1, NULL },
	{ "del-conn", false, -1, NULL },
	{ "del-conn --all -t 192.0.2.63:80", false, -1, NULL },
	{ "del-conn --all --state udp", false, -1, NULL },
	{ "del-conn -t 192.0.2.63:80 --client [2001:db8:c::1]", false, -1, NULL },
	{ "del-conn -r 192.0.2.62 --client [2001:db8:c::1]", false, VERB_DEL_CONN, NULL },
	{ "del-conn -t 192.0.2.63:80 -r [2001:db8::62]", false, VERB_DEL_CONN, NULL },
	{ "del-conn -t 192.0.2.63:80 -r 192.0.2.62:81", false, -1, NULL },
	{ "del-conn -r 192.0.2.62:80-90", false, -1, NULL },
	{ "del-conn --state none", false, -1, NULL },
	{ "del-conn --state dead", false, -1, NULL },
	{ "del-conn --all now", false, -1, NULL },
	{ "list --idle 60", false, -1, NULL },
	{ "-L -c --idle 60", true, -1, NULL },
	{ "conns", true, -1, NULL },
	{ "conns --idle 60 --recent 59", false, -1, NULL },
	{ "conns --idle 2000001", false, -1, NULL },
	{ "conns --recent -1", false, -1, NULL },
	{ "conns --count --count-by state", false, -1, NULL },
	{ "conns --count-by client", false, -1, NULL },
	{ "conns --kill", false, -1, NULL },
	{ "conns --kill --all --state udp", false, -1, NULL },
	{ "conns --kill --all --count", false, -1, NULL },
	{ "conns --kill --all -j", false, -1, NULL },
	{ "conns --all", false, -1, NULL },
	{ "conns -c", false, -1, NULL },
	{ "trace", false, -1, NULL },
	{ "trace -t 192.0.2.63:80", false, -1, NULL },
	{ "trace --client 198.51.100.7", false, -1, NULL },
	{ "trace -f 1 --client 198.51.100.7", false, -1, NULL },
	{ "trace -t 192.0.2.63:0 --client 198.51.100.7", false, -1, NULL },
	{ "trace -t 192.0.2.63:80-81 --client 198.51.100.7", false, -1, NULL },
	{ "trace -t 192.0.2.63:80 --client 198.51.100.0/24", false, -1, NULL },
	{ "trace -t 192.0.2.63:80 --client [2001:db8:c::7]", false, -1, NULL },
	{ "trace -t 192.0.2.63:80 --client 198.51.100.7 --mark 0", false, -1, NULL },
	{ "trace -t 192.0.2.63:80 --client 198.51.100.7 --mac 2:0:5e:10:0:1", false, -1, NULL },
	{ "trace -u 192.0.2.63:80 --client 198.51.100.7 --data", false, -1, NULL },
};

void check_questions(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(command_rows); i++)
		check_command(&command_rows[i]);
}
