// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs doctor and setup-realserver: the program lbdr-doctor, with the
 * command line as it is.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lbctl.h"

#define DOCTOR "lbdr-doctor"

/* The command line of this process, set by main(). */
char **program_words;

/* Beside lbctl, else in PATH; returns the exit status if there is none. */
int doctor_run(struct nl *nl, const struct request *req)
{
	char path[4096];
	ssize_t size = readlink("/proc/self/exe", path,
				sizeof(path) - sizeof(DOCTOR));
	char *slash;

	(void)nl;
	(void)req;
	program_words[0] = DOCTOR;
	if (size > 0) {
		path[size] = '\0';
		slash = strrchr(path, '/');
		strcpy(slash ? slash + 1 : path, DOCTOR);
		execv(path, program_words);
	}
	execvp(DOCTOR, program_words);
	complain("cannot run " DOCTOR ": %s", errno == ENOENT ?
		 "not found; fix: apt install lbdr-doctor" : strerror(errno));
	return EXIT_REFUSED;
}
