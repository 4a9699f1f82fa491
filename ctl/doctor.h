/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of `doctor` and `setup-realserver` share. Each check hands
 * its finding to doctor_tell(), which prints it and keeps count.
 */
#ifndef LBCTL_DOCTOR_H
#define LBCTL_DOCTOR_H

#include "host.h"
#include "lbctl.h"

/* Loads the module that is installed. The loaded one is in use while it has services. */
#define RELOAD_MODULE \
	"lbctl clear --all-namespaces && rmmod lbdr && modprobe lbdr"

enum level {
	LEVEL_OK,
	LEVEL_WARNING,
	LEVEL_PROBLEM,
};

/* What mends a fault; where it has to be run elsewhere, on which host. */
struct mend {
	char command[4096];
	char on[ENDPOINT_TEXT];
};

struct doctor {
	const struct request *req;
	struct json_list list;
	unsigned int warnings;
	unsigned int problems;
	struct mend mend;	/* of the finding that is being made */

	struct nl *nl;
	__u8 entry;
	char devices[INGRESS_MAX][IFNAMSIZ];	/* of the entry ingress */
	int n_devices;
	struct host host;
	struct snapshot shot;
	struct probe probe;
	int probe_error;	/* an errno, and then nobody was asked */
};

/* What a finding is about; both may be NULL. */
struct subject {
	const struct endpoint *vip;
	const struct endpoint *server;
};

/* doctor.c */
void doctor_tell(struct doctor *doctor, enum level level, const char *check,
		 struct subject about, const struct mend *mend,
		 const char *format, ...) __printf(6, 7);
const struct mend *mend_here(struct doctor *doctor, const char *format, ...)
	__printf(2, 3);
const struct mend *mend_on(struct doctor *doctor, const char *host,
			   const char *format, ...) __printf(3, 4);
int doctor_end(struct doctor *doctor);
const char *service_option(const struct service_key *key, char *text);
void check_version(struct doctor *doctor, const char *version);
void check_source_filter(struct doctor *doctor, const struct link *link);

#define SERVICE_OPTION (ENDPOINT_TEXT + 20)

/* doctor_service.c */
void check_services(struct doctor *doctor);

/* doctor_rules.c */
void check_hooks(struct doctor *doctor);
void check_rules(struct doctor *doctor);

/* doctor_realserver.c */
int doctor_realserver(struct doctor *doctor);

/* What keeps a real server from answering ARP for an address on lo. */
bool arp_ignores_lo(long value);
#define ARP_ANNOUNCE_BEST 2

#endif
