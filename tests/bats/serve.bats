#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# serve.bats - real servers, unmodified, answer real clients over TLS
#
# Each server, each client, one byte, 1 MB and as much as fills every buffer on
# the way, in both directions, TLS 1.3 and 1.2; then IPv4, IPv6 and both.
# shellcheck disable=SC2154 # DIR, BULK, CERTS, PID come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test has its own "port"
load ../helpers
load ../servers
load ../clients
setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
}
teardown() { common_teardown; }

# random.N: the files to send, and www/fN, the same to fetch
publish() {
	local n
	for n in "${SIZES[@]}"; do
		[ -d www ] || mkdir www
		ln "$(random_file "$n")" "www/f$n"
	done
}

# ---- python3 -m http.server, and the same with uploads

http_curl_get() { # N VERSION
	curl_get "$1" "$2" "https://localhost:$port/f$1" "$DIR/www/f$1"
}

http_s_client_get() { # N VERSION
	s_client_get localhost "$port" "$2" "/f$1" "$DIR/www/f$1"
}

@test "python http.server: downloads" {
	server_python "$port"
	publish
	for_each_transfer http_curl_get http_s_client_get
	assert_versions 5 4
}

python_curl_put() { # N VERSION
	curl_v "$2" -T "$DIR/random.$1" "https://localhost:$port/up" &&
		cmp www/up "$DIR/random.$1" && rm www/up
}

python_s_client_put() { # N VERSION
	s_client_send localhost "$port" "$2" 'PUT /up' "$1" "$DIR/random.$1" &&
		cmp www/up "$DIR/random.$1" && rm www/up
}

@test "python http.server with do_PUT: uploads" {
	server_put "$port"
	publish
	for_each_transfer python_curl_put python_s_client_put
	assert_versions 5 4
}

@test "python http.server with do_PUT: many requests on one connection" {
	server_put "$port"
	local n v file args
	publish
	for v in 1.3 1.2; do
		args=()
		for n in "${SIZES[@]}" "${SIZES[@]}"; do
			file=$DIR/random.$n
			[ "${#args[@]}" -eq 0 ] || args+=(--next)
			args+=(-sS --fail --cacert "$CERTS/ca.pem" "--tlsv$v"
				--tls-max "$v" -H Expect: --data-binary "@$file"
				-o "out.$v.$((${#args[@]}))" "https://localhost:$port/")
		done
		curl --max-time 60 "${args[@]}"
		# each answer is the file of its size, none is missing
		[ "$(find . -name "out.$v.*" | wc -l)" -eq 6 ]
		for file in out."$v".*; do
			cmp "$file" "random.$(stat -c %s "$file")"
		done
	done
	assert_versions 1 1
}

# ---- nginx

@test "nginx, 2 workers, sendfile: downloads" {
	server_nginx "$port"
	publish
	for_each_transfer http_curl_get http_s_client_get
	assert_versions 5 4
}

# The answer is the name of the file that the request's body is in.
nginx_curl_put() { # N VERSION
	local stored
	stored=$(curl_v "$2" -T "$DIR/random.$1" \
		"https://localhost:$port/upload/x") &&
		cmp "$stored" "$DIR/random.$1" && rm "$stored"
}

nginx_s_client_put() { # N VERSION
	local stored
	stored=$(s_client_send localhost "$port" "$2" 'PUT /upload/x' "$1" \
		"$DIR/random.$1") &&
		cmp "$stored" "$DIR/random.$1" && rm "$stored"
}

@test "nginx: uploads" {
	server_nginx "$port"
	publish
	for_each_transfer nginx_curl_put nginx_s_client_put
	assert_versions 5 4
}

# The client's key is for a group that is not wanted: HelloRetryRequest.
@test "nginx: a client that has to say hello twice, up and down" {
	export KTLSHIM_GROUPS=X25519
	server_nginx "$port"
	publish
	local groups retries
	for groups in P-384:X25519:2 X25519:P-384:1; do
		retries=${groups##*:}
		printf 'GET /f1000000 HTTP/1.0\r\n\r\n' | s_client 1.3 localhost \
			"$port" -groups "${groups%:*}" -msg -msgfile msg >answer
		[ "$(grep -c '^>>> TLS 1.3, Handshake.*ClientHello' msg)" -eq "$retries" ]
		http_body <answer | cmp - www/f1000000
		stored=$({
			printf 'PUT /upload/x HTTP/1.0\r\nContent-Length: 1000000\r\n\r\n'
			cat random.1000000
		} | s_client 1.3 localhost "$port" -groups "${groups%:*}" | http_body)
		cmp "$stored" random.1000000
	done
	assert_versions 4 0
}

@test "nginx: both workers serve, many at once, keep-alive" {
	server_nginx "$port"
	publish
	local i pids=()
	for i in 1 2 3 4 5 6; do
		curl_v 1.3 -o "out.$i.#1" \
			"https://localhost:$port/f1000000?[1-3]" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	for i in out.*; do
		cmp "$i" www/f1000000
	done
	[ "$(find . -name 'out.*' | wc -l)" -eq 18 ]
	assert_versions 6 0
}

# ---- redis

# curl sends one line and QUIT, and reads until redis closes
redis_curl() { # N VERSION
	gopher "$2" localhost "$port" "GET%20v$1%0d%0aQUIT" >out || return 1
	{
		resp_bulk "$1" "$DIR/random.$1"
		printf '+OK\r\n'
	} | cmp - out
}

redis_cli_set_get() { # N VERSION
	[ "$(redis_cli "$2" localhost "$port" -x SET "v$1" \
		<"$DIR/random.$1")" = OK ] &&
		redis_get localhost "$port" "$2" "v$1" "$DIR/random.$1"
}

# upload and download in one breath; QUIT makes the server close
redis_s_client() { # N VERSION
	{
		printf '*3\r\n'
		resp_bulk 3 <(printf SET)
		resp_bulk 1 <(printf k)
		resp_bulk "$1" "$DIR/random.$1"
		printf 'GET k\r\nQUIT\r\n'
	} | s_client "$2" localhost "$port" >out || return 1
	{
		printf '+OK\r\n'
		resp_bulk "$1" "$DIR/random.$1"
		printf '+OK\r\n'
	} | cmp - out
}

@test "redis-server: redis-cli and s_client, up and down" {
	server_redis "$port"
	publish
	for_each_transfer redis_cli_set_get redis_s_client
	assert_versions 8 7
}

@test "redis-server: curl, and a client that writes and reads at once" {
	server_redis "$port"
	publish
	local v
	for v in 1.3 1.2; do
		tls_client redis "$v" localhost "$port" "$DIR"/random.*
	done
	# these have stored v1, v1000000 and so on
	for_each_transfer redis_curl
	# a small upload by curl
	gopher 1.3 localhost "$port" "SET%20c%20from-curl%0d%0aQUIT" >out
	gopher 1.2 localhost "$port" "GET%20c%0d%0aQUIT" >out
	[ "$(sed -n 2p out)" = $'from-curl\r' ]
	assert_versions 5 5
}

# ---- busybox httpd

busybox_curl() { # N VERSION
	curl_v "$2" --data-binary "@$DIR/random.$1" -o out \
		"https://localhost:$port/cgi-bin/echo" && cmp out "$DIR/random.$1"
}

busybox_s_client() { # N VERSION
	s_client_send localhost "$port" "$2" 'POST /cgi-bin/echo' "$1" \
		"$DIR/random.$1" | cmp - "$DIR/random.$1"
}

@test "busybox httpd: downloads" {
	server_busybox "$port"
	publish
	for_each_transfer http_curl_get http_s_client_get
	assert_versions 5 4
}

@test "busybox httpd: a CGI program sends uploads back" {
	server_busybox "$port"
	publish
	for_each_transfer busybox_curl busybox_s_client
	assert_versions 5 4
}

# ---- a select() loop

echo_curl() { # N VERSION
	curl_echo localhost "$port" "$1" "$2"
}

echo_s_client() { # N VERSION
	s_client_echo localhost "$port" "$1" "$2"
}

@test "select_echo: curl, s_client, a client that writes and reads at once" {
	server_echo "$port"
	publish
	for_each_transfer echo_curl echo_s_client
	local v
	for v in 1.3 1.2; do
		tls_client echo "$v" localhost "$port" "$DIR"/random.*
	done
	assert_versions 6 5
}

@test "select_echo: one process serves many connections at once" {
	server_echo "$port"
	publish
	local i pids=()
	for i in 1 2 3 4; do
		tls_client echo "1.$((2 + i % 2))" localhost "$port" \
			"$DIR/random.1000000" "$DIR/random.1" 3>&- &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	assert_versions 2 2
}

# ---- address families

# families SERVER COMMAND...: on IPv4 only, on IPv6 only and on both at once;
# COMMAND HOST VERSION must work where the server listens, nothing elsewhere.
families() {
	local server=$1 address v n=0
	shift
	for address in 127.0.0.1 ::1 ::; do
		port=$(free_port)
		"$server" "$port" "$address"
		echo "$server $address"
		# on :: one listener must do; redis opens one for each family
		[ "$server" = server_redis ] ||
			[ "$(ss -Hltn "sport = :$port" | wc -l)" -eq 1 ]
		for v in 1.3 1.2; do
			for host in 127.0.0.1 '[::1]'; do
				if serves "$address" "$host"; then
					"$@" "$host" "$v"
					n=$((n + 1))
				else
					refuses "$host"
				fi
			done
		done
		stop
	done
	assert_path
	[ "$(count_path "$KTLSHIM_TEST_PATH")" -ge $n ]
}

# serves ADDRESS HOST: should a listener on ADDRESS be reached through HOST?
serves() {
	case $1 in
	127.0.0.1) [ "$2" = 127.0.0.1 ] ;;
	::1) [ "$2" = '[::1]' ] ;;
	esac
}

refuses() { # HOST
	local code=0
	curl -s "http://$1:$port/" || code=$?
	[ "$code" -eq 7 ] # cannot connect
}

http_hello() { # HOST VERSION
	[ "$(curl_v "$2" "https://$1:$port/index.txt")" = 'hello over TLS' ]
	s_client_get "$1" "$port" "$2" /index.txt www/index.txt
}

@test "python http.server: IPv4, IPv6, dual stack; it sees who asks" {
	families server_python http_hello
	port=$(free_port)
	server_python "$port"
	http_hello 127.0.0.1 1.3
	http_hello '[::1]' 1.2
	# another address than the server's own
	curl_v 1.3 --interface 127.0.0.7 "https://127.0.0.1:$port/index.txt"
	grep -q '^::ffff:127\.0\.0\.7 - - .*GET /index.txt' python.log
	grep -q '^::ffff:127\.0\.0\.1 - - .*GET /index.txt' python.log
	grep -q '^::1 - - .*GET /index.txt' python.log
}

@test "nginx: IPv4, IPv6, dual stack" {
	families server_nginx http_hello
}

@test "busybox httpd: IPv4, IPv6, dual stack" {
	families server_busybox http_hello
}

redis_hello() { # HOST VERSION
	local info
	[ "$(redis_cli "$2" "$1" "$port" SET k v)" = OK ]
	info=$(redis_cli "$2" "$1" "$port" CLIENT INFO)
	[[ " $info " == *" addr=$1:"* ]]
	[[ " $info " != *" addr=$1:$port "* ]]
	[[ " $info " == *" laddr=$1:$port "* ]]
}

@test "redis-server: IPv4, IPv6, both; it knows both addresses" {
	families server_redis redis_hello
}

echo_hello() { # HOST VERSION
	tls_client echo "$2" "$1" "$port" "$(random_file 1000)"
}

@test "select_echo: IPv4, IPv6, dual stack" {
	families server_echo echo_hello
}
