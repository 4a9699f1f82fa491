// SPDX-License-Identifier: GPL-2.0
/*
 * Services and servers on a live screen. Rates are differences of two samples.
 * Drawing depends only on the samples and the screen size.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lbctl.h"

/* Above the lines of services: director, totals, titles. Below: the keys. */
#define TITLES 3
#define FOOTER 1

/* All columns but the first one, with the blanks before them, without a bar. */
#define NUMBERS 39
#define NAME_MIN 12
#define NAME_MAX 48
#define BAR_MIN 4

#define SCALED_TEXT 16

/* A line's worth of a service, so that they can be sorted. */
struct row {
	const struct service *service;
	struct rates rates;
};

/* All that a picture is made of. */
struct picture {
	const struct sample *now;
	const struct sample *before;
	struct row *rows;		/* of the services */
	struct rates *servers;		/* by their place in the sample */
	struct rates total;
	double most_service;		/* bits, for the bars */
	double most_server;
	size_t lines;
	int name_width;
	int bar_width;
};

static void rate_servers(struct picture *picture, const struct service *service,
			 double seconds)
{
	const struct server *servers;
	struct rates *rates;
	size_t count;
	size_t i;

	servers = snapshot_servers(&picture->now->shot, service, &count);
	rates = picture->servers + (servers - picture->now->shot.servers);
	for (i = 0; i < count; i++) {
		rates[i] = rates_server(&picture->before->shot, service,
					&servers[i], seconds);
		if (rates[i].bits > picture->most_server)
			picture->most_server = rates[i].bits;
	}
}

static void rate_services(struct picture *picture)
{
	const struct snapshot *before = &picture->before->shot;
	double seconds = picture->now->when - picture->before->when;
	const struct service *service;
	struct rates *rates;
	size_t i;

	picture->total.known = true;
	for (i = 0; i < picture->now->shot.nr_services; i++) {
		service = picture->rows[i].service;
		rates = &picture->rows[i].rates;
		*rates = rates_service(before, service, seconds);
		picture->total.conns += rates->conns;
		picture->total.packets += rates->packets;
		picture->total.bits += rates->bits;
		if (rates->bits > picture->most_service)
			picture->most_service = rates->bits;
		rate_servers(picture, service, seconds);
	}
}

/* The busiest first, and by address where that is the same. */
static int compare_rows(const void *a, const void *b)
{
	const struct row *first = a;
	const struct row *second = b;

	if (first->rates.bits != second->rates.bits)
		return first->rates.bits < second->rates.bits ? 1 : -1;
	return service_key_compare(&first->service->key,
				   &second->service->key);
}

/* Four digits and a letter at most: 999, 12.3k, 456M. */
static const char *scaled_text(double number, char *text)
{
	static const char letters[] = " kMGTPE";
	size_t i = 0;

	while (number >= 999.5 && letters[i + 1]) {
		number /= 1000;
		i++;
	}
	if (!i && number < 9.95 && number != (unsigned int)number)
		snprintf(text, SCALED_TEXT, "%.1f", number);
	else if (!i)
		snprintf(text, SCALED_TEXT, "%.0f", number);
	else
		snprintf(text, SCALED_TEXT, "%.*f%c", number < 99.95, number,
			 letters[i]);
	return text;
}

static const char *rate_text(bool known, double rate, char *text)
{
	if (known)
		return scaled_text(rate, text);
	return strcpy(text, "-");
}

/* The first column; what does not fit ends in a tilde. */
static void put_name(FILE *out, const char *name, int width)
{
	int length = strlen(name);

	if (length > width)
		fprintf(out, "%.*s~", width - 1, name);
	else
		fprintf(out, "%-*s", width, name);
}

static void put_bar(FILE *out, double part, double whole, int width)
{
	/* Who has some has a sign. */
	int filled = whole > 0 && part > 0 ? part / whole * (width - 1) + 1 : 0;

	while (filled-- > 0)
		fputc('#', out);
}

static void put_numbers(FILE *out, const struct picture *picture, double conns,
			const struct rates *rates, double most)
{
	char text[4][SCALED_TEXT];

	fprintf(out, " %7s %7s %7s %7s", scaled_text(conns, text[0]),
		rate_text(rates->known, rates->conns, text[1]),
		rate_text(rates->known, rates->packets, text[2]),
		rate_text(rates->known, rates->bits, text[3]));
	if (picture->bar_width >= BAR_MIN) {
		fputc(' ', out);
		put_bar(out, rates->bits, most, picture->bar_width);
	}
	fputc('\n', out);
}

static char server_mark(const struct server *server)
{
	if (!server->ifindex && server->forward != LBDR_FORWARD_LOCAL)
		return '!';
	if (server->draining)
		return 'd';
	return server->overloaded ? 'o' : ' ';
}

static void put_server(FILE *out, const struct picture *picture,
		       const struct server *server)
{
	char name[SERVICE_TEXT];
	char at[ENDPOINT_TEXT];

	snprintf(name, sizeof(name), "  -> %s",
		 endpoint_text(&server->at, server->service.protocol, true,
			       at));
	put_name(out, name, picture->name_width);
	fprintf(out, " %5u%c", server->weight, server_mark(server));
	put_numbers(out, picture, (double)server->active + server->inactive,
		    &picture->servers[server - picture->now->shot.servers],
		    picture->most_server);
}

static void put_service(FILE *out, const struct picture *picture,
			const struct row *row)
{
	const struct server *servers;
	char name[SERVICE_TEXT];
	double conns = 0;
	size_t count;
	size_t i;

	servers = snapshot_servers(&picture->now->shot, row->service, &count);
	for (i = 0; i < count; i++)
		conns += (double)servers[i].active + servers[i].inactive;
	service_column(&row->service->key, true, name, sizeof(name));
	put_name(out, name, picture->name_width);
	fprintf(out, " %5.5s ", row->service->scheduler);
	put_numbers(out, picture, conns, &row->rates, picture->most_service);
}

static void put_titles(FILE *out, const struct picture *picture,
		       const struct view *view)
{
	const struct info *info = &picture->now->info;
	char text[3][SCALED_TEXT];
	char line[256];

	snprintf(line, sizeof(line),
		 "lbdr: %zu services, %zu servers, %u connections of %u at most",
		 picture->now->shot.nr_services, picture->now->shot.nr_servers,
		 info->conns, info->conn_max);
	fprintf(out, "%.*s\n", view->size.columns, line);
	snprintf(line, sizeof(line),
		 "each second: %s new connections, %s packets, %s bits; every %u s",
		 rate_text(picture->total.known, picture->total.conns, text[0]),
		 rate_text(picture->total.known, picture->total.packets,
			   text[1]),
		 rate_text(picture->total.known, picture->total.bits, text[2]),
		 view->interval);
	fprintf(out, "%.*s\n", view->size.columns, line);
	snprintf(line, sizeof(line), "%-*s %6s %7s %7s %7s %7s %-*s",
		 picture->name_width, "Service, -> server", "Weight", "Conns",
		 "New/s", "Pkts/s", "Bits/s",
		 picture->bar_width < 0 ? 0 : picture->bar_width, "");
	fprintf(out, "\033[7m%.*s\n", view->size.columns, line);
}

static void put_footer(FILE *out, const struct view *view, size_t last,
		       size_t lines)
{
	char line[256];

	snprintf(line, sizeof(line),
		 "q quit  s by %s  arrows  %zu-%zu of %zu  d draining o overloaded ! not on-link",
		 view->busiest ? "address" : "bits", lines ? view->first + 1 : 0,
		 last, lines);
	fprintf(out, "%.*s", view->size.columns, line);
}

/* The lines from @view->first on that fit; a service's own is one of them. */
static size_t put_rows(FILE *out, const struct picture *picture,
		       const struct view *view, size_t room)
{
	size_t end = view->first + room;
	const struct server *servers;
	size_t line = 0;
	size_t count;
	size_t i, j;

	for (i = 0; i < picture->now->shot.nr_services && line < end; i++) {
		servers = snapshot_servers(&picture->now->shot,
					   picture->rows[i].service, &count);
		if (line++ >= view->first)
			put_service(out, picture, &picture->rows[i]);
		for (j = 0; j < count && line < end; j++) {
			if (line++ >= view->first)
				put_server(out, picture, &servers[j]);
		}
	}
	return line;
}

/* The name gets what the numbers leave, and from some width on the bar does. */
static void share_columns(struct picture *picture, int columns)
{
	int left = columns - NUMBERS - 1 - 10;

	picture->name_width = left < NAME_MIN ? NAME_MIN :
			      left > NAME_MAX ? NAME_MAX : left;
	picture->bar_width = columns - NUMBERS - 1 - picture->name_width;
}

/**
 * top_draw() - one picture
 * @out: where to
 * @now: the last sample
 * @before: the one before it, or NULL
 * @view: what part of it is wanted; brought into bounds
 */
void top_draw(FILE *out, const struct sample *now, const struct sample *before,
	      struct view *view)
{
	const struct snapshot *shot = &now->shot;
	struct picture picture = {
		.now = now, .before = before,
		.rows = or_exit(calloc(shot->nr_services + 1, sizeof(*picture.rows))),
		.servers = or_exit(calloc(shot->nr_servers + 1,
					  sizeof(*picture.servers))),
		.lines = shot->nr_services + shot->nr_servers,
	};
	int room = view->size.lines - TITLES - FOOTER;
	size_t last, line;
	size_t i;

	for (i = 0; i < shot->nr_services; i++)
		picture.rows[i].service = &shot->services[i];
	if (before && now->when > before->when)
		rate_services(&picture);
	if (view->busiest && shot->nr_services)
		qsort(picture.rows, shot->nr_services, sizeof(*picture.rows),
		      compare_rows);
	if (room < 0)
		room = 0;
	if (picture.lines <= (size_t)room)
		view->first = 0;
	else if (view->first > picture.lines - room)
		view->first = picture.lines - room;
	share_columns(&picture, view->size.columns);
	put_titles(out, &picture, view);
	last = put_rows(out, &picture, view, room);
	for (line = last - view->first; line < (size_t)room; line++)
		fputc('\n', out);
	put_footer(out, view, last, picture.lines);
	free(picture.rows);
	free(picture.servers);
}

static bool read_info(const struct nlmsghdr *nlh, void *data)
{
	struct sample *sample = data;

	return decode_info(nlh, &sample->info, NULL, NULL);
}

static int take(struct nl *nl, const struct request *req,
		struct sample *sample)
{
	int status;

	status = snapshot_show(nl, req, true, &sample->shot);
	sample->when = seconds_now();
	if (status)
		return status;
	status = info_run(nl, read_info, sample);
	sample->info.version = NULL;
	sample->info.n_devices = 0;
	return status;
}

static void draw(const struct sample *now, const struct sample *before,
		 struct view *view)
{
	char *text;
	size_t size;
	FILE *out = or_exit(open_memstream(&text, &size));

	view->size = screen_size();
	top_draw(out, now, before, view);
	stream_end(out);
	screen_show(text, size);
	free(text);
}

static void move(struct view *view, size_t by, bool down)
{
	if (down)
		view->first += by;
	else
		view->first -= by < view->first ? by : view->first;
}

/* False when it is the key to leave by. */
static bool press(int key, struct view *view)
{
	int room = view->size.lines - TITLES - FOOTER;
	size_t page = room > 1 ? room - 1 : 1;

	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 's':
		view->busiest = !view->busiest;
		break;
	case KEY_UP:
	case 'k':
		move(view, 1, false);
		break;
	case KEY_DOWN:
	case 'j':
		move(view, 1, true);
		break;
	case KEY_PAGE_UP:
		move(view, page, false);
		break;
	case KEY_PAGE_DOWN:
	case ' ':
		move(view, page, true);
		break;
	case KEY_HOME:
		view->first = 0;
		break;
	case KEY_END:
		/* Brought into bounds when it is drawn. */
		view->first = (size_t)-1 / 2;
		break;
	}
	return true;
}

/* False where the keyboard is gone, or a key says so. */
static bool read_keys(struct view *view)
{
	char text[64];
	ssize_t size = read(STDIN_FILENO, text, sizeof(text));
	const char *next = text;

	if (size <= 0)
		return false;
	while (next < text + size) {
		if (!press(screen_key(&next, text + size), view))
			return false;
	}
	return true;
}

/* Until the next sample is due; false when it is time to leave. */
static bool watch(int signals, const struct sample *now,
		  const struct sample *before, struct view *view)
{
	double left;

	for (;;) {
		draw(now, before, view);
		left = now->when + view->interval - seconds_now();
		switch (wait_for(signals, STDIN_FILENO,
				 left > 0 ? (int)(left * 1000) + 1 : 0)) {
		case WAKE_TIME:
			return true;
		case WAKE_END:
			return false;
		case WAKE_READY:
			if (!read_keys(view))
				return false;
			break;
		case WAKE_STOP:
			/* The shell gets its terminal as it was. */
			screen_end();
			raise(SIGSTOP);
			break;
		case WAKE_RESIZE:
			break;
		}
	}
}

int top_run(struct nl *nl, const struct request *req)
{
	struct sample now = { .when = 0 }, before = { .when = 0 };
	struct view view = { .interval = req->list.interval };
	int signals, status;

	if (!screen_possible()) {
		complain("top requires a terminal; 'list --stats' and 'metrics' do not");
		return EXIT_REFUSED;
	}
	signals = wait_begin(true);
	if (signals < 0)
		return EXIT_REFUSED;
	status = take(nl, req, &now);
	while (!status && watch(signals, &now, before.when ? &before : NULL,
				&view)) {
		snapshot_drop(&before.shot);
		before = now;
		status = take(nl, req, &now);
	}
	screen_end();
	snapshot_drop(&now.shot);
	snapshot_drop(&before.shot);
	return status;
}
