# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# helpers.bash - what every test file loads
#
# A test starts programs with `start`, which waits until their port answers,
# and never has to stop them: teardown ends what was started, by pid, and shows
# their logs when the test has failed.
#
#   KTLSHIM_BUILD      where the build is (default: build/ of the checkout)
#   KTLSHIM_TEST_PATH  direct or relayed: which path connections must take
#                      here (default: what this kernel can do)

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${KTLSHIM_BUILD:-$TOP/build}
KTLSHIM=$BUILD/ktlshim
# shellcheck disable=SC2034 # for the test files
LIB=$BUILD/libktlshim.so

# shellcheck source-path=SCRIPTDIR
if [ -e "$BUILD/tests/sanitizer/preload" ]; then
	. "$TOP/tests/sanitizer.bash"
	LIB=$(<"$BUILD/tests/sanitizer/preload"):$LIB
	SANITIZED=1
fi

# For tests of what the runtime of a sanitizer does otherwise.
not_sanitized() { # WHY
	[ -z "${SANITIZED:-}" ] || skip "a sanitizer's runtime $1"
}

has_ktls() {
	grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp
}

if [ -z "${KTLSHIM_TEST_PATH:-}" ]; then
	if has_ktls; then KTLSHIM_TEST_PATH=direct; else KTLSHIM_TEST_PATH=relayed; fi
fi
export KTLSHIM_TEST_PATH

# Kernel crypto is slow under emulation: smaller bulk there.
# shellcheck disable=SC2034 # for the test files
if [ "$KTLSHIM_TEST_PATH" = direct ]; then BULK=3000000; else BULK=20000000; fi

# Certificate (its own CA) and key, once per file: $CERTS/ca.pem, $CERTS/key.pem
make_certs() {
	CERTS=$BATS_FILE_TMPDIR/certs
	export CERTS
	[ -s "$CERTS/ca.pem" ] && return
	mkdir -p "$CERTS"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$CERTS/key.pem" -out "$CERTS/ca.pem" -days 30 \
		-subj /CN=localhost -addext \
		'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1' 2>/dev/null
}

# Use as the file's setup_file, setup and teardown, or call from your own.
common_setup_file() {
	make_certs
}

common_setup() {
	DIR=$BATS_TEST_TMPDIR
	PIDS=()
	cd "$DIR" || return 1
	export KTLSHIM_CERT=$CERTS/ca.pem KTLSHIM_KEY=$CERTS/key.pem
	export KTLSHIM_LOG=info:$DIR/ktlshim.log
	: >"$DIR/ktlshim.log"
	[ -z "${SANITIZED:-}" ] || sanitizer_setup
}

# For files about the settings: `conf LINE...` writes them, in one step, for a
# helper may be reading; PAIR is a certificate.
conf_setup() {
	common_setup
	unset KTLSHIM_CERT KTLSHIM_KEY
	port=$(free_port)
	export DIR KTLSHIM_CONF=$DIR/ktlshim.conf
	# shellcheck disable=SC2034 # for the test files
	PAIR="cert = $CERTS/ca.pem
key = $CERTS/key.pem"
}

conf() {
	printf '%s\n' "$@" >"$DIR/new.conf"
	mv "$DIR/new.conf" "$DIR/ktlshim.conf"
}

serve_conf() { # LINE...: an acceptor with these settings
	conf "$@"
	start "acceptor$port" "$port" env LD_PRELOAD="$LIB" \
		"$BUILD/tests/apps/acceptor" "$port" block
}

common_teardown() {
	local pid f code=0
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${PIDS[@]}"; do
		wait_gone "$pid" 5 || kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -z "${SANITIZED:-}" ] || sanitizer_check || code=1
	[ -n "${BATS_TEST_COMPLETED:-}" ] && [ "$code" = 0 ] && return
	for f in "$DIR"/*.log; do
		[ -s "$f" ] || continue
		echo "--- $(basename "$f") (last 30 lines)"
		tail -n 30 "$f"
	done
	return "$code"
}

# A port that is nobody's now; each call gives another. Below the ports that the
# kernel gives to clients. A connection in TIME_WAIT counts: some daemons do not
# set SO_REUSEADDR, and nobody can bind to their ports for a minute. No program is
# run for it nor for port_open: under UML each costs 40 ms.
free_port() {
	local port given=''
	[ ! -e "$DIR/.ports" ] || given=$(<"$DIR/.ports")
	while :; do
		port=$((10000 + SRANDOM % 22000))
		[[ $given == *"$port"* ]] || port_used "$port" || break
	done
	echo "$port" >>"$DIR/.ports"
	echo "$port"
}

# wait_until SECONDS COMMAND...: poll until it succeeds
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt "$end" ] || return 1
		sleep 0.05
	done
}

wait_gone() { # PID SECONDS
	wait_until "$2" not_running "$1"
}

not_running() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:	Z' "/proc/$1/status" 2>/dev/null
}

port_open() { # PORT: does anybody listen? Opens no connection.
	port_is "$1" 0A
}

port_used() { # PORT
	port_is "$1" '[0-9A-F]{2}'
}

port_is() { # PORT STATE: has a socket with this port of its own that state?
	local hex
	printf -v hex ':%04X [0-9A-F]+:[0-9A-F]{4} %s ' "$1" "$2"
	[[ "$(</proc/net/tcp)$(</proc/net/tcp6)" =~ $hex ]]
}

# start NAME PORT COMMAND...: run in the background, output to NAME.log, wait
# until PORT is open, START_SECONDS (20) at most. Sets PID. Not under the shim:
# see start_tls.
start() {
	local name=$1 port=$2
	shift 2
	"$@" >"$DIR/$name.log" 2>&1 3>&- </dev/null &
	PID=$!
	PIDS+=("$PID")
	wait_until "${START_SECONDS:-20}" port_or_dead "$port" "$PID"
	port_open "$port"
}

port_or_dead() {
	port_open "$1" || not_running "$2"
}

# start_tls NAME PORT COMMAND...: the same under the shim
start_tls() {
	local name=$1 port=$2
	shift 2
	start "$name" "$port" "$KTLSHIM" run -- "$@"
}

# End what was started last.
stop() {
	kill "$PID"
	wait_gone "$PID" 5
}

# The helper's pid, by the listening port it holds.
# A moment after it listens the daemon has it, too, until the gate is there.
helper_pid() { # PORT
	wait_until 10 has_one_holder "$1"
	holders "$1"
}

has_one_holder() { # PORT
	[ "$(holders "$1" | wc -l)" -eq 1 ]
}

holders() { # PORT
	ss -Hltnp "sport = :$1" | grep -o 'pid=[0-9]*' | cut -d = -f 2 | sort -u
}

# How many connections took a path, from the log.
count_path() { # direct|relayed
	grep -c " to port [0-9]*: TLSv.* $1\( \|$\)" "$DIR/ktlshim.log" || true
}

# Every logged connection took the path that this kernel should give.
assert_path() {
	local other=relayed
	[ "$KTLSHIM_TEST_PATH" = relayed ] && other=direct
	[ "$(count_path "$KTLSHIM_TEST_PATH")" -gt 0 ]
	[ "$(count_path "$other")" -eq 0 ]
}

# A file of N random bytes, made once per test: prints its path.
random_file() { # BYTES
	local f=$DIR/random.$1
	[ -s "$f" ] || head -c "$1" /dev/urandom >"$f"
	echo "$f"
}

# curl that trusts the test's CA.
tcurl() {
	curl -sS --fail --max-time 60 --cacert "$CERTS/ca.pem" "$@"
}
