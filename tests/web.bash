# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# web.bash - what a web server of the daemon matrix serves, and who asks for it
#
# The clients fail on any other answer than what is in FILE.
# shellcheck disable=SC2154 # DIR, CERTS, MARKER, port come from matrix.bash

# $DIR/www: index.txt, and marked.txt of 300 KB
web_pages() {
	mkdir -p "$DIR/www"
	printf 'hello %s\n' "$MARKER" >"$DIR/www/index.txt"
	cp "$(marked_file)" "$DIR/www/marked.txt"
	WEB_SMALL=(/index.txt "$DIR/www/index.txt")
	WEB_BIG=(/marked.txt "$DIR/www/marked.txt")
}

# /cgi-bin/echo gives the body of a request back; not before it has all of it,
# for many servers write it first and read the answer then
web_cgi() {
	mkdir -p "$DIR/www/cgi-bin"
	cat >"$DIR/www/cgi-bin/echo" <<-EOT
	#!/bin/sh
	head -c "\$CONTENT_LENGTH" >"$DIR/www/cgi-bin/body.\$\$"
	printf 'Content-Type: x/x\r\n\r\n'
	cat "$DIR/www/cgi-bin/body.\$\$"
	EOT
	chmod +x "$DIR/www/cgi-bin/echo"
	chmod 777 "$DIR/www/cgi-bin"
}

web_get() { # VERSION PATH FILE [CURL-ARG...]
	local v=$1 path=$2 file=$3
	shift 3
	curl_v "$v" "$@" "https://localhost:$port$path" | cmp - "$file"
}

# Two requests; on one connection if the server does that.
web_twice() { # VERSION PATH FILE
	curl_v "$1" "https://localhost:$port$2" "https://localhost:$port$2" |
		cmp - <(cat "$3" "$3")
}

# An upload that comes back.
web_post() { # VERSION PATH FILE
	curl_v "$1" --data-binary "@$3" -H 'Content-Type: x/x' \
		"https://localhost:$port$2" | cmp - "$3"
}

web_request() { # PATH
	printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1"
}

# web_answer FILE <ANSWER: it has a head, and FILE is its body
web_answer() {
	http_body | cmp - "$1"
}

# The server closes: s_client insists on close_notify.
web_close() { # VERSION PATH FILE
	web_request "$2" | s_client "$1" localhost "$port" >"answer.$1" || return 1
	web_answer "$3" <"answer.$1"
}

# The same; its input does not end before the server closes.
web_gnutls() { # VERSION PATH FILE
	local fd
	[ -e gnutls.fifo ] || mkfifo gnutls.fifo
	exec {fd}<>gnutls.fifo
	web_request "$2" >&"$fd"
	timeout 60 gnutls-cli --logfile gnutls.log --x509cafile "$CERTS/ca.pem" \
		-p "$port" --priority "NORMAL:-VERS-ALL:+VERS-TLS$1" localhost \
		<&"$fd" >answer.gnutls || return 1
	exec {fd}>&-
	web_answer "$3" <answer.gnutls
}

# This one says close_notify behind its request, and goes on reading. Not for
# servers that give up then without TLS as well.
web_halfclose() { # VERSION PATH FILE
	local tls=openssl-min-proto-version=TLS$1,openssl-max-proto-version=TLS$1
	web_request "$2" | timeout 60 socat -t 30 - \
		"OPENSSL:localhost:$port,cafile=$CERTS/ca.pem,$tls" \
		>answer.socat 2>socat.log || return 1
	web_answer "$3" <answer.socat
}

# The same, when the server has sent it all and closed, but most of it is still on
# its way: what comes behind a close must not cost the client the rest.
web_late_close() { # VERSION PATH FILE
	web_request "$2" >request
	PYTHONPATH=$TOP/tests/apps CERTS=$CERTS timeout 60 python3 -B - "$1" \
		"$port" request >answer.late <<-'EOT' || return 1
	import subprocess
	import sys
	import time
	import wireclient
	version, port, name = sys.argv[1:]
	client = wireclient.Client(int(port), version)
	mine = client.sock.getsockname()[1]
	client.send(open(name, "rb").read())
	end = time.monotonic() + 20
	# FIN-WAIT-1: the server has closed
	while not subprocess.check_output(["ss", "-Htn", "state", "fin-wait-1",
	                                   f"sport = :{port} and dport = :{mine}"]):
	    assert time.monotonic() < end, "the server does not close"
	    time.sleep(0.05)
	client.close_notify()
	data, end = client.read_all()
	sys.stdout.buffer.write(data)
	sys.exit(None if end == "close_notify" else f"{len(data)} bytes, then {end}")
	EOT
	web_answer "$3" <answer.late
}

# A plaintext client, and a stunnel that has TLS for it.
web_stunnel() { # VERSION PATH FILE
	local at pid
	at=$(free_port)
	cat >stunnel.conf <<-EOT
	foreground = yes
	pid =
	debug = notice
	[client]
	client = yes
	accept = 127.0.0.1:$at
	connect = 127.0.0.1:$port
	CAfile = $CERTS/ca.pem
	verifyChain = yes
	checkHost = localhost
	sslVersionMin = TLSv$1
	sslVersionMax = TLSv$1
	EOT
	start stunnel "$at" stunnel4 stunnel.conf
	pid=${PIDS[-1]}
	curl -sS --fail --max-time 60 "http://127.0.0.1:$at$2" | cmp - "$3"
	kill "$pid"
	wait_gone "$pid" 5
}

web_python() { # VERSION PATH FILE
	echo "get $2 $3" | timeout 60 python3 -B "$TOP/tests/apps/http_steps.py" \
		"$1" localhost "$port" "$CERTS/ca.pem"
}

web_at_once() { # PATH FILE N
	web_get "1.$((1 + $3))" "$1" "$2"
}

# web_check [CLIENT]: the usual five connections, and one by CLIENT, web_X
web_check() {
	web_get 1.3 "${WEB_SMALL[@]}"
	web_twice 1.2 "${WEB_SMALL[@]}"
	at_once web_at_once "${WEB_BIG[@]}"
	web_close 1.3 "${WEB_BIG[@]}"
	case ${1:-} in
	'') ;;
	gnutls) web_gnutls 1.3 "${WEB_SMALL[@]}" ;; # writes one byte at a time
	*) "web_$1" 1.3 "${WEB_BIG[@]}" ;;
	esac
}

# ---- one step at a time, on connections that stay: see tests/apps/http_steps.py

# steps_open N VERSION: connection number N; several can be open
steps_open() {
	local fd
	mkfifo "steps.$1"
	timeout 90 python3 -B "$TOP/tests/apps/http_steps.py" "$2" localhost \
		"$port" "$CERTS/ca.pem" <"steps.$1" >"steps.$1.log" 2>&1 3>&- &
	STEPS_PID[$1]=$!
	PIDS+=("$!")
	exec {fd}>"steps.$1"
	STEPS_FD[$1]=$fd
	STEPS_DONE[$1]=0
}

step() { # N STEP...
	local n=$1
	shift
	echo "connection $n: $*"
	echo "$*" >&"${STEPS_FD[$n]}"
	STEPS_DONE[n]=$((STEPS_DONE[n] + 1))
	wait_until 60 steps_answered "$n" ||
		return 1
	[ "$(grep -c '^ok$' "steps.$n.log")" -eq "${STEPS_DONE[$n]}" ]
}

steps_answered() { # N
	[ "$(wc -l <"steps.$1.log")" -ge "${STEPS_DONE[$1]}" ]
}

steps_close() { # N
	local fd=${STEPS_FD[$1]}
	exec {fd}>&-
	wait "${STEPS_PID[$1]}"
}
