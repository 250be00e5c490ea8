"""A service that kills who calls it, loses responses and fails; and pushes that are begun again until all is done."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

from tests.servers import Action, Reply, Reset, Seen

Running = subprocess.Popen[bytes]


class Killing:
    """Kills a push on a share of the requests: before it is carried out, after it, or some moments later.

    Args:
        service: carries requests out.
        kills: how many at most.
        kill_share: of the requests, as long as there are kills left.
        trouble_share: of the others, that end with a lost response, and the same again with a 503.
    """

    def __init__(
        self,
        service: Callable[[Seen], Action],
        kills: int,
        *,
        kill_share: float = 0.5,
        trouble_share: float = 0.05,
        later_seconds: float = 0.0,
    ) -> None:
        self.service = service
        self.rng = random.Random(7)  # the same moments in each run
        self.kills = kills
        self.requests = self.lost = self.failed = 0
        self.running: list[Running] = []
        self._kill_share, self._trouble_share, self._later_seconds = kill_share, trouble_share, later_seconds

    def __call__(self, seen: Seen) -> Action:
        self.requests += 1
        if self.kills and self.rng.random() < self._kill_share:
            return self._killed(seen)
        chance = self.rng.random()
        if chance < self._trouble_share / 2:
            self.failed += 1
            return Reply(503, {})
        response = self.service(seen)
        if chance > 1 - self._trouble_share:
            self.lost += 1
            return Reset()
        if chance < self._trouble_share:
            self.failed += 1
            return Reply(503, {})
        return response

    def _killed(self, seen: Seen) -> Action:
        self.kills -= 1
        victim = self.rng.choice(self.running)
        kind = self.rng.choice(["before", "after", "later"] if self._later_seconds else ["before", "after"])
        response = Reset() if kind == "before" else self.service(seen)
        if kind == "later":
            threading.Timer(self.rng.uniform(0, self._later_seconds), victim.kill).start()
            return response
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        return Reset()


def pushed_until_done(killing: Killing, command: Sequence[str], *, pushes: int, done: int, begun: set[int]) -> int:
    """Run so many pushes at once, again and again until all end with `done`; return how often they were begun.

    Args:
        begun: exit codes of those that go on when they are begun again, beside killed ones.
    """
    rounds = 0
    while True:
        rounds += 1
        for _ in range(pushes):
            killing.running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        said = [each.communicate()[1] for each in killing.running]
        codes = {each.returncode for each in killing.running}
        killing.running.clear()
        assert codes <= {done, *begun, -signal.SIGKILL}, said
        if codes == {done}:
            return rounds
