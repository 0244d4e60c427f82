# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# prosody: Lua, one thread; for starttls.bats. Its own TLS is not there.
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/prosody:$UNPACKED/prosody/usr/bin/prosody" lua5.4:lua5.4
	lua-expat:/usr/lib/x86_64-linux-gnu/lua/5.4/lxp.so
	lua-socket:/usr/lib/x86_64-linux-gnu/lua/5.4/socket/core.so
	lua-sec:/usr/lib/x86_64-linux-gnu/lua/5.4/ssl.so
	lua-filesystem:/usr/lib/x86_64-linux-gnu/lua/5.4/lfs.so
	go-sendxmpp:go-sendxmpp)

daemon_version() { unpacked_version prosody; }

daemon_start() {
	local name
	make_root prosody prosody
	mkdir -p data/localhost/accounts
	for name in one two; do
		echo "return { password = \"secret\" }" \
			>"data/localhost/accounts/$name.dat"
	done
	cat >"$ROOT/etc/prosody/prosody.cfg.lua" <<-EOT
	run_as_root = true
	data_path = "$DIR/data"
	pidfile = "$DIR/prosody.pid"
	log = { info = "*console" }
	modules_enabled = { "saslauth", "roster", "message", "offline" }
	modules_disabled = { "tls", "s2s" }
	interfaces = { "127.0.0.1" }
	c2s_ports = { $1 }
	c2s_require_encryption = false
	allow_unencrypted_plain_auth = true
	authentication = "internal_plain"
	VirtualHost "localhost"
	EOT
	start prosody "$1" in_root -- "$KTLSHIM" run -- /usr/bin/prosody -F
}
