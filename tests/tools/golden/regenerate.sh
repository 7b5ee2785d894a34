#!/bin/sh
# Writes every golden file of tests/golden anew, from Kafka's own classes. Needs a JDK (17 or later) and
# Maven; the jars (Maven Central) and the compiled programs go to ~/.cache/gregor-golden, or to
# $GOLDEN_CACHE. The result is the same byte for byte each time.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
golden=$(cd "$here/../../golden" && pwd)
cache=${GOLDEN_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/gregor-golden}

# Fetches the jars of one release and compiles the programs (second argument) against them; a third
# argument is one more option for Maven.
prepare() {
  if [ ! -f "$cache/$1/complete" ]; then
    mkdir -p "$cache/$1"
    mvn -q -f "$here/pom.xml" dependency:copy-dependencies -Dkafka.version="$1" \
      -DoutputDirectory="$cache/$1/jars" ${3-}
    touch "$cache/$1/complete"
  fi
  rm -rf "$cache/$1/classes"
  mkdir -p "$cache/$1/classes"
  # shellcheck disable=SC2086 # the second argument is a list
  javac -nowarn -cp "$cache/$1/jars/*" -d "$cache/$1/classes" -sourcepath "$here" $2
}

run() {
  release=$1
  shift
  java -Duser.timezone=UTC -Dfile.encoding=UTF-8 -cp "$cache/$release/classes:$cache/$release/jars/*" "$@"
}

prepare 4.1.1 "$here/GoldenMessages.java $here/GoldenRecords.java"
prepare 3.9.1 "$here/GoldenMessages.java $here/GoldenStorage.java" -Pserver
# Only what was generated before goes away.
if [ -f "$golden/INDEX.txt" ]; then
  for name in $(grep -v '^[#-]' "$golden/INDEX.txt" | cut -d ' ' -f 2 | sort -u); do
    rm -rf "${golden:?}/$name"
  done
fi
for name in INDEX.txt headers internal unknown-tags records storage; do rm -rf "${golden:?}/$name"; done

run 4.1.1 GoldenMessages 4.1.1 "$golden"
run 3.9.1 GoldenMessages 3.9.1 "$golden"
run 4.1.1 GoldenRecords 4.1.1 "$golden"
run 3.9.1 GoldenStorage "$golden/storage"
