#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# conf.bats - the configuration file: what it says is what clients see
#
# Whether its mistakes are told is in check.bats.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	pair other
	pair third
}

# pair NAME: NAME.pem and NAME.key, self-signed, for localhost
pair() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$1.key" -out "$1.pem" -days 30 -subj "/CN=$1" \
		-addext subjectAltName=DNS:localhost 2>/dev/null
}

setup() {
	conf_setup
	OTHER="cert = $CERTS/other.pem
key = $CERTS/other.key"
}

teardown() {
	common_teardown
	[ -z "${OPEN:-}" ] || rm -r "$OPEN"
}

# conf LINE...: write the file
acceptor() { # NAME PORT: it is open, TLS or not
	start "$1" "$2" env LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$2" \
		block
}

end_acceptor() { # the helper closes the port a moment later
	stop
	wait_until 5 port_closed "$port"
}

# hi PORT [OPTION...]: prints what the acceptor says over TLS
hi() {
	timeout 20 openssl s_client -connect "127.0.0.1:$1" -quiet "${@:2}" \
		</dev/null 2>"$DIR/s_client.log"
}

# session PORT [OPTION...]: what s_client tells of the connection
session() {
	timeout 20 openssl s_client -connect "127.0.0.1:$1" "${@:2}" \
		</dev/null 2>&1
}

# subject PORT [OPTION...]: the name in the certificate that is served
subject() {
	session "$@" | sed -n 's/^subject=CN = //p'
}

plain_hi() { # PORT: what the acceptor says in plaintext
	head -c 3 <"/dev/tcp/127.0.0.1/$1"
}

port_closed() {
	! port_open "$1"
}

# refused PORT TEXT [HOST]: bind fails, one line says TEXT
refused() {
	local code=0
	LD_PRELOAD=$LIB KTLSHIM_LOG=${LOG:-warn} timeout 20 /usr/bin/python3 \
		-m http.server --bind "${3:-127.0.0.1}" "$1" >"$DIR/out" 2>&1 ||
		code=$?
	cat "$DIR/out"
	[ "$code" -eq 1 ]
	[ "$(grep -c '^ktlshim: ' "$DIR/out")" -eq 1 ]
	grep -qF -- "$2" "$DIR/out"
	port_closed "$1"
}

@test "a file alone: KTLSHIM_CONF, --conf, relative names" {
	cp "$CERTS/ca.pem" site.pem
	cp "$CERTS/key.pem" site.key
	conf '[default]' 'cert = site.pem' 'key = site.key'
	acceptor a "$port"
	[ "$(hi "$port" -CAfile "$CERTS/ca.pem" -verify_return_error)" = hi ]
	assert_path
	# above any section is [default]; and the command's own option
	mkdir sub
	printf 'cert = ../site.pem\nkey = ../site.key\n' >sub/x.conf
	unset KTLSHIM_CONF
	port=$(free_port)
	start b "$port" "$KTLSHIM" run --conf sub/x.conf -- \
		"$BUILD/tests/apps/acceptor" "$port" block
	[ "$(hi "$port")" = hi ]
}

@test "/etc/ktlshim/ktlshim.conf is the default" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	[ ! -e /etc/ktlshim ] || skip "this machine has one"
	mkdir up work
	unshare -m mount -t overlay o -o "lowerdir=/etc,upperdir=$DIR/up,workdir=$DIR/work" /etc ||
		skip "no overlay file systems here"
	unset KTLSHIM_CONF
	conf "$PAIR"
	cat >in_etc <<-EOF
	#!/bin/sh
	mount -t overlay o -o "lowerdir=/etc,upperdir=$DIR/up,workdir=$DIR/work" /etc || exit
	mkdir -p /etc/ktlshim
	cp $DIR/ktlshim.conf /etc/ktlshim
	exec "\$@"
	EOF
	start a "$port" unshare -m sh in_etc env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	[ "$(hi "$port")" = hi ]
	# the environment is stronger, and another file replaces it
	port=$(free_port)
	KTLSHIM_CONF=/dev/null start b "$port" unshare -m sh in_etc env \
		LD_PRELOAD="$LIB" KTLSHIM_PORTS=1 \
		"$BUILD/tests/apps/acceptor" "$port" block
	[ "$(plain_hi "$port")" = hi ]
}

@test "sections: each listener has its own certificate, others stay plaintext" {
	local a b c d
	a=$(free_port) b=$(free_port) c=$(free_port) d=$(free_port)
	conf "[ $a ]" "$PAIR" "[127.0.0.1:$b]" "$OTHER" \
		"[127.0.0.2:$d]" "$PAIR"
	acceptor a "$a"
	acceptor b "$b"
	acceptor c "$c"
	acceptor d "$d"
	[ "$(subject "$a")" = localhost ]
	[ "$(subject "$b")" = other ]
	[ "$(plain_hi "$c")" = hi ]
	[ "$(plain_hi "$d")" = hi ]
	assert_path
}

@test "sections: the address is stronger than the port; IPv6; every address" {
	conf "[$port]" "$PAIR" "[[::1]:$port]" "$OTHER"
	start a "$port" env LD_PRELOAD="$LIB" /usr/bin/python3 -m http.server \
		--bind 127.0.0.1 "$port"
	[ "$(subject "$port")" = localhost ]
	end_acceptor
	start b "$port" env LD_PRELOAD="$LIB" /usr/bin/python3 -m http.server \
		--bind ::1 "$port"
	timeout 20 openssl s_client -connect "[::1]:$port" </dev/null 2>&1 |
		grep 'subject=CN = other'
	end_acceptor
	start c "$port" env LD_PRELOAD="$LIB" /usr/bin/python3 -m http.server \
		--bind :: "$port"
	[ "$(subject "$port")" = localhost ]
}

@test "sections: all addresses of a port that is named for one only" {
	conf "[127.0.0.1:$port]" "$PAIR"
	refused "$port" "write [$port]" 0.0.0.0
	refused "$port" "write [$port]" ::
	conf "[127.0.0.1:$port]" "$PAIR" "[$port]" 'tls = off'
	start a "$port" env LD_PRELOAD="$LIB" /usr/bin/python3 -m http.server \
		--bind 0.0.0.0 "$port"
	curl -sS --fail --max-time 10 -o /dev/null "http://127.0.0.1:$port/"
}

@test "[default] is for every port, but for tls = off and beyond ports" {
	local off
	off=$(free_port)
	conf "$PAIR" "[$off]" 'tls = off'
	acceptor a "$port"
	acceptor b "$off"
	[ "$(hi "$port")" = hi ]
	[ "$(plain_hi "$off")" = hi ]
	# ports: [default] is for these, a section is one more
	local listed other section
	listed=$(free_port) other=$(free_port) section=$(free_port)
	conf "$PAIR" "ports = $listed,1" "[$section]" "$OTHER"
	acceptor c "$listed"
	acceptor d "$other"
	acceptor e "$section"
	[ "$(subject "$listed")" = localhost ]
	[ "$(plain_hi "$other")" = hi ]
	[ "$(subject "$section")" = other ]
}

@test "a name without a value in a section: [default] is not for this listener" {
	conf "$PAIR" 'alpn = h2' 'Ciphersuites = TLS_AES_128_GCM_SHA256' \
		'keylog = keys' 'rx = kernel' "[$port]" 'alpn =' 'Ciphersuites =' \
		'keylog =' 'rx ='
	run -0 "$KTLSHIM" check
	[ "$(grep -c '^  rx = ' <<<"$output")" -eq 2 ]
	[ "$(grep -c '^  rx = user$' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^  keylog = ' <<<"$output")" -eq 1 ]
	acceptor a "$port"
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -alpn h3 -quiet \
		</dev/null >out 2>s_client.log
	[ "$(<out)" = hi ]
	grep "to port $port: TLSv1.3 TLS_AES_256_GCM_SHA384" ktlshim.log
	[ ! -e keys ]
}

@test "a plaintext port needs no rights to the key, a TLS port does" {
	[ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
	OPEN=$(mktemp -d /tmp/ktlshim-conf.XXXXXX)
	chmod 755 "$OPEN"
	cp "$CERTS/ca.pem" "$OPEN/ca.pem"
	cp "$CERTS/key.pem" "$OPEN/secret.key"
	chmod 644 "$OPEN/ca.pem"
	chmod 600 "$OPEN/secret.key"
	printf '%s\n' "[$port]" "cert = ca.pem" "key = secret.key" >"$OPEN/x.conf"
	export KTLSHIM_CONF=$OPEN/x.conf KTLSHIM_LOG=warn
	local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups) other
	"${nobody[@]}" test -x "$BUILD/ktlshim-helper" ||
		skip "nobody cannot execute what is in $BUILD"
	other=$(free_port)
	start a "$other" "${nobody[@]}" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$other" block
	[ "$(plain_hi "$other")" = hi ]
	"${nobody[@]}" env LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$port" \
		block >out.log 2>err.log 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s out.log
	cat out.log err.log
	[ "$(cat out.log)" = "bind: EACCES" ]
	[ "$(wc -l <err.log)" -eq 1 ]
	grep -q "x.conf:3: key: cannot read key .*secret.key: Permission denied" err.log
	port_closed "$port"
}

@test "the environment is stronger than the file, in all sections" {
	local b c
	b=$(free_port) c=$(free_port)
	conf 'MinProtocol = TLSv1.2' "[$port]" "$PAIR" 'MaxProtocol = TLSv1.2' \
		"[$b]" 'tls = off' 'log = no'
	sed -i '$d' ktlshim.conf
	export KTLSHIM_MAXPROTOCOL=TLSv1.3 KTLSHIM_CERT=$CERTS/other.pem \
		KTLSHIM_KEY=$CERTS/other.key
	acceptor a "$port"
	[ "$(subject "$port" -tls1_3)" = other ]
	# with a certificate for all, all are upgraded that are not off
	acceptor b "$b"
	[ "$(plain_hi "$b")" = hi ]
	acceptor c "$c"
	[ "$(subject "$c")" = other ]
	# KTLSHIM_PORTS: these and no others
	export KTLSHIM_PORTS=$b
	local d e=$b
	d=$(free_port)
	acceptor d "$d"
	[ "$(plain_hi "$d")" = hi ]
	kill "${PIDS[1]}"
	wait_until 5 port_closed "$e"
	acceptor e "$e"
	[ "$(subject "$e")" = other ]
}

@test "a section replaces what [default] says: pair and numbered settings" {
	conf "$PAIR" 1.Options=-SessionTicket '2.Options = -Compression' \
		'MinProtocol = TLSv1.3' \
		"[$port]" "$OTHER" 'MinProtocol = TLSv1.2' 'Options = ServerPreference'
	acceptor a "$port"
	[ "$(subject "$port" -tls1_2)" = other ]
	session "$port" -tls1_2 | grep 'TLS session ticket:'
}

@test "included files and directories, continued lines, other names" {
	mkdir conf.d
	conf '.include = pair.inc' '[default]' "KTLS = \\" '  auto' ".include conf.d"
	printf 'Certificate = %s\nPrivateKey = %s\n' "$CERTS/ca.pem" \
		"$CERTS/key.pem" >pair.inc
	printf '[%s]\ntls = off\n' "$port" >conf.d/a.conf
	printf '[127.0.0.1:%s]\n1.cert=%s\n1.key=%s\n' "$port" "$CERTS/other.pem" \
		"$CERTS/other.key" >conf.d/b.cnf
	printf 'nonsense\n' >conf.d/c.bak
	printf 'nonsense\n' >conf.d/.d.conf
	acceptor a "$port"
	[ "$(subject "$port")" = other ]
}

@test "ktls and rx by listener" {
	local off kernel
	off=$(free_port) kernel=$(free_port)
	conf "$PAIR" "[$off]" 'ktls = off' "[$kernel]" 'rx = kernel'
	acceptor a "$port"
	acceptor b "$off"
	acceptor c "$kernel"
	[ "$(hi "$port")" = hi ]
	[ "$(hi "$off")" = hi ]
	[ "$(hi "$kernel")" = hi ]
	grep -q "to port $port: .* $KTLSHIM_TEST_PATH" ktlshim.log
	grep -q "to port $off: .* relayed (kTLS is switched off)" ktlshim.log
	grep -q "to port $kernel: .* $KTLSHIM_TEST_PATH" ktlshim.log
	grep -q "port $off: TLS is on, relayed" ktlshim.log
	has_ktls || return 0
	local before
	before=$(kernel_receives)
	[ "$(hi "$port")" = hi ]
	[ "$(kernel_receives)" -eq "$before" ]
	[ "$(hi "$kernel")" = hi ]
	[ "$(kernel_receives)" -eq $((before + 1)) ]
}

kernel_receives() { # how often the kernel was given a key to receive with
	awk '$1 == "TlsRxSw" { print $2 }' /proc/net/tls_stat
}

@test "log = in the file: the helper's lines and the library's" {
	unset KTLSHIM_LOG
	conf "$PAIR" "log = info:$DIR/file.log"
	acceptor a "$port"
	[ "$(hi "$port")" = hi ]
	grep -q "to port $port: TLSv1.3" file.log
	kill -9 "$(helper_pid "$port")"
	wait_until 10 grep -q 'the helper has died' file.log
	[ ! -s ktlshim.log ]
	run ! grep ktlshim a.log
	# where the file is wrong, its log is told so nevertheless
	end_acceptor
	conf "$PAIR" "log = info:$DIR/bad.log" 'ring = fast'
	LD_PRELOAD=$LIB timeout 20 "$BUILD/tests/apps/acceptor" "$port" block \
		>out 2>&1 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 10 grep -q bind: out
	grep -q "ktlshim.conf:4: ring: bad value" bad.log
}

@test "settings for the daemon: handshake_timeout, handshakes_max, ring" {
	conf "$PAIR" 'handshake_timeout = 1' 'handshakes_max = 1' 'ring = epoll' \
		'workers = 1'
	acceptor a "$port"
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	exec 6<>"/dev/tcp/127.0.0.1/$port"
	wait_until 10 grep -q 'too many handshakes at once' ktlshim.log
	wait_until 10 grep -q 'the handshake took too long' ktlshim.log
	exec 5>&- 6>&-
	[ "$(hi "$port")" = hi ]
	for fd in /proc/"$(helper_pid "$port")"/fd/*; do
		[[ $(readlink "$fd") != *io_uring* ]]
	done
}

@test "a listener from elsewhere that stays plaintext costs one question" {
	command -v strace >/dev/null || skip "no strace"
	conf '[1]' "$PAIR"
	# as by socket activation: listen in one program, accept in the next
	cat >listen.py <<-'EOF'
	import os, socket, sys
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	os.dup2(s.fileno(), 9)
	os.execvp(sys.argv[2], sys.argv[2:])
	EOF
	cat >accept.py <<-'EOF'
	import socket
	s = socket.socket(fileno=9)
	while True:
	    c, _ = s.accept()
	    c.send(b"hi\n")
	    c.close()
	EOF
	# -D: what is started is the program, and strace ends with it
	start a "$port" /usr/bin/python3 listen.py "$port" strace -D -f -qq -o trace \
		-e trace=socketpair env LD_PRELOAD="$LIB" \
		/usr/bin/python3 accept.py
	for _ in 1 2 3 4; do
		[ "$(plain_hi "$port")" = hi ]
	done
	# the control socket, one answer
	cat trace
	[ "$(grep -c SOCK_SEQPACKET trace)" -eq 2 ]
}

# ---- OpenSSL's settings, one by one

# with LINE...: an acceptor with these settings, on a port of its own
with() {
	port=$(free_port)
	conf "$PAIR" "$@"
	acceptor "a$port" "$port"
}

@test "MinProtocol, MaxProtocol, Protocol" {
	with 'MinProtocol = TLSv1.3'
	[ "$(hi "$port" -tls1_3)" = hi ]
	run ! hi "$port" -tls1_2
	with 'maxprotocol = TLSv1.2'
	[ "$(hi "$port" -tls1_2)" = hi ]
	run ! hi "$port" -tls1_3
	with 'Protocol = ALL,-TLSv1.2'
	[ "$(hi "$port" -tls1_3)" = hi ]
	run ! hi "$port" -tls1_2
	# what Debian's own settings allow only at security level 0
	with 'MinProtocol = TLSv1' 'CipherString = ALL:@SECLEVEL=0'
	[ "$(hi "$port" -tls1 -cipher ALL:@SECLEVEL=0)" = hi ]
	grep -q "to port $port: TLSv1 .* relayed" ktlshim.log
}

@test "CipherString, Ciphersuites, Groups, Curves, SignatureAlgorithms" {
	with 'CipherString = ECDHE-ECDSA-AES256-GCM-SHA384' \
		'Ciphersuites = TLS_AES_128_GCM_SHA256' 'Groups = P-384' \
		'SignatureAlgorithms = ECDSA+SHA512:ECDSA+SHA256'
	session "$port" -tls1_2 >out
	grep 'Cipher is ECDHE-ECDSA-AES256-GCM-SHA384' out
	grep 'Peer signing digest: SHA512' out
	session "$port" -tls1_3 >out
	grep 'Cipher is TLS_AES_128_GCM_SHA256' out
	grep 'Server Temp Key: ECDH, secp384r1' out
	run ! hi "$port" -groups X25519
	run ! hi "$port" -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
	with 'Curves = P-256'
	session "$port" | grep 'Server Temp Key: ECDH, prime256v1'
}

@test "Options, NumTickets, RecordPadding" {
	with 'Options = -SessionTicket' 'NumTickets = 0'
	run ! grep 'TLS session ticket' <(session "$port" -tls1_2)
	[ "$(hi "$port" -tls1_3)" = hi ]
	assert_path
	with 'NumTickets = 5'
	[ "$(hi "$port" -msg | grep -c NewSessionTicket)" -eq 5 ]
	with 'RecordPadding = 512'
	# "hi" and its type filled up with zeros, and the tag of 16 bytes
	hi "$port" -msg >out
	grep -qi -- '^ *17 03 03 02 10$' out
	grep -q "to port $port: .* relayed" ktlshim.log
}

@test "VerifyMode with VerifyCAFile, VerifyCAPath; ClientCAFile" {
	local mine=(-cert "$CERTS/other.pem" -key "$CERTS/other.key")
	local wrong=(-cert "$CERTS/third.pem" -key "$CERTS/third.key")
	mkdir -p cas
	cp "$CERTS/other.pem" cas/
	openssl rehash cas 2>/dev/null || c_rehash cas
	# not VerifyCAStore: OpenSSL 3.0 takes it and then cannot search files
	for line in "VerifyCAFile = $CERTS/other.pem" 'VerifyCAPath = cas'; do
		echo "$line"
		with 'VerifyMode = Require' "$line" "ClientCAFile = $CERTS/other.pem"
		[ "$(hi "$port" "${mine[@]}")" = hi ]
		[ -z "$(hi "$port" "${wrong[@]}")" ]
		[ -z "$(hi "$port")" ]
		session "$port" -tls1_2 | grep -A1 'client certificate CA names' |
			grep 'CN = other'
	done
	with 'VerifyMode = Request' "VerifyCAFile = $CERTS/other.pem" \
		'ClientSignatureAlgorithms = ECDSA+SHA512'
	[ "$(hi "$port")" = hi ]
	session "$port" | grep 'Requested Signature Algorithms: ECDSA+SHA512$'
}

@test "ChainCAFile, DHParameters, ServerInfoFile" {
	cd "$DIR" || return 1
	pair ca2
	openssl req -new -newkey rsa:2048 -nodes -keyout leaf.key -out leaf.csr \
		-subj /CN=leaf 2>/dev/null
	openssl x509 -req -in leaf.csr -CA ca2.pem -CAkey ca2.key -days 9 \
		-CAcreateserial -out leaf.pem 2>/dev/null
	openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe4096 -out dh.pem
	{
		echo '-----BEGIN SERVERINFO FOR X-----'
		printf '\x12\x34\x00\x01a' | base64
		echo '-----END SERVERINFO FOR X-----'
	} >info.pem
	port=$(free_port)
	conf 'cert = leaf.pem' 'key = leaf.key' 'ChainCAFile = ca2.pem' \
		'DHParameters = dh.pem' 'ServerInfoFile = info.pem' \
		"CipherString = DHE-RSA-AES128-GCM-SHA256"
	acceptor a "$port"
	session "$port" -tls1_2 -showcerts >out
	[ "$(grep -c 'BEGIN CERT' out)" -eq 2 ]
	grep 'Server Temp Key: DH, 4096 bits' out
	session "$port" -tls1_2 -serverinfo 4660 | grep 'BEGIN SERVERINFO FOR EXTENSION 4660'
}
