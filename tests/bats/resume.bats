#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# resume.bats - clients that come back: tickets, their keys, and where they count
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers
load ../servers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	"$BUILD/tests/apps/mkcerts" . 1 3
	cat ca.pem h?.pem >all.pem
}

setup() {
	conf_setup
	umask 077 # keys are copied
}

teardown() {
	common_teardown
}

# new_key FILE: one more of them
new_key() {
	openssl rand -out "$1" 80
}

# web [LINE...]: python's server on $port with these settings beside a pair
web() {
	conf "$PAIR" "$@"
	web_again "$port"
}

web_again() { # PORT
	mkdir -p www
	[ -s www/f ] || head -c 100000 /dev/urandom >www/f
	start_tls "python$1" "$1" /usr/bin/python3 -m http.server -d www \
		--bind 127.0.0.1 "$1"
}

# come_back VERSION STEP...: see tests/apps/resume.py; prints it in one line
come_back() {
	timeout 60 python3 -B "$TOP/tests/apps/resume.py" "$1" \
		"$CERTS/all.pem" "${@:2}" 2>resume.err | tr '\n' ' ' |
		sed 's/ $//'
}

# gives WORDS VERSION STEP...
gives() {
	local got
	got=$(come_back "${@:2}")
	echo "${*:2}: $got; wanted: $1"
	cat resume.err
	[ "$got" = "$1" ]
}

# hup PORT: its helper has read everything again; also for come_back's "!"
hup() {
	local before log=$DIR/ktlshim.log
	before=$(grep -cE '^ktlshim: (reloaded|not reloaded):' "$log" || true)
	kill -HUP "$(helper_pid "$1")"
	wait_until 20 said_more "$before"
}

said_more() {
	[ "$(grep -cE '^ktlshim: (reloaded|not reloaded):' "$DIR/ktlshim.log")" -gt "$1" ]
}
export -f hup said_more helper_pid has_one_holder holders wait_until

# s_client OPTION...: it reads to the end; what it tells is in out
s_client() {
	printf 'GET /f HTTP/1.0\r\n\r\n' |
		timeout 30 openssl s_client -connect "localhost:$port" -ign_eof \
			-CAfile "$CERTS/ca.pem" "$@" >out 2>&1
}

# session OPTION...: the same, and /f has come, in the middle of what it tells
session() {
	s_client "$@"
	python3 -B -c 'import sys
sys.exit(open("www/f","rb").read() not in open("out","rb").read())'
}

tickets_sent() { # how many; to TLS 1.3
	s_client -tls1_3 -msg
	grep -ac NewSessionTicket out || true
}

# ---- data, on both paths

@test "every AEAD, resumed twice in a row, TLS 1.3 and 1.2" {
	web
	for suite in TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 \
		TLS_CHACHA20_POLY1305_SHA256; do
		session -tls1_3 -ciphersuites "$suite" -sess_out a
		grep -a "^New, TLSv1.3, Cipher is $suite" out
		session -tls1_3 -ciphersuites "$suite" -sess_in a -sess_out b
		grep -a "^Reused, TLSv1.3, Cipher is $suite" out
		session -tls1_3 -ciphersuites "$suite" -sess_in b
		grep -a "^Reused, TLSv1.3, Cipher is $suite" out
	done
	for suite in ECDHE-ECDSA-AES128-GCM-SHA256 \
		ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-CHACHA20-POLY1305; do
		session -tls1_2 -cipher "$suite" -sess_out a
		grep -a "^New, TLSv1.2, Cipher is $suite" out
		for _ in 1 2; do
			session -tls1_2 -cipher "$suite" -sess_in a
			grep -a "^Reused, TLSv1.2, Cipher is $suite" out
		done
	done
	[ "$(grep -c ' resumed ' ktlshim.log)" -eq 12 ]
	# (user-mode Linux has no ChaCha20-Poly1305 for TLS: relayed there)
	[ "$KTLSHIM_TEST_PATH" = relayed ] || {
		[ "$(grep -v CHACHA ktlshim.log | grep -c ' resumed direct')" -eq 8 ]
		[ "$(grep -v CHACHA ktlshim.log | grep -c ' relayed')" -eq 0 ]
	}
}

@test "0, 1, 2 and 4 tickets" {
	web
	for n in 0 1 2 4; do
		conf "$PAIR" "NumTickets = $n"
		hup "$port"
		# what comes with a ticket comes after one of its own
		if [ $n -eq 0 ]; then
			gives 'new new' 1.3 "$port" "$port"
		else
			gives 'new+ resumed+ resumed+' 1.3 "$port" "$port" "$port"
		fi
		[ "$(tickets_sent)" -eq $n ]
		# TLS 1.2: NumTickets is not for it; the ticket stays the same
		gives 'new+ resumed resumed' 1.2 "$port" "$port" "$port"
	done
	assert_path
	run ! grep ' no TLS: ' ktlshim.log
}

@test "clients: gnutls-cli, curl, s_client's reconnect" {
	web
	for v in 1.3 1.2; do
		timeout 60 gnutls-cli --x509cafile "$CERTS/ca.pem" -p "$port" \
			--resume --waitresumption \
			--priority "NORMAL:-VERS-ALL:+VERS-TLS$v" localhost \
			</dev/null >out 2>&1
		cat out
		grep 'This is a resumed session' out
		grep ": TLSv$v .* resumed " ktlshim.log
		: >ktlshim.log
		# HTTP/1.0: a connection each
		tcurl "--tlsv$v" --tls-max "$v" "https://localhost:$port/f" -o 1 \
			"https://localhost:$port/f" -o 2
		cmp 1 www/f
		cmp 2 www/f
		# (it takes no tickets in TLS 1.2)
		[ $v = 1.2 ] ||
			[ "$(grep -c ": TLSv$v .* resumed " ktlshim.log)" -eq 1 ]
		[ "$(grep -c ": TLSv$v " ktlshim.log)" -eq 2 ]
		assert_path
		: >ktlshim.log
	done
	timeout 60 openssl s_client -connect "localhost:$port" -tls1_2 \
		-reconnect </dev/null >out 2>&1
	[ "$(grep -c '^Reused' out)" -eq 5 ]
}

# ---- keys

@test "two daemons with the same keys: a session of one is the other's" {
	new_key keys
	web 'ticket_keys = keys'
	other=$(free_port)
	web_again "$other"
	gives 'new+ resumed+ resumed+' 1.3 "$port" "$other" "$port"
	gives 'new+ resumed resumed' 1.2 "$port" "$other" "$port"
	assert_path
}

@test "without a file, keys are the helper's own, and a reload keeps them" {
	web
	other=$(free_port)
	web_again "$other"
	gives 'new+ new+' 1.3 "$port" "$other"
	gives 'new+ new+' 1.2 "$port" "$other"
	gives 'new+ resumed+' 1.3 "$port" "!hup $port" "$port"
	gives 'new+ resumed' 1.2 "$port" "!hup $port" "$port"
	assert_path
}

@test "rotation: an old key's ticket is resumed and renewed, then it is over" {
	new_key old
	new_key new
	cp old keys
	web 'ticket_keys = keys'
	only() { # KEY: again
		cp "$1" keys
		hup "$port"
	}
	# the second ticket is the new key's, so it outlives the old one
	gives 'new+ resumed+ resumed+' 1.3 "$port" \
		"!cat new old >keys; hup $port" "$port" \
		"!cp new keys; hup $port" "$port"
	only old
	gives 'new+ resumed+ resumed' 1.2 "$port" \
		"!cat new old >keys; hup $port" "$port" \
		"!cp new keys; hup $port" "$port"
	for v in 1.3 1.2; do
		only old
		gives 'new+ new+' $v "$port" "!cp new keys; hup $port" "$port"
	done
	# a new key that is only announced: the others may have it already
	only old
	gives 'new+ resumed+' 1.3 "$port" "!cat old new >keys; hup $port" "$port"
	gives 'new+ resumed' 1.2 "$port" "!cat old new >keys; hup $port" "$port"
	assert_path
}

@test "a ticket that somebody has changed: a full handshake" {
	new_key keys
	web 'ticket_keys = keys'
	cat >change.py <<-'EOF'
	import base64, sys
	lines = open("a").read().split("\n")
	der = bytearray(base64.b64decode("".join(lines[1:-2])))
	at = der.index(open("keys", "rb").read(16)) + int(sys.argv[1])
	der[at] ^= 1
	lines[1:-2] = [base64.b64encode(der).decode()]
	open("b", "w").write("\n".join(lines))
	EOF
	for v in tls1_3 tls1_2; do
		session -$v -sess_out a
		# the key's name, the initialization vector, what is encrypted
		for byte in 0 16 32 100; do
			python3 -B change.py $byte
			session -$v -sess_in b
			grep -a '^New' out
		done
		session -$v -sess_in a
		grep -a '^Reused' out
	done
	assert_path
}

@test "a file that is replaced is read without being told; one that is wrong is not" {
	new_key keys
	new_key next
	web 'ticket_keys = keys'
	gives 'new+ resumed' 1.2 "$port" \
		"!echo wrong >w; mv w keys; hup $port" "$port"
	grep "ticket_keys: $DIR/keys has 6 bytes" ktlshim.log
	grep 'not reloaded: ' ktlshim.log
	gives 'new+ new+' 1.2 "$port" "!mv next keys; wait_until 20 grep -q '^ktlshim: reloaded: ' $DIR/ktlshim.log" "$port"
	assert_path
}

@test "each wrong file is refused: by check, by run, and when the port is opened" {
	new_key good
	head -c 79 good >short
	cat good short >odd
	: >empty
	head -c 80 /dev/zero >zero
	cat good good >twice
	openssl rand -hex 40 | tr -d '\n' >text
	for _ in {1..17}; do cat good; done >many
	mkdir directory
	mkfifo pipe
	while read -r name why; do
		conf "$PAIR" "ticket_keys = $name"
		run --separate-stderr "$KTLSHIM" check
		echo "$name: $status; $stderr"
		[ "$status" -eq 78 ]
		[[ $stderr == "ktlshim: $DIR/ktlshim.conf:3: ticket_keys: $DIR/$name $why"*"openssl rand -out FILE 80 makes one" ]] ||
			[ "$name" = twice ]
		[[ $stderr == "ktlshim: $DIR/ktlshim.conf:3: ticket_keys: $DIR/$name $why"* ]]
		[ "${#stderr_lines[@]}" -eq 1 ]
		run "$KTLSHIM" run -- "$BUILD/tests/apps/acceptor" "$port" block
		[ "$status" -eq 78 ]
	done <<-EOF
	none cannot be read: No such file or directory (as uid $(id -u)); want a file with keys of 80 random bytes each
	short has 79 bytes; want 1 to 16 keys of 80 random bytes each
	odd has 159 bytes; want 1 to 16 keys of 80 random bytes each
	empty has 0 bytes; want
	many has 1360 bytes; want
	zero is not random: all bytes of key 1 are the same
	text holds text; want keys of 80 random bytes each
	twice has key 1 twice, as key 2, too
	directory is not a regular file
	pipe is not a regular file
	EOF
	conf "$PAIR" "ticket_keys = short"
	LD_PRELOAD=$LIB "$BUILD/tests/apps/acceptor" "$port" block >out 3>&- &
	PIDS+=("$!")
	wait_until 20 grep -q 'listen: EINVAL\|bind: EINVAL' out
	grep "ktlshim.conf:3: ticket_keys: $DIR/short has 79 bytes" ktlshim.log
	run ! port_open "$port"
}

@test "check: says how many there are, and who else may read them" {
	new_key 1
	new_key 2
	cat 1 2 >keys
	conf "$PAIR" 'ticket_keys = keys' "[$port]" 'tls = off'
	run --separate-stderr "$KTLSHIM" check
	[ "$status" -eq 0 ]
	[[ $output == *"  ticket_keys = $DIR/keys    (line 3)"*"  ticket keys in it: 2"* ]]
	chmod 644 keys
	run --separate-stderr "$KTLSHIM" check
	[ "$status" -eq 1 ]
	[ "$stderr" = "ktlshim: warning: ticket keys $DIR/keys is readable by everybody; chmod o-r" ]
	conf "$PAIR" "[$port]" 'ticket_keys = keys'
	run --separate-stderr "$KTLSHIM" check
	[[ $stderr == *'ticket_keys: belongs in [default]'* ]]
	# a plaintext listener needs no rights to it
	rm keys
	conf "$PAIR" 'ticket_keys = keys' "[$port]" 'tls = off'
	start plain "$port" env LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" \
		"$port" block
	[ "$(head -c 3 <"/dev/tcp/127.0.0.1/$port")" = hi ]
}

@test "session_timeout: what clients are told, and what holds" {
	web 'session_timeout = 2'
	session -tls1_3 -sess_out a
	grep -a 'ticket lifetime hint: 2 (seconds)' out
	gives 'new+ new+' 1.3 "$port" '!sleep 3' "$port"
	# this client does not look at the time
	gives 'new+ new+' 1.2 "$port" '!sleep 3' "$port"
	conf "$PAIR" 'session_timeout = 3600'
	hup "$port"
	gives 'new+ resumed+' 1.3 "$port" "$port"
	session -tls1_2
	grep -a 'ticket lifetime hint: 3600 (seconds)' out
	assert_path
}

@test "Options = -SessionTicket: nothing is resumed, no sessions are named" {
	web 'Options = -SessionTicket'
	gives 'new new' 1.3 "$port" "$port"
	gives 'new new' 1.2 "$port" "$port"
	session -tls1_2
	grep -a 'Session-ID: $' out
	[ "$(tickets_sent)" -eq 0 ]
	# with a ticket from before
	conf "$PAIR"
	hup "$port"
	for v in 1.3 1.2; do
		gives 'new+ new' $v "$port" \
			"!echo 'Options = -SessionTicket' >>ktlshim.conf; hup $port" \
			"$port"
		conf "$PAIR"
		hup "$port"
	done
	# clients that take no tickets get no session ID either
	session -tls1_2 -no_ticket
	grep -a 'Session-ID: $' out
	assert_path
}

# ---- where

@test "another name: resumed with its own certificate only" {
	pairs=$(for i in 1 2 3; do echo "$i.cert = $CERTS/h$i.pem"; done)
	PAIR=$pairs web
	for v in 1.3 1.2; do
		plus=+
		[ $v = 1.3 ] || plus=
		gives 'new+ new+ new+' $v "$port/h1.example" "$port/h2.example" \
			"$port/h1.example"
		gives "new+ resumed$plus" $v "$port/h2.example" "$port/H2.example"
		# the same certificate, and RFC 6066 section 3 forbids it
		gives 'new+ new+' 1.2 "$port/h2.example" "$port/a.h2.example"
		gives "new+ resumed$plus new+" $v "$port/nobody.test" \
			"$port/nobody.test" "$port/h1.example"
		gives "new+ resumed$plus refused" $v "$port/nobody.test" \
			"$port/nobody.test" \
			"!echo 'sni = strict' >>ktlshim.conf; hup $port" \
			"$port/nobody.test"
		gives "new+ resumed$plus refused" $v "$port/h1.example" \
			"$port/h1.example" "$port/nobody.test"
		conf "$pairs"
		hup "$port"
	done
	assert_path
}

@test "other listeners: with the same certificate and settings only" {
	local other same strict
	new_key keys
	same=$(free_port) other=$(free_port) strict=$(free_port)
	web 'ticket_keys = keys' "[$other]" "cert = $CERTS/h1.pem" \
		"[$strict]" 'VerifyMode = Require' "VerifyCAFile = $CERTS/h1.pem"
	web_again "$same"
	web_again "$other"
	web_again "$strict"
	for v in 1.3 1.2; do
		plus=+
		[ $v = 1.3 ] || plus=
		gives "new+ resumed$plus" $v "$port" "$same"
		gives 'new+ new+' $v "$port" "$other"
		# whoever has shown no certificate must show one
		gives 'new+ refused' $v "$port" "$strict"
	done
	# and with one: resumed, until other clients are trusted
	cp "$CERTS/h1.pem" ca.pem
	conf "$PAIR" 'ticket_keys = keys' "[$strict]" 'VerifyMode = Require' \
		'VerifyCAFile = ca.pem'
	hup "$strict"
	port=$strict
	for v in tls1_3 tls1_2; do
		session -$v -cert "$CERTS/h1.pem" -sess_out a
		session -$v -cert "$CERTS/h1.pem" -sess_in a
		grep -a '^Reused' out
	done
	cp "$CERTS/h2.pem" ca.pem
	hup "$strict"
	run ! session -tls1_2 -cert "$CERTS/h1.pem" -sess_in a
	run ! grep -a '^Reused' out
	assert_path
}

@test "a new certificate or new ciphers: new handshakes" {
	cp "$CERTS/h1.pem" site.pem
	PAIR='cert = site.pem' web
	PAIR='cert = site.pem'
	for v in 1.3 1.2; do
		gives 'new+ new+' $v "$port" \
			"!cp $CERTS/h2.pem site.pem; hup $port" "$port"
		cp "$CERTS/h1.pem" site.pem
		hup "$port"
	done
	# OpenSSL alone goes on with a suite that is not allowed any more
	session_suites() {
		conf "$PAIR" "CipherString = $1"
		hup "$port"
	}
	session_suites ECDHE-ECDSA-AES128-GCM-SHA256
	session -tls1_2 -sess_out a
	session_suites ECDHE-ECDSA-AES256-GCM-SHA384
	session -tls1_2 -sess_in a
	grep -a '^New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM-SHA384' out
	assert_path
}

@test "0-RTT is not taken, and what is sent all the same is passed over" {
	conf "$PAIR"
	server_echo "$port" 127.0.0.1
	for n in 1 1000 16000; do
		timeout 60 "$BUILD/tests/apps/early_data" "$port" \
			"$CERTS/ca.pem" $n >out
		cat out
		[ "$(tr '\n' ' ' <out)" = 'allowed: 0 resumed rejected late ' ]
	done
	# more than OpenSSL passes over
	run ! timeout 60 "$BUILD/tests/apps/early_data" "$port" "$CERTS/ca.pem" 40000
	grep ' no TLS: too much early data' ktlshim.log
	assert_path
	# and the command line's
	port=$(free_port)
	web_again "$port"
	head -c 10 /dev/zero >early
	session -tls1_3 -sess_out a
	session -tls1_3 -sess_in a -early_data early
	grep -a '^Reused' out
	grep -a 'Early data was not sent' out
}
