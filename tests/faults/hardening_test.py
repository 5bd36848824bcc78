"""What cmake/hardening.cmake promises, read from the program itself: its ELF file, and its memory while it serves with machine
code that it made.

usage: hardening_test.py PROGRAM
"""
import json
import pathlib
import struct
import sys
import tempfile
import threading
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
from server_process import ServerProcess  # noqa: E402
from tiny_model import write_tiny_model  # noqa: E402

PROGRAM = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else None
ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_TEXTREL, DT_FLAGS, DT_FLAGS_1 = 22, 30, 0x6FFFFFFB
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 0x8, 0x1, 0x08000000
SHT_DYNSYM = 11


class Elf:
    """The parts of a 64-bit little-endian ELF file that are asked about here."""

    def __init__(self, path):
        data = path.read_bytes()
        assert data[:6] == b"\x7fELF\x02\x01", "no 64-bit ELF file"
        self.type = struct.unpack_from("<H", data, 16)[0]
        program_at, section_at = struct.unpack_from("<QQ", data, 32)
        program_size, programs, section_size, sections = struct.unpack_from("<HHHH", data, 54)
        # type, flags, file offset, size in the file
        self.segments = []
        for i in range(programs):
            kind, flags, offset, _, _, size = struct.unpack_from("<IIQQQQ", data, program_at + i * program_size)
            self.segments.append((kind, flags, offset, size))
        self.dynamic = {}
        for kind, _, offset, size in self.segments:
            if kind == PT_DYNAMIC:
                self.dynamic = dict(struct.iter_unpack("<qQ", data[offset:offset + size]))
        # type, file offset, size, section of the names
        rows = [struct.unpack_from("<IIQQQQI", data, section_at + i * section_size) for i in range(sections)]
        self.wanted = set()
        for _, kind, _, _, offset, size, link in rows:
            if kind == SHT_DYNSYM:
                names = rows[link][4]
                for name, _, _, section, _, _ in struct.iter_unpack("<IBBHQQ", data[offset:offset + size]):
                    if section == 0:
                        self.wanted.add(data[names + name:data.index(b"\0", names + name)].decode())

    def flags(self, kind):
        return [flags for at, flags, _, _ in self.segments if at == kind]


class Program(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.elf = Elf(PROGRAM)

    def test_lies_anywhere(self):
        self.assertEqual(self.elf.type, ET_DYN)
        self.assertTrue(self.elf.dynamic[DT_FLAGS_1] & DF_1_PIE)
        self.assertNotIn(DT_TEXTREL, self.elf.dynamic)

    def test_addresses_of_libraries_are_read_only(self):
        self.assertTrue(self.elf.flags(PT_GNU_RELRO))
        self.assertTrue(self.elf.dynamic.get(DT_FLAGS, 0) & DF_BIND_NOW or self.elf.dynamic[DT_FLAGS_1] & DF_1_NOW)

    def test_stack_is_not_executable(self):
        self.assertEqual([flags & PF_X for flags in self.elf.flags(PT_GNU_STACK)], [0])

    def test_no_segment_is_writable_and_executable(self):
        loads = self.elf.flags(PT_LOAD)
        self.assertTrue(loads)
        self.assertFalse([flags for flags in loads if flags & PF_W and flags & PF_X])

    def test_stacks_and_buffers_are_checked(self):
        self.assertTrue("__stack_chk_fail" in self.elf.wanted)
        checked = {name for name in self.elf.wanted if name.endswith("_chk")}
        self.assertIn("__memcpy_chk", checked)


def mappings(process_id):
    """Permissions, and the file or the name in brackets."""
    lines = pathlib.Path(f"/proc/{process_id}/maps").read_text().splitlines()
    return [(fields[1], fields[5] if len(fields) > 5 else "") for fields in (line.split(maxsplit=5) for line in lines)]


class Memory(unittest.TestCase):
    def test_nothing_is_writable_and_executable_while_it_serves(self):
        with tempfile.TemporaryDirectory() as folder:
            for more in ([], ["--tier-up", "--cache-dir", folder + "/cache"]):
                server = ServerProcess(str(PROGRAM), *write_tiny_model(tempfile.mkdtemp(dir=folder)), "--log-level", "warning", *more)
                try:
                    self.watch(server)
                finally:
                    server.stop()

    def watch(self, server):
        asked = threading.Thread(target=lambda: [self.ask(server) for _ in range(3)])
        asked.start()
        generated = 0
        while True:
            last = not asked.is_alive()
            for permissions, name in mappings(server.process.pid):
                self.assertFalse("w" in permissions and "x" in permissions, (permissions, name))
                generated += "x" in permissions and name == ""
            if last:
                break
        asked.join()
        self.assertGreater(generated, 0, "no machine code was made: this shows nothing")

    def ask(self, server):
        body = json.dumps({"model": "smollm2-135m", "prompt": [5, 6, 7], "max_tokens": 50, "ignore_eos": True}).encode()
        request = urllib.request.Request(server.url + "/v1/completions", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            reply.read()


if __name__ == "__main__":
    unittest.main()
