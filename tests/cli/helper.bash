# helper - a vault, a configuration and databases of its own for each test.
# shellcheck shell=bash
# Each test may use: $T its folder, $V the vault, $CONF, and hf, which is holdfast with that
# configuration. Argon2id is cheap here: --slot-cost 1:8192.

bats_require_minimum_version 1.5.0

setup() {
	[ -n "${HOLDFAST:-}" ] || HOLDFAST=$BATS_TEST_DIRNAME/../../build/holdfast
	T=$BATS_TEST_TMPDIR
	V=$T/vault
	CONF=$T/holdfast.conf
	export HOME=$T/home TZ=UTC
	unset HOLDFAST_CONFIG HOLDFAST_VAULT HOLDFAST_PASSPHRASE HOLDFAST_PASSPHRASE_FILE
	unset XDG_CONFIG_HOME XDG_STATE_HOME CREDENTIALS_DIRECTORY
	mkdir -p "$HOME"
	# where the kernel refuses namespaces, sandboxes are entered by another user
	chmod 711 "$BATS_RUN_TMPDIR" "$T"
	mkdir -m 711 "$T/state"
	echo 'a passphrase for tests only' >"$T/pass"
	cat >"$CONF" <<-END
		[vault]
		url = file://$V
		state = $T/state
		keys = $T/keys
	END
}

hf() { "$HOLDFAST" -c "$CONF" "$@"; }

new_vault() { hf init -q --passphrase-file "$T/pass" --slot-cost 1:8192 >"$T/sheet" 2>/dev/null; }

# database FILE [ROWS]: customers and orders
database() {
	python3 - "$1" "${2:-2000}" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.executescript("create table customers(id integer primary key, name text, note blob);"
		                 "create table orders(id integer primary key, customer int, total int)")
		n = int(sys.argv[2])
		db.executemany("insert into customers values(?, ?, randomblob(200))",
		               ((i, "customer %d" % i) for i in range(n)))
		db.executemany("insert into orders values(?, ?, ?)", ((i, i % 7, i * 3) for i in range(n)))
		db.commit()
	END
}

sql() {
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
for row in db.execute(sys.argv[2]): print("|".join(map(str, row)))
db.commit()' "$@"
}

# crm_vault: a vault with one snapshot of the store crm
crm_vault() {
	new_vault
	database "$T/crm.db"
	hf add -q crm "$T/crm.db"
	hf backup -q
}

# tenants_vault N: a vault with one snapshot of each of the stores tenants/t1 ... tN
tenants_vault() {
	new_vault
	mkdir "$T/tenants"
	database "$T/one.db" 5
	for i in $(seq "$1"); do cp "$T/one.db" "$T/tenants/t$i.db"; done
	printf '%s\n' '[store tenants]' 'type = sqlite' "path = $T/tenants/*.db" 'name = tenants/{stem}' >>"$CONF"
	hf backup -q
}

# objects FOLDER PATTERN: the vault's objects that match
objects() { find "$1" -type f -path "*$2*" | sort; }

# damage FILE: another byte in its middle
damage() {
	chmod u+w "$1"
	python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 1
open(sys.argv[1], "wb").write(data)' "$1"
}

# same_vaults A COPY: the same objects with the same bytes; of the tiles of a ledger that are not full the
# copy needs the newest only
same_vaults() {
	local only tile newest
	only=$(diff -r "$1" "$2" | grep -v "^Only in $1/.*/log/tile/.*\.p: [0-9]*$") || true
	echo "$only"
	[ -z "$only" ] || return 1
	for tile in $(find "$1" -type d -path '*/log/tile/*.p'); do
		newest=$(ls "$tile" | sort -n | tail -n 1)
		[ -f "$2${tile#"$1"}/$newest" ] || return 1
	done
}

# at TIME COMMAND...: holdfast with that clock
at() {
	local when=$1
	shift
	faketime -f "@$when" "$HOLDFAST" -c "$CONF" "$@"
}

needs_faketime() { command -v faketime >/dev/null || skip "no faketime"; }

# with_pass COMMAND...: holdfast with the passphrase
with_pass() { hf "$@" --passphrase-file "$T/pass"; }

# json KEY: the value of a key in the last JSON line of standard input
json() {
	python3 -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin if line.strip()]
value = lines[-1].get(sys.argv[1])
print(json.dumps(value) if isinstance(value, (bool, type(None))) else value)' "$1"
}

# all_json: fails unless every line of standard input is a JSON object
all_json() {
	python3 -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert lines and all(isinstance(line, dict) for line in lines)'
}

expect_status() {
	[ "$status" -eq "$1" ] || {
		echo "status $status, expected $1; output:" "$output" "${stderr:-}"
		return 1
	}
}

# expect_message TEXT HINT: exactly these two lines on standard error
expect_message() {
	[ "$stderr" = "holdfast: $1
  hint: $2" ] || {
		printf 'got:\n%s\nexpected:\nholdfast: %s\n  hint: %s\n' "$stderr" "$1" "$2"
		return 1
	}
}

# as_user COMMAND...: not as root. A user namespace without a mapping takes root's rights away and
# leaves its files.
as_user() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		unshare -U -- "$@"
	fi
}

skip_unless_as_user() { as_user true 2>/dev/null || skip "no user namespaces"; }

skip_unless_root() { [ "$(id -u)" -eq 0 ] || skip "needs root"; }
