// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of what options take: the least and the greatest value, and what is just
 * beyond; and of each refusal, that its sentence has the value and what would be
 * right. An option that takes an argument and has no row here is a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define VALUES 12
#define WORDS 16

/* Who takes it. */
enum grammar {
	BOTH,
	OURS,			/* not in ipvsadm's grammar */
};

/*
 * A line of lbctl's, in words split at blanks, with % where the value goes. For
 * both grammars it is read as ipvsadm's, too.
 */
struct number_row {
	enum grammar grammar;
	const char *line;
	__u32 min;
	__u32 max;
};

#define SERVICE "add-service --tcp-service=192.0.2.63:80 "
#define SERVER "add-server --tcp-service=192.0.2.63:80 --real-server=192.0.2.62 "
#define PACKET "trace --tcp-service=192.0.2.63:80 "

static const struct number_row number_rows[] = {
	{ BOTH, SERVER "--weight=%", 0, 65535 },
	{ BOTH, SERVER "--u-threshold=%", 0, ~0U },
	{ BOTH, SERVER "--l-threshold=%", 0, ~0U },
	{ BOTH, SERVICE "--persistent=%", 0, 2000000 },
	{ OURS, "del-service --tcp-service=192.0.2.63:80 --hold=%", 1, 2000000 },
	{ BOTH, "add-service --fwmark-service=%", 1, ~0U },
	{ BOTH, "del-service --fwmark-service=%", 1, ~0U },
	{ BOTH, SERVER "--ipip --tun-type=gue --tun-port=%", 1, 65535 },
	{ BOTH, "edit-server --tcp-service=192.0.2.63:80 --real-server=192.0.2.62 --ipip --tun-type=gue --tun-port=%",
	  1, 65535 },
	{ OURS, PACKET "--client=192.0.2.9 --mark=%", 1, ~0U },
	{ OURS, "conns --idle=%", 0, 2000000 },
	{ OURS, "list -c --recent=%", 0, 2000000 },
	{ OURS, "top --interval=%", 1, 3600 },
	{ OURS, "sync master eth0 --id=%", 0, 255 },
	{ OURS, "sync backup eth0 --port=%", 1, 65535 },
	{ OURS, "sync master eth0 --ttl=%", 1, 255 },
	{ OURS, "sync master eth0 --length=%", 128, 8972 },
	{ OURS, "sync peers eth0 --address=192.0.2.1 --key-file=k --key-id=%", 0, 1 },
	{ OURS, "sync --wait=%", 0, 3600 },
	{ OURS, "list --rate --interval=%", 1, 3600 },
	{ OURS, SERVICE "--timeouts=udp=%", 0, 2000000 },
	{ OURS, "set-timeout udp=%", 0, 2000000 },
	{ BOTH, "set-timeout -- % 0 0", 0, 2000000 },
	{ BOTH, "set-timeout -- 0 0 %", 0, 2000000 },
};

/* Each bad value is followed by what is in the sentence about it. */
struct text_row {
	enum grammar grammar;
	const char *line;
	const char *good[VALUES];
	const char *bad[2 * VALUES];
};

static const struct text_row text_rows[] = {
	{ OURS, "add-service --tcp-service=192.0.2.63:%",
	  { "0", "1", "65535", "80-81", "1-65535" },
	  { "65536", "'65536': must be 0 to 65535",
	    "-1", "must be 0 to 65535", "+80", "must be 0 to 65535",
	    " 80", "must be 0 to 65535", "0x50", "must be 0 to 65535",
	    "80-80", "last port", "81-80", "last port", "0-80", "first port '0'",
	    "80-65536", "last port '65536'", "18446744073709551696", "must be",
	    "", "a port is required" } },
	{ OURS, "add-service --udp-service=%",
	  { "0.0.0.0:53", "255.255.255.255:53", "[::]:53",
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:53" },
	  { "192.0.2.256:53", "'192.0.2.256': not an IPv4 address",
	    "192.0.2:53", "'192.0.2': not", "192.0.2.1.1:53", "not an IPv4",
	    "192.0.2.01:53", "'192.0.2.01': not", "192.0.2.63/24:53", "/24'",
	    "[2001:db8::g]:53", "not an IPv6", "[192.0.2.63]:53", "IPv6",
	    "[2001:db8:::1]:53", "not an IPv6", "[]:53", "an address is required",
	    ":53", "an address is required", "", "an address is required" } },
	{ OURS, SERVICE "--vrf=%",
	  { "red", "r", "vrf-blue.100_15" },
	  { "", "invalid name of a VRF device: ''",
	    "vrf-blue.100_156", ": 'vrf-blue.100_156'",
	    "re d", "'re d'", "a/b", "'a/b'", "a:b", "'a:b'",
	    "a\"b", "'a\"b'" } },
	{ OURS, "edit-service --sctp-service=[2001:db8::63]:%",
	  { "1", "65535", "2-3" },
	  { "65536", "0 to 65535", "65536-65537", "first port '65536'",
	    "1-0", "last port '0'", "x-", "port" } },
	{ BOTH, "add-server --tcp-service=192.0.2.63:80 --real-server=%",
	  { "192.0.2.62", "192.0.2.62:80", "255.255.255.255" },
	  { "192.0.2.256", "'192.0.2.256': not an IPv4 address",
	    "[2001:db8::62]:80", "[2001:db8::62]", "2001:db8::62", "requires brackets",
	    "192.0.2.62:65616", "'65616': must be 0 to 65535",
	    "192.0.2.62:-1", "'-1'", "", "an address is required",
	    ":80", "an address is required" } },
	{ OURS, "del-server --tcp-service=192.0.2.63:80 --real-server=192.0.2.62 --drain=%",
	  { "1", "2000000" },
	  { "0", "must be 1 to 2000000", "2000001", "must be 1 to 2000000", "x",
	    "must be 1 to 2000000" } },
	{ OURS, "add-server --tcp-service=192.0.2.63:80 --real-server=%",
	  { "192.0.2.62:80" },
	  { "192.0.2.62:81", "81" } },
	{ OURS, "sync backup eth0 --address=%",
	  { "224.0.0.81", "192.0.2.1,192.0.2.2", "[ff02::81]", "[2001:db8::1]" },
	  { "192.0.2.256", "'192.0.2.256'", "192.0.2.1:80", "without a port",
	    "192.0.2.0/24", "must be one address", "", "an address is required",
	    "192.0.2.1,", "an address is required" } },
	{ OURS, "sync peers eth0 --address=192.0.2.1 --key-file=%",
	  { "key", "/etc/lbdr.key" }, { "", "a file is required" } },
	{ OURS, "conns --real-server=%",
	  { "192.0.2.62", "192.0.2.62:1", "192.0.2.62:65535",
	    "[2001:db8::62]:80", "[2001:db8::62]" },
	  { "192.0.2.62:65536", "'65536': must be 0 to 65535", "192.0.2.62:-1", "'-1'",
	    "192.0.2.256", "'192.0.2.256'", "2001:db8::62", "requires brackets",
	    "", "an address is required" } },
	{ OURS, "conns --client=%",
	  { "192.0.2.1", "192.0.2.1/0", "192.0.2.1/32", "192.0.2.1:1",
	    "192.0.2.0/24:65535", "[2001:db8::]/0", "[2001:db8::1]/128",
	    "[2001:db8::1]:80" },
	  { "192.0.2.1/33", "'33': must be 0 to 32",
	    "[2001:db8::1]/129", "'129': must be 0 to 128",
	    "192.0.2.1/", "''", "192.0.2.1/-1", "'-1'", "192.0.2.1:65536", "'65536'",
	    "192.0.2.1:0", "'0': must be 1 to 65535",
	    "192.0.2.1:0x50", "'0x50'", "2001:db8::1", "requires brackets",
	    "/24", "an address is required", "", "an address is required" } },
	{ OURS, PACKET "--client=%",
	  { "198.51.100.7", "198.51.100.7:1", "198.51.100.7:65535" },
	  { "198.51.100.7:65536", "'65536'", "198.51.100.7:0", "'0'",
	    "198.51.100.0/24", "one address", "[2001:db8::7]:80", "must be IPv4",
	    "", "an address is required" } },
	{ OURS, PACKET "--client=198.51.100.7 --mac=%",
	  { "02:00:00:00:00:01", "FF:ff:ff:ff:ff:ff" },
	  { "02:00:00:00:00", "MAC", "02:00:00:00:00:01:02", "MAC",
	    "02:00:00:00:00:100", "MAC", "02-00-00-00-00-01", "MAC", "", "MAC" } },
	{ BOTH, SERVICE "--scheduler=%", { "rr", "fifteen-letters" },
	  { "sixteen--letters", "scheduler 'sixteen--letters'", "", "empty name" } },
	{ BOTH, SERVICE "--scheduler=sh --sched-flags=%",
	  { "sh-port", "sh-port,sh-fallback", "none" },
	  { "mh-port", "'mh-port' of scheduler mh",
	    "sh-ports", "'sh-ports': must be {sh", "SH-PORT", "'SH-PORT': must be",
	    "sh-port,", "'': must be", ",sh-port", "'': must be",
	    "", "'': must be" } },
	{ OURS, SERVICE "--scheduler=mh --mh-size=%", { "251", "65537", "262139" },
	  { "250", "'250': must be 251 to 262139",
	    "252", "'252': must be a prime", "262137", "are 262133 and 262139",
	    "262140", "must be", "262147", "must be", "-251", "'-251'", "0xfb", "'0xfb'",
	    "", "''", "18446744073709551867", "must be" } },
	{ OURS, SERVICE "--refuse=%", { "icmp", "reset", "drop" },
	  { "ICMP", "'ICMP'", "icm", "icmp", "icmpx", "icmp, reset", "", "''" } },
	{ OURS, SERVICE "--stray=%", { "pass", "drop", "reset", "schedule" },
	  { "Pass", "'Pass'", "pas", "pass", "passed", "pass, drop", "", "''" } },
	{ BOTH, SERVICE "--persistent --netmask=%",
	  { "255.255.255.255", "128.0.0.0", "255.255.254.0" },
	  { "0.0.0.0", "'0.0.0.0'", "255.0.255.0", "'255.0.255.0'",
	    "255.255.255.256", "'255.255.255.256'", "-1", "'-1'", "", "''" } },
	{ OURS, SERVICE "--persistent --netmask=%", { "1", "32" },
	  { "0", "'0': must be 1 to 32", "33", "must be 1 to 32",
	    "64", "must be 1 to 32", "+1", "must be 1 to 32", "0x10", "must be 1 to 32" } },
	{ BOTH, "add-service --tcp-service=[2001:db8::63]:80 --persistent --netmask=%",
	  { "1", "64", "128" },
	  { "0", "must be 1 to 128", "129", "must be 1 to 128",
	    "255.255.255.0", "'255.255.255.0'", "", "''" } },
	{ OURS, SERVICE "--expire-quiescent=%", { "yes", "no" },
	  { "YES", "'YES'", "1", "must be yes or no", "true", "must be yes", "", "''" } },
	{ OURS, SERVICE "--accept-tunneled=%", { "yes", "no" },
	  { "YES", "'YES'", "1", "must be yes or no", "", "''" } },
	{ OURS, SERVICE "--skip-unreachable=%", { "yes", "no" },
	  { "YES", "'YES'", "1", "must be yes or no", "", "''" } },
	{ OURS, SERVER "--tun=%",
	  { "none", "dr", "ipip", "gre", "gue:1", "gue:65535" },
	  { "gue", "a port is required with gue", "gue:0", "'0': must be 1 to 65535",
	    "gue:65536", "must be 1 to 65535", "gue:", "'': must be 1 to 65535",
	    "ipip:1", "'ipip:1': only gue", "IPIP", "'IPIP': must be",
	    "vxlan:4789", "must be ipip, gre, gue:PORT, or none", "guegueguegue:1", "must be",
	    "", "'': must be" } },
	{ BOTH, SERVER "--ipip --tun-type=%", { "ipip", "gre" },
	  { "none", "'none': must be ipip, gre or gue", "IPIP", "'IPIP'", "gue",
	    "a port is required", "", "''" } },
	{ OURS, SERVER "--tun=ipip --tun-ttl=%", { "1", "255", "copy" },
	  { "0", "'0': must be copy, or 1 to 255", "256", "must be copy",
	    "Copy", "'Copy'", "-1", "'-1'", "", "''" } },
	{ OURS, SERVER "--tun=ipip --tun-df=%", { "inherit", "set", "clear" },
	  { "SET", "'SET': must be inherit, set or clear", "", "''" } },
	{ OURS, SERVER "--tun=ipip --tun-source=%",
	  { "192.0.2.1", "255.255.255.255", "route" },
	  { "192.0.2.256", "'192.0.2.256'", "192.0.2.1/32", "'192.0.2.1/32'",
	    "2001:db8::1", "must be IPv4", "Route", "'Route'", "", "''" } },
	{ OURS, "add-server --tcp-service=192.0.2.63:80 --real-server=[2001:db8::62] --tun=gre --tun-source=%",
	  { "2001:db8::1", "[2001:db8::1]", "route" },
	  { "192.0.2.1", "must be IPv6", "2001:db8::g", "neither" } },
	{ OURS, SERVER "--tun=ipip --tun-source-prefix=%",
	  { "192.0.2.0/24", "128.0.0.0/1", "192.0.2.1/32" },
	  { "192.0.2.0", "must be as 192.0.2.0/24", "192.0.2.0/0", "'0': must be 1 to 32",
	    "192.0.2.0/33", "must be 1 to 32", "192.0.2.1/31", "host bits must be 0",
	    "192.0.2/24", "neither", "2001:db8::/32", "must be IPv4",
	    "/24", "neither", "", "must be as" } },
	{ OURS, SERVICE "--timeouts=%", { "udp=1", "established=0,fin_wait=2000000" },
	  { "udp", "'udp': must be STATE=SECONDS", "udp=", "''",
	    "=1", "must be one of", "udp=1,", "''", "udp=1,udp=2", "twice",
	    "udp=1,2", "'2': must be STATE", "template=1", "'template': must be",
	    "", "''" } },
	{ OURS, "conns --state=%", { "established", "ESTABLISHED", "template" },
	  { "establish", "must be one of", "", "''" } },
	{ OURS, "conns --count-by=%", { "service", "server", "state" },
	  { "services", "service, server or state", "client", "'client'", "", "''" } },
	{ OURS, "list --netns=%", { "a", "blue.2" },
	  { ".", "'.'", "..", "'..'", "a/b", "'a/b'", "", "''" } },
	{ OURS, "reload-module --key-file=%", { "/run/key", "a b" },
	  { "", "a file is required" } },
	{ OURS, "reload-module --fallback=%", { "/run/lbdr.ko", "a b" },
	  { "", "''" } },
	{ OURS, "set-entry ingress %", { "eth0", "fifteen-letters" },
	  { "sixteen--letters", "'sixteen--letters'",
	    "", "''" } },
};

/* What is no number, however large it might be. */
static const char *const never[] = {
	"", " ", "-1", "-0", "+1", " 1", "1 ", "1.0", "1e3", "one", "1x",
	"99999999999999999999999999999999999999", "18446744073709551616",
	"18446744073709551617",
};

/* The line's word that has the %, with the value in place of it. */
static char *with_value(const char *word, const char *value)
{
	const char *at = strchr(word, '%');
	char *text = NULL;

	if (asprintf(&text, "%.*s%s%s", (int)(at - word), word, value, at + 1) < 0)
		abort();
	return text;
}

/* Reads the line with a value; what it says is in fault_text(). */
static int read_value(const char *line, const char *value, bool ipvsadm)
{
	struct request req = { .ipvsadm = ipvsadm };
	char *words[WORDS] = { (char *)"lbctl" };
	char *text = strdup(line);
	char *valued = NULL;
	char *rest = text;
	char verb[32];
	int argc = 1;
	int status;
	size_t i;

	while (argc < WORDS - 1 && (words[argc] = strsep(&rest, " "))) {
		if (strchr(words[argc], '%')) {
			valued = with_value(words[argc], value);
			words[argc] = valued;
		}
		argc++;
	}
	for (i = 0; ipvsadm && i < VERBS; i++) {
		if (strcmp(words[1], verbs[i].name))
			continue;
		if (verbs[i].letters)
			snprintf(verb, sizeof(verb), "-%c", verbs[i].letters[0]);
		else
			snprintf(verb, sizeof(verb), "--%s", verbs[i].longname);
		words[1] = verb;
	}
	status = options_read(argc, words, &req);
	free(valued);
	free(text);
	return status;
}

static void takes(const char *line, const char *value, bool ipvsadm)
{
	int status = read_value(line, value, ipvsadm);

	result(!status, "%s%s: '%s' is taken%s%s", ipvsadm ? "ipvsadm's " : "", line,
	       value, status ? ", not: " : "", status ? fault_text() : "");
}

static void refuses(const char *line, const char *value, const char *says,
		    bool ipvsadm)
{
	int status = read_value(line, value, ipvsadm);
	const char *told = status ? fault_text() : "it is taken";

	result(status && strstr(told, says), "%s%s: '%s' is refused: %s",
	       ipvsadm ? "ipvsadm's " : "", line, value, told);
}

static void check_number(const struct number_row *row, bool ipvsadm)
{
	char text[32];
	char says[64];
	size_t i;

	snprintf(says, sizeof(says), "must be %u to %u", row->min, row->max);
	snprintf(text, sizeof(text), "%u", row->min);
	takes(row->line, text, ipvsadm);
	snprintf(text, sizeof(text), "%u", row->max);
	takes(row->line, text, ipvsadm);
	snprintf(text, sizeof(text), "%llu", row->max + 1ULL);
	refuses(row->line, text, says, ipvsadm);
	if (row->min)
		refuses(row->line, "0", says, ipvsadm);
	for (i = 0; i < ARRAY_SIZE(never); i++)
		refuses(row->line, never[i], says, ipvsadm);
}

/* A mark may be written as the firewall's tools write it. */
static void check_hexadecimal(const struct number_row *row, bool ipvsadm)
{
	static const char says[] = "must be 0x1 to 0xffffffff";

	if (!strstr(row->line, "mark")) {
		refuses(row->line, "0x1", "must be", ipvsadm);
		refuses(row->line, "0x", "must be", ipvsadm);
		return;
	}
	takes(row->line, "0x1", ipvsadm);
	takes(row->line, "0XFFFFffff", ipvsadm);
	refuses(row->line, "0x", says, ipvsadm);
	refuses(row->line, "0x0", says, ipvsadm);
	refuses(row->line, "0x-1", says, ipvsadm);
	refuses(row->line, "0x 1", says, ipvsadm);
	refuses(row->line, "0x100000000", says, ipvsadm);
	refuses(row->line, "0x10000000000000001", says, ipvsadm);
}

static void check_text(const struct text_row *row, bool ipvsadm)
{
	size_t i;

	for (i = 0; i < VALUES && row->good[i]; i++)
		takes(row->line, row->good[i], ipvsadm);
	for (i = 0; i < 2 * VALUES && row->bad[i]; i += 2)
		refuses(row->line, row->bad[i], row->bad[i + 1], ipvsadm);
}

/* What the option of a verb calls its argument, NULL if it takes none. */
static const char *argument_of(const char *verb, const char *option)
{
	char *words[2] = { (char *)verb, (char *)option };
	const char *argument, *wants;
	struct request req = { .verb = NULL };

	if (options_partial(words, ARRAY_SIZE(words), &req, &wants, &argument))
		return NULL;
	return argument;
}

/* Whether the line is about the option, as the verb has it. */
static bool about(const char *line, const char *option, const char *argument)
{
	size_t length = strlen(option);
	const char *at = strchr(line, '%');
	char *verb = strndup(line, strcspn(line, " "));
	const char *its;

	while (at > line && at[-1] != ' ')
		at--;
	its = !strncmp(at, option, length) && at[length] == '=' ?
	      argument_of(verb, option) : NULL;
	free(verb);
	return its && !strcmp(its, argument);
}

static bool has_row(const char *option, const char *argument)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(number_rows); i++) {
		if (about(number_rows[i].line, option, argument))
			return true;
	}
	for (i = 0; i < ARRAY_SIZE(text_rows); i++) {
		if (about(text_rows[i].line, option, argument))
			return true;
	}
	return false;
}

/* All that a verb offers, out of the table of options itself. */
static size_t check_rows(const struct verb *verb)
{
	struct capture capture;
	const char *argument;
	size_t count = 0;
	char *option;
	char *rest;

	capture_begin(&capture);
	options_offer(verb);
	capture_end(&capture);
	rest = capture.text;
	while ((option = strsep(&rest, "\n"))) {
		argument = *option ? argument_of(verb->name, option) : NULL;
		if (!argument)
			continue;
		count++;
		if (!has_row(option, argument))
			result(false, "%s %s %s has bounds that are tested",
			       verb->name, option, argument);
	}
	free(capture.text);
	return count;
}

void check_bounds(void)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(number_rows); i++) {
		check_number(&number_rows[i], false);
		check_hexadecimal(&number_rows[i], false);
		if (number_rows[i].grammar == OURS)
			continue;
		check_number(&number_rows[i], true);
		check_hexadecimal(&number_rows[i], true);
	}
	for (i = 0; i < ARRAY_SIZE(text_rows); i++) {
		check_text(&text_rows[i], false);
		if (text_rows[i].grammar == BOTH)
			check_text(&text_rows[i], true);
	}
	for (i = 0; i < VERBS; i++)
		count += check_rows(&verbs[i]);
	result(count > 100, "%zu options of all verbs take an argument, and are tested",
	       count);
}
