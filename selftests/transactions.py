# SPDX-License-Identifier: GPL-2.0
"""Transactions of the netlink family, and what tests of them have in common."""
import errno

import net
from genl import (BATCH_ABORT, BATCH_BEGIN, BATCH_COMMANDS, BATCH_COMMIT, BATCH_ID,
                  INFO_BATCH, INFO_SET, SERVER_BATCH, SERVER_DEL, SERVER_GET,
                  SERVER_NEW, SERVER_SET, SERVICE_BATCH, SERVICE_GET, Director,
                  Refused, number, parse, u32)

# The attribute that names the transaction, by command; that of all others is
# SERVICE_BATCH.
IDS = {BATCH_BEGIN: None, BATCH_COMMIT: BATCH_ID, BATCH_ABORT: BATCH_ID,
       INFO_SET: INFO_BATCH, SERVER_NEW: SERVER_BATCH, SERVER_SET: SERVER_BATCH,
       SERVER_DEL: SERVER_BATCH}


class Staged(Director):
    """A socket with a transaction: it counts the commands that it has staged. With id
    None its commands take effect at once."""

    id = 0xffffffff     # of no transaction, before begin()
    staged = 0

    def begin(self):
        reply = dict(parse(self.do(BATCH_BEGIN)[0]))
        self.id = number(reply[BATCH_ID])
        self.staged = 0
        return self

    def named(self, command, body=b""):
        """A command with the id of the transaction."""
        kind = IDS.get(command, SERVICE_BATCH)
        if kind and self.id is not None:
            body += u32(kind, self.id)
        return self.do(command, body)

    def stage(self, command, body=b""):
        """The error's name, or None."""
        try:
            self.named(command, body)
            self.staged += 1
        except Refused as error:
            return errno.errorcode[error.code] if error.sentence else "no sentence"
        return None

    def commit(self, commands=None):
        return self.stage(BATCH_COMMIT, u32(
            BATCH_COMMANDS, self.staged if commands is None else commands))


def there(kind=Staged, host="director"):
    with net.within(host):
        return kind()


def everything(sock):
    return sock.dump(SERVICE_GET), sock.dump(SERVER_GET), sock.info()[6]
