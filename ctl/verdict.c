// SPDX-License-Identifier: GPL-2.0
/*
 * What became of a request: the exit status, and the sentence for an error that the
 * kernel reports without one.
 */
#include <errno.h>
#include <string.h>

#include "lbctl.h"

static void complain_errno(int error, const char *object)
{
	switch (error) {
	case EPERM:
	case EACCES:
		complain("permission denied: this requires root (CAP_NET_ADMIN)");
		break;
	case EEXIST:
		complain("%s exists already", object);
		break;
	case ESRCH:
		complain("service not found");
		break;
	case ENOENT:
		/* Objects that are not found come with a sentence. */
		complain("the lbdr module was unloaded");
		break;
	case EINVAL:
	case ERANGE:
		complain("the kernel rejected a value of the %s: malformed or out of range",
			 object);
		break;
	case EOPNOTSUPP:
		complain("the loaded module does not support this command (older than %s %s?)",
			 program, LBDR_VERSION);
		break;
	case EAFNOSUPPORT:
		complain("address family not supported by the kernel");
		break;
	case EBADMSG:
		complain("malformed reply (module and tool versions differ? this is %s %s)",
			 program, LBDR_VERSION);
		break;
	case EAGAIN:
		complain("the configuration keeps changing: try again");
		break;
	case ENOMEM:
		complain("the kernel is out of memory");
		break;
	case ENOSPC:
		complain("no room for another %s", object);
		break;
	default:
		complain("the kernel refused the %s: %s", object,
			 strerror(error));
	}
}

/**
 * nl_verdict() - report the result of a request
 * @answer: from nl_ask()
 * @object: what the request was about, for errors without a sentence
 *
 * Return: the exit status.
 */
int nl_verdict(const struct nl_answer *answer, const char *object)
{
	if (!answer->error) {
		if (*answer->sentence)
			complain("warning: %s", answer->sentence);
		return EXIT_DONE;
	}
	if (*answer->sentence)
		complain("%s", answer->sentence);
	else
		complain_errno(answer->error, object);
	return EXIT_REFUSED;
}

/**
 * nl_run() - send a request and report its result
 * @nl: the connection with the kernel
 * @nlh: the request
 * @reader: called for each message of the answer, or NULL
 * @data: handed to @reader
 * @object: what the request is about, for errors without a sentence
 *
 * Return: the exit status.
 */
int nl_run(struct nl *nl, struct nlmsghdr *nlh, nl_reader reader, void *data,
	   const char *object)
{
	struct nl_answer answer;

	nl_ask(nl, nlh, reader, data, &answer);
	return nl_verdict(&answer, object);
}

/* The verbs whose only step is the message of their row. */
int message_run(struct nl *nl, const struct request *req)
{
	return nl_run(nl, req->verb->message(nl, req), NULL, NULL, req->verb->object);
}
