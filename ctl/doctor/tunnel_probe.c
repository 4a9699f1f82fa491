// SPDX-License-Identifier: GPL-2.0
/*
 * Opens a connection to a VIP through the tunnel to a server, as a client's packet
 * would come there, and reads the answer: a SYN of this host's own address goes out by
 * a raw or UDP socket, and the server answers to that address directly. The answer has
 * the VIP as source, which this host drops as its own, so a packet socket takes it.
 * A connection that was accepted is reset.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>

#include "doctor.h"

#define ROUNDS 3
#define ROUND_MS 400
#define MSS 1460
#define SEQUENCE 0x10000	/* between questions; the answer acknowledges one more */

struct segment {
	struct tcphdr tcp;
	__u8 option[4];
} __attr(packed);

/* All questions have one source port, which no local port range begins with. */
static __u16 source_port(void)
{
	return 61000 + getpid() % 4000;
}

static __u32 sequence(const struct tunnel_probe *probe, const struct tunnel_question *question)
{
	return (question - probe->questions + 1) * SEQUENCE;
}

static __u16 tcp_checksum(const struct tunnel_question *question, const void *segment,
			  size_t size)
{
	size_t length = question->vip.family == AF_INET ? 4 : 16;
	__u8 data[2 * 16 + sizeof(struct segment)];

	memcpy(data, question->from.bytes, length);
	memcpy(data + length, question->vip.bytes, length);
	memcpy(data + 2 * length, segment, size);
	return htons(inet_checksum(data, 2 * length + size, size + IPPROTO_TCP));
}

static size_t put_ip(const struct tunnel_question *question, __u8 *packet, size_t size)
{
	struct ip6_hdr six = {
		.ip6_flow = htonl(6U << 28),
		.ip6_plen = htons(size),
		.ip6_nxt = IPPROTO_TCP,
		.ip6_hlim = 64,
	};
	struct iphdr four = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(sizeof(four) + size),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.frag_off = htons(0x4000),
	};

	if (question->vip.family == AF_INET) {
		memcpy(&four.saddr, question->from.bytes, 4);
		memcpy(&four.daddr, question->vip.bytes, 4);
		four.check = htons(inet_checksum((void *)&four, sizeof(four), 0));
		memcpy(packet, &four, sizeof(four));
		return sizeof(four);
	}
	memcpy(&six.ip6_src, question->from.bytes, 16);
	memcpy(&six.ip6_dst, question->vip.bytes, 16);
	memcpy(packet, &six, sizeof(six));
	return sizeof(six);
}

/**
 * tunnel_packet() - build the packet of a question
 * @question: the question
 * @sequence: of the segment
 * @reset: a RST, else a SYN
 * @packet: of TUNNEL_PACKET bytes, gets what follows the outer IP or UDP header
 *
 * Return: the size.
 */
size_t tunnel_packet(const struct tunnel_question *question, __u32 sequence, bool reset,
		     __u8 *packet)
{
	struct segment segment = {
		.tcp = {
			.source = htons(source_port()),
			.dest = htons(question->port),
			.seq = htonl(sequence + reset),
			.doff = reset ? 5 : 6,
			.syn = !reset,
			.rst = reset,
			.window = htons(8192),
		},
		.option = { TCPOPT_MAXSEG, TCPOLEN_MAXSEG, MSS >> 8, MSS & 255 },
	};
	size_t size = reset ? sizeof(segment.tcp) : sizeof(segment);
	bool four = question->vip.family == AF_INET;
	size_t used = 0;

	segment.tcp.check = tcp_checksum(question, &segment, size);
	if (!strcmp(question->type, "gre")) {
		memset(packet, 0, 8);
		packet[0] = question->csum ? 0x80 : 0;
		packet[2] = four ? 0x08 : 0x86;
		packet[3] = four ? 0x00 : 0xdd;
		used = question->csum ? 8 : 4;
	} else if (!strcmp(question->type, "gue")) {
		memset(packet, 0, 4);
		packet[1] = four ? IPPROTO_IPIP : IPPROTO_IPV6;
		used = 4;
	}
	used += put_ip(question, packet + used, size);
	memcpy(packet + used, &segment, size);
	used += size;
	if (question->csum && !strcmp(question->type, "gre")) {
		__u16 sum = inet_checksum(packet, used, 0);

		packet[4] = sum >> 8;
		packet[5] = sum & 255;
	}
	return used;
}

static int protocol_of(const struct tunnel_question *question)
{
	if (!strcmp(question->type, "gre"))
		return IPPROTO_GRE;
	return question->vip.family == AF_INET ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static bool send_packet(const struct tunnel_probe *probe,
			const struct tunnel_question *question, bool reset)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	bool gue = !strcmp(question->type, "gue");
	int family = question->server.family;
	__u8 packet[TUNNEL_PACKET];
	const void *to = &six;
	socklen_t length = sizeof(six);
	size_t size;
	bool good;
	int fd;

	size = tunnel_packet(question, sequence(probe, question), reset, packet);
	memcpy(&six.sin6_addr, question->server.bytes, 16);
	memcpy(&four.sin_addr, question->server.bytes, 4);
	if (gue) {
		six.sin6_port = htons(question->tun_port);
		four.sin_port = htons(question->tun_port);
	}
	if (family == AF_INET) {
		to = &four;
		length = sizeof(four);
	}
	fd = socket(family, (gue ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC,
		    gue ? 0 : protocol_of(question));
	if (fd < 0)
		return false;
	good = sendto(fd, packet, size, 0, to, length) >= 0;
	close(fd);
	return good;
}

/* Segments to the source port of the questions. */
static int open_capture(int family)
{
	struct sock_filter four[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 4),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, source_port(), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter six[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 42),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, source_port(), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ~0U),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = { ARRAY_SIZE(four), four };

	if (family == AF_INET)
		return packet_socket(ETH_P_IP, &filter);
	filter = (struct sock_fprog){ ARRAY_SIZE(six), six };
	return packet_socket(ETH_P_IPV6, &filter);
}

/* The MSS option of a SYN-ACK; without it the default of RFC 9293. */
static unsigned int read_mss(const __u8 *options, size_t size, int family)
{
	size_t at = 0;

	while (at + 1 < size && options[at] != TCPOPT_EOL) {
		if (options[at] == TCPOPT_NOP) {
			at++;
			continue;
		}
		if (options[at] == TCPOPT_MAXSEG && options[at + 1] == TCPOLEN_MAXSEG &&
		    at + TCPOLEN_MAXSEG <= size)
			return options[at + 2] << 8 | options[at + 3];
		if (options[at + 1] < 2)
			break;
		at += options[at + 1];
	}
	return family == AF_INET ? 536 : 1220;
}

/**
 * tunnel_answer() - read an answer
 * @probe: the questions; the one that is answered is changed
 * @family: of the packet
 * @packet: from any host
 * @size: of it
 *
 * Return: the question, or NULL if it answers none.
 */
struct tunnel_question *tunnel_answer(struct tunnel_probe *probe, int family,
				      const __u8 *packet, size_t size)
{
	size_t length = family == AF_INET ? 4 : 16;
	size_t source = family == AF_INET ? 12 : 8;
	size_t head = family == AF_INET ? (packet[0] & 15) * 4 : 40;
	struct tunnel_question *question;
	struct tcphdr tcp;
	size_t i;

	if (head < source + 2 * length || size < head + sizeof(tcp))
		return NULL;
	memcpy(&tcp, packet + head, sizeof(tcp));
	if (!tcp.ack || (!tcp.syn && !tcp.rst) || tcp.doff < 5 ||
	    size < head + tcp.doff * 4)
		return NULL;
	for (i = 0; i < probe->nr_questions; i++) {
		question = &probe->questions[i];
		if (question->vip.family != family || question->answered ||
		    ntohs(tcp.source) != question->port ||
		    ntohl(tcp.ack_seq) != sequence(probe, question) + 1 ||
		    memcmp(packet + source, question->vip.bytes, length) ||
		    memcmp(packet + source + length, question->from.bytes, length))
			continue;
		question->answered = true;
		question->refused = tcp.rst;
		question->mss = read_mss(packet + head + sizeof(tcp),
					 tcp.doff * 4 - sizeof(tcp), family);
		return question;
	}
	return NULL;
}

static void collect(struct tunnel_probe *probe, int family, int fd)
{
	const struct tunnel_question *question;
	__u8 packet[2048];
	ssize_t size;

	while ((size = recv(fd, packet, sizeof(packet), 0)) >= 0) {
		question = size >= 20 ? tunnel_answer(probe, family, packet, size) : NULL;
		if (question && !question->refused)
			send_packet(probe, question, true);
	}
}

static bool all_answered(const struct tunnel_probe *probe)
{
	size_t i;

	for (i = 0; i < probe->nr_questions && probe->questions[i].answered; i++)
		;
	return i == probe->nr_questions;
}

static int ask(struct tunnel_probe *probe, struct pollfd *fds)
{
	int round, left;
	size_t i;

	for (round = 0; round < ROUNDS && !all_answered(probe); round++) {
		for (i = 0; i < probe->nr_questions; i++) {
			if (!probe->questions[i].answered &&
			    !send_packet(probe, &probe->questions[i], false) &&
			    (errno == EPERM || errno == EACCES))
				return -1;
		}
		for (left = ROUND_MS; left > 0 && !all_answered(probe); left -= 20) {
			if (poll(fds, 2, 20) < 0 && errno != EINTR)
				return -1;
			collect(probe, AF_INET, fds[0].fd);
			collect(probe, AF_INET6, fds[1].fd);
		}
	}
	return 0;
}

/**
 * tunnel_probe_run() - send all questions and wait for the answers
 * @probe: with questions
 *
 * Returns as soon as all are answered.
 *
 * Return: 0, or -1 and errno.
 */
int tunnel_probe_run(struct tunnel_probe *probe)
{
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int status = -1;
	int error;

	if (!probe->nr_questions)
		return 0;
	fds[0].fd = open_capture(AF_INET);
	fds[1].fd = fds[0].fd < 0 ? -1 : open_capture(AF_INET6);
	if (fds[1].fd >= 0)
		status = ask(probe, fds);
	error = errno;
	close(fds[0].fd);
	close(fds[1].fd);
	errno = error;
	return status;
}

int (*tunnel_ask)(struct tunnel_probe *probe) = tunnel_probe_run;
