# SPDX-License-Identifier: GPL-2.0
"""Transactions of the netlink family, and what tests of them have in common."""
import errno

import net
from genl import (BATCH_BEGIN, BATCH_COMMANDS, BATCH_COMMIT, SERVER_GET, SERVICE_GET,
                  Director, Refused, u32)


class Staged(Director):
    """A socket that counts what it has staged."""

    def begin(self):
        self.do(BATCH_BEGIN)
        self.staged = 0
        return self

    def stage(self, command, body=b""):
        """The error's name, or None."""
        try:
            self.do(command, body)
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
