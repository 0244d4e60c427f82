// SPDX-License-Identifier: MIT
/*
 * command_run.c - `ktlshim run`: start a program with the library preloaded
 *
 * All that would make the upgrade fail later, or silently not happen, is
 * looked for here, while there is somebody to read the message: settings,
 * library, helper, certificate, and the program itself. Then the process
 * becomes the program; nothing of the command stays.
 */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf_file.h"
#include "context.h"
#include "resume.h"
#include "elfscan.h"

#define LIBRARY "libktlshim.so"
#define HELPER "ktlshim-helper"
#define OPT_HELP 'h'
#define OPT_SETTING 256 /* and up: index into conf_options[] */

/* Each option sets the variable of its name: --ktls sets KTLSHIM_KTLS. */
static void option_name(const struct conf_option *o, char *name)
{
	const char *p;

	for (p = o->name; *p; p++)
		*name++ = *p == '_' ? '-' : (char)tolower(*p);
	*name = '\0';
}

void command_run_help(void)
{
	char name[CONF_NAME_BYTES], left[2 * CONF_NAME_BYTES];
	const struct conf_option *o;

	puts("options of run, each overriding the variable of its name, e.g.\n"
	     "--handshakes-max the variable KTLSHIM_HANDSHAKES_MAX, and the\n"
	     "configuration file:");
	for (o = conf_options; o < conf_options + conf_options_count; o++) {
		if (o->scope == CONF_SECTION)
			continue;
		option_name(o, name);
		snprintf(left, sizeof(left), "--%s %s", name, o->operand);
		printf("  %-28s %s\n", left, o->help);
	}
	puts("\nexit codes: 64 usage, 78 bad setting, certificate or "
	     "installation,\n126 program cannot be upgraded or executed, "
	     "127 program not found;\notherwise those of the program");
}

static int set_variable(const struct conf_option *o, const char *value)
{
	char name[CONF_NAME_BYTES];

	conf_env_name(o, name);
	return setenv(name, value, 1);
}

/*
 * Options into the environment. Return: the index of the program in @argv;
 * or -1, then *@code is the exit code.
 */
static int parse_options(int argc, char **argv, int *code)
{
	struct option options[CONF_ENV_MAX + 2] = {0};
	static char names[CONF_ENV_MAX][CONF_NAME_BYTES];
	size_t i, n = 0;
	int c;

	for (i = 0; i < conf_options_count; i++) {
		if (conf_options[i].scope == CONF_SECTION)
			continue;
		option_name(&conf_options[i], names[n]);
		options[n] = (struct option){names[n], required_argument, NULL,
					     OPT_SETTING + (int)i};
		n++;
	}
	options[n] = (struct option){"help", no_argument, NULL, OPT_HELP};
	*code = COMMAND_EX_USAGE;
	opterr = 0;
	/* "+": the program's own options are not ours; ":": tell the cases */
	while ((c = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		if (c == OPT_HELP) {
			puts("usage: ktlshim run [option]... [--] program "
			     "[argument]...\n");
			command_run_help();
			*code = 0;
			return -1;
		}
		if (c == ':' || c == '?') {
			command_fail(0, "%s \"%s\"; see ktlshim run --help",
				     c == ':' ? "no value behind option"
					      : "unknown option",
				     argv[optind - 1]);
			return -1;
		}
		if (set_variable(&conf_options[c - OPT_SETTING], optarg) < 0) {
			command_fail(0, "cannot set the environment: %s",
				     strerror(errno));
			return -1;
		}
	}
	if (optind < argc)
		return optind;
	command_fail(0, "no program to run; see ktlshim run --help");
	return -1;
}

static bool is_file(const char *path, int access_mode)
{
	struct stat st;

	return !stat(path, &st) && S_ISREG(st.st_mode) &&
	       !access(path, access_mode);
}

/**
 * find_file() - look for an installed file relative to another
 * @out:   PATH_MAX bytes, set to the path without links and dots
 * @beside: places are relative to the directory of this file
 * @places: NULL behind the last
 *
 * Return: whether there is one.
 */
static bool find_file(char *out, const char *beside, const char *const *places,
		      int access_mode)
{
	char dir[PATH_MAX], path[2 * PATH_MAX];

	snprintf(dir, sizeof(dir), "%s", beside);
	dirname(dir);
	for (; *places; places++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *places);
		if (is_file(path, access_mode) && realpath(path, out))
			return true;
	}
	return false;
}

/* The library into @library, the helper looked for. Return: an exit code. */
static int check_installation(const struct conf_env *env, char *library)
{
	static const char *const library_places[] = {
		LIBRARY, "../lib/ktlshim/" LIBRARY, "../lib/" LIBRARY, NULL};
	static const char *const helper_places[] = {
		HELPER, "../../libexec/ktlshim/" HELPER, NULL};
	const char *named = conf_env_get(env, "helper");
	char self[PATH_MAX], helper[PATH_MAX];

	if (!realpath("/proc/self/exe", self))
		return command_fail(COMMAND_EX_CONFIG,
				    "cannot find my own "
				    "directory: /proc/self/exe: %s",
				    strerror(errno));
	if (!find_file(library, self, library_places, R_OK))
		return command_fail(COMMAND_EX_CONFIG,
				    LIBRARY
				    " is neither "
				    "beside %s nor in ../lib/ktlshim or ../lib "
				    "from there; install it again",
				    self);
	/* separators and expansions of LD_PRELOAD; there is no escaping */
	if (strpbrk(library, " :$"))
		return command_fail(COMMAND_EX_CONFIG,
				    "%s cannot be preloaded:"
				    " LD_PRELOAD has no way to write a path "
				    "with a space, colon or dollar sign; move "
				    "ktlshim to another directory",
				    library);
	if (named && !is_file(named, X_OK))
		return command_fail(COMMAND_EX_CONFIG,
				    "helper %s is not an "
				    "executable file; check KTLSHIM_HELPER",
				    named);
	if (!named &&
	    !find_file(helper, library, helper_places, X_OK))
		return command_fail(COMMAND_EX_CONFIG,
				    HELPER
				    " is neither "
				    "beside %s nor in ../../libexec/ktlshim "
				    "from there; install it again, or name it "
				    "with --helper",
				    library);
	return 0;
}

static void tell(const char *sentence)
{
	command_fail(0, "%s", sentence);
}

static void tell_warning(const char *sentence)
{
	log_warn("%s", sentence);
}

/*
 * Load what the helper will load, and throw it away. What other listeners have
 * may be for other users' daemons.
 */
static int check_settings(const struct conf_env *env)
{
	struct conf_problems problems = {.tell = tell};
	struct conf_problems not_ours = {.warn = tell_warning};
	struct certset certs = {0};
	struct files files = {0};
	struct ticket_keys *keys;
	struct context *ctx;
	struct conf_log log;
	struct conf *conf;
	size_t i;
	int ret;

	ret = conf_load(&conf, env, &log, &files, &problems);
	/* warnings to the terminal; the helper repeats them in the log */
	log_open(log.level, NULL);
	if (!ret) {
		ret = resume_keys(&keys, conf, &files, &problems);
		tickets_free(keys);
	}
	for (i = 0; !ret && i < conf->n_sites; i++) {
		if (!conf_get(&conf->sites[i], "cert") ||
		    conf->sites[i].tls == CONF_TLS_OFF)
			continue;
		not_ours.n = 0;
		ret = context_open(&ctx, &conf->sites[i], &certs, NULL,
				   &not_ours);
		if (ret && !(ret == -EACCES && i > 0))
			conf_told(&problems, not_ours.first);
		else
			ret = 0;
		context_drop(ctx);
	}
	for (i = 0; !ret && i < certs.n; i++)
		cert_warn_dates(certs.list[i]);
	certset_fini(&certs);
	files_fini(&files);
	conf_free(conf);
	return ret ? COMMAND_EX_CONFIG : 0;
}

static int check_program(const char *name, char *file)
{
	struct elfscan scan;
	int err = elfscan_find(name, file);

	if (err == -ENOENT || err == -ENOTDIR)
		return command_fail(COMMAND_EX_NOT_FOUND,
				    "%s: program not found%s", name,
				    strchr(name, '/') ? "" : " in PATH");
	if (err)
		return command_fail(COMMAND_EX_CANNOT, "cannot execute %s: %s",
				    name, strerror(-err));
	err = elfscan_file(&scan, file);
	if (err || scan.kind != ELFSCAN_OK)
		return command_fail(COMMAND_EX_CANNOT, "cannot upgrade %s: %s",
				    file, scan.reason);
	return 0;
}

/* Does the list in LD_PRELOAD hold this very file, by whatever path? */
static bool is_preloaded(const char *list, const char *library)
{
	char path[PATH_MAX];
	struct stat ours, st;
	size_t len;

	if (stat(library, &ours) < 0)
		return false;
	for (; *list; list += len ? len : 1) {
		len = strcspn(list, " :");
		if (len == 0 || len >= sizeof(path))
			continue;
		memcpy(path, list, len);
		path[len] = '\0';
		/* a bare name is searched elsewhere than in this directory */
		if (strchr(path, '/') && !stat(path, &st) &&
		    st.st_dev == ours.st_dev && st.st_ino == ours.st_ino)
			return true;
	}
	return false;
}

/* Behind what is there: others may have asked to be first. 0 or -errno. */
static int preload(const char *library)
{
	const char *old = getenv("LD_PRELOAD");
	char *list;
	int ret;

	if (!old || !*old)
		return setenv("LD_PRELOAD", library, 1) ? -errno : 0;
	if (is_preloaded(old, library))
		return 0;
	if (asprintf(&list, "%s:%s", old, library) < 0)
		return -ENOMEM;
	ret = setenv("LD_PRELOAD", list, 1) ? -errno : 0;
	free(list);
	return ret;
}

/* Paths absolute, because daemons change directory; then LD_PRELOAD. */
static int set_environment(const struct conf_env *env, const char *library)
{
	char *const *var;

	for (var = env->vars; *var; var++)
		if (putenv(*var))
			return -errno;
	return preload(library);
}

int command_run(int argc, char **argv)
{
	char library[PATH_MAX], file[PATH_MAX], why[CONF_WHY_BYTES];
	static struct conf_env env;
	int code, first, err;

	first = parse_options(argc, argv, &code);
	if (first < 0)
		return code;
	if (conf_env_read(&env, getenv, why))
		return command_fail(COMMAND_EX_CONFIG, "%s", why);
	code = check_installation(&env, library);
	if (!code)
		code = check_settings(&env);
	if (!code)
		code = check_program(argv[first], file);
	if (code)
		return code;
	err = set_environment(&env, library);
	if (err)
		return command_fail(COMMAND_EX_CANNOT,
				    "cannot set the environment: %s",
				    strerror(-err));
	execv(file, argv + first);
	return command_fail(COMMAND_EX_CANNOT, "cannot execute %s: %s", file,
			    strerror(errno));
}
