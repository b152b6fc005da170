"""What is denied where it stands: a table of clauses, each with the words that a pattern finds in it."""

import re

import pytest

from kzsurvey.coding.rules.negation import denied
from kzsurvey.coding.rules.text import clause, clause_borders, fold

DENIED = [
    ("不缺人手", "缺人手"),
    ("我们村不缺人手", "缺人手"),
    ("现在并不缺人手", "缺人手"),
    ("没有人手不足的问题", "人手不足"),
    ("没有出现人手不足的情况", "人手不足"),
    ("不存在人手不足的现象", "人手不足"),
    ("没有大家担心的人手不足的问题", "人手不足"),
    ("人手不足的问题不存在", "人手不足"),
    ("人手不足的问题已经解决了", "人手不足"),
    ("人手不足的现象基本没有了", "人手不足"),
    ("人手不足的情况得到了改善", "人手不足"),
    ("从来没拖欠过工资", "拖欠过工资"),
    ("从来没有拖欠工资", "拖欠工资"),
    ("从未拖欠工资", "拖欠工资"),
    ("单位没有拖欠工资", "拖欠工资"),
    ("不会拖欠工资", "拖欠工资"),
    ("拖欠工资的现象杜绝了", "拖欠工资"),
    ("没听说拖欠工资", "拖欠工资"),
    ("绝不是走过场", "走过场"),
    ("检查并非走过场", "走过场"),
    ("没有走过场", "走过场"),
    ("工作没有搞形式主义", "形式主义"),
    ("谈不上形式主义", "形式主义"),
    ("形式主义少多了", "形式主义"),
    ("形式主义不再有了", "形式主义"),
    ("不觉得工资低", "工资低"),
    ("我不认为工资低", "工资低"),
    ("工资低是没有的事", "工资低"),
    ("工资低?没有的事", "工资低"),
    ("有人说工资低,这不是事实", "工资低"),
    ("以前缺人现在不缺了", "缺人"),
    ("以前缺人,现在补齐了", "缺人"),
    ("过去工资低,如今涨了", "工资低"),
    ("前几年会议多,今年少了", "会议多"),
    ("不是没有不缺人手", "缺人手"),
    ("避免重复检查", "重复检查"),
    ("不再重复检查", "重复检查"),
]
NOT_DENIED = [
    ("缺人手", "缺人手"),
    ("不是不缺人手", "缺人手"),
    ("不能说不缺人手", "缺人手"),
    ("不光缺人", "缺人"),
    ("我们特别缺人手", "缺人手"),
    ("个别单位缺人手", "缺人手"),
    ("不仅缺人手,还缺钱", "缺人手"),
    ("不但缺人手", "缺人手"),
    ("不止缺人手", "缺人手"),
    ("不少村缺人手", "缺人手"),
    ("不得不承认缺人手", "缺人手"),
    ("难免缺人手", "缺人手"),
    ("没人愿意来", "没人愿意来"),
    ("这里没人愿意来", "没人愿意来"),
    ("人手不足", "人手不足"),
    ("没有车,缺人手", "缺人手"),
    ("工资不高,但是缺人手", "缺人手"),
    ("不知道为什么缺人手", "缺人手"),
    ("不同程度缺人手", "缺人手"),
    ("以前缺人,现在更缺", "缺人"),
    ("以前缺人,现在还是没改", "缺人"),
    ("过去工资低,如今依然低", "工资低"),
    ("人手不足的问题没有得到重视", "人手不足"),
    ("没有人解决人手不足的问题", "人手不足"),
    ("没有办法解决人手不足的问题", "人手不足"),
    ("动不动就重复检查", "重复检查"),
    ("没完没了地重复检查", "重复检查"),
    ("无非是走过场", "走过场"),
    ("说不定缺人手", "缺人手"),
    ("不说缺人手", "缺人手"),
]


def is_denied(text, words):
    folded = fold([text])[0].text
    start = folded.index(words)
    end = start + len(words)
    return denied(folded, start, end, clause(folded, clause_borders(folded), start, end))


@pytest.mark.parametrize(("text", "words"), DENIED)
def test_a_denied_match_is_recognised(text, words):
    assert is_denied(text, words)


@pytest.mark.parametrize(("text", "words"), NOT_DENIED)
def test_what_is_said_to_be_so_is_not_taken_back(text, words):
    assert not is_denied(text, words)


def test_a_negation_in_another_clause_denies_nothing():
    assert is_denied("不缺人手", "缺人手")
    assert not is_denied("不,缺人手", "缺人手")


def test_the_negator_inside_a_match_does_not_cancel_it(spans):
    rules = {"C1": {"pattern": "没人愿意来"}, "C2": {"pattern": "不够用"}}
    assert spans("没人愿意来，钱不够用", rules) == [("C1", "没人愿意来"), ("C2", "不够用")]


@pytest.mark.parametrize("unit", ["没有不是", "没有缺人手", "以前缺人现在不", "没有缺人手的问题", "不光缺人手,"])
def test_ten_times_the_text_takes_about_ten_times_as_long(unit):
    from time import process_time

    def seconds(length):
        text = (unit * length)[:length]
        borders = clause_borders(text)
        began = process_time()
        for match in re.finditer("缺人", text):
            denied(text, *match.span(), clause(text, borders, *match.span()))
        return process_time() - began

    seconds(1000)
    assert seconds(20_000) < 60 * max(seconds(2_000), 0.002)
