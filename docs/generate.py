"""Writes the generated parts of the documentation: ``python docs/generate.py``. A test fails when they are stale."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

from flask_agent_api import errors
from flask_agent_api import params
from flask_agent_api.grants import GRANTS
from flask_agent_api.models.failure_table import TABLE
from flask_agent_api.permissions import Permissions
from flask_agent_api.settings import PREFIX
from flask_agent_api.settings import Settings
from flask_agent_api.web import fields
from flask_agent_api.web.activity.modes import MODES

FOLDER = Path(__file__).parent


def settings_table() -> str:
    """Every setting with its default and meaning."""
    rows = ["| Setting | Default | Meaning |", "| --- | --- | --- |"]
    for field in dataclasses.fields(Settings):
        default = "" if field.default in ("", (), Permissions(), dataclasses.MISSING) else f"`{field.default}`"
        star = " *" if field.metadata["per_agent"] else ""
        rows.append(f"| `{PREFIX}{field.name.upper()}`{star} | {default} | {field.metadata['doc']} |")
    return "\n".join(rows)


def errors_table() -> str:
    """Every error class with what a client sees of it."""
    rows = ["| Status | `code` | `type` | Meaning |", "| --- | --- | --- | --- |"]
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.AgentAPIError)]
    for found in sorted((c for c in classes if c is not errors.AgentAPIError), key=lambda c: (c.status, c.code or "")):
        meaning = (found.__doc__ or "").strip().partition("\n")[0]
        code = f"`{found.code}`" if found.code else "names the problem"
        rows.append(f"| {found.status} | {code} | `{found.type}` | {meaning} |")
    return "\n".join(rows)


def fields_table() -> str:
    """Every field of a request with what becomes of it."""
    fates = {"ours": fields.OURS, "passed on": params.PARAMS, "refused": fields.REFUSED, "ignored": fields.IGNORED}
    rows = ["| Field | What becomes of it | |", "| --- | --- | --- |"]
    for fate, table in fates.items():
        rows += [f"| `{name}` | {fate} | {doc} |" for name, doc in table.items()]
    return "\n".join(rows)


def modes_table() -> str:
    """Every mode of showing activity."""
    rows = ["| Mode | What it writes | Who shows it | What it costs |", "| --- | --- | --- | --- |"]
    for name, mode in MODES.items():
        rows.append(f"| `{name}` | {mode.writes} | {mode.clients} | {mode.cost} |")
    return "\n".join(rows)


def clients_table() -> str:
    """How each client of the lab fared."""
    scenarios = ["models", "complete", "stream", "client tool", "structured"]
    scenarios += ["forced tool", "JSON mode", "error", "keep-alive"]
    return _clients({scenario: [scenario] for scenario in scenarios})


def client_modes_table() -> str:
    """Where each client of the lab has the activity of a server's tool, by mode: in a stream, and in a whole answer."""
    return _clients({f"`{mode}`": [f"{mode} stream", f"{mode} complete"] for mode in MODES})


def _clients(columns: dict[str, list[str]]) -> str:
    rows = [f"| Client | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for client in json.loads((FOLDER / "clients.json").read_text(encoding="utf-8")):
        found = ([client["results"].get(name, "") for name in names] for names in columns.values())
        cells = (" / ".join(dict.fromkeys(cell)) for cell in found)
        rows.append(f"| {client['client']} {client['version']} | {' | '.join(cells)} |")
    return "\n".join(rows)


def model_failures_table() -> str:
    """Every way in which a model call fails, with what a client sees of it."""
    rows = [
        "| The model's provider ... | Status | `code` | Tried again | By clients |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in TABLE:
        again = "yes" if row.retry else "no"
        by_clients = "no" if row.final or row.error.status == 400 else "yes"
        rows.append(f"| {row.when} | {row.error.status} | `{row.code}` | {again} | {by_clients} |")
    return "\n".join(rows)


def grants_table() -> str:
    """Every word of ``AGENT_API_ALLOW``."""
    rows = ["| Word | Allows |", "| --- | --- |"]
    rows += [f"| `{word}` | {meaning} |" for word, meaning in GRANTS.items()]
    return "\n".join(rows)


PARTS = {
    "client_modes": client_modes_table,
    "clients": clients_table,
    "errors": errors_table,
    "fields": fields_table,
    "grants": grants_table,
    "model_failures": model_failures_table,
    "modes": modes_table,
    "settings": settings_table,
}


def generated(text: str) -> str:
    """``text`` with what stands between ``<!-- NAME -->`` and ``<!-- end -->`` made anew."""

    def replace(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{PARTS[found[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- (\w+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


if __name__ == "__main__":
    for page in FOLDER.glob("*.md"):
        page.write_text(generated(page.read_text(encoding="utf-8")), encoding="utf-8")
