#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# scanners.bats - what do TLS scanners find, here and at nginx's own TLS?
#
# The same nginx twice: upgraded, with what ktlshim does if nobody says otherwise,
# and with TLS of its own, set up to do the same. No finding may be worse.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # port comes from ../helpers
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	openssl req -x509 -newkey rsa:2048 -nodes -keyout rsa.key -out rsa.pem \
		-days 90 -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' 2>/dev/null
	# the group that OpenSSL takes for a key of 2048 bits ("auto")
	openssl genpkey -genparam -algorithm DH -pkeyopt group:modp_2048 \
		-out dh.pem 2>/dev/null
}

setup() {
	conf_setup
	own=$(free_port)
	mkdir www
	echo hello >www/index.html
	chmod 755 "$DIR"
}

teardown() { common_teardown; }

# What is made equal, because ktlshim and nginx have other presets:
#   versions and ciphers for TLS 1.2 with their order: ktlshim's;
#   DHE: nginx has it only with parameters, ktlshim as OpenSSL chooses them;
#   lifetime of tickets: 2 hours for ktlshim, 5 minutes for nginx;
#   ALPN: nginx offers http/1.1, ktlshim what it is told.
# Groups, signatures, ciphers for TLS 1.3 and tickets are OpenSSL's on both.
nginx_own() {
	nginx_conf own "$own ssl" \
		"ssl_certificate $CERTS/rsa.pem;" \
		"ssl_certificate_key $CERTS/rsa.key;" \
		"ssl_certificate $CERTS/ca.pem;" \
		"ssl_certificate_key $CERTS/key.pem;" \
		'ssl_protocols TLSv1.2 TLSv1.3;' \
		'ssl_ciphers "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:ECDHE+AES:!aNULL:!aDSS";' \
		'ssl_prefer_server_ciphers on;' \
		'ssl_conf_command Options PrioritizeChaCha;' \
		"ssl_dhparam $CERTS/dh.pem;" 'ssl_session_timeout 2h;'
	start own "$own" nginx -c "$DIR/own.conf"
}

nginx_upgraded() { # LINE...: settings, beside the certificates
	conf "1.cert = $CERTS/rsa.pem" "1.key = $CERTS/rsa.key" \
		"2.cert = $CERTS/ca.pem" "2.key = $CERTS/key.pem" \
		'alpn = http/1.1' "$@"
	nginx_conf upgraded "$port"
	start_tls upgraded "$port" nginx -c "$DIR/upgraded.conf"
}

nginx_conf() { # NAME LISTEN [DIRECTIVE...]
	mkdir -p "$1.tmp"
	cat >"$1.conf" <<-EOT
	daemon off; worker_processes 1; user root; pid $DIR/$1.pid;
	error_log $DIR/$1.error.log notice;
	events { worker_connections 256; }
	http {
		access_log off;
		client_body_temp_path $DIR/$1.tmp/b; proxy_temp_path $DIR/$1.tmp/p;
		fastcgi_temp_path $DIR/$1.tmp/f; uwsgi_temp_path $DIR/$1.tmp/u;
		scgi_temp_path $DIR/$1.tmp/s;
		server { listen 127.0.0.1:$2; root $DIR/www; ${*:3} }
	}
	EOT
}

# sslscan has no severities, so nothing may differ.
sslscan_both() {
	local p
	for p in own port; do
		timeout 60 sslscan --no-colour --show-sigs "127.0.0.1:${!p}" |
			sed "s/port ${!p}/port N/" >"sslscan.$p"
		grep 'Preferred TLSv1.3' "sslscan.$p"
	done
	diff sslscan.own sslscan.port
}

# It asks nobody but the server (--nodns; --phone-out is not given).
testssl_both() { # OPTION...
	local p
	for p in own port; do
		timeout 55 testssl --quiet --warnings off --color 0 --nodns none \
			--jsonfile "$DIR/$p.json" "$@" "127.0.0.1:${!p}" \
			>"testssl.$p.log" </dev/null 3>&- || true
	done
	python3 -B "$TOP/tests/apps/scan_diff.py" own.json port.json
}

testssl_is_not_worse() { # FINDINGS-AT-LEAST OPTION...
	need_testssl
	nginx_own
	nginx_upgraded
	testssl_both "${@:2}"
	[ "$(grep -c '"id"' port.json)" -ge "$1" ]
	was_served
}

# There are ciphers among those tried that no kernel takes.
was_served() {
	[ "$(count_path "$KTLSHIM_TEST_PATH")" -gt 0 ]
}

need() { # COMMAND
	command -v "$1" >/dev/null || skip "no $1"
}

# A thousand processes: a minute in user-mode Linux for -p alone.
need_testssl() {
	need testssl
	[ "$KTLSHIM_TEST_PATH" = relayed ] || skip "forks too much for a virtual machine"
}

@test "sslscan: the same as nginx's own TLS" {
	need sslscan
	nginx_own
	nginx_upgraded
	sslscan_both
	was_served
}

@test "sslscan: a weaker setting would be found" {
	need sslscan
	nginx_own
	nginx_upgraded 'CipherString = DEFAULT'
	run ! sslscan_both
	[[ $output == *'> '*TLSv1.2*AES128-SHA* ]]
}

@test "testssl.sh: protocols, preferences: not worse than nginx's own TLS" {
	testssl_is_not_worse 15 -p -P
}

@test "testssl.sh: forward secrecy: not worse" {
	testssl_is_not_worse 6 -f
}

@test "testssl.sh: server's defaults: not worse" {
	testssl_is_not_worse 40 -S
}

@test "testssl.sh: vulnerabilities: not worse" {
	testssl_is_not_worse 18 -U
}

@test "testssl.sh: a weaker setting would be found" {
	need_testssl
	nginx_own
	nginx_upgraded 'MinProtocol = TLSv1' 'CipherString = DEFAULT@SECLEVEL=0'
	run ! testssl_both -p
	echo "$output"
	[[ $output == *'! TLS1 is worse'* ]]
}
