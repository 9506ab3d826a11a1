#!/usr/bin/env bats
# A backup that was killed goes on where it was: what a line carries twice is at most one pack for each
# connection. Measured on the wire, by a proxy in front of a Ceph gateway, and in the gateway's log.
# HOLDFAST_TEST_RESUME_MIB: the store's size (256); `make resume` takes 10 GiB.
load helper
load gateway

MIB=${HOLDFAST_TEST_RESUME_MIB:-256}
CONNECTIONS=4 PACK=16777216

# random_database FILE MIB: nothing of it can be compressed
random_database() {
	python3 - "$@" <<-'END'
		import sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		db.execute("create table blobs(id integer primary key, bytes blob)")
		for i in range(int(sys.argv[2])):
		    db.execute("insert into blobs values(?, randomblob(1048576))", (i,))
		    if i % 64 == 63:
		        db.commit()
		db.commit()
	END
}

start_proxy() {
	PROXY=$T/proxy
	SVC_UPSTREAM=${S3_ENDPOINT#*://} "$BATS_TEST_DIRNAME/../services/faultproxy.sh" start "$PROXY" 2>/dev/null
	. "$PROXY/svc.env"
	sed -i "s,^endpoint.*,endpoint = http://127.0.0.1:$PROXY_PORT," "$CONF"
}

teardown() {
	[ -z "${PROXY:-}" ] || "$BATS_TEST_DIRNAME/../services/faultproxy.sh" stop "$PROXY"
}

# sent: bytes that went up so far over connections that have ended
sent() {
	sleep 1
	awk '{ n += $3 } END { printf "%.0f\n", n }' "$PROXY/stats"
}

# packs_put: how many packs the gateway has taken
packs_put() { grep -c '"PUT /[^ ]*/packs/[^ ]* HTTP[^ ]* 200 ' "$GATEWAY/log/client.rgw.log" || true; }

# killed_at PACKS COMMAND...: begun, and killed when the gateway has taken so many
killed_at() {
	local wanted=$1 pid
	shift
	"$HOLDFAST" -c "$CONF" "$@" >"$T/killed" 2>&1 3>&- &
	pid=$!
	while [ "$(packs_put)" -lt "$wanted" ]; do
		kill -0 $pid
		sleep 0.02
	done
	kill -KILL $pid
	wait $pid || [ $? -eq 137 ]
}

@test "a killed backup resumes with at most one pack sent again for each connection" {
	bucket "s3://plain/$BATS_TEST_NUMBER" "connections = $CONNECTIONS"
	new_vault
	start_proxy
	random_database "$T/crm.db" "$MIB"
	hf add -q crm "$T/crm.db"
	size=$(stat -c %s "$T/crm.db")
	before=$(sent) puts=$(packs_put) packs=$(((size + PACK - 1) / PACK))

	killed_at $((puts + packs * 7 / 10)) backup
	first=$(($(sent) - before))
	puts_first=$(($(packs_put) - puts))
	run -0 hf backup
	[[ $output == *"snapshot 1"* ]]
	all=$(($(sent) - before))
	puts_all=$(($(packs_put) - puts))
	printf '# %d MiB: %d MiB in %d packs when it was killed, %d MiB in %d packs in all\n' $((size >> 20)) \
		$((first >> 20)) "$puts_first" $((all >> 20)) "$puts_all" | tee -a "${HOLDFAST_TEST_RESUME_LOG:-/dev/null}" >&3

	# it was well under way, and what it needed beyond the store's own bytes, by 1 % for headers, tags of
	# frames and requests, and the padding of a last pack, is a pack for each connection
	[ "$first" -gt $((size / 2)) ]
	[ "$all" -le $((size + size / 100 + PACK + CONNECTIONS * PACK)) ]
	listed=$(hf snapshots --json | json packs)
	[ "$listed" -ge "$packs" ]
	[ "$puts_all" -le $((listed + CONNECTIONS)) ]
	restores "$T/crm.db"
	run -0 with_pass check
}
