# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# packages.bash - Debian packages that tests use without installing them
#
# Mail, FTP and inetd servers exclude each other as packages, and who runs the
# tests may have one of them at work. Those are unpacked into a cache below
# root's home, where a virtual machine finds it, too; deleting it is harmless. In DAEMON_NEEDS (tests/matrix.bash) they are
# "unpack/PACKAGE:$UNPACKED/PACKAGE/FILE"; the libraries that they need are
# packages as any other. install_needs, which needs tests/install.bash, has both
# kinds there; it must have run before a virtual machine is started, from which
# no mirror can be reached.
UNPACKED=~root/.cache/ktlshim-packages

install_needs() { # PACKAGE:WHAT...
	local pair installed=()
	for pair; do
		case $pair in
		unpack/*) ;;
		*) installed+=("$pair") ;;
		esac
	done
	install_missing "${installed[@]}"
	for pair; do
		case $pair in
		unpack/*)
			[ -e "${pair#*:}" ] ||
				unpack_package "$(basename "${pair%%:*}")" ;;
		esac
	done
}

unpack_package() { # PACKAGE
	local new code=0
	say "unpacking $1 into $UNPACKED"
	mkdir -p "$UNPACKED"
	new=$(mktemp -d "$UNPACKED/new.XXXXXX")
	(cd "$new" && fetch_and_unpack "$1") >"$new/log" 2>&1 || code=$?
	if [ "$code" != 0 ]; then
		tail -n 15 "$new/log" >&2
		rm -rf "$new"
		die "cannot unpack $1; see above"
	fi
	rm -rf "${UNPACKED:?}/$1"
	chmod 755 "$new"
	mv -T "$new" "$UNPACKED/$1"
}

# As Debian has merged /bin and the like into /usr, so have we.
fetch_and_unpack() { # PACKAGE
	local dir
	apt-get download "$1" || {
		apt-get -o DPkg::Lock::Timeout=300 update
		apt-get download "$1"
	} || return
	dpkg-deb -f "$1"_*.deb Package Version | sed 's/^[^ ]* //' |
		paste -sd ' ' >version || return
	dpkg-deb -x "$1"_*.deb . || return
	rm -f "$1"_*.deb
	for dir in bin sbin lib; do
		[ -d "$dir" ] || continue
		mkdir -p "usr/$dir"
		cp -a "$dir/." "usr/$dir/" || return
		rm -r "$dir"
	done
	mkdir -p usr etc var
}

unpacked_version() { # PACKAGE: for daemon_version
	cat "$UNPACKED/$1/version"
}

# A mount namespace in which the unpacked package looks as if it were installed:
#
#	make_root PACKAGE USER[:HOME]...   its users, if they are not there already
#	(then configure it in $ROOT/etc, and add to $ROOT/var what it expects there)
#	in_root SOURCE:TARGET... -- COMMAND...
#
# SOURCE is writable and hides TARGET in there; all else is as it is outside.
# Without make_root, only that.
make_root() { # PACKAGE USER[:HOME]...
	local user name home id=790
	need_mounts
	ROOT=$DIR/root PACKAGE=$UNPACKED/$1
	mkdir -p "$ROOT"/{usr,etc,var}
	cp -a "$PACKAGE/etc" "$ROOT/"
	cp /etc/passwd /etc/group "$ROOT/etc/"
	for user in "${@:2}"; do
		name=${user%%:*} home=${user#"$name"}
		grep -q "^$name:" "$ROOT/etc/group" ||
			echo "$name:x:$id:" >>"$ROOT/etc/group"
		grep -q "^$name:" "$ROOT/etc/passwd" ||
			echo "$name:x:$id:$id:${home:-:/nonexistent}:/usr/sbin/nologin" \
				>>"$ROOT/etc/passwd"
		id=$((id + 1))
	done
}

# The number of one of these users.
root_user() { # NAME
	awk -F : -v name="$1" '$1 == name { print $3 }' "$ROOT/etc/passwd"
}

need_mounts() {
	unshare -m mount --bind /usr /usr 2>/dev/null ||
		matrix_skip 'no mount namespaces here'
}

in_root() { # SOURCE:TARGET... -- COMMAND...
	# shellcheck disable=SC2016 # of the inner shell
	exec setsid unshare -m sh -ec '
		for dir in usr etc var; do
			[ -n "$2" ] || break
			mount -t overlay overlay -o \
				"lowerdir=$1/$dir:$2/$dir:/$dir" "/$dir"
		done
		shift 2
		while [ "$1" != -- ]; do
			mount --bind "${1%:*}" "${1#*:}"
			shift
		done
		shift
		exec "$@"' sh "${ROOT:-}" "${PACKAGE:-}" "$@"
}
