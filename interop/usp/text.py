"""Messages of USP by protoc, from and to the text form of Protocol Buffers."""

import re
import subprocess
from pathlib import Path

TOKEN = re.compile(r'\s*(?:([A-Za-z_]\w*)|("(?:[^"\\]|\\.)*")|([-+]?[\d.]+)|([{}:]))')
ESCAPE = re.compile(rb'\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|.)', re.DOTALL)
NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


class Codec:
    """protoc, with the schemas of a folder."""

    def __init__(self, protoc, folder, edition="1-4"):
        self.protoc = protoc
        self.folder = Path(folder)
        self.files = {"usp.Msg": f"usp-msg-{edition}.proto", "usp_record.Record": f"usp-record-{edition}.proto"}

    def run(self, how, kind, given):
        command = [self.protoc, "--proto_path", str(self.folder), f"--{how}", kind, self.files[kind]]
        ran = subprocess.run(command, input=given, capture_output=True, timeout=20)
        if ran.returncode != 0:
            raise ValueError(f"protoc --{how} {kind}: {ran.stderr.decode(errors='replace').strip()}")
        return ran.stdout

    def encode(self, kind, text):
        return self.run("encode", kind, text.encode())

    def decode(self, kind, given):
        """A message as lists of values by the names of fields, a message being such a dictionary again."""
        text = self.run("decode", kind, given).decode()
        message, rest = fields(tokens(text))
        if rest:
            raise ValueError(f"behind the message: {rest}")
        return message


def tokens(text):
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"no text form: {text[at : at + 40]!r}")
        found.append(token.group().strip())
        at = token.end()
    return found


def fields(rest):
    message = {}
    while rest and rest[0] != "}":
        name, sign, *rest = rest
        if sign == "{":
            value, rest = fields(rest)
            if rest[:1] != ["}"]:
                raise ValueError(f"{name} is not closed")
            rest = rest[1:]
        else:
            value, *rest = rest
            value = unquoted(value) if value.startswith('"') else value
        message.setdefault(name, []).append(value)
    return message, rest


def unquoted(literal):
    """The bytes of a string, which are its text where that is UTF-8."""

    def one(found):
        what = found.group(1)
        if what[:1] in b"01234567":
            return bytes([int(what, 8) & 0xFF])
        if what[:1] == b"x":
            return bytes([int(what[1:], 16)])
        return NAMED.get(what, what)

    return ESCAPE.sub(one, literal[1:-1].encode())


def quoted(value):
    """A string or bytes as a literal."""
    value = value.encode() if isinstance(value, str) else value
    return '"' + "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in value) + '"'


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def entries(maps):
    """Entries of a map field as a dictionary."""
    return {text(e["key"][0]) if "key" in e else "": text(e["value"][0]) if "value" in e else "" for e in maps}
