#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# reload.bats - new settings and certificates while connections go on
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # stderr is set by bats
load ../helpers
load ../servers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	conf_setup
	umask 077
	mkdir d
}

teardown() {
	common_teardown
}

# mkcert NUMBER [DIRECTORY]: hNUMBER.pem for hNUMBER.example
mkcert() {
	"$BUILD/tests/apps/mkcerts" "${2:-.}" "$1" "$1"
}

# Of the same name, another one: its serial number differs.
serve() { # LINE...: an acceptor with these settings
	serve_conf "$@"
	helper=$(helper_pid "$port")
}

# subject [OPTION...]: the name in the certificate that s_client is given
subject() {
	timeout 20 openssl s_client -connect "127.0.0.1:$port" "$@" \
		</dev/null 2>/dev/null | sed -n 's/^subject=CN = //p'
}

serves() { # SUBJECT [OPTION...]
	[ "$(subject "${@:2}")" = "$1" ]
}

reloads() { # how often it has
	grep -c '^ktlshim: reloaded: ' ktlshim.log || true
}

# hup: tell the helper, wait until it has read, or refused
hup() {
	local before
	before=$(grep -cE '^ktlshim: (reloaded|not reloaded):' ktlshim.log || true)
	kill -HUP "$helper"
	wait_until 20 said_more "$before"
}

said_more() {
	[ "$(grep -cE '^ktlshim: (reloaded|not reloaded):' ktlshim.log)" -gt "$1" ]
}

@test "SIGHUP: a new certificate, and connections go on" {
	mkcert 1
	mkcert 2
	cp h1.pem site.pem
	www
	head -c "$BULK" /dev/urandom >www/bulk
	conf 'cert = site.pem'
	start_tls python "$port" /usr/bin/python3 -m http.server -d www \
		--bind 127.0.0.1 "$port"
	helper=$(helper_pid "$port")
	serves h1.example
	curl -sS --max-time 60 --cacert h1.pem --limit-rate $((BULK / 3)) -o out \
		--connect-to "::127.0.0.1:$port" "https://h1.example:$port/bulk" \
		3>&- &
	transfer=$!
	wait_until 20 test -s out
	cp h2.pem site.pem
	hup
	serves h2.example
	wait "$transfer"
	cmp out www/bulk
	[ "$(helper_pid "$port")" = "$helper" ]
	grep 'reloaded: 1 certificates, 1 of them read anew' ktlshim.log
	assert_path
}

@test "a handshake that is under way is finished" {
	mkcert 1
	mkcert 2
	cp h1.pem site.pem
	serve 'cert = site.pem'
	cat >slow.py <<-'EOF'
	import socket, ssl, sys
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.check_hostname = False
	c.verify_mode = ssl.CERT_NONE
	into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
	tls = c.wrap_bio(into, out, server_hostname="h1.example")
	s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
	def flush():
	    s.sendall(out.read())
	def step(call):
	    while True:
	        try:
	            return call()
	        except ssl.SSLWantReadError:
	            flush()
	            into.write(s.recv(65536))
	try:
	    tls.do_handshake()
	except ssl.SSLWantReadError:
	    hello = out.read()
	if sys.argv[2] == "early": # in the middle of the ClientHello
	    s.sendall(hello[:50])
	    print("half", flush=True)
	    sys.stdin.readline()
	    s.sendall(hello[50:])
	else: # before Finished
	    s.sendall(hello)
	    into.write(s.recv(65536))
	    print("half", flush=True)
	    sys.stdin.readline()
	step(tls.do_handshake)
	flush()
	assert step(lambda: tls.read(10)) == b"hi\n"
	print("done")
	EOF
	mkfifo go
	for when in early late; do
		timeout 60 python3 -B slow.py "$port" $when >out 2>&1 <go 3>&- &
		client=$!
		exec 5>go
		wait_until 20 grep -q half out
		cp h2.pem site.pem
		hup
		echo >&5
		wait "$client" || { cat out; return 1; }
		exec 5>&-
		grep 'done' out
	done
	serves h2.example
}

@test "no connection is lost while it reloads and reloads" {
	mkcert 1 d
	mkcert 2 d
	serve 'cert = d'
	bash -c 'while kill -HUP '"$helper"' 2>/dev/null; do
		touch d/h1.pem; sleep 0.02; done' 3>&- &
	PIDS+=("$!")
	cat >many.py <<-'EOF'
	import socket, ssl, sys
	c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
	c.check_hostname = False
	c.verify_mode = ssl.CERT_NONE
	for i in range(int(sys.argv[2])):
	    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
	    t = c.wrap_socket(s, server_hostname="h%d.example" % (i % 3))
	    assert t.recv(10) == b"hi\n" and t.recv(10) == b""
	EOF
	timeout 100 python3 -B many.py "$port" 300
	[ "$(reloads)" -ge 10 ]
	run ! grep 'not reloaded' ktlshim.log
}

@test "ktlshim reload: all helpers of the user, one by its number, nobody's" {
	mkcert 1
	mkcert 2
	cp h1.pem site.pem
	serve 'cert = site.pem'
	cp h2.pem site.pem
	run -0 "$KTLSHIM" reload "$helper"
	[ "$output" = "helper $helper reloads" ]
	wait_until 20 serves h2.example
	cp h1.pem site.pem
	run -0 "$KTLSHIM" reload
	[[ $output == *"helper $helper reloads"* ]]
	wait_until 20 serves h1.example
	run -1 "$KTLSHIM" reload $$
	[[ $output == "ktlshim: $$: this is no helper's number; see pgrep ktlshim-helper" ]]
	run -64 "$KTLSHIM" reload x
	run -64 "$KTLSHIM" reload -- -1
	[ "$(id -u)" -eq 0 ] || return 0
	chmod 711 "$BATS_RUN_TMPDIR" 2>/dev/null || true
	cp "$KTLSHIM" "$BATS_RUN_TMPDIR/ktlshim"
	chmod 755 "$BATS_RUN_TMPDIR/ktlshim"
	run -1 setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$BATS_RUN_TMPDIR/ktlshim" reload
	[[ $output == *"no helper is running that this user may tell; others' are: try as root" ]]
}

# ---- by itself

@test "watched: a file that is replaced, or written in place" {
	mkcert 1
	mkcert 2
	mkcert 3
	cp h1.pem site.pem
	serve 'cert = site.pem'
	serves h1.example
	mv h2.pem site.pem
	wait_until 20 serves h2.example
	cat h3.pem >site.pem
	wait_until 20 serves h3.example
	run ! grep -E 'not reloaded|belong' ktlshim.log
}

@test "watched: certificate first, key later; nobody sees the moment between" {
	mkcert 1
	mkcert 2
	split() { # NUMBER
		sed '/PRIVATE KEY-----$/,/PRIVATE KEY-----$/!d' "h$1.pem" >"$1.key"
		sed '/BEGIN CERT/,$!d' "h$1.pem" >"$1.pem"
	}
	split 1
	split 2
	cp 1.pem site.pem
	cp 1.key site.key
	serve 'cert = site.pem'
	serves h1.example
	cp 2.pem site.pem
	serves h1.example
	sleep 1.5 # longer than it waits for quiet: it has tried
	serves h1.example
	cp 2.key site.key
	wait_until 20 serves h2.example
	run ! grep 'does not belong' ktlshim.log
	# and when the other half does not come, it is told, once
	cp 1.pem site.pem
	wait_until 20 grep -q "ktlshim.conf:1: cert: key .*site.key does not belong to certificate .*site.pem" ktlshim.log
	serves h2.example
	sleep 1
	[ "$(grep -c 'does not belong' ktlshim.log)" -eq 1 ]
	cp 1.key site.key
	wait_until 20 serves h1.example
}

@test "watched: links as certbot makes them, links of directories as Kubernetes does" {
	mkdir -p archive live/site v1 v2
	mkcert 1 archive
	mkcert 2 archive
	mkcert 3 v1
	mkcert 4 v2
	cp v1/h3.pem v1/tls.pem
	cp v2/h4.pem v2/tls.pem
	ln -s v1 ..data
	ln -s ../../archive/h1.pem live/site/fullchain.pem
	ln -s ..data/tls.pem tls.pem
	serve 1.cert=live 2.cert=tls.pem
	serves h1.example
	serves h3.example -servername h3.example
	ln -s ../../archive/h2.pem live/site/new
	mv live/site/new live/site/fullchain.pem
	wait_until 20 serves h2.example
	ln -s v2 ..new
	mv -T ..new ..data
	wait_until 20 serves h4.example -servername h4.example
	# what a link points to now is watched as well
	mkcert 5 v2
	cp v2/h5.pem v2/tls.pem
	wait_until 20 serves h5.example -servername h5.example
}

@test "watched: files come to a directory, go, and are wrong" {
	mkcert 1 d
	serve 'cert = d'
	serves h1.example -servername h2.example
	mkcert 2 d
	wait_until 20 serves h2.example -servername h2.example
	# one that is wrong is told of and left out; others come all the same
	echo nonsense >d/h3.pem
	mkcert 4 d
	wait_until 20 serves h4.example -servername h4.example
	wait_until 20 grep -q "certificate $DIR/d/h3.pem holds no PEM certificate" ktlshim.log
	# one that becomes wrong stays as it was
	before=$(reloads)
	echo nonsense >d/h2.pem
	wait_until 20 grep -q "certificate $DIR/d/h2.pem holds no PEM certificate" ktlshim.log
	serves h2.example -servername h2.example
	sleep 1
	[ "$(reloads)" -le $((before + 3)) ] # and all is quiet
	mkcert 2 d
	mkcert 3 d
	wait_until 20 serves h3.example -servername h3.example
	rm d/h4.pem
	wait_until 20 serves h1.example -servername h4.example
	serves h2.example -servername h2.example
}

@test "watched: the configuration file and what it includes" {
	mkcert 1
	mkcert 2
	mkdir more.d
	serve 'cert = h1.pem' '.include = more.d'
	serves h1.example -tls1_2
	echo 'MinProtocol = TLSv1.3' >more.d/a.conf
	wait_until 20 not_served -tls1_2
	serves h1.example -tls1_3
	conf "[$port]" 'cert = h2.pem'
	wait_until 20 serves h2.example -tls1_2
}

not_served() {
	[ -z "$(subject "$@")" ]
}

# ---- what is wrong

@test "wrong settings keep the old ones, and are told with file and line" {
	mkcert 1
	mkcert 2
	serve 'cert = h1.pem'
	conf 'cert = h2.pem' 'ktls = perhaps'
	hup
	grep "$DIR/ktlshim.conf:2: ktls: bad value \"perhaps\": want auto, off or require" ktlshim.log
	grep 'not reloaded: settings and certificates stay as they were' ktlshim.log
	serves h1.example
	conf 'nonsense'
	hup
	rm ktlshim.conf
	hup
	conf 'cert = none.pem'
	hup
	serves h1.example
	grep "cannot read certificate $DIR/none.pem" ktlshim.log
	# the same certificate, but nobody could use it any more
	conf 'cert = h1.pem' 'CipherString = DEFAULT@SECLEVEL=4'
	hup
	serves h1.example
	grep "h1.pem cannot be used: ee key too small" ktlshim.log
	[ "$(reloads)" -eq 0 ]
	conf 'cert = h2.pem'
	hup
	serves h2.example
}

@test "an open port does not become plaintext" {
	mkcert 1
	mkcert 2
	serve 'cert = h1.pem'
	conf 'cert = h2.pem' "[$port]" 'tls = off'
	hup
	grep "port $port would be plaintext: restart the daemon" ktlshim.log
	serves h1.example
	# another is plaintext as soon as it opens
	other=$(free_port)
	conf 'cert = h2.pem' "[$other]" 'tls = off'
	hup
	serves h2.example
}

@test "settings that change: for listeners, for the daemon; the log's file" {
	mkcert 1
	serve 'cert = h1.pem' 'ktls = off' 'ring = auto' 'handshake_timeout = 3600'
	serves h1.example
	exec 6<>"/dev/tcp/127.0.0.1/$port"
	conf 'cert = h1.pem' 'MaxProtocol = TLSv1.2' 'sni = strict' \
		'handshake_timeout = 1' 'ring = epoll' 'workers = 7'
	# as logrotate does
	mv ktlshim.log ktlshim.log.1
	kill -HUP "$helper"
	wait_until 20 grep -qs 'workers: takes effect when the daemon is restarted' ktlshim.log
	grep -q 'ring: takes effect when the daemon is restarted' ktlshim.log
	serves h1.example -servername h1.example
	not_served -tls1_3 -servername h1.example
	not_served
	grep -q " to port $port: TLSv1.2 .* $KTLSHIM_TEST_PATH" ktlshim.log
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	# the new one, and the one that would have had an hour and stood before it
	timeout 10 cat <&5
	timeout 10 cat <&6
	[ "$(cat ktlshim.log.1 ktlshim.log | grep -c 'the handshake took too long')" -eq 2 ]
	exec 5>&- 6>&-
}

@test "an environment alone is reloaded, too" {
	mkcert 1
	mkcert 2
	cp h1.pem site.pem
	unset KTLSHIM_CONF
	KTLSHIM_CERT=site.pem start a "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
	serves h1.example
	cp h2.pem site.pem
	wait_until 20 serves h2.example
}

# ---- how much it takes

@test "1,000 reloads: neither memory nor descriptors" {
	local n=1000 step=100
	[ "$KTLSHIM_TEST_PATH" = relayed ] || n=100 step=10
	"$BUILD/tests/apps/mkcerts" d 1 9
	serve 'cert = d'
	cat >hups.py <<-'EOF'
	import glob, os, sys, time, signal
	pid, n, step = map(int, sys.argv[1:])
	def used():
	    rss = [l for l in open("/proc/%d/status" % pid) if "VmRSS" in l][0]
	    return int(rss.split()[1]), len(os.listdir("/proc/%d/fd" % pid))
	def done():
	    return open("ktlshim.log").read().count("reloaded:")
	for i in range(1, n + 1):
	    for f in glob.glob("d/*.pem"):
	        os.utime(f)
	    open("ktlshim.log", "w").close()
	    os.kill(pid, signal.SIGHUP)
	    end = time.monotonic() + 20
	    while not done():
	        assert time.monotonic() < end
	        time.sleep(0.0005)
	    if i == step:
	        before = used()
	after = used()
	print(before, after)
	assert after[0] - before[0] < 1000, "KB"
	assert after[1] - before[1] <= 1
	EOF
	timeout 110 python3 -B hups.py "$helper" $n $step
	serves h9.example -servername h9.example
	# and those that fail
	conf 'cert = none.pem'
	timeout 60 python3 -B hups.py "$helper" $((n / 5)) $((step / 5))
}

@test "1,000 certificates reload in 2 s, and one of them at once" {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || skip "a virtual machine is slow"
	"$BUILD/tests/apps/mkcerts" d 1 1000
	serve 'cert = d'
	ticks() { # 10 ms of processor each: others may be busy here
		awk '{ print $14 + $15 }' "/proc/$helper/stat"
	}
	before=$(ticks)
	"$BUILD/tests/apps/mkcerts" d 1 1000
	wait_until 20 grep -q 'reloaded: 1000 certificates, 1000 of' ktlshim.log
	all=$(($(ticks) - before))
	sleep 1 # the look that follows
	before=$(ticks)
	mkcert 500 d
	wait_until 20 grep -q 'reloaded: 1000 certificates, 1 of' ktlshim.log
	one=$(($(ticks) - before))
	echo "all: $all ticks, one: $one"
	[ "$all" -lt 200 ]
	[ "$one" -lt 20 ]
}
