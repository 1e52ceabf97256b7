"""ODK Collect's settings as one code to scan: who sends where, and what a phone may not keep or change.

Collect reads base64(zlib(JSON)) with `general`, `admin` and `project`; a setting that is left out returns to its
default. The code holds an App User's token and nothing else that is secret: no name, no password.
"""

from __future__ import annotations

import base64
import json
import zlib

__all__ = ["server_url", "settings_code"]

# Said to whoever looks over a shoulder: nothing that names the programme.
NEUTRAL_NAME = "Forms"


def server_url(url: str, token: str, project: int) -> str:
    """The address an App User's phone sends to."""
    return f"{url.rstrip('/')}/v1/key/{token}/projects/{project}"


def settings_code(address: str, *, name: str = NEUTRAL_NAME) -> str:
    """The text of the code for the App User behind `address`.

    Forms follow the server, finished ones are sent at once and deleted from the phone, and sent or half-finished
    ones cannot be looked at; none of that can be changed on the phone.
    """
    settings = {
        "general": {
            "protocol": "odk_default",
            "server_url": address,
            "form_update_mode": "match_exactly",
            "autosend": "wifi_and_cellular",
            "delete_send": True,
            "instance_sync": False,  # nothing that another app put on the phone is taken in
            "analytics": False,
        },
        "admin": {
            "edit_saved": False,
            "view_sent": False,
            "change_server": False,
            "form_update_mode": False,
            "change_autosend": False,
            "delete_after_send": False,
            "instance_form_sync": False,
            "change_form_metadata": False,
            "analytics": False,
        },
        "project": {"name": name, "icon": name[:1], "color": "#607d8b"},
    }
    text = json.dumps(settings, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode(), level=9)).decode("ascii")
