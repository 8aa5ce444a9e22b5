from numerai_pipeline.core import SILENT


def test_silence_takes_everything() -> None:
    with SILENT.task("work", 1, "rows") as advance:
        advance(1)
        SILENT.note("heard by nobody")
        SILENT.chart(None)
