"""A mail server that keeps what it takes: python smtpd.py FOLDER. Prints its port; ends with its standard input.

Signs in `dki@jakarta.example` with `rahasia sekali`. Some recipients are refused, by the first part of their address.
"""

import logging
import pathlib
import sys
import warnings

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

logging.disable()
warnings.simplefilter("ignore")

ANSWERS = {
    "tidakada": "550 5.1.1 <tidakada@warga.example> User unknown",
    "pindah": "551 User not local",
    "nanti": "451 4.7.1 Greylisted, try again later",
    "penuh": "452 4.3.1 Insufficient system storage",
    "spam": "554 5.7.1 Message looks like spam",
    "kotakpenuh": "552 5.2.2 Mailbox full",
}


class Keep:
    def __init__(self, folder):
        self.folder = folder
        self.number = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = ANSWERS.get(address.split("@")[0])
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.number += 1
        name = self.folder / f"{self.number:04}.eml"
        name.with_suffix(".to").write_text("\n".join(envelope.rcpt_tos))
        name.write_bytes(envelope.original_content)
        return "250 OK"


def sign_in(server, session, envelope, mechanism, data):
    good = data.login == b"dki@jakarta.example" and data.password == b"rahasia sekali"
    return AuthResult(success=good, handled=False)


controller = Controller(
    Keep(pathlib.Path(sys.argv[1])),
    hostname="127.0.0.1",
    port=int(sys.argv[2]),
    authenticator=sign_in,
    auth_required=True,
    auth_require_tls=False,
)
controller.start()
print("ready", flush=True)
sys.stdin.read()
controller.stop()
