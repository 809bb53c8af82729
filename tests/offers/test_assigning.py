"""The command that draws: what it writes, that it writes it once, and a sentence for each time it does not."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
import yaml

from regulars import Shop
from regulars.month import day_number
from regulars.offers import Experiment, OfferError, base_of, read_experiments
from regulars.offers import assigning as module
from regulars.offers.assigning import assign_arms, draw, find_experiment, main
from regulars.offers.outcomes import given_arms
from regulars.shop import ROOT

DAY = date(2018, 1, 1)  # the day after the demo's last
FILE = ROOT / "config" / "experiments" / "demo" / "2017-10-first-offers.yml"
NAME = "2018-01-letter"


def written(folder: Path, **changes: Any) -> Path:
    """A real experiment of the demo shop, as a file."""
    content = yaml.safe_load(FILE.read_text()) | {"id": NAME, "assigned_on": DAY, "stratify": True} | changes
    content = {key: value for key, value in content.items() if key not in ("planted", "power")}
    (folder / "demo").mkdir(exist_ok=True)
    (folder / "demo" / f"{content['id']}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder


def plan(folder: Path, **changes: Any) -> Experiment:
    return find_experiment("demo", NAME, written(folder, **changes))


@pytest.fixture
def shop(demo: Shop, tmp_path: Path) -> Shop:
    """The demo's orders in a folder of its own: more tables would only take longer."""
    home = tmp_path / "home"
    (home / "data" / "demo" / "staged").mkdir(parents=True)
    for table in ("orders", "returns"):
        shutil.copy(demo.staged(table), home / "data" / "demo" / "staged")
    return Shop.open("demo", {"REGULARS_HOME": str(home)})


def files(shop: Shop) -> dict[str, bytes]:
    folders = (shop.data / "assignments", shop.data / "registered")
    return {
        path.name: path.read_bytes() for folder in folders if folder.exists() for path in folder.iterdir()
    }


def test_a_draw_is_written_with_its_frozen_segments_and_again_the_same(shop: Shop, tmp_path: Path) -> None:
    experiment = plan(tmp_path, assigned_until=date(2018, 1, 7))
    said = assign_arms(shop, experiment, DAY)
    table = pd.read_parquet(shop.data / "assignments" / f"{NAME}.parquet")
    assert list(table) == ["customer_id", "arm", "segment", "assigned_day", "segment_day"]
    assert table["customer_id"].is_unique and table["customer_id"].is_monotonic_increasing
    assert set(table["assigned_day"]) == set(range(day_number(DAY), day_number(DAY) + 7))
    assert (table["segment_day"] == day_number(DAY) - 1).all()
    counts = pd.crosstab(table["segment"], table["arm"])
    assert (counts.sub(counts.mean(axis=1), axis=0).abs() < 1).all(axis=None)
    assert "not before the first assignment" in said[0]  # it was registered on the day
    first = files(shop)
    assert set(first) == {f"{NAME}.parquet", f"{NAME}.csv", f"{NAME}.json"}
    assert assign_arms(shop, experiment, date(2018, 1, 20)) == said
    assert files(shop) == first


def test_the_list_for_sending_has_the_treated_and_is_its_owners_alone(shop: Shop, tmp_path: Path) -> None:
    assign_arms(shop, plan(tmp_path), DAY)
    path = shop.data / "assignments" / f"{NAME}.csv"
    assert path.stat().st_mode & 0o777 == 0o600
    listed = pd.read_csv(path, dtype=str)
    table = pd.read_parquet(path.with_suffix(".parquet"))
    treated = table[table["arm"] != "nothing"]
    assert (
        listed[["customer_id", "arm"]].to_numpy().tolist()
        == treated[["customer_id", "arm"]].to_numpy().tolist()
    )
    assert set(listed["offer"]) == {"10% off one order", "free delivery of one order"}
    assert set(listed["assigned_on"]) == {"2018-01-01"}


def test_run_early_it_registers_the_plan_and_draws_nothing(shop: Shop, tmp_path: Path) -> None:
    said = assign_arms(shop, plan(tmp_path, assigned_on=date(2018, 1, 5)), date(2017, 12, 20))
    assert said[0].startswith(
        "The plan was registered on 2017-12-20, before the first assignment on 2018-01-05"
    )
    assert said[1].startswith("Nothing was drawn yet: orders are staged up to 2017-12-31")
    assert set(files(shop)) == {f"{NAME}.json"}


def test_registered_early_and_drawn_on_the_day_it_was_before(shop: Shop, tmp_path: Path) -> None:
    experiment = plan(tmp_path)
    config = shop.config.model_copy(update={"complete_until": date(2017, 12, 20)})
    short = Shop(config, shop.home, shop.raw)
    short.__dict__["history"] = (day_number(date(2017, 1, 1)), day_number(date(2017, 12, 20)))
    assert "Nothing was drawn yet" in assign_arms(short, experiment, date(2017, 12, 21))[1]
    said = assign_arms(shop, experiment, DAY)
    assert said[0].startswith(
        "The plan was registered on 2017-12-21, before the first assignment on 2018-01-01"
    )
    assert len(files(shop)) == 3


@pytest.mark.parametrize(
    ("day", "today", "sentence"),
    [
        (
            date(2017, 12, 1),
            date(2017, 12, 1),
            r"has passed \(there are orders of 2017-12-31\).* Write 2017-12-31 or a later",
        ),
        (DAY, date(2018, 1, 2), r"has passed \(today is 2018-01-02\).* Write 2018-01-02 or a later day"),
    ],
)
def test_a_day_that_has_passed_is_refused(
    shop: Shop, tmp_path: Path, day: date, today: date, sentence: str
) -> None:
    with pytest.raises(OfferError, match=sentence):
        assign_arms(shop, plan(tmp_path, assigned_on=day), today)
    assert files(shop) == {}


def test_another_draw_is_not_overwritten(shop: Shop, tmp_path: Path) -> None:
    assign_arms(shop, plan(tmp_path), DAY)
    first = files(shop)
    halves = plan(tmp_path, arms={"nothing": {"offer": "none"}, "letter": {"offer": "a letter"}})
    with pytest.raises(
        OfferError,
        match=r"another draw stands in .*: [\d,]+ customers are now otherwise in it, 0 would leave",
    ):
        assign_arms(shop, halves, DAY)
    fewer = plan(tmp_path, eligible={"feature": "frequency", "at_least": 2})
    with pytest.raises(OfferError, match=r"another draw stands in .* [1-9][\d,]* would leave it, and 0 join"):
        assign_arms(shop, fewer, DAY)
    assert files(shop) == first


def test_nothing_of_the_day_or_later_is_seen(shop: Shop, tmp_path: Path) -> None:
    """The same draw, whether the orders end before the day or are there for weeks after it."""
    experiment = plan(tmp_path, assigned_on=date(2017, 11, 1))
    all_of_it = draw(shop, experiment).table
    before = shop.table("orders").filter(nw.col("ordered_day") < experiment.assigned_day)
    shop.engine.write(shop.engine.materialise(before, "before"), shop.staged("orders"), "order_id")
    again = Shop.open("demo", {"REGULARS_HOME": str(shop.home)})
    assert again.history[1] == experiment.assigned_day - 1
    pd.testing.assert_frame_equal(draw(again, experiment).table, all_of_it)


def test_a_draw_that_fails_its_checks_is_refused(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_size(ids: Any, experiment: Experiment, **_: Any) -> pd.Series:
        """A third each, of customers in the order of what they had spent."""
        known = shop.engine.collect(
            shop.table("orders")
            .filter(nw.col("ordered_day") < experiment.assigned_day)
            .group_by("customer_id")
            .agg(nw.col("revenue").sum())
        ).set_index("customer_id")["revenue"]
        order = known.reindex(ids).rank(method="first").to_numpy() - 1
        return pd.Series(np.array(list(experiment.arms))[(order * 3 / len(ids)).astype(int)], ids)

    def lopsided(ids: Any, *_: Any, **__: Any) -> pd.Series:
        return pd.Series(np.resize(["nothing", "nothing", "ten-percent-off", "free-delivery"], len(ids)), ids)

    def one_arm(ids: Any, *_: Any, **__: Any) -> pd.Series:
        return pd.Series(["nothing", "ten-percent-off"] * (len(ids) // 2) + ["nothing"] * (len(ids) % 2), ids)

    for drawn, sentence in (
        (by_size, r"the draw is refused: the arms.* another id makes another draw"),
        (lopsided, r"the draw is refused: the arms' sizes are off the planned split \(.*everyone"),
        (one_arm, r"nothing was drawn, since nobody fell to 'free-delivery'"),
    ):
        monkeypatch.setattr(module, "assign", drawn)
        with pytest.raises(OfferError, match=sentence):
            assign_arms(shop, plan(tmp_path), DAY)
    assert files(shop) == {}


def test_the_draw_is_what_the_test_is_read_from(shop: Shop, tmp_path: Path) -> None:
    experiment = plan(tmp_path, assigned_until=date(2018, 1, 7))
    with pytest.raises(
        OfferError,
        match=r"nobody was assigned\. Stage a table .* make assign SHOP=demo EXPERIMENT=2018-01-letter",
    ):
        given_arms(shop, experiment)
    assign_arms(shop, experiment, DAY)
    table = pd.read_parquet(shop.data / "assignments" / f"{NAME}.parquet").set_index("customer_id")
    read = given_arms(shop, experiment)
    assert read["arm"].tolist() == table["arm"].tolist()
    assert read["assigned_day"].tolist() == table["assigned_day"].tolist()
    assert read["frozen_segment"].tolist() == table["segment"].tolist()
    base = base_of(shop, experiment).set_index("customer_id")
    assert base["assigned_day"].tolist() == table["assigned_day"].tolist()
    assert base["segment"].tolist() == table["segment"].tolist()
    late = table.reset_index().assign(
        segment_day=table["assigned_day"].to_numpy() - (np.arange(len(table)) > 1)
    )
    shop.save(late, "assignments", NAME, "customer_id")
    with pytest.raises(
        OfferError, match="2 customers were put into a segment by what was known on or after the day"
    ):
        given_arms(shop, experiment)


def test_arms_that_the_shop_staged_are_not_drawn_again(shop: Shop, tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"experiment_id": [NAME], "customer_id": ["1"], "arm": ["nothing"], "assigned_day": [day_number(DAY)]}
    )
    shop.engine.write(
        nw.from_native(shop.engine.connection.from_df(rows)), shop.staged("assignments"), "customer_id"
    )
    with pytest.raises(OfferError, match="the shop's table of assignments already says who is in which arm"):
        assign_arms(shop, plan(tmp_path), DAY)


def test_an_experiment_that_cannot_be_drawn_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OfferError, match=r"demo has no experiment 'x': it has 2017-10-first-offers\."):
        find_experiment("demo", "x")
    with pytest.raises(OfferError, match=r"Did you mean EXPERIMENT=2017-10-first-offers\?"):
        find_experiment("demo", "2017-10-first-offer")
    with pytest.raises(OfferError, match=r"it has none: docs/experiments.md says how to write one"):
        find_experiment("demo", "x", tmp_path)
    with pytest.raises(OfferError, match="2017-10-first-offers is simulated"):
        find_experiment("demo", read_experiments("demo")[0].id)
    with pytest.raises(OfferError, match="hillstrom-2008 came with its outcomes"):
        find_experiment("hillstrom", "hillstrom-2008")


def test_the_command_says_what_it_did_or_why_not(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGULARS_HOME", str(shop.home))
    words = ["--shop", "demo", "--experiment", NAME]
    assert main(words, DAY, written(tmp_path)) == 0
    told = capsys.readouterr().out
    assert "customers are assigned: " in told and " to free-delivery." in told
    assert "The split is as planned" in told
    assert main(["--shop", "demo", "--experiment", "x"], DAY, tmp_path) == 1
    assert capsys.readouterr().err.startswith("regulars: demo has no experiment 'x'")
