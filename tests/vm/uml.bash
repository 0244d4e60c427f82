# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154 # run sets the variables used here
# uml.bash - the engine of user-mode Linux: a kernel that is a process here
#
# It runs below a chroot, for its own C library, in a mount namespace of its own,
# where the directories that the guest shall see are bound below that root:
#
#   /guest       the guest's first root      /host  this machine's files
#   /guest/ctl   init, command and results   /out   the directory of --out
#
# The PID namespace is there for the end: with its first process, every process
# of the kernel goes.

need_uml() {
	need_cache
	need_packages modprobe:kmod xz:xz-utils ip:iproute2
	need_kernel uml make_uml
}

start_uml() {
	ulimit -c 0
	# shellcheck disable=SC2016 # the inner shell expands it
	exec timeout -k 1 -s KILL "$limit" \
		unshare --mount --pid --fork --kill-child=KILL bash -c '
			set -e
			cd "$1"
			mount --rbind / host
			mount --bind "$2" guest/ctl
			mount --bind "$3" out
			mount --rbind /dev dev
			mount -t proc proc proc
			mount -t tmpfs -o "size=$(($4 + 64))M" tmpfs tmp
			exit_code=0
			env -u TMPDIR setarch -R chroot . /linux.uml "mem=$4M" uml_dir=/tmp/ \
				"umid=vm$5" rootfstype=hostfs rootflags=/guest ro \
				init=/ctl/init vm=uml quiet panic=-1 \
				con=null ssl=null con0=null,fd:1 || exit_code=$?
			exit "$exit_code"
		' uml "$kernel_dir" "$run/ctl" "$out" "$memory" "$$"
}
