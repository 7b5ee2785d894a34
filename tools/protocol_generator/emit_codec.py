"""Emits the bodies of read_fields, write_fields and json_fields of one struct.

Straight lines, one or two per field.
"""

import cpp_types as cpp
import names
from check import fixed_versions, smallest_size
from parse import HIGHEST, Versions


class Block:
    """Lines of C++ at an indent."""

    def __init__(self, indent=1):
        self.lines = []
        self.indent = indent

    def add(self, text):
        self.lines.append("  " * self.indent + text)

    def open(self, text):
        self.add(text)
        self.indent += 1

    def close(self, text="}"):
        self.indent -= 1
        self.add(text)


class StructCodec:
    """The three bodies of one struct of one message."""

    def __init__(self, struct, message):
        self.struct = struct
        self.message = message
        self.where = message.name if struct is message.root else f"{message.name}.{struct.name}"
        self.fixed = [f for f in struct.fields if not fixed_versions(f).empty()]
        self.tagged = sorted(
            (f for f in struct.fields if not f.tagged.empty()), key=lambda f: f.tag
        )

    def has_tags(self):
        return self.message.flexible_from <= self.struct.versions.highest

    def _flexible_argument(self, field, in_tag):
        if in_tag:
            return "true"
        return "false" if field.never_compact or not self.has_tags() else "flexible"

    def _always_flexible(self):
        return self.struct.versions.lowest >= self.message.flexible_from

    def _with_flexible(self, block):
        """The lines of the block, after a declaration of `flexible` if they use it."""
        if not any("flexible" in line for line in block.lines):
            return block.lines
        value = "true" if self._always_flexible() else f"version >= {self.message.flexible_from}"
        return [f"  const bool flexible = {value};"] + block.lines

    # --- decode

    def read(self):
        block = Block()
        for field in self.fixed:
            condition = cpp.within(fixed_versions(field), self.struct.versions)
            self._guarded(block, condition, self._read_lines(field, False))
        if self.has_tags():
            self._read_tags(block)
        return self._with_flexible(block)

    @staticmethod
    def _guarded(block, condition, lines):
        if not condition:
            for line in lines:
                block.add(line)
        elif len(lines) == 1:
            block.add(f"if ({condition}) {lines[0]}")
        else:
            block.open(f"if ({condition}) {{")
            for line in lines:
                block.add(line)
            block.close()

    def _read_lines(self, field, in_tag):
        name, flexible = cpp.member_name(field), self._flexible_argument(field, in_tag)
        null = cpp.bool_text(field.nullable, self.struct.versions) if field.can_be_null else None
        if field.array:
            return self._read_array(field, name, flexible, null)
        if field.is_struct:
            if null is None:
                return [f"{name}.read_fields(reader, version);"]
            return self._read_nullable_struct(field, name, null)
        if field.type in ("string", "bytes"):
            call = (
                f"{field.type}({flexible})"
                if null is None
                else f"nullable_{field.type}({flexible}, {null})"
            )
            return [f"{name} = reader.{call};"]
        if field.type == "records":
            return [f"{name} = reader.records({flexible}, {null});"]
        call = f"reader.{cpp.READS[field.type]}()"
        return [
            (
                f"{name} = static_cast<ErrorCode>({call});"
                if cpp.is_error_code(field)
                else f"{name} = {call};"
            )
        ]

    def _read_array(self, field, name, flexible, null):
        item = cpp.item_type(field)
        if not field.is_struct:
            if null is None:
                return [f"{name} = codec::read_items<{item}>(reader, {flexible});"]
            return [f"{name} = codec::read_nullable_items<{item}>(reader, {flexible}, {null});"]
        sizes = f"{smallest_size(field.struct, self.message)}, sizeof({item})"
        if null is None:
            return [
                f"codec::read_structs(reader, version, reader.array({flexible}, {sizes}), {name});"
            ]
        count = f"{name}_count"
        return [
            f"const auto {count} = reader.nullable_array({flexible}, {null}, {sizes});",
            f"{name} = std::nullopt;",
            f"if ({count}) codec::read_structs(reader, version, *{count}, {name}.emplace());",
        ]

    @staticmethod
    def _read_nullable_struct(field, name, null):
        # Not emplace(): clang 16 thinks that a nested struct with member initialisers can't be
        # constructed there.
        lines = [
            f"if (reader.int8() < 0) {name} = std::nullopt;",
            f"else {name} = {field.struct.name}{{}};",
        ]
        if null != "true":
            lines.append(f'if (!{name} && !({null})) reader.fail("null where it is not allowed");')
        return lines + [f"if ({name}) {name}->read_fields(reader, version);"]

    def _read_tags(self, block):
        always = self._always_flexible()
        guard = "" if always else "if (flexible) "
        if not self.tagged:
            return block.add(f"{guard}reader.skip_tags();")
        if not always:
            block.add("if (!flexible) return;")
        block.open(
            "for (std::uint32_t left = reader.tag_count(); left > 0 && reader.ok(); --left) {"
        )
        block.add("const Tag tag = reader.begin_tag();")
        word = "if"
        for field in self.tagged:
            in_version = cpp.within(
                field.tagged, self.struct.versions.cut(self._flexible_versions())
            )
            condition = f"tag.number == {field.tag}" + (f" && {in_version}" if in_version else "")
            block.open(f"{word} ({condition}) {{")
            for line in self._read_lines(field, True):
                block.add(line)
            block.add("reader.end_tag(tag);")
            block.indent -= 1
            word = "} else if"
        block.open("} else {")
        block.add("reader.skip_tag(tag);")
        block.close()
        block.close()
        return None

    def _flexible_versions(self):
        return Versions(self.message.flexible_from, HIGHEST)

    # --- encode

    def write(self):
        block = Block()
        for field in self.struct.fields:
            self._write_field(block, field)
        if self.has_tags():
            self._write_tags(block)
        return self._with_flexible(block)

    def _write_field(self, block, field):
        fixed = fixed_versions(field)
        in_fixed = None if fixed.empty() else cpp.within(fixed, self.struct.versions)
        if in_fixed is not None:
            self._guarded(block, in_fixed, self._write_lines(field, False))
        in_any = cpp.within(field.versions, self.struct.versions)
        if in_any and not field.ignorable:
            parts = [part for part in self._outside(field)]
            check = f'writer.fail_absent("{self.where}.{field.name}");'
            set_to = cpp.negated(cpp.is_default(field))
            block.add(
                f"if (({' || '.join(parts)}) && {set_to}) {check}"
                if len(parts) > 1
                else f"if ({parts[0]} && {set_to}) {check}"
            )

    def _outside(self, field):
        if field.versions.lowest > self.struct.versions.lowest:
            yield f"version < {field.versions.lowest}"
        if field.versions.highest < self.struct.versions.highest:
            yield f"version > {field.versions.highest}"

    def _write_lines(self, field, in_tag):
        name, flexible = cpp.member_name(field), self._flexible_argument(field, in_tag)
        null = cpp.bool_text(field.nullable, self.struct.versions) if field.can_be_null else None
        if field.array:
            return self._write_array(field, name, flexible, null)
        if field.is_struct:
            if null is None:
                return [f"{name}.write_fields(writer, version);"]
            illegal = (
                ""
                if null == "true"
                else f"if (!{name} && !({null})) writer.null_array(false, false);"
            )
            lines = [
                f"writer.int8({name} ? 1 : -1);",
                f"if ({name}) {name}->write_fields(writer, version);",
            ]
            return ([illegal] if illegal else []) + lines
        if field.type in ("string", "bytes"):
            if null is None:
                return [f"writer.{field.type}({name}, {flexible});"]
            return [f"writer.nullable_{field.type}({name}, {flexible}, {null});"]
        if field.type == "records":
            return [f"writer.records({name}, {flexible}, {null});"]
        call = "error_code" if cpp.is_error_code(field) else cpp.READS[field.type]
        return [f"writer.{call}({name});"]

    @staticmethod
    def _write_array(field, name, flexible, null):
        if not field.is_struct:
            if null is None:
                return [f"codec::write_items(writer, {name}, {flexible});"]
            return [f"codec::write_nullable_items(writer, {name}, {flexible}, {null});"]
        if null is None:
            return [f"codec::write_structs(writer, version, {name}, {flexible});"]
        return [
            f"if ({name}) codec::write_structs(writer, version, *{name}, {flexible});",
            f"if (!{name}) writer.null_array({flexible}, {null});",
        ]

    def _write_tags(self, block):
        always = self._always_flexible()
        if not self.tagged:
            return block.add("writer.uvarint(0);" if always else "if (flexible) writer.uvarint(0);")
        if not always:
            block.add("if (!flexible) return;")
        enclosing = self.struct.versions.cut(self._flexible_versions())
        block.add("std::uint32_t tags = 0;")
        for field in self.tagged:
            in_version = cpp.within(field.tagged, enclosing)
            is_set = cpp.negated(cpp.is_default(field))
            condition = f"{in_version} && {is_set}" if in_version else is_set
            block.add(f"const bool has_{cpp.member_name(field)} = {condition};")
            block.add(f"tags += has_{cpp.member_name(field)} ? 1 : 0;")
        block.add("writer.uvarint(tags);")
        for field in self.tagged:
            block.open(f"if (has_{cpp.member_name(field)}) {{")
            block.add(f"const std::size_t start = writer.begin_tag({field.tag});")
            for line in self._write_lines(field, True):
                block.add(line)
            block.add("writer.end_tag(start);")
            block.close()
        return None

    # --- JSON

    def json(self):
        block = Block()
        block.add("json.begin_object();")
        for field in self.struct.fields:
            condition = cpp.within(field.versions, self.struct.versions)
            if not field.tagged.empty():
                is_set = cpp.negated(cpp.is_default(field))
                condition = f"{condition} && {is_set}" if condition else is_set
            self._guarded(block, condition, self._json_lines(field))
        block.add("json.end_object();")
        return block.lines

    @staticmethod
    def _json_lines(field):
        name, key = cpp.member_name(field), f'"{names.json_name(field.name)}"'
        if not field.is_struct:
            return [f"json.{'items' if field.array else 'field'}({key}, {name});"]
        value = f"*{name}" if field.can_be_null else name
        null = [f"if (!{name}) json.null({key});"] if field.can_be_null else []
        guard = f"if ({name}) " if field.can_be_null else ""
        if field.array:
            return null + [f"{guard}codec::json_structs(json, {key}, version, {value});"]
        access = "->" if field.can_be_null else "."
        inner = f"json.key({key}), {name}{access}json_fields(json, version);"
        return null + [guard + inner]
