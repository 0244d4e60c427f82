#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# runtimes.bats - programs on Node.js and on the JVM
#
# Node.js matters because the program itself exports an OpenSSL of its own,
# which must not become ours; the JVM because its calls come from many threads.
# shellcheck disable=SC2154 # DIR, CERTS, BULK, PID come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test has its own "port"
load ../helpers
load ../servers
load ../clients
setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
	mkdir www
	local n
	for n in "${SIZES[@]}"; do
		ln "$(random_file "$n")" "www/f$n"
	done
	cp "$TOP/tests/apps/http_server.js" "$TOP/tests/apps/HttpServerApp.java" .
}
teardown() { common_teardown; }

need_node() {
	command -v node >/dev/null || skip "no Node.js"
}

need_java() {
	command -v java >/dev/null || skip "no Java"
	java --list-modules | grep -q '^jdk\.compiler' || skip "a JRE, no JDK"
}

server_node() { # PORT
	start_tls node "$1" node http_server.js "$1" www
}

# compiles, too: little of the JVM's own cleverness pays in a short life
server_java() { # PORT
	START_SECONDS=60 start_tls java "$1" java -XX:TieredStopAtLevel=1 \
		-XX:+UseSerialGC -Xshare:auto -Xmx256m HttpServerApp.java "$1" www
}

# download, upload, and both at once, each on a connection of its own
transfer() { # N VERSION
	local file=$DIR/random.$1
	curl_get "$1" "$2" "https://localhost:$port/f$1" "$file" || return 1
	rm -f www/up
	curl_v "$2" -T "$file" "https://localhost:$port/up" &&
		cmp www/up "$file" || return 1
	curl_v "$2" --data-binary "@$file" -o out "https://localhost:$port/x" &&
		cmp out "$file"
}

# several requests of every kind and size on one connection, both versions
keep_alive() {
	local v n
	for v in 1.3 1.2; do
		local args=() common=(-sS --fail --cacert "$CERTS/ca.pem"
			"--tlsv$v" --tls-max "$v" -H Expect:)
		for n in "${SIZES[@]}" 1; do
			[ ${#args[@]} -eq 0 ] || args+=(--next)
			args+=("${common[@]}" -o "get.$n"
				"https://localhost:$port/f$n"
				--next "${common[@]}" --data-binary
				"@random.$n" -o "post.$n"
				"https://localhost:$port/x")
		done
		curl --max-time 60 "${args[@]}"
		for n in "${SIZES[@]}"; do
			cmp "get.$n" "random.$n"
			cmp "post.$n" "random.$n"
		done
		rm get.* post.*
	done
}

@test "this node carries an OpenSSL of its own, and it is not ours" {
	need_node
	local node
	node=$(readlink -f "$(command -v node)")
	nm -D --defined-only "$node" | grep -qw EVP_DecryptInit_ex ||
		skip "this node uses a libcrypto from outside"
	server_node "$port"
	curl_v 1.3 "https://localhost:$port/f1" -o out
	cmp out random.1
	# ours is mapped beside it when there is something to decrypt
	if [ "$KTLSHIM_TEST_PATH" = direct ]; then
		grep -q '/libcrypto\.so\.3' "/proc/$PID/maps"
	fi
	[ "$(grep -c '/libssl' "/proc/$PID/maps")" -eq 0 ]
	assert_path
}

@test "Node.js: up and down, TLS 1.3 and 1.2" {
	need_node
	server_node "$port"
	for_each_transfer transfer
	assert_versions 9 9
}

@test "Node.js: many requests on one connection" {
	need_node
	server_node "$port"
	keep_alive
	assert_versions 1 1
}

# Its own TLS, as a client inside the upgraded program, goes on working.
@test "Node.js: its own OpenSSL does what it did" {
	need_node
	server_node "$port"
	cat >client.js <<-'END'
	'use strict';
	const https = require('https');
	const [port, ca] = process.argv.slice(2);
	https.get({port, host: 'localhost', path: '/f1000000',
		ca: require('fs').readFileSync(ca)}, (response) => {
		response.pipe(require('fs').createWriteStream('out'));
	});
	END
	timeout 60 "$KTLSHIM" run -- node client.js "$port" "$CERTS/ca.pem"
	cmp out random.1000000
	assert_versions 1 0
}

# libuv closes by the system call's number: no close() that we could see. The
# next descriptor has the number of the connection that is gone.
@test "Node.js: a number that was a connection and is a file now" {
	need_node
	cat >reuse.js <<-'END'
	'use strict';
	const fs = require('fs');
	const http = require('http');
	const [port, name] = process.argv.slice(2);
	http.createServer((request, response) => {
		const number = request.socket._handle.fd;
		request.socket.on('close', () => setTimeout(() => {
			const fd = fs.openSync(name);
			const buf = Buffer.alloc(3000000);
			let total = 0, n;
			try {
				while ((n = fs.readSync(fd, buf)) > 0)
					total += n;
			} catch (error) {
				total = error.code;
			}
			console.log(number === fd ? 'same' : 'other', total);
			fs.closeSync(fd);
		}, 50));
		response.setHeader('Connection', 'close');
		response.end('hello\n');
	}).listen(Number(port), '::');
	END
	start_tls reuse "$port" node reuse.js "$port" "$DIR/random.1000000"
	local v i=0
	for v in 1.3 1.2 1.3; do
		curl_v "$v" "https://localhost:$port/"
		i=$((i + 1))
		wait_until 20 lines_are reuse.log $i
	done
	cat reuse.log
	[ "$(grep -c ' 1000000$' reuse.log)" -eq 3 ]
	grep -q '^same ' reuse.log
	assert_path
}

lines_are() { # FILE N
	[ "$(wc -l <"$1")" -ge "$2" ]
}

# s_client insists on close_notify.
@test "Node.js and Java: a connection that they close ends cleanly" {
	need_node
	server_node "$port"
	s_client_get localhost "$port" 1.3 /f1000000 random.1000000
	s_client_get localhost "$port" 1.2 /f1 random.1
	need_java
	port=$(free_port)
	server_java "$port"
	s_client_get localhost "$port" 1.3 /f1000000 random.1000000
	s_client_get localhost "$port" 1.2 /f1 random.1
	assert_versions 2 2
}

@test "Java, com.sun.net.httpserver: up and down, TLS 1.3 and 1.2, keep-alive" {
	need_java
	server_java "$port"
	for_each_transfer transfer
	keep_alive
	assert_versions 10 10
}
