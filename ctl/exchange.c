// SPDX-License-Identifier: GPL-2.0
/*
 * Exchanges the module under traffic, for an upgrade: the verb reload-module.
 *
 *  1. Check that the new file is a module for this kernel, and that no other network
 *     namespace has services.
 *  2. Change to the entry prerouting: at the others, packets are taken before or behind
 *     the rule of step 3.
 *     Stop the roles of synchronisation, write the connections to a private folder, and
 *     let modprobe(8) refuse to load any of the modules, so that no program brings back
 *     ip_vs or the old module. All that takes time may be done here.
 *     Write the configuration to the folder, too, and listen to changes of it.
 *  3. Drop the packets of the services (exchange_rule.c). From now on no connection
 *     changes, and clients send again what is lost. Grace periods are expedited
 *     (exchange_rcu.c).
 *  4. Unload lbdr_ipvs, and keep the connections in memory. If another program has changed
 *     the configuration meanwhile, write it again, drop the packets of new services, and
 *     look again. Then remove everything, and unload the module.
 *  5. Load the new module with the parameters of the old one, and restore configuration,
 *     connections, entry, roles and sysctls. If the module cannot be loaded, or refuses
 *     the configuration, do the same with the fallback. A role that cannot be started is
 *     no reason for that: its device may be gone.
 *  6. End the rule.
 *
 * Counters start at 0, and the connections of servers that are removed with --drain or
 * --hold are lost.
 *
 * Signals are blocked from 2 on. If the process is killed all the same, the kernel ends
 * the rule, modprobe works again, and the files stay: restore and restore-conns read them.
 * The file of connections is then as old as step 2.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "exchange.h"
#include "lbctl.h"
#include "module.h"

#define MODULE "lbdr"
#define IPVS_MODULE "lbdr_ipvs"
#define FOLDER "/run/lbdr-exchange.XXXXXX"
#define BLOCK_FOLDER "/run/modprobe.d"
#define BLOCK BLOCK_FOLDER "/lbdr-exchange.conf"
#define LOCK "/run/lbdr-reload.lock"
#define SYSCTLS "/proc/sys/net/ipv4/vs"

/* Tries to unload a module that is in use, and the time between two of them */
#define UNLOAD_TRIES 5000
#define UNLOAD_WAIT_US 1000

/* How often the configuration is written again because another program changed it */
#define SAVE_TRIES 20

/* A role's length that lbctl takes */
#define LENGTH_MIN 128
#define LENGTH_MAX 8972

struct exchange {
	char *file;
	char *fallback;		/* NULL if there is none */
	const char *key_file;	/* of the role peers; NULL if it does not run */
	char folder[sizeof(FOLDER)];
	char rules[sizeof(FOLDER) + 16];	/* the configuration */
	char conns[sizeof(FOLDER) + 16];
	char sysctls[sizeof(FOLDER) + 16];
	struct snapshot shot;	/* sorted; with held services */
	struct exchange_changes changes;
	struct sync_roles sync;	/* those that were stopped */
	struct parameters parameters;
	struct exchange_rule rule;
	struct exchange_rcu rcu;
	struct saved_conns saved;
	__u8 entry;
	char devices[INGRESS_MAX][IFNAMSIZ];
	int n_devices;
	bool forced;
	int programs;		/* XDP programs, which hold references, too */
	int others;		/* other namespaces that have services */
	bool ipvs;		/* its module was loaded */
	bool partly;		/* something was lost, which was told */
	bool cleared;		/* the configuration was removed */
	bool restored;		/* it is there again */
	const char *loaded;	/* the file whose module has it */
	double began;		/* when packets were dropped */
};

/* Runs a command line, with a socket of its own: the module changes. */
static int run_line(const char *const *words)
{
	struct request req = { .verb = NULL };
	struct nl *nl = NULL;
	int count = 0, status;

	while (words[count])
		count++;
	status = options_read(count, (char **)words, &req);
	if (status) {
		complain("%s", fault_text());
		return EXIT_USAGE;
	}
	status = nl_open(&nl, NULL);
	if (!status)
		status = req.verb->run(nl, &req);
	nl_close(nl);
	return status;
}

static int run_verb(const char *verb, const char *word)
{
	const char *const words[] = { program, verb, word, NULL };

	return run_line(words);
}

/* A namespace with services has a reference to the module, and so has lbdr_ipvs. */
static int check_users(struct exchange *exchange, bool force)
{
	int others = module_users(MODULE) - exchange->ipvs - exchange->programs -
		     (exchange->shot.nr_services > 0);

	exchange->others = others > 0 ? others : 0;
	if (force)
		return EXIT_DONE;
	if (exchange->ipvs) {
		complain("%s is loaded: give --force, and restart keepalived afterwards",
			 IPVS_MODULE);
		return EXIT_REFUSED;
	}
	if (others <= 0)
		return EXIT_DONE;
	complain("%d other network namespace%s: remove their services, or give --force",
		 others, others == 1 ? " has services" : "s have services");
	return EXIT_REFUSED;
}

/* The file of lbdr_ipvs beside that of the module, to be freed; NULL if there is none. */
static char *beside(const char *file)
{
	const char *slash = strrchr(file, '/');
	const char *name = slash ? slash + 1 : file;
	char *path;

	if (strncmp(name, MODULE ".ko", strlen(MODULE ".ko")) ||
	    asprintf(&path, "%.*s" IPVS_MODULE "%s", (int)(name - file), file,
		     name + strlen(MODULE)) < 0)
		return NULL;
	if (!access(path, R_OK))
		return path;
	free(path);
	return NULL;
}

/* Checks a file of the module, and the one of lbdr_ipvs beside it if that is loaded. */
static int check_file(const struct exchange *exchange, const char *file)
{
	int status = module_check(file, MODULE);
	char *ipvs;

	if (status || !exchange->ipvs)
		return status;
	ipvs = beside(file);
	if (ipvs) {
		status = module_check(ipvs, IPVS_MODULE);
	} else {
		complain("no " IPVS_MODULE " beside '%s'", file);
		status = EXIT_USAGE;
	}
	free(ipvs);
	return status;
}

/* Finds and checks the files; the exit status after a message. */
static int find_files(struct exchange *exchange, const struct request *req)
{
	int status;

	exchange->file = req->word ? module_path(req->word) : module_installed(MODULE);
	if (!exchange->file)
		return EXIT_USAGE;
	status = check_file(exchange, exchange->file);
	if (status || !req->fallback)
		return status;
	exchange->fallback = module_path(req->fallback);
	if (!exchange->fallback)
		return EXIT_USAGE;
	return check_file(exchange, exchange->fallback);
}

/*
 * Lets modprobe(8) load none of the modules while this process runs, or lets it load them
 * again.
 */
static int block_loading(bool block)
{
	static const char *const names[] = { MODULE, IPVS_MODULE, "ip_vs" };
	char text[1024];
	size_t i, size = 0;

	if (!block) {
		unlink(BLOCK);
		return EXIT_DONE;
	}
	for (i = 0; i < ARRAY_SIZE(names); i++)
		size += snprintf(text + size, sizeof(text) - size,
				 "install %s if kill -0 %d 2>/dev/null; then exit 1; else exec modprobe --ignore-install %s $CMDLINE_OPTS; fi\n",
				 names[i], getpid(), names[i]);
	if (mkdir(BLOCK_FOLDER, 0755) && errno != EEXIST) {
		complain("cannot create %s: %s", BLOCK_FOLDER, strerror(errno));
		return EXIT_REFUSED;
	}
	return file_replace(BLOCK, text, size);
}

/* Only one exchange at a time. The lock ends with the process. */
static int lock_out_others(void)
{
	int fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return EXIT_DONE;
	complain("cannot lock %s: %s", LOCK,
		 errno == EWOULDBLOCK ? "another exchange runs" : strerror(errno));
	return EXIT_REFUSED;
}

static pid_t unload_begin(const char *name)
{
	int tries;

	/* Programs may have its files open, and readers may be on their way out. */
	for (tries = 0; module_users(name) > 0 && tries < UNLOAD_TRIES; tries++)
		usleep(UNLOAD_WAIT_US);
	return module_unload_begin(name);
}

static bool unload(const char *name)
{
	return module_unload_end(unload_begin(name));
}

/* Whether a snapshot has services that another one does not have; both are sorted. */
static bool has_more(const struct snapshot *shot, const struct snapshot *before)
{
	size_t i, j = 0;
	int order;

	for (i = 0; i < shot->nr_services; i++) {
		order = 1;
		while (j < before->nr_services && order > 0)
			order = service_key_compare(&shot->services[i].key,
						    &before->services[j++].key);
		if (order)
			return true;
	}
	return false;
}

/*
 * Writes the configuration to the folder, and drops the packets of its services. *@more:
 * set to true if there are more of them than when they were looked at before.
 */
static int save_rules(struct exchange *exchange, struct nl *nl, bool *more)
{
	const struct request all = { .list.held = true };
	struct snapshot now;
	int status;

	status = snapshot_take(nl, &all, true, &now);
	*more = !status && has_more(&now, &exchange->shot);
	snapshot_drop(&exchange->shot);
	exchange->shot = now;
	if (!status)
		status = run_verb("save", exchange->rules);
	if (!status && (*more || !exchange->rule.begun))
		status = exchange_rule_add(&exchange->rule, &now);
	return status;
}

/*
 * Takes the connections out of the module, and makes sure that the file has the
 * configuration as it is.
 */
static int take_conns(struct exchange *exchange, struct nl *nl)
{
	int status = EXIT_DONE, tries;
	bool more = true;

	for (tries = 0; tries < SAVE_TRIES; tries++) {
		/* New services may have got some before their packets were dropped. */
		if (more) {
			saved_drop(&exchange->saved);
			status = saved_take(nl, &exchange->saved);
			exchange->partly = status == EXIT_PARTLY;
		}
		if (status && status != EXIT_PARTLY)
			return status;
		if (!exchange_changes_any(&exchange->changes))
			return EXIT_DONE;
		if (save_rules(exchange, nl, &more))
			return EXIT_REFUSED;
	}
	complain("other programs keep changing the configuration: try again");
	return EXIT_REFUSED;
}

static void tell_others(struct exchange *exchange)
{
	if (!exchange->others)
		return;
	complain("warning: the services of %d other network namespace%s were removed",
		 exchange->others, exchange->others == 1 ? "" : "s");
	exchange->partly = true;
}

/*
 * Takes the connections out of the module, removes everything, and unloads the module.
 * Returns true if it is gone.
 */
static bool take_all(struct exchange *exchange, bool force)
{
	/* Not as a command line: little time passes between the last look and this. */
	const struct request clear = {
		.verb = &verbs[VERB_CLEAR], .all_namespaces = force,
	};
	struct nl *nl = NULL;
	pid_t rmmod = -1;

	if (nl_open(&nl, NULL) || take_conns(exchange, nl))
		goto out;
	exchange_changes_end(&exchange->changes);
	exchange->cleared = !message_run(nl, &clear);
	if (exchange->cleared) {
		tell_others(exchange);
		rmmod = unload_begin(MODULE);
		saved_convert(nl, &exchange->saved);
	}
out:
	nl_close(nl);
	return exchange->cleared && module_unload_end(rmmod);
}

static int give_conns(struct exchange *exchange)
{
	struct nl *nl = NULL;
	int status;

	status = nl_open(&nl, NULL);
	if (!status)
		status = saved_give(nl, &exchange->saved);
	nl_close(nl);
	return status;
}

/* Writes the sysctls of the other module as lines NAME VALUE. */
static int save_sysctls(const struct exchange *exchange)
{
	FILE *out = fopen(exchange->sysctls, "we"), *from;
	char path[PATH_MAX], value[64];
	struct dirent *entry;
	bool failed;
	DIR *dir;

	if (!out) {
		complain("cannot write %s: %s", exchange->sysctls, strerror(errno));
		return EXIT_REFUSED;
	}
	dir = opendir(SYSCTLS);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), SYSCTLS "/%s", entry->d_name);
		from = *entry->d_name == '.' ? NULL : fopen(path, "re");
		if (from && fgets(value, sizeof(value), from))
			fprintf(out, "%s %s", entry->d_name, value);
		if (from)
			fclose(from);
	}
	if (dir)
		closedir(dir);
	failed = ferror(out);
	if (!fclose(out) && !failed)
		return EXIT_DONE;
	complain("cannot write %s: %s", exchange->sysctls, strerror(errno));
	return EXIT_REFUSED;
}

/* Those that cannot be written are read-only, or gone. */
static void restore_sysctls(const struct exchange *exchange)
{
	FILE *from = fopen(exchange->sysctls, "re"), *out;
	char line[PATH_MAX], path[PATH_MAX + sizeof(SYSCTLS)];
	char *value;

	while (from && fgets(line, sizeof(line), from)) {
		value = strchr(line, ' ');
		if (!value)
			continue;
		*value++ = '\0';
		snprintf(path, sizeof(path), SYSCTLS "/%s", line);
		out = fopen(path, "we");
		if (!out)
			continue;
		fputs(value, out);
		fclose(out);
	}
	if (from)
		fclose(from);
}

/* Tells the command that does what could not be done. */
static void tell_fix(const char *what, const char *const *words)
{
	char *line = NULL;
	size_t size;
	FILE *out = open_memstream(&line, &size);
	int i;

	for (i = 1; out && words[i]; i++)
		fprintf(out, " %s", words[i]);
	if (out && !fclose(out))
		complain("warning: %s; fix: lbctl%s", what, line);
	else
		complain("warning: %s", what);
	free(line);
}

/* Says that a role was stopped and not started again, and how it is started. */
static int role_failed(const char *const *words)
{
	char what[64];

	snprintf(what, sizeof(what), "the role %s of sync is stopped", words[2]);
	tell_fix(what, words);
	return EXIT_PARTLY;
}

static int start_role(const struct exchange *exchange, const struct sync *sync)
{
	char id[16], port[16], ttl[16], length[16], key_id[16], text[ENDPOINT_TEXT];
	char addresses[SYNC_PEERS * ENDPOINT_TEXT] = "";
	bool peers = sync->role == LBDR_SYNC_ROLE_PEERS;
	/* Peers have a key in place of an id. */
	const char *const words[] = {
		program, "sync", choice_word(&sync_choice, sync->role), sync->device,
		peers ? "--key-file" : "--id", peers ? exchange->key_file : id,
		"--address", addresses, "--port", port, "--ttl", ttl, "--length", length,
		peers ? "--key-id" : NULL, key_id, NULL
	};
	unsigned int bytes = sync->length;
	size_t i;

	/* Programs of ip_vs may have set another one. */
	if (bytes < LENGTH_MIN)
		bytes = LENGTH_MIN;
	if (bytes > LENGTH_MAX)
		bytes = LENGTH_MAX;
	for (i = 0; i < sync->n_addresses; i++) {
		if (i)
			strcat(addresses, ",");
		strcat(addresses, address_text(&sync->addresses[i], text));
	}
	snprintf(id, sizeof(id), "%u", sync->id);
	snprintf(port, sizeof(port), "%u", sync->addresses[0].port);
	snprintf(ttl, sizeof(ttl), "%u", sync->ttl);
	snprintf(length, sizeof(length), "%u", bytes);
	snprintf(key_id, sizeof(key_id), "%u", sync->key_id);
	return run_line(words) ? role_failed(words) : EXIT_DONE;
}

static int start_sync(const struct exchange *exchange)
{
	int status = EXIT_DONE;
	size_t i;

	for (i = 0; i < exchange->sync.count; i++)
		if (start_role(exchange, &exchange->sync.role[i]))
			status = EXIT_PARTLY;
	return status;
}

/* The module does not tell the key of the role peers, which the new one has to get. */
static int check_key(struct exchange *exchange, struct nl *nl, const struct request *req)
{
	struct sync_roles now;
	int status = sync_fetch(nl, &now);
	bool runs = false;
	size_t i;

	for (i = 0; !status && i < now.count; i++)
		runs |= now.role[i].enabled && now.role[i].role == LBDR_SYNC_ROLE_PEERS;
	exchange->key_file = req->sync.key_file;
	if (status || !runs)
		return status;
	if (exchange->key_file)
		return sync_peer_check_key(exchange->key_file) ? EXIT_DONE : EXIT_USAGE;
	complain("the role peers of sync runs: its key is required, with --key-file");
	return EXIT_REFUSED;
}

/* Stops the roles that run, and remembers only these. */
static int stop_sync(struct exchange *exchange)
{
	const char *words[5] = { program, "sync", "stop" };
	struct sync_roles now;
	struct nl *nl;
	int status;
	size_t i;

	status = nl_open(&nl, NULL);
	if (!status)
		status = sync_fetch(nl, &now);
	nl_close(nl);
	for (i = 0; !status && i < now.count; i++) {
		if (!now.role[i].enabled)
			continue;
		words[3] = choice_word(&sync_choice, now.role[i].role);
		status = run_line(words);
		if (!status)
			exchange->sync.role[exchange->sync.count++] = now.role[i];
	}
	return status;
}

static bool read_entry(const struct nlmsghdr *nlh, void *data)
{
	struct exchange *exchange = data;
	struct info info;
	int i;

	if (!director_decode(nlh, &info, NULL, NULL))
		return false;
	exchange->entry = info.entry;
	exchange->forced = info.forced;
	exchange->n_devices = info.n_devices;
	for (i = 0; i < info.n_devices; i++)
		snprintf(exchange->devices[i], IFNAMSIZ, "%s", info.devices[i]);
	return true;
}

/* @last: there is no fallback, and so it is told what to do after an error. */
static int restore_entry(const struct exchange *exchange, bool last)
{
	const char *words[INGRESS_MAX + 5] = {
		program, "set-entry", choice_word(&entry_choice, exchange->entry)
	};
	int i;

	for (i = 0; i < exchange->n_devices; i++)
		words[3 + i] = exchange->devices[i];
	if (exchange->forced)
		words[3 + i] = "--force";
	if (!run_line(words))
		return EXIT_DONE;
	if (!last)
		return EXIT_REFUSED;
	tell_fix("packets enter at prerouting", words);
	return EXIT_PARTLY;
}

/* What has to be known of the running module; with held services. */
static int look(struct exchange *exchange, struct nl *nl)
{
	const struct request all = { .list.held = true };
	int status;

	exchange->ipvs = module_is_loaded(IPVS_MODULE);
	module_parameters(MODULE, &exchange->parameters);
	status = snapshot_take(nl, &all, true, &exchange->shot);
	exchange->programs = xdp_find(nl);
	return status ? status : info_run(nl, read_entry, exchange);
}

static int make_folder(struct exchange *exchange)
{
	strcpy(exchange->folder, FOLDER);
	if (!mkdtemp(exchange->folder)) {
		complain("cannot create a folder in /run: %s", strerror(errno));
		*exchange->folder = '\0';
		return EXIT_REFUSED;
	}
	sprintf(exchange->rules, "%s/rules", exchange->folder);
	sprintf(exchange->conns, "%s/conns", exchange->folder);
	sprintf(exchange->sysctls, "%s/sysctls", exchange->folder);
	return EXIT_DONE;
}

static void remove_folder(const struct exchange *exchange)
{
	unlink(exchange->rules);
	unlink(exchange->conns);
	unlink(exchange->sysctls);
	rmdir(exchange->folder);
}

/* Writes the configuration for the first time, and begins to drop packets. */
static int save_first(struct exchange *exchange)
{
	struct nl *nl = NULL;
	bool more;
	int status;

	status = nl_open(&nl, NULL);
	if (!status)
		status = save_rules(exchange, nl, &more);
	nl_close(nl);
	exchange->began = seconds_now();
	return status;
}

/* Steps 2 to 4; true if the modules are gone. */
static bool take_away(struct exchange *exchange, bool force)
{
	sigset_t all;

	/* Of the programs that run, too: Ctrl-C is for all of them. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	exchange_rcu_begin(&exchange->rcu);
	if (run_verb("set-entry", "prerouting") || stop_sync(exchange) ||
	    run_verb("save-conns", exchange->conns) || block_loading(true) ||
	    (exchange->ipvs && save_sysctls(exchange)) ||
	    exchange_changes_begin(&exchange->changes) ||
	    exchange_rule_begin(&exchange->rule) || save_first(exchange))
		return false;
	return (!exchange->ipvs || unload(IPVS_MODULE)) && take_all(exchange, force);
}

/*
 * @file: of the module that is loaded, NULL if that is the old one. @last: there is no
 * fallback.
 */
static int load_ipvs(const char *file, bool last)
{
	char *own = file ? beside(file) : module_installed(IPVS_MODULE);
	bool loaded = own && module_load(own, NULL);

	free(own);
	if (loaded)
		return EXIT_DONE;
	if (!last)
		return EXIT_REFUSED;
	complain("warning: " IPVS_MODULE " is not loaded; fix: modprobe " IPVS_MODULE);
	return EXIT_PARTLY;
}

/* Keeps the first status that is not EXIT_DONE. */
static void worse(int *status, int other)
{
	if (!*status)
		*status = other;
}

/*
 * Restores everything that was taken away. @file: the module that was loaded, NULL if it is
 * the old one still. Returns the exit status; EXIT_PARTLY if some connections are
 * missing, or a role of synchronisation was not started, or if there is no fallback and
 * lbdr_ipvs or the entry is missing.
 */
static int bring_back(struct exchange *exchange, const char *file)
{
	bool last = !file || !exchange->fallback || file == exchange->fallback;
	int status = EXIT_DONE, partly = EXIT_DONE;

	if (exchange->cleared)
		status = run_verb("restore", exchange->rules);
	if (exchange->ipvs && !module_is_loaded(IPVS_MODULE)) {
		worse(last ? &partly : &status, load_ipvs(file, last));
		restore_sysctls(exchange);
	}
	if (exchange->cleared && !status)
		worse(&partly, give_conns(exchange));
	worse(last ? &partly : &status, restore_entry(exchange, last));
	/* Otherwise the fallback is loaded next, and the roles begin there. */
	if (!status || last)
		worse(&partly, start_sync(exchange));
	return status ? status : partly;
}

/* Step 5 with one of the files. */
static int take_in(struct exchange *exchange, const char *file)
{
	static const char *const cipher[] = {
		"modprobe", "-q", "libchacha20poly1305", NULL
	};
	int status = EXIT_REFUSED;

	/* The module finds the cipher of peers only if it is there already. */
	if (exchange->key_file)
		program_run(cipher);
	if (module_load(file, &exchange->parameters))
		status = bring_back(exchange, file);
	if (status && status != EXIT_PARTLY)
		return status;
	exchange->restored = true;
	exchange->loaded = file;
	return status;
}

/* The new module could not be loaded, or refused the configuration. */
static int take_fallback(struct exchange *exchange)
{
	if (!exchange->fallback)
		return EXIT_REFUSED;
	complain("warning: '%s' is loaded in place of '%s'", exchange->fallback,
		 exchange->file);
	if (module_is_loaded(IPVS_MODULE))
		unload(IPVS_MODULE);
	if (module_is_loaded(MODULE) && (run_verb("clear", NULL) || !unload(MODULE)))
		return EXIT_REFUSED;
	take_in(exchange, exchange->fallback);
	return EXIT_REFUSED;
}

/* The old module could not be unloaded, or the command was refused before. */
static void put_back(struct exchange *exchange)
{
	int status = bring_back(exchange, NULL);

	exchange->restored = !status || status == EXIT_PARTLY;
	if (!status)
		complain("the old module still runs, and everything was restored");
	else if (status == EXIT_PARTLY)
		complain("the old module still runs, and not everything was restored");
}

static int exchange_modules(struct exchange *exchange, bool force)
{
	int status = EXIT_REFUSED;

	if (take_away(exchange, force)) {
		status = take_in(exchange, exchange->file);
		if (status && status != EXIT_PARTLY)
			status = take_fallback(exchange);
	} else {
		exchange_changes_end(&exchange->changes);
		put_back(exchange);
	}
	if (!status && exchange->partly)
		status = EXIT_PARTLY;
	block_loading(false);
	exchange_rule_end(&exchange->rule);
	if (exchange->loaded)
		printf("'%s' loaded; packets of the services were dropped for %.0f ms\n",
		       exchange->loaded, (seconds_now() - exchange->began) * 1000);
	exchange_rcu_end(&exchange->rcu);
	return status;
}

/* The verb reload-module. */
int exchange_run(struct nl *nl, const struct request *req)
{
	static struct exchange exchange;
	int status = EXIT_DONE;

	/* Programs, sysctls and sockets are those of the namespace from here on. */
	if (req->netns)
		status = netns_enter(req->netns) ? EXIT_USAGE : EXIT_DONE;
	if (!status)
		status = look(&exchange, nl);
	if (!status)
		status = find_files(&exchange, req);
	if (!status)
		status = check_users(&exchange, req->force);
	if (!status)
		status = check_key(&exchange, nl, req);
	if (!status)
		status = lock_out_others();
	if (!status)
		status = make_folder(&exchange);
	if (!status)
		status = exchange_modules(&exchange, req->force);
	if (*exchange.folder && (exchange.restored || !exchange.cleared))
		remove_folder(&exchange);
	else if (*exchange.folder)
		complain("hint: %s has the files for restore and restore-conns",
			 exchange.folder);
	snapshot_drop(&exchange.shot);
	saved_drop(&exchange.saved);
	free(exchange.file);
	free(exchange.fallback);
	return status;
}
