"""The Dockerfile's own steps, run without an engine: directories for roots, this interpreter for its base image."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from string import Template
from typing import NamedTuple

PROJECT = Path(__file__).parent.parent.parent
LONGEST_STEP_S = 120
# What an engine would find in the base image, and what leads to the package registry from this machine.
BASE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LD_LIBRARY_PATH": "/usr/local/lib"}
_NETWORK = re.compile(r"PIP_.*|SSL_CERT_.*|(https?|no|all)_proxy", re.IGNORECASE)

# In a mount namespace of its own: a root directory with this machine's system, and the interpreter where the base
# image has it, both read-only. `$3` is the volume to mount at its place when all else is read-only, or empty.
_INSIDE = """
root=$1 python=$2 volume=$3 place=$4 user=$5 workdir=$6
shift 6
mkdir -p "$root/usr" "$root/etc" "$root/dev" "$root/proc" "$root/tmp"
for name in bin sbin lib lib32 lib64; do
  if [ -L "/$name" ]; then cp -Pf "/$name" "$root"; elif [ -d "/$name" ]; then mkdir -p "$root/$name"; fi
done
if [ -n "$volume" ]; then
  mount --bind "$root" "$root"
  mount -o remount,bind,ro "$root"
  mount --bind "$volume" "$root$place"
fi
for name in usr etc bin sbin lib lib32 lib64; do
  if [ -d "/$name" ] && [ ! -L "/$name" ]; then
    mount --bind "/$name" "$root/$name"
    mount -o remount,bind,ro "$root/$name"
  fi
done
mount --bind "$python" "$root/usr/local"
mount -o remount,bind,ro "$root/usr/local"
mount --bind /dev "$root/dev"
mount --bind /proc "$root/proc"
exec chroot --userspec="$user" "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$workdir" "$@"
"""


class Step(NamedTuple):
    """An instruction and what it says."""

    name: str
    text: str


class Image:
    """What a stage has come to: a directory as its root, and how to start what is in it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True)
        root.chmod(0o755)
        self.root, self.env, self.workdir, self.user = root, dict(BASE), "/", "0:0"
        self.command: Sequence[str] = ()
        self.health: Sequence[str] = ()

    def inside(self, command: Sequence[str], *, volume: Path | None = None, place: str = "") -> list[str]:
        """The command line that runs a command in here; with a volume everything but its place is read-only."""
        mounted = [str(volume or ""), place]
        script = ["sh", "-euc", _INSIDE, "sh", str(self.root), sys.base_prefix, *mounted, self.user, self.workdir]
        return ["unshare", "--mount", *script, *command]

    def environment(self, **more: str) -> dict[str, str]:
        return {**self.env, **more}

    def take(self, step: Step) -> None:
        """Take in what an instruction says of all that is started in here."""
        match step.name:
            case "WORKDIR":
                self.workdir = step.text
                self.path("").mkdir(parents=True, exist_ok=True)
            case "ENV":
                pairs = (word.split("=", 1) for word in shlex.split(step.text))
                self.env |= {name: Template(value).substitute(self.env) for name, value in pairs}
            case "USER":
                self.user = step.text
            case "HEALTHCHECK":
                self.health = json.loads(step.text.partition(" CMD ")[2])
            case "CMD":
                self.command = json.loads(step.text)
            case "EXPOSE":
                pass
            case name:
                raise AssertionError(f"no test knows {name}")

    def path(self, text: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / str(PurePosixPath(self.workdir) / text).lstrip("/")


def steps(text: str) -> list[Step]:
    """The instructions in their order, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Step(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def copied(step: Step) -> tuple[Mapping[str, str], Sequence[str], str]:
    """The flags, the sources and the destination of a COPY."""
    words = shlex.split(step.text)
    flags = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))
    *sources, destination = (word for word in words if not word.startswith("--"))
    return flags, sources, destination


def context() -> Iterator[str]:
    """The files an engine would be sent: those of the project that .dockerignore lets through."""
    rules = [
        line.strip() for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.strip()
    ]
    for folder, names, files in os.walk(PROJECT):
        here = Path(folder).relative_to(PROJECT)
        names[:] = [name for name in names if _entered(str(here / name), rules)]
        yield from (path for path in (str(here / name) for name in files) if _sent(path, rules))


def _entered(folder: str, rules: Sequence[str]) -> bool:
    """Whether anything in a folder may be sent."""
    return _sent(folder, rules) or any(rule.startswith(f"!{folder}/") for rule in rules)


def _sent(path: str, rules: Sequence[str]) -> bool:
    """The last rule that a path or a folder above it matches decides."""
    above = [path, *map(str, list(Path(path).parents)[:-1])]
    sent = True
    for rule in rules:
        if any(_pattern(rule.lstrip("!")).fullmatch(each) for each in above):
            sent = rule.startswith("!")
    return sent


def _pattern(rule: str) -> re.Pattern[str]:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(words.get(part) or re.escape(part) for part in re.split(r"(\*\*/|\*\*|\*|\?)", rule)))


def build(folder: Path) -> Image:
    """Do what the Dockerfile says; return its last stage. Raises AssertionError for a step that fails."""
    sent = folder / "context"
    for path in context():
        (sent / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, sent / path)
    images: dict[str, Image] = {}
    image = Image(folder / "none")
    for step in steps((PROJECT / "Dockerfile").read_text(encoding="utf-8")):
        match step.name:
            case "FROM":
                alias = step.text.partition(" AS ")[2] or "last"
                image = images[alias] = Image(folder / alias)
            case "COPY":
                flags, sources, destination = copied(step)
                assert set(flags) <= {"from"}, f"no test knows COPY with {flags}"
                origin = images[flags["from"]].root if flags else sent
                _copy([origin / source.lstrip("/") for source in sources], destination, image)
            case "RUN":
                _run(image, step.text)
            case _:
                image.take(step)
    return image


def _copy(sources: Sequence[Path], destination: str, image: Image) -> None:
    target = image.path(destination)
    into = destination.endswith("/") or len(sources) > 1
    for source in sources:
        assert source.exists(), f"COPY finds no {source.name}: does .dockerignore keep it out?"
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            (target if into else target.parent).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / source.name if into else target)


def _run(image: Image, command: str) -> None:
    network = {name: value for name, value in os.environ.items() if _NETWORK.fullmatch(name)}
    done = subprocess.run(
        image.inside(["/bin/sh", "-c", command]),
        env=image.environment(**network),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_STEP_S,
        check=False,
    )
    assert done.returncode == 0, f"RUN {command}\n{done.stdout}"
