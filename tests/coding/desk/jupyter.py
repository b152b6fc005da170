"""JupyterLab or Notebook 7 on a folder of its own, for tests and measurements in a real browser."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge")
TOKEN = "only-on-this-machine"
APPS = {"lab": ("jupyterlab", "lab/tree"), "notebook": ("notebook", "notebooks")}  # module, where notebooks open
SETTINGS = {
    "disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True},  # its news would lie over the page
    "exposeAppInBrowser": True,
}
PATIENCE = 60  # seconds for a server to come up


def browser_path() -> str | None:
    """The Chromium of this machine, if there is one."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@contextmanager
def jupyter(folder: Path, app: str = "lab") -> Iterator["Jupyter"]:
    """Start a server that serves a folder, with settings that no other server has."""
    module = APPS[app][0]
    home = folder / ".home"
    settings = home / "config" / "labconfig"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "page_config.json").write_text(json.dumps(SETTINGS))
    port = _free_port()
    command = [
        sys.executable, "-m", module, "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    said = home / "server.log"
    with open(said, "wb") as log:
        server = subprocess.Popen(command, env=_environment(home), stdout=log, stderr=log)
    try:
        running = Jupyter(folder, f"http://127.0.0.1:{port}", app)
        running.wait(server, said)
        yield running
    finally:
        server.terminate()
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()


class Jupyter:
    """A server that runs, and the notebooks in its folder."""

    def __init__(self, folder: Path, address: str, app: str) -> None:
        self.folder, self.address, self.app = folder, address, app

    def url(self, notebook: str) -> str:
        """Where a notebook opens."""
        reset = "reset&" if self.app == "lab" else ""
        return f"{self.address}/{APPS[self.app][1]}/{notebook}?{reset}token={TOKEN}"

    def ask(self, path: str, method: str = "GET") -> object:
        """Ask the server itself."""
        request = urllib.request.Request(f"{self.address}/api/{path}?token={TOKEN}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def wait(self, server: subprocess.Popen, said: Path) -> None:
        """Wait until the server answers; say what it said when it does not."""
        patient_until = time.monotonic() + PATIENCE
        while True:
            try:
                self.ask("status")
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if server.poll() is not None or time.monotonic() > patient_until:
                    raise RuntimeError(f"no Jupyter server: {said.read_text()[-2000:]}") from None
                time.sleep(0.2)

    def kernel_process(self) -> int:
        """The process of the only kernel: the one that has its connection file open in its command line."""
        (kernel,) = self.ask("kernels")
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if f"kernel-{kernel['id']}" in path.read_text():
                    return int(path.parent.name)
            except OSError:
                continue
        raise RuntimeError(f"no process of kernel {kernel['id']}")


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook of code cells."""
    import nbformat

    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


def open_notebook(page: object, running: Jupyter, name: str) -> None:
    """Open a notebook in a page and wait until its kernel is idle."""
    page.goto(running.url(name))
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.wait_for_function("window.jupyterapp?.commands.hasCommand('notebook:run-all-cells')")
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=60_000,
    )


def run_all(page: object) -> None:
    """Run all cells, without waiting for them."""
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); return 1 }")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _environment(home: Path) -> dict[str, str]:
    folders = {
        "HOME": home,
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    return os.environ | {name: str(path) for name, path in folders.items()}
