#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How fast `backup check` reads every byte (level 2), against sha256sum of the same bytes and, where they are packed, against
# zcat; and a comparison, which hashes every document, against sha256sum of both. About 256 MiB of documents such as a shop has,
# read once before anything is measured; what runs on one core is compared by processor time.
set -u
. tests/bench/common.sh
PYTHONPATH=tests/support python3 - "$work" <<'PY' || { skipped 'backup check' 'the backups could not be written'; exit 0; }
import gzip, sys
import bson, dumps
work = sys.argv[1]
documents = [bson.encode({"_id": i, "email": "user%d@example.org" % i, "total": i * 1.5, "at": bson.datetime_ms.DatetimeMS(i * 1000),
                          "lines": [{"sku": "sku-%d" % k, "qty": k, "price": k * 2.5} for k in range(i % 6)],
                          "address": {"street": "Some street %d" % i, "city": "Berlin", "zip": "%05d" % i}, "note": "lorem ipsum dolor sit amet " * (i % 9)}) for i in range(5000)]
one = b"".join(documents)
copies = (256 << 20) // len(one)
collections = [dumps.Collection("shop", "orders%03d" % i, documents) for i in range(copies)]
for c in collections:
    dumps.write("%s/plain/shop/%s.bson" % (work, c.name), one)
    dumps.write("%s/plain/shop/%s.metadata.json" % (work, c.name), c.metadata.encode())
crc = dumps.signed(dumps.crc64(one))
with open(work + "/one.archive", "wb") as f:
    dumps.crc64 = lambda data, crc=0, known=crc: known % (1 << 64)  # the same documents each time
    for part in dumps.archive_blocks(collections, per_block=5000):
        f.write(part)
packed = gzip.compress(one, 6)
for c in collections:
    dumps.write("%s/packed/shop/%s.bson.gz" % (work, c.name), packed)
    dumps.write("%s/packed/shop/%s.metadata.json.gz" % (work, c.name), gzip.compress(c.metadata.encode()))
PY
export bench
"$SIGNALBOX" backup --quiet check "$work/plain" "$work/one.archive" "$work/packed" >/dev/null || { skipped 'backup check' 'a backup of the bench is not whole'; exit 1; }
mib=$(($(cat "$work"/plain/shop/*.bson | wc -c) / 1048576))
rate() { awk -v mib="$mib" -v s="$1" 'BEGIN { printf "%.0f", mib / s }'; }
check='$bench/timed cpu taskset -c 0 "$SIGNALBOX" backup --quiet check'
pair "$check"' "$work/plain"' '$bench/timed cpu taskset -c 0 sha256sum "$work"/plain/shop/*.bson' || exit 1
row "backup check of a folder, $mib MiB, times sha256sum (one core, CPU)" "$ours" "$peer" s over '<= 1'
row "the same, MiB a second" "$(rate "$ours")" '' MiB/s none '>= 500'
pair "$check"' "$work/one.archive"' '$bench/timed cpu taskset -c 0 sha256sum "$work/one.archive"' || exit 1
row 'backup check of an archive, times sha256sum (one core, CPU)' "$ours" "$peer" s over '<= 1'
row "the same, MiB a second" "$(rate "$ours")" '' MiB/s none '>= 500'
pair "$check"' "$work/packed"' '$bench/timed cpu taskset -c 0 zcat "$work"/packed/shop/*.bson.gz' || exit 1
row 'backup check of a packed folder, times zcat (one core, CPU)' "$ours" "$peer" s over '<= 1.5'
pair '$bench/timed cpu taskset -c 0 "$SIGNALBOX" backup --quiet compare "$work/plain" "$work/one.archive"' '$bench/timed cpu taskset -c 0 sha256sum "$work"/plain/shop/*.bson "$work/one.archive"' || exit 1
row 'backup compare of both, times sha256sum (one core, CPU)' "$ours" "$peer" s over 'near 1'
