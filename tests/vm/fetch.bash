# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # run sets the variables used here
# fetch.bash - the host packages, and the kernels in the cache
#
# Each kernel lives in a directory of its own below $vm_cache whose name ends in
# a checksum of this file: a change here makes a new one and leaves alone what
# a run may be using. It appears there complete, by a rename. In it, guest/ is
# the small root that init starts in: busybox, and the modules in loading order.
#
# Packages come from the Debian mirror of the machine's own apt sources, through
# a sources list that names only the suite wanted, in a directory of its own:
# apt's view of the machine is neither used nor changed.

readonly GUEST_APPLETS='sh mount mkdir mkfifo insmod ip hostname cat grep sed
	cp ln chroot setsid unshare sleep sync poweroff'
# Names with a ? may be missing: some kernels have them built in or in another
# module. User-mode Linux has nf_tables without IP, so there is tc to drop with.
readonly MODULES='overlay gcm ccm ctr ?chacha ?chacha_generic chacha20poly1305
	tls tcp_diag unix_diag ?af_packet tcp_bbr veth sch_netem sch_ingress
	cls_flower act_gact'
readonly MODULES_QEMU='?virtio_pci 9pnet_virtio 9p virtio_rng
	?ghash_clmulni_intel aesni_intel ?chacha_x86_64 ?poly1305_x86_64 nf_tables
	nft_ct nft_limit nft_reject_inet'

apt_error() { # apt_error FILE: the first error in an apt log, or its last line
	grep -m 1 '^E:' "$1" || tail -n 1 "$1"
}

need_packages() { # need_packages COMMAND:PACKAGE...
	local pair missing=() log
	for pair in "$@"; do
		command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null ||
		die "$EX_UNAVAILABLE" "needs ${missing[*]} and there is no apt-get here;" \
			'install them by hand'
	say "installing ${missing[*]}"
	log=$(mktemp)
	{
		flock 9
		install_packages "${missing[@]}" >"$log" 2>&1 || {
			apt-get update && install_packages "${missing[@]}"
		} >"$log" 2>&1 || {
			say "cannot install ${missing[*]}: $(apt_error "$log")"
			rm -f "$log"
			exit "$EX_UNAVAILABLE"
		}
	} 9>>"$vm_cache/lock"
	rm -f "$log"
}

install_packages() {
	DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends "$@"
}

# The kernel NAME: sets kernel_dir to its directory, made by the function MAKE
# if it is not there yet. MAKE runs in an empty directory with its arguments and
# may end it all through die.
need_kernel() { # need_kernel NAME MAKE ARG...
	local name=$1 recipe
	recipe=$(sha256sum "$here/fetch.bash")
	kernel_dir=$vm_cache/$name.${recipe:0:8}
	[ ! -d "$kernel_dir" ] || return 0
	if ! type apt-get dpkg >/dev/null; then
		die "$EX_UNAVAILABLE" 'gets its kernels with apt-get and dpkg,' \
			'which are not here; use a Debian system'
	fi
	{
		flock 9
		[ -d "$kernel_dir" ] || {
			rm -rf "$vm_cache/$name".*.new
			find "$vm_cache" -maxdepth 1 -name "$name.????????" -mtime +1 \
				-exec rm -rf {} +
			mkdir "$kernel_dir.new"
			(cd "$kernel_dir.new" && mkdir deb pkg guest && "${@:2}")
			rm -rf "$kernel_dir.new"/{deb,pkg}
			mv "$kernel_dir.new" "$kernel_dir"
		}
	} 9>>"$vm_cache/lock"
}

need_cache() {
	mkdir -p "$vm_cache" 2>/dev/null ||
		die "$EX_UNAVAILABLE" "cannot make the cache $vm_cache;" \
			'KTLSHIM_VM_CACHE names another place'
}

debian_mirror() {
	{
		cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} \
			2>/dev/null || true
	} | sed 's/\[[^]]*\]//' | awk '
			!mirror && $1 ~ /^(URIs:|deb)$/ && $2 ~ /\/debian(\.list)?\/?$/ {
				mirror = $2
			}
			END { print mirror }'
}

apt() { # apt TOOL ARG...: apt-get or apt-cache, on the suite of apt_open
	local dir=$kernel_dir.new/deb
	"$1" -oDir::Etc::sourcelist="$dir/list" -oDir::Etc::sourceparts=/dev/null \
		-oDir::State::lists="$dir/lists" -oDir::Cache::pkgcache="$dir/cache" \
		-oDir::Cache::srcpkgcache= -oAPT::Sandbox::User=root \
		-oAcquire::Languages=none "${@:2}"
}

apt_open() { # apt_open SUITE...
	local suite mirror keys=/usr/share/keyrings/debian-archive-keyring.gpg
	mirror=$(debian_mirror)
	[ -n "$mirror" ] ||
		die "$EX_UNAVAILABLE" 'no Debian mirror in /etc/apt/sources.list*:' \
			'the kernels come from one'
	mkdir -p deb/lists/partial
	for suite; do
		echo "deb [signed-by=$keys] $mirror $suite main"
	done >deb/list
	apt apt-get update -o APT::Update::Error-Mode=any >deb/log 2>&1 ||
		die "$EX_UNAVAILABLE" "cannot read the package list of $* from $mirror:" \
			"$(apt_error deb/log); check the network and /etc/apt"
}

unpack() { # unpack PACKAGE...: into pkg/
	local deb
	(cd deb && apt apt-get download "$@" >log 2>&1) ||
		die "$EX_UNAVAILABLE" "cannot download $*: $(apt_error deb/log)"
	for deb in deb/*.deb; do
		dpkg -x "$deb" pkg ||
			die "$EX_UNAVAILABLE" "cannot unpack ${deb##*/}: is the disk full?"
	done
}

make_uml() {
	local lib=usr/lib/x86_64-linux-gnu
	say 'fetching user-mode Linux (once)'
	apt_open sid
	unpack user-mode-linux libc6 libgcc-s1 busybox-static
	# its own C library, in a root for chroot; the other directories are for
	# mounts
	mkdir -p lib64 lib "$lib" host out proc dev tmp
	cp -a "pkg/$lib"/lib*.so* "$lib/"
	cp "pkg/$lib/ld-linux-x86-64.so.2" lib64/
	ln -s "/$lib" lib/x86_64-linux-gnu
	cp pkg/usr/bin/linux.uml .
	mkdir -p pkg/lib
	rm -rf pkg/lib/modules
	ln -s ../usr/lib/uml/modules pkg/lib/modules
	# shellcheck disable=SC2086
	make_guest $MODULES
}

make_qemu() { # make_qemu SERIES SUITE...
	local name version parts
	say "fetching the kernel $1 (once)"
	apt_open "${@:2}"
	# the full kernel: the one for clouds has no 9p. Newer ones come in parts.
	name=$(apt apt-cache search --names-only \
		"^linux-image-${1//./\\.}[.][0-9a-z.+~-]*-amd64\$" |
		awk '$1 !~ /cloud|-rt-|dbg|unsigned/ { print $1 }' | sort -V | tail -n 1)
	[ -n "$name" ] || die "$EX_UNAVAILABLE" "no kernel of series $1 in ${*:2}"
	version=${name#linux-image-}
	mapfile -t parts < <(apt apt-cache search --names-only \
		"^linux-(binary|modules)-${version//[.+]/[&]}\$" | cut -d ' ' -f 1)
	unpack "$name" "${parts[@]}" busybox-static
	if [ ! -d pkg/lib/modules ]; then
		mkdir -p pkg/lib
		ln -s ../usr/lib/modules pkg/lib/modules
	fi
	find pkg/boot pkg/usr/lib/modules -name 'vmlinuz*' -exec cp {} vmlinuz \; \
		2>/dev/null || true
	[ -s vmlinuz ] || die "$EX_UNAVAILABLE" "no kernel image in $name"
	# shellcheck disable=SC2086
	make_guest $MODULES_QEMU $MODULES
	(cd guest && find . | cpio -o -H newc --quiet) >guest.cpio
}

make_guest() { # make_guest MODULE...
	local applet name modules version count=0
	mkdir -p guest/{bin,mods,proc,sys,dev,lower,rw,new,ctl}
	cp pkg/bin/busybox guest/bin/ 2>/dev/null ||
		cp pkg/usr/bin/busybox guest/bin/
	for applet in $GUEST_APPLETS; do
		ln -s busybox "guest/bin/$applet"
	done
	version=$(ls pkg/lib/modules/)
	depmod -b "$PWD/pkg" "$version" 2>/dev/null
	modules=$(for name; do
		modprobe -S "$version" -d "$PWD/pkg" --show-depends "${name#\?}" \
			2>/dev/null | sed -n 's/^insmod //p' ||
			[[ $name = \?* ]] || die "$EX_UNAVAILABLE" \
				"the kernel $version has no module $name"
	done) || exit
	while read -r name _; do
		count=$((count + 1))
		applet=guest/mods/$(printf %02d "$count")-$(basename "${name%.xz}")
		case $name in
		*.xz) xz -dc "$name" >"$applet" ;;
		*) cp "$name" "$applet" ;;
		esac
	done < <(awk '!seen[$1]++' <<<"$modules")
}
