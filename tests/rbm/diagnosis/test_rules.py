import ast
from collections import Counter

from benchmarks.diagnosis.faults import FAULTS, SHOWN
from recsvc.rbm.diagnosis import finding_codes, rules
from tests.conftest import ROOT

FOLDER = ROOT / "recsvc" / "rbm" / "diagnosis" / "rules"
NO_FAULT = {"stalled", "poor_list", "too_little_data", "wrong_curve"}  # of no fault of training


def test_rules_have_distinct_orders():
    orders = Counter(rule.order for rule in rules())

    assert [order for order, times in orders.items() if times > 1] == []


def test_finding_pages_match_finding_codes():
    pages = {page.stem for page in (ROOT / "docs" / "reference" / "findings").glob("*.md")}

    assert pages == set(finding_codes())


def test_fault_bank_covers_every_finding_that_a_fault_causes():
    in_bank = {code for fault in (*FAULTS, *SHOWN) for code in fault.codes}

    assert in_bank == set(finding_codes()) - NO_FAULT


def test_rules_create_only_findings_with_a_registered_code():
    created = {
        node.args[0].value
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Finding"
        if isinstance(node.args[0], ast.Constant)
    }

    assert created == {rule.code for rule in rules() if rule.family != "data"}


def test_rule_is_in_the_module_of_its_family():
    for rule in rules():
        if rule.family != "data":
            assert rule.check.__module__.rpartition(".")[2] == rule.family
