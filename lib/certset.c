// SPDX-License-Identifier: MIT
/*
 * certset.c - the certificates that the settings of a listener name
 *
 * A setting names a PEM file, or a directory of them: each file whose name ends
 * in .pem, .crt or .cer and that is not just a key, and each subdirectory with
 * certbot's fullchain.pem, in alphabetical order.
 */
#include "certset.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#define CERTBOT "fullchain.pem"

struct loading {
	struct certset *out, *all, *old;
	SSL *trial;
	struct conf_problems *problems;
	struct cert_source source;
	bool in_directory;
};

static int add(struct certset *set, struct cert *c)
{
	struct cert **more;

	if ((set->n & (set->n - 1)) == 0) {
		more = reallocarray(set->list, set->n ? 2 * set->n : 1,
				    sizeof(*more));
		if (!more)
			return -ENOMEM;
		set->list = more;
	}
	set->list[set->n++] = cert_hold(c);
	return 0;
}

void certset_fini(struct certset *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		cert_drop(set->list[i]);
	free(set->list);
	files_fini(&set->files);
	*set = (struct certset){0};
}

/* Lists are in the same order each time, so the next is mostly the right one. */
static struct cert *find(struct certset *set, const struct cert_source *s)
{
	struct cert *c;
	size_t i;

	for (i = 0; set && i < set->n; i++) {
		c = set->list[(set->cursor + i) % set->n];
		if (!cert_is_from(c, s))
			continue;
		set->cursor = (set->cursor + i + 1) % set->n;
		return c;
	}
	return NULL;
}

static void note(struct certset *all, const struct cert *c)
{
	files_add(&all->files, c->path, &c->id);
	if (strcmp(c->path, c->key_path))
		files_add(&all->files, c->key_path, &c->key_id);
	if (c->ocsp_path) /* it may come to be */
		files_add(&all->files, c->ocsp_path, &c->ocsp_id);
}

/* Could a connection use it? A key may be too weak for the security level. */
static int try_it(struct loading *l, const struct cert *c, char *why)
{
	ERR_clear_error();
	if (cert_use(c, l->trial) == 1)
		return 0;
	snprintf(why, CONF_WHY_BYTES, "%.180s: certificate %.180s cannot be "
		 "used: %s", l->source.where, c->path, openssl_reason());
	ERR_clear_error();
	return -EINVAL;
}

/* A private key and nothing else: it is beside its certificate. */
static bool is_key_only(const char *path)
{
	static const char begin[] = "-----BEGIN ";
	char text[16 * 1024], *p = text;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned int keys = 0, others = 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	while ((p = strstr(p, begin))) {
		p += sizeof(begin) - 1;
		if (memmem(p, strcspn(p, "\n"), "PRIVATE KEY", 11))
			keys++;
		else if (!memmem(p, strcspn(p, "\n"), "PARAMETERS", 10))
			others++;
	}
	OPENSSL_cleanse(text, sizeof(text));
	return keys && !others;
}

/* Where a key may come to be. */
static void note_directory(struct files *files, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash ? strndup(path, (size_t)(slash - path)) : NULL;

	if (directory)
		files_note(files, *directory ? directory : "/");
	free(directory);
}

/*
 * The pair that l->source names, read anew. On a reload, one that has become
 * wrong stays as it was, and one that is new in a directory and wrong is left out.
 */
static int read_pair(struct loading *l, struct cert *old, struct cert **c)
{
	const char *key = old ? old->key_path : l->source.key_path;
	char *ocsp = cert_ocsp_path(&l->source);
	struct files seen = {0};
	char why[CONF_WHY_BYTES];
	int ret;

	files_note(&seen, l->source.path);
	if (ocsp)
		files_note(&seen, ocsp);
	free(ocsp);
	if (key)
		files_note(&seen, key);
	else
		note_directory(&seen, l->source.path);
	ret = cert_read(c, &l->source, why);
	if (!ret)
		ret = try_it(l, *c, why);
	if (!ret) {
		note(l->all, *c);
		l->all->n_read++;
		files_fini(&seen);
		return 0;
	}
	/* to be looked at again when it is not what it was just now */
	files_move(&l->all->files, &seen);
	cert_drop(*c);
	*c = NULL;
	if (l->in_directory && is_key_only(l->source.path))
		return 0;
	conf_told(l->problems, why);
	if (!old)
		return l->old && l->in_directory ? 0 : ret;
	/* the settings may be what is wrong */
	if (!try_it(l, old, why))
		*c = cert_hold(old);
	return *c ? 0 : ret;
}

static int load_pair(struct loading *l)
{
	struct cert *old = find(l->old, &l->source), *c = find(l->all, &l->source);
	char why[CONF_WHY_BYTES];
	int ret = 0;

	/* it has served, but maybe with other settings */
	if (c) {
		ret = try_it(l, c, why);
		if (ret)
			conf_told(l->problems, why);
		return ret ? ret : add(l->out, c);
	}
	if (old && !cert_has_changed(old) && !try_it(l, old, why)) {
		c = cert_hold(old);
		note(l->all, c);
	} else {
		ret = read_pair(l, old, &c);
	}
	if (!ret && c)
		ret = add(l->all, c);
	if (!ret && c)
		ret = add(l->out, c);
	cert_drop(c);
	return ret;
}

static bool has_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && (!strcmp(dot, ".pem") ||
				      !strcmp(dot, ".crt") ||
				      !strcmp(dot, ".cer"));
}

static int is_wanted(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (has_suffix(d->d_name) || d->d_type == DT_DIR ||
		d->d_type == DT_LNK || d->d_type == DT_UNKNOWN);
}

static int load_entry(struct loading *l, const char *dir, const char *name)
{
	struct stat st;
	char *path;
	int ret = 0;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return -ENOMEM;
	if (!stat(path, &st) && S_ISDIR(st.st_mode)) {
		files_note(&l->all->files, path);
		free(path);
		if (asprintf(&path, "%s/%s/" CERTBOT, dir, name) < 0)
			return -ENOMEM;
		l->source.path = path;
		if (!access(path, F_OK))
			ret = load_pair(l);
	} else if (has_suffix(name)) {
		l->source.path = path;
		ret = load_pair(l);
	}
	free(path);
	return ret;
}

static int load_directory(struct loading *l, const char *dir)
{
	struct dirent **names;
	size_t before = l->out->n;
	int n, i, ret = 0, err;

	files_note(&l->all->files, dir);
	n = scandir(dir, &names, is_wanted, alphasort);
	if (n < 0) {
		ret = -errno;
		conf_problem(l->problems, l->source.where, "cannot read "
			     "directory %.180s: %s", dir, strerror(-ret));
		return ret;
	}
	l->in_directory = true;
	for (i = 0; i < n; i++) {
		/* all that is wrong is told */
		err = load_entry(l, dir, names[i]->d_name);
		ret = ret ? ret : err;
		free(names[i]);
	}
	free(names);
	l->in_directory = false;
	if (!ret && l->out->n == before)
		ret = conf_problem(l->problems, l->source.where, "directory "
				   "%.180s holds no certificate: no .pem, .crt "
				   "or .cer, no subdirectory with " CERTBOT,
				   dir);
	return ret;
}

static int load_value(struct loading *l, const struct conf_site *site,
		      const struct conf_value *cert)
{
	const struct conf_value *key = conf_key_of(site, cert);
	const struct conf_value *ocsp = conf_ocsp_of(site, cert);
	struct stat st;

	l->source.where = cert->where;
	l->source.path = cert->value;
	l->source.key_where = key ? key->where : NULL;
	l->source.key_path = key ? key->value : NULL;
	l->source.ocsp_where = ocsp ? ocsp->where : NULL;
	l->source.ocsp_path = ocsp ? ocsp->value : NULL;
	if (stat(cert->value, &st) || !S_ISDIR(st.st_mode))
		return load_pair(l);
	if (key)
		return conf_problem(l->problems, key->where, "%.180s is a "
				    "directory; its keys are in the files or "
				    "beside them", cert->value);
	if (ocsp)
		return conf_problem(l->problems, ocsp->where, "%.180s is a "
				    "directory; what belongs to NAME.pem in it "
				    "is in NAME.pem.ocsp", cert->value);
	return load_directory(l, cert->value);
}

static const char *text_of(const struct conf_site *site, const char *name)
{
	const struct conf_value *v = conf_get(site, name);

	return v ? v->value : NULL;
}

int certset_load(struct certset *out, struct certset *all, struct certset *old,
		 const struct conf_site *site, SSL *trial,
		 struct conf_problems *problems)
{
	struct loading l = {
		.out = out,
		.all = all,
		.old = old,
		.trial = trial,
		.problems = problems,
		.source.passphrase_file = text_of(site, "passphrase_file"),
		.source.passphrase_command = text_of(site, "passphrase_command"),
	};
	const struct conf_value *v;
	int ret = 0, err;

	if (l.source.passphrase_file)
		files_note(&all->files, l.source.passphrase_file);
	for (v = site->values; v < site->values + site->n_values; v++) {
		if (!v->option || strcmp(v->option->name, "cert"))
			continue;
		err = load_value(&l, site, v);
		ret = ret ? ret : err;
	}
	return ret;
}
