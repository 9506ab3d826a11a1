#!/usr/bin/env bats
# Machines and their keys. Host A is the one of helper.bash; other machines have a folder of their own
# with a configuration, a key file, and nothing else.
load helper

# machine NAME: its folder is $T/NAME; its configuration names vault, state and keys
machine() {
	mkdir -p "$T/$1"
	mkdir -p -m 711 "$T/$1/state"
	cat >"$T/$1/holdfast.conf" <<-END
		[vault]
		url = file://$V
		state = $T/$1/state
		keys = $T/$1/keys
	END
}

# on NAME COMMAND...: holdfast there, without a terminal to ask at
on() {
	local name=$1
	shift
	setsid -w "$HOLDFAST" -c "$T/$name/holdfast.conf" "$@" </dev/null
}

# enrol NAME ROLES: asked there, accepted here
enrol() {
	machine "$1"
	on "$1" key enroll -q --role "$2" --name "$1" | hf key accept -q --yes -
}

two_stores() {
	crm_vault
	database "$T/shop.db" 300
	hf add -q shop "$T/shop.db"
	hf backup -q
}

@test "a second machine restores what is granted to it, without any passphrase, and writes nothing" {
	two_stores
	machine drill1
	run -0 on drill1 key enroll --role drill --name drill1
	request=$(grep -o 'hfreq1\.[A-Za-z0-9_-]*' <<<"$output")
	[[ $output == *"Vault fingerprint  $(grep Fingerprint "$T/sheet" | grep -o '[0-9a-f]\{4\} .*')"* ]]
	fingerprint=$(sed -n 's/ *Key fingerprint *\([0-9a-f ]*[0-9a-f]\).*/\1/p' <<<"$output")
	[ "$(stat -c %a "$T"/drill1/keys/*.key)" = 600 ]

	run -12 --separate-stderr on drill1 restore crm --to "$T/out"
	[[ $stderr == *"this machine's key drill1 is not accepted yet"*"key accept"* ]]

	run -0 hf key accept "$request" --yes
	[[ $output == *"$fingerprint"* ]]
	run -12 --separate-stderr on drill1 restore crm --to "$T/out"
	expect_message "restore crm: vault $(short_id): no store is granted to this machine (drill1)" \
		"with the recovery code: 'holdfast key grant drill1 crm'"

	run -0 with_pass key grant drill1 crm
	[[ $output == "drill1 can read 1 store: 1 key sealed to it"* ]]
	run -0 on drill1 restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
	run -0 on drill1 ls crm
	[[ $output == *crm.db* ]]
	on drill1 dump crm | cmp - "$T/crm.db"
	run -0 on drill1 check --read-data
	[[ $output == *"Contents of 1 store were not decrypted"* ]]
	run -0 on drill1 check --read-data crm
	[[ $output != *"not decrypted"* ]]

	printf '[store x]\ntype = sqlite\npath = %s\n' "$T/shop.db" >>"$T/drill1/holdfast.conf"
	run -12 --separate-stderr on drill1 backup
	[[ $stderr == *"is no writer of it but: drill"* ]]
}

short_id() { basename "$T"/drill1/keys/*.key .key | sed 's/\(....\)\(....\).*/\1-\2/'; }

@test "nothing but the key file and the vault's address is needed" {
	two_stores
	enrol drill1 drill
	with_pass key grant -q drill1 crm
	mkdir "$T/bare" "$T/bare/home"
	printf '[vault]\nurl = file://%s\nkeys = %s\nstate = %s\n' "$V" "$T/drill1/keys" "$T/bare/state" \
		>"$T/bare/holdfast.conf"
	run -0 env HOME="$T/bare/home" setsid -w "$HOLDFAST" -c "$T/bare/holdfast.conf" restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
}

@test "a store that is not granted is refused by name, with the command that grants it" {
	two_stores
	enrol drill1 drill
	with_pass key grant -q drill1 crm
	for verb in "restore shop@1 --to $T/out" "ls shop" "dump shop" "diff shop 1" "rescue shop --to $T/out"; do
		# shellcheck disable=SC2086
		run -12 --separate-stderr on drill1 $verb
		[[ $stderr == *"this store is not granted to this machine (drill1)"* ]]
		[[ $stderr == *"hint: with the recovery code: 'holdfast key grant drill1 shop'" ]]
	done
	[ ! -e "$T/out" ]
	with_pass key grant -q drill1 shop
	run -0 on drill1 restore shop --to "$T/out"
	cmp "$T/out/shop.db" "$T/shop.db"
}

@test "a new epoch is sealed to the grant by the writer" {
	two_stores
	enrol drill1 drill
	with_pass key grant -q drill1 crm
	sed -i '/^\[store crm\]/a rotate = 1s' "$CONF"
	sleep 1.1
	sql "$T/crm.db" "delete from orders where id % 3 = 0"
	hf backup -q crm
	[ "$(hf snapshots crm --json | json epoch)" = 2 ]
	run -0 on drill1 restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
	# and the store that is not granted has keys for nobody new
	run -12 on drill1 ls shop
}

@test "an epoch that lacks a grant is followed by one that has it" {
	two_stores
	enrol drill1 drill
	with_pass key grant -q drill1 crm
	# as if a run that was under way during the grant had made it
	sed -i '/^\[store crm\]/a rotate = 1s' "$CONF"
	sleep 1.1
	sql "$T/crm.db" "delete from orders where id % 3 = 0"
	hf backup -q crm
	box=$(on drill1 key show --json | json box)
	rm "$V"/keys/*/*/00000002-"$(python3 -c 'import hashlib, sys
print(hashlib.blake2b(bytes.fromhex(sys.argv[1]), digest_size=16, person=b"hf1.kid").hexdigest())' "$box")"
	sed -i '/^rotate = 1s/d' "$CONF"
	run -12 --separate-stderr on drill1 ls crm
	[[ $stderr == *"the key of epoch 2 was not sealed to this machine (drill1)"*"key grant drill1"* ]]
	sql "$T/crm.db" "delete from orders where id % 5 = 0"
	hf backup -q crm
	[ "$(hf snapshots crm --json | json epoch)" = 3 ]
	with_pass key grant -q drill1 crm
	run -0 on drill1 restore crm --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
}

@test "--all covers stores that come later" {
	crm_vault
	enrol drill1 drill
	run -0 with_pass key grant drill1 --all
	[[ $output == "drill1 can read every store"* ]]
	database "$T/later.db" 10
	hf add -q later "$T/later.db"
	hf backup -q
	run -0 on drill1 restore later --to "$T/out"
	cmp "$T/out/later.db" "$T/later.db"
	run -0 on drill1 key show
	[[ $output == *"every store there is and will be"* ]]
}

@test "granting takes the recovery code, a reader and a store" {
	two_stores
	enrol drill1 drill
	enrol db2 writer
	run -12 --separate-stderr setsid -w "$HOLDFAST" -c "$CONF" key grant drill1 crm
	[[ $stderr == *"granting takes the recovery code"* ]]
	run -2 --separate-stderr with_pass key grant db2 crm
	[[ $stderr == *"db2 has neither the role drill nor restorer"* ]]
	run -1 --separate-stderr with_pass key grant drill9 crm
	[[ $stderr == *"there is no machine 'drill9'"*"key list"* ]]
	run -1 --separate-stderr with_pass key grant drill1 crn
	[[ $stderr == *"crn: no such store"*"did you mean 'crm'"* ]]
	run -2 with_pass key grant drill1
	run -2 with_pass key grant drill1 crm --all
	run -0 hf key list --json
	all_json <<<"$output"
	[[ $output != *'"reads": ["'* ]]
}

@test "two machines accept at once" {
	crm_vault
	enrol ops1 writer,drill
	machine ops2
	on ops2 key enroll -q --role writer,admin --name ops2 | with_pass key accept -q --yes -
	for i in 1 2 3 4 5 6; do
		machine "m$i"
		on "m$i" key enroll -q --role drill --name "m$i" >"$T/m$i/request"
	done
	for i in 1 3 5; do hf key accept -q --yes - <"$T/m$i/request" & done
	for i in 2 4 6; do
		"$HOLDFAST" -c "$T/ops2/holdfast.conf" key accept -q --yes - <"$T/m$i/request" &
	done
	wait
	for i in 1 2 3 4 5 6; do
		by=$(on "m$i" key show --json | json by)
		if [ $((i % 2)) = 1 ]; then [ "$by" = "$(hostname)" ]; else [ "$by" = ops2 ]; fi
	done
	run -0 with_pass check
}

@test "only the recovery code makes an admin" {
	crm_vault
	machine ops1
	on ops1 key enroll -q --role admin --name ops1 >"$T/request"
	run -12 --separate-stderr setsid -w "$HOLDFAST" -c "$CONF" key accept --yes "$(cat "$T/request")"
	[[ $stderr == *"only the recovery code can do this here"* ]]
	run -0 with_pass key accept --yes "$(cat "$T/request")"
}

@test "a request is looked at before it is entered, and somebody must say yes" {
	crm_vault
	machine drill1
	request=$(on drill1 key enroll -q --role drill --name drill1)
	run -2 --separate-stderr setsid -w "$HOLDFAST" -c "$CONF" key accept "$request"
	[[ $stderr == *"no terminal to ask"*"--yes"* ]]
	run -0 hf key accept -n "$request"
	[ "$(hf key list --json | wc -l)" -eq 1 ]
	run -2 --separate-stderr hf key accept --yes "${request%?}"
	[[ $stderr == *"not whole"*"copy it again"* ]]
	run -2 --separate-stderr hf key accept --yes nonsense
	[[ $stderr == *"no enrolment request"* ]]
	# wrapped by a mail program
	fold -w 50 <<<"$request" | hf key accept --yes -
	run -1 --separate-stderr hf key accept --yes "$request"
	[[ $stderr == *"enrolled already, as drill1"* ]]
}

@test "enrolling twice says what is there" {
	crm_vault
	machine drill1
	first=$(on drill1 key enroll -q --role drill --name drill1)
	run -0 on drill1 key enroll --role drill --name drill1
	[[ $output == "This machine has asked already"*"$first"* ]]
	run -1 --separate-stderr on drill1 key enroll --role writer --name drill1
	[[ $stderr == *"has asked already to be drill1 (drill): $T/drill1/keys/"* ]]
	hf key accept -q --yes "$first"
	run -1 --separate-stderr on drill1 key enroll --role drill --name drill1
	[[ $stderr == *"enrolled already, as drill1 (drill)"* ]]
	run -2 on drill1 key enroll --role drill
	run -2 --separate-stderr on drill1 key enroll --role boss --name x
	[[ $stderr == *"'boss' is no role"* ]]
	run -2 --separate-stderr on drill1 key list --yes
	[[ $stderr == *"--yes means nothing here"* ]]
	run -2 on drill1 key
	run -2 on drill1 key make
}

@test "enroll writes the [vault] section where there is none, and leaves one alone" {
	skip_unless_as_user
	crm_vault
	mkdir -p "$T/new/home"
	elsewhere() { as_user env HOME="$T/new/home" setsid -w "$HOLDFAST" -c "$T/new/conf" "$@"; }
	run -0 elsewhere key enroll --role drill --name drill1 --vault "$V"
	grep -qx "url = file://$V" "$T/new/conf"
	[ -n "$(find "$T/new/home/.config/holdfast/keys" -name "*.key")" ]
	before=$(cat "$T/new/conf")
	run -0 elsewhere key enroll --role drill --name drill1
	[ "$(cat "$T/new/conf")" = "$before" ]
}

@test "a machine in place of a lost one backs up tonight, and restores find both" {
	crm_vault
	rm -r "$T/keys" "$T/state"          # the machine is gone; its files came back
	machine new
	run -12 --separate-stderr on new key recover
	[[ $stderr == *"only the recovery code can do this here"* ]]
	run -0 on new key recover --passphrase-file "$T/pass"
	name="$(hostname)-2"
	[[ $output == "This machine is enrolled as $name, writer and admin"* ]]
	run -1 --separate-stderr on new key recover --passphrase-file "$T/pass"
	[[ $stderr == *"enrolled already, as $name"* ]]

	# before its first backup, the old machine's is what there is
	run -0 on new restore crm --to "$T/old" --passphrase-file "$T/pass"
	cmp "$T/old/crm.db" "$T/crm.db"
	cp "$T/crm.db" "$T/then.db"
	sql "$T/crm.db" "delete from orders where id % 2 = 0"
	sleep 1.1
	on new add -q crm "$T/crm.db"
	run -0 on new backup
	[[ $output == *full* ]]
	run -0 --separate-stderr on new restore crm --to "$T/out" --passphrase-file "$T/pass"
	cmp "$T/out/crm.db" "$T/crm.db"
	[[ $stderr == *"2 machines have a store 'crm'; the newest snapshot is in $name:crm"* ]]
	run -0 on new restore "$(hostname):crm" --to "$T/out2" --passphrase-file "$T/pass"
	cmp "$T/out2/crm.db" "$T/then.db"
	run -0 on new restore '*' --to "$T/out3" --passphrase-file "$T/pass"
	cmp "$T/out3/crm.db" "$T/crm.db"
	run -0 on new dump crm --passphrase-file "$T/pass"
	run -2 --separate-stderr on new ls crm@1 --passphrase-file "$T/pass"
	[[ $stderr == *"snapshot 1 is there of several machines"* ]]
	run -0 on new check --passphrase-file "$T/pass"
}

@test "status and key list say what this host can do" {
	two_stores
	run -0 hf status
	[[ $output == *"this machine is $(hostname) (admin, writer): it can write its own stores; can read nothing without the recovery code" ]]
	run -0 with_pass status
	[[ $output == *"a source of the recovery code is there: with it, everything" ]]
	enrol drill1 drill,restorer
	run -0 on drill1 status
	[[ $output == *"this machine is drill1 (drill, restorer): it can write nothing; can read nothing without the recovery code" ]]
	with_pass key grant -q drill1 'c*'
	run -0 on drill1 status
	[[ $output == *"it can write nothing; can read the stores granted to it" ]]
	run -0 hf key list
	[[ $output == *"drill1  drill, restorer"*"$(hostname)"*"1 store "* ]]
	run -0 hf key show drill1
	[[ $output == *"can read"*"  crm"* ]]
	run -0 hf key show drill1 --json
	[[ $output == *'"reads": ["crm"]'* || $output == *'"reads":["crm"]'* ]]
	run -1 hf key show nobody
}

@test "the reader written from FORMAT.md reads a vault with several machines and grants" {
	two_stores
	enrol drill1 drill
	with_pass key grant -q drill1 crm
	hf backup -q
	run -0 python3 "$BATS_TEST_DIRNAME/../reader.py" --vault "$V" --passphrase-file "$T/pass" restore crm 1 --to "$T/out"
	cmp "$T/out/crm.db" "$T/crm.db"
}

# told KIND FIELD: of the entries of that kind
told() { hf ledger show --json | jq -r "select(.entry.kind == \"$1\") | .entry.$2"; }

@test "enrolments and grants are in the ledger, with what was seen of others; another charter does not fit" {
	two_stores
	enrol drill1 drill
	[ "$(told enroll charter_n)" = 3 ]
	with_pass key grant -q drill1 crm
	[ "$(told grant charter_n)" = 4 ]
	[ "$(told grant keys)" = 1 ]
	on drill1 restore -q crm --to "$T/out"
	# what drill1 saw of the first machine, and now the other way round
	[ "$(told seen 'logs | length')" = 1 ]
	with_pass key grant -q drill1 shop
	[ "$(told seen 'logs | length' | wc -l)" -eq 2 ]
	run -0 hf ledger verify
	# the last grant taken back, where nobody remembers the charter
	newest=$(ls "$V"/charter/* | tail -n 1)
	mv "$newest" "$T/charter"
	rm -r "$T/state"
	run -20 hf ledger verify
	[[ $output == *"wrote a charter of 5 entries, which is not the beginning of the one in the vault (4 entries)"* ]]
	mv "$T/charter" "$newest"
	run -0 hf ledger verify
}

@test "an act that the ledger cannot be told of is done all the same, with exit status 4" {
	crm_vault
	machine drill1
	on drill1 key enroll -q --role drill --name drill1 >"$T/request"
	checkpoint=$(echo "$V"/*/log/checkpoint)
	mv "$checkpoint" "$T/checkpoint"
	mkdir "$checkpoint"
	run -4 --separate-stderr hf key accept -q --yes - <"$T/request"
	[[ $stderr == *"it is done, but not in the ledger"* ]]
	rmdir "$checkpoint"
	mv "$T/checkpoint" "$checkpoint"
	run -0 hf key list
	[[ $output == *drill1* ]]
}

@test "a key file from before there were requests, and old vaults, work as ever" {
	crm_vault
	# init's key file ends in 80 bytes of zeros and the checksum, as it always did
	grep -v '^#' "$T"/keys/*.key | tr -d '\n' | cut -c$((2 * 156 + 1))-$((2 * 236)) | grep -qx '0\{160\}'
	hf backup -q
}
