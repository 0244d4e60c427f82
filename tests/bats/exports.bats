#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# exports.bats - what the library brings into somebody else's process
#
# Its names, its libraries, its secrets, and its manners: hooks are right before
# any constructor has run, and leave what is not ours alone, errno included.
# shellcheck disable=SC2154 # DIR, CERTS, PID, BUILD, LIB come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test has its own "port"
load ../helpers
load ../servers
load ../clients
setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
}
teardown() { common_teardown; }

# ---- the library's file

need_objects() {
	[ -e "$BUILD/shim/hooks_recv.o" ] || skip "no object files in $BUILD"
}

# The names in shim/hooks.map, sorted.
mapped_names() {
	sed -n '/^global:/,/^local:/s/^\t\(.*\);.*$/\1/p' "$TOP/shim/hooks.map" |
		LC_ALL=C sort
}

# ... without what is not libc's, but for daemons to call
hooked_names() {
	mapped_names | grep -v ^ktlshim_
}

exported_names() { # FILE...
	nm -D --defined-only "$@" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort
}

@test "the library exports what shim/hooks.map says, neither more nor less" {
	mapped_names >map
	exported_names "$LIB" >exported
	[ "$(wc -l <map)" -gt 20 ]
	[ "$(uniq -d map)" = "" ]
	[ "$(grep ^ktlshim_ map)" = ktlshim_info ]
	diff map exported
	# functions all: nothing of the program's data is taken over
	[ "$(nm -D --defined-only "$LIB" | awk '$2 != "T"')" = "" ]
}

@test "every hooked name is defined in shim/hooks_*.c, and nothing else there" {
	need_objects
	hooked_names >map
	nm --defined-only --extern-only "$BUILD"/shim/hooks_*.o |
		awk 'NF == 3 { print $3 }' | LC_ALL=C sort >defined
	diff map defined
	# each object stands for a source that exists
	for f in "$BUILD"/shim/hooks_*.o; do
		[ -e "$TOP/shim/$(basename "$f" .o).c" ]
	done
}

@test "every hooked name is one of libc's" {
	hooked_names >map
	exported_names "$(ldd "$LIB" | awk '/libc\.so/ { print $3 }')" |
		sed 's/@.*//' >libc
	[ "$(LC_ALL=C sort -u libc | LC_ALL=C comm -23 map -)" = "" ]
}

@test "the library needs libc and nothing else" {
	readelf -dW "$LIB" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' >needed
	cat needed
	grep -qx 'libc\.so\.6' needed
	[ "$(grep -cvE '^(libc\.so\.6|ld-linux-x86-64\.so\.2)$' needed)" -eq 0 ]
}

# A call by name from our own code would end in our own hook.
@test "our own code calls no hooked name" {
	need_objects
	hooked_names >map
	local objects=() f
	for f in "$BUILD"/shim/*.o; do
		case $f in */hooks_*.o) ;; *) objects+=("$f") ;; esac
	done
	for f in log conf crypto keys record rx ktls facts; do
		objects+=("$BUILD/lib/$f.o")
	done
	[ "${#objects[@]}" -gt 15 ]
	undefined_hooks "${objects[@]}" >wrong
	cat wrong
	[ ! -s wrong ]
	# ... and this test would see it: the command is free to call them
	undefined_hooks "$BUILD/lib/log.o" "$BUILD/lib/listener.o" |
		grep -q 'listener\.o:'
}

undefined_hooks() { # OBJECT...: needs the file "map"
	nm -uA "$@" | awk 'NR == FNR { hook[$1]; next } $NF in hook' map -
}

# ---- the daemon's memory

# The EC private key's number, big-endian, and as OpenSSL keeps it in memory.
key_needles() {
	local hex
	hex=$(openssl ec -in "$KTLSHIM_KEY" -text -noout 2>/dev/null |
		sed -n '/^priv:/,/^pub:/{/^ /p}' | tr -d ' :\n')
	hex=${hex: -64}
	[ ${#hex} -eq 64 ]
	echo "$hex"
	fold -w 2 <<<"$hex" | tac | tr -d '\n'
	echo
	# the PEM file's text, its first full line
	sed -n 2p "$KTLSHIM_KEY" | tr -d '\n' | od -An -v -tx1 | tr -d ' \n'
	echo
	# the same in DER form
	sed 1d "$KTLSHIM_KEY" | sed '$d' | base64 -d | od -An -v -tx1 |
		tr -d ' \n' | tail -c 150
	echo
}

@test "libssl does not get into the daemon" {
	local name
	# these have none of their own
	for name in echo busybox; do
		"server_$name" "$port"
		if [ $name = echo ]; then
			tls_client echo 1.3 localhost "$port" "$(random_file 9)"
		else
			curl_v 1.3 "https://localhost:$port/index.txt"
		fi
		grep -q /libktlshim.so "/proc/$PID/maps"
		[ "$(grep -c /libssl "/proc/$PID/maps")" -eq 0 ]
		port=$(free_port)
	done
	assert_path
}

@test "the private key does not get into the daemon's memory" {
	[ "$(id -u)" -eq 0 ] || skip "reads other processes' memory"
	server_python "$port"
	local v needles
	for v in 1.3 1.2 1.3 1.2; do
		curl_v "$v" "https://localhost:$port/index.txt"
	done
	mapfile -t needles < <(key_needles)
	[ "${#needles[@]}" -eq 4 ]
	python3 "$TOP/tests/apps/memory_search.py" "$PID" "${needles[@]}" >found
	cat found
	[ "$(grep -c ^found found)" -eq 0 ]
	[ "$(sed -n 's/ bytes read$//p' found)" -gt 5000000 ]
	# this search does find: the certificate's directory, whose name the
	# daemon was given, and the key where it belongs, in the helper
	python3 "$TOP/tests/apps/memory_search.py" "$PID" \
		"$(printf '%s' "$KTLSHIM_KEY" | od -An -v -tx1 | tr -d ' \n')" |
		grep -q ^found
	python3 "$TOP/tests/apps/memory_search.py" "$(helper_pid "$port")" \
		"${needles[@]}" | grep ^found
	assert_path
}

# What a daemon passes on by accident cannot hurt, and it does not stumble over
# numbers that it does not know: they are high, where it has none.
@test "the daemon has three descriptors more than without the shim" {
	server_python "$port"
	open_files "$PID" >with
	port=$(free_port)
	start plain "$port" /usr/bin/python3 -m http.server -d "$DIR/www" \
		--bind :: "$port"
	open_files "$PID" >without
	diff without with >added || true
	cat added
	# helper, table and log
	[ "$(grep -c '^[<>]' added)" -eq 3 ]
	[ "$(grep -c '^> [0-9]\{3,\} ' added)" -eq 3 ]
	[ "$(grep -c "$CERTS" with)" -eq 0 ]
}

open_files() { # PID: number and kind
	local f
	for f in "/proc/$1/fd"/*; do
		echo "${f##*/} $(readlink "$f" | sed 's/:.*//; s/[a-z]*\.log$/LOG/')"
	done | LC_ALL=C sort
}

kill_helper_in_talk() {
	wait_until 20 grep -q hello out
	kill -9 "$(helper_pid "$port")"
	echo go
}

# A daemon's descriptor sweep at its start must not make a client's connection
# the place that our log goes to.
# sweeping_daemon FIRST: closes all from FIRST on, so its client gets FIRST
sweeping_daemon() {
	cat >sweep.py <<-'END'
	import os, socket, sys
	first = int(sys.argv[2])
	os.closerange(first, 400)
	listener = socket.socket()
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	listener.bind(("127.0.0.1", int(sys.argv[1])))
	listener.listen()
	high = socket.socket(fileno=os.dup2(listener.fileno(), 300))
	listener.close()
	conns = [high.accept()[0]]
	conns[0].sendall(b"hello\n")
	try:
	    conns[0].recv(100)  # the helper is dead now
	except ConnectionResetError:
	    pass  # relayed
	try:
	    high.accept()  # we have reason to write a line
	except OSError as e:
	    print("accept:", e)
	print("number", conns[0].fileno())
	try:
	    conns[0].sendall(b"bye\n")
	except BrokenPipeError:
	    pass  # relayed
	conns[0].close()
	END
	start_tls sweep "$port" /usr/bin/python3 sweep.py "$port" "$1"
	: >out
	kill_helper_in_talk | timeout 20 openssl s_client -quiet -verify_quiet \
		-connect "localhost:$port" >out 2>s_client.log || true
	wait_gone "$PID" 20
	cat sweep.log out
	grep -q '^accept: ' sweep.log
	grep -q "^number $1\$" sweep.log
	[ "$(sed -n 1p out)" = hello ]
	[ "$(grep -c ktlshim out)" -eq 0 ]
	[ "$KTLSHIM_TEST_PATH" = relayed ] || [ "$(sed -n 2p out)" = bye ]
}

@test "our log never gets into a connection: file" {
	sweeping_daemon 3
	# ... and the line is where it belongs
	grep -q 'the helper has died' ktlshim.log
	assert_path
}

@test "our log never gets into a connection: standard error" {
	export KTLSHIM_LOG=info
	# the daemon has closed standard error: then the line is lost
	sweeping_daemon 2
}

# ---- before any constructor

need_gcc() {
	command -v gcc >/dev/null || skip "no gcc"
}

# early.so: a library whose constructor uses sockets, and listens on EARLY_PORT
build_early() {
	gcc -Wall -Werror -shared -fPIC -o early.so -x c - -x none "$@" <<-'END'
	#define _GNU_SOURCE
	#include <arpa/inet.h>
	#include <fcntl.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <string.h>
	#include <sys/ioctl.h>
	#include <sys/socket.h>
	#include <sys/uio.h>
	#include <unistd.h>

	#define MUST(x) \
		((x) ? 0 : (perror("early: " #x), abort(), 0))

	/* before libc's own constructor getenv() knows nothing */
	static const char *find(char **env, const char *name)
	{
		for (; *env; env++)
			if (!strncmp(*env, name, strlen(name)))
				return *env + strlen(name);
		return NULL;
	}

	__attribute__((constructor)) static void early(int argc, char **argv,
						       char **env)
	{
		const char *text = find(env, "EARLY_PORT=");
		struct sockaddr_in a = {.sin_family = AF_INET};
		socklen_t len = sizeof(a);
		int p[2], n, value, one = 1;
		char buf[8];

		MUST(!pipe(p));
		MUST(write(p[1], "12", 2) == 2);
		MUST(!ioctl(p[0], FIONREAD, &n) && n == 2);
		MUST(read(p[0], buf, 1) == 1 && buf[0] == '1');
		MUST(readv(p[0], &(struct iovec){buf, 8}, 1) == 1);
		MUST((n = dup(p[0])) >= 0 && dup2(p[1], n) == n);
		MUST(fcntl(n, F_GETFD) == 0);
		MUST(!close(n) && !close(p[0]) && !close(p[1]));
		MUST(close(p[0]) == -1);
		MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, p));
		MUST(send(p[0], "abc", 3, 0) == 3);
		MUST(recv(p[1], buf, 8, 0) == 3);
		len = sizeof(value);
		MUST(!getsockopt(p[0], SOL_SOCKET, SO_TYPE, &value, &len));
		MUST(value == SOCK_STREAM && !shutdown(p[0], SHUT_WR));
		MUST(recvfrom(p[1], buf, 8, 0, NULL, NULL) == 0);
		MUST(!close_range((unsigned)p[0], (unsigned)p[0], 0));
		MUST(!close(p[1]));
		(void)argc;
		(void)argv;
		if (!text)
			return;
		n = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		a.sin_port = htons((unsigned short)atoi(text));
		MUST(!setsockopt(n, SOL_SOCKET, SO_REUSEADDR, &one,
				 sizeof(one)));
		MUST(!bind(n, (struct sockaddr *)&a, sizeof(a)));
		MUST(!listen(n, 5));
		len = sizeof(a);
		MUST(!getsockname(n, (struct sockaddr *)&a, &len));
		MUST(ntohs(a.sin_port) == atoi(text));
		MUST(accept(n, NULL, NULL) == -1);
		fprintf(stderr, "early: done\n");
	}
	END
}

# The loader's own account of the order: early.so's constructor, then ours.
assert_early_is_first() { # LD_PRELOAD
	LD_PRELOAD=$1 LD_DEBUG=files LD_DEBUG_OUTPUT=ld /bin/true
	grep -h 'calling init:.*/\(early\|libktlshim\)\.so' ld.* >order
	cat order
	[ "$(sed -n 1p order | grep -c early.so)" -eq 1 ]
	[ "$(sed -n 2p order | grep -c libktlshim.so)" -eq 1 ]
}

early_listener() { # LD_PRELOAD
	EARLY_PORT=$(free_port)
	export EARLY_PORT
	assert_early_is_first "$1"
	start echo "$port" env LD_PRELOAD="$1" \
		"$BUILD/tests/apps/select_echo" "$port"
	grep -q 'early: done' echo.log
	# the port opened before our constructor speaks TLS or nothing: it has
	# been upgraded like any other
	grep -q "port $EARLY_PORT: TLS is on" ktlshim.log
	grep -q "port $port: TLS is on" ktlshim.log
	timeout 20 openssl s_client -connect "127.0.0.1:$EARLY_PORT" \
		-verify_return_error -CAfile "$CERTS/ca.pem" </dev/null \
		>early.log 2>&1
	tls_client echo 1.3 localhost "$port" "$(random_file 100000)"
	assert_path
}

@test "a constructor that runs before ours uses hooks: preload order" {
	need_gcc
	build_early
	early_listener "$LIB:$PWD/early.so"
}

@test "a constructor that runs before ours uses hooks: -z initfirst" {
	need_gcc
	build_early -Wl,-z,initfirst
	early_listener "$PWD/early.so:$LIB"
}

# ---- what is not ours

# foreign: every hooked call on descriptors that are not ours. A success must
# leave errno as it was; a failure gives the kernel's own reason.
build_foreign() {
	gcc -Wall -Werror -O1 -o foreign -x c - <<-'END'
	#define _GNU_SOURCE
	#include <arpa/inet.h>
	#include <errno.h>
	#include <fcntl.h>
	#include <netinet/tcp.h>
	#include <poll.h>
	#include <spawn.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <string.h>
	#include <sys/ioctl.h>
	#include <sys/select.h>
	#include <sys/mman.h>
	#include <sys/prctl.h>
	#include <sys/sendfile.h>
	#include <sys/socket.h>
	#include <sys/syscall.h>
	#include <sys/uio.h>
	#include <sys/un.h>
	#include <sys/wait.h>
	#include <unistd.h>

	ssize_t __read_chk(int, void *, size_t, size_t);
	ssize_t __recv_chk(int, void *, size_t, size_t, int);
	ssize_t __recvfrom_chk(int, void *, size_t, size_t, int,
			       struct sockaddr *, socklen_t *);
	extern int fcntl64(int, int, ...), __fcntl(int, int, ...);
	int __close(int), __dup2(int, int);
	ssize_t __read(int, void *, size_t), __write(int, const void *, size_t);
	ssize_t __send(int, const void *, size_t, int);
	int __poll(struct pollfd *, nfds_t, int);
	int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
	int __poll_chk(struct pollfd *, nfds_t, int, size_t);
	int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *,
			const sigset_t *, size_t);

	static int bad;
	#define IS(x, value) \
		({ \
			long got_; \
			errno = 4711; \
			got_ = (long)(x); \
			if (got_ != (long)(value) || errno != 4711) { \
				printf("%s: %ld, errno %d\n", #x, got_, errno); \
				bad = 1; \
			} \
		})
	#define FD(x) \
		({ \
			int fd_; \
			errno = 4711; \
			fd_ = (x); \
			if (fd_ < 0 || errno != 4711) { \
				printf("%s: %d, errno %d\n", #x, fd_, errno); \
				bad = 1; \
			} \
			fd_; \
		})
	#define FAILS(x, code) \
		({ \
			errno = 0; \
			if ((x) != -1 || errno != (code)) { \
				printf("%s: errno %d\n", #x, errno); \
				bad = 1; \
			} \
		})

	/* @fd is readable or not, and can be written to */
	static void ready(int fd, int readable)
	{
		struct timespec soon = {0, 1000};
		struct timeval tv = {0, 1000};
		struct pollfd p = {.fd = fd, .events = POLLIN};
		fd_set in, out;

		FD_ZERO(&in);
		FD_SET(fd, &in);
		out = in;
		IS(poll(&p, 1, 1), readable);
		IS(__poll(&p, 1, 1), readable);
		IS(ppoll(&p, 1, &soon, NULL), readable);
		IS(p.revents, readable ? POLLIN : 0);
		IS(__poll_chk(&p, 1, 1, sizeof(p)), readable);
		IS(__ppoll_chk(&p, 1, &soon, NULL, sizeof(p)), readable);
		IS(select(fd + 1, &in, &out, NULL, &tv), readable + 1);
		IS(!!FD_ISSET(fd, &in), readable);
		FD_SET(fd, &in);
		tv.tv_usec = 1000;
		IS(__select(fd + 1, &in, NULL, NULL, &tv), readable);
		FD_SET(fd, &in);
		IS(pselect(fd + 1, &in, NULL, NULL, &soon, NULL), readable);
	}

	static void receive(int from, int to)
	{
		struct iovec iov;
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		struct mmsghdr many[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
		char buf[16];
		int n;

		iov = (struct iovec){"abcd", 4};
		ready(to, 0);
		IS(send(from, "abcd", 4, MSG_NOSIGNAL), 4);
		ready(to, 1);
		IS(read(to, buf, 4), 4);
		IS(sendto(from, "abcd", 4, 0, NULL, 0), 4);
		IS(recv(to, buf, 16, MSG_PEEK), 4);
		IS(recv(to, buf, 4, MSG_WAITALL), 4);
		IS(sendmsg(from, &msg, 0), 4);
		IS(recvfrom(to, buf, 4, 0, NULL, NULL), 4);
		IS(sendmmsg(from, many, 2, 0), 2);
		IS(many[0].msg_len + many[1].msg_len, 8);
		iov = (struct iovec){buf, 4};
		IS(recvmsg(to, &msg, 0), 4);
		IS(readv(to, &iov, 1), 4);
		IS(send(from, "1234", 4, 0), 4);
		IS(ioctl(to, FIONREAD, &n), 0);
		IS(n, 4);
		IS(__read_chk(to, buf, 4, 16), 4);
		IS(send(from, "1234", 4, 0), 4);
		IS(__recv_chk(to, buf, 4, 16, 0), 4);
		IS(send(from, "1234", 4, 0), 4);
		IS(__recvfrom_chk(to, buf, 4, 16, 0, NULL, NULL), 4);
		IS(memcmp(buf, "1234", 4), 0);
		IS(write(from, "5678", 4), 4);
		IS(__read(to, buf, 4), 4);
		IS(__write(from, "5678", 4), 4);
		IS(preadv2(to, &iov, 1, -1, 0), 4);
		IS(__send(from, "5678", 4, 0), 4);
		IS(preadv64v2(to, &iov, 1, -1, RWF_NOWAIT), 4);
		IS(writev(from, &iov, 1), 4);
		IS(read(to, buf, 4), 4);
		IS(pwritev2(from, &iov, 1, -1, 0), 4);
		IS(read(to, buf, 4), 4);
		IS(pwritev64v2(from, &iov, 1, -1, 0), 4);
		IS(read(to, buf, 4), 4);
		IS(memcmp(buf, "5678", 4), 0);
		FAILS(preadv2(to, &iov, 1, 0, 0), ESPIPE);
		FAILS(recv(to, buf, 4, MSG_DONTWAIT), EAGAIN);
	}

	static void files(int from, int to)
	{
		int file = FD(memfd_create("x", 0)), p[2];
		off_t off = 0;
		char buf[4];

		IS(write(file, "abcd", 4), 4);
		IS(sendfile(from, file, &off, 4), 4);
		IS(read(to, buf, 4), 4);
		off = 0;
		IS(sendfile64(from, file, &off, 4), 4);
		IS(pipe(p), 0);
		IS(splice(to, NULL, p[1], NULL, 4, 0), 4);
		IS(splice(p[0], NULL, from, NULL, 4, SPLICE_F_MORE), 4);
		IS(read(to, buf, 4), 4);
		IS(memcmp(buf, "abcd", 4), 0);
		IS(close(p[0]) + close(p[1]) + __close(file), 0);
	}

	static int spawned(int k, char **args, char **none)
	{
		posix_spawn_file_actions_t fa;
		FILE *f;
		int pid = -1;

		if (k == 9)
			posix_spawn(&pid, "/bin/false", NULL, NULL, args, none);
		if (k == 10) {
			posix_spawn_file_actions_init(&fa);
			posix_spawn_file_actions_adddup2(&fa, 0, 7);
			posix_spawnp(&pid, "false", &fa, NULL, args, none);
			posix_spawn_file_actions_destroy(&fa);
		}
		if (k == 11)
			IS(system("exit 3"), 3 << 8);
		if (k == 12) {
			f = popen("exit 3", "r");
			IS(pclose(f), 3 << 8);
		}
		return pid;
	}

	static void options(int fd, int type)
	{
		struct sockaddr_storage a;
		socklen_t len = sizeof(int);
		int value, one = 1;

		IS(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &len), 0);
		IS(value, type);
		IS(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one)), 0);
		len = sizeof(a);
		IS(getsockname(fd, (struct sockaddr *)&a, &len), 0);
		len = sizeof(a);
		IS(getpeername(fd, (struct sockaddr *)&a, &len), 0);
	}

	/* a listener on a port that is not to be upgraded, and its client */
	static void tcp(int family, int pair[2])
	{
		struct sockaddr_storage a = {.ss_family = (sa_family_t)family};
		struct sockaddr_in *in = (struct sockaddr_in *)&a;
		socklen_t len = family == AF_UNIX ? 2 : sizeof(*in);
		int fd = FD(socket(family, SOCK_STREAM, 0)), again;

		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (family == AF_UNIX)
			memset(in, 0, sizeof(*in)), in->sin_family = AF_UNIX;
		IS(bind(fd, (struct sockaddr *)&a, len), 0);
		IS(listen(fd, 5), 0);
		IS(listen(fd, 6), 0);
		len = sizeof(a);
		IS(getsockname(fd, (struct sockaddr *)&a, &len), 0);
		pair[0] = FD(socket(family, SOCK_STREAM, 0));
		IS(connect(pair[0], (struct sockaddr *)&a, len), 0);
		pair[1] = FD(accept(fd, NULL, NULL));
		again = FD(socket(family, SOCK_STREAM, 0));
		IS(connect(again, (struct sockaddr *)&a, len), 0);
		IS(close(FD(accept4(fd, NULL, NULL, SOCK_CLOEXEC))), 0);
		IS(close(again), 0);
		IS(close(fd), 0);
	}

	static void udp(int pair[2])
	{
		struct sockaddr_in a[2];
		socklen_t len;
		int i;

		for (i = 0; i < 2; i++) {
			a[i] = (struct sockaddr_in){.sin_family = AF_INET};
			a[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
			len = sizeof(a[i]);
			pair[i] = FD(socket(AF_INET, SOCK_DGRAM, 0));
			IS(bind(pair[i], (struct sockaddr *)&a[i], len), 0);
			IS(getsockname(pair[i], (struct sockaddr *)&a[i], &len), 0);
		}
		for (i = 0; i < 2; i++)
			IS(connect(pair[i], (struct sockaddr *)&a[!i], len), 0);
	}

	static void numbers(int pair[2])
	{
		int fd = FD(dup(pair[0])), high = 50;

		IS(dup2(fd, high), high);
		IS(__dup2(fd, high), high);
		IS(__fcntl(high, F_GETFD), 0);
		IS(dup3(fd, high + 1, O_CLOEXEC), high + 1);
		IS(fcntl(high + 1, F_GETFD), FD_CLOEXEC);
		IS(fcntl64(fd, F_SETFL, O_NONBLOCK), 0);
		IS(fcntl(fd, F_DUPFD, high), high + 2);
		IS(close_range(high, high, 0), 0);
		FAILS(close(high), EBADF);
		FAILS(dup2(high, high), EBADF);
		errno = 4711;
		closefrom(high);
		IS(errno, 4711);
		FAILS(fcntl(high + 2, F_GETFD), EBADF);
		IS(close(fd), 0);
		IS(shutdown(pair[0], SHUT_WR), 0);
		IS(recv(pair[1], (char[1]){0}, 1, MSG_DONTWAIT) > 0, 0);
		IS(close(pair[0]), 0);
		IS(close(pair[1]), 0);
	}

	int main(int argc, char **argv)
	{
		char buf[4];
		int p[2];

		(void)argv;
		IS(socketpair(AF_UNIX, SOCK_STREAM, 0, p), 0);
		receive(p[0], p[1]);
		files(p[0], p[1]);
		options(p[0], SOCK_STREAM);
		numbers(p);
		tcp(AF_INET, p);
		receive(p[0], p[1]);
		files(p[0], p[1]);
		receive(p[1], p[0]);
		options(p[0], SOCK_STREAM);
		options(p[1], SOCK_STREAM);
		numbers(p);
		tcp(AF_UNIX, p);
		receive(p[0], p[1]);
		numbers(p);
		udp(p);
		receive(p[0], p[1]);
		options(p[0], SOCK_DGRAM);
		IS(close(p[0]) + close(p[1]), 0);
		IS(pipe(p), 0);
		IS(write(p[1], "x", 1), 1);
		IS(read(p[0], buf, 1), 1);
		FAILS(recv(p[0], buf, 1, 0), ENOTSOCK);
		FAILS(recvmmsg(p[0], NULL, 0, 0, NULL), ENOTSOCK);
		FAILS(accept(p[0], NULL, NULL), ENOTSOCK);
		FAILS(listen(p[0], 1), ENOTSOCK);
		FAILS(shutdown(p[0], SHUT_WR), ENOTSOCK);
		FAILS(bind(p[0], NULL, 0), ENOTSOCK);
		FAILS(read(-1, buf, 1), EBADF);
		FAILS(close(-1), EBADF);
		FAILS(close(1 << 30), EBADF);
		FAILS(execl("/none/none", "none", (char *)NULL), ENOENT);
		FAILS(execv("/none/none", argv), ENOENT);
		IS(fclose(fopen("/dev/null", "r")), 0);
		IS(syscall(SYS_close, dup(0)), 0);
		IS(prctl(PR_GET_DUMPABLE), 1);
		if (!_Fork())
			_exit(0);
		if (!fork())
			_exit(daemon(1, 1) == 0 ? 0 : 1);
		while (wait(NULL) > 0)
			;
		FAILS(syscall(SYS_close, 99), EBADF);
		IS(fclose(fdopen(open("/dev/null", O_RDONLY), "r")), 0);
		unsetenv("LD_PRELOAD"); /* early.so would bind again */
		for (int k = 0; k < 13; k++) {
			char *args[] = {"false", "x", NULL}, *none[] = {NULL};
			int status = -1, pid = k < 9 ? fork() : spawned(k, args, none);

			if (k > 10)
				continue;
			if (!pid) {
				if (k == 0) execl("/bin/false", "false", "x", (char *)NULL);
				if (k == 1) execlp("false", "false", "x", (char *)NULL);
				if (k == 2) execle("/bin/false", "false", "x", (char *)NULL, none);
				if (k == 3) execv("/bin/false", args);
				if (k == 4) execvp("false", args);
				if (k == 5) execvpe("false", args, none);
				if (k == 6) execve("/bin/false", args, none);
				if (k == 7) execveat(AT_FDCWD, "/bin/false", args, none, 0);
				if (k == 8) fexecve(open("/bin/false", O_RDONLY), args, none);
				_exit(77);
			}
			IS(waitpid(pid, &status, 0), pid);
			IS(WEXITSTATUS(status), 1);
		}
		printf(bad ? "bad\n" : "good\n");
		fflush(stdout);
		if (argc > 1)
			_Exit(bad);
		_exit(bad);
	}
	END
}

@test "descriptors that are not ours: right answers, errno left alone" {
	need_gcc
	build_foreign
	# the program does call every hooked name
	hooked_names >map
	nm -uD foreign | awk '{ sub(/@.*/, "", $2); print $2 }' |
		LC_ALL=C sort >called
	LC_ALL=C comm -23 map called >not-called
	cat not-called
	[ ! -s not-called ]
	run ./foreign
	echo "without the shim: $output"
	[ "$status" -eq 0 ]
	# port 1 is not among those that the kernel gives for 0
	run env KTLSHIM_PORTS=1 "$KTLSHIM" run -- ./foreign
	echo "under the shim: $output"
	[ "$status" -eq 0 ]
	[ "$output" = good ]
	run env KTLSHIM_PORTS=1 "$KTLSHIM" run -- ./foreign x
	[ "$status" -eq 0 ]
	[ ! -s ktlshim.log ]
}

# The same beside a port that is upgraded: our numbers and others mix.
@test "descriptors that are not ours, in a program with upgraded ports" {
	need_gcc
	build_foreign
	build_early
	EARLY_PORT=$(free_port)
	export EARLY_PORT
	run env KTLSHIM_PORTS="$EARLY_PORT" LD_PRELOAD="$LIB:$PWD/early.so" ./foreign
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = good ]
	grep -q "port $EARLY_PORT: TLS is on" ktlshim.log
}
