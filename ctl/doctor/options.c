// SPDX-License-Identifier: GPL-2.0
/*
 * The command line of lbdr-doctor. lbctl passes its own one on, for the verbs
 * doctor and setup-realserver.
 */
#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* The value of a long option without a letter: the member that it sets. */
#define FLAG(text, member) { text, no_argument, NULL, \
			     256 + offsetof(struct options, member) }
#define OPT_SCTP 1
#define OPT_VRF 2
#define OPT_TUN 3

static const struct option longs[] = {
	FLAG("realserver", realserver),
	FLAG("undo", undo),
	FLAG("dry-run", dry_run),
	FLAG("verbose", verbose),
	{ "json", no_argument, NULL, 'j' },
	{ "pretty", no_argument, NULL, 'p' },
	{ "netns", required_argument, NULL, 'N' },
	{ "tcp-service", required_argument, NULL, 't' },
	{ "udp-service", required_argument, NULL, 'u' },
	{ "sctp-service", required_argument, NULL, OPT_SCTP },
	{ "fwmark-service", required_argument, NULL, 'f' },
	{ "ipv6", no_argument, NULL, '6' },
	{ "vrf", required_argument, NULL, OPT_VRF },
	{ "tun", required_argument, NULL, OPT_TUN },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
	"Usage: lbdr-doctor [SERVICE] [--verbose] [-j [-p]] [-N NETNS]\n"
	"       lbdr-doctor --realserver VIP... [--verbose] [-j [-p]] [-N NETNS]\n"
	"       lbdr-doctor setup-realserver VIP... [--tun ipip|gre|gue:PORT] [--undo]\n"
	"                   [--dry-run] [-N NETNS]\n";

static const char help[] =
	"\n"
	"Diagnose problems of a deployment by direct routing and suggest fixes: on the\n"
	"director, or with --realserver on a real server. setup-realserver makes this\n"
	"host a real server of the VIPs.\n"
	"\n"
	"SERVICE is -t|-u|--sctp-service HOST:PORT or -f MARK [-6], and --vrf NAME.\n"
	"\n"
	"      --realserver  check this host as a real server of the VIPs\n"
	"      --verbose     also print checks that found no problem\n"
	"  -j, --json        print a JSON array\n"
	"  -p, --pretty      with -j, indented\n"
	"      --tun TYPE    decapsulate packets of this tunnel: ipip, gre or gue:PORT\n"
	"      --undo        revert what setup-realserver changed\n"
	"      --dry-run     print the commands, change nothing\n"
	"  -N, --netns NAME  in this network namespace\n"
	"  -h, --help        print this text\n"
	"  -V, --version     print the version\n"
	"\n"
	"Exit status: 0 no problem, or done; 1 wrong usage; 2 failed; 4 problems found.\n";

static int wrong(const char *format, const char *word)
{
	complain(format, word);
	fputs(usage, stderr);
	return EXIT_USAGE;
}

/* The words that name a service go to lbctl as they are. */
static void add_service(struct options *options, const char *option,
			const char *value)
{
	if (options->nr_service + 2 > SERVICE_WORDS_MAX)
		return;
	options->service[options->nr_service++] = option;
	if (value)
		options->service[options->nr_service++] = value;
}

static void read_option(struct options *options, int letter)
{
	if (letter >= 256)
		*((bool *)options + letter - 256) = true;
	else if (letter == 'j')
		options->json = true;
	else if (letter == 'p')
		options->pretty = true;
	else if (letter == 'N')
		options->netns = optarg;
	else if (letter == OPT_SCTP)
		add_service(options, "--sctp-service", optarg);
	else if (letter == OPT_VRF)
		add_service(options, "--vrf", optarg);
	else if (letter == OPT_TUN)
		options->tun_text = optarg;
	else
		add_service(options, letter == 't' ? "-t" : letter == 'u' ?
			    "-u" : letter == 'f' ? "-f" : "-6",
			    letter == '6' ? NULL : optarg);
}

static int read_vip(struct options *options, const char *word)
{
	size_t length = strlen(word);
	char text[ADDR_TEXT];

	if (options->nr_vips == VIPS_MAX)
		return wrong("more than 64 VIPs", NULL);
	/* IPv6 may be in brackets, as in the name of a service. */
	if (*word == '[' && word[length - 1] == ']' && strchr(word, ':'))
		snprintf(text, sizeof(text), "%.*s", (int)length - 2, word + 1);
	else
		snprintf(text, sizeof(text), "%s", word);
	if (!addr_parse(text, &options->vips[options->nr_vips++]))
		return wrong("invalid VIP '%s': must be an IPv4 or IPv6 address",
			     word);
	return EXIT_DONE;
}

static int read_tun(struct options *options)
{
	const char *text = options->tun_text;
	size_t length = strcspn(text, ":");
	bool gue = !strncmp(text, "gue:", 4);
	char *end = NULL;

	if (length < sizeof(options->tun))
		memcpy(options->tun, text, length);
	if (gue)
		options->tun_port = strtol(text + 4, &end, 10);
	if ((!strcmp(text, "ipip") || !strcmp(text, "gre")) ||
	    (gue && text[4] >= '1' && text[4] <= '9' && strlen(text) <= 9 && !*end &&
	     options->tun_port <= 65535))
		return EXIT_DONE;
	return wrong("invalid tunnel '%s': must be ipip, gre or gue:PORT", text);
}

static int check_options(struct options *options)
{
	if (options->tun_text && (!options->setup || options->undo))
		return wrong("--tun requires setup-realserver without --undo", NULL);
	if (options->tun_text && read_tun(options))
		return EXIT_USAGE;
	if (options->setup && (options->realserver || options->nr_service ||
			       options->json || options->pretty ||
			       options->verbose))
		return wrong("setup-realserver takes only VIPs, --tun, --undo, --dry-run and -N",
			     NULL);
	if (!options->setup && (options->undo || options->dry_run))
		return wrong("--undo and --dry-run require setup-realserver",
			     NULL);
	if (options->realserver && options->nr_service)
		return wrong("--realserver takes VIPs, not services", NULL);
	if ((options->setup || options->realserver) && !options->nr_vips)
		return wrong("a VIP is required", NULL);
	if (!options->setup && !options->realserver && options->nr_vips)
		return wrong("VIPs require --realserver", NULL);
	return EXIT_DONE;
}

/**
 * options_read() - read the command line
 * @argc: of main()
 * @argv: of main()
 * @options: gets it
 *
 * Return: EXIT_DONE, EXIT_USAGE after a message, -1 if help was printed.
 */
int options_read(int argc, char **argv, struct options *options)
{
	int status = EXIT_DONE;
	int letter;
	int i;

	memset(options, 0, sizeof(*options));
	optind = 0;
	while ((letter = getopt_long(argc, argv, "jpN:t:u:f:6hV", longs,
				     NULL)) >= 0) {
		if (letter == 'h') {
			fputs(usage, stdout);
			fputs(help, stdout);
			return -1;
		}
		if (letter == 'V') {
			puts("lbdr-doctor " LBDR_VERSION);
			return -1;
		}
		if (letter == '?') {
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
		read_option(options, letter);
	}
	for (i = optind; i < argc && !status; i++) {
		if (i == optind && !strcmp(argv[i], "setup-realserver"))
			options->setup = true;
		else if (i > optind || strcmp(argv[i], "doctor"))
			status = read_vip(options, argv[i]);
	}
	return status ? status : check_options(options);
}
