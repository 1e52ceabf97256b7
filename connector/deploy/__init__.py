"""How forms get to phones: a workbook is checked, compared with what a platform has, sent, and verified.

Read `plan` first (what a platform must do), then `run` (one deployment from beginning to end), then a platform.
"""

from __future__ import annotations

from connector.deploy.central import CentralPlatform
from connector.deploy.kobo import KoboPlatform
from connector.deploy.package import Attachment, Package, prepare
from connector.deploy.plan import InService, NotInServiceError, Plan, Platform
from connector.deploy.run import Outcome, deploy
from connector.deploy.settings_code import server_url, settings_code

__all__ = [
    "Attachment",
    "CentralPlatform",
    "InService",
    "KoboPlatform",
    "NotInServiceError",
    "Outcome",
    "Package",
    "Plan",
    "Platform",
    "deploy",
    "prepare",
    "server_url",
    "settings_code",
]
