// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of tunnels to servers: what the options mean in a message, that saving and
 * restoring is a fixed point, what apply changes, and the listings.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "check.h"
#include "lbctl.h"

#define V4 "-t 192.0.2.63:80 "
#define V6 "-t [2001:db8::63]:80 "

/* A command of lbctl's or ipvsadm's, and the server that save writes then. */
struct save_row {
	const char *name;
	const char *line;
	const char *saved;
};

static const struct save_row save_rows[] = {
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun ipip",
	  "-a " V4 "-r 192.0.2.62:80 -i -w 1 --tun-type ipip\n" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i -w 3",
	  "-a " V4 "-r 192.0.2.62:80 -i -w 3 --tun-type ipip\n" },
	{ "lbctl", "add-server " V4 "-r [2001:db8::62] --tun gue:6080 -x 9",
	  "-a " V4 "-r [2001:db8::62]:80 -i -w 1 -x 9 --tun-type gue --tun-port 6080 --tun-nocsum\n" },
	{ "lbctl", "add-server " V6 "-r 192.0.2.62 --tun gre --tun-csum --tun-ttl 64 --tun-df clear",
	  "-a " V6 "-r 192.0.2.62:80 -i -w 1 --tun-type gre --tun-csum --tun-ttl 64 --tun-df clear\n" },
	{ "ipvsadm", "-a " V6 "-r 192.0.2.62 -i --tun-type gue --tun-port 6080 --tun-csum",
	  "-a " V6 "-r 192.0.2.62:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum\n" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun ipip --tun-source 192.0.2.70 --tun-ttl copy",
	  "-a " V4 "-r 192.0.2.62:80 -i -w 1 --tun-type ipip --tun-source 192.0.2.70\n" },
	{ "lbctl", "add-server " V4 "-r [2001:db8::62] -i --tun-source-prefix 2001:db8:7::/48",
	  "-a " V4 "-r [2001:db8::62]:80 -i -w 1 --tun-type ipip --tun-source-prefix 2001:db8:7::/48\n" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun dr",
	  "-a " V4 "-r 192.0.2.62:80 -g -w 1\n" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun none -w 2",
	  "-a " V4 "-r 192.0.2.62:80 -g -w 2\n" },
};

/* Changes, one after the other, of one server. */
static const struct save_row edit_rows[] = {
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun gue:6080",
	  "-i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-csum --tun-ttl 9",
	  "-i -w 1 --tun-type gue --tun-port 6080 --tun-csum --tun-ttl 9\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 -w 5",
	  "-i -w 5 --tun-type gue --tun-port 6080 --tun-csum --tun-ttl 9\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-port 7",
	  "-i -w 5 --tun-type gue --tun-port 7 --tun-csum --tun-ttl 9\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-source 192.0.2.7 --tun-ttl copy",
	  "-i -w 5 --tun-type gue --tun-port 7 --tun-csum --tun-source 192.0.2.7\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-source route --tun-nocsum",
	  "-i -w 5 --tun-type gue --tun-port 7 --tun-nocsum\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-df set",
	  "-i -w 5 --tun-type gue --tun-port 7 --tun-nocsum --tun-df set\n" },
	/* Another type begins with the defaults. */
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun gre",
	  "-i -w 5 --tun-type gre --tun-nocsum\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun-csum",
	  "-i -w 5 --tun-type gre --tun-csum\n" },
	/* ipvsadm's letters give the whole tunnel. */
	{ "ipvsadm", "-e " V4 "-r 192.0.2.62 -i --tun-type gre -w 4",
	  "-i -w 4 --tun-type gre --tun-nocsum\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 -g", "-g -w 4\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun ipip",
	  "-i -w 4 --tun-type ipip\n" },
	{ "ipvsadm", "-e " V4 "-r 192.0.2.62 -w 2", "-g -w 2\n" },
	{ "ipvsadm", "-e " V4 "-r 192.0.2.62 -w 2 -i",
	  "-i -w 2 --tun-type ipip\n" },
	{ "lbctl", "edit-server " V4 "-r 192.0.2.62 --tun dr", "-g -w 2\n" },
};

/* What is wrong, and what the sentence about it has. */
static const struct {
	const char *name;
	const char *line;
	const char *says;
} wrong_rows[] = {
	{ "lbctl", "add-server " V4 "-r [2001:db8::62]", "or have a tunnel" },
	{ "lbctl", "add-server " V4 "-r [2001:db8::62] --tun none", "or have a tunnel" },
	{ "lbctl", "edit-server " V4 "-r [2001:db8::62] -g", "or have a tunnel" },
	{ "ipvsadm", "-e " V4 "-r [2001:db8::62] -w 2", "or have a tunnel" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gue", "a port is required" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun-type gue", "a port is required" },
	{ "ipvsadm", "-e " V4 "-r 192.0.2.62 -i --tun-type gue", "a port is required" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun ipip:4", "only gue has a port" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun ipip --tun-csum",
	  "--tun-csum not supported with ipip" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun-nocsum",
	  "--tun-nocsum not supported with ipip" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun-type gre --tun-port 9",
	  "only gue has a port" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun-port 9", "only gue has a port" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 --tun-type gre", "-i is required" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -g --tun-csum", "a tunnel is required" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -g -i", "exclude each other" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gre -i", "exclude each other" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gre --tun-type gre",
	  "not supported with --tun" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gre --tun-csum --tun-nocsum",
	  "exclude each other" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun-ttl 4", "a tunnel is required" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gre --tun-remcsum",
	  "the director cannot know" },
	{ "lbctl", "add-server " V4 "-r 192.0.2.62 --tun gre --tun-source 2001:db8::1",
	  "must be IPv4, as the server" },
	{ "lbctl", "add-server " V4 "-r [2001:db8::62] --tun gre --tun-source-prefix 192.0.2.0/24",
	  "must be IPv6, as the server" },
	{ "lbctl",
	  "add-server " V4 "-r 192.0.2.62 --tun gre --tun-source 192.0.2.1 --tun-source-prefix 192.0.2.0/24",
	  "exclude each other" },
	{ "lbctl", "del-server " V4 "-r 192.0.2.62 --tun gre", "not supported with del-server" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun gre", "unknown option" },
	{ "ipvsadm", "-a " V4 "-r 192.0.2.62 -i --tun-ttl 4", "unknown option" },
};

static void add_services(void)
{
	kernel_reset();
	run_quiet("add-service " V4 "-s rr");
	run_quiet("add-service " V6 "-s rr");
}

/* Whether the configuration is saved with @line in it. */
static void check_saved(const struct save_row *row, const char *line)
{
	struct run run, save;

	run_line(row->name, row->line, &run);
	run_line("lbctl", "save", &save);
	result(!run.status && strstr(save.out, line), "%s %s is saved as %.*s%s%s",
	       row->name, row->line, (int)strcspn(line, "\n"), line,
	       strstr(save.out, line) ? "" : ", and not: ",
	       strstr(save.out, line) ? "" : run.status ? run.err : save.out);
	run_free(&run);
	run_free(&save);
}

static const char *write_file(const char *text)
{
	static char name[32];
	FILE *file;

	snprintf(name, sizeof(name), "/tmp/check-tunnel-%d", getpid());
	file = fopen(name, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
	return name;
}

static void check_saving(void)
{
	char line[128];
	struct run first, again;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(save_rows); i++) {
		add_services();
		check_saved(&save_rows[i], save_rows[i].saved);
		run_line("lbctl", "save", &first);
		snprintf(line, sizeof(line), "restore %s", write_file(first.out));
		kernel_reset();
		run_quiet(line);
		run_line("lbctl", "save", &again);
		result(!strcmp(first.out, again.out), "what save writes is restored as the same: %s",
		       save_rows[i].line);
		snprintf(line, sizeof(line), "apply %s", write_file(first.out));
		run_free(&again);
		run_line("lbctl", line, &again);
		result(!again.status && !*again.out, "and apply finds nothing to change%s%s",
		       *again.out ? ": " : "", again.out);
		run_free(&again);
		run_free(&first);
		unlink(write_file(""));
	}
}

static void check_editing(void)
{
	char line[512];
	size_t i;

	add_services();
	run_quiet("add-server " V4 "-r 192.0.2.62");
	for (i = 0; i < ARRAY_SIZE(edit_rows); i++) {
		snprintf(line, sizeof(line), "-r 192.0.2.62:80 %s", edit_rows[i].saved);
		check_saved(&edit_rows[i], line);
	}
}

/* What apply does where the server is first this, and then that. */
static const struct {
	const char *is;
	const char *want;
	const char *prints;
} apply_rows[] = {
	{ "-g", "--tun gue:6080 --tun-csum", " --tun gue:6080 --tun-csum" },
	{ "--tun gue:6080 --tun-csum --tun-ttl 4", "--tun gue:6081",
	  " --tun gue:6081 --tun-nocsum --tun-ttl copy" },
	{ "--tun gre --tun-csum --tun-df set", "--tun ipip --tun-df clear",
	  " --tun ipip --tun-df clear" },
	{ "--tun ipip --tun-source 192.0.2.1", "--tun ipip", " --tun-source route" },
	{ "--tun ipip --tun-source 192.0.2.0", "--tun ipip --tun-source-prefix 192.0.2.0/24",
	  " --tun-source-prefix 192.0.2.0/24" },
	{ "--tun ipip", "--tun ipip -w 2", " -w 2" },
	{ "--tun gre", "-g", " --tun none" },
	{ "--tun gre --tun-csum", "--tun gre", " --tun-nocsum" },
};

static void check_applying(void)
{
	char line[256], text[256], prints[256];
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(apply_rows); i++) {
		add_services();
		snprintf(line, sizeof(line), "add-server " V4 "-r 192.0.2.62 %s",
			 apply_rows[i].is);
		run_quiet(line);
		snprintf(text, sizeof(text), "add-service " V4 "-s rr\nadd-service " V6
			 "-s rr\nadd-server " V4 "-r 192.0.2.62 %s\n", apply_rows[i].want);
		snprintf(line, sizeof(line), "apply %s", write_file(text));
		snprintf(prints, sizeof(prints), "edit-server " V4 "-r 192.0.2.62:80%s\n",
			 apply_rows[i].prints);
		run_line("lbctl", line, &run);
		result(!run.status && !strcmp(run.out, prints), "from %s to %s apply does%s%s",
		       apply_rows[i].is, apply_rows[i].want, apply_rows[i].prints,
		       run.status ? run.err : strcmp(run.out, prints) ? run.out : "");
		run_free(&run);
		run_line("lbctl", line, &run);
		result(!run.status && !*run.out, "and nothing at the second time%s", run.out);
		run_free(&run);
		unlink(write_file(""));
	}
}

/* What gives an address free comes before what may need it. */
static void check_order(void)
{
	static const char is[] =
		"-A -t 192.0.2.80:80 -s rr\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.61:80 -i\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.62:80 -i\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.63:80 -g\n"
		"-A -t 192.0.2.90:80 -s rr\n";
	static const char want[] =
		"-A -t 192.0.2.61:80 -s rr\n"
		"-A -t 192.0.2.62:80 -s rr\n"
		"-A -t 192.0.2.80:80 -s wrr\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.62:80 -g\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.63:80 -i\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.90:80 -i\n";
	static const char prints[] =
		"-d -t 192.0.2.80:80 -r 192.0.2.61:80\n"
		"edit-server -t 192.0.2.80:80 -r 192.0.2.62:80 --tun none\n"
		"-D -t 192.0.2.90:80\n"
		"-A -t 192.0.2.61:80 -s rr\n"
		"-A -t 192.0.2.62:80 -s rr\n"
		"edit-service -t 192.0.2.80:80 -s wrr\n"
		"edit-server -t 192.0.2.80:80 -r 192.0.2.63:80 --tun ipip\n"
		"-a -t 192.0.2.80:80 -r 192.0.2.90:80 -i -w 1 --tun-type ipip\n";
	char line[128];
	struct run run;

	kernel_reset();
	snprintf(line, sizeof(line), "restore %s", write_file(is));
	run_quiet(line);
	snprintf(line, sizeof(line), "apply %s", write_file(want));
	run_line("lbctl", line, &run);
	result(!run.status && !strcmp(run.out, prints),
	       "apply ends tunnels before it adds services: %s%s", run.out, run.err);
	run_free(&run);
	run_line("lbctl", line, &run);
	result(!run.status && !*run.out, "and all of it is done");
	run_free(&run);
	unlink(write_file(""));
}

static void check_wrong(void)
{
	struct run run;
	size_t i;

	add_services();
	for (i = 0; i < ARRAY_SIZE(wrong_rows); i++) {
		run_line(wrong_rows[i].name, wrong_rows[i].line, &run);
		result(run.status && strstr(run.err, wrong_rows[i].says),
		       "%s %s is refused: %s", wrong_rows[i].name, wrong_rows[i].line,
		       run.status ? run.err : "it is taken");
		run_free(&run);
	}
}

#define ZEROS "0          0         "

static const char tun_info[] =
	"Prot LocalAddress:Port Scheduler Flags\n"
	"  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n"
	"TCP  192.0.2.63:80 rr\n"
	"  -> 192.0.2.60:80                Route   n/a           1      " ZEROS "\n"
	"  -> 192.0.2.61:80                Tunnel  ipip          1      " ZEROS "\n"
	"  -> 192.0.2.62:80                Tunnel  gre:+c        1      " ZEROS "\n"
	"  -> [2001:db8::62]:80            Tunnel  gue:6080:-c   1      " ZEROS "\n";

static void check_listing(void)
{
	const char *table;
	struct run run;

	kernel_reset();
	run_quiet("add-service " V4 "-s rr");
	run_quiet("add-server " V4 "-r [2001:db8::62] --tun gue:6080");
	run_quiet("add-server " V4 "-r 192.0.2.62 --tun gre --tun-csum");
	run_quiet("add-server " V4 "-r 192.0.2.61 --tun ipip");
	run_quiet("add-server " V4 "-r 192.0.2.60");
	run_line("lbctl", "list --tun-info", &run);
	table = strstr(run.out, "Prot ");
	result(table && !strcmp(table, tun_info), "list --tun-info has the tunnels%s%s",
	       table && strcmp(table, tun_info) ? ":\n" : "",
	       table && strcmp(table, tun_info) ? run.out : "");
	run_free(&run);
	run_line("ipvsadm", "-Ln", &run);
	result(strstr(run.out, "  -> 192.0.2.61:80                Tunnel  1      " ZEROS "\n"),
	       "ipvsadm -Ln names the method");
	run_free(&run);
	run_line("ipvsadm", "-Ln --stats --tun-info", &run);
	result(!run.status && !strstr(run.out, "TunnelInfo"),
	       "ipvsadm prefers --stats to --tun-info");
	run_free(&run);
	run_line("lbctl", "list --stats --tun-info", &run);
	result(run.status == EXIT_USAGE, "lbctl takes one listing only");
	run_free(&run);
	run_line("ipvsadm", "-Sn", &run);
	result(strstr(run.out, "-r 192.0.2.62:80 -i -w 1 --tun-type gre --tun-csum\n") &&
	       !strstr(run.out, "--tun-ttl"), "ipvsadm -S has ipvsadm's options");
	run_free(&run);
	run_line("lbctl", "list -j", &run);
	result(strstr(run.out, "\"forward\":\"tunnel\",\"tunnel\":{\"type\":\"gue\",\"port\":6080,\"checksum\":false,\"ttl\":null,\"df\":\"inherit\",\"source\":null,\"source_prefix\":null}"),
	       "list -j has the tunnel");
	run_free(&run);
	run_line("lbctl", "metrics", &run);
	result(strstr(run.out, "server=\"[2001:db8::62]:80\",forward=\"tunnel\",tunnel=\"gue:6080\"} 1\n") &&
	       strstr(run.out, "server=\"192.0.2.60:80\",forward=\"dr\",tunnel=\"none\"} 1\n"),
	       "metrics have the tunnel");
	run_free(&run);
}

static void check_services(void)
{
	struct run run;

	kernel_reset();
	run_quiet("add-service " V4 "-s rr --accept-tunneled yes");
	run_line("lbctl", "save", &run);
	result(strstr(run.out, "-A " V4 "-s rr --accept-tunneled yes\n"),
	       "--accept-tunneled is saved");
	run_free(&run);
	run_line("lbctl", "list", &run);
	result(strstr(run.out, "TCP  192.0.2.63:80 rr accept-tunneled\n"), "and listed");
	run_free(&run);
	run_quiet("edit-service " V4 "--accept-tunneled no");
	run_line("lbctl", "save", &run);
	result(!strstr(run.out, "--accept-tunneled"), "and taken back");
	run_free(&run);
}

void check_tunnels(void)
{
	check_saving();
	check_editing();
	check_applying();
	check_order();
	check_wrong();
	check_listing();
	check_services();
}
