// SPDX-License-Identifier: GPL-2.0
/*
 * lbdr-doctor: from the command line to the exit status.
 */
#include <errno.h>
#include <string.h>

#include "doctor.h"

int main(int argc, char **argv)
{
	/* A reader that goes away does not interrupt a setup. */
	static char buffer[1 << 18];
	struct options options;
	int status;

	program = "lbdr-doctor";
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	status = options_read(argc, argv, &options);
	if (status)
		return status < 0 ? EXIT_DONE : status;
	if (options.netns && netns_enter(options.netns))
		return EXIT_REFUSED;
	status = options.setup ? setup_run(&options) :
				 doctor_run(&options, probe_run);
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write: %s", strerror(errno));
		status = EXIT_REFUSED;
	}
	return status;
}
