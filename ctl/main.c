// SPDX-License-Identifier: GPL-2.0
/*
 * lbctl, the tool of the lbdr director: from a command line to an exit status.
 * Called by the name ipvsadm it takes ipvsadm's grammar and no other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

static int run(const struct request *req)
{
	struct nl *nl = NULL;
	int status;

	if (req->help && req->verb != &verbs[VERB_HELP]) {
		help_verb(stdout, req->verb, req->ipvsadm);
		return EXIT_DONE;
	}
	if (!(req->verb->needs & OFFLINE)) {
		status = nl_open(&nl, req->netns);
		if (status)
			return status;
	}
	status = req->verb->run(nl, req);
	nl_close(nl);
	return status;
}

int main(int argc, char **argv)
{
	struct request req = { .verb = NULL };
	const char *slash;
	int status;

	program_words = argv;
	program = "lbctl";
	if (argc > 0) {
		slash = strrchr(argv[0], '/');
		program = slash ? slash + 1 : argv[0];
	}
	req.ipvsadm = !strcmp(program, "ipvsadm");

	/* A shell's question about a line, which is no line of its own. */
	if (!req.ipvsadm && argc > 1 && !strcmp(argv[1], "complete"))
		return complete_run(argv + 2, argc - 2);

	status = options_read(argc, argv, &req);
	if (status) {
		complain("%s", fault_text());
		if (status < 0)
			help_usage(stderr, req.verb, req.ipvsadm);
		return fault_kind() == FAULT_LOOKUP ? EXIT_REFUSED : EXIT_USAGE;
	}
	status = run(&req);
	/* A listing that did not reach its file is not done. */
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write: %s", strerror(errno));
		status = EXIT_REFUSED;
	}
	return status;
}
