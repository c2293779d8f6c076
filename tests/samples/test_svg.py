"""Pictures are drawn from the cells of a terminal, whatever program wrote them."""

import xml.etree.ElementTree as ET

import pyte
import svg

SPACE = "{http://www.w3.org/2000/svg}"


def screen_of(data: str, columns: int = 12, rows: int = 2) -> pyte.Screen:
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(data)
    return screen


def drawn(data: str) -> ET.Element:
    return ET.fromstring(svg.render(screen_of(data), "a picture"))


def texts(root: ET.Element) -> list[ET.Element]:
    return list(root.iter(f"{SPACE}text"))


def test_an_empty_screen_is_its_frame_alone() -> None:
    root = drawn("")
    assert texts(root) == []
    assert [rect.get("fill") for rect in root.iter(f"{SPACE}rect")] == [f"#{svg.BACKGROUND}"]
    assert root.find(f"{SPACE}title").text == "a picture"


def test_each_colour_is_one_text_on_the_grid() -> None:
    red, plain = texts(drawn("\x1b[31mab\x1b[0m cd"))
    assert (red.text, red.get("fill"), red.get("x")) == ("ab", f"#{svg.NAMED['red']}", "0.0")
    assert (plain.text, plain.get("fill"), plain.get("x")) == ("cd", f"#{svg.FOREGROUND}", f"{3 * svg.WIDTH:.1f}")
    assert plain.get("textLength") == f"{2 * svg.WIDTH:.1f}"


def test_true_colours_bold_and_underline_are_kept() -> None:
    (text,) = texts(drawn("\x1b[1;4;38;2;1;2;255mhot\x1b[0m"))
    assert text.get("fill") == "#0102ff"
    assert text.get("font-weight") == "bold"
    assert text.get("text-decoration") == "underline"


def test_reverse_swaps_ink_and_paper() -> None:
    root = drawn("\x1b[7mx\x1b[0m")
    (text,) = texts(root)
    assert text.get("fill") == f"#{svg.BACKGROUND}"
    assert f"#{svg.FOREGROUND}" in [rect.get("fill") for rect in root.iter(f"{SPACE}rect")]


def test_markup_in_a_log_line_stays_text() -> None:
    (text,) = texts(drawn("<b>&amp;"))
    assert text.text == "<b>&amp;"


def test_lines_blocks_and_braille_are_shapes() -> None:
    root = drawn("╭─│▄⣿░")
    assert texts(root) == []
    assert len(list(root.iter(f"{SPACE}path"))) == 4
    assert len(list(root.iter(f"{SPACE}rect"))) == 3  # the frame, the half block and the shade


def test_a_wide_character_takes_two_cells() -> None:
    (text,) = texts(drawn("漢x"))
    assert text.get("textLength") == f"{3 * svg.WIDTH:.1f}"


def test_half_a_block_from_below_fills_the_lower_half() -> None:
    assert svg._blocks("▄") == [(0, svg.HEIGHT / 2, svg.WIDTH, svg.HEIGHT / 2)]
    assert svg._blocks("█") == [(0, 0, svg.WIDTH, svg.HEIGHT)]
    assert svg._blocks("▌") == [(0, 0, svg.WIDTH / 2, svg.HEIGHT)]


def test_columns_keep_their_places_whatever_a_viewer_makes_of_spaces() -> None:
    first, second = texts(drawn("ab c   de"))
    assert (first.text, second.text) == ("ab c", "de")
    assert second.get("x") == f"{7 * svg.WIDTH:.1f}"
