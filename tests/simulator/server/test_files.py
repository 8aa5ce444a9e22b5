"""Data files: their list, their urls, and the HTTP with which they are handed out."""

import json
from pathlib import Path

import httpx
import pandas as pd
import pytest


def test_all_files_of_the_market_are_listed(shared_api, shared_world) -> None:
    names = shared_api.list_datasets()
    assert names == sorted(names)
    market = shared_world.simulator.market
    assert set(names) == {
        name
        for version in ("v5.0", "v5.1", "v5.2", "v5.3")
        for name in market.files(version)
    }
    assert {"v5.3/train.parquet", "v5.3/live.parquet", "v5.0/features.json"} <= {*names}


def test_every_listed_file_downloads_whole(shared_api, shared_world) -> None:
    for name in shared_api.list_datasets():
        path = Path(shared_api.download_dataset(name, f"all/{name}"))
        assert path.stat().st_size > 0
        if path.suffix == ".parquet":
            assert len(pd.read_parquet(path))
    catalog = json.loads(Path("all/v5.3/features.json").read_text())
    assert set(catalog) == {"feature_sets", "targets"}
    live = pd.read_parquet("all/v5.3/live.parquet")
    assert sorted(live.index) == sorted(shared_world.live_ids())


def test_the_meta_model_is_there_for_any_round(shared_api) -> None:
    name = "v4.3/meta_model.parquet"
    first = Path(shared_api.download_dataset(name, "a.parquet", round_num=842))
    second = Path(shared_api.download_dataset(name, "b.parquet"))
    assert first.read_bytes() == second.read_bytes()


def test_the_clients_own_default_file_is_live_data(shared_api, command) -> None:
    output = command("download-dataset").stdout.strip()
    newest = shared_api.download_dataset("v5.3/live.parquet", "live.parquet")
    assert Path(output).read_bytes() == Path(newest).read_bytes()


def test_live_files_stay_as_they_are_when_another_release_is_asked_for(api) -> None:
    one = Path(api.download_dataset("v5.2/live.parquet", "one.parquet"))
    url = api.raw_query('query { dataset(filename: "v5.3/live.parquet") }')
    url = url["data"]["dataset"]
    before = httpx.head(url).headers["etag"]
    api.download_dataset("v5.2/live_benchmark_models.parquet", "benchmarks.parquet")
    assert httpx.head(url).headers["etag"] == before
    assert httpx.get(url).content == one.read_bytes()


def test_a_file_can_be_filtered_over_http(shared_api) -> None:
    # fsspec reads the ranges that it needs, as for a real dataset.
    shared_api.download_dataset("v5.3/train.parquet", "train.parquet")
    eras = pd.read_parquet("train.parquet", columns=["era"])["era"].unique()
    shared_api.download_dataset(
        "v5.3/train.parquet", "one.parquet", filters=[("era", "in", [eras[0]])]
    )
    assert set(pd.read_parquet("one.parquet")["era"]) == {eras[0]}


def test_an_unknown_file_is_refused_by_name(shared_api) -> None:
    with pytest.raises(ValueError, match=r"There is no dataset 'v9/train.parquet'"):
        shared_api.download_dataset("v9/train.parquet")


def test_the_url_of_live_data_names_the_round(world, api) -> None:
    def url(name: str, number: int | None = None) -> str:
        query = "query($f: String!, $r: Int) { dataset(filename: $f, round: $r) }"
        return str(world.ask(query, f=name, r=number)["data"]["dataset"])

    first = world.first_round
    assert url("v5.3/train.parquet") == f"{world.url}/files/v5.3/train.parquet"
    assert (
        url("v5.3/live.parquet") == f"{world.url}/files/live/{first}/v5.3/live.parquet"
    )
    world.admin({"to": "next_open"})
    assert f"/live/{first + 1}/" in url("v5.3/live.parquet")
    assert f"/live/{first}/" in url("v5.3/live.parquet", first)
    old = Path(api.download_dataset("v5.3/live.parquet", "old", round_num=first))
    new = Path(api.download_dataset("v5.3/live.parquet", "new"))
    assert sorted(pd.read_parquet(old).index) == sorted(world.live_ids(first))
    assert sorted(pd.read_parquet(new).index) == sorted(world.live_ids(first + 1))
    for number in (first - 1, first + 2):
        with pytest.raises(
            ValueError, match=f"not simulated: live data of round {number}"
        ):
            api.download_dataset("v5.3/live.parquet", "no", round_num=number)
        answer = httpx.get(f"{world.url}/files/live/{number}/v5.3/live.parquet")
        assert answer.status_code == 404


@pytest.mark.parametrize("name", ["v5.3/train.parquet", "live/{}/v5.3/live.parquet"])
def test_files_are_handed_out_by_the_rules_of_http(shared_world, name: str) -> None:
    url = f"{shared_world.url}/files/{name.format(shared_world.first_round)}"
    whole = httpx.get(url)
    assert whole.status_code == 200
    assert whole.headers["accept-ranges"] == "bytes"
    size, etag = len(whole.content), whole.headers["etag"]
    assert whole.headers["content-length"] == str(size)

    head = httpx.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)
    assert head.headers["etag"] == etag

    part = httpx.get(url, headers={"Range": "bytes=100-199", "If-Range": etag})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{size}"
    assert part.headers["content-length"] == "100"
    rest = httpx.get(url, headers={"Range": f"bytes={size - 7}-"})
    assert (rest.status_code, rest.content) == (206, whole.content[-7:])

    # Another version of the file: the range must not be glued to the old one.
    changed = httpx.get(url, headers={"Range": "bytes=100-", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    beyond = httpx.get(url, headers={"Range": f"bytes={size}-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    "name",
    [
        "v5.3/nothing.parquet",
        "v5.3/live.parquet",  # live data has a url with its round
        "v5.3/../market.json",
        "v5.3/%2e%2e/%2e%2e/market.json",
        "live/x/v5.3/live.parquet",
        "",
    ],
)
def test_what_is_no_dataset_is_404(shared_world, name: str) -> None:
    assert httpx.get(f"{shared_world.url}/files/{name}").status_code == 404


def test_a_download_resumes_where_it_stopped(shared_api) -> None:
    name = "v5.3/train.parquet"
    whole = Path(shared_api.download_dataset(name, "whole.parquet")).read_bytes()
    Path("part.parquet.temp").write_bytes(whole[:1000])
    shared_api.download_dataset(name, "part.parquet")
    assert Path("part.parquet").read_bytes() == whole
