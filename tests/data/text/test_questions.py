from tinymm.data.text.ngrams import NGrams
from tinymm.data.text.questions import question_terms


def test_a_question_is_known_by_its_opening_and_its_shape():
    terms = question_terms("What city is NATO in ?")
    assert {"1:what", "2:city", "4:nato", "1:what:city", "3:is:nato", "what~nato", "what_is", "<start>_city"} <= set(
        terms
    )
    assert {"<start> what", "city x", "what city x XX x", "x ?"} <= set(terms)
    assert "5:in" not in terms and "nato in" not in terms


def test_names_alike_in_shape_share_their_terms():
    one, other = (set(question_terms(f"Who was {name} in 1{year} ?")) for name, year in (("Galileo", 9), ("Emma", 845)))
    assert "who was X x 9" in one & other


def test_short_questions_have_terms_too():
    assert question_terms("") == []
    assert question_terms("Why") == ["1:why", "<start> why"]


def test_ngrams_take_them_in_with_the_capitals_of_the_text():
    alone = NGrams(words=None, question=True)
    assert alone("Who  wrote Emma?") == ["?" + term for term in question_terms("Who wrote Emma?")]
    assert NGrams(question=True)("Who?") == ["who", *alone("Who?")]
    assert alone("") == []
