"""Local layers: a `python` folder, and one that SAM would build from its requirements."""

from __future__ import annotations

from tests.projects.conftest import Running, eventually

PROJECT = "layers"


def test_layers_and_their_packages_are_importable(project: Running) -> None:
    answer = project.http("GET", "/")
    assert answer.status == 200, answer.body
    assert answer.body.decode().splitlines() == ["orders    12,345", "turnover  12345.67 €"]


def test_inline_code_has_the_layers_of_globals(project: Running) -> None:
    assert project.invoke("InlineFunction", {"cents": 250}) == "2.50 €"


def test_a_saved_layer_is_in_force(project: Running) -> None:
    money = project.root / "layers" / "shared" / "python" / "shared" / "money.py"
    money.write_text(money.read_text().replace("€", "EUR"))
    eventually(lambda: project.invoke("InlineFunction", {"cents": 250}) == "2.50 EUR")
