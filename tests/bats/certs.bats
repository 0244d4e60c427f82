#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# certs.bats - which certificate does a client get, and where do they come from?
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	openssl genrsa -out rsa.key 2048 2>/dev/null
	openssl genpkey -algorithm ed25519 -out ed.key
	for name in default a b wild deep; do key $name; done
	signed rsa 'DNS:a.example'
	signed ed 'DNS:a.example'
	signed a 'DNS:a.example'
	signed b 'DNS:B.example,DNS:also-b.example'
	signed wild 'DNS:*.example,DNS:*.w.example'
	signed deep 'DNS:x.w.example'
	signed default 'DNS:default.example'
	umask 077
	cat a.pem a.key >a.both
	cat b.key b.pem >b.both
}

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
}

# signed NAME SUBJECT_ALT_NAME: NAME.pem for NAME.key, its own issuer
signed() {
	openssl req -x509 -key "$1.key" -subj "/CN=$1" -days 30 -out "$1.pem" \
		-addext "subjectAltName=$2"
}

setup() {
	conf_setup
	umask 077 # keys are copied
}

teardown() {
	common_teardown
}

end_acceptor() { # the helper closes the port a moment later
	stop
	wait_until 5 port_closed
}

port_closed() {
	! port_open "$port"
}

# subject [OPTION...]: the certificate that s_client is given
subject() {
	timeout 20 openssl s_client -connect "127.0.0.1:$port" "$@" \
		</dev/null 2>"$DIR/s_client.err" | sed -n 's/^subject=CN = //p'
}

for_name() { # NAME [OPTION...]
	subject -servername "$@"
}

check() { # CODE
	run --separate-stderr "$KTLSHIM" check "${@:2}"
	echo "exit $status, wanted $1; stdout: $output; stderr: $stderr"
	[ "$status" -eq "$1" ]
}

# pairs NAME...: numbered settings for these pairs
pairs() {
	local i=0 name
	for name; do
		i=$((i + 1))
		echo "$i.cert = $CERTS/$name.pem"
		echo "$i.key = $CERTS/$name.key"
	done
}

@test "RSA, ECDSA and Ed25519 side by side: the client's choice" {
	serve_conf "$(pairs a rsa ed)"
	[ "$(for_name a.example -tls1_3 -sigalgs rsa_pss_rsae_sha256)" = rsa ]
	[ "$(for_name a.example -tls1_3 -sigalgs ecdsa_secp256r1_sha256)" = a ]
	[ "$(for_name a.example -tls1_3 -sigalgs ed25519)" = ed ]
	[ "$(for_name a.example -tls1_2 -cipher aRSA)" = rsa ]
	[ "$(for_name a.example -tls1_2 -sigalgs ECDSA+SHA256)" = a ]
	[ "$(for_name a.example -tls1_2 -sigalgs ed25519)" = ed ]
	# all three are there for clients that ask for nothing, too
	[ "$(subject -tls1_3 -sigalgs ed25519 -noservername)" = ed ]
	[ "$(subject -tls1_3 -sigalgs rsa_pss_rsae_sha256 -noservername)" = rsa ]
	for sign in RSA-PSS-RSAE-SHA256:rsa ECDSA-SECP256R1-SHA256:a \
		EDDSA-ED25519:ed; do
		gnutls-cli --x509cafile "$CERTS/${sign#*:}.pem" \
			--verify-hostname a.example --sni-hostname a.example -p "$port" \
			--priority "NORMAL:-SIGN-ALL:+SIGN-${sign%:*}" 127.0.0.1 \
			</dev/null >out 2>&1
		grep "Status: The certificate is trusted" out
	done
	assert_path
}

@test "by name: exact, wildcard, default; in any case of letters, with a dot" {
	serve_conf "$(pairs default a b wild deep)"
	[ "$(for_name a.example)" = a ]
	[ "$(for_name A.EXAMPLE)" = a ]
	[ "$(for_name a.example.)" = a ]
	[ "$(for_name b.example)" = b ]
	[ "$(for_name also-b.example -tls1_2)" = b ]
	# a wildcard is one label, at the left; the name itself is stronger
	[ "$(for_name c.example)" = wild ]
	[ "$(for_name y.w.example)" = wild ]
	[ "$(for_name x.w.example)" = deep ]
	[ "$(for_name z.y.w.example)" = default ]
	[ "$(for_name w.example)" = wild ]
	[ "$(for_name example)" = default ]
	[ "$(for_name nobody.test)" = default ]
	[ "$(for_name default.example)" = default ]
	[ "$(subject -noservername)" = default ]
	# with clients that look at what they get
	for name in a b wild deep default; do
		case $name in
		wild) host=y.w.example ;; # curl wants two labels behind the *
		deep) host=x.w.example ;;
		*) host=$name.example ;;
		esac
		curl -sS --http0.9 --max-time 20 --cacert "$CERTS/$name.pem" \
			--resolve "$host:$port:127.0.0.1" "https://$host:$port/" |
			grep '^hi$'
	done
	run ! curl -sS --http0.9 --max-time 20 --cacert "$CERTS/a.pem" \
		--resolve "z.y.w.example:$port:127.0.0.1" \
		"https://z.y.w.example:$port/"
	assert_path
}

@test "sni = strict: no certificate, no connection; sni = default" {
	serve_conf "$(pairs default wild)" 'sni = strict'
	[ "$(for_name default.example)" = default ]
	[ "$(for_name c.example)" = wild ]
	for args in '-servername nobody.test' '-servername b.c.example' \
		-noservername; do
		for v in -tls1_2 -tls1_3; do
			# shellcheck disable=SC2086 # two words
			[ -z "$(subject $v $args)" ]
			grep 'unrecognized name.*SSL alert number 112' s_client.err
		done
	done
	grep 'no TLS: no certificate for nobody.test; sent alert 112, unrecognized name$' ktlshim.log
	grep 'no TLS: the client names no host; sent alert 112, unrecognized name$' ktlshim.log
	run ! gnutls-cli --insecure --sni-hostname nobody.test -p "$port" \
		127.0.0.1 </dev/null
	conf "$(pairs default)" 'sni = none'
	check 78
	[[ $stderr == *'sni: bad value "none": want default or strict'* ]]
}

# ---- where they come from

@test "the key: in the same file, beside it, by certbot's names, nowhere" {
	cp "$CERTS/a.both" both.pem
	cp "$CERTS/b.both" first-the-key.pem
	mkdir -p live
	cp "$CERTS/wild.pem" stem.crt
	cp "$CERTS/wild.key" stem.key
	cp "$CERTS/deep.pem" full.pem
	cp "$CERTS/deep.key" full.pem.key
	cp "$CERTS/default.pem" live/fullchain.pem
	cp "$CERTS/default.key" live/privkey.pem
	serve_conf 1.cert=both.pem 2.cert=first-the-key.pem 3.cert=stem.crt \
		4.cert=full.pem 5.cert=live/fullchain.pem
	[ "$(for_name a.example)" = a ]
	[ "$(for_name b.example)" = b ]
	[ "$(for_name y.w.example)" = wild ]
	[ "$(for_name x.w.example)" = deep ]
	[ "$(for_name default.example)" = default ]
	check 0
	[ "$(grep -c '^    key ' <<<"$output")" -eq 5 ]
	grep "key $DIR/live/privkey.pem" <<<"$output"
	cp "$CERTS/a.pem" alone.pem
	conf 'cert = alone.pem'
	check 78
	[[ $stderr == *"cert: certificate $DIR/alone.pem has no private key: none is in the file, and there is no $DIR/alone.key; name it with key" ]]
	# a key of another, where one is looked for
	cp "$CERTS/b.key" alone.key
	check 78
	[[ $stderr == *"key $DIR/alone.key does not belong to certificate $DIR/alone.pem"* ]]
	# the environment alone can do without a key as well
	end_acceptor
	KTLSHIM_CONF=/dev/null KTLSHIM_CERT=$DIR/both.pem start a "$port" env \
		LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$port" block
	[ "$(subject)" = a ]
}

@test "a directory: what is in it and what is passed over" {
	mkdir -p d/sub d/certbot/privkey.pem d/site.pem.d
	rmdir d/certbot/privkey.pem
	cp "$CERTS/default.both" d/ 2>/dev/null || true
	cat "$CERTS/default.pem" "$CERTS/default.key" >d/0-first.pem
	cp "$CERTS/a.pem" "$CERTS/a.key" d/
	mv d/a.pem d/a.crt
	cp "$CERTS/b.pem" d/b.cer
	cp "$CERTS/b.key" d/b.cer.key
	# a file with a key alone, others' files
	cp "$CERTS/rsa.key" d/key-alone.pem
	echo nonsense >d/README
	echo nonsense >d/b.pem.bak
	echo nonsense >d/.hidden.pem
	cp "$CERTS/wild.pem" d/certbot/fullchain.pem
	cp "$CERTS/wild.key" d/certbot/privkey.pem
	ln -s ../../elsewhere d/link
	serve_conf 'cert = d'
	[ "$(subject)" = default ]
	[ "$(for_name a.example)" = a ]
	[ "$(for_name b.example)" = b ]
	[ "$(for_name c.example)" = wild ]
	check 0
	# one that is wrong is one too many
	cp "$CERTS/deep.pem" d/
	check 78
	[[ $stderr == *"certificate $DIR/d/deep.pem has no private key"* ]]
	echo nonsense >d/deep.pem
	check 78
	[[ $stderr == *"certificate $DIR/d/deep.pem holds no PEM certificate"* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	conf 'cert = d' "key = $CERTS/a.key"
	check 78
	[[ $stderr == *"key: $DIR/d is a directory; its keys are in the files"* ]]
	mkdir empty
	conf 'cert = empty'
	check 78
	[[ $stderr == *"directory $DIR/empty holds no certificate"* ]]
}

@test "a directory in the environment; one pair first for those who ask nothing" {
	mkdir d
	cp "$CERTS/a.both" d/a.pem
	cp "$CERTS/b.both" d/b.pem
	unset KTLSHIM_CONF
	KTLSHIM_CERT=$DIR/d start a "$port" "$KTLSHIM" run -- \
		"$BUILD/tests/apps/acceptor" "$port" block
	[ "$(subject)" = a ]
	[ "$(for_name b.example)" = b ]
	end_acceptor
	export KTLSHIM_CONF=$DIR/ktlshim.conf
	serve_conf 1.cert=d 2.cert="$CERTS/default.pem" 2.key="$CERTS/default.key"
	[ "$(subject)" = a ]
	[ "$(for_name default.example)" = default ]
	end_acceptor
	serve_conf 1.cert="$CERTS/default.pem" 1.key="$CERTS/default.key" 2.cert=d
	[ "$(subject)" = default ]
	[ "$(for_name a.example)" = a ]
}

@test "two for the same name and type of key: the first, and check says so" {
	openssl req -x509 -key "$CERTS/b.key" -subj /CN=a2 -days 30 -out a2.pem \
		-addext subjectAltName=DNS:a.example
	serve_conf "$(pairs default a)" 3.cert=a2.pem "3.key=$CERTS/b.key"
	[ "$(for_name a.example)" = a ]
	check 1
	[[ $stderr == *"warning: a.example is served with $CERTS/a.pem, not with $DIR/a2.pem, which has the same type of key" ]]
}

# ---- encrypted keys

@test "an encrypted key: passphrase from a file, from a command" {
	openssl pkey -in "$CERTS/a.key" -aes128 -passout pass:secret1 -out a.key
	openssl ec -in "$CERTS/b.key" -aes128 -passout pass:secret2 -out b.key \
		2>/dev/null
	printf 'secret1\nanother line\n' >pass
	# shellcheck disable=SC2016 # for the command
	printf '#!/bin/sh\necho "$1" >>%s/asked\ncase $1 in *a.key) echo secret1;; *b.key) printf secret2;; esac\n' \
		"$DIR" >ask
	chmod +x ask
	serve_conf "cert = $CERTS/a.pem" 'key = a.key' 'passphrase_file = pass'
	[ "$(for_name a.example)" = a ]
	end_acceptor
	serve_conf "1.cert = $CERTS/a.pem" '1.key = a.key' "2.cert = $CERTS/b.pem" \
		'2.key = b.key' "passphrase_command = $DIR/ask \\\"\\\$1\\\""
	[ "$(for_name a.example)" = a ]
	[ "$(for_name b.example)" = b ]
	[ "$(wc -l <asked)" -eq 2 ]
	grep "$DIR/a.key" asked
	# in the environment, where nothing needs a backslash
	end_acceptor
	KTLSHIM_CONF=/dev/null KTLSHIM_CERT=$CERTS/a.pem KTLSHIM_KEY=$DIR/a.key \
		KTLSHIM_PASSPHRASE_COMMAND='echo secret1' start env "$port" env \
		LD_PRELOAD="$LIB" "$BUILD/tests/apps/acceptor" "$port" block
	[ "$(for_name a.example)" = a ]
}

@test "an encrypted key: no passphrase, a wrong one, a command that fails or waits" {
	openssl pkey -in "$CERTS/a.key" -aes128 -passout pass:secret1 -out a.key
	refused() { # LINE TEXT
		conf "cert = $CERTS/a.pem" 'key = a.key' "$1"
		check 78
		[ "${#stderr_lines[@]}" -eq 1 ]
		[[ $stderr == *"ktlshim.conf:2: key: key $DIR/a.key is encrypted"*"$2"* ]]
		[[ $stderr != *secret* ]]
	}
	echo secret9 >wrong
	: >empty
	refused '' 'nobody is asked for a passphrase here'
	refused 'passphrase_file = wrong' "the passphrase from $DIR/wrong is not the right one"
	refused 'passphrase_file = none' "there is no passphrase from $DIR/none: No such file"
	refused 'passphrase_file = empty' "there is no passphrase from $DIR/empty: it holds none"
	refused 'passphrase_command = echo secret9' 'passphrase_command is not the right one'
	refused 'passphrase_command = echo secret1; exit 3' 'from passphrase_command: it failed'
	refused 'passphrase_command = :' 'it printed nothing'
	SECONDS=0
	refused 'passphrase_command = sleep 3391' 'in 10 seconds'
	refused 'passphrase_command = echo secret1; exec sleep 3391' 'in 10 seconds'
	[ "$SECONDS" -ge 18 ]
	[ -z "$(pgrep -f 'sleep 3391')" ]
	# a key that is not encrypted needs none
	conf "cert = $CERTS/a.pem" "key = $CERTS/a.key" \
		'passphrase_command = touch asked'
	check 0
	[ ! -e asked ]
}

@test "the command gets neither our descriptors nor the key" {
	openssl pkey -in "$CERTS/a.key" -aes128 -passout pass:secret1 -out a.key
	cat >ask <<-EOF
	#!/bin/sh
	ls -l /proc/self/fd >$DIR/fds
	env >$DIR/env
	echo secret1
	EOF
	serve_conf "cert = $CERTS/a.pem" 'key = a.key' "passphrase_command = sh $DIR/ask"
	[ "$(subject)" = a ]
	cat fds env
	# 0, 1, 2 and what ls opens
	[ "$(grep -c -- '->' fds)" -eq 4 ]
	run ! grep -E 'KTLSHIM|LD_PRELOAD' env
}

# ---- URIs

@test "URIs, for OpenSSL's providers; no PIN in them" {
	serve_conf "cert = file:$CERTS/a.pem" "key = file:$CERTS/a.key"
	[ "$(for_name a.example)" = a ]
	conf "cert = $CERTS/a.pem" 'key = nosuch:key'
	check 78
	[[ $stderr == *"key: key nosuch:key cannot be had from OpenSSL's store: unregistered scheme"* ]]
	conf "cert = $CERTS/a.pem" 'key = pkcs11:object=a\;pin-value=1234'
	check 78
	[[ $stderr == *'a PIN does not belong into a URI'* ]]
	[[ $stderr != *1234* ]]
	KTLSHIM_OPENSSL_CONF=$DIR/none check 78
	[[ $stderr == *"KTLSHIM_OPENSSL_CONF: cannot start with $DIR/none"* ]]
	printf 'openssl_conf = a\n[a]\nalg_section = b\n[b]\ndefault_properties = x=y\n' >ossl.cnf
	conf "cert = $CERTS/a.pem" "key = $CERTS/a.key"
	# it is used: with these, nothing is found
	KTLSHIM_OPENSSL_CONF=$DIR/ossl.cnf check 78
	check 0
	# by the helper, too
	cat >limit.cnf <<-EOF
	openssl_conf = a
	[a]
	ssl_conf = b
	[b]
	system_default = c
	[c]
	MaxProtocol = TLSv1.2
	EOF
	port=$(free_port)
	export KTLSHIM_OPENSSL_CONF=$DIR/limit.cnf
	serve_conf "cert = $CERTS/a.pem" "key = $CERTS/a.key"
	[ "$(for_name a.example)" = a ]
	grep "to port $port: TLSv1.2" ktlshim.log
}

# ---- many

@test "a certificate that will do for one listener, but not for another" {
	"$BUILD/tests/apps/mkcerts" . 1 1
	conf '[8443]' 'cert = h1.pem' '[9443]' 'cert = h1.pem' \
		'CipherString = DEFAULT@SECLEVEL=4'
	run "$BUILD/ktlshim" check
	[ "$status" -ne 0 ]
	grep 'ktlshim.conf:4: cert: certificate .*h1.pem cannot be used: ee key too small' \
		<<<"$output"
}

@test "1,000 certificates: each by its name, quick to load, small" {
	not_sanitized "takes more time and memory"
	local n=1000 i
	[ "$KTLSHIM_TEST_PATH" = relayed ] || n=200 # a virtual machine is slow
	mkdir d
	"$BUILD/tests/apps/mkcerts" d 1 $n
	serve_conf 'cert = d'
	for i in 1 7 99 $((n / 2)) $n; do
		[ "$(for_name "h$i.example")" = "h$i.example" ]
		[ "$(for_name "www.h$i.example")" = "h$i.example" ]
	done
	# under 2 s, by the clock of the processor: others may be busy here
	helper=$(helper_pid "$port")
	awk '{ print $14 + $15, "ticks of 10 ms" }' "/proc/$helper/stat"
	[ "$(awk '{ print $14 + $15 }' "/proc/$helper/stat")" -lt 200 ]
	awk '/^VmRSS/ { print }' "/proc/$helper/status"
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$helper/status")" -lt 40000 ]
}

# Instructions are counted (callgrind), for the clock knows of other things, too.
# One process serves one certificate first, and then a thousand, so all that is
# not about certificates is the same.
@test "1,000 certificates: a handshake costs no more than 5 % more" {
	not_sanitized "does not go with callgrind"
	command -v valgrind >/dev/null || skip "no valgrind"
	local n=1000 hellos=100 i
	[ "$KTLSHIM_TEST_PATH" = relayed ] || n=200 hellos=40
	mkdir d
	"$BUILD/tests/apps/mkcerts" d 1 $n
	cat >helper <<-EOF
	#!/bin/sh
	exec $(command -v valgrind) --tool=callgrind --instr-atstart=no \
		--vgdb-prefix=$DIR/vgdb --callgrind-out-file=$DIR/counted \
		--log-file=$DIR/callgrind.log \
		$BUILD/ktlshim-helper
	EOF
	chmod +x helper
	export KTLSHIM_HELPER=$DIR/helper
	# valgrind runs one thread at a time, also while it waits for a ring
	export KTLSHIM_WORKERS=1
	serve_conf 'cert = d/h1.pem'
	helper=$(helper_pid "$port")
	count 1
	conf 'cert = d'
	kill -HUP "$helper"
	wait_until 60 grep -q "reloaded: $n certificates" ktlshim.log
	count $n
	assert_path
	tail -n 2 counts
	awk '{ print "per handshake: " $1 / '$hellos' }
		{ a[NR] = $1 } END { print "ratio " a[2] / a[1]
		exit NR != 2 || a[1] < 1e6 || a[2] / a[1] > 1.05 }' counts
	stop
	wait_gone "$helper" 20 # it writes its last figures while bats cleans up
}

# count NAMES: instructions for so many handshakes; a first one is not counted
count() {
	timeout 60 python3 -B "$TOP/tests/apps/many_names.py" "$port" "$1" 1
	callgrind_control --vgdb-prefix="$DIR/vgdb" -i on "$helper"
	timeout 100 python3 -B "$TOP/tests/apps/many_names.py" "$port" "$1" $hellos
	callgrind_control --vgdb-prefix="$DIR/vgdb" -i off "$helper"
	callgrind_control --vgdb-prefix="$DIR/vgdb" --dump "$helper"
	callgrind_control --vgdb-prefix="$DIR/vgdb" --zero "$helper"
	i=$((i + 1))
	wait_until 10 grep -qs '^totals:' "counted.$i"
	sed -n 's/^totals: //p' "counted.$i" >>counts
}
