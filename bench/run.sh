#!/usr/bin/env bash
# run.sh: Apache Kafka and Gregor side by side on this machine: start, loads, memory, idle. `./dev bench` builds and calls it.
# CASES, ROUNDS (3), WARM (2), ASSIGN (1), IDEMPOTENCE (false): see compare.sh. STARTS (5): starts per broker.
# IDLE_SECONDS (120), REST_SECONDS (30). KAFKA_VERSION (4.1.1), HEAP (1G). BENCH_DIR: where the data goes (kept if given).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
tree=${BENCH_BUILD:-$PWD/../build/release}
export LOADGEN=$tree/bench/loadgen CASES=${CASES:-p100a1 p1k c1k} ASSIGN=${ASSIGN:-1} IDEMPOTENCE=${IDEMPOTENCE:-false} WARM=${WARM:-2}
version=${KAFKA_VERSION:-4.1.1} kafka_port=${BENCH_KAFKA_PORT:-19392} gregor_port=${BENCH_GREGOR_PORT:-19292}
dir=${BENCH_DIR:-$(mktemp -d)}
gregor_pid=
finish() {
  if [[ -n $gregor_pid ]]; then kill "$gregor_pid" 2> /dev/null && wait "$gregor_pid" || true; fi
  ./kafka.sh stop "$dir/kafka" 2> /dev/null || true
  [[ -n ${BENCH_DIR:-} ]] || rm -rf "$dir"
}
trap finish EXIT

gregor=("$tree/gregor" server --set "listeners=PLAINTEXT://127.0.0.1:$gregor_port" --set "log.dirs=$dir/gregor" --set http.listeners=127.0.0.1:0)
median() { sort -n | awk '{v[NR] = $1} END {printf "%.3f s (median of %d: %.3f..%.3f)\n", v[int((NR + 1) / 2)], NR, v[1], v[NR]}'; }
starts() { # address command...
  local i; for i in $(seq "${STARTS:-5}"); do ./ready.py "$@" | sed 's/ready_s=\([0-9.]*\).*/\1/'; sleep 1; done | median
}
memory() { awk '/^VmRSS:/ {printf "%.0f MiB", $2 / 1024}' "/proc/$1/status"; }

printf '%s, %s processors, %s\n' "$(date -u +%F)" "$(nproc)" "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)"
"$tree/gregor" --version
echo "--- start until Metadata is answered"
echo "Gregor: $(starts "127.0.0.1:$gregor_port" "${gregor[@]}")"
./kafka.sh start "$dir/kafka" "$version" "$kafka_port" > /dev/null
kafka_pid=$(./kafka.sh pids "$dir/kafka")
# The first start has formatted Kafka's data folder; from here on it is started as it will be measured.
for i in $(seq 60); do "$LOADGEN" create "127.0.0.1:$kafka_port" warm 1 > /dev/null 2>&1 && break; sleep 1; done
kill "$kafka_pid"; while kill -0 "$kafka_pid" 2> /dev/null; do sleep 0.2; done
echo "Kafka $version: $(starts "127.0.0.1:$kafka_port" bash -c "$(./kafka.sh command "$dir/kafka" 1 "$version")")"

./kafka.sh start "$dir/kafka" "$version" "$kafka_port" > /dev/null
kafka_pid=$(./kafka.sh pids "$dir/kafka")
"${gregor[@]}" > "$dir/gregor.log" 2>&1 < /dev/null &
gregor_pid=$!
for i in $(seq 60); do "$LOADGEN" create "127.0.0.1:$kafka_port" warm 1 > /dev/null 2>&1 && break; sleep 1; done
echo "--- loads: A = Gregor, B = Kafka $version; medians of ${ROUNDS:-3} after $WARM to warm up, least and most in brackets"
./compare.sh "127.0.0.1:$gregor_port" "$gregor_pid" "127.0.0.1:$kafka_port" "$kafka_pid" "${ROUNDS:-3}"
sleep "${REST_SECONDS:-30}"
echo "--- resident memory after the loads and ${REST_SECONDS:-30} s of rest"
echo "Gregor: $(memory "$gregor_pid"); Kafka (heap ${HEAP:-1G}): $(memory "$kafka_pid")"
echo "--- idle, over ${IDLE_SECONDS:-120} s each, at the same time"
./idle.sh "$gregor_pid" "${IDLE_SECONDS:-120}" > "$dir/idle.gregor" &
./idle.sh "$kafka_pid" "${IDLE_SECONDS:-120}" > "$dir/idle.kafka"
wait $!
echo "Gregor: $(cat "$dir/idle.gregor")"
echo "Kafka: $(cat "$dir/idle.kafka")"
