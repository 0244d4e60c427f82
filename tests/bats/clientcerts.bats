#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# clientcerts.bats - who may connect: client certificates, their CA, revocation
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	ca root
	ca stranger
	issued middle root CA:TRUE
	issued lower middle CA:TRUE
	issued good root CA:FALSE
	issued revoked root CA:FALSE
	issued deep lower CA:FALSE
	issued foreign stranger CA:FALSE
	issued expired root CA:FALSE 20010101000000Z 20020304050607Z
	cat lower.pem middle.pem >deep.chain
	openssl ca -config root.cnf -revoke revoked.pem 2>/dev/null
	crl root root.crl
	crl middle middle.crl
	crl lower lower.crl
	crl stranger stranger.crl
	cat root.crl middle.crl lower.crl >all.crl
	crl root old.crl 20010101000000Z 20020304050607Z
	openssl crl -in root.crl -outform DER -out root.der
	mkdir cas
	cp root.pem cas/
	openssl rehash cas
}

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
}

ca_files() { # NAME
	mkdir "$1.d"
	: >"$1.d/index"
	echo 01 >"$1.d/serial"
	echo 01 >"$1.d/crlnumber"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "database=$1.d/index" \
		"new_certs_dir=$1.d" "certificate=$1.pem" "private_key=$1.key" \
		"serial=$1.d/serial" "crlnumber=$1.d/crlnumber" \
		'default_md=sha256' 'default_days=30' 'default_crl_days=30' \
		'unique_subject=no' 'policy=p' '[p]' 'commonName=supplied' >"$1.cnf"
}

ca() { # NAME
	key "$1"
	openssl req -x509 -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem"
	ca_files "$1"
}

issued() { # NAME BY CA:TRUE|CA:FALSE [FROM TO]
	key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	printf 'basicConstraints=critical,%s\n' "$3" >ext
	openssl ca -batch -config "$2.cnf" -in "$1.csr" -notext -extfile ext \
		${4:+-startdate "$4" -enddate "$5"} -out "$1.pem" 2>/dev/null
	[ "$3" = CA:FALSE ] || ca_files "$1"
}

crl() { # CA FILE [FROM TO]
	openssl ca -config "$1.cnf" -gencrl -out "$2" \
		${3:+-crl_lastupdate "$3" -crl_nextupdate "$4"} 2>/dev/null
}

setup() {
	conf_setup
	REQUIRE="VerifyMode = Require
VerifyCAFile = $CERTS/root.pem"
}

teardown() {
	common_teardown
}

serve() { # LINE...: an acceptor with these settings
	port=$(free_port)
	serve_conf "$PAIR" "$@"
}

hup() { # the helper has read what there is now
	local before
	before=$(loads)
	kill -HUP "$(helper_pid "$port")"
	wait_until 20 loaded_after "$before"
}

loads() {
	grep -cE '^ktlshim: (reloaded|not reloaded):' ktlshim.log || true
}

loaded_after() {
	[ "$(loads)" -gt "$1" ]
}

mine() { # NAME: the options of s_client for this client
	echo "-cert $CERTS/$1.pem -key $CERTS/$1.key"
	[ ! -e "$CERTS/$1.chain" ] || echo "-cert_chain $CERTS/$1.chain"
}

# as NAME [OPTION...]: what this client gets; "none" has no certificate
as() {
	local options=()
	[ "$1" = none ] || read -r -d '' -a options < <(mine "$1") || true
	# it must wait for the server's word: after its own Finished it is done
	timeout 20 openssl s_client -connect "127.0.0.1:$port" -quiet \
		"${options[@]}" "${@:2}" </dev/null 2>"$DIR/s_client.err"
}

good() { # NAME [OPTION...]
	[ "$(as "$@")" = hi ]
}

# bad NAME ALERT REASON: refused with this alert, and the log says why
bad() {
	local v
	for v in -tls1_2 -tls1_3; do
		: >ktlshim.log
		[ -z "$(as "$1" $v)" ]
		cat s_client.err ktlshim.log
		if [ "$1" = none ] && [ "$v" = -tls1_2 ]; then
			grep -q 'alert handshake failure' s_client.err
		else
			grep -q "alert $2" s_client.err
		fi
		[ "$(grep -c 'no TLS' ktlshim.log)" -eq 1 ]
		grep -q "^ktlshim: 127.0.0.1:[0-9]* to port $port: no TLS: $3\(; sent alert [0-9]*, [a-zA-Z ]*\)\?\$" \
			ktlshim.log
	done
}

check() { # CODE
	run --separate-stderr "$KTLSHIM" check
	echo "exit $status, wanted $1; stdout: $output; stderr: $stderr"
	[ "$status" -eq "$1" ]
}

# wrong LINE TEXT SETTING...: refused by check in one line, and at the start
wrong() {
	conf "$PAIR" "${@:3}"
	check 78
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "ktlshim: $DIR/ktlshim.conf:$1: $2"* ]]
	port=$(free_port)
	run env LD_PRELOAD="$LIB" KTLSHIM_LOG=warn timeout 20 /usr/bin/python3 \
		-m http.server --bind 127.0.0.1 "$port"
	[ "$status" -eq 1 ]
	grep -F "ktlshim.conf:$1: $2" <<<"$output"
}

@test "Require: a good client; none, expired, revoked, of another CA, too deep" {
	local v
	serve "$REQUIRE" "verify_crl = $CERTS/all.crl" 'verify_depth = 1'
	for v in -tls1_2 -tls1_3; do
		good good $v
	done
	[ "$(grep -c "to port $port: TLSv1.* client CN=good: ok$" ktlshim.log)" -eq 2 ]
	assert_path
	bad none 'certificate required' 'peer did not return a certificate'
	bad expired 'certificate expired' \
		'client certificate CN=expired: certificate has expired (depth 0)'
	bad revoked 'certificate revoked' \
		'client certificate CN=revoked: certificate revoked (depth 0)'
	bad foreign 'unknown ca' \
		'client certificate CN=foreign: unable to get local issuer certificate (depth 0)'
	bad deep 'unknown ca' \
		'client certificate CN=deep: certificate chain too long (depth 2: CN=middle)'
}

@test "none is asked, Request, Require; by environment, by run's options" {
	serve ''
	good none
	good expired
	grep "to port $port: TLS" ktlshim.log | grep -v client
	serve 'VerifyMode = Request' "VerifyCAFile = $CERTS/root.pem"
	good none
	good good
	[ "$(grep -c "to port $port: TLSv1.* client without certificate$" ktlshim.log)" -eq 1 ]
	[ "$(grep -c "to port $port: TLSv1.* client CN=good: ok$" ktlshim.log)" -eq 1 ]
	bad expired 'certificate expired' \
		'client certificate CN=expired: certificate has expired (depth 0)'
	conf "$PAIR" ''
	port=$(free_port)
	KTLSHIM_VERIFYMODE=Require KTLSHIM_VERIFYCAFILE=$CERTS/root.pem \
		KTLSHIM_VERIFY_CRL=$CERTS/root.crl KTLSHIM_VERIFY_DEPTH=0 \
		start a "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	good good
	bad none 'certificate required' 'peer did not return a certificate'
	bad revoked 'certificate revoked' \
		'client certificate CN=revoked: certificate revoked (depth 0)'
	port=$(free_port)
	start b "$port" "$KTLSHIM" run --verifymode Require --verifycafile \
		"$CERTS/root.pem" --verify-crl "$CERTS/root.crl" --verify-depth 0 \
		-- "$BUILD/tests/apps/acceptor" "$port" block
	good good
	bad revoked 'certificate revoked' \
		'client certificate CN=revoked: certificate revoked (depth 0)'
	# other clients: curl, gnutls, Python
	curl -sS --http0.9 --max-time 20 --cacert "$CERTS/ca.pem" --cert \
		"$CERTS/good.pem" --key "$CERTS/good.key" "https://localhost:$port/" |
		grep '^hi$'
	run curl -sS --http0.9 --max-time 20 --cacert "$CERTS/ca.pem" --cert \
		"$CERTS/revoked.pem" --key "$CERTS/revoked.key" "https://localhost:$port/"
	[[ $output == *'alert certificate revoked'* ]]
	gnutls-cli --x509cafile "$CERTS/ca.pem" --x509certfile "$CERTS/good.pem" \
		--x509keyfile "$CERTS/good.key" -p "$port" localhost </dev/null |
		grep '^hi$'
}

@test "a CA directory; depth by intermediates; what is sent of CA names" {
	local line
	for line in "VerifyCAPath = $CERTS/cas" "VerifyCAFile = $CERTS/root.pem"; do
		serve 'VerifyMode = Require' "$line" 'verify_depth = 2' \
			"ClientCAFile = $CERTS/middle.pem"
		good good
		good deep
		good deep -tls1_2
		as good -tls1_2 -msg >out
		timeout 20 openssl s_client -connect "127.0.0.1:$port" </dev/null 2>&1 |
			grep -A1 'client certificate CA names' | grep 'CN = middle'
	done
	serve "$REQUIRE" 'verify_depth = 0'
	good good
	bad deep 'unknown ca' \
		'client certificate CN=deep: certificate chain too long (depth 1: CN=lower)'
	serve "$REQUIRE"
	good deep
}

@test "revocation lists: several, a directory, DER; of every issuer" {
	serve "$REQUIRE" "1.verify_crl = $CERTS/root.crl" \
		"2.verify_crl = $CERTS/middle.crl" "3.verify_crl = $CERTS/lower.crl"
	good deep
	good good
	serve "$REQUIRE" "verify_crl = $CERTS/root.der"
	good good
	bad revoked 'certificate revoked' \
		'client certificate CN=revoked: certificate revoked (depth 0)'
	bad deep 'unknown ca' \
		'client certificate CN=deep: unable to get certificate CRL (depth 0)'
	mkdir crls
	cp "$CERTS"/{middle,lower}.crl "$CERTS/root.der" "$CERTS/root.pem" crls/
	echo text >crls/README
	serve "$REQUIRE" 'verify_crl = crls'
	good deep
	good good
	bad revoked 'certificate revoked' \
		'client certificate CN=revoked: certificate revoked (depth 0)'
	check 0
}

@test "an expired list: said at the start and by check, and clients are refused" {
	serve "$REQUIRE" "verify_crl = $CERTS/old.crl"
	local text="ktlshim.conf:5: verify_crl: the list in $CERTS/old.crl expired on 2002-03-04 05:06:07 UTC; clients with certificates from /CN=root will be refused"
	[ "$(grep -cF "$text" ktlshim.log)" -eq 1 ]
	bad good 'certificate expired' \
		'client certificate CN=good: CRL has expired (depth 0)'
	check 1
	[[ $stderr == "ktlshim: warning: $DIR/$text" ]]
	port=$(free_port)
	start b "$port" "$KTLSHIM" run -- "$BUILD/tests/apps/acceptor" "$port" block
	grep -F "$text" b.log
}

@test "what cannot be used is refused, with file, line and reason" {
	echo nonsense >nonsense
	mkdir empty
	wrong 4 "VerifyCAFile: cannot use \"$DIR/none.pem\": No such file" \
		'VerifyMode = Require' 'VerifyCAFile = none.pem'
	wrong 4 "VerifyCAFile: cannot use \"$DIR/nonsense\": no certificate" \
		'VerifyMode = Require' 'VerifyCAFile = nonsense'
	wrong 4 "VerifyCAPath: cannot use \"$DIR/nonsense\": Not a directory" \
		'VerifyMode = Require' 'VerifyCAPath = nonsense'
	wrong 4 "ClientCAFile: cannot use \"$DIR/none.pem\": No such file" \
		'VerifyMode = Require' 'ClientCAFile = none.pem' \
		"VerifyCAFile = $CERTS/root.pem"
	wrong 5 "verify_crl: cannot read revocation list $DIR/none.crl: No such file" \
		"$REQUIRE" 'verify_crl = none.crl'
	wrong 5 "verify_crl: $DIR/nonsense holds no revocation list; want blocks" \
		"$REQUIRE" 'verify_crl = nonsense'
	wrong 5 "verify_crl: directory $DIR/empty holds no revocation list" \
		"$REQUIRE" 'verify_crl = empty'
	sed 's/^M/!/' "$CERTS/root.crl" >broken.crl
	wrong 5 "verify_crl: revocation list $DIR/broken.crl cannot be used: bad base64" \
		"$REQUIRE" 'verify_crl = broken.crl'
	wrong 5 'verify_depth: bad value "101": want a number from 0 to 100' \
		"$REQUIRE" 'verify_depth = 101'
	wrong 5 'verify_depth: bad value "-1": want a number from 0 to 100' \
		"$REQUIRE" 'verify_depth = -1'
	wrong 3 'VerifyMode: bad value "Always"; want client certificates: Request' \
		'VerifyMode = Always' "VerifyCAFile = $CERTS/root.pem"
	# what looks as if clients were verified
	wrong 3 'VerifyMode: whose certificates are good is not said: add' \
		'VerifyMode = Require'
	wrong 3 'VerifyMode: cannot use "RequirePostHandshake": nobody asks' \
		'VerifyMode = RequirePostHandshake' "VerifyCAFile = $CERTS/root.pem"
	wrong 3 'VerifyCAFile: no client is asked for a certificate: add' \
		"VerifyCAFile = $CERTS/root.pem"
	wrong 3 'verify_crl: no client is asked for a certificate: add' \
		"verify_crl = $CERTS/root.crl"
	wrong 3 "VerifyCAStore: OpenSSL cannot search \"$CERTS/root.pem\" for" \
		"VerifyCAStore = $CERTS/root.pem" 'VerifyMode = Require'
	wrong 3 "VerifyCAStore: OpenSSL cannot search \"file:$CERTS/root.pem\" for" \
		"VerifyCAStore = file:$CERTS/root.pem" 'VerifyMode = Require'
	# one listener asks, the others are said not to
	conf "$PAIR" 'VerifyMode = -Request' "VerifyCAFile = $CERTS/root.pem" '[8443]' \
		'VerifyMode = Require'
	check 0
}

@test "a reload takes other CAs and lists, by signal and by itself" {
	cp "$CERTS/root.pem" ca.pem
	openssl crl -in "$CERTS/root.crl" -out now.crl
	mkdir cas crls
	cp "$CERTS/root.crl" crls/
	serve 'VerifyMode = Require' 'VerifyCAFile = ca.pem' 'verify_crl = crls'
	good good
	cp "$CERTS/stranger.pem" ca.pem
	cp "$CERTS/stranger.crl" crls/
	hup
	good foreign
	bad good 'unknown ca' \
		'client certificate CN=good: unable to get local issuer certificate (depth 0)'
	# without a word
	cp "$CERTS/root.pem" ca.pem
	wait_until 20 good good
	cp "$CERTS/old.crl" crls/root.crl
	wait_until 20 refused good
	cp "$CERTS/root.crl" crls/root.crl
	wait_until 20 good good
	# what is wrong leaves all as it was
	echo nonsense >ca.pem
	hup
	grep "ktlshim.conf:4: VerifyCAFile: cannot use \"$DIR/ca.pem\": no certificate" \
		ktlshim.log
	good good
	[ -z "$(as none)" ]
}

refused() {
	[ -z "$(as "$1")" ]
}

@test "a resumed session: goes on with the same settings, verified with others" {
	local v
	openssl ca -config "$CERTS/root.cnf" -gencrl -out now.crl 2>/dev/null ||
		cp "$CERTS/root.crl" now.crl
	for v in -tls1_2 -tls1_3; do
		cp "$CERTS/root.crl" now.crl
		serve "$REQUIRE" 'verify_crl = now.crl'
		as good $v -sess_out session -msg >out
		as good $v -sess_in session -msg >out
		# no certificate is asked for again, and the log knows the client
		run ! grep CertificateRequest out
		[ "$(grep -c "to port $port: TLSv1.* client CN=good: ok$" ktlshim.log)" -eq 2 ]
		# a session without a certificate is none for this listener
		cp "$CERTS/old.crl" now.crl
		hup
		[ "$(as good $v -sess_in session | grep -c hi)" -eq 0 ]
		grep 'client certificate CN=good: CRL has expired' ktlshim.log
		cp "$CERTS/root.crl" now.crl
		hup
		good good $v -sess_in session
	done
	assert_path
}

@test "the alert comes through, whatever the client is sending meanwhile" {
	cat >client.py <<-'EOF'
	import socket, ssl, sys
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.check_hostname = False
	c.verify_mode = ssl.CERT_NONE
	c.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
	for _ in range(30):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	    s = c.wrap_socket(s)
	    # for the client the handshake is done
	    try:
	        for _ in range(4):
	            s.sendall(16000 * b"x")
	        s.recv(1)
	        print("served")
	    except OSError as e:
	        print(getattr(e, "reason", e))
	    s.close()
	EOF
	serve "$REQUIRE"
	timeout 60 python3 -B client.py "$port" | sort | uniq -c >out
	cat out
	grep -q '^ *30 TLSV13_ALERT_CERTIFICATE_REQUIRED$' out
	# and none of them stays
	wait_until 20 no_connections "$(helper_pid "$port")"
}

no_connections() {
	! ss -Htnp state all "( sport = :$port )" | grep -v LISTEN | grep "pid=$1"
}
