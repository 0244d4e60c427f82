#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# check.bats - `ktlshim check`: what is wrong, where, and what would be right
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
# shellcheck disable=SC2016,SC1003 # dollars and backslashes of the file
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	openssl genrsa -out rsa.key 2048 2>/dev/null
	openssl req -x509 -key rsa.key -subj /CN=rsa -days 300 -out rsa.pem
	# root, issuer, leaf
	ca root
	issued issuer root 'basicConstraints=critical,CA:TRUE'
	issued leaf issuer 'subjectAltName=DNS:a.example,DNS:*.b.example'
	dated past 20010101000000Z 20020304050607Z
	dated future 20900102030405Z 20910101000000Z
	dated soon "$(date -u -d -1day +%Y%m%d%H%M%SZ)" \
		"$(date -u -d +5days +%Y%m%d%H%M%SZ)"
	cat leaf.pem issuer.pem >chain.pem
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' 'database=/dev/null' \
		'default_md=sha256' 'default_crl_days=30' >crl.cnf
	openssl ca -config crl.cnf -gencrl -cert ca.pem -keyfile key.pem \
		-out clients.crl 2>/dev/null
	cat leaf.pem root.pem issuer.pem >disorder.pem
}

key() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
}

ca() { # NAME
	key "$1"
	openssl req -x509 -key "$1.key" -subj "/CN=$1" -days 300 -out "$1.pem"
}

issued() { # NAME BY EXTENSION
	key "$1"
	openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
	openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 300 \
		-CAcreateserial -extfile <(echo "$3") -out "$1.pem" 2>/dev/null
}

dated() { # NAME FROM TO: for key.pem
	mkdir "$1.ca"
	: >"$1.ca/index"
	openssl req -new -key key.pem -subj "/CN=$1" -out "$1.csr"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "database=$1.ca/index" \
		"new_certs_dir=$1.ca" 'default_md=sha256' 'policy=p' \
		'rand_serial=yes' '[p]' 'commonName=supplied' >"$1.cnf"
	openssl ca -batch -config "$1.cnf" -selfsign -keyfile key.pem \
		-in "$1.csr" -startdate "$2" -enddate "$3" -notext \
		-out "$1.pem" 2>/dev/null
}

setup() {
	common_setup
	unset KTLSHIM_CERT KTLSHIM_KEY KTLSHIM_LOG
	PAIR="cert = $CERTS/ca.pem
key = $CERTS/key.pem"
}

teardown() {
	common_teardown
}

conf() {
	printf '%s\n' "$@" >"$DIR/x.conf"
}

# check CODE [ARGUMENT...]: output is standard output, stderr the messages
check() {
	run --separate-stderr "$KTLSHIM" check "${@:2}"
	echo "exit $status, wanted $1; stdout: $output; stderr: $stderr"
	[ "$status" -eq "$1" ]
}

# wrong LINE TEXT...: refused with one line of text that names file and line
wrong() {
	check 78 x.conf
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ $stderr == "ktlshim: $DIR/x.conf:$1: "* ]]
	for text in "${@:2}"; do
		[[ $stderr == *"$text"* ]]
	done
}

# bad SETTING TEXT...: as wrong, in [default] behind a good pair
bad() {
	conf "$PAIR" "$1"
	wrong 3 "${1%% =*}: " "${@:2}"
}

@test "all is well: every listener, its certificate, its settings" {
	conf '[default]' "cert = $CERTS/chain.pem" "key = $CERTS/leaf.key" \
		'log = info' '[8443]' 'ktls = off' 'MinProtocol = TLSv1.3' \
		'[127.0.0.1:9443]' "cert = $CERTS/rsa.pem" "key = $CERTS/rsa.key" \
		'[9000]' 'tls = off'
	check 0 x.conf
	[ -z "$stderr" ]
	diff - <(sed -E "s|$DIR/||; s|$CERTS/||; s/20[0-9: -]* UTC/DATE/" <<<"$output") <<-'EOF'
	x.conf
	the daemon:
	  log = info    (line 4)
	  handshake_timeout = 10
	  handshakes_max = 1024
	  session_timeout = 7200
	  log_failures = 100
	  ring = auto
	  workers = auto
	port 8443:
	  certificate chain.pem
	    key leaf.key
	    for a.example, *.b.example
	    EC, 256 bits; until DATE; 1 more in the chain
	  ktls = off    (line 6)
	  MinProtocol = TLSv1.3    (line 7)
	  sni = default
	  plaintext = reject
	  proxy_from = none
	  proxy = off
	  rx = user
	  key_records = 16777216
	  log_probes = on
	127.0.0.1:9443:
	  certificate rsa.pem
	    key rsa.key
	    for rsa
	    RSA, 2048 bits; until DATE; 0 more in the chain
	  sni = default
	  plaintext = reject
	  proxy_from = none
	  proxy = off
	  ktls = auto
	  rx = user
	  key_records = 16777216
	  log_probes = on
	port 9000: plaintext    (line 11)
	every port:
	  certificate chain.pem
	    key leaf.key
	    for a.example, *.b.example
	    EC, 256 bits; until DATE; 1 more in the chain
	  sni = default
	  plaintext = reject
	  proxy_from = none
	  proxy = off
	  ktls = auto
	  rx = user
	  key_records = 16777216
	  log_probes = on
	EOF
}

@test "which file: argument, KTLSHIM_CONF; the environment alone" {
	conf "$PAIR"
	KTLSHIM_CONF=$DIR/x.conf check 0
	[[ ${lines[0]} == "$DIR/x.conf" ]]
	conf 'nonsense'
	cp x.conf y.conf
	conf "$PAIR"
	KTLSHIM_CONF=$DIR/y.conf check 0 x.conf
	KTLSHIM_CERT=$CERTS/ca.pem KTLSHIM_KEY=$CERTS/key.pem KTLSHIM_PORTS=80,443 \
		check 0
	[[ $output == *"ports 80,443:"*"all others: plaintext    (KTLSHIM_PORTS)"* ]]
	check 78
	[[ $stderr == *"KTLSHIM_CERT is not set"* ]]
	check 64 --frob
	check 64 x.conf y.conf
}

@test "what the environment changes is shown" {
	conf "$PAIR" 'ktls = off' '[8443]' 'rx = kernel'
	KTLSHIM_KTLS=auto KTLSHIM_MAXPROTOCOL=TLSv1.2 check 0 x.conf
	[ "$(grep -c '^  ktls = auto    (KTLSHIM_KTLS)$' <<<"$output")" -eq 2 ]
	[ "$(grep -c '^  MaxProtocol = TLSv1.2    (KTLSHIM_MAXPROTOCOL)$' <<<"$output")" -eq 2 ]
	KTLSHIM_PORTS=9 check 0 x.conf
	grep '^port 8443: plaintext    (KTLSHIM_PORTS)$' <<<"$output"
}

@test "the sample is complete, right, and every line of it works" {
	umask 077
	cp "$TOP/conf/ktlshim.conf" x.conf
	cp "$CERTS/ca.pem" site.pem
	cp "$CERTS/key.pem" site.key
	check 0 x.conf
	[ -z "$stderr" ]
	# with what is behind # made real
	for f in clients issuers; do cp "$CERTS/ca.pem" $f.pem; done
	cp "$CERTS/rsa.pem" other.pem
	cp "$CERTS/rsa.key" other.key
	for name in site other; do
		"$BUILD/tests/apps/mkocsp" $name.{pem,key,pem,der} -9 9000
	done
	mkdir clients.d issuers.d sites.d
	cat "$CERTS/leaf.pem" "$CERTS/leaf.key" >sites.d/leaf.pem
	echo secret >passphrase
	openssl rand -out tickets.keys 80
	cp clients.pem clients.d
	cp "$CERTS/clients.crl" .
	openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh.pem
	{
		echo '-----BEGIN SERVERINFO FOR X-----'
		printf '\x12\x34\x00\x01a' | base64
		echo '-----END SERVERINFO FOR X-----'
	} >serverinfo.pem
	sed -i 's/^#\([a-zA-Z0-9[]\)/\1/' x.conf
	check 0 x.conf
	[ -z "$stderr" ]
	[ "$(grep -c "^  certificate $DIR/sites.d/leaf.pem" <<<"$output")" -eq 3 ]
	# every setting is in it and in the manual, with the preset
	sed 's/\\-/-/g' "$TOP/doc/ktlshim.1" >manual
	for name in $(settings) tls; do
		echo "$name"
		grep -qwi "$name" manual
		[[ " conf helper openssl_conf " == *" $name "* ]] ||
			[ "$name" = verifycastore ] || # needs a provider
			grep -qi "^$name = " x.conf
	done
	conf "$PAIR"
	check 0 x.conf
	sed -n 's/^  \([a-z_]* = .*\)/\1/p' <<<"$output" >presets
	[ "$(wc -l <presets)" -ge 7 ]
	while read -r line; do
		grep -qE "^#$line(:stderr)?$" "$TOP/conf/ktlshim.conf"
	done <presets
}

# The names of all settings but tls, as the file has them.
settings() {
	"$KTLSHIM" run --help | sed -n 's/^  --\([a-z-]*\) .*/\1/p' | tr - _
}

# ---- mistakes

@test "every setting with a bad value: file, line, value, what is allowed" {
	declare -A values=(
		[cert]=none.pem [key]=none.key [ports]=0 [ktls]=on [rx]=me
		[passphrase_file]=none [passphrase_command]=false [sni]=any
		[key_records]=0 [handshake_timeout]=3601 [handshakes_max]=x
		[ticket_keys]=none.keys [session_timeout]=604801
		[log]=loud [ring]=fast [minprotocol]=TLSv9 [maxprotocol]=1.2
		[protocol]=+SSLv9 [cipherstring]=NOSUCH [ciphersuites]=NOSUCH
		[groups]=P-1 [curves]=P-1 [signaturealgorithms]=md9
		[clientsignaturealgorithms]=md9 [options]=NoSuch
		[verifymode]=Never [verifycafile]=none.pem [verifycapath]=none.d
		[verifycastore]=none.d [clientcafile]=none.pem
		[clientcapath]=none.d [clientcastore]=none.d
		[requestcafile]=none.pem [requestcapath]=none.d
		[requestcastore]=none.d [chaincafile]=none.pem
		[chaincapath]=none.d [chaincastore]=none.d [dhparameters]=none.pem
		[serverinfofile]=none.pem [recordpadding]=x [numtickets]=x
		[alpn]='h2,,' [verify_crl]=none [ocsp]=none.der [verify_depth]=101
		[log_failures]=0 [log_probes]=no [keylog]=none/keylog [plaintext]=maybe [listen]=8443
		[proxy_from]=10.0.0.1/33 [proxy]=v3
		[starttls]=http [workers]=33
	)
	local name value
	for name in $(settings); do
		[[ " conf helper openssl_conf " != *" $name "* ]] || continue
		value=${values[$name]}
		[ -n "$value" ] || { echo "no bad value for $name"; return 1; }
		conf "$PAIR" "$name = $value"
		line=3
		case $name in
		cert) conf "$name = $value" "key = $CERTS/key.pem" && line=1 ;;
		passphrase_*) continue ;; # only with such a key: certs.bats
		verify_crl) continue ;; # only with VerifyMode: clientcerts.bats
		key) conf "cert = $CERTS/ca.pem" "$name = $value" && line=2 ;;
		esac
		wrong $line "$name: " "$value"
		# and in the environment
		case $name in
		cert) conf "key = $CERTS/key.pem" ;;
		key) conf "cert = $CERTS/ca.pem" ;;
		*) conf "$PAIR" ;;
		esac
		[[ $value != none.* ]] || value=$DIR/$value
		case $name in
		cert | key | ocsp) continue ;; # see command.bats
		esac
		env "KTLSHIM_${name^^}=$value" "$KTLSHIM" check x.conf 2>err >out &&
			return 1
		cat err
		grep "^ktlshim: KTLSHIM_${name^^}: .*$value" err
		[ "$(wc -l <err)" -eq 1 ]
	done
	conf "$PAIR" '[80]' 'tls = maybe'
	wrong 4 'tls: bad value "maybe": want on or off'
}

@test "bad values say what is allowed" {
	bad 'ktls = on' 'bad value "on": want auto, off or require'
	bad 'rx = me' 'want user or kernel'
	bad 'plaintext = yes' 'want reject, redirect or allow'
	bad 'proxy = on' 'bad value "on": want off, v1 or v2'
	bad 'proxy_from = 10.0.0.1/33' 'has no prefix from 0 to 32; want addresses'
	bad 'proxy_from = 10.0.0.1/8' 'has bits behind its prefix; want addresses'
	bad 'proxy_from = 192.0.2.1, balancer' '"balancer": is no address'
	conf "$PAIR" 'proxy_from = 10.0.0.0/8' 'plaintext = allow' '[80]' \
		'tls = on' '[81]' 'plaintext = reject'
	wrong 3 'proxy_from: not together with plaintext = allow'
	bad 'ring = fast' 'want auto, io_uring or epoll'
	bad 'workers = 33' 'want auto or a number from 1 to 32'
	bad 'key_records = 16777217' 'want a number from 1 to 16777216'
	bad 'handshake_timeout = 3601' 'want a number from 1 to 3600'
	bad 'handshakes_max = -1' 'want a number from 1 to 65536'
	bad 'ports = 1,65536' 'bad port "65536": want numbers from 1 to 65535'
	bad 'ports = ,' 'names no port'
	bad 'log = loud' 'want off, error, warn, info or debug'
	bad 'log = info:x.log' 'want stderr, syslog, journal or an absolute path'
	bad 'MinProtocol = TLSv9' 'bad value "TLSv9"' 'want oldest version: TLSv1'
	bad 'CipherString = X' 'bad value "X"' 'openssl-ciphers(1)'
	bad 'Ciphersuites =' 'has no value'
	local name
	for name in cert key ocsp tls; do
		conf "$PAIR" '[8443]' "$name ="
		wrong 4 "$name: has no value"
	done
	conf "$PAIR" 'MinProtocol = TLSv1.3' 'MaxProtocol = TLSv1.2'
	check 78 x.conf
	[[ $stderr == *"MaxProtocol is older than MinProtocol"* ]]
}

@test "names that are none, with what may be meant" {
	bad 'ktsl = off' 'there is no such setting; is ktls meant?'
	bad 'MinProtocoll = TLSv1.2' 'is MinProtocol meant?'
	bad 'handshake-timeout = 3' 'is handshake_timeout meant?'
	bad 'frobnicate = 1' 'there is no such setting' 'ktlshim(1)'
	bad '1.ktsl = 1' 'is ktls meant?'
	bad "conf = $DIR/x.conf" 'KTLSHIM_CONF'
	bad 'helper = /bin/true' 'KTLSHIM_HELPER'
	bad 'openssl_conf = x' 'KTLSHIM_OPENSSL_CONF'
	bad 'tls = on' "belongs in a listener's section"
	for setting in 'log = info' 'ring = epoll' 'handshake_timeout = 1' \
		'handshakes_max = 1' 'ports = 1' 'workers = 1'; do
		conf "$PAIR" '[8443]' "$setting"
		wrong 4 "${setting%% =*}: belongs in [default]"
	done
	# OpenSSL's are taken in any case of letters
	conf "$PAIR" 'MINPROTOCOL = TLSv1.3'
	check 0 x.conf
}

@test "sections that are none" {
	for name in web 0 65536 08443 80-90 :80 1.2.3:80 1.2.3.4.5:80 ::1:80 \
		'[::1]' '[::g]:80' '[1.2.3.4]:80' 1.2.3.4: a.example:80 'default x'; do
		conf "$PAIR" "[$name]" 'ktls = off'
		wrong 3 "is no listener" 'want [default], a port as in [8443]'
	done
	conf '[defualt]' "$PAIR"
	wrong 1 'is [default] meant?'
	conf "$PAIR" '[[::1]:80]' 'ktls = off' '[[0:0::1]:80]' 'ktls = off'
	wrong 5 '[[0:0::1]:80] is the same listener as [[::1]:80]'
	for name in 8443 1.2.3.4:80 '[::1]:80' '[::]:80' ' 80 ' '1.2.3.4\:81'; do
		conf "$PAIR" "[$name] # comment [x]" 'ktls = off'
		check 0 x.conf
	done
}

@test "set twice: told, with both lines and the way to do it" {
	conf "$PAIR" '[80]' 'ktls = off' '' 'KTLS = auto'
	wrong 6 'KTLS is set before in [80], on line 4' 'write 1.KTLS, 2.KTLS'
	# one section in two places is one section
	conf "$PAIR" '[80]' 'ktls = off' '[81]' 'ktls = off' '[80]' 'ktls = auto'
	wrong 8 'on line 4'
	conf "$PAIR" 1.Options=ServerPreference 2.Options=-SessionTicket
	check 0 x.conf
}

@test "syntax: the right line, also in included files" {
	conf "$PAIR" '' 'a b'
	wrong 4 'missing equal sign; want NAME = VALUE or [SECTION]'
	conf "$PAIR" '[80'
	wrong 3 'missing close square bracket'
	conf "$PAIR" 'log = $x'
	wrong 3 'variable has no value; a dollar sign in a value is written \$'
	conf "$PAIR" 'log = ${ENV::HOME}'
	wrong 3 'variable has no value'
	conf "$PAIR" 'log = in\' 'fo' 'ring = x'
	wrong 5 'ring: bad value'
	mkdir d
	printf '\n\nring = x\n' >d/a.conf
	conf "$PAIR" '.include d' 'a b'
	check 78 x.conf
	[[ $stderr == *"$DIR/x.conf:4: missing equal"* ]]
	conf "$PAIR" '.include d'
	check 78 x.conf
	[[ $stderr == *"$DIR/d/a.conf:3: ring: bad value"* ]]
	conf "$PAIR" '.include = none.conf'
	wrong 3 "cannot read $DIR/none.conf: No such file"
	conf "$PAIR" '.include = x.conf'
	check 78 x.conf
	[[ $stderr == *"include each other"* ]]
	printf 'a = b\0\n' >x.conf
	check 78 x.conf
	[[ $stderr == *"line 1 holds a zero byte"* ]]
}

@test "the file itself: missing, a directory, writable by everybody, no certificate" {
	check 78 none.conf
	[[ $stderr == "ktlshim: cannot read configuration: $DIR/none.conf: No such file or directory; check KTLSHIM_CONF" ]]
	check 78 "$DIR"
	[[ $stderr == *"is not a regular file"* ]]
	conf "$PAIR"
	chmod o+w x.conf
	check 78 x.conf
	[[ $stderr == *"is writable by everybody; chmod o-w"* ]]
	rm x.conf
	conf 'ktls = off'
	check 78 x.conf
	[[ $stderr == *"x.conf: no certificate is named: add cert = FILE"* ]]
	conf '[80]' "$PAIR" '[81]' 'ktls = off'
	wrong 4 '[81] has no certificate' 'or tls = off'
	conf '[80]' "cert = $CERTS/ca.pem"
	wrong 2 "cert: certificate $CERTS/ca.pem has no private key"
	conf '[80]' "key = $CERTS/key.pem"
	wrong 2 'key: its certificate is not named: add cert = FILE'
	conf '[80]' "1.cert = $CERTS/ca.pem" "2.key = $CERTS/key.pem"
	wrong 3 '2.key: its certificate is not named: add 2.cert = FILE'
}

@test "all mistakes are told, each once; a helper tells the first, and that there are more" {
	conf "$PAIR" 'ktls = on' 'ring = fast' '[web]' '[81]' 'rx = x'
	check 78 x.conf
	[ "${#stderr_lines[@]}" -eq 4 ]
	port=$(free_port)
	KTLSHIM_CONF=$DIR/x.conf LD_PRELOAD=$LIB \
		"$BUILD/tests/apps/acceptor" "$port" block >out 2>err 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 test -s out
	cat out err
	grep -q '^bind: EINVAL' out
	[ "$(wc -l <err)" -eq 1 ]
	grep -qF 'x.conf:3: ktls: bad value "on": want auto, off or require (and 3 more; ktlshim check shows them)' err
	# what two listeners inherit
	conf "$PAIR" 'VerifyCAFile = none.pem' '[80]' 'ktls = off'
	wrong 3 'VerifyCAFile: cannot use' 'No such file'
}

# ---- certificates

# serve CERT KEY: a file with this pair
serve() {
	conf "cert = $CERTS/$1" "key = $CERTS/$2"
}

@test "certificates: key match, order of the chain" {
	serve ca.pem rsa.key
	wrong 2 "key: key $CERTS/rsa.key does not belong to certificate $CERTS/ca.pem"
	serve disorder.pem leaf.key
	check 1 x.conf
	[ "${#stderr_lines[@]}" -eq 2 ]
	[[ $stderr == *"warning: certificate 2 in $CERTS/disorder.pem has not issued number 1; the order is"* ]]
	[[ $stderr == *"certificate 3 in $CERTS/disorder.pem has not issued number 2"* ]]
}

@test "certificates: expired, not yet valid, soon" {
	serve past.pem key.pem
	check 1 x.conf
	[[ $stderr == "ktlshim: warning: certificate in $CERTS/past.pem expired on 2002-03-04 05:06:07 UTC; clients will refuse it" ]]
	serve future.pem key.pem
	check 1 x.conf
	[[ $stderr == *"is not valid before 2090-01-02 03:04:05 UTC"* ]]
	serve soon.pem key.pem
	check 1 x.conf
	[[ $stderr == *"expires in 4 days"* ]]
	cat "$CERTS/leaf.pem" "$CERTS/past.pem" >chain.pem
	conf 'cert = chain.pem' "key = $CERTS/leaf.key"
	check 1 x.conf
	[[ $stderr == *"chain.pem expired on 2002"* ]]
}

@test "certificates: permissions" {
	cp "$CERTS/ca.pem" "$CERTS/key.pem" .
	conf 'cert = ca.pem' 'key = key.pem'
	chmod 644 ca.pem
	chmod 640 key.pem
	check 0 x.conf
	chmod 644 key.pem
	check 1 x.conf
	[[ $stderr == "ktlshim: warning: key $DIR/key.pem is readable by everybody; chmod o-r" ]]
	chmod 600 key.pem
	chmod 646 ca.pem
	check 1 x.conf
	[[ $stderr == *"$DIR/ca.pem is writable by everybody; chmod o-w" ]]
}
