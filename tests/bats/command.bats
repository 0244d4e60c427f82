#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# command.bats - `ktlshim run` refuses what cannot work, and starts the rest
#
# The command looks for the library and the helper beside itself, so each test
# has its own copy of the command next to stubs of the two.

# stderr, stderr_lines and output are set by bats; single quotes are meant
# shellcheck disable=SC2154,SC2016

bats_require_minimum_version 1.5.0

setup_file() {
	export CERTS="$BATS_FILE_TMPDIR/certs"
	mkdir "$CERTS"
	cd "$CERTS" || return 1
	new_pair good 3650
	new_pair other 3650
	openssl req -x509 -newkey rsa:2048 -noenc -subj /CN=rsa -days 9 \
		-keyout rsa.key -out rsa.pem 2>/dev/null
	openssl req -x509 -newkey rsa:1024 -noenc -subj /CN=weak -days 9 \
		-keyout weak.key -out weak.pem 2>/dev/null
	openssl x509 -in good.pem -outform DER -out der.pem
	openssl pkey -in good.key -aes128 -passout pass:x -out pkcs8.key
	openssl ec -in good.key -aes128 -passout pass:x -out ec.key 2>/dev/null
	dated_cert past 20010101000000Z 20020304050607Z
	dated_cert future 20900102030405Z 20910101000000Z
	printf 'SECRET-GARBAGE\n\001\377' >garbage
	: >empty
	# shared with tests that run as nobody
	chmod a+rx . ..
	chmod a+r ./*
}

# new_pair NAME DAYS: NAME.pem and NAME.key, EC and self-signed
new_pair() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
		-subj "/CN=$1" -days "$2" -keyout "$1.key" -out "$1.pem" \
		2>/dev/null
}

# dated_cert NAME FROM TO: NAME.pem for good.key, valid in that time only
dated_cert() {
	mkdir "$1.ca"
	: >"$1.ca/index"
	openssl req -new -key good.key -subj "/CN=$1" -out "$1.csr"
	printf '%s\n' '[ca]' 'default_ca=d' '[d]' "database=$1.ca/index" \
		"new_certs_dir=$1.ca" 'default_md=sha256' 'policy=p' \
		'rand_serial=yes' '[p]' 'commonName=supplied' >"$1.cnf"
	openssl ca -batch -config "$1.cnf" -selfsign -keyfile good.key \
		-in "$1.csr" -startdate "$2" -enddate "$3" -notext \
		-out "$1.pem" 2>/dev/null
}

setup() {
	local build="${KTLSHIM_BUILD:-$BATS_TEST_DIRNAME/../../build}" name

	for name in $(compgen -e KTLSHIM_); do
		[ "$name" = KTLSHIM_BUILD ] || unset "$name"
	done
	unset LD_PRELOAD
	# a command built with ASan must bear LD_PRELOAD as well
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"
	T="$(realpath "$BATS_TEST_TMPDIR")"
	DIR="$T/bin"
	K="$DIR/ktlshim"
	mkdir "$DIR"
	cp "$build/ktlshim" "$K"
	echo | gcc -shared -fPIC -x c -o "$DIR/libktlshim.so" -
	printf '#!/bin/sh\n' >"$DIR/ktlshim-helper"
	chmod 755 "$DIR/ktlshim-helper"
	cd "$T" || return 1
	GOOD=(--cert "$CERTS/good.pem" --key "$CERTS/good.key")
}

# refused CODE TEXT COMMAND...: ends with CODE and with exactly one line, which
# has our prefix and, anywhere, TEXT; nothing on standard output.
refused() {
	local code="$1" text="$2" flags=(--separate-stderr)

	shift 2
	# bats takes an unannounced 127 for its own failure
	[ "$code" -ne 127 ] || flags+=(-127)
	run "${flags[@]}" "$@"
	echo "exit $status, wanted $code; stdout: $output; stderr: $stderr"
	[ "$status" -eq "$code" ]
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == "ktlshim: "* ]]
	[[ "$stderr" == *"$text"* ]]
}

# runs TEXT COMMAND...: succeeds, prints TEXT, and no word of ours
runs() {
	local text="$1"

	shift
	run --separate-stderr "$@"
	echo "exit $status; stdout: $output; stderr: $stderr"
	[ "$status" -eq 0 ]
	[ -z "$stderr" ]
	[[ "$output" == *"$text"* ]]
}

# build NAME GCC-ARGUMENT...: a program that prints its LD_PRELOAD
build() {
	local name="$1"

	shift
	gcc -o "$name" -x c - -x none "$@" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { puts(getenv("LD_PRELOAD")); return 0; }
	END
}

# as_nobody COMMAND...: without root's rights; tests run by a user are that
as_nobody() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
		return
	fi
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T" "$T/.." "$T/../.."
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
}

# the kernel must heed privilege bits of files here
need_setuid() {
	need_root
	! findmnt -no OPTIONS -T "$T" | grep -qw nosuid || skip "mount: nosuid"
	grep -q '^NoNewPrivs:.*0' /proc/self/status || skip "no_new_privs"
}

# ---- usage

@test "no subcommand, an unknown one: usage" {
	refused 64 "no subcommand" "$K"
	refused 64 'unknown subcommand "frob"' "$K" frob
	refused 64 'unknown subcommand ""' "$K" ""
}

@test "--version and --help print and succeed" {
	run -0 --separate-stderr "$K" --version
	[[ "$output" =~ ^ktlshim\ [0-9]+\.[0-9]+ ]]
	[ -z "$stderr" ]
	run -0 --separate-stderr "$K" --help
	[[ "$output" == *"--handshake-timeout SECONDS"* ]]
	[ -z "$stderr" ]
	run -0 --separate-stderr "$K" run --help
	[[ "$output" == *"--cert FILE"* ]]
}

@test "run: no program" {
	refused 64 "no program" "$K" run
	refused 64 "no program" "$K" run "${GOOD[@]}" --
}

@test "run: unknown option, option without value" {
	refused 64 '"--frob"' "$K" run --frob true
	refused 64 '"-x"' "$K" run -x true
	for name in cert key ports ktls log handshake-timeout handshakes-max \
		helper; do
		refused 64 "no value behind option \"--$name\"" "$K" run --$name
	done
}

# ---- settings

@test "each option sets the variable of its name, above the environment" {
	cp "$DIR/ktlshim-helper" "$T/helper2"
	export KTLSHIM_CERT=/nowhere KTLSHIM_KEY=/nowhere KTLSHIM_PORTS=bad \
		KTLSHIM_KTLS=bad KTLSHIM_LOG=bad KTLSHIM_HANDSHAKE_TIMEOUT=bad \
		KTLSHIM_HANDSHAKES_MAX=bad KTLSHIM_HELPER=/nowhere
	runs "" "$K" run "${GOOD[@]}" --ports 80,443 --ktls=require \
		--log debug:stderr --handshake-timeout 7 --handshakes-max=9 \
		--helper "$T/helper2" -- env
	for line in "CERT=$CERTS/good.pem" "KEY=$CERTS/good.key" PORTS=80,443 \
		KTLS=require LOG=debug:stderr HANDSHAKE_TIMEOUT=7 \
		HANDSHAKES_MAX=9 "HELPER=$T/helper2"; do
		grep -Fx "KTLSHIM_$line" <<<"$output"
	done
}

@test "the environment alone is enough" {
	KTLSHIM_CERT="$CERTS/good.pem" KTLSHIM_KEY="$CERTS/good.key" \
		runs "" "$K" run true
}

@test "certificate or key not given" {
	refused 78 "KTLSHIM_CERT is not set" "$K" run true
	cp "$CERTS/good.pem" alone.pem
	refused 78 "certificate $T/alone.pem has no private key" \
		"$K" run --cert alone.pem true
	refused 78 "KTLSHIM_CERT is not set" "$K" run --cert "" --key x true
}

@test "bad port lists" {
	for list in 0 65536 -1 80,x 80-90 ',' 8o 99999999999999999999; do
		refused 78 KTLSHIM_PORTS "$K" run "${GOOD[@]}" --ports "$list" \
			true
	done
}

@test "bad kTLS modes" {
	for mode in on yes AUTO autox; do
		refused 78 KTLSHIM_KTLS "$K" run "${GOOD[@]}" --ktls "$mode" true
	done
}

@test "bad log levels and destinations" {
	for log in loud debugx :stderr debug: debug:relative/file 3; do
		refused 78 KTLSHIM_LOG "$K" run "${GOOD[@]}" --log "$log" true
	done
}

@test "bad handshake limits" {
	for n in 0 -1 3601 1s x 1.5; do
		refused 78 KTLSHIM_HANDSHAKE_TIMEOUT \
			"$K" run "${GOOD[@]}" --handshake-timeout "$n" true
	done
	for n in 0 -1 65537 1k; do
		refused 78 KTLSHIM_HANDSHAKES_MAX \
			"$K" run "${GOOD[@]}" --handshakes-max "$n" true
	done
}

# ---- certificates

@test "certificate or key missing" {
	refused 78 "cannot read certificate $T/no.pem: No such file" \
		"$K" run --cert no.pem --key "$CERTS/good.key" true
	refused 78 "cannot read key $T/no.key: No such file" \
		"$K" run --cert "$CERTS/good.pem" --key no.key true
}

@test "certificate or key is a directory, a pipe, a device" {
	mkfifo "$T/fifo"
	refused 78 "$T is a directory; its keys are in the files or beside" \
		"$K" run --cert "$T" --key "$CERTS/good.key" true
	refused 78 "key $T is not a regular file but a directory" \
		"$K" run --cert "$CERTS/good.pem" --key "$T" true
	refused 78 "key $T/fifo is not a regular file" \
		"$K" run --cert "$CERTS/good.pem" --key "$T/fifo" true
	refused 78 "certificate /dev/zero is not a regular file" \
		"$K" run --cert /dev/zero --key "$CERTS/good.key" true
}

@test "certificate or key unreadable" {
	cp "$CERTS/good.pem" "$CERTS/good.key" "$T"
	chmod 0 good.pem
	refused 78 "cannot read certificate $T/good.pem: Permission denied" \
		as_nobody "$K" run --cert good.pem --key good.key true
	[[ "$stderr" == *"; the helper runs as uid "* ]]
	chmod 644 good.pem
	chmod 0 good.key
	refused 78 "cannot read key $T/good.key: Permission denied" \
		as_nobody "$K" run --cert good.pem --key good.key true
}

@test "garbage, nothing, DER or the other file as certificate" {
	for file in garbage empty der.pem good.key; do
		refused 78 "certificate $CERTS/$file holds no PEM certificate" \
			"$K" run --cert "$CERTS/$file" --key "$CERTS/good.key" \
			true
		[[ "$stderr" != *SECRET* ]]
	done
}

@test "garbage, nothing or the other file as key" {
	for file in garbage empty good.pem; do
		refused 78 "key $CERTS/$file holds no PEM private key" \
			"$K" run --cert "$CERTS/good.pem" --key "$CERTS/$file" \
			true
		[[ "$stderr" != *SECRET* ]]
	done
}

@test "damaged PEM blocks" {
	{ cat "$CERTS/good.pem"; head -n 4 "$CERTS/good.pem"; } >cut.pem
	refused 78 "certificate $T/cut.pem cannot be used: " \
		"$K" run --cert cut.pem --key "$CERTS/good.key" true
	sed '2s/^..../!!!!/' "$CERTS/good.pem" >bad.pem
	refused 78 "certificate $T/bad.pem cannot be used: " \
		"$K" run --cert bad.pem --key "$CERTS/good.key" true
	sed '2s/^..../!!!!/' "$CERTS/good.key" >bad.key
	refused 78 "key $T/bad.key holds no PEM private key" \
		"$K" run --cert "$CERTS/good.pem" --key bad.key true
}

@test "a certificate too weak for OpenSSL's security level" {
	refused 78 "cannot be used: ee key too small" \
		"$K" run --cert "$CERTS/weak.pem" --key "$CERTS/weak.key" true
}

@test "key of another certificate, of the same and of another type" {
	refused 78 "key $CERTS/other.key does not belong to certificate \
$CERTS/good.pem" \
		"$K" run --cert "$CERTS/good.pem" --key "$CERTS/other.key" true
	refused 78 "key $CERTS/rsa.key does not belong to certificate" \
		"$K" run --cert "$CERTS/good.pem" --key "$CERTS/rsa.key" true
}

@test "chain in the wrong order" {
	cat "$CERTS/other.pem" "$CERTS/good.pem" >chain.pem
	refused 78 "must start with the server's own certificate" \
		"$K" run --cert chain.pem --key "$CERTS/good.key" true
}

@test "encrypted key: refused, no passphrase asked for" {
	for file in pkcs8.key ec.key; do
		# x would be the right answer to a prompt, on stdin or terminal
		refused 78 "key $CERTS/$file is encrypted" \
			"$K" run --cert "$CERTS/good.pem" \
			--key "$CERTS/$file" true <<<x
		refused 78 "key $CERTS/$file is encrypted" setsid -w \
			"$K" run --cert "$CERTS/good.pem" \
			--key "$CERTS/$file" true <<<x
	done
}

@test "expired and future certificates are warned of, then served" {
	run -0 --separate-stderr "$K" run --cert "$CERTS/past.pem" \
		--key "$CERTS/good.key" echo started
	[ "$output" = started ]
	[ "$stderr" = "ktlshim: certificate $CERTS/past.pem expired on \
2002-03-04 05:06:07 UTC; clients will refuse it" ]
	run -0 --separate-stderr "$K" run --cert "$CERTS/future.pem" \
		--key "$CERTS/good.key" echo started
	[ "$output" = started ]
	[[ "$stderr" == *"is not valid before 2090-01-02 03:04:05 UTC"* ]]
	runs started "$K" run --log error --cert "$CERTS/past.pem" \
		--key "$CERTS/good.key" echo started
}

@test "an expired certificate in the chain is warned of" {
	cat "$CERTS/good.pem" "$CERTS/past.pem" >chain.pem
	run -0 --separate-stderr "$K" run --cert chain.pem \
		--key "$CERTS/good.key" true
	[ "${#stderr_lines[@]}" -eq 1 ]
	[[ "$stderr" == *"chain certificate in $T/chain.pem expired on 2002"* ]]
}

@test "RSA certificates serve, too" {
	runs "" "$K" run --cert "$CERTS/rsa.pem" --key "$CERTS/rsa.key" true
}

# ---- installation

@test "library missing, or a directory" {
	rm "$DIR/libktlshim.so"
	refused 78 "libktlshim.so is neither beside $K nor" \
		"$K" run "${GOOD[@]}" true
	mkdir "$DIR/libktlshim.so"
	refused 78 "libktlshim.so is neither beside" \
		"$K" run "${GOOD[@]}" true
}

@test "library and helper are found where make install puts them" {
	for lib in lib/ktlshim lib; do
		mkdir -p "$T/$lib"
		mv "$DIR/libktlshim.so" "$T/$lib/"
		mv "$DIR/ktlshim-helper" "$T/$lib/"
		runs "LD_PRELOAD=$T/$lib/libktlshim.so" \
			"$K" run "${GOOD[@]}" env
		mv "$T/$lib/libktlshim.so" "$T/$lib/ktlshim-helper" "$DIR/"
	done
	mkdir -p "$T/libexec/ktlshim"
	mv "$DIR/libktlshim.so" "$T/lib/ktlshim/"
	mv "$DIR/ktlshim-helper" "$T/libexec/ktlshim/"
	runs "" "$K" run "${GOOD[@]}" true
	ln -s "$K" "$T/link"
	runs "LD_PRELOAD=$T/lib/ktlshim/libktlshim.so" \
		"$T/link" run "${GOOD[@]}" env
}

@test "helper missing, a directory, not executable" {
	chmod 644 "$DIR/ktlshim-helper"
	refused 78 "ktlshim-helper is neither beside" \
		"$K" run "${GOOD[@]}" true
	rm "$DIR/ktlshim-helper"
	refused 78 "ktlshim-helper is neither beside" \
		"$K" run "${GOOD[@]}" true
	refused 78 "helper $T/none is not an executable file" \
		"$K" run "${GOOD[@]}" --helper none true
	refused 78 "helper $T is not an executable file" \
		"$K" run "${GOOD[@]}" --helper "$T" true
	refused 78 "helper /etc/passwd is not an executable file" \
		"$K" run "${GOOD[@]}" --helper /etc/passwd true
}

@test "an installation path that LD_PRELOAD cannot carry" {
	for dir in "with space" with:colon 'with$ORIGIN'; do
		mkdir "$T/$dir"
		cp "$DIR"/* "$T/$dir/"
		refused 78 "cannot be preloaded" \
			"$T/$dir/ktlshim" run "${GOOD[@]}" true
	done
}

# ---- programs

@test "program missing" {
	refused 127 "no-such-program: program not found in PATH" \
		"$K" run "${GOOD[@]}" no-such-program
	refused 127 "./no-such: program not found" \
		"$K" run "${GOOD[@]}" ./no-such
	refused 127 "/etc/passwd/x: program not found" \
		"$K" run "${GOOD[@]}" /etc/passwd/x
	refused 127 "program not found" "$K" run "${GOOD[@]}" ""
}

@test "program is a directory, not executable, a pipe" {
	refused 126 "cannot execute $T: Is a directory" \
		"$K" run "${GOOD[@]}" "$T"
	echo x >plain
	refused 126 "cannot execute ./plain: Permission denied" \
		"$K" run "${GOOD[@]}" ./plain
	mkfifo -m 755 fifo
	refused 126 "cannot execute ./fifo: Permission denied" \
		"$K" run "${GOOD[@]}" ./fifo
}

@test "a file name cannot make two lines of the message" {
	refused 127 "a?b: program not found" \
		"$K" run "${GOOD[@]}" $'a\nb'
}

@test "PATH: elements that do not have it, are no directory, or are empty" {
	build prog
	refused 127 "in PATH" env PATH=/nowhere:/etc/passwd \
		"$K" run "${GOOD[@]}" prog
	runs libktlshim env "PATH=/nowhere:$T" "$K" run "${GOOD[@]}" prog
	runs libktlshim env PATH=/nowhere: "$K" run "${GOOD[@]}" prog
	mkdir first
	echo x >first/prog
	runs libktlshim env "PATH=$T/first:$T" "$K" run "${GOOD[@]}" prog
	refused 126 "cannot execute prog: Permission denied" \
		env "PATH=$T/first" "$K" run "${GOOD[@]}" prog
	chmod 0 first
	runs libktlshim as_nobody env "PATH=$T/first:$T" \
		"$K" run "${GOOD[@]}" prog
	refused 127 "noprog: program not found in PATH" \
		as_nobody env "PATH=$T/first:$PATH" "$K" run "${GOOD[@]}" noprog
	chmod 755 first
}

@test "static programs, static-pie too" {
	build static -static
	refused 126 "cannot upgrade ./static: it is statically linked" \
		"$K" run "${GOOD[@]}" ./static
	[[ "$stderr" == *"dynamically linked build or put a TLS proxy"* ]]
	build static-pie -static-pie
	refused 126 "./static-pie: it is statically linked" \
		"$K" run "${GOOD[@]}" ./static-pie
}

@test "Go programs: by note section, by note without section, static" {
	cat >note.s <<-'END'
		.section .note.go.buildid,"a",@note
		.align 4
		.long 4, 4, 4
		.ascii "Go\0\0"
		.ascii "abcd"
	END
	build go note.s
	refused 126 "cannot upgrade ./go: it is a Go program" \
		"$K" run "${GOOD[@]}" ./go
	objcopy --rename-section .note.go.buildid=.harmless go renamed
	refused 126 "./renamed: it is a Go program" \
		"$K" run "${GOOD[@]}" ./renamed
	build go-static -static note.s
	refused 126 "./go-static: it is a Go program" \
		"$K" run "${GOOD[@]}" ./go-static
	printf '.section .go.buildinfo,"a"\n.ascii "x"\n' >info.s
	build info info.s
	refused 126 "./info: it is a Go program" "$K" run "${GOOD[@]}" ./info
}

@test "a note of another owner is not Go" {
	printf '.section .note.x,"a",@note\n.align 4\n.long 4,4,4\n%s\n' \
		'.ascii "Og\0\0abcd"' >note.s
	build other note.s
	runs libktlshim "$K" run "${GOOD[@]}" ./other
}

@test "setuid and setgid programs of somebody else" {
	need_setuid
	build prog
	chown 65534 prog
	chmod 4755 prog
	refused 126 "cannot upgrade ./prog: it runs with other privileges" \
		"$K" run "${GOOD[@]}" ./prog
	chown 0:65534 prog
	chmod 2755 prog
	refused 126 "./prog: it runs with other privileges" \
		"$K" run "${GOOD[@]}" ./prog
	# setgid without group execution is no setgid
	chmod 2745 prog
	runs libktlshim "$K" run "${GOOD[@]}" ./prog
}

@test "setuid to oneself, or with no_new_privs, changes nothing" {
	build prog
	chmod 4755 prog
	runs libktlshim "$K" run "${GOOD[@]}" ./prog
	need_root
	chown 65534 prog
	chmod 4755 prog
	runs libktlshim setpriv --no-new-privs "$K" run "${GOOD[@]}" ./prog
}

@test "programs with file capabilities, unless root starts them" {
	need_setuid
	command -v setcap >/dev/null || skip "no setcap"
	build prog
	setcap cap_net_bind_service=ep prog || skip "no file capabilities here"
	refused 126 "./prog: it runs with other privileges" \
		as_nobody "$K" run "${GOOD[@]}" ./prog
	runs libktlshim "$K" run "${GOOD[@]}" ./prog
}

@test "a program that may be executed but not read" {
	build prog
	chmod 111 prog
	refused 126 "./prog: it cannot be read" \
		as_nobody "$K" run "${GOOD[@]}" ./prog
}

# poke FILE OFFSET BYTES: overwrite, BYTES as printf(1) writes them
poke() {
	printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

@test "programs of another machine or word size" {
	build other
	poke other 18 '\0363\0000' # e_machine: RISC-V
	refused 126 "./other: it is for another machine (243, 64 bit)" \
		"$K" run "${GOOD[@]}" ./other
	# an ELF header of a 32-bit program is enough
	printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0\2\0\3\0\1\0\0\0' >small
	head -c 100 /dev/zero >>small
	chmod 755 small
	refused 126 "./small: it is for another machine (3, 32 bit)" \
		"$K" run "${GOOD[@]}" ./small
}

@test "programs linked with musl" {
	build musl -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1
	refused 126 "./musl: it is linked with musl (/lib/ld-musl-x86_64.so.1)" \
		"$K" run "${GOOD[@]}" ./musl
}

@test "a loader that is not there is said by exec" {
	build lost -Wl,--dynamic-linker=/lib/no-such-loader
	refused 126 "cannot execute ./lost: No such file or directory" \
		"$K" run "${GOOD[@]}" ./lost
}

@test "neither ELF nor script: text, nothing, an object" {
	echo 'echo hello' >text
	: >empty
	cp "$CERTS/garbage" garbage
	chmod 755 text empty garbage
	for file in text empty garbage; do
		refused 126 "./$file: it is neither an ELF program nor a script" \
			"$K" run "${GOOD[@]}" "./$file"
	done
	echo 'int x;' | gcc -c -x c -o object.o -
	chmod 755 object.o
	refused 126 "./object.o: it is an ELF file (type 1) but not a program" \
		"$K" run "${GOOD[@]}" ./object.o
}

@test "damaged ELF files: cut short, and hostile header fields" {
	build prog
	size="$(stat -c %s prog)"
	for n in 1 4 16 17 52 63 64 65 100 176 400 792; do
		head -c "$n" prog >"cut"
		chmod 755 cut
		refused 126 "cannot upgrade ./cut: it is " \
			"$K" run "${GOOD[@]}" ./cut
	done
	# e_phoff and e_shoff beyond the end, e_phnum 65535 and 0, and so on
	for field in 32:8 40:8 56:2 60:2 62:2 54:2; do
		for byte in '\0377' '\0177' '\0000'; do
			cp prog bad
			n="${field#*:}"
			bytes=
			while [ "$n" -gt 0 ]; do
				bytes+="$byte"
				n=$((n - 1))
			done
			poke bad "${field%:*}" "$bytes"
			run "$K" run "${GOOD[@]}" ./bad
			echo "$size $field $byte: $status $output"
			# refused, or harmless: never a signal
			[ "$status" -eq 126 ] || [ "$status" -eq 0 ]
		done
	done
}

@test "PT_INTERP beyond the end, empty, or without its zero" {
	build prog
	# the program header of type 3: its offset in the file
	phoff="$(od -An -v -t u4 -w56 -j 64 -N 728 prog |
		awk '$1 == 3 { print 64 + (NR - 1) * 56 }')"
	for poke in 8:'\0377\0377\0377\0177' 32:'\0000' 32:'\0001' \
		32:'\0377\0377\0377\0377\0377\0377\0377\0377'; do
		cp prog bad
		poke bad $((phoff + ${poke%%:*})) "${poke#*:}"
		refused 126 "./bad: it is a damaged ELF file (bad PT_INTERP)" \
			"$K" run "${GOOD[@]}" ./bad
	done
}

# script NAME LINE: an executable script
script() {
	printf '%s\n' "$2" >"$1"
	chmod 755 "$1"
}

@test "scripts are judged by their interpreter" {
	build static -static
	build prog
	script bad "#!$T/static"
	refused 126 "cannot upgrade ./bad: its interpreter $T/static is stat" \
		"$K" run "${GOOD[@]}" ./bad
	script good "#! $T/prog  -x "
	runs libktlshim "$K" run "${GOOD[@]}" ./good
	script outer "#!$T/bad"
	refused 126 "its interpreter $T/static is statically linked" \
		"$K" run "${GOOD[@]}" ./outer
}

@test "scripts of env are judged by the program in PATH" {
	build static -static
	build prog
	PATH="$T:$PATH"
	script bad '#!/usr/bin/env static'
	refused 126 "its interpreter $T/static is statically linked" \
		"$K" run "${GOOD[@]}" ./bad
	script bad '#!/usr/bin/env -S static -x'
	refused 126 "its interpreter $T/static is statically linked" \
		"$K" run "${GOOD[@]}" ./bad
	script good '#!/usr/bin/env prog'
	runs libktlshim "$K" run "${GOOD[@]}" ./good
	script good '#!/usr/bin/env -S prog -x'
	runs libktlshim "$K" run "${GOOD[@]}" ./good
}

@test "scripts whose env may clear the environment are not followed" {
	for line in '#!/usr/bin/env -i' '#!/usr/bin/env -S -i true' \
		'#!/usr/bin/env -S LD_PRELOAD= true' '#!/usr/bin/env' \
		'#!/usr/bin/env -S' '#!/usr/bin/env -S "true"' '#!' '#! '; do
		script bad "$line"
		refused 126 "cannot be followed to a program" \
			"$K" run "${GOOD[@]}" ./bad
	done
}

@test "scripts without an interpreter that exists, or in a circle" {
	script bad '#!/no/such/interpreter'
	refused 126 "script for /no/such/interpreter, which cannot be started" \
		"$K" run "${GOOD[@]}" ./bad
	script bad '#!/usr/bin/env no-such-interpreter'
	refused 126 "script for no-such-interpreter, which cannot be started" \
		"$K" run "${GOOD[@]}" ./bad
	script circle "#!$T/circle"
	refused 126 "one more script after 4 others" \
		"$K" run "${GOOD[@]}" ./circle
}

# ---- what the program gets

@test "arguments pass untouched, with and without --" {
	runs '[-x][--cert][a b][]' "$K" run "${GOOD[@]}" \
		printf '[%s]' -x --cert "a b" ""
	runs '[--]' "$K" run "${GOOD[@]}" -- printf '[%s]' --
	runs ./odd "$K" run "${GOOD[@]}" -- bash -c 'echo "$0"' ./odd
}

@test "the program's exit code is the command's" {
	run "$K" run "${GOOD[@]}" sh -c 'exit 42'
	[ "$status" -eq 42 ]
}

@test "LD_PRELOAD: set when there is none" {
	build prog
	runs "" "$K" run "${GOOD[@]}" ./prog
	[ "$output" = "$DIR/libktlshim.so" ]
	runs "" env LD_PRELOAD= "$K" run "${GOOD[@]}" ./prog
	[ "$output" = "$DIR/libktlshim.so" ]
}

@test "LD_PRELOAD: an existing value is kept, ours behind it" {
	build prog
	echo | gcc -shared -fPIC -x c -o other.so -
	runs "" env LD_PRELOAD="$T/other.so" "$K" run "${GOOD[@]}" ./prog
	[ "$output" = "$T/other.so:$DIR/libktlshim.so" ]
}

@test "LD_PRELOAD: ours is not added twice, by whatever path" {
	build prog
	echo | gcc -shared -fPIC -x c -o other.so -
	ln -s "$DIR/libktlshim.so" link.so
	for list in "$DIR/libktlshim.so" "$DIR/libktlshim.so:$T/other.so" \
		"$T/other.so $DIR/libktlshim.so" "$T/link.so" \
		":$DIR/../bin/libktlshim.so"; do
		runs "" env LD_PRELOAD="$list" "$K" run "${GOOD[@]}" ./prog
		[ "$output" = "$list" ]
	done
	runs "" "$K" run "${GOOD[@]}" "$K" run ./prog
	[ "$output" = "$DIR/libktlshim.so" ]
}

@test "relative paths become absolute, in options and in variables" {
	cp "$CERTS/good.pem" c.pem
	cp "$CERTS/good.key" k.pem
	KTLSHIM_KEY=k.pem runs "" "$K" run --cert c.pem \
		--helper bin/ktlshim-helper env
	grep -Fx "KTLSHIM_CERT=$T/c.pem" <<<"$output"
	grep -Fx "KTLSHIM_KEY=$T/k.pem" <<<"$output"
	grep -Fx "KTLSHIM_HELPER=$DIR/ktlshim-helper" <<<"$output"
}

@test "the program inherits no descriptor of the command" {
	runs "" "$K" run "${GOOD[@]}" ls /proc/self/fd
	with="$output"
	runs "" ls /proc/self/fd
	[ "$with" = "$output" ]
}
