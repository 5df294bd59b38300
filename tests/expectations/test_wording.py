from expectations.wording import name_some


def test_a_finding_of_thirty_classes_names_ten_folders_and_counts_the_others():
    folders = [f"train/expression {number} has 7 instead of 100" for number in range(30)]
    sentence = name_some(folders)
    assert sentence.startswith("train/expression 0 has 7 instead of 100, ")
    assert sentence.count("instead of") == 10 and sentence.endswith(" and 20 more")


def test_ten_folders_are_all_named():
    assert name_some([f"train/{number}" for number in range(10)]).endswith("train/8, train/9")
