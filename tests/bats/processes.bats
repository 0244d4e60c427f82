#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# processes.bats - a connection goes on, byte for byte, in whatever process
#
# tests/apps/process and tests/apps/threads serve it; process.py sends, compares
# what comes back, and sees how it ends: with one close_notify and a FIN. "|eof"
# is the server's word that the client's stream ended for it as an end of file.
# shellcheck disable=SC2030,SC2031,SC2154 # each test is a process of its own
load ../helpers
load ../servers

setup_file() {
	common_setup_file
	# one that no library can be preloaded into
	gcc -static -std=gnu11 -o "$BATS_FILE_TMPDIR/static" \
		"$TOP/tests/apps/process.c"
}

setup() {
	common_setup
	port=$(free_port)
	PROCESS=$BUILD/tests/apps/process
}

teardown() { common_teardown; }

# server SCENARIO [ARGUMENT...]; a second one in a test takes another port
server() {
	[ -z "${PID:-}" ] || port=$(free_port)
	start_tls "process.$port" "$port" "$PROCESS" "$port" "$@"
}

threads() {
	[ -z "${PID:-}" ] || port=$(free_port)
	start_tls threads "$port" "$BUILD/tests/apps/threads" "$port" "$@"
}

client() { # CHECK [OPTION=VALUE...]
	echo "client $*" # bats shows the last one on failure
	timeout 60 python3 -B "$TOP/tests/apps/process.py" "$port" "$@"
}

# What steps does: send, await what comes back, and only then send more.
# First 3 bytes of a record, then more than the record has.
MID=steps=16384:3,0:10000,20000:10000

# ---- fork

@test "fork before anything was read: the child, then the parent" {
	for how in fork _Fork clone; do
		server fork "$how" 0 20000
		client echo
		client echo steps=100:100,30000:19900 version=1.2
	done
	assert_path
}

@test "fork in the middle of a record: the child, then the parent" {
	for how in fork _Fork clone; do
		server fork "$how" 3 20000
		client echo
		client echo "$MID"
		client echo "$MID" version=1.2
	done
	assert_path
}

@test "fork between two records: the child, then the parent" {
	for how in fork _Fork clone; do
		server fork "$how" 16384 20000
		client echo
		client echo steps=16384:16384,20000:20000 version=1.2
	done
}

@test "fork, the child reads nothing, the parent goes on" {
	for k in 0 3 16384; do
		server fork fork "$k" 0
		client echo
	done
}

@test "fork, the child goes on to the end, the parent closes at once" {
	for how in fork _Fork clone; do
		for k in 0 3 16384; do
			server hand "$how" "$k"
			client echo
			client echo "$MID" version=1.2
		done
	done
}

@test "half a record has been read when the process forks" {
	server part 16384
	client echo steps=16384~7000:16384:+
	client echo steps=16384~3:16384:+ version=1.2
	client echo steps=16384~5:16384:+
}

@test "the child is killed: the parent's answer and FIN come all the same" {
	for how in fork _Fork clone; do
		for k in 0 3 16384; do
			server kill "$how" "$k" 20000
			client echo end=close_notify,eof
			client echo end=close_notify,eof size=1000000
		done
	done
}

# ---- exec, spawn

@test "exec as 0, 1 and 2: cat, a shell" {
	server exec 012 cat
	client echo tail=
	client echo tail= version=1.2 size=300000
	server exec 01 sh -c 'cat; echo done'
	client echo tail=$'done\n'
	server exec 01 sh -c 'head -c 100; exec cat'
	client echo tail= steps=100:100
	assert_path
}

@test "exec as 0 and 1: getc and printf; a fortified perl" {
	server exec 01 "$PROCESS" filter getc
	client echo
	client echo version=1.2
	# shellcheck disable=SC2016 # perl's variables
	server exec 01 perl -e '$/ = \1000; print while <STDIN>; print "|eof"'
	client echo
}

@test "exec as 0 and 1: a static program reads and writes plaintext" {
	server exec 01 "$BATS_FILE_TMPDIR/static" filter getc
	# it knows of no close_notify, neither the client's nor its own
	tail='|eof'
	[ "$KTLSHIM_TEST_PATH" = relayed ] || tail='|EIO'
	client echo tail="$tail" end=close_notify,eof
	client echo tail="$tail" end=close_notify,eof version=1.2
	assert_path
}

@test "exec as number 7, with and without stdio" {
	server inherit "$PROCESS" filter fd 7
	client echo
	client echo version=1.2
	server exec 7 "$PROCESS" filter fd 7
	client echo
	client echo version=1.2
}

@test "exec of something else: the connection ends where nobody else has it" {
	server cloexec sleep 100
	client echo size=0 tail=hello close=no
	assert_path
}

@test "exec fails: the connection goes on" {
	for k in 0 3 16384; do
		server enoent keep "$k"
		client echo
		client echo "$MID"
	done
}

@test "exec fails, and would have closed the connection: it goes on" {
	server enoent cloexec 3
	client echo
}

@test "posix_spawn: the child answers slowly, the parent closes at once" {
	server spawn 01 sh -c "head -c 100 >/dev/null; exec $PROCESS filter slow"
	client echo size=100 reply=slow tail= close=no
	server spawn 01 "$PROCESS" filter slow
	client echo size=100 reply=slow tail= close=no version=1.2
	assert_path
}

@test "posix_spawn: cat; stdio; something that inherits number 7" {
	server spawn 012 cat
	client echo tail=
	server spawn 01 "$PROCESS" filter getc
	client echo
	server inherit "$PROCESS" filter fd 7
	client echo size=300000
}

@test "vfork and exec" {
	server vfork 01 cat
	client echo tail=
	client echo tail= version=1.2
	server vfork 012 "$PROCESS" filter getc
	client echo
	server vfork 7 "$PROCESS" filter fd 7
	client echo
	assert_path
}

@test "python's subprocess" {
	cat >server.py <<-'END'
	import socket, subprocess, sys
	s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	while True:
	    c = s.accept()[0]
	    p = subprocess.Popen(sys.argv[2:], stdin=c, stdout=c)
	    c.close()
	    p.wait()
	END
	for program in cat "$PROCESS filter getc"; do
		port=$(free_port)
		# shellcheck disable=SC2086 # words
		start_tls python "$port" /usr/bin/python3 server.py "$port" $program
		client echo tail="${program:+$([ "$program" = cat ] || echo '|eof')}"
	done
	assert_path
}

@test "system: a shell reads, and writes" {
	server system 'cat >got <&7'
	client echo reply=none tail='|done' save=sent
	cmp got sent
	server system 'cat <&7 >&7'
	client echo tail='|done'
	server system 'exec >&7; cat <&7'
	client echo tail='|done' version=1.2
	assert_path
}

@test "popen: a shell reads, and writes" {
	server popen r 'cat <&7'
	client echo tail='|done'
	server popen w 'cat >&7'
	client echo tail='|done'
	client echo tail='|done' version=1.2 size=1000000
}

# ---- stdio in the process itself

@test "fdopen: getc, fgets" {
	for how in getc fgets; do
		for k in 0 3 16384; do
			server stdio "$how" "$k"
			client echo
		done
		client echo version=1.2 size=1000000
	done
	assert_path
}

@test "fdopen: fprintf through a big buffer, and fclose" {
	server stdio write 0
	client echo
	client echo version=1.2 size=1000000
	server stdio write 3
	client echo
}

@test "fdopen: both ways, by one stream and by two" {
	server stdio twice 64
	client echo steps=64:64,64:64,640:640,19200:19200
	client echo version=1.2
	server stdio both 64
	client echo size=192 steps=64:64,64:64,64:64 record=64
}

@test "dup2 to 0 and 1, and stdio there" {
	for k in 0 3 16384; do
		server stdio stdin "$k"
		client echo
	done
	client echo version=1.2
}

# ---- descriptors in messages

@test "SCM_RIGHTS to a child" {
	for how in fork mmsg; do
		for k in 0 3 16384; do
			server pass "$how" "$k"
			client echo
			client echo "$MID"
			client echo version=1.2
		done
	done
	assert_path
}

@test "SCM_RIGHTS to another program, started before listen and after" {
	for how in early exec; do
		for k in 0 3 16384; do
			server pass "$how" "$k"
			client echo
			client echo "$MID"
			client echo version=1.2
		done
	done
	assert_path
}

@test "SCM_RIGHTS: a listener, and the receiver accepts" {
	server pass gate 3
	client echo
	client echo
	client echo version=1.2
	assert_path
}

# ---- listeners

@test "an empty environment: the program executed accepts, and TLS it is" {
	for how in execve execv execle execvpe fexecve execveat posix_spawn; do
		server listener "$how" 3 none
		client echo
		client echo version=1.2
	done
	assert_path
}

@test "descriptors are swept before exec: the program executed accepts" {
	for how in loop range from cloexec; do
		server listener execve 0 "$how"
		client echo
		server listener posix_spawn 3 "$how"
		client echo version=1.2
	done
	assert_path
}

@test "descriptors are swept, and the same process accepts" {
	for how in loop range from; do
		server listener here 3 "$how"
		client echo
		client echo version=1.2
	done
	assert_path
}

@test "daemon() and a double fork, after listen and after accept" {
	for when in listen accept; do
		for how in daemon double; do
			server daemon "$when" "$how"
			client echo
		done
	done
	assert_path
}

@test "a daemon executes itself: connections from before, and new ones" {
	for k in 0 3 16384; do
		server reexec "$k"
		client two steps="$k"
	done
	assert_path
}

@test "a new generation takes the listener, the old one ends its connection" {
	for k in 0 3 16384; do
		server upgrade "$k"
		client two steps="$k"
	done
	assert_path
}

# ---- limits, signals, threads

# Root without CAP_SYS_RESOURCE (a container's) cannot raise it for our table.
small_files() {
	ulimit -f 8
	prlimit --pid "$BASHPID" --fsize=16384 2>/dev/null ||
		skip "root may not raise its limits here: nothing crosses exec"
	prlimit --pid "$BASHPID" --fsize=8192
}

@test "files may have 8 KB: everything works, the log just ends" {
	small_files
	server hand fork 3
	for _ in {1..10}; do
		client echo size=1000000
	done
	server listener execve 3 none
	client echo
	grep -i 'file size' ./*.log && return 1
	assert_path
}

@test "a log at the limit of file sizes just ends" {
	truncate -s 512M log
	ulimit -f $((512 * 1024))
	KTLSHIM_LOG=info:$DIR/log server hand fork 3
	client echo size=1000
	client echo size=1000
	[ "$(stat -c %s log)" -eq $((512 << 20)) ]
}

@test "files may have 8 KB: what is executed ends its connection well" {
	small_files
	server exec 01 cat
	client echo tail=
}

@test "timeouts that jump out of read" {
	threads jump
	client echo steps=0:0:late,3:3,20000:20000 tail=
	client echo steps=0:0:late,3:3 tail= version=1.2
	grep -x 'read: eof' threads.log
	assert_path
}

@test "a handler closes what the program reads, or writes" {
	threads handler_read
	client echo size=0 tail=bye close=no
	client echo size=0 tail=bye close=no version=1.2
	grep -x 'total: 0 then EINTR' threads.log
	threads handler_write
	client blocked log=threads.log
	client blocked log=threads.log
	threads handler_exit
	client echo size=0 tail=bye close=no
	assert_path
}

# The others hold each of our locks for a while.
@test "a child is made while others make stdio streams: it can make one" {
	not_sanitized "has locks that are its own"
	cat >slow.c <<-EOF
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <pthread.h>
	#include <string.h>
	#include <sys/syscall.h>
	#include <unistd.h>
	int pthread_mutex_unlock(pthread_mutex_t *mutex)
	{
		static int (*unlock)(pthread_mutex_t *);
		Dl_info from;
		if (!unlock)
			unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
		if (getpid() != syscall(SYS_gettid) &&
		    dladdr(__builtin_return_address(0), &from) &&
		    strstr(from.dli_fname, "libktlshim"))
			usleep(5000);
		return unlock(mutex);
	}
	EOF
	gcc -shared -fPIC -o slow.so slow.c
	start threads "$port" env LD_PRELOAD="$LIB:$DIR/slow.so" \
		"$BUILD/tests/apps/threads" "$port" streams
	client echo size=0 tail='all well' close=no
	assert_path
}

@test "a thread waits in read, another shuts down" {
	threads shutdown
	client echo size=0 tail= close=no
	client echo size=0 tail= close=no version=1.2
	wait_until 10 grep -x 'read: eof' threads.log
	assert_path
}

@test "a thread waits in read, another closes" {
	threads close
	client echo size=0 steps=0:0:closing tail=
	# the next one has the same number
	client echo size=0 steps=0:0:closing tail= version=1.2
	wait_until 10 grep 'read: ' threads.log
	assert_path
}

@test "a thread waits in read, another forks and the child writes" {
	threads fork
	client echo steps=0:0:child tail=
	client echo steps=0:0:child,3:3 tail= version=1.2
	grep -x 'read: eof' threads.log
	assert_path
}

@test "a thread waits in read, another does not, by MSG_DONTWAIT" {
	threads dontwait
	client echo steps=0:0:asked,3:3,20000:20000 tail=
	client echo steps=0:0:asked tail= version=1.2
	grep -x 'read: eof' threads.log
	assert_path
}

@test "threads with connections of their own, another receives descriptors" {
	local pids=()
	threads many
	for i in 1 2 3 4 5 6; do
		client echo tail= "version=1.$((2 + i % 2))" >"out$i" 2>&1 3>&- &
		pids+=("$!")
	done
	for i in "${pids[@]}"; do wait "$i" || { cat out?; return 1; }; done
	assert_path
}

@test "two threads read, in turn and at once: every byte once" {
	for how in turns at_once; do
		threads "$how"
		client counts
		client counts record=16384
		client counts record=100 size=20000
		[ "$(grep -cx 'read: eof' threads.log)" -eq 6 ]
	done
	assert_path
}

# ---- splice, and a rude end

@test "splice from the connection, up to the end" {
	for k in 0 3 16384; do
		server splice in "$k"
		client echo
		client echo "steps=16384:$k" version=1.2
		client echo steps=16384~7000:0
	done
	assert_path
}

@test "sendfile from the connection into a pipe, up to the end" {
	for k in 0 3 16384; do
		server splice sendfile "$k"
		client echo
	done
	assert_path
}

@test "splice to the connection with SPLICE_F_MORE, and close" {
	server splice out 3
	client echo size=6 tail=
	client echo tail=
	client echo size=1000000 tail= version=1.2
	assert_path
}

@test "SO_LINGER of 0 seconds and close: a reset, no close_notify" {
	server linger 3
	client echo size=3 steps=3:3 tail= close=no end=reset
	client echo size=3 steps=3:3 tail= close=no end=reset version=1.2
	assert_path
}

is_traced() { # PID
	grep -q '^TracerPid:	[1-9]' "/proc/$1/status"
}

@test "SO_LINGER of 0 seconds and close: what was written before is sent" {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || skip "no helper is between"
	not_sanitized "traces, to look for leaks, and cannot be traced"
	server linger 3
	helper=$(helper_pid "$port")
	# the option is set, and answered, and the daemon closes: all before the helper
	# has come to sending what it has read
	strace -f -p "$helper" -o trace -e trace=sendto \
		-e inject=sendto:delay_exit=200000 3>&- &
	PIDS+=($!)
	wait_until 10 is_traced "$helper"
	client echo size=3 steps=3:3 tail= close=no end=reset
	grep -q DELAYED trace
}

# hostile.bats has the same with half records only
@test "select() and blocking reads: who stops in mid-record stops nobody else" {
	server_echo "$port" 127.0.0.1
	client stuck
	assert_path
}
