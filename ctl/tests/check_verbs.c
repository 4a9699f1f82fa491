// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of whole commands: what they change, and what they print, against the
 * director of check_kernel.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "lbctl.h"

static char dir[32];

static bool no_memory;

void *__wrap_realloc(void *memory, size_t size)
{
	return no_memory ? NULL : __real_realloc(memory, size);
}

/* Writes a file of the test's directory. */
static const char *file_with(const char *text)
{
	static char name[64];
	FILE *out;

	snprintf(name, sizeof(name), "%s/rules", dir);
	out = fopen(name, "w");
	if (!out)
		abort();
	fputs(text, out);
	fclose(out);
	return name;
}

static void configure(const char *text)
{
	char line[128];

	kernel_reset();
	snprintf(line, sizeof(line), "restore %s", file_with(text));
	if (run_quiet(line))
		abort();
}

/* The commands `save` prints are @text. */
static void saves(const char *text, const char *what)
{
	struct run run;
	bool same;

	run_line("lbctl", "save", &run);
	same = !run.status && !strcmp(run.out, text);
	result(same, "%s", what);
	if (!same)
		printf("--- expected\n%s--- saved\n%s%s", text, run.out, run.err);
	run_free(&run);
}

static const char two_servers[] =
	"-A -t 192.0.2.1:80 -s rr -p 60\n"
	"-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 0 -x 9 -y 3\n"
	"-a -t 192.0.2.1:80 -r 192.0.2.3:80 -g -w 5\n";

/* A file without commands is a mistake, and does not remove the configuration. */
static void check_empty(void)
{
	static const char *const empty[] = { "", "\n", "# nothing\n\n" };
	char line[128];
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(empty); i++) {
		configure(two_servers);
		snprintf(line, sizeof(line), "apply %s", file_with(empty[i]));
		run_line("lbctl", line, &run);
		result(run.status == EXIT_USAGE && !kernel.removed &&
		       strstr(run.err, "--allow-empty"),
		       "apply of the empty file %zu is refused (%d, %u removed)",
		       i, run.status, kernel.removed);
		run_free(&run);
		saves(two_servers, "and the configuration stays");
	}
	snprintf(line, sizeof(line), "apply --allow-empty %s/rules", dir);
	result(!run_quiet(line), "apply --allow-empty takes it");
	saves("", "and removes everything");
}

static bool same_file(const char *name, const char *text)
{
	char got[1024];
	size_t size;
	FILE *in = fopen(name, "r");

	if (!in)
		return false;
	size = fread(got, 1, sizeof(got) - 1, in);
	got[size] = '\0';
	fclose(in);
	return !strcmp(got, text);
}

static unsigned int files_in(void)
{
	struct stat status;
	char command[128];
	unsigned int count = 0;
	FILE *list;

	if (stat(dir, &status))
		return 0;
	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	list = popen(command, "r");
	if (!list || fscanf(list, "%u", &count) != 1)
		abort();
	pclose(list);
	return count;
}

/* save FILE replaces the whole file, or leaves the one that was there. */
static void check_save_file(void)
{
	struct rlimit small = { 16, RLIM_INFINITY }, before;
	struct stat status;
	char line[128];
	char name[64];
	struct run run;

	configure(two_servers);
	snprintf(name, sizeof(name), "%s", file_with("# before\n"));
	chmod(name, 0640);
	snprintf(line, sizeof(line), "save %s", name);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	small.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	run_line("lbctl", line, &run);
	setrlimit(RLIMIT_FSIZE, &before);
	signal(SIGXFSZ, SIG_DFL);
	result(run.status == EXIT_REFUSED && same_file(name, "# before\n") &&
	       files_in() == 1,
	       "save to a full disk keeps the file as it was (%d: %s)",
	       run.status, run.err);
	run_free(&run);

	run_line("lbctl", line, &run);
	result(!run.status && !*run.out && same_file(name, two_servers) &&
	       !stat(name, &status) && (status.st_mode & 0777) == 0640 &&
	       files_in() == 1,
	       "save FILE replaces the file and keeps its mode (%d: %s)",
	       run.status, run.err);
	run_free(&run);

	snprintf(line, sizeof(line), "save %s/link", dir);
	if (symlink(name, line + 5))
		abort();
	file_with("# before\n");
	result(!run_quiet(line) && same_file(name, two_servers) &&
	       !lstat(line + 5, &status) && S_ISLNK(status.st_mode),
	       "save to a symbolic link replaces what it points to");
	unlink(line + 5);
	run_line("lbctl", "save /dev/null", &run);
	result(!run.status && !stat("/dev/null", &status) &&
	       S_ISCHR(status.st_mode), "save /dev/null keeps the device");
	run_free(&run);
	run_line("ipvsadm", "-S /tmp/rules", &run);
	result(run.status == EXIT_USAGE, "ipvsadm -S takes no file");
	run_free(&run);
}

/*
 * A command on the configuration two_servers, and what `save` writes then for the
 * service and for the first server; NULL where it is refused.
 */
struct edit_row {
	const char *name;
	const char *line;
	const char *service;
	const char *server;
};

#define SERVICE "-A -t 192.0.2.1:80 -s rr -p 60\n"
#define SERVER "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 0 -x 9 -y 3\n"

static const struct edit_row edit_rows[] = {
	/* Verbs keep what they do not name. */
	{ "lbctl", "edit-server -t 192.0.2.1:80 -r 192.0.2.2 -x 5000", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 0 -x 5000 -y 3\n" },
	{ "lbctl", "edit-server -t 192.0.2.1:80 -r 192.0.2.2 -w 7", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 7 -x 9 -y 3\n" },
	{ "lbctl", "edit-service -t 192.0.2.1:80 -s sh",
	  "-A -t 192.0.2.1:80 -s sh -p 60\n", SERVER },
	{ "lbctl", "edit-service -t 192.0.2.1:80 -M 24",
	  "-A -t 192.0.2.1:80 -s rr -p 60 -M 255.255.255.0\n", SERVER },
	/* Letters and long commands set all that ipvsadm knows. */
	{ "lbctl", "-e -t 192.0.2.1:80 -r 192.0.2.2 -x 5000", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 1 -x 5000\n" },
	{ "ipvsadm", "-e -t 192.0.2.1:80 -r 192.0.2.2 -x 5000", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 1 -x 5000\n" },
	{ "lbctl", "--edit-server -t 192.0.2.1:80 -r 192.0.2.2 -w 4", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 4\n" },
	{ "lbctl", "-E -t 192.0.2.1:80 -s wrr",
	  "-A -t 192.0.2.1:80 -s wrr\n", SERVER },
	{ "ipvsadm", "-E -t 192.0.2.1:80 -s wrr",
	  "-A -t 192.0.2.1:80 -s wrr\n", SERVER },
	{ "lbctl", "-E -t 192.0.2.1:80 -p",
	  "-A -t 192.0.2.1:80 -s wlc -p 360\n", SERVER },
	{ "ipvsadm", "-E -t 192.0.2.1:80 -p",
	  "-A -t 192.0.2.1:80 -s wlc -p 360\n", SERVER },
	{ "lbctl", "edit-service -t 192.0.2.1:80 -p",
	  "-A -t 192.0.2.1:80 -s rr -p 300\n", SERVER },
	/* Another port: an error for verbs; ipvsadm replaces it by the service's. */
	{ "lbctl", "edit-server -t 192.0.2.1:80 -r 192.0.2.2:8080 -w 7", NULL,
	  NULL },
	{ "lbctl", "del-server -t 192.0.2.1:80 -r 192.0.2.2:8080", NULL, NULL },
	{ "lbctl", "-e -t 192.0.2.1:80 -r 192.0.2.2:8080 -w 7", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 7\n" },
	{ "ipvsadm", "-e -t 192.0.2.1:80 -r 192.0.2.2:8080 -w 7 -g", SERVICE,
	  "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 7\n" },
};

static void check_edits(void)
{
	const struct edit_row *row;
	char wanted[512];
	char what[256];
	struct run run;

	for (row = edit_rows; row < edit_rows + ARRAY_SIZE(edit_rows); row++) {
		configure(two_servers);
		run_line(row->name, row->line, &run);
		result(!run.status == !!row->service, "%s %s: status %d",
		       row->name, row->line, run.status);
		run_free(&run);
		snprintf(wanted, sizeof(wanted), "%s%s%s",
			 row->service ? row->service : SERVICE,
			 row->server ? row->server : SERVER,
			 "-a -t 192.0.2.1:80 -r 192.0.2.3:80 -g -w 5\n");
		snprintf(what, sizeof(what), "%s %s: sets what it names",
			 row->name, row->line);
		saves(wanted, what);
	}
}

static const char labels[] =
	"-A -t 192.0.2.1:80 -s rr\n"
	"-a -t 192.0.2.1:80 -r 192.0.2.2:8080 -g -w 3\n"
	"-A -f 7 -s rr\n"
	"-a -f 7 -r 192.0.2.3:80 -g -w 1\n";

/* The port of a server that is not the service's: kept, shown, saved. */
static void check_labels(void)
{
	char line[128];
	struct run run;

	configure(labels);
	saves(labels, "restore keeps a server's port as a label");
	run_line("lbctl", "list", &run);
	result(!run.status && strstr(run.out, "  -> 192.0.2.2:8080 ") &&
	       strstr(run.out, "  -> 192.0.2.3:80 "), "list shows the label");
	run_free(&run);
	result(run_quiet("add-server -f 7 -r 192.0.2.4:80") == EXIT_USAGE &&
	       !run_quiet("edit-server -t 192.0.2.1:80 -r 192.0.2.2 -w 4"),
	       "a command by its name refuses a label, and keeps one");
	saves("-A -t 192.0.2.1:80 -s rr\n"
	      "-a -t 192.0.2.1:80 -r 192.0.2.2:8080 -g -w 4\n"
	      "-A -f 7 -s rr\n"
	      "-a -f 7 -r 192.0.2.3:80 -g -w 1\n", "the label is as before");
	snprintf(line, sizeof(line), "apply %s", file_with(labels));
	run_line("lbctl", line, &run);
	result(!run.status &&
	       !strcmp(run.out,
		       "-e -t 192.0.2.1:80 -r 192.0.2.2:8080 -g -w 3\n"),
	       "apply changes a server with a label: %s%s", run.out, run.err);
	run_free(&run);
	saves(labels, "to what the file says");
	result(!run_quiet("-e -t 192.0.2.1:80 -r 192.0.2.2:8080 -w 3") &&
	       !run_quiet("-e -f 7 -r 192.0.2.3:81 -w 1"),
	       "ipvsadm's letters take any port");
	saves("-A -t 192.0.2.1:80 -s rr\n"
	      "-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 3\n"
	      "-A -f 7 -s rr\n"
	      "-a -f 7 -r 192.0.2.3:81 -g -w 1\n",
	      "and keep that of a service by mark only, as ipvsadm does");
	snprintf(line, sizeof(line), "apply %s", file_with(labels));
	result(!run_quiet(line), "apply sets labels");
	saves(labels, "as the file says");
}

/* What apply prints makes the configuration that of the file, as it says. */
static void check_apply(void)
{
	static const char wanted[] =
		"-A -t 192.0.2.1:80 -s wlc -p 60 -M 255.255.255.0\n"
		"-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 0 -x 20 -y 3\n"
		"-a -t 192.0.2.1:80 -r 192.0.2.3:80 -g -w 6\n";
	static const char changes[] =
		"edit-service -t 192.0.2.1:80 -s wlc -M 255.255.255.0\n"
		"edit-server -t 192.0.2.1:80 -r 192.0.2.2:80 -x 20\n"
		"edit-server -t 192.0.2.1:80 -r 192.0.2.3:80 -w 6\n";
	char line[128];
	struct run run;

	configure(two_servers);
	snprintf(line, sizeof(line), "apply %s", file_with(wanted));
	run_line("lbctl", line, &run);
	result(!run.status && !strcmp(run.out, changes),
	       "apply names only what differs: %s", run.out);
	run_free(&run);
	saves(wanted, "and the configuration is the file's");
	run_line("lbctl", line, &run);
	result(!run.status && !*run.out, "then there is nothing to do");
	run_free(&run);
}

/* Another program adds a server that the script adds, or removes one that it changes. */
static void add_meanwhile(void)
{
	run_quiet("add-server -t 192.0.2.1:80 -r 192.0.2.4");
}

static void remove_meanwhile(void)
{
	run_quiet("del-server -t 192.0.2.1:80 -r 192.0.2.3");
}

static void remove_all_meanwhile(void)
{
	run_quiet("clear");
}

/* A script that does not fit what there is by then is written again. */
static void check_apply_meanwhile(void)
{
	static const char wanted[] =
		"-A -t 192.0.2.1:80 -s rr -p 60\n"
		"-a -t 192.0.2.1:80 -r 192.0.2.2:80 -g -w 0 -x 9 -y 3\n"
		"-a -t 192.0.2.1:80 -r 192.0.2.3:80 -g -w 6\n"
		"-a -t 192.0.2.1:80 -r 192.0.2.4:80 -g -w 1\n";
	static void (*const others[])(void) = {
		add_meanwhile, remove_meanwhile, remove_all_meanwhile,
	};
	char line[128];
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(others); i++) {
		configure(two_servers);
		kernel.meanwhile = others[i];
		kernel.meanwhiles = 1;
		snprintf(line, sizeof(line), "apply %s", file_with(wanted));
		run_line("lbctl", line, &run);
		result(!run.status && !*run.err && !kernel.meanwhiles,
		       "apply goes on when another program changes what it is about (%zu): %d %s",
		       i, run.status, run.err);
		run_free(&run);
		run_line("lbctl", line, &run);
		result(!run.status && !*run.out, "and the configuration is the file's: %s",
		       run.out);
		run_free(&run);
	}
}

/* Text that is in what a command said, by bars. */
static bool says_all(const char *said, const char *words)
{
	char copy[512];
	char *rest = copy;
	char *word;

	snprintf(copy, sizeof(copy), "%s", words);
	while ((word = strsep(&rest, "|\n"))) {
		if (!strstr(said, word))
			return false;
	}
	return true;
}

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

/* As a file from ip_vs may be: lines 1, 3, 6 to 8 and the last two are good. */
static const char migrated[] =
	"-A -t 192.0.2.1:80 -s rr\n"
	"-a -t 192.0.2.1:80 -r 192.0.2.2:80 -m -w 1\n"
	"-a -t 192.0.2.1:80 -r 127.0.0.1:80 -g -w 1\n"
	"-A -t 192.0.2.9:80 -s rr -p 300 -M 0.0.0.0\n"
	"-a -t 192.0.2.9:80 -r 192.0.2.3:80 -g -w 1\n"
	"-A -t [2001:db8::1]:80 -s rr\n"
	"-a -t 192.0.2.1:80 -r 192.0.2.3:8080 -g -w 1\n"
	"-a -t [2001:db8::1]:80 -r [::1]:80 -g -w 1\n"
	"-A -u 192.0.2.7:5060 -s rr -p 60 --pe sip\n"
	"-a -u 192.0.2.7:5060 -r 192.0.2.3:5060 -i --tun-type gue --tun-remcsum\n"
	"-A -f 7 -s rr\n"
	"-a -f 7 -r 192.0.2.3:80 -g -w 1\n";

static const char wrong_lines[] =
	"line 2: |line 4: |line 9: |line 10: |\n"
	"nothing was changed";

static const char skipped_lines[] =
	"line 2 skipped: |line 4 skipped: |line 5 skipped: |line 9 skipped: |\n"
	"line 10 skipped: ";

static void check_migration(void)
{
	char line[128];
	struct run run;

	kernel_reset();
	snprintf(line, sizeof(line), "restore %s", file_with(migrated));
	run_line("lbctl", line, &run);
	result(run.status == EXIT_USAGE && !kernel.changes &&
	       says_all(run.err, wrong_lines) &&
	       !strstr(run.err, "line 5") && lines_of(run.err) == 4,
	       "all errors of a file are told at once: %s", run.err);
	run_free(&run);
	snprintf(line, sizeof(line), "restore --skip-unsupported %s/rules", dir);
	run_line("lbctl", line, &run);
	result(run.status == EXIT_PARTLY &&
	       says_all(run.err, skipped_lines) &&
	       lines_of(run.err) == 5,
	       "--skip-unsupported skips them, and what needs them (%d): %s",
	       run.status, run.err);
	run_free(&run);
	saves("-A -t 192.0.2.1:80 -s rr\n"
	      "-a -t 192.0.2.1:80 -r 127.0.0.1:80 -g -w 1\n"
	      "-a -t 192.0.2.1:80 -r 192.0.2.3:8080 -g -w 1\n"
	      "-A -t [2001:db8::1]:80 -s rr\n"
	      "-a -t [2001:db8::1]:80 -r [::1]:80 -g -w 1\n"
	      "-A -f 7 -s rr\n"
	      "-a -f 7 -r 192.0.2.3:80 -g -w 1\n", "and does the rest");
	kernel_reset();
	file_with("-A -t 192.0.2.1:80 -s nonsense,\n-A -t 192.0.2.1:99999\n-L\n");
	run_line("lbctl", line, &run);
	result(run.status == EXIT_USAGE && !kernel.changes &&
	       says_all(run.err, "line 2: |line 3: "),
	       "a wrong line is an error also then: %s", run.err);
	run_free(&run);
}

/* A file is checked against the module, and nothing is changed. */
static void check_check(void)
{
	static const struct {
		const char *text;
		int status;
		const char *says;
	} rows[] = {
		{ two_servers, EXIT_DONE, "" },
		{ "--set 5 0 0\n-A -t 192.0.2.1:80\n", EXIT_DONE, "" },
		{ "", EXIT_USAGE, "no commands" },
		{ "-A -t 192.0.2.1:80\n-A -t 192.0.2.1:80\n", EXIT_REFUSED,
		  "line 2: " },
		{ "-a -t 192.0.2.1:80 -r 192.0.2.9\n", EXIT_REFUSED, "line 1: " },
		{ "-A -t 192.0.2.1:80\n-A -t 192.0.2.1:99999\n-L\n",
		  EXIT_USAGE, "line 2: |line 3: " },
	};
	char line[128];
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		configure(two_servers);
		kernel.commits = 0;
		snprintf(line, sizeof(line), "check %s",
			 file_with(rows[i].text));
		run_line("lbctl", line, &run);
		result(run.status == rows[i].status && !kernel.commits &&
		       !*run.out && says_all(run.err, rows[i].says),
		       "check of file %zu ends with %d, %d is expected: %s", i,
		       run.status, rows[i].status, run.err);
		run_free(&run);
		saves(two_servers, "and changes nothing");
	}
}

/* Dumps that agree at last, and such that never do. */
static void check_torn(void)
{
	static const char *const verbs_refused[] = { "save", "save %s", "apply %s", "metrics" };
	char line[128], file[64];
	struct run run;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verbs_refused); i++) {
		configure(two_servers);
		snprintf(file, sizeof(file), "%s", file_with("-A -t 192.0.2.9:80\n"));
		snprintf(line, sizeof(line), verbs_refused[i], file);
		kernel.torn = 1000;
		run_line("lbctl", line, &run);
		kernel.torn = 0;
		result(run.status == EXIT_REFUSED && !*run.out && !kernel.removed &&
		       says_all(run.err, "keeps changing") &&
		       same_file(file, "-A -t 192.0.2.9:80\n"),
		       "%s is refused while the configuration keeps changing: %d %s",
		       line, run.status, run.err);
		run_free(&run);
		kernel.torn = 5;
		run_line("lbctl", line, &run);
		result(!run.status && !*run.err, "and is done when it stops: %s", run.err);
		run_free(&run);
	}
	configure(two_servers);
	kernel.torn = 1000;
	run_line("lbctl", "list", &run);
	result(!run.status && says_all(run.err, "warning: the configuration kept changing"),
	       "list prints what there is, with a warning: %s", run.err);
	run_free(&run);
}

/* The connections that an exchange of the module keeps in memory. */
static void check_taken(void)
{
	struct saved_conns conns = { .size = 0 };
	struct nl *nl = calloc(1, NL_SIZE);
	FILE *err = stderr;
	char *said = NULL;
	size_t said_size;
	int whole, torn, full;

	kernel_reset();
	kernel.conns = 1000;
	stderr = open_memstream(&said, &said_size);
	whole = saved_take(nl, &conns);
	saved_drop(&conns);
	kernel.torn = 1;
	torn = saved_take(nl, &conns);
	saved_drop(&conns);
	no_memory = true;
	full = saved_take(nl, &conns);
	no_memory = false;
	saved_drop(&conns);
	fclose(stderr);
	stderr = err;
	result(whole == EXIT_DONE && torn == EXIT_PARTLY,
	       "connections of an inconsistent dump are told from others (%d, %d)", whole,
	       torn);
	result(full == EXIT_REFUSED && says_all(said, "out of memory"),
	       "without memory for connections the program goes on (%d): %s", full, said);
	free(said);
	free(nl);
	kernel_reset();
}

static void check_set(void)
{
	kernel_reset();
	run_quiet("set-timeout established=7200 syn_recv=30");
	saves("--set 7200 0 0\nset-timeout syn_recv=30\n",
	      "save writes the timeouts that ipvsadm knows as --set");
	run_quiet("set-timeout established=900");
	saves("set-timeout syn_recv=30\n", "and the others as set-timeout");
}

/* Devices of the test program are one with the subnet 192.0.2.0/24. */
int __wrap_getifaddrs(struct ifaddrs **list)
{
	static struct sockaddr_in broadcast = { .sin_family = AF_INET };
	static struct sockaddr_in vip = { .sin_family = AF_INET };
	/* A VIP of its own, /32, is the broadcast address of nothing else. */
	static struct ifaddrs host = {
		.ifa_flags = IFF_BROADCAST,
		.ifa_addr = (struct sockaddr *)&vip,
		.ifa_broadaddr = (struct sockaddr *)&vip,
	};
	static struct ifaddrs device = {
		.ifa_next = &host,
		.ifa_flags = IFF_BROADCAST,
		.ifa_broadaddr = (struct sockaddr *)&broadcast,
	};

	broadcast.sin_addr.s_addr = htonl(0xc00002ff);
	vip.sin_addr.s_addr = htonl(0xc00002fe);
	*list = &device;
	return 0;
}

static void check_broadcast(void)
{
	struct run run;
	char line[128];

	kernel_reset();
	run_line("lbctl", "add-service -t 192.0.2.255:80", &run);
	result(!run.status && strstr(run.err, "broadcast"),
	       "a broadcast address as VIP gets a warning: %s", run.err);
	run_free(&run);
	run_line("lbctl", "add-service -t 192.0.2.254:80", &run);
	result(!run.status && !strstr(run.err, "broadcast"),
	       "another address gets none");
	run_free(&run);
	snprintf(line, sizeof(line), "restore %s",
		 file_with("-A -u 192.0.2.255:53\n"));
	run_line("lbctl", line, &run);
	result(!run.status && strstr(run.err, "broadcast"),
	       "also in a file: %s", run.err);
	run_free(&run);
}

/* On a director without nft, add-service loads no nf_tables. */
static void check_no_programs(void)
{
	struct rusage before, after;

	kernel_reset();
	getrusage(RUSAGE_CHILDREN, &before);
	run_quiet("add-service -t 192.0.2.1:80 -s rr");
	getrusage(RUSAGE_CHILDREN, &after);
	result(wait(NULL) < 0 && before.ru_minflt == after.ru_minflt,
	       "add-service runs no other program");
}

static void check_drain(void)
{
	static const char line[] = "del-server -t 192.0.2.1:80 -r 192.0.2.2";
	char words[128];
	struct run run;
	double begun;

	configure(two_servers);
	snprintf(words, sizeof(words), "%s --drain", line);
	result(!run_quiet(words) && !kernel.removed,
	       "--drain leaves a server with its connections");
	snprintf(words, sizeof(words), "%s --drain=1", line);
	begun = seconds_now();
	run_line("lbctl", words, &run);
	result(!run.status && kernel.removed == 1 &&
	       seconds_now() - begun >= 1,
	       "--drain=1 removes it after a second (%u)", kernel.removed);
	run_free(&run);
}

/* Sentences about what went wrong elsewhere. */
static void check_sentences(void)
{
	static const struct nl_answer unloaded = { .error = ENOENT };
	FILE *err = stderr;
	char *said = NULL;
	struct run run;
	size_t size;

	stderr = open_memstream(&said, &size);
	nl_verdict(&unloaded, "service");
	fclose(stderr);
	stderr = err;
	result(strstr(said, "unloaded"), "a module that was unloaded: %s", said);
	free(said);
	kernel_reset();
	run_line("lbctl", "restore /tmp", &run);
	result(run.status == EXIT_USAGE && !strstr(run.err, "line") &&
	       strstr(run.err, "'/tmp': Is a directory"),
	       "restore of a directory: %s", run.err);
	run_free(&run);
}

void check_verbs(void)
{
	char name[64];

	snprintf(dir, sizeof(dir), "/tmp/check-lbctl-XXXXXX");
	if (!mkdtemp(dir))
		abort();
	check_empty();
	check_save_file();
	check_edits();
	check_labels();
	check_apply();
	check_apply_meanwhile();
	check_torn();
	check_taken();
	check_migration();
	check_check();
	check_set();
	check_broadcast();
	check_drain();
	check_no_programs();
	check_sentences();
	snprintf(name, sizeof(name), "%s/rules", dir);
	unlink(name);
	rmdir(dir);
}
