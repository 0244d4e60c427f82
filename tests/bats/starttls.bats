#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# starttls.bats - protocols that begin in plaintext; what of it reaches the daemon
#
# The daemons of tests/daemons are started with KTLSHIM_STARTTLS and asked by
# clients that use STARTTLS, below; they come with `daemon NAME`, by which tests/run
# knows what to install.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # port comes from setup
# shellcheck disable=SC2034 # DAEMON_NEEDS is for daemon_missing
# shellcheck disable=SC2028 # the escapes are for greeter.py
load ../matrix
load ../packages
load ../tunnel
load ../mail
load ../ftp

bats_require_minimum_version 1.5.0

readonly TEXT='smtp imap pop3 ftp' BINARY='postgres ldap xmpp'

setup_file() { matrix_setup_file; }

setup() {
	matrix_setup
}

teardown() {
	matrix_teardown
}

# greeting PROTOCOL: of a daemon
greeting() {
	case $1 in
	smtp) echo '220-first\r\n220 second\r\n' ;;
	imap) echo '* OK [CAPABILITY IMAP4rev1] daemon\r\n' ;;
	pop3) echo '+OK daemon <1@host>\r\n' ;;
	ftp) echo '120 wait\r\n220-first\r\n second\r\n220 third\r\n' ;;
	esac
}

# greeter PROTOCOL [GREETING [OPTION...]]: sets port, and targets for the client
greeter() {
	port=$(free_port)
	targets=("$1:$port")
	KTLSHIM_STARTTLS=$1 start_tls greeter "$port" \
		python3 -B "$TOP/tests/apps/greeter.py" "${@:3}" "$port" \
		"${2-$(greeting "$1")}"
}

# The same, with a port for each protocol; sets ports, too.
greeters() {
	local protocol args=()
	declare -gA ports=()
	targets=()
	{
		echo "cert = $CERTS/ca.pem"
		echo "key = $CERTS/key.pem"
		for protocol in $TEXT $BINARY; do
			port=$(free_port)
			ports[$protocol]=$port
			targets+=("$protocol:$port")
			args+=("$port" "$(greeting "$protocol")")
			printf '[%s]\nstarttls = %s\n' "$port" "$protocol"
		done
	} >x.conf
	unset KTLSHIM_CERT KTLSHIM_KEY
	KTLSHIM_CONF=$DIR/x.conf start_tls greeter "${args[0]}" \
		python3 -B "$TOP/tests/apps/greeter.py" "${args[@]}"
}

client() { # MODES [TARGET...]
	timeout 60 python3 -B "$TOP/tests/apps/starttls.py" "$CERTS/ca.pem" "$1" \
		"${@:2}" "${targets[@]}"
}

# Each line about a client of these took the path it has to.
assert_starttls_path() {
	local protocol want
	for protocol in "${!ports[@]}"; do
		want=$KTLSHIM_TEST_PATH
		case " $TEXT " in
		*" $protocol "*)
			want="relayed (the daemon's greeting is to be taken away)" ;;
		esac
		grep "to port ${ports[$protocol]}: TLSv" ktlshim.log >paths
		run ! grep -vF " $want" paths
	done
}

# ---- all protocols, by one client

@test "STARTTLS: the daemon hears what is said in TLS, the client no greeting; byte by byte, too" {
	greeters
	client start,bytes
	[ "$(cat heard)" = "$(yes $'hello\r' | head -n 14)" ]
	assert_starttls_path
}

@test "commands behind STARTTLS, in its segment or the next: no handshake, nothing reaches the daemon" {
	greeters
	client inject1,inject2
	[ "$(grep -c 'no TLS: the client does not speak TLS' ktlshim.log)" -eq 14 ]
	run ! grep -q 'TLSv1' ktlshim.log
	[ ! -s heard ]
	# the same clients get through without them
	client start
	[ -s heard ]
}

@test "a password before TLS is refused and does not reach the daemon; lines without end" {
	greeters
	client login,long
	[ "$(grep -c 'no TLS: .*too much was said' ktlshim.log)" -eq 6 ]
	[ "$(grep -c 'no TLS: the client starts a session' ktlshim.log)" -eq 2 ]
	run ! grep -q 'secret\|c2VjcmV0' heard ktlshim.log
	[ "$(cat heard)" = "$(yes $'hello\r' | head -n 5)" ]
}

@test "silence: ended in the time of a handshake" {
	KTLSHIM_HANDSHAKE_TIMEOUT=1 greeters
	targets=("${targets[0]}" "${targets[5]}")
	client silent
	[ "$(grep -c 'no TLS: the handshake took too long' ktlshim.log)" -eq 2 ]
}

@test "TLS at once: where the client speaks first, as PostgreSQL 17 does" {
	greeters
	run client tls
	[ "$(grep -cx 'no TLS' <<<"$output")" -eq 4 ]
	[ "$(grep -cx TLS <<<"$output")" -eq 3 ]
	[ "$(cat heard)" = "$(yes $'hello\r' | head -n 3)" ]
}

s_client() { # PROTOCOL
	local more=()
	[ "$1" != xmpp ] || more=(-xmpphost localhost)
	echo "$1"
	mkfifo "in.$1"
	timeout 30 openssl s_client -starttls "$1" "${more[@]}" \
		-connect "127.0.0.1:${ports[$1]}" -CAfile "$CERTS/ca.pem" \
		-verify_return_error -brief <"in.$1" >"out.$1" 2>"err.$1" 3>&- &
	pid=$!
	exec 5>"in.$1"
	echo hello >&5
	wait_until 20 grep -q '^heard hello$' "out.$1"
	exec 5>&-
	wait "$pid"
}

@test "openssl s_client -starttls, each protocol" {
	greeters
	for protocol in $TEXT $BINARY; do
		s_client "$protocol"
	done
}

# ---- greetings

@test "a daemon's refusal reaches the client" {
	greeter smtp '421 too busy\r\n'
	run client start 
	[[ $output == *"not the first thing: b'421 too busy"* ]]
	greeter imap '*| |BY|E go away\r\n'
	run client start
	[[ $output == *"not the first thing: b'* BYE go away"* ]]
}

@test "a greeting in pieces; one without end" {
	greeter smtp '2|20-first\r|\n220-220 x\r\n220| last\r|\n'
	client start
	greeter ftp "220-$(printf %070000d 0)"
	run ! client start
	grep -q "to port $port: the daemon's greeting has no end" ktlshim.log
}

@test "a daemon that sends clients away who do not wait for its greeting" {
	greeter smtp '220 hello\r\n' -q
	client start
	[ "$(cat heard)" = $'hello\r' ]
}

@test "plaintext = allow does not let anybody on without TLS" {
	export KTLSHIM_PLAINTEXT=allow
	greeter smtp
	client inject1,inject2
	client start
	[ "$(cat heard)" = $'hello\r' ]
	run ! grep -q "to port $port: plaintext" ktlshim.log
}

@test "who speaks it at a reload goes on; the next speaks another" {
	export KTLSHIM_CONF=$DIR/x.conf
	unset KTLSHIM_CERT KTLSHIM_KEY
	printf '%s\n' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" \
		'starttls = smtp' >x.conf
	port=$(free_port)
	start_tls greeter "$port" python3 -B "$TOP/tests/apps/greeter.py" \
		"$port" '220 a\r\n'
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	read -r -t 20 -u 5 line
	[[ $line == 220* ]]
	sed -i s/smtp/pop3/ x.conf
	kill -HUP "$(helper_pid "$port")"
	exec 6<>"/dev/tcp/127.0.0.1/$port"
	read -r -t 20 -u 6 line
	[[ $line == '+OK '* ]]
	printf 'STARTTLS\r\n' >&5
	read -r -t 20 -u 5 line
	[[ $line == '220 2.0.0 '* ]]
	exec 5>&- 6>&-
}

@test "settings: what is allowed; ktls = require where connections are relayed" {
	run --separate-stderr env KTLSHIM_STARTTLS=http "$KTLSHIM" check
	[ "$status" -eq 78 ]
	[[ $stderr == *'KTLSHIM_STARTTLS: bad value "http": want off, smtp, imap, pop3, ftp, postgres, ldap or xmpp' ]]
	printf '%s\n' "cert = $CERTS/ca.pem" "key = $CERTS/key.pem" \
		'ktls = require' '[110]' 'starttls = pop3' '[389]' 'starttls = ldap' \
		>x.conf
	unset KTLSHIM_CERT KTLSHIM_KEY
	run --separate-stderr "$KTLSHIM" check x.conf
	[ "$status" -eq 78 ]
	[ "$stderr" = "ktlshim: $DIR/x.conf:5: starttls: not together with ktls = require: connections are relayed" ]
}

# ---- real daemons and their clients

# As that of tests/matrix.bash, with another check.
daemon() { # NAME
	local missing
	not_sanitized 'is more than some daemons bear'
	NAME=$1
	DAEMON_NEEDS=()
	daemon_stop() { default_stop; }
	# shellcheck disable=SC1090 # one of many
	. "$DAEMONS/$NAME.bash"
	missing=$(daemon_missing)
	[ -z "$missing" ] || skip "$missing is not installed"
	# what starts it reads these
	export KTLSHIM_STARTTLS
	case $NAME in
	exim | postfix) KTLSHIM_STARTTLS=smtp ;;
	dovecot) KTLSHIM_STARTTLS=imap ;;
	dovecot_pop3) KTLSHIM_STARTTLS=pop3 ;;
	vsftpd | pure_ftpd) KTLSHIM_STARTTLS=ftp ;;
	postgresql) KTLSHIM_STARTTLS=postgres ;;
	slapd) KTLSHIM_STARTTLS=ldap ;;
	prosody) KTLSHIM_STARTTLS=xmpp ;;
	esac
	daemon_start "$port"
	declare -gA ports=(["$KTLSHIM_STARTTLS"]="$port")
	"check_$NAME"
	assert_starttls_path
	daemon_stop
	nothing_left
}

ssl_curl() { # ARG...
	tcurl --ssl-reqd "$@"
}

# Python's modules for mail and FTP, each with a context that trusts our CA.
py() { # <PROGRAM
	CA=$CERTS/ca.pem PORT=$port timeout 60 python3 -B <(
		echo 'import ftplib, imaplib, os, poplib, smtplib, ssl'
		echo 'port = int(os.environ["PORT"])'
		echo 'context = ssl.create_default_context(cafile=os.environ["CA"])'
		cat
	)
}

@test "smtp: exim, which wants clients to wait; curl, swaks" { daemon exim; }
check_exim() {
	ssl_curl "smtp://localhost:$port/client.example" -T big.eml \
		--mail-from a@example --mail-rcpt two@example
	timeout 60 swaks --server 127.0.0.1 --port "$port" -tls --tls-verify \
		--tls-ca-path "$CERTS/ca.pem" --tls-sni localhost \
		--from a@example --to one@example --data \
		"Subject: $MARKER\n\nbody $MARKER\n" >swaks.out
	run ! timeout 60 swaks --server 127.0.0.1 --port "$port" \
		--from a@example --to three@example
	[[ $output == *'530 5.7.0'* ]]
	# in the segment of the handshake's end, or the next
	py <<-EOT
	for _ in range(5):
	    s = smtplib.SMTP("localhost", port, timeout=30)
	    s.docmd("STARTTLS")
	    with context.wrap_socket(s.sock, server_hostname="localhost") as tls:
	        tls.sendall(b"EHLO client.example\r\n")
	        answer = tls.recv(1000)
	        assert answer.startswith(b"250-"), answer
	EOT
	wait_until 30 big_is_in two
	wait_until 30 small_is_in one
	[ ! -e mail/three ]
}

@test "smtp: postfix; Python" { daemon postfix; }
check_postfix() {
	py <<-EOT
	with smtplib.SMTP("localhost", port, timeout=30) as s:
	    s.starttls(context=context)
	    s.sendmail("a@example", ["one@example"],
	               "Subject: $MARKER\r\n\r\nbody $MARKER\r\n")
	EOT
	wait_until 30 small_is_in one
}

@test "imap: dovecot; curl, Python" { daemon dovecot; }
check_dovecot() {
	ssl_curl -T big.eml "imap://user1:secret@localhost:$port/INBOX"
	ssl_curl "imap://user1:secret@localhost:$port/INBOX;MAILINDEX=1" >fetched
	cmp fetched big.eml
	py <<-EOT
	with imaplib.IMAP4("localhost", port, timeout=30) as s:
	    try:
	        s.login("user1", "secret")
	        raise SystemExit("a login without TLS")
	    except imaplib.IMAP4.error as e:
	        assert "PRIVACYREQUIRED" in str(e) or "STARTTLS" in str(e), e
	    s.starttls(context)
	    s.login("user1", "secret")
	    assert s.select() == ("OK", [b"1"])
	EOT
	run ! tcurl "imap://user1:secret@localhost:$port/INBOX"
}

@test "pop3: dovecot; curl, Python" { daemon dovecot_pop3; }
check_dovecot_pop3() {
	mkdir -p mail/user1/Maildir/{new,cur,tmp}
	cp big.eml mail/user1/Maildir/new/1.host
	chown -R nobody mail/user1
	ssl_curl "pop3://user1:secret@localhost:$port/1" >fetched
	cmp fetched big.eml
	py <<-EOT
	s = poplib.POP3("localhost", port, timeout=30)
	s.stls(context=context)
	s.user("user1")
	s.pass_("secret")
	assert s.stat()[0] == 1
	s.quit()
	EOT
}

check_ftpd() {
	tcurl --ftp-ssl-control "ftp://localhost:$port/marked" | cmp - marked
	py <<-EOT
	got = []
	with ftplib.FTP_TLS(context=context, timeout=30) as s:
	    s.connect("localhost", port)
	    s.login()
	    s.retrbinary("RETR marked", got.append)
	    try:
	        s.prot_p()
	        raise SystemExit("PROT P is not for us to promise")
	    except ftplib.error_perm:
	        pass
	assert b"".join(got) == open("marked", "rb").read()
	EOT
	# data connections can have no TLS, and who wants it is told
	run ! ssl_curl "ftp://localhost:$port/marked"
	grep -q "to port $port: TLSv1.3" ktlshim.log
}

@test "ftp: vsftpd; curl, Python" { daemon vsftpd; }
check_vsftpd() { check_ftpd; }

@test "ftp: pure-ftpd; curl, Python" { daemon pure_ftpd; }
check_pure_ftpd() { check_ftpd; }

psql_by() { # SSLMODE ARG...
	timeout 60 "$POSTGRESQL/psql" -X -q -A -t "host=localhost \
		hostaddr=127.0.0.1 port=$port user=someone dbname=postgres \
		sslmode=$1 sslrootcert=$CERTS/ca.pem" "${@:2}"
}

@test "postgres: psql" { daemon postgresql; }
check_postgresql() {
	[ "$(psql_by verify-full -c "SELECT '$MARKER', repeat('x', 100000)")" = \
		"$MARKER|$(printf %0100000d 0 | tr 0 x)" ]
	run psql_by disable -c 'SELECT 1'
	[ "$status" -eq 2 ]
	[[ $output == *'FATAL:  TLS is required'* ]]
	# nobody cancels without TLS: what PQcancel() sends
	printf '\0\0\0\x10\x04\xd2\x16\x2e12345678' |
		timeout 20 socat -t 10 - "TCP:127.0.0.1:$port"
	grep -q "to port $port: no TLS: a CancelRequest without TLS" ktlshim.log
}

@test "ldap: slapd; ldapsearch" { daemon slapd; }
check_slapd() {
	local LDAPTLS_CACERT=$CERTS/ca.pem
	export LDAPTLS_CACERT
	[ "$(timeout 60 ldapwhoami -x -ZZ -H "ldap://127.0.0.1:$port" \
		-D cn=admin,dc=example -w secret)" = dn:cn=admin,dc=example ]
	run timeout 60 ldapwhoami -x -H "ldap://127.0.0.1:$port" \
		-D cn=admin,dc=example -w secret
	[ "$status" -eq 13 ]
	[[ $output == *'StartTLS is required'* ]]
	# TLS at once is as good
	timeout 60 ldapsearch -x -LLL -H "ldaps://127.0.0.1:$port" -s base \
		-b '' namingContexts | cmp - <(
		printf 'dn:\nnamingContexts: dc=example\n\n')
}

xmpp() { # USER ARG...
	SSL_CERT_FILE=$CERTS/ca.pem timeout 60 go-sendxmpp -u "$1@localhost" \
		-p secret -j "localhost:$port" "${@:2}"
}

# shellcheck disable=SC2031
@test "xmpp: prosody; go-sendxmpp" { daemon prosody; }
check_prosody() {
	echo "$MARKER" | xmpp one two@localhost
	xmpp two -l >got 3>&- &
	PIDS+=("$!")
	wait_until 30 grep -q "$MARKER" got
}
