#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ports.bats - listen = 8443 -> 8080: TLS on a port that the daemon knows nothing of
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154,SC2153 # stderr is set by bats, PID by start
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
	tls=$(free_port)
	export KTLSHIM_LISTEN="$tls -> $port"
}

teardown() {
	common_teardown
}

acceptor() {
	start acceptor "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" epoll
}

plain_hi() {
	[ "$(timeout 10 socat -u "TCP:127.0.0.1:$port" -)" = hi ]
}

tls_hi() { # [ADDRESS [PORT [OPTION...]]]
	[ "$(timeout 20 openssl s_client -quiet -connect "${1:-127.0.0.1}:${2:-$tls}" \
		-CAfile "$CERTS/ca.pem" -verify_return_error "${@:3}" 2>s_client.log)" = hi ]
}

both_closed() {
	! port_open "$port" && ! port_open "$tls"
}

# Nothing of the daemon's comes out of the port for TLS in plaintext.
tls_only() {
	[ "$(curl -sS -m 20 "http://127.0.0.1:$tls/page")" = \
		"This is a plain HTTP request, and the port speaks HTTPS: https://127.0.0.1:$tls/page" ]
}

@test "python: plaintext as ever, TLS beside it, both end together" {
	echo content >page
	start server "$port" env LD_PRELOAD="$LIB" \
		python3 -B -m http.server --bind 127.0.0.1 "$port"
	port_open "$tls"
	for _ in 1 2 3; do
		[ "$(curl -sS "http://127.0.0.1:$port/page")" = content ]
		[ "$(tcurl "https://localhost:$tls/page")" = content ]
	done
	tls_only
	run ! curl -sk "https://127.0.0.1:$port/page"
	assert_path
	[ "$(grep -c "to port $tls: TLSv1.3" ktlshim.log)" -eq 3 ]
	[ "$(grep -c "to port $port: plaintext$" ktlshim.log)" -ge 3 ]
	stop
	wait_until 10 both_closed
}

@test "a daemon that speaks first does it at once, and closes its listener" {
	acceptor
	plain_hi
	tls_hi
	assert_path
	kill -USR1 "${PIDS[-1]}"
	wait_until 10 both_closed
}

nginx_config() { # LISTEN-OPTION ANSWER
	mkdir -p nginx
	cat >nginx.conf <<-END
	worker_processes 2; pid $DIR/nginx.pid; error_log $DIR/nginx.error.log notice;
	events { }
	http {
		access_log off; server_tokens off;
		client_body_temp_path $DIR/nginx/b; proxy_temp_path $DIR/nginx/p;
		fastcgi_temp_path $DIR/nginx/f; uwsgi_temp_path $DIR/nginx/u;
		scgi_temp_path $DIR/nginx/s;
		server { listen $port$1; listen [::]:$port$1;
			return 200 "$2 \$server_port \$pid\n"; }
	}
	END
}

answers() { # ANSWER
	[[ $(curl -sS "http://127.0.0.1:$port/") == "$1 $port "* ]] &&
		[[ $(tcurl "https://localhost:$tls/") == "$1 $tls "* ]] &&
		[[ $(tcurl "https://[::1]:$tls/") == "$1 $tls "* ]]
}

nginx_serves() { # LISTEN-OPTION
	nginx_config "$1" first
	start nginx "$port" env LD_PRELOAD="$LIB" nginx -c "$DIR/nginx.conf" -g 'daemon off;'
	wait_until 10 answers first
	tls_only
	nginx_config "$1" second
	kill -HUP "$PID"
	wait_until 20 answers second
	for _ in 1 2 3 4 5 6; do answers second; done
	assert_path
	kill -QUIT "$PID"
	wait_gone "$PID" 10
	wait_until 10 both_closed
}

@test "nginx: two workers, IPv4 and IPv6, reload; it knows the port" {
	nginx_serves ''
}

@test "nginx: a socket of its own for each worker" {
	nginx_serves ' reuseport'
}

@test "workers of their own with SO_REUSEPORT, a helper each; one ends" {
	cat >workers.py <<-'END'
	import os, signal, socket, sys
	for i in range(2):
	    if os.fork() == 0:
	        s = socket.socket()
	        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
	        s.bind(("127.0.0.1", int(sys.argv[1])))
	        s.listen()
	        open(f"worker{i}.pid", "w").write(str(os.getpid()))
	        while True:
	            c, _ = s.accept()
	            c.sendall(f"hi\n".encode())
	            c.close()
	signal.pause()
	END
	start workers "$port" env LD_PRELOAD="$LIB" python3 -B workers.py "$port"
	wait_until 20 test -s worker0.pid -a -s worker1.pid
	PIDS+=("$(<worker0.pid)" "$(<worker1.pid)")
	for _ in 1 2 3 4; do
		plain_hi
		tls_hi
	done
	kill "$(<worker0.pid)"
	wait_until 10 has_one_holder "$tls"
	for _ in 1 2 3; do
		plain_hi
		tls_hi
	done
}

@test "one socket, two processes that listen on it; one ends" {
	cat >shared.py <<-'END'
	import os, signal, socket, sys
	s = socket.socket()
	s.bind(("127.0.0.1", int(sys.argv[1])))
	for i in range(2):
	    if os.fork() == 0:
	        s.listen()
	        open(f"worker{i}.pid", "w").write(str(os.getpid()))
	        while True:
	            c, _ = s.accept()
	            c.sendall(b"hi\n")
	            c.close()
	s.close()
	signal.pause()
	END
	start shared "$port" env LD_PRELOAD="$LIB" python3 -B shared.py "$port"
	wait_until 20 test -s worker0.pid -a -s worker1.pid
	PIDS+=("$(<worker0.pid)" "$(<worker1.pid)")
	kill "$(<worker0.pid)"
	wait_until 10 grep -q "port $port: closed by the daemon" ktlshim.log
	for _ in 1 2 3; do
		plain_hi
		tls_hi
	done
	kill "$(<worker1.pid)"
	wait_until 10 both_closed
}

@test "a daemon that opens and closes its port, again and again" {
	cat >again.py <<-'END'
	import socket, sys
	for i in range(30):
	    s = socket.socket()
	    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	    s.bind(("127.0.0.1", int(sys.argv[1])))
	    s.listen()
	    socket.create_connection(("127.0.0.1", int(sys.argv[2]))).close()
	    s.close()
	print("closed")
	END
	run -0 env LD_PRELOAD="$LIB" timeout 60 python3 -B again.py "$port" "$tls"
	[ "$output" = closed ]
}

@test "the port is in use: the daemon cannot listen, and one line says why" {
	start other "$tls" python3 -B -m http.server --bind 127.0.0.1 "$tls"
	env LD_PRELOAD="$LIB" KTLSHIM_LOG=warn:"$DIR/ktlshim.log" \
		"$BUILD/tests/apps/acceptor" "$port" block >acceptor.log 3>&- &
	PIDS+=("$!")
	wait_until 10 grep -q 'EADDRINUSE' acceptor.log
	[ "$(cat ktlshim.log)" = "ktlshim: listen: cannot open 127.0.0.1:$tls for TLS: Address already in use; so port $port is not opened, either" ]
	! port_open "$port" || return 1
}

@test "no right to open the port: the same" {
	env LD_PRELOAD="$LIB" KTLSHIM_LISTEN="443 -> $port" setpriv \
		--bounding-set=-net_bind_service \
		"$BUILD/tests/apps/acceptor" "$port" block >acceptor.log 3>&- &
	PIDS+=("$!")
	wait_until 10 grep -q 'EACCES' acceptor.log
	grep -q '^ktlshim: listen: cannot open .*:443 for TLS: Permission denied' ktlshim.log
	! port_open "$port" || return 1
}

@test "a bad certificate: the daemon cannot listen" {
	echo nonsense >bad.pem
	env LD_PRELOAD="$LIB" KTLSHIM_CERT="$DIR/bad.pem" \
		"$BUILD/tests/apps/acceptor" "$port" block >acceptor.log 3>&- &
	PIDS+=("$!")
	wait_until 10 grep -q ': E' acceptor.log
	grep -q 'bad.pem holds no PEM certificate' ktlshim.log
	both_closed
}

@test "addresses: another one for TLS, IPv4 into a socket of IPv6" {
	cat >peers.py <<-'END'
	import socket, sys
	family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
	s = socket.socket(family)
	if family == socket.AF_INET6:
	    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.bind((sys.argv[2], int(sys.argv[1])))
	s.listen()
	while True:
	    c, peer = s.accept()
	    c.sendall(f"{c.getsockname()[:2]} {peer[0]}\n".encode())
	    c.close()
	END
	says() { # HOST TEXT
		[ "$(timeout 20 openssl s_client -quiet -connect "$1:$tls" -CAfile \
			"$CERTS/ca.pem" 2>s_client.log)" = "$2" ]
	}
	KTLSHIM_LISTEN="127.0.0.2:$tls->$port" start v4 "$port" env LD_PRELOAD="$LIB" \
		python3 -B peers.py "$port" 127.0.0.1
	says 127.0.0.2 "('127.0.0.2', $tls) 127.0.0.1"
	! says 127.0.0.1 "('127.0.0.1', $tls) 127.0.0.1" || return 1
	grep -q 'Connection refused' s_client.log
	stop
	wait_until 10 both_closed
	KTLSHIM_LISTEN="127.0.0.1:$tls -> $port,[::1]:$tls -> $port" start v6 "$port" \
		env LD_PRELOAD="$LIB" python3 -B peers.py "$port" ::
	says 127.0.0.1 "('::ffff:127.0.0.1', $tls) ::ffff:127.0.0.1"
	says '[::1]' "('::1', $tls) ::1"
	stop
	wait_until 10 both_closed
	KTLSHIM_LISTEN="[::1]:$tls -> $port, 127.0.0.1:$tls -> $port" start v4 "$port" \
		env LD_PRELOAD="$LIB" python3 -B peers.py "$port" 127.0.0.1
	says 127.0.0.1 "('127.0.0.1', $tls) 127.0.0.1"
	grep -q "listen: port $tls: not for this listener of port $port, which is for IPv4 only" ktlshim.log
}

@test "two ports for one; settings of their sections; ports need not name them" {
	local second
	second=$(free_port)
	unset KTLSHIM_CERT KTLSHIM_KEY KTLSHIM_LISTEN
	printf '%s\n' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" 'ports = 9' \
		"listen = $tls -> $port, $second -> $port" \
		"[$second]" 'MaxProtocol = TLSv1.2' "[$port]" 'tls = off' >x.conf
	KTLSHIM_CONF=$DIR/x.conf acceptor
	plain_hi
	tls_hi
	tls_hi 127.0.0.1 "$second"
	grep -q "to port $tls: TLSv1.3" ktlshim.log
	grep -q "to port $second: TLSv1.2" ktlshim.log
	# a reload keeps the ports and changes what holds for them
	sed -i "s/listen = .*/listen = $tls -> $port/; s/MaxProtocol = .*/MinProtocol = TLSv1.3/" x.conf
	kill -HUP "$(helper_pid "$port")"
	wait_until 10 grep -q 'listen: takes effect when the daemon is restarted' ktlshim.log
	plain_hi
	tls_hi 127.0.0.1 "$second"
	[ "$(grep -c "to port $second: TLSv1.3" ktlshim.log)" -eq 1 ]
}

@test "KTLSHIM_PORTS does not name it; it is stronger than the file's listen" {
	KTLSHIM_PORTS=9 acceptor
	plain_hi
	tls_hi
	stop
	wait_until 10 both_closed
	printf '%s\n' "listen = $KTLSHIM_LISTEN" >x.conf
	unset KTLSHIM_LISTEN
	KTLSHIM_CONF=$DIR/x.conf KTLSHIM_PORTS=9 acceptor
	plain_hi
	! port_open "$tls" || return 1
}

@test "ktlshim run --listen; check shows it" {
	unset KTLSHIM_LISTEN
	start acceptor "$port" "$KTLSHIM" run --listen "$tls->$port" -- \
		"$BUILD/tests/apps/acceptor" "$port" epoll
	plain_hi
	tls_hi
	KTLSHIM_LISTEN="$tls -> $port" KTLSHIM_PORTS=9 run -0 "$KTLSHIM" check
	[[ $output == *"  listen = $tls -> $port    (KTLSHIM_LISTEN)"* ]]
	[[ $output == *"port $port: plaintext; TLS for it on port $tls"* ]]
}

wrong() { # LISTEN TEXT...
	printf '%s\n' "${CONF[@]}" "listen = $1" "${MORE[@]}" >x.conf
	run -78 --separate-stderr "$KTLSHIM" check x.conf
	echo "$1: $stderr"
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "ktlshim: $DIR/x.conf:"* ]]
	for text in "${@:2}"; do
		[[ $stderr == *"$text"* ]]
	done
}

@test "mistakes: file, line, what is allowed" {
	unset KTLSHIM_CERT KTLSHIM_KEY KTLSHIM_LISTEN
	CONF=("cert = $CERTS/ca.pem" "key = $CERTS/key.pem")
	MORE=()
	local bad
	for bad in 8443 '8443 ->' '-> 8080' '8443 -> 0' '0 -> 8080' '8443 -> 65536' \
		'8443 > 8080' '8443 -> 8080,' ', 8443 -> 8080' 'localhost:8443 -> 8080' \
		'[::1:8443 -> 8080' '8443 -> 127.0.0.1:8080' '8443 -> 8080 -> 80' \
		'08443 -> 8080' '1.2.3:8443 -> 8080' '[1.2.3.4]:8443 -> 8080' \
		':8443 -> 8080' '8443 -> 8080 9443 -> 9080'; do
		wrong "$bad" "x.conf:3: listen: bad value \"$bad\": want the port for TLS" 'as in 8443 -> 8080'
	done
	wrong '8443 -> 8080, 8443 -> 9080' 'port 8443 is there twice'
	wrong '[::1]:8443 -> 8080, [0::1]:8443 -> 9080' 'port 8443 is there twice'
	wrong '8443 -> 8443' 'port 8443 is for TLS'
	wrong '8443 -> 8080, 8080 -> 80' 'port 8080 is for TLS'
	MORE=('ports = 8080')
	wrong '8443 -> 8080' 'port 8080 is to stay plaintext, but ports names it'
	MORE=('[8080]' 'sni = strict')
	wrong '8443 -> 8080' 'x.conf:4: by ' 'port 8080 stays plaintext, so [8080] must say tls = off'
	MORE=('[8443]' 'proxy = v1')
	wrong '8443 -> 8080' 'x.conf:5: proxy: not together with' 'a client of port 8080 could write the header itself'
	MORE=('[8443]' 'tls = off')
	wrong '8443 -> 8080' '[8443] says tls = off'
	CONF=() MORE=('[80]' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem")
	wrong '8443 -> 8080' 'port 8443 has no certificate: add cert = FILE to [default] or to [8443]'
	CONF=('[80]')
	wrong '8443 -> 8080' 'listen: belongs in [default]'
}
