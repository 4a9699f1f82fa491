// SPDX-License-Identifier: GPL-2.0
/*
 * Files of commands, one on each line without the name of the program, as `save` and
 * ipvsadm -S write them. Words are separated by whitespace; single or double quotes
 * keep whitespace; # at the beginning of a word begins a comment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lbctl.h"

/* Longer than any command; who sends more sends no commands. */
#define LINE_MAX_SIZE 65536

/**
 * file_open() - begin to read a file
 * @file: to be closed by file_close()
 * @name: NULL or "-" for standard input
 *
 * Return: the exit status, after a message.
 */
int file_open(struct file *file, const char *name)
{
	struct stat status;

	memset(file, 0, sizeof(*file));
	if (!name || !strcmp(name, "-")) {
		file->in = stdin;
		file->name = "standard input";
		return EXIT_DONE;
	}
	file->name = name;
	file->in = fopen(name, "re");
	if (file->in && !fstat(fileno(file->in), &status) &&
	    S_ISDIR(status.st_mode)) {
		fclose(file->in);
		file->in = NULL;
		errno = EISDIR;
	}
	if (file->in)
		return EXIT_DONE;
	complain("cannot read '%s': %s", name, strerror(errno));
	return EXIT_USAGE;
}

void file_close(struct file *file)
{
	if (file->in && file->in != stdin)
		fclose(file->in);
	free(file->text);
	free(file->without);
	memset(file, 0, sizeof(*file));
}

static bool is_blank(char letter)
{
	return letter == ' ' || letter == '\t' || letter == '\r' ||
	       letter == '\n';
}

/* One word, in place; returns what is behind it, or NULL without its quote. */
static char *split_word(char *at)
{
	char *to = at;
	char quote;

	while (*at && !is_blank(*at)) {
		if (*at != '"' && *at != '\'') {
			*to++ = *at++;
			continue;
		}
		quote = *at++;
		while (*at && *at != quote)
			*to++ = *at++;
		if (!*at++)
			return NULL;
	}
	if (*at)
		at++;
	*to = '\0';
	return at;
}

/**
 * file_split() - part a line into words
 * @text: the line, which is cut into them
 * @words: room for FILE_WORDS of them and NULL
 * @count: how many there are
 *
 * Return: 0 or -1, and then fault_text() tells more.
 */
int file_split(char *text, char **words, int *count)
{
	*count = 0;
	for (;;) {
		while (is_blank(*text))
			text++;
		if (!*text || *text == '#')
			break;
		if (*count == FILE_WORDS)
			return fault("more than %d words",
				     FILE_WORDS);
		words[*count] = text;
		text = split_word(text);
		if (!text)
			return fault("unterminated quote");
		(*count)++;
	}
	words[*count] = NULL;
	return 0;
}

/**
 * file_next() - read the next line that has a command
 * @file: the file; its words and line are set
 *
 * Return: 1; 0 at the end; -1 for a line that is none, and then fault_text()
 * tells more.
 */
int file_next(struct file *file)
{
	ssize_t size;

	file->words[0] = (char *)program;
	for (;;) {
		errno = 0;
		size = getline(&file->text, &file->room, file->in);
		if (size < 0 && !feof(file->in))
			return fault("cannot read: %s",
				     strerror(errno ? errno : EIO));
		if (size < 0)
			return 0;
		file->line++;
		if (size > LINE_MAX_SIZE)
			return fault("line longer than %d bytes",
				     LINE_MAX_SIZE);
		if (strlen(file->text) != (size_t)size)
			return fault("line contains a zero byte");
		if (file_split(file->text, file->words + 1, &file->count))
			return -1;
		if (file->count)
			return 1;
	}
}

/**
 * file_request() - parse the line that was read
 * @file: the file
 * @ipvsadm: only ipvsadm's grammar
 * @req: what is asked for; texts point into the line
 *
 * Return: 0; -1 for wrong usage, 1 for what lbdr does not support, and then
 * fault_text() tells more.
 */
int file_request(struct file *file, bool ipvsadm, struct request *req)
{
	int status;

	memset(req, 0, sizeof(*req));
	req->ipvsadm = ipvsadm;
	req->in_file = true;
	status = options_read(file->count + 1, file->words, req);
	if (status)
		return status;
	if (!req->verb->message || req->help)
		return fault("%s not supported in a file of commands",
			     req->verb->name);
	if (req->real.drain_s)
		return fault("--drain=SECONDS not supported in a file of commands");
	if (req->netns)
		return fault("-N not supported in a file of commands");
	return 0;
}

/* Further errors are only counted: the file is another one than was meant. */
#define ERRORS_MAX 20

/**
 * file_fault() - note that a line is wrong
 * @file: the file
 * @line: its line
 * @sentence: what is wrong
 *
 * The last one is reported by file_verdict().
 */
void file_fault(struct file *file, unsigned int line, const char *sentence)
{
	if (file->errors && file->errors < ERRORS_MAX)
		complain("%s, line %u: %s", file->name, file->error_line,
			 file->error);
	if (file->errors++ >= ERRORS_MAX)
		return;
	file->error_line = line;
	snprintf(file->error, sizeof(file->error), "%s", sentence);
}

/**
 * file_verdict() - tell whether all lines were commands
 * @file: the file, read to its end
 *
 * Return: the exit status, the errors have been told.
 */
int file_verdict(struct file *file)
{
	int status = file->unresolved ? EXIT_REFUSED : EXIT_USAGE;

	if (!file->errors)
		return EXIT_DONE;
	if (file->errors <= ERRORS_MAX) {
		file_complain(file, file->error_line, file->error);
		return status;
	}
	complain("%s, line %u: %s", file->name, file->error_line, file->error);
	complain("%s has %u more errors; nothing was changed", file->name,
		 file->errors - ERRORS_MAX);
	return status;
}

static void skip(struct file *file, const char *sentence)
{
	complain("warning: %s, line %u skipped: %s", file->name, file->line,
		 sentence);
	file->skipped++;
}

/* What is about a service that is not added cannot be done either. */
static void skip_service(struct file *file, struct request *req)
{
	bool ipvsadm = req->ipvsadm;

	skip(file, fault_text());
	memset(req, 0, sizeof(*req));
	req->ipvsadm = ipvsadm;
	req->in_file = true;
	if (!options_service(file->count + 1, file->words, req) ||
	    req->verb != &verbs[VERB_ADD_SERVICE])
		return;
	file->without = grow(file->without, &file->room_without,
			     file->nr_without, sizeof(*file->without));
	file->without[file->nr_without++] = req->service;
}

static bool is_without(const struct file *file, const struct request *req)
{
	size_t i;

	for (i = 0; req->has_service && i < file->nr_without; i++) {
		if (!service_key_compare(&file->without[i], &req->service))
			return true;
	}
	return false;
}

/**
 * file_command() - read the next command
 * @file: the file
 * @how: the request whose file it is
 * @req: the command
 *
 * Lines that are wrong are noted, and left out; so are those that lbdr does not
 * support, as @how wants.
 *
 * Return: false at the end; then see file_verdict().
 */
bool file_command(struct file *file, const struct request *how,
		  struct request *req)
{
	int more, status;

	while ((more = file_next(file))) {
		file->commands++;
		status = more < 0 ? -1 : file_request(file, how->ipvsadm, req);
		if (status > 0 && how->file.skip_unsupported &&
		    fault_kind() == FAULT_UNSUPPORTED) {
			skip_service(file, req);
		} else if (status) {
			file->unresolved |= fault_kind() == FAULT_LOOKUP;
			file_fault(file, file->line, fault_text());
			if (ferror(file->in))
				return false;
		} else if (is_without(file, req)) {
			skip(file, "its service was skipped");
		} else {
			return true;
		}
	}
	return false;
}

/* Probably a mistake, not the wish to remove all services; prints a message. */
bool file_is_empty(const struct file *file, const struct request *how)
{
	if (file->commands || how->file.allow_empty)
		return false;
	complain("%s has no commands; nothing was changed\n"
		 "hint: --allow-empty removes every service", file->name);
	return true;
}

/* The lines are one thing: where one is wrong, all are left undone. */
void file_complain(const struct file *file, unsigned int line,
		   const char *sentence)
{
	complain("%s, line %u: %s; nothing was changed", file->name, line,
		 sentence);
}

static bool write_all(int fd, const char *text, size_t size)
{
	ssize_t written;

	while (size) {
		written = write(fd, text, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return false;
		text += written;
		size -= written;
	}
	return true;
}

/* The entry of a directory is on the disk after this, where that is possible. */
static void sync_directory(char *name)
{
	char *slash = strrchr(name, '/');
	int fd;

	if (slash && slash != name)
		*slash = '\0';
	fd = open(!slash ? "." : slash == name ? "/" : name,
		  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Owner and mode of the file that is replaced, or those of a new file. */
static bool set_owner(int fd, const struct stat *old)
{
	mode_t mask;

	if (old)
		return !fchmod(fd, old->st_mode & 07777) &&
		       (!fchown(fd, old->st_uid, old->st_gid) || errno == EPERM);
	mask = umask(0);
	umask(mask);
	return !fchmod(fd, 0666 & ~mask);
}

/* Writes a file beside @name, and renames it; false with errno. */
static bool replace(char *name, const struct stat *old, const char *text,
		    size_t size)
{
	char *beside;
	bool done;
	int fd, error;

	if (asprintf(&beside, "%s.XXXXXX", name) < 0)
		return false;
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		free(beside);
		return false;
	}
	done = set_owner(fd, old) && write_all(fd, text, size) && !fsync(fd);
	error = errno;
	if (close(fd) && done) {
		error = errno;
		done = false;
	}
	if (done && rename(beside, name)) {
		error = errno;
		done = false;
	}
	if (!done)
		unlink(beside);
	else
		sync_directory(name);
	free(beside);
	errno = error;
	return done;
}

static bool write_device(const char *name, const char *text, size_t size)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write_all(fd, text, size);
	return !close(fd) && done;
}

/**
 * file_replace() - write a file as a whole
 * @name: the file; a symbolic link is followed if it leads to a file
 * @text: its new contents
 * @size: of them
 *
 * The file has either the old contents or the new ones at any time, also after a
 * crash of the machine. What is no regular file is only written to.
 *
 * Return: the exit status, after a message.
 */
int file_replace(const char *name, const char *text, size_t size)
{
	struct stat old;
	char *target;
	bool done, there;

	target = realpath(name, NULL);
	there = target && !stat(target, &old);
	if (!target)
		target = strdup(name);
	if (!target)
		done = false;
	else if (there && !S_ISREG(old.st_mode))
		done = write_device(target, text, size);
	else
		done = replace(target, there ? &old : NULL, text, size);
	if (!done)
		complain("cannot write '%s': %s", name, strerror(errno));
	free(target);
	return done ? EXIT_DONE : EXIT_REFUSED;
}
