#!/bin/bash
# ceph-rgw.sh start|stop|env|status DIR - a real one-node Ceph cluster with an
# S3 endpoint (RADOS Gateway 16.2 "Pacific"), all on 127.0.0.1, all state in DIR.
#
# Packages: ceph-mon ceph-osd radosgw (apt-get install --no-install-recommends;
#   ceph-common comes along; 71 MB download, 285 MB installed). No ceph-mgr: the
#   mgr only serves statistics, dashboards and the autoscaler; mon + OSD + RGW
#   create pools and serve I/O without it ("ceph -s" then shows 0 B usage).
# Runs as: any user, root included (SVC_USER=nobody drops root; DIR is chowned).
# Measured (2 cores, ext4, Linux 6.18): first start 1.6 s (memstore 0.8 s; 3.3 s with 4 busy
#   loops beside it), start on existing data 0.9 s (memstore 0.17 s), stop 0.4 s; 30 of 30
#   starts good. Memory: 87 MiB PSS idle; 460 MiB after 2 GB of uploads (cache is capped).
#
# Variables: SVC_PORT (default: a free one), RGW_STORE=bluestore|memstore,
#   RGW_SIZE (bytes of the sparse OSD file or of the memstore; default 20 GiB / 2 GiB),
#   SVC_TLS_CERT + SVC_TLS_KEY (PEM files: serve https, see tls-ca.sh),
#   RGW_EXTRA (a line added to [client.rgw], e.g. "debug_rgw = 20").
# Can: SigV4/SigV2, streaming signatures, multipart, versioning, Object Lock, presigned,
#   policies, ACLs, lifecycle, quotas, restart and crash (STOP_SIG=KILL) with data kept.
#   A second user:  radosgw-admin -n client.rgw -c DIR/ceph.conf user create --uid=u2 --display-name=u2
#   "Storage full": radosgw-admin -n client.rgw -c DIR/ceph.conf quota set --quota-scope=bucket
#     --bucket=B --max-size=BYTES, then "quota enable": PUT answers 403 QuotaExceeded.
# Cannot: x-amz-checksum-* (ignored) and trailers (400, so newer AWS SDKs over https need
#   AWS_REQUEST_CHECKSUM_CALCULATION=when_required), If-None-Match in versioned buckets and on
#   CompleteMultipartUpload (ignored), Object Lock headers on multipart uploads (ignored; the
#   bucket's default retention is applied), If-Match with quotes (412).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=_lib.sh
. "$(dirname "$(readlink -f "$0")")/_lib.sh"
SVC_USER=${SVC_USER-}
unset CEPH_CONF CEPH_ARGS

write_conf() {
	local fe="endpoint=127.0.0.1:$S3_PORT"
	[ -z "${TLS_CERT:-}" ] || fe="ssl_endpoint=127.0.0.1:$S3_PORT ssl_certificate=$TLS_CERT ssl_private_key=$TLS_KEY"
	local sock="$DIR/run/\$name.\$pid.asok"
	[ ${#DIR} -le 75 ] || sock=""
	cat >"$DIR/ceph.conf" <<-CONF
		[global]
		fsid = $FSID
		mon_host = [v2:127.0.0.1:$MON_PORT/0]
		public_addr = 127.0.0.1
		cluster_addr = 127.0.0.1
		ms_bind_msgr1 = false
		ms_bind_ipv6 = false
		# no cephx inside the cluster: saves the keyrings; S3 keys are checked as ever
		auth_cluster_required = none
		auth_service_required = none
		auth_client_required = none
		# radosgw's own default is "secure", which cannot work without cephx
		# (send_auth_request ... returned -13, for ever)
		ms_mon_client_mode = crc
		run_dir = $DIR/run
		admin_socket = $sock
		pid_file = $DIR/\$name.pid
		log_file = $DIR/log/\$name.log
		log_to_stderr = false
		err_to_stderr = false
		mon_cluster_log_file = $DIR/log/cluster.log
		crash_dir = $DIR/crash
		debug_rocksdb = 0/0
		osd_pool_default_size = 1
		osd_pool_default_min_size = 1
		osd_pool_default_pg_num = 4
		osd_pool_default_pgp_num = 4
		osd_pool_default_pg_autoscale_mode = off
		osd_crush_chooseleaf_type = 0
		mon_allow_pool_size_one = true
		[mon]
		mon_data = $DIR/mon
		mon_data_avail_crit = 0
		mon_data_avail_warn = 1
		# one mon: no need to gather proposals for a second (default 1.0/0.05)
		paxos_propose_interval = 0.02
		paxos_min_wait = 0.01
		[osd]
		osd_data = $DIR/osd
		osd_objectstore = $RGW_STORE
		osd_crush_update_on_start = false
		osd_memory_target = 1073741824
		bluestore_block_size = $RGW_SIZE
		bluestore_block_create = true
		bluestore_fsck_on_mkfs = false
		bluestore_cache_autotune = false
		bluestore_cache_size = 134217728
		bdev_aio_poll_ms = 20
		memstore_device_bytes = $RGW_SIZE
		# memstore writes itself to DIR only on a full shutdown
		osd_fast_shutdown = $([ "$RGW_STORE" = memstore ] && echo false || echo true)
		[client.rgw]
		rgw_data = $DIR/rgw
		rgw_frontends = beast $fe
		rgw_thread_pool_size = 64
		rgw_rados_pool_pg_num_min = 4
		rgw_gc_obj_min_wait = 30
		rgw_gc_processor_period = 30
		rgw_run_sync_thread = false
		rgw_enable_usage_log = false
		# bucket.localhost:PORT works beside path style
		rgw_dns_name = localhost
		# quotas take effect at once (defaults: minutes)
		rgw_bucket_quota_ttl = 0
		rgw_user_quota_bucket_sync_interval = 1
		rgw_user_quota_sync_interval = 1
		${RGW_EXTRA:-}
	CONF
}

rgw_adm() { as_user timeout 60 radosgw-admin -n client.rgw -c "$DIR/ceph.conf" "$@"; }
ceph_cmd() { as_user timeout 30 ceph -c "$DIR/ceph.conf" "$@"; }

svc_start() {
	local new=0 uu c
	for c in ceph-mon ceph-osd radosgw radosgw-admin ceph monmaptool; do
		command -v "$c" >/dev/null || die "$c missing: apt-get install ceph-mon ceph-osd radosgw"
	done
	if [ -e "$DIR/rgw.ready" ]; then
		# shellcheck disable=SC1091
		. "$DIR/rgw.vars"
	else
		new=1
		RGW_STORE=${RGW_STORE:-bluestore}
		if [ "$RGW_STORE" = memstore ]; then RGW_SIZE=${RGW_SIZE:-2147483648}; fi
		RGW_SIZE=${RGW_SIZE:-21474836480}
		S3_ACCESS_KEY=TESTACCESSKEY0000001
		S3_SECRET_KEY=testsecretkey000000000000000000000000001
		FSID=$(cat /proc/sys/kernel/random/uuid)
		MON_PORT=$(free_port)
		S3_PORT=${SVC_PORT:-$(free_port)}
		TLS_CERT=${SVC_TLS_CERT:-} TLS_KEY=${SVC_TLS_KEY:-}
		printf '%s=%q\n' RGW_STORE "$RGW_STORE" RGW_SIZE "$RGW_SIZE" FSID "$FSID" MON_PORT "$MON_PORT" \
			S3_PORT "$S3_PORT" S3_ACCESS_KEY "$S3_ACCESS_KEY" S3_SECRET_KEY "$S3_SECRET_KEY" \
			TLS_CERT "$TLS_CERT" TLS_KEY "$TLS_KEY" >"$DIR/rgw.vars"
		rm -rf "$DIR"/{mon,osd}
		mkdir -p "$DIR"/{run,log,crash,mon,osd,rgw}
	fi
	write_conf
	own "$DIR"
	if [ $new = 1 ]; then
		as_user monmaptool --create --clobber --fsid "$FSID" --addv a "[v2:127.0.0.1:$MON_PORT]" "$DIR/monmap" >/dev/null
		as_user ceph-mon --mkfs -i a -c "$DIR/ceph.conf" --monmap "$DIR/monmap"
	fi
	as_user ceph-mon -i a -c "$DIR/ceph.conf"
	wait_port "$MON_PORT" 20 "$DIR/mon.a.pid" "$DIR" || die "mon did not start, see $DIR/log/mon.a.log"
	if [ $new = 1 ]; then
		uu=$(cat /proc/sys/kernel/random/uuid)
		ceph_cmd osd new "$uu" >/dev/null
		ceph_cmd osd crush add osd.0 1 host=localhost root=default 2>/dev/null
		as_user ceph-osd -i 0 --mkfs --osd-uuid "$uu" -c "$DIR/ceph.conf"
	fi
	as_user ceph-osd -i 0 -c "$DIR/ceph.conf"
	if [ $new = 1 ]; then
		rgw_adm user create --uid=test --display-name=Test \
			--access-key="$S3_ACCESS_KEY" --secret-key="$S3_SECRET_KEY" >"$DIR/log/user.json" 2>&1 ||
			die "user create failed, see $DIR/log/user.json"
	fi
	as_user radosgw -n client.rgw -c "$DIR/ceph.conf"
	wait_port "$S3_PORT" 30 "$DIR/client.rgw.pid" "$DIR" || die "radosgw did not start, see $DIR/log/client.rgw.log"
	: >"$DIR/rgw.ready"
	local scheme=http
	[ -z "${TLS_CERT:-}" ] || scheme=https
	cat >"$DIR/svc.env" <<-ENV
		S3_ENDPOINT=$scheme://127.0.0.1:$S3_PORT
		S3_PORT=$S3_PORT
		S3_REGION=us-east-1
		S3_ACCESS_KEY=$S3_ACCESS_KEY
		S3_SECRET_KEY=$S3_SECRET_KEY
		S3_PATH_STYLE=1
		S3_CEPH_CONF=$DIR/ceph.conf
	ENV
}

svc_running() { pid_alive "$DIR/client.rgw.pid" "$DIR"; }

svc_stop() {
	# gateway first, mon last: an OSD without a mon waits 5 s before it ends
	stop_pid "$DIR/client.rgw.pid" "$DIR" 30
	stop_pid "$DIR/osd.0.pid" "$DIR" 30
	stop_pid "$DIR/mon.a.pid" "$DIR" 30
}

svc_main "$@"
