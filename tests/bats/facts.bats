#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# facts.bats - what the daemon is told of a connection: by the environment of a
# program that is executed on it, and by ktlshim_info()
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # DIR, CERTS, PID, BUILD, LIB, KTLSHIM come from ../helpers
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout root.key -out root.pem -days 30 -subj '/O=Us/CN=root' \
		2>/dev/null
	client alice '/O=Example/OU=People, all/CN=alice'
	client hostile "$(printf '/O=J\xc3\xbcrg\xc2\x9b;"\\\\<x>/CN=a\nSSL_CLIENT_VERIFY=NONE\x7f')"
	client long "/O=$(printf 'o%.0s' {1..60})$(printf '/OU=%060d' {1..20})/CN=long"
}

client() { # NAME SUBJECT
	openssl req -x509 -CA root.pem -CAkey root.key -newkey ec -pkeyopt \
		ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.pem" \
		-days 30 -utf8 -subj "$2" 2>/dev/null
}

setup() {
	common_setup
	unset SSL_CERT_FILE SSL_CERT_DIR
	port=$(free_port)
	VERIFY=(KTLSHIM_VERIFYMODE=Request "KTLSHIM_VERIFYCAFILE=$CERTS/root.pem")
}

teardown() {
	common_teardown
}

# hi [OPTION...]: what the server says to openssl's client, in the file "told"
hi() {
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet "$@" \
		</dev/null 2>s_client.err >told
}

as() { # CLIENT [OPTION...]
	hi -cert "$CERTS/$1.pem" -key "$CERTS/$1.key" "${@:2}"
}

ours() { # the variables that were told
	grep -E '^(HTTPS|SSL_)' told | LC_ALL=C sort
}

# inetd PROGRAM...: it becomes the program on each connection, as 0 and 1
inetd() {
	start inetd "$port" env "${VERIFY[@]}" KTLSHIM_ALPN=h2,http/1.1 \
		"$KTLSHIM" run -- tcpserver -R -H -l localhost \
		127.0.0.1 "$port" "$@"
}

# ours_are LINE...: these and no others
ours_are() {
	ours | diff <(printf '%s\n' "$@" | LC_ALL=C sort) -
}

fingerprint() { # NAME
	openssl x509 -in "$CERTS/$1.pem" -outform DER | sha256sum | cut -d ' ' -f 1
}

@test "a program on the connection: version, cipher, name, ALPN, resumed" {
	inetd env
	hi -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -noservername
	ours_are HTTPS=on SSL_PROTOCOL=TLSv1.3 SSL_CIPHER=TLS_AES_128_GCM_SHA256 \
		SSL_SESSION_RESUMED=Initial SSL_CLIENT_VERIFY=NONE
	local v cipher
	for v in 3 2; do
		cipher=TLS_AES_256_GCM_SHA384
		[ $v = 3 ] || cipher=ECDHE-ECDSA-AES256-GCM-SHA384
		hi "-tls1_$v" -servername www.example -alpn x,http/1.1 -sess_out s
		ours_are HTTPS=on SSL_PROTOCOL=TLSv1.$v SSL_CIPHER=$cipher \
			SSL_TLS_SNI=www.example SSL_ALPN_PROTOCOL=http/1.1 \
			SSL_SESSION_RESUMED=Initial SSL_CLIENT_VERIFY=NONE
		hi "-tls1_$v" -servername www.example -alpn h2 -sess_in s
		ours_are HTTPS=on SSL_PROTOCOL=TLSv1.$v SSL_CIPHER=$cipher \
			SSL_TLS_SNI=www.example SSL_ALPN_PROTOCOL=h2 \
			SSL_SESSION_RESUMED=Resumed SSL_CLIENT_VERIFY=NONE
	done
	# a name that is none is in the log only
	hi -servername "$(printf 'a\nHTTPS=off')"
	run ! grep -aE 'SSL_TLS_SNI|HTTPS=off' told
	grep ' sni=a?HTTPS?off ' ktlshim.log
	assert_path
}

@test "a program on the connection: curl, gnutls-cli" {
	inetd env
	curl -sS --http0.9 --http1.1 --max-time 20 --cacert "$CERTS/ca.pem" \
		--tls-max 1.2 "https://localhost:$port/" >told
	grep -x SSL_PROTOCOL=TLSv1.2 told
	grep -x SSL_TLS_SNI=localhost told
	grep -x SSL_ALPN_PROTOCOL=http/1.1 told
	gnutls-cli --x509cafile "$CERTS/ca.pem" --x509certfile "$CERTS/alice.pem" \
		--x509keyfile "$CERTS/alice.key" --alpn h2 -p "$port" localhost \
		</dev/null >told
	grep -x SSL_PROTOCOL=TLSv1.3 told
	grep -x SSL_ALPN_PROTOCOL=h2 told
	grep -x SSL_CLIENT_S_DN_CN=alice told
	grep -x SSL_CLIENT_VERIFY=SUCCESS told
}

@test "a program on the connection: the client's certificate, also resumed" {
	inetd env
	local v i
	for v in -tls1_2 -tls1_3; do
		as alice $v -sess_out s
		for i in 1 2; do
			ours >told.$i
			grep -x 'SSL_CLIENT_S_DN=CN=alice,OU=People\\, all,O=Example' told.$i
			grep -x SSL_CLIENT_I_DN=CN=root,O=Us told.$i
			grep -x SSL_CLIENT_S_DN_CN=alice told.$i
			grep -x SSL_CLIENT_VERIFY=SUCCESS told.$i
			grep -x "SSL_CLIENT_FINGERPRINT=$(fingerprint alice)" told.$i
			as alice $v -sess_in s
		done
		grep -x SSL_SESSION_RESUMED=Resumed told
	done
	grep 'client CN=alice,OU=People\\, all,O=Example: ok$' ktlshim.log
}

@test "names with anything in them, and long ones" {
	inetd env
	as hostile
	# not one line more than there are variables
	[ "$(ours | grep -c SSL_CLIENT_)" -eq 5 ]
	grep -xF 'SSL_CLIENT_S_DN=CN=a\0ASSL_CLIENT_VERIFY=NONE\7F,O=J\C3\BCrg\C2\9B\;\"\\\<x\>' told
	grep -xF 'SSL_CLIENT_S_DN_CN=a\0ASSL_CLIENT_VERIFY=NONE\7F' told
	grep -x SSL_CLIENT_VERIFY=SUCCESS told
	as long
	grep -xE 'SSL_CLIENT_S_DN=CN=long,OU=0+20,OU=0+19,.*[^\],\.\.\.' told
	[ "$(grep ^SSL_CLIENT_S_DN= told | wc -c)" -eq $((16 + 1023 + 1)) ]
	grep -x SSL_CLIENT_S_DN_CN=long told
}

@test "forged variables are taken out, others stay; elsewhere nothing is done" {
	export HTTPS=forged SSL_PROTOCOL=forged SSL_TLS_SNI=forged \
		SSL_CLIENT_S_DN=forged SSL_CLIENT_CERT=forged SSL_CLIENT_VERIFY=SUCCESS \
		SSL_CIPHER=forged SSL_ALPN_PROTOCOL=forged SSL_SESSION_RESUMED=forged \
		SSL_CERT_FILE=/mine OTHER=mine SSL_CIPHERS=mine
	inetd env
	hi -tls1_3 -noservername
	ours_are HTTPS=on SSL_PROTOCOL=TLSv1.3 SSL_CIPHER=TLS_AES_256_GCM_SHA384 \
		SSL_SESSION_RESUMED=Initial SSL_CLIENT_VERIFY=NONE \
		SSL_CERT_FILE=/mine SSL_CIPHERS=mine
	grep -x OTHER=mine told
	# a program that is not on the connection: behind a pipe
	port=$(free_port)
	inetd sh -c 'env </dev/null | cat'
	hi
	grep -x HTTPS=on told
	port=$(free_port)
	cat >parent.py <<-'END'
	import os, socket, subprocess, sys
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    c = s.accept()[0]
	    os.set_inheritable(c.fileno(), True)
	    c.sendall(subprocess.check_output(["env"], close_fds=False,
	                                      stdin=subprocess.DEVNULL))
	    c.close()
	END
	start_tls parent "$port" python3 -B parent.py "$port"
	hi
	ours_are HTTPS=forged SSL_PROTOCOL=forged SSL_TLS_SNI=forged \
		SSL_CLIENT_S_DN=forged SSL_CLIENT_CERT=forged SSL_CLIENT_VERIFY=SUCCESS \
		SSL_CIPHER=forged SSL_ALPN_PROTOCOL=forged SSL_SESSION_RESUMED=forged \
		SSL_CERT_FILE=/mine SSL_CIPHERS=mine
}

@test "by shells, by socat, in a cleaned environment, without the library" {
	# a sanitizer's runtime is not put back into what was cleaned
	inetd sh -c "exec env ${SANITIZED:+-u} -i SSL_CLIENT_S_DN=forged sh -c 'exec env'"
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
	port=$(free_port)
	start_tls socat "$port" socat "TCP-LISTEN:$port,fork,reuseaddr" EXEC:env,nofork
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	# only 1 is the connection
	port=$(free_port)
	inetd sh -c 'exec env </dev/null'
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	gcc -static -o static -x c - <<-'END'
	#include <stdio.h>
	int main(int argc, char **argv, char **env)
	{
		while (*env)
			puts(*env++);
		return argc - 1;
	}
	END
	port=$(free_port)
	SSL_CLIENT_S_DN=forged inetd ./static
	hi -servername www.example || true # it says no close_notify
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
}

@test "posix_spawn: descriptors as they are, and by file actions; vfork" {
	cat >spawner.py <<-'END'
	import os, socket, subprocess, sys
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	env = dict(os.environ, SSL_CLIENT_S_DN="forged", HTTPS="forged")
	for how in "dup2", "other", "as it is", "nothing":
	    c = s.accept()[0].detach()
	    o = os.open("/dev/null", os.O_RDWR)
	    a = [(os.POSIX_SPAWN_DUP2, c, 0), (os.POSIX_SPAWN_DUP2, c, 1)]
	    if how == "other":  # while 0 is a connection here
	        os.dup2(c, 0)
	        a = [(os.POSIX_SPAWN_DUP2, o, 0), (os.POSIX_SPAWN_OPEN, 1,
	              "other", os.O_WRONLY | os.O_CREAT, 0o600)]
	        a += [(os.POSIX_SPAWN_DUP2, o, 1)]
	    if how == "as it is":
	        os.dup2(c, 0)
	        os.dup2(c, 1)
	        a = []
	    if how == "nothing":
	        a = [(os.POSIX_SPAWN_DUP2, o, 0)]
	    p = ["sh", "-c", "env >" + sys.argv[2] + "; cat " + sys.argv[2]]
	    os.waitpid(os.posix_spawn("/bin/sh", p, env, file_actions=a), 0)
	    os.dup2(o, 0)
	    os.dup2(2, 1)
	    os.close(o)
	    os.close(c)
	with s.accept()[0] as c:  # by vfork
	    subprocess.run(["/usr/bin/env"], env=env, stdin=c, stdout=c)
	END
	start_tls spawner "$port" python3 -B spawner.py "$port" "$DIR/spawned"
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
	hi
	cp spawned told
	ours_are HTTPS=forged SSL_CLIENT_S_DN=forged
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
	hi
	cp spawned told
	ours_are HTTPS=forged SSL_CLIENT_S_DN=forged
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
}

@test "what a program on the connection has, a shell of its own has, too" {
	inetd /usr/bin/python3 -B -c 'import os; os.system("env")'
	hi -servername www.example
	grep -x HTTPS=on told
	grep -x SSL_TLS_SNI=www.example told
}

@test "posix_spawn: file actions that are used again, and forgotten ones" {
	not_sanitized "is not put back into an environment of the program's own"
	cat >again.c <<-'END'
	#define _GNU_SOURCE
	#include <spawn.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <sys/socket.h>
	#include <sys/wait.h>
	#include <arpa/inet.h>
	#include <unistd.h>
	static char *env[] = {"SSL_CLIENT_S_DN=forged", NULL};
	static posix_spawn_file_actions_t fa;
	static int run(const char *path, char **argv)
	{
		pid_t pid;
		int ret = posix_spawn(&pid, path, &fa, NULL, argv, env), status;

		if (!ret)
			waitpid(pid, &status, 0);
		return ret;
	}
	int main(int argc, char **argv)
	{
		char *tell[] = {"env", NULL}, *hi[] = {"echo", "hi", NULL};
		struct sockaddr_in a = {.sin_family = AF_INET,
			.sin_port = htons(atoi(argv[argc - 1]))};
		int s = socket(AF_INET, SOCK_STREAM, 0), c;

		bind(s, (struct sockaddr *)&a, sizeof(a));
		listen(s, 5);
		c = accept4(s, NULL, NULL, SOCK_CLOEXEC);
		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_adddup2(&fa, c, 0);
		posix_spawn_file_actions_adddup2(&fa, c, 1);
		if (!run("/none", tell) || run("/usr/bin/env", tell) ||
		    run("/bin/echo", hi))
			return 1;
		posix_spawn_file_actions_destroy(&fa);
		/* named for 0, but no program comes of it; then for another */
		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_adddup2(&fa, c, 0);
		posix_spawn_file_actions_destroy(&fa);
		posix_spawn_file_actions_init(&fa);
		posix_spawn_file_actions_addopen(&fa, 1, "apart", 0101, 0600);
		if (run("/usr/bin/env", tell))
			return 2;
		close(c);
		return 0;
	}
	END
	gcc -o again again.c
	start_tls again "$port" ./again "$port"
	hi -servername www.example
	grep -x SSL_TLS_SNI=www.example told
	run ! grep forged told
	[ "$(tail -n 1 told)" = hi ]
	wait_until 20 grep -qx SSL_CLIENT_S_DN=forged apart
	run ! grep SSL_TLS_SNI apart
}

# teller HOW: a server that asks ktlshim_info() itself
teller() {
	port=$(free_port)
	start "teller$port" "$port" env "${VERIFY[@]}" KTLSHIM_ALPN=h2 "$KTLSHIM" \
		run -- "$BUILD/tests/apps/teller" "$port" "$1"
}

@test "ktlshim_info: after accept, fork, exec, and in another process" {
	local how
	for how in accept fork exec rights; do
		echo "$how"
		teller $how
		hi -tls1_3 -servername www.example -alpn h2 -sess_out s
		diff told - <<-END
		errno kept
		flags $KTLSHIM_TEST_PATH asked
		TLSv1.3 TLS_AES_256_GCM_SHA384 name=www.example alpn=h2
		client -1 ""  by , CN , 
		END
		hi -tls1_3 -servername www.example -sess_in s
		grep -x "flags $KTLSHIM_TEST_PATH resumed asked" told
		grep -x 'TLSv1.3 TLS_AES_256_GCM_SHA384 name=www.example alpn=' told
		as alice -tls1_2
		grep -x "flags $KTLSHIM_TEST_PATH asked client" told
		grep -x 'TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 name=[^ ]* alpn=' told
		grep -xF 'client 0 "" CN=alice,OU=People\, all,O=Example by CN=root,O=Us, CN alice, '"$(fingerprint alice)" told
	done
	assert_path
}

@test "ktlshim_info: of what is not ours, sizes; without the library" {
	teller foreign
	hi
	sed 1,4d told | diff - <(printf '%s\n' 'stdin: ENOTCONN' 'pipe: ENOTCONN' \
		'listener: ENOTCONN' '-1: ENOTCONN' 'high: ENOTCONN' 'short: EINVAL' \
		'the rest is 0')
	# plaintext, under the library and without it
	port=$(free_port)
	start plain "$port" env KTLSHIM_PORTS=1 "$KTLSHIM" run -- \
		"$BUILD/tests/apps/teller" "$port" accept
	[ "$(timeout 20 socat - "TCP:127.0.0.1:$port")" = ENOTCONN ]
	port=$(free_port)
	start bare "$port" "$BUILD/tests/apps/teller" "$port" accept
	[ "$(timeout 20 socat - "TCP:127.0.0.1:$port")" = 'no ktlshim' ]
}

@test "ktlshim.h: C++, old C, code for fixed addresses, static; Python" {
	local how
	cat >user.c <<-'END'
	#include "ktlshim.h"
	int main(void)
	{
		struct ktlshim_info info;

		return !ktlshim_info ? 1 : ktlshim_info(0, &info, sizeof(info)) ? 2 : 3;
	}
	END
	for how in '-std=c90 -pedantic' -O2 '-fno-pic -no-pie -O2' -fPIE; do
		# shellcheck disable=SC2086 # options
		gcc -Wall -Wextra -Werror $how -I "$TOP/include" -o user user.c
		run -1 ./user
		LD_PRELOAD=$LIB run -2 ./user
	done
	gcc -static -I "$TOP/include" -o user user.c
	run -1 ./user
	cp user.c user.cc
	g++ -Wall -Wextra -Werror -I "$TOP/include" -o user user.cc
	run -1 ./user
	LD_PRELOAD=$LIB run -2 ./user
	cat >ask.py <<-'END'
	import ctypes, socket, sys
	info = ctypes.create_string_buffer(4096)
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	c = s.accept()[0]
	ask = ctypes.CDLL(None, use_errno=True).ktlshim_info
	n = ask(c.fileno(), info, ctypes.c_size_t(len(info)))
	c.sendall(b"%d %s\n" % (n, info[8:24].rstrip(b"\0")))
	END
	start_tls ask "$port" python3 -B ask.py "$port"
	hi -tls1_2
	[ "$(<told)" = '0 TLSv1.2' ]
}
