"""The widget: hands messages of the browser to the desk and its answers back. Nothing else is kept here."""

import importlib.metadata
from pathlib import Path
from typing import Any

import anywidget

from kzsurvey.coding.desk.messages import respond
from kzsurvey.coding.desk.page import script, style
from kzsurvey.coding.desk.session import Progress, Session

FONT = ("pylopdf-fonts-zh-cn", "NotoSansSC-Regular.otf")


class DeskWidget(anywidget.AnyWidget):
    """The coding desk in a notebook.

    Parameters
    ----------
    session : Session
    progress : Progress
    """

    _esm = script()
    _css = style()

    def __init__(self, session: Session, progress: Progress) -> None:
        super().__init__()
        self._session, self._progress = session, progress
        self.on_msg(self._heard)

    def _heard(self, _: object, message: dict[str, Any], buffers: list) -> None:
        if message["kind"] == "font":
            self.send({"id": message["id"]}, [font_bytes()])
            return
        try:
            reply, self._progress = respond(self._session, self._progress, message)
        except Exception as problem:
            self.send({"id": message["id"], "error": f"{type(problem).__name__}: {problem}"})
            raise  # a fault of the program: the notebook's log shows where
        self.send(reply)


def font_bytes() -> bytes:
    """The Chinese font of the project, for a browser on a machine that has none."""
    package, name = FONT
    files = importlib.metadata.files(package) or []
    path = next((Path(file.locate()) for file in files if file.name == name), None)
    return path.read_bytes() if path else b""
