// SPDX-License-Identifier: MIT
/*
 * elfscan.c - can a library be preloaded into a program?
 *
 * Order of the questions: a script leads to its interpreter; then, about the
 * last file only (the kernel ignores privilege bits of scripts too): does the
 * loader run it in secure mode? is it ELF? of this ABI? Go? dynamic?
 *
 * Every offset and size in the file is checked by libelf, which is given a
 * descriptor and not a mapping, so that a file cut short meanwhile is an error
 * and not SIGBUS.
 *
 * Limits: what a shell script starts later, and security modules that set
 * AT_SECURE at a domain change, cannot be seen here.
 */
#include "elfscan.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <link.h>
#include <paths.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4
#define SCRIPT_LINE_BYTES 256 /* BINPRM_BUF_SIZE of the kernel */
#define NOTE_BYTES_MAX 65536
#define NOTE_TYPE_GO_BUILDID 4

/* What to use instead, the same advice for all that cannot be preloaded. */
#define INSTEAD "put a TLS proxy such as stunnel or haproxy in front instead"

/* The ELF header of this very program, provided by the linker. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static int judge(struct elfscan *scan, enum elfscan_kind kind, const char *fmt,
		 ...) __attribute__((format(printf, 3, 4)));

/* Set the verdict and its reason: "it ..." or "its interpreter /x ...". */
static int judge(struct elfscan *scan, enum elfscan_kind kind, const char *fmt,
		 ...)
{
	size_t n = 0;
	va_list ap;

	scan->kind = kind;
	if (scan->n_scripts)
		n = (size_t)snprintf(scan->reason, sizeof(scan->reason),
				     "its interpreter %.200s ", scan->file);
	else
		n = (size_t)snprintf(scan->reason, sizeof(scan->reason), "it ");
	va_start(ap, fmt);
	vsnprintf(scan->reason + n, sizeof(scan->reason) - n, fmt, ap);
	va_end(ap);
	return 0;
}

/* Would execve() take this path? 0 or -errno. */
static int check_executable(const char *file)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	return faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) ? -errno : 0;
}

int elfscan_find(const char *name, char *file)
{
	const char *path = getenv("PATH"), *p;
	int n, len, ret = -ENOENT;

	if (strchr(name, '/') || !*name) {
		n = snprintf(file, PATH_MAX, "%s", name);
		return n < PATH_MAX ? check_executable(file) : -ENAMETOOLONG;
	}
	for (p = path ? path : _PATH_DEFPATH; p; p = p[len] ? p + len + 1 : 0) {
		len = (int)strcspn(p, ":");
		/* an empty element is the working directory */
		n = snprintf(file, PATH_MAX, "%.*s%s%s", len, p,
			     len ? "/" : "./", name);
		if (n >= PATH_MAX)
			continue;
		n = check_executable(file);
		if (n == 0)
			return 0;
		/* a directory closed to us does not have the program */
		if (n == -EACCES && !access(file, F_OK))
			ret = n;
	}
	return ret;
}

/*
 * Would the loader see AT_SECURE? As the kernel decides in
 * cap_bprm_creds_from_file(): the new effective id is compared with the real
 * one of the caller; capabilities count unless the caller is root.
 */
static bool is_secure_exec(int fd, const struct stat *st)
{
	uid_t euid = geteuid();
	gid_t egid = getegid();
	struct statvfs vfs;

	bool nosuid = !fstatvfs(fd, &vfs) && vfs.f_flag & ST_NOSUID;
	bool nnp = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;

	if (!nosuid && !nnp && st->st_mode & S_ISUID)
		euid = st->st_uid;
	/* without group execution the bit once meant mandatory locking */
	if (!nosuid && !nnp && st->st_mode & S_ISGID && st->st_mode & S_IXGRP)
		egid = st->st_gid;
	if (euid != getuid() || egid != getgid())
		return true;
	return !nosuid && getuid() &&
	       fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static bool is_go_note(Elf *elf, const GElf_Phdr *phdr)
{
	size_t off = 0, name_off, desc_off;
	Elf_Data *data;
	GElf_Nhdr nhdr;

	if (phdr->p_filesz > NOTE_BYTES_MAX)
		return false;
	data = elf_getdata_rawchunk(elf, (int64_t)phdr->p_offset,
				    phdr->p_filesz, ELF_T_NHDR);
	if (!data)
		return false;
	while ((off = gelf_getnote(data, off, &nhdr, &name_off, &desc_off)))
		if (nhdr.n_type == NOTE_TYPE_GO_BUILDID &&
		    nhdr.n_namesz == sizeof("Go\0") &&
		    !memcmp((char *)data->d_buf + name_off, "Go\0",
			    sizeof("Go\0")))
			return true;
	return false;
}

static bool is_go_section(Elf *elf)
{
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr shdr;
	size_t strndx;

	if (elf_getshdrstrndx(elf, &strndx))
		return false;
	while ((scn = elf_nextscn(elf, scn))) {
		if (!gelf_getshdr(scn, &shdr))
			continue;
		name = elf_strptr(elf, strndx, shdr.sh_name);
		if (name && (!strcmp(name, ".note.go.buildid") ||
			     !strcmp(name, ".go.buildinfo")))
			return true;
	}
	return false;
}

/* The path in PT_INTERP, owned by @elf, or NULL. */
static const char *interp_path(Elf *elf, const GElf_Phdr *phdr)
{
	Elf_Data *data;

	if (phdr->p_filesz == 0 || phdr->p_filesz > PATH_MAX)
		return NULL;
	data = elf_getdata_rawchunk(elf, (int64_t)phdr->p_offset,
				    phdr->p_filesz, ELF_T_BYTE);
	if (!data || !memchr(data->d_buf, '\0', data->d_size))
		return NULL;
	return data->d_buf;
}

static bool is_this_abi(const GElf_Ehdr *ehdr)
{
	return ehdr->e_ident[EI_CLASS] == __ehdr_start.e_ident[EI_CLASS] &&
	       ehdr->e_ident[EI_DATA] == __ehdr_start.e_ident[EI_DATA] &&
	       ehdr->e_machine == __ehdr_start.e_machine;
}

static int judge_damaged(struct elfscan *scan, const char *what)
{
	return judge(scan, ELFSCAN_NOT_ELF,
		     "is a damaged ELF file (%s); install the program again",
		     what);
}

/* The last question: is the loader that of this C library? */
static int judge_interp(struct elfscan *scan, const char *interp)
{
	const char *slash = strrchr(interp, '/');

	if (!strncmp(slash ? slash + 1 : interp, "ld-musl", 7))
		return judge(scan, ELFSCAN_OTHER_ABI,
			     "is linked with musl (%.100s), and this ktlshim "
			     "with glibc; use a glibc build or " INSTEAD,
			     interp);
	scan->kind = ELFSCAN_OK;
	return 0;
}

static int judge_segments(struct elfscan *scan, Elf *elf)
{
	const char *interp = NULL;
	bool go = is_go_section(elf), has_interp = false;
	GElf_Phdr phdr;
	size_t i, n;

	if (elf_getphdrnum(elf, &n))
		return judge_damaged(scan, elf_errmsg(-1));
	for (i = 0; i < n; i++) {
		if (!gelf_getphdr(elf, (int)i, &phdr))
			return judge_damaged(scan, elf_errmsg(-1));
		if (phdr.p_type == PT_NOTE)
			go = go || is_go_note(elf, &phdr);
		if (phdr.p_type == PT_INTERP && !has_interp) {
			has_interp = true;
			interp = interp_path(elf, &phdr);
		}
	}
	if (go)
		return judge(scan, ELFSCAN_GO,
			     "is a Go program: it calls the kernel without "
			     "libc, so a preloaded library never sees its "
			     "connections; use Go's crypto/tls or " INSTEAD);
	if (!has_interp)
		return judge(scan, ELFSCAN_STATIC,
			     "is statically linked: no loader runs that could "
			     "preload a library; use a dynamically linked "
			     "build or " INSTEAD);
	if (!interp)
		return judge_damaged(scan, "bad PT_INTERP");
	return judge_interp(scan, interp);
}

static int judge_elf(struct elfscan *scan, int fd)
{
	Elf *elf = NULL;
	GElf_Ehdr ehdr;

	if (elf_version(EV_CURRENT) != EV_NONE)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf || elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &ehdr))
		judge(scan, ELFSCAN_NOT_ELF,
		      "is neither an ELF program nor a script that begins "
		      "with #!; name the program that runs it");
	else if (ehdr.e_type != ET_EXEC && ehdr.e_type != ET_DYN)
		judge(scan, ELFSCAN_NOT_ELF,
		      "is an ELF file (type %u) but not a program",
		      ehdr.e_type);
	else if (!is_this_abi(&ehdr))
		judge(scan, ELFSCAN_OTHER_ABI,
		      "is for another machine (%u, "
		      "%d bit) than this ktlshim (%u, %d bit); use a ktlshim "
		      "built for it or " INSTEAD,
		      ehdr.e_machine,
		      ehdr.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32,
		      __ehdr_start.e_machine, __ELF_NATIVE_CLASS);
	else
		judge_segments(scan, elf);
	elf_end(elf);
	return 0;
}

/**
 * env_operand() - the program in the argument of "#!/usr/bin/env"
 * @arg:  changed in place; the kernel passes the rest of the line as one
 *        argument, which only -S splits
 *
 * Return: the name, or NULL when env would change the environment, or do
 * anything else than start a program.
 */
static char *env_operand(char *arg)
{
	if (!strncmp(arg, "-S", 2)) {
		arg += 2;
		arg += strspn(arg, " \t");
		arg[strcspn(arg, " \t")] = '\0';
	}
	if (*arg == '-' || !*arg || strpbrk(arg, "=\"'\\$"))
		return NULL;
	return arg;
}

/* Split "interpreter [argument]" in place; both may come out empty. */
static char *split_line(char *line, char **arg)
{
	char *interp = line + strspn(line, " \t"), *end;

	end = interp + strcspn(interp, "\n");
	while (end > interp && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*arg = interp + strcspn(interp, " \t");
	if (**arg)
		*(*arg)++ = '\0';
	*arg += strspn(*arg, " \t");
	return interp;
}

/*
 * Replace scan->file by the interpreter that @line, all behind "#!", names.
 * Return: 1, or 0 when the verdict is given instead.
 */
static int follow_script(struct elfscan *scan, char *line)
{
	char *arg, *interp = split_line(line, &arg), *name = interp;
	const char *slash = strrchr(interp, '/');
	char file[PATH_MAX];
	int err;

	if (scan->n_scripts == SCRIPTS_MAX)
		return judge(scan, ELFSCAN_SCRIPT,
			     "is one more script after "
			     "%d others; name the program behind them on the "
			     "command line",
			     SCRIPTS_MAX);
	if (slash && !strcmp(slash, "/env"))
		name = env_operand(arg);
	if (!name || !*name)
		return judge(scan, ELFSCAN_SCRIPT,
			     "is a script whose line "
			     "\"#!%.100s %.100s\" cannot be followed to a "
			     "program; name the interpreter on the command "
			     "line",
			     interp, arg);
	/* execve() takes the name as it is, env(1) looks into PATH */
	if (name == interp) {
		snprintf(file, sizeof(file), "%s", name);
		err = check_executable(file);
	} else {
		err = elfscan_find(name, file);
	}
	if (err)
		return judge(scan, ELFSCAN_SCRIPT,
			     "is a script for %.100s, "
			     "which cannot be started: %s; install it",
			     name, strerror(-err));
	snprintf(scan->file, sizeof(scan->file), "%s", file);
	scan->n_scripts++;
	return 1;
}

/* One file. Return: 0 with a verdict, 1 to look at the interpreter, -errno. */
static int scan_one(struct elfscan *scan)
{
	char line[SCRIPT_LINE_BYTES + 1] = "";
	struct stat st;
	ssize_t n;
	int fd, ret = 0;

	/* O_NONBLOCK: a FIFO must not hold us up before it is refused */
	fd = open(scan->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		ret = -errno;
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		judge(scan, ELFSCAN_NOT_ELF, "is not a regular file");
		goto out;
	}
	n = pread(fd, line, SCRIPT_LINE_BYTES, 0);
	if (n < 0) {
		ret = -errno;
		goto out;
	}
	if (line[0] == '#' && line[1] == '!')
		ret = follow_script(scan, line + 2);
	else if (is_secure_exec(fd, &st))
		judge(scan, ELFSCAN_SETUID,
		      "runs with other privileges than "
		      "its caller's (setuid, setgid or file capabilities), "
		      "and there the loader ignores preloading; start it as "
		      "the user it changes to, without these bits, "
		      "or " INSTEAD);
	else
		judge_elf(scan, fd);
out:
	close(fd);
	return ret;
}

int elfscan_file(struct elfscan *scan, const char *file)
{
	int ret;

	memset(scan, 0, sizeof(*scan));
	if (snprintf(scan->file, PATH_MAX, "%s", file) >= PATH_MAX)
		return -ENAMETOOLONG;
	do {
		ret = scan_one(scan);
	} while (ret > 0);
	if (ret < 0)
		judge(scan, ELFSCAN_NOT_ELF,
		      "cannot be read, so nobody knows "
		      "whether preloading works: %s",
		      strerror(-ret));
	return ret;
}
