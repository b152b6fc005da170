"""Open answers say nothing about who somebody is, and still say everything else."""

import pytest

from kzsurvey.cleaning.screening import find_personal, identity_check, luhn, make_screen, screen_text

SCREEN = make_screen(
    places=["阿图什市", "吐古买提", "克孜勒苏", "古丽苑社区"],
    people=["李国强", "Talgat Asanov", "65010120990101001X", ""],
)


@pytest.mark.parametrize(
    ("text", "screened"),
    [
        ("我叫王建国，在村里工作", "我叫[姓名]，在村里工作"),
        ("联系人：李红梅、张明", "联系人：[姓名]、[姓名]"),
        ("有事找王建国反映", "有事找[姓名]反映"),
        ("王书记、张建国主任和欧阳老师都好", "[姓名]书记、[姓名]主任和[姓名]老师都好"),
        ("書記李建軍，人不錯", "書記[姓名]，人不錯"),
        ("李會計說沒錢", "[姓名]會計說沒錢"),
        ("买买提·艾力家里困难", "[姓名]家里困难"),
        ("阿不都热合曼队长、古丽巴哈尔老师", "[姓名]队长、[姓名]老师"),
        ("古丽·样例汗最清楚，请问村里的吴明称，他也知道", "[姓名]最清楚，请问村里的[姓名]，他也知道"),
        ("张建国的电话打不通，办公室电话没人接", "[姓名]的电话打不通，办公室电话没人接"),
        ("艾山江说没钱，努尔别克是组长", "[姓名]说没钱，[姓名]是组长"),
        ("李国强又来了", "[姓名]又来了"),
        ("李國強又來了", "[姓名]又來了"),
        ("Talgat Asanov said so", "[name] said so"),
        ("My name is Wang Jianguo", "My name is [name]"),
        ("Менин атым Айбек Асанов", "Менин атым [name]"),
        ("Айбек Токтосун уулу айтты", "[name] айтты"),
        ("ئىسمىم ئەخمەت", "ئىسمىم [name]"),
        ("电话13800138000", "电话[电话]"),
        ("１３８　００１３　８０００打这个", "[电话]打这个"),
        ("手机138-0013-8000，或+86 13800138000", "手机[电话]，或[电话]"),
        ("一三八零零一三八零零零", "[电话]"),
        ("座机0908-4223344", "座机[电话]"),
        ("电话是4223344", "电话是[电话]"),
        ("身份证653001209901010018", "身份证[身份证号]"),
        ("身份证65300120990101001x", "身份证[身份证号]"),
        ("老身份证653001990101001", "老身份证[身份证号]"),
        ("微信号：wxid_abc123，QQ 123456789", "微信号：[账号]，QQ [账号]"),
        ("邮箱 zhang.san@example.com", "邮箱 [邮箱]"),
        ("卡号6222 0212 3456 7890 123", "卡号[账号]"),
        ("mail me: a@b.org", "mail me: [e-mail]"),
    ],
)
def test_what_says_who_somebody_is_becomes_a_placeholder(text, screened):
    assert screen_text(text, SCREEN) == screened


@pytest.mark.parametrize(
    "text",
    [
        "第一书记和村支书都很忙，县委书记也来检查",
        "阿图什市的老百姓反映多，吐古买提乡人手不够",
        "克孜勒苏离得远，古丽苑社区很好",
        "由于主任不在，经常没人办事，感谢书记关心，提高老师待遇",
        "工程队长不管，工作队队长换人，党支部书记、党委副书记、组织部部长",
        "任何老师都不愿来，有关老师走了，许多老师也走了，历史老师",
        "马上要退休，高中毕业，我是党员，我是从外地来的",
        "每周开会三四次，2019年03月05日检查，2018-2019年 120人 3500元",
        "找不到人，叫我们加班，找关系，要找准问题，联系群众，叫停",
        "向书记反映，跟车队长说，治安主任，卫生院长，管理站站长",
        "一万二千元，三千五百元，一二三四五六七",
        "没有明确分工，任务一级压一级，严重影响",
        "社区的高中生多，邻居周末都在，同事都走了，队里的安全没人管，方便电话联系",
        "肉孜节放假，浙江老板，方言不通",
        "Contact with offices is rare; the secretary changed twice",
    ],
)
def test_offices_places_and_ordinary_words_stay(text):
    assert screen_text(text, SCREEN) == text


def test_places_are_numbers_only_where_names_are_not_looked_for():
    assert screen_text("王书记13800138000", SCREEN, names=False) == "王书记[电话]"


def test_a_number_from_the_files_is_found_however_it_is_spaced():
    screen = make_screen(people=["4223344"])
    assert [span.kind for span in find_personal("打 422 3344 找我", screen)] == ["phone"]


def test_extra_names_and_words_to_keep_come_from_the_survey():
    assert screen_text("小飞侠来了", make_screen(also=["小飞侠"])) == "[姓名]来了"
    assert screen_text("王书记", make_screen(places=["王书记"])) == "王书记"


def test_check_digits():
    assert identity_check("65300120990101001") in "0123456789X"
    assert luhn("79927398713")
    assert not luhn("79927398710")
