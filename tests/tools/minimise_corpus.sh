#!/usr/bin/env bash
# minimise_corpus.sh TARGET [FOLDER...]: makes tests/corpus/TARGET anew of what is there and in the folders (default:
# build/fuzz-corpus/TARGET): of the inputs that reach the same code the smallest one. Needs build/fuzz (suite 13-fuzz); no
# fuzzer may be writing to the folders meanwhile.
# Files that have a name of their own, not that of libFuzzer, stay: each is there for a reason.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=$1; shift
(($#)) || set -- "build/fuzz-corpus/$target"
bytes_max=$((300 * 1024))
program=$(find build/fuzz/src -name "$target" -type f)
corpus=tests/corpus/$target
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
mkdir -p "$corpus" "$fresh/named"
find "$corpus" -type f -regextype posix-extended -not -regex '.*/[0-9a-f]{40}' -exec cp -t "$fresh/named" {} +
size() { find "$1" -type f -printf '%s\n' | awk '{ n += $1 } END { print n + 0 }'; }
merge() { # options
  rm -rf "$fresh/merged"; mkdir "$fresh/merged"
  "$program" -merge=1 "$@" 2> "$fresh/log" || { tail "$fresh/log"; exit 1; }
}
sources=("$fresh/merged" "$fresh/named" "$corpus" "$@")
merge "${sources[@]}"
# If that is too much: edges alone, not how often each was passed.
(($(size "$fresh/merged") <= bytes_max)) || merge -use_counters=0 "${sources[@]}"
# If that is too much still, the largest go.
while (($(size "$fresh/merged") > bytes_max)); do
  find "$fresh/merged" -type f -printf '%s %p\n' | sort -rn | head -20 | cut -d' ' -f2 | xargs rm
done
find "$corpus" -type f -delete
cp "$fresh/merged"/* "$corpus/"
for file in "$fresh/named"/*; do
  [[ -e $file ]] || continue
  rm -f "$corpus/$(sha1sum < "$file" | cut -d' ' -f1)"
  cp "$file" "$corpus/"
done
sum=$(size "$corpus")
echo "$corpus: $(find "$corpus" -type f | wc -l) files, $sum bytes"
((sum <= bytes_max)) || { echo "more than $bytes_max bytes"; exit 1; }
