#!/usr/bin/env bats
# The golden vault: what was once stored stays readable.
#
# tests/golden/vault was made by scripts/make-golden when format 1 was fixed, and stands for the
# vaults that people have. If a test here fails, the program or the description of the format
# changed its meaning, and backups of real people would fail in the same way. Then mend that. Never
# make the vault anew, and never change the sum below, to turn this green.
#
# It holds: a SQLite store (full, changed pages, growth with zero pages in a new epoch, shrinkage,
# unchanged), a tree (hard link, symbolic link, holes, an empty folder, names in UTF-8 and not), a
# command. tests/reader.py reads it too: written from docs/FORMAT.md, it proves that page complete.
load helper

GOLDEN=$BATS_TEST_DIRNAME/../golden
READER=$BATS_TEST_DIRNAME/../reader.py
GOLDEN_SUM=0e006ed6251039216988a5b153e255bbe62c3f123591a3842c323fc08de0ba72

golden_vault() { cp -r "$GOLDEN/vault" "$V" && chmod -R u+w "$V"; }

hf_golden() { "$HOLDFAST" "$@" --vault "$V" --passphrase-file "$GOLDEN/passphrase"; }

reader() { python3 "$READER" --vault "$V" --passphrase-file "$GOLDEN/passphrase" "$@"; }

# same_as_then DIR NAME: DIR is what the snapshot NAME (store-seq) held when it was made
same_as_then() { diff "$GOLDEN/expected/$2" <("$GOLDEN/manifest" "$1"); }

# flip FILE NUMBER: change one bit of a file, anywhere
flip() {
	python3 - "$1" "$2" <<-'END'
		import sys
		with open(sys.argv[1], "r+b") as f:
		    at = int(sys.argv[2]) % f.seek(0, 2)
		    f.seek(at)
		    byte = f.read(1)[0]
		    f.seek(at)
		    f.write(bytes([byte ^ 1]))
	END
}

@test "the golden vault is the one that was made when the format was fixed" {
	cd "$GOLDEN"
	[ "$(sha256sum <SHA256SUMS)" = "$GOLDEN_SUM  -" ]
	sha256sum --check --quiet --strict SHA256SUMS
	[ "$(find vault expected -type f | wc -l)" -eq "$(grep -c ' \(vault\|expected\)/' SHA256SUMS)" ]
}

@test "holdfast restores every snapshot of the golden vault" {
	golden_vault
	for snapshot in "$GOLDEN"/expected/*; do
		name=$(basename "$snapshot")
		run -0 hf_golden restore "${name%-*}@${name#*-}" --to "$T/$name"
		same_as_then "$T/$name" "$name"
	done
}

@test "a reader written from FORMAT.md restores every snapshot of the golden vault" {
	golden_vault
	for snapshot in "$GOLDEN"/expected/*; do
		name=$(basename "$snapshot")
		run -0 reader restore "${name%-*}" "${name#*-}" --to "$T/$name"
		same_as_then "$T/$name" "$name"
	done
}

@test "all signatures, hashes, frames and sums of the golden vault verify" {
	golden_vault
	run -0 hf_golden check --read-data
	run -0 reader verify
	[[ $output == "verified: 8 snapshots, 7 packs, "* ]]
}

@test "packs and keys alone rebuild the golden database" {
	golden_vault
	rm -r "$V"/*/*/snapshots
	run -4 hf_golden rescue crm --to "$T/one"
	run -0 reader rescue crm --to "$T/two"
	cmp "$T/one/crm.db" "$T/two/crm.db"
	grep -q " $(sha256sum <"$T/two/crm.db" | cut -c 1-64) " "$GOLDEN/expected/crm-5"
}

@test "anybody can check the golden packs with b2sum" {
	for pack in "$GOLDEN"/vault/*/*/packs/*; do
		[ "$(b2sum -l 256 <"$pack")" = "$(basename "$pack")  -" ]
	done
}

@test "the reader refuses every kind of object with a changed bit" {
	golden_vault
	objects=("$V/vault.json" "$V/FORMAT.md" "$V/RECOVERY.txt" "$V"/charter/* "$V"/slots/* "$V"/keys/*/*/*
		"$V"/*/*/snapshots/* "$V"/*/*/packs/*)
	number=0
	for object in "${objects[@]}"; do
		cp "$object" "$T/kept"
		flip "$object" $((number += 7919))
		run -1 reader verify
		[[ $output == "reader: "* ]]
		cp "$T/kept" "$object"
	done
	run -0 reader verify
}
