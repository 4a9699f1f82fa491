// SPDX-License-Identifier: GPL-2.0
/*
 * The host as ip(8) lists it in JSON: devices with their addresses, neighbours,
 * default routes, and the routes to servers; settings of drivers; and net.ipv4.conf. Each
 * list is read once, so that all checks see one state.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../ethtool.h"
#include "doctor.h"

bool addr_parse(const char *text, struct addr *at)
{
	memset(at, 0, sizeof(*at));
	at->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(at->family, text, at->bytes) == 1)
		return true;
	at->family = 0;
	return false;
}

const char *addr_text(const struct addr *at, char *text)
{
	if (!at->family || !inet_ntop(at->family, at->bytes, text, ADDR_TEXT))
		*text = '\0';
	return text;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_same(const struct addr *a, const struct addr *b)
{
	return !addr_compare(a, b);
}

__u8 addr_bits(const struct addr *at)
{
	return at->family == AF_INET ? 32 : 128;
}

bool addr_in(const struct addr *at, const struct addr *net, unsigned int prefix)
{
	size_t bytes = prefix / 8;
	__u8 mask = ~(0xff >> prefix % 8);

	if (at->family != net->family || prefix > addr_bits(at) ||
	    memcmp(at->bytes, net->bytes, bytes))
		return false;
	return !mask || !((at->bytes[bytes] ^ net->bytes[bytes]) & mask);
}

const char *mac_text(const __u8 *mac, char *text)
{
	snprintf(text, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	return text;
}

static bool parse_mac(const char *text, __u8 *mac)
{
	struct ether_addr address;

	if (!ether_aton_r(text, &address))
		return false;
	memcpy(mac, &address, ETH_ALEN);
	return true;
}

static bool has_word(const json_t *object, const char *key, const char *word)
{
	const json_t *list = json_object_get(object, key);
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		if (json_is_string(item) &&
		    !strcmp(json_string_value(item), word))
			return true;
	}
	return false;
}

static void parse_link(struct host *host, const json_t *object)
{
	const json_t *info = json_object_get(object, "linkinfo");
	const json_t *data = json_object_get(info, "info_data");
	struct link *link;

	host->links = grow(host->links, &host->room_links, host->nr_links,
			   sizeof(*link));
	link = &host->links[host->nr_links++];
	memset(link, 0, sizeof(*link));
	link->ifindex = number_of(object, "ifindex");
	link->mtu = number_of(object, "mtu");
	link->up = has_word(object, "flags", "UP");
	link->carrier = has_word(object, "flags", "LOWER_UP");
	link->loopback = has_word(object, "flags", "LOOPBACK");
	link->ethernet = !strcmp(word_of(object, "link_type"), "ether") &&
			 !has_word(object, "flags", "NOARP") &&
			 parse_mac(word_of(object, "address"), link->mac);
	snprintf(link->name, IFNAMSIZ, "%s", word_of(object, "ifname"));
	snprintf(link->master, IFNAMSIZ, "%s", word_of(object, "master"));
	snprintf(link->lower, IFNAMSIZ, "%s", word_of(object, "link"));
	snprintf(link->kind, IFNAMSIZ, "%s", word_of(info, "info_kind"));
	link->nf_call[0] = number_of(data, "nf_call_iptables");
	link->nf_call[1] = number_of(data, "nf_call_ip6tables");
}

static void parse_address(struct host *host, const struct link *link,
			  const json_t *object)
{
	struct address *address;
	struct addr at;

	if (!addr_parse(word_of(object, "local"), &at))
		return;
	host->addresses = grow(host->addresses, &host->room_addresses,
			       host->nr_addresses, sizeof(*address));
	address = &host->addresses[host->nr_addresses++];
	address->link = link;
	address->at = at;
	address->prefix = number_of(object, "prefixlen");
	address->tentative = json_object_get(object, "tentative");
	address->dad_failed = json_object_get(object, "dadfailed");
	address->secondary = json_object_get(object, "secondary");
}

/* The list of "ip -d addr". */
void host_parse_links(struct host *host, const json_t *list)
{
	const json_t *object, *item;
	const struct link *master;
	size_t i, j;

	json_array_foreach(list, i, object) {
		if (*word_of(object, "ifname"))
			parse_link(host, object);
	}
	/* Only a VRF leaves packets to its devices. */
	for (i = 0; i < host->nr_links; i++) {
		master = host_link_named(host, host->links[i].master);
		host->links[i].port = *host->links[i].master &&
				      (!master || strcmp(master->kind, "vrf"));
	}
	json_array_foreach(list, i, object) {
		const struct link *link =
			host_link(host, number_of(object, "ifindex"));

		json_array_foreach(json_object_get(object, "addr_info"), j, item)
			if (link)
				parse_address(host, link, item);
	}
}

static void parse_neighbour(struct host *host, const json_t *object)
{
	const struct link *link = host_link_named(host, word_of(object, "dev"));
	const json_t *state = json_object_get(object, "state");
	struct neighbour *neighbour;
	struct addr at;

	if (!link || !addr_parse(word_of(object, "dst"), &at))
		return;
	host->neighbours = grow(host->neighbours, &host->room_neighbours,
				host->nr_neighbours, sizeof(*neighbour));
	neighbour = &host->neighbours[host->nr_neighbours++];
	memset(neighbour, 0, sizeof(*neighbour));
	neighbour->ifindex = link->ifindex;
	neighbour->at = at;
	neighbour->proxy = json_object_get(object, "proxy");
	neighbour->valid = parse_mac(word_of(object, "lladdr"),
				     neighbour->mac) &&
			   !has_word(object, "state", "FAILED") &&
			   !has_word(object, "state", "INCOMPLETE");
	neighbour->permanent = has_word(object, "state", "PERMANENT") ||
			       has_word(object, "state", "NOARP");
	neighbour->confirmed_s = number_of(object, "confirmed");
	state = json_array_get(state, 0);
	snprintf(neighbour->state, sizeof(neighbour->state), "%s",
		 state ? json_string_value(state) : "NONE");
}

/* The list of "ip -s neigh", and that of "ip neigh show proxy". */
void host_parse_neighbours(struct host *host, const json_t *list)
{
	const json_t *object;
	size_t i;

	json_array_foreach(list, i, object)
		parse_neighbour(host, object);
}

static void add_exit(struct host *host, const char *name)
{
	const struct link *link = host_link_named(host, name);

	if (!link)
		return;
	host->exits = grow(host->exits, &host->room_exits, host->nr_exits,
			   sizeof(*host->exits));
	host->exits[host->nr_exits++] = link->ifindex;
}

/* The list of "ip -4 route show default table all". */
void host_parse_exits(struct host *host, const json_t *list)
{
	const json_t *object, *hop;
	size_t i, j;

	json_array_foreach(list, i, object) {
		add_exit(host, word_of(object, "dev"));
		json_array_foreach(json_object_get(object, "nexthops"), j, hop)
			add_exit(host, word_of(hop, "dev"));
	}
}

/* The list of one "ip route get". */
void host_parse_route(struct host *host, const json_t *list)
{
	const json_t *object = json_array_get(list, 0);
	const char *type = word_of(object, "type");
	const json_t *metrics;
	struct route *route;
	struct addr at;

	if (!addr_parse(word_of(object, "dst"), &at) ||
	    (*type && strcmp(type, "local") && strcmp(type, "unicast")))
		return;
	host->routes = grow(host->routes, &host->room_routes, host->nr_routes,
			    sizeof(*route));
	route = &host->routes[host->nr_routes++];
	memset(route, 0, sizeof(*route));
	route->at = at;
	route->local = !strcmp(type, "local");
	route->link = host_link_named(host, word_of(object, "dev"));
	/* An IPv4 route by an IPv6 router has "via". */
	if (!addr_parse(word_of(object, "gateway"), &route->via))
		addr_parse(word_of(json_object_get(object, "via"), "host"),
			   &route->via);
	addr_parse(word_of(object, "prefsrc"), &route->source);
	metrics = json_array_get(json_object_get(object, "metrics"), 0);
	route->mtu = number_of(metrics, "mtu");
}

static int read_list(struct host *host, const char *line,
		     void (*parse)(struct host *host, const json_t *list))
{
	const char *words[RUN_WORDS_MAX];
	char text[128];
	json_t *list;
	int status;

	snprintf(text, sizeof(text), "%s", line);
	run_split(text, words);
	status = run_json(words, &list);
	if (status == RUN_NOT_FOUND)
		complain("ip not found: install iproute2");
	else if (status)
		complain("'%s' failed", line);
	else
		parse(host, list);
	json_decref(list);
	return status ? EXIT_REFUSED : EXIT_DONE;
}

/**
 * host_read() - read devices, addresses, neighbours and default routes
 * @host: to be dropped by the caller, also after an error
 *
 * Return: the exit status; the error was reported.
 */
int host_read(struct host *host)
{
	static const struct {
		const char *command;
		void (*parse)(struct host *host, const json_t *list);
	} lists[] = {
		{ "ip -d -j addr show", host_parse_links },
		{ "ip -s -j neigh show nud all", host_parse_neighbours },
		{ "ip -4 -j neigh show proxy", host_parse_neighbours },
		{ "ip -6 -j neigh show proxy", host_parse_neighbours },
		{ "ip -4 -j route show default table all", host_parse_exits },
	};
	int status = EXIT_DONE;
	size_t i;

	memset(host, 0, sizeof(*host));
	for (i = 0; !status && i < ARRAY_SIZE(lists); i++)
		status = read_list(host, lists[i].command, lists[i].parse);
	return status;
}

/**
 * host_read_routes() - have ip look up the routes to addresses, all at once
 * @host: read by host_read()
 * @to: the addresses; one without a route has none in @host afterwards
 * @count: of them
 */
void host_read_routes(struct host *host, const struct addr *to, size_t count)
{
	static const char *const words[] = {
		"ip", "-j", "-force", "-batch", "-", NULL,
	};
	char *input = NULL, *text, *next;
	char at[ADDR_TEXT];
	json_error_t error;
	size_t size, i;
	json_t *list;
	int status;
	FILE *file;

	if (!count)
		return;
	file = or_exit(open_memstream(&input, &size));
	for (i = 0; i < count; i++)
		fprintf(file, "route get %s\n", addr_text(&to[i], at));
	stream_end(file);
	/* The status is that of addresses without a route. */
	text = run_command(words, input, &status);
	next = text;
	while (next && (list = json_loads(next, JSON_DISABLE_EOF_CHECK,
					  &error))) {
		host_parse_route(host, list);
		json_decref(list);
		next += error.position;
	}
	free(text);
	free(input);
}

void host_drop(struct host *host)
{
	free(host->links);
	free(host->addresses);
	free(host->neighbours);
	free(host->routes);
	free(host->exits);
	memset(host, 0, sizeof(*host));
}

const struct link *host_link(const struct host *host, __u32 ifindex)
{
	size_t i;

	for (i = 0; ifindex && i < host->nr_links; i++) {
		if (host->links[i].ifindex == ifindex)
			return &host->links[i];
	}
	return NULL;
}

const struct link *host_link_named(const struct host *host, const char *name)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (!strcmp(host->links[i].name, name))
			return &host->links[i];
	}
	return NULL;
}

/* A device with a segment behind it, on which MACs are resolved. */
bool link_is_nic(const struct link *link)
{
	return link->ethernet && !link->port && !link->loopback &&
	       strcmp(link->kind, "dummy");
}

bool addr_is_link_local(const struct addr *at)
{
	return at->family == AF_INET6 &&
	       IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)at->bytes);
}

/* An address of a NIC that other networks can send to. */
bool address_is_usable(const struct address *address, int family)
{
	return address->at.family == family && link_is_nic(address->link) &&
	       !addr_is_link_local(&address->at);
}

/* The MTU to a destination: of the route, unless the device's is smaller. */
__u32 route_mtu(const struct route *route, const struct link *link)
{
	return route && route->mtu && route->mtu < link->mtu ? route->mtu : link->mtu;
}

/* The next place that the address is configured at, after @after. */
const struct address *host_address(const struct host *host,
				   const struct addr *at,
				   const struct address *after)
{
	const struct address *end = host->addresses + host->nr_addresses;
	const struct address *address = after ? after + 1 : host->addresses;

	for (; address < end; address++) {
		if (addr_same(&address->at, at))
			return address;
	}
	return NULL;
}

const struct neighbour *host_neighbour(const struct host *host, __u32 ifindex,
				       const struct addr *at)
{
	const struct neighbour *neigh;

	for (neigh = host->neighbours;
	     neigh < host->neighbours + host->nr_neighbours; neigh++) {
		if (neigh->ifindex == ifindex && !neigh->proxy &&
		    addr_same(&neigh->at, at))
			return neigh;
	}
	return NULL;
}

const struct route *host_route(const struct host *host, const struct addr *at)
{
	size_t i;

	for (i = 0; i < host->nr_routes; i++) {
		if (addr_same(&host->routes[i].at, at))
			return &host->routes[i];
	}
	return NULL;
}

/* The NIC, up or down, that has an address of the network of @at. */
const struct link *host_segment(const struct host *host, const struct addr *at)
{
	const struct address *address;

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		if (link_is_nic(address->link) &&
		    address->prefix < addr_bits(&address->at) &&
		    addr_in(at, &address->at, address->prefix))
			return address->link;
	}
	return NULL;
}

/*
 * The NIC without a link that may be why @at is not reachable: that of its network,
 * or any one with addresses, as IPv6 addresses do not survive "down".
 */
const struct link *host_down(const struct host *host, const struct addr *at)
{
	const struct link *link = host_segment(host, at);
	size_t i;

	for (i = 0; !link && i < host->nr_addresses; i++) {
		link = host->addresses[i].link;
		if (!link_is_nic(link) || (link->up && link->carrier))
			link = NULL;
	}
	return link && !(link->up && link->carrier) ? link : NULL;
}

struct ethtool_calls ethtool_calls = { ethtool_number, ethtool_strips_tags };

long link_setting(const char *device, __u32 command)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	long number = fd >= 0 ? ethtool_calls.number(fd, device, command) : -1;

	if (fd >= 0)
		close(fd);
	return number;
}

bool link_strips_tags(const char *device)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool strips = fd >= 0 && ethtool_calls.strips_tags(fd, device);

	if (fd >= 0)
		close(fd);
	return strips;
}

/* As sysctl(8) takes it: with slashes if the name of the device has a dot. */
const char *conf_name(const char *dev, const char *name, char *text)
{
	snprintf(text, CONF_NAME, strchr(dev, '.') ? "net/ipv4/conf/%s/%s" :
						     "net.ipv4.conf.%s.%s",
		 dev, name);
	return text;
}

/* Returns 0 for a setting that cannot be read, the kernel's default. */
long conf_read(const char *dev, const char *name)
{
	char path[128];
	long value = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", dev,
		 name);
	root_number(path, &value);
	return value;
}

/**
 * conf_max() - read a setting whose greater value of "all" and device applies
 * @dev: the device
 * @name: the setting
 * @whose: gets "all" or @dev, whose value applies; may be NULL
 *
 * Return: the value.
 */
long conf_max(const char *dev, const char *name, const char **whose)
{
	long all = conf_read("all", name);
	long own = conf_read(dev, name);

	if (whose)
		*whose = own > all ? dev : "all";
	return own > all ? own : all;
}
