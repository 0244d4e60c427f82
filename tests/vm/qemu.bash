# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # run sets the variables used here
# qemu.bash - the engine of QEMU: Debian's kernels in software emulation
#
# The guest reads the host's files over 9p; its initramfs is the one of the cache
# with this run's init appended. With virtual time one CPU executes one
# instruction per nanosecond of guest time, idle time is skipped, and the guest's
# real-time clock, too, goes by that after its start.

need_qemu() {
	local suites
	case $series in
	6.1) suites=(bookworm) ;;
	6.12) suites=(trixie) ;;
	7) suites=(trixie-backports trixie) ;;
	esac
	need_cache
	need_packages modprobe:kmod xz:xz-utils ip:iproute2 cpio:cpio \
		qemu-system-x86_64:qemu-system-x86
	need_kernel "qemu-$series" make_qemu "$series" "${suites[@]}"
}

share() { # share TAG DIRECTORY OPTIONS: prints QEMU's value for -virtfs
	printf 'local,path=%s,mount_tag=%s,security_model=none%s' \
		"${2//,/,,}" "$1" "$3"
}

start_qemu() {
	# shellcheck disable=SC2054 # the commas are QEMU's
	local clock=(-accel tcg,thread=multi)
	if [ -n "$virtual" ]; then
		# shellcheck disable=SC2054
		clock=(-accel tcg,thread=single -icount shift=0,sleep=off -rtc clock=vm)
	fi
	{
		cat "$kernel_dir/guest.cpio"
		(cd "$run/ctl" && echo init | cpio -o -H newc --quiet)
	} >"$run/initrd"
	exec timeout -k 1 -s KILL "$limit" qemu-system-x86_64 "${clock[@]}" \
		-cpu max,la57=off -smp "$cpus" -m "$memory" -nodefaults -no-reboot \
		-display none -serial "file:$run/console" \
		-kernel "$kernel_dir/vmlinuz" -initrd "$run/initrd" \
		-append 'vm=qemu console=ttyS0 quiet panic=-1 mitigations=off' \
		-device virtio-rng-pci \
		-virtfs "$(share host / ,readonly=on,multidevs=remap)" \
		-virtfs "$(share out "$out" ,multidevs=remap)" \
		-virtfs "$(share ctl "$run/ctl" '')"
}
