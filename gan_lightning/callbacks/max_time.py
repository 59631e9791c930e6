"""``max_time=``: how long a run may take, counted anew each time that it is resumed."""

from typing import Any

from lightning.pytorch.callbacks import Timer


class MaxTime(Timer):
    """Lightning's Timer, which ends the run after ``duration`` (a timedelta), without the time before a resumption.

    Lightning's own adds that time: a run that it had ended would, resumed with the same limit, end at once.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Nothing: the time that was spent before is not loaded."""
