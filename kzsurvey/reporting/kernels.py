"""Kernels for notebooks: each notebook has a process of its own, forked from one that has imported everything already.

Where forking is not safe (Windows, macOS) every notebook gets a fresh kernel: the same results, only later.
"""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbformat import NotebookNode

FIXED = {
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": "1577836800",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
LONGEST_SOCKET = 80  # bytes of the path of a socket; systems allow some hundred
PRELOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "IPython", "matplotlib_inline.backend_inline", "pyarrow.parquet",
    "matplotlib.backends.backend_agg", "kzsurvey.reporting.figures", "scipy.optimize",
)  # fmt: skip
Execute = Callable[[NotebookNode, Path, Mapping[str, str]], NotebookNode]


def can_fork() -> bool:
    """Whether kernels may be forked here: on Linux; it is not safe on macOS, and Windows has none."""
    return sys.platform.startswith("linux")


@contextmanager
def kernels(*, forked: bool | None = None) -> Iterator[Execute]:
    """Give a function that executes a notebook in a process of its own.

    Parameters
    ----------
    forked : bool, optional
        Default: where :func:`can_fork`.

    Yields
    ------
    function of (notebook, working folder, environment)
        Returns the executed notebook, raises what nbclient raises; may be called from several threads. When the block
        ends, every kernel has ended.
    """
    with tempfile.TemporaryDirectory(prefix="kz-", ignore_cleanup_errors=True) as scratch:
        started = _server(Path(scratch)) if (can_fork() if forked is None else forked) else None
        try:
            yield lambda notebook, folder, environment: _executed(
                notebook, folder, environment, Path(tempfile.mkdtemp(dir=scratch)), started
            )
        finally:
            if started is not None:
                started.stop()


class Server(NamedTuple):
    """The process that kernels are forked from."""

    process: subprocess.Popen
    log: Path
    lock: Lock

    def fork(self, order: Mapping[str, Any]) -> int:
        """Start a kernel; its process id."""
        with self.lock, suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            if answer := self.process.stdout.readline():
                return int(answer)
        said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise RuntimeError(f"kernels cannot be started: {said[-1] if said else 'no reason given'}")

    def stop(self) -> None:
        """End it, and with it what it has started."""
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def _server(scratch: Path) -> Server:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    log = scratch / "kernels.log"
    with open(log, "wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", "from kzsurvey.reporting.kernels import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**environment, **FIXED, "IPYTHONDIR": str(scratch / "ipython")},
            text=True,
            encoding="utf-8",
        )
    return Server(process, log, Lock())


def serve() -> None:
    """Import what notebooks need, then fork a kernel for every line read, until there are no more lines."""
    from importlib import import_module

    import kzsurvey

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave nothing behind
    for name in PRELOADED:
        import_module(name)
    for name in kzsurvey.__all__:
        with suppress(Exception):  # only for speed: what fails here fails again in the notebook, and is told there
            getattr(kzsurvey, name)
    gc.collect()
    gc.freeze()
    started = []
    for line in sys.stdin:
        if (pid := os.fork()) == 0:
            _become_kernel(json.loads(line))
        with suppress(OSError):
            os.setpgid(pid, pid)
        started.append(pid)
        print(pid, flush=True)
    for pid in started:
        with suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _become_kernel(order: Mapping[str, Any]) -> None:
    """The forked process turns into a kernel and never returns."""
    from ipykernel.kernelapp import IPKernelApp

    status = 1
    try:
        with suppress(OSError):
            os.setpgid(0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nothing, stream)
        os.environ.update(order["environment"], JPY_PARENT_PID=str(os.getppid()))
        os.chdir(order["folder"])
        IPKernelApp.launch_instance(argv=order["arguments"])
        status = 0
    finally:
        os._exit(status)


class _Process:
    """A forked kernel, with the methods of a ``Popen`` that jupyter_client asks for."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        return 0

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Forked(LocalProvisioner):
    """Has a kernel forked where others start a Python."""

    server: Server
    environment: Mapping[str, str]

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        order = {"arguments": cmd[cmd.index("-f") :], "folder": str(kwargs["cwd"]), "environment": self.environment}
        self.process = _Process(self.server.fork(order))
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def _executed(
    notebook: NotebookNode, folder: Path, environment: Mapping[str, str], scratch: Path, server: Server | None
) -> NotebookNode:
    """A notebook with its outputs."""
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[], ensure_native_kernel=True),
        connection_file=str(scratch / "k.json"),
    )
    wanted = {**environment}
    if server is None:
        wanted = {**os.environ, **FIXED, "IPYTHONDIR": str(scratch), **environment}
    else:
        if len(str(scratch)) < LONGEST_SOCKET:
            manager.transport = "ipc"
        manager.provisioner = _Forked(parent=manager, kernel_id="kzsurvey", kernel_spec=manager.kernel_spec)
        manager.provisioner.server, manager.provisioner.environment = server, wanted
    client = NotebookClient(
        notebook, km=manager, timeout=None, startup_timeout=120, record_timing=False, coalesce_streams=True
    )
    return asyncio.run(client.async_execute(cwd=str(folder), env=wanted, cleanup_kc=True))
