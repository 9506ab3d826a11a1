#!/usr/bin/env bats
# Whoever can put objects into a vault, but not change what is there, must not be able to stop a
# backup or a recovery. What does not belong is named by check.
load helper

# stranger NAME: an object that belongs nowhere
stranger() {
	mkdir -p "$(dirname "$V/$1")"
	head -c "${2:-300}" /dev/urandom >"$V/$1"
}

restores_exactly() {
	run with_pass restore crm --to "$T/out"
	expect_status 0
	cmp "$T/out/crm.db" "$T/crm.db"
	rm -r "$T/out"
}

check_names() {
	run with_pass check
	expect_status 20
	[[ $output == *"$1"* ]]
}

@test "junk among the charters stops nothing, and check names it" {
	crm_vault
	stranger charter/00000099
	restores_exactly
	hf backup -q
	check_names charter/00000099
}

@test "junk among the slots hides no slot, and check names it" {
	crm_vault
	stranger slots/00000000000000000000000000000000
	stranger slots/ffffffffffffffffffffffffffffffff 5000
	restores_exactly
	check_names slots/ffffffffffffffffffffffffffffffff
}

@test "a wrong passphrase is still called so beside a junk slot" {
	crm_vault
	stranger slots/ffffffffffffffffffffffffffffffff 5000
	echo wrong >"$T/wrong"
	run hf restore crm --to "$T/out" --passphrase-file "$T/wrong"
	expect_status 12
	[[ $output == *"wrong passphrase"* ]]
	[ ! -e "$T/out/crm.db" ]
}

@test "strangers among snapshots and packs stop nothing, and check names them" {
	crm_vault
	store=$(cd "$V" && find . -type d -name snapshots | head -n 1)
	store=$(dirname "${store#./}")
	stranger "$store/snapshots/latest"
	stranger "$store/packs/readme"
	restores_exactly
	hf backup -q
	restores_exactly
	check_names snapshots/latest
	check_names packs/readme
}
