"""Toasts: data and never markup, and none that stops the screen or stays in it for good."""

from __future__ import annotations

from typing import TypeVar

from textual.app import App
from textual.notifications import Notification, Notify, SeverityLevel
from textual.widgets._toast import ToastHolder, ToastRack

_LEAST = 0.1  # seconds
R = TypeVar("R")


class Note(Notification):
    """What one toast says, and for how long.

    A toast asks for the time that is left when it is mounted. Where that had run out since it was found to be due,
    the delay of its timer was below zero, and Textual's timers count up to such a one for ever, without a pause.
    """

    @property
    def time_left(self) -> float:
        """Seconds, never none."""
        return max(_LEAST, super().time_left)

    @property
    def has_expired(self) -> bool:
        """Whether its time is over."""
        return super().time_left <= 0


class Toasting(App[R]):
    """An app with such toasts."""

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = False,  # a screen or a widget passes its own default on
    ) -> None:
        """A toast, for `timeout` seconds."""
        lasting = self.NOTIFICATION_TIMEOUT if timeout is None else timeout
        self.post_message(Notify(Note(message, title, severity, lasting)))
        self.call_later(self._remove_holders)

    def _remove_holders(self) -> None:
        """Textual takes a toast that another one outlives out of its holder, and keeps holder and task for good:
        20 KB each, and a place in every layout.
        """
        if not self.screen_stack:
            return  # it is being left
        wanted = {ToastRack._toast_id(notification) for notification in self._notifications}
        for holder in self.screen.query(ToastHolder):
            if holder.id not in wanted:
                holder.remove()
