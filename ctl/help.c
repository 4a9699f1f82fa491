// SPDX-License-Identifier: GPL-2.0
/*
 * Help texts and version. Verbs and options are described by their tables.
 */
#include <stdio.h>
#include <string.h>

#include "lbctl.h"

void help_general(FILE *out, bool ipvsadm)
{
	size_t i;

	fprintf(out, "Usage: %s COMMAND [OPTION]...\n\n", program);
	fputs("Configures the lbdr director, a load balancer that forwards by direct routing\n"
	      "and IP tunnels.\n"
	      "\nCommands:\n", out);
	for (i = 0; i < VERBS; i++) {
		if (verbs[i].hidden)
			continue;
		if (ipvsadm && verbs[i].letters)
			fprintf(out, "  -%c, --%-18s", verbs[i].letters[0],
				verbs[i].longname);
		else if (ipvsadm && verbs[i].longname)
			fprintf(out, "      --%-18s", verbs[i].longname);
		else if (verbs[i].letters)
			fprintf(out, "  %-17s-%c  ", verbs[i].name,
				verbs[i].letters[0]);
		else if (!ipvsadm)
			fprintf(out, "  %-21s", verbs[i].name);
		else
			continue;
		fprintf(out, " %s\n", verbs[i].summary);
	}
	fprintf(out, "\n'%s %s' explains a command's options with an example.\n",
		program, ipvsadm ? "-A -h" : "help COMMAND");
	fputs("Exit status: 0 done, 1 usage error, 2 refused or failed, 3 partly done, 4 doctor\n"
	      "found a problem.\n", out);
}

/*
 * After a usage error: short, so that the message above it stays visible.
 */
void help_usage(FILE *out, const struct verb *verb, bool ipvsadm)
{
	if (!verb) {
		fprintf(out, "'%s %s' lists the commands.\n", program,
			ipvsadm ? "-h" : "help");
		return;
	}
	options_usage(out, verb, ipvsadm);
	if (!ipvsadm)
		fprintf(out, "'%s help %s'", program, verb->name);
	else if (verb->letters)
		fprintf(out, "'%s -%c -h'", program, verb->letters[0]);
	else
		fprintf(out, "'%s --%s -h'", program, verb->longname);
	fputs(" explains the options.\n", out);
}

void help_verb(FILE *out, const struct verb *verb, bool ipvsadm)
{
	options_usage(out, verb, ipvsadm);
	options_explain(out, verb, ipvsadm);
	if (!ipvsadm && !verb->letters && verb->longname)
		fprintf(out, "\nAs with ipvsadm, '--%s' stands for %s.\n",
			verb->longname, verb->name);
	else if (!ipvsadm && verb->letters)
		fprintf(out, "\nAs with ipvsadm, '-%c' and '--%s' stand for %s.\n",
			verb->letters[0], verb->longname, verb->name);
	fprintf(out, "\n%s: %s.\n%s\n",
		ipvsadm && verb->longname ? verb->longname : verb->name,
		verb->summary, verb->details);
	fprintf(out, "\nExample: %s %s\n", program,
		ipvsadm && verb->ipvsadm_example ? verb->ipvsadm_example :
						   verb->example);
}

int help_run(struct nl *nl, const struct request *req)
{
	size_t i;

	(void)nl;
	if (!req->word) {
		help_general(stdout, req->ipvsadm);
		return EXIT_DONE;
	}
	for (i = 0; i < VERBS; i++) {
		if (!strcmp(verbs[i].name, req->word)) {
			help_verb(stdout, &verbs[i], req->ipvsadm);
			return EXIT_DONE;
		}
	}
	complain("unknown command '%s'", req->word);
	help_usage(stderr, NULL, req->ipvsadm);
	return EXIT_USAGE;
}

int version_run(struct nl *nl, const struct request *req)
{
	(void)nl;
	if (!req->json) {
		puts("lbctl " LBDR_VERSION);
		return EXIT_DONE;
	}
	json_print(json_pack("{s:s, s:i}", "version", LBDR_VERSION,
			     "json_version", JSON_VERSION), req->pretty);
	return EXIT_DONE;
}
