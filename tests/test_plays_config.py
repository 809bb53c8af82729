"""The plays' files: what they may say, and the sentences for when they say something else."""

from pathlib import Path

import pytest

from regulars.config import ConfigError
from regulars.config.plays import ContactCap, PlayBook
from regulars.review.plays import read_plays
from regulars.segments import SEGMENT_NAMES

PLAY = """\
    objective: bring the next order
    offer: 10% off one order
    arm: ten-percent-off
    message: come again
    channel: e-mail
    trigger: an order
    delay_days: 14
    contact_cap: {contacts: 2, days: 30}
    kpi: profit per customer
    owner: marketing
    cost: the discount
    review_after_days: 60
"""
GOOD = f"""\
exclusions: [who has not agreed]
plays:
  come again:
{PLAY}
segments:
  four-core: {{new: come again, at-risk: come again}}
  rxf-grid: {{potential_loyalist: come again}}
"""


def read(folder: Path, shared: str, own: str | None = None) -> PlayBook:
    (folder / "plays").mkdir(exist_ok=True)
    (folder / "plays.yml").write_text(shared)
    if own is not None:
        (folder / "plays" / "corner.yml").write_text(own)
    return read_plays("corner", folder)


def complaint(folder: Path, shared: str, own: str | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, shared, own)
    return str(error.value)


@pytest.mark.parametrize("book", SEGMENT_NAMES)
def test_every_segment_of_every_rulebook_has_a_play(book: str) -> None:
    plays = read_plays("demo")
    assert [segment for segment in SEGMENT_NAMES[book] if plays.of(book, segment) is None] == []
    assert {plays.of(book.replace("-", "_"), segment) for segment in SEGMENT_NAMES[book]} <= set(plays.plays)


def test_no_written_play_is_of_no_segment() -> None:
    book = read_plays("demo")
    assert {play for segments in book.segments.values() for play in segments.values()} == set(book.plays)


def test_a_segment_is_found_by_either_of_its_names(tmp_path: Path) -> None:
    book = read(tmp_path, GOOD)
    assert (
        book.of("rxf_grid", "potential_loyalist") == book.of("rxf-grid", "potential loyalist") == "come again"
    )
    assert book.of("rxf-grid", "champions") is None
    assert book.of("clusters", "1") is None


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        ("    offer:", "    ofer:", "the key 'plays.come again.ofer' is not known: did you mean 'offer'?"),
        ("    owner: marketing\n", "", "the key 'plays.come again.owner' is missing"),
        ("exclusions:", "exclusion:", "the key 'exclusion' is not known: did you mean 'exclusions'?"),
        ("delay_days: 14", "delay_days: soon", "'plays.come again.delay_days' is 'soon', but it should be a"),
        ("delay_days: 14", "delay_days: -1", "'plays.come again.delay_days' is -1, but it should be greater"),
        ("contacts: 2", "contact: 2", "the key 'plays.come again.contact_cap.contact' is not known"),
        ("days: 30", "days: 0", "'plays.come again.contact_cap.days' is 0, but it should be greater"),
        (
            "channel: e-mail",
            "channel: no",
            "'plays.come again.channel' is False, but it should be a valid string",
        ),
        ("channel: e-mail", "channel: ''", "'plays.come again.channel' is ''"),
        (
            "new: come again",
            "new: come agian",
            "'segments.four-core.new' is 'come agian', but no play has this name",
        ),
        ("new: come again", "new: come agian", "did you mean 'come again'?"),
        ("new:", "newest:", "'segments.four-core' has no segment 'newest': did you mean 'new'?"),
        ("four-core:", "four_cores:", "there is no rulebook 'four_cores': did you mean 'four-core'?"),
        (
            "{potential_loyalist: come again}",
            "{potential_loyalist: come again, potential loyalist: come again}",
            "'segments.rxf-grid' names a segment twice",
        ),
        ("  come again:\n", "  come again:\n  come again:\n", "the key 'come again' stands twice"),
    ],
)
def test_a_wrong_key_or_name_is_named_in_both_files(
    tmp_path: Path, right: str, wrong: str, sentence: str
) -> None:
    assert right in GOOD
    bad = GOOD.replace(right, wrong)
    said = complaint(tmp_path, bad)
    assert said.startswith("plays.yml:")
    assert sentence in said
    said = complaint(tmp_path, GOOD, bad)
    assert said.startswith("corner.yml:")
    assert sentence in said


def test_a_shops_own_file_takes_the_place_of_what_it_names_and_of_nothing_else(tmp_path: Path) -> None:
    own = (
        "plays:\n  ours:\n" + PLAY.replace("arm: ten-percent-off", "arm: [tenner, ten]") + "segments:\n"
        "  four-core: {new: ours}\n  three-level: {inactive: come again}\n  hybrids: {loyal locals: ours}\n"
    )
    book = read(tmp_path, GOOD, own)
    assert [book.of("four-core", one) for one in ("new", "at-risk")] == ["ours", "come again"]
    assert book.of("three-level", "inactive") == "come again"
    assert book.of("rxf-grid", "potential_loyalist") == "come again"
    assert book.of("hybrids", "loyal locals") == "ours"
    assert book.plays["ours"].arm == ("tenner", "ten")
    assert book.plays["come again"].arm == ("ten-percent-off",)
    assert book.exclusions == ("who has not agreed",)
    assert read(tmp_path, GOOD, "exclusions: [nobody]").exclusions == ("nobody",)
    assert read(tmp_path, GOOD, "exclusions: []").exclusions == ()


def test_a_play_of_the_same_name_takes_its_place_whole(tmp_path: Path) -> None:
    own = "plays:\n  come again:\n" + PLAY.replace("    arm: ten-percent-off\n", "")
    assert read(tmp_path, GOOD, own).plays["come again"].arm == ()
    assert "'plays.come again.objective' is missing" in complaint(
        tmp_path, GOOD, "plays: {come again: {offer: x}}"
    )


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^plays\.yml is missing from "):
        read_plays("corner", tmp_path)


def test_a_cap_of_no_contact_is_said_in_words() -> None:
    assert [str(ContactCap(contacts=n, days=30)) for n in (2, 0)] == [
        "at most 2 contacts in 30 days",
        "none of its own",
    ]
