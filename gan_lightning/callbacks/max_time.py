"""``max_time=``: how long one sitting of a run may take."""

from typing import Any

from lightning.pytorch.callbacks import Timer


class MaxTime(Timer):
    """Lightning's Timer, ending the run after ``duration`` (a timedelta) of this sitting.

    Lightning's own counts the sittings before it too: a run that was ended by it, resumed with the same limit, would
    play nothing.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What came before is forgotten."""
