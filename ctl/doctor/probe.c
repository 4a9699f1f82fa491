// SPDX-License-Identifier: GPL-2.0
/*
 * Asks segments which hosts have an address, by ARP requests and neighbour
 * solicitations that are built here: the kernel sends none for its own
 * addresses. Collects the answers of all hosts, not only the first one.
 *
 * The sender address of a question is an address of the device, never one that is
 * asked for, so that no neighbour table changes. Packet sockets do not receive
 * answers of this host; frames with one of its MACs are ignored.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>

#include "doctor.h"

/*
 * An address that was answered for is not asked for again. A proxy answers with
 * a delay, up to 0.8 seconds on Linux.
 */
#define ROUNDS 3
#define ROUND_MS 200
#define LISTEN_MS 1000
/* After this many questions the answers that wait are read. */
#define BURST 64

/* Sockets of both families, for all devices. */
enum {
	ARP,
	NDISC,
	SOCKETS,
};

struct solicitation {
	struct ip6_hdr ip;
	struct nd_neighbor_solicit ns;
	struct nd_opt_hdr option;
	__u8 mac[ETH_ALEN];
} __attr(packed);

static int compare_rows(const void *a, const void *b)
{
	const struct probe_row *first = a;
	const struct probe_row *second = b;

	if (first->ifindex != second->ifindex)
		return first->ifindex < second->ifindex ? -1 : 1;
	return addr_compare(&first->at, &second->at);
}

static int compare_answers(const void *a, const void *b)
{
	const struct probe_row *first = a;
	const struct probe_row *second = b;
	int order = compare_rows(a, b);

	return order ? order : memcmp(first->mac, second->mac, ETH_ALEN);
}

/* Add a question for the next probe_run(). */
void probe_add(struct probe *probe, __u32 ifindex, const struct addr *at)
{
	struct probe_row *row;

	probe->questions = grow(probe->questions, &probe->room_questions,
				probe->nr_questions, sizeof(*row));
	row = &probe->questions[probe->nr_questions++];
	memset(row, 0, sizeof(*row));
	row->ifindex = ifindex;
	row->at = *at;
}

void probe_add_answer(struct probe *probe, const struct probe_row *row)
{
	probe->answers = grow(probe->answers, &probe->room_answers,
			      probe->nr_answers, sizeof(*row));
	probe->answers[probe->nr_answers++] = *row;
}

void probe_drop(struct probe *probe)
{
	free(probe->questions);
	free(probe->answers);
	memset(probe, 0, sizeof(*probe));
}

/* The next answer for an address, after @after; one for each MAC. */
const struct probe_row *probe_answer(const struct probe *probe, __u32 ifindex,
				     const struct addr *at,
				     const struct probe_row *after)
{
	struct probe_row key = { .ifindex = ifindex, .at = *at };
	const struct probe_row *row = after ? after + 1 : NULL;

	if (!after && probe->nr_answers)
		row = bsearch(&key, probe->answers, probe->nr_answers,
			      sizeof(key), compare_rows);
	while (!after && row && row > probe->answers &&
	       !compare_rows(row - 1, &key))
		row--;
	return row && row < probe->answers + probe->nr_answers &&
	       !compare_rows(row, &key) ? row : NULL;
}

/* Sorts rows and removes duplicates; returns the new count. */
static size_t sort_unique(struct probe_row *rows, size_t count,
			  int (*compare)(const void *a, const void *b))
{
	size_t kept = 0;
	size_t i;

	if (count)
		qsort(rows, count, sizeof(*rows), compare);
	for (i = 0; i < count; i++) {
		if (!kept || compare(&rows[kept - 1], &rows[i]))
			rows[kept++] = rows[i];
	}
	return kept;
}

static struct probe_row *find_question(const struct probe *probe,
				       const struct probe_row *key)
{
	return bsearch(key, probe->questions, probe->nr_questions, sizeof(*key),
		       compare_rows);
}

/*
 * The sender is an address of the device that is not asked for. IPv4: preferably
 * not a /32, which may be a VIP. IPv6: preferably a link-local one. A question
 * without a sender is one of duplicate address detection, which is answered too.
 */
static const struct addr *choose_sender(const struct probe *probe,
					const struct host *host,
					const struct probe_row *question)
{
	const struct address *address, *best = NULL;
	struct probe_row key = { .ifindex = question->ifindex };

	for (address = host->addresses;
	     address < host->addresses + host->nr_addresses; address++) {
		key.at = address->at;
		if (address->link->ifindex != question->ifindex ||
		    key.at.family != question->at.family ||
		    address->tentative || address->dad_failed ||
		    find_question(probe, &key))
			continue;
		if (!best || (key.at.family == AF_INET ?
			      address->prefix < best->prefix :
			      IN6_IS_ADDR_LINKLOCAL((const struct in6_addr *)
						    key.at.bytes)))
			best = address;
	}
	return best ? &best->at : NULL;
}

/**
 * packet_socket() - open a socket that receives packets of all devices
 * @protocol: ETH_P_...
 * @filter: of its packets, or NULL
 *
 * Return: the socket, or -1 and errno.
 */
int packet_socket(__u16 protocol, const struct sock_fprog *filter)
{
	struct sockaddr_ll here = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);
	int error;

	/* Bound last, so that every packet was filtered. */
	if (fd < 0 ||
	    ((!filter || !setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter,
				     sizeof(*filter))) &&
	     !bind(fd, (struct sockaddr *)&here, sizeof(here))))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int open_socket(int family)
{
	/* Of IPv6 the socket receives only neighbour advertisements. */
	static struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
			 offsetof(struct ip6_hdr, ip6_nxt)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(struct ip6_hdr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	static const struct sock_fprog filter = { ARRAY_SIZE(code), code };

	return family == ARP ? packet_socket(ETH_P_ARP, NULL) :
			       packet_socket(ETH_P_IPV6, &filter);
}

static bool send_frame(int fd, __u32 ifindex, __u16 protocol, const __u8 *to,
		       const void *frame, size_t size)
{
	struct sockaddr_ll there = {
		.sll_family = AF_PACKET,
		.sll_ifindex = ifindex,
		.sll_protocol = htons(protocol),
		.sll_halen = ETH_ALEN,
	};

	memcpy(there.sll_addr, to, ETH_ALEN);
	return sendto(fd, frame, size, 0, (struct sockaddr *)&there,
		      sizeof(there)) >= 0;
}

static bool send_arp(int fd, const struct link *link, const struct addr *at,
		     const struct addr *sender)
{
	static const __u8 broadcast[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	struct ether_arp arp = {
		.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = 4,
			.ar_op = htons(ARPOP_REQUEST),
		},
	};

	memcpy(arp.arp_sha, link->mac, ETH_ALEN);
	if (sender)
		memcpy(arp.arp_spa, sender->bytes, 4);
	memcpy(arp.arp_tpa, at->bytes, 4);
	return send_frame(fd, link->ifindex, ETH_P_ARP, broadcast, &arp,
			  sizeof(arp));
}

/* The checksum of RFC 1071 over data and a partial sum, in host order. */
__u16 inet_checksum(const __u8 *data, size_t size, __u32 sum)
{
	size_t i;

	for (i = 0; i < size; i++)
		sum += i % 2 ? data[i] : data[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static bool send_ns(int fd, const struct link *link, const struct addr *at,
		    const struct addr *sender)
{
	__u8 group[ETH_ALEN] = { 0x33, 0x33, 0xff };
	struct solicitation frame = {
		.ip = {
			.ip6_flow = htonl(6U << 28),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = 255,
		},
		.ns.nd_ns_type = ND_NEIGHBOR_SOLICIT,
		.option = {
			.nd_opt_type = ND_OPT_SOURCE_LINKADDR,
			.nd_opt_len = 1,
		},
	};
	size_t size = sizeof(frame.ns);
	__u8 *to = frame.ip.ip6_dst.s6_addr;

	/* The solicited-node multicast group of the address. */
	memcpy(group + 3, at->bytes + 13, 3);
	memcpy(to, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff", 13);
	memcpy(to + 13, at->bytes + 13, 3);
	memcpy(&frame.ns.nd_ns_target, at->bytes, 16);
	if (sender) {
		memcpy(&frame.ip.ip6_src, sender->bytes, 16);
		memcpy(frame.mac, link->mac, ETH_ALEN);
		size += sizeof(frame.option) + ETH_ALEN;
	}
	frame.ip.ip6_plen = htons(size);
	/* The pseudo header: addresses of the frame, length and protocol. */
	frame.ns.nd_ns_cksum = htons(inet_checksum((__u8 *)&frame.ip.ip6_src,
						   32 + size,
						   size + IPPROTO_ICMPV6));
	return send_frame(fd, link->ifindex, ETH_P_IPV6, group, &frame,
			  sizeof(frame.ip) + size);
}

/**
 * probe_parse() - read an answer
 * @family: AF_INET for ARP, of which requests count too; AF_INET6 for neighbour
 *	advertisements
 * @frame: without the Ethernet header, from any host
 * @size: of it
 * @from: the MAC that sent it
 * @row: gets address and MAC
 *
 * Return: false if it is not an answer.
 */
bool probe_parse(int family, const __u8 *frame, size_t size, const __u8 *from,
		 struct probe_row *row)
{
	const size_t fixed = sizeof(struct ip6_hdr) +
			     sizeof(struct nd_neighbor_advert);
	const struct nd_opt_hdr *option;
	struct nd_neighbor_advert na;
	struct ether_arp arp;

	memset(&row->at, 0, sizeof(row->at));
	row->at.family = family;
	memcpy(row->mac, from, ETH_ALEN);
	if (family == AF_INET) {
		if (size < sizeof(arp))
			return false;
		memcpy(&arp, frame, sizeof(arp));
		memcpy(row->at.bytes, arp.arp_spa, 4);
		memcpy(row->mac, arp.arp_sha, ETH_ALEN);
		return arp.ea_hdr.ar_pro == htons(ETH_P_IP) &&
		       arp.ea_hdr.ar_hln == ETH_ALEN && arp.ea_hdr.ar_pln == 4;
	}
	if (size < fixed)
		return false;
	memcpy(&na, frame + sizeof(struct ip6_hdr), sizeof(na));
	memcpy(row->at.bytes, &na.nd_na_target, 16);
	/* The option may name another MAC than the sender's. */
	option = (const void *)(frame + fixed);
	if (size >= fixed + sizeof(*option) + ETH_ALEN &&
	    option->nd_opt_type == ND_OPT_TARGET_LINKADDR)
		memcpy(row->mac, option + 1, ETH_ALEN);
	return true;
}

static bool is_own(const struct host *host, const __u8 *mac)
{
	size_t i;

	for (i = 0; i < host->nr_links; i++) {
		if (host->links[i].ethernet &&
		    !memcmp(host->links[i].mac, mac, ETH_ALEN))
			return true;
	}
	return false;
}

/* Read all answers that wait on a socket. */
static void collect(struct probe *probe, const struct host *host, int family,
		    int fd)
{
	struct probe_row *question;
	struct sockaddr_ll from;
	struct probe_row row;
	socklen_t length;
	__u8 frame[256];
	ssize_t size;

	for (;;) {
		length = sizeof(from);
		size = recvfrom(fd, frame, sizeof(frame), 0,
				(struct sockaddr *)&from, &length);
		if (size < 0)
			return;
		memset(&row, 0, sizeof(row));
		row.ifindex = from.sll_ifindex;
		if (from.sll_pkttype == PACKET_OUTGOING ||
		    from.sll_halen != ETH_ALEN ||
		    !probe_parse(family == ARP ? AF_INET : AF_INET6, frame,
				 size, from.sll_addr, &row) ||
		    is_own(host, row.mac))
			continue;
		question = find_question(probe, &row);
		if (!question)
			continue;
		question->answered = true;
		probe_add_answer(probe, &row);
	}
}

static int ask(struct probe *probe, const struct host *host,
	       const struct pollfd *fds)
{
	const struct probe_row *row;
	size_t sent = 0;
	bool good;

	for (row = probe->questions;
	     row < probe->questions + probe->nr_questions; row++) {
		const struct link *link = host_link(host, row->ifindex);
		const struct addr *sender = choose_sender(probe, host, row);
		int family = row->at.family == AF_INET ? ARP : NDISC;

		do {
			good = row->answered ||
			       (family == ARP ?
				send_arp(fds[ARP].fd, link, &row->at, sender) :
				send_ns(fds[NDISC].fd, link, &row->at, sender));
			if (!good && errno != EAGAIN && errno != ENOBUFS)
				return -1;
			if (!good || ++sent % BURST == 0) {
				poll(NULL, 0, 1);
				collect(probe, host, family, fds[family].fd);
			}
		} while (!good);
	}
	return 0;
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int ask_and_listen(struct probe *probe, const struct host *host,
			  struct pollfd *fds)
{
	long begun = now_ms();
	long end, left;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		if (ask(probe, host, fds))
			return -1;
		end = round == ROUNDS - 1 ? begun + LISTEN_MS :
					    now_ms() + ROUND_MS;
		while ((left = end - now_ms()) > 0) {
			if (poll(fds, SOCKETS, left) < 0 && errno != EINTR)
				return -1;
			collect(probe, host, ARP, fds[ARP].fd);
			collect(probe, host, NDISC, fds[NDISC].fd);
		}
	}
	return 0;
}

/**
 * probe_run() - send all questions and wait for the answers
 * @probe: with questions, each on a device that is up and link_is_nic()
 * @host: the host
 *
 * Always takes LISTEN_MS: a second answer to a question is what matters.
 *
 * Return: 0, or -1 and errno.
 */
int probe_run(struct probe *probe, const struct host *host)
{
	struct pollfd fds[SOCKETS] = { { .events = POLLIN },
				       { .events = POLLIN } };
	int status = -1;
	int error;

	probe->nr_questions = sort_unique(probe->questions, probe->nr_questions,
					  compare_rows);
	if (!probe->nr_questions)
		return 0;
	fds[ARP].fd = open_socket(ARP);
	fds[NDISC].fd = fds[ARP].fd < 0 ? -1 : open_socket(NDISC);
	if (fds[NDISC].fd >= 0)
		status = ask_and_listen(probe, host, fds);
	error = errno;
	close(fds[ARP].fd);
	close(fds[NDISC].fd);
	probe->nr_answers = sort_unique(probe->answers, probe->nr_answers,
					compare_answers);
	errno = error;
	return status;
}
