#!/bin/bash
# compare.sh A_BOOTSTRAP A_PIDS B_BOOTSTRAP B_PIDS [rounds]
# The same loads on two brokers (or clusters), in turn, A B A B ...; prints the median of each figure and the ratio A/B.
# The topics are created on both sides: cmp1 (1 partition), cmp6 and cmp6k (6), cmp100 (100). A load that fails, loses or
# stalls ends the comparison with exit 1.
# LOADGEN: the built loadgen (ninja bench_tools). CASES: which cases, in order (c1k reads what p1k wrote). WARM: rounds not counted (default 2).
# ASSIGN=1: consume explicit partitions instead of a group. IDEMPOTENCE=false: p100all without it.
set -u
A=$1 AP=$2 B=$3 BP=$4 R=${5:-3}
L=${LOADGEN:?the built loadgen, e.g. build/release/bench/loadgen}; OUT=$(mktemp -d); WARM=${WARM:-2}; I=${IDEMPOTENCE:-true}
CASES=${CASES:-"p100a1 p100all p1k c1k e1000 e20000"}
as() { [ -n "${ASSIGN:-}" ] && echo "assign=$1"; }
run() { # case bootstrap pids
  case $1 in
    p100a1)  $L produce $2 cmp1 2000000 100 $3 acks=1 linger.ms=5 queue.buffering.max.messages=200000 batch.size=1000000 ;;
    p100all) $L produce $2 cmp6 2000000 100 $3 acks=-1 enable.idempotence=$I linger.ms=5 queue.buffering.max.messages=200000 batch.size=1000000 ;;
    p100parts) $L produce $2 cmp100 2000000 100 $3 acks=-1 linger.ms=5 queue.buffering.max.messages=200000 ;;
    p1k)     $L produce $2 cmp6k 1000000 1000 $3 acks=-1 linger.ms=5 queue.buffering.max.messages=100000 batch.size=1000000 ;;
    pz)      $L produce $2 cmp6 2000000 200 $3 acks=-1 compression.codec=lz4 linger.ms=5 queue.buffering.max.messages=200000 ;;
    c1k)     $L consume $2 cmp6k 1000000 $3 queued.max.messages.kbytes=65536 $(as 6) ;;
    c100)    $L consume $2 cmp1 2000000 $3 queued.max.messages.kbytes=65536 $(as 1) ;;
    e1000)   $L e2e $2 cmpe 1000 10 100 $3 linger.ms=0 acks=all $(as 6) ;;
    e20000)  $L e2e $2 cmpe 20000 10 100 $3 linger.ms=1 acks=all $(as 6) ;;
    *) echo "compare: no case $1" >&2; return 2 ;;
  esac
}
one() { # case bootstrap pids file
  local o; o=$(run "$1" "$2" "$3" 2> "$OUT/err") || { echo "compare: $1 on $2 failed: $(tail -1 "$OUT/err") $o" >&2; exit 1; }
  echo "$o" | tr '\n' ' ' >> "$4"; echo >> "$4"
}
for b in $A $B; do
  for t in cmp1:1 cmp6:6 cmp6k:6 cmpe:6 cmp100:100; do $L create $b ${t%:*} ${t#*:} 2> "$OUT/err" || { echo "compare: create on $b: $(tail -1 "$OUT/err")" >&2; exit 1; }; done
done
for c in $CASES; do
  for r in $(seq $WARM); do one $c $A $AP "$OUT/warm"; one $c $B $BP "$OUT/warm"; done
  for r in $(seq $R); do one $c $A $AP "$OUT/$c.a"; one $c $B $BP "$OUT/$c.b"; done
done
python3 - "$OUT" $CASES <<'P'
import re, statistics as st, sys
out, cases = sys.argv[1], sys.argv[2:]
keys = ['msgs_s', 'broker_cpu_us_per_msg', 'broker_cpu_s_per_GB', 'rss_kb', 'ack_ms p50', 'ack_ms p99', 'ack_ms p999', 'e2e_ms p50', 'e2e_ms p99', 'e2e_ms p999']
def read(f):
    d = {k: [] for k in keys}
    for line in open(f):
        for k in keys:
            if ' ' in k:
                a, b = k.split(); m = re.search(a + r' .*?\b' + b + r'=([\d.]+)', line)
            else:
                m = re.search(r'\b' + k + r'=([\d.]+)', line)
            if m: d[k].append(float(m.group(1)))
    return d
for c in cases:
    a, b = read(f'{out}/{c}.a'), read(f'{out}/{c}.b')
    for k in keys:
        if a[k] and b[k]:
            x, y = st.median(a[k]), st.median(b[k])
            print(f'{c:10} {k:24} A={x:<12.4g} [{min(a[k]):.4g}..{max(a[k]):.4g}] B={y:<12.4g} [{min(b[k]):.4g}..{max(b[k]):.4g}] A/B={x / y if y else float("nan"):.3f}')
P
