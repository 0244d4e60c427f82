# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# matrix.bash - each daemon of tests/daemons, upgraded, with its own clients
#
# The harness of tests/bats/daemons_*.bats; a file of them loads this one only:
#
#	load ../matrix
#	setup_file() { matrix_setup_file; }
#	setup() { matrix_setup; }
#	teardown() { matrix_teardown; }
#	@test "nginx: 2 workers, reload" { daemon nginx; }
#
# tests/daemons/NAME.bash defines
#
#	DAEMON_NEEDS=(PACKAGE:WHAT...)  see install_missing in tests/install.bash
#	daemon_version()     prints package and version in one line
#	daemon_start PORT    configures it below $DIR and starts it, by start_tls or
#	                     start_preloaded; returns when the port is open
#	daemon_check PORT    real clients; fails unless their answers are right, and
#	                     moves $MARKER, in plaintext, one way at least
#	daemon_stop()        if it must be another than default_stop
#	DAEMON_PATHS=direct  (or relayed) when it can work on that path only, and
#	DAEMON_WHY="why"
#
# Everything runs with errexit, so a check is a list of commands that must not
# fail; with pipefail, too, so never end a pipeline by grep -q, which does not
# read to the end. With KTLSHIM_MATRIX=FILE a line for each daemon is added to that file:
# name, version, path, pass|fail|skip, reason, kernel; tests/matrix_table reads it.
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/install.bash"
. "$TOP/tests/helpers.bash" # its wait_until and so on, not those of install
. "$TOP/tests/clients.bash"
. "$TOP/tests/capture.bash"

DAEMONS=$TOP/tests/daemons
MARKER=plaintext-marker-5d21b7e8

matrix_setup_file() {
	common_setup_file
}

matrix_setup() {
	# the shim's variables come from here only
	local name
	for name in $(compgen -e KTLSHIM_) LD_PRELOAD; do
		case $name in
		KTLSHIM_BUILD|KTLSHIM_KTLS|KTLSHIM_TEST_*|KTLSHIM_MATRIX) ;;
		*) unset "$name" ;;
		esac
	done
	common_setup
	# many daemons become somebody else, who shall get here as well
	chmod 711 "$BATS_RUN_TMPDIR"
	chmod 777 "$DIR"
	chmod 666 "$DIR/ktlshim.log"
	port=$(free_port)
	STAGE='' NAME=none TCPDUMP='' LEFT=()
	find_shells
}

matrix_teardown() {
	local pid
	if [ -n "$STAGE" ]; then
		if [ -n "${BATS_TEST_COMPLETED:-}" ]; then
			matrix_put pass ''
		else
			matrix_put fail "$STAGE"
			echo "failed at: $STAGE"
		fi
	fi
	common_teardown
	find_left
	for pid in "${LEFT[@]}"; do
		kill -9 "$pid" 2>/dev/null || true
	done
}

# start_tls NAME PORT COMMAND...: see helpers.bash. In a session of its own, as
# from a service manager: some daemons signal their whole process group.
start_tls() {
	start "$1" "$2" setsid "$KTLSHIM" run -- "${@:3}"
}

# start_preloaded NAME PORT COMMAND...: without the command's help, as a service
# file does it
start_preloaded() {
	start "$1" "$2" setsid env LD_PRELOAD="$LIB" "${@:3}"
}

# key_for USER: the helper of a daemon that is USER already when it binds must be
# able to read the key
key_for() {
	install -o "$1" -m 400 "$CERTS/key.pem" "$DIR/$1.key"
	export KTLSHIM_KEY=$DIR/$1.key
}

matrix_put() { # RESULT REASON
	[ -n "${KTLSHIM_MATRIX:-}" ] || return 0
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$NAME" "$VERSION" "$KTLSHIM_TEST_PATH" \
		"$1" "$2" "$(uname -r)" >>"$KTLSHIM_MATRIX"
}

matrix_skip() { # REASON
	STAGE=''
	matrix_put skip "$1"
	skip "$1"
}

# Fails, and says which, when something of DAEMON_NEEDS is missing.
daemon_missing() {
	local pair what
	for pair in "${DAEMON_NEEDS[@]}"; do
		what=${pair#*:}
		case $what in
		/*) [ -e "$what" ] && continue ;;
		*) command -v "$what" >/dev/null && continue ;;
		esac
		echo "${pair%%:*}"
		return
	done
}

# The whole of it, for tests/daemons/NAME.bash
daemon() { # NAME
	local missing
	NAME=$1 VERSION=''
	DAEMON_NEEDS=() DAEMON_PATHS='' DAEMON_WHY=''
	daemon_stop() { default_stop; }
	# shellcheck disable=SC1090 # one of many
	. "$DAEMONS/$NAME.bash"
	missing=$(daemon_missing)
	[ -z "$missing" ] || matrix_skip "$missing is not installed"
	VERSION=$(daemon_version)
	case ${DAEMON_PATHS:-$KTLSHIM_TEST_PATH} in
	"$KTLSHIM_TEST_PATH") ;;
	*) matrix_skip "$DAEMON_WHY" ;;
	esac
	STAGE='the capture does not start'
	capture "$port"
	STAGE='does not start'
	daemon_start "$port"
	STAGE='wrong answers'
	set -o pipefail
	daemon_check "$port"
	set +o pipefail
	STAGE='answers a client that speaks no TLS'
	[ -z "$(plain_answer)" ]
	STAGE='connections took the wrong path'
	assert_path
	STAGE='fewer connections than were made'
	[ "$(count_path "$KTLSHIM_TEST_PATH")" -ge 4 ]
	STAGE='does not stop'
	daemon_stop
	STAGE='something is left running'
	nothing_left
	STAGE='the capture is not complete'
	end_capture 2000
	STAGE='plaintext on the wire'
	[ "$LEAKS" -eq 0 ]
}

# ---- ends

# find_left: LEFT is who was started by this test and runs, by what is in its
# environment, by where it works, or by its logs: some write over their
# environment, but the library keeps its log open. No program is run for it:
# it would find that one.
find_left() {
	set +T # bats looks at each command otherwise: slow under UML
	find_left_quickly
	set -T
}

find_left_quickly() {
	local dir pid
	LEFT=()
	for dir in /proc/[0-9]*; do
		pid=${dir#/proc/}
		[[ " $$ $BASHPID $SHELLS ${TCPDUMP:-} " != *" $pid "* ]] || continue
		! is_ours "$dir" || is_zombie "$dir" || LEFT+=("$pid")
	done
}

is_ours() { # /proc/PID
	local fd list=()
	[[ ! $1/cwd -ef $DIR ]] || return 0
	for fd in "$1"/fd/*; do
		[[ ! ( $fd -ef $DIR/ktlshim.log || $fd -ef $DIR/$NAME.log ) ]] ||
			return 0
	done
	{ mapfile -d '' list <"$1/environ"; } 2>/dev/null || return 1
	[[ " ${list[*]} " == *" KTLSHIM_LOG=info:$DIR/ktlshim.log "* ]]
}

is_zombie() { # /proc/PID; also when it is gone
	proc_field "$1" State 2>/dev/null || return 0
	[[ $REPLY == Z* ]]
}

proc_field() { # /proc/PID NAME: sets REPLY
	local key value
	REPLY=''
	while read -r key value; do
		[ "$key" != "$2:" ] || REPLY=$value
	done <"$1/status"
}

# The shells around this one, who work in $DIR or may do so.
find_shells() {
	local pid=$BASHPID
	SHELLS=''
	while [ "$pid" -gt 1 ]; do
		SHELLS+=" $pid"
		proc_field "/proc/$pid" PPid
		pid=$REPLY
	done
}

# SIGTERM to what was started, then to what that has left behind; the
# helper has to end by itself.
default_stop() {
	local pid
	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$TCPDUMP" ] || kill "$pid" 2>/dev/null || true
	done
	for pid in "${PIDS[@]}"; do
		[ "$pid" = "$TCPDUMP" ] || wait_gone "$pid" 10
	done
	find_left
	for pid in "${LEFT[@]}"; do
		is_helper "$pid" || kill "$pid" 2>/dev/null || true
	done
}

is_helper() { # PID
	local name=''
	{ read -r name <"/proc/$1/comm"; } 2>/dev/null || true
	[ "$name" = ktlshim-helper ]
}

nothing_left() {
	wait_until "${LEFT_SECONDS:-10}" nothing_left_now || {
		ps -o pid,ppid,sid,stat,args "${LEFT[@]/#/-p}"
		return 1
	}
}

nothing_left_now() {
	find_left
	[ ${#LEFT[@]} -eq 0 ]
}

# ---- for the checks

# at_once COMMAND...: COMMAND 1 and COMMAND 2 at the same time; both must do
at_once() {
	local first second code=0
	"$@" 1 3>&- &
	first=$!
	"$@" 2 3>&- &
	second=$!
	wait "$first" || code=1
	wait "$second" || code=1
	return $code
}

# 300 KB with the marker in every line: prints the file's name
marked_file() {
	[ -s "$DIR/marked" ] || head -c 300000 < <(yes "$MARKER") >"$DIR/marked"
	echo "$DIR/marked"
}

debian() { # PACKAGE: for daemon_version
	dpkg-query -W -f '${Package} ${Version}\n' "$1"
}
