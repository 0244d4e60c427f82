// SPDX-License-Identifier: MIT
/*
 * conf_text.c - the text of a configuration file: OpenSSL parses, we know where
 *
 * OpenSSL keeps no line numbers, and takes ":" in the name of a section only
 * behind a backslash. So the text passes through here first: what it includes is
 * put in its place, the names of sections get their backslashes, and it is noted
 * which line came from where and which name is on it. If this file and OpenSSL
 * should ever read a line differently, a mistake is told without its line.
 */
#include "conf_text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/conferr.h>
#include <openssl/err.h>

#define INCLUDE ".include"
#define DEPTH_MAX 8 /* files that include files */
#define FILE_BYTES_MAX (1024 * 1024)
#define PATH_FMT "%.180s"

struct line {
	const char *file; /* in files[] */
	unsigned int number;
	char *section, *name; /* what is set here; name NULL: a section begins */
};

struct conf_text {
	CONF *nconf;
	FILE *out; /* while the text is written */
	char *text;
	size_t text_bytes;
	struct files *read;
	char **files; /* their names, as long as we live */
	size_t n_files;
	struct line *lines;
	size_t n_lines;
};

static void *grow(void *array, size_t n, size_t size)
{
	if (n & (n - 1))
		return array;
	return reallocarray(array, n ? 2 * n : 1, size);
}

static const char *add_file(struct conf_text *t, const char *path)
{
	char **more = grow(t->files, t->n_files, sizeof(*more));

	if (!more)
		return NULL;
	t->files = more;
	more[t->n_files] = strdup(path);
	return more[t->n_files] ? more[t->n_files++] : NULL;
}

static int add_line(struct conf_text *t, const char *file, unsigned int number)
{
	struct line *more = grow(t->lines, t->n_lines, sizeof(*more));

	if (!more)
		return -ENOMEM;
	t->lines = more;
	more[t->n_lines++] = (struct line){.file = file, .number = number};
	return 0;
}

static void where(const struct line *l, char *out)
{
	snprintf(out, CONF_WHERE_BYTES, PATH_FMT ":%u", l->file, l->number);
}

/* The end of a line without its comment. */
static char *code_end(char *line)
{
	char *p, quote = 0;

	for (p = line; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (quote)
			quote = *p == quote ? 0 : quote;
		else if (*p == '"' || *p == '\'' || *p == '`')
			quote = *p;
		else if (*p == '#')
			break;
	}
	return p;
}

/* "[127.0.0.1:80]" becomes "[127.0.0.1\:80]". */
static void put_header(FILE *out, char *line)
{
	char *open = strchr(line, '['), *end = code_end(line), *p;

	for (p = end; p > open && *p != ']'; p--)
		;
	if (p == open) { /* OpenSSL will say what it thinks of it */
		fprintf(out, "%s\n", line);
		return;
	}
	end = p;
	putc('[', out);
	for (p = open + 1; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			putc(*p++, out);
		else if (strchr(":[]", *p))
			putc('\\', out);
		putc(*p, out);
	}
	fputs("]\n", out);
}

/* A backslash at the end that is not itself behind one */
static bool is_continued(const char *line, size_t n)
{
	size_t backslashes = 0;

	while (backslashes < n && line[n - 1 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2;
}

static int append(struct conf_text *t, const char *path, int depth,
		  const char *from, struct conf_problems *problems);

static int is_conf_name(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 4 &&
	       (!strcmp(d->d_name + n - 5, ".conf") ||
		!strcmp(d->d_name + n - 4, ".cnf"));
}

/* All *.conf and *.cnf of a directory, by name. */
static int append_directory(struct conf_text *t, const char *path, int depth,
			    const char *from, struct conf_problems *problems)
{
	struct dirent **names;
	char *file;
	int n, i, ret = 0;

	files_note(t->read, path);
	n = scandir(path, &names, is_conf_name, alphasort);
	if (n < 0)
		return conf_problem(problems, from, "cannot read directory "
				    PATH_FMT ": %s", path, strerror(errno));
	for (i = 0; i < n; i++) {
		file = NULL;
		if (!ret && asprintf(&file, "%s/%s", path, names[i]->d_name) < 0)
			ret = -ENOMEM;
		else if (!ret)
			ret = append(t, file, depth, from, problems);
		free(file);
		free(names[i]);
	}
	free(names);
	return ret;
}

/* ".include = PATH", relative to the file that says so. NULL: it does not. */
static char *included(char *line, const char *file)
{
	char *p = line + strspn(line, " \t"), *end = code_end(line), *path;
	const char *slash = strrchr(file, '/');

	if (strncmp(p, INCLUDE, strlen(INCLUDE)))
		return NULL;
	p += strlen(INCLUDE);
	p += strspn(p, " \t=");
	while (end > p && isspace((unsigned char)end[-1]))
		end--;
	if (asprintf(&path, "%.*s%.*s",
		     *p == '/' || !slash ? 0 : (int)(slash + 1 - file), file,
		     (int)(end - p), p) < 0)
		return NULL;
	return path;
}

static int append_line(struct conf_text *t, char *line, bool continued,
		       int depth, struct conf_problems *problems)
{
	const struct line *at = &t->lines[t->n_lines - 1];
	char from[CONF_WHERE_BYTES], *path = NULL;
	struct stat st;
	int ret = 0;

	if (!continued)
		path = included(line, at->file);
	if (path) {
		where(at, from);
		fputs("\n", t->out); /* each has its number */
		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			ret = append_directory(t, path, depth + 1, from,
					       problems);
		else
			ret = append(t, path, depth + 1, from, problems);
		free(path);
	} else if (!continued && line[strspn(line, " \t")] == '[') {
		put_header(t->out, line);
	} else {
		fprintf(t->out, "%s\n", line);
	}
	return ret;
}

/* Whoever can write to it can run commands as we do. */
static int judge(FILE *in, const char *path, struct conf_problems *problems)
{
	struct stat st;

	if (!strcmp(path, "/dev/null"))
		return 0; /* a way to say: no file */
	if (fstat(fileno(in), &st) || !S_ISREG(st.st_mode))
		return conf_problem(problems, path, "is not a regular file");
	if (st.st_mode & S_IWOTH)
		return conf_problem(problems, path, "is writable by everybody; "
				    "chmod o-w");
	if (st.st_size > FILE_BYTES_MAX)
		return conf_problem(problems, path, "is longer than %d bytes",
				    FILE_BYTES_MAX);
	return 0;
}

static int append(struct conf_text *t, const char *path, int depth,
		  const char *from, struct conf_problems *problems)
{
	const char *file = add_file(t, path);
	unsigned int number = 0;
	bool continued = false;
	char *line = NULL;
	size_t bytes = 0;
	ssize_t n;
	FILE *in;
	int ret;

	files_note(t->read, path);
	if (depth > DEPTH_MAX)
		return conf_problem(problems, path, "files include each other "
				    "more than %d deep", DEPTH_MAX);
	in = file ? fopen(path, "re") : NULL;
	if (!in) {
		ret = -errno;
		conf_problem(problems, from ? from : "cannot read configuration",
			     "%s" PATH_FMT ": %s%s", from ? "cannot read " : "",
			     path, strerror(-ret),
			     from ? "" : "; check KTLSHIM_CONF");
		return ret;
	}
	ret = judge(in, path, problems);
	while (!ret && (n = getline(&line, &bytes, in)) >= 0) {
		if (n && line[n - 1] == '\n')
			line[--n] = '\0';
		if (n && line[n - 1] == '\r')
			line[--n] = '\0';
		ret = add_line(t, file, ++number);
		if (!ret && strlen(line) != (size_t)n)
			ret = conf_problem(problems, path, "line %u holds a "
					   "zero byte", number);
		if (!ret)
			ret = append_line(t, line, continued, depth, problems);
		continued = is_continued(line, (size_t)n);
	}
	free(line);
	fclose(in);
	return ret;
}

static char *trimmed(const char *from, const char *to)
{
	char *out, *p;

	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	out = p = strndup(from, (size_t)(to - from));
	for (; out && *from && from < to; from++)
		if (*from != '\\' || from + 1 == to)
			*p++ = *from;
	if (out)
		*p = '\0';
	return out;
}

/* Which name is on which line? */
static void note_names(struct conf_text *t)
{
	char *section = strdup("default"), *p = t->text, *end, *line_end, *sep;
	bool continued = false;
	struct line *l;

	for (l = t->lines; section && l < t->lines + t->n_lines; l++) {
		line_end = strchrnul(p, '\n');
		*line_end = '\0';
		end = code_end(p);
		p += strspn(p, " \t");
		if (!continued && *p == '[') {
			for (; end > p && *end != ']'; end--)
				;
			free(section);
			section = trimmed(p + 1, end > p ? end : p + 1);
			l->section = section ? strdup(section) : NULL;
		} else if (!continued && p < end && (sep = strchr(p, '=')) &&
			   sep < end) {
			l->name = trimmed(p, sep);
			sep = strstr(p, "::");
			if (sep && l->name && strstr(l->name, "::")) {
				l->section = trimmed(p, sep);
				free(l->name);
				l->name = trimmed(sep + 2, strchr(sep, '='));
			} else {
				l->section = strdup(section);
			}
		}
		continued = line_end > p &&
			    is_continued(p, (size_t)(line_end - p));
		*line_end = '\n';
		p = line_end + 1;
	}
	free(section);
}

static const struct line *find(const struct conf_text *t, const char *section,
			       const char *name)
{
	const struct line *l;

	for (l = t->lines; l < t->lines + t->n_lines; l++)
		if (l->section && !strcmp(l->section, section) &&
		    (!name || (l->name && !strcmp(l->name, name))))
			return l;
	return NULL;
}

unsigned int conf_text_where(const struct conf_text *t, const char *section,
			     const char *name, char *out)
{
	const struct line *l = find(t, section, name);

	if (l)
		where(l, out);
	else
		snprintf(out, CONF_WHERE_BYTES, PATH_FMT, t->files[0]);
	return l ? (unsigned int)(l - t->lines) : (unsigned int)t->n_lines;
}

/* OpenSSL would take the last, silently. */
static void find_twice(const struct conf_text *t, struct conf_problems *problems)
{
	const struct line *a, *b;
	char at[CONF_WHERE_BYTES];

	for (b = t->lines; b < t->lines + t->n_lines; b++)
		for (a = t->lines; a < b && b->name && b->section; a++) {
			if (!a->name || !a->section ||
			    strcmp(a->section, b->section) ||
			    strcasecmp(a->name, b->name))
				continue;
			where(b, at);
			conf_problem(problems, at, "%s is set before in [%s], "
				     "on line %u; to give it several values, "
				     "write 1.%s, 2.%s and so on", b->name,
				     b->section, a->number, b->name, b->name);
		}
}

static int parse(struct conf_text *t, struct conf_problems *problems)
{
	BIO *bio = BIO_new_mem_buf(t->text, (int)t->text_bytes);
	char at[CONF_WHERE_BYTES];
	unsigned long err;
	const char *data;
	long number = 0;
	int ret = 0;

	t->nconf = NCONF_new(NULL);
	if (!bio || !t->nconf) {
		ret = -ENOMEM;
	} else if (NCONF_load_bio(t->nconf, bio, &number) <= 0) {
		err = ERR_peek_error();
		snprintf(at, sizeof(at), PATH_FMT, t->files[0]);
		if (number > 0 && (size_t)number <= t->n_lines)
			where(&t->lines[number - 1], at);
		data = ERR_GET_REASON(err) == CONF_R_MISSING_EQUAL_SIGN
			       ? "; want NAME = VALUE or [SECTION]"
		       : ERR_GET_REASON(err) == CONF_R_VARIABLE_HAS_NO_VALUE
			       ? "; a dollar sign in a value is written \\$"
			       : "";
		ret = conf_problem(problems, at, "%s%s",
				   ERR_reason_error_string(err), data);
	}
	ERR_clear_error();
	BIO_free(bio);
	return ret;
}

int conf_text_open(struct conf_text **text, const char *path,
		   struct files *files, struct conf_problems *problems)
{
	struct conf_text *t = calloc(1, sizeof(*t));
	int ret = -ENOMEM;

	if (t)
		t->read = files;
	if (t)
		t->out = open_memstream(&t->text, &t->text_bytes);
	if (t && t->out) {
		ret = append(t, path, 0, NULL, problems);
		if (fclose(t->out))
			ret = -ENOMEM;
		if (!ret)
			ret = parse(t, problems);
	}
	if (ret == -ENOMEM)
		conf_problem(problems, path, "out of memory");
	if (ret) {
		conf_text_close(t);
		return ret;
	}
	note_names(t);
	find_twice(t, problems);
	*text = t;
	return 0;
}

void conf_text_close(struct conf_text *t)
{
	size_t i;

	if (!t)
		return;
	NCONF_free(t->nconf);
	for (i = 0; i < t->n_lines; i++) {
		free(t->lines[i].section);
		free(t->lines[i].name);
	}
	for (i = 0; i < t->n_files; i++)
		free(t->files[i]);
	free(t->lines);
	free(t->files);
	free(t->text);
	free(t);
}

CONF *conf_text_nconf(const struct conf_text *t)
{
	return t->nconf;
}
