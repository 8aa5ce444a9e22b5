import subprocess
import sys


def test_the_door_imports_no_framework():
    code = (
        "import sys, numerai_pipeline.training; "
        "print({'tensorflow', 'keras', 'lightgbm', 'matplotlib', 'pandas'} "
        "& set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "set()"
