// SPDX-License-Identifier: GPL-2.0
/*
 * Runs commands and reads files. Everything that lbdr-doctor knows of the host,
 * except for the answers from segments, is read here, so that unit tests can
 * replace it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"

const char *root = "";

/* A string of an object, empty if there is none. */
const char *word_of(const json_t *object, const char *key)
{
	const char *word = json_string_value(json_object_get(object, key));

	return word ? word : "";
}

json_int_t number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* lbctl is beside this program, or in PATH. */
static void run_beside(const char *const *command)
{
	char path[4096];
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 64);
	char *slash;

	if (size < 0)
		return;
	path[size] = '\0';
	slash = strrchr(path, '/');
	strcpy(slash ? slash + 1 : path, command[0]);
	execv(path, (char *const *)command);
}

/* ip and nft report on stderr what this program reports by itself. */
static void run_child(const char *const *command, FILE *input, int output)
{
	bool own = !strcmp(command[0], "lbctl");
	int nowhere = open("/dev/null", O_RDWR);

	if (nowhere < 0)
		_exit(1);
	dup2(input ? fileno(input) : nowhere, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	if (own)
		run_beside(command);
	else
		dup2(nowhere, STDERR_FILENO);
	execvp(command[0], (char *const *)command);
	_exit(errno == ENOENT ? RUN_NOT_FOUND : 1);
}

/* Reads everything up to the end; to be freed, NULL on failure. */
static char *run_collect(int fd)
{
	FILE *file = fdopen(fd, "r");
	char *text = NULL;
	size_t room = 0;

	if (!file) {
		close(fd);
		return NULL;
	}
	if (getdelim(&text, &room, '\0', file) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(file);
	return text;
}

/* Returns what the command prints, to be freed; NULL if it cannot be run. */
static char *run_real(const char *const *command, const char *input,
		      int *status)
{
	FILE *file = NULL;
	char *text;
	int ends[2];
	pid_t pid;

	*status = 1;
	if (input) {
		file = tmpfile();
		if (!file)
			return NULL;
		fputs(input, file);
		rewind(file);
	}
	if (pipe2(ends, O_CLOEXEC)) {
		if (file)
			fclose(file);
		return NULL;
	}
	pid = fork();
	if (!pid)
		run_child(command, file, ends[1]);
	close(ends[1]);
	text = run_collect(ends[0]);
	while (pid > 0 && waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0)
		*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 1;
	if (file)
		fclose(file);
	return text;
}

run_fn run_command = run_real;

/**
 * run_json() - run a command that prints JSON
 * @command: its words
 * @document: gets the document, an empty array if nothing was printed
 *
 * Return: 0; RUN_NOT_FOUND or another exit status of the command; -1 if it does
 * not print JSON.
 */
int run_json(const char *const *command, json_t **document)
{
	int status;
	char *text = run_command(command, NULL, &status);

	*document = NULL;
	if (!status && text) {
		*document = *text ? json_loads(text, 0, NULL) : json_array();
		if (!*document)
			status = -1;
	}
	free(text);
	return status;
}

/* Cuts a command into its words, at blanks. */
void run_split(char *text, const char *words[RUN_WORDS_MAX])
{
	size_t count = 0;

	for (text = strtok(text, " "); text && count < RUN_WORDS_MAX - 1;
	     text = strtok(NULL, " "))
		words[count++] = text;
	words[count] = NULL;
}

/**
 * run_loud() - print a command of single words and run it
 * @dry_run: only print it
 * @format: the command
 *
 * Return: whether it succeeded.
 */
bool run_loud(bool dry_run, const char *format, ...)
{
	const char *words[RUN_WORDS_MAX];
	char text[512];
	va_list args;
	int status;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	puts(text);
	if (dry_run)
		return true;
	run_split(text, words);
	free(run_command(words, NULL, &status));
	if (status == RUN_NOT_FOUND)
		complain("%s not found in PATH", words[0]);
	else if (status && geteuid())
		complain("%s failed: root (CAP_NET_ADMIN) is required",
			 words[0]);
	else if (status)
		complain("%s failed with status %d", words[0], status);
	return !status;
}

FILE *root_open(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s", root, path);
	return fopen(text, "re");
}

bool root_has(const char *path)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s", root, path);
	return !access(text, F_OK);
}

bool root_number(const char *path, long *number)
{
	FILE *file = root_open(path);
	bool good;

	if (!file)
		return false;
	good = fscanf(file, "%ld", number) == 1;
	fclose(file);
	return good;
}
