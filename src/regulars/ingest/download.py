"""`make data`: the public file of a shop, fetched once into its raw folder and known by its checksum.

python -m regulars.ingest.download --shop hillstrom
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pooch
from requests import exceptions
from tqdm import tqdm

from regulars.errors import RegularsError
from regulars.ingest.contracts import IngestError
from regulars.lock import waiting_lock
from regulars.shop import Shop, shown

CHUNK = 1 << 16  # bytes read at a time; pooch's own 1 024 would redraw the bar 23 000 times


class PublicFile(NamedTuple):
    """A file that anyone may fetch.

    Attributes:
        address: where it is published.
        size: how many bytes the address serves.
        sha256: of what the address serves.
        forms: the files that the shop can read, any one of them: name → sha256. The first is what the address
            serves, or what is in the zip that it serves.
        origin: who published it, and what one may do with it.
    """

    address: str
    size: int
    sha256: str
    forms: Mapping[str, str]
    origin: str

    @property
    def file(self) -> str:
        """The file that the shop has after the download."""
        return next(iter(self.forms))

    @property
    def is_zip(self) -> bool:
        """Whether the file comes in a zip."""
        return self.address.endswith(".zip")


HILLSTROM = "Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv"
HILLSTROM_SUM = "0e5893329d8b93cefecc571777672028290ab69865718020c78c7284f291aece"

PUBLIC: dict[str, PublicFile] = {
    "hillstrom": PublicFile(
        address=f"http://www.minethatdata.com/{HILLSTROM}",
        size=3_964_977,
        sha256=HILLSTROM_SUM,
        forms={HILLSTROM: HILLSTROM_SUM},
        origin="Published by Kevin Hillstrom, MineThatData, in 2008, without a licence: use it, do not pass it on.",
    ),
    "online-retail": PublicFile(
        address="https://archive.ics.uci.edu/static/public/352/online+retail.zip",
        size=23_715_478,
        sha256="f5385cbb54bbebf7196389109c6b0621faab0c304e3702548165e71c84aede8b",
        forms={
            "Online Retail.xlsx": "43465a06f2ccf7c8b5bd2892bc7defb52f97487934fe93b16ae4c3936424676d",
            # The same rows, rewritten as one CSV, as some already have them.
            "online_retail.csv.gz": "737745256ddb4410bfe4e29f2dcb72329b7486e584837f1e84f9a07416cf7d45",
        },
        origin="UCI Machine Learning Repository, data set 352 (Chen 2015), licence CC BY 4.0: name the source.",
    ),
}


def make_data(shop: Shop) -> str:
    """Have the shop's public file in its raw folder, fetched if it is not there yet.

    Returns:
        The sentence that says how it came there.

    Raises:
        IngestError: if the shop has no public file, if a file of its name holds something else, or if it cannot be
            fetched or kept. Then nothing is left of the attempt.
    """
    if shop.config.source.kind == "completejourney":
        return f"{shop.config.name} needs no download: its panel was installed by pip. {_others()}"
    public = _public_file(shop)
    if path := present(shop.raw, public):
        return f"{shown(path)} is there, with the published checksum: nothing was downloaded."
    with _alone(shop):
        # Another run may have fetched it meanwhile.
        path = present(shop.raw, public) or _download(shop, public)
    return f"{shown(path)} is there now, with the published checksum. {public.origin}"


def _public_file(shop: Shop) -> PublicFile:
    """By the shop's name, or by its kind of source: a copy of a configuration has another name."""
    name = shop.config.name
    public = PUBLIC.get(name) or PUBLIC.get(shop.config.source.kind)
    if public is None:
        raise IngestError(
            f"{name} has no public file to download: its data are your own, and config/{name}.yml says where they are. "
            f"{_others()}"
        )
    return public


def _others() -> str:
    return f"Shops with a public file are {' and '.join(PUBLIC)}: make data SHOP={next(iter(PUBLIC))}."


def present(raw: Path, public: PublicFile) -> Path | None:
    """The public file in a raw folder, or None if it is not there. Nothing is written.

    Raises:
        IngestError: if a file of its name holds something else, or the rows are there twice, in two forms.
    """
    try:
        there = [raw / name for name in public.forms if (raw / name).is_file()]
        wrong = [path for path in there if sha256(path) != public.forms[path.name]]
    except OSError as error:
        raise IngestError(
            f"{shown(raw)} cannot be read ({error.strerror}): let REGULARS_RAW name a folder that you may read, or unset it."
        ) from error
    if wrong:
        raise IngestError(
            f"{wrong[0].name} in {shown(raw)} is not the file that was published: its sha256 is "
            f"{sha256(wrong[0])[:12]}…, not {public.forms[wrong[0].name][:12]}…. Move it elsewhere, then make data again."
        )
    if len(there) > 1:
        raise IngestError(
            f"{shown(raw)} holds the same rows twice, as {' and as '.join(path.name for path in there)}: keep one of them."
        )
    return there[0] if there else None


def sha256(path: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(shop: Shop) -> Iterator[None]:
    """Runs of one shop wait for each other, as reports do."""
    with ExitStack() as held:
        try:
            held.enter_context(waiting_lock(shop.data, shop.config.name))
        except OSError as error:
            raise _not_writable(shop.data, "REGULARS_HOME", error) from error
        yield


def _download(shop: Shop, public: PublicFile) -> Path:
    """Fetch into a folder aside, check, and put the file in its place by rename."""
    aside, final = shop.raw / ".downloading", shop.raw / public.file
    print(f"Downloading {public.address} ({public.size / 1e6:.1f} MB)", flush=True)
    try:
        shutil.rmtree(aside, ignore_errors=True)  # a run that was killed may have left it
        aside.mkdir(parents=True)
        came = _fetch(public, aside)
        came.chmod(0o644)  # pooch's files are for their owner alone, but these are public
        return came.replace(final)
    except OSError as error:  # requests' errors are OSErrors too
        raise _failed(shop, public, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _fetch(public: PublicFile, aside: Path) -> Path:
    """What the address serves, taken out of its zip; both with the published checksum."""
    pooch.get_logger().setLevel(logging.WARNING)  # it would name the folder aside
    unzip = pooch.Unzip(members=[public.file]) if public.is_zip else None
    with _connection(public) as downloader:
        try:
            came = pooch.retrieve(
                public.address, f"sha256:{public.sha256}", "served", aside, unzip, downloader=downloader
            )
        except OSError:  # requests has errors that are ValueErrors too
            raise
        except ValueError as error:  # what pooch says of a wrong checksum
            raise _changed(public) from error
    path = aside / "served.unzip" / public.file if public.is_zip else Path(came)
    if not path.is_file() or sha256(path) != public.forms[public.file]:
        raise _changed(public)
    return path


@contextmanager
def _connection(public: PublicFile) -> Iterator[pooch.HTTPDownloader]:
    """A downloader with a bar on a terminal, whose connection is closed whatever happens: pooch itself leaves it open."""
    with ExitStack() as answers:
        # `disable=None`: a bar on a terminal, nothing elsewhere.
        bar = answers.enter_context(tqdm(total=public.size, unit="B", unit_scale=True, disable=None))
        hooks = {"response": lambda answer, **_: answers.enter_context(answer)}
        yield pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, hooks=hooks)


def _changed(public: PublicFile) -> IngestError:
    return IngestError(
        f"What {public.address} serves is not {public.file} as it was published: its checksum is another. "
        f"Nothing was kept. Try again from another network, where no page for signing in stands in between."
    )


def _failed(shop: Shop, public: PublicFile, error: OSError) -> IngestError:
    """The sentence for a download that ended early: the network's fault, or the disk's."""
    if not isinstance(error, exceptions.RequestException):
        return _not_writable(shop.raw, "REGULARS_RAW", error)
    inside = " from inside it" if public.is_zip else ""
    return IngestError(
        f"{public.address} {_what_happened(error)}, so nothing was downloaded. Try again later; or fetch it elsewhere and "
        f"put {public.file}{inside} into {shown(shop.raw)}: that is all that make data SHOP={shop.config.name} does."
    )


def _what_happened(error: OSError) -> str:
    """What the address did, as the end of a sentence that begins with it."""
    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"answers {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, exceptions.Timeout):
        return "does not answer in time"
    if isinstance(error, exceptions.SSLError):
        return "shows no certificate that this computer trusts"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "broke off before the end"
    return "cannot be reached: this computer may be offline, or a firewall may stand in between"


def _not_writable(folder: Path, variable: str, error: OSError) -> IngestError:
    return IngestError(
        f"{shown(folder)} cannot be written to ({error.strerror or error}). Make room or give yourself the right to write "
        f"there, or let {variable} name another folder."
    )


def main(words: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m regulars.ingest.download", description="Download a shop's public raw data."
    )
    parser.add_argument("--shop", default="demo", help=f"one of {', '.join(PUBLIC)}")
    given = parser.parse_args(words)
    try:
        print(make_data(Shop.open(given.shop)))
    except RegularsError as error:
        print(f"regulars: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
