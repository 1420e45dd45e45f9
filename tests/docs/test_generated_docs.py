import subprocess
import sys

from tests.conftest import ROOT


def test_tables_from_registers_are_up_to_date():
    script = ROOT / "scripts" / "generate_docs.py"

    checked = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True)

    assert (checked.stdout, checked.stderr) == ("", "")
