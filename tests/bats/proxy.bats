#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# proxy.bats - the PROXY protocol: clients behind a balancer, daemons that are told
#
# Each field of a header, right and wrong: tests/unit/proxy_test.c.
# shellcheck disable=SC2154 # port is set by conf_setup
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	conf_setup
	front=$(free_port)
}

teardown() {
	common_teardown
}

# who ADDRESS LINE...: who.py on that address and $port, with these settings
who() {
	conf "$PAIR" "${@:2}"
	start who "$port" env LD_PRELOAD="$LIB" python3 -B "$TOP/tests/apps/who.py" \
		"$1" "$port"
}

client() { # WHAT...: see there
	timeout 60 python3 -B "$TOP/tests/apps/proxy_client.py" "$port" \
		"$CERTS/ca.pem" "$@"
}

# haproxy FRONT OPTION...: a balancer in front of $port
balancer() {
	cat >"$DIR/haproxy.conf" <<-EOT
	global
	    maxconn 64
	defaults
	    mode tcp
	    timeout connect 5s
	    timeout client 60s
	    timeout server 60s
	listen l
	    bind 127.0.0.1:$1
	    server s 127.0.0.1:$port ${*:2}
	EOT
	start haproxy "$1" haproxy -db -f "$DIR/haproxy.conf"
}

# ---- incoming: proxy_from

@test "haproxy in front, versions 1 and 2: the daemon gets the real client" {
	who 127.0.0.1 'proxy_from = 127.0.0.0/8'
	for option in send-proxy send-proxy-v2 send-proxy-v2-ssl-cn \
		'send-proxy-v2 proxy-v2-options crc32c'; do
		# shellcheck disable=SC2086 # two words
		balancer "$front" $option
		tcurl --interface 127.0.0.9 "https://localhost:$front/" >out
		echo "$option: $(<out)"
		grep -qE '^\{"accept": \["127.0.0.9", ([0-9]+)\], "peer": \["127.0.0.9", \1\], "sock": \["127.0.0.1", '"$port"'\]\}$' out
		stop
		# one of its threads may have the port for a moment longer
		front=$(free_port)
	done
	[ "$(grep -cE " 127\.0\.0\.9:[0-9]+ by 127\.0\.0\.1:[0-9]+ to port $port: TLS" ktlshim.log)" -eq 4 ]
	assert_path
}

@test "haproxy's health checks keep the balancer's own address" {
	who 127.0.0.1 'proxy_from = 127.0.0.1'
	balancer "$front" "send-proxy-v2 check check-ssl verify none check-send-proxy inter 100"
	wait_until 20 grep -q " 127.0.0.1:[0-9]* to port $port: TLS" ktlshim.log
	[ "$(tcurl --interface 127.0.0.9 "https://localhost:$front/" | grep -c '"accept": \["127.0.0.9"')" -eq 1 ]
}

@test "nginx behind curl --haproxy-protocol" {
	conf "$PAIR" 'proxy_from = 127.0.0.9'
	nginx_conf "listen 127.0.0.1:$port;" "return 200 '\$remote_addr:\$remote_port\n';"
	start nginx "$port" env LD_PRELOAD="$LIB" nginx -c "$DIR/nginx.conf"
	tcurl --haproxy-protocol --interface 127.0.0.9 -w '%{local_ip}:%{local_port}\n' \
		"https://localhost:$port/" >out
	cat out
	[ "$(wc -l <out)" -eq 2 ]
	[ "$(sort -u out | wc -l)" -eq 1 ]
	# from another address it is no TLS
	run ! tcurl --haproxy-protocol "https://localhost:$port/"
	tcurl "https://localhost:$port/" | grep '^127\.0\.0\.1:'
}

nginx_conf() { # LISTEN LOCATION
	cat >"$DIR/nginx.conf" <<-EOT
	daemon off;
	worker_processes 1;
	pid $DIR/nginx.pid;
	error_log $DIR/nginx.log;
	events { worker_connections 64; }
	http {
	    access_log off;
	    client_body_temp_path $DIR;
	    proxy_temp_path $DIR;
	    fastcgi_temp_path $DIR;
	    uwsgi_temp_path $DIR;
	    scgi_temp_path $DIR;
	    server { $1 location / { $2 } }
	}
	EOT
}

@test "an IPv6 client of a listener for IPv4 is 192.0.0.8, the log knows it" {
	conf "$PAIR" 'proxy_from = 127.0.0.1'
	nginx_conf "listen 127.0.0.1:$port;" "return 200 '{\"a\": \"\$remote_addr\"}\n';"
	start nginx "$port" env LD_PRELOAD="$LIB" nginx -c "$DIR/nginx.conf"
	client ask 2001:db8::9 | tee out
	[ "$(<out)" = "{'a': '192.0.0.8'}" ]
	grep -F ' [2001:db8::9]:1234 by 127.0.0.1:' ktlshim.log
}

@test "a child that is executed with the connection asks getpeername()" {
	cat >child <<-'EOT'
	#!/usr/bin/python3 -B
	import json, socket
	s = socket.socket(fileno=0)
	s.recv(65536)
	answer = json.dumps({"peer": s.getpeername()})
	s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + answer.encode() + b"\n")
	EOT
	chmod +x child
	conf "$PAIR" 'proxy_from = 127.0.0.1'
	start socat "$port" env LD_PRELOAD="$LIB" socat \
		"TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr" "EXEC:$DIR/child,nofork"
	client ask 203.0.113.9 >out
	cat out
	[ "$(<out)" = "{'peer': ['203.0.113.9', 1234]}" ]
	assert_path
}

@test "headers in one segment with the ClientHello, apart, byte by byte" {
	who 127.0.0.1 'proxy_from = 127.0.0.1'
	client good
	assert_path
}

@test "a listener for both: an IPv4 client has the form that it has there" {
	who :: 'proxy_from = 127.0.0.1'
	client good
	assert_path
}

@test "wrong headers, none, too long ones: refused, and the log says why" {
	who 127.0.0.1 'proxy_from = 127.0.0.1'
	client bad
	for why in 'no PROXY header' 'longer than 107' 'longer than 4096' \
		'wrong port' 'without CR' 'two addresses and two ports' 'CRC32C' \
		'cut off' 'command' 'version' 'transport' 'does not speak TLS'; do
		echo "$why"
		grep "127.0.0.1:[0-9]* to port $port: no TLS: .*$why" ktlshim.log
	done
	run ! grep 'TLSv' ktlshim.log
}

@test "who is not trusted and sends a header does not speak TLS" {
	who 127.0.0.1 'proxy_from = 127.0.0.1, 10.0.0.0/8'
	client untrusted 127.0.0.2
	[ "$(grep -c '127.0.0.2:[0-9]* to port .*: no TLS: the client does not speak TLS$' ktlshim.log)" -eq 4 ]
	run ! grep 203.0.113.9 ktlshim.log
}

@test "a header, its half, nothing, and then silence: until the time is over" {
	who 127.0.0.1 'proxy_from = 127.0.0.1' 'handshake_timeout = 1'
	client silent
	[ "$(grep -c '127.0.0.1:[0-9]* to port .* took too long$' ktlshim.log)" -eq 3 ]
	grep '203.0.113.9:1234 by 127.0.0.1:[0-9]* to port .* took too long$' ktlshim.log
}

@test "100 hostile clients leave nothing behind" {
	who 127.0.0.1 'proxy_from = 127.0.0.1' 'handshake_timeout = 2'
	client good
	pid=$(helper_pid "$port")
	before=$(descriptors "$pid")
	client hostile 100
	client good
	wait_until 20 few_descriptors "$pid" "$before"
}

descriptors() {
	local all=(/proc/"$1"/fd/*)
	echo ${#all[@]}
}

few_descriptors() { # PID N
	[ "$(descriptors "$1")" -le "$2" ]
}

@test "a section says none, the environment is stronger; a reload takes it up" {
	conf "$PAIR" 'proxy_from = 127.0.0.1' "[$port]" 'proxy_from = none'
	start who "$port" env LD_PRELOAD="$LIB" python3 -B "$TOP/tests/apps/who.py" \
		127.0.0.1 "$port"
	tcurl "https://localhost:$port/" | grep '"accept": \["127.0.0.1"'
	conf "$PAIR" 'proxy_from = 127.0.0.1'
	kill -HUP "$(helper_pid "$port")"
	wait_until 10 refused
	client good
}

refused() {
	! tcurl "https://localhost:$port/" >/dev/null 2>&1
}

# ---- outgoing: proxy

# told LINE...: who.py, which reads a header first, with these settings
told() {
	conf "$PAIR" "$@"
	start who "$port" env LD_PRELOAD="$LIB" python3 -B "$TOP/tests/apps/who.py" \
		127.0.0.1 "$port" --header
}

all_relayed() {
	grep -q " to port $port: TLSv1.* relayed (a PROXY header is to be written)" ktlshim.log
	[ "$(count_path direct)" -eq 0 ]
}

@test "version 1: a line with the client's address and the listener's" {
	told 'proxy = v1'
	tcurl --interface 127.0.0.9 -w '%{local_port}\n' "https://localhost:$port/" >out
	cat out
	read -r client <<<"$(tail -n 1 out)"
	grep -F "\"accept\": [\"127.0.0.9\", $client]" out
	grep -F "{\"version\": 1, \"family\": \"TCP4\", \"src\": [\"127.0.0.9\", $client], \"dst\": [\"127.0.0.1\", $port], " out
	all_relayed
}

# field NAME VALUE: the answer has it
field() {
	grep -F "\"$1\": $2" out || { cat out; return 1; }
}

@test "version 2: addresses, TLS version, cipher, host name, ALPN, certificates" {
	client_pair
	told 'proxy = v2' 'alpn = http/1.1' 'VerifyMode = Request' \
		"VerifyCAFile = $DIR/client.pem"
	tcurl --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 --interface 127.0.0.9 \
		--cert client.pem --key client.key "https://localhost:$port/" >out
	field version 2
	field command 33
	grep -E '"src": \["127.0.0.9", [0-9]+\], "dst": \["127.0.0.1", '"$port"'\]' out
	field crc32c true
	field alpn '"http/1.1"'
	field authority '"localhost"'
	field ssl '{"client": 7, "verify": 0, "version": "TLSv1.2", "cn": "alice", "cipher": "ECDHE-ECDSA-AES128-GCM-SHA256", "sig_alg": "ecdsa-with-SHA256", "key_alg": "EC256"}'
	# nobody's certificate is no good one
	tcurl --no-alpn "https://127.0.0.1:$port/" >out
	field ssl '{"client": 1, "verify": 1, "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "sig_alg": "ecdsa-with-SHA256", "key_alg": "EC256"}'
	run ! grep -E 'authority|alpn' out
	all_relayed
}

client_pair() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout client.key -out client.pem -days 30 -subj /O=Example/CN=alice \
		2>/dev/null
}

@test "behind a balancer, too: the header names the real client" {
	told 'proxy_from = 127.0.0.1' 'proxy = v2'
	client ask 2001:db8::9 >out
	grep -F "'src': ['2001:db8::9', 1234], 'dst': ['2001:db8::1', 443]" out
	client ask 203.0.113.9 >out
	grep -F "'src': ['203.0.113.9', 1234], 'dst': ['198.51.100.1', 443]" out
	all_relayed
}

@test "an IPv6 listener for both: IPv4 clients are written as such" {
	conf "$PAIR" 'proxy = v1'
	start who "$port" env LD_PRELOAD="$LIB" python3 -B "$TOP/tests/apps/who.py" \
		:: "$port" --header
	tcurl --interface 127.0.0.9 "https://127.0.0.1:$port/" >out
	grep -E '"family": "TCP4", "src": \["127.0.0.9", [0-9]+\], "dst": \["127.0.0.1", '"$port"'\]' out
	tcurl "https://[::1]:$port/" >out
	grep -E '"family": "TCP6", "src": \["::1", [0-9]+\], "dst": \["::1", '"$port"'\]' out
}

@test "nginx: listen ... proxy_protocol, versions 1 and 2; real_ip" {
	nginx_conf "listen 127.0.0.1:$port proxy_protocol; set_real_ip_from 192.0.0.8; real_ip_header proxy_protocol;" \
		"return 200 '{\"a\": \"\$remote_addr \$proxy_protocol_addr \$proxy_protocol_port \$proxy_protocol_server_addr \$proxy_protocol_server_port\"}\n';"
	for version in v1 v2; do
		conf "$PAIR" 'proxy_from = 127.0.0.1' "proxy = $version"
		start nginx "$port" env LD_PRELOAD="$LIB" nginx -c "$DIR/nginx.conf"
		client ask 2001:db8::9 >out
		cat out
		[ "$(<out)" = "{'a': '2001:db8::9 2001:db8::9 1234 2001:db8::1 443'}" ]
		stop
		wait_until 5 port_closed
	done
	all_relayed
}

port_closed() {
	! port_open "$port"
}

@test "haproxy: accept-proxy, version 2, with what it knows of TLS" {
	conf "$PAIR" 'proxy = v2' 'alpn = http/1.1'
	cat >haproxy.conf <<-EOT
	global
	    maxconn 64
	defaults
	    mode http
	    timeout client 60s
	frontend f
	    bind 127.0.0.1:$port accept-proxy
	    http-request return status 200 content-type text/plain lf-string "%[src] %[dst_port] %[fc_pp_authority] %[fc_rcvd_proxy]\n"
	EOT
	start haproxy "$port" env LD_PRELOAD="$LIB" haproxy -db -f haproxy.conf
	tcurl --interface 127.0.0.9 "https://localhost:$port/" | tee out
	[ "$(<out)" = "127.0.0.9 $port localhost 1" ]
	all_relayed
}

@test "the header comes before the first byte of a client in a hurry, and of one that says nothing" {
	told 'proxy = v2'
	client many 20
	timeout 20 openssl s_client -connect "127.0.0.1:$port" </dev/null >s_client.log 2>&1
	tcurl "https://localhost:$port/" >out
	field version 2
	run ! grep -E 'no header|cut off' who.log
	all_relayed
}

@test "a header may not be the client's: no plaintext, nor kTLS, beside it" {
	for line in 'plaintext = allow' 'ktls = require'; do
		conf "$PAIR" 'proxy = v1' "$line"
		run "$KTLSHIM" check "$DIR/ktlshim.conf"
		[ "$status" -eq 78 ]
		[[ $output == *"ktlshim.conf:3: proxy: not together with $line: "* ]]
	done
}
