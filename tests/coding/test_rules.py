"""What rules find in a text, and what is said of rules that cannot work."""

import pytest

from kzsurvey.coding import code_texts, compile_rules
from kzsurvey.errors import CodingError

STAFF = {"pattern": "人手不[够足]\n缺人手?", "exclude": "缺人手册"}
PAY = {"pattern": "工[资资](?:太|很)?低"}


def faults_of(survey):
    with pytest.raises(CodingError) as raised:
        compile_rules(survey)
    return raised.value.faults


def test_several_codes_of_one_answer_stand_in_order_of_place(spans):
    found = spans("工资低，又缺人手，人手不够", {"C1": STAFF, "C2": PAY})
    assert found == [("C2", "工资低"), ("C1", "缺人手"), ("C1", "人手不够")]


@pytest.mark.parametrize(
    ("simplified", "other"),
    [
        ("工资太低，人手不够", "工資太低，人手不夠"),
        ("工资太低,人手不够", "工資太低　人手不夠"),
        ("缺人手", "缺\u200b人手"),
    ],
)
def test_another_spelling_gets_the_same_codes(spans, simplified, other):
    rules = {"C1": STAFF, "C2": PAY}
    assert [one for one, _ in spans(other, rules)] == [one for one, _ in spans(simplified, rules)] != []


def test_a_pattern_in_traditional_characters_or_capitals_matches_as_well(spans):
    assert spans("工资低，wifi差", {"C1": {"pattern": "工資低"}, "C2": {"pattern": "WiFi差"}}) == [
        ("C1", "工资低"),
        ("C2", "wifi差"),
    ]


def test_words_between_characters_that_grow_keep_their_place(spans):
    assert spans("½㎡ﬁ👍🏽，人手不夠！㎡", {"C1": STAFF}) == [("C1", "人手不夠")]


def test_the_longest_of_overlapping_matches_counts(spans):
    rules = {"C1": {"pattern": "人手\n人手不够用\n手不够"}}
    assert spans("人手不够用", rules) == [("C1", "人手不够用")]
    assert spans("人手不够用", {"C1": {"pattern": "人手不\n手不够用"}}) == [("C1", "手不够用")]


def test_matches_that_touch_do_not_overlap(spans):
    assert spans("缺人缺钱", {"C1": {"pattern": "缺人\n缺钱"}}) == [("C1", "缺人"), ("C1", "缺钱")]


def test_among_equals_the_earlier_pattern_is_named(with_codes):
    rules = compile_rules(with_codes({"C1": {"pattern": "缺人\n缺[人钱]"}}))
    assert [one.number for one in code_texts(["缺人，缺钱"], rules)[0]] == [1, 2]


def test_of_overlapping_matches_of_two_codes_the_longer_stands(spans):
    rules = {"C1": {"pattern": "考核多"}, "C2": {"pattern": "考核多了.项"}}
    assert spans("考核多，今年考核多了十项", rules) == [("C1", "考核多"), ("C2", "考核多了十项")]


def test_overlapping_matches_of_two_codes_both_count_when_they_are_of_one_length(spans):
    assert spans("人手工资都低", {"C1": {"pattern": "人手工资"}, "C2": {"pattern": "工资都低"}}) == [
        ("C1", "人手工资"),
        ("C2", "工资都低"),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("发的缺人手册", []),
        ("发了手册，缺人手", [("C1", "缺人手")]),
        ("缺人手册，缺人手", [("C1", "缺人手")]),
        ("缺人手，缺人手册", [("C1", "缺人手")]),
    ],
)
def test_an_exclude_takes_back_what_it_overlaps(spans, text, found):
    assert spans(text, {"C1": STAFF}) == found


def test_an_exclude_over_a_comma_takes_back_what_it_overlaps(spans):
    assert spans("缺人，但有钱", {"C1": {"pattern": "缺人", "exclude": "人，但有"}}) == []


@pytest.mark.parametrize(("text", "count"), [("听说外地缺人", 0), ("听说外地热，缺人", 1), ("听说外地、村里缺人", 0)])
def test_an_exclude_takes_back_matches_of_its_own_clause_only(spans, text, count):
    assert len(spans(text, {"C1": {"pattern": "缺人", "exclude": "外地"}})) == count


def test_a_longer_match_that_is_excluded_leaves_no_shorter_one(spans):
    assert spans("缺人手册子", {"C1": {"pattern": "缺人\n缺人手册子", "exclude": "册子"}}) == []


def test_a_parent_is_left_out_beside_its_child_and_found_alone(spans):
    rules = {
        "C": {"pattern": "待遇"},
        "C1": {"pattern": "工资", "parent": "C"},
        "C1.1": {"pattern": "工资低", "parent": "C1"},
    }
    assert spans("待遇差，工资低", rules) == [("C1.1", "工资低")]
    assert spans("待遇差", rules) == [("C", "待遇")]


def test_a_parent_stays_when_the_child_is_denied(spans):
    rules = {"C": {"pattern": "待遇差"}, "C1": {"pattern": "工资低", "parent": "C"}}
    assert spans("待遇差，工资不低", rules) == [("C", "待遇差")]
    assert spans("待遇差，没有工资低的问题", rules) == [("C", "待遇差")]


def test_a_code_without_a_pattern_is_for_people(with_codes):
    rules = compile_rules(with_codes({"C1": {"pattern": ""}, "C2": PAY}))
    assert [rule.code for rule in rules.schemes["trouble"]] == ["C2"]


def test_placeholders_of_the_screen_are_read_over(spans):
    assert spans("[姓名]书记说人手不够，电话[电话]", {"C1": STAFF}) == [("C1", "人手不够")]


def test_word_lists_are_put_in_and_may_name_others(spans):
    lexicon = {"few": "少\n缺{staff}", "staff": "人|人手"}
    assert spans("缺人手", {"C1": {"pattern": "{few}手?"}}, lexicon=lexicon) == [("C1", "缺人手")]


@pytest.mark.parametrize("text", ["", " ", "。。。", "\u200b", "无"])
def test_a_text_without_words_gets_nothing(spans, text):
    assert spans(text, {"C1": STAFF}) == []


def test_a_pattern_that_can_match_nothing_in_places_gives_no_empty_mention(spans):
    assert spans("缺人", {"C1": {"pattern": "(?=缺)"}}) == []


@pytest.mark.parametrize(
    ("column", "pattern", "message"),
    [
        (
            "pattern",
            "缺人\n(人手",
            r"codes.csv, row 2, column pattern: found pattern '\(人手' \(missing \).*a regular expression",
        ),
        ("exclude", "[人", r"codes.csv, row 2, column exclude: found pattern '\[人'"),
        (
            "pattern",
            "人?",
            "row 2, column pattern: found pattern '人.', which matches empty text; allowed: a pattern of at least",
        ),
        (
            "pattern",
            "{stuff}少",
            r"column pattern: found word list \{stuff\} in '\{stuff\}少'; allowed: a name in lexicon.csv: few, ring",
        ),
        ("exclude", "{ring}少", r"column exclude: found word list \{ring\} inside itself in .*; allowed: .*in a ring"),
    ],
)
def test_a_pattern_that_cannot_work_is_named_with_its_place(with_codes, column, pattern, message):
    lexicon = {"few": "少|缺", "ring": "圈"}
    if "ring" in pattern:
        lexicon["ring"] = "圈|{ring}"
    survey = with_codes({"C1": {"pattern": "少", column: pattern}}, lexicon=lexicon)
    with pytest.raises(CodingError, match=message):
        compile_rules(survey)


def test_a_word_list_without_a_lexicon_is_named(with_codes):
    (fault,) = faults_of(with_codes({"C1": {"pattern": "{few}人"}}))
    assert (fault.file, fault.row) == ("codes.csv", 2)
    assert fault.allowed == "a name in lexicon.csv, which is empty"


def test_word_lists_that_name_each_other_in_a_ring_are_named(with_codes):
    survey = with_codes({"C1": {"pattern": "{few}人"}}, lexicon={"few": "少|{short}", "short": "缺|{few}"})
    assert [fault.file for fault in faults_of(survey)] == ["lexicon.csv", "lexicon.csv", "codes.csv"]


def test_a_word_list_that_is_no_pattern_is_named_in_its_own_file(with_codes):
    faults = faults_of(with_codes({"C1": {"pattern": "人"}}, lexicon={"few": "(少"}))
    assert [(fault.file, fault.row, fault.column) for fault in faults] == [("lexicon.csv", 2, "pattern")]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("stall_kind", "schemes.trouble.questions: found question 'stall_kind' of type select_one; allowed: .*text"),
        ("nowhere", "survey.toml, column schemes.trouble.questions: found unknown question 'nowhere'"),
    ],
)
def test_a_scheme_on_a_question_that_is_not_open_is_named(with_codes, question, message):
    with pytest.raises(CodingError, match=message):
        compile_rules(with_codes({"C1": STAFF}, questions=(question,)))


def test_all_faults_are_told_at_once(with_codes):
    rules = {"C1": {"pattern": "(人\n{stuff}", "exclude": "人?"}, "C2": {"pattern": "钱*"}}
    faults = faults_of(with_codes(rules, questions=("stall_kind",), lexicon={"few": "["}))
    assert [(fault.file, fault.row) for fault in faults] == [
        ("lexicon.csv", 2),
        ("codes.csv", 2),
        ("codes.csv", 2),
        ("codes.csv", 2),
        ("codes.csv", 3),
        ("survey.toml", None),
    ]


def test_a_survey_without_a_codebook_has_no_rules(with_codes):
    assert compile_rules(with_codes({})).schemes == {"trouble": ()}


def test_a_ring_of_parents_ends(with_codes):
    rules = {"C1": {"pattern": "人", "parent": "C2"}, "C2": {"pattern": "钱", "parent": "C1"}}
    first, second = compile_rules(with_codes(rules)).schemes["trouble"]
    assert (first.ancestors, second.ancestors) == (("C2", "C1"), ("C1", "C2"))
