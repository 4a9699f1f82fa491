// SPDX-License-Identifier: GPL-2.0
/*
 * The tunnel to a server: its options, netlink attributes, words and JSON members.
 * The other settings of a server are in setting.c.
 *
 * ipvsadm's letters give the whole tunnel: without -i the server has none. Commands
 * by their names change what they name. --tun selects the type, and the module sets
 * what is absent to its default when the type changes.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

/* What --tun-source takes for the default. */
#define SOURCE_ROUTE "route"

static bool has_checksum(const struct tunnel *tunnel)
{
	return tunnel->type == LBDR_TUNNEL_GRE || tunnel->type == LBDR_TUNNEL_GUE;
}

static int read_port(const char *text, struct tunnel *tunnel)
{
	__u32 number;

	if (parse_number("tunnel port", text, 1, 65535, &number))
		return -1;
	tunnel->port = number;
	return 0;
}

/* TYPE or TYPE:PORT. */
static int read_type(const char *text, struct tunnel *tunnel)
{
	size_t length = strcspn(text, ":");
	char word[8];

	snprintf(word, sizeof(word), "%.*s", (int)length, text);
	/* Direct routing, as in JSON and messages. */
	if (!strcmp(word, "dr"))
		strcpy(word, choice_word(&tunnel_choice, LBDR_TUNNEL_NONE));
	if (length >= sizeof(word) || choice_parse(&tunnel_choice, word, &tunnel->type))
		return fault("invalid tunnel '%s': must be ipip, gre, gue:PORT, or none",
			     text);
	if (!text[length])
		return 0;
	if (tunnel->type != LBDR_TUNNEL_GUE)
		return fault("invalid tunnel '%s': only gue has a port", text);
	return read_port(text + length + 1, tunnel);
}

/* By ipvsadm's options. */
static int read_letters(struct tunnel_args *args, bool letters)
{
	struct tunnel *tunnel = &args->tunnel;

	if (args->type_text && !args->ipip)
		return fault("-i is required with --tun-type");
	args->given = args->ipip || letters;
	if (!args->ipip)
		return 0;
	tunnel->type = LBDR_TUNNEL_IPIP;
	if (args->type_text && (choice_parse(&tunnel_choice, args->type_text, &tunnel->type) ||
				tunnel->type == LBDR_TUNNEL_NONE))
		return fault("invalid tunnel type '%s': must be ipip, gre or gue",
			     args->type_text);
	return 0;
}

/* An address; an IPv6 address may be in brackets. */
static bool read_address(char *text, struct endpoint *at)
{
	size_t length = strlen(text);

	if (*text == '[' && text[length - 1] == ']') {
		text[length - 1] = '\0';
		text++;
	}
	at->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(at->family, text, at->address) == 1;
}

static int read_source(struct tunnel_args *args)
{
	const char *text = args->source_text ? args->source_text :
			   args->source_prefix_text;
	struct tunnel *tunnel = &args->tunnel;
	struct endpoint *source = &tunnel->source;
	char copy[INET6_ADDRSTRLEN + 8];
	const char *length;
	unsigned int bit;
	__u32 prefix;

	if (!text)
		return 0;
	if (args->source_text && args->source_prefix_text)
		return fault("--tun-source and --tun-source-prefix exclude each other");
	if (args->source_text && !strcmp(text, SOURCE_ROUTE))
		return 0;
	length = strchr(text, '/');
	if (args->source_prefix_text && !length)
		return fault("invalid tunnel source prefix '%s': must be as 192.0.2.0/24",
			     text);
	snprintf(copy, sizeof(copy), "%.*s",
		 args->source_text ? (int)sizeof(copy) : (int)(length - text), text);
	if (!read_address(copy, source))
		return fault("invalid tunnel source '%s': neither an IPv4 nor an IPv6 address",
			     text);
	tunnel->source_prefix = family_bits(source->family);
	if (args->source_text)
		return 0;
	if (parse_number("prefix length", length + 1, 1, tunnel->source_prefix, &prefix))
		return -1;
	for (bit = prefix; bit < tunnel->source_prefix; bit++) {
		if (source->address[bit / 8] & 128 >> bit % 8)
			return fault("invalid tunnel source prefix '%s': host bits must be 0",
				     text);
	}
	tunnel->source_prefix = prefix;
	return 0;
}

static int read_options(struct tunnel_args *args)
{
	struct tunnel *tunnel = &args->tunnel;
	__u32 ttl = 0;

	if (args->port_text && read_port(args->port_text, tunnel))
		return -1;
	if (args->csum && args->no_csum)
		return fault("--tun-csum and --tun-nocsum exclude each other");
	if (args->csum)
		tunnel->flags |= LBDR_TUNNEL_FLAG_CSUM;
	if (args->ttl_text && strcmp(args->ttl_text, "copy") &&
	    parse_number("tunnel TTL", args->ttl_text, 1, 255, &ttl))
		return fault("invalid tunnel TTL '%s': must be copy, or 1 to 255",
			     args->ttl_text);
	tunnel->ttl = ttl;
	if (args->df_text && choice_parse(&tunnel_df_choice, args->df_text, &tunnel->df))
		return -1;
	return read_source(args);
}

/* What there is not without a tunnel, or with one of another type. */
static int check_type(const struct tunnel_args *args, bool whole)
{
	const struct tunnel *tunnel = &args->tunnel;
	const char *word = choice_word(&tunnel_choice, tunnel->type);
	bool other = args->ttl_text || args->df_text || args->source_text ||
		     args->source_prefix_text;
	bool csum = args->csum || args->no_csum;

	if (tunnel->type == LBDR_TUNNEL_NONE && (tunnel->port || csum || other))
		return fault("a tunnel is required with the options of tunnels: --tun, or -i");
	if (args->port_text && tunnel->type != LBDR_TUNNEL_GUE)
		return fault("--tun-port not supported with %s: only gue has a port",
			     word);
	if (csum && !has_checksum(tunnel))
		return fault("%s not supported with %s: only gre and gue have a checksum",
			     args->csum ? "--tun-csum" : "--tun-nocsum", word);
	if (whole && tunnel->type == LBDR_TUNNEL_GUE && !tunnel->port)
		return fault("a port is required with gue: --tun gue:PORT");
	return 0;
}

/**
 * tunnel_read() - read the texts of a server's tunnel
 * @args: what the command line says
 * @direct: it says -g
 * @letters: by ipvsadm's letters, which give the whole tunnel
 * @adds: the server is added, so that what is not given is the default
 *
 * Return: 0; -1 for wrong usage, and then fault_text() tells more.
 */
int tunnel_read(struct tunnel_args *args, bool direct, bool letters, bool adds)
{
	if (!!args->text + args->ipip + direct > 1)
		return fault("-g, -i and --tun exclude each other");
	if (args->text && (args->type_text || args->port_text))
		return fault("--tun-type and --tun-port not supported with --tun: write gue:PORT");
	if (args->text ? read_type(args->text, &args->tunnel) :
			 read_letters(args, letters))
		return -1;
	args->given = args->given || args->text || direct || adds;
	if (read_options(args))
		return -1;
	return args->given ? check_type(args, adds || letters) : 0;
}

/**
 * tunnel_check() - compare a tunnel's source with the server
 * @args: what the command line says
 * @server: the server's address
 *
 * Return: 0; -1 for wrong usage.
 */
int tunnel_check(const struct tunnel_args *args, const struct endpoint *server)
{
	int family = args->tunnel.source.family;

	if (!family || family == server->family)
		return 0;
	return fault("invalid tunnel source '%s': must be IPv%d, as the server",
		     args->source_text ? args->source_text : args->source_prefix_text,
		     server->family == AF_INET ? 4 : 6);
}

static void put_source(struct nlmsghdr *nlh, const struct tunnel *tunnel,
		       const struct endpoint *server)
{
	struct endpoint none = { .family = server->family };

	/* The address 0 is the default. */
	nl_put_address(nlh, LBDR_A_SERVER_TUNNEL_SOURCE,
		       tunnel->source.family ? &tunnel->source : &none);
	mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX,
			tunnel->source_prefix ? tunnel->source_prefix :
						family_bits(server->family));
}

/**
 * tunnel_put() - put a server's tunnel into a message
 * @nlh: the message
 * @args: what the command line says
 * @server: the server's address
 * @letters: by ipvsadm's letters
 * @adds: the message adds the server
 *
 * What is not given is not put, so it is unchanged or the default.
 */
void tunnel_put(struct nlmsghdr *nlh, const struct tunnel_args *args,
		const struct endpoint *server, bool letters, bool adds)
{
	const struct tunnel *tunnel = &args->tunnel;
	bool whole = letters && has_checksum(tunnel);

	if (args->given && !(adds && tunnel->type == LBDR_TUNNEL_NONE))
		mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL, tunnel->type);
	if (tunnel->port)
		mnl_attr_put_u16(nlh, LBDR_A_SERVER_TUNNEL_PORT, htons(tunnel->port));
	if (args->csum || args->no_csum || whole) {
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_TUNNEL_FLAGS, tunnel->flags);
		mnl_attr_put_u32(nlh, LBDR_A_SERVER_TUNNEL_FLAGS_MASK,
				 LBDR_TUNNEL_FLAG_CSUM);
	}
	if (args->ttl_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_TTL, tunnel->ttl);
	if (args->df_text)
		mnl_attr_put_u8(nlh, LBDR_A_SERVER_TUNNEL_DF, tunnel->df);
	if (args->source_text || args->source_prefix_text)
		put_source(nlh, tunnel, server);
}

static bool is_zero(const struct endpoint *at)
{
	static const __u8 zero[sizeof(at->address)];

	return !memcmp(at->address, zero, sizeof(zero));
}

/**
 * tunnel_decode() - read port and source of a server's tunnel from attributes
 * @attrs: the attributes by type, of the right sizes
 * @server: the server, with its address and the tunnel's numbers
 *
 * Return: false if they make no sense.
 */
bool tunnel_decode(const struct nlattr **attrs, struct server *server)
{
	const struct nlattr *port = attrs[LBDR_A_SERVER_TUNNEL_PORT];
	const struct nlattr *source = attrs[LBDR_A_SERVER_TUNNEL_SOURCE];
	const struct nlattr *prefix = attrs[LBDR_A_SERVER_TUNNEL_SOURCE_PREFIX];
	struct tunnel *tunnel = &server->tunnel;
	size_t size = family_bits(server->at.family) / 8;

	if (tunnel->type == LBDR_TUNNEL_NONE) {
		memset(tunnel, 0, sizeof(*tunnel));
		return server->at.family == server->service.at.family;
	}
	tunnel->port = port ? ntohs(mnl_attr_get_u16(port)) : 0;
	if (!source)
		return true;
	if (mnl_attr_get_payload_len(source) != size)
		return false;
	memcpy(tunnel->source.address, mnl_attr_get_payload(source), size);
	if (is_zero(&tunnel->source))
		return true;
	tunnel->source.family = server->at.family;
	tunnel->source_prefix = prefix ? mnl_attr_get_u8(prefix) : 0;
	if (!tunnel->source_prefix || tunnel->source_prefix > 8 * size)
		tunnel->source_prefix = 8 * size;
	return true;
}

/**
 * tunnel_equal() - compare two tunnels
 * @a: one tunnel
 * @b: the other
 *
 * Return: true if they are the same.
 */
bool tunnel_equal(const struct tunnel *a, const struct tunnel *b)
{
	return a->type == b->type && a->port == b->port && a->flags == b->flags &&
	       a->ttl == b->ttl && a->df == b->df &&
	       a->source_prefix == b->source_prefix &&
	       a->source.family == b->source.family &&
	       !memcmp(a->source.address, b->source.address, sizeof(a->source.address));
}

/* In the form that --tun-source or --tun-source-prefix takes. */
static const char *source_text(const struct tunnel *tunnel, char *text)
{
	size_t used;

	if (!tunnel->source.family)
		return strcpy(text, SOURCE_ROUTE);
	address_text(&tunnel->source, text);
	used = strlen(text);
	if (tunnel->source_prefix != family_bits(tunnel->source.family))
		snprintf(text + used, ENDPOINT_TEXT - used, "/%u", tunnel->source_prefix);
	return text;
}

/* The options that ipvsadm does not have, as far as they differ from @is. */
static void save_own(FILE *out, const struct tunnel *is, const struct tunnel *want)
{
	char before[ENDPOINT_TEXT];
	char text[ENDPOINT_TEXT];

	if (want->ttl != is->ttl && want->ttl)
		fprintf(out, " --tun-ttl %u", want->ttl);
	else if (want->ttl != is->ttl)
		fputs(" --tun-ttl copy", out);
	if (want->df != is->df)
		fprintf(out, " --tun-df %s", choice_word(&tunnel_df_choice, want->df));
	if (strcmp(source_text(is, before), source_text(want, text)))
		fprintf(out, " --tun-source%s %s", strchr(text, '/') ? "-prefix" : "",
			text);
}

/**
 * tunnel_save() - write ipvsadm's options of a tunnel
 * @out: where to
 * @is: the tunnel as it is, or NULL for a server that is added
 * @tunnel: the tunnel as it is wanted
 * @ipvsadm: without the options that ipvsadm does not have
 */
void tunnel_save(FILE *out, const struct tunnel *is, const struct tunnel *tunnel,
		 bool ipvsadm)
{
	static const struct tunnel usual;

	if (tunnel->type == LBDR_TUNNEL_NONE)
		return;
	fprintf(out, " --tun-type %s", choice_word(&tunnel_choice, tunnel->type));
	if (tunnel->type == LBDR_TUNNEL_GUE)
		fprintf(out, " --tun-port %u", tunnel->port);
	if (has_checksum(tunnel))
		fprintf(out, " --tun-%scsum",
			tunnel->flags & LBDR_TUNNEL_FLAG_CSUM ? "" : "no");
	if (!ipvsadm)
		save_own(out, is && is->type == tunnel->type ? is : &usual, tunnel);
}

/**
 * tunnel_change() - write the options that change a server's tunnel
 * @out: where to
 * @is: the tunnel as it is
 * @want: the tunnel as it is wanted
 */
void tunnel_change(FILE *out, const struct tunnel *is, const struct tunnel *want)
{
	static const struct tunnel usual;
	char text[TUNNEL_TEXT];

	if (is->type != want->type || is->port != want->port)
		fprintf(out, " --tun %s", tunnel_text(want, text));
	/* Another type begins with the defaults. */
	if (is->type != want->type)
		is = &usual;
	if ((is->flags ^ want->flags) & LBDR_TUNNEL_FLAG_CSUM)
		fprintf(out, " --tun-%scsum",
			want->flags & LBDR_TUNNEL_FLAG_CSUM ? "" : "no");
	save_own(out, is, want);
}

/**
 * tunnel_text() - type and port of a tunnel, in the form that --tun takes
 * @tunnel: the tunnel
 * @text: of TUNNEL_TEXT bytes
 *
 * Return: @text.
 */
const char *tunnel_text(const struct tunnel *tunnel, char *text)
{
	if (tunnel->type == LBDR_TUNNEL_GUE)
		snprintf(text, TUNNEL_TEXT, "%s:%u", choice_word(&tunnel_choice, tunnel->type),
			 tunnel->port);
	else
		snprintf(text, TUNNEL_TEXT, "%s", choice_word(&tunnel_choice, tunnel->type));
	return text;
}

/**
 * tunnel_column() - a tunnel in the column of list --tun-info, as ipvsadm has it
 * @tunnel: the tunnel
 * @text: of TUNNEL_TEXT bytes
 *
 * Return: @text.
 */
const char *tunnel_column(const struct tunnel *tunnel, char *text)
{
	size_t used;

	if (tunnel->type == LBDR_TUNNEL_NONE)
		return strcpy(text, "n/a");
	used = strlen(tunnel_text(tunnel, text));
	if (has_checksum(tunnel))
		snprintf(text + used, TUNNEL_TEXT - used, ":%sc",
			 tunnel->flags & LBDR_TUNNEL_FLAG_CSUM ? "+" : "-");
	return text;
}

/**
 * tunnel_print() - print a server's tunnel as words
 * @tunnel: the tunnel
 */
void tunnel_print(const struct tunnel *tunnel)
{
	char text[ENDPOINT_TEXT];

	if (tunnel->type == LBDR_TUNNEL_NONE)
		return;
	printf(" tunnel %s", tunnel_text(tunnel, text));
	if (tunnel->flags & LBDR_TUNNEL_FLAG_CSUM)
		printf(" csum");
	if (tunnel->ttl)
		printf(" ttl %u", tunnel->ttl);
	if (tunnel->df)
		printf(" df %s", choice_word(&tunnel_df_choice, tunnel->df));
	if (tunnel->source.family)
		printf(" source %s", source_text(tunnel, text));
}

/**
 * tunnel_json() - a server's tunnel as JSON
 * @tunnel: the tunnel
 *
 * Return: an object, or null without a tunnel.
 */
json_t *tunnel_json(const struct tunnel *tunnel)
{
	bool source = tunnel->source.family;
	char text[ENDPOINT_TEXT];

	if (tunnel->type == LBDR_TUNNEL_NONE)
		return json_null();
	return json_pack("{s:s, s:o, s:b, s:o, s:s, s:s?, s:o}",
			 "type", choice_word(&tunnel_choice, tunnel->type),
			 "port", number_json(tunnel->port, tunnel->port),
			 "checksum", !!(tunnel->flags & LBDR_TUNNEL_FLAG_CSUM),
			 "ttl", number_json(tunnel->ttl, tunnel->ttl),
			 "df", choice_word(&tunnel_df_choice, tunnel->df),
			 "source", source ? address_text(&tunnel->source, text) : NULL,
			 "source_prefix", number_json(tunnel->source_prefix, source));
}
