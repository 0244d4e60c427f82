#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ocsp.bats - OCSP responses are sent along with the certificates they are for
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	key root
	openssl req -x509 -key root.key -subj /CN=root -days 30 -out root.pem
	: >index
	issued a 'DNS:a.example,DNS:localhost,IP:127.0.0.1'
	issued b 'DNS:b.example'
	issued c 'DNS:c.example'
	issued bad 'DNS:bad.example'
	issued responder 'DNS:responder' 'extendedKeyUsage=OCSPSigning'
	for name in a b c bad; do cat "$name.leaf" root.pem >"$name.pem"; done
	record V a.leaf
	record V b.leaf
	record R bad.leaf
	for name in a b bad; do response $name $name.der; done
}

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
}

issued() { # NAME SUBJECT_ALT_NAME [EXTENSION]
	key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -CA root.pem -CAkey root.key -days 30 \
		-CAcreateserial -out "$1.leaf" 2>/dev/null \
		-extfile <(printf '%s\n' "subjectAltName=$2" "${3:-}")
}

# What openssl ocsp answers from: status, until, when revoked, serial, name.
record() { # V|R CERTIFICATE
	local revoked=
	[ "$1" = V ] || revoked=260101000000Z
	printf '%s\t%s\t%s\t%s\tunknown\t/CN=%s\n' "$1" 350101000000Z "$revoked" \
		"$(openssl x509 -in "$2" -noout -serial | cut -d = -f 2)" "$2" >>index
}

# response NAME FILE [OPTION...]: for a day, unless options say otherwise
response() {
	openssl ocsp -issuer "$CERTS/root.pem" -cert "$CERTS/$1.leaf" \
		-reqout "$2.req" -no_nonce >/dev/null 2>&1
	set -- "$1" "$2" "${@:3}"
	[ $# -gt 2 ] || set -- "$1" "$2" -ndays 1
	openssl ocsp -index "$CERTS/index" -CA "$CERTS/root.pem" -rsigner \
		"${SIGNER:-$CERTS/root.pem}" -rkey "${SIGNER_KEY:-$CERTS/root.key}" \
		-reqin "$2.req" -respout "$2" "${@:3}" >/dev/null 2>&1
}

setup() {
	conf_setup
	A="cert = $CERTS/a.pem
key = $CERTS/a.key"
}

teardown() {
	common_teardown
}

# status [OPTION...]: the status that s_client is given for the certificate
status_of() {
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -status "$@" \
		</dev/null >"$DIR/out" 2>&1
	if grep -q 'OCSP response: no response sent' "$DIR/out"; then
		echo none
	else
		sed -n 's/^ *Cert Status: //p' "$DIR/out"
	fi
}

sends() { # STATUS [OPTION...]
	[ "$(status_of "${@:2}")" = "$1" ]
}

check() { # CODE
	run --separate-stderr "$KTLSHIM" check
	echo "exit $status, wanted $1; stdout: $output; stderr: $stderr"
	[ "$status" -eq "$1" ]
}

# wrong TEXT SETTING...: refused by check in one line, and at the start
wrong() {
	conf "$A" "${@:2}"
	check 78
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "ktlshim: $DIR/ktlshim.conf:"*"$1"* ]]
	run env LD_PRELOAD="$LIB" KTLSHIM_LOG=warn timeout 20 /usr/bin/python3 \
		-m http.server --bind 127.0.0.1 "$port"
	[ "$status" -eq 1 ]
	grep -F "$1" <<<"$output"
}

# gnutls-cli asks by itself, and verifies what it gets
gnutls() {
	timeout 20 gnutls-cli --x509cafile "$CERTS/root.pem" --verify-hostname \
		"$1" --sni-hostname "$1" -p "$port" "${@:2}" 127.0.0.1 </dev/null
}

@test "a response in a file is sent to who asks, TLS 1.2 and 1.3" {
	local v
	serve_conf "$A" "ocsp = $CERTS/a.der"
	for v in -tls1_2 -tls1_3; do
		sends good $v
		timeout 20 openssl s_client -connect "127.0.0.1:$port" $v \
			</dev/null 2>&1 | grep 'Verification error'
	done
	# clients that verify it
	for v in VERS-TLS1.2 VERS-TLS1.3; do
		gnutls a.example --priority "NORMAL:-VERS-ALL:+$v" >out
		cat out
		grep 'certificate is trusted' out
		grep 'Options:.*OCSP status request' out
	done
	curl -sS --http0.9 --max-time 20 --cacert "$CERTS/root.pem" --cert-status \
		"https://localhost:$port/" | grep '^hi$'
	assert_path
	check 0
	grep "^    OCSP response $CERTS/a.der: good, until " <<<"$output"
}

@test "beside the certificate, also in a directory; each has its own" {
	mkdir d
	for name in a b; do
		cp "$CERTS/$name.pem" "$CERTS/$name.key" d/
		cp "$CERTS/$name.der" "d/$name.pem.ocsp"
	done
	cp "$CERTS/c.pem" "$CERTS/c.key" d/
	serve_conf 'cert = d'
	sends good -servername a.example
	grep -A9 'Certificate ID' out >a.id
	sends good -servername b.example -tls1_2
	grep -A9 'Certificate ID' out >b.id
	run ! cmp -s a.id b.id
	sends none -servername c.example
	gnutls b.example | grep 'Options:.*OCSP status request'
	check 0
	[ "$(grep -c '^    OCSP response ' <<<"$output")" -eq 2 ]
}

@test "several certificates: each with the number of its response" {
	port=$(free_port)
	serve_conf "1.cert = $CERTS/a.pem" "1.key = $CERTS/a.key" \
		"2.cert = $CERTS/b.pem" "2.key = $CERTS/b.key" "2.ocsp = $CERTS/b.der"
	sends none -servername a.example
	sends good -servername b.example
	sends none -noservername
	conf "$A" "2.ocsp = $CERTS/a.der"
	check 78
	[[ $stderr == *'2.ocsp: its certificate is not named: add 2.cert = FILE' ]]
	# by the environment, with the certificate
	port=$(free_port)
	KTLSHIM_CERT=$CERTS/a.pem KTLSHIM_KEY=$CERTS/a.key start x "$port" \
		"$KTLSHIM" run --ocsp "$CERTS/a.der" -- \
		"$BUILD/tests/apps/acceptor" "$port" block
	sends good
}

@test "signed by a responder of its own; issuer not in the file; no end" {
	SIGNER=$CERTS/responder.leaf SIGNER_KEY=$CERTS/responder.key \
		response a delegated.der
	serve_conf "$A" 'ocsp = delegated.der'
	sends good
	gnutls a.example | grep 'certificate is trusted'
	# the leaf alone: the response is compared as far as it can be
	cp "$CERTS/a.leaf" leaf.pem
	conf 'cert = leaf.pem' "key = $CERTS/a.key" 'ocsp = delegated.der'
	check 0
	conf 'cert = leaf.pem' "key = $CERTS/a.key" "ocsp = $CERTS/b.der"
	check 1
	[[ $stderr == *"OCSP response $CERTS/b.der is for another certificate; it is not sent" ]]
	# without nextUpdate
	response a endless.der -resp_no_certs
	conf "$A" 'ocsp = endless.der'
	check 0
	grep 'endless.der: good, until no end' <<<"$output"
}

# dated FILE FROM UNTIL: for a, in seconds from now
dated() {
	"$BUILD/tests/apps/mkocsp" "$CERTS/root.pem" "$CERTS/root.key" \
		"$CERTS/a.leaf" "$@"
}

@test "a response out of its time is not sent; said once, and by check" {
	local text="OCSP response $DIR/old.der expired on "
	dated old.der -900 -60
	serve_conf "$A" 'ocsp = old.der'
	sends none
	sends none -tls1_2
	grep -x hi <(timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet \
		-status </dev/null 2>/dev/null)
	[ "$(grep -c "^ktlshim: $text.*; it is not sent$" ktlshim.log)" -eq 1 ]
	check 1
	[[ $stderr == "ktlshim: warning: $text"*'; it is not sent' ]]
	dated old.der 7200 9000
	wait_until 20 grep -q 'old.der is not valid before .*; it is not sent$' ktlshim.log
	sends none
	# a clock that is a little wrong does not matter
	dated old.der 120 9000
	wait_until 20 sends good
}

@test "a response that expires while it is in use" {
	dated short.der -9 6
	serve_conf "$A" 'ocsp = short.der'
	sends good
	run ! grep 'is not sent' ktlshim.log
	wait_until 20 sends none
	sends none
	[ "$(grep -c 'short.der expired on .*; it is not sent$' ktlshim.log)" -eq 1 ]
}

@test "one that says revoked is sent and told" {
	serve_conf "cert = $CERTS/bad.pem" "key = $CERTS/bad.key" "ocsp = $CERTS/bad.der"
	sends revoked
	run ! gnutls bad.example
	grep "OCSP response $CERTS/bad.der says that the certificate is revoked; clients will refuse it" ktlshim.log
	check 1
}

@test "what is no response for it is refused: file, line, reason" {
	echo nonsense >nonsense
	printf '\x30\x03\x0a\x01\x03' >later.der
	cat "$CERTS/a.der" nonsense >more.der
	key stranger
	openssl req -x509 -key stranger.key -subj /CN=root -days 3 -out stranger.pem
	SIGNER=stranger.pem SIGNER_KEY=stranger.key response a stranger.der
	wrong "3: ocsp: cannot read OCSP response $DIR/none.der: No such file" \
		'ocsp = none.der'
	wrong "3: ocsp: $DIR/nonsense holds no OCSP response; want one in DER form" \
		'ocsp = nonsense'
	wrong "3: ocsp: $DIR/more.der holds no OCSP response; want one in DER form" \
		'ocsp = more.der'
	wrong "3: ocsp: OCSP response $DIR/later.der is none: the responder says \"trylater\"" \
		'ocsp = later.der'
	wrong "3: ocsp: OCSP response $DIR/stranger.der is not signed by the" \
		'ocsp = stranger.der'
	mkdir d
	cat "$CERTS/a.pem" "$CERTS/a.key" >d/a.pem
	conf 'cert = d' "ocsp = $CERTS/a.der"
	check 78
	[[ $stderr == *"ktlshim.conf:2: ocsp: $DIR/d is a directory; what belongs to NAME.pem in it is in NAME.pem.ocsp" ]]
}

@test "a new certificate beside the response of the old one: served, without it" {
	local text="OCSP response $DIR/x.pem.ocsp is for another certificate; it is not sent"
	cat "$CERTS/a.pem" "$CERTS/a.key" >x.pem
	cp "$CERTS/a.der" x.pem.ocsp
	serve_conf 'cert = x.pem'
	sends good
	cat "$CERTS/b.pem" "$CERTS/b.key" >new
	mv new x.pem
	wait_until 20 grep -q "^ktlshim: $text$" ktlshim.log
	wait_until 20 sends none
	grep 'CN *= *b' out
	check 1
	[[ $stderr == *"ktlshim: warning: $text" ]]
	cp "$CERTS/b.der" new
	mv new x.pem.ocsp
	wait_until 20 sends good
	[ "$(grep -c "$text" ktlshim.log)" -eq 1 ]
	assert_path
}

@test "refreshed: by itself when the file changes or comes to be, and by SIGHUP" {
	cat "$CERTS/a.pem" "$CERTS/a.key" >a.pem
	serve_conf 'cert = a.pem'
	sends none
	response a new.der -nmin 30
	mv new.der a.pem.ocsp
	wait_until 20 sends good
	first=$(grep 'Next Update' out)
	response a new.der -nmin 60
	mv new.der a.pem.ocsp
	kill -HUP "$(helper_pid "$port")"
	wait_until 20 is_newer
	# what is wrong is told, and the one of before stays
	echo nonsense >new
	mv new a.pem.ocsp
	wait_until 20 grep -q 'a.pem.ocsp holds no OCSP response' ktlshim.log
	sends good
	rm a.pem.ocsp
	wait_until 20 sends none
	assert_path
}

is_newer() {
	sends good && [ "$(grep 'Next Update' out)" != "$first" ]
}
