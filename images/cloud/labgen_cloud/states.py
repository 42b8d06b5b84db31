"""States of instances that take their time: what is asked for comes true a moment later."""

import time

# Seconds between states that follow each other by themselves.
DELAY = 0.7
ON_THE_WAY = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}
CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}


class Passing:
    """A state with the names and codes of EC2, on its way to `goal` since `since` (seconds since 1970)."""

    def __init__(self, goal: str, since: float | None = None) -> None:
        self.goal = goal
        self.since = time.time() if since is None else since

    @property
    def name(self) -> str:
        """The state now."""
        return self.goal if time.time() - self.since >= DELAY else ON_THE_WAY.get(self.goal, self.goal)

    @name.setter
    def name(self, goal: str) -> None:
        if goal != self.goal:
            self.goal, self.since = goal, time.time()

    @property
    def code(self) -> int:
        """The number of the state now."""
        return CODES[self.name]

    @code.setter
    def code(self, _: int) -> None:
        """Do nothing: moto sets name and number one after the other; the number follows from the name."""


class Kept:
    """What moto calls an instance's `_state`; whatever state is assigned begins to come true."""

    def __get__(self, instance: object, _: type) -> Passing:
        """Return the state."""
        state: Passing = instance.__dict__["passing"]
        return state

    def __set__(self, instance: object, state: object) -> None:
        """Begin to go to the state of this name."""
        name = str(getattr(state, "name"))  # noqa: B009 - moto's class, which has no type here
        instance.__dict__["passing"] = state if isinstance(state, Passing) else Passing(name)
