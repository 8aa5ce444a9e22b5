"""One file over HTTP into a partial file beside its place; resumed, never mixed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import httpx

from numerai_pipeline.core import Clock, DataError, Progress, TournamentRefused
from numerai_pipeline.data.downloads.contents import (
    Contents,
    check_beginning,
    examine,
)
from numerai_pipeline.data.downloads.partial import (
    Meter,
    Order,
    Version,
    digest_of_file,
    usable_etag,
)
from numerai_pipeline.tournament import (
    Deadline,
    Failure,
    Tournament,
    failure_of_error,
    failure_of_status,
    is_loopback,
    tls_context,
)

# Written in pieces of this size; what a kill can cost.
_BUFFER_BYTES = 1 << 20

# Tries that came this much further did not fail: the deadline starts again, or 7.7 GB
# over a slow and shaky line would never arrive.
_ADVANCE_BYTES = 1 << 20

# A signed URL that has expired is answered with one of these.
_EXPIRED = frozenset({401, 403, 404, 410})


@dataclass(frozen=True)
class Received:
    """A whole file that waits for its name."""

    partial: Path
    size: int
    sha256: str
    etag: str | None
    contents: Contents


class _Advanced:
    """A try that ended early but came further."""


class _Current:
    """The server still has the version that is known."""


class Transfer:
    """The transfer of one file, over as many connections as it takes."""

    def __init__(
        self,
        tournament: Tournament,
        order: Order,
        *,
        clock: Clock,
        timeout_seconds: float,
        progress: Progress,
    ) -> None:
        self._tournament = tournament
        self._order = order
        self._suffix = order.path.suffix
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._meter = Meter(order.filename, progress)
        self._url: str | None = None
        self._was_refreshed = False
        self._furthest = 0
        self._counted = 0
        self._stall_seconds = timeout_seconds

    def forget(self) -> None:
        """Delete what earlier transfers left behind."""
        self._order.sweep()

    def run(self, known_etag: str | None, seconds: float) -> Received | None:
        """Fetch the file.

        Args:
            known_etag: version that is on disk already, if any.
            seconds: how long it may come no further.

        Returns:
            None if the server still has the known version.

        Raises:
            DataError: if the disk is full.
            TournamentRefused: if the file may not be fetched.
            TournamentBusy: if it came no further in time.
        """
        self._stall_seconds = seconds
        with self._meter:
            while True:
                outcome = Deadline(self._clock, seconds=seconds).retry_until(
                    lambda: self._advance(usable_etag(known_etag)),
                    busy=f"{self._order.filename} could not be downloaded completely. "
                    "Check the network and rerun: what has arrived is kept.",
                )
                if isinstance(outcome, _Current):
                    return None
                if isinstance(outcome, Received):
                    return outcome

    def _advance(
        self, known_etag: str | None
    ) -> Received | _Current | _Advanced | Failure:
        if self._url is None:
            self._url = self._tournament.file_url(
                self._order.filename, self._order.round_number
            )
        try:
            # A proxy of the environment is not asked for this machine.
            with httpx.Client(
                verify=tls_context(),
                timeout=self._timeout_seconds,
                follow_redirects=True,
                event_hooks={"request": [self._check_redirect]},
                trust_env=not is_loopback(self._url),
                # Compressed on the way, lengths and offsets would mean other bytes.
                headers={"Accept-Encoding": "identity"},
            ) as http:
                outcome = self._get(http, self._url, known_etag)
        except httpx.RequestError as error:
            outcome = failure_of_error(error)
        if (
            isinstance(outcome, Failure)
            and self._furthest >= self._counted + _ADVANCE_BYTES
        ):
            self._was_refreshed = False
            self._counted = self._furthest
            return _Advanced()
        return outcome

    def _check_redirect(self, request: httpx.Request) -> None:
        """Follow a redirect only to where the tournament itself may send us."""
        begin, target = httpx.URL(str(self._url)), str(request.url)
        is_downgraded = begin.scheme == "https" and request.url.scheme != "https"
        if is_downgraded or is_loopback(str(begin)) != is_loopback(target):
            raise TournamentRefused(
                f"{self._order.filename}: {begin.host} sends on to "
                f"{request.url.scheme}://{request.url.host}, which is not followed. "
                "Check [tournament] url in numerai.toml, then rerun."
            )

    def _get(
        self, http: httpx.Client, url: str, known_etag: str | None
    ) -> Received | _Current | Failure:
        # The headers of a GET, not of a HEAD: a URL signed for GET refuses HEAD.
        headers = {"If-None-Match": known_etag} if known_etag else {}
        with http.stream("GET", url, headers=headers) as response:
            if response.status_code == 304:
                return _Current() if known_etag else Failure("HTTP 304 unasked")
            failure = self._judge(response)
            if failure is not None:
                return failure
            version = Version.of(response)
            if known_etag is not None and version.etag == known_etag:
                return _Current()
            partial = self._order.partial(version)
            n_there = partial.stat().st_size if partial.exists() else 0
            if not version.resumes_at(n_there):
                return self._receive(response, partial, version, offset=0)
        if n_there == version.size:
            return self._finish(partial, version, digest_of_file(partial))
        return self._resume(http, url, partial, version)

    def _resume(
        self, http: httpx.Client, url: str, partial: Path, version: Version
    ) -> Received | Failure:
        offset = partial.stat().st_size
        headers = {"Range": f"bytes={offset}-", "If-Range": str(version.etag)}
        with http.stream("GET", url, headers=headers) as response:
            if response.status_code == 416:
                partial.unlink()
                return Failure(f"an answer that it has no byte {offset:,}")
            failure = self._judge(response)
            if failure is not None:
                return failure
            if response.status_code == 206:
                expected = f"bytes {offset}-{(version.size or 0) - 1}/{version.size}"
                found = response.headers.get("content-range")
                if (found, response.headers.get("etag")) != (expected, version.etag):
                    partial.unlink()
                    return Failure(f"a range {found!r} instead of {expected!r}")
                return self._receive(response, partial, version, offset=offset)
            # The range was ignored, or the file is another one by now: all of it.
            version = Version.of(response)
            partial = self._order.partial(version)
            return self._receive(response, partial, version, offset=0)

    def _judge(self, response: httpx.Response) -> Failure | None:
        status = response.status_code
        later = failure_of_status(status, response.headers, self._clock.now())
        if later is not None:
            return later
        if status in _EXPIRED and not self._was_refreshed:
            self._was_refreshed = True
            self._url = None
            return Failure(f"HTTP {status}")
        is_range = "range" in response.request.headers
        if status != 200 and not (status == 206 and is_range):
            raise TournamentRefused(
                f"{self._order.filename} cannot be fetched: {response.url.host} "
                f"answered HTTP {status}. Check the name and the release, then rerun."
            )
        if response.headers.get("content-encoding", "identity") != "identity":
            return Failure("compressed bytes, which were not asked for")
        if response.headers.get("content-type", "").startswith("text/html"):
            return Failure("a web page instead of the file")
        return None

    def _receive(
        self,
        response: httpx.Response,
        partial: Path,
        version: Version,
        *,
        offset: int,
    ) -> Received | Failure:
        pieces = response.iter_raw()
        piece: bytes | None = next(pieces, None)
        failure = None if offset else check_beginning(piece or b"", self._suffix)
        if failure is not None:
            return failure
        # Only now: a release or a file that is refused leaves no empty folder.
        partial.parent.mkdir(parents=True, exist_ok=True)
        self._order.sweep(keep=partial)
        self._order.check_room((version.size or 0) - offset)
        digest = digest_of_file(partial) if offset else hashlib.sha256()
        size = offset
        self._meter.show(size, version.size)
        try:
            with partial.open("ab" if offset else "wb", _BUFFER_BYTES) as file:
                # A slow connection is closed for a new one, where that can resume.
                seconds = (
                    min(self._timeout_seconds, self._stall_seconds)
                    if version.can_resume
                    else self._stall_seconds
                )
                deadline = Deadline(self._clock, seconds=seconds)
                goal = size + _ADVANCE_BYTES
                while piece is not None:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    self._meter.show(size, version.size)
                    if size >= goal:
                        deadline = Deadline(self._clock, seconds=seconds)
                        goal = size + _ADVANCE_BYTES
                    elif deadline.has_passed:
                        return Failure("the transfer is too slow")
                    piece = next(pieces, None)
        except OSError as error:
            raise DataError(
                f"{partial} cannot be written: {error.strerror}. Make room or choose "
                "another disk, then rerun: what has arrived is kept."
            ) from error
        finally:
            self._furthest = max(self._furthest, size)
        return self._finish(partial, version, digest)

    def _finish(
        self, partial: Path, version: Version, digest: "hashlib._Hash"
    ) -> Received | Failure:
        size = partial.stat().st_size
        if version.size is not None and size != version.size:
            return Failure(f"{size:,} of {version.size:,} bytes")
        contents = examine(
            partial, self._order.path.name, length_is_known=version.size is not None
        )
        if isinstance(contents, Failure):
            partial.unlink()
            return contents
        return Received(partial, size, digest.hexdigest(), version.etag, contents)
