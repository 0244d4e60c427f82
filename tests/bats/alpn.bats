#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# alpn.bats - the application protocol is agreed on in the handshake
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
}

teardown() {
	common_teardown
}

serve() { # [LIST]: an acceptor with this setting
	port=$(free_port)
	start "acceptor$port" "$port" env ${1:+KTLSHIM_ALPN="$1"} LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
}

# session [OPTION...]: what s_client tells of the connection
session() {
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -ign_eof "$@" \
		</dev/null >out 2>&1
}

# chosen NAME [OPTION...]: the client and the log say so; "" for none
chosen() {
	: >ktlshim.log
	session "${@:2}"
	if [ -n "$1" ]; then
		grep -Fx "ALPN protocol: $1" out
		grep -F " alpn $1" ktlshim.log
	else
		grep -x 'No ALPN negotiated' out
		grep 'TLSv1' ktlshim.log | grep -v alpn
	fi
	grep -x hi out
}

# none_of NAMES [OPTION...]: refused, for it offers only these
none_of() {
	: >ktlshim.log
	run session -alpn "${1// /}" "${@:2}"
	cat out ktlshim.log
	grep 'alert no application protocol.*number 120' out
	run ! grep -x hi out
	grep -F " to port $port: no TLS: none of the application protocols that the client offers: $1" ktlshim.log
}

@test "the server's order counts; nothing in common is an alert; TLS 1.2 and 1.3" {
	local v
	for v in -tls1_2 -tls1_3; do
		serve 'h2, http/1.1'
		chosen h2 $v -alpn http/1.1,h2
		chosen h2 $v -alpn h2
		chosen http/1.1 $v -alpn http/1.0,http/1.1
		chosen '' $v
		none_of 'h3, HTTP/1.1' $v
		none_of h22 $v
		none_of h $v
		serve http/1.1,h2
		chosen http/1.1 $v -alpn h2,http/1.1
	done
	assert_path
	# one that goes on speaking plaintext names has its bytes told, not shown
	printf '\033[1m' >name
	run session -alpn "$(cat name)"
	grep 'client offers: ?\[1m; sent alert 120, no application protocol$' ktlshim.log
	# without the setting nobody answers
	serve
	chosen '' -alpn h2,http/1.1
	chosen '' -alpn h2 -tls1_2
}

@test "other clients: gnutls-cli, Python, curl" {
	serve imap,http/1.1
	gnutls-cli --x509cafile "$CERTS/ca.pem" --alpn pop3 --alpn imap -p "$port" \
		localhost </dev/null | grep -i 'application protocol: imap'
	run gnutls-cli --x509cafile "$CERTS/ca.pem" --alpn pop3 -p "$port" \
		localhost </dev/null
	[[ $output == *'No supported application protocol could be negotiated'* ]]
	cat >client.py <<-'EOF'
	import socket, ssl, sys
	c = ssl.create_default_context(cafile=sys.argv[2])
	c.set_alpn_protocols(sys.argv[3:])
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	try:
	    s = c.wrap_socket(s, server_hostname="localhost")
	    print(s.selected_alpn_protocol(), s.recv(9))
	except ssl.SSLError as e:
	    print(e)
	EOF
	[ "$(python3 -B client.py "$port" "$CERTS/ca.pem" smtp imap)" = "imap b'hi\\n'" ]
	python3 -B client.py "$port" "$CERTS/ca.pem" smtp >out
	cat out
	grep 'alert no application protocol' out
	curl -v --http0.9 --http1.1 --cacert "$CERTS/ca.pem" --max-time 20 \
		"https://localhost:$port/" 2>&1 | grep 'server accepted.*http/1.1'
}

@test "HTTP/2: nghttpd in plaintext; curl, nghttp, h2load" {
	command -v nghttpd >/dev/null || skip "no nghttpd (package nghttp2-server)"
	local n=20000
	[ "$KTLSHIM_TEST_PATH" = relayed ] || n=2000
	mkdir docs
	mv "$(random_file "$BULK")" docs/big
	echo hello >docs/small
	export KTLSHIM_ALPN=h2,http/1.1
	start_tls nghttpd "$port" nghttpd --no-tls -d docs -a 127.0.0.1 "$port"
	tcurl --http2 -w '%{http_version}\n' "https://localhost:$port/small" >out
	[ "$(cat out)" = $'hello\n2' ]
	tcurl --http2 -o big "https://localhost:$port/big"
	cmp big docs/big
	# 20 streams at once in one connection
	tcurl --http2 --parallel -o 'got_#1' "https://localhost:$port/small?[1-20]"
	[ "$(sort -u got_* | wc -l)" -eq 1 ]
	[ "$(cat got_* | wc -l)" -eq 20 ]
	# a request with a body
	tcurl --http2 --data-binary @docs/small -w '%{http_version} %{http_code}' \
		-o /dev/null "https://localhost:$port/small" | grep '^2 '
	timeout 60 nghttp -ns "https://localhost:$port/small" | grep ' 200 .*/small'
	timeout 60 nghttp "https://localhost:$port/small" | grep -x hello
	timeout 100 h2load -n "$n" -c 10 -m 20 "https://localhost:$port/small" >out
	cat out
	grep 'Application protocol: h2' out
	grep "requests: $n total, .* $n succeeded, 0 failed" out
	run ! grep 'TLSv' <(grep -v ' alpn h2' ktlshim.log)
	assert_path
}

@test "HTTP/2: h2o in plaintext with prior knowledge, and HTTP/1.1 beside it" {
	command -v h2o >/dev/null || skip "no h2o"
	mkdir docs
	echo hello >docs/small
	chmod -R a+rX "$DIR"
	cat >h2o.conf <<-EOF
	listen:
	  host: 127.0.0.1
	  port: $port
	pid-file: $DIR/h2o.pid
	user: root
	hosts:
	  default:
	    paths:
	      /:
	        file.dir: $DIR/docs
	EOF
	export KTLSHIM_ALPN=h2,http/1.1
	start_tls h2o "$port" h2o -c h2o.conf
	for v in 1.1 2; do
		tcurl "--http$v" -w '%{http_version}\n' \
			"https://localhost:$port/small" >out
		cat out
		[ "$(cat out)" = hello$'\n'$v ]
	done
	assert_path
}

@test "lists that are wrong: what, and what is allowed" {
	local name long
	long=$(printf '%0256d' 0)
	local names
	printf -v names 'n%0249d,' 1 2 3 4 5
	declare -A wrong=(
		['h2,,http/1.1']='"h2,,http/1.1": want names of 1 to 255 ASCII characters, no space among them, separated by commas, as in h2,http/1.1'
		['h2,']='"h2,": want names of 1 to 255'
		[' ']='" ": want names of 1 to 255'
		['h2 http/1.1']='"h2 http/1.1": want names of 1 to 255'
		[$'h2\xc3\xa9']='": want names of 1 to 255 ASCII'
		['h2,http/1.1,h2']='"h2,http/1.1,h2": h2 is there twice'
		['h2,JJ']='"h2,JJ": JJ is reserved by RFC 8701'
		["h2,$long"]='": want names of 1 to 255'
		["${names%,}"]='": want 1024 bytes in all at most'
	)
	for name in "${!wrong[@]}"; do
		KTLSHIM_ALPN=$name run ! "$KTLSHIM" check
		echo "$output"
		[[ $output == "ktlshim: KTLSHIM_ALPN: bad value "*"${wrong[$name]}"* ]]
		run ! env KTLSHIM_ALPN="$name" "$KTLSHIM" run -- true
		[[ $output == "ktlshim: KTLSHIM_ALPN: bad value "*"${wrong[$name]}"* ]]
	done
	printf '%s\n' '[default]' 'alpn = h2,,' >x.conf
	run ! "$KTLSHIM" check x.conf
	[[ $output == *"ktlshim: $DIR/x.conf:2: alpn: bad value "* ]]
	# the longest that are right
	KTLSHIM_ALPN=$(printf '%0255d' 0),JK,h2 "$KTLSHIM" check
}

@test "alpn by listener, by run's option, and a reload" {
	local other helper
	other=$(free_port)
	printf '%s\n' '[default]' 'alpn = h2' "[$other]" 'alpn = http/1.1' >x.conf
	KTLSHIM_CONF=$DIR/x.conf start a "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	KTLSHIM_CONF=$DIR/x.conf start b "$other" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$other" block
	chosen h2 -alpn http/1.1,h2
	helper=$(helper_pid "$port")
	printf '%s\n' 'alpn = http/1.1' >x.conf
	kill -HUP "$helper"
	wait_until 20 grep -q '^ktlshim: reloaded' ktlshim.log
	chosen http/1.1 -alpn h2,http/1.1
	port=$other
	chosen http/1.1 -alpn h2,http/1.1
	port=$(free_port)
	start c "$port" "$KTLSHIM" run --alpn ftp,h2 -- \
		"$BUILD/tests/apps/acceptor" "$port" block
	chosen ftp -alpn h2,ftp
}
