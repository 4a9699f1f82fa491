// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel modules: what is loaded, with which parameters, and the programs of kmod that
 * load and unload them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lbctl.h"
#include "module.h"

#define SYSFS "/sys/module/"

/* Runs a program. Its output goes to @output unless that is negative. */
static pid_t start(const char *const *words, int output)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (output >= 0)
		dup2(output, STDOUT_FILENO);
	execvp(words[0], (char *const *)words);
	complain("cannot run %s: %s", words[0], strerror(errno));
	_exit(EXIT_REFUSED);
}

/* Waits for a program. Returns true if it succeeded. */
static bool finish(const char *program_name, pid_t pid)
{
	int status = -1;

	if (pid < 0) {
		complain("cannot run %s: %s", program_name, strerror(errno));
		return false;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/**
 * program_run() - run a program and wait for it
 * @words: name and arguments, then NULL
 *
 * Return: true if it succeeded. Its own messages say why not.
 */
bool program_run(const char *const *words)
{
	return finish(words[0], start(words, -1));
}

/* Returns the first line that a program prints, to be freed; NULL if there is none. */
static char *first_line(const char *const *words)
{
	char *line = NULL;
	size_t room = 0;
	int ends[2];
	FILE *from;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return NULL;
	pid = start(words, ends[1]);
	close(ends[1]);
	from = fdopen(ends[0], "r");
	if (!from || getline(&line, &room, from) <= 0) {
		free(line);
		line = NULL;
	}
	if (line)
		line[strcspn(line, "\n")] = '\0';
	if (from)
		fclose(from);
	else
		close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return line;
}

/**
 * module_is_loaded() - check whether a module is loaded
 * @name: its name
 *
 * Return: true if so.
 */
bool module_is_loaded(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), SYSFS "%s/refcnt", name);
	return !access(path, F_OK);
}

/**
 * module_users() - read the reference count of a module
 * @name: its name
 *
 * Return: the count; -1 if it is not loaded.
 */
int module_users(const char *name)
{
	char path[256];
	int users = -1;
	FILE *from;

	snprintf(path, sizeof(path), SYSFS "%s/refcnt", name);
	from = fopen(path, "re");
	if (!from)
		return -1;
	if (fscanf(from, "%d", &users) != 1)
		users = -1;
	fclose(from);
	return users;
}

/**
 * module_installed() - find the file of an installed module
 * @name: its name
 *
 * Return: the path, to be freed; NULL if there is none, and modprobe(8) has said so.
 */
char *module_installed(const char *name)
{
	const char *const words[] = { "modinfo", "-n", name, NULL };

	return first_line(words);
}

/**
 * module_path() - get the path of the file of a module
 * @name: the file
 *
 * modinfo(8) takes whatever is no file for the name of an installed module.
 *
 * Return: the absolute path, to be freed; NULL after a message.
 */
char *module_path(const char *name)
{
	char *path = realpath(name, NULL);
	struct stat status;

	if (path && !stat(path, &status) && S_ISREG(status.st_mode))
		return path;
	complain("cannot read '%s': %s", name, path ? "not a file" : strerror(errno));
	free(path);
	return NULL;
}

/**
 * module_check() - check that a file is a module of that name for the running kernel
 * @file: the file, which may be compressed
 * @name: the name
 *
 * Return: the exit status, after a message.
 */
int module_check(const char *file, const char *name)
{
	const char *const of_name[] = { "modinfo", "-F", "name", file, NULL };
	const char *const of_kernel[] = { "modinfo", "-F", "vermagic", file, NULL };
	char *is, *release;
	struct utsname host;
	int status = EXIT_USAGE;

	uname(&host);
	is = first_line(of_name);
	release = first_line(of_kernel);
	if (release)
		release[strcspn(release, " ")] = '\0';
	if (!is || !release)
		complain("cannot read '%s': not a module", file);
	else if (strcmp(is, name))
		complain("invalid module '%s': is %s, not %s", file, is, name);
	else if (strcmp(release, host.release))
		complain("invalid module '%s': for Linux %s, this is %s", file, release,
			 host.release);
	else
		status = EXIT_DONE;
	free(is);
	free(release);
	return status;
}

/* Returns "NAME=VALUE" of a parameter, to be freed; NULL if it cannot be read. */
static char *parameter(const char *folder, const char *name)
{
	char path[512], value[1024], *text = NULL;
	FILE *from;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	from = fopen(path, "re");
	if (!from)
		return NULL;
	if (fgets(value, sizeof(value), from)) {
		value[strcspn(value, "\n")] = '\0';
		if (asprintf(&text, "%s=%s", name, value) < 0)
			text = NULL;
	}
	fclose(from);
	return text;
}

/**
 * module_parameters() - read the parameters of a loaded module
 * @name: its name
 * @parameters: filled in with texts "NAME=VALUE", to be freed by the caller
 *
 * Those that it does not show are left out.
 */
void module_parameters(const char *name, struct parameters *parameters)
{
	struct dirent *entry;
	char folder[256];
	DIR *dir;

	parameters->count = 0;
	snprintf(folder, sizeof(folder), SYSFS "%s/parameters", name);
	dir = opendir(folder);
	while (dir && (entry = readdir(dir))) {
		if (*entry->d_name == '.' || parameters->count == PARAMETERS)
			continue;
		parameters->texts[parameters->count] = parameter(folder, entry->d_name);
		if (parameters->texts[parameters->count])
			parameters->count++;
	}
	if (dir)
		closedir(dir);
}

/**
 * module_load() - load a module from a file
 * @file: the file
 * @parameters: its parameters, or NULL
 *
 * Return: true if it was loaded; otherwise insmod(8) has said why not.
 */
bool module_load(const char *file, const struct parameters *parameters)
{
	const char *words[PARAMETERS + 3] = { "insmod", file };
	size_t i, count = 2;

	for (i = 0; parameters && i < parameters->count; i++)
		words[count++] = parameters->texts[i];
	return program_run(words);
}

/**
 * module_unload_begin() - begin to unload a module
 * @name: its name
 *
 * The kernel waits for several grace periods meanwhile.
 *
 * Return: a process for module_unload_end(), which also takes a failure.
 */
pid_t module_unload_begin(const char *name)
{
	const char *const words[] = { "rmmod", name, NULL };

	return start(words, -1);
}

/**
 * module_unload_end() - wait until a module is unloaded
 * @pid: of module_unload_begin()
 *
 * Return: true if it was unloaded; otherwise rmmod(8) has said why not.
 */
bool module_unload_end(pid_t pid)
{
	return finish("rmmod", pid);
}
