// SPDX-License-Identifier: GPL-2.0
/*
 * A full-screen terminal: saves, changes and restores its settings. The control
 * sequences are those of ECMA-48, which all terminals support, so no terminal library is
 * needed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "lbctl.h"

/* The alternate screen, without cursor and line wrap; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static struct termios before;
static bool begun;

/* Whether there is a terminal with cursor control. */
bool screen_possible(void)
{
	const char *term = getenv("TERM");

	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term &&
	       *term && strcmp(term, "dumb");
}

/* Writes all, or until an error. */
static void put(const char *text, size_t size)
{
	ssize_t done;

	while (size) {
		done = write(STDOUT_FILENO, text, size);
		if (done <= 0)
			return;
		text += done;
		size -= done;
	}
}

/* Without echo and line buffering; signals of keys are kept. */
static void screen_begin(void)
{
	static bool registered;
	struct termios raw;

	if (begun || tcgetattr(STDIN_FILENO, &before))
		return;
	/* Also on exit(). */
	if (!registered && atexit(screen_end))
		return;
	registered = true;
	raw = before;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	begun = true;
	before_complaint = screen_end;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	put(ENTER, strlen(ENTER));
}

void screen_end(void)
{
	if (!begun)
		return;
	begun = false;
	put(LEAVE, strlen(LEAVE));
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

struct screen_size screen_size(void)
{
	struct winsize size = { .ws_row = 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ||
	    !size.ws_col)
		return (struct screen_size){ 80, 24 };
	return (struct screen_size){ size.ws_col, size.ws_row };
}

/*
 * Shows as many lines as fit, by one write to avoid flicker. Each line is erased before
 * it is written: after a line of full width the cursor is on its last character.
 */
void screen_show(const char *text, size_t size)
{
	int lines = screen_size().lines;
	const char *end = text + size;
	const char *line;
	char *picture;
	size_t used;
	FILE *out;

	screen_begin();
	out = or_exit(open_memstream(&picture, &used));
	fputs("\033[H", out);
	for (; text < end && lines; text = line + 1, lines--) {
		line = memchr(text, '\n', end - text) ?: end;
		fputs("\033[K", out);
		fwrite(text, 1, line - text, out);
		fputs(line < end && lines > 1 ? "\033[m\r\n" : "\033[m", out);
	}
	fputs("\033[J", out);
	stream_end(out);
	put(picture, used);
	free(picture);
}

/**
 * screen_key() - the next key of what was read
 * @next: in: where it begins; out: where the next one does
 * @end: of what was read
 *
 * Return: a character or KEY_....
 */
int screen_key(const char **next, const char *end)
{
	static const struct {
		const char *sequence;
		int key;
	} keys[] = {
		{ "\033[A", KEY_UP }, { "\033OA", KEY_UP },
		{ "\033[B", KEY_DOWN }, { "\033OB", KEY_DOWN },
		{ "\033[5~", KEY_PAGE_UP }, { "\033[6~", KEY_PAGE_DOWN },
		{ "\033[H", KEY_HOME }, { "\033OH", KEY_HOME },
		{ "\033[1~", KEY_HOME }, { "\033[F", KEY_END },
		{ "\033OF", KEY_END }, { "\033[4~", KEY_END },
	};
	size_t left = end - *next;
	size_t length;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		length = strlen(keys[i].sequence);
		if (length <= left && !memcmp(*next, keys[i].sequence, length)) {
			*next += length;
			return keys[i].key;
		}
	}
	if (**next != '\033')
		return (unsigned char)*(*next)++;
	/* The sequence of an unknown key ends with a letter or a tilde. */
	(*next)++;
	if (*next < end && (**next == '[' || **next == 'O')) {
		(*next)++;
		while (*next < end && !(**next >= '@' && **next <= '~'))
			(*next)++;
		if (*next < end)
			(*next)++;
	}
	return KEY_NONE;
}
