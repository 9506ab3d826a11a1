#!/usr/bin/env bats
# Masked restores: who must look sees no value, and what no rule names is refused.
load helper

# customers: a vault with one snapshot of a store that holds SECRET in many places
customers() {
	[ "$(id -u)" != 0 ] || unshare -m true 2>/dev/null ||
		skip "no mount namespaces: the sandbox's user does not get into a new folder"
	new_vault
	python3 - "$T/crm.db" "${1:-1000}" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.executescript("""
		  pragma journal_mode = wal; pragma secure_delete = off;
		  create table customers(id integer primary key, name text, email text unique, phone text, born text);
		  create table orders(id integer primary key, customer integer references customers, placed text,
		                      note blob);
		  create index by_name on customers(lower(name));
		  create view names as select name from customers;
		""")
		n = int(sys.argv[2])
		db.executemany("insert into customers values(?, ?, ?, ?, ?)", ((i, "SECRETname%d" % i,
		               "SECRETmail%d@example.org" % i, "+49SECRET%05d" % i, "1970-01-01") for i in range(n)))
		db.executemany("insert into orders values(?, ?, ?, ?)", ((i, i % 50, "2024-03-01 12:00:00",
		               b"SECRETnote%d" % i) for i in range(n)))
		db.execute("insert into customers select id + 100000, 'SECRETgone' || id, null, null, null from customers")
		db.execute("delete from customers where id >= 100000")
		db.commit()
	END
	hf add -q crm "$T/crm.db"
	hf backup -q
	printf '%s\n' Anna Bert Çağla >"$T/names.txt"
	cat >"$T/rules" <<-'END'
		# who is who is nobody's business
		[customers]
		id = hash
		name = pseudonym names.txt
		email = partial email
		phone = partial last=2
		born = date-shift 300 by id
		[orders]
		id = keep
		customer = hash
		placed = date-shift 300 by customer
		note = null
	END
}

masked() { with_pass restore crm --mask "$T/rules" "$@"; }

# no_secret FOLDER: no file in it, by any name, holds an original value
no_secret() {
	run -1 grep -raq SECRET "$1"
}

@test "a masked restore holds none of the original values, and still joins" {
	customers
	run -0 masked --to "$T/out"
	[[ ${lines[0]} =~ ^crm@1\ of\ .*\ masked\ to\ .*/out/crm\.db:\ 2\ tables,\ 2000\ rows,\  ]]
	[ "${lines[1]}" = "  columns: 1 keep, 1 null, 2 hash, 1 pseudonym, 1 partial, 1 partial email, 2 date-shift" ]
	[ "$(ls -A "$T/out")" = crm.db ]
	[ "$(stat -c %a "$T/out/crm.db")" = 600 ]
	no_secret "$T/out"
	grep -aq SECRETgone "$T/crm.db"
	[ "$(sql "$T/out/crm.db" 'pragma integrity_check')" = ok ]
	[ -z "$(sql "$T/out/crm.db" 'pragma foreign_key_check')" ]
	[ "$(sql "$T/out/crm.db" 'select count(*) from orders join customers c on c.id = customer')" = 1000 ]
	[ "$(sql "$T/out/crm.db" 'select count(distinct email) from customers')" = 1000 ]
	[ "$(sql "$T/out/crm.db" 'select count(distinct name) from names')" = 3 ]
	# 19783 days lie between the two dates, and still do for each customer
	[ "$(sql "$T/out/crm.db" 'select count(*), count(distinct date(placed)) > 20 from orders join customers c
		on c.id = customer where julianday(date(placed)) - julianday(born) = 19783')" = '1000|1' ]
}

@test "what no rule names is told, all of it, and nothing is restored" {
	customers
	sed -i -e '/^phone/d' -e 's/^note.*/note = ?/' "$T/rules"
	sql "$T/crm.db" 'create table new_one(secret)'
	hf backup -q
	run -2 --separate-stderr masked --to "$T/out"
	[ -z "$output" ]
	[ "$stderr" = "holdfast: crm: no rule for column customers.phone
holdfast: crm: no rule for table new_one
holdfast: crm: no rule for column orders.note
holdfast: restore crm: 3 tables or columns without a rule, beginning with customers.phone
  hint: 'holdfast restore STORE --mask-template' prints rules to fill in" ]
	[ -z "$(ls -A "$T/out")" ]
	run -2 --separate-stderr masked --to "$T/out" --json
	all_json <<<"$output"
	[ "$(grep -c '"lacks":"rule"' <<<"$output")" = 3 ]
}

@test "the skeleton names everything, decides nothing, and is rules when it is filled in" {
	customers
	run -0 with_pass restore crm --mask-template
	[ "$(grep -c ' = ?$' <<<"$output")" = 11 ]
	[[ $output == *$'\n[orders]\n@rows = ?\nid = ?\ncustomer = ?\nplaced = ?\nnote = ?'* ]]
	echo "$output" >"$T/skeleton"
	run -2 with_pass restore crm --mask "$T/skeleton" --to "$T/out"
	sed -e 's/^@rows = ?/@rows = keep/' -e 's/^id = ?/id = keep/' -e 's/ = ?/ = hash/' -i "$T/skeleton"
	sed -i 's/^customer = hash/customer = keep/' "$T/skeleton"
	run -0 with_pass restore crm --mask "$T/skeleton" --to "$T/out"
	no_secret "$T/out"
	run -0 with_pass restore crm --mask-template --json
	[[ $(json rules <<<"$output") == "# Rules"* ]]
}

@test "the ledger says that it was masked, and by which rules" {
	customers
	run -0 masked --to "$T/out" --json
	digest=$(sha256sum "$T/rules")
	[ "$(json rules_sha256 <<<"$output")" = "${digest%% *}" ]
	[ "$(json masked <<<"$output")" = true ]
	[ "$(json rows <<<"$output")" = 2000 ]
	run -0 hf ledger show --json
	[[ ${lines[-1]} == *'"kind":"restore"'*"\"mask\":\"${digest%% *}\""* ]]
	run -0 hf ledger show
	[[ ${lines[-1]} == *"passed, masked" ]]
	run -0 with_pass restore crm --to "$T/plain"
	run -0 hf ledger show --json
	[[ ${lines[-1]} != *'"mask"'* ]]
	sed -i 's/^note.*//' "$T/rules"
	run -2 masked --to "$T/out2"
	run -0 hf ledger show
	[[ ${lines[-1]} == *attempt*"restore, masked" ]]
	run -0 with_pass ledger verify
}

@test "an existing file is refused or kept, and a store never goes back to its place masked" {
	customers
	run -0 masked --to "$T/out"
	run -1 --separate-stderr masked --to "$T/out"
	[[ $stderr == *"crm.db exists; nothing was changed"* ]]
	run -0 masked --to "$T/out" --overwrite
	[ -f "$T/out/crm.db.before-restore" ]
	run -2 --separate-stderr masked
	expect_message "restore: --mask needs a folder to restore into" "add --to DIR"
	run -2 masked --to "$T/out3" --path crm.db
	run -2 masked --to "$T/out3" --mask-template
	run -0 masked --to "$T/out4" -n
	[[ $output == *"would be masked to $T/out4: 2 tables"* ]]
	[ -z "$(ls -A "$T/out4")" ]
}

@test "stores that are no SQLite database are refused" {
	new_vault
	mkdir "$T/files"
	echo SECRET >"$T/files/a"
	hf add -q tree "$T/files"
	hf backup -q
	printf '[t]\na = keep\n' >"$T/rules"
	run -2 --separate-stderr with_pass restore tree --mask "$T/rules" --to "$T/out"
	expect_message "restore tree: it is a store of type files: only SQLite databases can be masked" \
		"restore it where nobody may look, and mask it with its own tools"
	[ -z "$(ls -A "$T/out")" ]
}

@test "rules that cannot be read are refused before anything is asked" {
	customers
	printf '[t]\na = mangle\n' >"$T/rules"
	run -2 --separate-stderr hf restore crm --mask "$T/rules" --to "$T/out"
	expect_message "$T/rules:2: 'mangle' is no rule" "keep, null, set, hash, pseudonym, partial, date-shift"
	run -1 --separate-stderr hf restore crm --mask "$T/nowhere" --to "$T/out"
	[[ $stderr == *nowhere* ]]
}

@test "a kill at any moment leaves no original value, and the next run goes its way" {
	customers 60000
	for moment in fetching masking later; do
		rm -rf "$T/out"
		masked --to "$T/out" >/dev/null 2>&1 &
		pid=$!
		[ $moment = fetching ] || until [ -n "$(find "$T/out" -name masked 2>/dev/null)" ] ||
			[ -e "$T/out/crm.db" ]; do sleep 0.01; done
		[ $moment = masking ] || sleep 0.1
		pkill -KILL -P $pid || true
		wait $pid || true
		[ $moment != masking ] || [ -d "$T/out/.holdfast-masking" ]
		[ ! -d "$T/out" ] || no_secret "$T/out"
	done
	rm -f "$T/out/crm.db"
	run -0 masked --to "$T/out"
	[ "$(ls -A "$T/out")" = crm.db ]
	no_secret "$T/out"
}

@test "an interrupt ends with 130 and leaves nothing" {
	customers 60000
	masked --to "$T/out" >/dev/null 2>&1 &
	shell=$!
	until [ -n "$(find "$T/out" -name masked 2>/dev/null)" ]; do sleep 0.01; done
	pkill -TERM -P $shell
	status=0
	wait $shell || status=$?
	[ "$status" -eq 130 ]
	[ -z "$(ls -A "$T/out")" ]
}
