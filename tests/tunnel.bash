# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# tunnel.bash - clients of the daemon matrix for protocols other than HTTP
#
# tunnel for clients that speak no TLS, talk for dialogues of lines, and what a
# daemon needs that is not to be started by root.
# shellcheck disable=SC2154 # DIR, CERTS, BUILD, LIB, port come from matrix.bash

# tunnel VERSION: stunnel as a client of $port, for many connections; sets TUNNEL,
# the port to connect to without TLS. Ends what comes without close_notify by a
# reset.
tunnel() {
	local pid=${PID:-} name=tunnel.$1
	TUNNEL=$(free_port)
	cat >"$DIR/$name.conf" <<-EOT
	foreground = yes
	pid =
	debug = notice
	[client]
	client = yes
	accept = 127.0.0.1:$TUNNEL
	connect = 127.0.0.1:$port
	CAfile = $CERTS/ca.pem
	verifyChain = yes
	checkHost = localhost
	sslVersionMin = TLSv$1
	sslVersionMax = TLSv$1
	TIMEOUTclose = 1
	EOT
	start "$name" "$TUNNEL" stunnel4 "$DIR/$name.conf"
	PID=$pid
}

# talk VERSION <STEPS: see tests/apps/talk.py; a line for each step to stdout
talk() {
	timeout 60 /usr/bin/python3 -B "$TOP/tests/apps/talk.py" "$1" "$port" \
		"$CERTS/ca.pem"
}

# shim_for USER: what USER starts must be able to load the library; the checkout
# may be where they cannot get. KTLSHIM is then a copy.
shim_for() {
	local f copy=$DIR/shim
	! setpriv --reuid="$1" --clear-groups test -r "$LIB" || return 0
	mkdir -p "$copy"
	for f in ktlshim ktlshim-helper libktlshim.so; do
		cp "$BUILD/$f" "$copy/"
	done
	chmod -R a+rX "$copy"
	KTLSHIM=$copy/ktlshim
}

# key_for USER: a daemon that becomes USER before it opens its port needs a key
# that USER can read, and the shim, as the helper is started then.
key_for() {
	shim_for "$1"
	KTLSHIM_KEY=$DIR/key.$1.pem
	cp "$CERTS/key.pem" "$KTLSHIM_KEY"
	chown "$1" "$KTLSHIM_KEY"
}

# as_user USER DIRECTORY COMMAND...: COMMAND under the shim by an unprivileged
# user, to whom DIRECTORY is given as a home.
as_user() {
	local user=$1 home=$2
	shift 2
	key_for "$user"
	mkdir -p "$home"
	chown -R "$user" "$home"
	exec setsid env HOME="$home" setpriv --reuid="$user" --clear-groups \
		--regid="$(id -g "$user")" "$KTLSHIM" run -- "$@"
}
