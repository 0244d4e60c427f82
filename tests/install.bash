# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# install.bash - what tests/run and demo/run share: packages, the build, the end
#
#   SELF   how messages name the script; set it before this file is read
#   TOP    the checkout
#   BUILD  where it is built: KTLSHIM_BUILD, default build/ of the checkout

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath -m "${KTLSHIM_BUILD:-$TOP/build}")
PATH=$PATH:/usr/sbin:/sbin
: "${SELF:=ktlshim}"

# PACKAGE:WHAT, for each thing that is needed: a command or, with a slash, a file
# shellcheck disable=SC2034 # used by the two scripts
readonly BUILD_NEEDS=(gcc:gcc make:make libssl-dev:/usr/include/openssl/ssl.h
	libc6-dev:/usr/include/stdio.h liburing-dev:/usr/include/liburing.h
	pkg-config:pkg-config libelf-dev:/usr/include/libelf.h)

say() {
	printf '%s: %s\n' "$SELF" "$*" >&2
}

die() {
	say "$@"
	exit 1
}

# Install the packages of what is not there; says so only then.
install_missing() { # PACKAGE:WHAT...
	local pair what missing=() log code=0
	for pair; do
		what=${pair#*:}
		case $what in
		/*) [ ! -e "$what" ] || continue ;;
		*) ! command -v "$what" >/dev/null || continue ;;
		esac
		missing+=("${pair%%:*}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "needs ${missing[*]}; no apt-get here, so install them by hand"
	[ "$EUID" = 0 ] ||
		die "needs ${missing[*]}; run as root to have them installed"
	say "installing ${missing[*]}"
	log=$(mktemp)
	(install_packages "${missing[@]}") >"$log" 2>&1 || code=$?
	if [ "$code" != 0 ]; then
		tail -n 15 "$log" >&2
		rm -f "$log"
		die "cannot install ${missing[*]}; apt-get says why above"
	fi
	rm -f "$log"
}

# In a subshell: its end, however it comes, lets services start again. A file
# that somebody else has put there stays, and does what its owner wants.
install_packages() { # PACKAGE...
	local policy=/usr/sbin/policy-rc.d mark='ktlshim installs packages'
	exec 9>/run/lock/ktlshim-install
	flock 9
	if [ ! -e "$policy" ] || grep -qs "$mark" "$policy"; then
		trap 'rm -f /usr/sbin/policy-rc.d' EXIT
		printf '#!/bin/sh\n# %s: no service starts\nexit 101\n' "$mark" \
			>"$policy"
		chmod 755 "$policy"
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -o DPkg::Lock::Timeout=300 update || return
	apt-get -o DPkg::Lock::Timeout=300 install -y \
		--no-install-recommends "$@" </dev/null || return
	[ -d /run/systemd/system ] || return 0
	# nor at the next boot
	case " $* " in *' nginx-light '*) systemctl disable nginx ;; esac
	case " $* " in *' redis-server '*) systemctl disable redis-server ;; esac
}

# Warnings are shown; the rest only when it fails.
build() { # TARGET...
	local log
	mkdir -p "$BUILD"
	log=$BUILD/make.log
	make -C "$TOP" -j"$(nproc)" BUILD="$BUILD" "$@" >"$log" || {
		tail -n 20 "$log" >&2
		die "cannot build: see above; all of it is in $log"
	}
}

# Has this kernel kTLS? /proc lists the module only when it is loaded.
has_ktls() {
	modprobe -q tls 2>/dev/null || true
	grep -qsw tls /proc/sys/net/ipv4/tcp_available_ulp
}

port_open() { # PORT: does anybody listen? Opens no connection.
	ss -Hltn "sport = :$1" | grep -q .
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

gone() { # PID: has it ended? Zombies have.
	! kill -0 "$1" 2>/dev/null || grep -qs '^State:	Z' "/proc/$1/status"
}

# The pids of those who work in a directory, have a file of it open or its name
# in their environment: a daemon that we started, and what it started, helper
# included. The library keeps its log open, so a log there finds every daemon.
users_of() { # DIRECTORY
	local self=$BASHPID
	{
		find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 \
			\( -lname "$1" -o -lname "$1/*" \) || true
		grep -lsF "$1" /proc/[0-9]*/environ || true
	} 2>/dev/null | cut -d / -f 3 | sort -un | grep -vxF "$$
$self" || true
}

# End them: politely, and after five seconds without asking.
end_users_of() { # DIRECTORY
	local pid pids
	mapfile -t pids < <(users_of "$1")
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${pids[@]}"; do
		wait_until 5 gone "$pid" || kill -9 "$pid" 2>/dev/null || true
	done
}
