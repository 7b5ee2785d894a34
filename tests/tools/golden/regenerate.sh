#!/bin/sh
# Writes every golden file of tests/golden anew, from Kafka's own classes. Needs a JDK (17 or later) and
# Maven; the jars (Maven Central) and the compiled programs go to ~/.cache/gregor-golden, or to
# $GOLDEN_CACHE. The result is the same byte for byte each time.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
golden=$(cd "$here/../../golden" && pwd)
cache=${GOLDEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gregor-golden}

# Fetches the jars of one release and compiles the programs against them.
prepare() {
  if [ ! -f "$cache/$1/complete" ]; then
    mkdir -p "$cache/$1"
    mvn -q -f "$here/pom.xml" dependency:copy-dependencies -Dkafka.version="$1" \
      -DoutputDirectory="$cache/$1/jars"
    touch "$cache/$1/complete"
  fi
  rm -rf "$cache/$1/classes"
  mkdir -p "$cache/$1/classes"
  javac -nowarn -cp "$cache/$1/jars/*" -d "$cache/$1/classes" "$here"/*.java
}

run() {
  release=$1
  shift
  java -Duser.timezone=UTC -Dfile.encoding=UTF-8 -cp "$cache/$release/classes:$cache/$release/jars/*" "$@"
}

prepare 4.1.1
prepare 3.9.1
find "$golden" -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +
run 4.1.1 GoldenMessages 4.1.1 "$golden"
run 3.9.1 GoldenMessages 3.9.1 "$golden"
