"""Sends an open-loop load to a V2 endpoint and keeps an account of every request.

:func:`generate_load` sends each request of :class:`LoadSettings` when it is due, whatever comes back, and
writes the account; :func:`read_account` reads it, and :func:`request_records` turns it into the records that
every other run has, so that the same measures and figures read both.
"""

from typing import TYPE_CHECKING

from ipa.lazy_names import import_on_use
from ipa.serving.load_generator.account import LoadAccount, read_account
from ipa.serving.load_generator.records import records_of_answers, request_records
from ipa.serving.load_generator.report import LoadReport
from ipa.serving.load_generator.settings import LoadSettings

if TYPE_CHECKING:
    from ipa.serving.load_generator.generate import generate_load

__all__ = [
    "LoadAccount",
    "LoadReport",
    "LoadSettings",
    "generate_load",
    "read_account",
    "records_of_answers",
    "request_records",
]

# What sends brings gRPC along; who reads an account waits for neither.
__getattr__ = import_on_use(__name__, {"generate_load": "ipa.serving.load_generator.generate"})
