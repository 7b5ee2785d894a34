#!/usr/bin/env python3
"""Makes C++ and documents from the schema files; the build calls it.

generate.py SCHEMA_DIR --list               names of the C++ files that --out writes, one per line
generate.py SCHEMA_DIR --out DIR            writes them; what is the same already is not touched
generate.py SCHEMA_DIR --docs FILE          writes docs/protocol.md
generate.py SCHEMA_DIR --check-docs FILE    fails if that file is not what --docs would write
generate.py --errors DEF --docs FILE        docs/errors.md from error_codes.def; or --check-docs
"""

import argparse
import pathlib
import sys

import check
import emit_cpp
import emit_docs
import parse


def load(schema_dir):
    """All APIs by key, then the headers and records."""
    apis = [
        check.resolve(parse.parse_file(path))
        for path in sorted(pathlib.Path(schema_dir).glob("*.api"))
    ]
    check.check_all(apis)
    return sorted(apis, key=lambda api: (api.key is None, api.key or 0, api.name))


def write_if_changed(path, text):
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("schema_dir", nargs="?")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--out")
    parser.add_argument("--errors")
    parser.add_argument("--docs")
    parser.add_argument("--check-docs")
    return parser.parse_args(argv)


def main(argv):
    args = arguments(argv)
    try:
        apis = load(args.schema_dir) if args.schema_dir else []
        files = emit_cpp.all_files(apis) if apis else {}
        docs = emit_docs.errors(args.errors) if args.errors else emit_docs.protocol(apis)
    except parse.SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    if args.list:
        print("\n".join(sorted(files)))
    if args.out:
        for name, text in files.items():
            write_if_changed(pathlib.Path(args.out) / name, text)
    if args.docs:
        write_if_changed(pathlib.Path(args.docs), docs)
    if args.check_docs and pathlib.Path(args.check_docs).read_text(encoding="utf-8") != docs:
        print(f"{args.check_docs} is out of date; write it with --docs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
