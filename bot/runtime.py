"""Rasa, the action server and the public door as processes: started together, waited for, stopped together.

Rasa runs hardened: on this machine's own address only, without its HTTP API, with small requests, no telemetry,
private files, and an environment that holds no secret.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from bot.errors import NotRunningError, RasaMissingError
from bot.phrases import load_words
from bot.settings import Settings
from bot.turns import Reply
from bot.understand import meaning, trusted

__all__ = ["Running", "find_rasa_python", "fingerprint", "model_path", "new_sender", "train", "understand"]

RASA_PROJECT = Path(__file__).parent / "rasa"
ROOT = Path(__file__).parent.parent
TRAINED_FROM = ("config.yml", "domain.yml", "data/nlu.yml", "data/rules.yml", "requirements.txt")
LOOPBACK = "127.0.0.1"
TRAIN_SECONDS = 20 * 60
START_SECONDS = 180.0
STOP_SECONDS = 10.0
REPLY_SECONDS = 60.0
LARGEST_MESSAGE = 16384  # bytes: one 10 MB message blocked a stock Rasa for 45 s

# What Rasa may know of this machine: enough to run and to be quiet.
_QUIET = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",  # many threads on few cores only wait for each other
    "OPENBLAS_NUM_THREADS": "1",
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
}


def find_rasa_python(repo: Path = ROOT) -> Path | None:
    """The Python of Rasa's environment, or None when it was not installed."""
    python = repo / "bot" / "rasa" / ".venv" / "bin" / "python"
    installed = any((repo / "bot" / "rasa" / ".venv" / "lib").glob("python3*/site-packages/rasa/__init__.py"))
    return python if installed and python.exists() else None


def fingerprint(project: Path = RASA_PROJECT) -> str:
    """Twelve hexadecimal digits that change when anything the model is made from changes."""
    digest = hashlib.sha256()
    for name in TRAINED_FROM:
        digest.update(name.encode() + b"\0" + (project / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def model_path(out: Path, project: Path = RASA_PROJECT) -> Path:
    """Where the model of the present sources lies, or would lie."""
    return out / f"shakti-{fingerprint(project)}.tar.gz"


def train(rasa_python: Path, out: Path, force: bool = False) -> Path:
    """The model of the present sources in `out`, trained unless it is there. Raises NotRunningError."""
    model = model_path(out)
    if model.exists() and not force:
        return model
    scratch = out / "training"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    _run_training(rasa_python, scratch)
    for older in out.glob("shakti-*.tar.gz"):
        older.unlink()
    (scratch / "model.tar.gz").replace(model)
    shutil.rmtree(scratch)
    return model


def _run_training(rasa_python: Path, scratch: Path) -> None:
    command: list[str | Path] = [
        rasa_python,
        "-m",
        "rasa",
        "train",
        "--out",
        scratch,
        "--fixed-model-name",
        "model",
    ]
    for option in ("config", "domain", "data"):
        name = "data" if option == "data" else f"{option}.yml"
        command += [f"--{option}", RASA_PROJECT / name]
    log = scratch / "training.log"
    with _private_file(log) as lines:
        done = subprocess.run(  # noqa: S603  the command is ours
            command,
            check=False,
            cwd=scratch,
            env={**_QUIET, "HOME": str(scratch), "RASA_CACHE_DIRECTORY": str(scratch / "cache")},
            stdout=lines,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=TRAIN_SECONDS,
            umask=0o077,
        )
    if done.returncode != 0 or not (scratch / "model.tar.gz").exists():
        raise NotRunningError(f"Rasa could not be trained: {_last_line(log)} (all of it: {log})")


def understand(sentences: Iterable[str], model: Path, rasa_python: Path) -> list[dict[str, Any]]:
    """What is made of each sentence: {"text", "intent", "confidence", "reading"}.

    `intent` and `confidence` are the classifier's; `reading` is what the bot goes by: exact word rules first, the
    classifier second, None where neither is sure. Raises NotRunningError.
    """
    lines = [" ".join(sentence.split()) for sentence in sentences]
    done = subprocess.run(  # noqa: S603  the command is ours
        [rasa_python, RASA_PROJECT / "parse.py", model],
        check=False,
        cwd=model.parent,
        env={**_QUIET, "HOME": str(model.parent), "PYTHONPATH": str(RASA_PROJECT)},
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=TRAIN_SECONDS,
    )
    if done.returncode != 0:
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise NotRunningError(f"Rasa could not read the sentences: {last}")
    lexicon = load_words().lexicon
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [
        {**each, "reading": meaning(each["text"], trusted(each["intent"], each["confidence"]), lexicon)}
        for each in found
    ]


def new_sender() -> str:
    """A long random name for one conversation; whoever knows it holds the conversation."""
    return secrets.token_urlsafe(32)


@dataclass
class Running(AbstractContextManager["Running"]):
    """The action server and Rasa, running while the block runs.

    Ports not given are found. `logs` also holds what Rasa thinks is its home. Raises RasaMissingError,
    NotRunningError.
    """

    rasa_python: Path | None
    model: Path
    settings: Settings
    logs: Path
    port: int | None = None
    action_port: int | None = None
    wait_seconds: float = START_SECONDS
    python: Path = field(default_factory=lambda: Path(sys.executable))
    web_port: int | None = None  # None: no page is served; 0: on any free port
    plain_http: bool = False  # cookies without TLS, for trying the page on one machine
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, init=False)

    def __enter__(self) -> Self:
        if self.rasa_python is None:
            raise RasaMissingError(
                "Rasa is not installed here; install Python 3.10 and run `make setup-bot`."
            )
        self.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.port = _free_port(self.port, "--port")
        self.action_port = _free_port(self.action_port, "--action-port")
        try:
            self._start_rasa(self.rasa_python, self.port, self.action_port)
            self.start_actions()  # ready long before Rasa is
            if self.web_port is not None:
                self._start_door(self.web_port)
            self._wait("rasa", self.port, "/webhooks/shakti/")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_actions(self) -> None:
        """Start the action server, at first or after it died. Raises NotRunningError."""
        if "actions" in self.processes:
            _await_end(self.processes["actions"])
        environment = {**_QUIET, "PYTHONPATH": str(ROOT), **self.settings.environment()}
        command: list[str | Path] = [self.python, "-m", "bot.actions", "--port", str(self.action_port)]
        # The URLs of the settings may be relative to where we are.
        self._start("actions", command, environment, folder=Path.cwd())
        self._wait("actions", self.action_port or 0, "/health")

    def _start_door(self, port: int) -> None:
        """The public door, which knows the drafts and Rasa's address and neither outbox nor its key."""
        self.web_port = _free_port(port or None, "--web")
        known = Settings(**{**vars(self.settings), "outbox_url": "", "outbox_public_key": ""})
        environment = {**_QUIET, "PYTHONPATH": str(ROOT), **known.environment()}
        command: list[str | Path] = [self.python, "-m", "bot.gateway", "--port", str(self.web_port)]
        command += ["--rasa", f"http://{LOOPBACK}:{self.port}"]
        command += ["--plain-http"] if self.plain_http else []
        self._start("door", command, environment, folder=Path.cwd())
        self._wait("door", self.web_port, "/health")

    def stop(self) -> None:
        """Stop all of them, with everything they started."""
        for process in self.processes.values():
            _signal(process, signal.SIGTERM)
        for process in self.processes.values():
            _await_end(process)
        self.processes.clear()

    def send(
        self, sender: str, text: str | None = None, payload: str | None = None, *, id: str | None = None
    ) -> list[Reply]:
        """Say something as `sender` (see `new_sender`) and hear the replies. Raises NotRunningError."""
        given = {"sender": sender, "text": text, "payload": payload, "id": id}
        body = json.dumps({name: value for name, value in given.items() if value is not None})
        status, answer = self.post(body.encode())
        if status != http.HTTPStatus.OK:
            raise NotRunningError(f"Rasa did not take the message ({status}: {answer}).")
        return [Reply.from_json(each) for each in answer]

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """One request as it is: HTTP status and what came back (parsed, if it is JSON)."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port or 0, timeout=REPLY_SECONDS)
        try:
            headers = {"Content-Type": "application/json", **(headers or {})}
            connection.request("POST", "/webhooks/shakti/webhook", body, headers)
            response = connection.getresponse()
            return response.status, _parsed(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise NotRunningError(f"Rasa does not answer on port {self.port}: {error}.") from error
        finally:
            connection.close()

    def _start_rasa(self, rasa_python: Path, port: int, action_port: int) -> None:
        environment = {
            **_QUIET,
            "HOME": str(self.logs.resolve()),
            "PYTHONPATH": str(RASA_PROJECT),
            "SHAKTI_ACTION_PORT": str(action_port),
            "SANIC_REQUEST_MAX_SIZE": str(LARGEST_MESSAGE),
            "SANIC_ACCESS_LOG": "false",
        }
        command: list[str | Path] = [rasa_python, "-m", "rasa", "run", "-i", LOOPBACK, "-p", str(port)]
        command += ["--model", self.model.resolve()]
        command += [
            "--endpoints",
            RASA_PROJECT / "endpoints.yml",
            "--credentials",
            RASA_PROJECT / "credentials.yml",
        ]
        self._start("rasa", command, environment, folder=self.logs)

    def _start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str], *, folder: Path
    ) -> None:
        with _private_file(self._log(name)) as lines:
            self.processes[name] = subprocess.Popen(  # noqa: S603  the command is ours
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=lines,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a process group of its own, stopped as a whole
                umask=0o077,
            )

    def _wait(self, name: str, port: int, path: str) -> None:
        deadline = time.monotonic() + self.wait_seconds
        while not _answers(port, path):
            if self.processes[name].poll() is not None:
                log = self._log(name)
                raise NotRunningError(f"{name} stopped while starting: {_last_line(log)} (all of it: {log})")
            if time.monotonic() > deadline:
                raise NotRunningError(
                    f"{name} was not ready after {self.wait_seconds:.0f} s; see {self._log(name)}."
                )
            time.sleep(0.2)

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


def _private_file(path: Path) -> BinaryIO:
    """A new file that only its owner can read."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb")


def _free_port(port: int | None, option: str) -> int:
    """The port asked for, if nobody has it; any free one, if none was asked for."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port or 0))
        except OSError as error:
            raise NotRunningError(
                f"port {port} is used by another program; stop it or choose another with {option}"
            ) from error
        return int(probe.getsockname()[1])


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _await_end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait()


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
